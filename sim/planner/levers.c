/* The levers of the best design, measured: how much more load it bears as it is, and with a little more of each
 * thing that may bind it. All are tried on the whole load, or on the same part of it around its busiest minute where it
 * has very many requests, and on the same rungs, so that their gains compare. */
#include "analysis/log/run_summary.h"
#include "sim/planner/judge.h"
#include "sim/planner/search.h"

#include <math.h>

/* Loads that are tried, over that of the answer. */
static const double rungs[] = {1.05, 1.1, 1.15, 1.2, 1.25, 1.35, 1.5, 1.75, 2, 2.5, 3, 4};

typedef struct lever_kind {
  const char *folder, *name;
  /* Changes size and assignments; FALSE: there is no such lever. */
  gboolean (*pull)(const tw_search *s, double *size, GStrvBuilder *assignments);
} lever_kind;

static gboolean as_it_is(const tw_search *s, double *size, GStrvBuilder *assignments)
{
  (void)s, (void)size, (void)assignments;
  return TRUE;
}

static gboolean larger(const tw_search *s, double *size, GStrvBuilder *assignments)
{
  (void)s, (void)assignments;
  ++*size;
  return TRUE;
}

static void loosen(GStrvBuilder *assignments, const char *path, double limit_s)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree char *text =
      g_strconcat(path, "=", g_ascii_formatd(digits, sizeof digits, "%.9g", 1.1 * limit_s), "s", NULL);
  g_strv_builder_add(assignments, text);
}

static gboolean later_first_tokens(const tw_search *s, double *size, GStrvBuilder *assignments)
{
  (void)size;
  if (isnan(s->answer->ttft_s))
    return FALSE;
  loosen(assignments, "//slo/@ttft", s->answer->ttft_s);
  return TRUE;
}

static gboolean slower_tokens(const tw_search *s, double *size, GStrvBuilder *assignments)
{
  (void)size;
  if (isnan(s->answer->tpot_s))
    return FALSE;
  loosen(assignments, "//slo/@tpot", s->answer->tpot_s);
  return TRUE;
}

static gboolean more_memory(const tw_search *s, double *size, GStrvBuilder *assignments)
{
  (void)s, (void)size;
  g_strv_builder_add(assignments, "//pool/@memory-fraction=0.95");
  return TRUE;
}

/* The first is what the others are compared with. */
static const lever_kind kinds[] = {{"as-it-is", "as it is", as_it_is},
                                   {"larger", "one more unit of the site", larger},
                                   {"ttft", "a limit of TTFT 10 % longer", later_first_tokens},
                                   {"tpot", "a limit of TPOT 10 % longer", slower_tokens},
                                   {"memory", "95 % of the memory for weights and KV", more_memory}};

/* Seconds of the load that levers are tried on: some twenty runs of a load of very many requests would take longer than
 * all of the search. */
static double lever_slice_s(const tw_search *s)
{
  const tw_demand *demand = &s->answer->demand;
  double share = (double)s->question->lever_requests / (double)demand->requests;
  return share < 1 ? demand->span_s / s->question->growth * share : INFINITY;
}

/* A lever on its way: the rungs between those known to hold and to break. */
typedef struct pulled {
  const lever_kind *kind;
  double size;
  char **assignments;
  int holds, breaks; /* -1: the load of the answer itself */
} pulled;

static void clear_pulled(gpointer data)
{
  g_strfreev(((pulled *)data)->assignments);
}

static GArray *pull_all(const tw_search *s, const tw_design *design)
{
  GArray *all = g_array_new(FALSE, FALSE, sizeof(pulled));
  g_array_set_clear_func(all, clear_pulled);
  for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
    g_autoptr(GStrvBuilder) assignments = g_strv_builder_new();
    pulled one = {&kinds[i], tw_search_size(s, design, design->bracket.holds), NULL, -1, G_N_ELEMENTS(rungs)};
    if (!kinds[i].pull(s, &one.size, assignments))
      continue;
    one.assignments = g_strv_builder_end(assignments);
    g_array_append_val(all, one);
  }
  return all;
}

/* Tries the middle rung of every lever whose answer is not known. */
static gboolean try_middles(tw_search *s, const tw_design *design, GArray *all, gboolean *any, GError **error)
{
  g_autoptr(GPtrArray) jobs = g_ptr_array_new_with_free_func((GDestroyNotify)tw_job_free);
  g_autoptr(GArray) of = g_array_new(FALSE, FALSE, sizeof(guint));
  for (guint i = 0; i < all->len; i++) {
    const pulled *one = &g_array_index(all, pulled, i);
    int middle = (one->holds + one->breaks) / 2;
    if (one->breaks - one->holds < 2)
      continue;
    g_autofree char *place = g_strdup_printf("%s-%g", one->kind->folder, rungs[middle]);
    g_autofree char *directory =
        g_build_filename(s->answer->designs->directory, "runs", design->name, "levers", place, NULL);
    tw_job *job = tw_search_job(
        s, design, design->scenario, one->size, tw_search_factor(s, design->bracket.holds) * rungs[middle],
        s->answer->lever_slice_s, (const char *const *)one->assignments, directory, NULL, error);
    if (job == NULL)
      return FALSE;
    g_ptr_array_add(jobs, job);
    g_array_append_val(of, i);
  }
  *any = jobs->len > 0;
  if (*any)
    tw_search_say(s, "what would let the best bear more: %u runs", jobs->len);
  if (*any && !tw_search_run(s, jobs, error))
    return FALSE;
  for (guint i = 0; i < jobs->len; i++) {
    pulled *one = &g_array_index(all, pulled, g_array_index(of, guint, i));
    json_t *summary = tw_run_summary_read(((const tw_job *)jobs->pdata[i])->directory, error);
    if (summary == NULL)
      return FALSE;
    gboolean holds = tw_judge_holds(s->question, summary) &&
                     !(tw_run_summary_number(summary, "energy.peak_w") > s->question->site_w);
    *(holds ? &one->holds : &one->breaks) = (one->holds + one->breaks) / 2;
    json_decref(summary);
  }
  return TRUE;
}

gboolean tw_search_pull_levers(tw_search *s, const tw_design *design, GError **error)
{
  if (!s->question->levers || !tw_demand_scales(&s->answer->demand))
    return TRUE;
  g_autoptr(GArray) all = pull_all(s, design);
  s->answer->lever_slice_s = lever_slice_s(s);
  for (gboolean any = TRUE; any;)
    if (!try_middles(s, design, all, &any, error))
      return FALSE;
  for (guint i = 0; i < all->len; i++) {
    const pulled *one = &g_array_index(all, pulled, i);
    tw_lever lever = {one->kind->name, one->holds < 0 ? 1 : rungs[one->holds],
                      one->breaks < (int)G_N_ELEMENTS(rungs) ? rungs[one->breaks] : INFINITY};
    g_array_append_val(s->answer->levers, lever);
  }
  return TRUE;
}
