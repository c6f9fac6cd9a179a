/* A recorded session: its requests, and which starts and ends of others each of them waits for. */
#ifndef TW_WORKLOADS_PLAY_H
#define TW_WORKLOADS_PLAY_H

#include "workloads/formats/row.h"

typedef struct tw_play tw_play;

/* A request that waits for this one, and for which part of it. */
typedef struct {
  guint step;
  gboolean for_start;
  double delay_s;
} tw_consequence;

typedef struct {
  tw_trace_row row;
  tw_play *of;
  GArray *then; /* elements are consequence; NULL: none */
  guint unmet;  /* starts and ends that it still waits for */
  double ready_s, sent_s;
  guint64 order; /* among those that are due at once */
} tw_step;

struct tw_play {
  tw_step *steps;
  guint n, ended, in_flight, due;
  gboolean broken;
  double first_s;          /* recorded arrival of its first request */
  double begin_s, quiet_s; /* since when no request is in flight */
  double model_s, away_s;  /* requests in flight, added up; time without any */
  guint64 ordinal;
};

/* Takes the rows (tw_trace_row), of which it has at least one, in the order of arrival. Recorded gaps are
 * those of rows whose times were divided by `rate_scale`; waits longer than `most_gap_s` are cut to it. */
tw_play *tw_play_new(const GArray *rows, guint64 ordinal, double rate_scale, double most_gap_s);
void tw_play_free(tw_play *play);
/* Whether every request can come to its turn. */
gboolean tw_play_has_no_circle(const tw_play *play);

#endif
