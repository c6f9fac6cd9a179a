#include "workloads/stream/servegen.h"

#include "workloads/draw/population.h"
#include "workloads/input/csv.h"
#include "workloads/stream/servegen_files.h"
#include "workloads/stream/stream_kind.h"

#include <math.h>

enum { INPUT, OUTPUT, RATIO, FIELDS };
const char *const tw_servegen_fields[FIELDS + 1] = {"input_tokens", "output_tokens", "reason_ratio", NULL};

enum { RATIO_UNIT = 1000000 }; /* ratios are kept as whole millionths */

/* The lengths of a client from an instant on. */
typedef struct lengths {
  double start_s;
  GArray *values[FIELDS], *weights[FIELDS]; /* while they are read */
  tw_length_table *tables[FIELDS];
} lengths;

typedef struct client {
  char *name;
  GArray *windows; /* windows (tw_arrival_window) */
  GArray *lengths; /* the lengths of each window (lengths) */
} client;

struct tw_servegen {
  GPtrArray *clients;
  GHashTable *by_name;
  double end_s;
};

/* ---- Reading ---- */

static void clear_lengths(gpointer pointer)
{
  lengths *l = pointer;
  for (int f = 0; f < FIELDS; f++) {
    g_clear_pointer(&l->values[f], g_array_unref);
    g_clear_pointer(&l->weights[f], g_array_unref);
    tw_length_table_free(l->tables[f]);
  }
}

static void free_client(gpointer pointer)
{
  client *c = pointer;
  g_free(c->name);
  g_array_unref(c->windows);
  g_array_unref(c->lengths);
  g_free(c);
}

static client *client_named(tw_servegen *tables, const char *name)
{
  client *c = g_hash_table_lookup(tables->by_name, name);
  if (c != NULL)
    return c;
  c = g_new0(client, 1);
  c->name = g_strdup(name);
  c->windows = g_array_new(FALSE, FALSE, sizeof(tw_arrival_window));
  c->lengths = g_array_new(FALSE, TRUE, sizeof(lengths));
  g_array_set_clear_func(c->lengths, clear_lengths);
  g_ptr_array_add(tables->clients, c);
  g_hash_table_insert(tables->by_name, c->name, c);
  return c;
}

static gboolean read_number(const tw_csv *csv, int column, double low, double high, double *value,
                            GError **error)
{
  const char *text = tw_csv_text(csv, column);
  if (tw_number_parse(text, value) && *value >= low && *value <= high)
    return TRUE;
  g_autofree char *quoted = tw_input_quote(text);
  return tw_input_fault(tw_csv_input(csv), error, "%s is '%s'; a number from %g to %g is needed",
                        tw_csv_name(csv, column), quoted, low, high);
}

gboolean tw_servegen_take_law(const char *pattern, double shape, tw_arrival_window *window)
{
  if (*pattern == '\0')
    return TRUE;
  gboolean gamma = g_ascii_strcasecmp(pattern, "Gamma") == 0;
  window->law = gamma ? TW_ARRIVAL_GAMMA : TW_ARRIVAL_WEIBULL;
  window->shape = shape;
  return gamma || g_ascii_strcasecmp(pattern, "Weibull") == 0;
}

gboolean tw_servegen_add_window(tw_servegen *tables, const char *name, tw_arrival_window window,
                                const tw_input *from, GError **error)
{
  client *c = client_named(tables, name);
  guint n = c->windows->len;
  if (n == 0 && window.start_s > 0) {
    tw_arrival_window silent = {.law = TW_ARRIVAL_POISSON, .shape = 1};
    g_array_append_val(c->windows, silent);
  } else if (n > 0 && g_array_index(c->windows, tw_arrival_window, n - 1).start_s >= window.start_s) {
    return tw_input_fault(from, error,
                          "window_start_s does not rise for client '%s'; sort the rows by client and time",
                          c->name);
  }
  g_array_append_val(c->windows, window);
  return TRUE;
}

enum { CLIENT, WINDOW, RATE, PATTERN, SHAPE };
static const tw_csv_column arrival_columns[] = {{"client_id", FALSE}, {"window_start_s", FALSE},
                                                {"rate_rps", FALSE},  {"pattern", FALSE},
                                                {"param1", FALSE},    {NULL, FALSE}};

