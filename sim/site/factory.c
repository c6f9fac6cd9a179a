#include "sim/site/factory.h"

#include "sim/site/autoscaler.h"
#include "sim/site/fetches.h"
#include "sim/site/intervals.h"
#include "sim/site/transfers.h"
#include "sim/site/windows.h"

#include <math.h>

struct tw_factory {
  const tw_scenario *scenario;
  tw_stream *stream;
  tw_recorder *recorder;
  void (*moved)(void *user, int engine);
  void *user;

  double arrival_s;  /* of the stream's next request, INFINITY if it has none (yet) */
  tw_heap front_end; /* sequences by the instant at which they leave it; `waiting` is their node */
  guint64 tickets;
  tw_admission *admission; /* NULL: all are let in */
  tw_heap deadlines;       /* sequences that may have to be cancelled, by when */
  tw_router router;
  tw_engine **engines;
  tw_transfers *transfers; /* NULL where no pool hands over */
  tw_fetches *fetches;     /* NULL where no pool has a shared store */
  tw_windows *windows;     /* NULL where no engine leaves its NVLink domain */
  GArray *touched;         /* engines whose due time the event under way may have changed */
  tw_heap agenda;          /* engines by due time */
  tw_heap_node *agenda_nodes;
  double now_s, event_s; /* event_s: of the last event */

  tw_intervals *intervals;
  tw_breakdown *breakdown; /* once it is finished */
  tw_site_power *power;
  tw_governor *governor;     /* NULL: power is not capped */
  tw_fleet *fleet;           /* NULL: all engines serve all the time */
  tw_autoscaler *autoscaler; /* NULL: no pool is scaled */
  GQueue held;               /* sequences that came while none did, by their `link` */
};

/* ---- Construction ---- */

/* Looks at the stream's next arrival. */
static gboolean look_ahead(tw_factory *factory, GError **error)
{
  return tw_stream_due(factory->stream, &factory->arrival_s, error);
}

/* Who asked learns that the request has ended, and may ask again. */
static void tell_source(tw_factory *factory, const tw_request *request, gboolean completed, double now_s)
{
  tw_stream_told(factory->stream, request, completed, now_s);
  /* Streams that may fail have looked ahead already. */
  look_ahead(factory, NULL);
}

/* Forgets a sequence that has ended. */
static void free_sequence(tw_factory *factory, tw_sequence *sequence)
{
  if (tw_heap_node_in(&sequence->deadline))
    tw_heap_remove(&factory->deadlines, &sequence->deadline);
  tw_sequence_free(sequence);
}

static void sequence_ended(void *user, int engine, tw_sequence *sequence, double now_s)
{
  tw_factory *factory = user;
  tw_router_release(&factory->router, engine, &sequence->request);
  if (engine == sequence->prefill_engine && sequence->decode_engine >= 0) /* its one token needed no decode */
    tw_router_release(&factory->router, sequence->decode_engine, &sequence->request);
  tw_intervals_counts(factory->intervals)->completed++;
  tw_recorder_ended(factory->recorder, sequence, TW_COMPLETED, NULL, now_s);
  tell_source(factory, &sequence->request, TRUE, now_s);
  free_sequence(factory, sequence);
}

static void sequence_handed_over(void *user, int engine, tw_sequence *sequence, double now_s)
{
  tw_factory *factory = user;
  (void)engine;
  tw_transfers_hand_over(factory->transfers, sequence, now_s);
}

static void prompt_completing(void *user, int engine, tw_sequence *sequence, double start_s, double end_s)
{
  tw_factory *factory = user;
  (void)engine;
  tw_transfers_completing(factory->transfers, sequence, start_s, end_s);
}

static void window_posted(void *user, int engine, const tw_wire *wire, gint64 iterations, double now_s)
{
  tw_windows_post(((tw_factory *)user)->windows, engine, wire, iterations, now_s);
}

