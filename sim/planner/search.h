/* Running designs: what the rounds of a search (answer.c), its checks and its levers share. Private to this folder. */
#ifndef TW_SIM_SEARCH_H
#define TW_SIM_SEARCH_H

#include "sim/planner/answer.h"

typedef struct tw_search {
  tw_answer *answer;
  const tw_question *question;
  const tw_answer_options *options;
  double run_s; /* mean seconds of the runs before; 0: none was */
} tw_search;

void tw_search_say(const tw_search *s, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* The size of a design, and the factor on the load, at a level of its bracket. */
double tw_search_size(const tw_search *s, const tw_design *design, double level);
double tw_search_factor(const tw_search *s, double level);

/* The job of a design in a size under the load times `factor`, all of it or a slice (INFINITY: all). `scenario`:
 * its file; `more`: assignments besides, or NULL. */
tw_job *tw_search_job(const tw_search *s, const tw_design *design, const char *scenario, double size,
                      double factor, double slice_s, const char *const *more, const char *directory,
                      const gint64 *seed, GError **error);
/* Runs jobs (of tw_job *). FALSE with `error`: one failed, or all were interrupted. */
gboolean tw_search_run(tw_search *s, const GPtrArray *jobs, GError **error);

/* Runs the best design again under other circumstances: fills the answer's checks. */
gboolean tw_search_check(tw_search *s, const tw_design *design, GError **error);
void tw_search_free_check(gpointer check);
/* Finds how much more load it bears, and what would let it bear more: fills the answer's levers. */
gboolean tw_search_pull_levers(tw_search *s, const tw_design *design, GError **error);

#endif
