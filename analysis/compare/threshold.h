/* A condition on a metric, such as "ttft_s.p99>+5%": what a comparison must not show.
 *
 *     metric > +5%     more than 5 % above the baseline
 *     metric < -3%     more than 3 % below it
 *     metric > +0.1    more than 0.1 (in the metric's unit) above it
 *     metric >= 2s     2 s or more, whatever the baseline; times may have units
 *
 * A sign makes it relative to the baseline. */
#ifndef TW_ANALYSIS_THRESHOLD_H
#define TW_ANALYSIS_THRESHOLD_H

#include "analysis/compare/compare.h"

typedef struct tw_threshold {
  char *text; /* the condition as the user wrote it */
  char *metric;
  gboolean above, or_equal; /* above: > or >= */
  gboolean against_baseline, percent;
  double limit; /* the limit in the metric's unit; if `percent`, as a fraction */
} tw_threshold;

/* NULL with TW_INPUT_ERROR. */
tw_threshold *tw_threshold_parse(const char *text, GError **error);
void tw_threshold_free(tw_threshold *threshold);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_threshold, tw_threshold_free)

/* Whether the condition holds for a group, or cannot be judged because a value is missing: a guard that
 * watches nothing must not be silent. `why` then becomes a sentence about it, which the caller frees; else
 * NULL. */
gboolean tw_threshold_holds(const tw_threshold *threshold, const tw_comparison *comparison, guint group,
                            char **why);

#endif
