/* Reads a table of a run directory, row by row, in bounded memory.
 *
 *     g_autoptr(tw_log_reader) reader = tw_log_reader_open(directory, "requests", error);
 *     int arrival = tw_log_reader_column(reader, "arrival_s", error);
 *     while (tw_log_reader_next(reader, &failure))
 *       use(tw_log_reader_number(reader, arrival));
 *
 * Damage is TW_INPUT_ERROR and says where; the rows before it have been read. */
#ifndef TW_ANALYSIS_LOG_READER_H
#define TW_ANALYSIS_LOG_READER_H

#include "sim/log/log_format.h"

typedef struct tw_log_reader tw_log_reader;

/* NULL with TW_INPUT_ERROR if the directory holds no run, another version's, or not that table. */
tw_log_reader *tw_log_reader_open(const char *directory, const char *table, GError **error);
void tw_log_reader_close(tw_log_reader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_log_reader, tw_log_reader_close)

/* The columns of the file, an array of tw_column. Borrowed. */
const GArray *tw_log_reader_columns(const tw_log_reader *reader);
/* The position of the column of that name, or -1 with TW_INPUT_ERROR that names the nearest. */
int tw_log_reader_column(const tw_log_reader *reader, const char *name, GError **error);

/* Before the first row: reads only rows with from_s <= time < to_s, where time is the table's time column.
 * With an index this touches the blocks that may hold such rows, without one all of them. */
void tw_log_reader_window(tw_log_reader *reader, double from_s, double to_s);

/* Goes to the next row. FALSE at the end, or on damage, which sets `error`. A table without its end marker
 * (its run was killed, or still writes) yields its rows and then the error that says so. */
gboolean tw_log_reader_next(tw_log_reader *reader, GError **error);

/* Cells of the row. A text is borrowed until the next row, and empty where there is no value; a number is
 * NAN, an integer TW_LOG_NONE there. */
const char *tw_log_reader_text(const tw_log_reader *reader, int column);
double tw_log_reader_number(const tw_log_reader *reader, int column);
double tw_log_reader_amount(const tw_log_reader *reader, int column); /* a number, 0 where there is none */
gint64 tw_log_reader_integer(const tw_log_reader *reader, int column);

/* Columns that a source reads by name. For a list LIST(X) of X(name), defines the struct `columns`, in which each
 * name is the position of its column, and `find_columns`, which fills it: FALSE with `error` set if one is missing. */
#define TW_LOG_COLUMNS(LIST)                                                                                 \
  typedef struct columns {                                                                                   \
    LIST(TW_LOG_COLUMN_MEMBER)                                                                               \
  } columns;                                                                                                 \
  static gboolean find_columns(const tw_log_reader *reader, columns *found, GError **error)                  \
  {                                                                                                          \
    LIST(TW_LOG_COLUMN_FIND)                                                                                 \
    return TRUE;                                                                                             \
  }
#define TW_LOG_COLUMN_MEMBER(name) int name;
#define TW_LOG_COLUMN_FIND(name)                                                                             \
  if ((found->name = tw_log_reader_column(reader, #name, error)) < 0)                                        \
    return FALSE;

/* Bytes read so far from the table's file and its index. */
guint64 tw_log_reader_bytes_read(const tw_log_reader *reader);

#endif
