/* Overheads: what the serving software adds to the work of the accelerators, from sim/engines/NAME.xml.
 *
 * Fitted to measured servers on top of the kernels' own times, so that one set of numbers serves every model
 * and device: see tests/validation. */
#ifndef TW_SIM_OVERHEAD_H
#define TW_SIM_OVERHEAD_H

#include "platforms/input/schema.h"

typedef struct tw_overhead {
  char *label, *source;
  double request_s;   /* time from the client to the scheduler and back: HTTP, tokenizer, detokenizer */
  double iteration_s; /* time of each iteration: scheduling, launch, and reading back what was sampled */
  double per_seq_s;   /* time of each running sequence and iteration: bookkeeping, sampling, detokenizing */
  double launch;      /* share of the kernels' own launch times that remains: fused kernels, CUDA graphs */
  double compute;     /* share of the kernels' measured FLOP rate that a running server reaches */
  char *devices;      /* devices that it was fitted on, separated by blanks */
  gint64 max_seqs, max_context; /* sequences of an iteration, and their mean context, that it was fitted on */
  char *precisions;             /* precisions of the weights, separated by blanks; NULL: not recorded */
  gint64 max_tp, max_pp, max_dp, max_ep; /* parallelism that it was fitted on; 0 or less: not recorded */
  gboolean overlap; /* per_seq_s passes beside the accelerators' work (asynchronous scheduling) */
} tw_overhead;

extern const tw_element tw_overhead_element; /* root of an engine file */

/* Reads a file of the catalogue by name, or a file if the name holds a '/'. FALSE with faults at `node` where
 * there is none; unknown names get the nearest. Clear it with tw_overhead_clear. */
gboolean tw_overhead_load(const char *name, const xmlNode *node, tw_overhead *overhead, tw_faults *faults);
void tw_overhead_clear(tw_overhead *overhead);

#endif
