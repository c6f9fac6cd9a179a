/* Prints rows of a table in one of several formats. */
#ifndef TW_ANALYSIS_LOG_PRINT_H
#define TW_ANALYSIS_LOG_PRINT_H

#include "sim/log/log_format.h"

typedef struct tw_log_printer tw_log_printer;

/* The names of the formats, NULL-terminated: csv, jsonl (an object a line, null where there is no value),
 * table (aligned columns). Free the array with g_free, not its strings. */
const char **tw_log_print_formats(void);

/* Prints to `out` in the named format, which must be one of the above; columns are of tw_column, and
 * borrowed. */
tw_log_printer *tw_log_printer_new(const char *format, const GArray *columns, FILE *out);
/* Prints a row of a cell per column, unquoted; "" is a cell without a value. */
void tw_log_printer_row(tw_log_printer *printer, const char *const *cells);
/* Prints what is left, and frees. */
void tw_log_printer_free(tw_log_printer *printer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_log_printer, tw_log_printer_free)

#endif
