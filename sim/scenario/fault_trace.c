/* Recorded failures: who broke when, and when it was repaired. */
#include "sim/scenario/failures.h"
#include "sim/scenario/scenario.h"
#include "workloads/input/csv.h"

#include <math.h>

#define DAY_S 86400.0

enum { OWN_START, OWN_END, OWN_COMPONENT, HBD_TIME, HBD_SERVER, HBD_EVENT };
static const tw_csv_column columns[] = {{"start_s", TRUE},   {"end_s", TRUE},  {"component", TRUE},
                                        {"time_days", TRUE}, {"server", TRUE}, {"event", TRUE},
                                        {NULL, FALSE}};

/* A server that is broken: since when, and by how many faults. */
typedef struct broken {
  double since_s;
  int faults;
} broken;

/* State of the reading of a trace. */
typedef struct reading {
  const tw_scenario *scenario;
  tw_fault_trace *trace;
  tw_csv *csv;
  GHashTable *components; /* by name, their number + 1 */
  GHashTable *open;       /* by server, broken; its faults overlap, and count as one */
  double last_s;
} reading;

static gboolean add(reading *r, int component, double start_s, double repaired_s)
{
  const tw_fault_trace *trace = r->trace;
  double begins_s = (start_s - trace->start_s) / trace->rate_scale;
  tw_told_failure told = {begins_s, begins_s + (repaired_s - start_s), component};
  if (begins_s >= 0)
    g_array_append_val(trace->told, told);
  return TRUE;
}

static gboolean fault(const reading *r, GError **error, const char *text)
{
  const tw_input *input = tw_csv_input(r->csv);
  return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, tw_input_path(input), tw_input_line_number(input),
                            "%s", text);
}

static gboolean read_number(const reading *r, int column, double *value, GError **error)
{
  const char *text = tw_csv_text(r->csv, column);
  if (tw_number_parse(text, value) && *value >= 0)
    return TRUE;
  g_autofree char *why = g_strdup_printf("%s \"%s\" is no time; write a number that is not negative",
                                         tw_csv_name(r->csv, column), text);
  return fault(r, error, why);
}

static gboolean read_own(reading *r, GError **error)
{
  double start_s, end_s;
  const char *name = tw_csv_text(r->csv, OWN_COMPONENT);
  int component = GPOINTER_TO_INT(g_hash_table_lookup(r->components, name)) - 1;
  if (!read_number(r, OWN_START, &start_s, error) || !read_number(r, OWN_END, &end_s, error))
    return FALSE;
  g_autofree char *why =
      component < 0 ? g_strdup_printf("\"%s\" is no %s of the site; name one of the platform's", name,
                                      tw_failing_part_names[r->trace->part])
      : end_s <= start_s
          ? g_strdup_printf("is repaired at %g s, not after it broke at %g s; write a later end_s", end_s,
                            start_s)
          : NULL;
  return why != NULL ? fault(r, error, why) : add(r, component, start_s, end_s);
}

/* Servers are components by their numbers; those that the site does not have are left out. */
static void add_server(reading *r, gint64 server, double start_s, double repaired_s)
{
  if (server < tw_failing_components(r->scenario, (tw_failing_part)r->trace->part) && repaired_s > start_s)
    add(r, (int)server, start_s, repaired_s);
}

/* InfiniteHBD (SIGCOMM 2025) tells the start and the end of each fault in rows of their own. */
static gboolean read_event(reading *r, GError **error)
{
  double days, server;
  if (!read_number(r, HBD_TIME, &days, error) || !read_number(r, HBD_SERVER, &server, error))
    return FALSE;
  const char *event = tw_csv_text(r->csv, HBD_EVENT);
  gint64 key = (gint64)server;
  double now_s = days * DAY_S;
  broken *known = g_hash_table_lookup(r->open, &key), begins = {now_s, 0};
  r->last_s = fmax(r->last_s, now_s);
  if (g_str_equal(event, "start")) {
    if (known == NULL)
      g_hash_table_insert(r->open, g_memdup2(&key, sizeof key), known = g_memdup2(&begins, sizeof begins));
    known->faults++;
    return TRUE;
  }
  if (!g_str_equal(event, "end"))
    return fault(r, error, "event must be start or end");
  if (known == NULL)
    return fault(r, error, "is repaired before it broke; let a start of that server come first");
  if (--known->faults > 0)
    return TRUE;
  add_server(r, key, known->since_s, now_s);
  g_hash_table_remove(r->open, &key);
  return TRUE;
}

