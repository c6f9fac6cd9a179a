/* `tokenworks workload generate`: traces drawn from a generator file, a preset, or rate and lengths. */
#include "platforms/input/fault.h"
#include "sim/commands/workload.h"
#include "workloads/stream/class.h"

enum { DEFAULT_SIGMA = 1 };

/* How long requests take where there is no factory: for clients that wait, whose answers are assumed. */
typedef struct {
  double ttft_s, tpot_s;
} assumed;

/* A request that is being answered. */
typedef struct {
  double end_s;
  tw_request request;
} pending;

static void free_pending(gpointer p)
{
  tw_request_clear(&((pending *)p)->request);
  g_free(p);
}

static int by_end(gconstpointer a, gconstpointer b, gpointer unused)
{
  const pending *x = a, *y = b;
  (void)unused;
  if (x->end_s != y->end_s)
    return x->end_s < y->end_s ? -1 : 1;
  return (x->request.id > y->request.id) - (x->request.id < y->request.id);
}

/* Tells of all requests that end before the next one arrives. */
static gboolean answer(tw_stream *stream, GSequence *under_way, GError **error)
{
  for (double due_s;;) {
    GSequenceIter *first = g_sequence_get_begin_iter(under_way);
    if (!tw_stream_due(stream, &due_s, error))
      return FALSE;
    if (g_sequence_iter_is_end(first) || ((pending *)g_sequence_get(first))->end_s > due_s)
      return TRUE;
    const pending *p = g_sequence_get(first);
    tw_stream_told(stream, &p->request, TRUE, p->end_s);
    g_sequence_remove(first);
  }
}

static gboolean copy_requests(tw_stream *stream, const assumed *service, const char *output,
                              const tw_trace_format *format, guint64 *n, GError **error)
{
  tw_trace_writer *writer = tw_trace_writer_open(output, format, error);
  if (writer == NULL)
    return FALSE;
  GError *problem = NULL;
  GSequence *under_way = g_sequence_new(free_pending);
  gboolean good = TRUE, waits = tw_stream_waits(stream);
  tw_request request;
  for (*n = 0;
       good && (!waits || answer(stream, under_way, &problem)) && tw_stream_next(stream, &request, &problem);
       (*n)++) {
    good = tw_trace_writer_add(writer, &request, &problem);
    if (!waits) {
      tw_request_clear(&request);
      continue;
    }
    g_assert(service != NULL); /* a client that waits is answered */
    pending *p = g_new(pending, 1);
    double gaps = tw_request_output_tokens(&request) - 1;
    *p = (pending){request.arrival_s + service->ttft_s + service->tpot_s * gaps, request};
    g_sequence_insert_sorted(under_way, p, by_end, NULL);
  }
  g_sequence_free(under_way);
  g_autofree char *lost = tw_trace_writer_lost(writer);
  if (lost != NULL)
    fprintf(stderr, "note: %s\n", lost);
  if (problem == NULL)
    return tw_trace_writer_close(writer, error);
  tw_trace_writer_discard(writer);
  g_propagate_error(error, problem);
  return FALSE;
}

static int write_trace(tw_stream *stream, const assumed *service, const tw_target_words *target,
                       GError **error)
{
  guint64 n;
  const tw_trace_format *format;
  if (!tw_workload_format("to", target->to, &format, error))
    return TW_EXIT_USAGE;
  if (!copy_requests(stream, service, target->output, format, &n, error))
    return TW_EXIT_FAILED;
  if (!g_str_equal(target->output, "-"))
    printf("%s: %" G_GUINT64_FORMAT " requests\n", target->output, n);
  return TW_EXIT_OK;
}

