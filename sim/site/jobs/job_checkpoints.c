/* Checkpoints of jobs: what they wait for, and how it moves. */
#include "sim/site/jobs/job_run.h"

#include <math.h>

/* Each host has the part of its accelerators, which one store keeps, and the next host's the next. */
void tw_run_move_checkpoint(tw_job_run *r, gboolean to_storage, double now_s)
{
  const tw_engine_place *place = &r->job->plan.place;
  double accelerators = r->job->plan.power.accelerators,
         each = tw_site_job_checkpoint_bytes(r->job) / accelerators;
  tw_run_load *l = &r->checkpoint;
  tw_shipment_init(&l->shipment, &r->jobs->shipments, now_s, (guint64)r->jobs->n + (guint64)r->index);
  for (int i = 0; i < place->n_shares; i++) {
    int host = tw_share_endpoint(&place->shares[i]),
        store = r->jobs->stores[(r->index + i) % r->jobs->n_stores];
    tw_flow flow = {.from = to_storage ? host : store,
                    .to = to_storage ? store : host,
                    .bytes = each * place->shares[i].accelerators,
                    .kind = TW_FLOW_CHECKPOINT,
                    .start_s = now_s};
    tw_shipment_add(&l->shipment, &flow, 0, -1);
  }
  l->under_way = TRUE;
  tw_shipment_begin(&l->shipment, now_s);
}

/* The checkpoint of the steps so far goes to storage. */
static void send(tw_job_run *r, double now_s)
{
  r->saving = r->step;
  r->saving_kept_s = r->totals.kept_s;
  r->saving_tokens =
      r->now.tokens + (double)r->rl.batch.sums.tokens; /* which count once engines have the weights */
  tw_run_move_checkpoint(r, TRUE, now_s);
}

/* The state is to be written: at once, or once the one before is in storage. */
void tw_run_begin_checkpoint(tw_job_run *r, double now_s)
{
  double host = r->job->plan.device->host_bytes_per_s,
         each = tw_site_job_checkpoint_bytes(r->job) / (double)tw_site_job_accelerators(r->job);
  r->leg_s = now_s;
  tw_run_draw(r, 0, 0, now_s);
  if (r->checkpoint.under_way) {
    r->condition = TW_RUN_DRAINS;
    r->due_s = INFINITY;
  } else if (r->job->checkpoint.mode == TW_CHECKPOINT_STALL) {
    r->condition = TW_RUN_DRAINS;
    r->due_s = INFINITY;
    send(r, now_s);
  } else {
    r->condition = TW_RUN_COPIES;
    r->due_s = now_s + (isnan(host) ? 0 : each / host);
  }
}

/* Time in which the job waited for a checkpoint. */
static void count(tw_job_run *r, double now_s)
{
  r->now.time_s[TW_JOB_CHECKPOINT] += now_s - r->leg_s;
  r->leg_s = now_s;
}

/* All of a checkpoint is in storage. */
void tw_run_checkpoint_came(tw_job_run *r, double now_s)
{
  r->checkpoint.under_way = FALSE;
  if (r->condition == TW_RUN_READS) {
    tw_run_resume(r, now_s);
    return;
  }
  r->saved = r->saving;
  r->saved_kept_s = r->saving_kept_s;
  r->saved_tokens = r->saving_tokens;
  r->totals.checkpoints++;
  if (r->condition != TW_RUN_DRAINS)
    return;
  count(r, now_s);
  if (r->job->checkpoint.mode == TW_CHECKPOINT_STALL)
    tw_run_go_on(r, now_s);
  else
    tw_run_begin_checkpoint(r, now_s);
}

void tw_run_copied(tw_job_run *r, double now_s)
{
  count(r, now_s);
  send(r, now_s);
  tw_run_go_on(r, now_s);
}
