/* `tokenworks workload`: traces drawn, converted and described. */
#include "platforms/input/fault.h"
#include "platforms/input/units.h"
#include "sim/commands/command.h"
#include "sim/commands/command_describe.h"
#include "workloads/stream/generator.h"
#include "workloads/stream/stream.h"
#include "workloads/traces/profile.h"

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

/* A format by name; that of no name (NULL) is NULL. */
static gboolean read_format(const char *option, const char *name, const tw_trace_format **format,
                            GError **error)
{
  *format = name != NULL ? tw_trace_format_find(name) : NULL;
  if (name == NULL || *format != NULL)
    return TRUE;
  const char *near = tw_nearest(name, tw_trace_format_names);
  g_autofree char *names = g_strjoinv(", ", (char **)tw_trace_format_names);
  g_autofree char *why = near != NULL
                             ? g_strdup_printf("no format is called '%s'; did you mean '%s'?", name, near)
                             : g_strdup_printf("no format is called '%s'; there are %s", name, names);
  return refuse_option(error, option, why);
}

/* How long requests take where there is no factory: for clients that wait, whose answers are assumed. */
typedef struct {
  double ttft_s, tpot_s;
} assumed;

/* Where a trace goes, as it was written. */
typedef struct {
  char *output, *to;
} target_words;

#define TARGET_OPTIONS(type)                                                                                 \
  {"output",                                                                                                 \
   'o',                                                                                                      \
   0,                                                                                                        \
   G_OPTION_ARG_FILENAME,                                                                                    \
   TW_OPTION(type, target.output),                                                                           \
   "the trace; gzip if it ends in .gz; - is standard output",                                                \
   "FILE"},                                                                                                  \
  {                                                                                                          \
    "to", 't', 0, G_OPTION_ARG_STRING, TW_OPTION(type, target.to),                                           \
        "format to write: tokenworks (the default), azure, mooncake or servegen", "FORMAT"                   \
  }

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
    pending *p = g_new(pending, 1);
    double gaps = tw_request_output_tokens(&request) - 1;
    *p = (pending){request.arrival_s + service->ttft_s + service->tpot_s * gaps, request};
    g_sequence_insert_sorted(under_way, p, by_end, NULL);
  }
  g_sequence_free(under_way);
  g_autofree char *lost = tw_trace_writer_lost(writer);
  if (lost != NULL)
    fprintf(stderr, "note: %s\n", lost);
  if (!tw_trace_writer_close(writer, problem == NULL ? &problem : NULL) || problem != NULL) {
    g_propagate_error(error, problem);
    return FALSE;
  }
  return TRUE;
}

static int write_trace(tw_stream *stream, const assumed *service, const target_words *target, GError **error)
{
  guint64 n;
  const tw_trace_format *format;
  if (!read_format("to", target->to, &format, error))
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
    return refuse_option(error, option, "write KIND:MEAN, such as exponential:1000");
  *mean++ = '\0';
  int kind = 0;
  while (kind <= TW_LENGTH_LOGNORMAL && !g_str_equal(tw_length_kind_names[kind], parts[0]))
    kind++;
  if (kind > TW_LENGTH_LOGNORMAL)
    return refuse_option(error, option,
                         "the kind is fixed, exponential or lognormal (others, in generator files)");
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
  target_words target;
  char *rate, *duration, *prompt, *reasoning, *answer;
  char *preset, *rate_scale, *ttft, *tpot; /* of generator files */
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
static const GOptionEntry generate_options[] = {
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
    TARGET_OPTIONS(generate_words),
    G_OPTION_ENTRY_NULL};
#undef WORD

static int usage(GError **error, const char *what)
{
  tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "%s", what);
  return TW_EXIT_USAGE;
}

