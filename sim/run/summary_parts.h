/* The parts that the summaries of a run and of one of several sites are made of. */
#ifndef TW_SIM_SUMMARY_PARTS_H
#define TW_SIM_SUMMARY_PARTS_H

#include "sim/log/metric.h"
#include "sim/site/factory.h"

#include <jansson.h>

/* Every number that a factory and its recorder know. */
void tw_summary_measure(tw_metric_values *v, const tw_scenario *scenario, const tw_factory *factory,
                        const tw_recorder *recorder);
/* Sets the numbers of requests. */
void tw_summary_measure_requests(tw_metric_values *v, const tw_scenario *scenario,
                                 const tw_recorder *recorder, double accelerators);

/* A new summary: its name, whether it is of a part of a run, the metrics of the sections, "rejections" behind the first of
 * the three lists, and "classes" behind the second. */
json_t *tw_summary_begin(const char *name, gboolean partial, const tw_metric_values *v,
                         const char *const *sections[3], const tw_scenario *scenario,
                         const tw_recorder *recorder);
/* Writes the metrics of the sections, which NULL ends. */
void tw_summary_write(const tw_metric_values *v, const char *const *sections, json_t *to);
/* "classes": the same by class, where there are several. */
void tw_summary_add_classes(json_t *summary, const tw_scenario *scenario, const tw_recorder *recorder);
/* "rejections": [{"reason", "requests"}], where there are any. */
void tw_summary_add_rejections(json_t *summary, const tw_recorder *recorder);

#endif
