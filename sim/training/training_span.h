/* The groups of a training job on a platform: the domains that they reach, and the flows between hosts that their
 * traffic is. */
#ifndef TW_SIM_TRAINING_SPAN_H
#define TW_SIM_TRAINING_SPAN_H

#include "sim/placement/span.h"
#include "sim/training/training.h"

/* Pairs of endpoints, with flow bytes by kind of traffic (tw_training_traffic) for a byte of the NIC of the busiest
 * accelerator. Fills `reach`. Free with tw_span_free. */
tw_span *tw_training_span_new(const tw_platform *platform, const tw_engine_place *place,
                              const tw_training_layout *layout, tw_training_reach *reach);

#endif
