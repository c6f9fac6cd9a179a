/* What the parts of an engine share; engine.h is what others use.
 *
 * engine.c takes in and gives away sequences and KV, engine_segment.c goes from one boundary of iterations to
 * the next, engine_usage.c sums up what was done. */
#ifndef TW_SIM_ENGINE_PRIVATE_H
#define TW_SIM_ENGINE_PRIVATE_H

#include "sim/engine/engine.h"

/* Where a sum of usage stands: the instant, the iterations of the segment, and the blocks in use then. */
typedef struct tw_mark {
  double time_s;
  gint64 iterations;
  gint64 kv_blocks;
  double waiting_s; /* the engine's integral at that instant */
  double joules;    /* dynamic, since the segment began */
  double progress;  /* iterations since then, the one that runs included by the part that has passed */
  double awaited_s; /* of the segment, for a window's flows, counted as such while its length was unknown */
} tw_mark;

struct tw_engine {
  int index;
  tw_engine_state state;
  tw_engine_config config;
  tw_engine_listener listener;
  tw_scheduler *ranks;
  gint64 *expected;   /* of each rank: sequences that are on their way to it */
  tw_batch *batches;  /* of each rank, as the step model wants them */
  tw_offload offload; /* shared by the ranks */

  gboolean busy; /* a segment is under way */
  tw_segment segment;
  gboolean window;    /* ... which is a window, and not to be cut */
  gboolean awaiting;  /* ... whose flows are under way */
  double compute_s;   /* of the window, beside them */
  tw_step_cost alone; /* of the window and those that follow on it, without what the fabric takes */
  gint64 quiet;  /* iterations behind the window at whose beginning no plan changes, unless somebody comes */
  gint64 untold; /* iterations of windows of the same batch before this one, whose listener was not told: */
  double untold_s; /* they began then */
  gint64 planned;  /* the iteration of the segment at whose end the next event is */
  double due_s;
  double limit_w;      /* of an accelerator */
  double slowness;     /* how many times as long iterations take */
  int clock;           /* of the segment: 0 nominal, else the number in config.clocks from 1 */
  gboolean over_limit; /* at the slowest clock */
  gboolean new_limit;  /* since the segment began */
  gboolean slowed;     /* since somebody asked */

  gint64 boundaries;                    /* of iterations that have ended */
  int next_rank;                        /* in turn */
  double waiting_s, waiting_since_s;    /* integral of the waiting sequences up to an instant */
  double waiting_for_s[TW_WAIT_CAUSES]; /* of the interval, up to that instant */
  tw_usage total, told;                 /* told: of it, what was taken with intervals */
  tw_mark mark;                         /* where the total stands */
  /* Blocks in use are straight between two marks, and intervals are such marks for them alone. */
  double kv_block_s; /* of the interval, up to its mark */
  struct {
    double time_s;
    gint64 blocks;
  } kv_mark;
  guint64 steps;
  double iterations, extrapolated; /* under speculation, parts of them: one of the segment's is a token */
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
