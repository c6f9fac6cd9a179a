#include "platforms/input/fault.h"
#include "sim/commands/command.h"
#include "sim/commands/output.h"

#include <locale.h>

const tw_command *const tw_commands[] = {&tw_run_command,      &tw_check_command,   &tw_platform_command,
                                         &tw_workload_command, &tw_report_command,  &tw_explain_command,
                                         &tw_show_command,     &tw_compare_command, &tw_trace_command,
                                         &tw_log_command,      &tw_net_command,     &tw_sweep_command,
                                         &tw_search_command,   &tw_plan_command,    &tw_calibrate_command,
                                         &tw_work_command,     &tw_manual_command,  NULL};

const char tw_program_description[] =
    "Tokenworks simulates AI factories: it replays a trace of inference requests on a described data centre.";

static void print_help(FILE *out)
{
  fprintf(out, "%s\n\nUsage:\n  tokenworks COMMAND [OPTION...]\n\nCommands:\n", tw_program_description);
  for (const tw_command *const *command = tw_commands; *command != NULL; command++)
    fprintf(out, "  %-10s %s\n", (*command)->name, (*command)->summary);
  fprintf(out,
          "\n`tokenworks COMMAND --help` explains a command. A first run:\n  %s\n\n"
          "Exit codes: 0 done, 1 the run or a check failed, 2 bad usage or bad input.\n",
          tw_run_command.example);
}

static const tw_command *find_command(const char *name)
{
  const char *names[G_N_ELEMENTS(tw_commands)] = {NULL};
  for (guint i = 0; tw_commands[i] != NULL; i++) {
    if (g_str_equal(tw_commands[i]->name, name))
      return tw_commands[i];
    names[i] = tw_commands[i]->name;
  }
  const char *near = tw_nearest(name, names);
  fprintf(stderr, "tokenworks: unknown command '%s'; %s%s%s`tokenworks --help` lists the commands\n", name,
          near != NULL ? "did you mean '" : "", near != NULL ? near : "", near != NULL ? "'? " : "");
  return NULL;
}

int main(int argc, char **argv)
{
  setlocale(LC_CTYPE, "");
  tw_output_watch();
  if (argc < 2 || g_str_equal(argv[1], "--help") || g_str_equal(argv[1], "-h") ||
      g_str_equal(argv[1], "help")) {
    print_help(argc < 2 ? stderr : stdout);
    return argc < 2 ? TW_EXIT_USAGE : TW_EXIT_OK;
  }
  if (g_str_equal(argv[1], "--version")) {
    puts("tokenworks " TW_VERSION);
    return TW_EXIT_OK;
  }
  const tw_command *command = find_command(argv[1]);
  if (command == NULL)
    return TW_EXIT_USAGE;
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) owned = g_ptr_array_new_with_free_func(g_free);
  g_autofree char **words = tw_command_words(command, argv + 1, owned);
  int code = command->run(command, (int)g_strv_length(words), words, &error);
  if (error == NULL)
    return code;
  fprintf(stderr, "tokenworks %s: %s\n", command->name, error->message);
  return error->domain == TW_INPUT_ERROR ? TW_EXIT_USAGE : TW_EXIT_FAILED;
}
