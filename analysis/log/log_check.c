#include "analysis/log/log_check.h"

#include "analysis/log/log_file.h"
#include "analysis/log/log_row.h"
#include "analysis/log/run_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/file.h>
#include <unistd.h>

typedef struct {
  tw_index_entry entry;
  gsize length;
} whole_member;

/* The parts of a table's file that a repair can keep. */
typedef struct {
  GArray *members; /* whole members (whole_member): the header's, if it is there, and those with rows */
  GArray *columns; /* columns (tw_column) as the header names them, or else `names` */
  char *names;     /* the header line that the run would have written; NULL: there is a header */
  gboolean header; /* the first member is one */
  gboolean end;    /* the last member is an end marker, and no other */
  guint64 size, rows;
} contents;

static void clear_contents(contents *found)
{
  g_clear_pointer(&found->members, g_array_unref);
  g_clear_pointer(&found->columns, g_array_unref);
  g_clear_pointer(&found->names, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(contents, clear_contents)

static void add_fault(tw_faults *faults, tw_log_file *file, guint64 offset, const char *fault)
{
  tw_faults_add(faults, tw_log_file_path(file), 0, "the block at byte %" G_GUINT64_FORMAT " %s", offset,
                fault);
}

/* Reads the rows of a member into its index entry. NULL, or what is wrong with them. */
static char *read_rows(const GArray *columns, int time_column, tw_member *member, tw_index_entry *entry)
{
  const tw_column *column = &g_array_index(columns, tw_column, 0);
  g_autofree char **cells = g_new(char *, columns->len);
  char *end = member->text + member->text_bytes;
  const char *fault;

  for (char *rest = member->text; rest < end; entry->rows++) {
    rest = tw_row_split(rest, cells, columns->len, &fault);
    if (rest == NULL)
      return g_strdup_printf("is damaged in row %" G_GUINT64_FORMAT ": %s", entry->rows + 1, fault);
    for (guint i = 0; i < columns->len; i++)
      if (!tw_cell_fits(cells[i], column[i].type))
        return g_strdup_printf("is damaged in row %" G_GUINT64_FORMAT ": %s is '%s'", entry->rows + 1,
                               column[i].name, cells[i]);
    double time_s = tw_cell_number(cells[time_column]);
    entry->first_s = fmin(entry->first_s, time_s);
    entry->last_s = fmax(entry->last_s, time_s);
  }
  return NULL;
}

/* Whether the member is the header: a line that names the columns, the time column among them. */
static gboolean read_header(const tw_log_table *table, const tw_member *member, contents *found)
{
  const char *line_break = memchr(member->text, '\n', member->text_bytes);
  if (line_break == NULL || line_break + 1 != member->text + member->text_bytes)
    return FALSE;
  g_autofree char *line = g_strndup(member->text, member->text_bytes - 1);
  GArray *columns = tw_row_columns(table, line);
  if (tw_row_column_find(columns, table->columns[table->time_column].name) < 0) {
    g_array_unref(columns);
    return FALSE;
  }
  found->columns = columns;
  return TRUE;
}

static void keep_member(contents *found, const tw_index_entry *entry, gsize length)
{
  whole_member member = {*entry, length};
  g_array_append_val(found->members, member);
  found->rows += entry->rows;
}

/* The header line of the table with the columns that run.json names, or with those of every run where it is not to be
 * read. The caller frees it. */
static char *header_line(const char *directory, const tw_log_table *table)
{
  json_t *run = tw_run_json_read(directory, NULL);
  g_autoptr(GString) line = g_string_new(NULL);
  for (int i = 0; i < table->n_columns; i++)
    if (tw_run_json_has_column(run, table, table->columns[i].name))
      g_string_append_printf(line, "%s%s", line->len > 0 ? "," : "", table->columns[i].name);
  json_decref(run);
  return line->len > 0 ? g_strconcat(line->str, "\n", NULL) : tw_log_table_header(table, 0);
}

/* Takes the columns that the run would have named, where there is no header. */
static void assume_columns(const char *directory, const tw_log_table *table, contents *found)
{
  if (found->columns != NULL)
    return;
  found->names = header_line(directory, table);
  g_autofree char *names = g_strndup(found->names, strlen(found->names) - 1);
  found->columns = tw_row_columns(table, names);
}

static void scan(const char *directory, tw_log_file *file, const tw_log_table *table, tw_faults *faults,
                 contents *found)
{
  tw_member_status status;
  tw_member member;
  guint64 offset = 0;

  found->members = g_array_new(FALSE, FALSE, sizeof(whole_member));
  int time_column = table->time_column;

  while ((status = tw_log_file_read(file, offset, &member)) != TW_MEMBER_NONE) {
    tw_index_entry entry = {offset, 0, NAN, NAN};
    gboolean after_end = found->end;
    found->end = status == TW_MEMBER_WHOLE && member.text_bytes == 0;
    if (status == TW_MEMBER_DAMAGED) {
      add_fault(faults, file, offset, member.fault);
      offset = tw_log_file_find(file, offset + 1);
      continue;
    }
    if (after_end)
      add_fault(faults, file, offset, "follows an end marker");
    if (offset == 0 && read_header(table, &member, found)) {
      found->header = TRUE;
      time_column = tw_row_column_find(found->columns, table->columns[table->time_column].name);
      keep_member(found, &entry, member.length);
    } else if (!found->end) {
      assume_columns(directory, table, found);
      g_autofree char *fault = read_rows(found->columns, time_column, &member, &entry);
      if (fault != NULL)
        add_fault(faults, file, offset, fault);
      else
        keep_member(found, &entry, member.length);
    }
    offset += member.length;
  }
  found->size = tw_log_file_size(file);
  assume_columns(directory, table, found);
  if (!found->header)
    add_fault(faults, file, 0, "is not the header of the table");
  if (!found->end)
    tw_faults_add(
        faults, tw_log_file_path(file), 0,
        "has no end marker: its run was killed, or still writes it; `tokenworks log repair` closes it");
}

static void take_tally(const contents *found, tw_log_tally *tally)
{
  *tally = (tw_log_tally){.rows = found->rows, .members = found->members->len, .bytes = found->size};
  if (found->header)
    tally->members--;
}

/* The index of these members, the first of which is the header's. */
static GString *index_text(const GArray *members)
{
  GString *text = g_string_new(TW_INDEX_HEADER);
  for (guint i = 0; i < members->len; i++) {
    char line[TW_INDEX_LINE_BYTES];
    gsize n = tw_index_line(&g_array_index(members, whole_member, i).entry, line);
    g_string_append_len(text, line, (gssize)n);
  }
  return text;
}

static void check_index(const tw_log_file *file, const contents *found, tw_faults *faults)
{
  g_autofree char *path = g_strconcat(tw_log_file_path(file), ".index", NULL);
  g_autofree char *text = NULL;
  g_autoptr(GString) expected = index_text(found->members);

  if (!g_file_get_contents(path, &text, NULL, NULL))
    tw_faults_add(faults, path, 0, "is not there; `tokenworks log repair` rebuilds it");
  else if (!g_str_equal(text, expected->str))
    tw_faults_add(faults, path, 0, "disagrees with its table; `tokenworks log repair` rebuilds it");
}

void tw_log_verify(const char *directory, const tw_log_table *table, tw_faults *faults, tw_log_tally *tally)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(tw_log_file) file = tw_log_file_open(directory, table, &error);
  g_auto(contents) found = {0};
  guint before = tw_faults_added(faults);

  *tally = (tw_log_tally){0};
  if (file == NULL) {
    tw_faults_add(faults, NULL, 0, "%s", error->message);
    return;
  }
  scan(directory, file, table, faults, &found);
  if (tw_faults_added(faults) == before) /* else the index has lines for what is damaged */
    check_index(file, &found, faults);
  take_tally(&found, tally);
}

/* ---- Repair ---- */

static gboolean set_errno(GError **error, const char *path)
{
  int code = errno;
  g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(code), "%s: cannot repair: %s", path,
              g_strerror(code));
  return FALSE;
}

