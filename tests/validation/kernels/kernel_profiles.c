/* Kernels from profiles of vLLM, by layer, and from those of Vidur. */
#include "tests/validation/kernels/kernel_rows.h"
#include "tests/validation/table.h"

#include <math.h>

/* Numbers that a token's norms and activation go over: eight rows of the residual stream, and three of the
 * MLP. */
static kernel between(double tokens, double hidden, double inter, double seconds)
{
  return (kernel){.streamed = 2 * tokens * (8 * hidden + 3 * inter), .launches = 1, .seconds = seconds};
}

gboolean kernel_read_dense(const char *path, const kernel_context *context, kernel_group *group,
                           GError **error)
{
  enum { LAYER, TOKENS, TIME };
  static const tw_csv_column columns[] = {
      {"layer", FALSE}, {"tokens", FALSE}, {"time_us", FALSE}, {NULL, FALSE}};
  const tw_model *m = context->model;
  double tp = context->tp, hidden = (double)m->hidden, inter = (double)m->intermediate / tp;
  double q = (double)(m->heads * m->head_dim) / tp, kv = (double)(m->kv_heads * m->head_dim) / tp;
  const struct {
    const char *layer;
    double n, k;
  } products[] = {{"qkv_proj", q + 2 * kv, hidden},
                  {"o_proj", hidden, q},
                  {"gate_up_proj", 2 * inter, hidden},
                  {"down_proj", hidden, inter}};
  const struct {
    const char *layer;
    double times;
  } others[] = {{"layernorm", 2}, {"act_fn", 1}, {"rotary_emb", 1}, {"qk_norm", 1}};
  g_autoptr(GHashTable) sums = g_hash_table_new_full(g_int_hash, g_int_equal, g_free, g_free);
  table t;
  if (!table_open(&t, path, columns, FALSE, error))
    return FALSE;
  while (table_next(&t)) {
    const char *layer = tw_csv_text(t.csv, LAYER);
    double tokens = table_number(&t, TOKENS), seconds = table_above_zero(&t, TIME) * 1e-6;
    for (guint i = 0; i < G_N_ELEMENTS(products); i++)
      if (g_str_equal(products[i].layer, layer))
        kernel_keep(group, TW_OP_LINEAR, TW_BF16,
                    kernel_product(tokens, products[i].n, products[i].k, TW_BF16, seconds));
    for (guint i = 0; i < G_N_ELEMENTS(others); i++)
      if (g_str_equal(others[i].layer, layer)) {
        int key = (int)tokens;
        double *sum = g_hash_table_lookup(sums, &key);
        if (sum == NULL)
          g_hash_table_insert(sums, g_memdup2(&key, sizeof key), sum = g_new0(double, 1));
        *sum += others[i].times * seconds;
      }
  }
  GHashTableIter iterator;
  gpointer key, sum;
  for (g_hash_table_iter_init(&iterator, sums); g_hash_table_iter_next(&iterator, &key, &sum);)
    if (m->experts == 0)
      kernel_keep(group, TW_OP_ACTIVATIONS, TW_BF16, between(*(int *)key, hidden, inter, *(double *)sum));
  return table_close(&t);
}

gboolean kernel_read_sequences(const char *path, const kernel_context *context, kernel_group *group,
                               GError **error)
{
  enum { LAYER, SEQUENCES, TIME };
  static const tw_csv_column columns[] = {
      {"layer", FALSE}, {"sequences", FALSE}, {"time_us", FALSE}, {NULL, FALSE}};
  table t;
  if (!table_open(&t, path, columns, FALSE, error))
    return FALSE;
  while (table_next(&t))
    if (g_str_equal(tw_csv_text(t.csv, LAYER), "lm_head"))
      kernel_keep(group, TW_OP_HEAD, TW_BF16,
                  kernel_product(table_number(&t, SEQUENCES), (double)context->model->vocab / context->tp,
                                 (double)context->model->hidden, TW_BF16, table_above_zero(&t, TIME) * 1e-6));
  return table_close(&t);
}

