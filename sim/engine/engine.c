#include "sim/engine/engine.h"

#include <math.h>

/* Windows are short beside anything that the network does, and long enough to be few. */
enum { WINDOW_ITERATIONS = 16 };
#define WINDOW_S  0.05
#define UNKNOWN_S 1e9 /* an iteration of a window that still waits: longer than any wait */

/* Where a sum of usage stands: the instant, the iterations of the segment, and the blocks in use then. */
typedef struct mark {
  double time_s;
  gint64 iterations;
  gint64 kv_blocks;
  double waiting_s; /* the engine's integral at that instant */
  double joules;    /* dynamic, since the segment began */
  double progress;  /* iterations since then, the one that runs included by the part that has passed */
} mark;

const char *const tw_engine_state_names[TW_ENGINE_STATE_COUNT] = {
#define X(name, text) text,
    TW_ENGINE_STATES(X)
#undef X
};

struct tw_engine {
  int index;
  tw_engine_state state;
  tw_engine_config config;
  tw_engine_listener listener;
  tw_scheduler *ranks;
  gint64 *expected;   /* of each rank: sequences that are on their way to it */
  tw_batch *batches;  /* of each rank, as the step model wants them */
  tw_offload offload; /* shared by the ranks */

  gboolean busy; /* a segment is under way */
  tw_segment segment;
  gboolean window;   /* ... which is a window, and not to be cut */
  gboolean awaiting; /* ... whose flows are under way */
  double compute_s;  /* of the window, beside them */
  gint64 planned;    /* the iteration of the segment at whose end the next event is */
  double due_s;
  double limit_w;      /* of an accelerator */
  int clock;           /* of the segment: 0 nominal, else the number in config.clocks from 1 */
  gboolean over_limit; /* at the slowest clock */
  gboolean new_limit;  /* since the segment began */
  gboolean slowed;     /* since somebody asked */

  double waiting_s, waiting_since_s; /* integral of the waiting sequences up to an instant */
  tw_usage interval, total;
  mark interval_mark, total_mark;
  guint64 steps;
  double iterations, extrapolated; /* under speculation, parts of them: one of the segment's is a token */
};

/* ---- Offloading ---- */

static void init_offload(tw_engine *engine)
{
  const tw_engine_config *config = &engine->config;
  if (config->offload.host_bytes <= 0)
    return;
  tw_offload_init(&engine->offload, &config->offload);
  engine->offload.model = config->model;
  engine->offload.window = config->scheduler.window;
  engine->offload.batches = g_new0(tw_batch, (gsize)config->ranks);
  engine->offload.ranks = config->ranks;
  engine->offload.engine = engine->index;
  engine->offload.spilled = engine->listener.spilled;
  engine->offload.user = engine->listener.user;
  for (int i = 0; i < config->ranks; i++) {
    tw_offload_attach(&engine->offload, &engine->ranks[i].prefixes);
    engine->ranks[i].config.offload = &engine->offload;
  }
}

/* That the iteration's loads take, beside its computation. */
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

tw_engine *tw_engine_new(int index, const tw_engine_config *config, const tw_engine_listener *listener)
{
  tw_engine *engine = g_new0(tw_engine, 1);
  engine->index = index;
  engine->config = *config;
  engine->listener = *listener;
  engine->ranks = g_new(tw_scheduler, (gsize)config->ranks);
  engine->expected = g_new0(gint64, (gsize)config->ranks);
  engine->batches = g_new0(tw_batch, (gsize)config->ranks);
  for (int i = 0; i < config->ranks; i++)
    tw_scheduler_init(&engine->ranks[i], &config->scheduler);
  init_offload(engine);
  engine->due_s = engine->limit_w = INFINITY;
  return engine;
}

void tw_engine_free(tw_engine *engine)
{
  if (engine == NULL)
    return;
  for (int i = 0; i < engine->config.ranks; i++)
    tw_scheduler_clear(&engine->ranks[i]);
  g_free(engine->ranks);
  g_free(engine->expected);
  g_free(engine->batches);
  tw_offload_clear(&engine->offload);
  g_free(engine);
}

/* ---- Usage ---- */

