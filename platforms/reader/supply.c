#include "platforms/reader/supply.h"

#include "platforms/input/units.h"

#include <math.h>

enum { PUE, PUE_LOAD, PUE_PER_DEGREE, PSU_W, PSU_EFFICIENCY, SITE_W };
const char *const tw_supply_properties[] = {
    "tw:pue", "tw:pue_load", "tw:pue_per_degree", "tw:psu_w", "tw:psu_efficiency", "tw:site_power_w", NULL};

double tw_curve_at(const tw_curve *curve, double x)
{
  int i = 1;
  if (x <= curve->x[0] || curve->n == 1)
    return curve->y[0];
  while (i < curve->n && curve->x[i] < x)
    i++;
  if (i == curve->n)
    return curve->y[i - 1];
  double into = (x - curve->x[i - 1]) / (curve->x[i] - curve->x[i - 1]);
  return (1 - into) * curve->y[i - 1] + into * curve->y[i];
}

/* Points "load:value", loads rising within 0 to 1, values within bounds. */
static gboolean read_curve(const char *text, double low, double high, tw_curve *curve, char **why)
{
  g_auto(GStrv) words = g_strsplit_set(text, " \t\n", -1);
  *curve = (tw_curve){0};
  for (char **word = words; *word != NULL; word++) {
    if (**word == '\0')
      continue;
    g_auto(GStrv) pair = g_strsplit(*word, ":", 2);
    double x = NAN, y = NAN;
    if (pair[1] == NULL || !tw_number_parse(pair[0], &x) || !tw_number_parse(pair[1], &y))
      *why = g_strdup_printf("\"%s\" is not a point; write load:value, such as 0.5:0.96", *word);
    else if (x < 0 || x > 1)
      *why = g_strdup_printf("load %s is not between 0 and 1", pair[0]);
    else if (y < low || y > high)
      *why = g_strdup_printf("%s is not between %g and %g", pair[1], low, high);
    else if (curve->n > 0 && x <= curve->x[curve->n - 1])
      *why = g_strdup_printf("load %s does not rise over the point before; sort the points by load", pair[0]);
    else if (curve->n == TW_CURVE_POINTS)
      *why = g_strdup_printf("there are more than %d points; leave some out", TW_CURVE_POINTS);
    if (*why != NULL)
      return FALSE;
    curve->x[curve->n] = x;
    curve->y[curve->n++] = y;
  }
  if (curve->n == 0)
    *why = g_strdup("there is no point; write load:value, such as 0.5:0.96");
  return curve->n > 0;
}

static gboolean read_per_degree(const char *text, tw_supply *supply, char **why)
{
  g_auto(GStrv) words = g_strsplit(text, " above ", 2);
  if (words[0] != NULL && words[1] != NULL && tw_number_parse(words[0], &supply->per_degree) &&
      tw_number_parse(words[1], &supply->free_c) && supply->per_degree >= 0 && supply->per_degree <= 1)
    return TRUE;
  *why = g_strdup_printf("\"%s\" is no rise of the PUE; write, such as, \"0.01 above 18\"", text);
  return FALSE;
}

gboolean tw_supply_set(tw_supply *supply, const char *name, const char *text, char **why)
{
  static const double most_pue = 10;
  int property = 0;
  *why = NULL;
  while (tw_supply_properties[property] != NULL && !g_str_equal(tw_supply_properties[property], name))
    property++;
  switch (property) {
  case PUE:
    supply->pue.n = 1;
    if (tw_number_parse(text, &supply->pue.y[0]) && supply->pue.y[0] >= 1 && supply->pue.y[0] <= most_pue)
      return TRUE;
    *why = g_strdup_printf("\"%s\" is no PUE; write a number of 1 or more", text);
    return FALSE;
  case PUE_LOAD:
    return read_curve(text, 1, most_pue, &supply->pue, why);
  case PUE_PER_DEGREE:
    return read_per_degree(text, supply, why);
  case PSU_W:
  case SITE_W: {
    double *watts = property == PSU_W ? &supply->psu_w : &supply->site_w;
    if (tw_number_parse(text, watts) && *watts > 0)
      return TRUE;
    *why = g_strdup_printf("\"%s\" is no power; write a number of watts greater than 0", text);
    return FALSE;
  }
  case PSU_EFFICIENCY:
    return read_curve(text, 0.01, 1, &supply->efficiency, why);
  default:
    return TRUE;
  }
}

gboolean tw_supply_check(const tw_supply *supply, char **why)
{
  *why = NULL;
  const tw_curve *e = &supply->efficiency;
  if ((e->n > 0 || supply->pue.n > 1) && supply->psu_w <= 0)
    *why = g_strdup("a curve over the load needs tw:psu_w, the power at full load");
  else if (supply->per_degree > 0 && supply->pue.n == 0)
    *why = g_strdup("tw:pue_per_degree adds to tw:pue, which is missing");
  /* Otherwise a site would draw less when its equipment draws more. */
  for (int i = 1; i < e->n && *why == NULL; i++)
    if (e->x[i] / e->y[i] < e->x[i - 1] / e->y[i - 1])
      *why = g_strdup_printf("tw:psu_efficiency: at load %g, less goes in than at load %g", e->x[i],
                             e->x[i - 1]);
  return *why == NULL;
}

double tw_supply_site_w(const tw_supply *supply, double it_w, double outside_c)
{
  double load = supply->psu_w > 0 ? it_w / supply->psu_w : 1;
  double drawn_w = supply->efficiency.n > 0 ? it_w / tw_curve_at(&supply->efficiency, load) : it_w;
  double pue = supply->pue.n > 0 ? tw_curve_at(&supply->pue, load) : NAN;
  if (supply->per_degree > 0)
    pue += supply->per_degree * fmax(0, outside_c - supply->free_c);
  return drawn_w * pue;
}
