/* Models: the shape of a transformer, from workloads/models/NAME.xml, and the sizes that follow from it. */
#ifndef TW_WORKLOADS_MODEL_H
#define TW_WORKLOADS_MODEL_H

#include "platforms/input/schema.h"

typedef enum { TW_ATTENTION_GQA, TW_ATTENTION_MLA } tw_attention_kind;

typedef struct tw_model {
  char *file;   /* the file that the model was read from */
  char *name;   /* "llama-3.1-70b" */
  char *label;  /* "Llama-3.1-70B" */
  char *source; /* the source of the numbers */
  gint64 layers, hidden, vocab, max_positions;
  gboolean tied_embeddings; /* the output head shares the embedding's weights */

  int attention; /* tw_attention_kind */
  gint64 heads;
  gint64 kv_heads, head_dim; /* 0 for MLA */
  /* MLA (DeepSeek-V2, arXiv 2405.04434): ranks and dims; 0 for GQA. */
  gint64 q_lora_rank, kv_lora_rank, qk_nope_head_dim, qk_rope_head_dim, v_head_dim;
  /* Sliding window: layers that see at most `window` tokens of context; 0 and 0 if there are none. */
  gint64 window, window_layers;
  gboolean qk_norm; /* each head's query and key is normalised before attention */

  gint64 dense_layers; /* layers with a dense MLP (all, without experts); the others have experts */
  gint64 intermediate; /* width of the dense MLP (gated: three matrices); 0 without one */
  gint64 experts, experts_per_token, shared_experts, expert_intermediate; /* 0 without experts */
} tw_model;

extern const tw_element tw_model_element; /* root of a model file */

/* Reads a model of the catalogue by name, or a file if the name holds a '/'. NULL with faults at `node` (may
 * be NULL); unknown names get the nearest. A shape that contradicts itself is refused. */
tw_model *tw_model_load(const char *name, const xmlNode *node, tw_faults *faults);
void tw_model_free(tw_model *model);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_model, tw_model_free)

/* Parameters, counted from the shape (norms and biases left out: below 0.1 %). */
/* Projections of q, k, v and output of one layer. */
double tw_model_attention_params(const tw_model *model);
/* The MLP of one dense layer: 3 · hidden · intermediate. */
double tw_model_dense_mlp_params(const tw_model *model);
double tw_model_expert_params(const tw_model *model); /* one expert in one layer */
double tw_model_shared_params(const tw_model *model); /* shared experts and router gate of one MoE layer */
double tw_model_head_params(const tw_model *model);   /* hidden · vocab */
double tw_model_params(const tw_model *model);        /* all of them, embedding included */
double tw_model_active_params(
    const tw_model *model); /* parameters that one token passes through, without the embedding */

/* Numbers (not bytes) of KV cache that one token leaves in one full-attention layer: 2 · kv_heads · head_dim,
 * or kv_lora_rank + qk_rope_head_dim for MLA. */
double tw_model_kv_numbers_per_layer(const tw_model *model);

#endif
