#include "workloads/draw/arrival.h"

#include <math.h>

const char *const tw_arrival_law_names[] = {"poisson", "gamma", "weibull", "fixed", NULL};

enum { DAY_S = 86400, MINUTE_S = 60 };

/* Squared coefficient of variation of a Weibull law: Γ(1 + 2/k) / Γ(1 + 1/k)² − 1, which falls with k. */
static double weibull_cv2(double shape)
{
  return exp(lgamma(1 + 2 / shape) - 2 * lgamma(1 + 1 / shape)) - 1;
}

double tw_weibull_shape(double cv)
{
  double low = 0.05, high = 100;
  for (int i = 0; i < 200 && high - low > 1e-15 * high; i++) {
    double middle = sqrt(low * high);
    if (weibull_cv2(middle) > cv * cv)
      low = middle;
    else
      high = middle;
  }
  return low;
}

char *tw_arrival_check(const tw_arrival_options *o)
{
  gboolean has_cv = o->law == TW_ARRIVAL_GAMMA || o->law == TW_ARRIVAL_WEIBULL;
  if (o->rates == NULL && o->windows == NULL && !(o->rate_per_s > 0 && isfinite(o->rate_per_s)))
    return g_strdup_printf("the rate is %g/s; one above 0 is needed", o->rate_per_s);
  if (o->windows == NULL && has_cv && !(o->cv >= 0.05 && o->cv <= 20))
    return g_strdup_printf("the cv is %g; one from 0.05 to 20 is needed", o->cv);
  if (!(o->swing >= 0 && o->swing <= 1) || !isfinite(o->peak_s))
    return g_strdup("the swing of the day is a number from 0 to 1");
  if (o->burst_s != 0 && !(o->burst_s > 0 && o->calm_s > 0 && o->burst_factor > 0 &&
                           isfinite(o->burst_s + o->calm_s + o->burst_factor)))
    return g_strdup("bursts need a factor and mean times above 0");
  return NULL;
}

/* ---- Gaps ---- */

/* Gamma of scale 1 (Marsaglia and Tsang: A Simple Method for Generating Gamma Variables, ACM TOMS 2000). */
static double draw_gamma(tw_chance *chance, double shape)
{
  if (shape < 1) /* G(a) = G(a + 1) · U^(1/a) */
    return draw_gamma(chance, shape + 1) * pow(1 - tw_chance_uniform(chance), 1 / shape);
  double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
  for (;;) {
    double x = tw_chance_normal(chance), v = 1 + c * x;
    if (v <= 0)
      continue;
    v = v * v * v;
    double u = 1 - tw_chance_uniform(chance);
    if (log(u) < 0.5 * x * x + d - d * v + d * log(v))
      return d * v;
  }
}

/* A gap of mean 1. */
static double draw_gap(tw_chance *chance, tw_arrival_law law, double shape)
{
  switch (law) {
  case TW_ARRIVAL_POISSON:
    return tw_chance_exponential(chance);
  case TW_ARRIVAL_GAMMA:
    return draw_gamma(chance, shape) / shape;
  case TW_ARRIVAL_WEIBULL:
    return pow(tw_chance_exponential(chance), 1 / shape) / tgamma(1 + 1 / shape);
  case TW_ARRIVAL_FIXED:
    return 1;
  }
  g_assert_not_reached();
}

/* Draws the rest of a gap that is under way: a uniform part of a gap that was drawn with a chance in
 * proportion to its length. Such gaps are Gamma(a + 1) for the law Gamma(a), and Gamma(1 + 1/k) to the power
 * of 1/k for Weibull(k). */
static double draw_first_gap(tw_chance *chance, tw_arrival_law law, double shape)
{
  double part = tw_chance_uniform(chance);
  switch (law) {
  case TW_ARRIVAL_POISSON:
    return -log1p(-part);
  case TW_ARRIVAL_GAMMA:
    return part * draw_gamma(chance, shape + 1) / shape;
  case TW_ARRIVAL_WEIBULL:
    return part * pow(draw_gamma(chance, 1 + 1 / shape), 1 / shape) / tgamma(1 + 1 / shape);
  case TW_ARRIVAL_FIXED:
    return part;
  }
  g_assert_not_reached();
}

/* ---- The rate ---- */

/* Share of the time that is spent in bursts. */
static double burst_share(const tw_arrival_options *o)
{
  return o->burst_s / (o->burst_s + o->calm_s);
}

static void next_state(tw_arrivals *a)
{
  a->in_burst = !a->in_burst;
  a->state_end_s +=
      tw_chance_exponential(&a->states) * (a->in_burst ? a->options.burst_s : a->options.calm_s);
}

