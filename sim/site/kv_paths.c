#include "sim/site/kv_paths.h"

#include <math.h>

/* The key of a path: it leads from a rank of one engine to a rank of another. */
typedef struct path_key {
  int from, from_rank, to, to_rank;
} path_key;

/* The seconds of a cache between two engines, if one share decides them. */
typedef struct estimate {
  enum { ESTIMATE_UNKNOWN, ESTIMATE_BY_SHARE, ESTIMATE_BY_PATH } state;
  double latency_s, fraction, bytes_per_s;
} estimate;

struct tw_kv_paths {
  const tw_seat *seats;
  int n_engines;
  tw_network network;
  GHashTable *found;    /* path_key -> tw_kv_path */
  estimate **estimates; /* by the engines that a cache leaves and comes to; NULL: none from this engine yet */
};

static guint hash_key(gconstpointer pointer)
{
  const path_key *key = pointer;
  guint hash = (guint)key->from;
  hash = 31 * hash + (guint)key->from_rank;
  hash = 31 * hash + (guint)key->to;
  return 31 * hash + (guint)key->to_rank;
}

static gboolean equal_keys(gconstpointer a, gconstpointer b)
{
  const path_key *x = a, *y = b;
  return x->from == y->from && x->from_rank == y->from_rank && x->to == y->to && x->to_rank == y->to_rank;
}

static void free_path(gpointer pointer)
{
  tw_kv_path *p = pointer;
  g_array_unref(p->shares);
  g_free(p);
}

static const tw_pool *pool_of(const tw_kv_paths *paths, int engine)
{
  return paths->seats[engine].pool;
}

/* The part of [a/n, (a+1)/n) that lies in [b/m, (b+1)/m). */
static double overlap(gint64 a, gint64 n, gint64 b, gint64 m)
{
  double low = fmax((double)a / (double)n, (double)b / (double)m);
  double high = fmin((double)(a + 1) / (double)n, (double)(b + 1) / (double)m);
  return fmax(high - low, 0);
}

/* Accelerators of a stage that hold different heads; the others hold copies. */
static gint64 shards(const tw_pool *pool)
{
  return tw_model_kv_shards(pool->model, pool->tp);
}

static void add_share(GArray *all, int from, int to, double fraction)
{
  for (guint i = 0; i < all->len; i++) {
    tw_kv_share *s = &g_array_index(all, tw_kv_share, i);
    if (s->from == from && s->to == to) {
      s->fraction += fraction;
      return;
    }
  }
  tw_kv_share s = {from, to, fraction};
  g_array_append_val(all, s);
}

/* Adds what accelerator k of a stage takes from the stages and ranks of the other engine. */
static void add_accelerator(const tw_kv_paths *paths, tw_kv_path *p, int from, int from_rank, int to,
                            int to_rank, gint64 stage, gint64 k)
{
  const tw_pool *source = pool_of(paths, from), *target = pool_of(paths, to);
  const tw_engine_place *source_place = paths->seats[from].place, *place = paths->seats[to].place;
  gint64 n = shards(target), m = shards(source), copies = source->tp / m;
  gint64 receiver = (to_rank * target->pp + stage) * target->tp + k;
  int host = tw_place_host(place, receiver);
  double inside = 0;
  for (gint64 s = 0; s < source->pp; s++) {
    for (gint64 h = 0; h < m; h++) {
      double fraction = overlap(stage, target->pp, s, source->pp) * overlap(k * n / target->tp, n, h, m);
      if (fraction <= 0)
        continue;
      gint64 rank = h * copies + k % copies;
      gint64 sender = (from_rank * source->pp + s) * source->tp + rank;
      int theirs = tw_place_host(source_place, sender);
      if (theirs == host)
        inside += fraction;
      else
        add_share(p->shares, tw_place_endpoint(source_place, sender), tw_place_endpoint(place, receiver),
                  fraction);
    }
  }
  p->inside_fraction = fmax(p->inside_fraction, inside);
}