/* Batches that decode only, and chunks of one prompt alone. */
gboolean kernel_read_attention(const char *path, const kernel_context *context, kernel_group *group,
                               GError **error)
{
  enum { CHUNK, KV_PREFILL, DECODES, KV_DECODE, TIME };
  static const tw_csv_column columns[] = {{"prefill_chunk", FALSE}, {"kv_prefill", FALSE},
                                          {"n_decode", FALSE},      {"kv_decode", FALSE},
                                          {"time_us", FALSE},       {NULL, FALSE}};
  const tw_model *m = context->model;
  double heads = (double)m->heads / context->tp, dim = (double)m->head_dim;
  double kv_bytes = 2 * 2 * fmax((double)m->kv_heads / context->tp, 1) * dim;
  table t;
  if (!table_open(&t, path, columns, FALSE, error))
    return FALSE;
  while (table_next(&t)) {
    double chunk = table_number(&t, CHUNK), before = table_number(&t, KV_PREFILL),
           decodes = table_number(&t, DECODES), tokens = table_number(&t, KV_DECODE);
    kernel k = {.launches = 1, .seconds = table_above_zero(&t, TIME) * 1e-6};
    if (chunk == 0 && decodes * tokens > 0 && tokens >= 128) {
      k.flops = 4 * decodes * tokens * heads * dim;
      k.weights = decodes * tokens * kv_bytes;
      kernel_keep(group, TW_OP_ATTENTION_DECODE, TW_BF16, k);
    } else if (chunk >= 128 && decodes == 0) {
      double pairs = chunk * before + chunk * (chunk + 1) / 2;
      k.flops = 4 * pairs * heads * dim;
      k.exponentials = 4 * pairs * heads;
      k.weights = (before + chunk) * kv_bytes + chunk * 2 * 2 * heads * dim;
      kernel_keep(group, TW_OP_ATTENTION_PREFILL, TW_BF16, k);
    }
  }
  return table_close(&t);
}

gboolean kernel_read_experts(const char *path, const kernel_context *context, kernel_group *group,
                             GError **error)
{
  enum { TOKENS, EXPERTS, TIME };
  static const tw_csv_column columns[] = {
      {"tokens", FALSE}, {"activated_experts", FALSE}, {"time_us", FALSE}, {NULL, FALSE}};
  const tw_model *m = context->model;
  table t;
  if (!table_open(&t, path, columns, FALSE, error))
    return FALSE;
  while (table_next(&t)) {
    double tokens = table_number(&t, TOKENS);
    kernel_keep(group, TW_OP_EXPERTS, TW_BF16,
                kernel_experts(tw_model_expert_params(m) / context->tp, table_number(&t, EXPERTS),
                               tokens * (double)m->experts_per_token, tokens * (double)m->experts_per_token,
                               TW_BF16, table_above_zero(&t, TIME) * 1e-6));
  }
  return table_close(&t);
}

/* ---- Vidur ---- */

gboolean kernel_read_vidur(const char *path, const kernel_context *context, kernel_group *group,
                           GError **error)
{
  enum { NORM, QKV, ROPE, OUT, NORM2, UP, ACT, DOWN, ADD, HEADS, KV_HEADS, HIDDEN, INTER, TOKENS, TP };
#define TIME(name)                                                                                           \
  {                                                                                                          \
    "time_stats." name ".median", FALSE                                                                      \
  }
  static const tw_csv_column columns[] = {TIME("input_layernorm"),
                                          TIME("attn_pre_proj"),
                                          TIME("attn_rope"),
                                          TIME("attn_post_proj"),
                                          TIME("post_attention_layernorm"),
                                          TIME("mlp_up_proj"),
                                          TIME("mlp_act"),
                                          TIME("mlp_down_proj"),
                                          TIME("add"),
                                          {"n_head", FALSE},
                                          {"n_kv_head", FALSE},
                                          {"n_embd", FALSE},
                                          {"n_expanded_embd", FALSE},
                                          {"num_tokens", FALSE},
                                          {"num_tensor_parallel_workers", FALSE},
                                          {NULL, FALSE}};
#undef TIME
  (void)context;
  table t;
  if (!table_open(&t, path, columns, FALSE, error))
    return FALSE;
  while (table_next(&t)) {
    double hidden = table_number(&t, HIDDEN), tp = table_number(&t, TP), tokens = table_number(&t, TOKENS),
           q = hidden / tp, kv = q * table_number(&t, KV_HEADS) / table_number(&t, HEADS),
           inter = table_number(&t, INTER) / tp, ms = 1e-3;
    if (tokens > 16384)
      continue;
    kernel_keep(group, TW_OP_LINEAR, TW_BF16,
                kernel_product(tokens, q + 2 * kv, hidden, TW_BF16, ms * table_above_zero(&t, QKV)));
    kernel_keep(group, TW_OP_LINEAR, TW_BF16,
                kernel_product(tokens, hidden, q, TW_BF16, ms * table_above_zero(&t, OUT)));
    kernel_keep(group, TW_OP_LINEAR, TW_BF16,
                kernel_product(tokens, 2 * inter, hidden, TW_BF16, ms * table_above_zero(&t, UP)));
    kernel_keep(group, TW_OP_LINEAR, TW_BF16,
                kernel_product(tokens, hidden, inter, TW_BF16, ms * table_above_zero(&t, DOWN)));
    double others = table_number(&t, NORM) + table_number(&t, NORM2) + table_number(&t, ROPE) +
                    table_number(&t, ACT) + 2 * table_number(&t, ADD);
    kernel_keep(group, TW_OP_ACTIVATIONS, TW_BF16, between(tokens, hidden, inter, ms * others));
  }
  return table_close(&t);
}
