#include "analysis/log/log_reader.h"

#include "analysis/log/log_file.h"
#include "analysis/log/log_row.h"
#include "analysis/log/run_directory.h"
#include "platforms/input/fault.h"

#include <math.h>

struct tw_log_reader {
  tw_log_file *file;
  GArray *columns; /* the columns of the file (tw_column) */
  int time_column;
  double from_s, to_s;

  /* The members by the index (tw_index_entry); NULL: members are read one after the other. */
  GArray *index;
  /* The place in the index; once all entries are done, members that it does not list follow. */
  guint next_entry;
  guint64 offset;              /* begin of the current member in the file */
  guint64 end;                 /* end of the current member in the file */
  const tw_index_entry *entry; /* the current member's entry, if the index led to it */
  gboolean ended;              /* the end marker was read */
  guint64 row;                 /* the current row of the member, counted from 1 */
  char *rest;                  /* the text of the member behind the current row */
  char *text_end;
  char **cells; /* the cells of the current row, one a column */
};

/* ---- Opening ---- */

static gboolean read_header(tw_log_reader *reader, const tw_log_table *table, GError **error)
{
  const char *path = tw_log_file_path(reader->file);
  tw_member member;
  if (tw_log_file_read(reader->file, 0, &member) != TW_MEMBER_WHOLE || member.text_bytes == 0)
    return tw_input_error_set(
        error, TW_INPUT_ERROR_FILE, path, 0,
        "does not begin with the header of a table; `tokenworks log repair` may mend it");
  member.text[strcspn(member.text, "\n")] = '\0';
  reader->columns = tw_row_columns(table, member.text);
  reader->cells = g_new0(char *, reader->columns->len);
  reader->end = member.length;
  reader->time_column = tw_row_column_find(reader->columns, table->columns[table->time_column].name);
  if (reader->time_column < 0)
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, path, 0, "has no column %s; is it the table '%s'?",
                              table->columns[table->time_column].name, table->name);
  return TRUE;
}

tw_log_reader *tw_log_reader_open(const char *directory, const char *table_name, GError **error)
{
  const tw_log_table *table = tw_run_table_find(directory, table_name, error);
  if (table == NULL)
    return NULL;
  g_autoptr(tw_log_reader) reader = g_new0(tw_log_reader, 1);
  reader->from_s = -INFINITY;
  reader->to_s = INFINITY;
  reader->file = tw_log_file_open(directory, table, error);
  if (reader->file == NULL || !read_header(reader, table, error))
    return NULL;
  return g_steal_pointer(&reader);
}

void tw_log_reader_close(tw_log_reader *reader)
{
  if (reader == NULL)
    return;
  tw_log_file_close(reader->file);
  g_clear_pointer(&reader->columns, g_array_unref);
  g_clear_pointer(&reader->index, g_array_unref);
  g_free(reader->cells);
  g_free(reader);
}

const GArray *tw_log_reader_columns(const tw_log_reader *reader)
{
  return reader->columns;
}

int tw_log_reader_column(const tw_log_reader *reader, const char *name, GError **error)
{
  int position = tw_row_column_find(reader->columns, name);
  if (position >= 0)
    return position;
  g_autofree const char **names = g_new0(const char *, reader->columns->len + 1);
  for (guint i = 0; i < reader->columns->len; i++)
    names[i] = g_array_index(reader->columns, tw_column, i).name;
  g_autofree char *right = tw_suggestion(name, names);
  tw_input_error_set(error, TW_INPUT_ERROR_USAGE, tw_log_file_path(reader->file), 0,
                     "no column is called '%s'; %s", name, right);
  return -1;
}

void tw_log_reader_window(tw_log_reader *reader, double from_s, double to_s)
{
  g_assert(reader->row == 0 && reader->index == NULL);
  reader->from_s = from_s;
  reader->to_s = to_s;
  reader->index = tw_log_file_index(reader->file);
}

/* ---- Members ---- */

/* An entry without times is not known to hold nothing. */
static gboolean may_hold_window(const tw_log_reader *reader, const tw_index_entry *entry)
{
  return entry->rows > 0 && !(entry->last_s < reader->from_s) && !(entry->first_s >= reader->to_s);
}

