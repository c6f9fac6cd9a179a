#include "sim/planner/answer.h"

#include "analysis/log/run_summary.h"
#include "platforms/input/fault.h"
#include "sim/planner/estimate.h"
#include "sim/planner/judge.h"
#include "sim/planner/search.h"

#include <math.h>

/* A run that a round wants: of a design at a level, which is a size or a factor of the load. */
typedef struct trial {
  tw_design *design;
  double level;
  tw_job *job;
} trial;

/* ---- Numbers of the answer ---- */

int tw_answer_racks(const tw_answer *answer, const tw_design *design, double size)
{
  g_autoptr(tw_platform) platform = tw_designs_platform(answer->designs, design->site, size, NULL);
  return platform != NULL ? platform->n_racks : 0;
}

double tw_answer_size(const tw_answer *answer, const tw_design *design)
{
  return tw_question_objective(answer->question)->finds_load ? design->estimate_size : design->bracket.holds;
}

double tw_answer_value(const tw_answer *answer, const tw_design *design, const tw_objective *objective)
{
  if (design->best == NULL)
    return NAN;
  if (objective->finds_load)
    return design->bracket.holds;
  double size = tw_answer_size(answer, design);
  if (g_str_equal(objective->name, "racks"))
    return tw_answer_racks(answer, design, size);
  if (g_str_equal(objective->name, "accelerators"))
    return tw_design_accelerators(design, size);
  return tw_run_summary_number(design->best, objective->metric);
}

double tw_answer_objective(const tw_answer *answer, const tw_design *design)
{
  return tw_answer_value(answer, design, tw_question_objective(answer->question));
}

const char *tw_answer_percentile(const tw_question *question)
{
  return question->attainment >= 0.99   ? "p99"
         : question->attainment >= 0.95 ? "p95"
         : question->attainment >= 0.9  ? "p90"
                                        : "p50";
}

static double latency_of(const tw_answer *answer, const json_t *summary, const char *latency)
{
  g_autofree char *name = g_strdup_printf("%s.%s", latency, tw_answer_percentile(answer->question));
  return tw_run_summary_number(summary, name);
}

double tw_answer_margin(const tw_answer *answer, const json_t *summary)
{
  const double shares[] = {latency_of(answer, summary, "ttft_s") / answer->ttft_s,
                           latency_of(answer, summary, "tpot_s") / answer->tpot_s,
                           tw_run_summary_number(summary, "energy.peak_w") / answer->question->site_w};
  double most = NAN;
  for (guint i = 0; i < G_N_ELEMENTS(shares); i++)
    most = fmax(most, shares[i]); /* fmax leaves out what is not a number */
  return 1 - most;
}

/* The value of an objective, less being better. */
static double score_of(const tw_search *s, const tw_design *design, const tw_objective *objective)
{
  if (objective == NULL)
    return INFINITY;
  double value = tw_answer_value(s->answer, design, objective);
  return isnan(value) ? INFINITY : objective->more_is_better ? -value : value;
}

static void score(const tw_search *s, tw_design *design)
{
  design->score = score_of(s, design, tw_question_objective(s->question));
  design->beside = score_of(s, design, tw_question_beside(s->question));
  design->margin = tw_answer_margin(s->answer, design->best);
}

/* Takes over what a run says of its design. */
static gboolean take(const tw_search *s, const trial *one, GError **error)
{
  tw_design *design = one->design;
  json_t *summary = tw_run_summary_read(one->job->directory, error);
  if (summary == NULL)
    return FALSE;
  gboolean good = tw_judge_holds(s->question, summary);
  tw_bracket_tell(&design->bracket, one->level, good);
  double attained = tw_run_summary_number(summary, "slo.attainment");
  if (!good && !(attained <= s->answer->nearest_attainment)) {
    s->answer->nearest = design;
    s->answer->nearest_attainment = attained;
    s->answer->nearest_size = tw_search_size(s, design, one->level);
  }
  if (good && design->bracket.holds == one->level) {
    json_decref(design->best);
    design->best = json_incref(summary);
    g_free(design->best_directory);
    design->best_directory = g_strdup(one->job->directory);
  } else if (!good && design->bracket.breaks == one->level) {
    json_decref(design->broken);
    design->broken = json_incref(summary);
  }
  json_decref(summary);
  return TRUE;
}