static gboolean read_window(tw_servegen *tables, const tw_csv *csv, GError **error)
{
  tw_arrival_window w = {.law = TW_ARRIVAL_POISSON, .shape = 1};
  const char *pattern = tw_csv_text(csv, PATTERN);
  if (!read_number(csv, WINDOW, 0, 1e9, &w.start_s, error) ||
      !read_number(csv, RATE, 0, 1e9, &w.rate_per_s, error))
    return FALSE;
  if (!tw_servegen_take_law(pattern, 1, &w)) {
    g_autofree char *quoted = tw_input_quote(pattern);
    return tw_input_fault(tw_csv_input(csv), error, "pattern is '%s'; Gamma, Weibull or nothing is needed",
                          quoted);
  }
  if (*pattern != '\0' && !read_number(csv, SHAPE, 1e-3, 1e3, &w.shape, error))
    return FALSE;
  return tw_servegen_add_window(tables, tw_csv_text(csv, CLIENT), w, tw_csv_input(csv), error);
}

gboolean tw_servegen_add_length(tw_servegen *tables, const char *name, tw_servegen_length length,
                                const tw_input *from, GError **error)
{
  client *c = client_named(tables, name);
  guint n = c->lengths->len;
  lengths *last = n > 0 ? &g_array_index(c->lengths, lengths, n - 1) : NULL;
  if (last == NULL || last->start_s < length.start_s) {
    lengths next = {.start_s = length.start_s};
    for (int f = 0; f < FIELDS; f++) {
      next.values[f] = g_array_new(FALSE, FALSE, sizeof(gint32));
      next.weights[f] = g_array_new(FALSE, FALSE, sizeof(double));
    }
    g_array_append_val(c->lengths, next);
    last = &g_array_index(c->lengths, lengths, n);
  } else if (last->start_s > length.start_s) {
    return tw_input_fault(from, error,
                          "window_start_s falls for client '%s'; sort the rows by client and time", c->name);
  }
  double most = length.field == RATIO ? 1 : TW_REQUEST_MAX_TOKENS;
  if (!(length.value >= 0 && length.value <= most && length.weight >= 0 && length.weight <= 1e9))
    return tw_input_fault(from, error,
                          "%s is %g with probability %g; a value from 0 to %g, and a probability from 0 on, "
                          "are needed",
                          tw_servegen_fields[length.field], length.value, length.weight, most);
  gint32 whole = (gint32)round(length.field == RATIO ? length.value * RATIO_UNIT : length.value);
  g_array_append_val(last->values[length.field], whole);
  g_array_append_val(last->weights[length.field], length.weight);
  return TRUE;
}

enum { FIELD = 2, VALUE, PROBABILITY };
static const tw_csv_column length_columns[] = {{"client_id", FALSE}, {"window_start_s", FALSE},
                                               {"field", FALSE},     {"value", FALSE},
                                               {"prob", FALSE},      {NULL, FALSE}};

static gboolean read_length(tw_servegen *tables, const tw_csv *csv, GError **error)
{
  tw_servegen_length length = {.field = 0};
  while (length.field < FIELDS && !g_str_equal(tw_csv_text(csv, FIELD), tw_servegen_fields[length.field]))
    length.field++;
  if (length.field == FIELDS) {
    g_autofree char *quoted = tw_input_quote(tw_csv_text(csv, FIELD));
    g_autofree char *hint = tw_suggestion(quoted, tw_servegen_fields);
    return tw_input_fault(tw_csv_input(csv), error, "field is '%s'; %s", quoted, hint);
  }
  double most = length.field == RATIO ? 1 : TW_REQUEST_MAX_TOKENS;
  return read_number(csv, WINDOW, 0, 1e9, &length.start_s, error) &&
         read_number(csv, VALUE, 0, most, &length.value, error) &&
         read_number(csv, PROBABILITY, 0, 1e9, &length.weight, error) &&
         tw_servegen_add_length(tables, tw_csv_text(csv, CLIENT), length, tw_csv_input(csv), error);
}

