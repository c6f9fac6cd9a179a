/* Jobs of reinforcement learning: rollouts and training in turn, or side by side. */
#include "sim/site/jobs/job_rollouts.h"

#include "sim/site/dispatcher.h"

#include <math.h>

/* ---- What rows and totals are differences of ---- */

/* Joules of the engines and of the job, and seconds in which engines had an iteration under way, by accelerators. */
static tw_rl_marks mark(const tw_job_run *r, double now_s)
{
  const tw_site *site = r->jobs->site;
  tw_rl_marks m = {.at_s = now_s, .joules = tw_site_jobs_energy(r->jobs, r->index, now_s).joules};
  for (int i = 0; i < site->n_engines; i++) {
    const tw_pool *pool = site->seats[i].pool;
    double accelerators = (double)(pool->tp * pool->pp * pool->dp);
    tw_usage usage = tw_engine_total(site->engines[i], now_s);
    m.busy_s += accelerators * usage.busy_s;
    m.engine_s += accelerators * now_s;
    m.emitted += usage.output_tokens;
    m.joules += tw_engine_joules(site->engines[i], now_s);
  }
  memcpy(m.time_s, r->now.time_s, sizeof m.time_s);
  return m;
}

static double waited_s(const tw_rl_marks *from, const tw_rl_marks *to, tw_site_job_time of)
{
  return to->time_s[of] - from->time_s[of];
}

static void write_row(const tw_job_run *r, const tw_rl_marks *to)
{
  const tw_rl_run *rl = &r->rl;
  const tw_rl_marks *from = &rl->marks;
  tw_log *log = tw_recorder_log(r->jobs->site->recorder);
  double length_s = to->at_s - from->at_s;
  if (log == NULL)
    return;
  tw_rl_row row = tw_rl_row_empty;
  row.start_s = from->at_s;
  row.end_s = to->at_s;
  row.job = r->job->id;
  row.step = r->step - 1;
  row.rollouts = rl->batch.sums.rollouts;
  row.trained_tokens = rl->batch.sums.tokens;
  row.longest_tokens = rl->batch.sums.longest;
  row.emitted_tokens = to->emitted - from->emitted;
  row.interrupted = rl->batch.interrupted;
  row.rollout_s = rl->batch.rollout_s;
  row.wait_s = waited_s(from, to, TW_JOB_ROLLOUTS);
  row.swap_s = waited_s(from, to, TW_JOB_SWAP);
  row.sync_s = waited_s(from, to, TW_JOB_SYNC);
  row.train_s = length_s - row.wait_s - row.swap_s - row.sync_s - waited_s(from, to, TW_JOB_CHECKPOINT);
  row.trainer_idle = row.wait_s / length_s;
  row.rollout_idle = 1 - (to->busy_s - from->busy_s) / (to->engine_s - from->engine_s);
  row.joules = to->joules - from->joules;
  if (rl->batch.sums.tokens > 0)
    row.joules_per_token = row.joules / (double)rl->batch.sums.tokens;
  tw_log_rl(log, &row);
}

static void count_step(tw_job_run *r, const tw_rl_marks *to)
{
  const tw_rl_marks *from = &r->rl.marks;
  tw_site_job_rl_totals *t = &r->rl.totals;
  t->steps++;
  t->span_s += to->at_s - from->at_s;
  t->wait_s += waited_s(from, to, TW_JOB_ROLLOUTS);
  t->sync_s += waited_s(from, to, TW_JOB_SYNC);
  t->busy_s += to->busy_s - from->busy_s;
  t->engine_s += to->engine_s - from->engine_s;
  t->joules += to->joules - from->joules;
  t->rollouts += r->rl.batch.sums.rollouts;
  t->tokens += r->rl.batch.sums.tokens;
  t->output_tokens += r->rl.batch.sums.output_tokens;
  t->emitted += to->emitted - from->emitted;
  t->interrupted += r->rl.batch.interrupted;
}

/* ---- Rollouts ---- */

static const tw_rollout_policy *policy_of(const tw_job_run *r)
{
  return &tw_rollout_policies[r->job->rl.policy];
}

/* Whoever takes requests from the source of rollouts looks when the next is due. */
static void look_anew(const tw_site *site)
{
  if (site->rollouts_changed != NULL)
    site->rollouts_changed(site->rollouts_user);
}

