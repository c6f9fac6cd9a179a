/* Designs: everything that a question leaves free, multiplied out. A design is a site of one kind in a
 * size yet to be found, and how the model's engines lie on it.
 *
 *     sites × models × weights × tp × pp × dp × ep × pools × budgets × sequences × routers × tiers × caps
 *         │
 *         ├─ dropped, with the reason, is what cannot be: heads that tp does not divide, weights that do
 *         │  not fit
 *         └─ all others become scenario files, whose size and load are set from outside */
#ifndef TW_SIM_DESIGN_H
#define TW_SIM_DESIGN_H

#include "sim/planner/bracket.h"
#include "sim/planner/demand.h"
#include "sim/planner/question.h"
#include "sim/steptime/checkpoint.h"

#include <jansson.h>

/* The facts about a site that follow from its kind and options. */
typedef struct tw_site_facts {
  int unit;                /* accelerators that a unit of its size adds */
  int domain;              /* accelerators of an NVLink domain */
  const tw_device *device; /* borrowed from `platform` */
  tw_platform *platform;   /* the site in the smallest size that it may have */
} tw_site_facts;

typedef struct tw_design {
  char *name; /* unique, and fit to name a file */
  const tw_question_site *site;
  const tw_question_model *model;
  const tw_site_facts *facts;
  const tw_checkpoint *weights;
  tw_precision kv;
  gint64 tp, pp, dp, ep, max_batched_tokens, max_seqs;
  guint prefill, decode;   /* engines of either role to engines of the other; 0: mixed */
  const char *router;      /* borrowed from the table of policies */
  double host_bytes;       /* Bytes of an engine's hosts for KV; NAN: none. */
  gboolean store;          /* whether they pass KV on to the site's store */
  double cap_w;            /* Power cap of an accelerator; NAN: none. */
  double oversubscription; /* accelerators over those that could draw their most at once; NAN: all may */

  char *dropped;                        /* why it was not run, or not further; NULL: it is in the race */
  char *scenario;                       /* path of its scenario file */
  double alone_ttft_s, alone_tpot_s;    /* Latencies of one request alone on the site; 0: not estimated. */
  double estimate_size, estimate_score; /* units of size, and accelerators or watts: what the
                                           estimate says it needs */
  tw_bracket bracket;
  json_t *best; /* summary of the run at bracket.holds; NULL: none holds */
  char *best_directory;
  json_t *broken; /* summary of the run at bracket.breaks */
  double score;   /* value of the objective at bracket.holds, less is better; INFINITY: none holds */
  double beside;  /* value of the second objective there, less is better; INFINITY: none */
  gboolean front; /* whether no other design on the whole load beats it in both objectives */
  double margin;  /* Margin of the best run to its nearest limit, as a share of that; NAN: not known. */
  guint rounds;   /* number of rounds that it was run in */
} tw_design;

typedef struct tw_designs {
  GPtrArray *all;  /* array of tw_design */
  GArray *facts;   /* array of tw_site_facts, by site of the question */
  char *directory; /* the directory that holds platforms/, designs/ and runs/ */
} tw_designs;

/* Multiplies the question out and writes its platforms and scenarios below `directory`. Designs that
 * cannot be are there, too, dropped. NULL with `error` where nothing can be written, or a site's options are
 * wrong. */
tw_designs *tw_designs_new(const tw_question *question, const char *directory, GError **error);
void tw_designs_free(tw_designs *designs);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_designs, tw_designs_free)

/* Accelerators of an engine, and of the site at a size. */
int tw_design_engine(const tw_design *design);
double tw_design_accelerators(const tw_design *design, double size);
/* How many engines a site of that size has room for: engines that fit into a domain do not leave it. */
gint64 tw_design_engines(const tw_design *design, double size);
/* How many of these compute prompts alone; 0: pools are mixed. */
gint64 tw_design_prefill(const tw_design *design, double size);
/* The least size that the site may have with room for one engine, or for one of each role. */
double tw_design_least(const tw_design *design);

/* Assignments that give a design's scenario a size, that is platform and engines, and the load times `factor`
 * (a NULL demand: the load as it is written). Writes the platform if it is not there yet. NULL with `error`
 * where it cannot be written. The caller frees the list with g_strfreev. */
char **tw_design_assignments(const tw_designs *designs, const tw_design *design, double size,
                             const tw_demand *demand, double factor, GError **error);
/* The scenario of a design with these assignments, read whole. NULL with `error`: TW_INPUT_ERROR_VALUE tells
 * what keeps the design from being. The caller frees it. */
tw_scenario *tw_design_load(const tw_designs *designs, const tw_design *design, double size,
                            const tw_demand *demand, double factor, GError **error);

/* The text of a design's scenario on the platform of that path. The caller frees it. */
char *tw_design_scenario(const tw_question *question, const tw_design *design, const char *platform,
                         const char *workload);

/* The platform of a site in a size, read. NULL with `error`. The caller frees it. */
tw_platform *tw_designs_platform(const tw_designs *designs, const tw_question_site *site, double size,
                                 GError **error);

#endif
