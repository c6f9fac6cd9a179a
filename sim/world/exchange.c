#include "platforms/input/pair_hash.h"
#include "sim/world/exchange_private.h"
#include "sim/world/inbox.h"
#include "workloads/stream/rollouts.h"

#include <float.h>
#include <math.h>

/* ---- Life ---- */

static void free_trip(gpointer pointer)
{
  trip *t = pointer;
  tw_request_clear(&t->request);
  g_free(t);
}

/* A site may get more requests as long as the stream is not over. */
static double progress(void *user)
{
  const tw_exchange *exchange = user;
  const tw_stream *source = exchange->source;
  return tw_stream_over(source) && exchange->on_lines == 0
             ? 1
             : fmin(tw_stream_progress(source), 1 - DBL_EPSILON);
}

tw_exchange *tw_exchange_new(const tw_world *world, tw_stream *source, tw_recorder *recorder)
{
  tw_exchange *exchange = g_new0(tw_exchange, 1);
  *exchange = (tw_exchange){.world = world,
                            .source = source,
                            .recorder = recorder,
                            .offices = g_new0(office, (gsize)world->n_sites),
                            .arrival_s = INFINITY,
                            .trips = g_hash_table_new_full(tw_pair_hash, g_int64_equal, NULL, free_trip),
                            .freight = tw_freight_new(world, tw_recorder_log(recorder)),
                            .deliveries = g_ptr_array_new_with_free_func(g_free),
                            .sessions = world->sticky || world->kv != TW_WORLD_KV_RECOMPUTE
                                            ? g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)
                                            : NULL};
  for (int i = 0; i < world->n_sites; i++) {
    office *at = &exchange->offices[i];
    *at = (office){.exchange = exchange, .index = i, .inbox = tw_inbox_new(progress, exchange)};
  }
  return exchange;
}

void tw_exchange_free(tw_exchange *exchange)
{
  if (exchange == NULL)
    return;
  for (int i = 0; i < exchange->world->n_sites; i++)
    tw_stream_free(exchange->offices[i].inbox);
  tw_heap_clear(&exchange->answers);
  g_hash_table_unref(exchange->trips);
  g_clear_pointer(&exchange->sessions, g_hash_table_unref);
  g_free(exchange->offices);
  tw_freight_free(exchange->freight);
  tw_heap_clear(&exchange->unloading);
  g_ptr_array_unref(exchange->deliveries);
  g_free(exchange);
}

tw_stream *tw_exchange_inbox(tw_exchange *exchange, int site)
{
  return exchange->offices[site].inbox;
}

void tw_exchange_measure(const tw_exchange *exchange, tw_metric_values *v)
{
  v->of[TW_METRIC_WORLD_MOVED] = (double)exchange->moved;
  v->of[TW_METRIC_WORLD_REFUSED] = (double)exchange->refused;
  v->of[TW_METRIC_WORLD_GUESTS] = (double)exchange->away;
  if (exchange->world->kv != TW_WORLD_KV_RECOMPUTE) {
    v->of[TW_METRIC_WORLD_KV_MOVES] = (double)exchange->kv_moves;
    v->of[TW_METRIC_WORLD_KV_BYTES] = tw_freight_bytes(exchange->freight, TW_CARGO_KV);
  }
  if (exchange->deliveries->len > 0)
    v->of[TW_METRIC_WORLD_WEIGHTS_BYTES] = tw_freight_bytes(exchange->freight, TW_CARGO_WEIGHTS);
  v->of[TW_METRIC_WORLD_WAN_MEAN_S] = exchange->served > 0 ? exchange->wan_s / (double)exchange->served : NAN;
}

/* ---- Ways ---- */

static void enter(tw_exchange *exchange, trip *t, double now_s);

/* A request's prompt or KV cache has left its line. */
static void come_through(tw_exchange *exchange, trip *t, double latency_s, double now_s)
{
  t->out_s = fmax(t->out_s, now_s - t->sent_s + latency_s);
  if (--t->under_way > 0)
    return;
  exchange->on_lines--;
  enter(exchange, t, now_s);
}

static void set_out(tw_exchange *exchange, trip *t, tw_cargo *cargo, int from, int to, double bytes,
                    double now_s)
{
  if (tw_freight_send(exchange->freight, cargo, from, to, bytes, now_s))
    come_through(exchange, t, cargo->latency_s, now_s);
}

/* ---- Answers ---- */

