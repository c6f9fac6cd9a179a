/* `tokenworks workload`: traces drawn, converted and described. */
#include "platforms/fault.h"
#include "platforms/units.h"
#include "sim/command.h"
#include "workloads/profile.h"
#include "workloads/stream.h"

#include <sys/stat.h>

enum { DEFAULT_SIGMA = 1 };

static gboolean refuse_option(GError **error, const char *option, const char *why)
{
  return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "--%s: %s", option, why);
}

/* An option that was not given (NULL) leaves `value` as it is. */
static gboolean read_quantity(const char *option, const char *text, tw_dimension dimension, double *value,
                              GError **error)
{
  g_autofree char *why = NULL;
  return text == NULL || tw_quantity_parse(text, dimension, value, &why) || refuse_option(error, option, why);
}

static gboolean copy_requests(tw_stream *stream, const char *output, guint64 *n, GError **error)
{
  tw_trace_writer *writer = tw_trace_writer_open(output, error);
  if (writer == NULL)
    return FALSE;
  GError *problem = NULL;
  tw_request request;
  gboolean good = TRUE;
  for (*n = 0; good && tw_stream_next(stream, &request, &problem); (*n)++) {
    good = tw_trace_writer_add(writer, &request, &problem);
    tw_request_clear(&request);
  }
  if (!tw_trace_writer_close(writer, problem == NULL ? &problem : NULL) || problem != NULL) {
    g_propagate_error(error, problem);
    return FALSE;
  }
  return TRUE;
}

static int write_trace(tw_stream *stream, const char *output, GError **error)
{
  guint64 n;
  if (!copy_requests(stream, output, &n, error))
    return TW_EXIT_FAILED;
  if (!g_str_equal(output, "-"))
    printf("%s: %" G_GUINT64_FORMAT " requests\n", output, n);
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
    return refuse_option(error, option, "write KIND:MEAN, such as exponential:1000");
  *mean++ = '\0';
  int kind = 0;
  while (tw_length_kind_names[kind] != NULL && !g_str_equal(tw_length_kind_names[kind], parts[0]))
    kind++;
  if (tw_length_kind_names[kind] == NULL)
    return refuse_option(error, option, "the kind is fixed, exponential or lognormal");
  length->kind = (tw_length_kind)kind;
  if (!tw_number_parse(mean, &length->mean))
    return refuse_option(error, option, "the mean is no number");
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
      return refuse_option(error, option, "behind the mean, write sigma=S, min=N or max=N");
  }
  if (min != (gint32)CLAMP(min, 0, TW_REQUEST_MAX_TOKENS) ||
      max != (gint32)CLAMP(max, 0, TW_REQUEST_MAX_TOKENS))
    return refuse_option(error, option, "min and max are whole numbers of tokens, at most 16777216");
  length->min = (gint32)min;
  length->max = (gint32)max;
  return TRUE;
}

/* The options of `generate`, as they were written. */
typedef struct {
  char *rate, *duration, *prompt, *reasoning, *answer, *output;
  gint64 limit, seed;
} generate_words;

static void clear_generate_words(generate_words *words)
{
  char *texts[] = {words->rate,      words->duration, words->prompt,
                   words->reasoning, words->answer,   words->output};
  for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
    g_free(texts[i]);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(generate_words, clear_generate_words)

#define WORD(member) TW_OPTION(generate_words, member)
static const GOptionEntry generate_options[] = {
    {"rate", 'r', 0, G_OPTION_ARG_STRING, WORD(rate), "arrivals, on average (needed)", "5.5/s"},
    {"requests", 'n', 0, G_OPTION_ARG_INT64, WORD(limit), "how many", "N"},
    {"duration", 'd', 0, G_OPTION_ARG_STRING, WORD(duration), "arrivals before this time", "1h"},
    {"prompt", 0, 0, G_OPTION_ARG_STRING, WORD(prompt), "prompt tokens; default exponential:1000", "LENGTH"},
    {"reasoning", 0, 0, G_OPTION_ARG_STRING, WORD(reasoning), "reasoning tokens; default none", "LENGTH"},
    {"answer", 0, 0, G_OPTION_ARG_STRING, WORD(answer), "answer tokens; default exponential:200", "LENGTH"},
    {"seed", 0, 0, G_OPTION_ARG_INT64, WORD(seed), "of all draws; default 1", "N"},
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, WORD(output),
     "the trace; gzip if it ends in .gz; - is standard output", "FILE"},
    G_OPTION_ENTRY_NULL};
#undef WORD

