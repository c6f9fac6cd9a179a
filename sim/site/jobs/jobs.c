#include "sim/site/jobs/job_rollouts.h"
#include "sim/training/training_span.h"

#include <math.h>

/* ---- Rows ---- */

/* Tokens of the steps of a row. */
static double row_tokens(const tw_job_run *r)
{
  return tw_run_is_rl(r) ? r->now.tokens - r->row.tokens
                         : (double)(r->step - r->row_step) * r->job->plan.cost.tokens;
}

/* Model FLOPs of so many steps, or tokens of them. */
static double model_flops(const tw_job_run *r, double steps, double tokens)
{
  const tw_training_cost *cost = &r->job->plan.cost;
  return cost->model_flops * (tw_run_is_rl(r) ? tokens / cost->tokens : steps);
}

/* The longest of the routes between its domains, which the network tells once it runs. */
static double longest_latency_s(const tw_job_run *r)
{
  const tw_network *network = &r->jobs->site->network;
  double longest_s = 0;
  for (int i = 0; i < r->span->n_pairs; i++)
    longest_s = fmax(longest_s,
                     network->route(network->state, r->span->pairs[i].from, r->span->pairs[i].to).latency_s);
  return longest_s;
}

void tw_run_begin_row(tw_job_run *r, double now_s)
{
  r->now.joules = tw_site_jobs_energy(r->jobs, r->index, now_s).joules;
  r->row = r->now;
  r->row_s = now_s;
  r->row_step = r->step;
}

void tw_run_write_row(tw_job_run *r, double now_s)
{
  tw_log *log = tw_recorder_log(r->jobs->site->recorder);
  const tw_site_job *job = r->job;
  double length_s = now_s - r->row_s, steps = (double)(r->step - r->row_step), tokens = row_tokens(r),
         share[TW_JOB_TIME_COUNT];
  if (log == NULL || steps <= 0)
    return;
  r->now.joules = tw_site_jobs_energy(r->jobs, r->index, now_s).joules;
  for (int i = 0; i < TW_JOB_TIME_COUNT; i++)
    share[i] = (r->now.time_s[i] - r->row.time_s[i]) / length_s;
  tw_job_row row = tw_job_row_empty;
  row.start_s = r->row_s;
  row.end_s = now_s;
  row.job = job->id;
  row.kind = "steps";
  row.step = r->row_step;
  row.steps = r->step - r->row_step;
  row.step_s = length_s * (1 - share[TW_JOB_CHECKPOINT]) / steps;
  row.trained_tokens_per_s = tokens / length_s;
  row.mfu = model_flops(r, steps, tokens) / (job->plan.cost.peak_flops * length_s);
  row.compute = share[TW_JOB_COMPUTE];
  row.bubble = share[TW_JOB_BUBBLE];
  row.exposed = share[TW_JOB_EXPOSED];
  row.optimizer = share[TW_JOB_OPTIMIZER];
  if (job->checkpoint.every > 0)
    row.checkpoint = share[TW_JOB_CHECKPOINT];
  if (r->jobs->site->scenario->failures != NULL)
    row.straggling = share[TW_JOB_STRAGGLING];
  if (!isnan(r->idle_w)) {
    row.joules = r->now.joules - r->row.joules;
    row.watts = row.joules / length_s;
  }
  tw_log_job(log, &row);
}

/* ---- Legs ---- */

static tw_leg *leg_of(const tw_job_run *r)
{
  return &g_array_index(r->legs, tw_leg, r->leg);
}

/* When a leg ends whose flows had come at `come_s`. */
static double leg_end_s(const tw_job_run *r, double come_s)
{
  const tw_leg *leg = leg_of(r);
  double work_s = leg->work_s * (leg->kind == TW_LEG_BUBBLE ? r->paced_s / r->paces : 1 / r->speed);
  return fmax(r->leg_s + work_s + r->throttled_s, come_s + leg->hops * r->latency_s + leg->inside_s);
}

