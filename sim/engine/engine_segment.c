/* The segments and windows of an engine: how one is planned, what it costs, and how it ends. */
#include "sim/engine/batching.h"
#include "sim/engine/engine_private.h"

#include <math.h>

#define UNKNOWN_S 1e9 /* an iteration whose flows are under way: longer than any wait */

/* Any boundary between pure decodes is as good as another. */
static gboolean decodes_alone(const tw_engine *engine)
{
  for (int i = 0; i < engine->config.ranks; i++)
    if (engine->ranks[i].chunks.list->len > 0 || engine->ranks[i].preempted)
      return FALSE;
  return TRUE;
}

gboolean tw_engine_batch_is_open(const tw_engine *engine)
{
  return !engine->window && decodes_alone(engine);
}

/* Sequences in the iteration that is planned. */
static gint64 planned_sequences(const tw_engine *engine)
{
  gint64 n = 0;
  for (int i = 0; i < engine->config.ranks; i++)
    n += engine->batches[i].decode_seqs + engine->batches[i].prefill_seqs;
  return n;
}

/* ---- What a segment costs ---- */

/* Whether the limit keeps it from what it would do otherwise. */
static gboolean is_slow(const tw_engine *engine)
{
  return engine->clock > 0 || engine->over_limit;
}

gboolean tw_engine_was_slowed(tw_engine *engine)
{
  gboolean slowed = engine->slowed;
  engine->slowed = FALSE;
  return slowed || (engine->busy && is_slow(engine));
}

/* Seconds that loading KV from hosts takes, beside the computation of the iteration. */
static double load_s(const tw_engine *engine)
{
  double longest_s = 0;
  for (int i = 0; i < engine->config.ranks; i++) {
    const tw_scheduler *rank = &engine->ranks[i];
    gint64 blocks = (rank->chunks.from_host + rank->chunks.from_store) / rank->config.block_tokens;
    longest_s = fmax(longest_s, engine->offload.config.block_s * (double)blocks);
  }
  return longest_s;
}

/* Seconds for which the iteration waits until its adapters are loaded. */
static double adapters_s(const tw_engine *engine)
{
  double longest_s = 0;
  for (int i = 0; i < engine->config.ranks; i++)
    longest_s = fmax(longest_s, engine->ranks[i].chunks.adapters.time_s);
  return longest_s;
}

/* Watts of an accelerator in the first iteration of the segment. */
static double watts(const tw_engine *engine)
{
  const tw_power_law *power = &engine->config.power;
  return power->idle_w +
         engine->segment.joules.first / engine->segment.cost.time_s.first / power->accelerators;
}

/* The cost of the segment by a step model. */
static void cost_by(tw_engine *engine, const tw_step_model *model)
{
  tw_step_cost *cost = &engine->segment.cost;
  tw_step_model_cost(model, engine->batches, engine->config.ranks, cost);
  if (engine->config.speculation.draft_tokens > 0 && planned_sequences(engine) > 0)
    tw_speculation_cost(&engine->config.speculation, model, engine->batches, engine->config.ranks, cost);
  if (engine->offload.host != NULL) {
    double loads_s = load_s(engine); /* one iteration: prompts have joined */
    cost->classes[TW_TIME_LOADS].first += fmax(0, loads_s - cost->time_s.first);
    cost->time_s.first = fmax(cost->time_s.first, loads_s);
  }
  double waits_s = adapters_s(engine); /* of one iteration, like the other terms */
  cost->classes[TW_TIME_LOADS].first += waits_s;
  cost->time_s.first += waits_s;
  if (engine->slowness != 1) { /* the others wait, which takes no dynamic power */
    cost->time_s = tw_line_scale(cost->time_s, engine->slowness);
    for (int i = 0; i < TW_ITERATION_CLASSES; i++)
      cost->classes[i] = tw_line_scale(cost->classes[i], engine->slowness);
  }
}

