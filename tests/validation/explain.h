/* Explanations: why rows are off, from explanations.csv beside this file.
 *
 * A line explains every row that its patterns match (`*`, `?` and `[...]`, as in a shell); the first that
 * matches counts. Its cause is one of
 *
 *     measurement   the measurement contradicts others, or physics: the row is not fitted to
 *     setting       a setting of the server or its client is not recorded
 *     model         Tokenworks computes it wrongly */
#ifndef TW_TESTS_VALIDATION_EXPLAIN_H
#define TW_TESTS_VALIDATION_EXPLAIN_H

#include "tests/validation/case.h"

typedef enum { CAUSE_MEASUREMENT, CAUSE_SETTING, CAUSE_MODEL, CAUSES } explanation_cause;
extern const char *const explanation_causes[CAUSES];

enum { EXPLANATION_KEYS = 8 }; /* set, model, device, engine, shape, label, metric, prediction: high or low */

typedef struct explanation {
  char *pattern[EXPLANATION_KEYS];
  explanation_cause cause;
  char *text;
} explanation;

/* NULL with an error (file:line) where a line is bad. Free with g_ptr_array_unref. */
GPtrArray *explanations_read(const char *path, GError **error);

/* The explanation of a metric of a case, or NULL. `high`: what was predicted is above what was measured.
 * Borrowed. */
const explanation *explanations_find(const GPtrArray *explanations, const validation_case *item, int metric,
                                     gboolean high);

/* Takes the cases that were measured inconsistently out of the fit; returns how many. */
guint explanations_exclude(const GPtrArray *explanations, GPtrArray *cases);

#endif
