/* Sessions: people and agents that ask, read the answer, and go on.
 *
 * A session is a small graph of turns. A turn begins when all turns that it comes after have ended, and some
 * time of thought or of a tool has passed. Its prompt is what it inherits and what is new:
 *
 *     ask ──► call (tool 2 s) ──► call ──► sum up        prompt of a turn = prompt and answer of the first turn
 *      ├───► draft ─┐                                     that it comes after, the answers of the others, and
 *      └───► draft ─┴─► choose                            new tokens
 *
 * The ids of the prompts' blocks follow from this: whatever two prompts share, their ids share. They go on
 * over the output, so that the next turn finds that in the cache, too; reasoning that is left out of the
 * context is not there to be found, and what follows it has to be computed again.
 *
 * A turn may verify: with some probability the session goes back to an earlier turn, with what was found in
 * the context, and everything from there on is done again. How often, and how often turns repeat, is drawn
 * when the session begins, like all lengths and waits, each quantity of each turn from a stream of chance of
 * its own, so that they depend on nothing that the factory does. */
#ifndef TW_WORKLOADS_SESSIONS_H
#define TW_WORKLOADS_SESSIONS_H

#include "workloads/draw/population.h"
#include "workloads/stream/stream.h"

typedef struct tw_turn {
  const char *id;
  const int *after; /* earlier turns of the session */
  int n_after;
  gint64 repeat;     /* number of these, one after the other: a loop of tool calls */
  gint64 branches;   /* number of these at once, with the same prompt: best of n, sub-agents */
  double wait_s;     /* mean, before each, after what it comes after */
  int wait_law;      /* tw_length_kind: fixed, exponential or lognormal, */
  double wait_sigma; /* lognormal: the deviation of the logarithm */
  gboolean fresh;    /* inherits nothing */
  tw_length repeats; /* if not none: `repeat` is drawn, by each branch; at most repeats.max */
  double retry;      /* probability that the session goes back once the turn has ended */
  int retry_from;    /* the turn that it goes back to, not below it */
  gint64 retries;    /* how often it goes back at most. 0: never */
  tw_length prompt, reasoning, answer; /* prompt: what is new */
} tw_turn;

/* The element <turn>; and what stands below `parent`, as the schema has checked it. Returns how many there
 * are; faults name cycles, unknown turns and lengths that cannot be drawn. tw_turns_free frees them. */
extern const tw_element tw_turn_element;
int tw_turns_read(const xmlNode *parent, tw_turn **turns, tw_faults *faults);
void tw_turns_free(tw_turn *turns, int n);

typedef struct tw_sessions_options {
  const char *name; /* name of the class, for sessions and streams of chance; NULL: "session", "sessions" */
  tw_arrival_options arrivals; /* when sessions begin */
  tw_population_options population;
  double scale;             /* scale of the sessions' rate */
  gint64 limit;             /* sessions; G_MAXINT64: no limit */
  double duration_s;        /* sessions begin before it; INFINITY: no limit. One of both must be finite */
  gint64 system_tokens;     /* tokens that begin every prompt of every session */
  gboolean keeps_reasoning; /* reasoning stays in the context of later turns; else only answers do */
  gint32 hash_tokens;       /* prompt tokens that one hash id stands for */
  gint32 priority;
  gint64
      samples; /* sessions are rollouts (rollouts.h), so many of each prompt: nothing arrives; 0: they are not */
  const tw_turn *turns; /* at least one */
  int n_turns;
  guint64 seed;
} tw_sessions_options;

/* The most requests that one session may make, those that it leaves out counted. */
#define TW_SESSIONS_MAX_STEPS 10000

gboolean tw_sessions_check(const tw_sessions_options *options, GError **error);
/* `options` must have passed tw_sessions_check; the turns are copied. */
tw_stream *tw_stream_sessions(const tw_sessions_options *options);

/* How many sessions of a stream began, and how they ended. */
typedef struct tw_session_counts {
  guint64 started, completed;
  guint64 broken;   /* a turn was not completed: nothing that comes after it was asked */
  guint64 measured; /* completed ones of a trace that is replayed, without those that warm up; else 0 */
  /* Sums over these: from begin to end, the longest of these,
   * requests from sending to end (those at once count each), and time without any, in tools and thought. Else
   * 0. */
  double makespan_s, longest_s, model_s, away_s;
} tw_session_counts;
/* FALSE if the stream is not one of sessions. */
gboolean tw_stream_session_counts(const tw_stream *stream, tw_session_counts *counts);

#endif
