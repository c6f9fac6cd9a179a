/* An engine: one replica of a model on its accelerators, which runs iterations one after the other.
 *
 * Pure of any clock: it is told of arrivals, says when its next event is due, and steps there. Between two
 * changes of its batch it takes one step over many iterations; with `exact` it takes each alone and plans
 * anew at every boundary, and both give the same instants and decisions.
 *
 * An engine that spans NVLink domains runs one iteration at a time, as a window: it first posts what the iteration
 * sends over the fabric and waits for that, then spends its computation and latencies. Alone on the fabric this comes
 * to the closed form; under contention only what is sent stretches. It plans anew only where a batch may change.
 *
 * Ranks go in lock step: an iteration takes as long as that of the slowest one. Where they share experts, a rank
 * without work computes a dummy batch (the step model says what it costs). As in vLLM (execute_dummy_batch and
 * _has_global_unfinished_reqs of vllm/v1/engine/core.py in May 2026), ranks learn only now and then that none has work
 * left. Left out: that there a rank in the middle of a dummy batch looks at new requests an iteration later.
 *
 *     submit(now) ──►  ranks: scheduler, KV cache ──plan──► batch ──step model──► segment ──► due
 *                        ▲                                                                     │
 *                        └───────────────────────── step(): advance, end, plan ◄───────────────┘
 */
#ifndef TW_SIM_ENGINE_H
#define TW_SIM_ENGINE_H

#include "sim/engine/scheduler.h"
#include "sim/power/power.h"
#include "sim/steptime/speculation.h"
#include "sim/steptime/step_time.h"

/* Whether the router sends requests to an engine. The fleet moves engines from one state to the next. */
#define TW_ENGINE_STATES(X)                                                                                  \
  X(SERVES, "serving")                                                                                       \
  X(DRAINS, "draining")                                                                                      \
  X(PARKED, "parked")                                                                                        \
  X(LOADS, "loading")                                                                                        \
  X(STANDS_BY, "standing by")                                                                                \
  X(DOWN, "down")                                                                                            \
  X(DARK, "dark")
typedef enum {
#define X(name, text) TW_ENGINE_##name,
  TW_ENGINE_STATES(X)
#undef X
      TW_ENGINE_STATE_COUNT
} tw_engine_state;
extern const char *const tw_engine_state_names[TW_ENGINE_STATE_COUNT];

/* The work of an engine over some time. */
typedef struct tw_usage {
  double state_s[TW_ENGINE_STATE_COUNT];
  /* Part of busy_s: prompts get the share of each iteration that they have of its dynamic joules. */
  double prefill_s;
  /* Seconds with an iteration under way, but for those in which accelerators wait for other stages. */
  double busy_s;
  double running_s, waiting_s;          /* Integrals of the number of sequences. */
  double waiting_for_s[TW_WAIT_CAUSES]; /* waiting_s by cause. Only usage of intervals has it. */
  double kv_block_s; /* Integral of the KV blocks in use, taken as straight between counted iterations. */
  gint64 prompt_tokens,
      output_tokens;    /* Tokens of prompts that were computed, and tokens that were emitted. */
  gint64 cached_tokens; /* Tokens of prompts that were found in a prefix cache instead. */
  gint64 host_tokens,
      store_tokens; /* Cached tokens that came from the memory of hosts, and from the shared store. */
  gint64 adapter_loads, adapter_fetches; /* Adapters that were loaded; and of them, those from storage. */
  double flops, bytes; /* The model's operations and traffic to HBM, over all accelerators. */
  double clock_s;      /* Integral of the clock divided by the nominal one, while busy. */
  /* Joules of the accelerators: prefill_j and decode_j are dynamic. Joules that accelerators draw anyway, asleep or
   * not, are collective_j during the collectives of iterations, and idle_j at all other times. */
  double prefill_j, decode_j, collective_j, idle_j;
  double class_s[TW_TIME_CLASS_COUNT]; /* Seconds by what they were spent on. The sum is the whole time. */
  /* Joules by the same classes: what accelerators draw anyway is split by time, what work adds by the time of the
   * kernels that read or compute. Only usage of the whole run has them. Their sum is that of the four joules above. */
  double class_j[TW_TIME_CLASS_COUNT];
} tw_usage;

/* A clock below the nominal one. */
typedef struct tw_clock {
  double clock; /* The clock divided by the nominal one. */
  tw_step_model *model;
  tw_power_law power;
} tw_clock;

/* The party that chooses the data-parallel rank of a request. */
typedef enum {
  TW_RANK_ROUTER,    /* The router, where its policy looks at ranks; else the fewest sequences. */
  TW_RANK_FRONT_END, /* vLLM's front end takes the least of 4 * waiting + running, the first of equal ones. */
  TW_RANK_ROUND_ROBIN /* SGLang's controller does this by default. */
} tw_rank_choice;
extern const char *const tw_rank_choice_names[];

