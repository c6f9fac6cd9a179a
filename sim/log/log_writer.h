/* Writes the tables of a run directory, as the run goes, in bounded memory, compressed on a thread of its
 * own.
 *
 *     simulation thread                          compression thread (one for all tables of a run)
 *     row ─► text of the table's block ─full─►  queue ─► deflate ─► NAME.csv.gz, NAME.csv.gz.index
 *
 * A full queue makes the simulation wait. The bytes of a table depend on its rows alone. A killed run leaves
 * every complete member readable. */
#ifndef TW_SIM_LOG_WRITER_H
#define TW_SIM_LOG_WRITER_H

#include "sim/log/log_format.h"

typedef struct tw_log tw_log; /* the tables of one run, and their thread */

/* Creates the tables for which `wanted` has a bit (1 << tw_log_table_id) in an existing directory, in place
 * of any that are there. */
tw_log *tw_log_open(const char *directory, guint wanted, GError **error);

gboolean tw_log_wants(const tw_log *log, tw_log_table_id table);

/* Adds a row, whose time column must hold a number. Does nothing if the table is not wanted. The row starts
 * as a copy of its empty one and names what it knows:
 *
 *     tw_site_row row = tw_site_row_empty;
 *     row.start_s = start_s;
 *     row.arrived = arrived;
 *     tw_log_site(log, &row);
 *
 * A row of more than TW_LOG_BLOCK_BYTES is a failure. */
void tw_log_request(tw_log *log, const tw_request_row *row);
void tw_log_engine(tw_log *log, const tw_engine_row *row);
void tw_log_rack(tw_log *log, const tw_rack_row *row);
void tw_log_site(tw_log *log, const tw_site_row *row);
void tw_log_segment(tw_log *log, const tw_segment_row *row);
void tw_log_link(tw_log *log, const tw_link_row *row);
void tw_log_failure_row(tw_log *log, const tw_failure_row *row);
void tw_log_job(tw_log *log, const tw_job_row *row);
void tw_log_rl(tw_log *log, const tw_rl_row *row);
void tw_log_sites(tw_log *log, const tw_sites_row *row);
void tw_log_wan(tw_log *log, const tw_wan_row *row);

/* Has `watcher` see every row of the site's table, NULL: nobody. */
typedef void tw_log_site_watcher(void *user, const tw_site_row *row);
void tw_log_watch_site(tw_log *log, tw_log_site_watcher *watcher, void *user);

/* Rows given to a table so far. */
guint64 tw_log_rows(const tw_log *log, tw_log_table_id table);

/* The first failure of writing (disk full, ...), or NULL. Cheap; asked now and then by the simulation, which
 * may go on calling: rows after a failure are dropped. Borrowed. */
const GError *tw_log_failure(tw_log *log);

/* Writes what is left and the end markers, waits for the thread, frees. FALSE if anything could not be
 * written. */
gboolean tw_log_close(tw_log *log, GError **error);

#endif