gint64 tw_engine_running(const tw_engine *engine)
{
  gint64 n = 0;
  for (int i = 0; i < engine->config.ranks; i++)
    n += engine->ranks[i].running.length;
  return n;
}

gint64 tw_engine_waiting(const tw_engine *engine)
{
  gint64 n = 0;
  for (int i = 0; i < engine->config.ranks; i++)
    n += (gint64)engine->ranks[i].waiting.n + engine->ranks[i].delivered.n;
  return n;
}

/* Blocks in use after `iterations` more iterations of the batch that runs. */
static gint64 kv_used(const tw_engine *engine, gint64 iterations)
{
  gint64 blocks = 0;
  for (int i = 0; i < engine->config.ranks; i++)
    blocks += tw_scheduler_kv_used(&engine->ranks[i], iterations);
  return blocks;
}

static double waiting_integral(const tw_engine *engine, double now_s)
{
  return engine->waiting_s + (double)tw_engine_waiting(engine) * (now_s - engine->waiting_since_s);
}

/* Call before the number of waiting sequences changes. */
static void settle_waiting(tw_engine *engine, double now_s)
{
  engine->waiting_s = waiting_integral(engine, now_s);
  engine->waiting_since_s = now_s;
}

/* Whether the limit keeps it from what it would do otherwise. */
static gboolean is_slow(const tw_engine *engine)
{
  return engine->clock > 0 || engine->over_limit;
}

static double clock_of(const tw_engine *engine)
{
  return engine->clock > 0 ? engine->config.clocks[engine->clock - 1].clock : 1;
}

/* The watts that an engine's accelerators draw whatever they do. */
static double standing_w(const tw_engine *engine)
{
  const tw_power_law *power = &engine->config.power;
  gboolean asleep = engine->state == TW_ENGINE_PARKED && !engine->config.resident;
  return (asleep ? power->sleep_w : power->idle_w) * power->accelerators;
}

/* Adds to `usage` what happened from `from` to `now_s`, when `iterations` of the segment have ended. */
static mark settle(const tw_engine *engine, tw_usage *usage, mark from, double now_s, gint64 iterations)
{
  double span_s = now_s - from.time_s;
  double idle_w = standing_w(engine);
  mark to = {now_s, iterations, from.kv_blocks, waiting_integral(engine, now_s), 0, 0};
  usage->waiting_s += to.waiting_s - from.waiting_s;
  usage->idle_j += idle_w * span_s;
  usage->state_s[engine->state] += span_s;
  if (!engine->busy) {
    usage->kv_block_s += (double)from.kv_blocks * span_s;
    return to;
  }
  const tw_step_cost *cost = &engine->segment.cost;
  gint64 ended = iterations - from.iterations, decode_seqs = 0;
  to.kv_blocks = kv_used(engine, iterations - engine->segment.done);
  for (int i = 0; i < engine->config.ranks; i++)
    decode_seqs += engine->ranks[i].batch.decode_seqs;
  usage->busy_s += (1 - cost->bubble) * span_s;
  usage->clock_s += clock_of(engine) * (1 - cost->bubble) * span_s;
  usage->running_s += (double)tw_engine_running(engine) * span_s;
  usage->kv_block_s += (double)(from.kv_blocks + to.kv_blocks) / 2 * span_s;
  usage->output_tokens += decode_seqs * ended;
  usage->flops += tw_line_sum(cost->flops, iterations) - tw_line_sum(cost->flops, from.iterations);
  usage->bytes += tw_line_sum(cost->bytes, iterations) - tw_line_sum(cost->bytes, from.iterations);
  to.joules = tw_segment_joules(&engine->segment, iterations, now_s);
  double dynamic_j = to.joules - from.joules;
  double prefill_j = engine->segment.charges.prefill_share * dynamic_j;
  usage->prefill_s += engine->segment.charges.prefill_share * (1 - cost->bubble) * span_s;
  usage->prefill_j += prefill_j;
  usage->decode_j += dynamic_j - prefill_j;
  if (cost->collective_s > 0) {
    to.progress = tw_segment_progress(&engine->segment, iterations, now_s);
    double collective_j = idle_w * (1 - cost->bubble) * cost->collective_s * (to.progress - from.progress);
    usage->collective_j += collective_j;
    usage->idle_j -= collective_j;
  }
  return to;
}

