/* Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434), and DeepSeek's sparse attention on top of it
 * (DeepSeek-V3.2): an indexer scores all tokens, and attention reads the latents of the best.
 *
 *     parameters   hidden · q + q · heads · (nope + rope) + hidden · (latent + rope) + latent · heads · (nope + v)
 *                  + heads · v · hidden, and hidden · heads · v for a gate; without a rank q the queries come from
 *                  hidden; an indexer adds q · index heads · index dim + hidden · (index dim + index heads)
 *     KV           latent + rope numbers of a token. Sparse attention keeps a record where these are bytes: latent
 *                  in fp8 with a scale of 4 bytes for 128, rope in bf16 (656 bytes for 512 + 64), and the indexer's
 *                  key in fp8 with a scale (132 bytes for 128), whatever the rest is in: flashmla_sparse.py and
 *                  indexer.py of vLLM */
#include "workloads/models/layers.h"

#define LATENT                                                                                               \
  TW_SHAPE_INT("heads", heads, "query heads"),                                                               \
      TW_SHAPE_OR("q-lora-rank", q_lora_rank, "0",                                                           \
                  "rank of the query's projection; 0: it is not compressed"),                                \
      TW_SHAPE_INT("kv-lora-rank", kv_lora_rank, "numbers of the latent that is cached"),                    \
      TW_SHAPE_INT("qk-nope-head-dim", qk_nope_head_dim, "numbers per query and key head without position"), \
      TW_SHAPE_OR("qk-rope-head-dim", qk_rope_head_dim, "0",                                                 \
                  "numbers per query head with rotary position; the key's are shared and cached"),           \
      TW_SHAPE_INT("v-head-dim", v_head_dim, "numbers per value head"),                                      \
      TW_SHAPE_FLAG("gate", gate, "a gate as wide as the heads multiplies what attention gives")

static const tw_attribute mla_attributes[] = {LATENT, {0}};
static const tw_attribute dsa_attributes[] = {
    LATENT,
    TW_SHAPE_INT("top-k", top_k, "tokens that are attended to"),
    TW_SHAPE_INT("index-heads", index_heads, "query heads of the indexer"),
    TW_SHAPE_INT("index-head-dim", index_head_dim, "numbers of the indexer's key and queries"),
    TW_SHAPE_OR(
        "index-layers", index_layers, "0",
        "layers of this group that run an indexer; the others take what the one before chose; 0: all"),
    TW_SHAPE_OR("index-pool", index_pool, "1", "tokens that share a key of the indexer"),
    {0}};

static void mla_work(const tw_layers *layers, double hidden, double number_bytes, tw_attention_work *work)
{
  const tw_attention_shape *shape = &layers->shape;
  double heads = (double)shape->heads, rank = (double)shape->q_lora_rank,
         latent = (double)shape->kv_lora_rank, nope = (double)shape->qk_nope_head_dim,
         rope = (double)shape->qk_rope_head_dim, v = (double)shape->v_head_dim;
  work->params = hidden * rank + (rank > 0 ? rank : hidden) * heads * (nope + rope) +
                 hidden * (latent + rope) + latent * heads * (nope + v) + heads * v * hidden +
                 (shape->gate ? hidden * heads * v : 0);
  work->products = 4; /* down to both latents in one, up from each, the output */
  work->heads = heads;
  work->attended = heads * (nope + rope + v);
  work->kv_numbers = latent + rope;
  work->kv_shards = 1;
  work->kv_bytes = work->kv_numbers * number_bytes;
  work->parts[work->n_parts++] = (tw_attention_part){.scan = TW_SCAN_LATENT,
                                                     .tokens_per_key = 1,
                                                     .share = 1,
                                                     .decode_flops = 2 * heads * (latent + rope + latent),
                                                     .prefill_flops = 2 * heads * (nope + rope + v),
                                                     .heads = heads,
                                                     .kv_bytes = work->kv_bytes,
                                                     .shards = 1};
}

static void dsa_work(const tw_layers *layers, double hidden, double number_bytes, tw_attention_work *work)
{
  const tw_attention_shape *shape = &layers->shape;
  mla_work(layers, hidden, number_bytes, work);
  double latent = (double)shape->kv_lora_rank, rope = (double)shape->qk_rope_head_dim,
         heads = (double)shape->index_heads, d = (double)shape->index_head_dim,
         share = shape->index_layers > 0 ? (double)shape->index_layers / (double)layers->count : 1,
         pool = (double)MAX(shape->index_pool, 1);
  tw_attention_part *selected = &work->parts[0];
  work->operator= "dsa";
  selected->scan = TW_SCAN_SELECTED;
  selected->cap = shape->top_k;
  work->whole_flops = selected->prefill_flops;
  selected->prefill_flops = selected->decode_flops; /* each query has tokens of its own: latents are read */
  if (number_bytes <= 1)
    work->kv_bytes = selected->kv_bytes = latent + latent / 128 * 4 + 2 * rope;
  double rank = shape->q_lora_rank > 0 ? (double)shape->q_lora_rank : hidden;
  double key_bytes = (d + 4) / pool;
  work->params += share * (rank * heads * d + hidden * (d + heads));
  work->products += 2 * share;
  work->kv_numbers += share * d / pool;
  work->kv_bytes += share * key_bytes;
  work->parts[work->n_parts++] = (tw_attention_part){.scan = TW_SCAN_INDEXER,
                                                     .tokens_per_key = pool,
                                                     .share = share,
                                                     .decode_flops = 2 * heads * d / pool,
                                                     .prefill_flops = 2 * heads * d / pool,
                                                     .kv_bytes = key_bytes,
                                                     .shards = 1};
}

const tw_attention_kind_row tw_attention_mla = {
    "mla", {"mla", "multi-head latent attention", mla_attributes, NULL, NULL}, mla_work};
const tw_attention_kind_row tw_attention_dsa = {
    "dsa",
    {"dsa", "multi-head latent attention to the tokens that an indexer chooses", dsa_attributes, NULL, NULL},
    dsa_work};
