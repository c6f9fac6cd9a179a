#include "sim/commands/reference.h"

#include "platforms/input/schema.h"
#include "sim/commands/command.h"
#include "sim/log/log_format.h"
#include "sim/log/metric.h"
#include "sim/planner/question.h"
#include "sim/scenario/scenario.h"
#include "sim/sweep/sweep.h"

#include <string.h>

/* A cell of a table: a bar would end it. */
static char *cell(const char *text)
{
  g_auto(GStrv) parts = g_strsplit(text, "|", -1);
  return g_strjoinv("\\|", parts);
}

/* A line that an element is described by: "<pool>  engines of one kind", "  tp    tensor parallelism" or
 * "    random   any engine". */
static void append_described(GString *page, const char *line)
{
  int depth = (int)strspn(line, " ") / 2;
  const char *word = line + strspn(line, " ");
  gsize length = strcspn(word, " ");
  const char *help = word + length + strspn(word + length, " ");
  if (depth == 0)
    g_string_append_printf(page, "\n## `%.*s`\n\n%s\n\n", (int)length, word, help);
  else
    g_string_append_printf(page, "%*s- `%.*s`: %s\n", 2 * (depth - 1), "", (int)length, word, help);
}

static void append_elements(GString *page, const tw_element *element)
{
  g_autofree char *text = tw_schema_describe(element);
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    if (**line != '\0')
      append_described(page, *line);
}

static char *scenario_page(void)
{
  GString *page =
      g_string_new("# Elements and attributes\n\n"
                   "Written by `tokenworks manual --page=scenario`, from the tables by which the program "
                   "reads scenarios, sweeps and\nquestions of plans. Times, sizes and rates take units: "
                   "`50ms`, `80GB`, `4/s`.\n");
  append_elements(page, &tw_scenario_element);
  append_elements(page, &tw_sweep_element);
  append_elements(page, &tw_question_element);
  return g_string_free(page, FALSE);
}

static char *columns_page(void)
{
  GString *page = g_string_new(
      "# Tables of a run and their columns\n\n"
      "Written by `tokenworks manual --page=columns`. Times are seconds since the start of the run. What "
      "was not simulated\nis empty, never zero.\n");
  for (int i = 0; i < TW_LOG_TABLES; i++) {
    const tw_log_table *table = &tw_log_tables[i];
    g_string_append_printf(page, "\n## %s.csv.gz\n\n%s.\n\n| column | unit | what it is |\n|---|---|---|\n",
                           table->name, table->help);
    for (int c = 0; c < table->n_columns; c++) {
      g_autofree char *help = cell(table->columns[c].help);
      g_string_append_printf(page, "| `%s` | %s | %s |\n", table->columns[c].name, table->columns[c].unit,
                             help);
    }
  }
  return g_string_free(page, FALSE);
}

static void append_command(GString *page, const tw_command *command)
{
  g_autofree char *usage = g_strchomp(g_strdup_printf("tokenworks %s %s", command->name, command->usage));
  g_string_append_printf(page, "\n## `%s`\n\n%s\n", usage, command->description);
  if (command->options != NULL && command->options->long_name != NULL)
    g_string_append(page, "\n| option | what it does |\n|---|---|\n");
  for (const GOptionEntry *option = command->options; option != NULL && option->long_name != NULL; option++) {
    g_autofree char *help = cell(option->description);
    g_string_append(page, "| `");
    if (option->short_name != 0)
      g_string_append_printf(page, "-%c`, `", option->short_name);
    g_autofree char *value = cell(option->arg_description != NULL ? option->arg_description : "");
    g_string_append_printf(page, "--%s%s%s` | %s |\n", option->long_name, *value != '\0' ? " " : "", value,
                           help);
  }
  g_string_append_printf(page, "\nExample: `%s`\n", command->example);
  for (const tw_command *action = command->actions; action != NULL && action->name != NULL; action++)
    append_command(page, action);
}

static char *commands_page(void)
{
  GString *page =
      g_string_new("# Commands and their options\n\n"
                   "Written by `tokenworks manual --page=commands`; `tokenworks COMMAND --help` says the "
                   "same. Exit codes: 0 done, 1 a run or\na check failed, 2 bad usage or bad input.\n");
  for (const tw_command *const *command = tw_commands; *command != NULL; command++)
    append_command(page, *command);
  return g_string_free(page, FALSE);
}

static const struct {
  const char *name;
  char *(*write)(void);
} pages[] = {{"scenario", scenario_page},
             {"columns", columns_page},
             {"metrics", tw_metrics_document},
             {"commands", commands_page}};

const char *const tw_reference_names[] = {"scenario", "columns", "metrics", "commands", NULL};

char *tw_reference_page(const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS(pages); i++)
    if (g_str_equal(pages[i].name, name))
      return pages[i].write();
  return NULL;
}