/* The runs that all brackets want next. */
static GArray *next_trials(const tw_search *s, const GPtrArray *designs, const char *round, double slice_s,
                           GError **error)
{
  g_autoptr(GArray) trials = g_array_new(FALSE, FALSE, sizeof(trial));
  for (guint i = 0; i < designs->len; i++) {
    tw_design *design = designs->pdata[i];
    double level = tw_bracket_next(&design->bracket);
    if (isnan(level))
      continue;
    g_autofree char *place =
        g_strdup_printf("%s-%.6g", tw_question_objective(s->question)->finds_load ? "load" : "size", level);
    g_autofree char *directory =
        g_build_filename(s->answer->designs->directory, "runs", design->name, round, place, NULL);
    trial one = {design, level,
                 tw_search_job(s, design, design->scenario, tw_search_size(s, design, level),
                               tw_search_factor(s, level), slice_s, NULL, directory, NULL, error)};
    if (one.job == NULL) {
      for (guint k = 0; k < trials->len; k++)
        tw_job_free(g_array_index(trials, trial, k).job);
      return NULL;
    }
    g_array_append_val(trials, one);
  }
  return g_steal_pointer(&trials);
}

static gboolean run_trials(tw_search *s, const GArray *trials, GError **error)
{
  g_autoptr(GPtrArray) jobs = g_ptr_array_new_with_free_func((GDestroyNotify)tw_job_free);
  for (guint i = 0; i < trials->len; i++)
    g_ptr_array_add(jobs, g_array_index(trials, trial, i).job);
  gboolean good = tw_search_run(s, jobs, error);
  for (guint i = 0; good && i < trials->len; i++)
    good = take(s, &g_array_index(trials, trial, i), error);
  return good;
}

/* Whether two designs come to the same site in the sizes that were found: ratios round to the same engines, or
 * a limit cuts both off at the same size. */
static gboolean builds_the_same(const tw_design *a, const tw_design *b)
{
  return a->site == b->site && a->model == b->model && a->weights == b->weights && a->tp == b->tp &&
         a->pp == b->pp && a->dp == b->dp && a->ep == b->ep &&
         a->max_batched_tokens == b->max_batched_tokens && a->max_seqs == b->max_seqs &&
         a->router == b->router && a->store == b->store &&
         (a->host_bytes == b->host_bytes || (isnan(a->host_bytes) && isnan(b->host_bytes))) &&
         (a->prefill > 0) == (b->prefill > 0) && isnan(a->oversubscription) == isnan(b->oversubscription) &&
         (a->cap_w == b->cap_w || (isnan(a->cap_w) && isnan(b->cap_w))) &&
         a->estimate_size == b->estimate_size && a->bracket.holds == b->bracket.holds &&
         a->score == b->score &&
         tw_design_prefill(a, a->bracket.holds) == tw_design_prefill(b, b->bracket.holds);
}

/* Drops all but the first of designs that come to the same, of a list in order. */
static void drop_twins(GPtrArray *designs)
{
  for (guint i = 0; i < designs->len; i++)
    for (guint k = designs->len; k-- > i + 1;) {
      tw_design *later = designs->pdata[k];
      if (!builds_the_same(designs->pdata[i], later))
        continue;
      later->dropped =
          g_strdup_printf("builds what another does: %s", ((tw_design *)designs->pdata[i])->name);
      g_ptr_array_remove_index(designs, k);
    }
}

/* Finds the level that each design holds on a slice of the load, and orders them by it. */
static gboolean run_round(tw_search *s, GPtrArray *designs, const char *round, double slice_s,
                          double tolerance, GError **error)
{
  g_autofree char *part =
      isfinite(slice_s) ? g_strdup_printf("%.4g s of the load", slice_s) : g_strdup("the whole load");
  s->answer->nearest = NULL;
  s->answer->nearest_attainment = -1;
  for (guint i = 0; i < designs->len; i++) {
    tw_design *design = designs->pdata[i];
    if (!isnan(design->bracket.holds))
      design->bracket.start = design->bracket.holds;
    design->bracket.holds = design->bracket.breaks = NAN;
    design->bracket.tolerance = tolerance;
    design->rounds++;
    g_clear_pointer(&design->best, json_decref);
    g_clear_pointer(&design->broken, json_decref);
  }
  for (;;) {
    g_autoptr(GArray) trials = next_trials(s, designs, round, slice_s, error);
    if (trials == NULL)
      return FALSE;
    if (trials->len == 0)
      break;
    tw_search_say(s, "%u designs on %s: %u runs", designs->len, part, trials->len);
    if (!run_trials(s, trials, error))
      return FALSE;
  }
  for (guint i = designs->len; i-- > 0;) {
    tw_design *design = designs->pdata[i];
    score(s, design);
    if (design->best == NULL)
      design->dropped = g_strdup_printf("attains too little: %.4g %% at most",
                                        100 * tw_run_summary_number(design->broken, "slo.attainment"));
    else if (!tw_question_objective(s->question)->finds_load)
      design->dropped = tw_judge_beyond_limits(s->question, design);
    if (design->dropped != NULL)
      g_ptr_array_remove_index(designs, i);
  }
  g_ptr_array_sort(designs, tw_judge_compare);
  drop_twins(designs);
  if (tw_question_beside(s->question) != NULL)
    tw_judge_put_front_first(designs);
  return TRUE;
}