/* Sets the time and joules of the segment at the fastest clock that keeps to the limit, and who pays for them. */
static void cost_segment(tw_engine *engine)
{
  const tw_engine_config *config = &engine->config;
  const tw_power_law *power = &config->power;
  tw_segment *segment = &engine->segment;
  cost_by(engine, config->model);
  if (!tw_power_known(power))
    return;
  segment->joules = tw_power_dynamic(power, &segment->cost);
  engine->clock = 0;
  while (watts(engine) > engine->limit_w && engine->clock < config->n_clocks) {
    const tw_clock *slower = &config->clocks[engine->clock++];
    power = &slower->power;
    cost_by(engine, slower->model);
    segment->joules = tw_power_dynamic(power, &segment->cost);
  }
  engine->over_limit = watts(engine) > engine->limit_w;
  engine->slowed |= is_slow(engine);
  segment->charges =
      tw_charge_split(power, &segment->cost, segment->joules, engine->batches, engine->config.ranks,
                      &engine->config.scheduler.caps, engine->config.scheduler.uncapped_share);
  for (int i = 0; i < engine->config.ranks; i++)
    tw_scheduler_charge(&engine->ranks[i], &segment->charges);
}

/* ---- Windows ---- */

/* The bytes that the window sends. */
static gboolean leaves_domain(const tw_engine *engine)
{
  const tw_fabric_bytes *wire = &engine->segment.cost.wire;
  return engine->config.spans && wire->tensor + wire->experts + wire->stages > 0;
}

/* Begins a window: the first iteration of engine->alone. */
static void begin_window(tw_engine *engine, double now_s)
{
  tw_segment *segment = &engine->segment;
  segment->cost = engine->alone;
  segment->cost.time_s = (tw_line){UNKNOWN_S, 0};
  engine->awaiting = TRUE;
  engine->planned = segment->cost.valid = 1;
  engine->compute_s = engine->alone.time_s.first;
  engine->due_s = INFINITY;
  engine->listener.post(engine->listener.user, engine->index, &segment->cost.wire, engine->compute_s, now_s);
}

/* A segment begins at `now_s`, none of whose iterations have ended. */
static void begin_segment(tw_engine *engine, double now_s)
{
  engine->segment.start_s = now_s;
  engine->segment.done = 0;
  engine->busy = TRUE;
  engine->mark.iterations = 0;
  engine->mark.joules = engine->mark.progress = engine->mark.awaited_s = 0;
}

/* Begins the window of a batch that has not changed, whose lines hold on. */
static void follow_window(tw_engine *engine, double now_s)
{
  tw_segment *segment = &engine->segment;
  begin_segment(engine, now_s);
  tw_step_cost_shift(&engine->alone);
  segment->joules.first += segment->joules.growth;
  segment->charges.per_seq.first += segment->charges.per_seq.growth;
  for (int i = 0; tw_power_known(&engine->config.power) && i < engine->config.ranks; i++)
    tw_scheduler_charge(&engine->ranks[i], &segment->charges);
  engine->quiet--;
  begin_window(engine, now_s);
}

/* Tells which prompts the iteration that is planned completes; it goes on at start_s, or begins then. */
static void tell_completing(tw_engine *engine, double now_s, double start_s)
{
  for (int i = 0; engine->config.layered && i < engine->config.ranks; i++) {
    const GArray *chunks = engine->ranks[i].chunks.list;
    for (guint k = 0; k < chunks->len; k++) {
      const tw_chunk *chunk = &g_array_index(chunks, tw_chunk, k);
      if (chunk->completes && !chunk->lost)
        engine->listener.completing(engine->listener.user, engine->index, chunk->sequence, now_s, start_s,
                                    engine->due_s);
    }
  }
}

void tw_engine_resume(tw_engine *engine, double now_s, double from_s, double computed_s)
{
  tw_segment *segment = &engine->segment;
  double length_s = from_s - segment->start_s + (engine->compute_s - computed_s);
  g_assert(engine->awaiting);
  engine->awaiting = FALSE;
  segment->cost.time_s = (tw_line){length_s, 0};
  segment->cost.collective_s += length_s - engine->compute_s;
  segment->cost.classes[TW_TIME_FABRIC].first += length_s - engine->compute_s;
  engine->due_s = tw_segment_boundary(segment, engine->planned);
  tell_completing(engine, now_s, from_s);
}

/* ---- From one boundary to the next ---- */

