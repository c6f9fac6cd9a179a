#include "analysis/report/report.h"
#include "platforms/input/fault.h"
#include "sim/commands/command.h"
#include "sim/commands/output.h"

#include <string.h>

typedef struct report_values {
  char *output;
} report_values;

static const GOptionEntry report_options[] = {
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, TW_OPTION(report_values, output),
     "Where to write the page (default: report.html in DIR)", "FILE"},
    G_OPTION_ENTRY_NULL};
TW_COMMAND_VALUES(report_values, report_options)

static int run(const tw_command *command, int argc, char **argv, GError **error)
{
  g_auto(report_values) values = {0};
  if (!tw_command_read(command, &values, &argc, &argv, error))
    return TW_EXIT_USAGE;
  if (argc != 2) {
    tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "%s; usage: tokenworks report %s",
                       argc < 2 ? "name a run directory" : "name one run directory", command->usage);
    return TW_EXIT_USAGE;
  }
  g_autofree char *page = tw_report_page(argv[1], error);
  if (page == NULL)
    return TW_EXIT_USAGE;
  if (values.output == NULL)
    values.output = g_build_filename(argv[1], "report.html", NULL);
  if (!tw_output_write(values.output, page, error))
    return TW_EXIT_FAILED;
  printf("%s (%.1f kB): open it in a browser\n", values.output, (double)strlen(page) / 1e3);
  return TW_EXIT_OK;
}

const tw_command tw_report_command = {
    .name = "report",
    .summary = "draw a run as a web page that opens anywhere",
    .usage = "DIR [-o FILE]",
    .description = "Writes one HTML file with the plots, tables and floor plan of the run in DIR. It needs "
                   "no server and\n"
                   "no network, and can be mailed. Long runs are reduced, which keeps every peak visible. "
                   "What the run did\n"
                   "not simulate is left out.",
    .example = "tokenworks report runs/azure",
    .run = run,
    .options = report_options,
};
