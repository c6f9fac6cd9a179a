/* The tables of a run directory: one description that the writer, the readers, run.json and the documentation
 * share.
 *
 * A table is CSV with a header line, in a chain of independent gzip members (BGZF framing, SAM/BAM
 * specification section 4.1: at most 65,280 bytes of text each, cut at row boundaries, an empty end marker).
 * The first member holds the header line alone. Beside NAME.csv.gz lies its index, NAME.csv.gz.index: CSV
 * with one line a member.
 *
 * Each list below is a table's columns from left to right. It makes the struct that a row is written from,
 * the description that readers look up, and the code between the two, so that they cannot get out of step. */
#ifndef TW_SIM_LOG_FORMAT_H
#define TW_SIM_LOG_FORMAT_H

#include "sim/base/time_class.h"

#include <glib.h>
#include <jansson.h>

#define TW_LOG_VERSION     1
#define TW_LOG_BLOCK_BYTES 65280

/* The key in run.json under which tw_log_describe's description stands: it tells a run directory from any
 * other. */
#define TW_LOG_RUN_KEY "logs"

typedef enum {
  TW_COLUMN_INTEGER, /* empty for TW_LOG_NONE */
  TW_COLUMN_INSTANT, /* seconds since the start of the run, always 9 decimals; empty for NAN */
  TW_COLUMN_REAL,    /* rounded to `decimals`, trailing zeros dropped; empty for NAN */
  TW_COLUMN_TEXT     /* quoted where CSV (RFC 4180) asks for it; empty for NULL */
} tw_column_type;

/* "integer", "instant", ...: for schemas. */
const char *tw_column_type_name(tw_column_type type);

#define TW_LOG_NONE G_MININT64 /* an integer cell without a value */

/* clang-format off */

