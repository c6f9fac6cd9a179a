#include "sim/world/exchange.h"

#include "platforms/input/pair_hash.h"
#include "sim/router/site_policy.h"
#include "sim/world/inbox.h"

#include <float.h>
#include <math.h>

#define DAY_S  86400.0
#define HOUR_S 3600.0
#define NOON_H 12.0

/* A request between the user who asks and the site that serves. */
typedef struct trip {
  guint64 id;
  tw_request request; /* The request as the user asked. Owned. */
  int users, site;    /* site: that it was sent to last */
  double out_s;       /* time it took to get there */
  gint32 moves;       /* how often a site has sent it back */
  gboolean moving;    /* a site sends it back at present */
  /* Once it has ended there: */
  tw_sequence end;
  tw_ending ending;
  const char *reason;
  double joules, end_s;
  tw_heap_node answer; /* by when it is back */
} trip;

/* A site as the exchange knows it. */
typedef struct office {
  tw_exchange *exchange;
  int index;
  tw_factory *factory;
  tw_stream *inbox;
  gint64 in_flight, guests;
} office;

struct tw_exchange {
  const tw_world *world;
  tw_stream *source;
  tw_recorder *recorder;
  office *offices;
  double arrival_s;     /* when the source's next request comes, INFINITY if it has none (yet) */
  GHashTable *trips;    /* id -> trip, of all that have not ended for their users */
  tw_heap answers;      /* trips whose answer is on its way */
  double *free_s;       /* from each region to each other: when the last prompt has left it */
  GHashTable *sessions; /* session -> index of the site that it was sent to last, + 1; NULL: not sticky */
  double now_s;
  guint64 moved, refused;
  guint64 served,
      away;     /* requests that a site has ended, and of them those outside the region of their users */
  double wan_s; /* sum over those that were served */
};

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
  const tw_stream *source = ((const tw_exchange *)user)->source;
  return tw_stream_over(source) ? 1 : fmin(tw_stream_progress(source), 1 - DBL_EPSILON);
}

tw_exchange *tw_exchange_new(const tw_world *world, tw_stream *source, tw_recorder *recorder)
{
  tw_exchange *exchange = g_new0(tw_exchange, 1);
  gsize n = (gsize)world->n_regions;
  *exchange = (tw_exchange){
      .world = world,
      .source = source,
      .recorder = recorder,
      .offices = g_new0(office, (gsize)world->n_sites),
      .arrival_s = INFINITY,
      .trips = g_hash_table_new_full(tw_pair_hash, g_int64_equal, NULL, free_trip),
      .free_s = g_new0(double, n *n),
      .sessions = world->sticky ? g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL) : NULL};
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
  g_free(exchange->free_s);
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
  v->of[TW_METRIC_WORLD_WAN_MEAN_S] = exchange->served > 0 ? exchange->wan_s / (double)exchange->served : NAN;
}

/* ---- Ways ---- */

static const tw_wan *way_of(const tw_exchange *exchange, int users, int site)
{
  const tw_users *who = &g_array_index(exchange->world->users, tw_users, users);
  return tw_world_way(exchange->world, who->region_index, exchange->world->sites[site].region_index);
}

static gboolean is_guest(const tw_exchange *exchange, int users, int site)
{
  return g_array_index(exchange->world->users, tw_users, users).region_index !=
         exchange->world->sites[site].region_index;
}

/* How long a prompt that sets out at now_s takes to a site: it waits for those before it, and for its own bytes. */
static double cross(tw_exchange *exchange, const trip *t, int site, double now_s)
{
  const tw_world *world = exchange->world;
  const tw_wan *way = way_of(exchange, t->users, site);
  if (isinf(way->bytes_per_s))
    return way->latency_s;
  int from = g_array_index(world->users, tw_users, t->users).region_index;
  double *free_s = &exchange->free_s[from * world->n_regions + world->sites[site].region_index];
  *free_s = fmax(now_s, *free_s) + t->request.prompt_tokens * world->bytes_per_token / way->bytes_per_s;
  return *free_s - now_s + way->latency_s;
}

