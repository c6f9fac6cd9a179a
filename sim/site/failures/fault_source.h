/* The source of failures: what breaks when, as drawn, told or recorded. It knows nothing of engines. */
#ifndef TW_SIM_FAULT_SOURCE_H
#define TW_SIM_FAULT_SOURCE_H

#include "sim/scenario/scenario.h"

typedef struct tw_fault_source tw_fault_source;

/* A component breaks. */
typedef struct tw_breakage {
  tw_failing_part part;
  int component;
  tw_failure_effect effect;
  double speed, detection_s;
  double start_s, repaired_s;
  int drawn; /* its number for tw_fault_source_repaired, -1: it does not break again */
} tw_breakage;

tw_fault_source *tw_fault_source_new(const tw_scenario *scenario);
void tw_fault_source_free(tw_fault_source *source);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_fault_source, tw_fault_source_free)

/* How many failures come in the first `span_s` seconds on average, where components serve as long as their mean time to
 * failure and are repaired as long as their mean repair takes; those that are told or have their instant as they are. */
double tw_fault_source_expected(const tw_fault_source *source, double span_s);
/* When the next component breaks, INFINITY: none does. */
double tw_fault_source_due(const tw_fault_source *source);
tw_breakage tw_fault_source_next(tw_fault_source *source);
/* A component that broke is repaired, and may break again. */
void tw_fault_source_repaired(tw_fault_source *source, int drawn, double now_s);

#endif