/* Keeps the best `n`, those on the front of two objectives, and the best `of_each` of each kind, which `kind_of` names;
 * the others are out. */
static void keep(GPtrArray *designs, guint n, guint of_each, char *(*kind_of)(const tw_design *design),
                 const char *why)
{
  g_autoptr(GPtrArray) kept = g_ptr_array_new();
  g_autoptr(GHashTable) kinds = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < designs->len; i++) {
    tw_design *design = designs->pdata[i];
    char *kind = kind_of(design);
    guint alike = GPOINTER_TO_UINT(g_hash_table_lookup(kinds, kind));
    g_hash_table_replace(kinds, kind, GUINT_TO_POINTER(alike + 1));
    if (alike < of_each || kept->len < n || design->front)
      g_ptr_array_add(kept, design);
    else
      design->dropped = g_strdup(why);
  }
  g_ptr_array_set_size(designs, 0);
  g_ptr_array_extend(designs, kept, NULL, NULL);
}

/* An estimate may be wrong of a site, a format or a split into pools as a whole. */
static char *estimated_kind(const tw_design *design)
{
  return g_strdup_printf("%s %s %s %u:%u %g %d %g %g", design->site->name, design->model->name,
                         design->weights->name, design->prefill, design->decode, design->host_bytes,
                         design->store, design->cap_w, design->oversubscription);
}

/* An answer compares the sites that were asked about, each at its best. */
static char *site_kind(const tw_design *design)
{
  return g_strdup(design->site->name);
}

/* ---- The whole search ---- */

/* The scenario of a design in its least size. NULL with `error`, or where it is dropped: what the reader finds
 * wrong is why the design cannot be. */
static tw_scenario *load_design(const tw_search *s, tw_design *design, GError **error)
{
  GError *why = NULL;
  tw_scenario *scenario = tw_design_load(s->answer->designs, design, tw_design_least(design), NULL, 1, &why);
  if (g_error_matches(why, TW_INPUT_ERROR, TW_INPUT_ERROR_VALUE)) {
    design->dropped = g_strdup(why->message);
    g_error_free(why);
  } else if (why != NULL) {
    g_propagate_error(error, why);
  }
  return scenario;
}

static gboolean begin_bracket(const tw_search *s, tw_design *design, GError **error)
{
  double largest;
  if (!tw_judge_largest_size(s->question, s->answer->designs, design, &largest, error))
    return FALSE;
  double least = tw_design_least(design);
  if (largest < least) {
    design->dropped = g_strdup_printf(
        "the limits leave no room for an engine: it needs %.0f accelerators, and %.0f may be built",
        tw_design_accelerators(design, least), tw_design_accelerators(design, largest));
    return TRUE;
  }
  gboolean load = tw_question_objective(s->question)->finds_load;
  double needed = design->estimate_size;
  design->bracket = (tw_bracket){.wants_small = !load,
                                 .whole = !load,
                                 .least = load ? 1e-3 : least,
                                 .most = load ? 1e6 : largest,
                                 .holds = NAN,
                                 .breaks = NAN};
  design->bracket.start = load ? largest / MAX(needed, 1) : CLAMP(needed, least, largest);
  if (load)
    design->estimate_size = largest;
  return TRUE;
}

