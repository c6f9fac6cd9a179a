/* Cases: measured operating points of real servers, each with the scenario that stands for it.
 *
 *     data set (CSV) ──read──► cases ──scenario.xml──► tokenworks ──► predicted | measured */
#ifndef TW_TESTS_VALIDATION_CASE_H
#define TW_TESTS_VALIDATION_CASE_H

#include <glib.h>

typedef enum {
  CASE_TTFT,
  CASE_TPOT,
  CASE_THROUGHPUT,
  CASE_E2E,
  CASE_WATTS,
  CASE_JOULES, /* joules of accelerators for an output token */
  CASE_TTFT_P50,
  CASE_TTFT_P99,
  CASE_TPOT_P50,
  CASE_TPOT_P99,
  CASE_GAP_P50, /* the median of all gaps between two tokens: the median ITL of benchmarks */
  CASE_METRICS
} case_metric;
extern const char *const case_metric_names[CASE_METRICS];

typedef struct validation_case {
  const char *set; /* name of the data set. Borrowed */
  char *label;     /* the operating point, for the table */
  char *model, *device, *engine;
  char *shape; /* "tp4", "dp8 ep8" */
  int accelerators, tp, dp, ep;
  char *weights;       /* kind of checkpoint */
  gboolean fitted;     /* the engine's overheads were fitted on it */
  gboolean ttft_tells; /* ... and on its TTFT, since its clients do not come back in step */
  double from_s, to_s; /* part of the run to which the watts belong; to_s 0: all of it */
  gboolean steady;     /* ... or its middle, without its start and its end; its timeline is written */
  int clients, answer; /* of a closed loop whose throughput follows from TTFT and TPOT: clients, and
                        * tokens of each answer; 0: it is counted */
  GString *scenario;   /* XML, with "@trace@" where it names the file of the trace */
  char *trace;         /* text of that file, or NULL */
  char **assignments;  /* passed on as --set, or NULL */
  double measured[CASE_METRICS], predicted[CASE_METRICS]; /* seconds, tokens/s per accelerator; NAN: none */
  double outside; /* share of the iterations outside of what was calibrated */
  char *failure;  /* why there is no prediction, or NULL */
  double *slopes; /* of predicted times in what is fitted (fit.c); NULL: not known */
} validation_case;

/* One data set: where its numbers come from, and how its rows become cases. */
typedef struct validation_set {
  const char *name, *file, *source;
  gboolean shipped; /* in tests/validation/data, else read from --data DIR */
  gboolean fitted;
  const char *note; /* the assumptions, or NULL */
  gboolean (*read)(const struct validation_set *set, const char *directory, GPtrArray *cases, GError **error);
} validation_set;
extern const validation_set validation_sets[]; /* ends with a NULL name */

void validation_case_free(validation_case *item);

/* The platform of a scenario, one node of N accelerators: the name of its file, and its text. */
char *validation_platform_name(const char *device, int accelerators);
char *validation_platform(const char *device, int accelerators);

#endif
