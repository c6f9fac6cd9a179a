#include "sim/planner/judge.h"

#include "analysis/log/run_summary.h"

#include <math.h>

static double number(const json_t *summary, const char *name)
{
  return tw_run_summary_number(summary, name);
}

/* ---- Sizes ---- */

/* Returns the watts of a site whose accelerators each draw `accelerator_w`; NAN: not known. */
static double nameplate_w(const tw_platform *platform, double accelerator_w)
{
  double equipment_w = (double)tw_platform_accelerators(platform) * accelerator_w;
  for (int i = 0; i < platform->n_zones; i++)
    equipment_w += platform->zones[i].overhead_w;
  for (int i = 0; i < platform->n_links; i++)
    equipment_w += isnan(platform->links[i].watts) ? 0 : platform->links[i].watts;
  return tw_supply_site_w(&platform->supply, equipment_w, NAN);
}

/* Returns the most that an accelerator of a design draws; NAN: not known. */
static double most_w(const tw_design *design)
{
  double own_w = design->facts->device->max_w;
  return isnan(design->cap_w) ? own_w : fmin(own_w, design->cap_w);
}

static gboolean within_limits(const tw_question *question, tw_designs *designs, const tw_design *design,
                              double size, gboolean *fits, GError **error)
{
  g_autoptr(tw_platform) platform = tw_designs_platform(designs, design->site, size, error);
  if (platform == NULL)
    return FALSE;
  *fits = (question->racks == G_MININT64 || platform->n_racks <= question->racks) &&
          (question->accelerators == G_MININT64 ||
           tw_platform_accelerators(platform) <= question->accelerators) &&
          !(platform->n_racks * design->site->rack_m2 > question->floor_m2) &&
          !(tw_question_objective(question)->finds_load &&
            nameplate_w(platform, most_w(design)) > question->site_w);
  return TRUE;
}

/* An oversubscribed site is so many times as large as that in which everything may draw its most, but no larger
 * than what draws its power when idle. */
static gboolean oversubscribe(const tw_question *question, tw_designs *designs, const tw_design *design,
                              double *largest, GError **error)
{
  double size = fmin(floor(*largest * design->oversubscription + 1e-9), (double)design->site->most);
  for (; size > 0; size--) {
    g_autoptr(tw_platform) platform = tw_designs_platform(designs, design->site, size, error);
    if (platform == NULL)
      return FALSE;
    if (nameplate_w(platform, design->facts->device->idle_w) < question->site_w)
      break;
  }
  *largest = size;
  return TRUE;
}

gboolean tw_judge_largest_size(const tw_question *question, tw_designs *designs, const tw_design *design,
                               double *largest, GError **error)
{
  double low = 0, high = (double)design->site->most + 1;
  while (high - low > 1) {
    double size = floor((low + high) / 2);
    gboolean fits;
    if (!within_limits(question, designs, design, size, &fits, error))
      return FALSE;
    *(fits ? &low : &high) = size;
  }
  *largest = low;
  if (!isnan(design->oversubscription) && tw_question_objective(question)->finds_load)
    return oversubscribe(question, designs, design, largest, error);
  return TRUE;
}

/* ---- Runs ---- */

gboolean tw_judge_holds(const tw_question *question, const json_t *summary)
{
  if (number(summary, "slo.attainment") < question->attainment)
    return FALSE;
  return !tw_question_objective(question)->finds_load ||
         !(number(summary, "energy.peak_w") > question->site_w);
}

double tw_judge_usd_per_hour(const json_t *summary)
{
  return number(summary, "cost.usd") / number(summary, "simulated_s") * 3600;
}

char *tw_judge_beyond_limits(const tw_question *question, const tw_design *design)
{
  double site_w = number(design->best, "energy.peak_w"), usd = tw_judge_usd_per_hour(design->best);
  if (!isnan(question->site_w) && isnan(site_w))
    return g_strdup("its power is not known");
  if (site_w > question->site_w)
    return g_strdup_printf("draws more than site-power: %.4g kW at its peak", site_w / 1e3);
  if (usd > question->usd_per_hour)
    return g_strdup_printf("costs more than usd-per-hour: %.4g USD an hour", usd);
  return NULL;
}

/* ---- Designs ---- */

/* What is built beside accelerators: it is not for nothing. */
static double host_memory(const tw_design *design)
{
  return isnan(design->host_bytes) ? 0 : design->host_bytes;
}

/* What is left of limits, and of requests, is told apart by steps: no run is known so well that a point of either is
 * worth joules. */
#define STEP 0.05

static double margin_steps(const tw_design *design)
{
  return floor(design->margin / STEP);
}

/* How far a design is from one unit fewer, by the share of the requests that keeps the SLO on it. */
static double reserve_steps(const tw_design *design)
{
  double attained = design->broken != NULL ? number(design->broken, "slo.attainment") : NAN;
  return isnan(attained) ? 0 : floor(attained / STEP);
}

gint tw_judge_compare(gconstpointer a, gconstpointer b)
{
  const tw_design *x = *(tw_design *const *)a, *y = *(tw_design *const *)b;
  const double pairs[][2] = {
      {x->score, y->score},
      {tw_design_accelerators(x, x->bracket.holds), tw_design_accelerators(y, y->bracket.holds)},
      {host_memory(x), host_memory(y)},
      {-margin_steps(x), -margin_steps(y)},
      {-reserve_steps(x), -reserve_steps(y)},
      {x->best != NULL ? number(x->best, "energy.j_per_output_token") : 0,
       y->best != NULL ? number(y->best, "energy.j_per_output_token") : 0},
      {-x->margin, -y->margin}};
  for (guint i = 0; i < G_N_ELEMENTS(pairs); i++)
    if (pairs[i][0] < pairs[i][1] || pairs[i][0] > pairs[i][1])
      return pairs[i][0] < pairs[i][1] ? -1 : 1;
  return strcmp(x->name, y->name);
}

gint tw_judge_compare_estimates(gconstpointer a, gconstpointer b)
{
  const tw_design *x = *(tw_design *const *)a, *y = *(tw_design *const *)b;
  if (x->estimate_score != y->estimate_score)
    return x->estimate_score < y->estimate_score ? -1 : 1;
  return strcmp(x->name, y->name);
}

/* Whether `y` is as good as `x` in both objectives, and better in one. */
static gboolean beats(const tw_design *y, const tw_design *x)
{
  return y->score <= x->score && y->beside <= x->beside && (y->score < x->score || y->beside < x->beside);
}

void tw_judge_put_front_first(GPtrArray *designs)
{
  g_autoptr(GPtrArray) front = g_ptr_array_new(), behind = g_ptr_array_new();
  for (guint i = 0; i < designs->len; i++) {
    tw_design *design = designs->pdata[i];
    design->front = TRUE;
    for (guint k = 0; k < designs->len && design->front; k++)
      design->front = !beats(designs->pdata[k], design);
    g_ptr_array_add(design->front ? front : behind, design);
  }
  g_ptr_array_set_size(designs, 0);
  g_ptr_array_extend(designs, front, NULL, NULL);
  g_ptr_array_extend(designs, behind, NULL, NULL);
}
