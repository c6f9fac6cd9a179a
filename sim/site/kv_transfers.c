#include "sim/site/kv_transfers.h"

#include "sim/network/shipment.h"
#include "sim/site/agenda.h"
#include "sim/site/dispatcher.h"
#include "sim/site/kv_paths.h"

#include <math.h>

typedef struct transfer {
  tw_shipment shipment;
  tw_kv_transfers *transfers;
  tw_sequence *sequence;
  int from, from_rank, to_rank;
  GList link;           /* in transfers->all */
  gboolean handed_over; /* the sequence is ours: its prompt is complete */
  double bytes;         /* over all flows, and inside hosts */
} transfer;

struct tw_kv_transfers {
  const tw_seat *seats;
  int n_engines;
  tw_engine *const *engines;
  tw_network network;
  tw_kv_transfer_listener listener;
  GQueue *waiting;  /* for each decode engine, the sequences that wait for blocks there */
  tw_heap expiries; /* The waiting sequences, by when they have waited too long; `waiting` is their node. */
  GQueue all;       /* queue of transfer, in the order of beginning */
  tw_shipments shipments;
  GHashTable *early; /* tw_sequence -> transfer that has begun before it was handed over */
  tw_kv_paths *paths;
};

static const tw_pool *pool_of(const tw_kv_transfers *transfers, int engine)
{
  return transfers->seats[engine].pool;
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
      .paths = tw_kv_paths_new(seats, n_engines, network),
  };
  for (int i = 0; i < n_engines; i++)
    g_queue_init(&transfers->waiting[i]);
  tw_shipments_init(&transfers->shipments, network, all_has_come);
  return transfers;
}

static void free_transfer(transfer *t)
{
  g_queue_unlink(&t->transfers->all, &t->link);
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
  tw_heap_clear(&transfers->expiries);
  g_free(transfers->waiting);
  g_hash_table_unref(transfers->early);
  tw_kv_paths_free(transfers->paths);
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
                  .to_rank = to_rank,
                  .link = {.data = t}};
  g_queue_push_tail_link(&transfers->all, &t->link);
  tw_shipment_init(&t->shipment, &transfers->shipments, ready_s, sequence->ticket);
  return t;
}

/* Adds the flow between the k-th pair of hosts of a part of the cache that leaves at start_s. */
static int add_flow(transfer *t, const tw_kv_path *p, guint k, double bytes, double start_s, int after)
{
  const tw_network *network = &t->transfers->network;
  const tw_kv_share *s = &g_array_index(p->shares, tw_kv_share, k);
  tw_flow flow = {
      .from = s->from, .to = s->to, .bytes = bytes * s->fraction, .kind = TW_FLOW_KV, .start_s = start_s};
  double latency_s = network->route(network->state, s->from, s->to).latency_s;
  return tw_shipment_add(&t->shipment, &flow, latency_s, after);
}

static void begin(transfer *t, const tw_kv_path *p, double bytes, double now_s)
{
  t->bytes = bytes * p->inside_fraction + tw_shipment_bytes(&t->shipment);
  tw_shipment_begin(&t->shipment, now_s);
}

/* The prompt's tokens whose KV its decode engine lacks. */
static gint64 tokens_to_send(const tw_sequence *sequence)
{
  return tw_sequence_prompt(sequence) - sequence->decode_cached;
}

/* The blocks are reserved in `to_rank`, and the cache leaves. */
static void begin_whole(tw_kv_transfers *transfers, tw_sequence *sequence, int to_rank, double now_s)
{
  int from = sequence->prefill_engine, to = sequence->decode_engine;
  const tw_kv_path *p = tw_kv_paths_find(transfers->paths, from, sequence->prefill_rank, to, to_rank);
  double bytes =
      tw_kv_cache_bytes(pool_of(transfers, from), pool_of(transfers, to), tokens_to_send(sequence));
  double ready_s = now_s + tw_kv_path_inside_s(p, pool_of(transfers, to), bytes);
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
  const tw_kv_path *p = tw_kv_paths_find(transfers->paths, from, sequence->rank, to, to_rank);
  double bytes =
      tw_kv_cache_bytes(pool_of(transfers, from), pool_of(transfers, to), tokens_to_send(sequence));
  double layers = (double)pool_of(transfers, from)->model->layers;
  double first_s = start_s + (end_s - start_s) / layers;
  double ready_s = fmax(first_s + tw_kv_path_inside_s(p, pool_of(transfers, to), bytes),
                        end_s + tw_kv_path_inside_s(p, pool_of(transfers, to), bytes / layers));
  transfer *t = new_transfer(transfers, sequence, sequence->rank, to_rank, ready_s);
  sequence->transfer_start_s = first_s;
  for (guint k = 0; k < p->shares->len; k++) {
    int first = layers > 1 ? add_flow(t, p, k, bytes * (layers - 1) / layers, first_s, -1) : -1;
    add_flow(t, p, k, bytes / layers, end_s, first);
  }
  g_hash_table_insert(transfers->early, sequence, t);
  begin(t, p, bytes, start_s);
}