static int draw_poisson(const generate_words *words, GError **error)
{
  tw_poisson_options options = {
      .seed = (guint64)words->seed,
      .limit = words->limit == G_MININT64 ? G_MAXINT64 : words->limit,
      .duration_s = INFINITY,
      .prompt = {.kind = TW_LENGTH_EXPONENTIAL,
                 .mean = 1000,
                 .sigma = DEFAULT_SIGMA,
                 .min = 1,
                 .max = TW_REQUEST_MAX_TOKENS},
      .reasoning = {.sigma = DEFAULT_SIGMA, .max = TW_REQUEST_MAX_TOKENS},
      .answer = {.kind = TW_LENGTH_EXPONENTIAL,
                 .mean = 200,
                 .sigma = DEFAULT_SIGMA,
                 .min = 1,
                 .max = TW_REQUEST_MAX_TOKENS},
  };
  const char *of_generators[] = {words->rate_scale, words->ttft, words->tpot};
  for (guint i = 0; i < G_N_ELEMENTS(of_generators); i++)
    if (of_generators[i] != NULL)
      return usage(error, "--rate-scale, --ttft and --tpot belong to a generator file or --preset");
  if (!read_quantity("rate", words->rate, TW_RATE, &options.rate_per_s, error) ||
      !read_quantity("duration", words->duration, TW_TIME, &options.duration_s, error) ||
      !read_length("prompt", words->prompt, &options.prompt, error) ||
      !read_length("reasoning", words->reasoning, &options.reasoning, error) ||
      !read_length("answer", words->answer, &options.answer, error) || !tw_poisson_check(&options, error))
    return TW_EXIT_USAGE;
  g_autoptr(tw_stream) stream = tw_stream_poisson(&options);
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
      return usage(error, "a generator has rates and lengths of its own; leave out --rate, --prompt, "
                          "--reasoning and --answer, or use --rate-scale");
  if (words->rate_scale != NULL && !tw_number_parse(words->rate_scale, &use.rate_scale))
    return refuse_option(error, "rate-scale", "write a number, such as 2") ? TW_EXIT_OK : TW_EXIT_USAGE;
  if (!read_quantity("duration", words->duration, TW_TIME, &use.duration_s, error) ||
      !read_quantity("ttft", words->ttft, TW_TIME, &service.ttft_s, error) ||
      !read_quantity("tpot", words->tpot, TW_TIME, &service.tpot_s, error))
    return TW_EXIT_USAGE;
  if (!(service.ttft_s >= 0 && service.tpot_s >= 0))
    return usage(error, "--ttft and --tpot must not be negative");
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

static int generate(const tw_command *command, int argc, char **argv, GError **error)
{
  g_auto(generate_words) words = {.limit = G_MININT64, .seed = 1};
  if (!tw_command_read(command, &words, &argc, &argv, error))
    return TW_EXIT_USAGE;
  if (argc > 2 || (argc == 2) + (words.preset != NULL) + (words.rate != NULL) != 1 ||
      words.target.output == NULL)
    return usage(error, "--output and one of a generator file, --preset and --rate are needed (see --help)");
  return words.rate != NULL ? draw_poisson(&words, error)
                            : draw_generator(&words, argc == 2 ? argv[1] : NULL, error);
}

/* The options of everything that reads a trace, as they were written. */
typedef struct {
  char *format, *rate_scale, *start, *duration;
  char *prompt_scale, *output_scale;
  target_words target; /* of `convert` alone */
  gboolean json;       /* of `describe` alone */
  gint64 limit, repeat, reasoning_budget;
} trace_words;

static void clear_words(trace_words *words)
{
  g_free(words->format);
  g_free(words->rate_scale);
  g_free(words->start);
  g_free(words->duration);
  g_free(words->prompt_scale);
  g_free(words->output_scale);
  g_free(words->target.output);
  g_free(words->target.to);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(trace_words, clear_words)

#define WORD(member) TW_OPTION(trace_words, member)
/* Which part of a trace is read, and how it is changed. */
#define PART_OPTIONS                                                                                         \
  {"format", 'f', 0, G_OPTION_ARG_STRING, WORD(format), "of the trace; default: told by its first line",     \
   "FORMAT"},                                                                                                \
      {"rate-scale", 0, 0, G_OPTION_ARG_STRING, WORD(rate_scale), "2 replays twice as fast", "X"},           \
      {"start", 0, 0, G_OPTION_ARG_STRING, WORD(start), "leave out what arrives before", "60s"},             \
      {"duration", 'd', 0, G_OPTION_ARG_STRING, WORD(duration), "of the trace, from the start on", "1h"},    \
      {"limit", 'n', 0, G_OPTION_ARG_INT64, WORD(limit), "at most so many requests", "N"},                   \
      {"repeat", 0, 0, G_OPTION_ARG_INT64, WORD(repeat), "so many times, one after the other", "N"},         \
      {"prompt-scale",                                                                                       \
       0,                                                                                                    \
       0,                                                                                                    \
       G_OPTION_ARG_STRING,                                                                                  \
       WORD(prompt_scale),                                                                                   \
       "prompts so many times as long, their shared blocks too",                                             \
       "X"},                                                                                                 \
      {"output-scale", 0, 0, G_OPTION_ARG_STRING, WORD(output_scale), "outputs so many times as long", "X"}, \
  {                                                                                                          \
    "reasoning-budget", 0, 0, G_OPTION_ARG_INT64, WORD(reasoning_budget),                                    \
        "cut reasoning to at most so many tokens", "N"                                                       \
  }

static const GOptionEntry convert_options[] = {TARGET_OPTIONS(trace_words), PART_OPTIONS,
                                               G_OPTION_ENTRY_NULL};
static const GOptionEntry describe_options[] = {
    {"json", 0, 0, G_OPTION_ARG_NONE, WORD(json), "print JSON, with the requests of every minute", NULL},
    PART_OPTIONS,
    G_OPTION_ENTRY_NULL};
#undef PART_OPTIONS
#undef WORD

static tw_stream *open_trace(const char *path, const trace_words *words, GError **error)
{
  tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  options.limit = words->limit;
  options.repeat = words->repeat;
  const tw_trace_format *format;
  if (!read_format("format", words->format, &format, error))
    return NULL;
  const struct {
    const char *name, *text;
    double *value;
  } scales[] = {{"rate-scale", words->rate_scale, &options.rate_scale},
                {"prompt-scale", words->prompt_scale, &options.prompt_scale},
                {"output-scale", words->output_scale, &options.output_scale}};
  for (guint i = 0; i < G_N_ELEMENTS(scales); i++)
    if (scales[i].text != NULL && !tw_number_parse(scales[i].text, scales[i].value)) {
      refuse_option(error, scales[i].name, "write a number, such as 2");
      return NULL;
    }
  options.reasoning_budget = words->reasoning_budget;
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
  g_auto(trace_words) words = {.limit = G_MAXINT64, .repeat = 1, .reasoning_budget = G_MAXINT64};
  if (!tw_command_read(command, &words, &argc, &argv, error))
    return TW_EXIT_USAGE;
  if (argc != 2 || words.target.output == NULL) {
    tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                       "one trace and --output are needed (see --help)");
    return TW_EXIT_USAGE;
  }
  if (same_file(argv[1], words.target.output)) {
    tw_input_error_set(error, TW_INPUT_ERROR_USAGE, words.target.output, 0,
                       "would be written over; name another output");
    return TW_EXIT_USAGE;
  }
  g_autoptr(tw_stream) stream = open_trace(argv[1], &words, error);
  return stream != NULL ? write_trace(stream, NULL, &words.target, error) : TW_EXIT_USAGE;
}

static int describe(const tw_command *command, int argc, char **argv, GError **error)
{
  g_auto(trace_words) words = {.limit = G_MAXINT64, .repeat = 1, .reasoning_budget = G_MAXINT64};
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
  if (!words.json) {
    printf("trace     %s\nsha256    %s\n", argv[1], tw_stream_sha256(stream));
    tw_describe_print(profile);
    return TW_EXIT_OK;
  }
  json_t *facts = tw_describe_json(profile);
  g_autofree char *name = g_utf8_make_valid(argv[1], -1);
  json_object_set_new(facts, "trace", json_string(name));
  json_object_set_new(facts, "sha256", json_string(tw_stream_sha256(stream)));
  json_dumpf(facts, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15) | JSON_SORT_KEYS);
  putchar('\n');
  json_decref(facts);
  return TW_EXIT_OK;
}

