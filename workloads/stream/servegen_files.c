#include "workloads/stream/servegen_files.h"

#include "platforms/input/fault.h"
#include "platforms/input/units.h"
#include "workloads/input/json.h"

#include <math.h>

enum { START, RATE, CV, LAW, SHAPE, SCALE, COLUMNS };

/* ---- The folder ---- */

#define TRACE   "chunk-%u-trace.csv"
#define DATASET "chunk-%u-dataset.json"

static int by_number(gconstpointer a, gconstpointer b)
{
  guint x = *(const guint *)a, y = *(const guint *)b;
  return (x > y) - (x < y);
}

/* Numbers of the clients whose arrivals lie in a folder, rising. */
static GArray *find_clients(const char *folder)
{
  GArray *clients = g_array_new(FALSE, FALSE, sizeof(guint));
  g_autoptr(GDir) names = g_dir_open(folder, 0, NULL);
  for (const char *name; names != NULL && (name = g_dir_read_name(names)) != NULL;) {
    if (!g_str_has_prefix(name, "chunk-"))
      continue;
    guint number = (guint)g_ascii_strtoull(name + strlen("chunk-"), NULL, 10);
    g_autofree char *expected = g_strdup_printf(TRACE, number);
    if (g_str_equal(name, expected))
      g_array_append_val(clients, number);
  }
  g_array_sort(clients, by_number);
  return clients;
}

GPtrArray *tw_servegen_files(const char *folder)
{
  GPtrArray *files = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GArray) clients = find_clients(folder);
  for (guint i = 0; i < clients->len; i++) {
    guint number = g_array_index(clients, guint, i);
    g_autofree char *trace = g_strdup_printf(TRACE, number), *dataset = g_strdup_printf(DATASET, number);
    g_ptr_array_add(files, g_build_filename(folder, trace, NULL));
    g_ptr_array_add(files, g_build_filename(folder, dataset, NULL));
  }
  return files;
}

/* ---- Arrivals ---- */

static gboolean read_window(tw_servegen *tables, const char *client, const char *line, const tw_input *input,
                            GError **error)
{
  g_auto(GStrv) cells = g_strsplit(line, ",", -1);
  tw_arrival_window window = {.law = TW_ARRIVAL_POISSON, .shape = 1};
  double shape = 1;
  gboolean good = g_strv_length(cells) == COLUMNS && tw_number_parse(cells[START], &window.start_s) &&
                  window.start_s >= 0 && tw_number_parse(cells[RATE], &window.rate_per_s) &&
                  window.rate_per_s >= 0 && window.rate_per_s <= 1e9;
  gboolean has_law = good && *cells[LAW] != '\0';
  good = good && (!has_law || (tw_number_parse(cells[SHAPE], &shape) && shape >= 1e-3 && shape <= 1e3)) &&
         tw_servegen_take_law(cells[LAW], shape, &window);
  if (good)
    return tw_servegen_add_window(tables, client, window, input, error);
  g_autofree char *quoted = tw_input_quote(line);
  return tw_input_fault(input, error,
                        "'%s' is no window of arrivals; start_s,rate,cv,law,shape,scale are needed, the law "
                        "being "
                        "Gamma, Weibull or nothing",
                        quoted);
}

static gboolean read_arrivals(tw_servegen *tables, const char *client, const char *path, GError **error)
{
  g_autoptr(tw_input) input = tw_input_open(path, error);
  GError *problem = NULL;
  char *line;
  gsize length;
  if (input == NULL)
    return FALSE;
  while (tw_input_line(input, &line, &length, &problem))
    if (length > 0 && !read_window(tables, client, line, input, error))
      return FALSE;
  if (problem != NULL)
    g_propagate_error(error, problem);
  return problem == NULL;
}

/* ---- Lengths ---- */

