/* The description of a run: run.json, written when the run starts and again when it ends. */
#ifndef TW_SIM_RUN_JSON_H
#define TW_SIM_RUN_JSON_H

#include "sim/scenario/world.h"

#include <jansson.h>

/* The description of what runs, as an object:
 *
 *     tokenworks, simgrid             versions
 *     name, seed, scenario            the canonical XML, assignments applied
 *     inputs                          [{file, sha256}]; that of a trace is known only when it has been read
 *     interval_s, warmup_s, drain_s   of the tables, and what the measurement window leaves out at its ends
 *     slo                             {ttft_s, tpot_s, itl_s, e2e_s}, those that are asked for
 *     first_token                     "decode" where clients see it as the engine that decodes begins
 *     platform                        {name, accelerators, hosts, racks: [{name, row, accelerators}]}
 *     pools                           [{id, model, device, replicas, tp, pp, dp}]
 *     engines                         [{pool, hosts}], by the number that tables give an engine
 *     notes                           [text]: what the user is told before the run
 *     logs                            tw_log_describe of the tables in `tables` (bits 1 << tw_log_table_id)
 *
 * The caller owns the reference. */
json_t *tw_run_json(const tw_scenario *scenario, const tw_stream *stream, guint tables);

/* Describes a run of several sites: platform, pools and notes are those of all, each name behind that of its site;
 * "sites": [{name, region, utc_offset_s, accelerators, racks}] takes the place of engines. */
json_t *tw_run_json_of_world(const tw_world *world, const tw_stream *stream, guint tables);

#endif
