/* Devices: what one accelerator can do, from platforms/devices/NAME.xml, each number with its source. */
#ifndef TW_PLATFORMS_DEVICE_H
#define TW_PLATFORMS_DEVICE_H

#include "platforms/input/schema.h"

/* Number formats of weights, activations and KV cache, in the order of tw_precision_names. */
typedef enum {
  TW_FP32,
  TW_BF16,
  TW_FP8,
  TW_FP4,
  TW_INT8,
  TW_FP8_BLOCK, /* fp8 with a scale for each block of 128 x 128 weights and 128 numbers of a row */
  TW_INT4,      /* expanded to bf16 on every device */
  TW_FP6,       /* multiplied as such or not at all: no device expands it */
  TW_PRECISIONS
} tw_precision;
extern const char *const tw_precision_names[TW_PRECISIONS + 1];
/* Bytes of one stored number, without block scales: 4, 2, 1, 0.5, 1, 1, 0.5, 0.75. */
double tw_precision_bytes(tw_precision precision);

/* How far the numbers of a device are known. */
typedef enum { TW_DEVICE_MEASURED, TW_DEVICE_DATA_SHEET, TW_DEVICE_PREVIEW } tw_device_status;
extern const char *const tw_device_status_names[];

/* Classes of operations that the roofline tells apart: sim/steptime/step_roofline.c says what each computes. */
typedef enum {
  TW_OP_LINEAR,
  TW_OP_EXPERTS,
  TW_OP_ATTENTION_PREFILL,
  TW_OP_ATTENTION_DECODE,
  TW_OP_HEAD,
  TW_OP_ACTIVATIONS,
  TW_OP_CLASSES
} tw_op_class;
extern const char *const tw_op_class_names[TW_OP_CLASSES + 1];

/* Efficiency of one op class, fitted to measured kernels with tests/validation/kernels/fit.c. A kernel takes
 * launch_s whatever its size is:
 *
 *     linear, head       t = launch + roof(flops / F', weights / B' + chain · depth) + token_bytes · numbers of rows / B'
 *     experts            t = launch + roof(flops / F', weights / B' + chain · (hidden + intermediate))
 *                            + per_token · copies + per_expert · experts held
 *                            + (copy_bytes · copies · (hidden + intermediate) + token_bytes · tokens · hidden) / B'
 *                            + routing · min(1, tokens / routing_tokens)
 *     attention-prefill  t = launch + flops / F' + bytes of q, k, v and output / B'
 *     attention-decode   t = launch + max(flops / F', min(KV bytes / B″, ramp + KV bytes / B')) + chain · mean context
 *     activations        t = launch + bytes of norms and activations in between / B'
 *
 *     F' = compute_peak · the device's dense peak in FLOP/s
 *     B' = memory · its HBM bandwidth
 *     B″ = near_memory · its HBM bandwidth
 *
 * depth: the numbers that a product sums over, one tile of a matrix after the other, however few rows there are. A kernel
 * of attention reads little KV at a smaller rate, since there is not enough of it to keep all of the memory busy.
 *
 * copies: a token once for each of its experts that the accelerator holds; tokens: all that reach it, which are
 * routed, and whose sums are written, whether its experts are theirs or not. roof: tw_roof. */
typedef struct tw_efficiency {
  double compute_peak; /* 0 to 1 */
  double mixed_peak;   /* experts: the same where rows stay wider than the weights; 0: no less than that */
  double memory;       /* 0 to 1 */
  double launch_s; /* Seconds that each kernel takes to launch; for activations, of all kernels of a layer. */
  double per_token_s; /* experts: of each copy of a token in a layer, where only that was measured */
  double copy_bytes;  /* experts: traffic for each number of a copy's rows */
  double token_bytes; /* experts, linear, head: traffic for each number of a token's row; 0 in products: 2 */
  double softmax;     /* attention-prefill: dimensions of a head that the exponentials cost as much as */
  double
      chain_s; /* of each number that a product sums over; attention-decode: of each token of a mean context */
  double per_expert_s;        /* experts: of each expert that the accelerator holds */
  double near_memory, ramp_s; /* attention-decode: over little KV; near_memory 0: as over much */
  /* experts: what it takes to sort many tokens by their experts; few are sorted by one block of threads. Routing_tokens
   * 0: no time. */
  double routing_s, routing_tokens;
  /* Measured with kernels that quantize rows in front of each product, which engines fuse into what lies before: what of
   * it is slower than in the next wider format is for engines as it is there. */
  gboolean unfused;
} tw_efficiency;

