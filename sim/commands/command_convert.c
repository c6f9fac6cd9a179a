/* `tokenworks workload convert` and `describe`: traces read, changed and written, or pictured. */
#include "platforms/input/fault.h"
#include "platforms/input/units.h"
#include "sim/commands/command_describe.h"
#include "sim/commands/workload.h"
#include "workloads/formats/log.h"
#include "workloads/traces/replay.h"
#include "workloads/traces/trace_writer.h"

#include <sys/stat.h>

/* The options of everything that reads a trace, as they were written. */
typedef struct {
  char *format, *rate_scale, *start, *duration;
  char *prompt_scale, *output_scale;
  char *order, *broken, *unit, *context, *nested, *map, *time, *delimiter, *salt;
  char *against;          /* only `describe` has it */
  tw_target_words target; /* only `convert` has it */
  gboolean json;          /* only `describe` has it */
  gint64 limit, repeat, reasoning_budget, block_tokens;
} trace_words;

static void clear_words(trace_words *words)
{
  char *texts[] = {words->format,       words->rate_scale,   words->start,         words->duration,
                   words->prompt_scale, words->output_scale, words->target.output, words->target.to,
                   words->order,        words->broken,       words->unit,          words->context,
                   words->nested,       words->map,          words->time,          words->delimiter,
                   words->against,      words->salt};
  for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
    g_free(texts[i]);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(trace_words, clear_words)

#define WORD(member) TW_OPTION(trace_words, member)
/* Options that choose a part of a trace and change it on the way. */
#define PART_OPTIONS                                                                                         \
  {"format", 'f', 0, G_OPTION_ARG_STRING, WORD(format), "of the trace; default: told by its first row",      \
   "FORMAT"},                                                                                                \
      {"map",                                                                                                \
       0,                                                                                                    \
       0,                                                                                                    \
       G_OPTION_ARG_STRING,                                                                                  \
       WORD(map),                                                                                            \
       "columns of your own log: arrival (with date, where it is a time of day), prompt (with cache-read "   \
       "and cache-write, where these are apart), output (or answer, or total), reasoning, session, class, "  \
       "priority, state, request",                                                                           \
       "ROLE=COLUMN,..."},                                                                                   \
      {"time",                                                                                               \
       0,                                                                                                    \
       0,                                                                                                    \
       G_OPTION_ARG_STRING,                                                                                  \
       WORD(time),                                                                                           \
       "how a log writes its times: iso (any date with one meaning), dmy or mdy (1/6/2026), epoch, "         \
       "epoch-ms, epoch-us, epoch-ns, excel or seconds; default: guessed",                                   \
       "KIND"},                                                                                              \
      {"delimiter",                                                                                          \
       0,                                                                                                    \
       0,                                                                                                    \
       G_OPTION_ARG_STRING,                                                                                  \
       WORD(delimiter),                                                                                      \
       "between a log's columns: a comma, semicolon, bar or tab; default: guessed",                          \
       "CHAR"},                                                                                              \
      {"order",     0,                                                                                       \
       0,           G_OPTION_ARG_STRING,                                                                     \
       WORD(order), "rows out of the order of arrival: refuse, sort or skip; default: as the format is",     \
       "POLICY"},                                                                                            \
      {"broken",                                                                                             \
       0,                                                                                                    \
       0,                                                                                                    \
       G_OPTION_ARG_STRING,                                                                                  \
       WORD(broken),                                                                                         \
       "broken rows and failed requests: refuse or skip; default: as the format is",                         \
       "POLICY"},                                                                                            \
      {"block-size",                                                                                         \
       0,                                                                                                    \
       0,                                                                                                    \
       G_OPTION_ARG_INT64,                                                                                   \
       WORD(block_tokens),                                                                                   \
       "prompt tokens that one hash id stands for; default: as the format is",                               \
       "N"},                                                                                                 \
      {"time-unit", 0,                                                                                       \
       0,           G_OPTION_ARG_STRING,                                                                     \
       WORD(unit),  "of a JSON trace's times: s, ms, us or ns; default: as the format is",                   \
       "UNIT"},                                                                                              \
      {"context",                                                                                            \
       0,                                                                                                    \
       0,                                                                                                    \
       G_OPTION_ARG_STRING,                                                                                  \
       WORD(context),                                                                                        \
       "mooncake: input_length is the whole prompt of a turn, or what it adds (delta)",                      \
       "whole|delta"},                                                                                       \
      {"cache-salt",                                                                                         \
       0,                                                                                                    \
       0,                                                                                                    \
       G_OPTION_ARG_STRING,                                                                                  \
       WORD(salt),                                                                                           \
       "prefixes are shared by all (none), within a class or within a session",                              \
       "none|class|session"},                                                                                \
      {"nested-times",                                                                                       \
       0,                                                                                                    \
       0,                                                                                                    \
       G_OPTION_ARG_STRING,                                                                                  \
       WORD(nested),                                                                                         \
       "weka: times of sub-agents are auto, relative or absolute",                                           \
       "HOW"},                                                                                               \
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

const GOptionEntry tw_workload_convert_options[] = {TW_TARGET_OPTIONS(trace_words), PART_OPTIONS,
                                                    G_OPTION_ENTRY_NULL};
const GOptionEntry tw_workload_describe_options[] = {
    {"against", 0, 0, G_OPTION_ARG_FILENAME, WORD(against),
     "print how far lengths are from those of another trace (Kolmogorov-Smirnov)", "TRACE"},
    {"json", 0, 0, G_OPTION_ARG_NONE, WORD(json), "print JSON, with the requests of every minute", NULL},
    PART_OPTIONS,
    G_OPTION_ENTRY_NULL};
#undef PART_OPTIONS
#undef WORD

/* The place of a word in a list of names; that of none (NULL) is 0. */
static gboolean read_word(const char *option, const char *text, const char *const *names, int *place,
                          GError **error)
{
  *place = 0;
  if (text == NULL)
    return TRUE;
  for (int i = 0; names[i] != NULL; i++)
    if (g_str_equal(names[i], text)) {
      *place = i;
      return TRUE;
    }
  g_autofree char *right = tw_suggestion(text, names),
                  *why = g_strdup_printf("'%s' is none of its words; %s", text, right);
  return tw_workload_refuse(error, option, why);
}

static gboolean read_options(const trace_words *words, tw_trace_options *options, GError **error)
{
  const struct {
    const char *name, *text;
    double *value;
  } scales[] = {{"rate-scale", words->rate_scale, &options->rate_scale},
                {"prompt-scale", words->prompt_scale, &options->prompt_scale},
                {"output-scale", words->output_scale, &options->output_scale}};
  for (guint i = 0; i < G_N_ELEMENTS(scales); i++)
    if (scales[i].text != NULL && !tw_number_parse(scales[i].text, scales[i].value))
      return tw_workload_refuse(error, scales[i].name, "write a number, such as 2");
  const char *delimiter = words->delimiter;
  if (delimiter != NULL && (g_str_equal(delimiter, "tab") || g_str_equal(delimiter, "\\t")))
    delimiter = "\t";
  if (delimiter != NULL && (strlen(delimiter) != 1 || strchr(",;\t|", *delimiter) == NULL))
    return tw_workload_refuse(error, "delimiter", "write one of , ; | and tab");
  options->reading.delimiter = delimiter != NULL ? *delimiter : '\0';
  options->reading.map = words->map;
  options->limit = words->limit;
  options->repeat = words->repeat;
  options->reasoning_budget = words->reasoning_budget;
  options->reading.block_tokens = words->block_tokens;
  return tw_workload_quantity("start", words->start, TW_TIME, &options->start_s, error) &&
         tw_workload_quantity("duration", words->duration, TW_TIME, &options->duration_s, error) &&
         read_word("order", words->order, tw_rows_order_names, &options->order, error) &&
         read_word("broken", words->broken, tw_rows_broken_names, &options->broken, error) &&
         read_word("context", words->context, tw_trace_context_names, &options->reading.delta_context,
                   error) &&
         read_word("nested-times", words->nested, tw_trace_nested_names, &options->reading.nested_times,
                   error) &&
         read_word("cache-salt", words->salt, tw_trace_salt_names, &options->salt, error) &&
         read_word("time", words->time, tw_log_time_names, &options->reading.log_time, error) &&
         read_word("time-unit", words->unit, tw_trace_unit_names, &options->reading.time_unit, error);
}

static tw_replay *open_trace(const char *path, const trace_words *words, GError **error)
{
  tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  const tw_trace_format *format;
  const char *name = words->format;
  if (name == NULL && (words->map != NULL || words->time != NULL || words->delimiter != NULL))
    name = tw_trace_format_name(&tw_trace_log);
  return tw_workload_format("format", name, &format, error) && read_options(words, &options, error)
             ? tw_replay_open(path, format, &options, error)
             : NULL;
}

/* Tells on standard error how many rows were sorted, skipped and left out. */
static void tell_tally(const tw_replay *replay)
{
  const tw_trace_tally *tally = tw_trace_rows_tally(tw_replay_rows(replay));
  for (guint i = 0; i < tally->notes->len; i++)
    fprintf(stderr, "note: %s\n", (char *)tally->notes->pdata[i]);
  for (guint i = 0; i < tally->reasons->len; i++)
    fprintf(stderr, "note: left out %s\n", (char *)tally->reasons->pdata[i]);
  if (tally->moved > 0)
    fprintf(stderr, "note: rows that arrive before the row above them: %" G_GUINT64_FORMAT "\n",
            tally->moved);
  if (tally->zero_outputs > 0)
    fprintf(stderr,
            "note: %" G_GUINT64_FORMAT " requests have no output: a run ends them with their first token\n",
            tally->zero_outputs);
}

/* Copies all rows. */
static gboolean copy_rows(tw_replay *replay, tw_trace_writer *writer, guint64 *n, GError **error)
{
  gint32 block_tokens = tw_replay_block_tokens(replay);
  gboolean good = TRUE;
  GError *problem = NULL;
  tw_trace_row row;
  for (*n = 0; good && tw_replay_next(replay, &row, &problem); tw_trace_row_clear(&row), (*n)++) {
    if (!tw_trace_writer_links(writer) && row.piece_tokens != NULL) { /* pieces are written as blocks */
      gint32 answer = row.request.answer_tokens;
      tw_trace_row_simplify(&row, block_tokens);
      row.request.answer_tokens = answer;
    }
    good = tw_trace_writer_add_row(writer, &row, &problem);
  }
  if (problem != NULL)
    g_propagate_error(error, problem);
  return problem == NULL;
}

static int write_rows(tw_replay *replay, const tw_target_words *target, GError **error)
{
  guint64 n;
  const tw_trace_format *format;
  if (!tw_workload_format("to", target->to, &format, error))
    return TW_EXIT_USAGE;
  gboolean linked = tw_trace_rows_format(tw_replay_rows(replay))->links;
  tw_trace_writer *writer = tw_trace_writer_open_linked(target->output, format, linked, error);
  if (writer == NULL)
    return TW_EXIT_FAILED;
  if (!copy_rows(replay, writer, &n, error)) {
    tw_trace_writer_discard(writer);
    return TW_EXIT_FAILED;
  }
  g_autofree char *lost = tw_trace_writer_lost(writer);
  tell_tally(replay);
  if (lost != NULL)
    fprintf(stderr, "note: %s\n", lost);
  if (!tw_trace_writer_close(writer, error))
    return TW_EXIT_FAILED;
  if (!g_str_equal(target->output, "-"))
    printf("%s: %" G_GUINT64_FORMAT " requests\n", target->output, n);
  return TW_EXIT_OK;
}

static gboolean same_file(const char *a, const char *b)
{
  struct stat of_a, of_b;
  return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
         of_a.st_ino == of_b.st_ino;
}

int tw_workload_convert(const tw_command *command, int argc, char **argv, GError **error)
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
  g_autoptr(tw_replay) replay = open_trace(argv[1], &words, error);
  return replay != NULL ? write_rows(replay, &words.target, error) : TW_EXIT_USAGE;
}