static void log_segment(tw_factory *factory, int engine, const char *kind, double start_s, double end_s,
                        gint64 requests, gint64 tokens, gint64 bytes)
{
  tw_segment_row row = tw_segment_row_empty;
  row.engine = engine;
  row.kind = kind;
  row.start_s = start_s;
  row.end_s = end_s;
  row.requests = requests;
  row.tokens = tokens;
  row.bytes = bytes;
  tw_log_segment(tw_recorder_log(factory->recorder), &row);
}

static void batch_ran(void *user, int engine, const tw_batch *batch, gint64 iterations, double start_s,
                      double end_s)
{
  if (batch->prefill_seqs > 0)
    log_segment(user, engine, "prefill", start_s, end_s, batch->prefill_seqs, batch->prefill_tokens,
                TW_LOG_NONE);
  if (batch->decode_seqs > 0)
    log_segment(user, engine, "decode", start_s, end_s, batch->decode_seqs, batch->decode_seqs * iterations,
                TW_LOG_NONE);
}

static void sequences_preempted(void *user, int engine, gint64 sequences, double now_s)
{
  log_segment(user, engine, "preemption", now_s, now_s, sequences, 0, TW_LOG_NONE);
}

static void sequence_delivered(void *user, const tw_sequence *sequence, int from, double bytes)
{
  tw_factory *factory = user;
  tw_router_release(&factory->router, from, &sequence->request);
  if (factory->scenario->segments && tw_recorder_log(factory->recorder) != NULL)
    log_segment(factory, sequence->decode_engine, "transfer", sequence->transfer_start_s,
                sequence->transfer_end_s, 1, sequence->request.prompt_tokens, (gint64)(bytes + 0.5));
}

static void engine_serves(void *user, int engine, gboolean serves, double now_s)
{
  tw_factory *factory = user;
  (void)now_s;
  tw_router_set_serves(&factory->router, engine, serves);
}

static void engine_loaded(void *user, int engine, double start_s, double end_s, double bytes)
{
  tw_factory *factory = user;
  if (factory->scenario->segments && tw_recorder_log(factory->recorder) != NULL)
    log_segment(factory, engine, "load", start_s, end_s, TW_LOG_NONE, TW_LOG_NONE, (gint64)(bytes + 0.5));
}

static void load_scheduled(void *user)
{
  tw_factory *factory = user;
  if (factory->moved != NULL)
    factory->moved(factory->user, TW_FACTORY_CONTROL);
}

static void delivery_scheduled(void *user)
{
  tw_factory *factory = user;
  if (factory->moved != NULL)
    factory->moved(factory->user, TW_FACTORY_TRANSFERS);
}

static void piece_spilled(void *user, int engine, const tw_kv_piece *piece)
{
  tw_fetches_spilled(((tw_factory *)user)->fetches, engine, piece);
}

static double full_share(const tw_model *model)
{
  return model->window_layers > 0 ? 1 - (double)model->window_layers / (double)model->layers : 1;
}

static tw_engine_config engine_config(const tw_scenario *scenario, const tw_pool *pool)
{
  return (tw_engine_config){
      .scheduler = {.kind = &tw_scheduler_kinds[pool->scheduler],
                    .order = pool->order,
                    .reserve = pool->reserve,
                    .max_seqs = pool->max_seqs,
                    .max_batched_tokens = pool->max_batched_tokens,
                    .block_tokens = pool->block_tokens,
                    .max_model_len = pool->max_model_len,
                    .prefix_cache = pool->prefix_cache && pool->role != TW_POOL_DECODE,
                    .kv_blocks = pool->memory.kv_blocks,
                    .window = pool->model->window_layers > 0 ? pool->model->window : 0,
                    .full_share = full_share(pool->model),
                    .hands_over = pool->role == TW_POOL_PREFILL},
      .offload = pool->offload,
      .speculation = pool->speculation,
      .ranks = (int)pool->dp,
      .rank_prefix_weight = tw_router_policies[scenario->router].rank_weight * scenario->prefix_weight,
      .layered = pool->kv_transfer == TW_KV_LAYERED,
      .model = pool->step_model,
      .power = pool->power,
      .clocks = pool->clocks,
      .n_clocks = pool->n_clocks,
      .resident = pool->weights_from == TW_WEIGHTS_RESIDENT,
      .exact = scenario->exact_steps,
      .audit = scenario->audit,
  };
}