const tw_kv_path *tw_kv_paths_find(tw_kv_paths *paths, int from, int from_rank, int to, int to_rank)
{
  path_key key = {from, from_rank, to, to_rank};
  tw_kv_path *found = g_hash_table_lookup(paths->found, &key);
  if (found != NULL)
    return found;
  const tw_pool *target = pool_of(paths, to);
  found = g_new0(tw_kv_path, 1);
  found->shares = g_array_new(FALSE, FALSE, sizeof(tw_kv_share));
  for (gint64 stage = 0; stage < target->pp; stage++)
    for (gint64 k = 0; k < target->tp; k++)
      add_accelerator(paths, found, from, from_rank, to, to_rank, stage, k);
  g_hash_table_insert(paths->found, g_memdup2(&key, sizeof key), found);
  return found;
}

double tw_kv_cache_bytes(const tw_pool *pool, const tw_pool *to, gint64 tokens)
{
  double number_bytes = tw_precision_bytes((tw_precision)pool->kv);
  return tw_model_cache_bytes(pool->model, number_bytes, tokens, pool->tp) +
         (to->drafter != NULL ? tw_model_cache_bytes(to->drafter, number_bytes, tokens, pool->tp) : 0);
}

double tw_kv_path_inside_s(const tw_kv_path *p, const tw_pool *pool, double bytes)
{
  return p->inside_fraction > 0
             ? pool->plan.device->scale_up_latency_s +
                   bytes * p->inside_fraction / tw_device_pair_bytes_per_s(pool->plan.device)
             : 0;
}

/* The estimate from one engine to another, and whether it is known. */
static estimate *estimate_of(tw_kv_paths *paths, int from, int to)
{
  if (paths->estimates[from] == NULL)
    paths->estimates[from] = g_new0(estimate, (gsize)paths->n_engines);
  return &paths->estimates[from][to];
}

/* Whether one share, of which there may be several alike, is all that decides how long a cache takes. */
static void simplify(tw_kv_paths *paths, const tw_kv_path *p, estimate *e)
{
  e->state = ESTIMATE_BY_PATH;
  for (guint i = 0; i < p->shares->len; i++) {
    const tw_kv_share *s = &g_array_index(p->shares, tw_kv_share, i);
    tw_route route = paths->network.route(paths->network.state, s->from, s->to);
    estimate one = {ESTIMATE_BY_SHARE, route.latency_s, s->fraction, route.bytes_per_s};
    if (i > 0 &&
        (one.latency_s != e->latency_s || one.fraction != e->fraction || one.bytes_per_s != e->bytes_per_s)) {
      e->state = ESTIMATE_BY_PATH;
      return;
    }
    *e = one;
  }
  if (p->inside_fraction > 0)
    e->state = ESTIMATE_BY_PATH;
}

double tw_kv_paths_estimate_s(tw_kv_paths *paths, int from, int to, gint64 tokens)
{
  estimate *e = estimate_of(paths, from, to);
  double bytes = tw_kv_cache_bytes(pool_of(paths, from), pool_of(paths, to), tokens);
  if (e->state == ESTIMATE_BY_SHARE)
    return e->latency_s + bytes * e->fraction / e->bytes_per_s;
  const tw_kv_path *p = tw_kv_paths_find(paths, from, 0, to, 0);
  if (e->state == ESTIMATE_UNKNOWN)
    simplify(paths, p, e);
  double time_s = tw_kv_path_inside_s(p, pool_of(paths, to), bytes);
  for (guint i = 0; i < p->shares->len; i++) {
    const tw_kv_share *s = &g_array_index(p->shares, tw_kv_share, i);
    tw_route route = paths->network.route(paths->network.state, s->from, s->to);
    time_s = fmax(time_s, route.latency_s + bytes * s->fraction / route.bytes_per_s);
  }
  return time_s;
}

tw_kv_paths *tw_kv_paths_new(const tw_seat *seats, int n_engines, const tw_network *network)
{
  tw_kv_paths *paths = g_new(tw_kv_paths, 1);
  *paths = (tw_kv_paths){seats, n_engines, *network,
                         g_hash_table_new_full(hash_key, equal_keys, g_free, free_path),
                         g_new0(estimate *, (gsize)n_engines)};
  return paths;
}

void tw_kv_paths_free(tw_kv_paths *paths)
{
  if (paths == NULL)
    return;
  for (int i = 0; i < paths->n_engines; i++)
    g_free(paths->estimates[i]);
  g_free(paths->estimates);
  g_hash_table_unref(paths->found);
  g_free(paths);
}
