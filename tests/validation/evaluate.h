/* Runs a case's scenario: through the program, as users do, or inside this process, which is fast enough to
 * fit with. */
#ifndef TW_TESTS_VALIDATION_EVALUATE_H
#define TW_TESTS_VALIDATION_EVALUATE_H

#include "tests/validation/case.h"

/* Runs every case through `program`, `jobs` at a time, below the directory `scratch`, and fills in what was
 * predicted, or why not. */
void validation_run_all(GPtrArray *cases, const char *program, const char *scratch, int jobs);

/* The directory in which the run of the case at that index lies until validation_remove. */
char *validation_run_directory(const char *scratch, guint index);

/* The same for one case, inside this process and without SimGrid, with `assignments` (NULL-terminated, or
 * NULL) in the place of its own. */
void validation_run_here(validation_case *item, const char *scratch, char **assignments);

/* Writes the platform files that the cases name. */
void validation_write_platforms(GPtrArray *cases, const char *scratch);
/* Deletes `scratch` and what is in it. */
void validation_remove(const char *scratch);

#endif
