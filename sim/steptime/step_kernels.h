/* Kernels that multiply: the rates that they reach on a device with an engine, and what a product takes. */
#ifndef TW_SIM_STEP_KERNELS_H
#define TW_SIM_STEP_KERNELS_H

#include "sim/steptime/step_time.h"

/* One class of operations in the precision that it is computed in. */
typedef struct tw_kernels {
  double flops_per_s, bytes_per_s; /* the rates that its kernels reach */
  double launch_s, per_token_s;
  /* Bytes that experts' kernels move for each row and token: platforms/reader/device.h. */
  double copy_bytes, token_bytes;
  double chain_s, per_expert_s;
  double routing_s, routing_tokens; /* routing_tokens 0: no time */
  double near_bytes_per_s, ramp_s;  /* attention over little KV; 0: as over much */
} tw_kernels;

/* Returns the kernels of a class of operations on weights, or on KV, that are stored in a precision. */
tw_kernels tw_kernels_of(const tw_step_setting *setting, tw_op_class class, tw_precision stored);

/* The other family of kernels for the same experts, of which the faster counts; FALSE if there is none. */
gboolean tw_kernels_alternative(const tw_step_setting *setting, tw_precision stored, tw_kernels *kernels);

/* A product with weights on one accelerator, launches included: a roof with a round edge. `depth`: what the products sum
 * over, added up. */
double tw_product_s(const tw_kernels *kernels, double launches, double flops, double bytes, double depth);
/* Returns the seconds of a dense product, and adds its reading and computing to the classes of `cost`. */
double tw_dense_s(const tw_kernels *kernels, double launches, double flops, double bytes, double depth,
                  tw_step_cost *cost);
/* Seconds that kernels of attention in so many layers take to read KV, launches apart. */
tw_line tw_kv_s(const tw_kernels *kernels, double layers, tw_line bytes, gint64 *valid);

#endif