static void begin_leg(tw_job_run *r, double now_s)
{
  const tw_leg *leg = leg_of(r);
  tw_run_load *flows = &r->flows;
  r->condition = TW_RUN_STEPS;
  r->speed = r->next_speed;
  r->leg_s = now_s;
  tw_run_draw(r, leg->dynamic_j, leg->work_s, now_s);
  tw_shipment_init(&flows->shipment, &r->jobs->shipments, now_s, (guint64)r->index);
  tw_flow flow = {.kind = TW_FLOW_COLLECTIVE, .start_s = now_s};
  flow.volley = tw_leg_flows_find(&r->leg_flows, leg, &flow.bytes);
  if (flow.volley != NULL)
    tw_shipment_add(&flows->shipment, &flow, 0, -1);
  flows->under_way = flows->shipment.flows != NULL && flows->shipment.flows->len > 0;
  r->due_s = flows->under_way ? INFINITY : leg_end_s(r, now_s);
  if (flows->under_way)
    tw_shipment_begin(&flows->shipment, now_s);
}

void tw_run_begin_step(tw_job_run *r, double now_s)
{
  r->leg = 0;
  r->paced_s = r->paces = 0;
  r->step_started_s = now_s;
  begin_leg(r, now_s);
}

/* Adds the time of a leg to what it went to. */
static void count_leg(tw_job_run *r, double now_s)
{
  static const tw_site_job_time whole[] = {
      [TW_LEG_BUBBLE] = TW_JOB_BUBBLE, [TW_LEG_OPTIMIZER] = TW_JOB_OPTIMIZER};
  const tw_leg *leg = leg_of(r);
  double took_s = now_s - r->leg_s;
  if (leg->kind == TW_LEG_WORK || leg->kind == TW_LEG_WAIT) {
    r->now.time_s[TW_JOB_COMPUTE] += leg->work_s;
    r->now.time_s[TW_JOB_STRAGGLING] += leg->work_s / r->speed - leg->work_s;
    r->now.time_s[TW_JOB_EXPOSED] += took_s - leg->work_s / r->speed - r->throttled_s;
  } else {
    r->now.time_s[whole[leg->kind]] += took_s - r->throttled_s;
  }
  r->now.time_s[TW_JOB_THROTTLED] += r->throttled_s;
  if (leg->paces > 0)
    r->paced_s += took_s;
  if (leg->kind == TW_LEG_WORK)
    r->paces += leg->paces;
}

/* ---- Steps ---- */

void tw_run_next_step(tw_job_run *r, double now_s)
{
  if (r->step == r->job->steps) {
    if (r->step > r->row_step)
      tw_run_write_row(r, now_s);
    r->condition = TW_RUN_DONE;
    r->due_s = INFINITY;
    r->end_s = now_s;
    tw_run_draw(r, 0, 0, now_s);
    if (tw_run_is_rl(r))
      tw_rl_end(r, now_s);
    return;
  }
  if (r->step - r->row_step >= r->job->log_every) {
    tw_run_write_row(r, now_s);
    tw_run_begin_row(r, now_s);
  }
  if (tw_run_is_rl(r))
    tw_rl_begin_step(r, now_s);
  else
    tw_run_begin_step(r, now_s);
}

void tw_run_go_on(tw_job_run *r, double now_s)
{
  if (tw_run_is_rl(r))
    tw_rl_trained(r, now_s);
  else
    tw_run_next_step(r, now_s);
}

static void end_step(tw_job_run *r, double now_s)
{
  const tw_site_job_checkpoint *plan = &r->job->checkpoint;
  r->step++;
  r->totals.kept_s += now_s - r->step_started_s;
  if (plan->every > 0 && r->step % plan->every == 0)
    tw_run_begin_checkpoint(r, now_s);
  else
    tw_run_go_on(r, now_s);
}

/* ---- The part ---- */

/* The flows of a leg, or of a checkpoint, have come; between events, or before it. */
static void all_has_come(tw_shipment *shipment)
{
  tw_run_load *l = tw_container(shipment, tw_run_load, shipment);
  if (l->checkpoint) {
    tw_shipment_schedule(shipment);
    return;
  }
  tw_shipment_take(shipment);
  l->under_way = FALSE;
  l->of->due_s = l->of->condition == TW_RUN_SYNCS ? tw_rl_synced_s(l->of, shipment->ready_s)
                                                  : leg_end_s(l->of, shipment->ready_s);
}

