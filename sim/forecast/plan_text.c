#include "sim/forecast/plan_text.h"

#include "sim/forecast/expected_error.h"
#include "sim/scenario/site_power.h"

#include <math.h>

/* Tokens of context of the example batches. */
enum { EXAMPLE_CONTEXT = 1024 };

static void add_row(GString *out, const char *name, const char *format, ...) G_GNUC_PRINTF(3, 4);
static void add_row(GString *out, const char *name, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  g_string_append_printf(out, "  %-22s ", name);
  g_string_append_vprintf(out, format, arguments);
  g_string_append_c(out, '\n');
  va_end(arguments);
}

/* "118 W", or that it is not known. The caller frees it. */
static char *watts(double w)
{
  return isnan(w) ? g_strdup("unknown") : tw_quantity_format(w < 100 ? w : round(w), TW_POWER);
}

/* ---- Step times ---- */

/* Time and watts of an iteration in which every rank of an engine has the batch. */
static void add_step(GString *out, const char *name, const char *what, const tw_pool *pool,
                     const tw_batch *batch)
{
  g_autofree tw_batch *ranks = g_new(tw_batch, (gsize)pool->dp);
  for (gint64 i = 0; i < pool->dp; i++)
    ranks[i] = *batch;
  tw_step_cost cost;
  tw_step_model_cost(pool->plan.step_model, ranks, (int)pool->dp, &cost);
  if (pool->speculation.draft_tokens > 0)
    tw_speculation_cost(&pool->speculation, pool->plan.step_model, ranks, (int)pool->dp, &cost);
  double time_s = cost.time_s.first;
  double tokens = (double)(pool->dp * (batch->decode_seqs + batch->prefill_tokens));
  g_string_append_printf(out, "  %-22s %s: %.4g ms, %.4g tokens/s", name, what, 1e3 * time_s,
                         tokens / time_s);
  if (tw_power_known(&pool->plan.power)) {
    g_autofree char *drawn = watts(tw_power_watts(&pool->plan.power, &cost));
    g_string_append_printf(out, ", %s per accelerator", drawn);
  }
  double wire_bytes = cost.wire.tensor + cost.wire.experts + cost.wire.stages;
  if (wire_bytes > 0)
    g_string_append_printf(out, "; beside it, %.4g MB of each NIC cross the fabric", 1e-6 * wire_bytes);
  g_string_append(out, cost.extrapolated ? " (extrapolated)\n" : "\n");
}

static void add_steps(GString *out, const tw_pool *pool)
{
  gint64 held = pool->plan.memory.kv_blocks * pool->block_tokens;
  gint64 context = MIN(EXAMPLE_CONTEXT, MIN(held, pool->max_model_len));
  gint64 seqs = CLAMP(held / context, 1, pool->max_seqs);
  if (pool->role != TW_POOL_PREFILL) {
    g_autofree char *small = g_strdup_printf("1 sequence%s decodes at %" G_GINT64_FORMAT " tokens of context",
                                             pool->dp > 1 ? " on each rank" : "", context);
    g_autofree char *large =
        g_strdup_printf("%" G_GINT64_FORMAT " sequences%s decode at %" G_GINT64_FORMAT " tokens of context",
                        seqs, pool->dp > 1 ? " on each rank" : "", context);
    const tw_context_caps *caps = &pool->model->caps;
    tw_batch one = tw_batch_of_decodes(caps, 1, context), many = tw_batch_of_decodes(caps, seqs, context);
    add_step(out, "step, small batch", small, pool, &one);
    add_step(out, "step, large batch", large, pool, &many);
  }
  if (pool->role != TW_POOL_DECODE) {
    gint64 tokens = MIN(pool->max_batched_tokens, MIN(held, pool->max_model_len - 1));
    g_autofree char *prompt = g_strdup_printf("a prompt of %" G_GINT64_FORMAT " tokens%s", tokens,
                                              pool->dp > 1 ? " on each rank" : "");
    tw_batch batch = {.next_full = G_MAXINT64};
    tw_batch_add_prompt(&batch, &pool->model->caps, 0, tokens, TRUE);
    add_step(out, "step, prompt", prompt, pool, &batch);
  }
}

