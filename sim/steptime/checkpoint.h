/* Checkpoints: in which number formats a model is published, part by part.
 *
 * Embeddings stay in bf16 in all of them. A format alone ("fp8") stands for a checkpoint that
 * is in it throughout. */
#ifndef TW_SIM_CHECKPOINT_H
#define TW_SIM_CHECKPOINT_H

#include "platforms/reader/device.h"

typedef struct tw_checkpoint {
  const char *name;
  gboolean mixed;         /* the rows that experts multiply stay in a wider format than their weights */
  tw_precision weights;   /* Precision of the weights of routed experts. */
  tw_precision attention; /* Precision of the attention projections. */
  tw_precision shared;    /* Precision of dense MLPs and shared experts. */
  tw_precision head;      /* Precision of the output head. */
  const char *source;
} tw_checkpoint;

extern const char *const tw_checkpoint_names[]; /* in the order of tw_checkpoint_get */
const tw_checkpoint *tw_checkpoint_get(int index);

#endif
