#include "sim/commands/output.h"

#include <glib/gstdio.h>

#include <errno.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean fail(GError **error, const char *path, int code)
{
  g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(code), "%s: cannot be written: %s", path,
              g_strerror(code));
  return FALSE;
}

/* Whether a file of that name can be put in the place of what is there. */
static gboolean is_replaceable(const char *path)
{
  struct stat status;
  return lstat(path, &status) != 0 || S_ISREG(status.st_mode);
}

gboolean tw_output_open(tw_output *output, const char *path, GError **error)
{
  *output = (tw_output){.path = g_strdup(path),
                        .part = is_replaceable(path) ? g_strconcat(path, ".part", NULL) : NULL};
  const char *opened = output->part != NULL ? output->part : path;
  output->out = g_fopen(opened, "we");
  if (output->out != NULL)
    return TRUE;
  fail(error, opened, errno);
  g_clear_pointer(&output->part, g_free);
  g_clear_pointer(&output->path, g_free);
  return FALSE;
}

gboolean tw_output_close(tw_output *output, gboolean good, GError **error)
{
  errno = 0;
  gboolean failed = ferror(output->out) != 0;
  if ((fclose(output->out) != 0 || failed) && good)
    good = fail(error, output->path, errno != 0 ? errno : EIO);
  if (output->part != NULL && good && g_rename(output->part, output->path) != 0)
    good = fail(error, output->path, errno);
  if (output->part != NULL && !good)
    g_unlink(output->part);
  g_clear_pointer(&output->part, g_free);
  g_clear_pointer(&output->path, g_free);
  return good;
}

gboolean tw_output_write(const char *path, const char *text, GError **error)
{
  tw_output output;
  if (!tw_output_open(&output, path, error))
    return FALSE;
  fputs(text, output.out);
  return tw_output_close(&output, TRUE, error);
}

/* A standard output that is closed from the start is no fault of a command that prints nothing. */
static void close_standard_output(void)
{
  gboolean failed = ferror(stdout) != 0, pending = __fpending(stdout) != 0;
  errno = 0;
  if ((fclose(stdout) == 0 || (!pending && errno == EBADF)) && !failed)
    return;
  fprintf(stderr, "tokenworks: standard output cannot be written%s%s\n", errno != 0 ? ": " : "",
          errno != 0 ? g_strerror(errno) : "; is its disk full?");
  _exit(1);
}

void tw_output_watch(void)
{
  atexit(close_standard_output);
}
