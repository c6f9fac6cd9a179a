/* Sessions under way: what sessions.c and rollouts.c share. */
#ifndef TW_WORKLOADS_SESSIONS_PRIVATE_H
#define TW_WORKLOADS_SESSIONS_PRIVATE_H

#include "workloads/stream/rollouts.h"
#include "workloads/stream/session_steps.h"
#include "workloads/stream/stream_kind.h"

typedef struct tw_rollouts tw_rollouts;

/* The lengths that were drawn for a step, and how far it is. */
typedef struct tw_session_progress {
  gint32 prompt, reasoning, answer;
  int open;         /* steps that it waits for */
  gboolean skipped; /* not made: what comes after it goes on from what it comes after */
  double wait_s;
} tw_session_progress;

typedef struct tw_session {
  char *name;
  guint64 serial;
  int left;      /* steps that have not ended */
  int under_way; /* steps that are asked, or will be without anything else */
  gboolean broken;
  gint64 tokens, output_tokens; /* tokens that the turns that have ended added to the context, and emitted */
  tw_session_progress steps[];
} tw_session;

/* A step that is due. */
typedef struct tw_appointment {
  double due_s;
  guint64 order; /* breaks ties */
  tw_session *of;
  int step;
} tw_appointment;

typedef struct tw_turn_chance {
  tw_chance prompt, reasoning, answer, repeats, retry, wait;
} tw_turn_chance;

typedef struct tw_sessions {
  tw_stream base;
  tw_sessions_options options;
  tw_turn *turns;
  tw_turn_chance *chances;
  tw_population *population;
  guint64 salt; /* distinguishes the ids of this class from those of others */
  tw_session_step *steps;
  int n_steps;
  double start_s;          /* when the next session begins; INFINITY: there is none */
  gboolean *passed;        /* steps that end now without being made; scratch */
  GArray *chain;           /* steps of a chain (int), for one call */
  GSequence *appointments; /* when turns are due (tw_appointment) */
  guint64 order;
  GHashTable *live; /* sessions by name */
  GArray *pieces, *ids;
  tw_session_counts counts;
  double resumed_s;      /* nothing arrives before it: turns that were due meanwhile were held */
  tw_rollouts *rollouts; /* NULL: sessions arrive by themselves */
} tw_sessions;

/* Begins a session at source->start_s: one that has arrived, or, of rollouts, one that is asked for. */
void tw_sessions_start(tw_sessions *source);

tw_rollouts *tw_rollouts_new(gint64 samples, int n_steps);
void tw_rollouts_free(tw_rollouts *rollouts);
gboolean tw_rollouts_are_held(const tw_rollouts *rollouts);
gboolean tw_rollouts_are_over(const tw_rollouts *rollouts);
/* The serial number of the first session of the group that a session belongs to. */
guint64 tw_rollouts_first(const tw_rollouts *rollouts, guint64 serial);
/* The tokens of the prompt that a group begins a step with, which its first session draws. */
gint32 *tw_rollouts_prompt(tw_rollouts *rollouts, int step);
/* A session has ended, or is broken. */
void tw_rollouts_told(tw_rollouts *rollouts, const tw_session *session);

#endif