static void touch(void *user, int engine)
{
  g_array_append_val(((tw_factory *)user)->touched, engine);
}

static tw_choice look(void *user, int engine, const tw_request *request)
{
  tw_factory *factory = user;
  tw_choice route = {.engine = engine};
  route.rank = tw_engine_choose(factory->engines[engine], request, factory->now_s, &route.cached_tokens);
  return route;
}

/* Engines that only decode get their requests from those that only prefill. */
static void init_router(tw_factory *factory)
{
  const tw_scenario *scenario = factory->scenario;
  g_autofree gboolean *decodes = g_new0(gboolean, (gsize)scenario->n_engines);
  for (int i = 0; i < scenario->n_engines; i++)
    decodes[i] = scenario->pools[scenario->engines[i].pool].role == TW_POOL_DECODE;
  tw_router_init(&factory->router, &tw_router_policies[scenario->router], decodes, scenario->n_engines,
                 (guint64)scenario->seed);
  factory->router.prefix_weight = scenario->prefix_weight;
  factory->router.look = look;
  factory->router.user = factory;
}

static double transfer_s(void *user, int from, int to, gint64 tokens)
{
  return tw_transfers_estimate_s(((tw_factory *)user)->transfers, from, to, tokens);
}

static void window_resumed(void *user, int engine, double now_s);

static void init_transfers(tw_factory *factory, const tw_network *network)
{
  tw_transfer_listener listener = {touch, sequence_delivered, delivery_scheduled, factory};
  if (factory->router.decodes.n_all == 0)
    return;
  factory->transfers = tw_transfers_new(factory->scenario, factory->engines, network, &listener);
  factory->router.transfer_s = transfer_s;
}

static gboolean shares_store(const tw_scenario *scenario)
{
  for (int i = 0; i < scenario->n_pools; i++)
    if (scenario->pools[i].store)
      return TRUE;
  return FALSE;
}

static void sequence_fetched(void *user, tw_sequence *sequence, int engine, double start_s, double now_s,
                             gint64 bytes);

tw_factory *tw_factory_new(const tw_scenario *scenario, tw_stream *stream, tw_recorder *recorder,
                           const tw_network *network, void (*moved)(void *user, int engine), void *user)
{
  tw_factory *factory = g_new0(tw_factory, 1);
  gsize n = (gsize)scenario->n_engines;
  *factory = (tw_factory){.scenario = scenario,
                          .stream = stream,
                          .recorder = recorder,
                          .moved = moved,
                          .user = user,
                          .arrival_s = INFINITY};
  init_router(factory);
  factory->engines = g_new0(tw_engine *, n);
  factory->agenda_nodes = g_new0(tw_heap_node, n);
  factory->touched = g_array_new(FALSE, FALSE, sizeof(int));
  factory->power = tw_site_power_new(scenario);
  gboolean segments = scenario->segments && tw_recorder_log(recorder) != NULL;
  tw_engine_listener listener = {.ended = sequence_ended,
                                 .ran = segments ? batch_ran : NULL,
                                 .preempted = segments ? sequences_preempted : NULL,
                                 .handed_over = sequence_handed_over,
                                 .completing = prompt_completing,
                                 .post = window_posted,
                                 .spilled = shares_store(scenario) ? piece_spilled : NULL,
                                 .user = factory};
  if (tw_scenario_uses_network(scenario))
    factory->windows = tw_windows_new(scenario, network, window_resumed, factory);
  for (int i = 0; i < scenario->n_engines; i++) {
    tw_engine_config config = engine_config(scenario, &scenario->pools[scenario->engines[i].pool]);
    config.spans = factory->windows != NULL && tw_windows_spans(factory->windows, i);
    factory->engines[i] = tw_engine_new(i, &config, &listener);
    factory->agenda_nodes[i].place = TW_HEAP_OUT;
  }
  init_transfers(factory, network);
  tw_fetch_listener fetch_listener = {sequence_fetched, delivery_scheduled, factory};
  factory->fetches = tw_fetches_new(scenario, factory->engines, network, &fetch_listener);
  factory->admission = tw_admission_new(&scenario->admission);
  factory->intervals =
      tw_intervals_new(scenario, factory->engines, factory->power, network, tw_recorder_log(recorder));
  factory->governor = tw_governor_new(scenario, factory->power, factory->engines);
  tw_fleet_listener fleet_listener = {engine_serves, engine_loaded, load_scheduled, factory};
  factory->fleet = tw_fleet_new(scenario, factory->engines, network, &fleet_listener);
  factory->autoscaler = tw_autoscaler_new(scenario, factory->engines, factory->fleet, &factory->router);
  return factory;
}

