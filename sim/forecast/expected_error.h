/* Expected errors: how far predictions like those of a pool were from measurements.
 *
 * sim/validated/rows.xml holds, for each group of measured runs that differ in load alone, what the engines'
 * overheads err by on them, as shipped ("seen") and when their fit has not seen that model on that device
 * with that engine ("unseen"). A pool is as far from a group as their features differ:
 *
 *     distance = Σ weight, over those that differ of: engine, device, kind of model (dense, experts, latent
 *                          attention), format of the weights
 *              + Σ weight · |log2(ratio)|, over the number of parameters, tp, dp and ep
 *
 * The nearest groups of each metric say what to expect, and how near they are gives the grade. Written by
 * `validate --cells --errors FILE`. */
#ifndef TW_SIM_EXPECTED_ERROR_H
#define TW_SIM_EXPECTED_ERROR_H

#include "sim/scenario/scenario.h"

#define TW_GRADES(X)                                                                                         \
  X(MEASURED, "measured", "the same model on that device with that engine and layout")                       \
  X(INTERPOLATED, "interpolated", "that engine on that device with models of that kind")                     \
  X(TAKEN_OVER, "taken over", "models of that kind with other engines or on other devices")                  \
  X(DATA_SHEET, "data sheet only", "nothing like it was measured")
typedef enum {
#define X(name, text, help) TW_GRADE_##name,
  TW_GRADES(X)
#undef X
      TW_GRADE_COUNT
} tw_grade;
extern const char *const tw_grade_names[TW_GRADE_COUNT + 1];

typedef struct tw_expected_error {
  char *metric;       /* "TPOT", as the validation names it */
  double median, p90; /* errors |predicted / measured − 1|; 9 of 10 rows lay within p90 */
  gint64 rows;        /* number of rows that they are taken from */
  tw_grade grade;
  char *nearest; /* "gpt-oss-120b on h200-sxm with vllm, tp 4" */
} tw_expected_error;

/* One for each metric that was validated and that a pool of its role has, by name; empty where step times are interpolated from a table of
 * the user's own, or the file is not there. Free with g_array_unref. */
GArray *tw_expected_errors(const tw_pool *pool);

#endif