/* ---- The choice of a site ---- */

static double rate(const tw_stairs *series, double now_s)
{
  return series != NULL ? tw_stairs_at(series, now_s) : INFINITY;
}

static double hours_from_noon(double local_s)
{
  double into_s = fmod(local_s, DAY_S);
  return fabs((into_s < 0 ? into_s + DAY_S : into_s) / HOUR_S - NOON_H);
}

static tw_site_view view_of(const tw_exchange *exchange, int users, int site, double now_s)
{
  const tw_world_site *of = &exchange->world->sites[site];
  const office *at = &exchange->offices[site];
  int engines = tw_factory_serving(at->factory);
  return (tw_site_view){.home = g_array_index(exchange->world->users, tw_users, users).home_site == site,
                        .latency_s = way_of(exchange, users, site)->latency_s,
                        .load = engines > 0 ? (double)at->in_flight / engines : INFINITY,
                        .usd_per_kwh = rate(of->scenario->plan.price, now_s),
                        .g_per_kwh = rate(of->scenario->plan.carbon, now_s),
                        .hours_after_noon = hours_from_noon(now_s + of->utc_offset_s)};
}

static gboolean may_go(const tw_exchange *exchange, int users, int site)
{
  gint64 most = exchange->world->sites[site].guests;
  return tw_world_allows(exchange->world, users, site) &&
         (most == G_MININT64 || !is_guest(exchange, users, site) || exchange->offices[site].guests < most);
}

/* Leaves those that serve, and of these those that are not full, where there are any. */
static void narrow(const tw_exchange *exchange, const tw_site_view *views, gboolean *allowed)
{
  int n = exchange->world->n_sites;
  g_autofree gboolean *left = g_new(gboolean, (gsize)n);
  const double limits[] = {INFINITY, exchange->world->spill};
  for (guint k = 0; k < G_N_ELEMENTS(limits); k++) {
    gboolean any = FALSE;
    for (int i = 0; i < n; i++) {
      left[i] = allowed[i] && !(views[i].load >= limits[k]);
      any |= left[i];
    }
    if (any)
      memcpy(allowed, left, (gsize)n * sizeof *left);
  }
}

