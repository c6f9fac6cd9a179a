#include "sim/what_if/rerun.h"

#include "analysis/log/run_directory.h"
#include "platforms/input/fault.h"

#include <glib/gstdio.h>
#include <libxml/parser.h>
#include <libxml/tree.h>

void tw_rerun_clear(tw_rerun *rerun)
{
  json_decref(rerun->run);
  g_free(rerun->path);
  tw_scenario_free(rerun->scenario);
}

/* Makes paths below `folder` whole, in the attributes of an element and those in it. */
static void make_whole(xmlNode *element, const char *folder)
{
  for (xmlAttr *attribute = element->properties; attribute != NULL; attribute = attribute->next) {
    xmlChar *value = xmlNodeGetContent((xmlNode *)attribute);
    g_autofree char *path = g_canonicalize_filename((const char *)value, folder);
    if (strpbrk((const char *)value, "/.") != NULL && g_file_test(path, G_FILE_TEST_IS_REGULAR))
      xmlSetProp(element, attribute->name, BAD_CAST path);
    xmlFree(value);
  }
  for (xmlNode *inner = xmlFirstElementChild(element); inner != NULL; inner = xmlNextElementSibling(inner))
    make_whole(inner, folder);
}

static gboolean write_scenario(const char *canonical, const char *from, const char *to, GError **error)
{
  g_autofree char *whole = g_canonicalize_filename(from, NULL), *folder = g_path_get_dirname(whole);
  xmlDoc *document = xmlReadMemory(canonical, (int)strlen(canonical), NULL, NULL, XML_PARSE_NONET);
  xmlChar *text = NULL;
  int length = 0;
  if (document == NULL)
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, from, 0, "the scenario in run.json is no XML");
  make_whole(xmlDocGetRootElement(document), folder);
  xmlDocDumpMemory(document, &text, &length);
  gboolean written = g_file_set_contents(to, (const char *)text, length, error);
  xmlFree(text);
  xmlFreeDoc(document);
  return written;
}

static gboolean is_of(const tw_rerun *rerun)
{
  const char *canonical = json_string_value(json_object_get(rerun->run, "scenario"));
  return rerun->scenario != NULL && g_strcmp0(rerun->scenario->canonical, canonical) == 0;
}

gboolean tw_rerun_open(const char *directory, const char *output, tw_rerun *rerun, GError **error)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  rerun->run = tw_run_json_read(directory, error);
  if (rerun->run == NULL)
    return FALSE;
  const json_t *first = json_array_get(json_object_get(rerun->run, "inputs"), 0);
  const char *file = json_string_value(json_object_get(first, "file"));
  const char *canonical = json_string_value(json_object_get(rerun->run, "scenario"));
  if (file == NULL || canonical == NULL)
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, directory, 0, "run.json names no scenario");
  rerun->path = g_strdup(file);
  if (g_file_test(file, G_FILE_TEST_EXISTS))
    rerun->scenario = tw_scenario_load(file, NULL, faults);
  if (is_of(rerun))
    return TRUE;
  tw_scenario_free(rerun->scenario);
  rerun->scenario = NULL;
  g_free(rerun->path);
  rerun->path = g_build_filename(output, "scenario.xml", NULL);
  if (g_mkdir_with_parents(output, 0777) != 0)
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, output, 0, "no directory can be made there");
  if (!write_scenario(canonical, file, rerun->path, error))
    return FALSE;
  g_autoptr(tw_faults) again = tw_faults_new();
  rerun->scenario = tw_scenario_load(rerun->path, NULL, again);
  return rerun->scenario != NULL ||
         tw_input_error_set(error, TW_INPUT_ERROR_VALUE, directory, 0,
                            "its scenario cannot be read from here (run from the directory where it ran): %s",
                            tw_faults_count(again) > 0 ? tw_faults_get(again, 0) : "");
}