/* Whether an engine takes KV: it does not while it is down, or yet to start. */
static gboolean takes(const tw_kv_transfers *transfers, int engine)
{
  tw_engine_state state = tw_engine_get_state(transfers->engines[engine]);
  return state == TW_ENGINE_SERVES || state == TW_ENGINE_DRAINS;
}

/* Reserves blocks for a sequence at its decode engine: the rank, or -1. */
static int reserve(tw_kv_transfers *transfers, tw_sequence *sequence, double now_s)
{
  int to = sequence->decode_engine;
  if (!takes(transfers, to))
    return -1;
  int rank = tw_engine_reserve(transfers->engines[to], sequence, now_s);
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

void tw_kv_transfers_completing(tw_kv_transfers *transfers, tw_sequence *sequence, double now_s,
                                double start_s, double end_s)
{
  /* The prompt of one that was resumed may emit the last token of all. */
  gboolean decodes = sequence->decode_engine >= 0 && tw_sequence_left(sequence) > 1;
  if (!decodes || transfers->waiting[sequence->decode_engine].length > 0)
    return;
  int rank = reserve(transfers, sequence, now_s);
  if (rank >= 0)
    begin_layered(transfers, sequence, rank, start_s, end_s);
}

/* A complete prompt begins to wait for blocks where it is to decode, or ends. */
static void begin_wait(tw_kv_transfers *transfers, tw_sequence *sequence, double now_s)
{
  g_queue_push_tail(&transfers->waiting[sequence->decode_engine], sequence);
  tw_heap_push(&transfers->expiries, &sequence->waiting,
               now_s + pool_of(transfers, sequence->prefill_engine)->kv_timeout_s, sequence->ticket);
}

static void end_wait(tw_kv_transfers *transfers, GList *link)
{
  tw_sequence *sequence = link->data;
  tw_heap_remove(&transfers->expiries, &sequence->waiting);
  g_queue_delete_link(&transfers->waiting[sequence->decode_engine], link);
}

/* A complete prompt that is not on its way yet waits for blocks, or goes. */
static void send(tw_kv_transfers *transfers, tw_sequence *sequence, double now_s)
{
  if (transfers->waiting[sequence->decode_engine].length > 0 || !try(transfers, sequence, now_s))
    begin_wait(transfers, sequence, now_s);
}

void tw_kv_transfers_hand_over(tw_kv_transfers *transfers, tw_sequence *sequence, double now_s)
{
  if (!takes(transfers, sequence->decode_engine) && transfers->listener.reassign != NULL)
    transfers->listener.reassign(transfers->listener.user, sequence, now_s);
  transfer *early = g_hash_table_lookup(transfers->early, sequence);
  sequence->prefill_rank = sequence->rank;
  if (early != NULL) {
    g_hash_table_remove(transfers->early, sequence);
    early->handed_over = TRUE;
    if (early->shipment.flows_left == 0)
      tw_shipment_schedule(&early->shipment);
  } else {
    send(transfers, sequence, now_s);
  }
}

/* The engine that computed a prompt has lost it. */
static void lose(tw_kv_transfers *transfers, transfer *t, GPtrArray *lost, double now_s)
{
  int to = t->sequence->decode_engine;
  tw_shipment_cancel(&t->shipment);
  tw_engine_withdraw(transfers->engines[to], t->to_rank, t->sequence, now_s);
  transfers->listener.moved(transfers->listener.user, to);
  if (t->handed_over)
    g_ptr_array_add(lost, t->sequence);
  else
    g_hash_table_remove(transfers->early, t->sequence);
  free_transfer(t);
}

/* The engine that was to decode a prompt has failed: the prompt is where it was computed. */
static void take_back(tw_kv_transfers *transfers, transfer *t, double now_s)
{
  tw_shipment_cancel(&t->shipment);
  t->sequence->transfer_start_s = NAN;
  t->sequence->decode_prefix = NULL;
  if (t->handed_over)
    begin_wait(transfers, t->sequence, now_s);
  else
    g_hash_table_remove(transfers->early, t->sequence);
  free_transfer(t);
}

void tw_kv_transfers_retry(tw_kv_transfers *transfers, int engine, double now_s)
{
  GQueue *waiting = &transfers->waiting[engine];
  while (waiting->length > 0 && try(transfers, waiting->head->data, now_s))
    end_wait(transfers, waiting->head);
}

void tw_kv_transfers_fail(tw_kv_transfers *transfers, int engine, GPtrArray *lost, double now_s)
{
  for (GList *link = transfers->all.head, *next; link != NULL; link = next) {
    transfer *t = link->data;
    next = link->next;
    if (t->from == engine)
      lose(transfers, t, lost, now_s);
    else if (t->sequence->decode_engine == engine)
      take_back(transfers, t, now_s);
  }
  for (int i = 0; i < transfers->n_engines; i++)
    for (GList *link = transfers->waiting[i].head, *next; link != NULL; link = next) {
      tw_sequence *sequence = link->data;
      next = link->next;
      if (sequence->prefill_engine != engine)
        continue;
      end_wait(transfers, link);
      g_ptr_array_add(lost, sequence);
    }
  for (int i = 0; i < transfers->n_engines; i++) /* there are blocks, or others are first */
    if (i != engine)
      tw_kv_transfers_retry(transfers, i, now_s);
}

guint tw_kv_transfers_waiting(const tw_kv_transfers *transfers)
{
  guint n = 0;
  for (int i = 0; i < transfers->n_engines; i++)
    n += transfers->waiting[i].length;
  return n;
}

void tw_kv_transfers_reroute(tw_kv_transfers *transfers, int engine, double now_s)
{
  for (guint n = transfers->waiting[engine].length; n > 0; n--) {
    tw_sequence *sequence = transfers->waiting[engine].head->data;
    end_wait(transfers, transfers->waiting[engine].head);
    transfers->listener.reassign(transfers->listener.user, sequence, now_s);
    send(transfers, sequence, now_s);
  }
}

/* The sequence that has waited longest has done so for too long: its engine frees its blocks. */
static void expire(tw_kv_transfers *transfers, tw_sequence *sequence, double now_s)
{
  int engine = sequence->decode_engine;
  end_wait(transfers, g_queue_find(&transfers->waiting[engine], sequence));
  tw_engine_release(transfers->engines[sequence->prefill_engine], sequence->prefill_rank, sequence, now_s);
  transfers->listener.moved(transfers->listener.user, sequence->prefill_engine);
  transfers->listener.expired(transfers->listener.user, sequence, now_s);
  tw_kv_transfers_retry(transfers, engine, now_s);
}

double tw_kv_transfers_estimate_s(tw_kv_transfers *transfers, int from, int to, gint64 tokens)
{
  return tw_kv_paths_estimate_s(transfers->paths, from, to, tokens);
}

static double next_expiry(const tw_kv_transfers *transfers)
{
  tw_heap_node *top = tw_heap_top(&transfers->expiries);
  return top != NULL ? top->key : INFINITY;
}

double tw_kv_transfers_due(const tw_kv_transfers *transfers)
{
  return fmin(tw_shipments_due(&transfers->shipments), next_expiry(transfers));
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
  if (next_expiry(transfers) == now_s) {
    expire(transfers, tw_container(tw_heap_top(&transfers->expiries), tw_sequence, waiting), now_s);
    return;
  }
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
    while (transfers->waiting[i].length > 0) {
      g_ptr_array_add(sequences, transfers->waiting[i].head->data);
      end_wait(transfers, transfers->waiting[i].head);
    }
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
  row.tokens = tokens_to_send(sequence);
  row.bytes = (gint64)(bytes + 0.5);
  tw_recorder_segment(site->recorder, &row);
}

static void sequence_expired(void *user, tw_sequence *sequence, double now_s)
{
  tw_dispatcher *dispatcher = ((tw_site *)user)->dispatcher;
  tw_dispatcher_lost(dispatcher, sequence, now_s);
  tw_dispatcher_failed(dispatcher, sequence, "its KV cache was not read in time", now_s);
}

static void decode_elsewhere(void *user, tw_sequence *sequence, double now_s)
{
  tw_dispatcher_reassign(((tw_site *)user)->dispatcher, sequence, now_s);
}

static void *new_part(tw_site *site)
{
  tw_kv_transfer_listener listener = {engine_moved, sequence_delivered, sequence_expired, decode_elsewhere,
                                      site};
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
