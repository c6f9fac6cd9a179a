/* Runs, or groups of runs, side by side; the first is what the others are compared with. */
#ifndef TW_ANALYSIS_COMPARE_H
#define TW_ANALYSIS_COMPARE_H

#include "analysis/compare/run_group.h"
#include "sim/log/metric.h"

/* Differences are worse or better by the direction of their metric, where groups of several runs do not say
 * that chance explains them as well (p >= TW_COMPARE_ALPHA). */
#define TW_COMPARE_ALPHA 0.05
/* Means that differ by less than this share of the baseline's differ by rounding alone. */
#define TW_COMPARE_ROUNDING 1e-9

typedef enum {
  TW_VERDICT_NONE, /* the group is the baseline, or a value is missing */
  TW_VERDICT_SAME,
  TW_VERDICT_CHANCE,
  TW_VERDICT_BETTER,
  TW_VERDICT_WORSE,
  TW_VERDICT_OTHER, /* differs, but no direction of its metric is better, or it is per accelerator of other
                       numbers */
  TW_VERDICTS
} tw_verdict;
extern const char *const tw_verdict_names[TW_VERDICTS];

typedef struct tw_difference {
  tw_sample value;   /* mean of the group, and its deviation */
  double difference; /* difference from the baseline's mean; NAN where either is missing */
  double relative;   /* Difference over the baseline's mean; infinite if that is 0. */
  double p;          /* p-value of tw_welch_p; NAN without several runs on both sides */
  gboolean exact; /* several runs on both sides, and no seed changes the value: the difference is no chance */
  tw_verdict verdict;
} tw_difference;

typedef struct tw_comparison {
  GPtrArray *groups;  /* the groups (tw_run_group), the baseline first */
  GPtrArray *metrics; /* names: those of tw_metrics that any run has, then the unknown ones, in this order */
} tw_comparison;

/* Reads the runs at the paths (see run_group.h). NULL with TW_INPUT_ERROR. */
tw_comparison *tw_comparison_read(char *const *paths, guint n, GError **error);
void tw_comparison_free(tw_comparison *comparison);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_comparison, tw_comparison_free)

/* Whether any run has a metric of that name; FALSE sets TW_INPUT_ERROR that names the nearest. */
gboolean tw_comparison_knows(const tw_comparison *comparison, const char *metric, GError **error);

/* A group against the baseline. */
tw_difference tw_comparison_get(const tw_comparison *comparison, const char *metric, guint group);

/* Sentences about what the table would not say by itself, an array of char * that the caller owns: where a run went on
 * for a tenth of its time and more after the last arrival, rates of the whole run count that drain. */
GPtrArray *tw_comparison_notes(const tw_comparison *comparison);

/* Whether some value of the metric is neither 0 nor missing. */
gboolean tw_comparison_has_value(const tw_comparison *comparison, const char *metric);

#endif