/* ---- Pools ---- */

static void add_memory(GString *out, const tw_pool *pool)
{
  const tw_memory *m = &pool->plan.memory;
  add_row(out, "HBM", "%.4g GB per accelerator, of which %.4g GB may be used", 1e-9 * m->hbm_bytes,
          1e-9 * m->usable_bytes);
  add_row(out, "weights", "%.4g GB per accelerator", 1e-9 * m->weight_bytes);
  add_row(out, "activations", "%.4g GB per accelerator at most, and %.4g GB for driver and buffers",
          1e-9 * m->activation_bytes, 1e-9 * m->reserved_bytes);
  if (m->window_bytes > 0)
    add_row(out, "KV windows", "%.4g GB per accelerator, for max-seqs full windows", 1e-9 * m->window_bytes);
  if (m->sequence_bytes > 0)
    add_row(out, "state and windows",
            "%.4g GB of each sequence on each accelerator, as much as %" G_GINT64_FORMAT " KV blocks",
            1e-9 * m->sequence_bytes, m->sequence_blocks);
  add_row(out, "KV cache", "%.4g GB per accelerator, %.6g bytes per token on each", 1e-9 * m->kv_bytes,
          m->kv_bytes_per_token);
  add_row(out, "KV blocks",
          "%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " tokens: %" G_GINT64_FORMAT " tokens%s", m->kv_blocks,
          pool->block_tokens, m->kv_blocks * pool->block_tokens, pool->dp > 1 ? " on each rank" : "");
}

static void add_power(GString *out, const tw_scenario *scenario, const tw_pool *pool)
{
  g_autofree char *idle = watts(pool->plan.power.idle_w), *most = watts(pool->plan.power.max_w);
  add_row(out, "power", "%s idle, %s at most per accelerator", idle, most);
  if (pool->plan.n_clocks == 0)
    return;
  g_autoptr(GString) clocks = g_string_new(NULL);
  g_string_append_printf(clocks, "%.3g", scenario->caps.clock);
  for (int i = 0; i < pool->plan.n_clocks; i++)
    g_string_append_printf(clocks, " %.3g", pool->plan.clocks[i].clock);
  add_row(out, "clocks", "%s of the nominal one", clocks->str);
}

/* The hosts of an engine, or of a job behind them, as placement="explicit" names them. */
static void add_place(GString *out, const tw_scenario *scenario, int engine)
{
  const tw_engine_place *place = tw_scenario_place(scenario, engine);
  g_autoptr(GString) hosts = g_string_new(NULL);
  for (int s = 0; s < place->n_shares; s++)
    g_string_append_printf(hosts, "%s%s:%d", s > 0 ? " " : "",
                           scenario->platform->hosts[place->shares[s].host].id,
                           place->shares[s].accelerators);
  g_autofree char *name =
      engine < scenario->plan.n_engines ? g_strdup_printf("engine %d", engine) : g_strdup("hosts");
  add_row(out, name, "%s", hosts->str);
}

static void add_pool(GString *out, const tw_scenario *scenario, int index)
{
  const tw_pool *pool = &scenario->pools[index];
  g_string_append_printf(out, "\npool \"%s\": %" G_GINT64_FORMAT " engines of %s on %s\n", pool->id,
                         pool->replicas, pool->model->label, pool->plan.device->label);
  add_row(out, "accelerators",
          "%" G_GINT64_FORMAT " per engine: tp=%" G_GINT64_FORMAT " pp=%" G_GINT64_FORMAT
          " dp=%" G_GINT64_FORMAT " ep=%" G_GINT64_FORMAT,
          pool->tp * pool->pp * pool->dp, pool->tp, pool->pp, pool->dp, pool->ep);
  add_row(out, "NVLink domains", "%d for a tensor-parallel group, %d for the ranks of a stage",
          MAX(pool->plan.reach.tensor, 1), MAX(pool->plan.reach.experts, 1));
  add_memory(out, pool);
  if (pool->host_bytes > 0)
    add_row(out, "KV in host memory", "%.4g GB per engine", 1e-9 * pool->host_bytes);
  add_power(out, scenario, pool);
  add_row(out, "step times", "%s, %s", tw_step_kind_names[pool->step_kind],
          pool->table_file != NULL ? pool->table_file : pool->software.label);
  add_steps(out, pool);
  g_autoptr(GArray) errors = tw_expected_errors(pool);
  for (guint i = 0; i < errors->len; i++) {
    const tw_expected_error *e = &g_array_index(errors, tw_expected_error, i);
    add_row(out, "expected error", "%s \u00b1 %.0f %% in the median, 9 of 10 within %.0f %% (%s, nearest %s)",
            e->metric, 100 * e->median, 100 * e->p90, tw_grade_names[e->grade], e->nearest);
  }
  for (int i = 0; i < scenario->plan.n_engines; i++)
    if (scenario->plan.engines[i].pool == index)
      add_place(out, scenario, i);
}

