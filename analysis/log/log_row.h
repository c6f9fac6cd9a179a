/* Text of a table, row by row: CSV as RFC 4180 has it, a line feed after each row. */
#ifndef TW_ANALYSIS_LOG_ROW_H
#define TW_ANALYSIS_LOG_ROW_H

#include "sim/log/log_format.h"

/* The columns that a header line (without its line break) names; those that the table does not know are
 * texts. An array of tw_column whose names belong to it: free it with g_array_unref. */
GArray *tw_row_columns(const tw_log_table *table, const char *header);

/* The position of the column of that name, or -1. */
int tw_row_column_find(const GArray *columns, const char *name);

/* Cuts the row at `text` into n cells, unquoted and NUL-terminated in place, and returns what follows the
 * row. NULL if it is no row of n cells, with what is wrong in `fault` (a constant); the text is then spoilt.
 * The text ends in a NUL. */
char *tw_row_split(char *text, char **cells, guint n, const char **fault);

/* A cell's number; NAN if it is empty or not a number, TW_LOG_NONE likewise. */
double tw_cell_number(const char *cell);
gint64 tw_cell_whole_number(const char *cell);

/* Whether the cell holds what its column promises: a number, a whole number, anything; or nothing. */
gboolean tw_cell_fits(const char *cell, tw_column_type type);

#endif
