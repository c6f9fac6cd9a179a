/* Studies: what the fit is worth where it was not made.
 *
 * A variant fits the engines' overheads anew, without the rows of one model, device, engine or data set, or
 * without one parameter, and predicts every row with the result:
 *
 *     variant ──fit (GSL)──► overheads of each engine ──simulate──► predicted, beside what ships predicts */
#ifndef TW_TESTS_VALIDATION_STUDY_H
#define TW_TESTS_VALIDATION_STUDY_H

#include "tests/validation/fit.h"

typedef struct study_variant {
  const char
      *name; /* model, device, engine or set; NULL: any of them; for people where nothing is held out */
  const char *held_out; /* NULL: nothing */
  const validation_case
      *cell;           /* hold out, instead, all of its model on its device with its engine; or NULL */
  guint without;       /* parameters that are left out, a bit each in the order of fit_parameter_names */
  gboolean no_overlap; /* nor does any work pass beside the accelerators' */
} study_variant;

/* Whether a variant, or a word alone (`name` NULL), holds a case out. */
gboolean study_holds_out(const study_variant *variant, const validation_case *item);
/* Whether model, device and engine are the same. */
gboolean study_same_cell(const validation_case *a, const validation_case *b);
/* Whether its engine is one that is fitted. */
gboolean study_is_fitted_engine(const char *engine);

/* Fits each engine to its fitted cases that are not held out, and gives all of its cases the --set
 * assignments. An engine that has too few left takes what all engines together were fitted to. One line per
 * engine goes to `log` (may be NULL). `directory` (may be NULL) holds engine files that take over the fit. */
void study_fit(GPtrArray *cases, const study_variant *variant, const char *scratch, FILE *log,
               const char *directory);

/* Fits and predicts inside this process's children, `jobs` at a time; `predicted[v]` gets an array of
 * cases * CASE_METRICS numbers of variant v; free each. FALSE where one has failed. */
gboolean study_run(GPtrArray *cases, const study_variant *variants, guint n, const char *scratch, int jobs,
                   double **predicted);

/* Predictions of the overheads that ship, CASE_METRICS of each case. Free them. */
double *study_shipped(GPtrArray *cases, const char *scratch);

/* Predicts every case by a fit that has not seen its cell: its model on its device with its engine. */
gboolean study_cells(GPtrArray *cases, const char *scratch, int jobs);

/* Markdown. Holding out: one line per variant and metric, with the median and 90th percentile of the error of
 * the rows held out as the shipped overheads predict them, fitted with them and fitted without them. */
GString *study_hold_out(GPtrArray *cases, const study_variant *variants, guint n, const char *scratch,
                        int jobs);
/* Leaving out each parameter: the same of all rows, each predicted by fits that have not seen its cell. */
GString *study_ablate(GPtrArray *cases, const char *scratch, int jobs);

/* One variant for every model, device, engine and data set that has rows of fitted engines and is not alone
 * in it. Free the array; the words are borrowed from the cases. */
GArray *study_leave_one_out(GPtrArray *cases);

#endif
