#include "workloads/stream/session_steps.h"

static gint64 most_repeats(const tw_turn *turn)
{
  return tw_length_is_none(&turn->repeats) ? turn->repeat : turn->repeats.max;
}

double tw_session_steps_most(const tw_sessions_options *options)
{
  double steps = 0;
  for (int t = 0; t < options->n_turns; t++) {
    const tw_turn *turn = &options->turns[t];
    steps += (double)most_repeats(turn) * (double)turn->branches;
    for (int u = turn->retry_from; turn->retries > 0 && u <= t; u++)
      steps += (double)turn->retries * (double)most_repeats(&options->turns[u]) *
               (double)options->turns[u].branches;
  }
  return steps;
}

/* The turns of a session while they are laid out as steps. */
typedef struct layout {
  const tw_turn *turns;
  GArray *steps;
  int *first; /* the first step of each turn, in the latest pass */
} layout;

/* Adds the steps that end a turn: the last step of each of its branches. */
static void add_last_steps(const layout *l, int turn, GArray *after)
{
  int repeat = (int)most_repeats(&l->turns[turn]);
  for (int b = 1; b <= (int)l->turns[turn].branches; b++) {
    int last = l->first[turn] + b * repeat - 1;
    g_array_append_val(after, last);
  }
}

/* Lays out one turn, in a pass of a loop or in none. A pass begins with what comes after nothing in it. */
static void lay_out_turn(layout *l, int t, int loop, int pass)
{
  const tw_turn *turn = &l->turns[t];
  int repeat = (int)most_repeats(turn), first = (int)l->steps->len;
  gboolean begins_pass = pass > 0;
  for (int a = 0; a < turn->n_after; a++)
    begins_pass &= turn->after[a] < l->turns[loop >= 0 ? loop : t].retry_from;
  for (int i = 0; i < repeat * (int)turn->branches; i++) {
    g_autoptr(GArray) after = g_array_new(FALSE, FALSE, sizeof(int));
    int before = first + i - 1;
    if (i % repeat > 0)
      g_array_append_val(after, before);
    else if (begins_pass)
      add_last_steps(l, loop, after);
    else
      for (int a = 0; a < turn->n_after; a++)
        add_last_steps(l, turn->after[a], after);
    tw_session_step s = {t, first + i % repeat, i % repeat, loop, pass, NULL, (int)after->len};
    s.after = (int *)(void *)g_array_free(g_steal_pointer(&after), FALSE);
    g_array_append_val(l->steps, s);
  }
  l->first[t] = first;
}

/* The turn that may send the session back to this one, -1: none. */
static int loop_of(const tw_sessions_options *options, int turn)
{
  for (int t = turn; t < options->n_turns; t++)
    if (options->turns[t].retries > 0 && options->turns[t].retry_from <= turn)
      return t;
  return -1;
}

tw_session_step *tw_session_steps_new(const tw_sessions_options *options, int *n_steps)
{
  int n = options->n_turns;
  g_autofree int *first = g_new0(int, (gsize)n);
  layout l = {options->turns, g_array_new(FALSE, FALSE, sizeof(tw_session_step)), first};
  for (int t = 0; t < n; t++) {
    lay_out_turn(&l, t, loop_of(options, t), 0);
    for (int pass = 1; pass <= options->turns[t].retries; pass++)
      for (int u = options->turns[t].retry_from; u <= t; u++)
        lay_out_turn(&l, u, t, pass);
  }
  *n_steps = (int)l.steps->len;
  return (tw_session_step *)(void *)g_array_free(l.steps, FALSE);
}

void tw_session_steps_free(tw_session_step *steps, int n_steps)
{
  for (int i = 0; i < n_steps; i++)
    g_free(steps[i].after);
  g_free(steps);
}