/* "lognormal:1000,sigma=0.8,max=32768" */
static gboolean read_length(const char *option, const char *text, tw_length *length, GError **error)
{
  if (text == NULL)
    return TRUE;
  g_auto(GStrv) parts = g_strsplit(text, ",", -1);
  char *mean = parts[0] != NULL ? strchr(parts[0], ':') : NULL;
  if (mean == NULL)
    return tw_workload_refuse(error, option, "write KIND:MEAN, such as exponential:1000");
  *mean++ = '\0';
  int kind = 0;
  while (kind <= TW_LENGTH_LOGNORMAL && !g_str_equal(tw_length_kind_names[kind], parts[0]))
    kind++;
  if (kind > TW_LENGTH_LOGNORMAL)
    return tw_workload_refuse(error, option,
                              "the kind is fixed, exponential or lognormal (others, in generator files)");
  length->kind = (tw_length_kind)kind;
  if (!tw_number_parse(mean, &length->mean))
    return tw_workload_refuse(error, option, "the mean is no number");
  double min = length->min, max = length->max;
  const struct {
    const char *name;
    double *value;
  } settings[] = {{"sigma=", &length->sigma}, {"min=", &min}, {"max=", &max}};
  for (char **part = parts + 1; *part != NULL; part++) {
    guint i = 0;
    while (i < G_N_ELEMENTS(settings) && !g_str_has_prefix(*part, settings[i].name))
      i++;
    if (i == G_N_ELEMENTS(settings) || !tw_number_parse(*part + strlen(settings[i].name), settings[i].value))
      return tw_workload_refuse(error, option, "behind the mean, write sigma=S, min=N or max=N");
  }
  if (min != (gint32)CLAMP(min, 0, TW_REQUEST_MAX_TOKENS) ||
      max != (gint32)CLAMP(max, 0, TW_REQUEST_MAX_TOKENS))
    return tw_workload_refuse(error, option, "min and max are whole numbers of tokens, at most 16777216");
  length->min = (gint32)min;
  length->max = (gint32)max;
  return TRUE;
}

/* The options of `generate`, as they were written. */
typedef struct {
  tw_target_words target;
  char *rate, *duration, *prompt, *reasoning, *answer;
  char *preset, *rate_scale, *ttft, *tpot; /* only generator files have these */
  gint64 limit, seed;
} generate_words;

static void clear_generate_words(generate_words *words)
{
  char *texts[] = {words->rate,   words->duration,      words->prompt,     words->reasoning,
                   words->answer, words->preset,        words->rate_scale, words->ttft,
                   words->tpot,   words->target.output, words->target.to};
  for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
    g_free(texts[i]);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(generate_words, clear_generate_words)

#define WORD(member) TW_OPTION(generate_words, member)
const GOptionEntry tw_workload_generate_options[] = {
    {"rate", 'r', 0, G_OPTION_ARG_STRING, WORD(rate), "arrivals, on average (needed)", "5.5/s"},
    {"requests", 'n', 0, G_OPTION_ARG_INT64, WORD(limit), "how many", "N"},
    {"duration", 'd', 0, G_OPTION_ARG_STRING, WORD(duration), "arrivals before this time", "1h"},
    {"prompt", 0, 0, G_OPTION_ARG_STRING, WORD(prompt), "prompt tokens; default exponential:1000", "LENGTH"},
    {"reasoning", 0, 0, G_OPTION_ARG_STRING, WORD(reasoning), "reasoning tokens; default none", "LENGTH"},
    {"answer", 0, 0, G_OPTION_ARG_STRING, WORD(answer), "answer tokens; default exponential:200", "LENGTH"},
    {"seed", 0, 0, G_OPTION_ARG_INT64, WORD(seed), "of all draws; default 1", "N"},
    {"preset", 'p', 0, G_OPTION_ARG_STRING, WORD(preset), "a generator that ships: chat, reasoning-r1, ...",
     "NAME"},
    {"rate-scale", 0, 0, G_OPTION_ARG_STRING, WORD(rate_scale), "generator: 2 lets twice as many arrive",
     "X"},
    {"ttft", 0, 0, G_OPTION_ARG_STRING, WORD(ttft),
     "generator: time to first token that clients who wait are assumed to see; default 0.5s", "TIME"},
    {"tpot", 0, 0, G_OPTION_ARG_STRING, WORD(tpot), "generator: likewise per output token; default 20ms",
     "TIME"},
    TW_TARGET_OPTIONS(generate_words),
    G_OPTION_ENTRY_NULL};
#undef WORD

/* A law of lengths as --prompt and the like leave it where they are not given. */
static tw_length length_of(tw_length_kind kind, double mean, gint32 min)
{
  return (tw_length){
      .kind = kind, .mean = mean, .sigma = DEFAULT_SIGMA, .min = min, .max = TW_REQUEST_MAX_TOKENS};
}

static int draw_poisson(const generate_words *words, GError **error)
{
  tw_class class = TW_CLASS_NONE;
  tw_generator_use use = {1, NAN, G_MININT64, (guint64)words->seed};
  class.kind = TW_CLASS_OPEN;
  class.limit = words->limit;
  class.lengths[0] = length_of(TW_LENGTH_EXPONENTIAL, 1000, 1);
  class.lengths[1] = length_of(TW_LENGTH_FIXED, 0, 0);
  class.lengths[2] = length_of(TW_LENGTH_EXPONENTIAL, 200, 1);
  const char *of_generators[] = {words->rate_scale, words->ttft, words->tpot};
  for (guint i = 0; i < G_N_ELEMENTS(of_generators); i++)
    if (of_generators[i] != NULL)
      return tw_workload_usage(error,
                               "--rate-scale, --ttft and --tpot belong to a generator file or --preset");
  if (!tw_workload_quantity("rate", words->rate, TW_RATE, &class.rate_per_s, error) ||
      !tw_workload_quantity("duration", words->duration, TW_TIME, &class.duration_s, error) ||
      !read_length("prompt", words->prompt, &class.lengths[0], error) ||
      !read_length("reasoning", words->reasoning, &class.lengths[1], error) ||
      !read_length("answer", words->answer, &class.lengths[2], error) || !tw_class_check(&class, error))
    return TW_EXIT_USAGE;
  if (!tw_class_ends(&class))
    return tw_workload_usage(error, "neither a limit nor a duration; one of them is needed");
  g_autoptr(tw_stream) stream = tw_class_stream(&class, &use, INFINITY);
  return write_trace(stream, NULL, &words->target, error);
}

/* The faults of a file as one error, a line each. */
static void tell_faults(const tw_faults *faults, GError **error)
{
  g_autoptr(GString) text = g_string_new(NULL);
  for (guint i = 0; i < tw_faults_count(faults); i++)
    g_string_append_printf(text, "%s%s", i > 0 ? "\n" : "", tw_faults_get(faults, i));
  tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0, "%s", text->str);
}