/* ---- Jobs ---- */

static void add_traffic(GString *out, const tw_site_job *job)
{
  for (int i = 0; i < TW_TRAINING_TRAFFICS; i++) {
    const tw_training_sends *s = &job->plan.cost.sends[i];
    g_autofree char *name = g_strdup_printf("traffic of %s", tw_training_traffic_names[i]);
    double micro = (double)job->plan.cost.micro_batches, bytes = micro * s->micro_bytes + s->step_bytes,
           inside_s = micro * s->micro_inside_s + s->step_inside_s;
    if (bytes + inside_s > 0)
      add_row(out, name,
              "%.4g s of a step inside of domains, %.4g GB over each NIC in %d domains; %.0f %% beside "
              "computation",
              inside_s, 1e-9 * bytes, job->plan.training.reach.groups[i], 100 * job->overlap[i]);
  }
}

static void add_rollouts(GString *out, const tw_scenario *scenario, const tw_site_job *job)
{
  const tw_class *rollouts = tw_scenario_rollouts(scenario);
  add_row(out, "rollouts",
          "%" G_GINT64_FORMAT " samples of each of %" G_GINT64_FORMAT
          " prompts, policy %s with %.4g times as many under way, %" G_GINT64_FORMAT
          " steps off policy; the step alone is of as many whole sequences",
          rollouts->samples, rollouts->prompts, tw_rollout_policies[job->rl.policy].name,
          tw_site_job_over_sampling(job), job->rl.off_policy);
  if (job->rl.colocated)
    add_row(out, "colocated", "with the engines; a change to training or back takes %.4g s",
            tw_site_job_swap_s(job));
}

static void add_job(GString *out, const tw_scenario *scenario, int index)
{
  const tw_site_job *job = &scenario->jobs[index];
  const tw_training_setting *s = &job->plan.training;
  const tw_training_cost *cost = &job->plan.cost;
  tw_interconnect links = tw_device_links(job->plan.device);
  tw_training_memory m = tw_training_memory_of(s);
  tw_training_step step = tw_training_step_of(s, cost, &links);
  g_string_append_printf(out, "\njob \"%s\": training of %s on %" G_GINT64_FORMAT " of %s\n", job->id,
                         job->model->label, tw_site_job_accelerators(job), job->plan.device->label);
  add_row(out, "layout",
          "tp=%" G_GINT64_FORMAT " cp=%" G_GINT64_FORMAT " dp=%" G_GINT64_FORMAT " pp=%" G_GINT64_FORMAT
          " ep=%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT " micro-batches of %" G_GINT64_FORMAT
          " on each replica",
          job->tp, job->cp, job->dp, job->pp, job->ep, cost->micro_batches, job->micro_batch);
  add_row(out, "HBM",
          "%.4g GB of %.4g GB: weights %.4g, gradients %.4g, optimizer %.4g, activations %.4g, reserves %.4g",
          1e-9 * tw_training_memory_sum(&m), 1e-9 * m.hbm_bytes, 1e-9 * m.weight_bytes,
          1e-9 * m.gradient_bytes, 1e-9 * m.optimizer_bytes, 1e-9 * m.activation_bytes,
          1e-9 * (m.reserved_bytes + m.gathered_bytes));
  add_traffic(out, job);
  add_row(out, "step alone", "%.9g s: computes %.4g s, bubble %.4g s, collectives %.4g s, optimizer %.4g s",
          step.step_s, step.compute_s, step.bubble_s, step.exposed_s, step.optimizer_s);
  add_row(out, "rate alone", "%.4g tokens/s, %.4g of each accelerator, MFU %.1f %%",
          cost->tokens / step.step_s, cost->tokens / step.step_s / (double)tw_site_job_accelerators(job),
          100 * cost->model_flops / step.step_s / cost->peak_flops);
  if (job->checkpoint.every > 0)
    add_row(out, "checkpoint", "%.4g GB every %" G_GINT64_FORMAT " steps, %s",
            1e-9 * tw_site_job_checkpoint_bytes(job), job->checkpoint.every,
            tw_checkpoint_mode_names[job->checkpoint.mode]);
  if (job->kind == TW_SITE_JOB_RL)
    add_rollouts(out, scenario, job);
  add_place(out, scenario, scenario->plan.n_engines + index);
}

