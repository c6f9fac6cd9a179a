/* Spans of OpenTelemetry's conventions for generative AI, or of OpenInference's: OTLP as JSON, whose attributes are
 * lists, or inference-perf's files, where they are objects; or as
 * Tempo, Jaeger and consoles write them. A span is a request if its operation or kind says so, or if
 * it counts tokens. Cached and reasoning tokens are parts of input and output. */
#include "platforms/input/fault.h"
#include "workloads/formats/instant.h"
#include "workloads/input/json_parse.h"

/* An attribute of a span; NULL: it has none. Exporters write whole numbers as texts or numbers. */
static const tw_json *attribute(const tw_json *span, const char *name)
{
  const tw_json *attributes = tw_trace_json_find(span, "attributes|tags");
  if (attributes == NULL || attributes->kind != TW_JSON_ARRAY)
    return tw_json_get(attributes, name);
  for (const tw_json *a = attributes->first; a != NULL; a = a->next)
    if (g_strcmp0(tw_json_text(a, "key"), name) == 0) {
      const tw_json *value = tw_json_get(a, "value");
      return value != NULL && value->kind == TW_JSON_OBJECT ? value->first : value;
    }
  return NULL;
}

static const char *attribute_text(const tw_json *span, const char *name)
{
  const tw_json *value = attribute(span, name);
  return value != NULL ? value->text : NULL;
}

static const char *either_text(const tw_json *span, const char *name, const char *other)
{
  const char *text = attribute_text(span, name);
  return text != NULL ? text : attribute_text(span, other);
}

/* The model that a span names, by the conventions, OpenInference or Langfuse. */
static const char *model(const tw_json *span)
{
  const char *text = either_text(span, "gen_ai.request.model", "llm.model_name");
  return text != NULL ? text : attribute_text(span, "langfuse.observation.model.name");
}

/* Counts of tokens, and the names that they have: those of the conventions, of earlier ones, and of OpenInference. */
enum { PROMPT, OUTPUT, REASONING, CACHE_READ, CACHE_WRITE, TOTAL, N_COUNTS };
static const char *const counts[N_COUNTS][5] = {
    [PROMPT] = {"gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt"},
    [OUTPUT] = {"gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion"},
    [REASONING] = {"gen_ai.usage.reasoning.output_tokens", "llm.token_count.completion_details.reasoning",
                   "gen_ai.usage.reasoning_tokens", "ai.usage.reasoningTokens"},
    [CACHE_READ] = {"gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
                    "llm.token_count.prompt_details.cache_read", "ai.usage.cachedInputTokens"},
    [CACHE_WRITE] = {"gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_creation_input_tokens",
                     "llm.token_count.prompt_details.cache_write"},
    [TOTAL] = {"gen_ai.usage.total_tokens", "llm.token_count.total"}};

/* A count and its name in this span; NULL: it has none. */
static const tw_json *count_of(const tw_json *span, int which, const char **name)
{
  const tw_json *value = NULL;
  for (int i = 0; value == NULL && counts[which][i] != NULL; i++)
    value = attribute(span, *name = counts[which][i]);
  return value;
}

/* Reads a count of tokens; -1: there is none. FALSE with `error` where it is no count. */
static gboolean read_count(tw_trace_source *source, const tw_json *span, int which, gint32 *tokens,
                           GError **error)
{
  const char *name;
  const tw_json *value = count_of(span, which, &name);
  *tokens = -1;
  if (value == NULL)
    return TRUE;
  tw_json part = *value, object = {.kind = TW_JSON_OBJECT, .count = 1, .first = &part};
  part.key = "tokens";
  part.next = NULL;
  if (tw_trace_json_tokens(source, &object, "tokens", 0, -1, tokens, NULL))
    return TRUE;
  return tw_json_fault(source->json, value, error, "\"%s\" is no whole number of tokens", name);
}

/* The counts of a member of Langfuse's usage: its names part the tokens, so that what has "input" in its name belongs to the
 * prompt, and likewise the output; some programs hand on names of OpenAI's. */
static void add_usage(const tw_json *member, gint32 *tokens)
{
  static const char *const words[N_COUNTS][2] = {[PROMPT] = {"input", "prompt_tokens"},
                                                 [OUTPUT] = {"output", "completion_tokens"},
                                                 [REASONING] = {"reasoning", "reasoning"},
                                                 [CACHE_READ] = {"cached", "cache_read"},
                                                 [CACHE_WRITE] = {"cache_creation", "cache_write"},
                                                 [TOTAL] = {"total", "total"}};
  if (member->kind != TW_JSON_NUMBER || !member->whole || member->number < 0)
    return;
  for (int which = 0; which < N_COUNTS; which++)
    if (strstr(member->key, words[which][0]) != NULL || strstr(member->key, words[which][1]) != NULL)
      tokens[which] = (gint32)MIN(MAX(tokens[which], 0) + member->number, TW_REQUEST_MAX_TOKENS + 1);
}

static const char usage_details[] = "langfuse.observation.usage_details";

