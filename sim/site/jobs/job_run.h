/* A job as it runs: what the files of the jobs share. jobs.c takes it from leg to leg and from step to step, job_stops.c
 * through failures. */
#ifndef TW_SIM_JOB_RUN_H
#define TW_SIM_JOB_RUN_H

#include "sim/network/shipment.h"
#include "sim/placement/span.h"
#include "sim/site/jobs/job_legs.h"
#include "sim/site/jobs/jobs.h"
#include "workloads/stream/rollouts.h"

typedef enum {
  TW_RUN_WAITS,    /* for its start */
  TW_RUN_STEPS,    /* a leg is under way */
  TW_RUN_COPIES,   /* the state goes to the memory of its hosts */
  TW_RUN_DRAINS,   /* all wait for a checkpoint on its way to storage */
  TW_RUN_ROLLS,    /* it waits for rollouts and their rewards */
  TW_RUN_SWAPS,    /* accelerators change from rollouts to training, or back */
  TW_RUN_SYNCS,    /* engines get the new weights */
  TW_RUN_FAILED,   /* it has stopped, and that is not known */
  TW_RUN_BROKEN,   /* it waits for sound accelerators */
  TW_RUN_RESTARTS, /* its processes start again */
  TW_RUN_READS,    /* its checkpoint comes from storage */
  TW_RUN_DONE
} tw_run_condition;

typedef struct tw_job_run tw_job_run;
/* Flows of a leg, or of a checkpoint on its way. */
typedef struct tw_run_load {
  tw_shipment shipment;
  tw_job_run *of;
  gboolean checkpoint;
  gboolean under_way;
} tw_run_load;

/* Sums up to an instant, of which rows are differences. */
typedef struct tw_run_sums {
  double time_s[TW_JOB_TIME_COUNT];
  double joules;
  double tokens; /* tokens of a step of reinforcement learning; those of training are equal */
} tw_run_sums;

/* Counters of reinforcement learning; a step is the difference of two. */
typedef struct tw_rl_marks {
  double at_s, joules, busy_s, engine_s;
  gint64 emitted;
  double time_s[TW_JOB_TIME_COUNT];
} tw_rl_marks;

/* The rollouts that a step trains on, and how they came. */
typedef struct tw_rl_batch {
  tw_rollout_sums sums;
  gint64 interrupted; /* requests that were under way as enough rollouts had ended */
  double rollout_s;   /* from where rollouts could begin to there */
} tw_rl_batch;

/* A job of reinforcement learning (job_rollouts.h). */
typedef struct tw_rl_run {
  gint64 prompts, at_once; /* prompts that a step trains on; and those under way */
  double swap_s;
  double released_s, enough_s; /* rollouts began; enough had ended, NAN: not yet */
  double stop_s;               /* when the others are to stop; INFINITY: not now */
  tw_rl_batch ready, batch;    /* the batch that waits for training, and the one in training */
  gboolean back;               /* a swap is to rollouts */
  gboolean fresh;              /* engines have the weights of the trainer, whatever it trains next */
  gboolean again;              /* engines get the weights of a checkpoint, with which rollouts begin anew */
  double trained_s;            /* when training ended */
  tw_rl_marks marks;           /* as the step began */
  tw_site_job_rl_totals totals;
} tw_rl_run;

struct tw_job_run {
  const tw_site_job *job;
  tw_site_jobs *jobs;
  int index;
  GArray *legs; /* Legs of a step (tw_leg). */
  tw_span *span;
  tw_leg_flows leg_flows;
  double latency_s; /* the longest of the routes between its domains */
  tw_run_condition condition;
  guint leg;
  double leg_s, due_s;      /* when the leg began, and ends; INFINITY: while its flows are under way */
  double paced_s, paces;    /* time of the micro-batches of this step, and how many these were */
  double speed, next_speed; /* Speed of the slowest accelerator: in this leg, and from the next on. */
  GArray *broken;           /* accelerators (int) that do not work, by their numbers on the platform */
  GArray *unused;           /* Accelerators that the job has and does not use. */
  double stopped_s;         /* since when it has been down */
  gint64 lost;              /* steps of that stop */
  double saved_kept_s, saving_kept_s; /* time of the steps that checkpoints have */
  double saved_tokens, saving_tokens; /* their tokens, of reinforcement learning */
  tw_run_load flows, checkpoint;
  gint64 step, saved,
      saving; /* step under way; steps that the last whole checkpoint has, and the one on its way */
  double step_started_s;
  tw_site_job_totals totals;
  tw_run_sums now, row; /* up to the last event, and as the row began */
  double event_s, row_s, end_s;
  gint64 row_step;
  double busy_until_s, busy_w, idle_w; /* accelerators draw busy_w until then, and idle_w after */
  tw_smoothing *smoothing; /* NULL: they do so at once; else as `course` says, from the last event on */
  tw_smooth_course course;
  double throttled_s;        /* by which work takes longer as power rises */
  double dynamic_j, burnt_j; /* up to the last event */
  tw_rl_run rl;
};

struct tw_site_jobs {
  tw_site *site;
  tw_job_run *runs;
  int n;
  tw_shipments shipments;
  int *stores; /* storage hosts */
  int n_stores;
};

/* Lets the accelerators work for so long, by so many joules beyond idle; throttled_s is what smoothing adds
 * (job_power.c). */
void tw_run_draw(tw_job_run *run, double joules, double work_s, double now_s);
/* Ends the row under way, if it holds any step; begins one. */
void tw_run_write_row(tw_job_run *run, double now_s);
void tw_run_begin_row(tw_job_run *run, double now_s);
void tw_run_begin_step(tw_job_run *run, double now_s);
/* A step is over, with its checkpoint and its synchronisation: the next one begins, or the job ends. */
void tw_run_next_step(tw_job_run *run, double now_s);
/* A step has its updates, and its checkpoint is on its way. */
void tw_run_go_on(tw_job_run *run, double now_s);

/* A checkpoint is to be written (job_checkpoints.c); it is in the memory of the hosts; or in storage, or from there. */
void tw_run_begin_checkpoint(tw_job_run *run, double now_s);
void tw_run_copied(tw_job_run *run, double now_s);
void tw_run_checkpoint_came(tw_job_run *run, double now_s);
/* Starts the flows of a checkpoint: to storage, or from there. */
void tw_run_move_checkpoint(tw_job_run *run, gboolean to_storage, double now_s);

/* The turn of a job that failed: its failure is known, or its processes have started (job_stops.c). */
void tw_run_recover(tw_job_run *run, double now_s);
/* Its checkpoint has come from storage. */
void tw_run_resume(tw_job_run *run, double now_s);

#endif