static void read_table(tw_servegen *tables, const char *path, const tw_csv_column *columns,
                       gboolean (*read)(tw_servegen *, const tw_csv *, GError **), tw_faults *faults)
{
  GError *error = NULL;
  g_autoptr(tw_input) input = tw_input_open(path, &error);
  g_autoptr(tw_csv) csv = input != NULL ? tw_csv_open(input, columns, &error) : NULL;
  while (csv != NULL && tw_csv_next(csv, &error) && read(tables, csv, &error))
    ;
  if (error == NULL)
    return;
  tw_faults_add(faults, NULL, 0, "%s", error->message);
  g_error_free(error);
}

/* Makes a table of what was read of a field; the ratio may be missing: nothing is reasoned then. */
static void close_field(lengths *l, int f, const client *c, const char *path, tw_faults *faults)
{
  guint n = l->values[f]->len;
  if (n > 0)
    l->tables[f] = tw_length_table_new((const gint32 *)(void *)l->values[f]->data,
                                       (const double *)(void *)l->weights[f]->data, n);
  if (l->tables[f] == NULL && (n > 0 || f != RATIO))
    tw_faults_add(faults, path, 0,
                  "the distribution of %s of client '%s' from %g s on has no mass; give it rows with prob "
                  "above 0",
                  tw_servegen_fields[f], c->name, l->start_s);
  g_clear_pointer(&l->values[f], g_array_unref);
  g_clear_pointer(&l->weights[f], g_array_unref);
}

static void close_clients(tw_servegen *tables, const char *arrivals, const char *path, tw_faults *faults)
{
  double step_s = 600; /* ServeGen's, where no client has a second window */
  for (guint i = 0; i < tables->clients->len; i++) {
    client *c = tables->clients->pdata[i];
    double rate = 0;
    for (guint w = 0; w < c->windows->len; w++) {
      const tw_arrival_window *at = &g_array_index(c->windows, tw_arrival_window, w);
      rate += at->rate_per_s;
      tables->end_s = MAX(tables->end_s, at->start_s);
      if (w > 0)
        step_s = at->start_s - at[-1].start_s;
    }
    if (rate > 0 && c->lengths->len == 0)
      tw_faults_add(faults, path, 0, "client '%s' has arrivals and no lengths; add its distributions",
                    c->name);
    for (guint l = 0; l < c->lengths->len; l++)
      for (int f = 0; f < FIELDS; f++)
        close_field(&g_array_index(c->lengths, lengths, l), f, c, path, faults);
  }
  tables->end_s += step_s;
  if (tw_servegen_requests(tables) <= 0)
    tw_faults_add(faults, arrivals, 0, "nothing ever arrives; give a window a rate above 0");
}

tw_servegen *tw_servegen_load(const char *arrivals, const char *path, tw_faults *faults)
{
  guint before = tw_faults_added(faults);
  g_autoptr(tw_servegen) tables = g_new0(tw_servegen, 1);
  tables->clients = g_ptr_array_new_with_free_func(free_client);
  tables->by_name = g_hash_table_new(g_str_hash, g_str_equal);
  if (path == NULL) {
    tw_servegen_read_files(tables, arrivals, faults);
  } else {
    read_table(tables, arrivals, arrival_columns, read_window, faults);
    read_table(tables, path, length_columns, read_length, faults);
  }
  if (tw_faults_added(faults) == before)
    close_clients(tables, arrivals, path != NULL ? path : arrivals, faults);
  return tw_faults_added(faults) == before ? g_steal_pointer(&tables) : NULL;
}

void tw_servegen_free(tw_servegen *tables)
{
  if (tables == NULL)
    return;
  g_hash_table_unref(tables->by_name);
  g_ptr_array_unref(tables->clients);
  g_free(tables);
}

double tw_servegen_span_s(const tw_servegen *tables)
{
  return tables->end_s;
}

int tw_servegen_clients(const tw_servegen *tables)
{
  return (int)tables->clients->len;
}

double tw_servegen_requests(const tw_servegen *tables)
{
  double sum = 0;
  for (guint i = 0; i < tables->clients->len; i++) {
    const GArray *windows = ((client *)tables->clients->pdata[i])->windows;
    for (guint w = 0; w < windows->len; w++) {
      const tw_arrival_window *at = &g_array_index(windows, tw_arrival_window, w);
      double end_s = w + 1 < windows->len ? at[1].start_s : tables->end_s;
      sum += at->rate_per_s * (end_s - at->start_s);
    }
  }
  return sum;
}

