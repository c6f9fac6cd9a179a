/* The answer to a question: the best design in its best size, how it was found, and how far it can be
 * trusted.
 *
 *     all designs ─► estimate ─► a slice of the load ─► four slices ─► the whole load ─► again: other seeds,
 *     (hundreds)     (coarse)         (a third)         (finalists)          │           more load, other
 *                                                                            │           traffic
 *                                                                            └─► every number of the answer
 *
 * In each round the size (or the load) that a design holds is found by a bracket of runs, from where the
 * round before ended. The rounds, and so the answer, do not depend on how many runs go at once, nor on
 * interruptions. */
#ifndef TW_SIM_ANSWER_H
#define TW_SIM_ANSWER_H

#include "sim/launchers/launcher.h"
#include "sim/planner/demand.h"
#include "sim/planner/design.h"

/* A run of the answer under other circumstances. */
typedef struct tw_check {
  char *name; /* "seed 2", "10 % more load" */
  char *directory;
  json_t *summary;
  gboolean holds;
} tw_check;

/* A little more of something that may bind the best design, and the load that it then bears. */
typedef struct tw_lever {
  const char *name; /* "one more unit of the site" */
  double bears,
      breaks; /* loads over that of the answer: the most that holds, the least that does not; INFINITY:
                           none of those that were tried */
} tw_lever;

typedef struct tw_answer {
  const tw_question *question; /* borrowed, as are the designs */
  tw_designs *designs;
  tw_demand demand;
  GPtrArray *ranked;  /* array of tw_design *, those of the last round that hold, the best first */
  tw_design *nearest; /* The design that attains most, if none holds; NULL: none was run. */
  double nearest_attainment, nearest_size;
  GPtrArray *checks;    /* array of tw_check *, other runs of the best design */
  GArray *levers;       /* array of tw_lever, the first being the design as it is; empty: not asked for */
  double lever_slice_s; /* seconds of the load that they were tried on; INFINITY: all of it */
  double ttft_s, tpot_s, e2e_s, itl_s; /* limits of all requests; NAN: none, or by class */
  guint runs;                          /* number of runs that were needed, those kept from before included */
} tw_answer;

typedef struct tw_answer_options {
  const tw_launcher *launcher; /* the launcher that runs them */
  gint64 at_once;              /* runs; 0: as the launcher sees fit */
  gboolean again;              /* run also what is done already */
  /* Called after each run, and at the begin of each round, with a line that tells of it; or NULL. */
  void (*said)(void *user, const char *line);
  void *user;
} tw_answer_options;

/* Searches. NULL with `error`: a run failed, or was interrupted; the same call then goes on where it was. */
tw_answer *tw_answer_find(const tw_question *question, tw_designs *designs, const tw_answer_options *options,
                          GError **error);
void tw_answer_free(tw_answer *answer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_answer, tw_answer_free)

/* The size of a ranked design. */
double tw_answer_size(const tw_answer *answer, const tw_design *design);
/* The number of an objective of a design that holds; NAN: it has none. */
double tw_answer_value(const tw_answer *answer, const tw_design *design, const tw_objective *objective);
/* The objective's number of a design that holds: racks, USD, tokens per second and megawatt... */
double tw_answer_objective(const tw_answer *answer, const tw_design *design);
/* The largest load that holds and the least that breaks lie so near to each other, as a ratio, when a search ends. */
#define TW_ANSWER_TOLERANCE 1.05

/* The percentile in which a latency must keep its limit so that as many requests as are asked for may, of those that
 * summaries have: "p95" where 97 % are asked for. */
const char *tw_answer_percentile(const tw_question *question);
/* How far a run lies below the nearest of its limits (TTFT and TPOT in that percentile, peak power), as a share of
 * that; NAN: there is none. */
double tw_answer_margin(const tw_answer *answer, const json_t *summary);
/* Racks of a design in a size. */
int tw_answer_racks(const tw_answer *answer, const tw_design *design, double size);

#endif
