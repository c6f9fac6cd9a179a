#include "sim/site/dispatcher.h"

#include "sim/site/agenda.h"
#include "sim/site/collective_windows.h"
#include "sim/site/failures/failures.h"
#include "sim/site/fetches.h"
#include "sim/site/kv_transfers.h"
#include "sim/site/routing.h"

#include <math.h>

struct tw_dispatcher {
  tw_site *site;
  double arrival_s;  /* when the stream's next request arrives, INFINITY if it has none (yet) */
  tw_heap front_end; /* sequences by the instant at which they leave it; `waiting` is their node */
  guint64 tickets;
  tw_admission *admission; /* NULL: all are let in */
  tw_heap deadlines;       /* sequences that may have to be cancelled, by when */
  tw_routing routing;
  guint away;      /* sequences that failures have */
  GQueue held;     /* sequences that came while no engine served, by their `link` */
  gboolean paused; /* engines stand still (tw_dispatcher_interrupt) */
};

/* ---- Life ---- */

static void *new_dispatcher(tw_site *site)
{
  tw_dispatcher *dispatcher = site->dispatcher = g_new0(tw_dispatcher, 1);
  *dispatcher = (tw_dispatcher){
      .site = site, .arrival_s = INFINITY, .admission = tw_admission_new(&site->scenario->admission)};
  g_queue_init(&dispatcher->held);
  tw_routing_init(&dispatcher->routing, site);
  return dispatcher;
}

static void free_dispatcher(void *part)
{
  tw_dispatcher *dispatcher = part;
  for (guint i = 0; i < dispatcher->front_end.n; i++)
    tw_sequence_free(tw_container(dispatcher->front_end.entries[i].node, tw_sequence, waiting));
  for (GList *link; (link = g_queue_pop_head_link(&dispatcher->held)) != NULL;)
    tw_sequence_free(link->data);
  tw_heap_clear(&dispatcher->front_end);
  tw_heap_clear(&dispatcher->deadlines);
  tw_admission_free(dispatcher->admission);
  tw_routing_clear(&dispatcher->routing);
  g_free(dispatcher);
}

/* ---- The stream ---- */

/* Looks at the stream's next arrival. */
static gboolean look_ahead(tw_dispatcher *dispatcher, GError **error)
{
  return tw_stream_due(dispatcher->site->stream, &dispatcher->arrival_s, error);
}

gboolean tw_dispatcher_is_idle(const tw_dispatcher *dispatcher)
{
  return isinf(dispatcher->arrival_s) && tw_stream_over(dispatcher->site->stream);
}

gboolean tw_dispatcher_start(tw_dispatcher *dispatcher, GError **error)
{
  return look_ahead(dispatcher, error);
}

/* Moves the requests that may leave the front end by `now_s` from the stream into it. */
static gboolean fill_front_end(tw_dispatcher *dispatcher, double now_s, GError **error)
{
  const tw_scenario *scenario = dispatcher->site->scenario;
  while (dispatcher->arrival_s + scenario->plan.frontend_s <= now_s) {
    tw_request request;
    if (!tw_stream_next(dispatcher->site->stream, &request, error))
      return FALSE;
    tw_sequence *sequence = tw_sequence_new(&request);
    double leaves_s = request.arrival_s + scenario->plan.frontend_s +
                      scenario->frontend_per_token_s * request.prompt_tokens;
    tw_heap_push(&dispatcher->front_end, &sequence->waiting, leaves_s, request.id);
    if (!look_ahead(dispatcher, error))
      return FALSE;
  }
  return TRUE;
}

/* Takes the request that leaves the front end first. */
static tw_sequence *pop_front_end(tw_dispatcher *dispatcher)
{
  tw_heap_node *node = tw_heap_top(&dispatcher->front_end);
  tw_heap_remove(&dispatcher->front_end, node);
  tw_telemetry_counts(dispatcher->site->telemetry)->arrived++;
  tw_recorder_arrived(dispatcher->site->recorder);
  return tw_container(node, tw_sequence, waiting);
}

/* ---- Endings ---- */

