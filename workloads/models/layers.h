/* Layers: a group of layers of one kind, for models whose layers are not all alike.
 *
 * A model file lists its groups; each has at most one kind of attention (a row of tw_attention_kinds, in a file of
 * its own) and an MLP, experts, both beside each other, or none:
 *
 *     <layers count="45"><gated-delta-net .../><experts .../></layers>
 *     <layers count="15"><gqa .../><experts .../></layers>
 *
 * A kind of attention says what a layer of it does, in numbers that no device is in: tw_attention_work. Memory,
 * transfers and step times follow from these alone. */
#ifndef TW_WORKLOADS_LAYERS_H
#define TW_WORKLOADS_LAYERS_H

#include "platforms/input/schema.h"

enum { TW_ATTENTION_PARTS = 3, TW_CONTEXT_CAPS = 4 };

/* The work of a new token on the context: attend to it, or score it to choose what to attend to. */
typedef enum { TW_SCAN_ATTENTION, TW_SCAN_LATENT, TW_SCAN_SELECTED, TW_SCAN_INDEXER } tw_scan;

/* One walk over the context that a new token makes in a layer. */
typedef struct tw_attention_part {
  tw_scan scan;
  gint64 cap;                         /* tokens of context that count at most; 0: all */
  double tokens_per_key;              /* tokens of context that share a key */
  double share;                       /* Share of the group's layers that make it. */
  double decode_flops, prefill_flops; /* for each token of context, over all heads */
  double heads;                       /* query heads: exponentials for each token of context */
  double kv_bytes;                    /* read for each token of context */
  double shards; /* accelerators of a tensor-parallel group that can divide these bytes */
} tw_attention_part;

/* The size and the work of the attention of one layer. */
typedef struct tw_attention_work {
  double params;       /* Parameters of its projections. */
  double products;     /* matrix products that these are */
  double heads;        /* Heads, which tensor parallelism divides. */
  double attended;     /* numbers that attention takes and leaves for a new token, beside KV */
  double kv_numbers;   /* Numbers that a new token adds to KV. */
  double kv_bytes;     /* stored for each token of context, for as long as the sequence lives */
  double kv_shards;    /* accelerators of a tensor-parallel group that can divide the KV */
  double window_bytes; /* KV that a sequence holds of its last tokens only, at most */
  double state_bytes;  /* State of a sequence, which does not grow; its heads divide it. */
  double token_flops;  /* FLOPs of a new token, beside projections and context. */
  /* FLOPs for each token of context where a prompt's context is attended to densely because all of it is chosen; 0:
   * that is not done. */
  double whole_flops;
  tw_attention_part parts[TW_ATTENTION_PARTS];
  int n_parts;
  const char *operator; /* the row of a device that its kernels are measured by; NULL: those of attention */
} tw_attention_work;

typedef struct tw_attention_kind_row tw_attention_kind_row;
typedef struct tw_layers tw_layers;

/* The attributes of all kinds of attention; those that the kind does not have are 0. */
typedef struct tw_attention_shape {
  gint64 heads, kv_heads, head_dim, v_head_dim, window, chunk;
  gboolean gate, sink, shared_kv;
  gint64 q_lora_rank, kv_lora_rank, qk_nope_head_dim, qk_rope_head_dim;
  gint64 index_heads, index_head_dim, index_layers, index_pool;
  gint64 top_k, block; /* top_k: in tokens, blocks or entries, as the kind says */
  gint64 ratio, kv_layers, o_lora_rank, o_groups;
  gint64 key_heads, value_heads, conv, gate_rank, state, groups;
} tw_attention_shape;

struct tw_layers {
  gint64 count;
  const tw_attention_kind_row *attention; /* NULL: none */
  tw_attention_shape shape;
  /* The dense MLP, 0 without one; and experts, 0 without any. */
  gint64 intermediate, matrices;
  gint64 experts, experts_per_token, shared_experts, expert_intermediate, expert_matrices;
  gint64 expert_input;        /* width that experts work in, projected to and from; 0: that of the model */
  gint64 shared_intermediate; /* width of a shared expert */
  gboolean hash_routed;       /* a token's id says its experts: no gate */
};

/* A kind of attention: an element of <layers>. */
struct tw_attention_kind_row {
  const char *name;
  tw_element element; /* fills a tw_attention_shape */
  /* Adds the work of a layer of a model so wide, with KV in numbers of so many bytes. `work` is all 0. */
  void (*work)(const tw_layers *layers, double hidden, double number_bytes, tw_attention_work *work);
};
extern const tw_attention_kind_row tw_attention_gqa, tw_attention_blocks, tw_attention_mla, tw_attention_dsa,
    tw_attention_compressed, tw_attention_gated_delta_net, tw_attention_kda, tw_attention_lightning,
    tw_attention_mamba2;
extern const tw_attention_kind_row *const tw_attention_kinds[]; /* ends with NULL */

extern const tw_element tw_layers_element, tw_draft_layers_element;

/* Reads a checked <layers>. FALSE with faults where it contradicts itself. */
gboolean tw_layers_read(const xmlNode *node, tw_layers *layers, tw_faults *faults);

/* Returns the work of the attention of one of the layers; all 0 without attention. */
tw_attention_work tw_layers_attention(const tw_layers *layers, double hidden, double number_bytes);

/* Parameters of one layer: of its dense MLP; of one expert; and of what all tokens pass through beside routed
 * experts: shared experts, the gate, and the projections to the experts' width. 0 without. */
double tw_layers_dense_params(const tw_layers *layers, double hidden);
double tw_layers_expert_params(const tw_layers *layers, double hidden);
double tw_layers_shared_params(const tw_layers *layers, double hidden);

/* Attributes of a kind of attention, for the files of the kinds. */
#define TW_SHAPE(member) .offset = offsetof(tw_attention_shape, member)
#define TW_SHAPE_INT(key, member, text)                                                                      \
  {                                                                                                          \
    key, TW_ATTR_INT, .min = 1, .max = 1e7, TW_SHAPE(member), .help = text                                   \
  }
#define TW_SHAPE_OR(key, member, otherwise, text)                                                            \
  {                                                                                                          \
    key, TW_ATTR_INT, .fallback = otherwise, .max = 1e9, TW_SHAPE(member), .help = text                      \
  }
#define TW_SHAPE_FLAG(key, member, text)                                                                     \
  {                                                                                                          \
    key, TW_ATTR_BOOL, .fallback = "false", TW_SHAPE(member), .help = text                                   \
  }

#endif
