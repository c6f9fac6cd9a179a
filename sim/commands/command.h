/* Subcommands of `tokenworks`: a row each in the table of main.c. Rows are data: help, the manual page and
 * the completion of shells are made from them. */
#ifndef TW_SIM_COMMAND_H
#define TW_SIM_COMMAND_H

#include <glib.h>

#include <stddef.h>

/* Exit codes of every subcommand. */
enum { TW_EXIT_OK = 0, TW_EXIT_FAILED = 1, TW_EXIT_USAGE = 2 };

typedef struct tw_command {
  const char *name;        /* "log", and of an action of it "log cat" */
  const char *summary;     /* one line for `tokenworks --help` */
  const char *usage;       /* "SCENARIO.xml -o DIR" */
  const char *description; /* text above the options; may hold several paragraphs */
  const char *example;     /* a command line that works in the source tree */
  /* argv[0] is the name of the subcommand. Sets `error` or returns an exit code; TW_INPUT_ERROR means exit 2,
   * any other error exit 1. What it prints goes to standard output; faults are printed by main. */
  int (*run)(const struct tw_command *command, int argc, char **argv, GError **error);
  /* The command's options, with TW_OPTION as their arg_data; ends as GLib's tables do. NULL: none. A
   * description of the form "a|b|c" lists the values that the option takes. */
  const GOptionEntry *options;
  /* The command's actions, as `log` has cat and verify; ends with a row without a name. NULL: none. */
  const struct tw_command *actions;
} tw_command;

/* The place of an option in a struct of values: {"rows", 'n', 0, G_OPTION_ARG_INT, TW_OPTION(values, rows),
 * ...}. Texts are the caller's to free. */
#define TW_OPTION(type, member) ((gpointer)offsetof(type, member))
/* Options of commands that run scenarios side by side; `place` is a TW_OPTION. */
#define TW_OPTION_JOBS(place)                                                                                \
  {                                                                                                          \
    "jobs", 'j', 0, G_OPTION_ARG_INT64, place,                                                               \
        "Run so many at once; default: as many as there are cores, or as Slurm lets run", "N"                \
  }
#define TW_OPTION_LAUNCHER(place)                                                                            \
  {                                                                                                          \
    "launcher", 0, 0, G_OPTION_ARG_STRING, place,                                                            \
        "Who runs them: this machine (default), or Slurm in job arrays, which reads SBATCH_PARTITION "       \
        "and the like",                                                                                      \
        TW_LAUNCHER_NAMES                                                                                    \
  }

/* Reads the options of a command into the struct `values` that its table is about (NULL if it has none), and
 * removes them from argv; what is left in argv[1..] are the operands. `--help` prints the command's help and
 * exits 0. An unknown option is TW_INPUT_ERROR and names the nearest one. */
gboolean tw_command_read(const tw_command *command, gpointer values, int *argc, char ***argv, GError **error);

/* A copy of argv in which values are words of their own: "-j4" becomes "-j 4", as the options of the command,
 * or of the action that argv[1] names, take them. The strings that are new are kept in `owned`, the others
 * are borrowed. */
char **tw_command_words(const tw_command *command, char **argv, GPtrArray *owned);
/* Frees the texts that tw_command_read has put into `values` for a table of options. */
void tw_options_clear(const GOptionEntry *options, gpointer values);
/* Stands behind the table of a struct of values, and lets g_auto free the texts in it. */
#define TW_COMMAND_VALUES(type, options)                                                                     \
  static void clear_##type(type *values)                                                                     \
  {                                                                                                          \
    tw_options_clear(options, values);                                                                       \
  }                                                                                                          \
  G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(type, clear_##type)

/* The value of a time option: seconds as the tables have them, or a time with its unit. A NULL text leaves
 * the value as it is. FALSE with TW_INPUT_ERROR that names the option. */
gboolean tw_option_read_time(const char *option, const char *text, double *value_s, GError **error);

/* Characters in a line of the terminal that a file is open on, or as COLUMNS says, or else `fallback`. */
int tw_terminal_width(int file, int fallback);

/* Runs the action that argv[1] names: the `run` of a command that has actions. */
int tw_command_run_action(const tw_command *command, int argc, char **argv, GError **error);
/* "cat" of "log cat". Borrowed. */
const char *tw_command_word(const tw_command *command);

/* A description of the program, for its help and manual page. */
extern const char tw_program_description[];

/* Every subcommand, in the order of `tokenworks --help`; ends with NULL. */
extern const tw_command *const tw_commands[];

extern const tw_command tw_run_command, tw_check_command, tw_platform_command, tw_workload_command,
    tw_report_command, tw_explain_command, tw_compare_command, tw_trace_command, tw_show_command,
    tw_log_command, tw_net_command, tw_sweep_command, tw_search_command, tw_plan_command,
    tw_calibrate_command, tw_work_command, tw_manual_command;

#endif
