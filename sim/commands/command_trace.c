/* `tokenworks trace`: the timeline of a run, for Perfetto. */
#include "analysis/show/timeline.h"
#include "platforms/input/fault.h"
#include "platforms/input/units.h"
#include "sim/commands/command.h"

#include <math.h>

typedef struct {
  char *output, *from, *to, *requests, *session;
} trace_values;

#define VALUE(member) TW_OPTION(trace_values, member)
static const GOptionEntry trace_options[] = {
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, VALUE(output),
     "The timeline; gzip if it ends in .gz; - is standard output; default DIR/trace.json.gz", "FILE"},
    {"from", 0, 0, G_OPTION_ARG_STRING, VALUE(from),
     "What went on at this time or later (seconds, or 90min, 2h)", "TIME"},
    {"to", 0, 0, G_OPTION_ARG_STRING, VALUE(to), "What went on before this time", "TIME"},
    {"requests", 'r', 0, G_OPTION_ARG_STRING, VALUE(requests), "These requests alone, by id: 17,100-120",
     "IDS"},
    {"session", 's', 0, G_OPTION_ARG_STRING, VALUE(session), "Requests of this session alone", "NAME"},
    G_OPTION_ENTRY_NULL};
TW_COMMAND_VALUES(trace_values, trace_options)
#undef VALUE

/* "17,100-120" */
static GArray *read_ids(const char *text, GError **error)
{
  g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(tw_id_range));
  g_auto(GStrv) words = g_strsplit(text, ",", -1);
  for (char **word = words; *word != NULL; word++) {
    g_auto(GStrv) ends = g_strsplit(g_strstrip(*word), "-", 2);
    tw_id_range range;
    if (ends[0] == NULL || !tw_integer_parse(ends[0], &range.first) ||
        !tw_integer_parse(ends[1] != NULL ? ends[1] : ends[0], &range.last) || range.first > range.last) {
      tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                         "--requests: '%s' is neither an id nor a range of ids such as 100-120", *word);
      return NULL;
    }
    g_array_append_val(ids, range);
  }
  return g_steal_pointer(&ids);
}

static int run(const tw_command *command, int argc, char **argv, GError **error)
{
  g_auto(trace_values) values = {0};
  tw_timeline_options options = TW_TIMELINE_OPTIONS_DEFAULT;
  tw_timeline_tally tally;
  if (!tw_command_read(command, &values, &argc, &argv, error))
    return TW_EXIT_USAGE;
  if (argc != 2) {
    tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                       "name one run directory (see `tokenworks trace --help`)");
    return TW_EXIT_USAGE;
  }
  g_autoptr(GArray) ids = values.requests != NULL ? read_ids(values.requests, error) : NULL;
  if ((values.requests != NULL && ids == NULL) ||
      !tw_option_read_time("from", values.from, &options.from_s, error) ||
      !tw_option_read_time("to", values.to, &options.to_s, error))
    return TW_EXIT_USAGE;
  if (!(options.from_s < options.to_s)) {
    tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "--to must be later than --from");
    return TW_EXIT_USAGE;
  }
  options.ids = ids;
  options.session = values.session;
  g_autofree char *path =
      values.output != NULL ? g_strdup(values.output) : g_build_filename(argv[1], "trace.json.gz", NULL);
  if (!tw_timeline_write(argv[1], &options, path, &tally, error))
    return TW_EXIT_FAILED;
  if (!g_str_equal(path, "-"))
    printf("%s: %" G_GUINT64_FORMAT " events of %" G_GUINT64_FORMAT " segments and %" G_GUINT64_FORMAT
           " requests; open it at ui.perfetto.dev\n",
           path, tally.events, tally.segments, tally.requests);
  return TW_EXIT_OK;
}

const tw_command tw_trace_command = {
    .name = "trace",
    .summary = "write the timeline of a run, for Perfetto",
    .usage = "DIR",
    .description =
        "Writes the timeline of a run in the trace event format, which ui.perfetto.dev and chrome://tracing "
        "open:\n"
        "a process per engine with its prefills, decodes, transfers and preemptions, a row per request with "
        "its\n"
        "phases, arrows from prefill to decode, and graphs of queue, KV cache and watts.\n\n"
        "It is drawn from segments.csv.gz, which a run writes with `run --segments`.",
    .example = "tokenworks trace runs/azure --from 10min --to 11min -o azure.json.gz",
    .run = run,
    .options = trace_options,
};