void tw_factory_free(tw_factory *factory)
{
  if (factory == NULL)
    return;
  tw_autoscaler_free(factory->autoscaler);
  tw_fleet_free(factory->fleet);
  tw_transfers_free(factory->transfers);
  tw_fetches_free(factory->fetches);
  tw_windows_free(factory->windows);
  for (int i = 0; i < factory->scenario->n_engines; i++)
    tw_engine_free(factory->engines[i]);
  for (guint i = 0; i < factory->front_end.n; i++)
    tw_sequence_free(tw_container(factory->front_end.nodes[i], tw_sequence, waiting));
  for (GList *link; (link = g_queue_pop_head_link(&factory->held)) != NULL;)
    tw_sequence_free(link->data);
  tw_heap_clear(&factory->front_end);
  tw_heap_clear(&factory->deadlines);
  tw_heap_clear(&factory->agenda);
  tw_admission_free(factory->admission);
  tw_router_clear(&factory->router);
  g_free(factory->engines);
  g_free(factory->agenda_nodes);
  g_array_unref(factory->touched);
  tw_intervals_free(factory->intervals);
  tw_breakdown_free(factory->breakdown);
  tw_governor_free(factory->governor);
  tw_site_power_free(factory->power);
  g_free(factory);
}

/* ---- Events ---- */

/* Moves the requests that may leave the front end by `now_s` from the stream into it. */
static gboolean fill_front_end(tw_factory *factory, double now_s, GError **error)
{
  const tw_scenario *scenario = factory->scenario;
  while (factory->arrival_s + scenario->frontend_s <= now_s) {
    tw_request request;
    if (!tw_stream_next(factory->stream, &request, error))
      return FALSE;
    tw_sequence *sequence = tw_sequence_new(&request);
    double leaves_s =
        request.arrival_s + scenario->frontend_s + scenario->frontend_per_token_s * request.prompt_tokens;
    tw_heap_push(&factory->front_end, &sequence->waiting, leaves_s, request.id);
    if (!look_ahead(factory, error))
      return FALSE;
  }
  return TRUE;
}

gboolean tw_factory_start(tw_factory *factory, GError **error)
{
  return look_ahead(factory, error);
}

static double next_deadline(const tw_factory *factory)
{
  tw_heap_node *top = tw_heap_top(&factory->deadlines);
  return top != NULL ? top->key : INFINITY;
}

double tw_factory_next_dispatch(const tw_factory *factory)
{
  tw_heap_node *top = tw_heap_top(&factory->front_end);
  double arrival_s = factory->arrival_s + factory->scenario->frontend_s;
  return fmin(top != NULL ? fmin(top->key, arrival_s) : arrival_s, next_deadline(factory));
}

double tw_factory_engine_due(const tw_factory *factory, int engine)
{
  return tw_engine_due(factory->engines[engine]);
}

/* When engines that serve may be others. */
static double next_change(const tw_factory *factory)
{
  double scales_s = factory->autoscaler != NULL ? tw_autoscaler_due(factory->autoscaler) : INFINITY;
  return factory->fleet != NULL ? fmin(tw_fleet_due(factory->fleet), scales_s) : INFINITY;
}

double tw_factory_next(const tw_factory *factory)
{
  tw_heap_node *top = tw_heap_top(&factory->agenda);
  double due_s = fmin(tw_factory_next_delivery(factory), top != NULL ? top->key : INFINITY);
  if (factory->held.length > 0)
    due_s = fmin(due_s, next_change(factory));
  return fmin(tw_factory_next_dispatch(factory), due_s);
}