/* A sequence ends; who asked learns of it, and may ask again. */
static void end(tw_dispatcher *dispatcher, tw_sequence *sequence, tw_ending ending, const char *reason,
                double now_s)
{
  const tw_site *site = dispatcher->site;
  tw_recorder_ended(site->recorder, sequence, ending, reason, now_s);
  tw_stream_told(site->stream, &sequence->request, ending == TW_COMPLETED, now_s);
  look_ahead(dispatcher, NULL); /* streams that may fail have looked ahead already */
  if (tw_heap_node_in(&sequence->deadline))
    tw_heap_remove(&dispatcher->deadlines, &sequence->deadline);
  tw_sequence_free(sequence);
}

/* Takes a sequence off the router's counts of the engines that it was sent to. */
static void release(tw_dispatcher *dispatcher, const tw_sequence *sequence, double now_s)
{
  tw_router_release(&dispatcher->routing.router, sequence->prefill_engine, &sequence->request, now_s);
  if (sequence->decode_engine >= 0)
    tw_router_release(&dispatcher->routing.router, sequence->decode_engine, &sequence->request, now_s);
}

void tw_dispatcher_away(tw_dispatcher *dispatcher, tw_sequence *sequence, gboolean away)
{
  g_assert(sequence->away != away);
  sequence->away = away;
  dispatcher->away += away ? 1 : -1U;
}

void tw_dispatcher_lost(tw_dispatcher *dispatcher, tw_sequence *sequence, double now_s)
{
  gboolean delivered = sequence->decode_engine >= 0 && sequence->engine == sequence->decode_engine;
  if (delivered)
    tw_router_release(&dispatcher->routing.router, sequence->decode_engine, &sequence->request, now_s);
  else
    release(dispatcher, sequence, now_s);
}

void tw_dispatcher_failed(tw_dispatcher *dispatcher, tw_sequence *sequence, const char *reason, double now_s)
{
  end(dispatcher, sequence, TW_FAILED, reason, now_s);
}

void tw_dispatcher_reassign(tw_dispatcher *dispatcher, tw_sequence *sequence, double now_s)
{
  tw_router *router = &dispatcher->routing.router;
  int before = sequence->decode_engine;
  if (router->serves[before] || router->decodes.n == 0)
    return;
  int engine = tw_router_assign_decode(router, &sequence->request, sequence->prefill_engine, now_s);
  gboolean refused = tw_engine_refusal(dispatcher->site->engines[engine], &sequence->request) != NULL;
  tw_router_release(router, refused ? engine : before, &sequence->request, now_s);
  if (!refused)
    sequence->decode_engine = engine;
}

void tw_dispatcher_left(tw_dispatcher *dispatcher, const tw_sequence *sequence, int engine)
{
  double now_s = dispatcher->site->now_s;
  tw_router_release(&dispatcher->routing.router, engine, &sequence->request, now_s);
}

void tw_dispatcher_prompted(tw_dispatcher *dispatcher, int engine, const tw_sequence *sequence, double now_s)
{
  tw_router_prompted(&dispatcher->routing.router, engine, &sequence->request, now_s);
}

void tw_dispatcher_completed(tw_dispatcher *dispatcher, int engine, tw_sequence *sequence, double now_s)
{
  if (engine == sequence->prefill_engine) /* its only token came with its prompt, or it decoded there */
    release(dispatcher, sequence, now_s);
  else
    tw_router_release(&dispatcher->routing.router, engine, &sequence->request, now_s);
  tw_telemetry_counts(dispatcher->site->telemetry)->completed++;
  end(dispatcher, sequence, TW_COMPLETED, NULL, now_s);
}

static void reject(tw_dispatcher *dispatcher, tw_sequence *sequence, const char *reason, double now_s)
{
  tw_telemetry_counts(dispatcher->site->telemetry)->rejected++;
  end(dispatcher, sequence, TW_REJECTED, reason, now_s);
}

static void cancel(tw_dispatcher *dispatcher, tw_sequence *sequence, double now_s)
{
  end(dispatcher, sequence, TW_CANCELLED, "it waited until its deadline", now_s);
}

/* ---- Routing ---- */

