#include "tests/validation/kernels/kernel_routing.h"
#include "tests/validation/kernels/kernel_rows.h"
#include "tests/validation/table.h"

#include <math.h>
#include <string.h>

void kernel_group_init(kernel_group *group)
{
  for (int op = 0; op < TW_OP_CLASSES; op++)
    for (int p = 0; p < TW_PRECISIONS; p++)
      group->kernels[op][p] = g_array_new(FALSE, FALSE, sizeof(kernel));
  for (int p = 0; p < TW_PRECISIONS; p++)
    group->alternative[p] = g_array_new(FALSE, FALSE, sizeof(kernel));
}

void kernel_group_clear(kernel_group *group)
{
  for (int op = 0; op < TW_OP_CLASSES; op++)
    for (int p = 0; p < TW_PRECISIONS; p++)
      g_array_free(group->kernels[op][p], TRUE);
  for (int p = 0; p < TW_PRECISIONS; p++)
    g_array_free(group->alternative[p], TRUE);
}

/* Seconds of reading KV. */
static double kv_s(double bytes, const tw_device *device, const tw_efficiency *e)
{
  double much = bytes / (device->hbm_bytes_per_s * e->memory);
  return e->near_memory > 0 ? fmin(much + e->ramp_s, bytes / (device->hbm_bytes_per_s * e->near_memory))
                            : much;
}

/* Seconds of decodes' attention to a share of the context, launches apart. */
static double decode_s(const kernel *k, double share, const tw_device *device, double flops_per_s,
                       const tw_efficiency *e)
{
  return fmax(k->flops * share / flops_per_s, kv_s(k->weights * share, device, e)) +
         e->chain_s * k->depth * share;
}

double kernel_seconds(const kernel *k, const tw_device *device, tw_op_class op, tw_precision precision,
                      const tw_efficiency *e)
{
  double peak = device->flops[isfinite(device->flops[precision]) ? precision : TW_BF16];
  double rate = peak * e->compute_peak;
  if (op == TW_OP_ATTENTION_DECODE)
    return k->launches * e->launch_s + decode_s(k, 1, device, rate, e) -
           decode_s(k, k->since, device, rate, e);
  double compute = (k->flops + e->softmax * k->exponentials) / rate;
  double memory = k->weights / (device->hbm_bytes_per_s * e->memory);
  double roof =
      op == TW_OP_ATTENTION_PREFILL ? compute + memory : tw_roof(compute, memory + e->chain_s * k->depth);
  double token_bytes = e->token_bytes > 0 || op == TW_OP_EXPERTS ? e->token_bytes : 2;
  double streamed = k->streamed * (op == TW_OP_LINEAR ? token_bytes / 2 : 1) + k->copied * e->copy_bytes +
                    k->passed * token_bytes;
  return k->launches * e->launch_s + roof + streamed / (device->hbm_bytes_per_s * e->memory) +
         k->tokens * e->per_token_s + k->experts * e->per_expert_s +
         (e->routing_tokens > 0 ? e->routing_s * fmin(1, k->routed / e->routing_tokens) : 0);
}

/* ---- Rows ---- */

typedef struct dtype {
  const char *name;
  tw_precision precision;
} dtype;

/* Row of a list that ends with NULL, or -1. */
static int precision_of(const dtype *list, const char *name)
{
  for (; list->name != NULL; list++)
    if (g_str_equal(list->name, name))
      return (int)list->precision;
  return -1;
}

static const dtype gemm_dtypes[] = {
    {"bfloat16", TW_BF16}, {"fp8", TW_FP8}, {"fp8_block", TW_FP8_BLOCK}, {"nvfp4", TW_FP4}, {NULL, TW_BF16}};
static const dtype mla_gemm_dtypes[] = {{"bfloat16", TW_BF16}, {"fp8_block", TW_FP8}, {NULL, TW_BF16}};
static const dtype kv_dtypes[] = {{"bfloat16", TW_BF16}, {"fp8", TW_FP8}, {NULL, TW_BF16}};