/* Tokens of a sequence in an iteration of the batch that runs: the segment has one for each of them. */
static double tokens_per_iteration(const tw_engine *engine)
{
  const tw_speculation *speculation = &engine->config.speculation;
  gboolean drafts = speculation->draft_tokens > 0 && planned_sequences(engine) > 0 &&
                    !tw_batches_hold_prompts(engine->batches, engine->config.ranks);
  return drafts ? tw_speculation_tokens(speculation) : 1;
}

/* Tells which prompts the iteration that ends has completed for the first time. */
static void tell_prompted(const tw_engine *engine, const tw_scheduler *rank, double now_s)
{
  for (guint i = 0; engine->listener.prompted != NULL && i < rank->chunks.list->len; i++) {
    const tw_chunk *chunk = &g_array_index(rank->chunks.list, tw_chunk, i);
    if (chunk->completes && !chunk->lost && chunk->sequence->emitted == 0)
      engine->listener.prompted(engine->listener.user, engine->index, chunk->sequence, now_s);
  }
}

/* Whoever leaves a rank leaves a copy of its KV below. The last token that is emitted has none. */
static void leave_copies(tw_engine *engine, int rank, double now_s)
{
  GPtrArray *const leaving[] = {engine->ranks[rank].ended, engine->ranks[rank].handed_over};
  for (gsize k = 0; engine->offload.host != NULL && k < G_N_ELEMENTS(leaving); k++)
    for (guint i = 0; i < leaving[k]->len; i++) {
      const tw_sequence *sequence = leaving[k]->pdata[i];
      gint64 tokens = (gint64)sequence->request.prompt_tokens + MAX(sequence->emitted - 1, 0);
      tw_offload_leave(&engine->offload, rank, &engine->ranks[rank].prefixes, &sequence->request, tokens,
                       now_s);
    }
}

static void tell_ran(tw_engine *engine, gint64 iterations, double start_s, double end_s)
{
  for (int i = 0; engine->listener.ran != NULL && i < engine->config.ranks; i++) {
    const tw_batch *batch = &engine->ranks[i].batch;
    if (batch->decode_seqs + batch->prefill_seqs > 0)
      engine->listener.ran(engine->listener.user, engine->index, batch, iterations, start_s, end_s);
  }
}

/* Tells of the iterations of the segment that end at `now_s`; windows that others will follow are told with these. */
static void tell_of_iterations(tw_engine *engine, gint64 iterations, double now_s)
{
  double start_s =
      engine->untold > 0 ? engine->untold_s : tw_segment_boundary(&engine->segment, engine->segment.done);
  engine->untold += iterations;
  engine->untold_s = start_s;
  if (engine->window && engine->quiet > 0)
    return;
  tell_ran(engine, engine->untold, start_s, now_s);
  engine->untold = 0;
}

/* Ends the iterations up to the planned one. Returns whether the batch changed by that. */
static gboolean advance(tw_engine *engine, double now_s)
{
  tw_segment *segment = &engine->segment;
  gint64 iterations = engine->planned - segment->done;
  gboolean changed = FALSE;
  if (engine->mark.time_s <= now_s) /* one that fails goes back to a boundary, behind which sums may stand */
    tw_engine_settle(engine, now_s, engine->planned);
  if (iterations == 0)
    return FALSE;
  /* Ranks that share a tier below evict in the order of time. */
  for (int i = 0; engine->offload.host != NULL && i < engine->config.ranks; i++)
    tw_scheduler_evict_prefixes(&engine->ranks[i], iterations - 1);
  engine->boundaries += iterations;
  tell_of_iterations(engine, iterations, now_s);
  double passes = (double)iterations / tokens_per_iteration(engine);
  engine->iterations += passes;
  engine->extrapolated += segment->cost.extrapolated ? passes : 0;
  for (int i = 0; i < engine->config.ranks; i++) {
    tw_scheduler *rank = &engine->ranks[i];
    /* By prompts that are now complete; less what decodes and prompts computed for nobody. */
    gint64 emitted = rank->batch.sampled - rank->batch.decode_seqs - rank->wasted;
    engine->total.prompt_tokens += rank->batch.prefill_tokens;
    engine->total.cached_tokens += rank->chunks.cached;
    engine->total.host_tokens += rank->chunks.from_host;
    engine->total.store_tokens += rank->chunks.from_store;
    engine->total.adapter_loads += rank->chunks.adapters.loads;
    engine->total.adapter_fetches += rank->chunks.adapters.fetches;
    engine->total.output_tokens += emitted;
    tell_prompted(engine, rank, now_s);
    changed |= tw_scheduler_advance(rank, segment, iterations);
  }
  segment->done = engine->planned;
  for (int i = 0; i < engine->config.ranks; i++) {
    leave_copies(engine, i, now_s);
    GPtrArray *ended = engine->ranks[i].ended;
    for (guint k = 0; k < ended->len; k++)
      engine->listener.ended(engine->listener.user, engine->index, ended->pdata[k], now_s);
    tw_batching_empty(ended);
    GPtrArray *handed_over = engine->ranks[i].handed_over;
    for (guint k = 0; k < handed_over->len; k++)
      engine->listener.handed_over(engine->listener.user, engine->index, handed_over->pdata[k], now_s);
    tw_batching_empty(handed_over);
  }
  return changed;
}

