#include "sim/site/fetches.h"

#include <math.h>

typedef struct fetch {
  tw_fetches *fetches;
  tw_sequence *sequence;
  int engine;
  GArray *pieces; /* of tw_kv_piece */
  double bytes, start_s, ready_s;
  int n_flows, flows_left;
  struct fetch_flow *flows;
  GList link;        /* in fetches->under_way */
  tw_heap_node node; /* by ready_s */
} fetch;

typedef struct fetch_flow {
  tw_flow flow;
  double latency_s;
  fetch *fetch;
} fetch_flow;

struct tw_fetches {
  const tw_scenario *scenario;
  tw_engine *const *engines;
  tw_network network;
  tw_fetch_listener listener;
  tw_kv_tier *store;
  int *hosts; /* that it lies on */
  int n_hosts;
  GQueue starting; /* of fetch, whose flows are to be started between events */
  GQueue under_way;
  tw_heap due;
};

static gboolean has_store(const tw_fetches *fetches, int engine)
{
  return fetches->scenario->pools[fetches->scenario->engines[engine].pool].store;
}

tw_fetches *tw_fetches_new(const tw_scenario *scenario, tw_engine *const *engines, const tw_network *network,
                           const tw_fetch_listener *listener)
{
  gboolean any = FALSE;
  for (int i = 0; i < scenario->n_pools; i++)
    any |= scenario->pools[i].store;
  if (!any)
    return NULL;
  const tw_platform *platform = scenario->platform;
  double bytes = 0;
  tw_fetches *fetches = g_new0(tw_fetches, 1);
  *fetches = (tw_fetches){.scenario = scenario,
                          .engines = engines,
                          .network = *network,
                          .listener = *listener,
                          .hosts = g_new(int, (gsize)platform->n_hosts)};
  for (int i = 0; i < platform->n_hosts; i++)
    if (platform->hosts[i].kv_bytes > 0) {
      bytes += platform->hosts[i].kv_bytes;
      fetches->hosts[fetches->n_hosts++] = i;
    }
  fetches->store = tw_kv_tier_new((gint64)bytes, NULL, NULL);
  g_queue_init(&fetches->starting);
  g_queue_init(&fetches->under_way);
  return fetches;
}

static void free_fetch(fetch *f)
{
  g_array_unref(f->pieces);
  g_free(f->flows);
  g_free(f);
}

void tw_fetches_free(tw_fetches *fetches)
{
  if (fetches == NULL)
    return;
  g_autoptr(GPtrArray) left = g_ptr_array_new_with_free_func((GDestroyNotify)tw_sequence_free);
  tw_fetches_evict(fetches, left);
  tw_heap_clear(&fetches->due);
  tw_kv_tier_free(fetches->store);
  g_free(fetches->hosts);
  g_free(fetches);
}

void tw_fetches_spilled(tw_fetches *fetches, int engine, const tw_kv_piece *piece)
{
  tw_kv_piece kept = *piece;
  kept.fetched = FALSE;
  if (has_store(fetches, engine))
    tw_kv_tier_put(fetches->store, &kept);
}

/* ---- What is worth fetching ---- */

/* Time of `bytes` alone on the network. A storage host sends its part to every host of the engine, and one of
 * these gets its part from every storage host. */
static double flows_s(const tw_fetches *fetches, int engine, double bytes)
{
  const tw_engine_place *place = &fetches->scenario->engines[engine];
  double longest_s = 0, accelerators = 0;
  for (int k = 0; k < place->n_shares; k++)
    accelerators += place->shares[k].accelerators;
  for (int i = 0; i < fetches->n_hosts; i++)
    for (int k = 0; k < place->n_shares; k++) {
      if (fetches->hosts[i] == place->shares[k].host)
        continue;
      tw_route route = fetches->network.route(fetches->network.state, fetches->hosts[i],
                                              tw_share_endpoint(&place->shares[k]));
      double sent = bytes / fetches->n_hosts, got = bytes * place->shares[k].accelerators / accelerators;
      longest_s = fmax(longest_s, route.latency_s + fmax(sent, got) / route.bytes_per_s);
    }
  return longest_s;
}

/* The pieces in the store, behind what the engine holds, in the order of the prompt; NULL if they are not
 * worth it. Further ones that the engine's hosts hold count for what they save. */
static GArray *find_pieces(const tw_fetches *fetches, const tw_request *request, int engine, int rank,
                           double *bytes)
{
  const tw_offload *offload = tw_engine_offload(fetches->engines[engine]);
  const tw_prefix_cache *cache = tw_engine_prefixes(fetches->engines[engine], rank);
  tw_prefix_hit hit = tw_prefix_cache_find(cache, request);
  tw_prefix_piece piece = tw_prefix_piece_of(cache, &hit);
  gint64 here = hit.tokens / cache->block_tokens, behind = 0;
  g_autoptr(GArray) pieces = g_array_new(FALSE, FALSE, sizeof(tw_kv_piece));
  *bytes = 0;
  while (tw_prefix_piece_next(cache, request, &piece)) {
    gboolean in_hosts = tw_kv_tier_find(offload->host, piece.chain) != NULL;
    if (!in_hosts) {
      const tw_kv_piece *stored = tw_kv_tier_find(fetches->store, piece.chain);
      if (stored == NULL)
        break;
      g_array_append_val(pieces, *stored);
      *bytes += (double)stored->bytes;
    }
    *(pieces->len > 0 ? &behind : &here) += piece.blocks;
  }
  if (*bytes <= 0)
    return NULL;
  double takes_s = flows_s(fetches, engine, *bytes) + offload->config.block_s * (double)behind;
  double saves_s =
      tw_offload_saves_s(offload, request, here * cache->block_tokens, behind * cache->block_tokens);
  return takes_s < saves_s ? g_steal_pointer(&pieces) : NULL;
}