static gboolean set_damage(const tw_log_reader *reader, const char *fault, GError **error)
{
  return tw_input_error_set(error, TW_INPUT_ERROR_SYNTAX, tw_log_file_path(reader->file), 0,
                            "the block at byte %" G_GUINT64_FORMAT
                            " %s; `tokenworks log verify` tells how much "
                            "is damaged, `tokenworks log repair` keeps the rest",
                            reader->offset, fault);
}

static gboolean set_stale_index(const tw_log_reader *reader, GError **error)
{
  return tw_input_error_set(error, TW_INPUT_ERROR_SYNTAX, tw_log_file_path(reader->file), 0,
                            "its index disagrees with it at byte %" G_GUINT64_FORMAT
                            "; `tokenworks log repair` rebuilds the index",
                            reader->offset);
}

/* Moves to the next member that the window needs. FALSE if the index points at none. */
static gboolean choose_member(tw_log_reader *reader, GError **error)
{
  reader->entry = NULL;
  while (reader->index != NULL && reader->next_entry < reader->index->len) {
    const tw_index_entry *entry = &g_array_index(reader->index, tw_index_entry, reader->next_entry++);
    reader->offset = entry->offset;
    if (may_hold_window(reader, entry)) {
      reader->entry = entry;
      return TRUE;
    }
    if (reader->next_entry < reader->index->len)
      continue;
    gsize length = tw_log_file_length(reader->file, entry->offset);
    if (length == 0)
      return set_stale_index(reader, error);
    reader->end = entry->offset + length;
  }
  reader->offset = reader->end;
  return TRUE;
}

/* Reads the next member with rows. FALSE at the end, or on damage. */
static gboolean read_member(tw_log_reader *reader, GError **error)
{
  tw_member member;
  if (!choose_member(reader, error))
    return FALSE;
  tw_member_status status = tw_log_file_read(reader->file, reader->offset, &member);
  if (status != TW_MEMBER_WHOLE && reader->entry != NULL)
    return status == TW_MEMBER_NONE ? set_stale_index(reader, error)
                                    : set_damage(reader, member.fault, error);
  if (status == TW_MEMBER_DAMAGED)
    return set_damage(reader, member.fault, error);
  if (status == TW_MEMBER_NONE)
    return tw_input_error_set(error, TW_INPUT_ERROR_FILE, tw_log_file_path(reader->file), 0,
                              "has no end marker: its run was killed, or still writes it; `tokenworks log "
                              "repair` closes it");
  reader->end = reader->offset + member.length;
  reader->row = 0;
  reader->rest = member.text;
  reader->text_end = member.text + member.text_bytes;
  reader->ended = member.text_bytes == 0;
  if (reader->ended && reader->end < tw_log_file_size(reader->file))
    return set_damage(reader, "ends the table, but more follows", error);
  return !reader->ended;
}

/* ---- Rows ---- */

static gboolean split_row(tw_log_reader *reader, GError **error)
{
  const char *fault;
  reader->row++;
  reader->rest = tw_row_split(reader->rest, reader->cells, reader->columns->len, &fault);
  if (reader->rest != NULL)
    return TRUE;
  g_autofree char *text = g_strdup_printf("is damaged in row %" G_GUINT64_FORMAT ": %s", reader->row, fault);
  return set_damage(reader, text, error);
}

gboolean tw_log_reader_next(tw_log_reader *reader, GError **error)
{
  for (;;) {
    while (reader->rest == reader->text_end) {
      if (reader->ended)
        return FALSE;
      if (reader->entry != NULL && reader->row != reader->entry->rows)
        return set_stale_index(reader, error);
      if (!read_member(reader, error))
        return FALSE;
    }
    if (!split_row(reader, error))
      return FALSE;
    double time_s = tw_cell_number(reader->cells[reader->time_column]);
    if (reader->index == NULL || (time_s >= reader->from_s && time_s < reader->to_s))
      return TRUE;
  }
}

const char *tw_log_reader_text(const tw_log_reader *reader, int column)
{
  return reader->cells[column];
}

double tw_log_reader_number(const tw_log_reader *reader, int column)
{
  return tw_cell_number(reader->cells[column]);
}

double tw_log_reader_amount(const tw_log_reader *reader, int column)
{
  double number = tw_log_reader_number(reader, column);
  return isnan(number) ? 0 : number;
}

gint64 tw_log_reader_integer(const tw_log_reader *reader, int column)
{
  return tw_cell_whole_number(reader->cells[column]);
}

guint64 tw_log_reader_bytes_read(const tw_log_reader *reader)
{
  return tw_log_file_bytes_read(reader->file);
}