/* Operators beyond the classes above, whose kernels were measured as one: attention of a kind
 * (workloads/models/layers.h) without its projections, or what mixes residual streams. h: heads on this accelerator; n:
 * sequences in decode, new tokens in prefill; context: of one sequence, as far as it counts. What a device has no row
 * for costs what the roof of the attention classes says.
 *
 *     decode    t = launch + per-head · h + per-item · n + per-item-head · n · h + chain · mean context
 *                   + bytes / (memory · HBM bandwidth), and without CUDA graphs at least host
 *     prefill   t = max(host, projections + launch + per-item · n + per-item-head · n · h + chain · mean chunk
 *                             + per-chosen · Σ tokens attended to + FLOPs / (compute · peak in bf16)
 *                             + bytes / (memory · bandwidth)) - projections
 *
 * An indexer adds its own launch, host, per-item, chain over the whole context, bytes, and FLOPs in fp8; in decode
 * choose-launch as soon as a sequence has more tokens than are chosen, below which kernels choose nothing. In prefill it
 * also gathers the keys of the batch, and its scores are one matrix of all new tokens by all of these keys, most of
 * which are of other sequences (SGLang's dsa_indexer.py: fp8_mqa_logits). The host quantizes the rows of each product
 * with weights in fp8 blocks, and is slower in contexts of more than TW_LONG_CONTEXT tokens. A batch whose contexts are
 * all chosen whole, of at most TW_WHOLE_TOKENS in the sum, is attended to densely, as SGLang's backend for DSA does: the
 * latents of its earlier tokens are expanded to keys and values of each head again,
 *
 *               t = max(whole-host, projections + whole-per-item-head · n · h + whole-expand · earlier tokens · h
 *                                   + FLOPs at the rate of dense attention) - projections
 *
 * Bytes: of KV, or of a state that is read once and written once for each sequence, by decodes as by
 * prompts. */
#define TW_OPERATORS(X)                                                                                      \
  X(GATED_DELTA_NET, "gated-delta-net")                                                                      \
  X(KDA, "kda")                                                                                              \
  X(LIGHTNING, "lightning")                                                                                  \
  X(MAMBA2, "mamba2")                                                                                        \
  X(DSA, "dsa")                                                                                              \
  X(BLOCK_SPARSE, "block-sparse")                                                                            \
  X(COMPRESSED, "compressed")                                                                                \
  X(COMPRESSED_ALL, "compressed-all")                                                                        \
  X(STREAMS, "streams")
typedef enum {
#define X(name, text) TW_OPERATOR_##name,
  TW_OPERATORS(X)
#undef X
      TW_OPERATOR_COUNT
} tw_operator_kind;
extern const char *const tw_operator_names[TW_OPERATOR_COUNT + 1];
typedef enum { TW_PHASE_DECODE, TW_PHASE_PREFILL, TW_PHASES } tw_phase_kind;

typedef struct tw_operator {
  double memory, compute; /* shares, 0 to 1; memory 0: there is no row */
  double host_s, launch_s, per_head_s, per_item_s, per_item_head_s, chain_s;
  double index_memory, index_compute;
  gboolean index_skipped; /* prompts whose context is chosen whole do without the indexer */
  double index_host_s, index_launch_s, index_per_item_s, index_chain_s;
  double choose_launch_s; /* decode: where a sequence has more tokens than are chosen */
  double per_chosen_s, index_per_key_s, index_spread_s; /* prefill only, as what follows */
  double block_host_s, long_host_s, long_per_seq_s;     /* more than host_s */
  double whole_host_s, whole_expand_s,
      whole_per_item_head_s; /* whole_host_s 0: nothing is attended to densely */
} tw_operator;
enum { TW_LONG_CONTEXT = 131072, TW_WHOLE_TOKENS = 131072 };

