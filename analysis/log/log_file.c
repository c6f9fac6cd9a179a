#include "analysis/log/log_file.h"

#include "platforms/input/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct tw_log_file {
  char *path;
  int fd;
  guint64 bytes_read;
  struct libdeflate_decompressor *decompressor;
  guint8 member[TW_MEMBER_MAX_BYTES];
  char text[TW_MEMBER_MAX_BYTES + 1];
};

tw_log_file *tw_log_file_open(const char *directory, const tw_log_table *table, GError **error)
{
  g_autofree char *path = tw_log_table_path(directory, table);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    tw_input_error_set(error, TW_INPUT_ERROR_FILE, path, 0, "cannot open the table: %s", g_strerror(errno));
    return NULL;
  }
  tw_log_file *file = g_new(tw_log_file, 1);
  file->path = g_steal_pointer(&path);
  file->fd = fd;
  file->bytes_read = 0;
  file->decompressor = libdeflate_alloc_decompressor();
  return file;
}

void tw_log_file_close(tw_log_file *file)
{
  if (file == NULL)
    return;
  close(file->fd);
  libdeflate_free_decompressor(file->decompressor);
  g_free(file->path);
  g_free(file);
}

const char *tw_log_file_path(const tw_log_file *file)
{
  return file->path;
}

guint64 tw_log_file_bytes_read(const tw_log_file *file)
{
  return file->bytes_read;
}

guint64 tw_log_file_size(const tw_log_file *file)
{
  struct stat status;
  return fstat(file->fd, &status) == 0 ? (guint64)status.st_size : 0;
}

/* Reads n bytes at the offset, or as many as there are, and returns how many. */
static gsize read_at(tw_log_file *file, guint64 offset, guint8 *to, gsize n)
{
  gsize done = 0;
  while (done < n) {
    gssize got = pread(file->fd, to + done, n - done, (off_t)(offset + done));
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      break;
    done += (gsize)got;
  }
  file->bytes_read += done;
  return done;
}

static tw_member_status damaged(tw_member *member, const char *fault)
{
  *member = (tw_member){.fault = fault};
  return TW_MEMBER_DAMAGED;
}

tw_member_status tw_log_file_read(tw_log_file *file, guint64 offset, tw_member *member)
{
  const char *fault;
  gsize got = read_at(file, offset, file->member, TW_MEMBER_HEADER_BYTES);
  if (got == 0)
    return TW_MEMBER_NONE;
  if (got < TW_MEMBER_HEADER_BYTES)
    return damaged(member, "is cut off");
  gsize length = tw_member_length(file->member);
  if (length == 0)
    return damaged(member, "does not begin as a member of a table does");
  gsize rest = length - TW_MEMBER_HEADER_BYTES;
  if (read_at(file, offset + TW_MEMBER_HEADER_BYTES, file->member + TW_MEMBER_HEADER_BYTES, rest) < rest)
    return damaged(member, "is cut off");
  gssize n = tw_member_decode(file->decompressor, file->member, length, file->text, &fault);
  if (n < 0)
    return damaged(member, fault);
  file->text[n] = '\0';
  *member = (tw_member){file->member, length, file->text, (gsize)n, NULL};
  return TW_MEMBER_WHOLE;
}

gsize tw_log_file_length(tw_log_file *file, guint64 offset)
{
  guint8 header[TW_MEMBER_HEADER_BYTES];
  return read_at(file, offset, header, sizeof header) == sizeof header ? tw_member_length(header) : 0;
}

guint64 tw_log_file_find(tw_log_file *file, guint64 offset)
{
  for (;;) {
    gsize n = read_at(file, offset, file->member, sizeof file->member);
    gsize at = tw_member_find(file->member, n);
    if (at < n || n < sizeof file->member)
      return offset + at;
    offset += n - (TW_MEMBER_HEADER_BYTES - 1); /* a header may straddle the end of what was read */
  }
}

GArray *tw_log_file_index(tw_log_file *file)
{
  GArray *entries = g_array_new(FALSE, FALSE, sizeof(tw_index_entry));
  g_autofree char *path = g_strconcat(file->path, ".index", NULL);
  g_autofree char *text = NULL;
  gsize n;
  if (!g_file_get_contents(path, &text, &n, NULL))
    return entries;
  file->bytes_read += n;
  if (!g_str_has_prefix(text, TW_INDEX_HEADER))
    return entries;

  guint64 least_offset = 0;
  for (char *line = text + strlen(TW_INDEX_HEADER), *end; (end = strchr(line, '\n')) != NULL;
       line = end + 1) {
    tw_index_entry entry;
    *end = '\0';
    if (!tw_index_parse(line, &entry) || entry.offset < least_offset)
      break;
    g_array_append_val(entries, entry);
    least_offset = entry.offset + 1;
  }
  return entries;
}