/* The rate from `now_s` on, and until when it holds. */
static void look_up(tw_arrivals *a)
{
  const tw_arrival_options *o = &a->options;
  a->until_s = INFINITY;
  a->rate_per_s = o->rate_per_s;
  if (o->windows != NULL) {
    while (a->window + 1 < o->n_windows && o->windows[a->window + 1].start_s <= a->now_s)
      a->window++;
    a->rate_per_s = o->windows[a->window].rate_per_s;
    if (a->window + 1 < o->n_windows)
      a->until_s = o->windows[a->window + 1].start_s;
  } else if (o->rates != NULL) {
    a->rate_per_s = tw_stairs_at(o->rates, a->now_s);
    a->until_s = tw_stairs_next(o->rates, a->now_s);
  }
  if (o->swing > 0) {
    double minute = floor(a->now_s / MINUTE_S);
    a->rate_per_s *= 1 + o->swing * cos(2 * G_PI * ((minute + 0.5) * MINUTE_S - o->peak_s) / DAY_S);
    a->until_s = fmin(a->until_s, (minute + 1) * MINUTE_S);
  }
  if (o->burst_s > 0) {
    while (a->state_end_s <= a->now_s)
      next_state(a);
    double share = burst_share(o), calm = 1 / (share * o->burst_factor + 1 - share);
    a->rate_per_s *= a->in_burst ? calm * o->burst_factor : calm;
    a->until_s = fmin(a->until_s, a->state_end_s);
  }
  a->rate_per_s *= a->scale;
  a->until_s = fmax(a->until_s, nextafter(a->now_s, INFINITY)); /* rounding must not stop the time */
}

/* Whether the rate changes with time. */
static gboolean is_steady(const tw_arrival_options *o)
{
  return o->windows == NULL && o->rates == NULL && o->swing <= 0 && o->burst_s <= 0;
}

tw_arrivals tw_arrivals_new(const tw_arrival_options *options, double scale, guint64 seed, const char *name)
{
  tw_arrivals a = {.options = *options, .scale = scale};
  g_autofree char *states = g_strconcat(name, " bursts", NULL);
  a.gaps = tw_chance_new(seed, name);
  a.states = tw_chance_new(seed, states);
  if (options->law == TW_ARRIVAL_GAMMA)
    a.shape = 1 / (options->cv * options->cv);
  else if (options->law == TW_ARRIVAL_WEIBULL)
    a.shape = tw_weibull_shape(options->cv);
  if (options->burst_s > 0) {
    /* The other state: next_state turns it over. */
    a.in_burst = tw_chance_uniform(&a.states) >= burst_share(options);
    next_state(&a);
  }
  look_up(&a);
  return a;
}

static double draw(tw_arrivals *a)
{
  const tw_arrival_window *w = a->options.windows != NULL ? &a->options.windows[a->window] : NULL;
  tw_arrival_law law = w != NULL ? w->law : a->options.law;
  double shape = w != NULL ? w->shape : a->shape;
  gboolean first = !a->started;
  a->started = TRUE;
  return first ? draw_first_gap(&a->gaps, law, shape) : draw_gap(&a->gaps, law, shape);
}

/* Goes on to where the rate changes. Whether the gaps have another law from there on. */
static gboolean pass_on(tw_arrivals *a)
{
  int before = a->window;
  const tw_arrival_window *windows = a->options.windows;
  a->now_s = a->until_s;
  look_up(a);
  return windows != NULL && a->window != before &&
         (windows[a->window].law != windows[before].law || windows[a->window].shape != windows[before].shape);
}

double tw_arrivals_next(tw_arrivals *a, double end_s)
{
  /* A gap begins where there is a rate: its law is that of the window. */
  while (a->rate_per_s <= 0 && a->until_s < end_s)
    if (pass_on(a))
      a->started = FALSE;
  if (a->rate_per_s <= 0)
    return INFINITY;
  double left = draw(a);
  if (is_steady(&a->options)) {
    a->now_s += left / a->rate_per_s;
    return a->now_s < end_s ? a->now_s : INFINITY;
  }
  for (;;) {
    double area = a->rate_per_s * (a->until_s - a->now_s);
    if (left < area) {
      a->now_s += left / a->rate_per_s;
      return a->now_s < end_s ? a->now_s : INFINITY;
    }
    if (!(a->until_s < end_s))
      return INFINITY;
    left -= area;
    if (pass_on(a)) { /* another law: in equilibrium from its start on */
      a->started = FALSE;
      left = draw(a);
    }
  }
}
