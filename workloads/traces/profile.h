/* The profile of a workload: counts, rates and exact percentiles of a stream of requests.
 *
 * Memory grows with the longest request and with the number of different sessions and prompt blocks, not with
 * the number of requests. */
#ifndef TW_WORKLOADS_PROFILE_H
#define TW_WORKLOADS_PROFILE_H

#include "workloads/formats/row.h"
#include "workloads/traces/reuse.h"

typedef enum {
  TW_TOKENS_PROMPT,
  TW_TOKENS_REASONING,
  TW_TOKENS_ANSWER,
  TW_TOKENS_OUTPUT,
  TW_TOKENS_KINDS
} tw_tokens_kind;
extern const char *const tw_tokens_names[TW_TOKENS_KINDS + 1]; /* "prompt", ... */

/* Percentiles are the smallest value that so many requests do not exceed. */
typedef struct tw_tokens_facts {
  guint64 sum;
  double mean;
  gint32 p50, p90, p99, max;
} tw_tokens_facts;

typedef struct tw_profile_facts {
  guint64 requests, zero_outputs; /* zero_outputs: prefills alone */
  double first_s, last_s;         /* arrivals */
  double rate_per_s;              /* mean: gaps over the span; NAN where there is no span */
  guint64 peak_requests;          /* in the busiest minute, */
  double peak_start_s;            /* begin of that minute */
  double gap_cv;     /* deviation of the gaps between arrivals over their mean: 1 for Poisson; or NAN */
  double dispersion; /* variance of the counts of whole minutes over their mean: 1 for Poisson, more where
                        arrivals come in bursts or the rate changes; NAN below two minutes */
  guint64 reasoning_requests;           /* requests that reason */
  guint64 session_requests, most_turns; /* requests that name a session; the most in one */
  guint64 sessions;                     /* different ones; 0 if none is named */
  guint64 hashed_requests;              /* requests whose prompts carry hashes */
  guint64 sharing_requests;             /* requests whose first block was seen before */
  /* The hits of an endless prefix cache, one request after the other: tokens in leading ids that were seen
   * before, also those of a last block that is not full; and those in whole blocks alone, never the whole
   * prompt. */
  guint64 shared_prompt_tokens, hit_tokens;
  tw_reuse_facts reuse; /* of hit_tokens */
  gint32 block_tokens;  /* tokens of these blocks; 0: there are none, or of different sizes */
  guint64 recorded_requests,
      recorded_cached_tokens; /* tokens that the recorded server's own cache found, where the trace says so */
  guint64 agents;             /* different ones, each session's first counted; 0: no sessions */
  guint64 waits;              /* waits with a delay that requests name */
  double wait_mean_s, wait_p50_s, wait_p90_s, wait_max_s; /* lengths of these waits; NAN: there are none */
  guint64 most_fan_out;                                   /* requests that wait for the same one */
  double in_flight_mean; /* requests at once, where their recorded service is said; else NAN */
  guint64 most_in_flight;
  tw_tokens_facts tokens[TW_TOKENS_KINDS];
} tw_profile_facts;

typedef struct tw_profile tw_profile;

tw_profile *tw_profile_new(void);
/* Requests come in the order of their arrival. */
void tw_profile_add(tw_profile *profile, const tw_request *request);
/* Adds a row of a trace, with all that it says; pieces are cut into blocks of `block_tokens` (0: 16). */
void tw_profile_add_row(tw_profile *profile, const tw_trace_row *row, gint32 block_tokens);
/* At least one request must have been added. */
void tw_profile_read(const tw_profile *profile, tw_profile_facts *facts);

/* The distance of Kolmogorov and Smirnov between the lengths of two workloads: the largest difference between
 * the shares of requests that have at most so many tokens, from 0 to 1. Each must have a request. */
double tw_profile_distance(const tw_profile *a, const tw_profile *b, tw_tokens_kind kind);

/* Requests by minute, from the one that begins at *start_s on. Borrowed; changes with the next request. */
const guint32 *tw_profile_minutes(const tw_profile *profile, guint *n, double *start_s);
/* The classes in the order of their first requests, and how many each has; the name of none is NULL. */
guint tw_profile_classes(const tw_profile *profile);
const char *tw_profile_class(const tw_profile *profile, guint i, guint64 *requests);

void tw_profile_free(tw_profile *profile);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_profile, tw_profile_free)

#endif
