#include "sim/engine/engine.h"

#include "sim/engine/engine_private.h"

#include <math.h>

#define SAME_LIMIT 1e-9 /* part by which two limits differ that are the same */

const char *const tw_engine_state_names[TW_ENGINE_STATE_COUNT] = {
#define X(name, text) text,
    TW_ENGINE_STATES(X)
#undef X
};

const char *const tw_rank_choice_names[] = {"router", "front-end", "round-robin", NULL};

static void init_offload(tw_engine *engine)
{
  const tw_engine_config *config = &engine->config;
  if (config->offload.host_bytes <= 0)
    return;
  tw_offload_init(&engine->offload, &config->offload, config->ranks);
  engine->offload.model = config->model;
  engine->offload.caps = config->scheduler.caps;
  engine->offload.engine = engine->index;
  engine->offload.spilled = engine->listener.spilled;
  engine->offload.user = engine->listener.user;
  for (int i = 0; i < config->ranks; i++) {
    tw_offload_attach(&engine->offload, &engine->ranks[i].prefixes);
    engine->ranks[i].config.offload = &engine->offload;
  }
}

tw_engine *tw_engine_new(int index, const tw_engine_config *config, const tw_engine_listener *listener)
{
  tw_engine *engine = g_malloc0(sizeof *engine + (gsize)config->ranks * sizeof(tw_scheduler));
  engine->index = index;
  engine->config = *config;
  engine->listener = *listener;
  engine->expected = g_new0(gint64, (gsize)config->ranks);
  engine->batches = g_new0(tw_batch, (gsize)config->ranks);
  tw_scheduler_config of_rank = config->scheduler;
  for (int i = 0; i < config->ranks; i++, of_rank.prefix_place++)
    tw_scheduler_init(&engine->ranks[i], &of_rank);
  init_offload(engine);
  engine->due_s = engine->limit_w = INFINITY;
  engine->slowness = 1;
  return engine;
}

void tw_engine_free(tw_engine *engine)
{
  if (engine == NULL)
    return;
  for (int i = 0; i < engine->config.ranks; i++)
    tw_scheduler_clear(&engine->ranks[i]);
  g_free(engine->expected);
  g_free(engine->batches);
  tw_offload_clear(&engine->offload);
  g_free(engine);
}

void tw_engine_prefetch(const tw_engine *engine)
{
  enum { LINE_BYTES = 64 };
  const char *end = (const char *)&engine->ranks[1];
  for (const char *at = (const char *)&engine->config.ranks; at < end; at += LINE_BYTES)
    __builtin_prefetch(at, 1);
}

void tw_engine_prefetch_parts(const tw_engine *engine)
{
  const tw_scheduler *rank = &engine->ranks[0];
  const void *const parts[] = {rank->kv.phase,
                               rank->chunks.list,
                               rank->next.list,
                               rank->aside,
                               rank->joining,
                               rank->leaving,
                               rank->lost,
                               rank->ended,
                               rank->handed_over,
                               rank->passed,
                               rank->decoding.finish.entries,
                               rank->decoding.answer.entries,
                               engine->batches};
  for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
    __builtin_prefetch(parts[i], 1);
}

/* ---- Events ---- */

static gint64 rank_load(const tw_scheduler *rank)
{
  return (gint64)rank->running.length + rank->waiting.n + rank->held;
}

static void catch_up(const tw_engine *engine, tw_scheduler *rank, double now_s)
{
  if (engine->busy)
    tw_scheduler_evict_prefixes(rank, tw_engine_ended_before(engine, now_s) - engine->segment.done);
}

void tw_engine_catch_up(tw_engine *engine, double now_s)
{
  for (int i = 0; engine->offload.host != NULL && i < engine->config.ranks; i++)
    catch_up(engine, &engine->ranks[i], now_s);
}

static gboolean looks_into_prefixes(const tw_engine *engine, const tw_request *request)
{
  return engine->config.scheduler.prefix_cache && request->n_hashes > 0;
}

/* Tokens of a prompt that a rank holds or would load, and need not compute. */
static gint64 cached_tokens(tw_engine *engine, tw_scheduler *rank, const tw_request *request, double now_s)
{
  if (engine->offload.host == NULL)
    catch_up(engine, rank, now_s);
  tw_prefix_hit hit = tw_prefix_cache_find(&rank->prefixes, request);
  if (engine->offload.host == NULL)
    return hit.tokens;
  tw_offload_hit below = tw_offload_find(&engine->offload, &rank->prefixes, request, &hit, now_s);
  return hit.tokens + below.blocks * rank->config.block_tokens;
}

