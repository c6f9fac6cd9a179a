/* Writes one table of a run directory, as the run goes, in bounded memory, compressed on a thread of its own.
 *
 *     simulation thread                         compression thread (one for all tables of a run)
 *     row ─► text of the current block ─full─►  queue ─► deflate ─► NAME.csv.gz, NAME.csv.gz.index
 *
 * The bytes of a table depend on its rows alone. A killed run leaves every complete member readable. */
#ifndef TW_SIM_LOG_WRITER_H
#define TW_SIM_LOG_WRITER_H

#include "sim/log_format.h"

typedef struct tw_log tw_log;               /* the tables of one run, and their thread */
typedef struct tw_log_writer tw_log_writer; /* one table */

/* Creates the tables for which `wanted` has a bit (1 << tw_log_table_id) in an existing directory. */
tw_log *tw_log_open(const char *directory, guint wanted, GError **error);
/* The writer of one table, or NULL if it was not wanted. Borrowed. */
tw_log_writer *tw_log_table_writer(tw_log *log, tw_log_table_id table);

/* The cells of a row, in the order of the columns; types are asserted in debug builds. */
void tw_log_integer(tw_log_writer *writer, gint64 value);
void tw_log_real(tw_log_writer *writer, double value); /* TW_COLUMN_REAL and TW_COLUMN_INSTANT */
void tw_log_text(tw_log_writer *writer, const char *value);
/* Ends the row; all its columns must have been given. */
void tw_log_end_row(tw_log_writer *writer);

guint64 tw_log_rows(const tw_log_writer *writer);
/* The first failure of writing (disk full, ...), or NULL. Cheap; asked now and then by the simulation.
 * Borrowed. */
const GError *tw_log_failure(tw_log *log);

/* Writes what is left and the end markers, waits for the thread, frees. FALSE if anything did not reach the
 * disk. */
gboolean tw_log_close(tw_log *log, GError **error);

#endif