/* Rollouts begin, or go on, with the weights that engines have now. */
static void release(tw_job_run *r, double now_s)
{
  tw_site *site = r->jobs->site;
  tw_stream *stream = site->rollouts;
  gint64 under_way = tw_rollouts_open(stream) + tw_rollouts_ended(stream);
  tw_rollouts_release(stream, now_s);
  tw_rollouts_begin(stream, r->rl.at_once - under_way, now_s);
  look_anew(site);
  tw_dispatcher_resume(site->dispatcher);
  r->rl.enough_s = NAN;
  r->rl.released_s = now_s;
}

void tw_rl_look(tw_job_run *r, double now_s)
{
  tw_rl_run *rl = &r->rl;
  if (isnan(rl->released_s) || !isnan(rl->enough_s) ||
      tw_rollouts_ended(r->jobs->site->rollouts) < rl->prompts)
    return;
  rl->enough_s = rl->stop_s = now_s;
}

/* The next step of the trainer that waits for rollouts is known. */
static void expect_rewards(tw_job_run *r, double now_s)
{
  r->due_s = isnan(r->rl.enough_s) ? INFINITY : fmax(now_s, r->rl.enough_s + r->job->rl.reward_s);
}

/* Enough rollouts have ended: the others are kept for the next step, or lost. */
void tw_rl_stop(tw_job_run *r, double now_s)
{
  tw_site *site = r->jobs->site;
  tw_rl_run *rl = &r->rl;
  rl->stop_s = INFINITY;
  rl->ready.rollout_s = now_s - rl->released_s;
  rl->ready.sums = tw_rollouts_take(site->rollouts, rl->prompts);
  tw_rollouts_hold(site->rollouts);
  rl->ready.interrupted = tw_dispatcher_interrupt(site->dispatcher, now_s);
  if (!policy_of(r)->keeps) {
    tw_rollouts_drop(site->rollouts);
    tw_dispatcher_drop(site->dispatcher, "enough other rollouts of its step had ended", now_s);
  }
  look_anew(site);
  if (r->condition == TW_RUN_ROLLS)
    expect_rewards(r, now_s);
}

/* ---- The turns of a step ---- */

static void wait_for_rollouts(tw_job_run *r, double now_s)
{
  r->condition = TW_RUN_ROLLS;
  r->leg_s = now_s;
  tw_run_draw(r, 0, 0, now_s);
  expect_rewards(r, now_s);
}

static void train(tw_job_run *r, double now_s)
{
  const tw_site_job *job = r->job;
  tw_rl_run *rl = &r->rl;
  rl->batch = rl->ready;
  gint64 micro = tw_site_job_micro_batches(job, (double)rl->batch.sums.tokens, job->rl.updates);
  g_array_unref(r->legs);
  r->legs = tw_site_job_rl_legs(job, micro);
  tw_run_begin_step(r, now_s);
  r->step_started_s = rl->marks.at_s;
}

static void begin_swap(tw_job_run *r, gboolean back, double now_s)
{
  r->condition = TW_RUN_SWAPS;
  r->rl.back = back;
  r->leg_s = now_s;
  r->due_s = now_s + r->rl.swap_s;
  tw_run_draw(r, 0, 0, now_s);
}

/* Sends the accelerators of an engine on a host their weights, less what the trainer has there. */
static void add_flow(tw_job_run *r, int from, int to, double bytes, double now_s)
{
  const tw_network *network = &r->jobs->site->network;
  tw_flow flow = {.from = from, .to = to, .bytes = bytes, .kind = TW_FLOW_WEIGHTS, .start_s = now_s};
  tw_shipment_add(&r->flows.shipment, &flow, network->route(network->state, from, to).latency_s, -1);
}

/* The share of the weights that the trainer holds on a host. */
static double held_at(const tw_engine_place *trainer, int host, double accelerators)
{
  double held = 0;
  for (int i = 0; i < trainer->n_shares; i++)
    held += trainer->shares[i].host == host ? trainer->shares[i].accelerators : 0;
  return held / accelerators;
}

/* The trainer's host that the n-th part of an engine reads from: another than its own, each in turn. */
static const tw_host_share *source_of(const tw_engine_place *trainer, int n, int host)
{
  const tw_host_share *source = &trainer->shares[n % trainer->n_shares];
  return source->host != host ? source : &trainer->shares[(n + 1) % trainer->n_shares];
}

