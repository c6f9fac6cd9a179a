/* Subcommands of `tokenworks`: a row each in the table of main.c. */
#ifndef TW_SIM_COMMAND_H
#define TW_SIM_COMMAND_H

#include <glib.h>

/* Exit codes of every subcommand. */
enum { TW_EXIT_OK = 0, TW_EXIT_FAILED = 1, TW_EXIT_USAGE = 2 };

typedef struct tw_command {
  const char *name;
  const char *summary; /* one line for `tokenworks --help` */
  const char *usage;   /* "SCENARIO.xml -o DIR" */
  const char
      *description;    /* what it does, shown by its --help above the options; may hold several paragraphs */
  const char *example; /* a command line that works in the source tree */
  /* argv[0] is the name of the subcommand. Sets `error` or returns an exit code; TW_INPUT_ERROR means exit 2,
   * any other error exit 1. What it prints goes to standard output; faults are printed by main. */
  int (*run)(const struct tw_command *command, int argc, char **argv, GError **error);
} tw_command;

/* Parses the options of a subcommand with GLib, removing them from argv; what is left in argv[1..] are the
 * operands.
 * `--help` prints the command's help and exits 0. An unknown option is TW_INPUT_ERROR and names the nearest
 * one. */
gboolean tw_command_parse(const tw_command *command, const GOptionEntry *entries, int *argc, char ***argv,
                          GError **error);

extern const tw_command tw_run_command, tw_check_command, tw_platform_command, tw_workload_command,
    tw_log_command;

#endif
