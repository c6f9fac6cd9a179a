#include "sim/planner/bracket.h"

#include <math.h>

static double fit(const tw_bracket *bracket, double level)
{
  return CLAMP(bracket->whole ? round(level) : level, bracket->least, bracket->most);
}

/* Between both sides, at the same ratio from each; NAN where they are near enough. */
static double between(const tw_bracket *bracket)
{
  double low = MIN(bracket->holds, bracket->breaks), high = MAX(bracket->holds, bracket->breaks);
  if (bracket->whole)
    return high - low <= 1 ? NAN : CLAMP(round(sqrt(low * high)), low + 1, high - 1);
  if (high / low <= bracket->tolerance)
    return NAN;
  /* Six digits are enough for people, and stay between the sides. */
  char digits[32];
  g_ascii_formatd(digits, sizeof digits, "%.6g", sqrt(low * high));
  double level = g_ascii_strtod(digits, NULL);
  return level > low && level < high ? level : sqrt(low * high);
}

double tw_bracket_next(const tw_bracket *bracket)
{
  gboolean holds = !isnan(bracket->holds), breaks = !isnan(bracket->breaks);
  if (holds && breaks)
    return between(bracket);
  if (!holds && !breaks)
    return fit(bracket, bracket->start);
  double from = holds ? bracket->holds : bracket->breaks;
  gboolean down = holds == bracket->wants_small;
  double end = down ? bracket->least : bracket->most;
  return from == end ? NAN : fit(bracket, down ? bracket->whole ? floor(from / 2) : from / 2 : 2 * from);
}

void tw_bracket_tell(tw_bracket *bracket, double level, gboolean holds)
{
  double *side = holds ? &bracket->holds : &bracket->breaks;
  gboolean larger_is_nearer = holds != bracket->wants_small;
  if (isnan(*side) || (larger_is_nearer ? level > *side : level < *side))
    *side = level;
}
