/* Spans: engines whose accelerators lie in several NVLink domains, and the flows that their collectives put
 * on the fabric between them.
 *
 * Inside a domain a collective costs closed-form time (step_time.h). What leaves it is planned by the
 * algorithms of collectives.h, once for an engine, and added up by pairs of endpoints; an iteration then
 * posts one flow for each pair. */
#ifndef TW_SIM_SPAN_H
#define TW_SIM_SPAN_H

#include "platforms/reader/platform.h"
#include "sim/placement/placement.h"
#include "sim/steptime/step_time.h"

/* Flow bytes between two endpoints for a byte of each kind on the wire of an accelerator (tw_wire). */
typedef struct tw_span_pair {
  int from, to;
  double tensor, experts, stages;
} tw_span_pair;

typedef struct tw_span {
  tw_span_pair *pairs;
  int n_pairs; /* 0: it stays in one domain */
} tw_span;

/* How an engine lies over domains, for its step model. Groups that lie over domains in unequal parts count as
 * if in one part a domain. */
tw_reach tw_span_reach(const tw_platform *platform, const tw_engine_place *place,
                       const tw_parallelism *parallel);

tw_span *tw_span_new(const tw_platform *platform, const tw_engine_place *place,
                     const tw_parallelism *parallel);
void tw_span_free(tw_span *span);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_span, tw_span_free)

/* Bytes from one endpoint of the pair to the other. */
static inline double tw_span_bytes(const tw_span_pair *pair, const tw_wire *wire)
{
  return pair->tensor * wire->tensor + pair->experts * wire->experts + pair->stages * wire->stages;
}

#endif
