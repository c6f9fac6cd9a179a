/* The metrics of summary.json: one table that the writer, the terminal, comparisons, the report and
 * the page of documentation (analysis/metrics.md) share. A new number is a row here, and the line that
 * computes it. */
#ifndef TW_SIM_METRIC_H
#define TW_SIM_METRIC_H

#include "sim/base/time_class.h"
#include "sim/log/life.h"

#include <glib.h>
#include <jansson.h>

/* clang-format off */
/* The latencies of a request: name, the key in summaries, what people call it, what it is. */
#define TW_LATENCIES(X)                                                                                                \
  X(TTFT, "ttft_s", "TTFT", "time to first token: arrival to the first output token")                                  \
  X(TTFAT, "ttfat_s", "TTFAT", "time to first answer token: arrival to the first token after reasoning")               \
  X(TPOT, "tpot_s", "TPOT", "time per output token after the first")                                                   \
  X(ITL, "itl_s", "max ITL", "longest time between two output tokens of a request")                                \
  X(E2E, "e2e_s", "E2E", "arrival to last token")                                                                      \
  X(QUEUE, "queue_s", "queueing", "arrival to first scheduled")

/* Statistics of a latency: REAL(name, key, unit, better, headline, help). */
#define TW_LATENCY_METRICS(REAL, NAME, key, label) \
  REAL(NAME##_MEAN, key ".mean", "s", LOWER, FALSE, "mean of the " label) \
  REAL(NAME##_P50, key ".p50", "s", LOWER, TRUE, "median of the " label) \
  REAL(NAME##_P90, key ".p90", "s", LOWER, FALSE, "90th percentile of the " label) \
  REAL(NAME##_P95, key ".p95", "s", LOWER, FALSE, "95th percentile of the " label) \
  REAL(NAME##_P99, key ".p99", "s", LOWER, TRUE, "99th percentile of the " label) \
  REAL(NAME##_MAX, key ".max", "s", LOWER, FALSE, "maximum of the " label)

/* Parts of a request's life, and what accelerators spent on each class of time. */
#define TW_LIFE_METRIC(REAL, NAME, word, help) \
  REAL(LIFE_##NAME, "life." #word "_s", "s", NEITHER, FALSE, "mean time of a completed request " help)
#define TW_SPENT_S_METRIC(REAL, NAME, word, help) \
  REAL(SPENT_S_##NAME, "spent.seconds." #word, "s", NEITHER, FALSE, "accelerators' time: " help)
#define TW_SPENT_J_METRIC(REAL, NAME, word, help) \
  REAL(SPENT_J_##NAME, "spent.joules." #word, "J", NEITHER, FALSE, "accelerators' energy: " help)
#define TW_SPENT_USD_METRIC(REAL, NAME, word, help) \
  REAL(SPENT_USD_##NAME, "spent.usd." #word, "USD", NEITHER, FALSE, "accelerators' cost and electricity: " help)

/* Every number, in the order in which a person reads them: COUNT or REAL(name, path in summary.json, unit,
 * which direction is better, whether it stands in short tables, help). */
#define TW_METRICS(COUNT, REAL) \
  COUNT(REQUESTS_ARRIVED, "requests.arrived", "requests", NEITHER, TRUE, "requests that arrived") \
  COUNT(REQUESTS_COMPLETED, "requests.completed", "requests", HIGHER, TRUE, "requests that got their last token") \
  COUNT(REQUESTS_REJECTED, "requests.rejected", "requests", LOWER, TRUE, "requests that were turned away") \
  COUNT(REQUESTS_FAILED, "requests.failed", "requests", LOWER, TRUE, "requests that failed") \
  COUNT(REQUESTS_CANCELLED, "requests.cancelled", "requests", LOWER, TRUE, "requests that were withdrawn, such as those that waited past their deadline") \
  COUNT(REQUESTS_UNFINISHED, "requests.unfinished", "requests", LOWER, TRUE, "requests that were still there when the run ended") \
  TW_LATENCY_METRICS(REAL, QUEUE, "queue_s", "queueing time") \
  TW_LATENCY_METRICS(REAL, TTFT, "ttft_s", "time to the first token") \
  TW_LATENCY_METRICS(REAL, TTFAT, "ttfat_s", "time to the first answer token") \
  TW_LATENCY_METRICS(REAL, TPOT, "tpot_s", "time per output token after the first") \
  TW_LATENCY_METRICS(REAL, ITL, "itl_s", "longest time between two tokens of a request, where an SLO limits it") \
  TW_LATENCY_METRICS(REAL, E2E, "e2e_s", "time to the last token") \
  TW_LIFE_PARTS(TW_LIFE_METRIC, REAL) \
  REAL(THROUGHPUT_REQUESTS_PER_S, "throughput.requests_per_s", "requests/s", HIGHER, TRUE, "requests completed per second of the measurement window") \
  REAL(THROUGHPUT_OUTPUT_TOKENS_PER_S, "throughput.output_tokens_per_s", "tokens/s", HIGHER, TRUE, "output tokens per second of the window, of requests that ended in it") \
  REAL(THROUGHPUT_TOTAL_TOKENS_PER_S, "throughput.total_tokens_per_s", "tokens/s", HIGHER, FALSE, "prompt and output tokens per second of the window") \
  REAL(THROUGHPUT_OUTPUT_TOKENS_PER_S_PER_ACCELERATOR, "throughput.output_tokens_per_s_per_accelerator", "tokens/s", HIGHER, TRUE, "output tokens per second and accelerator that engines use") \
  REAL(SLO_ATTAINMENT, "slo.attainment", "", HIGHER, TRUE, "share of the requests that arrived in the window and met their SLO; one that did not end misses it") \
  REAL(SLO_ATTAINMENT_JUDGED, "slo.attainment_judged", "", HIGHER, FALSE, "the same over the requests that ended before the run did") \
  COUNT(SLO_UNJUDGED, "slo.unjudged", "requests", LOWER, FALSE, "requests that arrived in the window and were unfinished when the run ended") \
  REAL(SLO_GOODPUT_REQUESTS_PER_S, "slo.goodput_requests_per_s", "requests/s", HIGHER, TRUE, "requests per second of the window that met their SLO") \
  REAL(LOAD_START_S, "load.start_s", "s", NEITHER, FALSE, "when the load was on: the end of warm-up and ramp") \
  REAL(LOAD_END_S, "load.end_s", "s", NEITHER, FALSE, "when the load ended: the last arrival, front end included") \
  REAL(LOAD_DRAIN_SHARE, "load.drain_share", "", LOWER, FALSE, "share of the run after the load") \
  REAL(LOAD_REQUESTS_PER_S, "load.requests_per_s", "requests/s", NEITHER, FALSE, "requests that arrived per second of the load") \
  REAL(LOAD_OUTPUT_TOKENS_PER_S, "load.output_tokens_per_s", "tokens/s", HIGHER, TRUE, "output tokens emitted per second of the load") \
  REAL(LOAD_TOTAL_TOKENS_PER_S, "load.total_tokens_per_s", "tokens/s", HIGHER, FALSE, "prompt tokens computed and output tokens emitted per second of the load") \
  REAL(LOAD_OUTPUT_TOKENS_PER_S_PER_ACCELERATOR, "load.output_tokens_per_s_per_accelerator", "tokens/s", HIGHER, FALSE, "output tokens per second of the load and accelerator that engines use") \
  REAL(LOAD_ACCELERATOR_BUSY, "load.accelerator_busy", "", NEITHER, TRUE, "share of the accelerators' time in which their engines ran iterations during the load") \
  REAL(LOAD_AVERAGE_W, "load.average_w", "W", LOWER, TRUE, "mean power of the site over the whole seconds of the load") \
  REAL(LOAD_J_PER_OUTPUT_TOKEN, "load.j_per_output_token", "J", LOWER, TRUE, "power, without the share of jobs, over output tokens per second, during the load") \
  REAL(LOAD_USD_PER_HOUR, "load.usd_per_hour", "USD", LOWER, FALSE, "electricity, accelerators and racks of an hour of the load") \
  REAL(LOAD_USD_PER_MILLION_OUTPUT_TOKENS, "load.usd_per_million_output_tokens", "USD", LOWER, TRUE, "cost, without the share of jobs, over output tokens, during the load") \
  COUNT(TOKENS_PROMPT, "tokens.prompt", "tokens", NEITHER, FALSE, "prompt tokens of the requests that arrived") \
  COUNT(TOKENS_PROMPT_CACHED, "tokens.prompt_cached", "tokens", HIGHER, TRUE, "prompt tokens whose KV was found instead of computed") \
  COUNT(TOKENS_PROMPT_CACHED_HOST, "tokens.prompt_cached_host", "tokens", HIGHER, FALSE, "of the cached ones, those that the memory of hosts held") \
  COUNT(TOKENS_PROMPT_CACHED_STORE, "tokens.prompt_cached_store", "tokens", HIGHER, FALSE, "of the cached ones, those that came from the shared store") \
  COUNT(TOKENS_RECOMPUTED, "tokens.recomputed", "tokens", LOWER, TRUE, "tokens that were computed a second time after preemptions, or under new weights") \
  COUNT(TOKENS_REASONING, "tokens.reasoning", "tokens", NEITHER, FALSE, "reasoning tokens emitted") \
  COUNT(TOKENS_ANSWER, "tokens.answer", "tokens", NEITHER, FALSE, "answer tokens emitted") \
  COUNT(TOKENS_OUTPUT, "tokens.output", "tokens", NEITHER, TRUE, "reasoning and answer tokens emitted") \
  COUNT(PREEMPTIONS, "preemptions", "", LOWER, TRUE, "times that a running request lost its KV blocks to another") \
  REAL(UTILIZATION_ACCELERATOR_BUSY, "utilization.accelerator_busy", "", NEITHER, TRUE, "share of the accelerators' time in which their engines ran iterations") \
  REAL(UTILIZATION_MFU, "utilization.mfu", "", HIGHER, TRUE, "model FLOPs done over the peak of the accelerators that engines use") \
  REAL(UTILIZATION_MBU, "utilization.mbu", "", HIGHER, TRUE, "bytes of HBM moved over the peak of the accelerators that engines use") \
  REAL(UTILIZATION_KV_USED, "utilization.kv_used", "", NEITHER, TRUE, "share of the KV blocks in use, averaged over the run") \
  REAL(ENERGY_SITE_J, "energy.site_j", "J", LOWER, TRUE, "energy of the site with conversion and cooling") \
  REAL(ENERGY_IT_J, "energy.it_j", "J", LOWER, FALSE, "energy of accelerators, hosts and network") \
  REAL(ENERGY_ACCELERATOR_J, "energy.accelerator_j", "J", LOWER, FALSE, "energy of the accelerators") \
  REAL(ENERGY_HOST_J, "energy.host_j", "J", LOWER, FALSE, "energy of CPUs, memory and fans") \
  REAL(ENERGY_NETWORK_J, "energy.network_j", "J", LOWER, FALSE, "energy of NICs, switches and links") \
  REAL(ENERGY_OVERHEAD_J, "energy.overhead_j", "J", LOWER, FALSE, "energy that conversion and cooling add") \
  REAL(ENERGY_PHASES_PREFILL_J, "energy.phases.prefill_j", "J", LOWER, FALSE, "dynamic energy of accelerators for prompts") \
  REAL(ENERGY_PHASES_DECODE_J, "energy.phases.decode_j", "J", LOWER, FALSE, "dynamic energy of accelerators for decoding") \
  REAL(ENERGY_PHASES_TRAINING_J, "energy.phases.training_j", "J", LOWER, FALSE, "energy of accelerators for training, beyond what they draw anyway") \
  REAL(ENERGY_PHASES_COLLECTIVE_J, "energy.phases.collective_j", "J", LOWER, FALSE, "energy of accelerators that wait for collectives, and of links that carry them") \
  REAL(ENERGY_PHASES_TRANSFER_J, "energy.phases.transfer_j", "J", LOWER, FALSE, "energy of links that carry KV caches and weights") \
  REAL(ENERGY_PHASES_IDLE_J, "energy.phases.idle_j", "J", LOWER, FALSE, "energy that accelerators draw anyway") \
  REAL(ENERGY_PHASES_BESIDE_ACCELERATORS_J, "energy.phases.beside_accelerators_j", "J", LOWER, FALSE, "energy of hosts, standing networks, conversion and cooling") \
  REAL(ENERGY_REQUESTS_J, "energy.requests_j", "J", LOWER, FALSE, "dynamic energy that requests caused") \
  REAL(ENERGY_J_PER_OUTPUT_TOKEN, "energy.j_per_output_token", "J", LOWER, TRUE, "energy of the site, without the share of jobs, over output tokens") \
  REAL(ENERGY_AVERAGE_W, "energy.average_w", "W", LOWER, TRUE, "mean power of the site") \
  REAL(ENERGY_PEAK_W, "energy.peak_w", "W", LOWER, TRUE, "highest power of the site over a whole second") \
  REAL(ENERGY_PEAK_IT_W, "energy.peak_it_w", "W", LOWER, FALSE, "highest power before conversion and cooling, over a whole second") \
  REAL(ENERGY_RAMP_MW_PER_S, "energy.ramp_mw_per_s", "MW/s", LOWER, TRUE, "with jobs or a grid: largest change of the site's mean power from one second to the next") \
  REAL(ENERGY_RAMP_MW_PER_MIN, "energy.ramp_mw_per_min", "MW/min", LOWER, FALSE, "with jobs or a grid: largest change of the site's mean power from one minute to the next") \
  REAL(ENERGY_OUTPUT_TOKENS_PER_S_PER_MW, "energy.output_tokens_per_s_per_mw", "tokens/s", HIGHER, TRUE, "output tokens per second for each megawatt of the site, without the share of jobs") \
  REAL(ENERGY_PEAK_OF_SITE_POWER, "energy.peak_of_site_power", "", LOWER, FALSE, "highest power of the site over what the platform says that it may draw (tw:site_power_w)") \
  REAL(ENERGY_CAP_OVERSHOOT_W, "energy.cap_overshoot_w", "W", LOWER, FALSE, "most power above a cap") \
  REAL(ENERGY_CAP_EXCEEDED_S, "energy.cap_exceeded_s", "s", LOWER, FALSE, "longest time above a cap") \
  REAL(ENERGY_CLOCK, "energy.clock", "", HIGHER, FALSE, "mean clock of busy accelerators over the nominal one") \
  REAL(GRID_J, "grid.j", "J", LOWER, FALSE, "energy drawn from the grid: of the site, with what its battery lost and has stored since the start") \
  REAL(GRID_PEAK_W, "grid.peak_w", "W", LOWER, TRUE, "highest draw from the grid over a period") \
  REAL(GRID_RAMP_MW_PER_S, "grid.ramp_mw_per_s", "MW/s", LOWER, TRUE, "largest change of the mean draw from the grid from one second to the next") \
  REAL(GRID_RAMP_MW_PER_MIN, "grid.ramp_mw_per_min", "MW/min", LOWER, FALSE, "the same from one minute to the next") \
  REAL(GRID_LOAD_SWING_W, "grid.load_swing_w", "W", LOWER, TRUE, "largest difference between the site's powers in two periods of one second") \
  REAL(GRID_SWING_W, "grid.swing_w", "W", LOWER, TRUE, "the same of the draw from the grid, behind the battery") \
  REAL(GRID_EXCEEDED_S, "grid.exceeded_s", "s", LOWER, TRUE, "time in which the draw changed faster than the ramp limit") \
  REAL(GRID_BATTERY_LOSS_J, "grid.battery_loss_j", "J", LOWER, TRUE, "energy lost in the battery") \
  REAL(GRID_BATTERY_CHANGE_J, "grid.battery_change_j", "J", NEITHER, FALSE, "energy in the battery at the end, less that at the start") \
  REAL(GRID_BATTERY_USED_J, "grid.battery_used_j", "J", NEITHER, FALSE, "most energy in the battery at a time less the least: the capacity that was needed") \
  REAL(GRID_BURNT_J, "grid.burnt_j", "J", LOWER, TRUE, "energy that accelerators of jobs drew beyond what computing needed, to smooth their power") \
  REAL(COST_USD, "cost.usd", "USD", LOWER, FALSE, "electricity, and accelerators and racks by the hour") \
  REAL(COST_ELECTRICITY_USD, "cost.electricity_usd", "USD", LOWER, FALSE, "electricity") \
  REAL(COST_CAPITAL_USD, "cost.capital_usd", "USD", LOWER, FALSE, "accelerators and racks by the hour") \
  REAL(COST_USD_PER_MILLION_OUTPUT_TOKENS, "cost.usd_per_million_output_tokens", "USD", LOWER, TRUE, "cost, without the share of jobs, over output tokens") \
  REAL(COST_USD_PER_MILLION_TOKENS_INPUT, "cost.usd_per_million_tokens.input", "USD", LOWER, FALSE, "cost that prompt tokens bear, per million of them") \
  REAL(COST_USD_PER_MILLION_TOKENS_REASONING, "cost.usd_per_million_tokens.reasoning", "USD", LOWER, FALSE, "cost that reasoning tokens bear, per million of them") \
  REAL(COST_USD_PER_MILLION_TOKENS_ANSWER, "cost.usd_per_million_tokens.answer", "USD", LOWER, FALSE, "cost that answer tokens bear, per million of them") \
  TW_TIME_CLASSES(TW_SPENT_S_METRIC, REAL) \
  REAL(SPENT_S_JOBS, "spent.seconds.jobs", "s", NEITHER, FALSE, "accelerators' time: of jobs") \
  TW_TIME_CLASSES(TW_SPENT_J_METRIC, REAL) \
  REAL(SPENT_J_JOBS, "spent.joules.jobs", "J", NEITHER, FALSE, "accelerators' energy: of jobs") \
  REAL(SPENT_J_BESIDE, "spent.joules.beside", "J", NEITHER, FALSE, "hosts, network, conversion and cooling") \
  TW_TIME_CLASSES(TW_SPENT_USD_METRIC, REAL) \
  REAL(SPENT_USD_JOBS, "spent.usd.jobs", "USD", NEITHER, FALSE, "accelerators' cost and electricity: of jobs") \
  REAL(SPENT_USD_BESIDE, "spent.usd.beside", "USD", NEITHER, FALSE, "electricity of hosts, network, conversion and cooling") \
  REAL(CARBON_G, "carbon.g", "g", LOWER, FALSE, "CO2 of the electricity") \
  REAL(CARBON_G_PER_MILLION_OUTPUT_TOKENS, "carbon.g_per_million_output_tokens", "g", LOWER, TRUE, "CO2 over output tokens") \
  REAL(CARBON_G_PER_MILLION_TOKENS_INPUT, "carbon.g_per_million_tokens.input", "g", LOWER, FALSE, "CO2 that prompt tokens bear, per million of them") \
  REAL(CARBON_G_PER_MILLION_TOKENS_REASONING, "carbon.g_per_million_tokens.reasoning", "g", LOWER, FALSE, "CO2 that reasoning tokens bear, per million of them") \
  REAL(CARBON_G_PER_MILLION_TOKENS_ANSWER, "carbon.g_per_million_tokens.answer", "g", LOWER, FALSE, "CO2 that answer tokens bear, per million of them") \
  COUNT(NETWORK_FLOWS, "network.flows", "", NEITHER, FALSE, "flows that crossed links") \
  REAL(NETWORK_BYTES, "network.bytes", "bytes", NEITHER, TRUE, "bytes that were sent") \
  REAL(NETWORK_KV_BYTES, "network.kv_bytes", "bytes", NEITHER, FALSE, "bytes of KV caches") \
  REAL(NETWORK_COLLECTIVE_BYTES, "network.collective_bytes", "bytes", NEITHER, FALSE, "bytes of collectives that leave their NVLink domain") \
  REAL(NETWORK_WEIGHTS_BYTES, "network.weights_bytes", "bytes", NEITHER, FALSE, "bytes of weights") \
  REAL(NETWORK_PEAK_LINK_UTILIZATION, "network.peak_link_utilization", "", LOWER, TRUE, "of the busiest link over an interval") \
  REAL(NETWORK_SLOWDOWN_MEAN, "network.slowdown.mean", "", LOWER, FALSE, "mean over flows of their time over what each would have taken alone") \
  REAL(NETWORK_SLOWDOWN_P99, "network.slowdown.p99", "", LOWER, FALSE, "99th percentile of the same") \
  REAL(NETWORK_SLOWDOWN_MAX, "network.slowdown.max", "", LOWER, FALSE, "maximum of the same") \
  COUNT(SESSIONS_STARTED, "sessions.started", "sessions", NEITHER, FALSE, "sessions that began") \
  COUNT(SESSIONS_COMPLETED, "sessions.completed", "sessions", HIGHER, FALSE, "sessions whose last turn was completed") \
  COUNT(SESSIONS_BROKEN, "sessions.broken", "sessions", LOWER, FALSE, "sessions of which a turn was not completed") \
  COUNT(WORLD_SITES, "world.sites", "", NEITHER, FALSE, "sites, in runs of several") \
  COUNT(WORLD_RACKS, "world.racks", "", LOWER, FALSE, "racks of all sites") \
  COUNT(WORLD_GUESTS, "world.guests", "requests", NEITHER, TRUE, "requests that were served outside the region of their users") \
  COUNT(WORLD_MOVED, "world.moved", "", LOWER, TRUE, "times that a site without an engine that serves sent a request to another one") \
  COUNT(WORLD_REFUSED, "world.refused", "requests", LOWER, FALSE, "requests that no site could take") \
  COUNT(WORLD_KV_MOVES, "world.kv_moves", "", NEITHER, TRUE, "times that a session's KV cache went from one site to another") \
  REAL(WORLD_KV_BYTES, "world.kv_bytes", "bytes", NEITHER, FALSE, "bytes of these") \
  REAL(WORLD_WEIGHTS_BYTES, "world.weights_bytes", "bytes", NEITHER, FALSE, "bytes of weights that sites got from others") \
  REAL(WORLD_WAN_MEAN_S, "world.wan_mean_s", "s", LOWER, TRUE, "mean time of requests on the way to their site and back") \
  COUNT(ENGINES, "engines", "", NEITHER, FALSE, "engines of all pools") \
  REAL(ACCELERATORS, "accelerators", "", NEITHER, TRUE, "accelerators that engines use") \
  COUNT(ADAPTERS_LOADS, "adapters.loads", "", LOWER, FALSE, "times that an adapter was loaded into accelerators") \
  COUNT(ADAPTERS_FETCHES, "adapters.fetches", "", LOWER, FALSE, "of them, those from storage") \
  REAL(FLEET_SERVING_ENGINE_HOURS, "fleet.serving_engine_hours", "h", NEITHER, TRUE, "time that engines were serving, over all engines") \
  REAL(FLEET_DRAINING_ENGINE_HOURS, "fleet.draining_engine_hours", "h", NEITHER, FALSE, "time that engines were draining, over all engines") \
  REAL(FLEET_PARKED_ENGINE_HOURS, "fleet.parked_engine_hours", "h", NEITHER, FALSE, "time that engines were parked, over all engines") \
  REAL(FLEET_LOADING_ENGINE_HOURS, "fleet.loading_engine_hours", "h", NEITHER, FALSE, "time that engines were loading, over all engines") \
  COUNT(FLEET_WAKES, "fleet.wakes", "", NEITHER, TRUE, "times that an engine was woken") \
  COUNT(FLEET_LOADS, "fleet.loads", "", NEITHER, FALSE, "times that an engine loaded its weights") \
  REAL(FLEET_MEAN_LOAD_S, "fleet.mean_load_s", "s", NEITHER, FALSE, "mean time of such a load") \
  REAL(FAILURES_AVAILABILITY, "failures.availability", "", HIGHER, TRUE, "share of the time of the accelerators of engines in which their engines were not down") \
  COUNT(FAILURES_COUNT, "failures.count", "failures", LOWER, TRUE, "failures that began") \
  REAL(FAILURES_EXPECTED, "failures.expected", "failures", NEITHER, FALSE, "failures that begin in so long a time on average, whatever the seed") \
  COUNT(FAILURES_LIMPS, "failures.limps", "failures", LOWER, FALSE, "of them, those that let something limp") \
  COUNT(FAILURES_ENGINE_STOPS, "failures.engine_stops", "", LOWER, TRUE, "times that a failure stopped an engine") \
  REAL(FAILURES_ACCELERATOR_HOURS_DOWN, "failures.accelerator_hours_down", "h", LOWER, FALSE, "time that engines were down, times their accelerators") \
  REAL(FAILURES_ENGINE_MTBF_S, "failures.engine_mtbf_s", "s", HIGHER, FALSE, "time that engines were up, over the times that they stopped") \
  REAL(FAILURES_ENGINE_MTTR_S, "failures.engine_mttr_s", "s", LOWER, FALSE, "mean time from where an engine stopped to where it served again or stood by") \
  COUNT(FAILURES_REQUESTS_HIT, "failures.requests_hit", "", LOWER, TRUE, "times that a request lost its engine") \
  COUNT(FAILURES_RETRIES, "failures.retries", "", LOWER, FALSE, "times that a request was sent again") \
  COUNT(FAILURES_LOST_TOKENS, "failures.lost_tokens", "tokens", LOWER, FALSE, "tokens computed or emitted that engines lost") \
  COUNT(FAILURES_DISCARDED_TOKENS, "failures.discarded_tokens", "tokens", LOWER, FALSE, "of them, emitted ones that were not resumed: they count in no request's output") \
  REAL(FAILURES_GOODPUT_LOST, "failures.goodput_lost", "", LOWER, TRUE, "share of the requests that arrived in the window which a failure hit and which missed their SLO") \
  COUNT(FAILURES_BLAST_REQUESTS, "failures.blast_radius.requests", "requests", LOWER, FALSE, "most requests that one failure hit") \
  COUNT(FAILURES_BLAST_ENGINES, "failures.blast_radius.engines", "", LOWER, FALSE, "most engines that one failure hit") \
  COUNT(TRAINING_STEPS, "training.steps", "", HIGHER, TRUE, "steps of training jobs that were done and not lost") \
  REAL(TRAINING_TOKENS, "training.tokens", "tokens", HIGHER, FALSE, "tokens of these steps") \
  REAL(TRAINING_STEP_S, "training.step_s", "s", LOWER, TRUE, "mean time of a step, checkpoints and stops left out") \
  REAL(TRAINING_TOKENS_PER_S, "training.tokens_per_s", "tokens/s", HIGHER, TRUE, "tokens that were not lost per second of the jobs") \
  REAL(TRAINING_MFU, "training.mfu", "", HIGHER, TRUE, "model FLOPs of steps that were not lost over the dense peak of the jobs' accelerators, in all their time") \
  REAL(TRAINING_GOODPUT, "training.goodput", "", HIGHER, TRUE, "share of the jobs' time that steps took which were not lost") \
  REAL(TRAINING_COMPUTE, "training.share.compute", "", HIGHER, FALSE, "share of the jobs' time in which their slowest stage computed") \
  REAL(TRAINING_BUBBLE, "training.share.bubble", "", LOWER, FALSE, "share in which pipelines filled or drained") \
  REAL(TRAINING_EXPOSED, "training.share.exposed", "", LOWER, FALSE, "share in which collectives were waited for") \
  REAL(TRAINING_OPTIMIZER, "training.share.optimizer", "", LOWER, FALSE, "share of the optimizer") \
  REAL(TRAINING_CHECKPOINT, "training.share.checkpoint", "", LOWER, FALSE, "share in which checkpoints were waited for") \
  REAL(TRAINING_STRAGGLING, "training.share.straggling", "", LOWER, FALSE, "share in which sound accelerators waited for one that limped") \
  REAL(TRAINING_THROTTLED, "training.share.throttled", "", LOWER, FALSE, "share by which work took longer as smoothed power rose") \
  REAL(TRAINING_DOWN, "training.share.down", "", LOWER, FALSE, "share from failures to where jobs went on") \
  REAL(TRAINING_ROLLOUTS, "training.share.rollouts", "", LOWER, FALSE, "reinforcement learning: share in which jobs waited for rollouts and rewards") \
  REAL(TRAINING_SWAP, "training.share.swap", "", LOWER, FALSE, "likewise: share in which accelerators changed from rollouts to training or back") \
  REAL(TRAINING_SYNC, "training.share.sync", "", LOWER, FALSE, "likewise: share in which weights went to engines") \
  COUNT(TRAINING_CHECKPOINTS, "training.checkpoints", "", NEITHER, FALSE, "checkpoints that were complete") \
  COUNT(TRAINING_STOPS, "training.stops", "", LOWER, TRUE, "times that a failure stopped a job") \
  COUNT(TRAINING_LOST_STEPS, "training.lost_steps", "", LOWER, TRUE, "steps that were done again, for want of a later checkpoint") \
  REAL(TRAINING_J, "training.j", "J", LOWER, FALSE, "energy of the jobs' accelerators") \
  REAL(TRAINING_J_PER_TOKEN, "training.j_per_token", "J", LOWER, TRUE, "that over tokens that were not lost") \
  COUNT(RL_STEPS, "rl.steps", "", HIGHER, TRUE, "whole steps of reinforcement learning") \
  REAL(RL_STEPS_PER_HOUR, "rl.steps_per_hour", "", HIGHER, TRUE, "these per hour of theirs") \
  REAL(RL_STEP_S, "rl.step_s", "s", LOWER, FALSE, "mean time of one") \
  REAL(RL_SYNC_S, "rl.sync_s", "s", LOWER, FALSE, "of this, time in which weights went to engines") \
  REAL(RL_TRAINER_IDLE, "rl.trainer_idle", "", LOWER, TRUE, "share of their time in which the trainer waited for rollouts and rewards") \
  REAL(RL_ROLLOUT_IDLE, "rl.rollout_idle", "", LOWER, TRUE, "share of their time in which engines had no iteration under way") \
  REAL(RL_ROLLOUTS_PER_STEP, "rl.rollouts_per_step", "", HIGHER, FALSE, "rollouts that a step trained on") \
  REAL(RL_TOKENS_PER_STEP, "rl.tokens_per_step", "tokens", HIGHER, TRUE, "prompts and outputs of these") \
  REAL(RL_TOKENS_PER_S, "rl.tokens_per_s", "tokens/s", HIGHER, TRUE, "these per second") \
  REAL(RL_UNUSED, "rl.unused", "", LOWER, FALSE, "share of the tokens that engines emitted which no step up to then trained on; below 0 where older ones were") \
  REAL(RL_INTERRUPTED_PER_STEP, "rl.interrupted_per_step", "", LOWER, FALSE, "requests that were under way as enough rollouts of a step had ended") \
  REAL(RL_J_PER_STEP, "rl.j_per_step", "J", LOWER, FALSE, "energy of the accelerators of engines and trainer") \
  REAL(RL_J_PER_TOKEN, "rl.j_per_token", "J", LOWER, TRUE, "that over tokens that steps trained on") \
  REAL(EXTRAPOLATED_ITERATIONS, "extrapolated_iterations", "", LOWER, TRUE, "share of the iterations outside of what step times were fitted on") \
  REAL(SIMULATED_S, "simulated_s", "s", NEITHER, TRUE, "simulated time") \
  COUNT(ITERATIONS, "iterations", "", NEITHER, FALSE, "iterations of all engines") \
  COUNT(EVENTS, "events", "", NEITHER, FALSE, "wake-ups of the simulator") \
  REAL(WALL_S, "wall_s", "s", LOWER, FALSE, "time that the simulator took") \
  REAL(CPU_S, "cpu_s", "s", LOWER, FALSE, "processor time that the simulator took, of all threads")
/* clang-format on */

typedef enum {
#define X(name, ...) TW_LATENCY_##name,
  TW_LATENCIES(X)
#undef X
      TW_LATENCY_KINDS
} tw_latency;

/* When things happened to a request, in seconds; NAN: never. */
typedef struct tw_request_times {
  double arrival_s, first_scheduled_s, first_token_s, first_answer_s, completion_s;
  double output_tokens;
  double longest_itl_s; /* between two of them; NAN: not followed, or it has but one */
} tw_request_times;

/* NAN where a request has no such latency: TPOT needs two tokens. */
double tw_latency_of(tw_latency kind, const tw_request_times *times);

typedef struct tw_latency_kind {
  const char *key, *label, *help; /* "ttft_s", "TTFT" */
} tw_latency_kind;
extern const tw_latency_kind tw_latencies[TW_LATENCY_KINDS];

typedef enum {
#define X(name, ...) TW_METRIC_##name,
  TW_METRICS(X, X)
#undef X
      TW_METRIC_COUNT
} tw_metric_id;

typedef enum { TW_BETTER_NEITHER, TW_BETTER_LOWER, TW_BETTER_HIGHER } tw_better;
extern const char *const tw_better_names[]; /* "neither", "lower", "higher" */

typedef struct tw_metric {
  const char *name; /* its path in the summary: "ttft_s.p99" */
  const char *unit; /* "s", "tokens/s", "" */
  tw_better better;
  gboolean headline; /* it stands in short tables */
  gboolean count;    /* a whole number */
  const char *help;
} tw_metric;

/* By tw_metric_id, in the order in which a person reads them; ends with a row without a name. */
extern const tw_metric tw_metrics[TW_METRIC_COUNT + 1];

/* The metric of that name, or NULL. */
const tw_metric *tw_metric_find(const char *name);

/* Values of all metrics. NAN: it was not simulated, or there is none. */
typedef struct tw_metric_values {
  double of[TW_METRIC_COUNT];
} tw_metric_values;

/* Every one is NAN. */
void tw_metric_values_clear(tw_metric_values *values);
/* Writes the values that are numbers and whose names are `section`, or begin with it and a dot, to their
 * places in the summary; nothing where there are none. */
void tw_metrics_write(const tw_metric_values *values, const char *section, json_t *summary);

/* A page of documentation in Markdown: a table of every metric. The caller frees it. */
char *tw_metrics_document(void);

#endif
