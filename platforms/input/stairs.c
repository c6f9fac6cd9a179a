#include "platforms/input/stairs.h"

#include <math.h>

struct tw_stairs {
  GArray *times_s, *values; /* the steps (double): when each begins, and its value */
  double period_s;          /* INFINITY: does not begin again */
  double ahead_s;           /* how far the clock of the steps is ahead of the caller's */
};

static double at(const GArray *array, guint i)
{
  return g_array_index(array, double, i);
}

tw_stairs *tw_stairs_constant(double value)
{
  tw_stairs *stairs = g_new(tw_stairs, 1);
  double zero = 0;
  *stairs = (tw_stairs){g_array_new(FALSE, FALSE, sizeof(double)), g_array_new(FALSE, FALSE, sizeof(double)),
                        INFINITY, 0};
  g_array_append_val(stairs->times_s, zero);
  g_array_append_val(stairs->values, value);
  return stairs;
}

void tw_stairs_free(tw_stairs *stairs)
{
  if (stairs == NULL)
    return;
  g_array_unref(stairs->times_s);
  g_array_unref(stairs->values);
  g_free(stairs);
}

/* Reads one row into the stairs, or adds a fault. */
static void read_row(tw_stairs *stairs, const char *path, long line, const char *text, double low,
                     double high, tw_faults *faults)
{
  g_auto(GStrv) cells = g_strsplit(text, ",", -1);
  double time_s, value;
  guint n = stairs->times_s->len;
  if (g_strv_length(cells) != 2)
    tw_faults_add(faults, path, line, "has %u columns; write a time and a value", g_strv_length(cells));
  else if (!tw_number_parse(g_strstrip(cells[0]), &time_s) || time_s != floor(time_s) || time_s < 0)
    tw_faults_add(faults, path, line, "\"%s\" is no time; write whole seconds from the start, such as 3600",
                  cells[0]);
  else if (*g_strstrip(cells[1]) == '\0')
    tw_faults_add(faults, path, line, "has a gap instead of a value; fill it in");
  else if (!tw_number_parse(cells[1], &value) || value < low || value > high)
    tw_faults_add(faults, path, line, "\"%s\" is no value between %g and %g", cells[1], low, high);
  else if (n == 0 && time_s > 0)
    tw_faults_add(faults, path, line, "nothing is said before %gs; begin with time 0", time_s);
  else if (n > 0 && time_s <= at(stairs->times_s, n - 1))
    tw_faults_add(faults, path, line, "time %g does not rise; sort the rows by time", time_s);
  else {
    g_array_append_val(stairs->times_s, time_s);
    g_array_append_val(stairs->values, value);
  }
}

/* One step between all rows; after the last one the stairs begins again. */
static void close_even(tw_stairs *stairs, const char *path, tw_faults *faults)
{
  guint n = stairs->times_s->len;
  if (n < 2)
    return;
  double step_s = at(stairs->times_s, 1);
  stairs->period_s = step_s * n;
  for (guint i = 2; i < n; i++)
    if (at(stairs->times_s, i) - at(stairs->times_s, i - 1) != step_s) {
      tw_faults_add(faults, path, i + 2,
                    "the rows have a gap: %gs after the row before, where %gs is the step",
                    at(stairs->times_s, i) - at(stairs->times_s, i - 1), step_s);
      return;
    }
}

tw_stairs *tw_stairs_load(const char *path, gboolean even, double low, double high, tw_faults *faults)
{
  guint before = tw_faults_added(faults);
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;
  gsize length;
  if (!g_file_get_contents(path, &text, &length, &error)) {
    tw_faults_add(faults, path, 0, "cannot be read: %s", error->message);
    return NULL;
  }
  if (strlen(text) != length || !g_utf8_validate(text, (gssize)length, NULL)) {
    tw_faults_add(faults, path, 0, "is not text");
    return NULL;
  }
  g_autoptr(tw_stairs) stairs = tw_stairs_constant(0);
  g_array_set_size(stairs->times_s, 0);
  g_array_set_size(stairs->values, 0);
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  double number;
  g_auto(GStrv) header = g_strsplit(lines[0] != NULL ? lines[0] : "", ",", 2);
  if (header[0] != NULL && tw_number_parse(g_strstrip(header[0]), &number)) {
    tw_faults_add(faults, path, 1,
                  "begins with a row instead of a header; write a line such as \"time_s,value\" first");
    return NULL;
  }
  for (guint i = 1; lines[0] != NULL && lines[i] != NULL; i++)
    if (*g_strstrip(lines[i]) != '\0')
      read_row(stairs, path, i + 1, lines[i], low, high, faults);
  if (tw_faults_added(faults) == before && stairs->times_s->len == 0)
    tw_faults_add(faults, path, 0, "has no rows below its header; write a time and a value in each");
  if (even && tw_faults_added(faults) == before)
    close_even(stairs, path, faults);
  return tw_faults_added(faults) == before ? g_steal_pointer(&stairs) : NULL;
}

/* The row that holds at an instant, within a period of the stairs. */
static guint row_at(const tw_stairs *stairs, double time_s)
{
  guint low = 0, high = stairs->times_s->len;
  while (high - low > 1) {
    guint middle = (low + high) / 2;
    if (at(stairs->times_s, middle) <= time_s)
      low = middle;
    else
      high = middle;
  }
  return low;
}

/* An instant on the clock of the steps, within a period of the stairs. */
static double within(const tw_stairs *stairs, double time_s)
{
  double into_s = time_s + stairs->ahead_s;
  if (!isfinite(stairs->period_s))
    return into_s;
  into_s = fmod(into_s, stairs->period_s);
  return into_s < 0 ? into_s + stairs->period_s : into_s;
}

void tw_stairs_shift(tw_stairs *stairs, double seconds)
{
  stairs->ahead_s += seconds;
}

double tw_stairs_at(const tw_stairs *stairs, double time_s)
{
  return at(stairs->values, row_at(stairs, within(stairs, time_s)));
}

double tw_stairs_next(const tw_stairs *stairs, double time_s)
{
  double into_s = within(stairs, time_s);
  guint next = row_at(stairs, into_s) + 1;
  double next_s = next < stairs->times_s->len ? at(stairs->times_s, next) : stairs->period_s;
  return time_s - into_s + next_s;
}

double tw_stairs_min(const tw_stairs *stairs)
{
  double least = INFINITY;
  for (guint i = 0; i < stairs->values->len; i++)
    least = fmin(least, at(stairs->values, i));
  return least;
}

double tw_stairs_max(const tw_stairs *stairs)
{
  double most = -INFINITY;
  for (guint i = 0; i < stairs->values->len; i++)
    most = fmax(most, at(stairs->values, i));
  return most;
}
