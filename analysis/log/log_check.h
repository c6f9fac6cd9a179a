/* Checks the tables of a run directory for damage, and mends them. */
#ifndef TW_ANALYSIS_LOG_CHECK_H
#define TW_ANALYSIS_LOG_CHECK_H

#include "platforms/input/fault.h"
#include "sim/log/log_format.h"

/* The amount of data that a check found, or that a repair kept. */
typedef struct tw_log_tally {
  guint64 rows, members, bytes; /* members with rows; bytes of the whole file */
  guint64 dropped_bytes;        /* bytes that a repair left out */
} tw_log_tally;

/* Reads the whole table: the CRC of each member, the cells of each row, the end marker, and that the index
 * says of every member where it is, how many rows it holds and their times. Adds a fault for each thing that
 * is wrong. */
void tw_log_verify(const char *directory, const tw_log_table *table, tw_faults *faults, tw_log_tally *tally);

/* Makes a damaged table a complete one: keeps the header (or writes it anew) and every whole member whose
 * rows are well-formed, drops what is not, ends the file, and rebuilds the index. A whole table keeps its
 * bytes. A cut end is taken off in place; damage in the middle makes a new file that then takes the old one's
 * name. A table that a run without summary.json has not made yet is made, without rows. FALSE if another process holds the table's lock, as a run does while it writes, or on failure to
 * write. */
gboolean tw_log_repair(const char *directory, const tw_log_table *table, tw_log_tally *tally, GError **error);

#endif