/* All of a trace; NULL with `error`. */
static tw_profile *read_profile(tw_replay *replay, GError **error)
{
  g_autoptr(tw_profile) profile = tw_profile_new();
  GError *problem = NULL;
  tw_trace_row row;
  while (tw_replay_next(replay, &row, &problem)) {
    tw_profile_add_row(profile, &row, tw_replay_block_tokens(replay));
    tw_trace_row_clear(&row);
  }
  if (problem == NULL)
    return g_steal_pointer(&profile);
  g_propagate_error(error, problem);
  return NULL;
}

int tw_workload_describe(const tw_command *command, int argc, char **argv, GError **error)
{
  g_auto(trace_words) words = {.limit = G_MAXINT64, .repeat = 1, .reasoning_budget = G_MAXINT64};
  if (!tw_command_read(command, &words, &argc, &argv, error))
    return TW_EXIT_USAGE;
  if (argc != 2) {
    tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "one trace is needed (see --help)");
    return TW_EXIT_USAGE;
  }
  g_autoptr(tw_replay) replay = open_trace(argv[1], &words, error);
  g_autoptr(tw_profile) profile = replay != NULL ? read_profile(replay, error) : NULL;
  if (profile == NULL)
    return TW_EXIT_USAGE;
  trace_words plain = {.limit = G_MAXINT64, .repeat = 1, .reasoning_budget = G_MAXINT64};
  g_autoptr(tw_replay) other = words.against != NULL ? open_trace(words.against, &plain, error) : NULL;
  g_autoptr(tw_profile) against = other != NULL ? read_profile(other, error) : NULL;
  if (words.against != NULL && against == NULL)
    return TW_EXIT_USAGE;
  tell_tally(replay);
  if (!words.json) {
    printf("trace     %s\nsha256    %s\n", argv[1], tw_replay_sha256(replay));
    printf("format    %s\n", tw_trace_format_name(tw_trace_rows_format(tw_replay_rows(replay))));
    tw_describe_print(profile);
    for (int kind = 0; against != NULL && kind < TW_TOKENS_KINDS; kind++)
      printf("%s%-9s %.3f\n", kind == 0 ? "\ndistances of lengths (Kolmogorov-Smirnov)\n" : "",
             tw_tokens_names[kind], tw_profile_distance(profile, against, (tw_tokens_kind)kind));
    return TW_EXIT_OK;
  }
  json_t *facts = tw_describe_json(profile);
  g_autofree char *name = g_utf8_make_valid(argv[1], -1);
  json_object_set_new(facts, "trace", json_string(name));
  json_object_set_new(facts, "format",
                      json_string(tw_trace_format_name(tw_trace_rows_format(tw_replay_rows(replay)))));
  json_object_set_new(facts, "sha256", json_string(tw_replay_sha256(replay)));
  json_t *distances = json_object();
  for (int kind = 0; against != NULL && kind < TW_TOKENS_KINDS; kind++)
    json_object_set_new(distances, tw_tokens_names[kind],
                        json_real(tw_profile_distance(profile, against, (tw_tokens_kind)kind)));
  if (against != NULL)
    json_object_set(facts, "distances", distances);
  json_decref(distances);
  json_dumpf(facts, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15) | JSON_SORT_KEYS);
  putchar('\n');
  json_decref(facts);
  return TW_EXIT_OK;
}
