/* The router: picks the engine that serves a request, and, where it looks into engines, the data-parallel
 * rank.
 *
 *     request ──► policy: what is known of each engine ──► choice {engine, rank, cached tokens}
 *                    ▲           ▲            ▲
 *                  loads    prefix caches   metrics     each as it was `delay_s` ago
 *
 * Policies are rows of a table (policies.c), each in a file of its own (policy_*.c) that sees policy.h.
 *
 * What is known. Loads are what the router has sent and what has not ended. Prefix caches are looked into (as
 * by events that engines send), or guessed from what was sent where (prefix_index.h). Metrics are what
 * engines report. With a delay, loads and metrics are as they were so long ago, as with routers that share no
 * state or poll; a block is seen in a cache when it has been there for so long, but is missed at once when it
 * is evicted. */
#ifndef TW_SIM_ROUTER_H
#define TW_SIM_ROUTER_H

#include "sim/base/heap.h"
#include "sim/router/prefix_index.h"
#include "workloads/draw/chance.h"
#include "workloads/request.h"

/* A decision of the router, which everybody behind it goes by. */
typedef struct tw_choice {
  int engine;
  int rank;             /* data-parallel, -1: left to the engine */
  gint64 cached_tokens; /* leading tokens of the prompt that were there to be found, as far as it looked */
} tw_choice;

/* The load of an engine or a rank: what it was given and has not ended. The prompts are counted where the
 * policy asks for it. */
typedef struct tw_load {
  gint64 requests, tokens; /* prompt and output */
  gint64 prompts;          /* number of the requests that have no first token yet, */
  gint64 prompt_tokens;    /* tokens that these have to compute, as far as was known when they were sent */
  gint64 prompt_pairs;     /* twice the sum of the tokens that each of these attends to */
  gint64 context;          /* prompt tokens of all requests */
} tw_load;

/* The metrics that an engine reports. */
typedef struct tw_gauges {
  gint64 waiting;  /* requests */
  double kv_share; /* share of its KV blocks that is in use */
} tw_gauges;

/* An engine's step times as straight lines, in seconds. */
typedef struct tw_rates {
  double iteration_s;   /* time that any iteration takes, whatever it computes */
  double sequence_s;    /* more for each sequence that decodes in it */
  double context_s;     /* more for each token that these attend to */
  double prompt_s;      /* more for each prompt token */
  double pair_s;        /* more for each token that a prompt token attends to */
  double budget_tokens; /* tokens that an iteration computes at most */
  double seats;         /* sequences that a rank runs at most, */
  double kv_tokens;     /* tokens that its KV cache holds */
} tw_rates;

typedef struct tw_router tw_router;

/* Engines that a policy picks from: those that compute prompts, or those that only decode. */
typedef struct tw_candidates {
  int *engines; /* indices of those that serve, rising */
  int n;
  int next; /* round-robin: place in `engines` */
  int *all; /* whether they serve or not */
  int n_all;
  /* Engines that serve, by the requests or tokens that are seen of them (tw_router_policy.by_tokens), then by index. */
  tw_heap least;
} tw_candidates;

typedef struct tw_router_policy tw_router_policy;
extern const tw_router_policy *const tw_router_policies[];
extern const char *const tw_router_policy_names[];      /* Names of the rows, for the scenario's table, */
extern const char *const *tw_router_policy_helps(void); /* a sentence for each of them */

/* Reads "NAME=VALUE NAME=VALUE ..." into the values of a policy's parameters, the others keep their defaults.
 * Returns NULL, or what is wrong and what would be right; the caller frees it. */
#define TW_ROUTER_MOST_PARAMETERS 8
char *tw_router_read_parameters(const tw_router_policy *policy, const char *text,
                                double values[TW_ROUTER_MOST_PARAMETERS]);
/* The weight of prefixes in the engine's own choice of a rank: see rank_prefix_weight of the engine. */
double tw_router_rank_weight(const tw_router_policy *policy);
/* Whether a policy looks into the prefix caches of engines. */
gboolean tw_router_looks(const tw_router_policy *policy);

