/* The steps of sessions: their turns laid out one by one, as far as a session can go.
 *
 * Branches and repetitions of a turn are steps of their own, and so is every pass of a loop: what a session
 * makes of them is drawn when it begins, and it leaves out the others. */
#ifndef TW_WORKLOADS_SESSION_STEPS_H
#define TW_WORKLOADS_SESSION_STEPS_H

#include "workloads/stream/sessions.h"

/* One request of a session: a turn, in one of its branches and repetitions. */
typedef struct tw_session_step {
  int turn;
  int first_branch; /* the step of the same repetition in the first branch, whose prompt it shares */
  int repetition;   /* the repetition of the branch, counted from 0 */
  int loop, pass;   /* the turn that may send the session back here, -1: none; and how often it has */
  int *after;
  int n_after;
} tw_session_step;

/* The requests of a session that goes every way, at most a little over the most that are possible. */
double tw_session_steps_most(const tw_sessions_options *options);

/* Lays the turns out as steps, each loop as often as it may be gone through; tw_session_steps_free frees
 * them. */
tw_session_step *tw_session_steps_new(const tw_sessions_options *options, int *n_steps);
void tw_session_steps_free(tw_session_step *steps, int n_steps);

#endif
