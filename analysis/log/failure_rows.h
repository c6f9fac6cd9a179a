/* The failures of a run: the rows of its table, those first that cost most. */
#ifndef TW_ANALYSIS_FAILURE_ROWS_H
#define TW_ANALYSIS_FAILURE_ROWS_H

#include "sim/log/log_format.h"

/* Reads the failures of a run, of which `run` is run.json: those that took the most accelerator-seconds first, and of
 * equals the earliest. None where the run writes no table of failures; NULL with TW_INPUT_ERROR on damage. The array of
 * tw_failure_row owns the texts; the caller unrefs it. */
GArray *tw_failure_rows_read(const char *directory, const json_t *run, GError **error);

#endif
