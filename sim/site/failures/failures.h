/* Failures as a part of the site: what breaks stops engines or slows them down, and requests go elsewhere.
 *
 *     breaks ──► engines stop at once ──detection──► the router knows ──► recovery (recoveries.c) ──► serve again
 *                their requests hang                 requests go back ──backoff──► another engine
 *
 * An engine that stops loses its sequences, its blocks and what it was sending or was being sent. Until the failure is
 * detected, the router goes on sending it requests, which hang as well. Then all of them go back, each as often as the
 * plan allows. */
#ifndef TW_SIM_FAILURES_PART_H
#define TW_SIM_FAILURES_PART_H

#include "sim/site/part.h"

typedef struct tw_failures tw_failures;

typedef struct tw_failure_totals {
  double expected;           /* failures that come in so long a time on average */
  guint64 failures, limps;   /* number of those that began; and of them, those that let something limp */
  guint64 engine_failures;   /* number of times that an engine stopped */
  double engine_down_s;      /* seconds of engines from there to where they or another one served again */
  double accelerator_down_s; /* Seconds of engines, times their accelerators. */
  double accelerator_s;      /* seconds of all accelerators of engines */
  guint64 recoveries;        /* number of times that an engine served again, and the seconds that it took */
  double recovery_s;
  guint64 hit, retried,
      failed; /* number of times that a request lost its engine; that it was sent again; that it was
                                    not, any more */
  gint64 lost_tokens,
      discarded_tokens; /* computed or emitted and lost; of the emitted ones, those not resumed */
  guint64 most_requests, most_engines; /* Most requests and engines that one failure hit. */
} tw_failure_totals;

/* Totals up to the end of the run. */
tw_failure_totals tw_failures_record(const tw_failures *failures, double end_s);

/* Whether an engine is down, and the router does not know it. */
gboolean tw_failures_hides(const tw_failures *failures, int engine);
/* A sequence was sent to such an engine: it hangs there. Takes it over. */
void tw_failures_swallow(tw_failures *failures, tw_sequence *sequence, int engine);
/* A sequence that is away is cancelled: it is the caller's again. */
void tw_failures_forget(tw_failures *failures, tw_sequence *sequence, double now_s);
/* One of the sequences that are away, NULL: none is. */
tw_sequence *tw_failures_first(const tw_failures *failures);
/* An engine has started again. Returns whether it serves; else it stands by. */
gboolean tw_failures_restarted(tw_failures *failures, int engine, double now_s);

/* ---- For recoveries.c ---- */

/* A way for an engine that was stopped to serve again. */
typedef struct tw_recovery {
  /* The router knows that it is down. */
  void (*detected)(tw_failures *failures, int engine, double now_s);
  /* Something that concerned it has been repaired, or a spare of its domain has. */
  void (*repaired)(tw_failures *failures, int engine, double now_s);
} tw_recovery;
extern const tw_recovery tw_recoveries[]; /* by tw_recovery_kind */

const tw_failure_plan *tw_failures_plan(const tw_failures *failures);
tw_site *tw_failures_site(const tw_failures *failures);
/* Accelerators of an engine that are broken, and all that it has. */
int tw_failures_broken(const tw_failures *failures, int engine);
int tw_failures_accelerators(const tw_failures *failures, int engine);
/* Gives it sound accelerators of its domain that no engine has, instead of broken ones, as far as there are any. */
void tw_failures_take_spares(tw_failures *failures, int engine);
/* It loads and starts. */
void tw_failures_restart(tw_failures *failures, int engine, double now_s);
/* It goes on as it is in `pause_s`, on the accelerators that are left, or serves instead of another one. */
void tw_failures_resume(tw_failures *failures, int engine, double pause_s, double now_s);
/* Whether it waits for a recovery. */
gboolean tw_failures_is_down(const tw_failures *failures, int engine);

#endif