/* A roof with a round edge: the fourth root of the sum of the fourth powers, by which products in CUDA graphs
 * on an H100 follow within 8 % (tests/validation/data/h100_kernels.csv; the hypotenuse is 30 % too slow at
 * the edge). */
static inline double tw_roof(double compute_s, double memory_s)
{
  double c = compute_s * compute_s, m = memory_s * memory_s;
  return __builtin_sqrt(__builtin_sqrt(c * c + m * m));
}

/* Kernels that move data between accelerators: a protocol of a library, or a kernel of its own. */
#define TW_KERNELS(X)                                                                                        \
  X(LL, "ll", "rings and trees with a flag beside each word: the lowest latency")                            \
  X(LL128, "ll128", "rings and trees with a flag in each 128 bytes")                                         \
  X(SIMPLE, "simple", "rings and trees in large chunks: the full bandwidth")                                 \
  X(IN_SWITCH, "in-switch", "all-reduce whose sums the switch makes (NVLS)")                                 \
  X(PAIRS_LL, "pairs-ll", "sends from rank to rank, small")                                                  \
  X(PAIRS, "pairs", "sends from rank to rank, large")                                                        \
  X(ONE_SHOT, "one-shot", "all-reduce of an engine: every rank reads all others")                            \
  X(TWO_SHOT, "two-shot", "all-reduce of an engine: reduce-scatter and all-gather in one kernel")            \
  X(LL_DISPATCH, "ll-dispatch", "DeepEP, low latency: tokens to experts, a copy for each expert")            \
  X(LL_COMBINE, "ll-combine", "... and back")                                                                \
  X(DISPATCH, "dispatch", "DeepEP, normal, inside a domain: a copy for each rank")                           \
  X(COMBINE, "combine", "... and back")                                                                      \
  X(INTERNODE_DISPATCH, "internode-dispatch", "DeepEP, normal, over domains: a copy for each domain")        \
  X(INTERNODE_COMBINE, "internode-combine", "... and back")                                                  \
  X(ONE_SIDED_DISPATCH, "one-sided-dispatch", "TensorRT-LLM, one-sided NVLink: a copy for each rank")        \
  X(ONE_SIDED_COMBINE, "one-sided-combine", "... and back")                                                  \
  X(TWO_SIDED_PREPARE, "two-sided-prepare",                                                                  \
    "TensorRT-LLM, two-sided NVLink: ranks tell how much is to come")                                        \
  X(TWO_SIDED_DISPATCH, "two-sided-dispatch", "... a copy for each rank")                                    \
  X(TWO_SIDED_COMBINE, "two-sided-combine", "... and back")                                                  \
  X(TWO_SIDED_LOW_COMBINE, "two-sided-low-combine", "... and back in 4 bits")
typedef enum {
#define X(name, text, help) TW_KERNEL_##name,
  TW_KERNELS(X)
#undef X
      TW_KERNEL_COUNT
} tw_kernel;
extern const char *const tw_kernel_names[TW_KERNEL_COUNT + 1];

/* Fitted constants of a kernel; sim/collectives/collective_time.h has the formula. scale_up == 0: the device
 * lacks the kernel. */
typedef struct tw_kernel_cost {
  double launch_s;
  double step_s;        /* time of each message that follows another, beyond the latency of its link */
  double fabric_step_s; /* Time of a message that crosses the fabric, beside step_s. */
  double scale_up;      /* share of the rate of the links inside the domain, 0 to 1 */
  double scale_out;     /* Share of the rate of the NIC, 0 to 1. */
  double own;           /* Cost of a byte that stays on its rank (experts: of a token once), in bytes sent. */
  double per_token_s;   /* least time of a token (of the kernels for experts) */
  /* Seconds of each rank beyond the fabric that a rank of experts' kernels tells what comes. */
  double peer_s;
  gint64 nics;         /* NICs of a domain that rings and trees between domains use; 0: all. */
  gint64 fitted_ranks; /* the most among the rows that it was fitted on; 0: unknown */
  double fitted_bytes; /* The most bytes of a rank among these rows; 0: unknown. */
} tw_kernel_cost;

