/* The table step model: interpolates measured step times.
 *
 * A CSV with the columns prefill_tokens, decode_seqs, context_tokens and time_s holds one row for every
 * combination of the values of its first three columns: prompt tokens of the iteration, sequences that
 * decode, and their mean context. Where decode_seqs is 0 the context does not matter, and one row stands for
 * all. Between rows the time is linear in each of the three; beyond them the outermost cell goes on, and the
 * cost says that it extrapolates. */
#include "sim/steptime/step_time.h"
#include "workloads/input/csv.h"

#include <math.h>

enum { PREFILL, SEQS, CONTEXT, AXES };
enum { MAX_CELLS = 1 << 24 };

typedef struct table {
  double *axis[AXES]; /* ascending */
  guint n[AXES];
  double *time_s; /* [prefill][seqs][context] */
  double least_s; /* the smallest measured time: no extrapolation falls below it */
} table;

typedef struct row {
  double at[AXES], time_s;
} row;

static const char *const axis_names[AXES] = {"prefill_tokens", "decode_seqs", "context_tokens"};

static void destroy(void *state)
{
  table *t = state;
  if (t == NULL)
    return;
  for (int a = 0; a < AXES; a++)
    g_free(t->axis[a]);
  g_free(t->time_s);
  g_free(t);
}

static GArray *read_rows(const char *path, GError **error)
{
  static const tw_csv_column columns[] = {{"prefill_tokens", FALSE},
                                          {"decode_seqs", FALSE},
                                          {"context_tokens", FALSE},
                                          {"time_s", FALSE},
                                          {NULL, FALSE}};
  g_autoptr(tw_input) input = tw_input_open(path, error);
  g_autoptr(tw_csv) csv = input != NULL ? tw_csv_open(input, columns, error) : NULL;
  if (csv == NULL)
    return NULL;
  g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(row));
  GError *problem = NULL;
  while (tw_csv_next(csv, &problem)) {
    row r = {{0}, 0};
    for (int c = 0; c <= AXES; c++) {
      double *value = c < AXES ? &r.at[c] : &r.time_s;
      if (!tw_number_parse(tw_csv_text(csv, c), value) || *value < 0 || *value > 1e12 ||
          (c == AXES && *value <= 0)) {
        g_autofree char *text = tw_input_quote(tw_csv_text(csv, c));
        tw_input_fault(input, error, "%s is \"%s\"; expected a number %s zero", columns[c].name, text,
                       c == AXES ? "above" : "that is not below");
        return NULL;
      }
    }
    g_array_append_val(rows, r);
  }
  if (problem != NULL) {
    g_propagate_error(error, problem);
    return NULL;
  }
  return g_steal_pointer(&rows);
}

static int by_value(gconstpointer a, gconstpointer b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void make_axis(table *t, int axis, const GArray *rows)
{
  g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(double));
  for (guint i = 0; i < rows->len; i++) {
    const row *r = &g_array_index(rows, row, i);
    if (axis != CONTEXT || r->at[SEQS] > 0)
      g_array_append_val(values, r->at[axis]);
  }
  if (values->len == 0)
    g_array_set_size(values, 1);
  g_array_sort(values, by_value);
  double *v = (double *)(void *)values->data;
  guint n = 1;
  for (guint i = 1; i < values->len; i++)
    if (v[i] != v[n - 1])
      v[n++] = v[i];
  t->n[axis] = n;
  t->axis[axis] = g_memdup2(v, n * sizeof *v);
}

static guint find(const table *t, int axis, double value)
{
  const double *at = bsearch(&value, t->axis[axis], t->n[axis], sizeof value, by_value);
  return at != NULL ? (guint)(at - t->axis[axis]) : G_MAXUINT;
}

static gsize cell(const table *t, guint prefill, guint seqs, guint context)
{
  return ((gsize)prefill * t->n[SEQS] + seqs) * t->n[CONTEXT] + context;
}

/* FALSE with a fault where two rows are of the same batch. */
static gboolean fill(table *t, const GArray *rows, const char *file, tw_faults *faults)
{
  t->least_s = INFINITY;
  for (guint i = 0; i < rows->len; i++) {
    const row *r = &g_array_index(rows, row, i);
    guint p = find(t, PREFILL, r->at[PREFILL]), s = find(t, SEQS, r->at[SEQS]);
    guint first = r->at[SEQS] > 0 ? find(t, CONTEXT, r->at[CONTEXT]) : 0;
    guint last = r->at[SEQS] > 0 ? first : t->n[CONTEXT] - 1;
    g_assert(p < t->n[PREFILL] && s < t->n[SEQS] && last < t->n[CONTEXT]);
    if (!isnan(t->time_s[cell(t, p, s, first)])) {
      tw_faults_add(faults, file, 0, "has two rows for %s %g, %s %g, %s %g; keep one", axis_names[PREFILL],
                    r->at[PREFILL], axis_names[SEQS], r->at[SEQS], axis_names[CONTEXT], r->at[CONTEXT]);
      return FALSE;
    }
    for (guint c = first; c <= last; c++)
      t->time_s[cell(t, p, s, c)] = r->time_s;
    t->least_s = MIN(t->least_s, r->time_s);
  }
  return TRUE;
}

