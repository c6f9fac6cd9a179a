#include "workloads/draw/length.h"

#include "workloads/input/csv.h"
#include "workloads/request.h"

#include <math.h>

const char *const tw_length_kind_names[] = {"fixed",  "exponential", "lognormal", "uniform",
                                            "pareto", "empirical",   "mixture",   NULL};

/* ---- Tables ---- */

struct tw_length_table {
  guint n;
  gint32 *values;
  double *cumulative; /* weights up to and with each value, over all of them */
  double mean;
};

tw_length_table *tw_length_table_new(const gint32 *values, const double *weights, guint n)
{
  double sum = 0, moment = 0;
  for (guint i = 0; i < n; i++) {
    sum += weights[i];
    moment += weights[i] * values[i];
  }
  if (!(sum > 0 && isfinite(sum)))
    return NULL;
  tw_length_table *table = g_new(tw_length_table, 1);
  *table = (tw_length_table){n, g_memdup2(values, n * sizeof *values), g_new(double, n), moment / sum};
  double before = 0;
  for (guint i = 0; i < n; i++)
    table->cumulative[i] = before = before + weights[i] / sum;
  return table;
}

void tw_length_table_free(tw_length_table *table)
{
  if (table == NULL)
    return;
  g_free(table->values);
  g_free(table->cumulative);
  g_free(table);
}

double tw_length_table_mean(const tw_length_table *table)
{
  return table->mean;
}

gint32 tw_length_table_draw(const tw_length_table *table, tw_chance *chance)
{
  double u = tw_chance_uniform(chance);
  guint low = 0, high = table->n - 1; /* rounding may leave the last sum below 1 */
  while (low < high) {
    guint middle = (low + high) / 2;
    if (table->cumulative[middle] > u)
      high = middle;
    else
      low = middle + 1;
  }
  return table->values[low];
}

enum { TOKENS, WEIGHT };
static const tw_csv_column table_columns[] = {{"tokens", FALSE}, {"weight", TRUE}, {NULL, FALSE}};

static gboolean read_row(const tw_csv *csv, gint32 *tokens, double *weight, GError **error)
{
  gint64 value;
  *weight = 1;
  if (!tw_integer_parse(tw_csv_text(csv, TOKENS), &value) || value < 0 || value > TW_REQUEST_MAX_TOKENS) {
    g_autofree char *quoted = tw_input_quote(tw_csv_text(csv, TOKENS));
    return tw_input_fault(tw_csv_input(csv), error, "tokens is '%s'; a whole number from 0 to %d is needed",
                          quoted, TW_REQUEST_MAX_TOKENS);
  }
  *tokens = (gint32)value;
  const char *text = tw_csv_text(csv, WEIGHT);
  if (*text == '\0' || (tw_number_parse(text, weight) && *weight >= 0))
    return TRUE;
  g_autofree char *quoted = tw_input_quote(text);
  return tw_input_fault(tw_csv_input(csv), error, "weight is '%s'; a number from 0 on is needed", quoted);
}

tw_length_table *tw_length_table_load(const char *path, tw_faults *faults)
{
  GError *error = NULL;
  g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(gint32));
  g_autoptr(GArray) weights = g_array_new(FALSE, FALSE, sizeof(double));
  g_autoptr(tw_input) input = tw_input_open(path, &error);
  g_autoptr(tw_csv) csv = input != NULL ? tw_csv_open(input, table_columns, &error) : NULL;
  gint32 tokens;
  double weight;
  while (csv != NULL && tw_csv_next(csv, &error) && read_row(csv, &tokens, &weight, &error)) {
    g_array_append_val(values, tokens);
    g_array_append_val(weights, weight);
  }
  if (error != NULL) {
    tw_faults_add(faults, NULL, 0, "%s", error->message);
    g_error_free(error);
    return NULL;
  }
  tw_length_table *table = values->len == 0
                               ? NULL
                               : tw_length_table_new((const gint32 *)(void *)values->data,
                                                     (const double *)(void *)weights->data, values->len);
  if (table == NULL)
    tw_faults_add(faults, path, 0,
                  "its weights have no mass, so that no length can be drawn; give a row a weight above 0");
  return table;
}

/* ---- Drawing ---- */

double tw_law_draw(tw_length_kind kind, double mean, double sigma, tw_chance *chance)
{
  if (kind == TW_LENGTH_EXPONENTIAL)
    return mean * tw_chance_exponential(chance);
  if (kind == TW_LENGTH_LOGNORMAL) /* E exp(sigma N) = exp(sigma² / 2) */
    return mean * exp(sigma * (tw_chance_normal(chance) - sigma / 2));
  return mean;
}

static double draw(const tw_length *length, tw_chance *chance)
{
  switch (length->kind) {
  case TW_LENGTH_FIXED:
  case TW_LENGTH_EXPONENTIAL:
  case TW_LENGTH_LOGNORMAL:
    return tw_law_draw(length->kind, length->mean, length->sigma, chance);
  case TW_LENGTH_UNIFORM:
    return length->min + (double)tw_chance_below(chance, (guint64)(length->max - length->min) + 1);
  case TW_LENGTH_PARETO:
    return length->mean * (length->tail - 1) / length->tail *
           pow(1 - tw_chance_uniform(chance), -1 / length->tail);
  case TW_LENGTH_EMPIRICAL:
    return tw_length_table_draw(length->table, chance);
  case TW_LENGTH_MIXTURE: {
    double u = tw_chance_uniform(chance);
    int i = 0;
    for (; i < length->n_parts - 1 && u >= length->parts[i].share; i++)
      u -= length->parts[i].share;
    return tw_length_draw(&length->parts[i].length, chance);
  }
  }
  g_assert_not_reached();
}

gint32 tw_length_draw_scaled(const tw_length *length, tw_chance *chance, double factor)
{
  double tokens = round(draw(length, chance) * factor);
  return (gint32)CLAMP(tokens, length->min, length->max);
}

gint32 tw_length_draw(const tw_length *length, tw_chance *chance)
{
  return tw_length_draw_scaled(length, chance, 1);
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
  if (length->kind == TW_LENGTH_PARETO && !(length->tail > 1 && length->tail <= 100))
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "%s: the tail is %g; one above 1 and up to 100 is needed", name, length->tail);
  if (length->min < min || length->max < length->min || length->max > TW_REQUEST_MAX_TOKENS)
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "%s: lengths from %d to %d are asked for; %d to %d tokens are possible", name,
                              length->min, length->max, min, TW_REQUEST_MAX_TOKENS);
  return TRUE;
}
