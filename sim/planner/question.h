/* A question: what is given, what is free, what limits it, and what is wanted best. `tokenworks plan` answers
 * it.
 *
 *     <question name="one-megawatt" optimise="racks">
 *       <workload><trace file="day.csv.gz"/></workload>      given: as in a scenario
 *       <slo ttft="2s" tpot="50ms"/>
 *       <model name="deepseek-r1" weights="fp8"/>
 *       <site kind="hgx" options="device=h100-sxm"/>         free: one of the sites, in any size
 *       <site kind="nvl72"/>
 *       <limit attainment="0.99" site-power="1MW"/>
 *     </question>
 *
 * What is not written is left to the planner: layouts, sizes, batches. */
#ifndef TW_SIM_QUESTION_H
#define TW_SIM_QUESTION_H

#include "platforms/input/schema.h"
#include "sim/scenario/scenario.h"

/* An objective: the quantity that is to be best. Its row of the table holds everything that the planner knows
 * of it. */
typedef struct tw_objective {
  const char *name, *help;
  const char *metric; /* name of its metric in summary.json; NULL: counted by the planner */
  const char *unit;   /* unit of the number that is shown */
  gboolean more_is_better;
  gboolean
      finds_load; /* the largest load on the largest site that the limits allow; else the smallest site */
} tw_objective;
extern const tw_objective tw_objectives[]; /* ends with a NULL name */

/* Whether designs are better by what they draw. */
gboolean tw_objective_is_of_power(const tw_objective *objective);

typedef struct tw_question_model {
  char *name, *weights; /* weights: names of checkpoints, separated by blanks */
  int kv;               /* tw_precision, -1: as the weights where these are 8 bits wide, else bf16 */
  gboolean experts;     /* it is a mixture of experts */
} tw_question_model;

typedef struct tw_question_site {
  char *name, *kind, *options;                /* name: NULL: made of kind and device */
  gint64 least, most;                         /* sizes in units of its kind: nodes or racks */
  double accelerator_hour_usd, rack_hour_usd; /* NAN: as <cost> says */
  double rack_m2;                             /* floor that a rack takes; NAN: not known */
} tw_question_site;

typedef struct tw_question {
  char *name, *description;
  int optimise; /* index in tw_objectives */
  int beside;   /* Row of the second objective; -1: none. */
  gint64 seed;
  char *file; /* path of the file that it was read from */

  GArray *models; /* array of tw_question_model */
  GArray *sites;  /* array of tw_question_site */

  /* The free choices: lists of words, separated by blanks; "auto" leaves one to the planner. */
  char *tp, *pp, *dp, *ep, *pools;
  char *max_batched_tokens, *max_seqs;
  char *scheduler, *engine;
  gint64 max_model_len; /* G_MININT64: the model's own */
  gboolean prefix_cache;
  char *routers;
  double prefix_weight;
  char *host_memory, *store; /* Tiers of the KV cache: sizes or "none"; "true", "false". */
  int offload_write;         /* tw_offload_write */

  char *power_caps; /* Power caps of accelerators: quantities, or "none". */
  /* Oversubscription of the site's power: "none", or ratios to the site that fits without caps. */
  char *oversubscription;
  double cap_period_s, cap_delay_s; /* Period and delay of the caps of an oversubscribed site. */

  double attainment, site_w, usd_per_hour, floor_m2; /* limits, NAN: none */
  gint64 racks, accelerators;                        /* G_MININT64: none */
  double growth;                                     /* factor on the load, 1: as given */

  gint64 coarse, finalists, seeds; /* how many designs are run briefly, and how many on the whole load */
  gint64 lever_requests;           /* number of requests on which levers are tried at most */
  gboolean levers;                 /* whether it is measured what binds the answer */
  double slice_s;                  /* length of the part of the load that the first round runs */

  char *given;    /* XML of what scenarios take over as it is: <slo>, <price>, <cost>... */
  char *workload; /* XML of <workload>, and of what stands in <held-out> in its place; NULL: none */
  char *held_out;
} tw_question;

extern const tw_element tw_question_element; /* root of a question file */

/* Returns the row of tw_objectives that the question wants best. */
const tw_objective *tw_question_objective(const tw_question *question);

/* Whether more than one budget of tokens or sequences is to be tried. */
gboolean tw_question_frees_budgets(const tw_question *question);

/* The second objective; NULL: there is one alone. */
const tw_objective *tw_question_beside(const tw_question *question);

/* The option of the site's kind that says its size: "nodes", "racks" or "domains". NULL: it has none. */
const char *tw_question_size_option(const tw_question_site *site);

/* Reads a question. NULL with every fault added. */
tw_question *tw_question_load(const char *path, tw_faults *faults);
void tw_question_free(tw_question *question);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_question, tw_question_free)

/* A commented question, to start from. */
extern const char tw_question_example[];

#endif