static void *create(const tw_step_setting *setting, const xmlNode *node, tw_faults *faults)
{
  if (setting->table_file == NULL) {
    tw_node_fault(node, faults,
                  "<step-time model=\"table\"> needs file=\"...\", a CSV of measured step times");
    return NULL;
  }
  GError *error = NULL;
  g_autoptr(GArray) rows = read_rows(setting->table_file, &error);
  if (rows == NULL) {
    tw_faults_add(faults, NULL, 0, "%s", error->message);
    g_error_free(error);
    return NULL;
  }
  if (rows->len == 0) {
    tw_faults_add(faults, setting->table_file, 2,
                  "has no rows; give it one for every batch that was measured");
    return NULL;
  }
  table *t = g_new0(table, 1);
  gsize cells = 1;
  for (int a = 0; a < AXES; a++) {
    make_axis(t, a, rows);
    cells = MIN(cells * t->n[a], (gsize)MAX_CELLS * MAX_CELLS);
  }
  if (cells > MAX_CELLS) {
    tw_faults_add(faults, setting->table_file, 0,
                  "spans %zu combinations of its columns; measure on a grid, so that values recur", cells);
    destroy(t);
    return NULL;
  }
  t->time_s = g_new(double, cells);
  for (gsize i = 0; i < cells; i++)
    t->time_s[i] = NAN;
  if (!fill(t, rows, setting->table_file, faults)) {
    destroy(t);
    return NULL;
  }
  for (gsize i = 0; i < cells; i++) {
    if (!isnan(t->time_s[i]))
      continue;
    double at[AXES] = {t->axis[PREFILL][i / t->n[CONTEXT] / t->n[SEQS]],
                       t->axis[SEQS][i / t->n[CONTEXT] % t->n[SEQS]], t->axis[CONTEXT][i % t->n[CONTEXT]]};
    tw_faults_add(
        faults, setting->table_file, 0,
        "lacks a row for %s %g, %s %g, %s %g; every combination of the values of these columns is needed",
        axis_names[PREFILL], at[PREFILL], axis_names[SEQS], at[SEQS], axis_names[CONTEXT], at[CONTEXT]);
    destroy(t);
    return NULL;
  }
  return t;
}

/* The cell below `value` on an axis and how far into it, beyond 0 to 1 where it extrapolates. */
static guint locate(const table *t, int axis, double value, double *into, gboolean *outside)
{
  const double *v = t->axis[axis];
  guint n = t->n[axis], i = 0;
  *into = 0;
  if (value < v[0] || value > v[n - 1])
    *outside = TRUE;
  if (n == 1)
    return 0;
  while (i + 2 < n && value >= v[i + 1])
    i++;
  *into = (value - v[i]) / (v[i + 1] - v[i]);
  return i;
}

/* Time at one context of the grid, linear in the other two. */
static double at_context(const table *t, guint p, double into_p, guint s, double into_s, guint c)
{
  guint p1 = MIN(p + 1, t->n[PREFILL] - 1), s1 = MIN(s + 1, t->n[SEQS] - 1);
  double low = (1 - into_s) * t->time_s[cell(t, p, s, c)] + into_s * t->time_s[cell(t, p, s1, c)];
  double high = (1 - into_s) * t->time_s[cell(t, p1, s, c)] + into_s * t->time_s[cell(t, p1, s1, c)];
  return (1 - into_p) * low + into_p * high;
}

static tw_line rank_time(const table *t, const tw_batch *batch, gint64 *valid, gboolean *outside)
{
  double into_p, into_s, into_c, context = 0;
  guint p = locate(t, PREFILL, (double)batch->prefill_tokens, &into_p, outside);
  guint s = locate(t, SEQS, (double)batch->decode_seqs, &into_s, outside);
  if (batch->decode_seqs == 0)
    return (tw_line){fmax(at_context(t, p, into_p, s, into_s, 0), t->least_s), 0};
  context = (double)batch->decode_context / (double)batch->decode_seqs;
  guint c = locate(t, CONTEXT, context, &into_c, outside), c1 = MIN(c + 1, t->n[CONTEXT] - 1);
  double low = at_context(t, p, into_p, s, into_s, c), high = at_context(t, p, into_p, s, into_s, c1);
  double first = low + into_c * (high - low);
  double growth = c1 > c ? (high - low) / (t->axis[CONTEXT][c1] - t->axis[CONTEXT][c]) : 0;
  double border = context < t->axis[CONTEXT][0] ? t->axis[CONTEXT][0] : t->axis[CONTEXT][c1];
  if (context <= border)
    *valid = MIN(*valid, (gint64)floor(border - context) + 1);
  return tw_line_max((tw_line){first, growth}, (tw_line){t->least_s, 0}, valid);
}

static void cost(const void *state, const tw_batch *ranks, int n_ranks, tw_step_cost *cost)
{
  const table *t = state;
  *cost = (tw_step_cost){.valid = G_MAXINT64, .flops = {NAN, 0}, .bytes = {NAN, 0}};
  for (int i = 0; i < n_ranks; i++) {
    if (ranks[i].decode_seqs + ranks[i].prefill_seqs == 0)
      continue;
    tw_line time_s = rank_time(t, &ranks[i], &cost->valid, &cost->extrapolated);
    cost->time_s = cost->kernels_s = tw_line_max(cost->time_s, time_s, &cost->valid);
    if (ranks[i].prefill_seqs > 0)
      cost->valid = 1;
  }
}

const tw_step_kind tw_step_table = {.name = "table",
                                    .help = "interpolation of measured step times",
                                    .create = create,
                                    .cost = cost,
                                    .destroy = destroy};
