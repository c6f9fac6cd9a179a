/* Models: the shape of a transformer, from workloads/models/NAME.xml, and the sizes that follow from it. */
#ifndef TW_WORKLOADS_MODEL_H
#define TW_WORKLOADS_MODEL_H

#include "workloads/models/layers.h"

typedef enum { TW_ATTENTION_GQA, TW_ATTENTION_MLA } tw_attention_kind;

/* Bounds on the context that counts in some layers, the larger share first, and the share that each has in what goes
 * with the context: a token of it costs so much in these layers up to the bound, and nothing beyond. */
typedef struct tw_context_caps {
  int n;
  gint64 tokens[TW_CONTEXT_CAPS];
  double share[TW_CONTEXT_CAPS];
} tw_context_caps;

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

  /* Groups of layers that are not alike; 0 of them in a model whose layers have one kind of attention. With groups,
   * the members above that describe layers say what holds for all: `heads` is the greatest common divisor of the
   * groups' heads, and `window` the first of the caps. */
  tw_layers *groups;
  int n_groups;
  tw_context_caps caps;  /* Caps of all layers; without groups that of the window, if there is one. */
  double uncapped_share; /* the share of the whole context */
  gint64 streams;        /* residual streams: above 1 with hyper-connections (mHC) */
  tw_layers draft;       /* layers that draft tokens, with their own weights; count 0: none */
  gint64 borrowed_vocab; /* rows of the tables of tokens that are those of another model: tw_model_drafter */
  /* Size of tables that are looked up by n-grams, kept in host memory; 0: none. */
  double table_rows, table_width;
  gint64 table_reads;                     /* rows that a token looks up */
  double card_params, card_active_params; /* Parameters as the makers' card says; NAN: it does not. */
  char *card_source;
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

/* All layers: projections of attention; and what every token passes through beside them, which are dense MLPs, shared
 * experts and gates. Layers that have experts. */
double tw_model_projection_params(const tw_model *model);
double tw_model_mlp_params(const tw_model *model);
double tw_model_moe_layers(const tw_model *model);
/* Draft layers, and tables of n-grams; in neither of the sums above. */
double tw_model_draft_params(const tw_model *model);
double tw_model_table_params(const tw_model *model);

/* Bytes that a sequence holds, over all layers, on an accelerator of a tensor-parallel group of `tp` (1: in all). */
typedef struct tw_sequence_bytes {
  double per_token; /* Bytes of KV for each token of its context. */
  double window;    /* Bytes of KV of its last tokens, in layers that see no more; full windows. */
  double state;     /* Bytes of the state of linear attention: as much at each length. */
} tw_sequence_bytes;
/* KV in numbers of so many bytes. */
tw_sequence_bytes tw_model_sequence_bytes(const tw_model *model, double number_bytes, gint64 tp);
/* Bytes of one copy of the KV and windows of a sequence of so many tokens, of which a tensor-parallel group of `tp` holds
 * tp / tw_model_kv_shards, and of its state, which it holds once: each copy counts its part of that. */
double tw_model_cache_bytes(const tw_model *model, double number_bytes, gint64 tokens, gint64 tp);
/* Accelerators of a tensor-parallel group of `tp` that hold different parts of the KV; the others hold copies. */
gint64 tw_model_kv_shards(const tw_model *model, gint64 tp);

/* A model's draft layers, as a model of their own that shares its embeddings and its head; the caller frees it. What
 * projects the hidden state and the embedding of a token to one row, which a draft layer begins with, counts with the
 * head: as 2 · hidden more rows of the vocabulary for each layer. NULL: it has no draft layers. */
tw_model *tw_model_drafter(const tw_model *model);
/* Makes a drafter, of a model's own layers or not, count the context as `model` does, whose batches it gets. FALSE,
 * unchanged, if it has a window or chooses among so many tokens that `model` has none of. */
gboolean tw_model_follow_caps(tw_model *drafter, const tw_model *model);

/* Describes a model for `check`: parameters and bytes by part beside the card's, KV and state. The caller frees it. */
char *tw_model_totals(const tw_model *model);

/* Numbers (not bytes) of KV cache that one token leaves in one full-attention layer: 2 · kv_heads · head_dim,
 * or kv_lora_rank + qk_rope_head_dim for MLA. Only of models without groups. */
double tw_model_kv_numbers_per_layer(const tw_model *model);

#endif
