/* Spans of OpenTelemetry's conventions for generative AI: OTLP as JSON, whose attributes are lists, or
 * inference-perf's files, where they are objects. A span is a request if its operation says so, or if it
 * counts tokens. Cached and reasoning tokens are parts of input and output. */
#include "platforms/input/fault.h"
#include "workloads/formats/instant.h"

/* An attribute of a span; NULL: it has none. Exporters write whole numbers as texts or numbers. */
static const tw_json *attribute(const tw_json *span, const char *name)
{
  const tw_json *attributes = tw_json_get(span, "attributes");
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
  return value != NULL && value->kind == TW_JSON_STRING ? value->text : NULL;
}

/* A count of tokens under the first of two names; -1: there is none. FALSE with `error` where it is no count.
 */
static gboolean attribute_tokens(tw_trace_source *source, const tw_json *span, const char *name,
                                 const char *old, gint32 *tokens, GError **error)
{
  const tw_json *value = attribute(span, name);
  if (value == NULL && old != NULL)
    value = attribute(span, old);
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

static gboolean is_request(const tw_json *span)
{
  static const char *const requests[] = {"chat", "text_completion", "generate_content", NULL};
  const char *operation = attribute_text(span, "gen_ai.operation.name");
  if (operation != NULL)
    return g_strv_contains(requests, operation);
  return attribute(span, "gen_ai.usage.input_tokens") != NULL ||
         attribute(span, "gen_ai.usage.prompt_tokens") != NULL ||
         g_strcmp0(tw_json_text(span, "name"), "llm_request") == 0;
}

static gboolean has_failed(const tw_json *span)
{
  const tw_json *code = tw_json_get(span, "status.code");
  return attribute(span, "error.type") != NULL ||
         (code != NULL &&
          (code->number == 2 || (code->kind == TW_JSON_STRING && strstr(code->text, "ERROR") != NULL)));
}

static gboolean add_span(tw_trace_source *source, const tw_json *span, GError **error)
{
  if (!is_request(span))
    return TRUE;
  tw_trace_row *row = tw_trace_source_add(source);
  tw_request *request = &row->request;
  gint32 output, reasoning, cached;
  tw_instant start, end;
  if (!attribute_tokens(source, span, "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens",
                        &request->prompt_tokens, error) ||
      !attribute_tokens(source, span, "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", &output,
                        error) ||
      !attribute_tokens(source, span, "gen_ai.usage.reasoning.output_tokens", NULL, &reasoning, error) ||
      !attribute_tokens(source, span, "gen_ai.usage.cache_read.input_tokens", NULL, &cached, error))
    return FALSE;
  if (has_failed(span))
    row->failure = "failed";
  else if (request->prompt_tokens < 0 || output < 0)
    row->failure = "no counts of tokens";
  else if (request->prompt_tokens == 0)
    row->failure = "a prompt of 0 tokens";
  if (row->failure != NULL)
    return TRUE;
  if (!tw_trace_json_instant(source, span, "start_time|startTimeUnixNano", 1000000000, &start, error) ||
      !tw_trace_since_first(source, start, "start", "of this span", &request->arrival_s, error) ||
      !tw_trace_class(source, attribute_text(span, "gen_ai.request.model"), &request->class, error))
    return FALSE;
  if (tw_trace_json_find(span, "end_time|endTimeUnixNano") != NULL) {
    if (!tw_trace_json_instant(source, span, "end_time|endTimeUnixNano", 1000000000, &end, error))
      return FALSE;
    row->service_s = fmax(tw_instant_between(start, end), 0);
  }
  request->reasoning_tokens = CLAMP(reasoning, 0, output);
  request->answer_tokens = output - request->reasoning_tokens;
  row->cached_tokens = cached;
  request->session = g_strdup(attribute_text(span, "gen_ai.conversation.id"));
  return TRUE;
}

static gboolean add_spans(tw_trace_source *source, const tw_json *spans, GError **error)
{
  gboolean good = TRUE;
  for (const tw_json *span = spans != NULL && spans->kind == TW_JSON_ARRAY ? spans->first : NULL;
       good && span != NULL; span = span->next)
    good = add_span(source, span, error);
  return good;
}

/* The parts of a list under a key, one of them named `below` after another. */
static gboolean walk(tw_trace_source *source, const tw_json *object, const char *const *keys, GError **error)
{
  const tw_json *list = tw_json_get(object, keys[0]);
  if (keys[1] == NULL)
    return add_spans(source, list, error);
  gboolean good = TRUE;
  for (const tw_json *part = list != NULL && list->kind == TW_JSON_ARRAY ? list->first : NULL;
       good && part != NULL; part = part->next)
    good = walk(source, part, keys + 1, error);
  return good;
}

static gboolean expand_otel(tw_trace_source *source, const tw_json *document, GError **error)
{
  static const char *const otlp[] = {"resourceSpans", "scopeSpans", "spans", NULL}, *const plain[] = {"spans",
                                                                                                      NULL};
  if (tw_json_get(document, "resourceSpans") != NULL)
    return walk(source, document, otlp, error);
  if (tw_json_get(document, "spans") != NULL)
    return walk(source, document, plain, error);
  return add_span(source, document, error);
}

static const char *const fields[] = {"resourceSpans|spans|spanId|span_id|startTimeUnixNano", NULL};

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
