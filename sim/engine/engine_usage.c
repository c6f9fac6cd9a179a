/* What an engine has done so far: sums up to an instant, between two events as at them. */
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

void tw_engine_settle_waiting(tw_engine *engine, double now_s)
{
  engine->waiting_s = waiting_integral(engine, now_s);
  engine->waiting_since_s = now_s;
}

static double clock_of(const tw_engine *engine)
{
  return engine->clock > 0 ? engine->config.clocks[engine->clock - 1].clock : 1;
}

/* What its accelerators draw, whatever they do. */
static double standing_w(const tw_engine *engine)
{
  const tw_power_law *power = &engine->config.power;
  gboolean asleep = engine->state == TW_ENGINE_PARKED && !engine->config.resident;
  if (engine->state == TW_ENGINE_DARK)
    return 0;
  return (asleep ? power->sleep_w : power->idle_w) * power->accelerators;
}

tw_mark tw_engine_settle(const tw_engine *engine, tw_usage *usage, tw_mark from, double now_s,
                         gint64 iterations)
{
  double span_s = now_s - from.time_s;
  g_assert(span_s >= 0);
  double idle_w = standing_w(engine);
  tw_mark to = {now_s, iterations, from.kv_blocks, waiting_integral(engine, now_s), 0, 0};
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
  if (cost->collective_s > 0) {
    to.progress = tw_segment_progress(&engine->segment, iterations, now_s);
    double collective_j = idle_w * (1 - cost->bubble) * cost->collective_s * (to.progress - from.progress);
    usage->collective_j += collective_j;
    usage->idle_j -= collective_j;
  }
  return to;
}

gint64 tw_engine_ended_before(const tw_engine *engine, double now_s)
{
  gint64 ended = engine->segment.done;
  return engine->busy ? MAX(ended, tw_segment_reach(&engine->segment, now_s) - 1) : ended;
}

void tw_engine_settle_blocks(tw_engine *engine, double now_s)
{
  gint64 ended = engine->busy ? tw_engine_ended_before(engine, now_s) : 0;
  engine->interval_mark = tw_engine_settle(engine, &engine->interval, engine->interval_mark, now_s,
                                           MAX(ended, engine->interval_mark.iterations));
  engine->total_mark = tw_engine_settle(engine, &engine->total, engine->total_mark, now_s,
                                        MAX(ended, engine->total_mark.iterations));
}

void tw_engine_mark_blocks(tw_engine *engine)
{
  gint64 iterations = engine->busy ? engine->interval_mark.iterations - engine->segment.done : 0;
  engine->interval_mark.kv_blocks = engine->total_mark.kv_blocks =
      tw_engine_kv_after(engine, MAX(iterations, 0));
}

tw_usage tw_engine_take_usage(tw_engine *engine, double now_s)
{
  g_assert(now_s <= engine->due_s);
  gint64 ended = MAX(engine->interval_mark.iterations, tw_engine_ended_before(engine, now_s));
  engine->interval_mark = tw_engine_settle(engine, &engine->interval, engine->interval_mark, now_s, ended);
  tw_usage usage = engine->interval;
  engine->interval = (tw_usage){0};
  return usage;
}

tw_usage tw_engine_total(const tw_engine *engine, double now_s)
{
  tw_usage usage = engine->total;
  tw_engine_settle(engine, &usage, engine->total_mark, now_s, tw_engine_ended_before(engine, now_s));
  return usage;
}

double tw_engine_dynamic_joules(const tw_engine *engine, double now_s)
{
  double joules = engine->total.prefill_j + engine->total.decode_j;
  if (engine->busy)
    joules += tw_segment_joules(&engine->segment, tw_engine_ended_before(engine, now_s), now_s) -
              engine->total_mark.joules;
  return joules;
}

double tw_engine_joules(const tw_engine *engine, double now_s)
{
  return tw_engine_dynamic_joules(engine, now_s) + engine->total.idle_j + engine->total.collective_j +
         standing_w(engine) * (now_s - engine->total_mark.time_s);
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
