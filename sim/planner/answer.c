#include "sim/planner/answer.h"

#include "analysis/log/run_summary.h"
#include "platforms/input/fault.h"
#include "sim/planner/estimate.h"
#include "sim/planner/judge.h"

#include <math.h>

/* A run that a round wants: of a design at a level, which is a size or a factor of the load. */
typedef struct trial {
  tw_design *design;
  double level;
  tw_job *job;
} trial;

typedef struct search {
  tw_answer *answer;
  const tw_question *question;
  const tw_answer_options *options;
  double run_s; /* mean seconds of the runs before; 0: none was */
} search;

static void say(const search *s, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void say(const search *s, const char *format, ...)
{
  if (s->options->said == NULL)
    return;
  va_list arguments;
  va_start(arguments, format);
  g_autofree char *line = g_strdup_vprintf(format, arguments);
  va_end(arguments);
  s->options->said(s->options->user, line);
}

/* ---- Numbers of the answer ---- */

int tw_answer_racks(const tw_answer *answer, const tw_design *design, double size)
{
  g_autoptr(tw_platform) platform = tw_designs_platform(answer->designs, design->site, size, NULL);
  return platform != NULL ? platform->n_racks : 0;
}

double tw_answer_objective(const tw_answer *answer, const tw_design *design)
{
  const tw_objective *objective = tw_question_objective(answer->question);
  if (design->best == NULL)
    return NAN;
  if (objective->finds_load)
    return design->bracket.holds;
  if (g_str_equal(objective->name, "racks"))
    return tw_answer_racks(answer, design, design->bracket.holds);
  if (g_str_equal(objective->name, "accelerators"))
    return tw_design_accelerators(design, design->bracket.holds);
  return tw_run_summary_number(design->best, objective->metric);
}

static void score(const search *s, tw_design *design)
{
  const tw_objective *objective = tw_question_objective(s->question);
  double value = tw_answer_objective(s->answer, design);
  design->score = isnan(value) ? INFINITY : objective->more_is_better ? -value : value;
}

/* ---- Runs ---- */

static void report_end(void *user, const tw_job *job, guint n_ended, guint n_jobs)
{
  const search *s = user;
  (void)n_ended, (void)n_jobs;
  if (job->state == TW_JOB_FAILED)
    say(s, "%s ended with exit code %d", job->directory, job->code);
}

/* How long a run takes of those that were run now; what it was before if none was. */
static double mean_run_s(const GPtrArray *jobs, double before_s)
{
  double sum_s = 0;
  guint n = 0;
  for (guint i = 0; i < jobs->len; i++) {
    const tw_job *job = jobs->pdata[i];
    if (job->state == TW_JOB_DONE && job->wall_s > 0) {
      sum_s += job->wall_s;
      n++;
    }
  }
  return n > 0 ? sum_s / n : before_s;
}

static gboolean run_jobs(search *s, const GPtrArray *jobs, GError **error)
{
  tw_jobs_options options = {.launcher = s->options->launcher,
                             .at_once = s->options->at_once,
                             .again = s->options->again,
                             .directory = s->answer->designs->directory,
                             .expected_s = s->run_s,
                             .ended = report_end,
                             .user = s};
  int failed = tw_jobs_run(jobs, &options, error);
  s->answer->runs += jobs->len;
  s->run_s = mean_run_s(jobs, s->run_s);
  if (failed < 0)
    return FALSE;
  if (tw_jobs_interrupted() != 0) {
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INTR, "interrupted; the same command goes on from here");
    return FALSE;
  }
  for (guint i = 0; failed > 0 && i < jobs->len; i++) {
    const tw_job *job = jobs->pdata[i];
    if (job->state != TW_JOB_FAILED)
      continue;
    g_autofree char *command = tw_job_command(job);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "a run ended with exit code %d: %s", job->code,
                command);
    return FALSE;
  }
  return TRUE;
}

