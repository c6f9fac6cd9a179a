/* The recorder of links: what the flows of a run put on them, as rows of links.csv.gz and as totals. */
#ifndef TW_SIM_LINK_RECORDER_H
#define TW_SIM_LINK_RECORDER_H

#include "sim/log/log_writer.h"
#include "sim/network/flows/flows.h"

typedef struct tw_link_recorder tw_link_recorder;

/* Watches the flows from here on. `log` may be NULL: totals alone. Both are borrowed. */
tw_link_recorder *tw_link_recorder_new(tw_flows *flows, double interval_s, tw_log *log);
void tw_link_recorder_free(tw_link_recorder *recorder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_link_recorder, tw_link_recorder_free)

/* The run has ended at `end_s`: writes the last rows. Flows that are under way are left out. */
void tw_link_recorder_close(tw_link_recorder *recorder, double end_s);

/* The totals for summary.json: {"flows", "bytes", "kv_bytes", ..., "peak_link_utilization", "peak_link"};
 * each flow's bytes count once, however many links it crosses. NULL if nothing was sent. The caller owns the
 * reference. */
json_t *tw_link_recorder_summary(const tw_link_recorder *recorder);

#endif
