/* Measured kernels: rows of CSV files as work done and seconds taken, sorted by op class and precision.
 *
 * Formats, by the names of their columns; others may stand beside them:
 *
 *     gemm        gemm_dtype, m, n, k, latency
 *     context     attn_dtype, kv_cache_dtype, batch_size, isl, num_heads, num_key_value_heads, head_dim,
 *                 window_size, latency
 *     generation  the same, and step: context is isl + step
 *     mla         generation with MLA, a whole module: kv_cache_dtype, num_heads, batch_size, isl, step,
 *                 latency; what counts is how the time grows with the context
 *     moe         moe_dtype, kernel_source, distribution, num_tokens, hidden_size, inter_size, topk,
 *                 num_experts, moe_tp_size, moe_ep_size, latency
 *     graph       op (linear, norm or silu), type, m, n, k, us: kernels in CUDA graphs
 *     dense       layer, tokens, time_us: kernels of a layer of the model at tp (vLLM's names of layers)
 *     sequences   layer, sequences, time_us: lm_head
 *     attention   prefill_chunk, kv_prefill, n_decode, kv_decode, time_us
 *     experts     tokens, activated_experts, time_us
 *     vidur       Vidur's compute profile: time_stats.*.median, n_head, n_kv_head, n_embd, n_expanded_embd,
 *                 num_tokens, num_tensor_parallel_workers
 *
 * latency and time_stats are milliseconds, and all times above zero. The first five are the formats of NVIDIA's
 * aiconfigurator, graph is that of tests/validation/data, and the four after it are those of LLMServingSim's
 * profiles of vLLM. */
#ifndef TW_TESTS_VALIDATION_KERNELS_KERNEL_H
#define TW_TESTS_VALIDATION_KERNELS_KERNEL_H

#include "platforms/reader/device.h"
#include "workloads/models/model.h"

typedef struct kernel {
  double flops;        /* on this accelerator */
  double exponentials; /* FLOPs that each dimension's worth of softmax adds */
  double weights;      /* bytes under the round roof */
  double streamed;     /* bytes beside it */
  double tokens;       /* copies that experts receive, where no more is known of them */
  double copied;       /* numbers of the rows of all copies */
  double passed;       /* numbers of the rows of all tokens; of a product's rows */
  double routed;       /* tokens that are sorted by their experts */
  double depth;        /* what products sum over; mean context that decodes attend to */
  double experts;      /* held */
  double since;        /* share of flops, weights and depth that were done before; 0 for whole kernels */
  double launches;     /* 0 or 1 */
  double seconds;
  GQuark series; /* of experts: all kernels of one shape with different numbers of tokens; 0: unknown */
} kernel;

/* Kernels of one class and precision. */
typedef struct kernel_group {
  GArray *kernels[TW_OP_CLASSES][TW_PRECISIONS]; /* elements are kernel */
  GArray *alternative[TW_PRECISIONS];            /* of experts */
} kernel_group;

/* Facts that the rows of a file do not tell. */
typedef struct kernel_context {
  const tw_device *device;
  const tw_model *model; /* the model of dense, sequences, attention and experts, or NULL */
  int tp;
} kernel_context;

typedef struct kernel_format {
  const char *name, *help;
  gboolean (*read)(const char *path, const kernel_context *context, kernel_group *group, GError **error);
  gboolean needs_model; /* in the context */
} kernel_format;
extern const kernel_format kernel_formats[]; /* ends with a NULL name */

void kernel_group_init(kernel_group *group);
void kernel_group_clear(kernel_group *group);

/* Seconds that the efficiencies predict: platforms/reader/device.h. */
double kernel_seconds(const kernel *k, const tw_device *device, tw_op_class op, tw_precision precision,
                      const tw_efficiency *efficiency);

#endif