/* Iterations of the segment that have ended before `now_s`. */
static gint64 ended_before(const tw_engine *engine, double now_s)
{
  gint64 ended = engine->segment.done;
  return engine->busy ? MAX(ended, tw_segment_reach(&engine->segment, now_s) - 1) : ended;
}

tw_usage tw_engine_take_usage(tw_engine *engine, double now_s)
{
  gint64 ended = MAX(engine->interval_mark.iterations, ended_before(engine, now_s));
  engine->interval_mark = settle(engine, &engine->interval, engine->interval_mark, now_s, ended);
  tw_usage usage = engine->interval;
  engine->interval = (tw_usage){0};
  return usage;
}

tw_usage tw_engine_total(const tw_engine *engine, double now_s)
{
  tw_usage usage = engine->total;
  settle(engine, &usage, engine->total_mark, now_s, ended_before(engine, now_s));
  return usage;
}

double tw_engine_dynamic_joules(const tw_engine *engine, double now_s)
{
  double joules = engine->total.prefill_j + engine->total.decode_j;
  if (engine->busy)
    joules +=
        tw_segment_joules(&engine->segment, ended_before(engine, now_s), now_s) - engine->total_mark.joules;
  return joules;
}

double tw_engine_joules(const tw_engine *engine, double now_s)
{
  return tw_engine_dynamic_joules(engine, now_s) + engine->total.idle_j + engine->total.collective_j +
         standing_w(engine) * (now_s - engine->total_mark.time_s);
}

/* ---- Events ---- */

static gint64 rank_load(const tw_scheduler *rank)
{
  return (gint64)rank->running.length + rank->waiting.n + rank->held;
}

