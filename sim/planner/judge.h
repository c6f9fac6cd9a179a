/* The judgement of a question on sizes, runs and designs: which sizes its limits leave room for, whether a run holds
 * all that must hold, and which of two designs is better. */
#ifndef TW_SIM_JUDGE_H
#define TW_SIM_JUDGE_H

#include "sim/planner/design.h"

/* The largest size of a design's site that the limits allow, 0 if none. FALSE with `error`: a site cannot be
 * generated. */
gboolean tw_judge_largest_size(const tw_question *question, tw_designs *designs, const tw_design *design,
                               double *largest, GError **error);

/* Whether a run, by its summary, meets what must be met at its level; power and cost of the smallest site are
 * judged when it is found. */
gboolean tw_judge_holds(const tw_question *question, const json_t *summary);
/* Why a design whose smallest site is known is out all the same; NULL: it is not. The caller frees it. */
char *tw_judge_beyond_limits(const tw_question *question, const tw_design *design);

/* Returns the dollars of an hour of a run's site, electricity included; NAN: not known. */
double tw_judge_usd_per_hour(const json_t *summary);

/* Orders designs (tw_design **), the better first: by the score of the objective, then by accelerators, by the
 * memory of hosts, by the margin to the nearest limit and by the share of requests that would keep the SLO on the
 * next smaller size, both in steps of five points, by joules for an output token, by what is left of the margin, by
 * name. */
gint tw_judge_compare(gconstpointer a, gconstpointer b);
/* Orders designs (tw_design **) by the scores of their estimates, then by name. */
gint tw_judge_compare_estimates(gconstpointer a, gconstpointer b);

/* Marks the designs that no other beats in both objectives, and puts them before the others; both keep their order. */
void tw_judge_put_front_first(GPtrArray *designs);

#endif
