/* A job of reinforcement learning, as it runs.
 *
 *     synchronous    rollouts ─► rewards ─► [swap] ─► training ─► [swap] ─► sync ─►   one after the other
 *
 *     one step off   training │ rollouts of the next step ─► rewards ─► sync ─►       training beside rollouts
 *
 * A step waits until all samples of as many prompts as it trains on have ended; what becomes of others that are under
 * way is its policy's affair. Training is the legs of its tokens, packed into sequences. A synchronisation sends
 * engines their weights as flows. Engines stand still from where enough rollouts have ended to where they have the weights
 * for the next ones, and their KV caches are lost, as the weights that these are of.
 *
 * An engine that fails loses its rollouts as any requests; a synchronisation that begins meanwhile passes it over, and it comes back
 * with the weights of the others. */
#ifndef TW_SIM_JOB_ROLLOUTS_H
#define TW_SIM_JOB_ROLLOUTS_H

#include "sim/site/jobs/job_run.h"

static inline gboolean tw_run_is_rl(const tw_job_run *run)
{
  return run->job->kind == TW_SITE_JOB_RL;
}

/* The job starts; its next step does; its updates, and a checkpoint, are done; it has ended. A failure stops the trainer, and
 * rollouts with it, which are lost; it goes on from a checkpoint, whose weights engines get before rollouts begin anew. */
void tw_rl_begin(tw_job_run *run, double now_s);
void tw_rl_begin_step(tw_job_run *run, double now_s);
void tw_rl_trained(tw_job_run *run, double now_s);
void tw_rl_end(tw_job_run *run, double now_s);
void tw_rl_halt(tw_job_run *run, double now_s);
void tw_rl_resume(tw_job_run *run, double now_s);

/* After any event: whether enough rollouts have ended. If so, the job is due to stop the others at rl.stop_s. */
void tw_rl_look(tw_job_run *run, double now_s);
void tw_rl_stop(tw_job_run *run, double now_s);
/* The turn of a job that waits for rollouts, a swap or a synchronisation. */
void tw_rl_take_turn(tw_job_run *run, double now_s);
/* When a synchronisation ends whose flows had come at come_s. */
double tw_rl_synced_s(const tw_job_run *run, double come_s);

#endif