/* Has every rank plan its next iteration. Returns whether a batch changed. */
static gboolean plan_ranks(tw_engine *engine, double now_s)
{
  gboolean changed = FALSE;
  for (int i = 0; i < engine->config.ranks; i++) {
    tw_scheduler *rank = &engine->ranks[i];
    guint64 preempted = rank->preemptions;
    rank->paused = engine->over_limit;
    rank->iteration = engine->boundaries;
    changed |= tw_scheduler_plan(rank, now_s);
    if (rank->preemptions > preempted && engine->listener.preempted != NULL)
      engine->listener.preempted(engine->listener.user, engine->index,
                                 (gint64)(rank->preemptions - preempted), now_s);
    engine->batches[i] = rank->batch;
  }
  return changed;
}

/* Iterations of dummy batches alone until ranks that have no work stop. */
static gint64 iterations_idle(const tw_engine *engine)
{
  gint64 sync = engine->config.finish_sync;
  return sync > 0 && engine->boundaries % sync > 0 ? sync - engine->boundaries % sync : 0;
}

static gboolean has_preempted(const tw_engine *engine)
{
  for (int i = 0; i < engine->config.ranks; i++)
    if (engine->ranks[i].preempted)
      return TRUE;
  return FALSE;
}

static void plan(tw_engine *engine, double now_s, gboolean changed)
{
  if (engine->window && engine->quiet > 0 && !changed) {
    follow_window(engine, now_s);
    return;
  }
  gint64 horizon = G_MAXINT64;
  gboolean was_over_limit = engine->over_limit, evictable = FALSE;
  changed |= engine->new_limit;
  engine->new_limit = FALSE;
  tw_engine_settle_waiting(engine, now_s);
  /* A plan that preempts all that ran admits nobody, and an empty iteration takes no time: the next one does.
   */
  do
    changed |= plan_ranks(engine, now_s);
  while (planned_sequences(engine) == 0 && has_preempted(engine));
  for (int i = 0; i < engine->config.ranks; i++) {
    gint64 unchanged = tw_scheduler_horizon(&engine->ranks[i]);
    horizon = MIN(horizon, unchanged);
    evictable |= engine->ranks[i].evictable;
  }
  /* Another rank's evictions may push out of the hosts' memory what one hopes to find there. */
  for (int i = 0; evictable && engine->offload.host != NULL && i < engine->config.ranks; i++) {
    engine->ranks[i].evictable = TRUE;
    horizon = MIN(horizon, tw_scheduler_horizon(&engine->ranks[i]));
  }
  if (planned_sequences(engine) == 0)
    horizon = iterations_idle(engine);
  if (horizon == 0) {
    for (int i = 0; i < engine->config.ranks; i++) /* none waits but for blocks that are held */
      g_assert(engine->ranks[i].waiting.n == 0 || engine->ranks[i].held > 0);
    engine->busy = FALSE;
    engine->due_s = INFINITY;
    return;
  }
  tw_segment *segment = &engine->segment;
  if (engine->window && engine->busy && !changed && engine->alone.valid > 1) {
    engine->quiet = MIN(engine->config.exact ? 1 : horizon, engine->alone.valid - 1);
    follow_window(engine, now_s);
    return;
  }
  gboolean begins = changed || !engine->busy || segment->done >= segment->cost.valid;
  if (begins) {
    begin_segment(engine, now_s);
    cost_segment(engine);
    engine->window = leaves_domain(engine);
  }
  /* Whoever was kept out may join at the next boundary. */
  gboolean admits_again = was_over_limit && !engine->over_limit;
  if (engine->config.exact || admits_again)
    horizon = 1;
  if (begins && engine->window) {
    engine->alone = segment->cost;
    engine->quiet = MIN(horizon, segment->cost.valid) - 1;
    begin_window(engine, now_s);
    return;
  }
  horizon = MIN(horizon, segment->cost.valid - segment->done);
  engine->planned = segment->done + horizon;
  engine->due_s = tw_segment_boundary(segment, engine->planned);
  tell_completing(engine, now_s, now_s);
}