static int draw_generator(const generate_words *words, const char *file, GError **error)
{
  tw_generator_use use = {1, NAN, words->limit, (guint64)words->seed};
  assumed service = {0.5, 0.02};
  const char *of_poisson[] = {words->rate, words->prompt, words->reasoning, words->answer};
  for (guint i = 0; i < G_N_ELEMENTS(of_poisson); i++)
    if (of_poisson[i] != NULL)
      return tw_workload_usage(error,
                               "a generator has rates and lengths of its own; leave out --rate, --prompt, "
                               "--reasoning and --answer, or use --rate-scale");
  if (words->rate_scale != NULL && !tw_number_parse(words->rate_scale, &use.rate_scale))
    return tw_workload_refuse(error, "rate-scale", "write a number, such as 2") ? TW_EXIT_OK : TW_EXIT_USAGE;
  if (!tw_workload_quantity("duration", words->duration, TW_TIME, &use.duration_s, error) ||
      !tw_workload_quantity("ttft", words->ttft, TW_TIME, &service.ttft_s, error) ||
      !tw_workload_quantity("tpot", words->tpot, TW_TIME, &service.tpot_s, error))
    return TW_EXIT_USAGE;
  if (!(service.ttft_s >= 0 && service.tpot_s >= 0))
    return tw_workload_usage(error, "--ttft and --tpot must not be negative");
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autofree char *here = file != NULL && strchr(file, '/') == NULL ? g_strdup_printf("./%s", file) : NULL;
  g_autoptr(tw_generator) generator = tw_generator_load(file == NULL   ? words->preset
                                                        : here != NULL ? here
                                                                       : file,
                                                        NULL, faults);
  if (generator == NULL) {
    tell_faults(faults, error);
    return TW_EXIT_USAGE;
  }
  if (!tw_generator_check_use(generator, &use, error))
    return TW_EXIT_USAGE;
  g_autoptr(tw_stream) stream = tw_generator_stream(generator, &use);
  return write_trace(stream, &service, &words->target, error);
}

int tw_workload_generate(const tw_command *command, int argc, char **argv, GError **error)
{
  g_auto(generate_words) words = {.limit = G_MININT64, .seed = 1};
  if (!tw_command_read(command, &words, &argc, &argv, error))
    return TW_EXIT_USAGE;
  if (argc > 2 || (argc == 2) + (words.preset != NULL) + (words.rate != NULL) != 1 ||
      words.target.output == NULL)
    return tw_workload_usage(
        error, "--output and one of a generator file, --preset and --rate are needed (see --help)");
  return words.rate != NULL ? draw_poisson(&words, error)
                            : draw_generator(&words, argc == 2 ? argv[1] : NULL, error);
}