static gboolean look_ahead(tw_exchange *exchange, GError **error)
{
  return tw_stream_due(exchange->source, &exchange->arrival_s, error);
}

/* A sequence by the clock of the users: everything at the site happens for them when they may know of it. */
static void shift(tw_sequence *sequence, double arrival_s, double later_s)
{
  double *const instants[] = {&sequence->dispatched_s,   &sequence->routed_s,
                              &sequence->submitted_s,    &sequence->first_scheduled_s,
                              &sequence->first_token_s,  &sequence->first_answer_s,
                              &sequence->decode_start_s, &sequence->transfer_start_s,
                              &sequence->transfer_end_s, &sequence->lost_s,
                              &sequence->last_token_s};
  for (guint i = 0; i < G_N_ELEMENTS(instants); i++)
    *instants[i] += later_s;
  sequence->request.arrival_s = arrival_s;
}

/* Tells the client how the request ended, so that it may ask again. */
static void deliver(tw_exchange *exchange, trip *t, double now_s)
{
  const tw_world *world = exchange->world;
  const tw_users *who = &g_array_index(world->users, tw_users, t->users);
  double back_s = t->site >= 0 ? tw_exchange_way(exchange, t->users, t->site)->latency_s : 0;
  gboolean came = t->site >= 0 && t->under_way == 0;
  g_assert(t->site < 0 || !who->stays || !tw_exchange_is_guest(exchange, t->users, t->site)); /* residency */
  tw_passage passage = {.users = who->region,
                        .site = t->site >= 0 ? world->sites[t->site].name : NULL,
                        .wan_s = came ? t->out_s + back_s : NAN,
                        .moves = t->moves};
  if (came) {
    exchange->served++;
    exchange->away += tw_exchange_is_guest(exchange, t->users, t->site) ? 1 : 0;
    exchange->wan_s += passage.wan_s;
  }
  t->end.request = t->request;
  shift(&t->end, t->request.arrival_s, t->ending == TW_UNFINISHED ? 0 : back_s);
  tw_recorder_passed(exchange->recorder, &t->end, t->ending, t->reason, t->joules, now_s, &passage);
  tw_stream_told(exchange->source, &t->request, t->ending == TW_COMPLETED, now_s);
  g_hash_table_remove(exchange->trips, &t->id);
  look_ahead(exchange, NULL); /* streams that may fail have looked ahead already */
}

/* ---- Sending ---- */

/* All of a request has come through: it arrives when the last of it does. */
static void enter(tw_exchange *exchange, trip *t, double now_s)
{
  office *to = &exchange->offices[t->site];
  tw_request request = t->request;
  request.arrival_s = fmax(now_s, t->sent_s + t->out_s);
  request.hashes = g_memdup2(request.hashes, (gsize)request.n_hashes * sizeof *request.hashes);
  request.session = g_strdup(request.session);
  tw_inbox_put(to->inbox, &request);
  tw_factory_look_ahead(to->factory);
}

static void send(tw_exchange *exchange, trip *t, int site, double now_s)
{
  const tw_world *world = exchange->world;
  office *to = &exchange->offices[site];
  int region = world->sites[site].region_index;
  gint64 tokens = 0;
  double bytes = 0;
  gboolean moves = tw_exchange_kv_goes(exchange, t, site, now_s, &tokens, &bytes);
  int last = tw_exchange_last_site(exchange, t);
  t->request.brought_tokens = moves ? (gint32)tokens : 0;
  t->site = site;
  t->sent_s = now_s;
  t->out_s = 0;
  to->in_flight++;
  to->guests += tw_exchange_is_guest(exchange, t->users, site) ? 1 : 0;
  if (exchange->sessions != NULL && t->request.session != NULL)
    g_hash_table_insert(exchange->sessions, g_strdup(t->request.session), GINT_TO_POINTER(site + 1));
  t->under_way = moves ? 2 : 1;
  exchange->on_lines++;
  for (int i = 0; i < t->under_way; i++)
    t->cargo[i] = (tw_cargo){.kind = i == 0 ? TW_CARGO_PROMPT : TW_CARGO_KV, .user = t};
  if (moves) {
    exchange->kv_moves++;
    set_out(exchange, t, &t->cargo[1], world->sites[last].region_index, region, bytes, now_s);
  }
  set_out(exchange, t, &t->cargo[0], g_array_index(world->users, tw_users, t->users).region_index, region,
          t->request.prompt_tokens * world->bytes_per_token, now_s);
}