double tw_factory_next_control(const tw_factory *factory)
{
  double governor_s = factory->governor != NULL ? tw_governor_due(factory->governor) : INFINITY;
  return fmin(governor_s, next_change(factory));
}

double tw_factory_next_delivery(const tw_factory *factory)
{
  double transfer_s = factory->transfers != NULL ? tw_transfers_due(factory->transfers) : INFINITY;
  return factory->fetches != NULL ? fmin(transfer_s, tw_fetches_due(factory->fetches)) : transfer_s;
}

gboolean tw_factory_waits_for_flows(const tw_factory *factory)
{
  return (factory->fetches != NULL && tw_fetches_under_way(factory->fetches) > 0) ||
         (factory->transfers != NULL && tw_transfers_under_way(factory->transfers) > 0) ||
         (factory->held.length > 0 && tw_fleet_flows(factory->fleet) > 0) ||
         (factory->windows != NULL && tw_windows_under_way(factory->windows) > 0);
}

/* Enters an engine's due time into the agenda. */
static void schedule(tw_factory *factory, int engine)
{
  tw_heap_node *node = &factory->agenda_nodes[engine];
  double due_s = tw_engine_due(factory->engines[engine]);
  if (tw_heap_node_in(node)) {
    if (node->key == due_s)
      return;
    if (isfinite(due_s))
      tw_heap_update(&factory->agenda, node, due_s);
    else
      tw_heap_remove(&factory->agenda, node);
  } else if (isfinite(due_s)) {
    tw_heap_push(&factory->agenda, node, due_s, (guint64)engine);
  }
}

/* Between events: enters what the last one changed into the agenda, and only then lets others run. */
static void end_event(tw_factory *factory)
{
  if (factory->fleet != NULL && tw_fleet_draining(factory->fleet) > 0)
    tw_fleet_park(factory->fleet, factory->router.loads, factory->now_s);
  if (factory->fleet != NULL && factory->scenario->audit)
    tw_fleet_audit(factory->fleet, &factory->router);
  for (guint i = 0; i < factory->touched->len; i++)
    schedule(factory, g_array_index(factory->touched, int, i));
  while (factory->touched->len > 0) {
    int engine = g_array_index(factory->touched, int, factory->touched->len - 1);
    g_array_set_size(factory->touched, factory->touched->len - 1);
    if (factory->moved != NULL)
      factory->moved(factory->user, engine);
  }
  if (factory->transfers != NULL)
    tw_transfers_start_flows(factory->transfers);
  if (factory->fetches != NULL)
    tw_fetches_start_flows(factory->fetches);
  if (factory->windows != NULL)
    tw_windows_start_flows(factory->windows);
  if (factory->fleet != NULL)
    tw_fleet_start_flows(factory->fleet);
}

/* What an engine's window sends has come. */
static void window_resumed(void *user, int engine, double now_s)
{
  tw_factory *factory = user;
  tw_engine_resume(factory->engines[engine], now_s);
  schedule(factory, engine);
  if (factory->moved != NULL)
    factory->moved(factory->user, engine);
}

/* Takes a request that has waited too long. */
static void cancel(tw_factory *factory, tw_sequence *sequence, double now_s)
{
  tw_recorder_ended(factory->recorder, sequence, TW_CANCELLED, "it waited until its deadline", now_s);
  tell_source(factory, &sequence->request, FALSE, now_s);
  free_sequence(factory, sequence);
}

/* The same, of one that was sent to an engine. */
static void cancel_routed(tw_factory *factory, tw_sequence *sequence, double now_s)
{
  tw_router_release(&factory->router, sequence->prefill_engine, &sequence->request);
  if (sequence->decode_engine >= 0)
    tw_router_release(&factory->router, sequence->decode_engine, &sequence->request);
  cancel(factory, sequence, now_s);
}

