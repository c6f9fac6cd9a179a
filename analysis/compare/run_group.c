#include "analysis/compare/run_group.h"

#include "analysis/log/run_directory.h"
#include "analysis/log/run_summary.h"
#include "platforms/input/fault.h"

/* The inputs that a run was made from: the runs of a group must agree in them. */
typedef struct origin {
  char *scenario; /* canonical, without its seed */
  gint64 seed;
} origin;

static void free_origin(gpointer o)
{
  g_free(((origin *)o)->scenario);
  g_free(o);
}

static void decref_summary(gpointer summary)
{
  json_decref(summary);
}

void tw_run_group_free(tw_run_group *group)
{
  if (group == NULL)
    return;
  g_free(group->label);
  g_free(group->first);
  g_ptr_array_unref(group->summaries);
  g_free(group);
}

static gboolean holds_run(const char *path)
{
  g_autofree char *run = g_build_filename(path, "run.json", NULL);
  return g_file_test(run, G_FILE_TEST_EXISTS);
}

static gint compare_paths(gconstpointer a, gconstpointer b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The run directories that a path stands for, sorted. */
static GPtrArray *find_runs(const char *path)
{
  GPtrArray *runs = g_ptr_array_new_with_free_func(g_free);
  if (holds_run(path)) {
    g_ptr_array_add(runs, g_strdup(path));
    return runs;
  }
  g_autoptr(GDir) directory = g_dir_open(path, 0, NULL);
  for (const char *name; directory != NULL && (name = g_dir_read_name(directory)) != NULL;) {
    g_autofree char *inner = g_build_filename(path, name, NULL);
    if (holds_run(inner))
      g_ptr_array_add(runs, g_steal_pointer(&inner));
  }
  g_ptr_array_sort(runs, compare_paths);
  return runs;
}

/* The scenario's root element without its seed; canonical XML has one form of an attribute. */
static char *scenario_without_seed(const char *canonical)
{
  const char *end = strchr(canonical, '>');
  const char *seed = end != NULL ? g_strstr_len(canonical, end - canonical, " seed=\"") : NULL;
  const char *close = seed != NULL ? strchr(seed + strlen(" seed=\""), '"') : NULL;
  if (close == NULL)
    return g_strdup(canonical);
  return g_strdup_printf("%.*s%s", (int)(seed - canonical), canonical, close + 1);
}

static origin *read_origin(const char *path, GError **error)
{
  json_t *run = tw_run_json_read(path, error);
  if (run == NULL)
    return NULL;
  const char *canonical = json_string_value(json_object_get(run, "scenario"));
  origin *o = g_new0(origin, 1);
  o->scenario = scenario_without_seed(canonical != NULL ? canonical : "");
  o->seed = json_integer_value(json_object_get(run, "seed"));
  json_decref(run);
  return o;
}

/* Sees that a run is another sample of what the others are: the same scenario, with a seed of its own. */
static gboolean check_origins(const GPtrArray *runs, const GPtrArray *origins, GError **error)
{
  const origin *last = origins->pdata[origins->len - 1];
  const char *path = runs->pdata[origins->len - 1];
  for (guint i = 0; i + 1 < origins->len; i++) {
    const origin *other = origins->pdata[i];
    if (!g_str_equal(last->scenario, other->scenario))
      return tw_input_error_set(
          error, TW_INPUT_ERROR_VALUE, path, 0,
          "is of another scenario than %s; a group is runs of one scenario that differ in "
          "their seeds, so name these directories one by one",
          (const char *)runs->pdata[i]);
    if (last->seed == other->seed)
      return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, path, 0,
                                "has the seed %" G_GINT64_FORMAT
                                " as %s has; the runs of a group must differ in their seeds (run --seed)",
                                last->seed, (const char *)runs->pdata[i]);
  }
  return TRUE;
}

static gboolean read_runs(tw_run_group *group, const GPtrArray *runs, GError **error)
{
  g_autoptr(GPtrArray) origins = g_ptr_array_new_with_free_func(free_origin);
  for (guint i = 0; i < runs->len; i++) {
    json_t *summary = tw_run_summary_read(runs->pdata[i], error);
    if (summary == NULL)
      return FALSE;
    g_ptr_array_add(group->summaries, summary);
    group->partial += json_is_true(json_object_get(summary, "partial")) ? 1 : 0;
    origin *o = read_origin(runs->pdata[i], error);
    if (o == NULL)
      return FALSE;
    g_ptr_array_add(origins, o);
    if (!check_origins(runs, origins, error))
      return FALSE;
  }
  return TRUE;
}

tw_run_group *tw_run_group_read(const char *path, GError **error)
{
  g_autoptr(tw_run_group) group = g_new0(tw_run_group, 1);
  g_autoptr(GPtrArray) runs = find_runs(path);
  group->summaries = g_ptr_array_new_with_free_func(decref_summary);
  group->label = g_strdup(path);
  for (gsize n = strlen(path); n > 1 && group->label[n - 1] == '/'; n--)
    group->label[n - 1] = '\0';
  if (runs->len == 0) {
    tw_input_error_set(
        error, TW_INPUT_ERROR_FILE, path, 0,
        "neither a run directory (it has no run.json) nor a directory of runs; name what was given "
        "to `tokenworks run -o`");
    return NULL;
  }
  group->first = g_strdup(runs->pdata[0]);
  return read_runs(group, runs, error) ? g_steal_pointer(&group) : NULL;
}

tw_sample tw_run_group_sample(const tw_run_group *group, const char *metric)
{
  g_autofree double *values = g_new(double, group->summaries->len);
  for (guint i = 0; i < group->summaries->len; i++)
    values[i] = tw_run_summary_number(group->summaries->pdata[i], metric);
  return tw_sample_of(values, group->summaries->len);
}
