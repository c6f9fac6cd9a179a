#include "sim/site/transfers.h"

#include <math.h>

/* What goes between two endpoints when a cache moves between two ranks of engines. */
typedef struct share {
  int from, to;
  double fraction; /* of one copy of the cache; more than 1 in all where ranks hold copies */
} share;

typedef struct path {
  GArray *shares;         /* of share, between different hosts */
  double inside_fraction; /* the most that an accelerator takes from its own host */
} path;

typedef struct transfer {
  tw_transfers *transfers;
  tw_sequence *sequence;
  int from, from_rank, to_rank;
  gboolean handed_over; /* the sequence is ours: its prompt is complete */
  double bytes;         /* over all flows, and inside hosts */
  double ready_s;       /* of what has come so far */
  int n_flows, flows_left;
  struct transfer_flow *flows;
  GList link;        /* in transfers->under_way */
  tw_heap_node node; /* by ready_s */
} transfer;

typedef struct transfer_flow {
  tw_flow flow;
  double latency_s;
  transfer *transfer;
  struct transfer_flow *next; /* the last layer, which follows; NULL: none */
  tw_heap_node node;          /* until it starts, by flow.start_s */
} transfer_flow;

struct tw_transfers {
  const tw_scenario *scenario;
  tw_engine *const *engines;
  tw_network network;
  tw_transfer_listener listener;
  GQueue *waiting; /* of each decode engine: sequences that wait for blocks there */
  GQueue starting; /* of transfer_flow, to be started between events */
  GQueue inside;   /* of transfers all of which has come, to be scheduled then */
  GQueue under_way;
  int flows;     /* that have started, or are about to between events; and transfers in `inside` */
  gboolean news; /* flows have been given a start, of which the listener is to hear between events */
  tw_heap starts, due;
  GHashTable *early; /* tw_sequence -> transfer that has begun before it was handed over */
  GHashTable *paths; /* path_key -> path */
};

/* ---- Paths ---- */

typedef struct path_key {
  int from, from_rank, to, to_rank;
} path_key;

static guint path_key_hash(gconstpointer key)
{
  const path_key *k = key;
  guint64 mixed = (guint64)(guint)k->from * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15) + (guint)k->to;
  mixed = mixed * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15) + (guint)k->from_rank;
  mixed = mixed * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15) + (guint)k->to_rank;
  return (guint)(mixed >> 32);
}

static gboolean path_key_equal(gconstpointer a, gconstpointer b)
{
  return memcmp(a, b, sizeof(path_key)) == 0;
}

static void free_path(gpointer pointer)
{
  path *p = pointer;
  g_array_unref(p->shares);
  g_free(p);
}

