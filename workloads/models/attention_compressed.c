/* Compressed attention (DeepSeek-V4): a layer sees its last tokens as they are, and an entry for every few tokens of
 * the whole context; an indexer may choose the best entries. Key and value are one vector, that all heads share.
 *
 *     parameters   hidden · q + q · heads · d + hidden · d + heads · d · o + groups · o · hidden (grouped output of
 *                  low rank); an indexer adds q · index heads · index dim + hidden · (index dim + index heads)
 *     KV           an entry of d numbers for `ratio` tokens, and `window` of them for the last tokens. In fp8 an
 *                  entry is a record of 584 bytes for 512: 448 in fp8, 64 with position in bf16, 8 of scales; the
 *                  indexer's key is one of 132 bytes: flashmla_sparse.py and indexer.py of vLLM */
#include "workloads/models/layers.h"

static const tw_attribute attributes[] = {
    TW_SHAPE_INT("heads", heads, "query heads"),
    TW_SHAPE_INT("head-dim", head_dim, "numbers of a query, and of an entry"),
    TW_SHAPE_INT("qk-rope-head-dim", qk_rope_head_dim, "of them, those with rotary position"),
    TW_SHAPE_INT("q-lora-rank", q_lora_rank, "rank of the query's projection"),
    TW_SHAPE_INT("o-lora-rank", o_lora_rank, "rank of the output of a group of heads"),
    TW_SHAPE_INT("o-groups", o_groups, "groups of heads with an output of their own"),
    TW_SHAPE_INT("window", window, "last tokens that are seen as they are"),
    TW_SHAPE_OR("ratio", ratio, "0", "tokens of an entry; 0: no entries, the window alone"),
    TW_SHAPE_OR("kv-layers", kv_layers, "0",
                "layers of this group that keep entries of their own; the others read those before; 0: all"),
    TW_SHAPE_OR("top-k", top_k, "0", "entries that are attended to; 0: all"),
    TW_SHAPE_OR("index-heads", index_heads, "0", "with top-k: query heads of the indexer"),
    TW_SHAPE_OR("index-head-dim", index_head_dim, "0",
                "with top-k: numbers of the indexer's key and queries"),
    TW_SHAPE_OR(
        "index-layers", index_layers, "0",
        "layers of this group that run an indexer; the others take what the one before chose; 0: all"),
    {0}};

static gboolean check(const xmlNode *node, const void *target, tw_faults *faults)
{
  const tw_attention_shape *shape = target;
  guint before = tw_faults_added(faults);
  if ((shape->top_k > 0) != (shape->index_heads > 0) || (shape->top_k > 0) != (shape->index_head_dim > 0))
    tw_node_fault(node, faults, "top-k, index-heads and index-head-dim go together; give all or none");
  if (shape->ratio == 0 && shape->top_k > 0)
    tw_node_fault(node, faults, "top-k chooses among entries, of which ratio=\"0\" makes none; give a ratio");
  if (shape->qk_rope_head_dim > shape->head_dim)
    tw_node_fault(node, faults,
                  "qk-rope-head-dim is %" G_GINT64_FORMAT ", more than head-dim, %" G_GINT64_FORMAT
                  "; it is a part of that",
                  shape->qk_rope_head_dim, shape->head_dim);
  return tw_faults_added(faults) == before;
}

/* The share of the group's layers that so many of them are; 0: all. */
static double share_of(const tw_layers *layers, gint64 some)
{
  return some > 0 ? (double)some / (double)layers->count : 1;
}

static void work_of(const tw_layers *layers, double hidden, double number_bytes, tw_attention_work *work)
{
  const tw_attention_shape *shape = &layers->shape;
  double heads = (double)shape->heads, d = (double)shape->head_dim, q = (double)shape->q_lora_rank,
         o = (double)shape->o_lora_rank, rope = (double)shape->qk_rope_head_dim;
  double entry_bytes = number_bytes <= 1 ? d - rope + 2 * rope + d / 64 : d * number_bytes;
  work->params =
      hidden * q + q * heads * d + hidden * d + heads * d * o + (double)shape->o_groups * o * hidden;
  work->products = 4; /* down to the queries' rank and the entry in one, up, and the output in two */
  work->heads = heads;
  work->attended = 2 * heads * d;
  work->kv_numbers = d;
  work->kv_shards = 1;
  work->operator= shape->top_k> 0 ? "compressed" : "compressed-all";
  work->window_bytes = entry_bytes * (double)shape->window;
  tw_attention_part part = {.scan = TW_SCAN_SELECTED,
                            .cap = shape->window,
                            .tokens_per_key = 1,
                            .share = 1,
                            .decode_flops = 4 * heads * d,
                            .prefill_flops = 4 * heads * d,
                            .heads = heads,
                            .kv_bytes = entry_bytes,
                            .shards = 1};
  work->parts[work->n_parts++] = part;
  if (shape->ratio == 0)
    return;
  double ratio = (double)shape->ratio;
  part.cap = shape->top_k * shape->ratio;
  part.decode_flops = part.prefill_flops = part.decode_flops / ratio;
  part.heads /= ratio;
  part.tokens_per_key = ratio;
  part.kv_bytes /= ratio;
  work->parts[work->n_parts++] = part;
  work->kv_bytes = share_of(layers, shape->kv_layers) * part.kv_bytes;
  if (shape->top_k == 0)
    return;
  double index_heads = (double)shape->index_heads, index_dim = (double)shape->index_head_dim,
         share = share_of(layers, shape->index_layers), key_bytes = (index_dim + 4) / ratio;
  work->params += share * (q * index_heads * index_dim + hidden * (index_dim + index_heads));
  work->products += 2 * share;
  work->kv_bytes += share * key_bytes;
  work->parts[work->n_parts++] = (tw_attention_part){.scan = TW_SCAN_INDEXER,
                                                     .tokens_per_key = ratio,
                                                     .share = share,
                                                     .decode_flops = 2 * index_heads * index_dim / ratio,
                                                     .prefill_flops = 2 * index_heads * index_dim / ratio,
                                                     .kv_bytes = key_bytes,
                                                     .shards = 1};
}

const tw_attention_kind_row tw_attention_compressed = {
    "compressed",
    {"compressed", "attention to the last tokens, and to an entry for every few tokens", attributes, NULL,
     check},
    work_of};