/* A component that is never repaired is so at the end of the trace. */
static void close_events(reading *r)
{
  GHashTableIter iter;
  gpointer key, value;
  g_hash_table_iter_init(&iter, r->open);
  while (g_hash_table_iter_next(&iter, &key, &value))
    add_server(r, *(gint64 *)key, ((broken *)value)->since_s, r->last_s);
}

static gint by_start(gconstpointer a, gconstpointer b)
{
  const tw_told_failure *x = a, *y = b;
  return x->start_s != y->start_s ? (x->start_s > y->start_s) - (x->start_s < y->start_s)
                                  : x->component - y->component;
}

static gboolean read_rows(reading *r, GError **error)
{
  gboolean own = TRUE, events = TRUE;
  for (const char *const *absent = tw_csv_absent(r->csv); *absent != NULL; absent++)
    for (int i = 0; columns[i].name != NULL; i++)
      if (g_str_equal(*absent, columns[i].name))
        *(i <= OWN_COMPONENT ? &own : &events) = FALSE;
  if (!own && !events)
    return tw_input_error_set(
        error, TW_INPUT_ERROR_VALUE, r->trace->file, 1,
        "has neither the columns start_s, end_s, component nor time_days, server, event");
  GError *problem = NULL;
  while (tw_csv_next(r->csv, &problem))
    if (!(own ? read_own : read_event)(r, error))
      return FALSE;
  if (problem != NULL) {
    g_propagate_error(error, problem);
    return FALSE;
  }
  close_events(r);
  return TRUE;
}

void tw_fault_trace_load(const tw_scenario *scenario, tw_fault_trace *trace, tw_faults *faults)
{
  g_autoptr(GError) error = NULL;
  trace->told = g_array_new(FALSE, FALSE, sizeof(tw_told_failure));
  g_autoptr(tw_input) input = tw_input_open(trace->file, &error);
  g_autoptr(tw_csv) csv = input != NULL ? tw_csv_open(input, columns, &error) : NULL;
  if (csv != NULL) {
    reading r = {.scenario = scenario,
                 .trace = trace,
                 .csv = csv,
                 .components = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                 .open = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free)};
    g_autoptr(GPtrArray) names = tw_failing_names(scenario, (tw_failing_part)trace->part);
    for (guint i = 0; i < names->len; i++)
      g_hash_table_insert(r.components, g_strdup(names->pdata[i]), GINT_TO_POINTER(i + 1));
    read_rows(&r, &error);
    g_hash_table_unref(r.components);
    g_hash_table_unref(r.open);
  }
  if (error != NULL)
    tw_faults_add(faults, NULL, 0, "%s", error->message);
  g_array_sort(trace->told, by_start);
}

/* ---- Failures that the platform itself tells: the state_file and speed_file of its hosts and links ---- */

static void add_profile(const tw_scenario *scenario, const tw_availability *profile, tw_failing_part part,
                        int component)
{
  tw_fault_trace trace = {.file = g_strdup(profile->file),
                          .rate_scale = 1,
                          .detection_s = scenario->failures->profile_detection_s,
                          .part = (int)part,
                          .told = g_array_new(FALSE, FALSE, sizeof(tw_told_failure)),
                          .profile = profile,
                          .component = component};
  g_array_append_val(scenario->failures->traces, trace);
}

void tw_fault_profiles_add(const tw_scenario *scenario, tw_faults *faults)
{
  const tw_platform *platform = scenario->platform;
  for (guint i = 0; i < platform->profiles->len; i++) {
    const tw_availability *profile = &g_array_index(platform->profiles, tw_availability, i);
    int first = profile->item, n = 1;
    if (profile->of_link && platform->profiled)
      tw_faults_add(
          faults, platform->path, platform->links[profile->item].line,
          "state_file of <link>: other links of this platform have a bandwidth_file, and their changes "
          "cannot be taken together; write these as <fault part=\"link\" at=\"...\"> of the scenario");
    if (profile->of_link)
      n = tw_failing_components_of_link(platform, profile->item, &first);
    for (int k = 0; k < n; k++)
      add_profile(scenario, profile, profile->of_link ? TW_PART_LINK : TW_PART_HOST, first + k);
  }
}