typedef struct tw_engine_config {
  tw_scheduler_config scheduler; /* The configuration of each rank; prefix_place is that of the first. */
  int ranks;                     /* The number of data-parallel ranks. */
  int rank_choice;               /* tw_rank_choice */
  /* Ranks that share experts ask each other in one of so many iterations whether anybody has work left, and go on
   * with dummy batches until then (vLLM: 32); 0: they stop at once. */
  gint64 finish_sync;
  double rank_prefix_weight;  /* A request goes to the rank with the least sum of its number of requests
                                    and this weight times the share of the request's tokens that the rank would
                                    compute; 0: prefixes do not count */
  tw_offload_config offload;  /* host_bytes = 0: the engine does not offload. */
  tw_speculation speculation; /* draft_tokens = 0: the engine does not speculate. */
  const tw_step_model *model; /* borrowed */
  tw_power_law power;         /* Watts of the engine's accelerators. */
  const tw_clock *clocks;     /* Borrowed: slower clocks, falling; NULL: none. */
  int n_clocks;
  double throttle;   /* The share of the nominal clock that `model` and `power` are below it. */
  gboolean resident; /* A parked engine keeps weights and KV cache, and its accelerators stay awake. */
  gboolean spans;    /* The engine spans NVLink domains, and calls the listener's `post`. */
  gboolean layered;  /* The engine calls the listener's `completing`. */
  gboolean exact;    /* Every iteration is an event of its own. */
  gboolean audit;    /* Every invariant is checked after every step. */
} tw_engine_config;

/* The calls by which an engine tells its factory of events; any may be NULL. */
typedef struct tw_engine_listener {
  /* A sequence has emitted its last token at `now_s`; it is the listener's to free. */
  void (*ended)(void *user, int engine, tw_sequence *sequence, double now_s);
  /* The iteration that ends at `now_s` completes a prompt: its first token. */
  void (*prompted)(void *user, int engine, const tw_sequence *sequence, double now_s);
  /* A prompt is complete, and its sequence leaves; its blocks are held until tw_engine_release. Only from
   * schedulers that hand over. The listener owns the sequence. */
  void (*handed_over)(void *user, int engine, tw_sequence *sequence, double now_s);
  /* The iteration from start_s to end_s computes the last chunk of a sequence's prompt, as is known at now_s <= start_s.
   * Only if `layered`. */
  void (*completing)(void *user, int engine, tw_sequence *sequence, double now_s, double start_s,
                     double end_s);
  /* A window begins: an iteration that sends `wire`, and computes for compute_s. It waits until tw_engine_resume; not
   * called from inside it. Only engines that span domains. */
  void (*post)(void *user, int engine, const tw_fabric_bytes *wire, double compute_s, double now_s);
  /* An iteration, or several of one batch, have run from start_s to end_s. */
  void (*ran)(void *user, int engine, const tw_batch *batch, gint64 iterations, double start_s, double end_s);
  /* Sequences have lost their KV blocks. */
  void (*preempted)(void *user, int engine, gint64 sequences, double now_s);
  /* Pieces of the engine's prefix cache go to the shared store: tw_offload.spilled. */
  void (*spilled)(void *user, int engine, const tw_kv_piece *pieces, guint n);
  void *user;
} tw_engine_listener;

typedef struct tw_engine tw_engine;

tw_engine *tw_engine_new(int index, const tw_engine_config *config, const tw_engine_listener *listener);
void tw_engine_free(tw_engine *engine);
/* Asks the processor for the memory that a step of the engine reads, which with thousands of engines is in no cache. */
void tw_engine_prefetch(const tw_engine *engine);
/* The same for the memory that it leads to; some time after the former. */
void tw_engine_prefetch_parts(const tw_engine *engine);

/* Why the engine can never serve a request, as text for the log, or NULL. */
const char *tw_engine_refusal(const tw_engine *engine, const tw_request *request);

/* Leading prompt tokens that a rank has in its prefix cache and, behind these, would load from the memory of
 * its hosts. */
gint64 tw_engine_cached_tokens(tw_engine *engine, int rank, const tw_request *request, double now_s);

/* The rank to which the engine gives a request now (see tw_engine_config): each call is a request. */
int tw_engine_choose(tw_engine *engine, const tw_request *request, double now_s);

/* Gives a sequence that is not refused to its rank, or to the one that the engine chooses where that is -1;
 * the engine owns it until it ends. */
void tw_engine_submit(tw_engine *engine, tw_sequence *sequence, double now_s);

/* Takes out a sequence that was submitted and has never been scheduled; it is the caller's again. */
void tw_engine_cancel(tw_engine *engine, tw_sequence *sequence, double now_s);

/* Reserves blocks for the prompt of a sequence that another engine hands over, in the least loaded rank that
 * has them. Returns that rank, or -1 if none has. */
int tw_engine_reserve(tw_engine *engine, tw_sequence *sequence, double now_s);
/* Frees the blocks that were reserved for a sequence which will not come after all. */
void tw_engine_withdraw(tw_engine *engine, int rank, tw_sequence *sequence, double now_s);
/* Gives the engine a sequence for which it has reserved blocks in the sequence's rank, and whose KV has come. The
 * engine owns the sequence until it ends. */