/* ---- Life of a fetch ---- */

static void schedule(fetch *f)
{
  tw_fetches *fetches = f->fetches;
  g_queue_unlink(&fetches->under_way, &f->link);
  tw_heap_push(&fetches->due, &f->node, f->ready_s, f->sequence->ticket);
  fetches->listener.scheduled(fetches->listener.user);
}

static void flow_ended(tw_flow *flow, double end_s)
{
  fetch_flow *ended = (fetch_flow *)(void *)flow;
  fetch *f = ended->fetch;
  f->ready_s = fmax(f->ready_s, end_s + ended->latency_s);
  if (--f->flows_left == 0)
    schedule(f);
}

static void add_flows(fetch *f)
{
  const tw_fetches *fetches = f->fetches;
  const tw_engine_place *place = &fetches->scenario->engines[f->engine];
  double accelerators = 0;
  f->flows = g_new0(fetch_flow, (gsize)(fetches->n_hosts * place->n_shares));
  for (int k = 0; k < place->n_shares; k++)
    accelerators += place->shares[k].accelerators;
  for (int i = 0; i < fetches->n_hosts; i++)
    for (int k = 0; k < place->n_shares; k++) {
      int from = fetches->hosts[i], to = tw_share_endpoint(&place->shares[k]);
      if (from == place->shares[k].host)
        continue;
      double part = place->shares[k].accelerators / accelerators / fetches->n_hosts;
      f->flows[f->n_flows++] = (fetch_flow){
          {.from = from, .to = to, .bytes = f->bytes * part, .kind = TW_FLOW_KV, .ended = flow_ended},
          fetches->network.route(fetches->network.state, from, to).latency_s,
          f};
    }
  f->flows_left = f->n_flows;
}

gboolean tw_fetches_begin(tw_fetches *fetches, tw_sequence *sequence, int engine, double now_s)
{
  double bytes;
  gint64 cached;
  if (!has_store(fetches, engine) || sequence->request.n_hashes == 0)
    return FALSE;
  for (int i = 0; i < fetches->scenario->n_engines; i++)
    tw_engine_catch_up(fetches->engines[i], now_s);
  if (sequence->rank < 0)
    sequence->rank = tw_engine_choose(fetches->engines[engine], &sequence->request, now_s, &cached);
  GArray *pieces = find_pieces(fetches, &sequence->request, engine, sequence->rank, &bytes);
  if (pieces == NULL)
    return FALSE;
  tw_engine_expect(fetches->engines[engine], sequence, 1);
  fetch *f = g_new0(fetch, 1);
  *f = (fetch){.fetches = fetches,
               .sequence = sequence,
               .engine = engine,
               .pieces = pieces,
               .bytes = bytes,
               .start_s = now_s,
               .ready_s = now_s,
               .link = {.data = f},
               .node = {.place = TW_HEAP_OUT}};
  for (guint i = 0; i < pieces->len; i++) {
    tw_kv_piece *piece = &g_array_index(pieces, tw_kv_piece, i);
    piece->used_s = now_s;
    tw_kv_tier_put(fetches->store, piece); /* which is there, and has been used again */
    piece->fetched = TRUE;
  }
  add_flows(f);
  g_queue_push_tail_link(&fetches->under_way, &f->link);
  g_queue_push_tail(&fetches->starting, f);
  return TRUE;
}

void tw_fetches_start_flows(tw_fetches *fetches)
{
  for (fetch *f; (f = g_queue_pop_head(&fetches->starting)) != NULL;) {
    int n = f->n_flows;
    for (int i = 0; i < n; i++)
      fetches->network.start(fetches->network.state, &f->flows[i].flow, f->start_s);
    if (n == 0)
      schedule(f);
  }
}

double tw_fetches_due(const tw_fetches *fetches)
{
  tw_heap_node *top = tw_heap_top(&fetches->due);
  return top != NULL ? top->key : INFINITY;
}

void tw_fetches_step(tw_fetches *fetches)
{
  tw_heap_node *top = tw_heap_top(&fetches->due);
  fetch *f = tw_container(top, fetch, node);
  double now_s = top->key;
  tw_heap_remove(&fetches->due, top);
  for (guint i = 0; i < f->pieces->len; i++)
    g_array_index(f->pieces, tw_kv_piece, i).used_s = now_s;
  tw_engine_fetched(fetches->engines[f->engine], &g_array_index(f->pieces, tw_kv_piece, 0), f->pieces->len,
                    now_s);
  tw_engine_expect(fetches->engines[f->engine], f->sequence, -1);
  fetches->listener.arrived(fetches->listener.user, f->sequence, f->engine, f->start_s, now_s,
                            (gint64)f->bytes);
  free_fetch(f);
}

int tw_fetches_under_way(const tw_fetches *fetches)
{
  return (int)fetches->under_way.length;
}

void tw_fetches_evict(tw_fetches *fetches, GPtrArray *sequences)
{
  g_queue_clear(&fetches->starting);
  for (GList *link; (link = g_queue_pop_head_link(&fetches->under_way)) != NULL;) {
    fetch *f = link->data;
    g_ptr_array_add(sequences, f->sequence);
    free_fetch(f);
  }
  for (tw_heap_node *top; (top = tw_heap_top(&fetches->due)) != NULL;) {
    fetch *f = tw_container(top, fetch, node);
    tw_heap_remove(&fetches->due, top);
    g_ptr_array_add(sequences, f->sequence);
    free_fetch(f);
  }
}