/* Opens the file for writing and takes its lock; -1 on failure. */
static int lock_file(const char *path, GError **error)
{
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    set_errno(error, path);
  } else if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_AGAIN, "%s: a run is writing it; wait for its end", path);
    close(fd);
    fd = -1;
  }
  return fd;
}

/* Bytes that the members take. */
static guint64 sum_lengths(const GArray *members)
{
  guint64 sum = 0;
  for (guint i = 0; i < members->len; i++)
    sum += g_array_index(members, whole_member, i).length;
  return sum;
}

/* Whether the members to keep are the beginning of the file, without a gap. */
static gboolean is_prefix(const contents *found)
{
  if (!found->header)
    return FALSE;
  const whole_member *last = &g_array_index(found->members, whole_member, found->members->len - 1);
  return last->entry.offset + last->length == sum_lengths(found->members);
}

static gboolean cut_end(int fd, const char *path, guint64 size, GError **error)
{
  if (ftruncate(fd, (off_t)size) != 0 ||
      pwrite(fd, tw_member_end, TW_MEMBER_END_BYTES, (off_t)size) != TW_MEMBER_END_BYTES)
    return set_errno(error, path);
  return TRUE;
}

static gsize encode_header(const char *header, guint8 member[TW_MEMBER_MAX_BYTES])
{
  struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(TW_MEMBER_LEVEL);
  gsize length = tw_member_encode(compressor, header, strlen(header), member);
  libdeflate_free_compressor(compressor);
  return length;
}