/* The site for a request; -1: none may take it. */
static int choose(const tw_exchange *exchange, const trip *t, double now_s)
{
  const tw_world *world = exchange->world;
  g_autofree tw_site_view *views = g_new0(tw_site_view, (gsize)world->n_sites);
  g_autofree gboolean *allowed = g_new0(gboolean, (gsize)world->n_sites);
  for (int i = 0; i < world->n_sites; i++) {
    views[i] = view_of(exchange, t->users, i, now_s);
    allowed[i] = may_go(exchange, t->users, i);
  }
  const char *session = t->request.session;
  int last = exchange->sessions != NULL && session != NULL
                 ? GPOINTER_TO_INT(g_hash_table_lookup(exchange->sessions, session)) - 1
                 : -1;
  if (last >= 0 && allowed[last] && isfinite(views[last].load))
    return last;
  narrow(exchange, views, allowed);
  return tw_site_policy_pick(&tw_site_policies[world->policy], views, allowed, world->n_sites);
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
  double back_s = t->site >= 0 ? way_of(exchange, t->users, t->site)->latency_s : 0;
  g_assert(t->site < 0 || !who->stays || !is_guest(exchange, t->users, t->site)); /* residency */
  tw_passage passage = {.users = who->region,
                        .site = t->site >= 0 ? world->sites[t->site].name : NULL,
                        .wan_s = t->site >= 0 ? t->out_s + back_s : NAN,
                        .moves = t->moves};
  if (t->site >= 0) {
    exchange->served++;
    exchange->away += is_guest(exchange, t->users, t->site) ? 1 : 0;
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

static void send(tw_exchange *exchange, trip *t, int site, double now_s)
{
  office *to = &exchange->offices[site];
  tw_request request = t->request;
  t->site = site;
  t->out_s = cross(exchange, t, site, now_s);
  request.arrival_s = now_s + t->out_s;
  request.hashes = g_memdup2(request.hashes, (gsize)request.n_hashes * sizeof *request.hashes);
  request.session = g_strdup(request.session);
  to->in_flight++;
  to->guests += is_guest(exchange, t->users, site) ? 1 : 0;
  if (exchange->sessions != NULL && request.session != NULL)
    g_hash_table_insert(exchange->sessions, g_strdup(request.session), GINT_TO_POINTER(site + 1));
  tw_inbox_put(to->inbox, &request);
  tw_factory_look_ahead(to->factory);
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
  int site = choose(exchange, t, now_s);
  if (site >= 0)
    send(exchange, t, site, now_s);
  else
    refuse(exchange, t, now_s);
}

/* A site where no engine serves would hold a request: it sends it back where another one may take it. */
static gboolean send_back(void *user, const tw_sequence *sequence, double now_s)
{
  const office *from = user;
  tw_exchange *exchange = from->exchange;
  trip *t = g_hash_table_lookup(exchange->trips, &sequence->request.id);
  for (int i = 0; i < exchange->world->n_sites; i++)
    if (i != from->index && may_go(exchange, t->users, i) &&
        tw_factory_serving(exchange->offices[i].factory) > 0)
      t->moving = TRUE;
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
  at->guests -= is_guest(exchange, t->users, at->index) ? 1 : 0;
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
  double back_s = way_of(exchange, t->users, t->site)->latency_s;
  if (back_s > 0 && ending != TW_UNFINISHED)
    tw_heap_push(&exchange->answers, &t->answer, now_s + back_s, t->id);
  else
    deliver(exchange, t, now_s);
}

void tw_exchange_join(tw_exchange *exchange, int site, tw_factory *factory, tw_recorder *recorder)
{
  office *at = &exchange->offices[site];
  at->factory = factory;
  tw_factory_set_outlet(factory, send_back, at);
  tw_recorder_watch(recorder, ended, at);
}

/* ---- Events ---- */

gboolean tw_exchange_start(tw_exchange *exchange, GError **error)
{
  return look_ahead(exchange, error);
}

double tw_exchange_due(const tw_exchange *exchange)
{
  const tw_heap_node *answer = tw_heap_top(&exchange->answers);
  return answer != NULL ? fmin(answer->key, exchange->arrival_s) : exchange->arrival_s;
}

static trip *pop_answer(tw_exchange *exchange)
{
  tw_heap_node *answer = tw_heap_top(&exchange->answers);
  tw_heap_remove(&exchange->answers, answer);
  return tw_container(answer, trip, answer);
}

gboolean tw_exchange_step(tw_exchange *exchange, GError **error)
{
  const tw_heap_node *answer = tw_heap_top(&exchange->answers);
  exchange->now_s = tw_exchange_due(exchange);
  if (answer != NULL && answer->key == exchange->now_s) {
    deliver(exchange, pop_answer(exchange), exchange->now_s);
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

void tw_exchange_close(tw_exchange *exchange, double end_s)
{
  /* Requests without an answer have not arrived at their site yet. */
  g_autoptr(GPtrArray) left = g_ptr_array_new();
  GHashTableIter iterator;
  gpointer t;
  g_hash_table_iter_init(&iterator, exchange->trips);
  while (g_hash_table_iter_next(&iterator, NULL, &t))
    if (!tw_heap_node_in(&((trip *)t)->answer))
      g_ptr_array_add(left, t);
  g_ptr_array_sort(left, by_id);
  for (guint i = 0; i < left->len; i++) {
    trip *under_way = left->pdata[i];
    tw_sequence *sequence = tw_sequence_new(&(tw_request){0});
    under_way->end = *sequence;
    tw_sequence_free(sequence);
    under_way->ending = TW_UNFINISHED;
    under_way->reason = "the run ended first";
    under_way->joules = 0;
    deliver(exchange, under_way, end_s);
  }
  while (exchange->answers.n > 0) {
    double back_s = tw_heap_top(&exchange->answers)->key;
    deliver(exchange, pop_answer(exchange), back_s);
  }
}
