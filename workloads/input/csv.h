/* Comma-separated tables with a header line, read by the names of their columns.
 *
 * A reader lists the columns it wants; the file may hold them in any order, and others beside them. Fields
 * may be quoted as in RFC 4180, also over lines; blanks around unquoted fields, blank lines, a byte order
 * mark, CR LF and a delimiter behind the last field are accepted. So are comments before the header (# and a blank),
 * PowerShell's #TYPE, Excel's "sep=;", and the rules of dashes and the count of rows that psql and MySQL draw. */
#ifndef TW_WORKLOADS_CSV_H
#define TW_WORKLOADS_CSV_H

#include "workloads/input/input.h"

/* A wanted column; a row with a NULL name ends a table. */
typedef struct tw_csv_column {
  const char *name;
  gboolean optional; /* the file may lack it: then all its fields are empty */
} tw_csv_column;

enum { TW_CSV_MAX_COLUMNS = 256 }; /* the most columns of a file, and of a table */

typedef struct tw_csv tw_csv;

/* Reads the header. NULL with an error where it lacks a column (naming it and the nearest one there is) or
 * has it twice. `input` and `columns` are borrowed. */
tw_csv *tw_csv_open(tw_input *input, const tw_csv_column *columns, GError **error);
/* Reads fields that `delimiter` separates: a comma, semicolon, tab or bar; '\0': that of the header line. */
tw_csv *tw_csv_open_delimited(tw_input *input, const tw_csv_column *columns, char delimiter, GError **error);
void tw_csv_free(tw_csv *csv);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_csv, tw_csv_free)

/* Reads the next row. FALSE at the end, or with `error` set. */
gboolean tw_csv_next(tw_csv *csv, GError **error);

/* The text of a field of the current row; `column` is an index in the table. "" where it is blank. Valid, and
 * the caller's to write to, until the next row. */
char *tw_csv_text(const tw_csv *csv, int column);

/* The columns of the file that nobody wants, and the wanted ones that it lacks. Borrowed, end with NULL. */
const char *const *tw_csv_unread(const tw_csv *csv);
const char *const *tw_csv_absent(const tw_csv *csv);

/* Reads on to the header line, past what may stand before it. FALSE at the end, or with `error` set. */
gboolean tw_csv_header(tw_input *input, char **line, GError **error);

/* The separator of a header line: the one of , ; tab | that cuts it into most fields. */
char tw_csv_delimiter(const char *header);

/* The fields of a header line that is not read as a table; ends with NULL. The caller frees it, not the
 * texts, which lie in the line: it is cut into pieces. NULL where the quotes are wrong. */
GPtrArray *tw_csv_names(char *line, char delimiter);

/* The name of a column, and where the table is read from, for messages. Borrowed. */
const char *tw_csv_name(const tw_csv *csv, int column);
const tw_input *tw_csv_input(const tw_csv *csv);

#endif
