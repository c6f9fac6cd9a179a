/* Runs the program as a user does, in a directory of the test's own. */
#ifndef TW_TESTS_CLI_PROGRAM_H
#define TW_TESTS_CLI_PROGRAM_H

#include "tests/check.h"

#include <glib.h>
#include <glib/gstdio.h>

#include <sys/wait.h>

typedef struct program_output {
  int code; /* exit code; 1000 + signal if it was killed */
  char *out, *err;
} program_output;

/* Takes out what AddressSanitizer says of SimGrid's stacks, which are not the thread's. */
static inline void program_drop_sanitizer_notes(char *text)
{
  static const char last[] = "sanitizers/issues/189\n";
  for (char *note, *end; (note = strstr(text, "WARNING: ASan is ignoring")) != NULL;) {
    while (note > text && note[-1] != '\n')
      note--;
    end = strstr(note, last);
    if (end == NULL)
      return;
    end += strlen(last);
    memmove(note, end, strlen(end) + 1);
  }
}

/* Runs `tokenworks ARGUMENTS` (split as a shell does) in `directory`. Free with program_output_clear. */
static inline program_output program_run(const char *directory, const char *arguments)
{
  g_autofree char *line = g_strdup_printf("%s %s", TW_PROGRAM, arguments);
  g_auto(GStrv) argv = NULL;
  g_auto(GStrv) environment = g_environ_setenv(g_get_environ(), "LC_ALL", "C", TRUE);
  program_output output = {0};
  GError *error = NULL;
  int status = 0;
  if (!g_shell_parse_argv(line, NULL, &argv, &error) ||
      !g_spawn_sync(directory, argv, environment, G_SPAWN_DEFAULT, NULL, NULL, &output.out, &output.err,
                    &status, &error))
    g_error("%s: %s", line, error->message);
  program_drop_sanitizer_notes(output.err);
  output.code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  return output;
}

static inline void program_output_clear(program_output *output)
{
  g_free(output->out);
  g_free(output->err);
}

/* Deletes a directory with all that is in it. */
static inline void program_remove(const char *directory)
{
  GDir *dir = g_dir_open(directory, 0, NULL);
  for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
    g_autofree char *path = g_build_filename(directory, name, NULL);
    if (g_file_test(path, G_FILE_TEST_IS_DIR))
      program_remove(path);
    else
      g_unlink(path);
  }
  if (dir != NULL)
    g_dir_close(dir);
  g_rmdir(directory);
}

#endif