gint64 tw_engine_cached_tokens(tw_engine *engine, int rank, const tw_request *request, double now_s)
{
  if (!looks_into_prefixes(engine, request))
    return 0;
  tw_engine_catch_up(engine, now_s); /* With offloading, evictions of any rank matter to all. */
  return cached_tokens(engine, &engine->ranks[rank], request, now_s);
}

/* The front end of vLLM (DPLBAsyncMPClient of vllm/v1/engine/core_client.py), which knows of who is on the way.
 */
static int choose_shortest(const tw_engine *engine)
{
  int best = 0;
  gint64 least = G_MAXINT64;
  for (int i = 0; i < engine->config.ranks; i++) {
    const tw_scheduler *rank = &engine->ranks[i];
    gint64 waiting = (gint64)rank->waiting.n + rank->delivered.n + engine->expected[i];
    gint64 cost = 4 * waiting + rank->running.length;
    if (cost >= least)
      continue;
    best = i;
    least = cost;
  }
  return best;
}

int tw_engine_choose(tw_engine *engine, const tw_request *request, double now_s)
{
  if (engine->config.rank_choice == TW_RANK_FRONT_END)
    return choose_shortest(engine);
  if (engine->config.rank_choice == TW_RANK_ROUND_ROBIN)
    return engine->next_rank++ % engine->config.ranks;
  double tokens = (double)request->prompt_tokens + tw_request_output_tokens(request), least = INFINITY;
  double weight = engine->config.rank_prefix_weight / tokens;
  gboolean looks = weight > 0 && engine->config.ranks > 1 && looks_into_prefixes(engine, request);
  int best = -1;
  if (looks)
    tw_engine_catch_up(engine, now_s);
  for (int i = 0; i < engine->config.ranks; i++) {
    tw_scheduler *rank = &engine->ranks[i];
    double cost = (double)(rank_load(rank) + engine->expected[i]);
    if (cost + (looks ? weight : 0) >= least) /* one token at least is computed */
      continue;
    if (looks)
      cost += weight * (double)(request->prompt_tokens - cached_tokens(engine, rank, request, now_s));
    if (cost >= least)
      continue;
    best = i;
    least = cost;
  }
  return best;
}

void tw_engine_expect(tw_engine *engine, const tw_sequence *sequence, int delta)
{
  engine->expected[sequence->rank] += delta;
}

const tw_prefix_cache *tw_engine_prefixes(const tw_engine *engine, int rank)
{
  return &engine->ranks[rank].prefixes;
}

const tw_offload *tw_engine_offload(const tw_engine *engine)
{
  return &engine->offload;
}

/* Has the engine look at the boundary that follows `now_s`, if somebody may join there. */
static void look_at_boundary(tw_engine *engine, gboolean may_join, double now_s)
{
  if (!engine->busy) {
    engine->due_s = now_s;
    return;
  }
  engine->quiet = may_join ? 0 : engine->quiet;
  if (may_join && tw_engine_batch_is_open(engine)) {
    gint64 boundary = tw_segment_reach(&engine->segment, now_s);
    if (boundary < engine->planned) {
      engine->planned = MAX(boundary, engine->segment.done);
      engine->due_s = tw_segment_boundary(&engine->segment, engine->planned);
    }
  }
}

void tw_engine_limit(tw_engine *engine, double limit_w, double now_s)
{
  /* Limits are shared out by the joules that were measured, whose last bits depend on how many steps made
   * their sum: those must not begin a segment. */
  if (limit_w == engine->limit_w ||
      fabs(limit_w - engine->limit_w) <= SAME_LIMIT * fmin(limit_w, engine->limit_w))
    return;
  engine->limit_w = limit_w;
  engine->new_limit = TRUE;
  if (engine->busy)
    look_at_boundary(engine, TRUE, now_s);
}

void tw_engine_slow_down(tw_engine *engine, double times, double now_s)
{
  if (times == engine->slowness)
    return;
  engine->slowness = times;
  engine->new_limit = TRUE;
  if (engine->busy)
    look_at_boundary(engine, TRUE, now_s);
}

void tw_engine_fetched(tw_engine *engine, const tw_kv_piece *pieces, guint n, double now_s)
{
  tw_engine_catch_up(engine, now_s);
  for (guint i = 0; i < n; i++)
    tw_kv_tier_put(engine->offload.host, &pieces[i]);
  if (tw_engine_waiting(engine) > 0) /* Blocks that are pushed out matter to whoever waits. */
    look_at_boundary(engine, TRUE, now_s);
}