/* Writes what is kept to another file, moving the members' entries there. */
static gboolean copy_members(tw_log_file *file, contents *found, FILE *to)
{
  guint8 header[TW_MEMBER_MAX_BYTES];
  if (!found->header) {
    whole_member first = {{0, 0, NAN, NAN}, encode_header(found->names, header)};
    fwrite(header, 1, first.length, to);
    g_array_prepend_val(found->members, first);
  }
  guint64 offset = found->header ? 0 : g_array_index(found->members, whole_member, 0).length;
  for (guint i = found->header ? 0 : 1; i < found->members->len; i++) {
    whole_member *kept = &g_array_index(found->members, whole_member, i);
    tw_member member;
    if (tw_log_file_read(file, kept->entry.offset, &member) != TW_MEMBER_WHOLE)
      return FALSE;
    fwrite(member.bytes, 1, member.length, to);
    kept->entry.offset = offset;
    offset += member.length;
  }
  fwrite(tw_member_end, 1, TW_MEMBER_END_BYTES, to);
  return !ferror(to);
}

static gboolean rewrite(tw_log_file *file, contents *found, GError **error)
{
  g_autofree char *path = g_strconcat(tw_log_file_path(file), ".repair", NULL);
  FILE *to = fopen(path, "wb");
  if (to == NULL)
    return set_errno(error, path);
  gboolean copied = copy_members(file, found, to);
  if ((fclose(to) == 0 && copied && rename(path, tw_log_file_path(file)) == 0))
    return TRUE;
  set_errno(error, path);
  unlink(path);
  return FALSE;
}

/* A run that is killed as it begins has named tables that it has not made yet. */
static gboolean make_missing(const char *directory, const tw_log_table *table, GError **error)
{
  g_autofree char *path = tw_log_table_path(directory, table),
                  *summary = g_build_filename(directory, "summary.json", NULL);
  if (g_file_test(path, G_FILE_TEST_EXISTS) || g_file_test(summary, G_FILE_TEST_EXISTS))
    return TRUE;
  return g_file_set_contents(path, "", 0, error);
}

gboolean tw_log_repair(const char *directory, const tw_log_table *table, tw_log_tally *tally, GError **error)
{
  if (!make_missing(directory, table, error))
    return FALSE;
  g_autoptr(tw_log_file) file = tw_log_file_open(directory, table, error);
  if (file == NULL)
    return FALSE;
  const char *path = tw_log_file_path(file);
  int fd = lock_file(path, error);
  if (fd < 0)
    return FALSE;

  g_autoptr(tw_faults) faults = tw_faults_new();
  g_auto(contents) found = {0};
  scan(directory, file, table, faults, &found);
  guint64 kept = sum_lengths(found.members) + (found.end ? TW_MEMBER_END_BYTES : 0);
  take_tally(&found, tally);
  tally->dropped_bytes = found.size - kept;
  gboolean done = TRUE;
  if (!is_prefix(&found))
    done = rewrite(file, &found, error);
  else if (!found.end || kept < found.size)
    done = cut_end(fd, path, sum_lengths(found.members), error);
  close(fd);
  if (!done)
    return FALSE;

  g_autofree char *index_path = g_strconcat(path, ".index", NULL);
  g_autoptr(GString) index = index_text(found.members);
  return g_file_set_contents(index_path, index->str, (gssize)index->len, error);
}
