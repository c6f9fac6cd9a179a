#include "sim/site/kv_transfers.h"

#include "sim/network/shipment.h"
#include "sim/site/agenda.h"
#include "sim/site/dispatcher.h"

#include <math.h>

/* The share of a cache that goes between two endpoints when it moves between two ranks of engines. */
typedef struct share {
  int from, to;
  double fraction; /* relative to one copy of the cache; more than 1 in all where ranks hold copies */
} share;

typedef struct path {
  GArray *shares;         /* array of share, between different hosts */
  double inside_fraction; /* the most that an accelerator takes from its own host */
} path;

/* The key of a path: it leads from a rank of one engine to a rank of another. */
typedef struct path_key {
  int from, from_rank, to, to_rank;
} path_key;

typedef struct transfer {
  tw_shipment shipment;
  tw_kv_transfers *transfers;
  tw_sequence *sequence;
  int from, from_rank, to_rank;
  gboolean handed_over; /* the sequence is ours: its prompt is complete */
  double bytes;         /* over all flows, and inside hosts */
} transfer;

struct tw_kv_transfers {
  const tw_seat *seats;
  int n_engines;
  tw_engine *const *engines;
  tw_network network;
  tw_kv_transfer_listener listener;
  GQueue *waiting; /* for each decode engine, the sequences that wait for blocks there */
  tw_shipments shipments;
  GHashTable *early; /* tw_sequence -> transfer that has begun before it was handed over */
  GHashTable *paths; /* path_key -> path */
};

/* ---- Paths ---- */

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
  path *p = pointer;
  g_array_unref(p->shares);
  g_free(p);
}

static const tw_pool *pool_of(const tw_kv_transfers *transfers, int engine)
{
  return transfers->seats[engine].pool;
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
    share *s = &g_array_index(all, share, i);
    if (s->from == from && s->to == to) {
      s->fraction += fraction;
      return;
    }
  }
  share s = {from, to, fraction};
  g_array_append_val(all, s);
}