static void init_run(tw_site_jobs *jobs, int index)
{
  const tw_scenario *scenario = jobs->site->scenario;
  const tw_site_job *job = &scenario->jobs[index];
  tw_training_reach reach;
  tw_job_run *r = &jobs->runs[index];
  *r = (tw_job_run){
      .job = job,
      .jobs = jobs,
      .index = index,
      .legs = tw_site_job_legs(job),
      .span = tw_training_span_new(scenario->platform, &job->plan.place, &job->plan.training.layout, &reach),
      .condition = TW_RUN_WAITS,
      .due_s = job->start_s,
      .speed = 1,
      .next_speed = 1,
      .broken = g_array_new(FALSE, FALSE, sizeof(int)),
      .unused = g_array_new(FALSE, FALSE, sizeof(int)),
      .flows = {.of = r},
      .checkpoint = {.of = r, .checkpoint = TRUE},
      .row_s = job->start_s,
      .end_s = NAN,
      .idle_w = job->plan.power.idle_w * job->plan.power.accelerators,
      .smoothing = tw_grid_smoothing(scenario->grid, job),
      .rl = {.released_s = NAN, .enough_s = NAN, .stop_s = INFINITY}};
  tw_leg_flows_init(&r->leg_flows, r->span);
  if (tw_site_job_shares(job) && tw_power_known(&job->plan.power))
    r->idle_w = 0; /* engines draw it */
}

static void *new_jobs(tw_site *site)
{
  const tw_platform *platform = site->scenario->platform;
  if (site->scenario->n_jobs == 0)
    return NULL;
  tw_site_jobs *jobs = site->jobs = g_new(tw_site_jobs, 1);
  *jobs = (tw_site_jobs){.site = site,
                         .n = site->scenario->n_jobs,
                         .runs = g_new0(tw_job_run, (gsize)site->scenario->n_jobs),
                         .stores = g_new(int, (gsize)platform->n_hosts)};
  for (int i = 0; i < platform->n_hosts; i++)
    if (platform->zones[platform->hosts[i].zone].role == TW_ROLE_STORAGE)
      jobs->stores[jobs->n_stores++] = i;
  tw_shipments_init(&jobs->shipments, &site->network, all_has_come);
  for (int i = 0; i < jobs->n; i++)
    init_run(jobs, i);
  tw_telemetry_jobs(site->telemetry, jobs);
  return jobs;
}

/* When it is the turn of a job, or of the rollouts that it stops. */
static double run_due(const tw_job_run *r)
{
  return fmin(r->due_s, r->rl.stop_s);
}

/* The job whose turn is next; NULL: nobody's is known. */
static tw_job_run *next_run(const tw_site_jobs *jobs)
{
  tw_job_run *first = NULL;
  for (int i = 0; i < jobs->n; i++)
    if (isfinite(run_due(&jobs->runs[i])) && (first == NULL || run_due(&jobs->runs[i]) < run_due(first)))
      first = &jobs->runs[i];
  return first;
}

static double due(const void *part)
{
  const tw_site_jobs *jobs = part;
  const tw_job_run *first = next_run(jobs);
  return fmin(first != NULL ? run_due(first) : INFINITY, tw_shipments_due(&jobs->shipments));
}

static void end_leg(tw_job_run *r, double now_s)
{
  count_leg(r, now_s);
  if (++r->leg < r->legs->len)
    begin_leg(r, now_s);
  else
    end_step(r, now_s);
}

/* The turn of a job. */
static void take_turn(tw_job_run *r, double now_s)
{
  if (r->rl.stop_s <= now_s) {
    tw_rl_stop(r, now_s);
    return;
  }
  switch (r->condition) {
  case TW_RUN_WAITS:
    r->latency_s = longest_latency_s(r);
    tw_run_begin_row(r, now_s);
    if (tw_run_is_rl(r))
      tw_rl_begin(r, now_s);
    else
      tw_run_begin_step(r, now_s);
    break;
  case TW_RUN_ROLLS:
  case TW_RUN_SWAPS:
  case TW_RUN_SYNCS:
    tw_rl_take_turn(r, now_s);
    break;
  case TW_RUN_STEPS:
    end_leg(r, now_s);
    break;
  case TW_RUN_COPIES:
    tw_run_copied(r, now_s);
    break;
  case TW_RUN_FAILED:
  case TW_RUN_RESTARTS:
    tw_run_recover(r, now_s);
    break;
  default:
    g_assert_not_reached();
  }
}