/* Adds the distribution that a text such as "{10: 0.25, 20: 0.75}" is. */
static gboolean read_distribution(tw_servegen *tables, const char *client, tw_servegen_length length,
                                  const char *text, const tw_input *input, GError **error)
{
  const char *c = text + strspn(text, " {");
  while (*c != '}' && *c != '\0') {
    char *colon, *end;
    length.value = g_ascii_strtod(c, &colon);
    gboolean good = colon != c && *colon == ':';
    length.weight = good ? g_ascii_strtod(colon + 1, &end) : NAN;
    if (!good || end == colon + 1 || (*end != ',' && *end != '}')) {
      g_autofree char *quoted = tw_input_quote(c);
      return tw_input_fault(input, error,
                            "%s holds '%s'; values with their probabilities, such as {10: 0.25, 20: 0.75}, "
                            "are needed",
                            tw_servegen_fields[length.field], quoted);
    }
    if (!tw_servegen_add_length(tables, client, length, input, error))
      return FALSE;
    c = end + strspn(end, ", ");
  }
  return TRUE;
}

static int by_start(gconstpointer a, gconstpointer b)
{
  double x = g_ascii_strtod((*(const tw_json *const *)a)->key, NULL),
         y = g_ascii_strtod((*(const tw_json *const *)b)->key, NULL);
  return (x > y) - (x < y);
}

static gboolean has_values(const tw_json *window, const char *field)
{
  const char *text = tw_json_text(window, field);
  return text != NULL && strpbrk(text, "0123456789") != NULL;
}

static gboolean read_lengths(tw_servegen *tables, const char *client, const char *path, GError **error)
{
  g_autoptr(tw_input) input = tw_input_open(path, error);
  if (input == NULL)
    return FALSE;
  g_autoptr(tw_json_reader) reader = tw_json_reader_new(input);
  GError *problem = NULL;
  const tw_json *document = tw_json_next(reader, &problem);
  if (problem != NULL) {
    g_propagate_error(error, problem);
    return FALSE;
  }
  if (document == NULL || document->kind != TW_JSON_OBJECT)
    return tw_input_fault(input, error, "an object of windows, {\"0\": {...}}, is needed");
  g_autoptr(GPtrArray) windows = g_ptr_array_new();
  for (const tw_json *w = document->first; w != NULL; w = w->next)
    g_ptr_array_add(windows, (gpointer)w);
  g_ptr_array_sort(windows, by_start);
  for (guint i = 0; i < windows->len; i++) {
    const tw_json *window = windows->pdata[i];
    tw_servegen_length length = {.field = 0};
    if (!tw_number_parse(window->key, &length.start_s) || length.start_s < 0)
      return tw_json_fault(reader, window, error, "\"%s\" is no start of a window in seconds", window->key);
    if (!has_values(window, tw_servegen_fields[0]) || !has_values(window, tw_servegen_fields[1]))
      continue;
    for (; tw_servegen_fields[length.field] != NULL; length.field++) {
      const char *text = tw_json_text(window, tw_servegen_fields[length.field]);
      if (text != NULL && !read_distribution(tables, client, length, text, input, error))
        return FALSE;
    }
  }
  return TRUE;
}

void tw_servegen_read_files(tw_servegen *tables, const char *folder, tw_faults *faults)
{
  g_autoptr(GPtrArray) files = tw_servegen_files(folder);
  if (files->len == 0)
    tw_faults_add(faults, folder, 0,
                  "no chunk-N-trace.csv lies there; name a folder of ServeGen's data, or give "
                  "lengths, too");
  for (guint i = 0; i < files->len; i += 2) {
    GError *error = NULL;
    g_autofree char *name = g_path_get_basename(files->pdata[i]);
    g_autofree char *client = g_strndup(name + strlen("chunk-"), strcspn(name + strlen("chunk-"), "-"));
    if (read_arrivals(tables, client, files->pdata[i], &error) &&
        read_lengths(tables, client, files->pdata[i + 1], &error))
      continue;
    tw_faults_add(faults, NULL, 0, "%s", error->message);
    g_error_free(error);
  }
}
