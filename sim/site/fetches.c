#include "sim/site/fetches.h"

#include "sim/network/medium.h"
#include "sim/network/shipment.h"
#include "sim/site/dispatcher.h"

#include <math.h>

/* Pieces on their way up, for a sequence that waits for them, or, where there is none, down to the store. */
typedef struct fetch {
  tw_shipment shipment;
  tw_sequence *sequence;
  int engine;
  GArray *pieces; /* array of tw_kv_piece */
  double bytes, start_s;
  GList link; /* in fetches->all */
} fetch;

struct tw_fetches {
  const tw_site *site;
  tw_kv_tier *store;
  int *hosts;           /* the storage hosts on which the store lies */
  tw_medium_use *media; /* Media of these hosts. */
  int n_hosts;
  int unreachable; /* number of failures by which one of them cannot be reached */
  GQueue all;      /* queue of fetch, in the order of beginning */
  guint64 copies;  /* Number of copies that have gone down. */
  tw_shipments shipments;
};

gboolean tw_fetches_needed(const tw_scenario *scenario)
{
  for (int i = 0; i < scenario->n_pools; i++)
    if (scenario->pools[i].store)
      return TRUE;
  return FALSE;
}

static void free_fetch(tw_fetches *fetches, fetch *f)
{
  g_queue_unlink(&fetches->all, &f->link);
  tw_shipment_clear(&f->shipment);
  g_array_unref(f->pieces);
  g_free(f);
}

/* ---- What is worth fetching ---- */

/* Time of `bytes` alone on media and network. A storage host sends its part to every host of the engine, and one of
 * these gets its part from every storage host. */
static double flows_s(const tw_fetches *fetches, int engine, double bytes)
{
  const tw_engine_place *place = fetches->site->seats[engine].place;
  double longest_s = 0, accelerators = 0;
  for (int k = 0; k < place->n_shares; k++)
    accelerators += place->shares[k].accelerators;
  for (int i = 0; i < fetches->n_hosts; i++) {
    longest_s = fmax(longest_s,
                     tw_medium_alone_s(fetches->media[i].medium, TW_MEDIUM_READ, bytes / fetches->n_hosts));
    for (int k = 0; k < place->n_shares; k++) {
      if (fetches->hosts[i] == place->shares[k].host)
        continue;
      tw_route route = fetches->site->network.route(fetches->site->network.state, fetches->hosts[i],
                                                    tw_share_endpoint(&place->shares[k]));
      double sent = bytes / fetches->n_hosts, got = bytes * place->shares[k].accelerators / accelerators;
      longest_s = fmax(longest_s, route.latency_s + fmax(sent, got) / route.bytes_per_s);
    }
  }
  return longest_s;
}

/* The pieces in the store, behind what the engine holds, in the order of the prompt; NULL if they are not
 * worth it. Further ones that the engine's hosts hold count for what they save. */
