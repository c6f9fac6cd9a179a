/* The table step model: interpolates measured step times.
 *
 * A CSV with the columns prefill_tokens, decode_seqs, context_tokens and time_s holds one row for every
 * combination of the values of its first three columns: prompt tokens of the iteration, sequences that
 * decode, and their mean context. Where decode_seqs is 0 the context does not matter, and one row stands for
 * all. A column attended_tokens, if there is one, makes a fourth axis of the tokens that a prompt token attends to in
 * the mean, itself included: behind d tokens of earlier chunks a chunk of n attends to d + (n + 1) / 2. It does not
 * matter where prefill_tokens is 0. Between rows the time is linear in each axis; beyond them the outermost cell
 * goes on, and the cost says that it extrapolates. */
#include "sim/steptime/step_time.h"
#include "workloads/input/csv.h"

#include <math.h>

enum { PREFILL, SEQS, CONTEXT, ATTENDED, AXES };
enum { MAX_CELLS = 1 << 24 };

typedef struct table {
  double *axis[AXES]; /* ascending */
  guint n[AXES];
  gboolean attended; /* the file has that column */
  double *time_s;    /* [prefill][seqs][context][attended] */
  double least_s;    /* the smallest measured time: no extrapolation falls below it */
} table;

typedef struct row {
  double at[AXES], time_s;
} row;

static const char *const axis_names[AXES] = {"prefill_tokens", "decode_seqs", "context_tokens",
                                             "attended_tokens"};

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

static GArray *read_rows(const char *path, gboolean *attended, GError **error)
{
  static const tw_csv_column columns[] = {{"prefill_tokens", FALSE}, {"decode_seqs", FALSE},
                                          {"context_tokens", FALSE}, {"attended_tokens", TRUE},
                                          {"time_s", FALSE},         {NULL, FALSE}};
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
      if (c == ATTENDED && *tw_csv_text(csv, c) == '\0')
        continue; /* the column is not there, or the row has no prompts */
      *attended |= c == ATTENDED;
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
    if ((axis != CONTEXT || r->at[SEQS] > 0) && (axis != ATTENDED || r->at[PREFILL] > 0))
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

static gsize cell(const table *t, guint prefill, guint seqs, guint context, guint attended)
{
  return (((gsize)prefill * t->n[SEQS] + seqs) * t->n[CONTEXT] + context) * t->n[ATTENDED] + attended;
}

/* The places of a row on an axis: all of them where it does not matter. */
static void places(const table *t, int axis, gboolean matters, double value, guint *first, guint *last)
{
  *first = matters ? find(t, axis, value) : 0;
  *last = matters ? *first : t->n[axis] - 1;
  g_assert(*last < t->n[axis]);
}

/* FALSE with a fault where two rows are of the same batch. */
static gboolean fill(table *t, const GArray *rows, const char *file, tw_faults *faults)
{
  t->least_s = INFINITY;
  for (guint i = 0; i < rows->len; i++) {
    const row *r = &g_array_index(rows, row, i);
    guint p = find(t, PREFILL, r->at[PREFILL]), s = find(t, SEQS, r->at[SEQS]);
    guint c0, c1, a0, a1;
    g_assert(p < t->n[PREFILL] && s < t->n[SEQS]);
    places(t, CONTEXT, r->at[SEQS] > 0, r->at[CONTEXT], &c0, &c1);
    places(t, ATTENDED, r->at[PREFILL] > 0, r->at[ATTENDED], &a0, &a1);
    if (!isnan(t->time_s[cell(t, p, s, c0, a0)])) {
      g_autoptr(GString) where = g_string_new(NULL);
      for (int a = 0; a < (t->attended ? AXES : ATTENDED); a++)
        g_string_append_printf(where, "%s%s %g", a > 0 ? ", " : "", axis_names[a], r->at[a]);
      tw_faults_add(faults, file, 0, "has two rows for %s; keep one", where->str);
      return FALSE;
    }
    for (guint c = c0; c <= c1; c++)
      for (guint a = a0; a <= a1; a++)
        t->time_s[cell(t, p, s, c, a)] = r->time_s;
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
  gboolean attended = FALSE;
  g_autoptr(GArray) rows = read_rows(setting->table_file, &attended, &error);
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
  t->attended = attended;
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
    g_autoptr(GString) where = g_string_new(NULL);
    gsize rest = i;
    for (int a = AXES - 1; a >= 0; rest /= t->n[a], a--)
      if (a != ATTENDED || t->attended) {
        g_autofree char *place =
            g_strdup_printf("%s %g%s", axis_names[a], t->axis[a][rest % t->n[a]], where->len > 0 ? ", " : "");
        g_string_prepend(where, place);
      }
    tw_faults_add(faults, setting->table_file, 0,
                  "lacks a row for %s; every combination of the values of these columns is needed",
                  where->str);
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

/* Time at one context of the grid, linear in the other axes: over the corners of the cell. */
static double at_context(const table *t, const guint *at, const double *into, guint context)
{
  static const int axes[] = {PREFILL, SEQS, ATTENDED};
  double sum = 0;
  for (guint corner = 0; corner < 1U << G_N_ELEMENTS(axes); corner++) {
    guint place[AXES];
    double weight = 1;
    for (guint k = 0; k < G_N_ELEMENTS(axes); k++) {
      int a = axes[k];
      guint up = corner >> k & 1;
      place[a] = MIN(at[a] + up, t->n[a] - 1);
      weight *= up == 1 ? into[a] : 1 - into[a];
    }
    if (weight != 0)
      sum += weight * t->time_s[cell(t, place[PREFILL], place[SEQS], context, place[ATTENDED])];
  }
  return sum;
}

static tw_line rank_time(const table *t, const tw_batch *batch, gint64 *valid, gboolean *outside)
{
  double into[AXES] = {0}, into_c, context = 0;
  guint at[AXES] = {0};
  at[PREFILL] = locate(t, PREFILL, (double)batch->prefill_tokens, &into[PREFILL], outside);
  at[SEQS] = locate(t, SEQS, (double)batch->decode_seqs, &into[SEQS], outside);
  if (t->attended && batch->prefill_tokens > 0)
    at[ATTENDED] =
        locate(t, ATTENDED, batch->prefill_context / (double)batch->prefill_tokens, &into[ATTENDED], outside);
  if (batch->decode_seqs == 0)
    return (tw_line){fmax(at_context(t, at, into, 0), t->least_s), 0};
  context = (double)batch->decode_context / (double)batch->decode_seqs;
  guint c = locate(t, CONTEXT, context, &into_c, outside), c1 = MIN(c + 1, t->n[CONTEXT] - 1);
  double low = at_context(t, at, into, c), high = at_context(t, at, into, c1);
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
  static const tw_batch dummy = {.decode_seqs = 1, .decode_context = 1};
  gboolean works = FALSE, beside = FALSE;
  for (int i = 0; i < n_ranks; i++)
    works |= ranks[i].decode_seqs + ranks[i].prefill_seqs > 0;
  gint64 bends = G_MAXINT64;
  if (!works)
    cost->time_s.first = cost->kernels_s.first = rank_time(t, &dummy, &bends, &beside).first;
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
