/* `tokenworks work`: a task of a work list, as a batch system starts it. */
#include "platforms/input/fault.h"
#include "sim/commands/command.h"
#include "sim/launchers/launcher.h"

#include <stdio.h>

typedef struct {
  gint64 task;
} work_values;

static const GOptionEntry work_options[] = {
    {"task", 0, 0, G_OPTION_ARG_INT64, TW_OPTION(work_values, task), "Run the jobs of this task", "K"},
    G_OPTION_ENTRY_NULL};

/* A run that ended by itself would end so again; one that was killed is submitted again, and not noted. */
static void note_failure(void *user, const tw_job *job, guint n_ended, guint n_jobs)
{
  const char *const *notes = user;
  (void)n_jobs;
  if (job->state != TW_JOB_FAILED || job->code >= 128)
    return;
  g_autofree char *code = g_strdup_printf("%d\n", job->code);
  fprintf(stderr, "%s ended with exit code %d\n", job->directory, job->code);
  g_file_set_contents(notes[n_ended - 1], code, -1, NULL);
}

static int run(const tw_command *command, int argc, char **argv, GError **error)
{
  work_values values = {.task = -1};
  if (!tw_command_read(command, &values, &argc, &argv, error))
    return TW_EXIT_USAGE;
  if (argc != 2 || values.task < 0 || values.task > G_MAXINT) {
    tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                       "name a work list and a task of it; usage: tokenworks work %s", command->usage);
    return TW_EXIT_USAGE;
  }
  g_autoptr(GPtrArray) jobs = tw_jobs_read(argv[1], (guint)values.task, error);
  if (jobs == NULL)
    return TW_EXIT_USAGE;
  int code = TW_EXIT_OK;
  for (guint i = 0; i < jobs->len && tw_jobs_interrupted() == 0; i++) {
    g_autoptr(GPtrArray) one = g_ptr_array_new();
    g_autofree char *note = tw_jobs_note(argv[1], (guint)values.task, i);
    g_ptr_array_add(one, jobs->pdata[i]);
    int failed =
        tw_jobs_run(one, &(tw_jobs_options){.at_once = 1, .ended = note_failure, .user = &note}, error);
    if (failed < 0)
      return TW_EXIT_FAILED;
    code = failed > 0 ? TW_EXIT_FAILED : code;
  }
  return tw_jobs_interrupted() != 0 ? 128 + tw_jobs_interrupted() : code;
}

const tw_command tw_work_command = {
    .name = "work",
    .summary = "work off a task of a sweep or a plan, as Slurm does",
    .usage = "LIST.json --task K",
    .description =
        "Runs the jobs of a task of a work list, one after the other, that are not done already. `tokenworks "
        "sweep`\n"
        "and `tokenworks plan` write such lists for --launcher slurm, whose tasks call this command; people "
        "need not.",
    .example = "tokenworks work runs/nodes/.slurm/tokenworks-0123456789ab-1.json --task 0",
    .run = run,
    .options = work_options,
};