void tw_engine_deliver(tw_engine *engine, tw_sequence *sequence, double now_s);
/* Frees the blocks that a rank holds for a sequence that it has handed over. */
void tw_engine_release(tw_engine *engine, int rank, tw_sequence *sequence, double now_s);

/* The flows of the window have come at `now_s`, and the engine goes on at from_s, a few latencies later; computed_s of its
 * computation were spent meanwhile. */
void tw_engine_resume(tw_engine *engine, double now_s, double from_s, double computed_s);

/* When the engine's next event is due, INFINITY while it has nothing to do or waits for the flows of its window. */
double tw_engine_due(const tw_engine *engine);
/* Whether an iteration is under way. */
gboolean tw_engine_is_busy(const tw_engine *engine);
/* Handles the next event of the engine. */
void tw_engine_step(tw_engine *engine);

/* Usage since the last call of tw_engine_take_usage, up to `now_s`: tokens of boundaries before it. At most
 * the time of the next event. */
tw_usage tw_engine_take_usage(tw_engine *engine, double now_s);
/* Usage over the whole run up to `now_s`, summed by steps alone, so that taking usage does not change a bit
 * of it. */
tw_usage tw_engine_total(const tw_engine *engine, double now_s);

/* From the next iteration boundary on, iterations take so many times as long as they would: all wait for an
 * accelerator that limps, or fewer accelerators share the work. 1 as an engine begins. */
void tw_engine_slow_down(tw_engine *engine, double times, double now_s);
/* Limits the power of each accelerator, from the next iteration boundary on: every batch takes the fastest
 * clock that keeps to it. Where the slowest does not, nobody is admitted while others run. INFINITY: no
 * limit. */
void tw_engine_limit(tw_engine *engine, double watts, double now_s);
/* Whether the limit has slowed the engine down since the last call. */
gboolean tw_engine_was_slowed(tw_engine *engine);

/* Puts the engine into a state from `now_s` on, which is no later than its next event. Only an engine without
 * requests parks: its accelerators sleep, and its prefix caches are lost, but for what the memory of hosts
 * holds. An engine begins serving. */
void tw_engine_set_state(tw_engine *engine, tw_engine_state state, double now_s);
tw_engine_state tw_engine_get_state(const tw_engine *engine);

/* Joules of its accelerators from the start of the run to `now_s`, at most the time of its next event; NAN
 * without power data. */
double tw_engine_joules(const tw_engine *engine, double now_s);
/* Dynamic joules alone: those that the engine's work adds to what its accelerators draw anyway. */
double tw_engine_dynamic_joules(const tw_engine *engine, double now_s);

/* Evicts what the iterations that have ended before `now_s` push out, so that the blocks of the accelerators and
 * hosts can be looked at. Does nothing without offloading. */
void tw_engine_catch_up(tw_engine *engine, double now_s);
const tw_prefix_cache *tw_engine_prefixes(const tw_engine *engine, int rank);
/* A sequence is on its way to its rank, which counts it among its load from now on; or (`delta` -1) it has
 * come, or will not. */
void tw_engine_expect(tw_engine *engine, const tw_sequence *sequence, int delta);
const tw_offload *tw_engine_offload(const tw_engine *engine);
/* Tells the engine that pieces have come into the memory of its hosts. */
void tw_engine_fetched(tw_engine *engine, const tw_kv_piece *pieces, guint n, double now_s);

gint64 tw_engine_running(const tw_engine *engine);
gint64 tw_engine_waiting(
    const tw_engine *engine); /* Sequences that wait for a place in a batch, with or without KV. */
gint64 tw_engine_kv_blocks(const tw_engine *engine); /* KV blocks of all ranks together. */
/* KV blocks that are in use at an instant no later than the engine's next event. */
gint64 tw_engine_kv_used(const tw_engine *engine, double now_s);
guint64 tw_engine_preemptions(const tw_engine *engine);
guint64 tw_engine_steps(const tw_engine *engine);      /* Number of events so far. */
guint64 tw_engine_iterations(const tw_engine *engine); /* Number of iterations so far. */
/* Share of the iterations whose time was extrapolated by the step model. */
double tw_engine_extrapolated(const tw_engine *engine);

/* The part of its prefix caches that a failing engine keeps. */
typedef enum {
  TW_KEPT_NOTHING,
  TW_KEPT_HOSTS,    /* It keeps what the memory of its hosts held already. */
  TW_KEPT_OFFLOADED /* It had the time to offload its accelerators' caches, as far as hosts have room. */
} tw_engine_kept;

/* Carries out the iterations of a step under way that end by `now_s`, the one that ends right then included: what happens
 * to the engine at that instant comes after it. */
void tw_engine_end_iterations(tw_engine *engine, double now_s);
/* An engine loses everything at `now_s`, no later than its next event: it hands back every sequence that is
 * inside, with the tokens that were emitted before, and has nothing to do. Its KV blocks are free, those that
 * were held for sequences on their way from or to it too: nobody releases or delivers these any more, and
 * nobody resumes its window. It may be used on. The caller owns the sequences and the array. */
GPtrArray *tw_engine_fail(tw_engine *engine, tw_engine_kept kept, double now_s);

#endif