/* The equipment that commonly stands around the devices, for generated platforms: the node or rack of
 * `accelerators` of them draws overhead_w beside theirs when all work (CPUs, memory, NVLink switches, fans;
 * behind the power supplies), idle_w of it without work, and network_w in the fabric. */
typedef struct tw_chassis {
  gint64 accelerators; /* 0: unknown */
  double overhead_w, idle_w, network_w, pue;
  double psu_w;         /* watts that its power supplies can give in all; 0: unknown */
  char *psu_efficiency; /* efficiency by load, in the form of tw:psu_efficiency; NULL: unknown */
  char *source;
} tw_chassis;

typedef struct tw_device {
  char *file;                  /* the file that the device was read from */
  char *name;                  /* "h100-sxm" */
  char *label;                 /* "NVIDIA H100 SXM 80 GB" */
  int status;                  /* tw_device_status */
  double flops[TW_PRECISIONS]; /* dense peak, FLOP/s; NAN where the device lacks the format */
  double hbm_bytes;            /* capacity */
  double hbm_bytes_per_s;
  double scale_up_bytes_per_s; /* NVLink or PCIe, per accelerator and direction */
  gint64
      scale_up_peers; /* to each of which it has a link of its own: shares of that bandwidth; 0: a switch */
  double scale_up_latency_s;  /* alpha of one hop inside the domain, as a collective sees it */
  double scale_up_efficiency; /* share of the wire rate that a collective without a row reaches */
  /* Accelerators on one board: trees are chains there, and branch between boards. */
  gint64 board_accelerators;
  tw_kernel_cost kernels[TW_KERNEL_COUNT];
  double host_factor; /* time that its usual host takes for work of software, over that of an H100's */
  double scale_out_bytes_per_s; /* NIC per accelerator and direction; NAN: none */
  double scale_out_latency_s;   /* Latency of a usual route, by which algorithms are chosen. */
  double host_bytes_per_s;      /* to the memory of its host and back, one direction; NAN: unknown */
  double idle_w, max_w;         /* NAN: no power data, and then no energy is reported */
  double sleep_w;               /* without weights, parked: idle_w where the file does not say */
  double active_w;              /* beyond idle_w while an iteration runs, collectives apart */
  /* Joules of each byte of HBM traffic; NAN: not fitted, and then no energy is reported. */
  double joules_per_byte;
  double joules_per_flop[TW_PRECISIONS]; /* NAN where it was not fitted */
  double arithmetic_half; /* share of the bf16 peak at which a FLOP costs half of that; 0: never */
  double voltage_floor;  /* voltage at clock 0 over that at the nominal clock: it falls linearly in between */
  double reserved_bytes; /* driver, communication buffers: HBM that no engine can use */
  /* Efficiencies by the precision that the matrices run in: kernels of different precisions reach different
   * shares. */
  tw_efficiency efficiency[TW_OP_CLASSES][TW_PRECISIONS]; /* as engines run them */
  tw_efficiency measured[TW_OP_CLASSES][TW_PRECISIONS];   /* as the file says */
  /* Another family of kernels for experts, of which engines take the faster for each shape; memory 0: there is none. */
  tw_efficiency alternative[TW_PRECISIONS];
  tw_operator operators[TW_OPERATOR_COUNT][TW_PHASES][2]; /* over KV in 16 bits, and in 8 */
  tw_chassis chassis;
} tw_device;

extern const tw_element tw_device_element; /* root of a device file */

/* Bandwidth between two accelerators of a domain. */
static inline double tw_device_pair_bytes_per_s(const tw_device *device)
{
  return device->scale_up_bytes_per_s / (double)MAX(device->scale_up_peers, 1);
}

/* Reads a device of the catalogue by name, or a file if the name holds a '/'. NULL with faults at `node`
 * (which may be NULL) where there is none; unknown names get the nearest. */
tw_device *tw_device_load(const char *name, const xmlNode *node, tw_faults *faults);
void tw_device_free(tw_device *device);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_device, tw_device_free)

#endif