static gboolean site_serves(void *user, int site)
{
  return tw_factory_serving(((const tw_exchange *)user)->offices[site].factory) > 0;
}

static void unload(tw_exchange *exchange, delivery *d, double now_s)
{
  tw_heap_push(&exchange->unloading, &d->there, now_s + d->cargo.latency_s, d->number);
}

/* A site takes a model over: another one sends it the weights. */
static void supply(void *user, int pool, double now_s)
{
  office *to = user;
  tw_exchange *exchange = to->exchange;
  const tw_world *world = exchange->world;
  int from = tw_world_weights_source(world, to->index, pool, site_serves, exchange);
  delivery *d = g_new(delivery, 1);
  *d = (delivery){.cargo = {.kind = TW_CARGO_WEIGHTS},
                  .to = to,
                  .pool = pool,
                  .number = exchange->deliveries->len,
                  .there = {.place = TW_HEAP_OUT}};
  g_ptr_array_add(exchange->deliveries, d);
  if (tw_freight_send(exchange->freight, &d->cargo, world->sites[from].region_index,
                      world->sites[to->index].region_index,
                      tw_pool_copy_bytes(&world->sites[to->index].scenario->pools[pool]), now_s))
    unload(exchange, d, now_s);
}

/* A request that no site may take. */
static void refuse(tw_exchange *exchange, trip *t, double now_s)
{
  tw_request nothing = {.arrival_s = t->request.arrival_s};
  tw_sequence *sequence = tw_sequence_new(&nothing);
  t->end = *sequence;
  tw_sequence_free(sequence);
  t->site = -1;
  t->ending = TW_REJECTED;
  t->reason = "no site may take it";
  t->joules = 0;
  exchange->refused++;
  deliver(exchange, t, now_s);
}

static void route(tw_exchange *exchange, trip *t, double now_s)
{
  int site = tw_exchange_choose(exchange, t, now_s);
  if (site >= 0)
    send(exchange, t, site, now_s);
  else
    refuse(exchange, t, now_s);
}

/* A site where no engine serves would hold a request: it sends it back where another one may take it, which serves, or
 * will without a repair where this one will not. */
static gboolean send_back(void *user, const tw_sequence *sequence, double now_s)
{
  const office *from = user;
  tw_exchange *exchange = from->exchange;
  trip *t = g_hash_table_lookup(exchange->trips, &sequence->request.id);
  gboolean waits = tw_factory_is_sound(from->factory);
  for (int i = 0; i < exchange->world->n_sites; i++) {
    const tw_factory *other = exchange->offices[i].factory;
    if (i != from->index && tw_exchange_may_go(exchange, t->users, i) &&
        (tw_factory_serving(other) > 0 || (!waits && tw_factory_is_sound(other))))
      t->moving = TRUE;
  }
  (void)now_s;
  return t->moving;
}

/* A request has ended at a site. */
static void ended(void *user, const tw_sequence *sequence, tw_ending ending, const char *reason,
                  double joules, double now_s)
{
  office *at = user;
  tw_exchange *exchange = at->exchange;
  trip *t = g_hash_table_lookup(exchange->trips, &sequence->request.id);
  at->in_flight--;
  at->guests -= tw_exchange_is_guest(exchange, t->users, at->index) ? 1 : 0;
  if (t->moving) {
    t->moving = FALSE;
    t->moves++;
    exchange->moved++;
    route(exchange, t, now_s);
    return;
  }
  t->end = *sequence;
  t->ending = ending;
  t->reason = reason;
  t->joules = joules;
  double back_s = tw_exchange_way(exchange, t->users, t->site)->latency_s;
  if (back_s > 0 && ending != TW_UNFINISHED)
    tw_heap_push(&exchange->answers, &t->answer, now_s + back_s, t->id);
  else
    deliver(exchange, t, now_s);
}

static void rollouts_changed(void *user)
{
  look_ahead(user, NULL); /* nothing is read of a file */
}

void tw_exchange_join(tw_exchange *exchange, int site, tw_factory *factory, tw_recorder *recorder)
{
  office *at = &exchange->offices[site];
  at->factory = factory;
  tw_factory_set_outlet(factory, send_back, at);
  tw_factory_set_supplier(factory, supply, at);
  if (tw_stream_has_rollouts(exchange->source))
    tw_factory_set_rollouts(factory, exchange->source, rollouts_changed, exchange);
  tw_recorder_watch(recorder, ended, at);
}

