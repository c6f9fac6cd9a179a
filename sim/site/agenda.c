#include "sim/site/agenda.h"

#include "sim/kv/prefix_map.h"
#include "sim/site/collective_windows.h"
#include "sim/site/dispatcher.h"
#include "sim/site/fetches.h"
#include "sim/site/kv_transfers.h"

#include <math.h>

struct tw_agenda {
  tw_site *site;
  int *touched;        /* engines whose due time the event under way may have changed, each once: */
  int n_touched;       /* number of them */
  guint8 *is_touched;  /* whether each engine is among them */
  tw_heap due;         /* engines by due time */
  tw_heap_node *nodes; /* the place of each engine */
  guint64 near[2];     /* The engines whose memory was asked for last. */
};

/* ---- What engines tell ---- */

static void sequence_ended(void *user, int engine, tw_sequence *sequence, double now_s)
{
  tw_dispatcher_completed(((tw_site *)user)->dispatcher, engine, sequence, now_s);
}

static void sequence_prompted(void *user, int engine, const tw_sequence *sequence, double now_s)
{
  tw_dispatcher_prompted(((tw_site *)user)->dispatcher, engine, sequence, now_s);
}

static void sequence_handed_over(void *user, int engine, tw_sequence *sequence, double now_s)
{
  (void)engine;
  tw_kv_transfers_hand_over(((tw_site *)user)->transfers, sequence, now_s);
}

static void prompt_completing(void *user, int engine, tw_sequence *sequence, double now_s, double start_s,
                              double end_s)
{
  (void)engine;
  tw_site *site = user;
  tw_telemetry_until(site->telemetry, now_s); /* a flow that has ended may have led here between two events */
  tw_kv_transfers_completing(site->transfers, sequence, now_s, start_s, end_s);
}

static void window_posted(void *user, int engine, const tw_fabric_bytes *wire, double compute_s, double now_s)
{
  tw_collective_windows_post(((tw_site *)user)->windows, engine, wire, compute_s, now_s);
}

static void pieces_spilled(void *user, int engine, const tw_kv_piece *pieces, guint n)
{
  tw_fetches_spilled(((tw_site *)user)->fetches, engine, pieces, n);
}

static void log_batch(const tw_site *site, int engine, const char *kind, double start_s, double end_s,
                      gint64 requests, gint64 tokens)
{
  if (requests == 0)
    return;
  tw_segment_row row = tw_segment_row_empty;
  row.engine = engine;
  row.kind = kind;
  row.start_s = start_s;
  row.end_s = end_s;
  row.requests = requests;
  row.tokens = tokens;
  tw_recorder_segment(site->recorder, &row);
}

static void batch_ran(void *user, int engine, const tw_batch *batch, gint64 iterations, double start_s,
                      double end_s)
{
  log_batch(user, engine, "prefill", start_s, end_s, batch->prefill_seqs, batch->prefill_tokens);
  log_batch(user, engine, "decode", start_s, end_s, batch->decode_seqs, batch->decode_seqs * iterations);
}

static void sequences_preempted(void *user, int engine, gint64 sequences, double now_s)
{
  log_batch(user, engine, "preemption", now_s, now_s, sequences, 0);
}

/* ---- Engines ---- */

static gboolean is_asynchronous(const tw_pool *pool)
{
  const tw_scheduler_kind *kind = &tw_scheduler_kinds[pool->scheduler];
  gboolean engines = pool->software.asynchronous && g_strcmp0(pool->software.scheduler, kind->name) == 0;
  gboolean wanted =
      pool->asynchronous == TW_ASYNCHRONOUS_ENGINE ? engines : pool->asynchronous == TW_ASYNCHRONOUS_ON;
  return wanted && kind->asynchronous;
}

