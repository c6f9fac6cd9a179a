/* The parts of an engine share this header; all others use engine.h.
 *
 * engine.c takes in and gives away sequences and KV, engine_segment.c goes from one boundary of iterations to
 * the next, engine_usage.c sums up what was done. */
#ifndef TW_SIM_ENGINE_PRIVATE_H
#define TW_SIM_ENGINE_PRIVATE_H

#include "sim/engine/engine.h"

/* The point up to which usage is summed: the instant, the iterations of the segment, and the blocks in use then. */
typedef struct tw_mark {
  double time_s;
  gint64 iterations;
  gint64 kv_blocks;
  double waiting_s; /* The engine's integral of waiting sequences at that instant. */
  double joules;    /* Dynamic joules since the segment began. */
  double progress;  /* Iterations since the segment began, with the part that has passed of the last. */
  /* Seconds of the segment that were counted as waiting for flows while its length was unknown. */
  double awaited_s;
} tw_mark;

/* The members that few steps look at come first, and the ranks last: what a step reads lies together
 * (tw_engine_prefetch). */
struct tw_engine {
  tw_usage told;      /* the part of `total` that intervals have taken */
  tw_step_cost alone; /* The window, and those that follow on it, cost this without what the fabric takes. */
  tw_engine_config config;
  int index;
  tw_engine_state state;
  tw_engine_listener listener;
  gint64 *expected;   /* By rank, the sequences that are on their way to it. */
  tw_batch *batches;  /* By rank, its batch as the step model wants it. */
  tw_offload offload; /* The ranks share it. */

  gboolean busy; /* A segment is under way. */
  tw_segment segment;
  gboolean window;   /* The segment is a window, which is not cut. */
  gboolean awaiting; /* The flows of the window are under way. */
  double compute_s;  /* Seconds of the window's computation, beside its flows. */
  gint64 quiet;    /* So many iterations behind the window begin without a new plan, unless somebody comes. */
  gint64 untold;   /* Windows of the same batch before this one that the listener was not told of. */
  double untold_s; /* The instant at which the first of these windows began. */
  gint64 planned;  /* The next event is at the end of this iteration of the segment. */
  double due_s;
  double limit_w;      /* The limit of each accelerator. */
  double slowness;     /* Iterations take so many times as long. */
  int clock;           /* The clock of the segment: 0 is nominal, n is the n-th of config.clocks. */
  gboolean over_limit; /* Even the slowest clock draws more than the limit. */
  gboolean new_limit;  /* The limit has changed since the segment began. */
  gboolean slowed;     /* The limit has slowed the engine since somebody asked. */

  gint64 boundaries; /* Number of iterations that have ended since the engine began, or failed. */
  int next_rank;     /* The next rank of round-robin. */
  double waiting_s,
      waiting_since_s; /* Integral of the waiting sequences, and the instant up to which it goes. */
  /* Sequences times seconds that they waited in the current interval, by cause. */
  double waiting_for_s[TW_WAIT_CAUSES];
  tw_usage total; /* usage of the run */
  tw_mark mark;   /* The point up to which `total` is summed. */
  /* Blocks in use are taken as straight between two marks; the ends of intervals are marks for blocks alone. */
  double kv_block_s; /* Integral of blocks over the current interval, up to kv_mark. */
  struct {
    double time_s;
    gint64 blocks;
  } kv_mark;
  guint64 steps;
  /* Iterations so far, and those of them outside of what was measured. Under speculation an iteration emits several
   * tokens, and a segment that is cut between them adds a fraction. */
  double iterations, extrapolated;
  tw_scheduler ranks[]; /* config.ranks of them */
};

/* Adds up the waiting sequences until `now_s`; call before their number changes. */
void tw_engine_settle_waiting(tw_engine *engine, double now_s);

/* Sums usage up to `now_s`, when `iterations` of the segment have ended. */
void tw_engine_settle(tw_engine *engine, double now_s, gint64 iterations);

/* Sums usage up to an instant between two events; call before blocks change hands. */
void tw_engine_settle_blocks(tw_engine *engine, double now_s);
/* Marks the blocks that are in use after they have changed hands. */
void tw_engine_mark_blocks(tw_engine *engine);

/* Iterations of the segment that have ended before `now_s`. */
gint64 tw_engine_ended_before(const tw_engine *engine, double now_s);
/* Blocks in use after `iterations` more iterations of the batch that runs. */
gint64 tw_engine_kv_after(const tw_engine *engine, gint64 iterations);

/* Whether somebody may still join at any boundary that is left, the start of the iteration included. */
gboolean tw_engine_batch_is_open(const tw_engine *engine);

#endif