static const tw_pool *pool_of(const tw_transfers *transfers, int engine)
{
  return &transfers->scenario->pools[transfers->scenario->engines[engine].pool];
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
  return pool->model->attention == TW_ATTENTION_MLA ? 1 : MIN(pool->tp, pool->model->kv_heads);
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
static void add_accelerator(const tw_transfers *transfers, path *p, int from, int from_rank, int to,
                            int to_rank, gint64 stage, gint64 k)
{
  const tw_pool *source = pool_of(transfers, from), *target = pool_of(transfers, to);
  const tw_engine_place *places = transfers->scenario->engines;
  gint64 n = shards(target), m = shards(source), copies = source->tp / m;
  gint64 receiver = (to_rank * target->pp + stage) * target->tp + k;
  int host = tw_place_host(&places[to], receiver);
  double inside = 0;
  for (gint64 s = 0; s < source->pp; s++) {
    for (gint64 h = 0; h < m; h++) {
      double fraction = overlap(stage, target->pp, s, source->pp) * overlap(k * n / target->tp, n, h, m);
      if (fraction <= 0)
        continue;
      gint64 rank = h * copies + k % copies;
      gint64 sender = (from_rank * source->pp + s) * source->tp + rank;
      int theirs = tw_place_host(&places[from], sender);
      if (theirs == host)
        inside += fraction;
      else
        add_share(p->shares, tw_place_endpoint(&places[from], sender),
                  tw_place_endpoint(&places[to], receiver), fraction);
    }
  }
  p->inside_fraction = fmax(p->inside_fraction, inside);
}

static const path *find_path(tw_transfers *transfers, int from, int from_rank, int to, int to_rank)
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

/* Of one copy of the KV of a prompt; layers with a window keep no more than it. */
static double cache_bytes(const tw_pool *pool, gint64 tokens)
{
  const tw_model *model = pool->model;
  double windowed = (double)(model->window_layers * MIN(tokens, model->window));
  double full = (double)((model->layers - model->window_layers) * tokens);
  return (full + windowed) * tw_model_kv_numbers_per_layer(model) *
         tw_precision_bytes((tw_precision)pool->kv);
}

static double inside_s(const path *p, const tw_pool *pool, double bytes)
{
  return p->inside_fraction > 0 ? pool->device->scale_up_latency_s +
                                      bytes * p->inside_fraction / pool->device->scale_up_bytes_per_s
                                : 0;
}

double tw_transfers_estimate_s(tw_transfers *transfers, int from, int to, gint64 tokens)
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

tw_transfers *tw_transfers_new(const tw_scenario *scenario, tw_engine *const *engines,
                               const tw_network *network, const tw_transfer_listener *listener)
{
  tw_transfers *transfers = g_new0(tw_transfers, 1);
  *transfers = (tw_transfers){
      .scenario = scenario,
      .engines = engines,
      .network = *network,
      .listener = *listener,
      .waiting = g_new0(GQueue, (gsize)scenario->n_engines),
      .early = g_hash_table_new(NULL, NULL),
      .paths = g_hash_table_new_full(path_key_hash, path_key_equal, g_free, free_path),
  };
  for (int i = 0; i < scenario->n_engines; i++)
    g_queue_init(&transfers->waiting[i]);
  g_queue_init(&transfers->starting);
  g_queue_init(&transfers->inside);
  g_queue_init(&transfers->under_way);
  return transfers;
}

static void free_transfer(transfer *t)
{
  g_free(t->flows);
  g_free(t);
}

void tw_transfers_free(tw_transfers *transfers)
{
  if (transfers == NULL)
    return;
  g_autoptr(GPtrArray) left = g_ptr_array_new_with_free_func((GDestroyNotify)tw_sequence_free);
  tw_transfers_evict(transfers, left);
  g_free(transfers->waiting);
  g_hash_table_unref(transfers->early);
  g_hash_table_unref(transfers->paths);
  tw_heap_clear(&transfers->starts);
  tw_heap_clear(&transfers->due);
  g_free(transfers);
}

/* ---- Transfers ---- */

static void schedule(transfer *t)
{
  tw_transfers *transfers = t->transfers;
  g_queue_unlink(&transfers->under_way, &t->link);
  tw_heap_push(&transfers->due, &t->node, t->ready_s, t->sequence->ticket);
  transfers->listener.scheduled(transfers->listener.user);
}

/* Has a flow start at an instant that is not now. */
static void start_at(transfer_flow *f, double start_s)
{
  tw_transfers *transfers = f->transfer->transfers;
  f->flow.start_s = start_s;
  tw_heap_push(&transfers->starts, &f->node, start_s, f->transfer->sequence->ticket);
}

static void flow_ended(tw_flow *flow, double end_s)
{
  transfer_flow *f = (transfer_flow *)(void *)flow;
  transfer *t = f->transfer;
  tw_transfers *transfers = t->transfers;
  t->ready_s = fmax(t->ready_s, end_s + f->latency_s);
  t->flows_left--;
  transfers->flows--;
  if (f->next != NULL)
    start_at(f->next, fmax(f->next->flow.start_s, end_s));
  if (t->flows_left == 0 && t->handed_over)
    schedule(t);
  else if (f->next != NULL || transfers->flows == 0)
    transfers->listener.scheduled(transfers->listener.user);
}

/* A transfer in `parts` flows for each pair of hosts. */
static transfer *new_transfer(tw_transfers *transfers, tw_sequence *sequence, int from_rank, int to_rank,
                              const path *p, int parts)
{
  int n = parts * (int)p->shares->len;
  transfer *t = g_new0(transfer, 1);
  *t = (transfer){.transfers = transfers,
                  .sequence = sequence,
                  .from = sequence->prefill_engine,
                  .from_rank = from_rank,
                  .to_rank = to_rank,
                  .flows_left = n,
                  .flows = g_new0(transfer_flow, (gsize)n),
                  .link = {.data = t},
                  .node = {.place = TW_HEAP_OUT}};
  g_queue_push_tail_link(&transfers->under_way, &t->link);
  return t;
}

/* Makes the flows of a part of the cache that leaves at start_s. Returns the first of them. */
static transfer_flow *make_flows(transfer *t, const path *p, double bytes, double start_s)
{
  const tw_network *network = &t->transfers->network;
  transfer_flow *first = &t->flows[t->n_flows];
  t->bytes += bytes * p->inside_fraction;
  for (guint i = 0; i < p->shares->len; i++) {
    const share *s = &g_array_index(p->shares, share, i);
    tw_route route = network->route(network->state, s->from, s->to);
    transfer_flow *f = &t->flows[t->n_flows++];
    *f = (transfer_flow){{.from = s->from,
                          .to = s->to,
                          .bytes = bytes * s->fraction,
                          .kind = TW_FLOW_KV,
                          .start_s = start_s,
                          .ended = flow_ended},
                         route.latency_s,
                         t,
                         NULL,
                         {.place = TW_HEAP_OUT}};
    t->bytes += f->flow.bytes;
  }
  return first;
}

/* To be started between events. */
static void start_soon(tw_transfers *transfers, transfer_flow *f)
{
  g_queue_push_tail(&transfers->starting, f);
  transfers->flows++;
}

/* All of it has come. */
static void complete(transfer *t)
{
  g_queue_push_tail(&t->transfers->inside, t);
  t->transfers->flows++;
}

/* The blocks are reserved in `to_rank`, and the cache leaves. */
static void begin(tw_transfers *transfers, tw_sequence *sequence, int to_rank, double now_s)
{
  int from = sequence->prefill_engine, to = sequence->decode_engine;
  const path *p = find_path(transfers, from, sequence->prefill_rank, to, to_rank);
  double bytes = cache_bytes(pool_of(transfers, from), sequence->request.prompt_tokens);
  transfer *t = new_transfer(transfers, sequence, sequence->prefill_rank, to_rank, p, 1);
  t->handed_over = TRUE;
  t->ready_s = now_s + inside_s(p, pool_of(transfers, to), bytes);
  sequence->transfer_start_s = now_s;
  transfer_flow *flows = make_flows(t, p, bytes, now_s);
  for (int i = 0; i < t->n_flows; i++)
    start_soon(transfers, &flows[i]);
  if (t->flows_left == 0)
    complete(t);
}

/* The blocks are reserved in `to_rank`, and the cache leaves layer by layer. */
static void begin_layered(tw_transfers *transfers, tw_sequence *sequence, int to_rank, double start_s,
                          double end_s)
{
  int from = sequence->prefill_engine, to = sequence->decode_engine;
  const path *p = find_path(transfers, from, sequence->rank, to, to_rank);
  double bytes = cache_bytes(pool_of(transfers, from), sequence->request.prompt_tokens);
  double layers = (double)pool_of(transfers, from)->model->layers;
  double first_s = start_s + (end_s - start_s) / layers;
  transfer *t = new_transfer(transfers, sequence, sequence->rank, to_rank, p, layers > 1 ? 2 : 1);
  t->ready_s = fmax(first_s + inside_s(p, pool_of(transfers, to), bytes),
                    end_s + inside_s(p, pool_of(transfers, to), bytes / layers));
  sequence->transfer_start_s = first_s;
  transfer_flow *first = layers > 1 ? make_flows(t, p, bytes * (layers - 1) / layers, first_s) : NULL;
  transfer_flow *last = make_flows(t, p, bytes / layers, end_s);
  for (guint i = 0; i < p->shares->len; i++) {
    if (first != NULL)
      first[i].next = &last[i];
    start_at(first != NULL ? &first[i] : &last[i], first_s);
  }
  g_hash_table_insert(transfers->early, sequence, t);
  transfers->news = TRUE;
}

void tw_transfers_start_flows(tw_transfers *transfers)
{
  for (transfer *t; (t = g_queue_pop_head(&transfers->inside)) != NULL;) {
    transfers->flows--;
    schedule(t);
  }
  for (transfer_flow *f; (f = g_queue_pop_head(&transfers->starting)) != NULL;)
    transfers->network.start(transfers->network.state, &f->flow, f->flow.start_s);
  if (transfers->news) {
    transfers->news = FALSE;
    transfers->listener.scheduled(transfers->listener.user);
  }
}

/* Reserves blocks for a sequence at its decode engine: the rank, or -1. */
static int reserve(tw_transfers *transfers, const tw_sequence *sequence, double now_s)
{
  int to = sequence->decode_engine;
  int rank = tw_engine_reserve(transfers->engines[to], &sequence->request, now_s);
  if (rank >= 0)
    transfers->listener.moved(transfers->listener.user, to);
  return rank;
}

/* Tries to reserve blocks for a sequence, and begins its transfer. */
static gboolean try(tw_transfers *transfers, tw_sequence *sequence, double now_s)
{
  int rank = reserve(transfers, sequence, now_s);
  if (rank >= 0)
    begin(transfers, sequence, rank, now_s);
  return rank >= 0;
}

void tw_transfers_completing(tw_transfers *transfers, tw_sequence *sequence, double start_s, double end_s)
{
  gboolean decodes = sequence->decode_engine >= 0 && tw_request_output_tokens(&sequence->request) > 1;
  if (!decodes || transfers->waiting[sequence->decode_engine].length > 0)
    return;
  int rank = reserve(transfers, sequence, start_s);
  if (rank >= 0)
    begin_layered(transfers, sequence, rank, start_s, end_s);
}

void tw_transfers_hand_over(tw_transfers *transfers, tw_sequence *sequence, double now_s)
{
  GQueue *waiting = &transfers->waiting[sequence->decode_engine];
  transfer *early = g_hash_table_lookup(transfers->early, sequence);
  sequence->prefill_rank = sequence->rank;
  if (early != NULL) {
    g_hash_table_remove(transfers->early, sequence);
    early->handed_over = TRUE;
    if (early->flows_left == 0)
      complete(early);
  } else if (waiting->length > 0 || !try(transfers, sequence, now_s)) {
    g_queue_push_tail(waiting, sequence);
  }
}

void tw_transfers_retry(tw_transfers *transfers, int engine, double now_s)
{
  GQueue *waiting = &transfers->waiting[engine];
  while (waiting->length > 0 && try(transfers, waiting->head->data, now_s))
    g_queue_pop_head(waiting);
}

static double key_of(const tw_heap *heap)
{
  tw_heap_node *top = tw_heap_top(heap);
  return top != NULL ? top->key : INFINITY;
}

double tw_transfers_due(const tw_transfers *transfers)
{
  return fmin(key_of(&transfers->starts), key_of(&transfers->due));
}

static void deliver(tw_transfers *transfers, transfer *t, double now_s)
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

void tw_transfers_step(tw_transfers *transfers)
{
  tw_heap_node *delivery = tw_heap_top(&transfers->due), *start = tw_heap_top(&transfers->starts);
  if (start != NULL && start->key <= key_of(&transfers->due)) {
    tw_heap_remove(&transfers->starts, start);
    start_soon(transfers, tw_container(start, transfer_flow, node));
    return;
  }
  double now_s = delivery->key;
  tw_heap_remove(&transfers->due, delivery);
  deliver(transfers, tw_container(delivery, transfer, node), now_s);
}

int tw_transfers_under_way(const tw_transfers *transfers)
{
  return transfers->flows;
}

void tw_transfers_evict(tw_transfers *transfers, GPtrArray *sequences)
{
  g_queue_clear(&transfers->starting);
  g_queue_clear(&transfers->inside);
  for (tw_heap_node *top; (top = tw_heap_top(&transfers->starts)) != NULL;)
    tw_heap_remove(&transfers->starts, top);
  g_hash_table_remove_all(transfers->early);
  for (GList *link; (link = g_queue_pop_head_link(&transfers->under_way)) != NULL;) {
    transfer *t = link->data;
    if (t->handed_over) /* else its engine has it */
      g_ptr_array_add(sequences, t->sequence);
    free_transfer(t);
  }
  for (tw_heap_node *top; (top = tw_heap_top(&transfers->due)) != NULL;) {
    transfer *t = tw_container(top, transfer, node);
    tw_heap_remove(&transfers->due, top);
    g_ptr_array_add(sequences, t->sequence);
    free_transfer(t);
  }
  for (int i = 0; i < transfers->scenario->n_engines; i++)
    for (tw_sequence *s; (s = g_queue_pop_head(&transfers->waiting[i])) != NULL;)
      g_ptr_array_add(sequences, s);
}
