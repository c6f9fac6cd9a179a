/* The best design under other circumstances. */
#include "analysis/log/run_summary.h"
#include "sim/planner/judge.h"
#include "sim/planner/search.h"

#include <math.h>

void tw_search_free_check(gpointer data)
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
gboolean tw_search_check(tw_search *s, const tw_design *design, GError **error)
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
  if (tw_demand_scales(&s->answer->demand)) {
    g_array_append_val(planned, ((planned_check){"10 % more load", "load-1.1", "", 1.1, 0}));
    g_array_append_val(planned, ((planned_check){"25 % more load", "load-1.25", "", 1.25, 0}));
  }
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
    tw_job *job = tw_search_job(s, design, scenario, tw_search_size(s, design, design->bracket.holds),
                                other ? 1 : tw_search_factor(s, design->bracket.holds) * check->factor,
                                INFINITY, NULL, directory, check->seed != 0 ? &check->seed : NULL, error);
    if (job == NULL)
      return FALSE;
    g_ptr_array_add(jobs, job);
  }
  tw_search_say(s, "the best under other circumstances: %u runs", jobs->len);
  if (!tw_search_run(s, jobs, error))
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