static tw_engine_config engine_config(const tw_scenario *scenario, const tw_pool *pool)
{
  return (tw_engine_config){
      .scheduler = {.kind = &tw_scheduler_kinds[pool->scheduler],
                    .order = pool->order,
                    .reserve = pool->reserve,
                    .watermark = pool->watermark,
                    .max_seqs = pool->max_seqs,
                    .max_batched_tokens = pool->max_batched_tokens,
                    .block_tokens = pool->block_tokens,
                    .max_model_len = pool->max_model_len,
                    .asynchronous = is_asynchronous(pool),
                    .long_prefill_tokens = pool->long_prefill_tokens,
                    .prefill_interval = pool->prefill_interval,
                    .whole_prompts = !pool->chunked_prefill,
                    .mixed_chunk = pool->mixed_chunk,
                    .conservativeness = pool->conservativeness,
                    .gaps = tw_scenario_limits_itl(scenario),
                    .shows_later = scenario->first_token == TW_FIRST_TOKEN_DECODE,
                    .prefix_cache = pool->prefix_cache,
                    .kv_blocks = pool->plan.memory.kv_blocks,
                    .caps = pool->model->caps,
                    .uncapped_share = pool->model->uncapped_share,
                    .sequence_blocks = pool->plan.memory.sequence_blocks,
                    .checkpoint_tokens = pool->checkpoint_tokens,
                    .adapters = pool->plan.adapters,
                    .hands_over = pool->role == TW_POOL_PREFILL,
                    .takes_over = pool->role == TW_POOL_DECODE},
      .offload = pool->plan.offload,
      .speculation = pool->speculation,
      .ranks = (int)pool->dp,
      .rank_choice = pool->rank_choice,
      .finish_sync = pool->dp > 1 && tw_model_moe_layers(pool->model) > 0 ? pool->software.finish_sync : 0,
      .rank_prefix_weight = tw_router_rank_weight(tw_router_policies[scenario->router]),
      .layered = pool->kv_transfer == TW_KV_LAYERED,
      .model = pool->plan.step_model,
      .power = pool->plan.power,
      .clocks = pool->plan.clocks,
      .n_clocks = pool->plan.n_clocks,
      .throttle = 1 - scenario->caps.clock,
      .resident = pool->weights_from == TW_WEIGHTS_RESIDENT,
      .exact = scenario->exact_steps,
      .audit = scenario->audit,
  };
}

/* Blocks that hosts hold are not in the map, and engines that share a host evict in the order of time. */
static gboolean looks_into_caches(const tw_scenario *scenario)
{
  gboolean offloads = FALSE;
  for (int i = 0; i < scenario->n_pools; i++)
    offloads |= scenario->pools[i].plan.offload.host_bytes > 0;
  return !offloads && tw_router_looks(tw_router_policies[scenario->router]);
}

static void *new_agenda(tw_site *site)
{
  tw_agenda *agenda = site->agenda = g_new0(tw_agenda, 1);
  *agenda = (tw_agenda){.site = site,
                        .touched = g_new(int, (gsize)site->n_engines),
                        .is_touched = g_new0(guint8, (gsize)site->n_engines),
                        .nodes = g_new0(tw_heap_node, (gsize)site->n_engines)};
  gboolean segments = tw_recorder_keeps_segments(site->recorder);
  tw_engine_listener listener = {.ended = sequence_ended,
                                 .prompted = sequence_prompted,
                                 .ran = segments ? batch_ran : NULL,
                                 .preempted = segments ? sequences_preempted : NULL,
                                 .handed_over = sequence_handed_over,
                                 .completing = prompt_completing,
                                 .post = window_posted,
                                 .spilled = tw_fetches_needed(site->scenario) ? pieces_spilled : NULL,
                                 .user = site};
  int place = 0;
  site->prefixes = looks_into_caches(site->scenario) ? tw_prefix_map_new() : NULL;
  for (int i = 0; i < site->n_engines; i++) {
    tw_engine_config config = engine_config(site->scenario, site->seats[i].pool);
    config.scheduler.prefix_map = site->prefixes;
    config.scheduler.prefix_place = place;
    place += config.ranks;
    config.spans = site->windows != NULL && tw_collective_windows_spans(site->windows, i);
    site->engines[i] = tw_engine_new(i, &config, &listener);
    agenda->nodes[i].place = TW_HEAP_OUT;
  }
  return agenda;
}

static void free_agenda(void *part)
{
  tw_agenda *agenda = part;
  for (int i = 0; i < agenda->site->n_engines; i++)
    tw_engine_free(agenda->site->engines[i]);
  g_clear_pointer(&agenda->site->prefixes, tw_prefix_map_free);
  g_free(agenda->touched);
  g_free(agenda->is_touched);
  tw_heap_clear(&agenda->due);
  g_free(agenda->nodes);
  g_free(agenda);
}

/* ---- Due times ---- */

void tw_agenda_touch(tw_agenda *agenda, int engine)
{
  if (!agenda->is_touched[engine])
    agenda->touched[agenda->n_touched++] = engine;
  agenda->is_touched[engine] = TRUE;
}

void tw_agenda_touch_all(tw_agenda *agenda)
{
  for (int i = 0; i < agenda->site->n_engines; i++)
    tw_agenda_touch(agenda, i);
}