void kernel_keep(kernel_group *group, tw_op_class op, int precision, kernel k)
{
  g_array_append_val(group->kernels[op][precision], k);
}

kernel kernel_product(double m, double n, double k, tw_precision weights, double seconds)
{
  return (kernel){.flops = 2 * m * n * k,
                  .weights = n * k * tw_precision_bytes(weights),
                  .streamed = 2 * m * (n + k),
                  .launches = 1,
                  .seconds = seconds};
}

/* ---- aiconfigurator ---- */

static gboolean read_gemm(const char *path, const kernel_context *context, kernel_group *group,
                          GError **error)
{
  enum { DTYPE, M, N, K, LATENCY };
  static const tw_csv_column columns[] = {{"gemm_dtype", FALSE}, {"m", FALSE},       {"n", FALSE},
                                          {"k", FALSE},          {"latency", FALSE}, {NULL, FALSE}};
  (void)context;
  table t;
  if (!table_open(&t, path, columns, FALSE, error))
    return FALSE;
  while (table_next(&t)) {
    int precision = precision_of(gemm_dtypes, tw_csv_text(t.csv, DTYPE));
    double m = table_number(&t, M), n = table_number(&t, N), k = table_number(&t, K),
           seconds = table_above_zero(&t, LATENCY) * 1e-3;
    /* Where most of the work of the models in the catalogue is; smaller ones run less of the device. */
    if (precision < 0 || n * k < 16e6 || m > 16384 || k > 32768)
      continue;
    if (n > 16384 && precision == TW_BF16 && m <= 2048 && k <= 16384)
      kernel_keep(group, TW_OP_HEAD, TW_BF16, kernel_product(m, n, k, TW_BF16, seconds));
    if (n > 65536)
      continue;
    kernel product = kernel_product(m, n, k, (tw_precision)precision, seconds);
    product.passed = product.streamed / 2;
    product.streamed = 0;
    product.depth = k;
    kernel_keep(group, TW_OP_LINEAR, precision, product);
  }
  return table_close(&t);
}

/* Attention with GQA. */
static gboolean read_gqa(const char *path, kernel_group *group, gboolean generation, GError **error)
{
  enum { ATTENTION, KV, BATCH, ISL, HEADS, KV_HEADS, DIM, WINDOW, LATENCY, STEP };
  static const tw_csv_column columns[] = {{"attn_dtype", FALSE}, {"kv_cache_dtype", FALSE},
                                          {"batch_size", FALSE}, {"isl", FALSE},
                                          {"num_heads", FALSE},  {"num_key_value_heads", FALSE},
                                          {"head_dim", FALSE},   {"window_size", FALSE},
                                          {"latency", FALSE},    {"step", TRUE},
                                          {NULL, FALSE}};
  table t;
  if (!table_open(&t, path, columns, FALSE, error))
    return FALSE;
  while (table_next(&t)) {
    int precision = precision_of(kv_dtypes, tw_csv_text(t.csv, KV));
    /* Over a KV cache in fp8, prompts are computed in fp8; decoding does not tell. */
    if (precision < 0 || (!generation && !g_str_equal(tw_csv_text(t.csv, ATTENTION), tw_csv_text(t.csv, KV))))
      continue;
    double batch = table_number(&t, BATCH), isl = table_number(&t, ISL), heads = table_number(&t, HEADS),
           kv_heads = table_number(&t, KV_HEADS), dim = table_number(&t, DIM),
           seconds = table_above_zero(&t, LATENCY) * 1e-3;
    double group_size = heads / kv_heads;
    if (table_number(&t, WINDOW) != 0 || dim > 128 || kv_heads > 8 || group_size < 4 || group_size > 16)
      continue;
    double kv_bytes = 2 * kv_heads * dim * tw_precision_bytes((tw_precision)precision);
    kernel k = {.launches = 1, .seconds = seconds};
    if (generation) {
      double context = isl + table_number(&t, STEP);
      if (context < 128 || context > 40000 || batch * context > 4e6)
        continue;
      k.flops = 4 * batch * context * heads * dim;
      k.weights = batch * context * kv_bytes;
      k.depth = context;
      kernel_keep(group, TW_OP_ATTENTION_DECODE, precision, k);
    } else {
      if (isl < 128 || isl * batch > 65536)
        continue;
      double pairs = batch * isl * (isl + 1) / 2;
      k.flops = 4 * pairs * heads * dim;
      k.exponentials = 4 * pairs * heads;
      k.weights = batch * isl * (kv_bytes + 2 * 2 * heads * dim);
      kernel_keep(group, TW_OP_ATTENTION_PREFILL, precision, k);
    }
  }
  return table_close(&t);
}