void tw_engine_step(tw_engine *engine)
{
  double now_s = engine->due_s;
  g_assert(isfinite(now_s));
  engine->steps++;
  gboolean changed = FALSE;
  if (engine->busy)
    changed = advance(engine, now_s);
  else
    tw_engine_settle(engine, now_s, 0);
  plan(engine, now_s, changed);
  engine->mark.kv_blocks = tw_engine_kv_after(engine, 0);
  engine->kv_mark.blocks = engine->mark.kv_blocks;
  if (engine->config.audit)
    for (int i = 0; i < engine->config.ranks; i++)
      tw_scheduler_audit(&engine->ranks[i]);
  if (engine->config.audit && engine->offload.host != NULL)
    tw_kv_tier_audit(engine->offload.host);
}

/* Charges the iteration that is cut short. */
static void charge_part(tw_engine *engine, double now_s)
{
  const tw_segment *segment = &engine->segment;
  double start_s = tw_segment_boundary(segment, segment->done);
  double end_s = tw_segment_boundary(segment, segment->done + 1);
  for (int i = 0; i < engine->config.ranks; i++)
    tw_scheduler_charge_part(&engine->ranks[i], fmin(1, (now_s - start_s) / (end_s - start_s)));
}

/* The ranks lose what they hold, but for what goes to the memory of the hosts or stays there. */
static void fail_ranks(tw_engine *engine, tw_engine_kept kept, GPtrArray *sequences)
{
  for (int i = 0; i < engine->config.ranks; i++) {
    tw_scheduler *rank = &engine->ranks[i];
    if (kept == TW_KEPT_OFFLOADED)
      tw_scheduler_forget_prefixes(rank);
    tw_scheduler_fail(rank, sequences);
    if (engine->offload.host != NULL)
      tw_offload_attach(&engine->offload, &rank->prefixes);
  }
  if (engine->offload.host != NULL && kept == TW_KEPT_NOTHING)
    tw_offload_empty(&engine->offload);
}

/* Carries out the iterations of a step under way that end before `now_s`, and, if `at_now`, the one that ends right
 * then. */
static void end_iterations(tw_engine *engine, double now_s, gboolean at_now)
{
  if (!engine->busy || !decodes_alone(engine) || engine->awaiting)
    return;
  gint64 reached = tw_segment_reach(&engine->segment, now_s);
  gboolean ends = at_now && tw_segment_boundary(&engine->segment, reached) <= now_s;
  engine->planned = CLAMP(ends ? reached : reached - 1, engine->segment.done, engine->planned);
  advance(engine, tw_segment_boundary(&engine->segment, engine->planned));
}

void tw_engine_end_iterations(tw_engine *engine, double now_s)
{
  end_iterations(engine, now_s, TRUE);
}

GPtrArray *tw_engine_fail(tw_engine *engine, tw_engine_kept kept, double now_s)
{
  GPtrArray *sequences = g_ptr_array_new();
  g_assert(engine->due_s >= now_s);
  end_iterations(engine, now_s, FALSE);
  tw_engine_settle_blocks(engine, now_s);
  if (engine->untold > 0)
    tell_ran(engine, engine->untold, engine->untold_s, engine->segment.start_s);
  engine->untold = 0;
  if (engine->busy)
    charge_part(engine, now_s);
  engine->busy = engine->window = engine->awaiting = engine->over_limit = FALSE;
  engine->quiet = engine->boundaries = 0;
  tw_engine_settle_waiting(engine, now_s);
  fail_ranks(engine, kept, sequences);
  tw_engine_mark_blocks(engine);
  engine->due_s = INFINITY;
  return sequences;
}
