/* The router: picks the engine that serves a request. Policies are rows of a table. */
#ifndef TW_SIM_ROUTER_H
#define TW_SIM_ROUTER_H

#include "workloads/chance.h"
#include "workloads/request.h"

/* What the router knows of an engine: requests that it was given and that have not ended, and their prompt
 * and output tokens. */
typedef struct tw_load {
  gint64 requests, tokens;
} tw_load;

typedef struct tw_router tw_router;

typedef struct tw_router_policy {
  const char *name, *help;
  int (*pick)(tw_router *router, const tw_request *request);
} tw_router_policy;
extern const tw_router_policy tw_router_policies[];
extern const char *const tw_router_policy_names[]; /* the same rows, for the scenario's table */

struct tw_router {
  const tw_router_policy *policy;
  tw_load *loads; /* of each engine */
  int n_engines;
  int next;         /* round-robin */
  tw_chance chance; /* random choices */
};

void tw_router_init(tw_router *router, const tw_router_policy *policy, int n_engines, guint64 seed);
void tw_router_clear(tw_router *router);

/* Picks an engine for a request and counts it there, until it is released. Equal loads go to the lowest
 * index. */
int tw_router_assign(tw_router *router, const tw_request *request);
void tw_router_release(tw_router *router, int engine, const tw_request *request);

#endif