static gboolean read_context(const char *path, const kernel_context *context, kernel_group *group,
                             GError **error)
{
  (void)context;
  return read_gqa(path, group, FALSE, error);
}

static gboolean read_generation(const char *path, const kernel_context *context, kernel_group *group,
                                GError **error)
{
  (void)context;
  return read_gqa(path, group, TRUE, error);
}

typedef struct mla_row {
  int kv, gemm;
  double heads, batch, context, seconds;
} mla_row;

static int by_setting(gconstpointer a, gconstpointer b)
{
  const mla_row *x = a, *y = b;
  if (x->kv != y->kv || x->gemm != y->gemm)
    return x->kv != y->kv ? x->kv - y->kv : x->gemm - y->gemm;
  if (x->heads != y->heads)
    return x->heads < y->heads ? -1 : 1;
  if (x->batch != y->batch)
    return x->batch < y->batch ? -1 : 1;
  return (x->context > y->context) - (x->context < y->context);
}

/* DeepSeek's attention in decode: 2 · heads · (512 + 64 + 512) FLOPs and 576 numbers per token of context.
 * The module's projections do not depend on the context, so that differences between two contexts show
 * attention alone. */
static gboolean read_mla(const char *path, const kernel_context *context, kernel_group *group, GError **error)
{
  enum { KV, HEADS, BATCH, ISL, STEP, LATENCY, GEMM };
  static const tw_csv_column columns[] = {
      {"kv_cache_dtype", FALSE}, {"num_heads", FALSE}, {"batch_size", FALSE}, {"isl", FALSE},
      {"step", FALSE},           {"latency", FALSE},   {"gemm_type", FALSE},  {NULL, FALSE}};
  (void)context;
  g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(mla_row));
  table t;
  if (!table_open(&t, path, columns, FALSE, error))
    return FALSE;
  while (table_next(&t)) {
    mla_row r = {precision_of(kv_dtypes, tw_csv_text(t.csv, KV)),
                 precision_of(mla_gemm_dtypes, tw_csv_text(t.csv, GEMM)),
                 table_number(&t, HEADS),
                 table_number(&t, BATCH),
                 table_number(&t, ISL) + table_number(&t, STEP),
                 table_above_zero(&t, LATENCY) * 1e-3};
    if (r.kv >= 0 && r.gemm >= 0 && r.heads >= 16 && r.batch >= 8 && r.context >= 1024)
      g_array_append_val(rows, r);
  }
  g_array_sort(rows, by_setting);
  for (guint i = 1; i < rows->len; i++) {
    const mla_row *from = &g_array_index(rows, mla_row, i - 1), *to = from + 1;
    double grown = to->batch * (to->context - from->context);
    gboolean comparable =
        to->kv == from->kv && to->gemm == from->gemm && to->heads == from->heads && to->batch == from->batch;
    if (comparable && grown > 0 && to->seconds > from->seconds * 1.1)
      kernel_keep(
          group, TW_OP_ATTENTION_DECODE, to->kv,
          (kernel){.flops = 2 * to->heads * 1088 * to->batch * to->context,
                   .weights = 576 * tw_precision_bytes((tw_precision)to->kv) * to->batch * to->context,
                   .depth = to->context,
                   .since = from->context / to->context,
                   .seconds = to->seconds - from->seconds});
  }
  return table_close(&t);
}