static int generate(const tw_command *command, int argc, char **argv, GError **error)
{
  g_auto(generate_words) words = {.limit = G_MAXINT64, .seed = 1};
  if (!tw_command_read(command, &words, &argc, &argv, error))
    return TW_EXIT_USAGE;
  if (argc > 1 || words.rate == NULL || words.output == NULL) {
    tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                       argc > 1 ? "takes options alone (see --help)" : "--rate and --output are needed");
    return TW_EXIT_USAGE;
  }
  tw_poisson_options options = {
      .seed = (guint64)words.seed,
      .limit = words.limit,
      .duration_s = INFINITY,
      .prompt = {TW_LENGTH_EXPONENTIAL, 1000, DEFAULT_SIGMA, 1, TW_REQUEST_MAX_TOKENS},
      .reasoning = {TW_LENGTH_FIXED, 0, DEFAULT_SIGMA, 0, TW_REQUEST_MAX_TOKENS},
      .answer = {TW_LENGTH_EXPONENTIAL, 200, DEFAULT_SIGMA, 1, TW_REQUEST_MAX_TOKENS},
  };
  if (!read_quantity("rate", words.rate, TW_RATE, &options.rate_per_s, error) ||
      !read_quantity("duration", words.duration, TW_TIME, &options.duration_s, error) ||
      !read_length("prompt", words.prompt, &options.prompt, error) ||
      !read_length("reasoning", words.reasoning, &options.reasoning, error) ||
      !read_length("answer", words.answer, &options.answer, error) || !tw_poisson_check(&options, error))
    return TW_EXIT_USAGE;
  g_autoptr(tw_stream) stream = tw_stream_poisson(&options);
  return write_trace(stream, words.output, error);
}

/* The options of everything that reads a trace, as they were written. */
typedef struct {
  char *format, *rate_scale, *start, *duration;
  char *output; /* of `convert` alone */
  gint64 limit, repeat;
} trace_words;

static void clear_words(trace_words *words)
{
  g_free(words->format);
  g_free(words->rate_scale);
  g_free(words->start);
  g_free(words->duration);
  g_free(words->output);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(trace_words, clear_words)

#define WORD(member) TW_OPTION(trace_words, member)
static const GOptionEntry trace_options[] = {
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, WORD(output),
     "the trace; gzip if it ends in .gz; - is standard output", "FILE"},
    {"format", 'f', 0, G_OPTION_ARG_STRING, WORD(format), "of the trace; default: told by its first line",
     "FORMAT"},
    {"rate-scale", 0, 0, G_OPTION_ARG_STRING, WORD(rate_scale), "2 replays twice as fast", "X"},
    {"start", 0, 0, G_OPTION_ARG_STRING, WORD(start), "leave out what arrives before", "60s"},
    {"duration", 'd', 0, G_OPTION_ARG_STRING, WORD(duration), "of the trace, from the start on", "1h"},
    {"limit", 'n', 0, G_OPTION_ARG_INT64, WORD(limit), "at most so many requests", "N"},
    {"repeat", 0, 0, G_OPTION_ARG_INT64, WORD(repeat), "so many times, one after the other", "N"},
    G_OPTION_ENTRY_NULL};
#undef WORD

static tw_stream *open_trace(const char *path, const trace_words *words, GError **error)
{
  tw_trace_options options = {
      .limit = words->limit, .repeat = words->repeat, .rate_scale = 1, .duration_s = INFINITY};
  const tw_trace_format *format = NULL;
  if (words->format != NULL && (format = tw_trace_format_find(words->format)) == NULL) {
    const char *near = tw_nearest(words->format, tw_trace_format_names);
    g_autofree char *names = g_strjoinv(", ", (char **)tw_trace_format_names);
    g_autofree char *why =
        near != NULL ? g_strdup_printf("no format is called '%s'; did you mean '%s'?", words->format, near)
                     : g_strdup_printf("no format is called '%s'; there are %s", words->format, names);
    refuse_option(error, "format", why);
    return NULL;
  }
  if (words->rate_scale != NULL && !tw_number_parse(words->rate_scale, &options.rate_scale)) {
    refuse_option(error, "rate-scale", "write a number, such as 2");
    return NULL;
  }
  if (!read_quantity("start", words->start, TW_TIME, &options.start_s, error) ||
      !read_quantity("duration", words->duration, TW_TIME, &options.duration_s, error))
    return NULL;
  return tw_stream_open(path, format, &options, error);
}

static gboolean same_file(const char *a, const char *b)
{
  struct stat of_a, of_b;
  return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
         of_a.st_ino == of_b.st_ino;
}

static int convert(const tw_command *command, int argc, char **argv, GError **error)
{
  g_auto(trace_words) words = {.limit = G_MAXINT64, .repeat = 1};
  if (!tw_command_read(command, &words, &argc, &argv, error))
    return TW_EXIT_USAGE;
  if (argc != 2 || words.output == NULL) {
    tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                       "one trace and --output are needed (see --help)");
    return TW_EXIT_USAGE;
  }
  if (same_file(argv[1], words.output)) {
    tw_input_error_set(error, TW_INPUT_ERROR_USAGE, words.output, 0,
                       "would be written over; name another output");
    return TW_EXIT_USAGE;
  }
  g_autoptr(tw_stream) stream = open_trace(argv[1], &words, error);
  return stream != NULL ? write_trace(stream, words.output, error) : TW_EXIT_USAGE;
}