/* ---- Events ---- */

gboolean tw_exchange_start(tw_exchange *exchange, GError **error)
{
  return look_ahead(exchange, error);
}

static double key_of(const tw_heap *heap)
{
  const tw_heap_node *top = tw_heap_top(heap);
  return top != NULL ? top->key : INFINITY;
}

double tw_exchange_due(const tw_exchange *exchange, double *drives_s)
{
  double due_s = fmin(fmin(key_of(&exchange->answers), exchange->arrival_s),
                      fmin(key_of(&exchange->unloading), tw_freight_due(exchange->freight)));
  gboolean waits = g_hash_table_size(exchange->trips) > 0 || isfinite(exchange->arrival_s);
  if (drives_s != NULL)
    *drives_s = waits ? due_s : INFINITY;
  return due_s;
}

/* Weights are there. */
static void hand_over(tw_exchange *exchange, double now_s)
{
  tw_heap_node *top = tw_heap_top(&exchange->unloading);
  tw_heap_remove(&exchange->unloading, top);
  const delivery *d = tw_container(top, delivery, there);
  tw_factory_weights_came(d->to->factory, d->pool, now_s);
}

/* Something has left its line. */
static void take_freight(tw_exchange *exchange, double now_s)
{
  tw_cargo *cargo = tw_freight_take(exchange->freight);
  if (cargo->kind == TW_CARGO_WEIGHTS)
    unload(exchange, tw_container(cargo, delivery, cargo), now_s);
  else
    come_through(exchange, cargo->user, cargo->latency_s, now_s);
}

double tw_exchange_ended(const tw_exchange *exchange)
{
  return exchange->now_s;
}

gboolean tw_exchange_step(tw_exchange *exchange, GError **error)
{
  tw_heap_node *answer = tw_heap_top(&exchange->answers);
  exchange->now_s = tw_exchange_due(exchange, NULL);
  if (tw_freight_due(exchange->freight) == exchange->now_s) {
    take_freight(exchange, exchange->now_s);
    return TRUE;
  }
  if (key_of(&exchange->unloading) == exchange->now_s) {
    hand_over(exchange, exchange->now_s);
    return TRUE;
  }
  if (answer != NULL && answer->key == exchange->now_s) {
    tw_heap_remove(&exchange->answers, answer);
    deliver(exchange, tw_container(answer, trip, answer), exchange->now_s);
    return TRUE;
  }
  trip *t = g_new0(trip, 1);
  if (!tw_stream_next(exchange->source, &t->request, error)) {
    g_free(t);
    return FALSE;
  }
  t->id = t->request.id;
  t->users = tw_world_users_of(exchange->world, t->request.class);
  t->answer.place = TW_HEAP_OUT;
  g_hash_table_insert(exchange->trips, &t->id, t);
  tw_recorder_arrived(exchange->recorder);
  if (!look_ahead(exchange, error))
    return FALSE;
  route(exchange, t, exchange->now_s);
  return TRUE;
}

static int by_id(gconstpointer a, gconstpointer b)
{
  guint64 left = (*(trip *const *)a)->id, right = (*(trip *const *)b)->id;
  return left < right ? -1 : left > right;
}

/* A request that has not come back, and may not have arrived at its site: what that has served of it counts there. */
static void cut_short(tw_exchange *exchange, trip *t, double end_s)
{
  if (tw_heap_node_in(&t->answer)) {
    tw_heap_remove(&exchange->answers, &t->answer);
  } else {
    tw_sequence *sequence = tw_sequence_new(&(tw_request){0});
    t->end = *sequence;
    tw_sequence_free(sequence);
    t->joules = 0;
  }
  t->ending = TW_UNFINISHED;
  t->reason = "the run ended first";
  deliver(exchange, t, end_s);
}

void tw_exchange_close(tw_exchange *exchange, double end_s)
{
  g_autoptr(GPtrArray) left = g_ptr_array_new();
  GHashTableIter iterator;
  gpointer t;
  g_hash_table_iter_init(&iterator, exchange->trips);
  while (g_hash_table_iter_next(&iterator, NULL, &t))
    g_ptr_array_add(left, t);
  g_ptr_array_sort(left, by_id);
  for (guint i = 0; i < left->len; i++)
    cut_short(exchange, left->pdata[i], end_s);
  tw_freight_close(exchange->freight);
}
