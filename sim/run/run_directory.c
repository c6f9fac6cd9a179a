#include "sim/run/run_directory.h"

#include "platforms/input/fault.h"

#include <glib/gstdio.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

double tw_run_cpu_seconds(void)
{
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

gboolean tw_run_write_json(const char *directory, const char *name, const json_t *value, GError **error)
{
  g_autofree char *path = g_build_filename(directory, name, NULL);
  char *text = json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
  g_autofree char *line = g_strconcat(text, "\n", NULL);
  free(text); /* jansson's own */
  return g_file_set_contents(path, line, -1, error);
}

int tw_run_lock_directory(const char *directory, GError **error)
{
  int lock =
      g_mkdir_with_parents(directory, 0777) == 0 ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  if (lock < 0) {
    tw_input_error_set(error, TW_INPUT_ERROR_FILE, directory, 0, "cannot be made: %s", g_strerror(errno));
  } else if (flock(lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    tw_input_error_set(error, TW_INPUT_ERROR_FILE, directory, 0,
                       "another run is writing it; name another directory, or wait for the end of that run");
    close(lock);
    lock = -1;
  }
  return lock;
}

gboolean tw_run_prepare_directory(const char *directory, gboolean force, GError **error)
{
  g_autofree char *run = g_build_filename(directory, "run.json", NULL);
  g_autofree char *summary = g_build_filename(directory, "summary.json", NULL);
  g_autofree char *what_if = g_build_filename(directory, "what-if.json", NULL);
  if (g_file_test(run, G_FILE_TEST_EXISTS) && !force)
    return tw_input_error_set(error, TW_INPUT_ERROR_FILE, directory, 0,
                              "holds a run already; name another directory, or overwrite it with --force");
  g_unlink(summary); /* an older run's, as is what would have helped it */
  g_unlink(what_if);
  return TRUE;
}
