/* Jobs as a part of the site: steps of training, all accelerators of a job together.
 *
 *     step     work ─► wait ─► ... ─► last work ─► wait ─► exchange ─► bubble ─► optimizer ─► [checkpoint]
 *     leg      flows beside computation: it ends when both have;  its latencies and what stays inside domains follow
 *
 * What a step sends over the fabric are flows, which share links with those of engines and of other jobs.
 * A broken accelerator stops the job. Once that is known, it goes on from its last whole checkpoint, on spares or when it
 * has been repaired: after `restart`, and what reading the checkpoint takes. Alone on the
 * network the legs sum to tw_training_step_of; otherwise flows stretch, and the legs with them. The bubble is a number of
 * micro-batches, and takes as long as they took. */
#ifndef TW_SIM_JOBS_PART_H
#define TW_SIM_JOBS_PART_H

#include "sim/energy/breakdown.h"
#include "sim/site/part.h"

typedef struct tw_site_jobs tw_site_jobs;

/* Classes of a job's time. */
#define TW_JOB_TIMES(X)                                                                                      \
  X(COMPUTE, compute)                                                                                        \
  X(BUBBLE, bubble)                                                                                          \
  X(EXPOSED, exposed)                                                                                        \
  X(OPTIMIZER, optimizer)                                                                                    \
  X(CHECKPOINT, checkpoint)                                                                                  \
  X(STRAGGLING, straggling)                                                                                  \
  X(THROTTLED, throttled)                                                                                    \
  X(DOWN, down)                                                                                              \
  X(ROLLOUTS, rollouts)                                                                                      \
  X(SWAP, swap)                                                                                              \
  X(SYNC, sync)
typedef enum {
#define X(name, word) TW_JOB_##name,
  TW_JOB_TIMES(X)
#undef X
      TW_JOB_TIME_COUNT
} tw_site_job_time;

/* Sums over the whole steps of a job of reinforcement learning. */
typedef struct tw_site_job_rl_totals {
  gint64 steps, rollouts;
  gint64 tokens, output_tokens; /* tokens of the rollouts that it trained on */
  gint64 emitted;               /* tokens that engines emitted meanwhile */
  gint64 interrupted;           /* requests that were under way as enough rollouts had ended */
  double span_s, wait_s, sync_s;
  double busy_s, engine_s; /* time of the engines' accelerators: with an iteration under way, and in all */
  double joules;           /* energy of the engines and of the job */
} tw_site_job_rl_totals;

typedef struct tw_site_job_totals {
  gint64 steps; /* done and not lost */
  gint64 checkpoints, stops, lost_steps;
  double span_s;                    /* from its start to its end, or to that of the run */
  double kept_s;                    /* time of steps that were not lost, checkpoints left out */
  double tokens, model_flops;       /* sums over these steps */
  double time_s[TW_JOB_TIME_COUNT]; /* sums to span_s, but for a step that the end of the run cuts */
  tw_site_job_energy energy;        /* without what the engines draw anyway */
  tw_site_job_rl_totals rl;
} tw_site_job_totals;

/* Up to now_s. */
tw_site_job_energy tw_site_jobs_energy(const tw_site_jobs *jobs, int job, double now_s);
tw_site_job_totals tw_site_jobs_totals(const tw_site_jobs *jobs, int job, double now_s);

const tw_scenario *tw_site_jobs_scenario(const tw_site_jobs *jobs);

/* One of a job's accelerators has broken, by its number among all of the platform: the job stops where it uses it, and
 * learns of that after detection_s. Or it works again. */
void tw_site_jobs_broke(tw_site_jobs *jobs, int job, int accelerator, double detection_s, double now_s);
void tw_site_jobs_mended(tw_site_jobs *jobs, int job, int accelerator, double now_s);
/* Whether a job waits for a repair. */
gboolean tw_site_jobs_wait(const tw_site_jobs *jobs);
/* The slowest accelerator of a job has so much of its speed, from the next leg on. */
void tw_site_jobs_slow(tw_site_jobs *jobs, int job, double speed);

/* Sets the metrics of training, over all jobs of a run that ended at end_s; and tells of each job by itself. */
void tw_site_jobs_measure(const tw_site_jobs *jobs, double end_s, tw_metric_values *values);
json_t *tw_site_jobs_describe(const tw_site_jobs *jobs, double end_s);

#endif