/* Enters an engine's due time. */
static void schedule(tw_agenda *agenda, int engine)
{
  tw_heap_node *node = &agenda->nodes[engine];
  double due_s = tw_engine_due(agenda->site->engines[engine]);
  if (tw_heap_node_in(node)) {
    if (node->key == due_s)
      return;
    if (isfinite(due_s))
      tw_heap_update(&agenda->due, node, due_s);
    else
      tw_heap_remove(&agenda->due, node);
  } else if (isfinite(due_s)) {
    tw_heap_push(&agenda->due, node, due_s, (guint64)engine);
  }
}

/* An engine where requests wait is due, or computes until flows have come, or somebody has blocks whose return it waits
 * for. */
static void audit(const tw_agenda *agenda, int engine, double now_s)
{
  const tw_engine *e = agenda->site->engines[engine];
  g_assert(isfinite(tw_engine_due(e)) || tw_engine_is_busy(e) || tw_engine_waiting(e) == 0 ||
           tw_engine_kv_used(e, now_s) > 0);
}

static void settle(void *part, double now_s)
{
  tw_agenda *agenda = part;
  for (int i = 0; i < agenda->n_touched; i++) {
    int engine = agenda->touched[i];
    agenda->is_touched[engine] = FALSE;
    schedule(agenda, engine);
    if (agenda->site->scenario->audit)
      audit(agenda, engine, now_s);
  }
  agenda->n_touched = 0;
}

void tw_agenda_resume(tw_agenda *agenda, int engine, double now_s, double from_s, double computed_s)
{
  tw_engine_resume(agenda->site->engines[engine], now_s, from_s, computed_s);
  schedule(agenda, engine);
}

static double due(const void *part)
{
  const tw_agenda *agenda = part;
  return tw_heap_first(&agenda->due);
}

/* Has the memory of the engines that may be due after the first come nearer, while that one steps: where there are few,
 * it is near anyway. */
static void prefetch_next(tw_agenda *agenda)
{
  enum { FEW_ENGINES = 64 };
  const tw_heap_entry *first = agenda->due.entries;
  if (agenda->due.n <= FEW_ENGINES)
    return;
  for (int i = 0; i < 2; i++) {
    guint64 engine = first[1 + i].tie;
    if (agenda->near[i] != engine)
      tw_engine_prefetch(agenda->site->engines[engine]);
    agenda->near[i] = engine;
  }
  tw_engine_prefetch_parts(agenda->site->engines[first[first[2].key < first[1].key ? 2 : 1].tie]);
}

static gboolean step(void *part, double now_s, GError **error)
{
  (void)error;
  tw_agenda *agenda = part;
  int engine = (int)agenda->due.entries[0].tie;
  prefetch_next(agenda);
  tw_engine_step(agenda->site->engines[engine]);
  tw_agenda_touch(agenda, engine);
  if (agenda->site->transfers != NULL)
    tw_kv_transfers_retry(agenda->site->transfers, engine, now_s);
  return TRUE;
}

static void explain(const void *part, GPtrArray *lines)
{
  const tw_site *site = ((const tw_agenda *)part)->site;
  for (int i = 0; i < site->n_engines; i++) {
    const tw_engine *engine = site->engines[i];
    gint64 waiting = tw_engine_waiting(engine), running = tw_engine_running(engine);
    if (waiting + running > 0)
      g_ptr_array_add(
          lines, g_strdup_printf(
                     "engine %d (pool \"%s\", %s) has %" G_GINT64_FORMAT " running and %" G_GINT64_FORMAT
                     " waiting, with %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " KV blocks in use",
                     i, site->seats[i].pool->id, tw_engine_state_names[tw_engine_get_state(engine)], running,
                     waiting, tw_engine_kv_used(engine, site->now_s), tw_engine_kv_blocks(engine)));
  }
}

static void evict(void *part, GPtrArray *sequences, double end_s)
{
  tw_agenda *agenda = part;
  for (int i = 0; i < agenda->site->n_engines; i++) {
    g_autoptr(GPtrArray) left = tw_engine_fail(agenda->site->engines[i], TW_KEPT_NOTHING, end_s);
    for (guint k = 0; k < left->len; k++)
      g_ptr_array_add(sequences, left->pdata[k]);
  }
}

const tw_part_kind tw_agenda_part = {.name = "engines",
                                     .new = new_agenda,
                                     .due = due,
                                     .step = step,
                                     .settle = settle,
                                     .explain = explain,
                                     .evict = evict,
                                     .free = free_agenda};