static gboolean gets_weights(const tw_site *site, int engine)
{
  return tw_engine_get_state(site->engines[engine]) == TW_ENGINE_SERVES;
}

static void add_flows(tw_job_run *r, double now_s)
{
  const tw_site *site = r->jobs->site;
  const tw_engine_place *trainer = &r->job->plan.place, *before = NULL;
  double accelerators = (double)tw_site_job_accelerators(r->job);
  for (int i = 0, n = 0; i < site->n_engines; i++) {
    const tw_engine_place *place = site->seats[i].place;
    gboolean chained = r->job->rl.sync == TW_WEIGHT_SYNC_CHAIN && before != NULL;
    if (!gets_weights(site, i))
      continue;
    for (int k = 0; k < place->n_shares; k++, n++) {
      const tw_host_share *to = &place->shares[k], *from = chained ? &before->shares[k % before->n_shares]
                                                                   : source_of(trainer, n, to->host);
      double bytes = site->seats[i].pool->plan.memory.weight_bytes * to->accelerators *
                     (1 - held_at(trainer, to->host, accelerators));
      if (from->host != to->host && bytes > 0)
        add_flow(r, tw_share_endpoint(from), tw_share_endpoint(to), bytes, now_s);
    }
    before = place;
  }
}

/* Sends each accelerator of a host all weights, of which its trainer has `held` already, from another host. */
static void gather_at(tw_job_run *r, const tw_host_share *from, const tw_host_share *to, double held,
                      double now_s)
{
  double bytes = tw_pool_copy_bytes(r->jobs->site->seats[0].pool) * to->accelerators * (1 - held);
  if (from->host != to->host && bytes > 0)
    add_flow(r, tw_share_endpoint(from), tw_share_endpoint(to), bytes, now_s);
}

/* The trainer's hosts stand in a ring; hosts of engines follow on the first of them, each on the one before it. Where both
 * are the same, engines read what the trainer has gathered. */
static void add_gathering(tw_job_run *r, double now_s)
{
  const tw_site *site = r->jobs->site;
  const tw_engine_place *trainer = &r->job->plan.place;
  const tw_host_share *before = &trainer->shares[trainer->n_shares - 1];
  double accelerators = (double)tw_site_job_accelerators(r->job);
  for (int i = 0; i < trainer->n_shares; before = &trainer->shares[i++])
    gather_at(r, before, &trainer->shares[i], held_at(trainer, trainer->shares[i].host, accelerators), now_s);
  before = &trainer->shares[0];
  for (int i = 0; i < site->n_engines && !r->job->rl.colocated; i++)
    for (int k = 0; gets_weights(site, i) && k < site->seats[i].place->n_shares;
         before = &site->seats[i].place->shares[k++])
      gather_at(r, before, &site->seats[i].place->shares[k],
                held_at(trainer, site->seats[i].place->shares[k].host, accelerators) > 0 ? 1 : 0, now_s);
}

static void begin_sync(tw_job_run *r, double now_s)
{
  tw_run_load *flows = &r->flows;
  r->condition = TW_RUN_SYNCS;
  r->leg_s = now_s;
  tw_run_draw(r, 0, 0, now_s);
  tw_shipment_init(&flows->shipment, &r->jobs->shipments, now_s, (guint64)r->index);
  if (r->job->rl.sync == TW_WEIGHT_SYNC_GATHER)
    add_gathering(r, now_s);
  else
    add_flows(r, now_s);
  flows->under_way = flows->shipment.flows != NULL && flows->shipment.flows->len > 0;
  r->due_s = flows->under_way ? INFINITY : tw_rl_synced_s(r, now_s);
  if (flows->under_way)
    tw_shipment_begin(&flows->shipment, now_s);
}

double tw_rl_synced_s(const tw_job_run *r, double come_s)
{
  return come_s + r->job->rl.sync_overhead_s;
}

void tw_rl_begin(tw_job_run *r, double now_s)
{
  const tw_class *rollouts = tw_scenario_rollouts(r->jobs->site->scenario);
  tw_rl_run *rl = &r->rl;
  rl->prompts = rollouts->prompts;
  rl->at_once = (gint64)ceil(tw_site_job_over_sampling(r->job) * (double)rollouts->prompts);
  rl->swap_s = tw_site_job_swap_s(r->job);
  rl->fresh = TRUE;
  release(r, now_s);
  tw_rl_begin_step(r, now_s);
}

