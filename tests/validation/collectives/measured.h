/* Measured collectives: one row for each time of a table, as the closed forms see it. */
#ifndef TW_TESTS_VALIDATION_COLLECTIVES_MEASURED_H
#define TW_TESTS_VALIDATION_COLLECTIVES_MEASURED_H

#include "sim/collectives/collective_time.h"

typedef struct measured_row {
  const char *set;       /* table. Interned, like the other strings */
  const char *device;    /* name in platforms/devices */
  const char *operation; /* for people, and to tell apart what is fitted together */
  gboolean fitted;       /* the device file was fitted on it, else it is predicted */
  gboolean experts;
  int ranks, domains;
  double bytes;  /* size of the collective; experts: what a rank sends in all */
  double weight; /* in a fit: for data sets of few rows */
  double measured_s, predicted_s;

  /* Collectives. */
  const tw_pattern *pattern;
  gboolean custom;  /* kernels of engines were measured */
  guint kernels;    /* bits 1 << tw_kernel that may run it */
  guint algorithms; /* bits 1 << tw_algorithm likewise */
  tw_group group;   /* domains: the row's own */

  /* Experts. */
  tw_kernel kernel;
  tw_expert_traffic traffic;
  double tokens;
  double work; /* share of the accelerator's processors that the kernel has, of its usual share */
  double scale_up_bytes_per_s; /* bandwidth of the machine, 0: as the device's */
} measured_row;

/* Reads all tables: of the shipped ones, then of `data` (NULL: names in `skipped` what is left out). Rows are
 * measured_row. Exits with a message where a table is broken. */
GArray *measured_read(const char *data, GString *skipped);
void measured_free(GArray *rows);

#endif
