/* Requests as the log tells them, with the parts of their lives. */
#ifndef TW_ANALYSIS_TOLD_H
#define TW_ANALYSIS_TOLD_H

#include "sim/log/life.h"
#include "sim/log/metric.h"

typedef struct tw_told {
  gint64 id;
  const char *session, *class; /* borrowed until the next request is told; "": none */
  double arrival_s, first_scheduled_s, prompted_s, first_token_s, end_s; /* NAN: never */
  gint64 prompt_tokens, cached_tokens, output_tokens, preemptions;
  gint64 prefill_engine, decode_engine; /* TW_LOG_NONE: none */
  gboolean completed, unfinished;       /* neither: rejected, failed or cancelled */
  gboolean
      shown_later; /* its first token, than as its prompt was complete: behind transfer and decode queue */
  double life_s[TW_LIFE_PART_COUNT];
  double latencies_s[TW_LATENCY_KINDS]; /* NAN where it has none, or was not completed */
} tw_told;

/* Calls `each` for every request that arrived in [from_s, to_s), until it returns FALSE. FALSE with
 * TW_INPUT_ERROR on damage, or where the run is of a program that did not tell lives. */
gboolean tw_told_each(const char *directory, double from_s, double to_s,
                      gboolean (*each)(void *user, const tw_told *told), void *user, GError **error);

/* The parts that a latency consists of: TTFT ends with the first token, TPOT begins there. 0 elsewhere. What follows the
 * first answer token is taken to be decoding, and where that is not enough, to be preempted. */
void tw_told_parts(const tw_told *told, tw_latency latency, double parts_s[TW_LIFE_PART_COUNT]);

#endif
