/* The usage of an engine so far: sums up to an instant, between two events as at them. */
#include "sim/engine/engine_private.h"

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

gint64 tw_engine_kv_after(const tw_engine *engine, gint64 iterations)
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

/* Adds what waits for each cause, for span_s. */
static void add_waits(const tw_engine *engine, double *waiting_for_s, double span_s)
{
  for (int i = 0; i < engine->config.ranks; i++) {
    const tw_scheduler *rank = &engine->ranks[i];
    waiting_for_s[rank->held_up] += span_s * (double)(rank->waiting.n + rank->delivered.n);
  }
}

void tw_engine_settle_waiting(tw_engine *engine, double now_s)
{
  add_waits(engine, engine->waiting_for_s, now_s - engine->waiting_since_s);
  engine->waiting_s = waiting_integral(engine, now_s);
  engine->waiting_since_s = now_s;
}

static double clock_of(const tw_engine *engine)
{
  return engine->clock > 0 ? engine->config.clocks[engine->clock - 1].clock : 1 - engine->config.throttle;
}

/* Watts that the accelerators draw, whatever they do. */
static double standing_w(const tw_engine *engine)
{
  const tw_power_law *power = &engine->config.power;
  gboolean asleep = engine->state == TW_ENGINE_PARKED && !engine->config.resident;
  if (engine->state == TW_ENGINE_DARK)
    return 0;
  return (asleep ? power->sleep_w : power->idle_w) * power->accelerators;
}

/* Adds to `usage` what happened from `from` to `now_s`, when `iterations` of the segment have ended, but for
 * the classes of time. Returns the mark to go on from. */
static tw_mark add_sums(const tw_engine *engine, tw_usage *usage, tw_mark from, double now_s,
                        gint64 iterations)
{
  double span_s = now_s - from.time_s;
  g_assert(span_s >= 0);
  double idle_w = standing_w(engine);
  tw_mark to = {now_s, iterations, from.kv_blocks, waiting_integral(engine, now_s), 0, 0, 0};
  usage->waiting_s += to.waiting_s - from.waiting_s;
  usage->idle_j += idle_w * span_s;
  usage->state_s[engine->state] += span_s;
  if (!engine->busy) {
    usage->kv_block_s += (double)from.kv_blocks * span_s;
    return to;
  }
  const tw_step_cost *cost = &engine->segment.cost;
  gint64 ended = iterations - from.iterations, decode_seqs = 0;
  to.kv_blocks = tw_engine_kv_after(engine, iterations - engine->segment.done);
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
  to.progress = tw_segment_progress(&engine->segment, iterations, now_s);
  if (cost->collective_s > 0) {
    double collective_j = idle_w * (1 - cost->bubble) * cost->collective_s * (to.progress - from.progress);
    usage->collective_j += collective_j;
    usage->idle_j -= collective_j;
  }
  return to;
}

/* Iterations of a segment weighted with their numbers from 0, up to `progress`, when `ended` have ended: a
 * line is first · progress + growth · this. */
static double growth_sum(double progress, gint64 ended)
{
  double n = (double)ended;
  return n * (n - 1) / 2 + (progress - n) * n;
}

/* Adds the usage and the classes of time from a mark up to now, and returns the mark there. */
static tw_mark add_usage(const tw_engine *engine, tw_usage *usage, tw_mark from, double now_s,
                         gint64 iterations)
{
  tw_mark to = add_sums(engine, usage, from, now_s, iterations);
  double span_s = now_s - from.time_s, idle_w = standing_w(engine);
  if (!engine->busy || engine->awaiting) { /* a window's length is unknown until its flows have come */
    usage->class_s[engine->busy ? TW_TIME_FABRIC : TW_TIME_IDLE] += span_s;
    if (!engine->busy)
      usage->class_j[TW_TIME_IDLE] += idle_w * span_s;
    to.progress = from.progress;
    to.awaited_s = from.awaited_s + (engine->busy ? span_s : 0);
    return to;
  }
  const tw_line *classes = engine->segment.cost.classes;
  double done = to.progress - from.progress;
  double grown = growth_sum(to.progress, iterations) - growth_sum(from.progress, from.iterations);
  double spent_s[TW_ITERATION_CLASSES], works_s = 0;
  for (int c = 0; c < TW_ITERATION_CLASSES; c++)
    spent_s[c] = classes[c].first * done + classes[c].growth * grown;
  spent_s[TW_TIME_FABRIC] -= from.awaited_s;
  for (int c = TW_TIME_WEIGHTS; c <= TW_TIME_EXPERTS; c++)
    works_s += spent_s[c];
  for (int c = 0; c < TW_ITERATION_CLASSES; c++)
    usage->class_s[c] += spent_s[c];
  double dynamic_j = to.joules - from.joules, dynamic_w = works_s > 0 ? dynamic_j / works_s : 0;
  for (int c = TW_TIME_WEIGHTS; c <= TW_TIME_EXPERTS; c++)
    usage->class_j[c] += dynamic_w * spent_s[c];
  if (works_s <= 0)
    usage->class_j[TW_TIME_MEASURED] += dynamic_j;
  return to;
}

/* The integral of the blocks in use from the interval's mark of them to another. */
static double blocks_until(const tw_engine *engine, const tw_mark *to)
{
  double from = (double)engine->kv_mark.blocks, span_s = to->time_s - engine->kv_mark.time_s;
  return (engine->busy ? (from + (double)to->kv_blocks) / 2 : from) * span_s;
}

