/* `tokenworks plan`: what should be built for a load? */
#include "platforms/input/fault.h"
#include "sim/commands/command.h"
#include "sim/launchers/launcher.h"
#include "sim/planner/answer_print.h"

#include <stdio.h>

typedef struct {
  char *directory, *launcher;
  gint64 jobs;
  gboolean force, quiet, example, describe;
} plan_values;

#define VALUE(member) TW_OPTION(plan_values, member)
static const GOptionEntry plan_options[] = {
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, VALUE(directory),
     "Write the answer and all runs below this directory", "DIR"},
    TW_OPTION_JOBS(VALUE(jobs)),
    TW_OPTION_LAUNCHER(VALUE(launcher)),
    {"force", 'f', 0, G_OPTION_ARG_NONE, VALUE(force), "Run again what the directory holds already", NULL},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, VALUE(quiet), "Print no progress", NULL},
    {"example", 0, 0, G_OPTION_ARG_NONE, VALUE(example), "Print a commented question, to start from", NULL},
    {"describe", 0, 0, G_OPTION_ARG_NONE, VALUE(describe), "Print every element and attribute of questions",
     NULL},
    G_OPTION_ENTRY_NULL};
TW_COMMAND_VALUES(plan_values, plan_options)
#undef VALUE

static void say(void *user, const char *line)
{
  const plan_values *values = user;
  if (!values->quiet)
    fprintf(stderr, "plan: %s\n", line);
}

static int run(const tw_command *command, int argc, char **argv, GError **error)
{
  g_auto(plan_values) values = {.jobs = G_MININT64};
  if (!tw_command_read(command, &values, &argc, &argv, error))
    return TW_EXIT_USAGE;
  if (values.describe) {
    g_autofree char *text = tw_schema_describe(&tw_question_element);
    fputs(text, stdout);
    return TW_EXIT_OK;
  }
  if (values.example) {
    fputs(tw_question_example, stdout);
    return TW_EXIT_OK;
  }
  const char *wrong = argc != 2                  ? "name one question file"
                      : values.directory == NULL ? "name a directory for the answer with -o DIR"
                      : values.jobs != G_MININT64 && values.jobs < 1 ? "--jobs must be 1 or more"
                                                                     : NULL;
  if (wrong != NULL) {
    tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "%s; usage: tokenworks plan %s", wrong,
                       command->usage);
    return TW_EXIT_USAGE;
  }
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_question) question = tw_question_load(argv[1], faults);
  for (guint i = 0; i < tw_faults_count(faults); i++)
    fprintf(stderr, "%s\n", tw_faults_get(faults, i));
  if (question == NULL)
    return TW_EXIT_USAGE;
  g_autoptr(tw_designs) designs = tw_designs_new(question, values.directory, error);
  if (designs == NULL)
    return TW_EXIT_USAGE;
  const tw_launcher *launcher = tw_launcher_find(values.launcher, error);
  if (launcher == NULL)
    return TW_EXIT_USAGE;
  tw_answer_options options = {launcher, MAX(values.jobs, 0), values.force, say, &values};
  g_autoptr(tw_answer) answer = tw_answer_find(question, designs, &options, error);
  if (answer == NULL || !tw_answer_write(answer, error))
    return tw_jobs_interrupted() != 0 ? 128 + tw_jobs_interrupted() : TW_EXIT_FAILED;
  tw_answer_print(answer, stdout);
  return answer->ranked->len > 0 ? TW_EXIT_OK : TW_EXIT_FAILED;
}

const tw_command tw_plan_command = {
    .name = "plan",
    .summary = "find what to build for a load: site, size, layout",
    .usage = "QUESTION.xml -o DIR",
    .description =
        "Answers a question: which of the sites that may be built, in which size, with the model laid out "
        "how,\n"
        "serves a load within its SLO and limits best. Designs that cannot be are dropped, an estimate from "
        "the\n"
        "step times orders the others, and runs on growing slices of the load find the best; every number of "
        "the\n"
        "answer comes from a run of the whole load. The answer is tried with other seeds and more load.\n"
        "\n"
        "DIR holds the answer (plan.html, plan.json, plan.csv), the best design as a scenario (answer.xml), "
        "reports of "
        "the best\n"
        "few, and every run. The same command goes on where a search was interrupted or killed. Exit code 1: "
        "no\n"
        "design meets the question, and the nearest is told.",
    .example = "tokenworks plan sim/scenarios/plan-reasoning-one-megawatt.xml -o runs/plan",
    .run = run,
    .options = plan_options,
};
