#include "analysis/log/run_summary.h"

#include "analysis/log/run_directory.h"
#include "platforms/input/fault.h"

#include <math.h>

json_t *tw_run_summary_read(const char *directory, GError **error)
{
  json_t *run = tw_run_json_read(directory, error);
  if (run == NULL)
    return NULL;
  json_decref(run);
  g_autofree char *path = g_build_filename(directory, "summary.json", NULL);
  if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
    tw_input_error_set(error, TW_INPUT_ERROR_FILE, directory, 0,
                       "holds no summary.json: its run still goes, or was killed; run it again to its end");
    return NULL;
  }
  json_error_t fault;
  json_t *summary = json_load_file(path, 0, &fault);
  if (summary == NULL) {
    tw_input_error_set(error, TW_INPUT_ERROR_SYNTAX, path, fault.line, "%s", fault.text);
    return NULL;
  }
  if (json_is_object(summary))
    return summary;
  json_decref(summary);
  tw_input_error_set(error, TW_INPUT_ERROR_SYNTAX, path, 1, "no summary of a run; it must be an object");
  return NULL;
}

double tw_run_summary_number(const json_t *summary, const char *name)
{
  g_auto(GStrv) keys = g_strsplit(name, ".", -1);
  const json_t *value = summary;
  for (char **key = keys; *key != NULL; key++)
    value = json_object_get(value, *key);
  return json_is_number(value) ? json_number_value(value) : NAN;
}

static void add_names(json_t *object, const char *prefix, GPtrArray *names)
{
  const char *key;
  json_t *value;
  json_object_foreach(object, key, value)
  {
    g_autofree char *name = *prefix != '\0' ? g_strdup_printf("%s.%s", prefix, key) : g_strdup(key);
    if (json_is_object(value))
      add_names(value, name, names);
    else if (json_is_number(value))
      g_ptr_array_add(names, g_steal_pointer(&name));
  }
}

GPtrArray *tw_run_summary_names(const json_t *summary)
{
  GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
  add_names((json_t *)summary, "", names);
  return names;
}
