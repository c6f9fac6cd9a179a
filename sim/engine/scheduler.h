/* The scheduler of one data-parallel rank: who runs in the next iteration, and what that does to the KV
 * cache.
 *
 *     submit ─► waiting ─admit─► running: [ prompts in chunks | decoding ] ─► ended
 *                  ▲                │
 *                  └───preempt──────┘   (the last admitted, or the lowest priority; frees its blocks)
 *
 * Kinds are rows of a table, with functions that plan an iteration from the parts in batching.h: each row
 * tells which version of which software it follows.
 *
 * Between engines of different roles the KV cache moves: a prefill engine hands a sequence over when its
 * prompt is complete, and holds its blocks until they are released; a decode engine reserves blocks, and
 * admits the sequence when it has been delivered, before any that waits for blocks.
 *
 * Blocks are found in the prefix cache whenever a sequence is admitted, its own after it was preempted
 * included; they can be found from the plan on that gives them to somebody. Shared blocks are counted once;
 * blocks that are cached, but in no use, are free.
 *
 * An asynchronous scheduler plans an iteration while the one before it runs: what it plans at a boundary runs
 * an iteration later, with who had come and what was free at that boundary. Who is to end with the iteration
 * that runs keeps its place and its blocks, and who loses its blocks still emits that iteration's token. */
#ifndef TW_SIM_SCHEDULER_H
#define TW_SIM_SCHEDULER_H

#include "sim/engine/adapters.h"
#include "sim/engine/decoding.h"
#include "sim/engine/waiting.h"
#include "sim/kv/kv_cache.h"
#include "sim/kv/offload.h"

typedef struct tw_scheduler tw_scheduler;

typedef struct tw_scheduler_kind {
  const char *name, *help;
  gboolean chunked;      /* Prompts may be split over iterations. */
  gboolean when_empty;   /* A batch is formed only when the one before has ended. */
  gboolean asynchronous; /* The kind may plan an iteration while another one runs. */
  gboolean radix; /* The prefix cache and the waiting line are SGLang's, and ends are learned of late. */
  gboolean decodes_first; /* Half-done prompts get what all decodes leave of the budget. */
  gboolean whole_blocks;  /* A part of a prompt ends where a block does. */
  gboolean skips;  /* A victim that was left out before makes the next running sequence be left out, too. */
  gboolean padded; /* Each prompt of a batch counts as much as the longest of them. */
  gboolean reads_rest; /* Where prompts are handed over, only what is not found in the cache there is sent. */
  gint64 block_tokens; /* Tokens of a KV block, where the scenario does not say. */
  int reserve;         /* A tw_admission_reserve, where the scenario does not say. */
  double watermark;    /* The watermark of the configuration, where the scenario does not say. */
  /* Plans from `now_s` on, by the functions of batching.h, up to tw_batching_start. */
  void (*plan)(tw_scheduler *scheduler, double now_s);
  /* For how many iterations the planned batch stays as it is, if nobody arrives. */
  gint64 (*horizon)(const tw_scheduler *scheduler);
  /* Blocks that stay free beside those of a prompt which is to be delivered; NULL: none. */
  gint64 (*kept)(const tw_scheduler *scheduler);
  /* Whether nobody who comes can join; NULL: while max_seqs run, and behind others. */
  gboolean (*closed)(const tw_scheduler *scheduler);
} tw_scheduler_kind;
extern const tw_scheduler_kind tw_scheduler_kinds[];
/* Names and help of the same kinds, for the attribute of the scenario. */
extern const char *const tw_scheduler_kind_names[];
const char *const *tw_scheduler_kind_helps(void);

/* The part of the KV cache that must be free for a sequence to be admitted. */
typedef enum {
  TW_RESERVE_CHUNK,  /* Its first chunk must fit: vLLM before March 2026. */
  TW_RESERVE_PROMPT, /* Its prompt must fit: vLLM's scheduler_reserve_full_isl, the default since then. */
  TW_RESERVE_OUTPUT  /* All that it and the others will ever hold: TensorRT-LLM's GUARANTEED_NO_EVICT. */
} tw_admission_reserve;
extern const char *const tw_admission_reserve_names[];