/* Estimates every design that can be; fills `racing` with the best of them. */
static gboolean estimate_all(const tw_search *s, GPtrArray *racing, GError **error)
{
  gboolean read = FALSE;
  for (guint i = 0; i < s->answer->designs->all->len; i++) {
    tw_design *design = s->answer->designs->all->pdata[i];
    if (design->dropped != NULL)
      continue;
    g_autoptr(tw_scenario) scenario = load_design(s, design, error);
    if (design->dropped != NULL)
      continue;
    if (scenario == NULL || (!read && !tw_demand_read(scenario, &s->answer->demand, error)))
      return FALSE;
    read = TRUE;
    gboolean for_all = scenario->class_slos == NULL || scenario->class_slos->len == 0;
    s->answer->ttft_s = for_all ? scenario->slo.ttft_s : NAN;
    s->answer->tpot_s = for_all ? scenario->slo.tpot_s : NAN;
    s->answer->e2e_s = for_all ? scenario->slo.e2e_s : NAN;
    s->answer->itl_s = for_all ? scenario->slo.itl_s : NAN;
    tw_estimate(design, scenario, &s->answer->demand, s->question->growth,
                tw_objective_is_of_power(tw_question_objective(s->question)));
    if (design->dropped == NULL && !begin_bracket(s, design, error))
      return FALSE;
    if (design->dropped == NULL)
      g_ptr_array_add(racing, design);
  }
  g_ptr_array_sort(racing, tw_judge_compare_estimates);
  return TRUE;
}

/* A slice holds several lives of a request, so that a site that fills up is not taken for one that keeps up.
 */
static double slice_s(const tw_search *s)
{
  double token_s = 0.05, life_s = s->answer->demand.output * token_s;
  return MAX(s->question->slice_s, 3 * life_s);
}

/* The best of a site that stay in the race after the first and the second round: a slice is too short to tell those
 * apart that are nearly as good, and the better half of a site may be behind all of another. */
enum { OF_SITE_FIRST = 3, OF_SITE_SECOND = 2 };

/* A load that is no longer than a slice is run as a whole at once. */
static gboolean is_longer_than(const tw_search *s, double length_s)
{
  g_auto(GStrv) slice = tw_demand_slice(&s->answer->demand, s->question->growth, length_s);
  return slice != NULL;
}

static gboolean find(tw_search *s, GError **error)
{
  const tw_question *question = s->question;
  g_autoptr(GPtrArray) racing = g_ptr_array_new();
  tw_search_say(s, "%u designs to estimate", s->answer->designs->all->len);
  if (!estimate_all(s, racing, error))
    return FALSE;
  tw_search_say(s, "%u designs, of which %u can be", s->answer->designs->all->len, racing->len);
  keep(racing, (guint)question->coarse, 1, estimated_kind, "the estimate has better ones");
  if (racing->len == 0)
    return TRUE;
  double coarse = tw_question_objective(question)->finds_load ? 1.25 : 1;
  if (racing->len > (guint)question->finalists && is_longer_than(s, slice_s(s))) {
    if (!run_round(s, racing, "first", slice_s(s), coarse, error))
      return FALSE;
    keep(racing, MAX((guint)question->finalists, (guint)question->coarse / 3), OF_SITE_FIRST, site_kind,
         "others were better in the first round");
  }
  if (racing->len > (guint)question->finalists && is_longer_than(s, 4 * slice_s(s))) {
    if (!run_round(s, racing, "second", 4 * slice_s(s), coarse, error))
      return FALSE;
    keep(racing, (guint)question->finalists, OF_SITE_SECOND, site_kind,
         "others were better in the second round");
  }
  if (racing->len == 0)
    return TRUE;
  if (!run_round(s, racing, "whole", INFINITY, TW_ANSWER_TOLERANCE, error))
    return FALSE;
  keep(racing, (guint)question->finalists, 1, site_kind, "others were better on the whole load");
  g_ptr_array_extend(s->answer->ranked, racing, NULL, NULL);
  return racing->len == 0 ||
         (tw_search_check(s, racing->pdata[0], error) && tw_search_pull_levers(s, racing->pdata[0], error));
}

tw_answer *tw_answer_find(const tw_question *question, tw_designs *designs, const tw_answer_options *options,
                          GError **error)
{
  g_autoptr(tw_answer) answer = g_new0(tw_answer, 1);
  answer->question = question;
  answer->designs = designs;
  answer->ranked = g_ptr_array_new();
  answer->checks = g_ptr_array_new_with_free_func(tw_search_free_check);
  answer->levers = g_array_new(FALSE, FALSE, sizeof(tw_lever));
  answer->ttft_s = answer->tpot_s = answer->e2e_s = answer->itl_s = NAN;
  tw_search s = {answer, question, options, 0};
  return find(&s, error) ? g_steal_pointer(&answer) : NULL;
}

void tw_answer_free(tw_answer *answer)
{
  if (answer == NULL)
    return;
  g_ptr_array_unref(answer->ranked);
  g_ptr_array_unref(answer->checks);
  g_array_unref(answer->levers);
  g_free(answer);
}
