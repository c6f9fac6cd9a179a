/* Failures stop a job, which goes back to its last whole checkpoint. */
#include "sim/site/jobs/job_rollouts.h"

#include <math.h>

static void write_stop(const tw_job_run *r, double now_s)
{
  tw_job_row row = tw_job_row_empty;
  row.start_s = r->stopped_s;
  row.end_s = now_s;
  row.job = r->job->id;
  row.kind = "stop";
  row.step = r->step;
  row.steps = r->lost;
  if (tw_recorder_log(r->jobs->site->recorder) != NULL)
    tw_log_job(tw_recorder_log(r->jobs->site->recorder), &row);
}

static void cancel(tw_run_load *l)
{
  if (l->under_way)
    tw_shipment_cancel(&l->shipment);
  l->under_way = FALSE;
}

static gboolean is_down(const tw_job_run *r)
{
  return r->condition >= TW_RUN_FAILED && r->condition < TW_RUN_DONE;
}

/* A stop loses the work since the last checkpoint; the leg that was cut counts as down. */
static void stop(tw_job_run *r, double now_s)
{
  r->stopped_s = r->leg_s;
  tw_run_write_row(r, r->leg_s);
  r->lost = r->step - r->saved;
  r->totals.stops++;
  r->totals.lost_steps += r->lost;
  r->totals.kept_s = r->saved_kept_s;
  r->step = r->saved;
  r->now.tokens = r->saved_tokens;
  tw_run_draw(r, 0, 0, now_s);
}

static gboolean holds(const GArray *numbers, int number)
{
  for (guint i = 0; i < numbers->len; i++)
    if (g_array_index(numbers, int, i) == number)
      return TRUE;
  return FALSE;
}

/* Whether enough accelerators work. */
static gboolean can_run(const tw_job_run *r)
{
  return (gint64)r->broken->len <= r->job->spares;
}

void tw_site_jobs_broke(tw_site_jobs *jobs, int job, int accelerator, double detection_s, double now_s)
{
  tw_job_run *r = &jobs->runs[job];
  g_array_append_val(r->broken, accelerator);
  if (r->condition == TW_RUN_WAITS || r->condition == TW_RUN_DONE || holds(r->unused, accelerator))
    return;
  cancel(&r->flows);
  cancel(&r->checkpoint);
  if (!is_down(r)) {
    if (tw_run_is_rl(r))
      tw_rl_halt(r, now_s);
    stop(r, now_s);
  }
  r->condition = TW_RUN_FAILED;
  r->due_s = now_s + detection_s;
}

static void restart(tw_job_run *r, double now_s)
{
  r->condition = TW_RUN_RESTARTS;
  r->due_s = now_s + r->job->checkpoint.restart_s;
}

void tw_site_jobs_mended(tw_site_jobs *jobs, int job, int accelerator, double now_s)
{
  tw_job_run *r = &jobs->runs[job];
  guint i = 0;
  while (g_array_index(r->broken, int, i) != accelerator)
    i++;
  g_array_remove_index(r->broken, i);
  if (r->condition == TW_RUN_BROKEN && can_run(r))
    restart(r, now_s);
  else if (r->condition != TW_RUN_BROKEN && !holds(r->unused, accelerator))
    g_array_append_val(r->unused, accelerator); /* another one has its place; it is a spare now */
}

void tw_run_resume(tw_job_run *r, double now_s)
{
  g_array_set_size(r->unused, 0);
  g_array_append_vals(r->unused, r->broken->data, r->broken->len);
  write_stop(r, now_s);
  r->now.time_s[TW_JOB_DOWN] += now_s - r->stopped_s;
  tw_run_begin_row(r, now_s);
  if (tw_run_is_rl(r))
    tw_rl_resume(r, now_s);
  else
    tw_run_begin_step(r, now_s);
}

void tw_run_recover(tw_job_run *r, double now_s)
{
  r->due_s = INFINITY;
  if (r->condition == TW_RUN_FAILED && can_run(r)) {
    restart(r, now_s);
  } else if (r->condition == TW_RUN_FAILED) {
    r->condition = TW_RUN_BROKEN;
  } else if (r->saved > 0) {
    r->condition = TW_RUN_READS;
    tw_run_move_checkpoint(r, FALSE, now_s);
  } else {
    tw_run_resume(r, now_s);
  }
}

void tw_site_jobs_slow(tw_site_jobs *jobs, int job, double speed)
{
  jobs->runs[job].next_speed = speed;
}

gboolean tw_site_jobs_wait(const tw_site_jobs *jobs)
{
  for (int i = 0; i < jobs->n; i++)
    if (jobs->runs[i].condition == TW_RUN_BROKEN)
      return TRUE;
  return FALSE;
}