typedef struct tw_scheduler_config {
  const tw_scheduler_kind *kind;
  int order;   /* tw_waiting_order */
  int reserve; /* tw_admission_reserve */
  gboolean asynchronous;
  gint64 long_prefill_tokens; /* The most tokens of a chunk; 0: any number. */
  gint64
      prefill_interval; /* Prompts are computed beside decodes in one of so many iterations; 0, 1: in all. */
  gboolean whole_prompts;  /* Kinds that split prompts do not split them. */
  gboolean mixed_chunk;    /* In kind sglang, decodes run beside prompts. */
  double conservativeness; /* Kind sglang multiplies its guess of tokens still to be emitted by it. */
  gint64 max_seqs, max_batched_tokens, block_tokens;
  gint64 max_model_len; /* The most tokens of prompt and output together. */
  gint64 kv_blocks;     /* The KV blocks of this rank. */
  tw_context_caps caps; /* Windows of the model, and tokens that its attention chooses. */
  double uncapped_share;
  gint64 sequence_blocks; /* Blocks of each sequence's state and windows, beside those of its tokens. */
  /* Prefixes are found up to multiples of so many tokens, where the state was kept; 0: up to whole blocks. */
  gint64 checkpoint_tokens;
  double watermark;    /* Share of the blocks that admission leaves free while others run. */
  gboolean hands_over; /* Sequences leave when their prompts are complete. */
  gboolean takes_over; /* Sequences come with their prompts complete. */
  gboolean gaps;       /* The longest gap between the tokens of each sequence is followed. */
  /* Clients see the first token of a sequence from another engine as it is scheduled here, not before. */
  gboolean shows_later;
  gboolean prefix_cache;
  tw_adapters_config adapters; /* slots = 0: there are none. */
  tw_prefix_map
      *prefix_map; /* Borrowed, the map of many prefix caches, in which this one has a place. NULL: none. */
  int prefix_place;
  tw_offload *offload; /* Borrowed. NULL: what is evicted from the prefix cache is lost. */
} tw_scheduler_config;

/* Prompt tokens of a sequence in an iteration. */
typedef struct tw_chunk {
  tw_sequence *sequence;
  gint64 done, tokens; /* The chunk has `tokens` tokens behind `done` others. */
  gboolean completes;  /* The chunk completes the prompt, and the sequence emits a token. */
  gboolean lost;       /* The sequence has been preempted since the chunk was planned. */
} tw_chunk;

/* The chunks of an iteration, and the prompt tokens that those who were admitted to it found in caches. */
typedef struct tw_chunks {
  GArray *list; /* Elements are tw_chunk. */
  gint64 cached;
  gint64 from_host, from_store; /* Cached tokens that are loaded from hosts, and from the store. */
  tw_adapter_loads adapters;
} tw_chunks;

/* Whether a batch of kind sglang has prompts alone, decodes beside prompts, or decodes alone. */
typedef enum { TW_SGLANG_NONE, TW_SGLANG_EXTEND, TW_SGLANG_MIXED, TW_SGLANG_DECODE } tw_sglang_mode;

/* The state that a scheduler of kind sglang keeps from plan to plan: see scheduler_sglang.c. */
typedef struct tw_sglang {
  tw_sequence *chunked; /* The sequence whose prompt is computed in part, NULL: none. */
  gint64 stale;         /* Number of sequences that have ended and that the running batch still counts. */
  gboolean full;        /* Nobody else fits into the running batch, so that the line is not looked at. */
  double ratio;         /* new_token_ratio as it was last set. */
  gint64 turns;         /* Decode turns since the ratio was set, as far as plans know of them. */
  tw_sglang_mode last;  /* The mode of the batch that was planned last. */
  gint64 members;       /* Number of sequences of that batch, without the chunked one. */
  gboolean alone;       /* The running batch was empty beside that batch. */
  gboolean cut;         /* The last batch holds a part of a prompt that does not complete it. */
} tw_sglang;
/* Why sequences wait for a place in a batch. */
typedef enum {
  TW_WAIT_BOUNDARY, /* The iteration that runs has to end; nobody waited as it was planned. */
  TW_WAIT_BUDGET,   /* The iteration has no tokens left: max-batched-tokens. */
  TW_WAIT_SEATS,    /* The batch has no places left: max-seqs, or it is not formed anew yet. */
  TW_WAIT_KV,       /* There are too few KV blocks. */
  TW_WAIT_POWER,    /* A limit of power lets nobody join. */
  TW_WAIT_CAUSES
} tw_wait_cause;