void tw_engine_settle(tw_engine *engine, double now_s, gint64 iterations)
{
  engine->mark = add_usage(engine, &engine->total, engine->mark, now_s, iterations);
  if (now_s < engine->kv_mark.time_s) /* likewise: it is made up for at once */
    return;
  engine->kv_block_s += blocks_until(engine, &engine->mark);
  engine->kv_mark.time_s = now_s;
  engine->kv_mark.blocks = engine->mark.kv_blocks;
}

gint64 tw_engine_ended_before(const tw_engine *engine, double now_s)
{
  gint64 ended = engine->segment.done;
  return engine->busy ? MAX(ended, tw_segment_reach(&engine->segment, now_s) - 1) : ended;
}

void tw_engine_settle_blocks(tw_engine *engine, double now_s)
{
  gint64 ended = engine->busy ? tw_engine_ended_before(engine, now_s) : 0;
  tw_engine_settle(engine, now_s, MAX(ended, engine->mark.iterations));
}

void tw_engine_mark_blocks(tw_engine *engine)
{
  gint64 iterations = engine->busy ? engine->mark.iterations - engine->segment.done : 0;
  engine->mark.kv_blocks = engine->kv_mark.blocks = tw_engine_kv_after(engine, MAX(iterations, 0));
}

/* The difference between a sum of usage and an earlier one. */
static tw_usage usage_since(const tw_usage *now, const tw_usage *then)
{
  tw_usage more = {.prompt_tokens = now->prompt_tokens - then->prompt_tokens,
                   .output_tokens = now->output_tokens - then->output_tokens,
                   .cached_tokens = now->cached_tokens - then->cached_tokens,
                   .host_tokens = now->host_tokens - then->host_tokens,
                   .adapter_loads = now->adapter_loads - then->adapter_loads,
                   .adapter_fetches = now->adapter_fetches - then->adapter_fetches,
                   .store_tokens = now->store_tokens - then->store_tokens,
                   .prefill_s = now->prefill_s - then->prefill_s,
                   .busy_s = now->busy_s - then->busy_s,
                   .running_s = now->running_s - then->running_s,
                   .waiting_s = now->waiting_s - then->waiting_s,
                   .flops = now->flops - then->flops,
                   .bytes = now->bytes - then->bytes,
                   .clock_s = now->clock_s - then->clock_s,
                   .prefill_j = now->prefill_j - then->prefill_j,
                   .decode_j = now->decode_j - then->decode_j,
                   .collective_j = now->collective_j - then->collective_j,
                   .idle_j = now->idle_j - then->idle_j};
  for (int i = 0; i < TW_ENGINE_STATE_COUNT; i++)
    more.state_s[i] = now->state_s[i] - then->state_s[i];
  for (int c = 0; c < TW_TIME_CLASS_COUNT; c++)
    more.class_s[c] = now->class_s[c] - then->class_s[c];
  return more;
}

tw_usage tw_engine_take_usage(tw_engine *engine, double now_s)
{
  g_assert(now_s <= engine->due_s);
  gint64 ended = MAX(engine->mark.iterations, tw_engine_ended_before(engine, now_s));
  tw_usage total = engine->total;
  tw_mark to = add_usage(engine, &total, engine->mark, now_s, ended);
  tw_usage usage = usage_since(&total, &engine->told);
  double since_s[TW_WAIT_CAUSES] = {0}; /* is settled later, and then told already */
  add_waits(engine, since_s, now_s - engine->waiting_since_s);
  for (int i = 0; i < TW_WAIT_CAUSES; i++) {
    usage.waiting_for_s[i] = engine->waiting_for_s[i] + since_s[i];
    engine->waiting_for_s[i] = -since_s[i];
  }
  usage.kv_block_s = engine->kv_block_s + blocks_until(engine, &to);
  engine->told = total;
  engine->kv_block_s = 0;
  engine->kv_mark.time_s = now_s;
  engine->kv_mark.blocks = to.kv_blocks;
  return usage;
}

tw_usage tw_engine_total(const tw_engine *engine, double now_s)
{
  tw_usage usage = engine->total;
  add_usage(engine, &usage, engine->mark, now_s, tw_engine_ended_before(engine, now_s));
  double busy_w = engine->config.power.idle_w * engine->config.power.accelerators;
  for (int c = 0; c < TW_ITERATION_CLASSES; c++)
    usage.class_j[c] += busy_w * usage.class_s[c];
  return usage;
}

double tw_engine_dynamic_joules(const tw_engine *engine, double now_s)
{
  double joules = engine->total.prefill_j + engine->total.decode_j;
  if (engine->busy)
    joules += tw_segment_joules(&engine->segment, tw_engine_ended_before(engine, now_s), now_s) -
              engine->mark.joules;
  return joules;
}

double tw_engine_joules(const tw_engine *engine, double now_s)
{
  return tw_engine_dynamic_joules(engine, now_s) + engine->total.idle_j + engine->total.collective_j +
         standing_w(engine) * (now_s - engine->mark.time_s);
}

gint64 tw_engine_kv_blocks(const tw_engine *engine)
{
  return engine->config.scheduler.kv_blocks * engine->config.ranks;
}

gint64 tw_engine_kv_used(const tw_engine *engine, double now_s)
{
  return tw_engine_kv_after(engine,
                            engine->busy ? tw_engine_ended_before(engine, now_s) - engine->segment.done : 0);
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