void tw_engine_submit(tw_engine *engine, tw_sequence *sequence, double now_s)
{
  if (sequence->rank < 0)
    sequence->rank = tw_engine_choose(engine, &sequence->request, now_s);
  tw_scheduler *rank = &engine->ranks[sequence->rank];
  sequence->engine = engine->index;
  tw_engine_settle_waiting(engine, now_s);
  gboolean counts = engine->busy && rank->config.order == TW_ORDER_FAIR;
  gboolean may_join = tw_scheduler_submit(
      rank, sequence, counts ? tw_engine_ended_before(engine, now_s) - engine->segment.done : 0);
  look_at_boundary(engine, may_join, now_s);
}

void tw_engine_cancel(tw_engine *engine, tw_sequence *sequence, double now_s)
{
  tw_engine_settle_waiting(engine, now_s);
  tw_scheduler_cancel(&engine->ranks[sequence->rank], sequence);
  if (tw_engine_waiting(engine) > 0 || engine->config.scheduler.prefill_interval > 1)
    look_at_boundary(engine, TRUE, now_s);
}

/* ---- KV that comes and goes ---- */

/* Boundaries of the segment, beyond those that were handled, at which a plan would have been made before
 * `now_s`: an event at a boundary comes before the plan there. */
static gint64 boundaries_before(const tw_engine *engine, double now_s)
{
  if (!engine->busy)
    return 0;
  if (!tw_engine_batch_is_open(engine))
    return MAX(engine->planned - engine->segment.done - 1, 0);
  return MAX(tw_segment_reach(&engine->segment, now_s) - engine->segment.done - 1, 0);
}

void tw_engine_set_state(tw_engine *engine, tw_engine_state state, double now_s)
{
  g_assert(state != TW_ENGINE_PARKED || (!engine->busy && tw_engine_waiting(engine) == 0));
  tw_engine_settle_blocks(engine, now_s);
  engine->state = state;
  if (state == TW_ENGINE_PARKED && !engine->config.resident)
    g_ptr_array_unref(tw_engine_fail(engine, TW_KEPT_OFFLOADED, now_s));
}

tw_engine_state tw_engine_get_state(const tw_engine *engine)
{
  return engine->state;
}

int tw_engine_reserve(tw_engine *engine, tw_sequence *sequence, double now_s)
{
  gint64 passed = boundaries_before(engine, now_s);
  tw_scheduler *best = NULL;
  tw_engine_settle_blocks(engine, now_s);
  for (int i = 0; i < engine->config.ranks; i++) {
    tw_scheduler *rank = &engine->ranks[i];
    if ((best == NULL || rank_load(rank) < rank_load(best)) && tw_scheduler_has_room(rank, sequence, passed))
      best = rank;
  }
  if (best == NULL)
    return -1;
  tw_scheduler_reserve(best, sequence);
  tw_scheduler_evict_prefixes(best, passed);
  tw_engine_mark_blocks(engine);
  engine->quiet = 0;
  if (engine->busy && tw_engine_batch_is_open(engine) && best->decodes) {
    /* The rest of the segment lasts less long. */
    gint64 last = MIN(tw_scheduler_horizon(best), G_MAXINT32);
    engine->planned = MIN(engine->planned, engine->segment.done + MAX(passed + 1, last));
    engine->due_s = tw_segment_boundary(&engine->segment, engine->planned);
  }
  return (int)(best - engine->ranks);
}

void tw_engine_deliver(tw_engine *engine, tw_sequence *sequence, double now_s)
{
  sequence->engine = engine->index;
  tw_engine_settle_waiting(engine, now_s);
  gboolean may_join = tw_scheduler_deliver(&engine->ranks[sequence->rank], sequence);
  look_at_boundary(engine, may_join, now_s);
}

void tw_engine_release(tw_engine *engine, int rank, tw_sequence *sequence, double now_s)
{
  tw_engine_settle_blocks(engine, now_s);
  tw_scheduler_release(&engine->ranks[rank], sequence, boundaries_before(engine, now_s), now_s);
  tw_engine_mark_blocks(engine);
  if (tw_engine_waiting(engine) > 0 || (!engine->busy && tw_engine_running(engine) > 0))
    look_at_boundary(engine, TRUE, now_s);
}

void tw_engine_withdraw(tw_engine *engine, int rank, tw_sequence *sequence, double now_s)
{
  tw_engine_settle_blocks(engine, now_s);
  tw_scheduler_withdraw(&engine->ranks[rank], sequence, boundaries_before(engine, now_s), now_s);
  tw_engine_mark_blocks(engine);
  if (tw_engine_waiting(engine) > 0)
    look_at_boundary(engine, TRUE, now_s);
}

const char *tw_engine_refusal(const tw_engine *engine, const tw_request *request)
{
  return tw_scheduler_refusal(&engine->config.scheduler, request);
}

double tw_engine_due(const tw_engine *engine)
{
  return engine->due_s;
}

gboolean tw_engine_is_busy(const tw_engine *engine)
{
  return engine->busy;
}