/* ---- The site ---- */

static char *amount(double value, const char *unit)
{
  return g_str_equal(unit, "W") ? watts(value) : g_strdup_printf("%.4g %s", value, unit);
}

static void add_series(GString *out, const char *name, const tw_stairs *stairs, const char *unit)
{
  if (stairs == NULL)
    return;
  g_autofree char *low = amount(tw_stairs_min(stairs), unit), *high = amount(tw_stairs_max(stairs), unit),
                  *first = amount(tw_stairs_at(stairs, 0), unit);
  if (tw_stairs_min(stairs) < tw_stairs_max(stairs))
    add_row(out, name, "%s to %s, %s at the start", low, high, first);
  else
    add_row(out, name, "%s", low);
}

static void add_site(GString *out, const tw_scenario *scenario)
{
  g_autoptr(tw_site_power) power = tw_site_power_new(scenario);
  const tw_platform *platform = scenario->platform;
  g_string_append_printf(out, "\nsite \"%s\"\n", platform->name);
  add_row(out, "accelerators", "%ld, of which engines and jobs use %ld", tw_platform_accelerators(platform),
          tw_scenario_used_accelerators(scenario));
  long trained = 0;
  for (int i = 0; i < scenario->n_jobs; i++)
    trained += tw_site_job_accelerators(&scenario->jobs[i]);
  if (trained > 0)
    add_row(out, "", "and jobs %ld", trained);
  add_row(out, "hosts and racks", "%d and %d", platform->n_hosts, platform->n_racks);
  g_autofree char *host = watts(power->site.host_w), *network = watts(power->site.network_w),
                  *spare = watts(power->site.spare_w);
  add_row(out, "idle watts", "%s of hosts, %s of the network, %s of accelerators without an engine", host,
          network, spare);
  if (power->missing != NULL)
    add_row(out, "energy", "of the site unknown: the platform lacks %s", power->missing);
  add_row(out, "network", "%s", tw_scenario_uses_network(scenario) ? "simulated" : "nothing crosses it");
  add_row(out, "router", "%s", tw_router_policy_names[scenario->router]);
  add_row(out, "front end", "%.4g ms per request", 1e3 * scenario->plan.frontend_s);
  add_series(out, "power cap", scenario->plan.site_cap, "W");
  add_series(out, "electricity", scenario->plan.price, "USD per kWh");
  add_series(out, "carbon", scenario->plan.carbon, "g per kWh");
  add_series(out, "weather", scenario->plan.weather, "degrees Celsius");
}

char *tw_scenario_plan_text(const tw_scenario *scenario)
{
  GString *out = g_string_new(scenario->resolved);
  add_site(out, scenario);
  for (int i = 0; i < scenario->n_pools; i++)
    add_pool(out, scenario, i);
  for (int i = 0; i < scenario->n_jobs; i++)
    add_job(out, scenario, i);
  for (guint i = 0; i < scenario->notes->len; i++)
    g_string_append_printf(out, "\nnote: %s\n", (char *)scenario->notes->pdata[i]);
  return g_string_free(out, FALSE);
}
