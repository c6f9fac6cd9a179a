/* Jobs: what a site computes beside its requests, or instead of them. The <job>s of a scenario. */
#ifndef TW_SIM_JOBS_H
#define TW_SIM_JOBS_H

#include "platforms/input/schema.h"
#include "sim/placement/placement.h"
#include "sim/power/power.h"
#include "sim/training/training.h"

typedef struct tw_scenario tw_scenario;

typedef enum { TW_SITE_JOB_TRAINING } tw_site_job_kind;
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
  gint64 batch, micro_batch, sequence, zero;
  int recompute, precision, gradients; /* recompute: all of a layer; others tw_precision */
  double overlap[TW_TRAINING_TRAFFICS], expert_imbalance;
  gint64 spares;                   /* accelerators that take the place of broken ones */
  gint64 steps, slices, log_every; /* steps: of the job, G_MININT64: until the run ends */
  double start_s;
  tw_site_job_checkpoint checkpoint;

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
/* Whether anything of the job crosses the network: collectives between domains, or checkpoints. */
gboolean tw_site_job_uses_network(const tw_site_job *job);

extern const tw_element tw_site_job_element;

/* Reads the jobs of a scenario; then places them on accelerators that no engine has, and computes what their steps
 * cost. */
void tw_scenario_read_jobs(tw_scenario *scenario, const xmlNode *root, tw_faults *faults);
void tw_scenario_plan_jobs(tw_scenario *scenario, const xmlNode *root, tw_free_accelerators *free,
                           tw_faults *faults);
void tw_scenario_clear_jobs(tw_scenario *scenario);

#endif