/* Why a sequence cannot go to the engines that it was assigned to, or NULL. */
static const char *refusal(const tw_site *site, const tw_sequence *sequence, int engine, int decode)
{
  tw_request asked = sequence->request; /* tokens emitted before a failure are prompt now */
  asked.prompt_tokens += sequence->resumed;
  asked.answer_tokens -= sequence->resumed;
  const tw_request *request = &asked;
  const tw_scenario *scenario = site->scenario;
  const char *reason = tw_engine_refusal(site->engines[engine], request);
  if (reason == NULL && scenario->max_queue != G_MININT64 &&
      tw_engine_waiting(site->engines[engine]) >= scenario->max_queue)
    reason = "the engine's queue is full";
  return reason == NULL && decode >= 0 ? tw_engine_refusal(site->engines[decode], request) : reason;
}

static void submit(tw_dispatcher *dispatcher, tw_sequence *sequence, int engine, double now_s)
{
  sequence->submitted_s = now_s;
  tw_engine_submit(dispatcher->site->engines[engine], sequence, now_s);
  tw_agenda_touch(dispatcher->site->agenda, engine);
}

static void hold(tw_dispatcher *dispatcher, tw_sequence *sequence, double now_s);

/* Gives a request to an engine, and to the one that is to decode it. */
static void route(tw_dispatcher *dispatcher, tw_sequence *sequence, double now_s)
{
  tw_site *site = dispatcher->site;
  const tw_request *request = &sequence->request;
  if (isnan(sequence->routed_s)) /* else a failure has sent it back */
    sequence->routed_s = now_s;
  tw_choice to = tw_router_assign(&dispatcher->routing.router, request, now_s);
  int engine = to.engine;
  int decode = site->seats[engine].pool->role == TW_POOL_PREFILL
                   ? tw_router_assign_decode(&dispatcher->routing.router, request, engine, now_s)
                   : -1;
  const char *reason = refusal(site, sequence, engine, decode);
  if (reason != NULL) {
    tw_router_release(&dispatcher->routing.router, engine, request, now_s);
    if (decode >= 0)
      tw_router_release(&dispatcher->routing.router, decode, request, now_s);
    reject(dispatcher, sequence, reason, now_s);
    return;
  }
  sequence->prefill_engine = engine;
  sequence->decode_engine = decode;
  sequence->rank = site->seats[engine].pool->rank_choice == TW_RANK_ROUTER ? to.rank : -1;
  sequence->expected_tokens = to.cached_tokens;
  if (site->failures != NULL && tw_failures_hides(site->failures, engine)) {
    tw_failures_swallow(site->failures, sequence, engine);
    return;
  }
  sequence->fetching = site->fetches != NULL && tw_fetches_begin(site->fetches, sequence, engine, now_s);
  if (!sequence->fetching)
    submit(dispatcher, sequence, engine, now_s);
}

void tw_dispatcher_retry(tw_dispatcher *dispatcher, tw_sequence *sequence, double now_s)
{
  sequence->prefill_engine = sequence->decode_engine = sequence->rank = -1;
  if (tw_router_ready(&dispatcher->routing.router) && !dispatcher->paused)
    route(dispatcher, sequence, now_s);
  else
    hold(dispatcher, sequence, now_s);
}

void tw_dispatcher_fetched(tw_dispatcher *dispatcher, tw_sequence *sequence, int engine, double now_s)
{
  sequence->fetching = FALSE;
  gboolean late = sequence->request.arrival_s + dispatcher->site->scenario->deadline_s <= now_s;
  if (!late) {
    submit(dispatcher, sequence, engine, now_s);
    return;
  }
  tw_agenda_touch(dispatcher->site->agenda, engine); /* the memory of its hosts has changed */
  release(dispatcher, sequence, now_s);
  cancel(dispatcher, sequence, now_s);
}

/* Keeps a request until an engine serves, unless another site takes it. */
static void hold(tw_dispatcher *dispatcher, tw_sequence *sequence, double now_s)
{
  const tw_site *site = dispatcher->site;
  gint64 most = site->scenario->max_queue;
  if (site->outlet != NULL && site->outlet(site->outlet_user, sequence, now_s)) {
    end(dispatcher, sequence, TW_FAILED, "it went to another site", now_s);
    return;
  }
  if (most != G_MININT64 && dispatcher->held.length >= most) {
    reject(dispatcher, sequence, "the router's queue is full", now_s);
    return;
  }
  g_queue_push_tail_link(&dispatcher->held, &sequence->link);
  tw_telemetry_unrouted(dispatcher->site->telemetry, dispatcher->held.length, now_s);
}

