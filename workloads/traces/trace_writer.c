/* Writing traces: files, and what the formats share. */
#include "workloads/traces/trace_writer.h"

#include "platforms/input/fault.h"

#include <glib/gstdio.h>
#include <zlib.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
  tw_trace_part part;
  const char *name;
} parts[] = {
#define X(part, name) {TW_TRACE_##part, name},
    TW_TRACE_PARTS(X)
#undef X
};

struct tw_trace_writer {
  const tw_trace_format *format;
  char *path;
  char *place; /* name that `partial` takes in the end */
  char *
      partial; /* path of the file that is written until then; NULL: not a regular file, which is written in place */
  gzFile file; /* zlib writes plain files too */
  gboolean linked;
  GString *row;
  guint64 lost[G_N_ELEMENTS(parts)]; /* requests that had what the format cannot say */
};

static gboolean write_failed(const tw_trace_writer *writer, int problem, GError **error)
{
  const char *why = problem == Z_ERRNO ? g_strerror(errno) : zError(problem);
  g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s: cannot be written: %s", writer->path, why);
  return FALSE;
}

static gboolean flush_row(tw_trace_writer *writer, GError **error)
{
  int problem;
  gsize length = writer->row->len;
  if (gzwrite(writer->file, writer->row->str, (unsigned)length) != (int)length) {
    gzerror(writer->file, &problem);
    return write_failed(writer, problem, error);
  }
  g_string_truncate(writer->row, 0);
  return TRUE;
}

/* Opens what is to be written: beside the file that it will be, unless that is no regular file. -1 with
 * errno. */
static int open_partial(tw_trace_writer *writer)
{
  struct stat status;
  if (g_str_equal(writer->path, "-"))
    return dup(STDOUT_FILENO);
  if (stat(writer->path, &status) == 0 && !S_ISREG(status.st_mode))
    return open(writer->path, O_WRONLY | O_CLOEXEC);
  writer->place = realpath(writer->path, NULL); /* a symbolic link stays, and its target is written */
  if (writer->place == NULL)
    writer->place = strdup(writer->path);
  writer->partial = g_strdup_printf("%s.partial-XXXXXX", writer->place);
  int fd = g_mkstemp_full(writer->partial, O_WRONLY | O_CLOEXEC, 0666);
  if (fd < 0)
    g_clear_pointer(&writer->partial, g_free);
  return fd;
}

static void free_writer(tw_trace_writer *writer)
{
  g_string_free(writer->row, TRUE);
  g_free(writer->path);
  free(writer->place);
  g_free(writer->partial);
  g_free(writer);
}

tw_trace_writer *tw_trace_writer_open_linked(const char *path, const tw_trace_format *format, gboolean linked,
                                             GError **error)
{
  tw_trace_writer *writer = g_new0(tw_trace_writer, 1);
  writer->format = format != NULL ? format : &tw_trace_native;
  writer->path = g_strdup(path);
  writer->linked = linked && writer->format->header_linked != NULL;
  writer->row = g_string_new(writer->linked ? writer->format->header_linked : writer->format->header);
  if (writer->format->header == NULL) {
    tw_input_error_set(
        error, TW_INPUT_ERROR_USAGE, NULL, 0,
        "--to: the format %s is read, not written; tokenworks, azure, mooncake and servegen are",
        writer->format->name);
    free_writer(writer);
    return NULL;
  }
  errno = 0;
  int fd = open_partial(writer);
  writer->file = fd >= 0 ? gzdopen(fd, g_str_has_suffix(path, ".gz") ? "wb6" : "wbT") : NULL;
  if (writer->file == NULL) {
    tw_input_error_set(error, TW_INPUT_ERROR_FILE, path, 0, "cannot be written: %s", g_strerror(errno));
    free_writer(writer);
    return NULL;
  }
  return writer;
}

tw_trace_writer *tw_trace_writer_open(const char *path, const tw_trace_format *format, GError **error)
{
  return tw_trace_writer_open_linked(path, format, FALSE, error);
}

gboolean tw_trace_writer_links(const tw_trace_writer *writer)
{
  return writer->linked;
}

static guint parts_of(const tw_trace_row *row)
{
  const tw_request *request = &row->request;
  return (request->reasoning_tokens > 0 ? TW_TRACE_REASONING : 0) |
         (request->session != NULL ? TW_TRACE_SESSION : 0) |
         (request->priority != 0 ? TW_TRACE_PRIORITY : 0) |
         (tw_trace_prompt_hashes(request) > 0 ? TW_TRACE_HASHES : 0) |
         (request->class != NULL ? TW_TRACE_CLASS : 0) | (row->n_waits > 0 ? TW_TRACE_WAITS : 0) |
         (tw_request_output_tokens(request) == 0 ? TW_TRACE_EMPTY : 0);
}

gboolean tw_trace_writer_add_row(tw_trace_writer *writer, const tw_trace_row *row, GError **error)
{
  guint lost = parts_of(row) & ~writer->format->write(writer->row, row, writer->linked);
  for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
    writer->lost[i] += (lost & parts[i].part) != 0;
  g_string_append_c(writer->row, '\n');
  return flush_row(writer, error);
}

gboolean tw_trace_writer_add(tw_trace_writer *writer, const tw_request *request, GError **error)
{
  tw_trace_row row = TW_TRACE_ROW_EMPTY;
  row.request = *request;
  return tw_trace_writer_add_row(writer, &row, error);
}

char *tw_trace_writer_lost(const tw_trace_writer *writer)
{
  g_autoptr(GString) text = g_string_new(NULL);
  for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
    if (writer->lost[i] > 0)
      g_string_append_printf(text, "%s%s (%" G_GUINT64_FORMAT ")", text->len > 0 ? ", " : "", parts[i].name,
                             writer->lost[i]);
  return text->len > 0 ? g_strdup_printf("the format %s cannot say, and these requests lose: %s",
                                         writer->format->name, text->str)
                       : NULL;
}

gboolean tw_trace_writer_close(tw_trace_writer *writer, GError **error)
{
  gboolean good = writer->row->len == 0 || flush_row(writer, error); /* a header without requests */
  int problem = gzclose(writer->file);
  if (good && problem != Z_OK)
    good = write_failed(writer, problem, error);
  if (good && writer->partial != NULL && g_rename(writer->partial, writer->place) != 0)
    good = write_failed(writer, Z_ERRNO, error);
  if (!good && writer->partial != NULL)
    g_unlink(writer->partial);
  free_writer(writer);
  return good;
}

void tw_trace_writer_discard(tw_trace_writer *writer)
{
  gzclose(writer->file);
  if (writer->partial != NULL)
    g_unlink(writer->partial);
  free_writer(writer);
}