kernel kernel_experts(double expert_params, double touched, double routed, double tokens,
                      tw_precision weights, double seconds)
{
  return (kernel){.flops = 2 * expert_params * routed,
                  .weights = expert_params * touched * tw_precision_bytes(weights),
                  .tokens = tokens,
                  .launches = 1,
                  .seconds = seconds};
}

/* Kernels for experts of one shape and family: the fastest of those that were measured counts. */
static void keep_fastest(GHashTable *seen, GArray *list, const char *shape, kernel k)
{
  gpointer at = NULL;
  if (g_hash_table_lookup_extended(seen, shape, NULL, &at)) {
    kernel *kept = &g_array_index(list, kernel, GPOINTER_TO_UINT(at));
    kept->seconds = fmin(kept->seconds, k.seconds);
    return;
  }
  g_hash_table_insert(seen, g_strdup(shape), GUINT_TO_POINTER(list->len));
  g_array_append_val(list, k);
}

/* Only balanced rows: each token goes to experts of its own until all have one, so that what is touched is
 * known. What an uneven load adds is the scenario's expert-imbalance. Kernels for low latency are another family, and
 * were measured with other experts: kernel_routing.h. */
static gboolean read_moe(const char *path, const kernel_context *context, kernel_group *group, GError **error)
{
  enum { DTYPE, KERNEL, DISTRIBUTION, TOKENS, HIDDEN, INTER, TOPK, EXPERTS, TP, EP, LATENCY };
  static const tw_csv_column columns[] = {
      {"moe_dtype", FALSE},   {"kernel_source", FALSE}, {"distribution", FALSE}, {"num_tokens", FALSE},
      {"hidden_size", FALSE}, {"inter_size", FALSE},    {"topk", FALSE},         {"num_experts", FALSE},
      {"moe_tp_size", FALSE}, {"moe_ep_size", FALSE},   {"latency", FALSE},      {NULL, FALSE}};
  /* Checkpoints with experts in fp8 scale them in blocks. The kernels of w4a16_mxfp4 reach a sixth of the
   * memory bandwidth, and no engine runs them so: where fp4 is expanded, bf16's kernels stand for it. */
  static const dtype dtypes[] = {{"bfloat16", TW_BF16},
                                 {"fp8_block", TW_FP8},
                                 {"nvfp4", TW_FP4},
                                 {"w4a8_mxfp4_mxfp8", TW_FP4},
                                 {NULL, TW_BF16}};
  (void)context;
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  table t;
  if (!table_open(&t, path, columns, FALSE, error))
    return FALSE;
  while (table_next(&t)) {
    int precision = precision_of(dtypes, tw_csv_text(t.csv, DTYPE));
    if (precision < 0 || strstr(tw_csv_text(t.csv, KERNEL), "nongated") != NULL ||
        !g_str_equal(tw_csv_text(t.csv, DISTRIBUTION), "balanced"))
      continue;
    double tokens = table_number(&t, TOKENS), hidden = table_number(&t, HIDDEN),
           topk = table_number(&t, TOPK), experts = table_number(&t, EXPERTS), ep = table_number(&t, EP),
           inter = table_number(&t, INTER) / table_number(&t, TP);
    /* In FP4, more than 256 experts are routed by other kernels, which take 20 us more before any byte is read. */
    if (inter < 256 || hidden < 2048 || tokens > 16384 || (precision == TW_FP4 && experts > 256))
      continue;
    gboolean grouped = strstr(tw_csv_text(t.csv, KERNEL), "min_latency") != NULL;
    double copies = tokens * topk / ep, touched = fmax(1, fmin(experts / ep, copies));
    if (grouped && !kernel_routed_by_groups(tokens, topk, experts, ep, &copies, &touched))
      continue;
    g_autofree char *shape = g_strdup_printf("%d %d %g %g %g %g %g %g", grouped, precision, tokens, hidden,
                                             inter, topk, experts, ep);
    kernel k = kernel_experts(3 * hidden * inter, touched, copies, 0, (tw_precision)precision,
                              table_above_zero(&t, LATENCY) * 1e-3);
    k.copied = copies * (hidden + inter);
    k.depth = hidden + inter;
    k.experts = experts / ep;
    k.passed = tokens * hidden;
    k.routed = tokens;
    g_autofree char *series = g_strdup_printf("%g %g %g %g %g", hidden, inter, topk, experts, ep);
    k.series = g_quark_from_string(series);
    keep_fastest(seen, grouped ? group->alternative[precision] : group->kernels[TW_OP_EXPERTS][precision],
                 shape, k);
  }
  return table_close(&t);
}

