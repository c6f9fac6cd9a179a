/* Whether sessions can be drawn as they are described. */
#include "platforms/input/fault.h"
#include "workloads/draw/length.h"
#include "workloads/stream/session_steps.h"

#include <math.h>

static gboolean check_turn(const tw_turn *turn, int index, GError **error)
{
  if (turn->repeat < 1 || turn->branches < 1)
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "turn '%s': repeat or branches is 0 or less; each must be above 0", turn->id);
  if (!(turn->wait_s >= 0 && isfinite(turn->wait_s)))
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "turn '%s': the wait must not be negative", turn->id);
  for (int i = 0; i < turn->n_after; i++)
    if (turn->after[i] < 0 || turn->after[i] >= index)
      return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                                "turn '%s' does not come after earlier turns", turn->id);
  if (turn->wait_law > TW_LENGTH_LOGNORMAL || !(turn->wait_sigma >= 0 && turn->wait_sigma <= 10))
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "turn '%s': the wait's sigma must be from 0 to 10", turn->id);
  if (turn->retries < 0 || !(turn->retry >= 0 && turn->retry <= 1) ||
      (turn->retries > 0 && (turn->retry_from < 0 || turn->retry_from > index || turn->branches > 1)))
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "turn '%s': a turn that sends the session back has one branch, a probability "
                              "from 0 to 1, and goes to a turn above it or to itself",
                              turn->id);
  if (!tw_length_is_none(&turn->repeats) && !tw_length_check("repeats", &turn->repeats, 1, error))
    return FALSE;
  return tw_length_check("prompt", &turn->prompt, 1, error) &&
         tw_length_check("reasoning", &turn->reasoning, 0, error) &&
         tw_length_check("answer", &turn->answer, 1, error);
}

/* Loops lie beside each other, and what follows one comes after the turn that ends it. */
static gboolean check_loops(const tw_sessions_options *options, GError **error)
{
  const tw_turn *turns = options->turns;
  for (int t = 0; t < options->n_turns; t++) {
    if (turns[t].retries == 0)
      continue;
    for (int u = turns[t].retry_from; u < t; u++)
      if (turns[u].retries > 0)
        return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                                  "turns '%s' and '%s' both send the session back over the same turns; "
                                  "loops must lie beside each other",
                                  turns[u].id, turns[t].id);
    for (int u = t + 1; u < options->n_turns; u++)
      for (int k = 0; k < turns[u].n_after; k++)
        if (turns[u].after[k] >= turns[t].retry_from && turns[u].after[k] < t)
          return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                                    "turn '%s' comes after '%s', which may be done again; let it come after "
                                    "'%s', which ends that loop",
                                    turns[u].id, turns[turns[u].after[k]].id, turns[t].id);
  }
  return TRUE;
}

gboolean tw_sessions_check(const tw_sessions_options *options, GError **error)
{
  g_autofree char *why = options->samples > 0 ? NULL : tw_arrival_check(&options->arrivals);
  if (why != NULL)
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "%s", why);
  if (options->limit < 1 || !(options->duration_s > 0))
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "limit or duration is 0 or less; each must be above 0");
  if (options->limit == G_MAXINT64 && isinf(options->duration_s))
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "neither a limit nor a duration; one is needed");
  if (options->hash_tokens < 1 || options->system_tokens < 0 || options->n_turns < 1)
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "hash tokens, system tokens or turns are too few");
  for (int i = 0; i < options->n_turns; i++)
    if (!check_turn(&options->turns[i], i, error))
      return FALSE;
  if (!check_loops(options, error))
    return FALSE;
  double steps = tw_session_steps_most(options);
  if (steps > TW_SESSIONS_MAX_STEPS)
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "a session makes %.0f requests; at most %d are possible", steps,
                              TW_SESSIONS_MAX_STEPS);
  return TRUE;
}