struct tw_scheduler {
  tw_scheduler_config config;
  tw_kv_cache kv;
  tw_waiting waiting;
  tw_adapters adapters;
  GPtrArray *passed; /* Sequences that wait for adapters, and whom others pass in the plan that is made. */
  GQueue running;    /* Links are tw_sequence.link, in admission order. */
  guint64 admitted;
  tw_chunks chunks, next; /* Chunks of the iteration that runs, and of the one that is planned behind it. */
  tw_batch batch;         /* The batch of the iteration that runs. */
  tw_decoding decoding;
  gint64 partial;   /* Number of running sequences whose prompts are not planned to their ends. */
  GPtrArray *aside; /* Running sequences that hold all their tokens, but sit this iteration out. */
  /* Sequences that decode again in the next iteration, and those that sit the next one out. */
  GPtrArray *joining, *leaving;
  GPtrArray *lost; /* Sequences that were preempted while the running iteration computes a token of theirs. */
  tw_sglang sglang;
  tw_batch overshoot; /* Decodes of sequences whose end was not known as their next iteration was planned. */
  gint64 ended_since; /* Number of sequences that have ended since the last plan. */
  gint64 wasted;      /* Tokens that the iteration that runs computes for nobody. */
  gboolean decodes_next; /* The iteration planned behind the one that runs has decodes. */
  gint64 reserved;     /* Blocks that the planned iterations have taken, beyond those of what is computed. */
  gint64 since_plan;   /* Iterations with decodes since the last plan, in one step or in several. */
  gboolean ahead;      /* An iteration runs while another one is planned. */
  gint64 promised;     /* Blocks that the sequences which hold any will hold at their ends. */
  gboolean decodes;    /* The decoding sequences take part in the iteration. */
  gboolean one_by_one; /* The running sequences of the plan were looked at one by one: `planned` is set. */
  gboolean paused;     /* Nobody is admitted while others run. */
  gint64 iteration;    /* The number of the iteration that begins, the same in all ranks of an engine. */
  gboolean defers;     /* The plan leaves prompts to a later iteration: tw_batching_defers. */
  gboolean bound;      /* Somebody still waited behind the last plan that let prompts be computed. */
  gboolean preempted;  /* The plan preempted somebody, so that the next one may admit again. */
  tw_wait_cause held_up; /* Why the last plan did not admit the first that waits. */
  gboolean changed;      /* The batch differs from a continuation of the decodes before. */
  tw_prefix_cache prefixes;
  gboolean evictable; /* The first waiting sequence might be admitted once blocks that it hits are evicted. */
  tw_heap delivered;  /* Sequences whose KV is here and that are not running yet. */
  gint64 held, held_blocks; /* Number of sequences that hold blocks without running, and these blocks. */
  gint64 held_tokens;       /* Their tokens in the prefix cache, whose blocks are not among these. */
  gint64 held_promised;     /* Blocks that they will hold at their ends. */

  /* Filled by tw_scheduler_advance, for the engine to drain. */
  GPtrArray *ended, *handed_over;
  guint64 preemptions; /* Number of preemptions so far. */
};

void tw_scheduler_init(tw_scheduler *scheduler, const tw_scheduler_config *config);
void tw_scheduler_clear(tw_scheduler *scheduler); /* Frees the sequences that are still in it, too. */

/* Why a request can never be served, as text for the log, or NULL. */
const char *tw_scheduler_refusal(const tw_scheduler_config *config, const tw_request *request);