static GArray *find_pieces(const tw_fetches *fetches, const tw_request *request, int engine, int rank,
                           double now_s, double *bytes)
{
  const tw_offload *offload = tw_engine_offload(fetches->site->engines[engine]);
  const tw_prefix_cache *cache = tw_engine_prefixes(fetches->site->engines[engine], rank);
  tw_prefix_hit hit = tw_prefix_cache_find(cache, request);
  tw_prefix_piece piece = tw_prefix_piece_of(cache, &hit);
  gint64 here = hit.tokens / cache->block_tokens, behind = 0;
  g_autoptr(GArray) pieces = g_array_new(FALSE, FALSE, sizeof(tw_kv_piece));
  *bytes = 0;
  while (tw_prefix_piece_next(cache, request, request->prompt_tokens - 1, &piece)) {
    gboolean in_hosts = tw_kv_tier_find(offload->host, piece.chain, now_s) != NULL;
    if (!in_hosts) {
      const tw_kv_piece *stored = tw_kv_tier_find(fetches->store, piece.chain, now_s);
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

/* Each storage host has an equal part, of which each share of the engine has one by its accelerators. */
static void add_flows(const tw_fetches *fetches, fetch *f)
{
  const tw_network *network = &fetches->site->network;
  const tw_engine_place *place = fetches->site->seats[f->engine].place;
  double accelerators = 0;
  for (int k = 0; k < place->n_shares; k++)
    accelerators += place->shares[k].accelerators;
  for (int i = 0; i < fetches->n_hosts; i++)
    for (int k = 0; k < place->n_shares; k++) {
      gboolean up = f->sequence != NULL;
      int storage = fetches->hosts[i], share = tw_share_endpoint(&place->shares[k]);
      int from = up ? storage : share, to = up ? share : storage;
      if (storage == place->shares[k].host)
        continue;
      double part = place->shares[k].accelerators / accelerators / fetches->n_hosts;
      tw_flow flow = {
          .from = from, .to = to, .bytes = f->bytes * part, .kind = TW_FLOW_KV, .start_s = f->start_s};
      tw_shipment_add(&f->shipment, &flow, network->route(network->state, from, to).latency_s, -1);
    }
}

/* When the media have served a transfer that begins at now_s. */
static double served_s(tw_fetches *fetches, tw_medium_direction direction, double bytes, double now_s)
{
  double last_s = now_s;
  for (int i = 0; i < fetches->n_hosts; i++)
    last_s = fmax(last_s, tw_medium_serve(&fetches->media[i], direction, bytes / fetches->n_hosts, now_s));
  return last_s;
}

static fetch *fetch_new(tw_fetches *fetches, tw_sequence *sequence, int engine, GArray *pieces, double bytes,
                        double start_s)
{
  fetch *f = g_new0(fetch, 1);
  *f = (fetch){.sequence = sequence, .engine = engine, .pieces = pieces, .bytes = bytes, .start_s = start_s};
  tw_medium_direction direction = sequence != NULL ? TW_MEDIUM_READ : TW_MEDIUM_WRITE;
  tw_shipment_init(&f->shipment, &fetches->shipments, served_s(fetches, direction, bytes, start_s),
                   sequence != NULL ? sequence->ticket : G_MAXUINT64 - fetches->copies++);
  add_flows(fetches, f);
  return f;
}

/* Copies on what the store has not: it has room for it from now on, and has it when it has come. */
static void copy_down(tw_fetches *fetches, int engine, const tw_kv_piece *pieces, guint n)
{
  g_autoptr(GArray) down = g_array_new(FALSE, FALSE, sizeof(tw_kv_piece));
  double bytes = 0, start_s = 0;
  for (guint i = 0; i < n; i++) {
    tw_kv_piece piece = pieces[i];
    piece.ready_s = INFINITY;
    if (!tw_kv_tier_put(fetches->store, &piece))
      continue;
    bytes += (double)piece.bytes;
    start_s = fmax(start_s, pieces[i].ready_s);
    g_array_append_val(down, piece);
  }
  if (bytes <= 0)
    return;
  fetch *f = fetch_new(fetches, NULL, engine, g_steal_pointer(&down), bytes, start_s);
  tw_shipment_begin(&f->shipment, pieces[0].used_s);
}

void tw_fetches_spilled(tw_fetches *fetches, int engine, const tw_kv_piece *pieces, guint n)
{
  const tw_pool *pool = fetches->site->seats[engine].pool;
  if (fetches->unreachable > 0)
    return;
  if (pool->store && pool->plan.offload.write == TW_OFFLOAD_THROUGH) {
    copy_down(fetches, engine, pieces, n);
  } else if (pool->store) {
    tw_kv_piece kept = *pieces;
    kept.fetched = FALSE;
    tw_kv_tier_put(fetches->store, &kept);
  }
}

gboolean tw_fetches_begin(tw_fetches *fetches, tw_sequence *sequence, int engine, double now_s)
{
  double bytes;
  if (!fetches->site->seats[engine].pool->store || sequence->request.n_hashes == 0 ||
      fetches->unreachable > 0)
    return FALSE;
  for (int i = 0; i < fetches->site->n_engines; i++)
    tw_engine_catch_up(fetches->site->engines[i], now_s);
  if (sequence->rank < 0)
    sequence->rank = tw_engine_choose(fetches->site->engines[engine], &sequence->request, now_s);
  GArray *pieces = find_pieces(fetches, &sequence->request, engine, sequence->rank, now_s, &bytes);
  if (pieces == NULL)
    return FALSE;
  tw_engine_expect(fetches->site->engines[engine], sequence, 1);
  fetch *f = fetch_new(fetches, sequence, engine, pieces, bytes, now_s);
  for (guint i = 0; i < pieces->len; i++) {
    tw_kv_piece *piece = &g_array_index(pieces, tw_kv_piece, i);
    piece->used_s = now_s;
    tw_kv_tier_put(fetches->store, piece); /* the store has it already: this marks it as used again */
    piece->fetched = TRUE;
  }
  tw_shipment_begin(&f->shipment, now_s);
  return TRUE;
}

/* The sequence has its pieces in the memory of the hosts of its engine. */
static void tell_fetched(const tw_site *site, const fetch *f, double now_s)
{
  tw_segment_row row = tw_segment_row_empty;
  row.engine = f->engine;
  row.kind = "fetch";
  row.start_s = f->start_s;
  row.end_s = now_s;
  row.requests = 1;
  row.tokens = 0;
  row.bytes = (gint64)f->bytes;
  tw_recorder_segment(site->recorder, &row);
  tw_dispatcher_fetched(site->dispatcher, f->sequence, f->engine, now_s);
}

/* All pieces of a fetch have come. */
static void arrive(tw_fetches *fetches, fetch *f, double now_s)
{
  if (f->sequence == NULL) {
    for (guint i = 0; i < f->pieces->len; i++)
      tw_kv_tier_written(fetches->store, g_array_index(f->pieces, tw_kv_piece, i).chain, now_s);
    free_fetch(fetches, f);
    return;
  }
  for (guint i = 0; i < f->pieces->len; i++)
    g_array_index(f->pieces, tw_kv_piece, i).used_s = now_s;
  tw_engine_fetched(fetches->site->engines[f->engine], &g_array_index(f->pieces, tw_kv_piece, 0),
                    f->pieces->len, now_s);
  tw_engine_expect(fetches->site->engines[f->engine], f->sequence, -1);
  tell_fetched(fetches->site, f, now_s);
  free_fetch(fetches, f);
}

/* Gives up a fetch that was on its way, so that nothing is written. Returns the sequence that waited for it, or
 * NULL. */
static tw_sequence *give_up(tw_fetches *fetches, fetch *f)
{
  tw_sequence *sequence = f->sequence;
  tw_shipment_cancel(&f->shipment);
  if (sequence != NULL)
    tw_engine_expect(fetches->site->engines[f->engine], sequence, -1);
  for (guint i = 0; sequence == NULL && i < f->pieces->len; i++)
    tw_kv_tier_take(fetches->store, g_array_index(f->pieces, tw_kv_piece, i).chain);
  free_fetch(fetches, f);
  return sequence;
}

void tw_fetches_set_reachable(tw_fetches *fetches, int host, gboolean reachable, double now_s)
{
  int i = 0;
  while (i < fetches->n_hosts && fetches->hosts[i] != host)
    i++;
  if (i == fetches->n_hosts)
    return;
  fetches->unreachable += reachable ? -1 : 1;
  for (GList *link = fetches->all.head, *next; fetches->unreachable > 0 && link != NULL; link = next) {
    next = link->next;
    int engine = ((const fetch *)link->data)->engine;
    tw_sequence *sequence = give_up(fetches, link->data);
    if (sequence != NULL)
      tw_dispatcher_fetched(fetches->site->dispatcher, sequence, engine, now_s);
  }
}

void tw_fetches_fail(tw_fetches *fetches, int engine, GPtrArray *lost)
{
  for (GList *link = fetches->all.head, *next; link != NULL; link = next) {
    fetch *f = link->data;
    next = link->next;
    if (f->engine != engine)
      continue;
    tw_sequence *sequence = give_up(fetches, f);
    if (sequence != NULL)
      g_ptr_array_add(lost, sequence);
  }
}

/* ---- The part ---- */

static void *new_part(tw_site *site)
{
  const tw_platform *platform = site->scenario->platform;
  double bytes = 0;
  int storing = 0; /* an engine whose pool has the store: they all keep it alike */
  if (!tw_fetches_needed(site->scenario))
    return NULL;
  while (!site->seats[storing].pool->store)
    storing++;
  const tw_offload_config *rules = &site->seats[storing].pool->plan.offload;
  tw_fetches *fetches = site->fetches = g_new(tw_fetches, 1);
  *fetches = (tw_fetches){.site = site,
                          .hosts = g_new(int, (gsize)platform->n_hosts),
                          .media = g_new0(tw_medium_use, (gsize)platform->n_hosts)};
  for (int i = 0; i < platform->n_hosts; i++)
    if (platform->hosts[i].kv_bytes > 0) {
      bytes += platform->hosts[i].kv_bytes;
      fetches->media[fetches->n_hosts].medium = &platform->hosts[i].medium;
      fetches->hosts[fetches->n_hosts++] = i;
    }
  fetches->store = tw_kv_tier_new(&(tw_kv_tier_config){.capacity_bytes = (gint64)bytes,
                                                       .policy = rules->policy,
                                                       .admission = rules->admission,
                                                       .ttl_s = rules->ttl_s});
  tw_shipments_init(&fetches->shipments, &site->network, NULL);
  return fetches;
}

static double due(const void *part)
{
  return tw_shipments_due(&((const tw_fetches *)part)->shipments);
}

static gboolean step(void *part, double now_s, GError **error)
{
  (void)error;
  tw_fetches *fetches = part;
  tw_shipment *shipment = tw_shipments_step(&fetches->shipments);
  if (shipment != NULL)
    arrive(fetches, tw_container(shipment, fetch, shipment), now_s);
  return TRUE;
}

static void start_flows(void *part)
{
  tw_shipments_start_flows(&((tw_fetches *)part)->shipments);
}

static int under_way(const void *part)
{
  return ((const tw_fetches *)part)->shipments.flows;
}

static void explain(const void *part, GPtrArray *lines)
{
  guint under_way = 0;
  for (GList *link = ((const tw_fetches *)part)->shipments.under_way.head; link != NULL; link = link->next)
    under_way += tw_container(link->data, fetch, shipment)->sequence != NULL;
  if (under_way > 0)
    g_ptr_array_add(lines, g_strdup_printf("%u requests wait for their prefixes from the store", under_way));
}

static void evict(void *part, GPtrArray *sequences, double end_s)
{
  tw_fetches *fetches = part;
  (void)end_s;
  for (tw_shipment *shipment; (shipment = tw_shipments_pop(&fetches->shipments)) != NULL;) {
    fetch *f = tw_container(shipment, fetch, shipment);
    if (f->sequence != NULL)
      g_ptr_array_add(sequences, f->sequence);
    free_fetch(fetches, f);
  }
}

static void free_part(void *part)
{
  tw_fetches *fetches = part;
  g_autoptr(GPtrArray) left = g_ptr_array_new_with_free_func((GDestroyNotify)tw_sequence_free);
  evict(part, left, NAN);
  tw_shipments_clear(&fetches->shipments);
  tw_kv_tier_free(fetches->store);
  g_free(fetches->hosts);
  g_free(fetches->media);
  g_free(fetches);
}

const tw_part_kind tw_fetches_part = {.name = "fetches",
                                      .new = new_part,
                                      .due = due,
                                      .step = step,
                                      .start_flows = start_flows,
                                      .under_way = under_way,
                                      .explain = explain,
                                      .evict = evict,
                                      .free = free_part};
