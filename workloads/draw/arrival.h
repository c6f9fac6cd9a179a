/* When requests (or sessions) of one client begin.
 *
 * A renewal process in operational time: gaps with a mean of 1 are drawn from a law, and each is spent at the
 * rate that holds at the time. So the shape of the gaps and the rate are independent of each other, and the
 * number of arrivals follows the rate whatever the shape (Cox and Isham, Point Processes, 1980, section 4.2).
 *
 *     rate      ▁▁▁▁▇▇▇▇▇▂▂▂▂      steps of a file, the hour of the day, bursts: their product
 *     arrivals  ╷    ╷╷╷ ╷╷╷   ╷   a gap of 1 is as wide as the area under the rate says
 *
 * The process starts in equilibrium: its first gap is what is left of one that is under way, so that the
 * expected number of arrivals in [0, t) is exactly the area under the rate, for any law. Where a window
 * brings another law, it starts in equilibrium again. */
#ifndef TW_WORKLOADS_ARRIVAL_H
#define TW_WORKLOADS_ARRIVAL_H

#include "platforms/input/stairs.h"
#include "workloads/draw/chance.h"

/* Laws of gaps. */
typedef enum { TW_ARRIVAL_POISSON, TW_ARRIVAL_GAMMA, TW_ARRIVAL_WEIBULL, TW_ARRIVAL_FIXED } tw_arrival_law;
extern const char *const tw_arrival_law_names[]; /* "poisson", "gamma", "weibull", "fixed", NULL */

/* A stretch of time with a rate and a law of its own, as ServeGen describes clients. */
typedef struct tw_arrival_window {
  double start_s; /* until the next one's; the last holds for ever */
  double rate_per_s;
  tw_arrival_law law;
  double shape; /* shape of gamma or Weibull */
} tw_arrival_window;

typedef struct tw_arrival_options {
  tw_arrival_law law;
  double rate_per_s;
  double cv; /* gamma, Weibull: coefficient of variation of the gaps, in [0.05, 20]. 1: Poisson */
  const tw_stairs *rates; /* instead of rate_per_s; borrowed, NULL: none */
  /* The day: the rate is multiplied by 1 + swing · cos(2π (t − peak_s) / 24 h), in steps of a minute. */
  double swing, peak_s;
  /* Bursts: two states that last exponential times. With Poisson gaps, the Markov-modulated Poisson process
   * of two states (Fischer and Meier-Hellstern, The MMPP cookbook, Performance Evaluation 1993). */
  double burst_factor;              /* rate within bursts over the rate between them */
  double burst_s, calm_s;           /* mean times of both; burst_s 0: none. The mean rate stays what it was */
  const tw_arrival_window *windows; /* instead of law, rate and cv; borrowed, NULL: none */
  int n_windows;
} tw_arrival_options;

/* The state of one process; a value. */
typedef struct tw_arrivals {
  tw_arrival_options options;
  double scale;       /* factor of the rate */
  double now_s;       /* instant of the arrival given last */
  double rate_per_s;  /* the rate that holds from now_s on, */
  double until_s;     /* until here */
  double shape;       /* shape of the law */
  double state_end_s; /* end of the burst or the calm */
  gboolean started, in_burst;
  int window;
  tw_chance gaps, states;
} tw_arrivals;

/* A sentence that says which option is out of range, or NULL. The caller frees it. */
char *tw_arrival_check(const tw_arrival_options *options);

/* `name` names its streams of chance; rates are multiplied by `scale`. The options must have passed
 * tw_arrival_check. */
tw_arrivals tw_arrivals_new(const tw_arrival_options *options, double scale, guint64 seed, const char *name);

/* The next arrival, never before the one before; INFINITY: there is none before `end_s`. */
double tw_arrivals_next(tw_arrivals *arrivals, double end_s);

/* The shape of a Weibull law whose coefficient of variation is `cv`. */
double tw_weibull_shape(double cv);

#endif