/* The next deadline has come: whoever is not scheduled yet need not be. */
static void meet_deadline(tw_factory *factory, double now_s)
{
  tw_heap_node *node = tw_heap_top(&factory->deadlines);
  tw_sequence *sequence = tw_container(node, tw_sequence, deadline);
  tw_heap_remove(&factory->deadlines, node);
  if (!isnan(sequence->first_scheduled_s) || sequence->fetching)
    return; /* the latter meets it when its fetch has ended */
  int engine = sequence->prefill_engine;
  if (engine < 0) {
    g_queue_unlink(&factory->held, &sequence->link);
    tw_intervals_hold(factory->intervals, factory->held.length, now_s);
    cancel(factory, sequence, now_s);
    return;
  }
  tw_engine_cancel(factory->engines[engine], sequence, now_s);
  touch(factory, engine);
  cancel_routed(factory, sequence, now_s);
}

/* Takes a request that no engine can serve. */
static void reject(tw_factory *factory, tw_sequence *sequence, const char *reason, double now_s)
{
  tw_intervals_counts(factory->intervals)->rejected++;
  tw_recorder_ended(factory->recorder, sequence, TW_REJECTED, reason, now_s);
  tell_source(factory, &sequence->request, FALSE, now_s);
  free_sequence(factory, sequence);
}

static gboolean hands_over(const tw_factory *factory, int engine)
{
  const tw_scenario *scenario = factory->scenario;
  return scenario->pools[scenario->engines[engine].pool].role == TW_POOL_PREFILL;
}

/* Gives a request to an engine, and to the one that is to decode it. */
static void route(tw_factory *factory, tw_sequence *sequence, double now_s)
{
  tw_choice to = tw_router_assign(&factory->router, &sequence->request);
  int engine = to.engine;
  int decode = hands_over(factory, engine)
                   ? tw_router_assign_decode(&factory->router, &sequence->request, engine)
                   : -1;
  const char *refusal = tw_engine_refusal(factory->engines[engine], &sequence->request);
  if (refusal == NULL && factory->scenario->max_queue != G_MININT64 &&
      tw_engine_waiting(factory->engines[engine]) >= factory->scenario->max_queue)
    refusal = "the engine's queue is full";
  if (refusal == NULL && decode >= 0)
    refusal = tw_engine_refusal(factory->engines[decode], &sequence->request);
  if (refusal != NULL) {
    tw_router_release(&factory->router, engine, &sequence->request);
    if (decode >= 0)
      tw_router_release(&factory->router, decode, &sequence->request);
    reject(factory, sequence, refusal, now_s);
    return;
  }
  sequence->prefill_engine = engine;
  sequence->decode_engine = decode;
  sequence->rank = to.rank;
  sequence->expected_tokens = to.cached_tokens;
  sequence->fetching =
      factory->fetches != NULL && tw_fetches_begin(factory->fetches, sequence, engine, now_s);
  if (sequence->fetching)
    return;
  tw_engine_submit(factory->engines[engine], sequence, now_s);
  touch(factory, engine);
}

static void sequence_fetched(void *user, tw_sequence *sequence, int engine, double start_s, double now_s,
                             gint64 bytes)
{
  tw_factory *factory = user;
  if (factory->scenario->segments && tw_recorder_log(factory->recorder) != NULL)
    log_segment(factory, engine, "fetch", start_s, now_s, 1, 0, bytes);
  sequence->fetching = FALSE;
  touch(factory, engine);
  if (sequence->request.arrival_s + factory->scenario->deadline_s <= now_s)
    cancel_routed(factory, sequence, now_s);
  else
    tw_engine_submit(factory->engines[engine], sequence, now_s);
}

/* Keeps a request until an engine serves. */
static void hold(tw_factory *factory, tw_sequence *sequence, double now_s)
{
  gint64 most = factory->scenario->max_queue;
  if (most != G_MININT64 && factory->held.length >= most) {
    reject(factory, sequence, "the router's queue is full", now_s);
    return;
  }
  g_queue_push_tail_link(&factory->held, &sequence->link);
  tw_intervals_hold(factory->intervals, factory->held.length, now_s);
}