/* Requests that were held go to the engines that serve now. */
static void settle(void *part, double now_s)
{
  tw_dispatcher *dispatcher = part;
  if (dispatcher->held.length == 0 || dispatcher->paused || !tw_router_ready(&dispatcher->routing.router))
    return;
  for (GList *link; (link = g_queue_pop_head_link(&dispatcher->held)) != NULL;)
    route(dispatcher, link->data, now_s);
  tw_telemetry_unrouted(dispatcher->site->telemetry, 0, now_s);
}

void tw_dispatcher_set_serves(tw_dispatcher *dispatcher, int engine, gboolean serves)
{
  tw_router_set_serves(&dispatcher->routing.router, engine, serves);
}

const tw_router *tw_dispatcher_router(const tw_dispatcher *dispatcher)
{
  return &dispatcher->routing.router;
}

guint tw_dispatcher_waits(const tw_dispatcher *dispatcher)
{
  const tw_site *site = dispatcher->site;
  gboolean looks =
      site->failures != NULL && site->transfers != NULL; /* else engines are due that free blocks */
  return dispatcher->held.length + dispatcher->away + (looks ? tw_kv_transfers_waiting(site->transfers) : 0);
}

guint tw_dispatcher_held(const tw_dispatcher *dispatcher)
{
  return dispatcher->held.length;
}

/* ---- Engines that stand still ---- */

static int by_ticket(gconstpointer a, gconstpointer b)
{
  const tw_sequence *x = *(tw_sequence *const *)a, *y = *(tw_sequence *const *)b;
  return (x->ticket > y->ticket) - (x->ticket < y->ticket);
}

/* A sequence has lost its engine, and waits to go on. */
static void keep(tw_dispatcher *dispatcher, tw_sequence *sequence, double now_s)
{
  tw_dispatcher_lost(dispatcher, sequence, now_s);
  if (sequence->emitted > 0 && isnan(sequence->lost_s))
    sequence->lost_s = now_s;
  tw_sequence_give_way(sequence);
  sequence->prefill_engine = sequence->decode_engine = sequence->rank = -1;
  g_queue_push_tail_link(&dispatcher->held, &sequence->link);
}

gint64 tw_dispatcher_interrupt(tw_dispatcher *dispatcher, double now_s)
{
  tw_site *site = dispatcher->site;
  g_autoptr(GPtrArray) all = g_ptr_array_new();
  dispatcher->paused = TRUE;
  for (int i = 0; i < site->n_engines; i++) {
    tw_engine_end_iterations(site->engines[i], now_s);
    g_autoptr(GPtrArray) of_engine = tw_engine_fail(site->engines[i], TW_KEPT_NOTHING, now_s);
    if (site->windows != NULL)
      tw_collective_windows_fail(site->windows, i);
    tw_agenda_touch(site->agenda, i);
    g_ptr_array_extend(all, of_engine, NULL, NULL);
  }
  g_ptr_array_sort(all, by_ticket);
  for (guint i = 0; i < all->len; i++)
    keep(dispatcher, all->pdata[i], now_s);
  look_ahead(dispatcher, NULL);
  return all->len;
}

void tw_dispatcher_resume(tw_dispatcher *dispatcher)
{
  dispatcher->paused = FALSE;
  look_ahead(dispatcher, NULL);
}

void tw_dispatcher_drop(tw_dispatcher *dispatcher, const char *reason, double now_s)
{
  tw_failures *failures = dispatcher->site->failures;
  for (tw_sequence *sequence; failures != NULL && (sequence = tw_failures_first(failures)) != NULL;) {
    tw_failures_forget(failures, sequence, now_s);
    end(dispatcher, sequence, TW_CANCELLED, reason, now_s);
  }
  for (GList *link; (link = g_queue_pop_head_link(&dispatcher->held)) != NULL;)
    end(dispatcher, link->data, TW_CANCELLED, reason, now_s);
  while (dispatcher->front_end.n > 0)
    end(dispatcher, pop_front_end(dispatcher), TW_CANCELLED, reason, now_s);
}

/* ---- Events ---- */