/* Adds what accelerator k of a stage takes from the stages and ranks of the other engine. */
static void add_accelerator(const tw_kv_transfers *transfers, path *p, int from, int from_rank, int to,
                            int to_rank, gint64 stage, gint64 k)
{
  const tw_pool *source = pool_of(transfers, from), *target = pool_of(transfers, to);
  const tw_engine_place *source_place = transfers->seats[from].place, *place = transfers->seats[to].place;
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

static const path *find_path(tw_kv_transfers *transfers, int from, int from_rank, int to, int to_rank)
{
  path_key key = {from, from_rank, to, to_rank};
  path *found = g_hash_table_lookup(transfers->paths, &key);
  if (found != NULL)
    return found;
  const tw_pool *target = pool_of(transfers, to);
  found = g_new0(path, 1);
  found->shares = g_array_new(FALSE, FALSE, sizeof(share));
  for (gint64 stage = 0; stage < target->pp; stage++)
    for (gint64 k = 0; k < target->tp; k++)
      add_accelerator(transfers, found, from, from_rank, to, to_rank, stage, k);
  g_hash_table_insert(transfers->paths, g_memdup2(&key, sizeof key), found);
  return found;
}

/* The bytes of one copy of the KV of a prompt, and of the state behind it; layers with a window keep no more than it.
 */
static double cache_bytes(const tw_pool *pool, gint64 tokens)
{
  return tw_model_cache_bytes(pool->model, tw_precision_bytes((tw_precision)pool->kv), tokens, pool->tp);
}

static double inside_s(const path *p, const tw_pool *pool, double bytes)
{
  return p->inside_fraction > 0 ? pool->device->scale_up_latency_s +
                                      bytes * p->inside_fraction / tw_device_pair_bytes_per_s(pool->device)
                                : 0;
}

double tw_kv_transfers_estimate_s(tw_kv_transfers *transfers, int from, int to, gint64 tokens)
{
  const path *p = find_path(transfers, from, 0, to, 0);
  double bytes = cache_bytes(pool_of(transfers, from), tokens);
  double time_s = inside_s(p, pool_of(transfers, to), bytes);
  for (guint i = 0; i < p->shares->len; i++) {
    const share *s = &g_array_index(p->shares, share, i);
    tw_route route = transfers->network.route(transfers->network.state, s->from, s->to);
    time_s = fmax(time_s, route.latency_s + bytes * s->fraction / route.bytes_per_s);
  }
  return time_s;
}

/* ---- Life ---- */

static void all_has_come(tw_shipment *shipment);

tw_kv_transfers *tw_kv_transfers_new(const tw_seat *seats, int n_engines, tw_engine *const *engines,
                                     const tw_network *network, const tw_kv_transfer_listener *listener)
{
  tw_kv_transfers *transfers = g_new0(tw_kv_transfers, 1);
  *transfers = (tw_kv_transfers){
      .seats = seats,
      .n_engines = n_engines,
      .engines = engines,
      .network = *network,
      .listener = *listener,
      .waiting = g_new0(GQueue, (gsize)n_engines),
      .early = g_hash_table_new(NULL, NULL),
      .paths = g_hash_table_new_full(hash_key, equal_keys, g_free, free_path),
  };
  for (int i = 0; i < n_engines; i++)
    g_queue_init(&transfers->waiting[i]);
  tw_shipments_init(&transfers->shipments, network, all_has_come);
  return transfers;
}

static void free_transfer(transfer *t)
{
  tw_shipment_clear(&t->shipment);
  g_free(t);
}

void tw_kv_transfers_free(tw_kv_transfers *transfers)
{
  if (transfers == NULL)
    return;
  g_autoptr(GPtrArray) left = g_ptr_array_new_with_free_func((GDestroyNotify)tw_sequence_free);
  tw_kv_transfers_evict(transfers, left);
  tw_shipments_clear(&transfers->shipments);
  g_free(transfers->waiting);
  g_hash_table_unref(transfers->early);
  g_hash_table_unref(transfers->paths);
  g_free(transfers);
}

/* ---- Transfers ---- */

static void all_has_come(tw_shipment *shipment)
{
  transfer *t = tw_container(shipment, transfer, shipment);
  if (t->handed_over)
    tw_shipment_schedule(shipment);
}

/* The transfer of a sequence whose engine computes its prompt in `from_rank`; of what is there at ready_s. */
static transfer *new_transfer(tw_kv_transfers *transfers, tw_sequence *sequence, int from_rank, int to_rank,
                              double ready_s)
{
  transfer *t = g_new0(transfer, 1);
  *t = (transfer){.transfers = transfers,
                  .sequence = sequence,
                  .from = sequence->prefill_engine,
                  .from_rank = from_rank,
                  .to_rank = to_rank};
  tw_shipment_init(&t->shipment, &transfers->shipments, ready_s, sequence->ticket);
  return t;
}

/* Adds the flow between the k-th pair of hosts of a part of the cache that leaves at start_s. */
static int add_flow(transfer *t, const path *p, guint k, double bytes, double start_s, int after)
{
  const tw_network *network = &t->transfers->network;
  const share *s = &g_array_index(p->shares, share, k);
  tw_flow flow = {
      .from = s->from, .to = s->to, .bytes = bytes * s->fraction, .kind = TW_FLOW_KV, .start_s = start_s};
  double latency_s = network->route(network->state, s->from, s->to).latency_s;
  return tw_shipment_add(&t->shipment, &flow, latency_s, after);
}

static void begin(transfer *t, const path *p, double bytes, double now_s)
{
  t->bytes = bytes * p->inside_fraction + tw_shipment_bytes(&t->shipment);
  tw_shipment_begin(&t->shipment, now_s);
}

/* The blocks are reserved in `to_rank`, and the cache leaves. */
static void begin_whole(tw_kv_transfers *transfers, tw_sequence *sequence, int to_rank, double now_s)
{
  int from = sequence->prefill_engine, to = sequence->decode_engine;
  const path *p = find_path(transfers, from, sequence->prefill_rank, to, to_rank);
  double bytes = cache_bytes(pool_of(transfers, from), sequence->request.prompt_tokens);
  double ready_s = now_s + inside_s(p, pool_of(transfers, to), bytes);
  transfer *t = new_transfer(transfers, sequence, sequence->prefill_rank, to_rank, ready_s);
  t->handed_over = TRUE;
  sequence->transfer_start_s = now_s;
  for (guint k = 0; k < p->shares->len; k++)
    add_flow(t, p, k, bytes, now_s, -1);
  begin(t, p, bytes, now_s);
}

/* The blocks are reserved in `to_rank`, and the cache leaves layer by layer. */
static void begin_layered(tw_kv_transfers *transfers, tw_sequence *sequence, int to_rank, double start_s,
                          double end_s)
{
  int from = sequence->prefill_engine, to = sequence->decode_engine;
  const path *p = find_path(transfers, from, sequence->rank, to, to_rank);
  double bytes = cache_bytes(pool_of(transfers, from), sequence->request.prompt_tokens);
  double layers = (double)pool_of(transfers, from)->model->layers;
  double first_s = start_s + (end_s - start_s) / layers;
  double ready_s = fmax(first_s + inside_s(p, pool_of(transfers, to), bytes),
                        end_s + inside_s(p, pool_of(transfers, to), bytes / layers));
  transfer *t = new_transfer(transfers, sequence, sequence->rank, to_rank, ready_s);
  sequence->transfer_start_s = first_s;
  for (guint k = 0; k < p->shares->len; k++) {
    int first = layers > 1 ? add_flow(t, p, k, bytes * (layers - 1) / layers, first_s, -1) : -1;
    add_flow(t, p, k, bytes / layers, end_s, first);
  }
  g_hash_table_insert(transfers->early, sequence, t);
  begin(t, p, bytes, start_s);
}

/* Reserves blocks for a sequence at its decode engine: the rank, or -1. */
static int reserve(tw_kv_transfers *transfers, const tw_sequence *sequence, double now_s)
{
  int to = sequence->decode_engine;
  int rank = tw_engine_reserve(transfers->engines[to], &sequence->request, now_s);
  if (rank >= 0)
    transfers->listener.moved(transfers->listener.user, to);
  return rank;
}

/* Tries to reserve blocks for a sequence, and begins its transfer. */
static gboolean try(tw_kv_transfers *transfers, tw_sequence *sequence, double now_s)
{
  int rank = reserve(transfers, sequence, now_s);
  if (rank >= 0)
    begin_whole(transfers, sequence, rank, now_s);
  return rank >= 0;
}

void tw_kv_transfers_completing(tw_kv_transfers *transfers, tw_sequence *sequence, double start_s,
                                double end_s)
{
  gboolean decodes = sequence->decode_engine >= 0 && tw_request_output_tokens(&sequence->request) > 1;
  if (!decodes || transfers->waiting[sequence->decode_engine].length > 0)
    return;
  int rank = reserve(transfers, sequence, start_s);
  if (rank >= 0)
    begin_layered(transfers, sequence, rank, start_s, end_s);
}

void tw_kv_transfers_hand_over(tw_kv_transfers *transfers, tw_sequence *sequence, double now_s)
{
  GQueue *waiting = &transfers->waiting[sequence->decode_engine];
  transfer *early = g_hash_table_lookup(transfers->early, sequence);
  sequence->prefill_rank = sequence->rank;
  if (early != NULL) {
    g_hash_table_remove(transfers->early, sequence);
    early->handed_over = TRUE;
    if (early->shipment.flows_left == 0)
      tw_shipment_schedule(&early->shipment);
  } else if (waiting->length > 0 || !try(transfers, sequence, now_s)) {
    g_queue_push_tail(waiting, sequence);
  }
}

void tw_kv_transfers_retry(tw_kv_transfers *transfers, int engine, double now_s)
{
  GQueue *waiting = &transfers->waiting[engine];
  while (waiting->length > 0 && try(transfers, waiting->head->data, now_s))
    g_queue_pop_head(waiting);
}

double tw_kv_transfers_due(const tw_kv_transfers *transfers)
{
  return tw_shipments_due(&transfers->shipments);
}

static void deliver(tw_kv_transfers *transfers, transfer *t, double now_s)
{
  tw_sequence *sequence = t->sequence;
  sequence->transfer_end_s = now_s;
  tw_engine_release(transfers->engines[t->from], t->from_rank, sequence, now_s);
  transfers->listener.moved(transfers->listener.user, t->from);
  transfers->listener.delivered(transfers->listener.user, sequence, t->from, t->bytes);
  sequence->rank = t->to_rank;
  tw_engine_deliver(transfers->engines[sequence->decode_engine], sequence, now_s);
  transfers->listener.moved(transfers->listener.user, sequence->decode_engine);
  free_transfer(t);
}

void tw_kv_transfers_step(tw_kv_transfers *transfers)
{
  double now_s = tw_kv_transfers_due(transfers);
  tw_shipment *shipment = tw_shipments_step(&transfers->shipments);
  if (shipment != NULL)
    deliver(transfers, tw_container(shipment, transfer, shipment), now_s);
}

void tw_kv_transfers_start_flows(tw_kv_transfers *transfers)
{
  tw_shipments_start_flows(&transfers->shipments);
}

void tw_kv_transfers_evict(tw_kv_transfers *transfers, GPtrArray *sequences)
{
  g_hash_table_remove_all(transfers->early);
  for (tw_shipment *shipment; (shipment = tw_shipments_pop(&transfers->shipments)) != NULL;) {
    transfer *t = tw_container(shipment, transfer, shipment);
    if (t->handed_over) /* else its engine has it */
      g_ptr_array_add(sequences, t->sequence);
    free_transfer(t);
  }
  for (int i = 0; i < transfers->n_engines; i++)
    for (tw_sequence *s; (s = g_queue_pop_head(&transfers->waiting[i])) != NULL;)
      g_ptr_array_add(sequences, s);
}

/* ---- The part ---- */

static void engine_moved(void *user, int engine)
{
  tw_agenda_touch(((tw_site *)user)->agenda, engine);
}

static void sequence_delivered(void *user, const tw_sequence *sequence, int from, double bytes)
{
  const tw_site *site = user;
  tw_dispatcher_left(site->dispatcher, sequence, from);
  tw_segment_row row = tw_segment_row_empty;
  row.engine = sequence->decode_engine;
  row.kind = "transfer";
  row.start_s = sequence->transfer_start_s;
  row.end_s = sequence->transfer_end_s;
  row.requests = 1;
  row.tokens = sequence->request.prompt_tokens;
  row.bytes = (gint64)(bytes + 0.5);
  tw_recorder_segment(site->recorder, &row);
}

static void *new_part(tw_site *site)
{
  tw_kv_transfer_listener listener = {engine_moved, sequence_delivered, site};
  for (int i = 0; i < site->n_engines && site->transfers == NULL; i++)
    if (site->seats[i].pool->role == TW_POOL_DECODE)
      site->transfers =
          tw_kv_transfers_new(site->seats, site->n_engines, site->engines, &site->network, &listener);
  return site->transfers;
}

static double due(const void *part)
{
  return tw_kv_transfers_due(part);
}

static gboolean step(void *part, double now_s, GError **error)
{
  (void)now_s, (void)error;
  tw_kv_transfers_step(part);
  return TRUE;
}

static void start_flows(void *part)
{
  tw_kv_transfers_start_flows(part);
}

static int under_way(const void *part)
{
  return ((const tw_kv_transfers *)part)->shipments.flows;
}

static void explain(const void *part, GPtrArray *lines)
{
  const tw_kv_transfers *transfers = part;
  guint under_way = transfers->shipments.under_way.length;
  if (under_way > 0)
    g_ptr_array_add(lines, g_strdup_printf("%u KV caches are under way between engines", under_way));
  for (int i = 0; i < transfers->n_engines; i++)
    if (transfers->waiting[i].length > 0)
      g_ptr_array_add(lines, g_strdup_printf("%u complete prompts wait for KV blocks of engine %d",
                                             transfers->waiting[i].length, i));
}

static void evict(void *part, GPtrArray *sequences, double end_s)
{
  (void)end_s;
  tw_kv_transfers_evict(part, sequences);
}

static void free_part(void *part)
{
  tw_kv_transfers_free(part);
}

const tw_part_kind tw_kv_transfers_part = {.name = "transfers",
                                           .new = new_part,
                                           .due = due,
                                           .step = step,
                                           .start_flows = start_flows,
                                           .under_way = under_way,
                                           .explain = explain,
                                           .evict = evict,
                                           .free = free_part};
