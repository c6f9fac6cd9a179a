/* Mamba2 (Dao and Gu, arXiv 2405.21060): a state of head-dim · state numbers per head and sequence.
 *
 *     parameters   hidden · (2 · inner + 2 · groups · state + heads) + inner · hidden, with inner = heads · head-dim
 *     state        heads · head-dim · state numbers in fp32, and the last conv − 1 inputs of a convolution over inner
 *                  and both groups' numbers in bf16
 *
 * A token adds to the state and reads it: 2 operations per number each. */
#include "workloads/models/layers.h"

static const tw_attribute attributes[] = {
    TW_SHAPE_INT("heads", heads, "heads, each with a state"),
    TW_SHAPE_INT("head-dim", head_dim, "numbers per head"),
    TW_SHAPE_INT("state", state, "numbers of state for each of these"),
    TW_SHAPE_INT("groups", groups, "groups of heads that share what goes into the state and out of it"),
    TW_SHAPE_OR("conv", conv, "4", "tokens that the convolution in front sees"),
    {0}};

static void work_of(const tw_layers *layers, double hidden, double number_bytes, tw_attention_work *work)
{
  (void)number_bytes;
  const tw_attention_shape *shape = &layers->shape;
  double heads = (double)shape->heads, inner = heads * (double)shape->head_dim, state = (double)shape->state,
         shared = 2 * (double)shape->groups * state, tail = shape->conv > 1 ? (double)shape->conv - 1 : 0;
  work->params = hidden * (2 * inner + shared + heads) + inner * hidden;
  work->products = 2; /* into the heads, and the output */
  work->heads = heads;
  work->attended = 2 * inner + shared;
  work->kv_shards = 1;
  work->state_bytes = inner * state * 4 + tail * (inner + shared) * 2;
  work->operator= "mamba2";
  work->token_flops = 4 * inner * state;
}

const tw_attention_kind_row tw_attention_mamba2 = {
    "mamba2",
    {"mamba2", "a state-space layer with a scalar decay per head", attributes, NULL, NULL},
    work_of};