/* Reads Langfuse's own attribute, a JSON object in a text, where a span has no counts. */
static void read_usage(const tw_json *span, gint32 *tokens)
{
  const char *text = attribute_text(span, usage_details);
  if (text == NULL || tokens[PROMPT] >= 0 || tokens[OUTPUT] >= 0)
    return;
  tw_json_parser parser;
  tw_json_parser_init(&parser);
  const tw_json *usage = tw_json_parse(&parser, text);
  for (const tw_json *member = usage != NULL && usage->kind == TW_JSON_OBJECT ? usage->first : NULL;
       member != NULL; member = member->next)
    add_usage(member, tokens);
  tw_json_parser_clear(&parser);
}

/* Version 5 of Vercel's AI SDK (`ai`) hands on counts of providers that leave a part out, and tells the part in a text alone.
 */
static const struct hidden {
  const char *counted;         /* the count as its provider told it */
  const char *parts[N_COUNTS]; /* what it leaves out */
} hidden[] = {[PROMPT] = {"anthropic.usage.input_tokens",
                          {[CACHE_READ] = "anthropic.usage.cache_read_input_tokens",
                           [CACHE_WRITE] = "anthropic.usage.cache_creation_input_tokens"}},
              [OUTPUT] = {"google.usageMetadata.candidatesTokenCount",
                          {[REASONING] = "google.usageMetadata.thoughtsTokenCount"}}};

/* Reads the parts that a count leaves out where they are hidden; returns whether it is so. */
static gboolean read_hidden(const tw_json *span, int which, gint32 *tokens)
{
  const char *text = attribute_text(span, "ai.response.providerMetadata");
  if (text == NULL)
    return FALSE;
  tw_json_parser parser;
  tw_json_parser_init(&parser);
  const tw_json *metadata = tw_json_parse(&parser, text);
  double counted;
  gboolean beside = tw_json_number(metadata, hidden[which].counted, &counted) && counted == tokens[which];
  for (int part = 0; beside && part < N_COUNTS; part++)
    if (hidden[which].parts[part] != NULL && tw_json_number(metadata, hidden[which].parts[part], &counted) &&
        counted >= 0 && counted <= TW_REQUEST_MAX_TOKENS)
      tokens[part] = (gint32)counted;
  tw_json_parser_clear(&parser);
  return beside;
}

/* The prompt as it was sent, which the conventions want. Anthropic's input leaves out what its cache read and wrote, and
 * @traceloop/instrumentation-anthropic 0.27.0 hands it on; so does who tells more cached tokens than tokens. */
static gint64 whole_prompt(const tw_json *span, const char *scope, gint32 *tokens)
{
  gboolean beside =
      read_hidden(span, PROMPT, tokens) || g_strcmp0(scope, "@traceloop/instrumentation-anthropic") == 0;
  gint64 cached = (gint64)MAX(tokens[CACHE_READ], 0) + MAX(tokens[CACHE_WRITE], 0);
  return tokens[PROMPT] + (beside || cached > tokens[PROMPT] ? cached : 0);
}

/* All that was generated. Google's candidates leave out its thoughts, and @traceloop/instrumentation-google-generativeai
 * 0.27.0 hands them on; the total tells. */
static gint64 whole_output(const tw_json *span, gint32 *tokens)
{
  gboolean beside = read_hidden(span, OUTPUT, tokens);
  gint64 reasoning = MAX(tokens[REASONING], 0), sum = (gint64)tokens[PROMPT] + tokens[OUTPUT] + reasoning;
  return tokens[OUTPUT] + (beside || reasoning > tokens[OUTPUT] || sum == tokens[TOTAL] ? reasoning : 0);
}

static gboolean is_request(const tw_json *span)
{
  static const char *const requests[] = {"chat", "text_completion", "generate_content", NULL};
  const char *operation = attribute_text(span, "gen_ai.operation.name"), *name;
  if (operation != NULL)
    return g_strv_contains(requests, operation);
  const char *kind = attribute_text(span, "openinference.span.kind");
  if (kind != NULL)
    return g_str_equal(kind, "LLM");
  return count_of(span, PROMPT, &name) != NULL || attribute(span, usage_details) != NULL ||
         g_strcmp0(tw_json_text(span, "name"), "llm_request") == 0;
}

static gboolean has_failed(const tw_json *span)
{
  const tw_json *code = tw_trace_json_find(span, "status.code|status.status_code"),
                *error = attribute(span, "error");
  if (code == NULL)
    code = attribute(span, "otel.status_code");
  return attribute(span, "error.type") != NULL ||
         g_strcmp0(attribute_text(span, "langfuse.observation.level"), "ERROR") == 0 ||
         (error != NULL && error->number != 0) ||
         (code != NULL &&
          (code->number == 2 || (code->kind == TW_JSON_STRING && strstr(code->text, "ERROR") != NULL)));
}