/* Our own measurements of single kernels in CUDA graphs: products with weights, and what lies between them,
 * fused. A layer has two norms and one activation, so that a launch of a layer is three kernels'. */
static gboolean read_graph(const char *path, const kernel_context *context, kernel_group *group,
                           GError **error)
{
  enum { OP, TYPE, M, N, K, TIME };
  static const tw_csv_column columns[] = {{"op", FALSE}, {"type", FALSE}, {"m", FALSE}, {"n", FALSE},
                                          {"k", FALSE},  {"us", FALSE},   {NULL, FALSE}};
  static const dtype types[] = {{"bf16", TW_BF16}, {"fp8", TW_FP8}, {NULL, TW_BF16}};
  (void)context;
  table t;
  if (!table_open(&t, path, columns, TRUE, error))
    return FALSE;
  while (table_next(&t)) {
    int precision = precision_of(types, tw_csv_text(t.csv, TYPE));
    double m = table_number(&t, M), n = table_number(&t, N), seconds = table_above_zero(&t, TIME) * 1e-6;
    if (precision >= 0 && g_str_equal(tw_csv_text(t.csv, OP), "linear"))
      kernel_keep(group, TW_OP_LINEAR, precision,
                  kernel_product(m, n, table_number(&t, K), (tw_precision)precision, seconds));
    else if (precision == TW_BF16 && g_str_equal(tw_csv_text(t.csv, OP), "norm"))
      kernel_keep(group, TW_OP_ACTIVATIONS, TW_BF16,
                  (kernel){.streamed = 2 * m * 4 * n, .launches = 1 / 3.0, .seconds = seconds});
    else if (precision == TW_BF16 && g_str_equal(tw_csv_text(t.csv, OP), "silu"))
      kernel_keep(group, TW_OP_ACTIVATIONS, TW_BF16,
                  (kernel){.streamed = 2 * m * 3 * n, .launches = 1 / 3.0, .seconds = seconds});
  }
  return table_close(&t);
}

const kernel_format kernel_formats[] = {
    {"gemm", "products with weights (aiconfigurator)", read_gemm, FALSE},
    {"context", "attention of prompts (aiconfigurator)", read_context, FALSE},
    {"generation", "attention of decoding sequences (aiconfigurator)", read_generation, FALSE},
    {"mla", "decoding with MLA (aiconfigurator)", read_mla, FALSE},
    {"moe", "layers of experts (aiconfigurator)", read_moe, FALSE},
    {"graph", "products, norms and activations in CUDA graphs (ours)", read_graph, FALSE},
    {"dense", "kernels of a layer (vLLM profile; needs model=NAME)", kernel_read_dense, TRUE},
    {"sequences", "output head (vLLM profile; needs model=NAME)", kernel_read_sequences, TRUE},
    {"attention", "attention (vLLM profile; needs model=NAME)", kernel_read_attention, TRUE},
    {"experts", "layers of experts (vLLM profile; needs model=NAME)", kernel_read_experts, TRUE},
    {"vidur", "kernels of a layer (Vidur)", kernel_read_vidur, FALSE},
    {NULL, NULL, NULL, FALSE}};
