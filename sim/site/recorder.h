/* The recorder: what became of every request, as rows of the log and as statistics of the run.
 *
 * Counts cover the whole run. The measurement window lies between the warm-up and the drain at the end of the
 * run. Latencies and SLO attainment cover the requests that arrived in it, throughput those that ended in it:
 * what arrived in a window may take much longer than the window to serve. */
#ifndef TW_SIM_RECORDER_H
#define TW_SIM_RECORDER_H

#include "sim/base/histogram.h"
#include "sim/log/log_writer.h"
#include "sim/log/metric.h"
#include "sim/scenario/scenario.h"

typedef struct tw_request_totals {
  guint64 arrived, endings[TW_ENDING_KINDS];
  guint64 prompt_tokens, cached_tokens, recomputed_tokens, reasoning_tokens,
      answer_tokens; /* sums over all that ended */
  guint64 host_tokens,
      store_tokens; /* cached tokens that came from the memory of hosts, and from the shared store */
  double joules;    /* dynamic, of all that ended; NAN where it is not metered */
} tw_request_totals;

/* The counts of the measurement window. */
typedef struct tw_window {
  double length_s;
  guint64 arrived, good;                /* good: arrived in it, and completed within the SLO */
  guint64 hit;                          /* arrived in it, lost an engine, and missed the SLO */
  guint64 unjudged;                     /* arrived in it, and were unfinished when the run ended */
  guint64 completed;                    /* ended in it well, whenever they arrived */
  guint64 prompt_tokens, output_tokens; /* computed for, and emitted by, requests that ended in it */
  guint64 lives;                        /* arrived in it, and were completed */
  double life_s[TW_LIFE_PART_COUNT];    /* sums over these */
} tw_window;

/* The statistics of one class of traffic. */
typedef struct tw_class_record {
  const char *name; /* interned; NULL: requests of no class */
  tw_slo slo;       /* its name is borrowed from the scenario */
  tw_request_totals totals;
  tw_window window; /* without its length */
  tw_histogram *latencies[TW_LATENCY_KINDS];
} tw_class_record;

/* So many requests were rejected for one reason. */
typedef struct tw_rejections {
  const char *reason; /* static */
  guint64 requests;
} tw_rejections;

/* How a request came to a site and back, where there are several. */
typedef struct tw_passage {
  const char *users, *site; /* the region of the users, and the name of the site; NULL: it came to none */
  double wan_s;             /* on the way there and back; NAN: it came to none */
  gint32 moves;             /* how often a site has sent it back */
} tw_passage;

/* Told of a sequence that has ended, and of its joules (NAN where they are not metered). */
typedef void tw_recorder_watcher(void *user, const tw_sequence *sequence, tw_ending ending,
                                 const char *reason, double joules, double now_s);

typedef struct tw_recorder tw_recorder;

/* `log` may be NULL: statistics alone. Both are borrowed. */
tw_recorder *tw_recorder_new(const tw_scenario *scenario, tw_log *log);
void tw_recorder_free(tw_recorder *recorder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_recorder, tw_recorder_free)

void tw_recorder_arrived(tw_recorder *recorder);
/* A sequence has ended at `now_s`. `reason` says why it was not completed, NULL if it was. */
void tw_recorder_ended(tw_recorder *recorder, const tw_sequence *sequence, tw_ending ending,
                       const char *reason, double now_s);
/* Writes the row of a sequence that has ended on one of several sites. */
void tw_recorder_passed(tw_recorder *recorder, const tw_sequence *sequence, tw_ending ending,
                        const char *reason, double joules, double now_s, const tw_passage *passage);
/* Has `watcher` told of every sequence that tw_recorder_ended is given, last of all. */
void tw_recorder_watch(tw_recorder *recorder, tw_recorder_watcher *watcher, void *user);
/* Whether the run writes segments. */
gboolean tw_recorder_keeps_segments(const tw_recorder *recorder);
/* Something that an engine did, if the run writes segments. */
void tw_recorder_segment(tw_recorder *recorder, const tw_segment_row *segment);
/* An array of tw_rejections, in the order in which the reasons were met first. Borrowed. */
const GArray *tw_recorder_rejections(const tw_recorder *recorder);
/* The run has ended: closes the measurement window. */
void tw_recorder_close(tw_recorder *recorder, double end_s);

tw_log *tw_recorder_log(const tw_recorder *recorder);
const tw_request_totals *tw_recorder_totals(const tw_recorder *recorder);
const tw_window *tw_recorder_window(const tw_recorder *recorder);
/* The classes in the order in which their first requests ended; none as long as all requests are of none. */
guint tw_recorder_classes(const tw_recorder *recorder);
const tw_class_record *tw_recorder_class(const tw_recorder *recorder, guint i);
const tw_histogram *tw_recorder_latency(const tw_recorder *recorder, tw_latency latency);

#endif
