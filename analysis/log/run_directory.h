/* A run directory: what `tokenworks run` leaves behind. run.json tells it from any other directory. */
#ifndef TW_ANALYSIS_RUN_DIRECTORY_H
#define TW_ANALYSIS_RUN_DIRECTORY_H

#include "sim/log/log_format.h"

/* Reads run.json, and checks that the tables are of the version that this program reads. NULL with
 * TW_INPUT_ERROR if not. The caller owns the reference. */
json_t *tw_run_json_read(const char *directory, GError **error);

/* Whether run.json says that the run writes the table. */
gboolean tw_run_json_has_table(const json_t *run, const tw_log_table *table);
/* Whether the run wrote the table with that column, which some have only where there is what it tells of. */
gboolean tw_run_json_has_column(const json_t *run, const tw_log_table *table, const char *column);

/* The table of that name, if the run in the directory writes it; NULL with TW_INPUT_ERROR that names those it
 * does write. */
const tw_log_table *tw_run_table_find(const char *directory, const char *name, GError **error);

#endif
