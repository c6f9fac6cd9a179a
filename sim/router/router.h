/* The router: picks the engine that serves a request. Policies are rows of a table. */
#ifndef TW_SIM_ROUTER_H
#define TW_SIM_ROUTER_H

#include "workloads/draw/chance.h"
#include "workloads/request.h"

/* An engine's load as the router knows it: the requests that it was given and that have not ended, and their
 * prompt and output tokens. */
typedef struct tw_load {
  gint64 requests, tokens;
} tw_load;

/* A decision of the router, which everybody behind it goes by. */
typedef struct tw_choice {
  int engine;
  int rank;             /* data-parallel, -1: left to the engine, as the router did not look into it */
  gint64 cached_tokens; /* leading tokens of the prompt that were there to be found, as far as it looked */
} tw_choice;

typedef struct tw_router tw_router;

/* Engines that a policy picks from: those that compute prompts, or those that only decode. */
typedef struct tw_candidates {
  int *engines; /* indices of those that serve, rising */
  int n;
  int next; /* round-robin: place in `engines` */
  int *all; /* whether they serve or not */
  int n_all;
} tw_candidates;

typedef struct tw_router_policy {
  const char *name, *help;
  /* `from` is the engine that computes the prompt, where one that decodes is picked, else -1. */
  tw_choice (*pick)(tw_router *router, tw_candidates *candidates, const tw_request *request, int from);
  /* Weight of prefixes in the choice of a data-parallel rank: see rank_prefix_weight of the engine. */
  double rank_weight;
} tw_router_policy;
extern const tw_router_policy tw_router_policies[];
extern const char *const tw_router_policy_names[]; /* the same rows, for the scenario's table */

struct tw_router {
  const tw_router_policy *policy;
  tw_load *loads;   /* the load of each engine */
  gboolean *serves; /* whether each engine may be picked */
  tw_candidates prompts, decodes;
  tw_chance chance; /* random choices */
  /* How long the KV of a prompt takes from one engine to another; set by the owner where any engine only
   * decodes. */
  double (*transfer_s)(void *user, int from, int to, gint64 tokens);
  /* Looks into an engine: which rank would get a request now, and how many tokens of its prompt that has in
   * its prefix cache, or would load; NULL: there is no cache. */
  tw_choice (*look)(void *user, int engine, const tw_request *request);
  void *user;
  double prefix_weight; /* weight of prompt tokens to compute, against tokens of requests that are there */
};

/* `decodes` tells which engines only decode; NULL: none. At least one must take prompts. */
void tw_router_init(tw_router *router, const tw_router_policy *policy, const gboolean *decodes, int n_engines,
                    guint64 seed);
void tw_router_clear(tw_router *router);

/* Whether an engine may be picked from now on; at first all may. */
void tw_router_set_serves(tw_router *router, int engine, gboolean serves);
/* Whether there is an engine to pick for a request, and for its decode where any engine only decodes. */
gboolean tw_router_ready(const tw_router *router);

/* Picks an engine for a request and counts it there, until it is released. The router must be ready. Equal
 * loads go to the lowest index. */
tw_choice tw_router_assign(tw_router *router, const tw_request *request);
/* Picks the engine that is to decode a request that engine `from` prefills, and counts the request there. */
int tw_router_assign_decode(tw_router *router, const tw_request *request, int from);
void tw_router_release(tw_router *router, int engine, const tw_request *request);

#endif
