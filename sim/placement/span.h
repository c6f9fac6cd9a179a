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

/* Kinds of traffic of a span: those of an engine are the first (tw_fabric_bytes); jobs name their own. */
enum { TW_SPAN_TENSOR, TW_SPAN_EXPERTS, TW_SPAN_STAGES, TW_SPAN_KINDS = 6 };

/* Flow bytes between two endpoints for a byte of each kind on the wire of an accelerator. */
typedef struct tw_span_pair {
  int from, to;
  int shift; /* shift of its flows (network.h), where that counts; else 0 */
  double bytes[TW_SPAN_KINDS];
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
static inline double tw_span_bytes(const tw_span_pair *pair, const tw_fabric_bytes *wire)
{
  return pair->bytes[TW_SPAN_TENSOR] * wire->tensor + pair->bytes[TW_SPAN_EXPERTS] * wire->experts +
         pair->bytes[TW_SPAN_STAGES] * wire->stages;
}

/* Builds a span from groups of accelerators, which are counted from 0 over the shares of a place. */
typedef struct tw_span_builder tw_span_builder;
tw_span_builder *tw_span_builder_new(const tw_platform *platform, const tw_engine_place *place);
/* Adds the messages of a collective of `members` that cross domains, planned the first way that its pattern can be
 * run: in parts of what the busiest NIC sends, times `share`. */
void tw_span_builder_collective(tw_span_builder *builder, int kind, const char *pattern, const int *members,
                                int n, double share);
/* Adds the messages of one accelerator to another. */
void tw_span_builder_send(tw_span_builder *builder, int kind, int from, int to, double share);
/* The number of domains that accelerators lie in, as they follow each other. */
int tw_span_builder_domains(const tw_span_builder *builder, const int *members, int n);
/* The span; the builder is gone. */
tw_span *tw_span_builder_end(tw_span_builder *builder);

#endif