/* The share of an engine's time that went to a class. */
#define TW_SHARE_COLUMN(REAL, NAME, word, help)                                                              \
  REAL(time_##word, 3, "", "of its accelerators' time in the interval: " help)

/* INTEGER(name, unit, help), INSTANT(name, help), REAL(name, decimals, unit, help), TEXT(name, help) */
#define TW_REQUEST_COLUMNS(INTEGER, INSTANT, REAL, TEXT)                                                     \
  INTEGER(id, "", "sequence number in the run, from 0, in the order of arrival")                             \
  TEXT(session, "session or client that asked, as the trace names it")                                       \
  INSTANT(arrival_s, "when it arrived")                                                                      \
  INSTANT(first_scheduled_s, "when its first iteration began")                                               \
  INSTANT(first_token_s, "when the client saw its first output token")                                       \
  INSTANT(first_answer_s, "when its first answer token was emitted")                                         \
  INSTANT(completion_s, "when it ended, in whatever state: its last token, or its rejection")                \
  INTEGER(prompt_tokens, "tokens", "length of its prompt")                                                   \
  INTEGER(cached_tokens, "tokens", "prompt tokens found in a prefix cache")                                  \
  INTEGER(reasoning_tokens, "tokens", "reasoning tokens emitted")                                            \
  INTEGER(answer_tokens, "tokens", "answer tokens emitted")                                                  \
  INTEGER(prefill_engine, "", "engine that computed its prompt")                                             \
  INTEGER(decode_engine, "", "engine that emitted its tokens after the first")                               \
  INTEGER(preemptions, "", "how often it lost its KV blocks")                                                \
  INTEGER(recomputed_tokens, "tokens", "tokens computed again after preemptions, or under new weights")       \
  INTEGER(host_cached_tokens, "tokens", "of its cached tokens, those that the memory of hosts held")         \
  INTEGER(store_cached_tokens, "tokens", "of its cached tokens, those that came from the shared store")      \
  REAL(kv_transfer_s, 9, "s", "time its KV cache took from prefill to decode engine")                        \
  REAL(joules, 6, "J", "dynamic energy of its share of each iteration")                                      \
  REAL(front_end_s, 6, "s", "time in the front end: HTTP, tokenizer")                                        \
  REAL(admission_s, 6, "s", "time that it was held because no engine served")                                \
  REAL(fetch_s, 6, "s", "time before its queue, in which KV blocks came from the shared store")              \
  REAL(chunk_wait_s, 6, "s", "time from first scheduled to its first token in which nothing of its prompt was computed") \
  REAL(transfer_s, 6, "s", "time after its first token that it waited for the transfer of its KV cache")     \
  REAL(decode_queue_s, 6, "s", "time after its first token that it waited to decode, but for the transfer")  \
  REAL(preempted_s, 6, "s", "time after its first token from losing its KV blocks to its next token")        \
  REAL(longest_itl_s, 6, "s", "longest time between two of its tokens, where an SLO limits it")              \
  TEXT(class, "class of traffic, as the workload names it")                                                  \
  TEXT(state, "completed, rejected, failed, cancelled or unfinished")                                        \
  TEXT(reason, "why it was not completed")                                                                   \
  INTEGER(retries, "", "how often it was sent again after a failure; only in runs with failures")            \
  INTEGER(lost_tokens, "tokens", "tokens computed or emitted for it that failures lost; only in runs with failures") \
  TEXT(users, "region of the users who asked; only in runs of several sites, as all that follow")            \
  TEXT(site, "site that served it")                                                                          \
  REAL(wan_s, 6, "s", "time on the way there and back, which its front end's has in it")                     \
  INTEGER(moves, "", "how often a site had no engine for it and sent it to another one")

#define TW_ENGINE_COLUMNS(INTEGER, INSTANT, REAL, TEXT)                                                      \
  INSTANT(start_s, "start of the interval")                                                                  \
  INTEGER(engine, "", "number of the engine")                                                                \
  REAL(busy, 6, "", "fraction of the interval in which it ran iterations")                                   \
  REAL(running, 6, "requests", "requests in its batch, averaged over the interval")                          \
  REAL(waiting, 6, "requests", "requests waiting at it, averaged over the interval")                         \
  REAL(kv_used, 6, "", "fraction of its KV blocks in use, averaged over the interval")                       \
  INTEGER(prompt_tokens, "tokens", "prompt tokens computed, recomputed ones included")                       \
  INTEGER(cached_tokens, "tokens", "prompt tokens found in its prefix cache instead")                        \
  INTEGER(output_tokens, "tokens", "tokens emitted")                                                         \
  REAL(watts, 3, "W", "power of its accelerators, averaged over the interval")                               \
  REAL(joules, 3, "J", "energy of its accelerators in the interval")                                         \
  REAL(clock, 4, "", "clock of its accelerators over the nominal one, averaged over the interval")            \
  REAL(serving, 6, "", "fraction of the interval in which requests were sent to it, where engines may park")  \
  INTEGER(host_cached_tokens, "tokens", "of the cached tokens, those that the memory of its hosts held")     \
  INTEGER(store_cached_tokens, "tokens", "of the cached tokens, those that came from the shared store")      \
  TW_TIME_CLASSES(TW_SHARE_COLUMN, REAL)                                                                     \
  REAL(waiting_budget, 3, "requests", "of those waiting: for tokens of an iteration (max-batched-tokens)")   \
  REAL(waiting_seats, 3, "requests", "of those waiting: for places in the batch (max-seqs)")                 \
  REAL(waiting_kv, 3, "requests", "of those waiting: for KV blocks")                                         \
  REAL(waiting_power, 3, "requests", "of those waiting: for a limit of power")

#define TW_RACK_COLUMNS(INTEGER, INSTANT, REAL, TEXT)                                                        \
  INSTANT(start_s, "start of the interval")                                                                  \
  TEXT(rack, "name of the rack in the platform")                                                             \
  REAL(busy, 6, "", "fraction of its accelerators' time in which they ran iterations")                       \
  REAL(waiting, 6, "requests", "requests waiting at its engines, averaged over the interval")                \
  REAL(prompt_tokens_per_s, 3, "tokens/s", "prompt tokens computed per second")                              \
  REAL(output_tokens_per_s, 3, "tokens/s", "tokens emitted per second")                                      \
  REAL(accelerator_w, 3, "W", "power of its accelerators, averaged over the interval")                       \
  REAL(host_w, 3, "W", "power of its CPUs, memory and fans")                                                 \
  REAL(network_w, 3, "W", "power of its NICs and switches")

#define TW_SITE_COLUMNS(INTEGER, INSTANT, REAL, TEXT)                                                        \
  INSTANT(start_s, "start of the interval")                                                                  \
  REAL(running, 6, "requests", "requests in batches, averaged over the interval")                            \
  REAL(waiting, 6, "requests", "requests that arrived and wait, averaged over the interval")                 \
  INTEGER(arrived, "requests", "requests that arrived")                                                      \
  INTEGER(completed, "requests", "requests that were completed")                                             \
  INTEGER(rejected, "requests", "requests that were rejected")                                               \
  REAL(busy, 6, "", "fraction of the accelerators' time in which they ran iterations")                       \
  REAL(serving, 6, "engines", "engines to which requests were sent, averaged, where engines may park")       \
  REAL(prompt_tokens_per_s, 3, "tokens/s", "prompt tokens computed per second")                              \
  REAL(output_tokens_per_s, 3, "tokens/s", "tokens emitted per second")                                      \
  REAL(accelerator_w, 3, "W", "power of all accelerators, averaged over the interval")                       \
  REAL(host_w, 3, "W", "power of CPUs, memory and fans")                                                     \
  REAL(network_w, 3, "W", "power of NICs, switches and links")                                               \
  REAL(overhead_w, 3, "W", "power that conversion and cooling add")                                          \
  REAL(price_usd_per_kwh, 6, "USD/kWh", "price of electricity")                                              \
  REAL(carbon_g_per_kwh, 6, "g/kWh", "carbon intensity of electricity")                                      \
  REAL(grid_w, 3, "W", "power that the site draws from the grid; only in runs with a <grid>, as the next")   \
  REAL(stored_j, 3, "J", "energy in its battery at the end of the interval")

#define TW_SITES_COLUMNS(INTEGER, INSTANT, REAL, TEXT)                                                       \
  INSTANT(start_s, "start of the interval")                                                                  \
  TEXT(site, "name of the site")                                                                             \
  REAL(running, 6, "requests", "requests in batches, averaged over the interval")                            \
  REAL(waiting, 6, "requests", "requests that arrived and wait, averaged over the interval")                 \
  INTEGER(arrived, "requests", "requests that arrived there")                                                \
  INTEGER(completed, "requests", "requests that were completed there")                                       \
  REAL(busy, 6, "", "fraction of the accelerators' time in which they ran iterations")                       \
  REAL(output_tokens_per_s, 3, "tokens/s", "tokens emitted per second")                                      \
  REAL(site_w, 3, "W", "power of the whole site, conversion and cooling included")                           \
  REAL(price_usd_per_kwh, 6, "USD/kWh", "price of electricity there")                                        \
  REAL(carbon_g_per_kwh, 6, "g/kWh", "carbon intensity of electricity there")

#define TW_WAN_COLUMNS(INTEGER, INSTANT, REAL, TEXT)                                                         \
  INSTANT(start_s, "start of the interval")                                                                  \
  TEXT(way, "from one region to another: europe > america")                                                  \
  INTEGER(requests, "requests", "requests whose prompts set out in the interval")                            \
  INTEGER(prompt_bytes, "bytes", "bytes of these prompts")                                                   \
  INTEGER(kv_bytes, "bytes", "bytes of KV caches that set out")                                              \
  INTEGER(weights_bytes, "bytes", "bytes of weights that set out")

#define TW_SEGMENT_COLUMNS(INTEGER, INSTANT, REAL, TEXT)                                                     \
  INTEGER(engine, "", "number of the engine")                                                                \
  TEXT(kind, "prefill, decode, transfer, fetch, preemption or load")                                         \
  INSTANT(start_s, "when it began")                                                                          \
  INSTANT(end_s, "when it ended")                                                                            \
  INTEGER(requests, "requests", "requests that took part")                                                   \
  INTEGER(tokens, "tokens", "tokens computed or emitted")                                                    \
  INTEGER(bytes, "bytes", "bytes moved")

#define TW_LINK_COLUMNS(INTEGER, INSTANT, REAL, TEXT)                                                        \
  INSTANT(start_s, "start of the interval")                                                                  \
  TEXT(link, "name of the link in the platform; two-way links end in _UP and _DOWN")                         \
  REAL(bytes, 3, "bytes", "bytes that crossed it; those of a flow are spread evenly over its time")          \
  REAL(utilization, 6, "", "of its bandwidth, over the interval; empty for a link that caps each flow by itself") \
  REAL(active, 4, "", "share of the interval in which it carried anything")                                  \
  REAL(full, 4, "", "share of the interval in bursts of flows that came to 95 % of its bandwidth")           \
  REAL(waiting_bytes, 0, "bytes", "bytes that waited in such bursts beyond what each flow would have had to alone, averaged over the interval")

#define TW_FAILURE_COLUMNS(INTEGER, INSTANT, REAL, TEXT)                                                     \
  INSTANT(start_s, "when it began")                                                                          \
  TEXT(part, "accelerator, host, rack, feed, cooling, process, nic, link or switch")                                            \
  TEXT(component, "which one")                                                                               \
  TEXT(effect, "stop or limp")                                                                               \
  REAL(speed, 4, "", "of what limps, over what it does when sound")                                          \
  INSTANT(detected_s, "when the router learned of it")                                                       \
  INSTANT(recovered_s, "when the last of the engines that it stopped served again")                          \
  INSTANT(repaired_s, "when the part was repaired")                                                          \
  INSTANT(end_s, "when it was over: repaired, and all engines recovered, or the run ended")                  \
  INTEGER(accelerators, "", "accelerators that it hit")                                                      \
  INTEGER(engines, "", "engines that it stopped, or slowed down")                                            \
  INTEGER(requests, "requests", "requests that it sent back")                                                \
  INTEGER(lost_tokens, "tokens", "tokens computed or emitted for these that were lost")

#define TW_JOB_COLUMNS(INTEGER, INSTANT, REAL, TEXT)                                                         \
  INSTANT(start_s, "when the first of its steps began, or the stop")                                         \
  INSTANT(end_s, "when the last of them ended")                                                              \
  TEXT(job, "id of the job")                                                                                 \
  TEXT(kind, "steps; or stop: from a failure to where the job went on")                                      \
  INTEGER(step, "", "number of the first step, from 0; of a stop that to which the job went back")           \
  INTEGER(steps, "", "steps that were done; of a stop those that were lost")                                 \
  REAL(step_s, 6, "s", "time of a step, checkpoints left out")                                               \
  REAL(trained_tokens_per_s, 3, "tokens/s", "tokens of its steps per second, checkpoints included")                  \
  REAL(mfu, 6, "", "model FLOPs over the dense peak of its accelerators in the precision of the job")        \
  REAL(compute, 6, "", "share of the time in which the slowest stage computed")                              \
  REAL(bubble, 6, "", "share of the time in which the pipeline filled or drained")                           \
  REAL(exposed, 6, "", "share of the time in which collectives were waited for")                             \
  REAL(optimizer, 6, "", "share of the time of the optimizer")                                               \
  REAL(checkpoint, 6, "", "share of the time in which the job waited for a checkpoint")                      \
  REAL(straggling, 6, "", "share of the time in which sound accelerators waited for one that limped")        \
  REAL(joules, 3, "J", "energy of its accelerators")                                                         \
  REAL(watts, 3, "W", "their power")

#define TW_RL_COLUMNS(INTEGER, INSTANT, REAL, TEXT)                                                          \
  INSTANT(start_s, "when the one before it ended")                                                           \
  INSTANT(end_s, "when its synchronisation ended; one step off policy, its training")                        \
  TEXT(job, "id of the job")                                                                                 \
  INTEGER(step, "", "number of the step, from 0")                                                            \
  INTEGER(rollouts, "", "that it trained on")                                                                \
  INTEGER(trained_tokens, "tokens", "prompts and outputs of these")                                          \
  INTEGER(longest_tokens, "tokens", "most output tokens of one of these")                                    \
  INTEGER(emitted_tokens, "tokens", "tokens that engines emitted in its time")                               \
  INTEGER(interrupted, "", "requests that were under way as enough rollouts had ended")                      \
  REAL(rollout_s, 6, "s", "from where these rollouts could begin to where enough had ended")                 \
  REAL(wait_s, 6, "s", "time in which the trainer waited for rollouts and rewards")                          \
  REAL(swap_s, 6, "s", "time of changes from rollouts to training and back")                                 \
  REAL(train_s, 6, "s", "time of log-probabilities and updates")                                             \
  REAL(sync_s, 6, "s", "time in which weights went to the engines")                                          \
  REAL(trainer_idle, 6, "", "share of its time in which the trainer waited for rollouts and rewards")        \
  REAL(rollout_idle, 6, "", "share of its time in which engines had no iteration under way")                 \
  REAL(joules, 3, "J", "energy of the accelerators of engines and trainer")                                  \
  REAL(joules_per_token, 6, "J", "that over the tokens that it trained on")
/* clang-format on */

#define TW_ROW_INTEGER(name, ...) gint64 name;
#define TW_ROW_NUMBER(name, ...)  double name;
#define TW_ROW_TEXT(name, ...)    const char *name;
#define TW_ROW(LIST)              LIST(TW_ROW_INTEGER, TW_ROW_NUMBER, TW_ROW_NUMBER, TW_ROW_TEXT)

typedef struct tw_request_row {
  TW_ROW(TW_REQUEST_COLUMNS)
} tw_request_row;
typedef struct tw_engine_row {
  TW_ROW(TW_ENGINE_COLUMNS)
} tw_engine_row;
typedef struct tw_rack_row {
  TW_ROW(TW_RACK_COLUMNS)
} tw_rack_row;
typedef struct tw_site_row {
  TW_ROW(TW_SITE_COLUMNS)
} tw_site_row;
typedef struct tw_sites_row {
  TW_ROW(TW_SITES_COLUMNS)
} tw_sites_row;
typedef struct tw_wan_row {
  TW_ROW(TW_WAN_COLUMNS)
} tw_wan_row;
typedef struct tw_segment_row {
  TW_ROW(TW_SEGMENT_COLUMNS)
} tw_segment_row;

typedef struct tw_link_row {
  TW_ROW(TW_LINK_COLUMNS)
} tw_link_row;
typedef struct tw_failure_row {
  TW_ROW(TW_FAILURE_COLUMNS)
} tw_failure_row;
typedef struct tw_job_row {
  TW_ROW(TW_JOB_COLUMNS)
} tw_job_row;
typedef struct tw_rl_row {
  TW_ROW(TW_RL_COLUMNS)
} tw_rl_row;

/* Rows without a single value: where a row starts from, so that what is not simulated stays empty. */
extern const tw_request_row tw_request_row_empty;
extern const tw_engine_row tw_engine_row_empty;
extern const tw_rack_row tw_rack_row_empty;
extern const tw_site_row tw_site_row_empty;
extern const tw_sites_row tw_sites_row_empty;
extern const tw_wan_row tw_wan_row_empty;
extern const tw_segment_row tw_segment_row_empty;
extern const tw_link_row tw_link_row_empty;
extern const tw_failure_row tw_failure_row_empty;
extern const tw_job_row tw_job_row_empty;
extern const tw_rl_row tw_rl_row_empty;

typedef struct tw_column {
  const char *name;
  tw_column_type type;
  int decimals;
  const char *unit; /* "s", "tokens", "W", "" */
  const char *help;
} tw_column;

typedef struct tw_log_table {
  const char *name; /* "requests": the file is requests.csv.gz */
  const char *help;
  int time_column; /* the column by which the index finds rows */
  int n_columns;
  const tw_column *columns;
  int failure_columns; /* Columns that only runs with failures or several sites have: before the next, */
  int site_columns;    /* Columns at the end that only runs of several sites have. */
  int grid_columns;    /* In another table: columns at the end that only runs with a <grid> have. */
} tw_log_table;

/* Every table, by the order of this enum. */
typedef enum {
  TW_LOG_REQUESTS,
  TW_LOG_ENGINES,
  TW_LOG_RACKS,
  TW_LOG_SITE,
  TW_LOG_SEGMENTS,
  TW_LOG_LINKS,
  TW_LOG_FAILURES,
  TW_LOG_JOBS,
  TW_LOG_RL,
  TW_LOG_SITES,
  TW_LOG_WANS,
  TW_LOG_TABLES
} tw_log_table_id;
extern const tw_log_table tw_log_tables[TW_LOG_TABLES];
/* In `wanted`, beside the bits of tables: the run has a <grid>. */
#define TW_LOG_WITH_GRID (1U << TW_LOG_TABLES)

/* The table of that name, or NULL. */
const tw_log_table *tw_log_table_find(const char *name);
/* The names of all tables, in their order. Free the array with g_free, not its strings. */
const char **tw_log_table_names(void);

/* DIRECTORY/requests.csv.gz; its index is the same with ".index" behind. The caller frees it. */
char *tw_log_table_path(const char *directory, const tw_log_table *table);
/* The columns that the table has in a run with the tables in `wanted` (bits 1 << tw_log_table_id). */
int tw_log_table_columns(const tw_log_table *table, guint wanted);
/* The header line of the table in such a run, with its line break. The caller frees it. */
char *tw_log_table_header(const tw_log_table *table, guint wanted);

/* The description of the tables in `wanted` (bits 1 << tw_log_table_id), which run.json has under
 * TW_LOG_RUN_KEY: {"version": 1, "tables": {"requests": {"help", "time", "columns": [{"name", "type", "unit",
 * "help"}]}}}. The caller owns the reference. */
json_t *tw_log_describe(guint wanted);

#endif
