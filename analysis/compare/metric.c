#include "analysis/compare/metric.h"

#define LATENCY(name)                                                                                        \
  {name ".mean", "s", TW_BETTER_LOWER, FALSE}, {name ".p50", "s", TW_BETTER_LOWER, TRUE},                    \
      {name ".p90", "s", TW_BETTER_LOWER, FALSE}, {name ".p95", "s", TW_BETTER_LOWER, FALSE},                \
      {name ".p99", "s", TW_BETTER_LOWER, TRUE},                                                             \
  {                                                                                                          \
    name ".max", "s", TW_BETTER_LOWER, FALSE                                                                 \
  }

const tw_metric tw_metrics[] = {
    {"requests.arrived", "requests", TW_BETTER_NEITHER, TRUE},
    {"requests.completed", "requests", TW_BETTER_HIGHER, TRUE},
    {"requests.rejected", "requests", TW_BETTER_LOWER, TRUE},
    {"requests.failed", "requests", TW_BETTER_LOWER, TRUE},
    {"requests.cancelled", "requests", TW_BETTER_LOWER, TRUE},
    {"requests.unfinished", "requests", TW_BETTER_LOWER, TRUE},
    LATENCY("queue_s"),
    LATENCY("ttft_s"),
    LATENCY("ttfat_s"),
    LATENCY("tpot_s"),
    LATENCY("e2e_s"),
    {"throughput.requests_per_s", "requests/s", TW_BETTER_HIGHER, TRUE},
    {"throughput.output_tokens_per_s", "tokens/s", TW_BETTER_HIGHER, TRUE},
    {"throughput.total_tokens_per_s", "tokens/s", TW_BETTER_HIGHER, FALSE},
    {"throughput.output_tokens_per_s_per_accelerator", "tokens/s", TW_BETTER_HIGHER, TRUE},
    {"slo.attainment", "", TW_BETTER_HIGHER, TRUE},
    {"slo.goodput_requests_per_s", "requests/s", TW_BETTER_HIGHER, TRUE},
    {"tokens.prompt", "tokens", TW_BETTER_NEITHER, FALSE},
    {"tokens.prompt_cached", "tokens", TW_BETTER_HIGHER, TRUE},
    {"tokens.prompt_cached_host", "tokens", TW_BETTER_HIGHER, FALSE},
    {"tokens.prompt_cached_store", "tokens", TW_BETTER_HIGHER, FALSE},
    {"tokens.recomputed", "tokens", TW_BETTER_LOWER, TRUE},
    {"tokens.reasoning", "tokens", TW_BETTER_NEITHER, FALSE},
    {"tokens.answer", "tokens", TW_BETTER_NEITHER, FALSE},
    {"tokens.output", "tokens", TW_BETTER_NEITHER, TRUE},
    {"preemptions", "", TW_BETTER_LOWER, TRUE},
    {"utilization.accelerator_busy", "", TW_BETTER_NEITHER, TRUE},
    {"utilization.mfu", "", TW_BETTER_HIGHER, TRUE},
    {"utilization.mbu", "", TW_BETTER_HIGHER, TRUE},
    {"utilization.kv_used", "", TW_BETTER_NEITHER, TRUE},
    {"energy.site_j", "J", TW_BETTER_LOWER, TRUE},
    {"energy.it_j", "J", TW_BETTER_LOWER, FALSE},
    {"energy.accelerator_j", "J", TW_BETTER_LOWER, FALSE},
    {"energy.host_j", "J", TW_BETTER_LOWER, FALSE},
    {"energy.network_j", "J", TW_BETTER_LOWER, FALSE},
    {"energy.overhead_j", "J", TW_BETTER_LOWER, FALSE},
    {"energy.phases.prefill_j", "J", TW_BETTER_LOWER, FALSE},
    {"energy.phases.decode_j", "J", TW_BETTER_LOWER, FALSE},
    {"energy.phases.collective_j", "J", TW_BETTER_LOWER, FALSE},
    {"energy.phases.transfer_j", "J", TW_BETTER_LOWER, FALSE},
    {"energy.phases.idle_j", "J", TW_BETTER_LOWER, FALSE},
    {"energy.phases.beside_accelerators_j", "J", TW_BETTER_LOWER, FALSE},
    {"energy.requests_j", "J", TW_BETTER_LOWER, FALSE},
    {"energy.j_per_output_token", "J", TW_BETTER_LOWER, TRUE},
    {"energy.average_w", "W", TW_BETTER_LOWER, TRUE},
    {"energy.peak_w", "W", TW_BETTER_LOWER, TRUE},
    {"energy.peak_it_w", "W", TW_BETTER_LOWER, FALSE},
    {"energy.cap_overshoot_w", "W", TW_BETTER_LOWER, FALSE},
    {"energy.cap_exceeded_s", "s", TW_BETTER_LOWER, FALSE},
    {"energy.clock", "", TW_BETTER_HIGHER, FALSE},
    {"energy.output_tokens_per_s_per_mw", "tokens/s", TW_BETTER_HIGHER, TRUE},
    {"cost.usd", "USD", TW_BETTER_LOWER, FALSE},
    {"cost.electricity_usd", "USD", TW_BETTER_LOWER, FALSE},
    {"cost.capital_usd", "USD", TW_BETTER_LOWER, FALSE},
    {"cost.usd_per_million_output_tokens", "USD", TW_BETTER_LOWER, TRUE},
    {"cost.usd_per_million_tokens.input", "USD", TW_BETTER_LOWER, FALSE},
    {"cost.usd_per_million_tokens.reasoning", "USD", TW_BETTER_LOWER, FALSE},
    {"cost.usd_per_million_tokens.answer", "USD", TW_BETTER_LOWER, FALSE},
    {"carbon.g", "g", TW_BETTER_LOWER, FALSE},
    {"carbon.g_per_million_output_tokens", "g", TW_BETTER_LOWER, TRUE},
    {"carbon.g_per_million_tokens.input", "g", TW_BETTER_LOWER, FALSE},
    {"carbon.g_per_million_tokens.reasoning", "g", TW_BETTER_LOWER, FALSE},
    {"carbon.g_per_million_tokens.answer", "g", TW_BETTER_LOWER, FALSE},
    {"network.bytes", "bytes", TW_BETTER_NEITHER, TRUE},
    {"network.kv_bytes", "bytes", TW_BETTER_NEITHER, FALSE},
    {"network.collective_bytes", "bytes", TW_BETTER_NEITHER, FALSE},
    {"network.weights_bytes", "bytes", TW_BETTER_NEITHER, FALSE},
    {"network.peak_link_utilization", "", TW_BETTER_LOWER, TRUE},
    {"engines", "", TW_BETTER_NEITHER, FALSE},
    {"accelerators", "", TW_BETTER_NEITHER, TRUE},
    {"fleet.serving_engine_hours", "h", TW_BETTER_NEITHER, TRUE},
    {"fleet.draining_engine_hours", "h", TW_BETTER_NEITHER, FALSE},
    {"fleet.parked_engine_hours", "h", TW_BETTER_NEITHER, FALSE},
    {"fleet.loading_engine_hours", "h", TW_BETTER_NEITHER, FALSE},
    {"fleet.wakes", "", TW_BETTER_NEITHER, TRUE},
    {"fleet.loads", "", TW_BETTER_NEITHER, FALSE},
    {"fleet.mean_load_s", "s", TW_BETTER_NEITHER, FALSE},
    {"extrapolated_iterations", "", TW_BETTER_LOWER, TRUE},
    {"simulated_s", "s", TW_BETTER_NEITHER, TRUE},
    /* These tell of the simulator, and not of what it simulates. */
    {"iterations", "", TW_BETTER_NEITHER, FALSE},
    {"events", "", TW_BETTER_NEITHER, FALSE},
    {"wall_s", "s", TW_BETTER_LOWER, FALSE},
    {"cpu_s", "s", TW_BETTER_LOWER, FALSE},
    {NULL, NULL, TW_BETTER_NEITHER, FALSE},
};

const tw_metric *tw_metric_find(const char *name)
{
  for (const tw_metric *metric = tw_metrics; metric->name != NULL; metric++)
    if (g_str_equal(metric->name, name))
      return metric;
  return NULL;
}