static const tw_command actions[] = {
    {
        .name = "workload generate",
        .summary = "draw a trace: from a generator file, a preset, or a rate and lengths",
        .usage = "[GENERATOR.xml] -o FILE",
        .description =
            "Draws requests and writes them in the native format or --to another, as a generator file says "
            "(`tokenworks "
            "check "
            "--describe`\n"
            "documents <generator>), a preset that ships in workloads/presets, or with --rate, --prompt, "
            "--reasoning and\n"
            "--answer: Poisson arrivals of independent lengths. Every quantity of every class draws from a "
            "stream of chance\n"
            "of its own: changing one leaves the others as they were. Turns of sessions wait for answers, "
            "whose times are\n"
            "assumed here (--ttft, --tpot); in a run, `<generate from=\"chat\"/>` lets them wait for the "
            "simulated ones.\n\n"
            "A LENGTH is KIND:MEAN with the kind fixed, exponential or lognormal, and, if wanted, the "
            "standard\n"
            "deviation of a lognormal's logarithm (default 1) and bounds: "
            "lognormal:1000,sigma=0.8,min=10,max=32768",
        .example = "tokenworks workload generate --preset agentic-coding --duration 10min -o agents.csv.gz",
        .run = generate,
        .options = generate_options,
    },
    {
        .name = "workload convert",
        .summary = "write any trace, or a part of it, in any format",
        .usage = "TRACE -o FILE",
        .description =
            "Reads a trace in the format tokenworks, azure, mooncake or servegen, plain or gzip, and "
            "writes it, or\na part of it, faster, repeated, with longer or shorter prompts and outputs, in "
            "any of them.\nWhat the format cannot say is lost, which a note tells. Times of day (azure) "
            "begin with the first request,\nin 1970, and are told to the nanosecond; hash ids of mooncake "
            "have "
            "63 bits: the highest is dropped.",
        .example = "tokenworks workload convert workloads/traces/azure-conv-2023.csv.gz --start 10min "
                   "--duration 5min -o part.csv",
        .run = convert,
        .options = convert_options,
    },
    {
        .name = "workload describe",
        .summary = "picture a trace: rates, lengths, sessions or clients, shared prefixes",
        .usage = "TRACE",
        .description =
            "Reads a whole trace, or the part that the options choose, and prints what it asks for.",
        .example = "tokenworks workload describe workloads/traces/azure-conv-2023.csv.gz",
        .run = describe,
        .options = describe_options,
    },
    {.name = NULL},
};

const tw_command tw_workload_command = {
    .name = "workload",
    .summary = "draw, convert or describe a trace of requests",
    .usage = "generate|convert|describe",
    .description = "generate  draws a trace, as a generator file, a preset or its options say\n"
                   "convert   writes any trace, or a part of it, in any format\n"
                   "describe  prints rates, lengths, sessions or clients, and shared prefixes of a trace\n\n"
                   "`tokenworks workload ACTION --help` explains each.",
    .example = "tokenworks workload describe workloads/traces/azure-conv-2023.csv.gz",
    .run = tw_command_run_action,
    .actions = actions,
};
