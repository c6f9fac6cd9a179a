#include "sim/transfers.h"

#include <math.h>

/* What goes between two hosts when a cache moves between two ranks of engines. */
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
  int from, from_rank;
  double bytes;   /* over all flows, and inside hosts */
  double ready_s; /* of what has come so far */
  int n_flows, flows_left;
  struct transfer_flow *flows;
  GList link;        /* in transfers->under_way */
  tw_heap_node node; /* by ready_s */
} transfer;

typedef struct transfer_flow {
  tw_flow flow;
  double latency_s;
  transfer *transfer;
} transfer_flow;

struct tw_transfers {
  const tw_scenario *scenario;
  tw_engine *const *engines;
  tw_network network;
  tw_transfer_listener listener;
  GQueue *waiting; /* of each decode engine: sequences that wait for blocks there */
  GQueue starting; /* of transfer_flow, to be started between events */
  GQueue inside;   /* of transfers that cross no link, to be scheduled then */
  GQueue under_way;
  tw_heap due;
  GHashTable *paths; /* path_key -> path */
};

/* ---- Paths ---- */

static guint64 path_key(int from, int from_rank, int to, int to_rank)
{
  return ((guint64)from << 40) ^ ((guint64)from_rank << 32) ^ ((guint64)to << 12) ^ (guint64)to_rank;
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
  int host = tw_place_host(&places[to], (to_rank * target->pp + stage) * target->tp + k);
  double inside = 0;
  for (gint64 s = 0; s < source->pp; s++) {
    for (gint64 h = 0; h < m; h++) {
      double fraction = overlap(stage, target->pp, s, source->pp) * overlap(k * n / target->tp, n, h, m);
      if (fraction <= 0)
        continue;
      gint64 rank = h * copies + k % copies;
      int theirs = tw_place_host(&places[from], (from_rank * source->pp + s) * source->tp + rank);
      if (theirs == host)
        inside += fraction;
      else
        add_share(p->shares, theirs, host, fraction);
    }
  }
  p->inside_fraction = fmax(p->inside_fraction, inside);
}

static const path *find_path(tw_transfers *transfers, int from, int from_rank, int to, int to_rank)
{
  guint64 key = path_key(from, from_rank, to, to_rank);
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
      .paths = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, free_path),
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
  g_hash_table_unref(transfers->paths);
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

static void flow_ended(tw_flow *flow, double end_s)
{
  transfer_flow *f = (transfer_flow *)(void *)flow;
  transfer *t = f->transfer;
  t->ready_s = fmax(t->ready_s, end_s + f->latency_s);
  if (--t->flows_left == 0)
    schedule(t);
}

/* The blocks are reserved: flows are made, and started between events. */
static void begin(tw_transfers *transfers, tw_sequence *sequence, double now_s)
{
  int from = sequence->prefill_engine, to = sequence->decode_engine;
  int from_rank = sequence->prefill_rank;
  const path *p = find_path(transfers, from, from_rank, to, sequence->rank);
  double bytes = cache_bytes(pool_of(transfers, from), sequence->request.prompt_tokens);
  transfer *t = g_new0(transfer, 1);
  *t = (transfer){.transfers = transfers,
                  .sequence = sequence,
                  .from = from,
                  .from_rank = from_rank,
                  .bytes = bytes * p->inside_fraction,
                  .ready_s = now_s + inside_s(p, pool_of(transfers, to), bytes),
                  .n_flows = (int)p->shares->len,
                  .flows_left = (int)p->shares->len,
                  .flows = g_new0(transfer_flow, p->shares->len),
                  .link = {.data = t},
                  .node = {.place = TW_HEAP_OUT}};
  sequence->transfer_start_s = now_s;
  g_queue_push_tail_link(&transfers->under_way, &t->link);
  for (guint i = 0; i < p->shares->len; i++) {
    const share *s = &g_array_index(p->shares, share, i);
    tw_route route = transfers->network.route(transfers->network.state, s->from, s->to);
    t->flows[i] = (transfer_flow){{.from = s->from,
                                   .to = s->to,
                                   .bytes = bytes * s->fraction,
                                   .kind = TW_FLOW_KV,
                                   .start_s = now_s,
                                   .ended = flow_ended},
                                  route.latency_s,
                                  t};
    t->bytes += t->flows[i].flow.bytes;
    g_queue_push_tail(&transfers->starting, &t->flows[i]);
  }
  if (t->n_flows == 0)
    g_queue_push_tail(&transfers->inside, t);
}

void tw_transfers_start_flows(tw_transfers *transfers)
{
  for (transfer *t; (t = g_queue_pop_head(&transfers->inside)) != NULL;)
    schedule(t);
  for (transfer_flow *f; (f = g_queue_pop_head(&transfers->starting)) != NULL;)
    transfers->network.start(transfers->network.state, &f->flow, f->flow.start_s);
}

/* Tries to reserve blocks for a sequence, and begins its transfer. */
static gboolean try(tw_transfers *transfers, tw_sequence *sequence, double now_s)
{
  int to = sequence->decode_engine;
  if (!tw_engine_reserve(transfers->engines[to], sequence, now_s))
    return FALSE;
  transfers->listener.moved(transfers->listener.user, to);
  begin(transfers, sequence, now_s);
  return TRUE;
}

void tw_transfers_hand_over(tw_transfers *transfers, tw_sequence *sequence, double now_s)
{
  GQueue *waiting = &transfers->waiting[sequence->decode_engine];
  sequence->prefill_rank = sequence->rank;
  if (waiting->length > 0 || !try(transfers, sequence, now_s))
    g_queue_push_tail(waiting, sequence);
}

void tw_transfers_retry(tw_transfers *transfers, int engine, double now_s)
{
  GQueue *waiting = &transfers->waiting[engine];
  while (waiting->length > 0 && try(transfers, waiting->head->data, now_s))
    g_queue_pop_head(waiting);
}

double tw_transfers_due(const tw_transfers *transfers)
{
  tw_heap_node *top = tw_heap_top(&transfers->due);
  return top != NULL ? top->key : INFINITY;
}

void tw_transfers_step(tw_transfers *transfers)
{
  tw_heap_node *top = tw_heap_top(&transfers->due);
  transfer *t = tw_container(top, transfer, node);
  tw_sequence *sequence = t->sequence;
  double now_s = top->key;
  tw_heap_remove(&transfers->due, top);
  sequence->transfer_end_s = now_s;
  tw_engine_release(transfers->engines[t->from], t->from_rank, sequence, now_s);
  transfers->listener.moved(transfers->listener.user, t->from);
  transfers->listener.delivered(transfers->listener.user, sequence, t->from, t->bytes);
  tw_engine_deliver(transfers->engines[sequence->decode_engine], sequence, now_s);
  transfers->listener.moved(transfers->listener.user, sequence->decode_engine);
  free_transfer(t);
}

int tw_transfers_under_way(const tw_transfers *transfers)
{
  return (int)transfers->under_way.length;
}

void tw_transfers_evict(tw_transfers *transfers, GPtrArray *sequences)
{
  g_queue_clear(&transfers->starting);
  g_queue_clear(&transfers->inside);
  for (GList *link; (link = g_queue_pop_head_link(&transfers->under_way)) != NULL;) {
    transfer *t = link->data;
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