double tw_servegen_rate(const tw_servegen *tables, double time_s)
{
  double sum = 0;
  for (guint i = 0; i < tables->clients->len; i++) {
    const GArray *windows = ((client *)tables->clients->pdata[i])->windows;
    for (guint w = windows->len; w-- > 0;)
      if (g_array_index(windows, tw_arrival_window, w).start_s <= time_s) {
        sum += g_array_index(windows, tw_arrival_window, w).rate_per_s;
        break;
      }
  }
  return sum;
}

/* ---- The stream ---- */

typedef struct {
  tw_stream base;
  const tw_servegen *tables;
  tw_population *population;
  tw_chance *chances; /* streams of chance: one for each client and field */
  gint64 limit, emitted;
  double duration_s, now_s;
} service;

static const lengths *lengths_at(const client *c, double time_s)
{
  guint i = c->lengths->len - 1;
  while (i > 0 && g_array_index(c->lengths, lengths, i).start_s > time_s)
    i--;
  return &g_array_index(c->lengths, lengths, i);
}

static gboolean next_served(tw_stream *stream, tw_request *request, GError **error)
{
  (void)error;
  service *source = (service *)stream;
  double due_s = tw_population_due(source->population);
  int index;
  if (source->emitted == source->limit || isinf(due_s))
    return FALSE;
  const char *name = tw_population_take(source->population, &index)->name;
  const lengths *l = lengths_at(source->tables->clients->pdata[index], due_s);
  tw_chance *chances = &source->chances[index * FIELDS];
  gint32 output = MAX(1, tw_length_table_draw(l->tables[OUTPUT], &chances[OUTPUT]));
  double ratio = l->tables[RATIO] != NULL
                     ? (double)tw_length_table_draw(l->tables[RATIO], &chances[RATIO]) / RATIO_UNIT
                     : 0;
  source->now_s = due_s;
  source->emitted++;
  *request = (tw_request){
      .arrival_s = due_s,
      .prompt_tokens = MAX(1, tw_length_table_draw(l->tables[INPUT], &chances[INPUT])),
      .reasoning_tokens = (gint32)round(output * ratio),
      .session = g_strdup(name),
  };
  request->answer_tokens = output - request->reasoning_tokens;
  return TRUE;
}

static double service_progress(const tw_stream *stream)
{
  const service *source = (const service *)stream;
  return MIN(MAX((double)source->emitted / (double)source->limit, source->now_s / source->duration_s), 1);
}

static void free_service(tw_stream *stream)
{
  service *source = (service *)stream;
  tw_population_free(source->population);
  g_free(source->chances);
  g_free(source);
}

static const tw_stream_kind service_kind = {
    .next = next_served, .progress = service_progress, .free = free_service};

tw_stream *tw_stream_servegen(const tw_servegen *tables, const char *name, double scale, gint64 limit,
                              double duration_s, guint64 seed)
{
  guint n = tables->clients->len;
  service *source = g_new0(service, 1);
  g_autofree tw_arrival_options *arrivals = g_new0(tw_arrival_options, n);
  g_autofree const char **names = g_new(const char *, n);
  source->base.kind = &service_kind;
  source->tables = tables;
  source->limit = limit;
  source->duration_s = MIN(duration_s, tables->end_s);
  source->chances = g_new(tw_chance, n * FIELDS);
  for (guint i = 0; i < n; i++) {
    const client *c = tables->clients->pdata[i];
    names[i] = c->name;
    if (c->windows->len > 0) {
      arrivals[i].windows = (const tw_arrival_window *)(void *)c->windows->data;
      arrivals[i].n_windows = (int)c->windows->len;
    }
    for (int f = 0; f < FIELDS; f++) {
      g_autofree char *of_field = g_strdup_printf("%s %s %s", name, c->name, tw_servegen_fields[f]);
      source->chances[i * FIELDS + (guint)f] = tw_chance_new(seed, of_field);
    }
  }
  g_autofree char *gaps = g_strconcat(name, " arrival", NULL);
  source->population = tw_population_of(arrivals, names, (int)n, scale, source->duration_s, seed, gaps);
  return &source->base;
}