/* Queues a sequence when `iterations` more iterations of the batch have ended. Returns whether it might join
 * at the next iteration boundary; if not, that boundary need not be looked at. */
gboolean tw_scheduler_submit(tw_scheduler *scheduler, tw_sequence *sequence, gint64 iterations);
/* Takes out a sequence that waits to be admitted. */
void tw_scheduler_cancel(tw_scheduler *scheduler, tw_sequence *sequence);

/* Whether there are blocks for the prompt of a sequence whose KV is to be delivered, beside those found in the prefix
 * cache, when `iterations` more iterations of the batch have ended, and those planned behind them have taken theirs.
 * FALSE, too, if others wait for them. */
gboolean tw_scheduler_has_room(tw_scheduler *scheduler, const tw_sequence *sequence, gint64 iterations);
/* Reserves these blocks, right after that. */
void tw_scheduler_reserve(tw_scheduler *scheduler, tw_sequence *sequence);
/* Gives a sequence whose blocks are reserved, with the KV of its prompt and its first token. Returns whether
 * it might join at the next iteration boundary. */
gboolean tw_scheduler_deliver(tw_scheduler *scheduler, tw_sequence *sequence);
/* Frees the blocks of a sequence that was handed over, when `iterations` more iterations have ended. */
void tw_scheduler_release(tw_scheduler *scheduler, tw_sequence *sequence, gint64 iterations, double now_s);

/* Frees reserved blocks of a sequence that will not come after all, when `iterations` more iterations have ended. */
void tw_scheduler_withdraw(tw_scheduler *scheduler, tw_sequence *sequence, gint64 iterations, double now_s);

/* Plans the iteration that starts at `now_s`: preempts, admits, and fills `batch` (empty if there is nothing
 * to do). Returns whether the batch differs from a continuation of the decodes before. */
gboolean tw_scheduler_plan(tw_scheduler *scheduler, double now_s);

/* Whether there is anything in the iteration that was planned. */
static inline gboolean tw_scheduler_runs(const tw_scheduler *scheduler)
{
  return scheduler->batch.decode_seqs + scheduler->batch.prefill_seqs > 0;
}

/* For how many iterations the planned batch stays as it is, if nobody arrives. */
gint64 tw_scheduler_horizon(const tw_scheduler *scheduler);

/* Carries out `iterations` more iterations of `segment`, which gives the time of each boundary, and moves the
 * sequences that ended to `ended`, in the order of their tickets. Returns whether the batch changed by that.
 */
gboolean tw_scheduler_advance(tw_scheduler *scheduler, const tw_segment *segment, gint64 iterations);

/* Charges iterations at these rates from here on. Call it as a segment begins. */
void tw_scheduler_charge(tw_scheduler *scheduler, const tw_charge_rates *rates);
/* Charges sequences for a part of the iteration that runs and that will not end. */
void tw_scheduler_charge_part(tw_scheduler *scheduler, double part);

/* Tokens that `iterations` further iterations emit (of pure decodes), and the blocks used after them. */
static inline gint64 tw_scheduler_kv_used(const tw_scheduler *scheduler, gint64 iterations)
{
  return scheduler->kv.used_blocks +
         (scheduler->decodes ? tw_kv_need(&scheduler->kv, scheduler->decoding.count, iterations) : 0);
}

/* Evicts what the plans up to `iterations` further boundaries take from the prefix cache, as planning them
 * will: before anybody looks into it at an instant behind the last of them. */
void tw_scheduler_evict_prefixes(tw_scheduler *scheduler, gint64 iterations);
/* Evicts all that the prefix cache holds for nobody. */
void tw_scheduler_forget_prefixes(tw_scheduler *scheduler);

/* Takes out every sequence, with the tokens it has emitted, and appends it to `sequences`. The scheduler is as
 * new then: no block is in use or reserved, nothing is cached, nobody holds anything. */
void tw_scheduler_fail(tw_scheduler *scheduler, GPtrArray *sequences);

/* Recounts everything from the sequences and asserts that it agrees: for audits. */
void tw_scheduler_audit(const tw_scheduler *scheduler);

#endif
