/* A sequence: a request inside the factory, from its arrival to its end, and what happened to it. */
#ifndef TW_SIM_SEQUENCE_H
#define TW_SIM_SEQUENCE_H

#include "sim/base/heap.h"
#include "sim/kv/prefix_cache.h"
#include "sim/power/charge.h"
#include "workloads/request.h"

/* How a request ended: one list for the enum and the words in the log. */
#define TW_ENDINGS(X)                                                                                        \
  X(COMPLETED, "completed")                                                                                  \
  X(REJECTED, "rejected")                                                                                    \
  X(FAILED, "failed")                                                                                        \
  X(CANCELLED, "cancelled")                                                                                  \
  X(UNFINISHED, "unfinished")
typedef enum {
#define X(name, text) TW_##name,
  TW_ENDINGS(X)
#undef X
      TW_ENDING_KINDS
} tw_ending;
extern const char *const tw_ending_names[TW_ENDING_KINDS];

typedef struct tw_client tw_client; /* waiting.c */

typedef struct tw_sequence {
  tw_request request;
  guint64 ticket;         /* order of dispatch by the router: breaks every tie */
  int engine;             /* index of the engine that serves it, -1: none yet */
  int prefill_engine;     /* that computes or computed its prompt, -1: none yet */
  int prefill_rank;       /* of it, once it has handed the sequence over */
  int decode_engine;      /* that is to emit its tokens after the first, -1: where its prompt is computed */
  int rank;               /* data-parallel rank of that engine, -1: not chosen yet */
  gint64 expected_tokens; /* of its prompt, that the router saw in a cache there */

  /* Instants in seconds, NAN until they happen. */
  double dispatched_s, routed_s, submitted_s; /* it left the front end, was assigned, came to its engine */
  double first_scheduled_s, first_token_s, first_answer_s;
  double decode_start_s; /* its first iteration on the engine that it was handed over to is planned */
  double lost_s;         /* since when it has no KV blocks, and what it had is not computed again */
  double prompt_s;       /* sum: iterations that computed its prompt, until its first token */
  double preempted_s;    /* sum: after its first token, without the KV of its context */
  double transfer_start_s, transfer_end_s; /* of its KV cache, from prefill to decode engine */
  double last_token_s;  /* the client sees the last token before it last joined those that decode */
  double longest_gap_s; /* between two tokens, where gaps are asked for (gaps.h); NAN: none yet */
  gint32 emitted;       /* output tokens so far; of a decoding sequence, as it joined the batch */
  gint32 preemptions;
  gint64 cached_tokens;             /* prompt tokens found in a prefix cache: */
  gint64 host_tokens, store_tokens; /* of them, those in the memory of hosts, and in the shared store */
  double joules;                    /* its share of the dynamic energy of the iterations that it was in */
  gint64 prefilled_tokens;          /* all that prefill computed for it, recomputation included */

  gint32 retries;     /* how often a failure sent it back */
  gint32 resumed;     /* of the emitted tokens, those of attempts before this one */
  gint64 lost_tokens; /* computed or emitted by attempts that failed */
  gboolean away;      /* it waits for that: no engine has it */

  tw_heap_node deadline; /* key: the instant at which it is cancelled if it still waits; the factory's */

  /* Owned by the scheduler of its rank. */
  gint64 prefill_target,
      prefill_done; /* tokens to bring into KV before it decodes, and those that have blocks for it */
  gint64 planned;   /* tokens that it computes in the iteration that is being planned, if room is short */
  guint64 place;    /* in the order of admission */
  tw_prefix_node *prefix; /* the last node of the full blocks that it holds, NULL: none */
  gint64 joined;          /* the rank's decode count as it joined the batch with prefill_target tokens */
  gboolean admitted;      /* it has been, by the engine that has it */
  gboolean decoding;
  gboolean fetching;      /* it waits for a fetch from the store, and is at no engine yet */
  tw_client *client;      /* whose turn it is, where clients are treated fairly; else NULL */
  tw_charge_sums charged; /* the rank's sums as its decodes were last charged to it */
  GList link;             /* in the running list, in admission order */
  tw_heap_node waiting;   /* in the line that it waits in */
  tw_heap_node finish;    /* by the decode count of its last token */
  tw_heap_node answer;    /* by the decode count of its first answer token */
  tw_heap_node cap_reached[TW_CONTEXT_CAPS]; /* by the decode count at which its context reaches a cap */
} tw_sequence;

/* A sequence for a request, whose strings and hashes it takes over. Freed with tw_sequence_free. */
tw_sequence *tw_sequence_new(const tw_request *request);
void tw_sequence_free(tw_sequence *sequence);

/* The engine that had a sequence has lost it: what was computed is lost, and what was emitted, too, unless it
 * is resumed. It is as new for the next engine. Returns the tokens that are lost. */
gint64 tw_sequence_lose(tw_sequence *sequence, gboolean resumes);

/* Tokens that are computed as its prompt: what attempts before this one have emitted, too. */
static inline gint64 tw_sequence_prompt(const tw_sequence *sequence)
{
  return (gint64)sequence->request.prompt_tokens + sequence->resumed;
}

/* Prompt tokens that were computed more than once, and emitted tokens that were computed again as prompt. */
static inline gint64 tw_sequence_recomputed(const tw_sequence *sequence)
{
  gint64 once = MIN(sequence->prefilled_tokens, sequence->request.prompt_tokens - sequence->cached_tokens);
  return sequence->prefilled_tokens - once;
}

#endif
