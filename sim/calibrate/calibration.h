/* Calibration: the times of a server's host, fitted to what a benchmark measured of it.
 *
 *     measured requests ─► the first part: simulated, compared, fitted ─► request, iteration, compute
 *                       └► the rest: predicted with what ships and with what was fitted
 *
 * Least squares (Gauss-Newton) on the logarithms of simulated over measured times, request by request, in the
 * mean: TTFT of the shorter and of the longer half of the prompts, TPOT where it was recorded, and the
 * iterations of the server where its counters are given. What ships is prior knowledge, so that what the
 * measurements do not tell stays as it is. Intervals: the same on each quarter of the fitted part, as if those
 * were independent. Errors are those of TTFT (mean, median, 9 of 10) and of TPOT (mean, median). */
#ifndef TW_SIM_CALIBRATION_H
#define TW_SIM_CALIBRATION_H

#include <glib.h>

typedef struct tw_calibration_setup {
  const char *model, *device, *engine; /* names of the catalogues, or paths */
  const char *weights, *kv;
  int tp, dp, ep;
  int max_seqs, max_batched_tokens;
  double held_out;        /* share of the requests, the last ones, that are not fitted */
  const GArray *counters; /* elements: tw_bench_counter (bench.h); or NULL */
} tw_calibration_setup;

enum { TW_CALIBRATED = 3 };
extern const char
    *const tw_calibrated_names[TW_CALIBRATED]; /* request, iteration (seconds), compute (share) */

typedef struct tw_calibration {
  double shipped[TW_CALIBRATED], value[TW_CALIBRATED], interval[TW_CALIBRATED]; /* 90 %: value ± interval */
  /* Mean of |simulated / measured − 1| over the statistics, with what ships and with what was fitted. */
  double fitted_before, fitted_after, held_out_before, held_out_after;
  guint fitted, held_out; /* requests */
  /* Whether its scheduler plans while the iteration before runs: "engine" as its file says, "true" or "false" where
   * that fits the requests better by a point of error. */
  const char *asynchronous;
  double host_factor; /* Factor of the device's host: an engine's file holds the times of an H100's. */
} tw_calibration;

/* `requests`: of tw_bench_request (bench.h), in the order of their starts. FALSE with an error. */
gboolean tw_calibrate(const tw_calibration_setup *setup, const GArray *requests, tw_calibration *result,
                      GError **error);

#endif
