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
  guint64 ticket;         /* Its place in the order of dispatch, which breaks every tie. */
  int engine;             /* The engine that serves it, -1: none yet. */
  int prefill_engine;     /* The engine that computes or computed its prompt, -1: none yet. */
  int prefill_rank;       /* The rank of that engine, once it has handed the sequence over. */
  int decode_engine;      /* The engine that is to emit its tokens after the first, -1: the same. */
  int rank;               /* The data-parallel rank of `engine`, -1: not chosen yet. */
  gint64 expected_tokens; /* Tokens of its prompt that the router saw in a cache there. */

  /* Instants in seconds, NAN until they happen. */
  double dispatched_s, routed_s, submitted_s; /* It left the front end, was assigned, came to its engine. */
  double first_scheduled_s, first_token_s, first_answer_s;
  double decode_start_s;     /* Its first iteration on the engine that it was handed over to is planned. */
  double lost_s;             /* It lost its KV blocks, and what it had is not computed again yet. */
  double prompt_s;           /* Seconds of the iterations that computed its prompt, until its first token. */
  double preempted_s;        /* Seconds after its first token in which it lacked the KV of its context. */
  double queued_preempted_s; /* Those of them that were over when it came to decode. */
  double transfer_start_s, transfer_end_s; /* Its KV cache began and ended to move to the decode engine. */
  double last_token_s;  /* the client sees the last token before it last joined those that decode */
  double longest_gap_s; /* between two tokens, where gaps are asked for (gaps.h); NAN: none yet */
  gint32 emitted;       /* Output tokens so far; a decoding sequence has those as it joined the batch. */
  gint32 preemptions;
  gint64 cached_tokens; /* Prompt tokens that were found in a prefix cache. */
  gint64 host_tokens,
      store_tokens;        /* Cached tokens that came from the memory of hosts, and from the store. */
  gint64 brought_tokens;   /* Cached tokens whose KV came with the request, from another site. */
  double joules;           /* Its share of the dynamic energy of the iterations that it was in. */
  gint64 prefilled_tokens; /* All tokens that prefill computed for it, recomputation included. */

  gint32 retries;     /* Number of times that a failure sent it back. */
  gint32 resumed;     /* Emitted tokens that attempts before this one have left. */
  gint64 lost_tokens; /* Tokens that attempts which failed computed or emitted. */
  gboolean away;      /* It waits to be sent again, and no engine has it. */

  tw_heap_node deadline; /* Key: the instant at which it is cancelled if it still waits. The factory's. */

  /* Owned by the scheduler of its rank. */
  gint64 prefill_target; /* Tokens to bring into KV before it decodes. */
  gint64 prefill_done;   /* Tokens of these that have blocks. */
  gint64 planned; /* Tokens that it computes in the iteration that is being planned, if room is short. */
  guint64 place;  /* Its place in the order of admission. */
  guint64 passed; /* Its place among those that others have passed as they waited; 0: none. */
  tw_prefix_node *prefix;        /* The last node of the full blocks that it holds, NULL: none. */
  tw_prefix_node *decode_prefix; /* As `prefix`, of the rank to which its KV is on its way. */
  gint64 decode_cached;          /* Prompt tokens that this rank has found: their KV is not sent. */
  gint64 joined;     /* The rank's decode count as it joined the batch with prefill_target tokens. */
  gboolean admitted; /* The engine that has it has admitted it before. */
  gboolean decoding;
  gboolean fetching;      /* It waits for a fetch from the store, and is at no engine yet. */
  tw_client *client;      /* Its client, where clients are treated fairly; else NULL. */
  tw_charge_sums charged; /* The rank's sums as its decodes were last charged to it. */
  GList link;             /* Link in the running list, in admission order. */
  tw_heap_node waiting;   /* Node in the line that it waits in. */
  tw_heap_node finish;    /* Key: the decode count of its last token. */
  tw_heap_node answer;    /* Key: the decode count of its first answer token. */
  tw_heap_node cap_reached[TW_CONTEXT_CAPS]; /* Key: the decode count at which its context reaches a cap. */
} tw_sequence;

/* A sequence for a request, whose strings and hashes it takes over. Freed with tw_sequence_free. */
tw_sequence *tw_sequence_new(const tw_request *request);
void tw_sequence_free(tw_sequence *sequence);

/* Takes from a sequence what the engine that lost it had computed, and what was emitted, too, unless that is resumed.
 * The sequence is as new for the next engine. Returns the tokens that are lost. */
gint64 tw_sequence_lose(tw_sequence *sequence, gboolean resumes);
/* Takes a sequence from its engine, which loses its KV, but fails nothing: what was emitted stays, and what was computed
 * counts as computed again once the next engine has done so. */
void tw_sequence_give_way(tw_sequence *sequence);

/* The KV of the sequence's context is whole again. */
void tw_sequence_recover(tw_sequence *sequence, double now_s);

/* Tokens of a sequence that are computed as its prompt, with those that attempts before this one have emitted. */
static inline gint64 tw_sequence_prompt(const tw_sequence *sequence)
{
  return (gint64)sequence->request.prompt_tokens + sequence->resumed;
}

/* Tokens of a sequence that are known: its prompt, and what it has emitted. */
static inline gint64 tw_sequence_known(const tw_sequence *sequence)
{
  return (gint64)sequence->request.prompt_tokens + sequence->emitted;
}

/* Output tokens that a sequence has yet to emit. */
static inline gint64 tw_sequence_left(const tw_sequence *sequence)
{
  return tw_request_output_tokens(&sequence->request) - sequence->emitted;
}

/* Prompt tokens that were computed more than once, and emitted tokens that were computed again as prompt. */
static inline gint64 tw_sequence_recomputed(const tw_sequence *sequence)
{
  gint64 once = MIN(sequence->prefilled_tokens, sequence->request.prompt_tokens - sequence->cached_tokens);
  return sequence->prefilled_tokens - once;
}

#endif
