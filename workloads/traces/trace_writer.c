/* Writing traces: files, and what the formats share. */
#include "workloads/traces/trace.h"

#include <zlib.h>

#include <errno.h>
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
  gzFile file; /* zlib writes plain files too */
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

tw_trace_writer *tw_trace_writer_open(const char *path, const tw_trace_format *format, GError **error)
{
  errno = 0;
  const char *mode = g_str_has_suffix(path, ".gz") ? "wb6" : "wbT";
  gzFile file = g_str_equal(path, "-") ? gzdopen(dup(STDOUT_FILENO), mode) : gzopen(path, mode);
  if (file == NULL) {
    tw_input_error_set(error, TW_INPUT_ERROR_FILE, path, 0, "cannot be written: %s", g_strerror(errno));
    return NULL;
  }
  tw_trace_writer *writer = g_new0(tw_trace_writer, 1);
  writer->format = format != NULL ? format : &tw_trace_native;
  writer->path = g_strdup(path);
  writer->file = file;
  writer->row = g_string_new(writer->format->header);
  return writer;
}

void tw_trace_append_number(GString *row, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  static const char *const formats[] = {"%.9g", "%.15g", "%.16g", "%.17g"};
  for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
    g_ascii_formatd(text, sizeof text, formats[i], value);
    if (g_ascii_strtod(text, NULL) == value)
      break;
  }
  g_string_append(row, text);
}

void tw_trace_append_text(GString *row, const char *text)
{
  if (text == NULL)
    return;
  if (strpbrk(text, "\", \t") == NULL) {
    g_string_append(row, text);
    return;
  }
  g_string_append_c(row, '"');
  for (const char *c = text; *c != '\0'; c++) {
    if (*c == '"')
      g_string_append_c(row, '"');
    g_string_append_c(row, *c);
  }
  g_string_append_c(row, '"');
}

gint32 tw_trace_prompt_hashes(const tw_request *request)
{
  return request->context_tokens > 0 ? MIN(request->n_hashes, request->prompt_tokens / request->hash_tokens)
                                     : request->n_hashes;
}

static guint parts_of(const tw_request *request)
{
  return (request->reasoning_tokens > 0 ? TW_TRACE_REASONING : 0) |
         (request->session != NULL ? TW_TRACE_SESSION : 0) |
         (request->priority != 0 ? TW_TRACE_PRIORITY : 0) |
         (tw_trace_prompt_hashes(request) > 0 ? TW_TRACE_HASHES : 0) |
         (request->class != NULL ? TW_TRACE_CLASS : 0);
}

gboolean tw_trace_writer_add(tw_trace_writer *writer, const tw_request *request, GError **error)
{
  guint lost = parts_of(request) & ~writer->format->write(writer->row, request);
  for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
    writer->lost[i] += (lost & parts[i].part) != 0;
  g_string_append_c(writer->row, '\n');
  return flush_row(writer, error);
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
  g_string_free(writer->row, TRUE);
  g_free(writer->path);
  g_free(writer);
  return good;
}