static void print_facts(const tw_profile_facts *facts)
{
  double span_s = facts->last_s - facts->first_s;
  printf("requests  %" G_GUINT64_FORMAT " in %.1f s\n", facts->requests, span_s);
  if (span_s > 0)
    printf("rate      %.4g/s; %" G_GUINT64_FORMAT " in the busiest minute, from %.0f s on\n"
           "gaps      coefficient of variation %.3g\n",
           facts->rate_per_s, facts->peak_requests, facts->peak_start_s, facts->gap_cv);
  if (facts->sessions > 0)
    printf("sessions  %" G_GUINT64_FORMAT "\n", facts->sessions);
  if (facts->hashed_requests > 0)
    printf("prefixes  shared with earlier requests by %.1f %% of requests and %.1f %% of prompt tokens\n",
           100 * (double)facts->sharing_requests / (double)facts->requests,
           100 * (double)facts->shared_prompt_tokens / (double)facts->tokens[TW_TOKENS_PROMPT].sum);
  printf("\n%-9s %10s %9s %9s %9s %9s %14s\n", "tokens", "mean", "p50", "p90", "p99", "max", "sum");
  for (int i = 0; i < TW_TOKENS_KINDS; i++) {
    const tw_tokens_facts *tokens = &facts->tokens[i];
    printf("%-9s %10.1f %9d %9d %9d %9d %14" G_GUINT64_FORMAT "\n", tw_tokens_names[i], tokens->mean,
           tokens->p50, tokens->p90, tokens->p99, tokens->max, tokens->sum);
  }
}

static int describe(const tw_command *command, int argc, char **argv, GError **error)
{
  g_auto(trace_words) words = {.limit = G_MAXINT64, .repeat = 1};
  if (!tw_command_read(command, &words, &argc, &argv, error))
    return TW_EXIT_USAGE;
  if (argc != 2) {
    tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "one trace is needed (see --help)");
    return TW_EXIT_USAGE;
  }
  g_autoptr(tw_stream) stream = open_trace(argv[1], &words, error);
  if (stream == NULL)
    return TW_EXIT_USAGE;
  g_autoptr(tw_profile) profile = tw_profile_new();
  g_autoptr(GError) problem = NULL;
  tw_request request;
  while (tw_stream_next(stream, &request, &problem)) {
    tw_profile_add(profile, &request);
    tw_request_clear(&request);
  }
  if (problem != NULL) {
    g_propagate_error(error, g_steal_pointer(&problem));
    return TW_EXIT_USAGE;
  }
  tw_profile_facts facts;
  tw_profile_read(profile, &facts);
  printf("trace     %s\nsha256    %s\n", argv[1], tw_stream_sha256(stream));
  print_facts(&facts);
  return TW_EXIT_OK;
}

static const tw_command actions[] = {
    {
        .name = "workload generate",
        .summary = "draw a trace: Poisson arrivals, independent lengths",
        .usage = "--rate RATE -o FILE",
        .description =
            "Draws Poisson arrivals with independent lengths and writes them in the native format. Every "
            "quantity\n"
            "draws from a stream of chance of its own: changing one leaves the others as they were.\n\n"
            "A LENGTH is KIND:MEAN with the kind fixed, exponential or lognormal, and, if wanted, the "
            "standard\n"
            "deviation of a lognormal's logarithm (default 1) and bounds: "
            "lognormal:1000,sigma=0.8,min=10,max=32768",
        .example =
            "tokenworks workload generate --rate 5/s --duration 1h --answer lognormal:300,sigma=0.7 -o "
            "poisson.csv.gz",
        .run = generate,
        .options = generate_options,
    },
    {
        .name = "workload convert",
        .summary = "write any trace, or a part of it, in the native format",
        .usage = "TRACE -o FILE",
        .description =
            "Reads a trace in the format tokenworks, azure, mooncake or servegen, plain or gzip, and "
            "writes it, or\na part of it, faster or repeated, in the native format.",
        .example = "tokenworks workload convert workloads/traces/azure-conv-2023.csv.gz --start 10min "
                   "--duration 5min -o part.csv",
        .run = convert,
        .options = trace_options,
    },
    {
        .name = "workload describe",
        .summary = "count a trace: rates, lengths, sessions, shared prefixes",
        .usage = "TRACE",
        .description =
            "Reads a whole trace, or the part that the options choose, and prints what it asks for.",
        .example = "tokenworks workload describe workloads/traces/azure-conv-2023.csv.gz",
        .run = describe,
        .options = trace_options + 1, /* all but the output */
    },
    {.name = NULL},
};

const tw_command tw_workload_command = {
    .name = "workload",
    .summary = "draw, convert or describe a trace of requests",
    .usage = "generate|convert|describe",
    .description = "generate  draws a trace: Poisson arrivals with independent lengths\n"
                   "convert   writes any trace, or a part of it, in the native format\n"
                   "describe  prints rates, lengths, sessions and shared prefixes of a trace\n\n"
                   "`tokenworks workload ACTION --help` explains each.",
    .example = "tokenworks workload describe workloads/traces/azure-conv-2023.csv.gz",
    .run = tw_command_run_action,
    .actions = actions,
};