typedef struct tw_router_config {
  const tw_router_policy *policy;
  const char *parameters; /* checked; NULL: the defaults */
  int n_engines;
  const gboolean *decodes; /* whether each engine only decodes; NULL: none. One at least takes prompts */
  const int *ranks;        /* number of ranks of each engine; NULL: one */
  guint64 seed;
  double delay_s;       /* seconds by which loads, prefix caches and metrics are known late */
  double prefix_weight; /* prefix-and-load: of the seconds that the prompt takes to compute */
} tw_router_config;

struct tw_router {
  const tw_router_policy *policy;
  double parameters[TW_ROUTER_MOST_PARAMETERS];
  int n_engines;
  int *first_rank; /* for each engine, its first rank among all ranks; one more for their number */
  tw_load *loads;  /* the work that was sent to each engine, */
  tw_load *ranks;  /* load of each rank that was sent to it by name */
  tw_load *seen_loads, *seen_ranks; /* loads as the policy knows them: the same without a delay */
  tw_heap_node *by_load;            /* for each engine, its place in the heap of its candidates */
  gboolean *is_decode;              /* for each engine, whether it only decodes */
  gboolean *serves;                 /* for each engine, whether it may be picked */
  tw_candidates prompts, decodes;
  tw_chance chance; /* random choices */
  double prefix_weight, delay_s;

  /* Knowledge of the owner, who sets what the policy may ask for. */
  /* How long the KV of a prompt takes from one engine to another, where any engine only decodes. */
  double (*transfer_s)(void *user, int from, int to, gint64 tokens);
  /* Leading tokens of a prompt that a rank has in its prefix cache, or would load, now; NULL: no caches. */
  gint64 (*cached_tokens)(void *user, int engine, int rank, const tw_request *request, double now_s);
  /* Raises the elements of tokens[] that may be found, by all ranks in their order, to at least what cached_tokens would
   * say; NULL: all may be. */
  void (*bounds)(void *user, const tw_request *request, gint64 *tokens);
  tw_gauges (*metrics)(void *user, int engine, double now_s);
  const tw_rates *rates; /* step times of each engine, borrowed; NULL: all are 0 */
  void *user;

  /* Members of the policies themselves. */
  GHashTable *sent;       /* request's id -> its choice, where requests are followed; else NULL */
  tw_prefix_index *index; /* the blocks that were sent to each engine; NULL: it does not guess */
  tw_prefix_index *fresh; /* the blocks that each rank holds too shortly to be seen; NULL: without a delay */
  gint64 *bound;          /* by all ranks, what `bounds` says of the request that is assigned */
  guint64 *cold,
      colds; /* of engines, the number of the last prompt sent there of which nobody held anything; 0: none */
  gint64 *guesses; /* tokens that each engine is guessed to hold, for tw_policy_guess */
  GQueue news;     /* changes of loads that are not seen yet */
  GQueue reports;  /* metrics of all engines at decisions; the first is the one that is seen */
};

void tw_router_init(tw_router *router, const tw_router_config *config);
void tw_router_clear(tw_router *router);

/* Whether an engine may be picked from now on; at first all may. */
void tw_router_set_serves(tw_router *router, int engine, gboolean serves);
/* Whether there is an engine to pick for a request, and for its decode where any engine only decodes. */
gboolean tw_router_ready(const tw_router *router);

/* Picks an engine for a request and counts it there, until it is released. The router must be ready, and
 * times do not fall. Equal engines: the lowest index. */
tw_choice tw_router_assign(tw_router *router, const tw_request *request, double now_s);
/* Picks the engine that is to decode what engine `from` prefills. */
int tw_router_assign_decode(tw_router *router, const tw_request *request, int from, double now_s);
/* The prompt of a request is complete. */
void tw_router_prompted(tw_router *router, int engine, const tw_request *request, double now_s);
void tw_router_release(tw_router *router, int engine, const tw_request *request, double now_s);

#endif
