/* Linear attention: a layer keeps a matrix of numbers per value head and sequence, whatever the context is.
 *
 *     gated delta net   hidden · (2 · key heads · d + 2 · value heads · d) + value heads · d · hidden (arXiv 2412.06464)
 *     kda               the same with as many key heads as value heads: Kimi Delta Attention (arXiv 2510.26692), whose
 *                       gate may have a low rank
 *     lightning         likewise (arXiv 2401.04658), without the delta rule and without a convolution
 *
 * The state is value heads · d · d numbers in fp32, and the last conv − 1 inputs of a convolution over queries, keys and
 * values in bf16. A token decays the state, corrects it and reads it: 2 · d · d operations each. */
#include "workloads/models/layers.h"

static const tw_attribute delta_attributes[] = {
    TW_SHAPE_INT("key-heads", key_heads, "heads of queries and keys"),
    TW_SHAPE_INT("value-heads", value_heads, "heads of values, each with a state"),
    TW_SHAPE_INT("head-dim", head_dim, "numbers per head"),
    TW_SHAPE_OR("conv", conv, "4", "tokens that the convolution in front sees"),
    {0}};
static const tw_attribute linear_attributes[] = {
    TW_SHAPE_INT("heads", heads, "heads, each with a state"),
    TW_SHAPE_INT("head-dim", head_dim, "numbers per head"),
    TW_SHAPE_OR("gate-rank", gate_rank, "0", "rank of the projection of the gate; 0: full"),
    TW_SHAPE_OR("conv", conv, "4", "tokens that the convolution in front sees"),
    {0}};
static const tw_attribute lightning_attributes[] = {TW_SHAPE_INT("heads", heads, "heads, each with a state"),
                                                    TW_SHAPE_INT("head-dim", head_dim, "numbers per head"),
                                                    {0}};

static gboolean check_heads(const xmlNode *node, const void *target, tw_faults *faults)
{
  const tw_attention_shape *shape = target;
  if (shape->value_heads % shape->key_heads == 0)
    return TRUE;
  tw_node_fault(node, faults,
                "%" G_GINT64_FORMAT " value-heads cannot share %" G_GINT64_FORMAT
                " key-heads evenly; key-heads must divide value-heads",
                shape->value_heads, shape->key_heads);
  return FALSE;
}

static void fill(double keys, double values, const tw_attention_shape *shape, double hidden, double rules,
                 tw_attention_work *work)
{
  double d = (double)shape->head_dim, tail = shape->conv > 1 ? (double)shape->conv - 1 : 0;
  work->params = hidden * (2 * keys * d + 2 * values * d) + values * d * hidden;
  work->products = 2; /* queries, keys, values and gate in one, and the output */
  work->heads = values;
  work->attended = (2 * keys + 2 * values) * d;
  work->kv_shards = 1;
  work->state_bytes = values * d * d * 4 + tail * (2 * keys + values) * d * 2;
  work->token_flops = rules * 2 * values * d * d;
}

static void delta_work(const tw_layers *layers, double hidden, double number_bytes, tw_attention_work *work)
{
  (void)number_bytes;
  const tw_attention_shape *shape = &layers->shape;
  work->operator= "gated-delta-net";
  fill((double)shape->key_heads, (double)shape->value_heads, shape, hidden, 3, work);
}

static void kda_work(const tw_layers *layers, double hidden, double number_bytes, tw_attention_work *work)
{
  (void)number_bytes;
  double heads = (double)layers->shape.heads, width = heads * (double)layers->shape.head_dim,
         rank = (double)layers->shape.gate_rank;
  work->operator= "kda";
  fill(heads, heads, &layers->shape, hidden, 3, work);
  if (rank > 0)
    work->params += rank * (hidden + width) - hidden * width;
}

static void lightning_work(const tw_layers *layers, double hidden, double number_bytes,
                           tw_attention_work *work)
{
  (void)number_bytes;
  work->operator= "lightning";
  fill((double)layers->shape.heads, (double)layers->shape.heads, &layers->shape, hidden, 2, work);
}

const tw_attention_kind_row tw_attention_gated_delta_net = {
    "gated-delta-net",
    {"gated-delta-net", "linear attention with the delta rule and a gate", delta_attributes, NULL,
     check_heads},
    delta_work};
const tw_attention_kind_row tw_attention_kda = {
    "kda",
    {"kda", "Kimi Delta Attention: a delta rule with a decay for each channel", linear_attributes, NULL,
     NULL},
    kda_work};
const tw_attention_kind_row tw_attention_lightning = {
    "lightning",
    {"lightning", "linear attention with a fixed decay", lightning_attributes, NULL, NULL},
    lightning_work};
