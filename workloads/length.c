#include "workloads/length.h"

#include "platforms/fault.h"

#include <math.h>

const char *const tw_length_kind_names[] = {"fixed", "exponential", "lognormal", NULL};

gint32 tw_length_draw(const tw_length *length, tw_chance *chance)
{
  double tokens = length->mean;
  if (length->kind == TW_LENGTH_EXPONENTIAL)
    tokens *= tw_chance_exponential(chance);
  else if (length->kind == TW_LENGTH_LOGNORMAL) /* E exp(sigma N) = exp(sigma² / 2) */
    tokens *= exp(length->sigma * (tw_chance_normal(chance) - length->sigma / 2));
  return (gint32)CLAMP(round(tokens), length->min, length->max);
}

gboolean tw_length_check(const char *name, const tw_length *length, gint32 min, GError **error)
{
  if (!(length->mean >= min && length->mean <= TW_REQUEST_MAX_TOKENS))
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "%s: the mean is %g; %d to %d tokens are needed", name, length->mean, min,
                              TW_REQUEST_MAX_TOKENS);
  if (length->kind == TW_LENGTH_LOGNORMAL && !(length->sigma >= 0 && length->sigma <= 10))
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "%s: sigma is %g; 0 to 10 is needed",
                              name, length->sigma);
  if (length->min < min || length->max < length->min || length->max > TW_REQUEST_MAX_TOKENS)
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "%s: lengths from %d to %d are asked for; %d to %d tokens are possible", name,
                              length->min, length->max, min, TW_REQUEST_MAX_TOKENS);
  return TRUE;
}