/* Requests that were held go to the engines that serve now. */
static void release_held(tw_factory *factory, double now_s)
{
  if (factory->held.length == 0 || !tw_router_ready(&factory->router))
    return;
  for (GList *link; (link = g_queue_pop_head_link(&factory->held)) != NULL;)
    route(factory, link->data, now_s);
  tw_intervals_hold(factory->intervals, 0, now_s);
}

/* Sends the first request that has left the front end to an engine, if one has. */
static void dispatch(tw_factory *factory, double now_s)
{
  tw_heap_node *node = tw_heap_top(&factory->front_end);
  if (node == NULL || node->key > now_s)
    return;
  tw_sequence *sequence = tw_container(node, tw_sequence, waiting);
  tw_heap_remove(&factory->front_end, node);
  sequence->ticket = factory->tickets++;
  tw_intervals_counts(factory->intervals)->arrived++;
  tw_recorder_arrived(factory->recorder);
  double deadline_s = sequence->request.arrival_s + factory->scenario->deadline_s;
  if (deadline_s <= now_s) {
    cancel(factory, sequence, now_s);
    return;
  }
  const char *refusal =
      factory->admission != NULL ? tw_admission_refusal(factory->admission, &sequence->request, now_s) : NULL;
  if (refusal != NULL) {
    reject(factory, sequence, refusal, now_s);
    return;
  }
  if (!isnan(deadline_s))
    tw_heap_push(&factory->deadlines, &sequence->deadline, deadline_s, sequence->ticket);
  if (tw_router_ready(&factory->router))
    route(factory, sequence, now_s);
  else
    hold(factory, sequence, now_s);
}

static void step(tw_factory *factory, int engine, double now_s)
{
  tw_engine_step(factory->engines[engine]);
  touch(factory, engine);
  if (factory->transfers != NULL)
    tw_transfers_retry(factory->transfers, engine, now_s);
}

/* What has crossed the network is there. */
static void deliver(tw_factory *factory, double now_s)
{
  if (factory->transfers != NULL && tw_transfers_due(factory->transfers) == now_s)
    tw_transfers_step(factory->transfers);
  else
    tw_fetches_step(factory->fetches);
}

/* The governor acts, engines begin to serve or to load, or the autoscaler acts: in this order, and before
 * anything else at that instant. */
static void control(tw_factory *factory)
{
  double now_s = tw_factory_next_control(factory);
  tw_intervals_until(factory->intervals, now_s);
  if (factory->governor != NULL && tw_governor_due(factory->governor) == now_s) {
    tw_governor_step(factory->governor);
    for (int i = 0; i < factory->scenario->n_engines; i++)
      touch(factory, i);
  } else {
    factory->now_s = factory->event_s = now_s;
    if (tw_fleet_due(factory->fleet) == now_s)
      tw_fleet_step(factory->fleet);
    else
      tw_autoscaler_step(factory->autoscaler, factory->held.length);
    release_held(factory, now_s);
  }
  end_event(factory);
}

gboolean tw_factory_advance(tw_factory *factory, double until_s, GError **error)
{
  for (;;) {
    tw_heap_node *top = tw_heap_top(&factory->agenda);
    double dispatch_s = tw_factory_next_dispatch(factory), due_s = top != NULL ? top->key : INFINITY;
    double delivery_s = tw_factory_next_delivery(factory), now_s = fmin(dispatch_s, fmin(delivery_s, due_s));
    if (tw_factory_next_control(factory) <= fmin(now_s, until_s)) {
      control(factory);
      continue;
    }
    if (now_s > until_s || now_s == INFINITY)
      return TRUE;
    tw_intervals_until(factory->intervals, now_s);
    factory->now_s = factory->event_s = now_s;
    if (dispatch_s == now_s) {
      if (!fill_front_end(factory, now_s, error))
        return FALSE;
      if (next_deadline(factory) == now_s)
        meet_deadline(factory, now_s);
      else
        dispatch(factory, now_s);
    } else if (delivery_s == now_s) {
      deliver(factory, now_s);
    } else {
      step(factory, (int)top->tie, now_s);
    }
    end_event(factory);
    if (tw_factory_next_dispatch(factory) < dispatch_s && factory->moved != NULL)
      factory->moved(factory->user, TW_FACTORY_SOURCE);
  }
}

