/* Grouped-query attention (Ainslie et al., arXiv 2305.13245) with heads of its own in each group of layers, and block
 * selection on top of it (MiniMax-M3: an indexer scores all keys, and each key-value group attends to the best
 * blocks).
 *
 *     parameters   hidden · (heads · d + kv · d + kv · v) + heads · v · hidden, and hidden · heads · v for a gate;
 *                  an indexer adds hidden · (index heads + 1) · index dim
 *     KV           kv · (d + v) numbers of a token; the indexer's key is one of its heads more */
#include "workloads/models/layers.h"

#define HEADS                                                                                                \
  TW_SHAPE_INT("heads", heads, "query heads"), TW_SHAPE_INT("kv-heads", kv_heads, "key and value heads"),    \
      TW_SHAPE_INT("head-dim", head_dim, "numbers of a query, and of a key"),                                \
      TW_SHAPE_OR("v-head-dim", v_head_dim, "0", "numbers of a value; 0: as head-dim"),                      \
      TW_SHAPE_FLAG("gate", gate, "a gate as wide as the heads multiplies what attention gives"),            \
      TW_SHAPE_FLAG("shared-kv", shared_kv, "one projection gives both key and value")

static const tw_attribute gqa_attributes[] = {
    HEADS,
    TW_SHAPE_OR("window", window, "0", "tokens of context that a layer sees and keeps; 0: all"),
    TW_SHAPE_OR(
        "chunk", chunk, "0",
        "tokens of a chunk that is attended to alone; counted as a window of that length, which is the most"),
    TW_SHAPE_FLAG("sink", sink,
                  "each head has a number that its exponentials are summed with; costs nothing"),
    {0}};
static const tw_attribute blocks_attributes[] = {
    HEADS,
    TW_SHAPE_INT("block", block, "tokens of a block"),
    TW_SHAPE_INT("top-k", top_k, "blocks that are attended to"),
    TW_SHAPE_INT("index-heads", index_heads, "query heads of the indexer"),
    TW_SHAPE_INT("index-head-dim", index_head_dim, "numbers of the indexer's key and queries"),
    {0}};

static gboolean check(const xmlNode *node, const void *target, tw_faults *faults)
{
  const tw_attention_shape *shape = target;
  guint before = tw_faults_added(faults);
  if (shape->heads % shape->kv_heads != 0)
    tw_node_fault(node, faults,
                  "%" G_GINT64_FORMAT " heads cannot share %" G_GINT64_FORMAT
                  " kv-heads evenly; kv-heads must divide heads",
                  shape->heads, shape->kv_heads);
  if (shape->window > 0 && shape->chunk > 0)
    tw_node_fault(node, faults, "window and chunk exclude each other; give one of them");
  return tw_faults_added(faults) == before;
}

static void gqa_work(const tw_layers *layers, double hidden, double number_bytes, tw_attention_work *work)
{
  const tw_attention_shape *shape = &layers->shape;
  double heads = (double)shape->heads, kv = (double)shape->kv_heads, d = (double)shape->head_dim,
         v = shape->v_head_dim > 0 ? (double)shape->v_head_dim : d;
  gint64 window = shape->window > 0 ? shape->window : shape->chunk;
  work->params = hidden * (heads * d + kv * d + (shape->shared_kv ? 0 : kv * v) + heads * v) +
                 (shape->gate ? hidden * heads * v : 0);
  work->products = 2; /* queries, keys, values and gate in one, and the output */
  work->heads = heads;
  work->attended = heads * (d + v);
  work->kv_numbers = kv * (d + v);
  work->kv_shards = kv;
  double bytes = work->kv_numbers * number_bytes;
  work->kv_bytes = window > 0 ? 0 : bytes;
  work->window_bytes = bytes * (double)window;
  work->parts[work->n_parts++] = (tw_attention_part){.scan = TW_SCAN_ATTENTION,
                                                     .cap = window,
                                                     .tokens_per_key = 1,
                                                     .share = 1,
                                                     .decode_flops = 2 * heads * (d + v),
                                                     .prefill_flops = 2 * heads * (d + v),
                                                     .heads = heads,
                                                     .kv_bytes = bytes,
                                                     .shards = kv};
}

static void blocks_work(const tw_layers *layers, double hidden, double number_bytes, tw_attention_work *work)
{
  const tw_attention_shape *shape = &layers->shape;
  gqa_work(layers, hidden, number_bytes, work);
  work->operator= "block-sparse";
  work->parts[0].scan = TW_SCAN_SELECTED;
  work->parts[0].cap = shape->top_k * shape->block;
  double heads = (double)shape->index_heads, d = (double)shape->index_head_dim;
  work->params += hidden * (heads + 1) * d;
  work->products++;
  work->kv_numbers += d;
  work->kv_bytes += d * number_bytes;
  work->parts[work->n_parts++] = (tw_attention_part){.scan = TW_SCAN_INDEXER,
                                                     .tokens_per_key = 1,
                                                     .share = 1,
                                                     .decode_flops = 2 * heads * d,
                                                     .prefill_flops = 2 * heads * d,
                                                     .kv_bytes = d * number_bytes,
                                                     .shards = 1};
}

const tw_attention_kind_row tw_attention_gqa = {
    "gqa",
    {"gqa", "grouped-query attention; also plain multi-head and multi-query attention", gqa_attributes, NULL,
     check},
    gqa_work};
const tw_attention_kind_row tw_attention_blocks = {
    "block-sparse",
    {"block-sparse", "grouped-query attention to the blocks that an indexer chooses", blocks_attributes, NULL,
     check},
    blocks_work};
