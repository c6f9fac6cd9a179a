#include "sim/steptime/step_classes.h"

void tw_classes_product(tw_step_cost *cost, tw_time_class class, double compute_s, double read_s,
                        double roof_s)
{
  double c = compute_s * compute_s, m = read_s * read_s;
  double reading_s = m > 0 ? roof_s * (m * m / (c * c + m * m)) : 0;
  cost->classes[TW_TIME_WEIGHTS].first += reading_s;
  cost->classes[class].first += roof_s - reading_s;
}

void tw_classes_average(tw_step_cost *cost, int n_ranks, tw_line longest, tw_line sum)
{
  double share = 1.0 / n_ranks;
  for (int c = 0; n_ranks > 1 && c < TW_ITERATION_CLASSES; c++)
    cost->classes[c] = tw_line_scale(cost->classes[c], share);
  cost->classes[TW_TIME_SLOWEST] = tw_line_add(longest, tw_line_scale(sum, -share));
}

/* Returns the part of `whole` that the other classes leave. */
static tw_line rest_of(tw_line whole, const tw_step_cost *cost)
{
  for (int c = 0; c < TW_ITERATION_CLASSES; c++)
    whole = tw_line_add(whole, tw_line_scale(cost->classes[c], -1));
  return whole;
}

void tw_classes_rest(tw_step_cost *cost, int pp, double micro, tw_line works)
{
  for (int c = 0; pp > 1 && c < TW_ITERATION_CLASSES; c++)
    cost->classes[c] = tw_line_scale(cost->classes[c], micro / pp);
  cost->classes[TW_TIME_HOST] = rest_of(pp > 1 ? works : cost->time_s, cost);
  if (pp > 1)
    cost->classes[TW_TIME_BUBBLE] = rest_of(cost->time_s, cost);
}

tw_line tw_classes_working(const tw_step_cost *cost)
{
  tw_line sum = {0, 0};
  for (int c = TW_TIME_WEIGHTS; c <= TW_TIME_EXPERTS; c++)
    sum = tw_line_add(sum, cost->classes[c]);
  return sum;
}
