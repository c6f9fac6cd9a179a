/* A sweep: one scenario run at every point of a grid, or of a sample. Read from one XML file, and checked whole, with the
 * scenario of every point, before the first run.
 *
 *     axis "engines"  2, 4          points  engines=2,rate=1   engines=2,rate=2
 *     axis "rate"     1, 2          (4)     engines=4,rate=1   engines=4,rate=2      each with every seed
 *
 * Of a sample, an axis may also be a range of numbers; the points are random, or a Latin hypercube:
 *
 *     4 points on two axes:   . x . .      one in each row and one in each column
 *                             . . . x
 *                             x . . .
 *                             . . x .
 *
 * A point is a list of assignments XPATH=VALUE, as `tokenworks run --set` takes them. */
#ifndef TW_SIM_SWEEP_H
#define TW_SIM_SWEEP_H

#include "platforms/input/schema.h"

enum { TW_SWEEP_MAX_POINTS = 10000 };

typedef struct tw_sweep_point {
  char *name;             /* "engines=2,rate=1": unique, and fit to name a directory */
  char **values;          /* the name of its place on every axis; NULL-terminated */
  GPtrArray *assignments; /* elements are char *, the last one NULL */
} tw_sweep_point;

typedef enum { TW_SWEEP_GRID, TW_SWEEP_RANDOM, TW_SWEEP_LATIN_HYPERCUBE } tw_sweep_sample;

typedef struct tw_sweep {
  char *name;
  char *scenario;   /* path */
  char *metrics;    /* names of the metrics to print, separated by commas */
  char *seeds_text; /* the seeds in the words of the file */
  gint64 *seeds;    /* n_seeds of them; 0: the scenario's own */
  guint n_seeds;
  int sample; /* tw_sweep_sample */
  gint64 n_samples, sample_seed;
  GArray *sampled;   /* array of gboolean: of each axis, whether it is a range of numbers */
  GPtrArray *axes;   /* names of the axes (char *) */
  GPtrArray *points; /* points (tw_sweep_point *), the last axis fastest */
} tw_sweep;

extern const tw_element tw_sweep_element; /* root of a sweep file */

/* Reads a sweep, and the scenario at each of its points. NULL with every fault added. */
tw_sweep *tw_sweep_load(const char *path, tw_faults *faults);
void tw_sweep_free(tw_sweep *sweep);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_sweep, tw_sweep_free)

/* Returns the points of a sample on an axis, in [0, 1): a number for each, whatever the other axes are. The caller
 * frees them. */
double *tw_sweep_shares(const tw_sweep *sweep, const char *axis);

/* How many runs it takes. */
guint tw_sweep_runs(const tw_sweep *sweep);

#endif
