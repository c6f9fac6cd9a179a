/* A group of runs: one scenario with one or several seeds.
 *
 *     runs/base/run.json          a run: the group of it alone
 *     runs/base/1/run.json        runs/base is no run, but holds some: they are the group
 *     runs/base/2/run.json                                                                            */
#ifndef TW_ANALYSIS_RUN_GROUP_H
#define TW_ANALYSIS_RUN_GROUP_H

#include "analysis/compare/welch.h"

#include <jansson.h>

typedef struct tw_run_group {
  char *label;          /* the path without slashes at its end */
  char *first;          /* the path of its first run */
  GPtrArray *summaries; /* the summary of each run (json_t) */
  guint partial;        /* how many of them were cut short */
} tw_run_group;

/* NULL with TW_INPUT_ERROR where there is no run or no summary, or where the runs of a group differ in more
 * than their seeds, or not in them. */
tw_run_group *tw_run_group_read(const char *path, GError **error);
void tw_run_group_free(tw_run_group *group);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_run_group, tw_run_group_free)

/* The runs' values of a metric; of no value where none of them simulated it. */
tw_sample tw_run_group_sample(const tw_run_group *group, const char *metric);

#endif
