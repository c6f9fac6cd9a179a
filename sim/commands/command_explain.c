/* `tokenworks explain`: where the time went, what binds. */
#include "analysis/explain/explain.h"
#include "platforms/input/fault.h"
#include "sim/commands/command.h"

#include <math.h>
#include <stdio.h>

typedef struct {
  char *percentile, *from, *to;
  gint64 request;
  gint engine;
  gboolean json;
} explain_values;

#define VALUE(member) TW_OPTION(explain_values, member)
static const GOptionEntry explain_options[] = {
    {"request", 0, 0, G_OPTION_ARG_INT64, VALUE(request), "This request alone, by its id", "ID"},
    {"percentile", 'p', 0, G_OPTION_ARG_STRING, VALUE(percentile),
     "A percentile of a latency: ttft.p99, tpot.p50, e2e.p99, queue.p90", "LATENCY.pN"},
    {"engine", 'e', 0, G_OPTION_ARG_INT, VALUE(engine), "This engine alone, by its number", "N"},
    {"from", 0, 0, G_OPTION_ARG_STRING, VALUE(from), "From this time on (seconds, or 90min, 2h)", "TIME"},
    {"to", 0, 0, G_OPTION_ARG_STRING, VALUE(to), "Up to this time", "TIME"},
    {"json", 0, 0, G_OPTION_ARG_NONE, VALUE(json), "Print JSON, with the numbers behind the sentences", NULL},
    G_OPTION_ENTRY_NULL};
TW_COMMAND_VALUES(explain_values, explain_options)
#undef VALUE

static int run(const tw_command *command, int argc, char **argv, GError **error)
{
  g_auto(explain_values) values = {.request = -1, .engine = -1};
  tw_explain_options options = tw_explain_all;
  if (!tw_command_read(command, &values, &argc, &argv, error) ||
      !tw_option_read_time("from", values.from, &options.from_s, error) ||
      !tw_option_read_time("to", values.to, &options.to_s, error))
    return TW_EXIT_USAGE;
  if (argc != 2 || !(options.from_s < options.to_s)) {
    tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "%s (see `tokenworks explain --help`)",
                       argc != 2 ? "name one run directory" : "--to must be later than --from");
    return TW_EXIT_USAGE;
  }
  options.request = values.request;
  options.engine = values.engine;
  options.percentile = values.percentile;
  json_t *explained = tw_explain(argv[1], &options, error);
  if (explained == NULL)
    return TW_EXIT_USAGE;
  g_autofree char *text = NULL;
  if (values.json)
    json_dumpf(explained, stdout, JSON_INDENT(1));
  else
    text = tw_explain_text(explained);
  printf("%s", text != NULL ? text : "\n");
  json_decref(explained);
  return TW_EXIT_OK;
}

const tw_command tw_explain_command = {
    .name = "explain",
    .summary = "say where the time went, and what binds",
    .usage = "DIR",
    .description = "Says in sentences and numbers what a run's logs tell: whether it met its SLO, what its "
                   "pools wait for, what\n"
                   "requests spent their time on at the median and the 99th percentile, and what "
                   "accelerators, energy and money\n"
                   "went to. A pool is saturated in an interval if at least one request for each engine "
                   "waited for something that\n"
                   "the end of an iteration does not bring; that an engine is busy says little, since one "
                   "request makes it so.",
    .example = "tokenworks explain runs/azure --percentile ttft.p99",
    .run = run,
    .options = explain_options,
};
