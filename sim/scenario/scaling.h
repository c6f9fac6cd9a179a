/* Scaling: how many engines of a pool should serve. Policies are rows of a table, pure functions of what an
 * autoscaler (sim/site/autoscaler.c) sees. */
#ifndef TW_SIM_SCALING_H
#define TW_SIM_SCALING_H

#include "platforms/input/stairs.h"

/* The settings of a pool's <autoscaler>. */
typedef struct tw_scaling {
  int policy;      /* index in tw_scaling_policies, -1: the pool is not scaled */
  gint64 min, max; /* engines */
  double period_s, up_delay_s, down_delay_s;
  double utilization; /* target, above 0 */
  double queue;       /* target: requests that wait, per engine */
  char *file;
  tw_stairs *schedule; /* engines; NULL unless the policy wants it */
} tw_scaling;

typedef struct tw_scaling_view {
  double now_s;
  gint64 active; /* engines that serve or load */
  gint64
      outstanding; /* requests that they were given and that have not ended, or that wait for one to serve */
  gint64 waiting;  /* requests that wait at engines for a place in a batch, or for one to serve */
  double capacity; /* requests that one engine runs at once */
  double kv_used;  /* sum over the engines of the share of the KV cache in use */
} tw_scaling_view;

typedef struct tw_scaling_policy {
  const char *name, *help;
  gint64 (*wanted)(const tw_scaling *scaling,
                   const tw_scaling_view *view); /* any number: min and max later */
} tw_scaling_policy;
extern const tw_scaling_policy tw_scaling_policies[];
extern const char *const tw_scaling_policy_names[]; /* Names of the rows, for the scenario's table. */

/* Engines that are wanted now, between min and max. */
gint64 tw_scaling_wanted(const tw_scaling *scaling, const tw_scaling_view *view);

#endif
