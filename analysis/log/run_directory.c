#include "analysis/log/run_directory.h"

#include "platforms/input/fault.h"

json_t *tw_run_json_read(const char *directory, GError **error)
{
  g_autofree char *path = g_build_filename(directory, "run.json", NULL);
  json_error_t fault;

  if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
    tw_input_error_set(
        error, TW_INPUT_ERROR_FILE, directory, 0,
        "no run directory: it holds no run.json; name the directory given to `tokenworks run -o`");
    return NULL;
  }
  json_t *run = json_load_file(path, 0, &fault);
  if (run == NULL) {
    tw_input_error_set(error, TW_INPUT_ERROR_SYNTAX, path, fault.line, "%s", fault.text);
    return NULL;
  }
  const json_t *version = json_object_get(json_object_get(run, TW_LOG_RUN_KEY), "version");
  if (json_is_integer(version) && json_integer_value(version) == TW_LOG_VERSION)
    return run;
  if (json_is_integer(version))
    tw_input_error_set(error, TW_INPUT_ERROR_VALUE, path, 0,
                       "its tables are of version %" JSON_INTEGER_FORMAT
                       " of the format; this program reads version %d",
                       json_integer_value(version), TW_LOG_VERSION);
  else
    tw_input_error_set(
        error, TW_INPUT_ERROR_VALUE, path, 0,
        "does not say which version its tables are of; a run of Tokenworks has it in %s.version",
        TW_LOG_RUN_KEY);
  json_decref(run);
  return NULL;
}

gboolean tw_run_json_has_table(const json_t *run, const tw_log_table *table)
{
  const json_t *tables = json_object_get(json_object_get(run, TW_LOG_RUN_KEY), "tables");
  return json_object_get(tables, table->name) != NULL;
}

gboolean tw_run_json_has_column(const json_t *run, const tw_log_table *table, const char *column)
{
  const json_t *tables = json_object_get(json_object_get(run, TW_LOG_RUN_KEY), "tables"),
               *columns = json_object_get(json_object_get(tables, table->name), "columns");
  for (size_t i = 0; i < json_array_size(columns); i++)
    if (g_strcmp0(json_string_value(json_object_get(json_array_get(columns, i), "name")), column) == 0)
      return TRUE;
  return FALSE;
}

static void set_unknown_table(const char *name, GError **error)
{
  g_autofree const char **names = tw_log_table_names();
  g_autofree char *right = tw_suggestion(name, names);
  tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "no table is called '%s'; %s", name, right);
}

static void set_table_not_written(const char *directory, const json_t *run, const char *name, GError **error)
{
  g_autoptr(GString) written = g_string_new(NULL);
  for (int i = 0; i < TW_LOG_TABLES; i++)
    if (tw_run_json_has_table(run, &tw_log_tables[i]))
      g_string_append_printf(written, "%s%s", written->len > 0 ? ", " : "", tw_log_tables[i].name);
  const json_t *site = json_array_get(json_object_get(run, "sites"), 0);
  const char *first = json_string_value(json_object_get(site, "name"));
  g_autofree char *inside = first != NULL ? g_build_filename(directory, first, NULL) : NULL;
  tw_input_error_set(error, TW_INPUT_ERROR_FILE, directory, 0, "this run has no table '%s'; it has %s%s%s",
                     name, written->len > 0 ? written->str : "none",
                     inside != NULL ? ", and each of its sites is a run with the others: " : "",
                     inside != NULL ? inside : "");
}

const tw_log_table *tw_run_table_find(const char *directory, const char *name, GError **error)
{
  const tw_log_table *table = tw_log_table_find(name);
  if (table == NULL) {
    set_unknown_table(name, error);
    return NULL;
  }
  json_t *run = tw_run_json_read(directory, error);
  if (run == NULL)
    return NULL;
  if (!tw_run_json_has_table(run, table)) {
    set_table_not_written(directory, run, name, error);
    table = NULL;
  }
  json_decref(run);
  return table;
}