static void record_unfinished(tw_factory *factory, tw_sequence *sequence, double end_s)
{
  tw_recorder_ended(factory->recorder, sequence, TW_UNFINISHED, "the run ended first", end_s);
  tw_sequence_free(sequence);
}

/* Those in the front end have arrived. */
static void empty_front_end(tw_factory *factory, double end_s)
{
  fill_front_end(factory, end_s + factory->scenario->frontend_s, NULL);
  while (factory->front_end.n > 0) {
    tw_heap_node *node = tw_heap_top(&factory->front_end);
    tw_sequence *sequence = tw_container(node, tw_sequence, waiting);
    tw_heap_remove(&factory->front_end, node);
    tw_intervals_counts(factory->intervals)->arrived++;
    tw_recorder_arrived(factory->recorder);
    record_unfinished(factory, sequence, end_s);
  }
}

static void break_down(tw_factory *factory, double end_s)
{
  tw_energy energy = tw_intervals_energy(factory->intervals);
  factory->breakdown = tw_breakdown_new(factory->scenario, factory->engines, factory->power, end_s);
  factory->breakdown->transfer_j = tw_intervals_flow_joules(factory->intervals, TW_FLOW_KV) +
                                   tw_intervals_flow_joules(factory->intervals, TW_FLOW_WEIGHTS);
  factory->breakdown->collective_j = tw_intervals_flow_joules(factory->intervals, TW_FLOW_COLLECTIVE);
  if (factory->scenario->audit)
    tw_breakdown_audit(factory->breakdown, factory->scenario, &energy);
}

double tw_factory_finish(tw_factory *factory, double end_s)
{
  if (!isfinite(end_s))
    end_s = factory->now_s;
  factory->now_s = end_s;
  tw_intervals_until(factory->intervals, end_s);
  empty_front_end(factory, end_s);
  tw_intervals_close(factory->intervals, end_s, factory->event_s);
  for (int i = 0; i < factory->scenario->n_engines; i++) {
    g_autoptr(GPtrArray) left = tw_engine_evict(factory->engines[i], end_s);
    for (guint k = 0; k < left->len; k++)
      record_unfinished(factory, left->pdata[k], end_s);
  }
  for (GList *link; (link = g_queue_pop_head_link(&factory->held)) != NULL;)
    record_unfinished(factory, link->data, end_s);
  if (factory->transfers != NULL) {
    g_autoptr(GPtrArray) left = g_ptr_array_new();
    tw_transfers_evict(factory->transfers, left);
    for (guint k = 0; k < left->len; k++)
      record_unfinished(factory, left->pdata[k], end_s);
  }
  if (factory->fetches != NULL) {
    g_autoptr(GPtrArray) left = g_ptr_array_new();
    tw_fetches_evict(factory->fetches, left);
    for (guint k = 0; k < left->len; k++)
      record_unfinished(factory, left->pdata[k], end_s);
  }
  tw_recorder_close(factory->recorder, end_s);
  break_down(factory, end_s);
  return end_s;
}

tw_energy tw_factory_energy(const tw_factory *factory)
{
  return tw_intervals_energy(factory->intervals);
}

const tw_breakdown *tw_factory_breakdown(const tw_factory *factory)
{
  return factory->breakdown;
}

const tw_fleet *tw_factory_fleet(const tw_factory *factory)
{
  return factory->fleet;
}

const tw_governor *tw_factory_governor(const tw_factory *factory)
{
  return factory->governor;
}

const tw_site_power *tw_factory_site_power(const tw_factory *factory)
{
  return factory->power;
}

int tw_factory_engines(const tw_factory *factory)
{
  return factory->scenario->n_engines;
}

const tw_engine *tw_factory_engine(const tw_factory *factory, int engine)
{
  return factory->engines[engine];
}

double tw_factory_now(const tw_factory *factory)
{
  return factory->now_s;
}
