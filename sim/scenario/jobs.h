/* Jobs: what a site computes beside its requests, or instead of them. The <job>s of a scenario. */
#ifndef TW_SIM_JOBS_H
#define TW_SIM_JOBS_H

#include "platforms/input/schema.h"
#include "sim/placement/placement.h"
#include "sim/power/power.h"
#include "sim/training/training.h"

typedef struct tw_scenario tw_scenario;

typedef enum { TW_SITE_JOB_TRAINING, TW_SITE_JOB_RL } tw_site_job_kind;
extern const char *const tw_site_job_kind_names[];

/* How a checkpoint reaches storage: all wait until it is there; or until it is in the memory of their hosts, from where it
 * goes on beside the steps that follow. */
typedef enum { TW_CHECKPOINT_STALL, TW_CHECKPOINT_ASYNCHRONOUS } tw_checkpoint_mode;
extern const char *const tw_checkpoint_mode_names[];

/* The <checkpoint> of a job. */
typedef struct tw_site_job_checkpoint {
  gint64 every;     /* steps; 0: none is written */
  int mode;         /* tw_checkpoint_mode */
  double bytes;     /* Bytes of one checkpoint; NAN: weights and optimizer as the job has them. */
  double restart_s; /* from where a job may start again to where it reads its checkpoint */
} tw_site_job_checkpoint;

/* Policies of rollouts: whether more prompts begin than a step trains on, and what becomes of those that are under way
 * once enough have ended. */
#define TW_ROLLOUT_POLICIES(X)                                                                               \
  X(WAIT, "wait", FALSE, FALSE, "a step waits for every rollout")                                            \
  X(OVER_SAMPLE, "over-sample", TRUE, FALSE,                                                                 \
    "more prompts begin than it trains on, and those that are under way once enough have ended are lost")    \
  X(PARTIAL, "partial", TRUE, TRUE,                                                                          \
    "likewise, but these go on in the next step, which computes the KV cache of what they have again")
typedef struct tw_rollout_policy {
  const char *name;
  gboolean more, keeps;
} tw_rollout_policy;
extern const tw_rollout_policy tw_rollout_policies[];
extern const char *const tw_rollout_policy_names[];

/* The ways of new weights to the engines. */
#define TW_WEIGHT_SYNCS(X)                                                                                   \
  X(CHAIN, "chain",                                                                                          \
    "the first engine gets them from the trainer, each other one from the one before it, all at once")       \
  X(DIRECT, "direct", "each engine gets them from the trainer")                                              \
  X(GATHER, "gather",                                                                                        \
    "each accelerator of the trainer gets all of them from the others, and each one of engines all of "      \
    "them, too: "                                                                                            \
    "collectives over whole parameters")
typedef enum {
#define X(name, ...) TW_WEIGHT_SYNC_##name,
  TW_WEIGHT_SYNCS(X)
#undef X
} tw_weight_sync;
extern const char *const tw_weight_sync_names[];

/* The <rl> of a job. */
typedef struct tw_site_job_rl {
  int policy;           /* in tw_rollout_policies */
  double over_sampling; /* NAN: not written */
  gint64 off_policy;    /* steps that the weights of rollouts may be old */
  gboolean colocated;
  gint64 updates, log_probs;
  double reward_s;
  int sync; /* tw_weight_sync */
  double sync_overhead_s;
  double swap_s; /* NAN: by the host link */
} tw_site_job_rl;

/* The accelerators of a job and the cost of its steps, which follow from the scenario. */
typedef struct tw_site_job_plan {
  const tw_device *device; /* Device of its hosts; the platform owns it. */
  tw_engine_place place;
  tw_training_setting training;
  tw_training_cost cost; /* Cost of a step. */
  tw_power_law power;    /* Power law of all its accelerators. */
} tw_site_job_plan;

typedef struct tw_site_job {
  char *id;
  int kind; /* tw_site_job_kind */
  char *model_name, *hosts;
  int placement; /* tw_placement_kind */
  gint64 tp, cp, dp, pp, ep, chunks;
  gint64 batch; /* G_MININT64: not written, as of kind rl */
  gint64 micro_batch, sequence, zero;
  int recompute, precision, gradients; /* recompute: all of a layer; others tw_precision */
  double overlap[TW_TRAINING_TRAFFICS], expert_imbalance;
  gint64 spares;                   /* accelerators that take the place of broken ones */
  gint64 steps, slices, log_every; /* steps: of the job, G_MININT64: until the run ends */
  double start_s;
  tw_site_job_checkpoint checkpoint;
  tw_site_job_rl rl; /* kind rl */

  tw_model *model;
  gboolean sound; /* it was read without a fault */
  tw_site_job_plan plan;
} tw_site_job;

static inline gint64 tw_site_job_accelerators(const tw_site_job *job)
{
  return job->tp * job->cp * job->dp * job->pp;
}
/* Bytes of one of its checkpoints. */
double tw_site_job_checkpoint_bytes(const tw_site_job *job);
/* Whether anything of the job crosses the network: collectives between domains, checkpoints, or weights. */
gboolean tw_site_job_uses_network(const tw_site_job *job);

/* The micro-batches of a replica by which each of so many updates takes its part of the tokens: sequences are packed. */
gint64 tw_site_job_micro_batches(const tw_site_job *job, double tokens, gint64 updates);
/* Prompts under way over those that a step trains on. */
double tw_site_job_over_sampling(const tw_site_job *job);
/* Seconds from rollouts to training on the same accelerators, or back; 0 where they are not the same. */
double tw_site_job_swap_s(const tw_site_job *job);
/* Joules of some work beyond idle, over all accelerators. */
double tw_site_job_work_j(const tw_site_job *job, double flops, double bytes, double work_s);
/* Watts beyond idle of all accelerators together in the part of a step that draws most. */
double tw_site_job_most_w(const tw_site_job *job);
/* Whether its accelerators are those of engines. */
static inline gboolean tw_site_job_shares(const tw_site_job *job)
{
  return job->kind == TW_SITE_JOB_RL && job->rl.colocated;
}

extern const tw_element tw_site_job_element, tw_site_job_rl_element;

/* Reads the jobs of a scenario; then places them on accelerators that no engine has, and computes what their steps
 * cost. */
void tw_scenario_read_jobs(tw_scenario *scenario, const xmlNode *root, tw_faults *faults);
void tw_scenario_plan_jobs(tw_scenario *scenario, const xmlNode *root, tw_free_accelerators *free,
                           tw_faults *faults);
void tw_scenario_clear_jobs(tw_scenario *scenario);

/* For the reading and planning of jobs, in scenario_rl.c: the <rl> of a job and whether all that it needs is there; and
 * that there is a job for rollouts. */
void tw_scenario_read_rl(tw_scenario *scenario, tw_site_job *job, const xmlNode *node, tw_faults *faults);
void tw_scenario_check_rollouts(const tw_scenario *scenario, const xmlNode *root, tw_faults *faults);
/* The sequences of an update, as long as every rollout fills one. */
gint64 tw_site_job_nominal_batch(const tw_scenario *scenario, const tw_site_job *job);
/* Places a job on the accelerators of the engines, which are placed. */
gboolean tw_site_job_share_place(const tw_scenario *scenario, tw_site_job *job, const xmlNode *node,
                                 tw_faults *faults);

#endif
