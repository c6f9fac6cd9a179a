/* Serving software: the times that it adds to the work of the accelerators, from sim/engines/NAME.xml.
 *
 * Fitted to measured servers on top of the kernels' own times, so that one set of numbers serves every model
 * and device: see tests/validation. */
#ifndef TW_SIM_SOFTWARE_H
#define TW_SIM_SOFTWARE_H

#include "platforms/input/schema.h"

typedef struct tw_software {
  char *label, *source;
  /* Times of the host are those of an H100's; a device's <host> says how much slower its host is. */
  double request_s; /* from the client to the scheduler and back: HTTP, tokenizer, detokenizer */
  /* Seconds of each iteration: scheduling, launch, and reading back what was sampled. */
  double iteration_s;
  /* Seconds of each running sequence and iteration: bookkeeping, sampling, detokenizing. */
  double per_seq_s;
  double launch;  /* share of the kernels' own launch times that remains: fused kernels, CUDA graphs */
  double compute; /* share of the kernels' measured FLOP rate that a running server reaches */
  /* Share of that rate in products in FP8: rows are quantized and scaled beside them. */
  double fp8;
  double experts; /* share of the measured speed of the kernels for experts */
  /* Bytes of HBM traffic for each logit that a token is drawn from; 0: the likeliest token is taken. */
  double logit_bytes;
  gboolean fused_norms; /* all-reduces of tensor parallelism compute the norms behind them */
  char *fused_in;       /* beginnings of the names of models whose layers are written so; NULL: all */
  /* All-reduces of tensor parallelism: bytes that each of their numbers takes, and whether products send their sums
   * while they compute them. */
  double sum_bytes;
  gboolean fused_sums;
  gboolean all_to_all; /* tokens go to the ranks of their experts only; else all ranks gather all tokens */
  /* CUDA graphs: batches are padded to captured sizes (1, 2, 4, and then steps of 8). What is larger, or
   * holds prompts while graph_prompts is FALSE, runs eagerly: the host then takes at least so long a layer.
   */
  gint64 graph_tokens; /* largest captured size; 0: nothing is padded */
  gint64 graph_step;   /* from one captured size to the next, above 512; 0: powers of two */
  gboolean graph_prompts;
  double eager_layer_s, eager_experts_s; /* Seconds of a layer, and more seconds of one with experts. */
  char *devices;                         /* Devices that the row was fitted on, separated by blanks. */
  gint64 max_seqs, max_context; /* sequences of an iteration, and their mean context, that it was fitted on */
  char *precisions;             /* Precisions of the weights, separated by blanks; NULL: not recorded. */
  /* Largest degrees that the row was fitted on; 0 or less: not recorded. */
  gint64 max_tp, max_pp, max_dp, max_ep;
  /* Data-parallel ranks that share experts: tokens of the dummy batch that a rank without work computes beside the
   * others, and iterations from one to the next in which they ask each other whether anybody has work left. Until
   * then all go on with dummy batches. 0: none, and they stop at once. */
  gint64 idle_tokens, finish_sync;
  char *scheduler;       /* kind of batching */
  gboolean asynchronous; /* an iteration is planned while the one before it runs */
  gboolean overlap;      /* per_seq_s passes beside the accelerators' work (asynchronous scheduling) */
} tw_software;

extern const tw_element tw_software_element; /* root of an engine file */

/* Reads a file of the catalogue by name, or a file if the name holds a '/'. FALSE with faults at `node` where
 * there is none; unknown names get the nearest. Clear it with tw_software_clear. */
gboolean tw_software_load(const char *name, const xmlNode *node, tw_software *software, tw_faults *faults);
void tw_software_clear(tw_software *software);

/* Whether all-reduces compute the norms behind them in a model of this name, which may be NULL. */
gboolean tw_software_fuses_norms(const tw_software *software, const char *model);

/* The captured size of a CUDA graph that holds so many tokens: steps of 8 up to 512, and above of `step`, or, if
 * that is 0, powers of two, as TensorRT-LLM captures them. */
static inline gint64 tw_captured_tokens(gint64 tokens, gint64 step)
{
  if (tokens > 512 && step > 0)
    return (tokens + step - 1) / step * step;
  if (tokens > 512)
    return (gint64)1 << g_bit_storage((gulong)tokens - 1);
  return tokens <= 2 ? tokens : tokens <= 4 ? 4 : (tokens + 7) / 8 * 8;
}

#endif