/* When a span began, and how long it took in seconds, NAN: it does not say. Jaeger counts both in microseconds. */
static gboolean read_times(tw_trace_source *source, const tw_json *span, tw_instant *start, double *took_s,
                           GError **error)
{
  static const char starts[] = "start_time|startTimeUnixNano|start_time_unix_nano",
                    ends[] = "end_time|endTimeUnixNano|end_time_unix_nano";
  tw_instant end;
  *took_s = NAN;
  if (tw_trace_json_find(span, starts) == NULL && tw_json_has(span, "startTime"))
    return tw_trace_json_instant(source, span, "startTime", 1000000, start, error) &&
           tw_trace_json_seconds(source, span, "duration", 1e-6, NAN, took_s, error);
  if (!tw_trace_json_instant(source, span, starts, 1000000000, start, error))
    return FALSE;
  if (tw_trace_json_find(span, ends) == NULL)
    return TRUE;
  if (!tw_trace_json_instant(source, span, ends, 1000000000, &end, error))
    return FALSE;
  *took_s = fmax(tw_instant_between(*start, end), 0);
  return TRUE;
}

static gboolean add_span(tw_trace_source *source, const tw_json *span, const char *scope, GError **error)
{
  if (!is_request(span))
    return TRUE;
  tw_trace_row *row = tw_trace_source_add(source);
  tw_request *request = &row->request;
  gint32 tokens[N_COUNTS];
  tw_instant start;
  for (int which = 0; which < N_COUNTS; which++)
    if (!read_count(source, span, which, &tokens[which], error))
      return FALSE;
  read_usage(span, tokens);
  gint64 output = whole_output(span, tokens), prompt = whole_prompt(span, scope, tokens);
  request->prompt_tokens = (gint32)MIN(prompt, TW_REQUEST_MAX_TOKENS);
  if (has_failed(span))
    row->failure = "failed";
  else if (tokens[PROMPT] < 0 || tokens[OUTPUT] < 0)
    row->failure = "no counts of tokens";
  else if (prompt == 0)
    row->failure = "a prompt of 0 tokens";
  else if (MAX(prompt, output) > TW_REQUEST_MAX_TOKENS)
    row->failure = "too many tokens";
  if (row->failure != NULL)
    return TRUE;
  if (!read_times(source, span, &start, &row->service_s, error) ||
      !tw_trace_since_first(source, start, "start", "of this span", &request->arrival_s, error) ||
      !tw_trace_class(source, model(span), &request->class, error))
    return FALSE;
  request->reasoning_tokens = MAX(tokens[REASONING], 0);
  request->answer_tokens = (gint32)output - request->reasoning_tokens;
  if (prompt > tokens[PROMPT] || output > tokens[OUTPUT])
    tw_trace_note(source, "spans leave out what a cache held or what was thought: these tokens are added to "
                          "prompts and outputs");
  row->cached_tokens = tokens[CACHE_READ];
  request->session = g_strdup(either_text(span, "gen_ai.conversation.id", "session.id"));
  return TRUE;
}

/* The spans of a part, whose scope names the library that wrote them. */
static gboolean add_spans(tw_trace_source *source, const tw_json *part, const tw_json *spans, GError **error)
{
  const char *scope = tw_json_text(part, "scope.name");
  gboolean good = TRUE;
  for (const tw_json *span = spans != NULL && spans->kind == TW_JSON_ARRAY ? spans->first : NULL;
       good && span != NULL; span = span->next)
    good = add_span(source, span, scope, error);
  return good;
}

/* The parts of a list under a key, one of them named `below` after another. */
static gboolean walk(tw_trace_source *source, const tw_json *object, const char *const *keys, GError **error)
{
  const tw_json *list = tw_trace_json_find(object, keys[0]);
  if (keys[1] == NULL)
    return add_spans(source, object, list, error);
  gboolean good = TRUE;
  for (const tw_json *part = list != NULL && list->kind == TW_JSON_ARRAY ? list->first : NULL;
       good && part != NULL; part = part->next)
    good = walk(source, part, keys + 1, error);
  return good;
}

static gboolean expand_otel(tw_trace_source *source, const tw_json *document, GError **error)
{
  /* Protocol buffers are written with either kind of names. */
  static const char *const otlp[] = {"resourceSpans|resource_spans|batches|trace.resourceSpans",
                                     "scopeSpans|scope_spans|instrumentationLibrarySpans", "spans", NULL},
                           *const plain[] = {"spans", NULL};
  if (tw_trace_json_find(document, otlp[0]) != NULL)
    return walk(source, document, otlp, error);
  if (tw_json_get(document, "spans") != NULL)
    return walk(source, document, plain, error);
  return add_span(source, document, NULL, error);
}

/* "batches" and "trace" are how Grafana Tempo hands spans out, "context" is how the console exporter of Python does. */
static const char *const fields[] = {
    "resourceSpans|resource_spans|batches|trace.resourceSpans|spans|spanId|span_id|startTimeUnixNano|context."
    "span_id",
    "resourceSpans|resource_spans|batches|trace.resourceSpans|spans|attributes|startTimeUnixNano",
    "!usage|prompt_tokens|completion_tokens|input_tokens|output_tokens", NULL};

const tw_trace_format tw_trace_otel = {
    .name = "otel",
    .help = "OpenTelemetry spans with gen_ai attributes: OTLP as JSON, or inference-perf's files of spans",
    .fields = fields,
    .sorts = TRUE,
    .skips = TRUE,
    .clock = TRUE,
    .links = TRUE,
    .expand = expand_otel,
};