static double due(const void *part)
{
  const tw_dispatcher *dispatcher = part;
  double arrival_s = dispatcher->arrival_s + dispatcher->site->scenario->plan.frontend_s;
  double leaves_s = tw_heap_first(&dispatcher->front_end), deadline_s = tw_heap_first(&dispatcher->deadlines);
  return MIN(MIN(leaves_s, arrival_s), deadline_s); /* fmin would be a call, at each event */
}

/* The next deadline has come: whoever is not scheduled yet need not be. */
static void meet_deadline(tw_dispatcher *dispatcher, double now_s)
{
  tw_site *site = dispatcher->site;
  tw_heap_node *node = tw_heap_top(&dispatcher->deadlines);
  tw_sequence *sequence = tw_container(node, tw_sequence, deadline);
  tw_heap_remove(&dispatcher->deadlines, node);
  if (!isnan(sequence->first_scheduled_s) || sequence->fetching)
    return; /* the latter meets it when its fetch has ended */
  int engine = sequence->prefill_engine;
  if (sequence->away) {
    tw_failures_forget(site->failures, sequence, now_s);
  } else if (engine >= 0) {
    tw_engine_cancel(site->engines[engine], sequence, now_s);
    tw_agenda_touch(site->agenda, engine);
    release(dispatcher, sequence, now_s);
  } else {
    g_queue_unlink(&dispatcher->held, &sequence->link);
    tw_telemetry_unrouted(site->telemetry, dispatcher->held.length, now_s);
  }
  cancel(dispatcher, sequence, now_s);
}

/* Sends a request that has left the front end to an engine, if one serves. */
static void dispatch(tw_dispatcher *dispatcher, tw_sequence *sequence, double now_s)
{
  double deadline_s = sequence->request.arrival_s + dispatcher->site->scenario->deadline_s;
  sequence->ticket = dispatcher->tickets++;
  sequence->dispatched_s = now_s;
  if (deadline_s <= now_s) {
    cancel(dispatcher, sequence, now_s);
    return;
  }
  const char *reason = dispatcher->admission != NULL
                           ? tw_admission_refusal(dispatcher->admission, &sequence->request, now_s)
                           : NULL;
  if (reason != NULL) {
    reject(dispatcher, sequence, reason, now_s);
    return;
  }
  if (!isnan(deadline_s))
    tw_heap_push(&dispatcher->deadlines, &sequence->deadline, deadline_s, sequence->ticket);
  if (tw_router_ready(&dispatcher->routing.router) && !dispatcher->paused)
    route(dispatcher, sequence, now_s);
  else
    hold(dispatcher, sequence, now_s);
}

static gboolean step(void *part, double now_s, GError **error)
{
  tw_dispatcher *dispatcher = part;
  if (!fill_front_end(dispatcher, now_s, error))
    return FALSE;
  tw_heap_node *node = tw_heap_top(&dispatcher->front_end);
  if (tw_heap_first(&dispatcher->deadlines) == now_s)
    meet_deadline(dispatcher, now_s);
  else if (node != NULL && node->key <= now_s)
    dispatch(dispatcher, pop_front_end(dispatcher), now_s);
  return TRUE;
}

void tw_dispatcher_close(tw_dispatcher *dispatcher, GPtrArray *sequences, double end_s)
{
  fill_front_end(dispatcher, end_s + dispatcher->site->scenario->plan.frontend_s, NULL);
  while (dispatcher->front_end.n > 0)
    g_ptr_array_add(sequences, pop_front_end(dispatcher));
}

static void explain(const void *part, GPtrArray *lines)
{
  const tw_dispatcher *dispatcher = part;
  if (dispatcher->held.length > 0)
    g_ptr_array_add(lines, g_strdup_printf("%u requests wait for an engine that serves, and none will",
                                           dispatcher->held.length));
}

static void evict(void *part, GPtrArray *sequences, double end_s)
{
  (void)end_s;
  tw_dispatcher *dispatcher = part;
  for (GList *link; (link = g_queue_pop_head_link(&dispatcher->held)) != NULL;)
    g_ptr_array_add(sequences, link->data);
}

const tw_part_kind tw_dispatcher_part = {.name = "requests",
                                         .new = new_dispatcher,
                                         .due = due,
                                         .step = step,
                                         .settle = settle,
                                         .explain = explain,
                                         .evict = evict,
                                         .free = free_dispatcher};