void tw_rl_begin_step(tw_job_run *r, double now_s)
{
  r->rl.marks = mark(r, now_s);
  if (r->job->rl.off_policy == 0 && r->step > 0)
    release(r, now_s);
  wait_for_rollouts(r, now_s);
}

static void end_step(tw_job_run *r, double now_s)
{
  tw_rl_marks to = mark(r, now_s);
  write_row(r, &to);
  count_step(r, &to);
  r->now.tokens += (double)r->rl.batch.sums.tokens;
  r->totals.kept_s += now_s - r->rl.trained_s;
  tw_run_next_step(r, now_s);
}

void tw_rl_trained(tw_job_run *r, double now_s)
{
  r->rl.trained_s = now_s;
  if (r->job->rl.off_policy > 0)
    end_step(r, now_s);
  else if (r->rl.swap_s > 0)
    begin_swap(r, TRUE, now_s);
  else
    begin_sync(r, now_s);
}

/* One step off: the next rollouts begin with the weights that came last, unless this is the last step. */
static void go_on_beside(tw_job_run *r, double now_s)
{
  r->rl.fresh = FALSE;
  if (r->step + 1 != r->job->steps)
    release(r, now_s);
  train(r, now_s);
}

static void rolled(tw_job_run *r, double now_s)
{
  if (r->job->rl.off_policy == 0 && r->rl.swap_s > 0)
    begin_swap(r, FALSE, now_s);
  else if (r->job->rl.off_policy == 0)
    train(r, now_s);
  else if (!r->rl.fresh)
    begin_sync(r, now_s);
  else
    go_on_beside(r, now_s);
}

/* Engines have the weights of the checkpoint. */
static void begin_again(tw_job_run *r, double now_s)
{
  r->rl.again = FALSE;
  r->rl.fresh = TRUE;
  r->rl.marks = mark(r, now_s);
  release(r, now_s);
  wait_for_rollouts(r, now_s);
}

/* Counts the time of what a job waits for besides training. */
static void count_turn(tw_job_run *r, double now_s)
{
  static const tw_site_job_time of[] = {
      [TW_RUN_ROLLS] = TW_JOB_ROLLOUTS, [TW_RUN_SWAPS] = TW_JOB_SWAP, [TW_RUN_SYNCS] = TW_JOB_SYNC};
  r->now.time_s[of[r->condition]] += now_s - r->leg_s;
  r->leg_s = now_s;
}

void tw_rl_take_turn(tw_job_run *r, double now_s)
{
  tw_run_condition condition = r->condition;
  count_turn(r, now_s);
  if (condition == TW_RUN_ROLLS)
    rolled(r, now_s);
  else if (condition == TW_RUN_SWAPS && r->rl.back)
    begin_sync(r, now_s);
  else if (condition == TW_RUN_SWAPS)
    train(r, now_s);
  else if (r->rl.again)
    begin_again(r, now_s);
  else if (r->job->rl.off_policy > 0)
    go_on_beside(r, now_s);
  else
    end_step(r, now_s);
}

/* Rollouts under way are lost, and engines stand still. */
static void forget_rollouts(tw_job_run *r, const char *reason, double now_s)
{
  tw_site *site = r->jobs->site;
  tw_rollouts_drop(site->rollouts);
  tw_dispatcher_interrupt(site->dispatcher, now_s);
  tw_dispatcher_drop(site->dispatcher, reason, now_s);
  look_anew(site);
}

void tw_rl_end(tw_job_run *r, double now_s)
{
  tw_rollouts_close(r->jobs->site->rollouts);
  forget_rollouts(r, "the job had ended", now_s);
}

void tw_rl_halt(tw_job_run *r, double now_s)
{
  if (r->condition >= TW_RUN_ROLLS && r->condition <= TW_RUN_SYNCS)
    count_turn(r, now_s);
  r->rl.released_s = r->rl.enough_s = NAN;
  r->rl.stop_s = INFINITY;
  tw_rollouts_hold(r->jobs->site->rollouts);
  forget_rollouts(r, "its trainer had failed", now_s);
}

void tw_rl_resume(tw_job_run *r, double now_s)
{
  r->rl.again = TRUE;
  begin_sync(r, now_s);
}
