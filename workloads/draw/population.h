/* Clients: the set of users and programs behind a class of traffic, each with an arrival process of its own.
 *
 * Measured services have a heavy-tailed set of clients: few send most requests, and each has its own rate,
 * burstiness and lengths; their sum is what the service sees (ServeGen, arXiv 2505.09999, section 4). */
#ifndef TW_WORKLOADS_POPULATION_H
#define TW_WORKLOADS_POPULATION_H

#include "workloads/draw/arrival.h"

typedef struct tw_population_client {
  char *name;
  tw_arrivals arrivals;
  double prompt_factor, output_factor; /* factors of its lengths */
  double due_s;                        /* its next arrival */
} tw_population_client;

typedef struct tw_population_options {
  gint64 clients; /* 1: all requests are of one */
  double
      skew; /* Zipf's exponent: client i has a share of the rate in proportion to 1 / i^skew; 0: all alike */
  /* Deviation of the logarithm of the clients' factors (mean 1), for prompts and outputs. */
  double length_sigma;
  /* Deviation of the logarithm of their coefficients of variation; gamma and Weibull. */
  double cv_sigma;
} tw_population_options;

typedef struct tw_population tw_population;

/* `arrivals` is the process of all clients together, which share its rate; nothing arrives at or after
 * `end_s`. `source` names the stream of chance of its gaps, or begins the names of those of its clients,
 * which are called NAME-1, NAME-2, ...; a client that is alone has no name. */
tw_population *tw_population_new(const tw_population_options *options, const tw_arrival_options *arrivals,
                                 double scale, double end_s, guint64 seed, const char *name,
                                 const char *source);
/* A population whose clients are known one by one: `n` processes and their names, borrowed. */
tw_population *tw_population_of(const tw_arrival_options *arrivals, const char *const *names, int n,
                                double scale, double end_s, guint64 seed, const char *source);
void tw_population_free(tw_population *population);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_population, tw_population_free)

/* When the next request or session begins, INFINITY if there is none any more. */
double tw_population_due(const tw_population *population);
/* The client that begins it; and goes on to the next. One must be due. Sets its index if wanted. */
const tw_population_client *tw_population_take(tw_population *population, int *index);

#endif