/* The job of a design in a size under the load times `factor`, all of it or a slice. `scenario`: its file. */
static tw_job *new_job(const search *s, const tw_design *design, const char *scenario, double size,
                       double factor, double slice_s, const char *directory, const gint64 *seed,
                       GError **error)
{
  g_auto(GStrv) sized = tw_design_sized(s->answer->designs, design, size, error);
  if (sized == NULL)
    return NULL;
  g_auto(GStrv) scaled = tw_demand_scaled(&s->answer->demand, factor);
  g_auto(GStrv) slice = isfinite(slice_s) ? tw_demand_slice(&s->answer->demand, factor, slice_s) : NULL;
  g_autoptr(GStrvBuilder) all = g_strv_builder_new();
  g_strv_builder_addv(all, (const char **)sized);
  g_strv_builder_addv(all, (const char **)scaled);
  if (slice != NULL)
    g_strv_builder_addv(all, (const char **)slice);
  g_auto(GStrv) assignments = g_strv_builder_end(all);
  return tw_job_new(scenario, directory, (const char *const *)assignments, seed);
}

static double size_of(const search *s, const tw_design *design, double level)
{
  return tw_question_objective(s->question)->finds_load ? design->estimate_size : level;
}

static double factor_of(const search *s, double level)
{
  return tw_question_objective(s->question)->finds_load ? s->question->growth * level : s->question->growth;
}

/* Takes over what a run says of its design. */
static gboolean take(const search *s, const trial *one, GError **error)
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
    s->answer->nearest_size = size_of(s, design, one->level);
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
static GArray *next_trials(const search *s, const GPtrArray *designs, const char *round, double slice_s,
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
                 new_job(s, design, design->scenario, size_of(s, design, level), factor_of(s, level), slice_s,
                         directory, NULL, error)};
    if (one.job == NULL) {
      for (guint k = 0; k < trials->len; k++)
        tw_job_free(g_array_index(trials, trial, k).job);
      return NULL;
    }
    g_array_append_val(trials, one);
  }
  return g_steal_pointer(&trials);
}

static gboolean run_trials(search *s, const GArray *trials, GError **error)
{
  g_autoptr(GPtrArray) jobs = g_ptr_array_new_with_free_func((GDestroyNotify)tw_job_free);
  for (guint i = 0; i < trials->len; i++)
    g_ptr_array_add(jobs, g_array_index(trials, trial, i).job);
  gboolean good = run_jobs(s, jobs, error);
  for (guint i = 0; good && i < trials->len; i++)
    good = take(s, &g_array_index(trials, trial, i), error);
  return good;
}

/* Finds the level that each design holds on a slice of the load, and orders them by it. */
static gboolean run_round(search *s, GPtrArray *designs, const char *round, double slice_s, double tolerance,
                          GError **error)
{
  say(s, "%s: %u designs", round, designs->len);
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
    if (!run_trials(s, trials, error))
      return FALSE;
  }
  for (guint i = designs->len; i-- > 0;) {
    tw_design *design = designs->pdata[i];
    score(s, design);
    if (design->best == NULL)
      design->dropped = g_strdup_printf("attains %.4g %% at most",
                                        100 * tw_run_summary_number(design->broken, "slo.attainment"));
    else if (!tw_question_objective(s->question)->finds_load)
      design->dropped = tw_judge_beyond_limits(s->question, design);
    if (design->dropped != NULL)
      g_ptr_array_remove_index(designs, i);
  }
  g_ptr_array_sort(designs, tw_judge_compare);
  return TRUE;
}

/* Keeps the best `n`, and the best of each kind, which `kind_of` names; the others are out. */
static void keep(GPtrArray *designs, guint n, char *(*kind_of)(const tw_design *design), const char *why)
{
  g_autoptr(GPtrArray) kept = g_ptr_array_new();
  g_autoptr(GHashTable) kinds = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < designs->len; i++) {
    tw_design *design = designs->pdata[i];
    if (g_hash_table_add(kinds, kind_of(design)) || kept->len < n)
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
  return g_strdup_printf("%s %s %d %u:%u", design->site->name, design->model->name, (int)design->weights,
                         design->prefill, design->decode);
}

