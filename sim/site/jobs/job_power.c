/* The power of the accelerators of a job: full while they work, and idle else, or smoothed. */
#include "sim/site/jobs/job_run.h"

#include <math.h>

/* Joules beyond idle from the last event to now_s. */
static tw_smooth_sums drawn_since(const tw_job_run *r, double now_s)
{
  if (r->smoothing != NULL)
    return tw_smooth_sums_at(&r->course, now_s - r->event_s);
  return (tw_smooth_sums){.drawn_j =
                              fmax(0, fmin(now_s, r->busy_until_s) - r->event_s) * (r->busy_w - r->idle_w)};
}

tw_site_job_energy tw_site_jobs_energy(const tw_site_jobs *jobs, int job, double now_s)
{
  const tw_job_run *r = &jobs->runs[job];
  tw_smooth_sums since = drawn_since(r, now_s);
  double dynamic_j = r->dynamic_j + since.drawn_j;
  return (tw_site_job_energy){r->idle_w * now_s + dynamic_j, dynamic_j, r->burnt_j + since.burnt_j};
}

void tw_run_draw(tw_job_run *r, double joules, double work_s, double now_s)
{
  tw_smooth_sums since = drawn_since(r, now_s);
  double full_w = work_s > 0 ? joules / work_s : 0,
         held_s = fmax(0, r->event_s + r->course.release_s - now_s);
  r->dynamic_j += since.drawn_j;
  r->burnt_j += since.burnt_j;
  r->event_s = now_s;
  r->busy_until_s = now_s + work_s;
  r->busy_w = r->idle_w + full_w;
  if (r->smoothing == NULL)
    return;
  r->course = tw_smooth_course_of(r->smoothing, since.watts, full_w, full_w > 0 ? work_s : 0, held_s);
  r->throttled_s = full_w > 0 ? r->course.work_s - work_s : 0;
}
