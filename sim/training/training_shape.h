/* Shapes: which part of a model an accelerator of a training job has, and how often. For the files of this room. */
#ifndef TW_SIM_TRAINING_SHAPE_H
#define TW_SIM_TRAINING_SHAPE_H

#include "sim/training/training.h"

/* Layers of the fullest stage: of each chunk as many as the fullest needs. */
static inline double tw_training_stage_layers(const tw_training_setting *s)
{
  gint64 chunks = s->layout.pp * s->layout.chunks, fullest = (s->model->layers + chunks - 1) / chunks;
  return (double)(fullest * s->layout.chunks);
}

/* Micro-batches that each replica computes in a step. */
static inline gint64 tw_training_micro_batches(const tw_training_setting *s)
{
  return s->batch / (s->micro_batch * s->layout.dp);
}

/* Returns the messages of an accelerator of the busiest stage to other stages for a micro-batch, in chunks'
 * activations: forward and back. Of two stages, the first has nobody to send back to but from chunk to chunk. */
static inline double tw_training_stage_messages(const tw_training_layout *layout)
{
  return (double)(2 * layout->chunks - (layout->pp == 2 ? 1 : 0));
}

/* Parameters on an accelerator of the first stage, and the replicas that hold the same. */
typedef struct tw_training_params {
  double dense, experts;
  double dense_replicas, expert_replicas;
} tw_training_params;
tw_training_params tw_training_params_of(const tw_training_setting *setting);

/* Fills `sends` for all kinds of traffic (training_traffic.c). */
void tw_training_sends_of(const tw_training_setting *setting, tw_training_sends *sends);

#endif