static gboolean step(void *part, double now_s, GError **error)
{
  tw_site_jobs *jobs = part;
  (void)error;
  if (tw_shipments_due(&jobs->shipments) <= now_s) {
    tw_shipment *shipment = tw_shipments_step(&jobs->shipments);
    if (shipment != NULL)
      tw_run_checkpoint_came(tw_container(shipment, tw_run_load, shipment)->of, now_s);
    return TRUE;
  }
  take_turn(next_run(jobs), now_s);
  return TRUE;
}

static void settle(void *part, double now_s)
{
  tw_site_jobs *jobs = part;
  for (int i = 0; i < jobs->n; i++)
    if (tw_run_is_rl(&jobs->runs[i]))
      tw_rl_look(&jobs->runs[i], now_s);
}

static void start_flows(void *part)
{
  tw_shipments_start_flows(&((tw_site_jobs *)part)->shipments);
}

static int under_way(const void *part)
{
  return ((const tw_site_jobs *)part)->shipments.flows;
}

static void evict(void *part, GPtrArray *sequences, double end_s)
{
  tw_site_jobs *jobs = part;
  (void)sequences;
  for (int i = 0; i < jobs->n; i++)
    if (jobs->runs[i].condition > TW_RUN_WAITS && jobs->runs[i].condition < TW_RUN_FAILED)
      tw_run_write_row(&jobs->runs[i], end_s);
}

static void free_jobs(void *part)
{
  tw_site_jobs *jobs = part;
  while (tw_shipments_pop(&jobs->shipments) != NULL)
    continue;
  tw_shipments_clear(&jobs->shipments);
  for (int i = 0; i < jobs->n; i++) {
    tw_job_run *r = &jobs->runs[i];
    tw_shipment_clear(&r->flows.shipment);
    tw_shipment_clear(&r->checkpoint.shipment);
    tw_leg_flows_clear(&r->leg_flows);
    tw_span_free(r->span);
    g_free(r->smoothing);
    g_array_unref(r->legs);
    g_array_unref(r->broken);
    g_array_unref(r->unused);
  }
  g_free(jobs->stores);
  g_free(jobs->runs);
  g_free(jobs);
}

const tw_part_kind tw_site_jobs_part = {.name = "jobs",
                                        .new = new_jobs,
                                        .due = due,
                                        .step = step,
                                        .settle = settle,
                                        .start_flows = start_flows,
                                        .under_way = under_way,
                                        .evict = evict,
                                        .free = free_jobs};

const tw_scenario *tw_site_jobs_scenario(const tw_site_jobs *jobs)
{
  return jobs->site->scenario;
}

tw_site_job_totals tw_site_jobs_totals(const tw_site_jobs *jobs, int job, double now_s)
{
  const tw_job_run *r = &jobs->runs[job];
  tw_site_job_totals totals = r->totals;
  double end_s = isnan(r->end_s) ? now_s : r->end_s;
  totals.steps = r->step;
  totals.tokens = tw_run_is_rl(r) ? r->now.tokens : (double)r->step * r->job->plan.cost.tokens;
  totals.model_flops = model_flops(r, (double)r->step, totals.tokens);
  totals.rl = r->rl.totals;
  totals.span_s = fmax(0, end_s - r->job->start_s);
  memcpy(totals.time_s, r->now.time_s, sizeof totals.time_s);
  if (r->condition >= TW_RUN_FAILED && r->condition < TW_RUN_DONE)
    totals.time_s[TW_JOB_DOWN] += end_s - r->stopped_s;
  totals.energy = tw_site_jobs_energy(jobs, job, now_s);
  return totals;
}