static void catch_up(const tw_engine *engine, tw_scheduler *rank, double now_s)
{
  if (engine->busy)
    tw_scheduler_evict_prefixes(rank, ended_before(engine, now_s) - engine->segment.done);
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

/* The tokens of a prompt that a rank need not compute: those that it holds, and those that it would load. */
static gint64 cached_tokens(tw_engine *engine, tw_scheduler *rank, const tw_request *request, double now_s)
{
  if (engine->offload.host == NULL)
    catch_up(engine, rank, now_s);
  tw_prefix_hit hit = tw_prefix_cache_find(&rank->prefixes, request);
  if (engine->offload.host == NULL)
    return hit.tokens;
  tw_offload_hit below = tw_offload_find(&engine->offload, &rank->prefixes, request, &hit);
  return hit.tokens + below.blocks * rank->config.block_tokens;
}

gint64 tw_engine_cached_tokens(tw_engine *engine, int rank, const tw_request *request, double now_s)
{
  if (!looks_into_prefixes(engine, request))
    return 0;
  tw_engine_catch_up(engine, now_s); /* where it offloads, what any rank evicts matters to all */
  return cached_tokens(engine, &engine->ranks[rank], request, now_s);
}

int tw_engine_choose(tw_engine *engine, const tw_request *request, double now_s)
{
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

/* Of pure decodes any boundary is as good as another. */
static gboolean decodes_alone(const tw_engine *engine)
{
  for (int i = 0; i < engine->config.ranks; i++)
    if (engine->ranks[i].chunks.list->len > 0 || engine->ranks[i].preempted)
      return FALSE;
  return TRUE;
}

/* Somebody may still join at any boundary that is left, the start of the iteration included. */
static gboolean batch_is_open(const tw_engine *engine)
{
  return !engine->window && decodes_alone(engine);
}

/* Has the engine look at the boundary that follows `now_s`, if somebody may join there. */
static void look_at_boundary(tw_engine *engine, gboolean may_join, double now_s)
{
  if (!engine->busy) {
    engine->due_s = now_s;
  } else if (may_join && batch_is_open(engine)) {
    gint64 boundary = tw_segment_reach(&engine->segment, now_s);
    if (boundary < engine->planned) {
      engine->planned = MAX(boundary, engine->segment.done);
      engine->due_s = tw_segment_boundary(&engine->segment, engine->planned);
    }
  }
}

void tw_engine_limit(tw_engine *engine, double limit_w, double now_s)
{
  if (limit_w == engine->limit_w)
    return;
  engine->limit_w = limit_w;
  engine->new_limit = TRUE;
  if (engine->busy)
    look_at_boundary(engine, TRUE, now_s);
}

gboolean tw_engine_was_slowed(tw_engine *engine)
{
  gboolean slowed = engine->slowed;
  engine->slowed = FALSE;
  return slowed || (engine->busy && is_slow(engine));
}

void tw_engine_fetched(tw_engine *engine, const tw_kv_piece *pieces, guint n, double now_s)
{
  tw_engine_catch_up(engine, now_s);
  for (guint i = 0; i < n; i++)
    tw_kv_tier_put(engine->offload.host, &pieces[i]);
  if (tw_engine_waiting(engine) > 0) /* and what they push out matters to whoever waits */
    look_at_boundary(engine, TRUE, now_s);
}

/* Whether the window sends anything out of its domain. */
static gboolean leaves_domain(const tw_engine *engine)
{
  const tw_wire *wire = &engine->segment.cost.wire;
  return engine->config.spans && wire->tensor + wire->experts + wire->stages > 0;
}

/* Begins a window of at most `horizon` iterations. */
static void begin_window(tw_engine *engine, gint64 horizon, double now_s)
{
  tw_segment *segment = &engine->segment;
  gint64 most = engine->config.exact ? 1 : (gint64)(WINDOW_S / segment->cost.time_s.first);
  gint64 iterations = MIN(horizon, CLAMP(most, 1, WINDOW_ITERATIONS));
  engine->awaiting = TRUE;
  engine->planned = segment->cost.valid = iterations;
  engine->compute_s = tw_line_sum(segment->cost.time_s, iterations);
  segment->cost.time_s = (tw_line){UNKNOWN_S, 0};
  engine->due_s = INFINITY;
  engine->listener.post(engine->listener.user, engine->index, &segment->cost.wire, iterations,
                        engine->compute_s, now_s);
}

/* Tells which prompts the iteration that is planned completes. */
static void tell_completing(tw_engine *engine, double start_s)
{
  for (int i = 0; engine->config.layered && i < engine->config.ranks; i++) {
    const GArray *chunks = engine->ranks[i].chunks.list;
    for (guint k = 0; k < chunks->len; k++) {
      const tw_chunk *chunk = &g_array_index(chunks, tw_chunk, k);
      if (chunk->completes && !chunk->lost)
        engine->listener.completing(engine->listener.user, engine->index, chunk->sequence, start_s,
                                    engine->due_s);
    }
  }
}

void tw_engine_resume(tw_engine *engine, double now_s, double computed_s)
{
  tw_segment *segment = &engine->segment;
  double length_s = now_s - segment->start_s + (engine->compute_s - computed_s);
  g_assert(engine->awaiting);
  engine->awaiting = FALSE;
  segment->cost.time_s = (tw_line){length_s / (double)engine->planned, 0};
  segment->cost.collective_s += (length_s - engine->compute_s) / (double)engine->planned;
  engine->due_s = tw_segment_boundary(segment, engine->planned);
  tell_completing(engine, now_s);
}

void tw_engine_submit(tw_engine *engine, tw_sequence *sequence, double now_s)
{
  if (sequence->rank < 0)
    sequence->rank = tw_engine_choose(engine, &sequence->request, now_s);
  tw_scheduler *rank = &engine->ranks[sequence->rank];
  sequence->engine = engine->index;
  settle_waiting(engine, now_s);
  gboolean counts = engine->busy && rank->config.order == TW_ORDER_FAIR;
  gboolean may_join =
      tw_scheduler_submit(rank, sequence, counts ? ended_before(engine, now_s) - engine->segment.done : 0);
  look_at_boundary(engine, may_join, now_s);
}

void tw_engine_cancel(tw_engine *engine, tw_sequence *sequence, double now_s)
{
  settle_waiting(engine, now_s);
  tw_scheduler_cancel(&engine->ranks[sequence->rank], sequence);
  if (tw_engine_waiting(engine) > 0)
    look_at_boundary(engine, TRUE, now_s);
}

/* ---- KV that comes and goes ---- */

/* Boundaries of the segment, beyond those that were handled, at which a plan would have been made before
 * `now_s`: an event at a boundary comes before the plan there. */
static gint64 boundaries_before(const tw_engine *engine, double now_s)
{
  if (!engine->busy)
    return 0;
  if (!batch_is_open(engine))
    return MAX(engine->planned - engine->segment.done - 1, 0);
  return MAX(tw_segment_reach(&engine->segment, now_s) - engine->segment.done - 1, 0);
}

/* Sums up to an instant between two events, before blocks change hands. */
static void settle_blocks(tw_engine *engine, double now_s)
{
  gint64 ended = engine->busy ? ended_before(engine, now_s) : 0;
  engine->interval_mark = settle(engine, &engine->interval, engine->interval_mark, now_s,
                                 MAX(ended, engine->interval_mark.iterations));
  engine->total_mark =
      settle(engine, &engine->total, engine->total_mark, now_s, MAX(ended, engine->total_mark.iterations));
}

/* After they have. */
static void mark_blocks(tw_engine *engine)
{
  gint64 iterations = engine->busy ? engine->interval_mark.iterations - engine->segment.done : 0;
  engine->interval_mark.kv_blocks = engine->total_mark.kv_blocks = kv_used(engine, MAX(iterations, 0));
}

void tw_engine_set_state(tw_engine *engine, tw_engine_state state, double now_s)
{
  g_assert(state != TW_ENGINE_PARKED || (!engine->busy && tw_engine_waiting(engine) == 0));
  settle_blocks(engine, now_s);
  engine->state = state;
  if (state != TW_ENGINE_PARKED || engine->config.resident)
    return;
  for (int i = 0; i < engine->config.ranks; i++)
    tw_scheduler_forget_prefixes(&engine->ranks[i]);
}

tw_engine_state tw_engine_get_state(const tw_engine *engine)
{
  return engine->state;
}

int tw_engine_reserve(tw_engine *engine, const tw_request *request, double now_s)
{
  gint64 passed = boundaries_before(engine, now_s);
  tw_scheduler *best = NULL;
  settle_blocks(engine, now_s);
  for (int i = 0; i < engine->config.ranks; i++) {
    tw_scheduler *rank = &engine->ranks[i];
    if (best != NULL && rank_load(rank) >= rank_load(best))
      continue;
    if (!tw_scheduler_reserve(rank, request, passed))
      continue;
    if (best != NULL)
      tw_scheduler_unreserve(best, request);
    best = rank;
  }
  if (best == NULL)
    return -1;
  tw_scheduler_evict_prefixes(best, passed);
  mark_blocks(engine);
  if (engine->busy && batch_is_open(engine) && best->decodes) {
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
  settle_waiting(engine, now_s);
  gboolean may_join = tw_scheduler_deliver(&engine->ranks[sequence->rank], sequence);
  look_at_boundary(engine, may_join, now_s);
}

void tw_engine_release(tw_engine *engine, int rank, tw_sequence *sequence, double now_s)
{
  settle_blocks(engine, now_s);
  tw_scheduler_release(&engine->ranks[rank], sequence, boundaries_before(engine, now_s), now_s);
  mark_blocks(engine);
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

static gboolean computes_prompts(const tw_engine *engine)
{
  for (int i = 0; i < engine->config.ranks; i++)
    if (engine->batches[i].prefill_seqs > 0)
      return TRUE;
  return FALSE;
}

/* Tokens of a sequence in an iteration of the batch that runs: the segment has one for each of them. */
static double tokens_per_iteration(const tw_engine *engine)
{
  const tw_speculation *speculation = &engine->config.speculation;
  gboolean drafts = speculation->draft_tokens > 0 && !computes_prompts(engine);
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

/* Ends the iterations up to the planned one. Returns whether the batch changed by that. */
static gboolean advance(tw_engine *engine, double now_s)
{
  tw_segment *segment = &engine->segment;
  gint64 iterations = engine->planned - segment->done;
  gboolean changed = FALSE;
  engine->interval_mark = settle(engine, &engine->interval, engine->interval_mark, now_s, engine->planned);
  engine->total_mark = settle(engine, &engine->total, engine->total_mark, now_s, engine->planned);
  if (iterations == 0)
    return FALSE;
  /* Ranks that share a tier below evict in the order of time. */
  for (int i = 0; engine->offload.host != NULL && i < engine->config.ranks; i++)
    tw_scheduler_evict_prefixes(&engine->ranks[i], iterations - 1);
  double passes = (double)iterations / tokens_per_iteration(engine);
  engine->iterations += passes;
  engine->extrapolated += segment->cost.extrapolated ? passes : 0;
  for (int i = 0; i < engine->config.ranks; i++) {
    tw_scheduler *rank = &engine->ranks[i];
    gint64 emitted = rank->batch.sampled - rank->batch.decode_seqs; /* by prompts that are now complete */
    engine->interval.prompt_tokens += rank->batch.prefill_tokens;
    engine->interval.cached_tokens += rank->chunks.cached;
    engine->interval.host_tokens += rank->chunks.from_host;
    engine->interval.store_tokens += rank->chunks.from_store;
    engine->interval.output_tokens += emitted;
    engine->total.prompt_tokens += rank->batch.prefill_tokens;
    engine->total.cached_tokens += rank->chunks.cached;
    engine->total.host_tokens += rank->chunks.from_host;
    engine->total.store_tokens += rank->chunks.from_store;
    engine->total.output_tokens += emitted;
    if (engine->listener.ran != NULL && rank->batch.decode_seqs + rank->batch.prefill_seqs > 0)
      engine->listener.ran(engine->listener.user, engine->index, &rank->batch, iterations,
                           tw_segment_boundary(segment, segment->done), now_s);
    tell_prompted(engine, rank, now_s);
    changed |= tw_scheduler_advance(rank, segment, iterations);
  }
  segment->done = engine->planned;
  for (int i = 0; i < engine->config.ranks; i++) {
    GPtrArray *ended = engine->ranks[i].ended;
    for (guint k = 0; k < ended->len; k++)
      engine->listener.ended(engine->listener.user, engine->index, ended->pdata[k], now_s);
    g_ptr_array_set_size(ended, 0);
    GPtrArray *handed_over = engine->ranks[i].handed_over;
    for (guint k = 0; k < handed_over->len; k++)
      engine->listener.handed_over(engine->listener.user, engine->index, handed_over->pdata[k], now_s);
    g_ptr_array_set_size(handed_over, 0);
  }
  return changed;
}

/* Of an accelerator, in the segment's first iteration. */
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
  if (engine->config.speculation.draft_tokens > 0 && !computes_prompts(engine))
    tw_speculation_cost(&engine->config.speculation, model, engine->batches, engine->config.ranks, cost);
  if (engine->offload.host != NULL)
    cost->time_s.first = fmax(cost->time_s.first, load_s(engine)); /* one iteration: prompts have joined */
}

/* The cost of the segment in time and joules, at the fastest clock that keeps to the limit, and who pays for
 * it. */
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
  segment->charges = tw_charge_split(power, &segment->cost, segment->joules, engine->batches,
                                     engine->config.ranks, engine->config.scheduler.full_share);
  for (int i = 0; i < engine->config.ranks; i++)
    tw_scheduler_charge(&engine->ranks[i], &segment->charges);
}

/* Has every rank plan its next iteration. Returns whether a batch changed. */
static gboolean plan_ranks(tw_engine *engine, double now_s)
{
  gboolean changed = FALSE;
  for (int i = 0; i < engine->config.ranks; i++) {
    tw_scheduler *rank = &engine->ranks[i];
    guint64 preempted = rank->preemptions;
    rank->paused = engine->over_limit;
    changed |= tw_scheduler_plan(rank, now_s);
    if (rank->preemptions > preempted && engine->listener.preempted != NULL)
      engine->listener.preempted(engine->listener.user, engine->index,
                                 (gint64)(rank->preemptions - preempted), now_s);
    engine->batches[i] = rank->batch;
  }
  return changed;
}

/* Sequences in the iteration that is planned. */
static gint64 planned_sequences(const tw_engine *engine)
{
  gint64 n = 0;
  for (int i = 0; i < engine->config.ranks; i++)
    n += engine->batches[i].decode_seqs + engine->batches[i].prefill_seqs;
  return n;
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
  gint64 horizon = G_MAXINT64;
  gboolean was_over_limit = engine->over_limit, evictable = FALSE;
  changed |= engine->new_limit;
  engine->new_limit = FALSE;
  settle_waiting(engine, now_s);
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
  if (planned_sequences(engine) == 0) {
    for (int i = 0; i < engine->config.ranks; i++) /* none waits but for blocks that are held */
      g_assert(engine->ranks[i].waiting.n == 0 || engine->ranks[i].held > 0);
    engine->busy = FALSE;
    engine->due_s = INFINITY;
    return;
  }
  tw_segment *segment = &engine->segment;
  if (changed || !engine->busy || segment->done >= segment->cost.valid) {
    segment->start_s = now_s;
    segment->done = 0;
    engine->busy = TRUE;
    engine->interval_mark.iterations = engine->total_mark.iterations = 0;
    engine->interval_mark.joules = engine->total_mark.joules = 0;
    engine->interval_mark.progress = engine->total_mark.progress = 0;
    cost_segment(engine);
    engine->window = leaves_domain(engine);
    if (engine->window) {
      begin_window(engine, MIN(horizon, segment->cost.valid), now_s);
      return;
    }
  }
  /* Whoever was kept out may join at the next boundary. */
  gboolean admits_again = was_over_limit && !engine->over_limit;
  horizon = engine->config.exact || admits_again ? 1 : MIN(horizon, segment->cost.valid - segment->done);
  engine->planned = segment->done + horizon;
  engine->due_s = tw_segment_boundary(segment, engine->planned);
  tell_completing(engine, now_s);
}

void tw_engine_step(tw_engine *engine)
{
  double now_s = engine->due_s;
  g_assert(isfinite(now_s));
  engine->steps++;
  gboolean changed = FALSE;
  if (engine->busy) {
    changed = advance(engine, now_s);
  } else {
    engine->interval_mark = settle(engine, &engine->interval, engine->interval_mark, now_s, 0);
    engine->total_mark = settle(engine, &engine->total, engine->total_mark, now_s, 0);
  }
  plan(engine, now_s, changed);
  engine->interval_mark.kv_blocks = engine->total_mark.kv_blocks = kv_used(engine, 0);
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

GPtrArray *tw_engine_evict(tw_engine *engine, double now_s)
{
  GPtrArray *sequences = g_ptr_array_new();
  g_assert(engine->due_s >= now_s);
  if (engine->busy && decodes_alone(engine) && !engine->awaiting) {
    gint64 reached = tw_segment_reach(&engine->segment, now_s);
    engine->planned = CLAMP(reached - 1, engine->segment.done, engine->planned);
    advance(engine, tw_segment_boundary(&engine->segment, engine->planned));
  }
  engine->total_mark = settle(engine, &engine->total, engine->total_mark, now_s, engine->segment.done);
  if (engine->busy)
    charge_part(engine, now_s);
  engine->busy = FALSE;
  settle_waiting(engine, now_s);
  for (int i = 0; i < engine->config.ranks; i++)
    tw_scheduler_evict(&engine->ranks[i], sequences);
  engine->due_s = INFINITY;
  return sequences;
}

gint64 tw_engine_kv_blocks(const tw_engine *engine)
{
  return engine->config.scheduler.kv_blocks * engine->config.ranks;
}

gint64 tw_engine_kv_used(const tw_engine *engine, double now_s)
{
  return kv_used(engine, engine->busy ? ended_before(engine, now_s) - engine->segment.done : 0);
}

guint64 tw_engine_preemptions(const tw_engine *engine)
{
  guint64 n = 0;
  for (int i = 0; i < engine->config.ranks; i++)
    n += engine->ranks[i].preemptions;
  return n;
}

guint64 tw_engine_steps(const tw_engine *engine)
{
  return engine->steps;
}

guint64 tw_engine_iterations(const tw_engine *engine)
{
  return (guint64)(engine->iterations + 0.5);
}

double tw_engine_extrapolated(const tw_engine *engine)
{
  return engine->iterations > 0 ? engine->extrapolated / engine->iterations : 0;
}
