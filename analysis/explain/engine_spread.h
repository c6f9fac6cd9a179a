/* How the engines of a pool differ: in what was sent to them, and in how long its requests took there.
 *
 *     requests, prompt tokens, TTFT     by the engine that computes the prompt
 *     output tokens, TPOT               by the engine that decodes
 *
 * An engine stands out where one of these, TTFT and TPOT in the mean over its requests, is far from what the other engines
 * of its pool have. */
#ifndef TW_ANALYSIS_ENGINE_SPREAD_H
#define TW_ANALYSIS_ENGINE_SPREAD_H

#include "analysis/explain/told.h"

#include <jansson.h>

typedef struct tw_engine_spread tw_engine_spread;

/* For the engines of run.json, which is borrowed. */
tw_engine_spread *tw_engine_spread_new(const json_t *run);
void tw_engine_spread_free(tw_engine_spread *spread);
void tw_engine_spread_add(tw_engine_spread *spread, const tw_told *told);

/* Returns the lines on a pool: the range of each measure over its mean, and the engine that stands out. Without lines where
 * it has less than two engines, or few requests. The caller frees the array, of char *. */
GPtrArray *tw_engine_spread_lines(const tw_engine_spread *spread, const char *pool);

#endif