/* An answer compares the sites that were asked about, each at its best. */
static char *site_kind(const tw_design *design)
{
  return g_strdup(design->site->name);
}

/* ---- The whole search ---- */

static tw_scenario *load_design(const search *s, const tw_design *design, GError **error)
{
  g_auto(GStrv) sized = tw_design_sized(s->answer->designs, design, tw_design_least(design), error);
  if (sized == NULL)
    return NULL;
  g_autoptr(tw_faults) faults = tw_faults_new();
  tw_scenario *scenario = tw_scenario_load(design->scenario, (const char *const *)sized, faults);
  if (scenario == NULL)
    tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0, "%s", tw_faults_get(faults, 0));
  return scenario;
}

static gboolean begin_bracket(const search *s, tw_design *design, GError **error)
{
  double largest;
  if (!tw_judge_largest_size(s->question, s->answer->designs, design, &largest, error))
    return FALSE;
  double least = MAX(tw_design_least(design), (double)design->site->least);
  if (largest < least) {
    design->dropped = g_strdup("the limits leave no room for an engine");
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
static gboolean estimate_all(const search *s, GPtrArray *racing, GError **error)
{
  gboolean read = FALSE;
  for (guint i = 0; i < s->answer->designs->all->len; i++) {
    tw_design *design = s->answer->designs->all->pdata[i];
    if (design->dropped != NULL)
      continue;
    g_autoptr(tw_scenario) scenario = load_design(s, design, error);
    if (scenario == NULL || (!read && !tw_demand_read(scenario, &s->answer->demand, error)))
      return FALSE;
    read = TRUE;
    tw_estimate(design, scenario, &s->answer->demand, s->question->growth);
    if (design->dropped == NULL && !begin_bracket(s, design, error))
      return FALSE;
    if (design->dropped == NULL)
      g_ptr_array_add(racing, design);
  }
  g_ptr_array_sort(racing, tw_judge_compare_estimates);
  return TRUE;
}

static void free_check(gpointer data)
{
  tw_check *check = data;
  g_free(check->name);
  g_free(check->directory);
  json_decref(check->summary);
  g_free(check);
}

typedef struct planned_check {
  const char *name, *folder, *suffix; /* suffix: of the scenario's file */
  double factor;
  gint64 seed; /* 0: the question's */
} planned_check;

/* Runs the best design again under other circumstances. */
static gboolean run_checks(search *s, const tw_design *design, GError **error)
{
  g_autoptr(GArray) planned = g_array_new(FALSE, FALSE, sizeof(planned_check));
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
  for (gint64 i = 1; i < s->question->seeds; i++) {
    char *name = g_strdup_printf("seed %" G_GINT64_FORMAT, s->question->seed + i);
    char *folder = g_strdup_printf("seed-%" G_GINT64_FORMAT, s->question->seed + i);
    g_ptr_array_add(names, name);
    g_ptr_array_add(names, folder);
    g_array_append_val(planned, ((planned_check){name, folder, "", 1, s->question->seed + i}));
  }
  g_array_append_val(planned, ((planned_check){"10 % more load", "load-1.1", "", 1.1, 0}));
  g_array_append_val(planned, ((planned_check){"25 % more load", "load-1.25", "", 1.25, 0}));
  if (s->question->held_out != NULL)
    g_array_append_val(planned, ((planned_check){"held-out load", "held-out", ".held-out", 1, 0}));
  g_autoptr(GPtrArray) jobs = g_ptr_array_new_with_free_func((GDestroyNotify)tw_job_free);
  for (guint i = 0; i < planned->len; i++) {
    const planned_check *check = &g_array_index(planned, planned_check, i);
    g_autofree char *scenario =
        g_strdup_printf("%s/designs/%s%s.xml", s->answer->designs->directory, design->name, check->suffix);
    g_autofree char *directory =
        g_build_filename(s->answer->designs->directory, "runs", design->name, "checks", check->folder, NULL);
    gboolean other = *check->suffix != '\0';
    tw_job *job = new_job(s, design, scenario, size_of(s, design, design->bracket.holds),
                          other ? 1 : factor_of(s, design->bracket.holds) * check->factor, INFINITY,
                          directory, check->seed != 0 ? &check->seed : NULL, error);
    if (job == NULL)
      return FALSE;
    g_ptr_array_add(jobs, job);
  }
  say(s, "checks: %s", design->name);
  if (!run_jobs(s, jobs, error))
    return FALSE;
  for (guint i = 0; i < jobs->len; i++) {
    const tw_job *job = jobs->pdata[i];
    tw_check *check = g_new0(tw_check, 1);
    check->name = g_strdup(g_array_index(planned, planned_check, i).name);
    check->directory = g_strdup(job->directory);
    check->summary = tw_run_summary_read(job->directory, error);
    g_ptr_array_add(s->answer->checks, check);
    if (check->summary == NULL)
      return FALSE;
    check->holds = tw_judge_holds(s->question, check->summary) &&
                   !(tw_run_summary_number(check->summary, "energy.peak_w") > s->question->site_w);
  }
  return TRUE;
}

/* A slice holds several lives of a request, so that a site that fills up is not taken for one that keeps up.
 */
static double slice_s(const search *s)
{
  double token_s = 0.05, life_s = s->answer->demand.output * token_s;
  return MAX(s->question->slice_s, 3 * life_s);
}

static gboolean find(search *s, GError **error)
{
  const tw_question *question = s->question;
  g_autoptr(GPtrArray) racing = g_ptr_array_new();
  if (!estimate_all(s, racing, error))
    return FALSE;
  say(s, "%u designs, of which %u can be", s->answer->designs->all->len, racing->len);
  keep(racing, (guint)question->coarse, estimated_kind, "the estimate has better ones");
  if (racing->len == 0)
    return TRUE;
  double coarse = tw_question_objective(question)->finds_load ? 1.25 : 1;
  if (racing->len > (guint)question->finalists) {
    if (!run_round(s, racing, "first", slice_s(s), coarse, error))
      return FALSE;
    keep(racing, MAX((guint)question->finalists, (guint)question->coarse / 3), site_kind,
         "others were better in the first round");
  }
  if (racing->len > (guint)question->finalists) {
    if (!run_round(s, racing, "second", 4 * slice_s(s), coarse, error))
      return FALSE;
    keep(racing, (guint)question->finalists, site_kind, "others were better in the second round");
  }
  if (racing->len == 0)
    return TRUE;
  if (!run_round(s, racing, "whole", INFINITY, 1.05, error))
    return FALSE;
  g_ptr_array_extend(s->answer->ranked, racing, NULL, NULL);
  return racing->len == 0 || run_checks(s, racing->pdata[0], error);
}

tw_answer *tw_answer_find(const tw_question *question, tw_designs *designs, const tw_answer_options *options,
                          GError **error)
{
  g_autoptr(tw_answer) answer = g_new0(tw_answer, 1);
  answer->question = question;
  answer->designs = designs;
  answer->ranked = g_ptr_array_new();
  answer->checks = g_ptr_array_new_with_free_func(free_check);
  search s = {answer, question, options, 0};
  return find(&s, error) ? g_steal_pointer(&answer) : NULL;
}

void tw_answer_free(tw_answer *answer)
{
  if (answer == NULL)
    return;
  g_ptr_array_unref(answer->ranked);
  g_ptr_array_unref(answer->checks);
  g_free(answer);
}
