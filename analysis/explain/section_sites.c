/* Several sites: a run of each lies in a folder with its name, and is explained there. */
#include "analysis/explain/sections.h"
#include "analysis/explain/words.h"
#include "analysis/log/run_summary.h"

#include <math.h>

void tw_sites_sentence(const tw_explained *e, GString *text)
{
  double guests = tw_run_summary_number(e->summary, "world.guests"),
         refused = tw_run_summary_number(e->summary, "world.refused");
  g_autofree char *served = tw_words_amount(guests), *not_served = tw_words_amount(refused);
  if (guests > 0)
    g_string_append_printf(text, " %s %s served outside the region of their users.", served,
                           guests == 1 ? "was" : "were");
  if (refused > 0)
    g_string_append_printf(text, " %s %s refused by all sites.", not_served, refused == 1 ? "was" : "were");
}

/* What binds the pools of a site, from its own verdict; also adds that as a section. */
static void add_site(tw_explained *e, const char *name, const json_t *explained, GString *binds)
{
  json_t *verdict = json_object_get(explained, "verdict"), *section = tw_section_add(e, name), *line;
  size_t i;
  json_array_foreach(verdict, i, line)
  {
    if (*json_string_value(line) != '\0')
      tw_section_say(section, "%s", json_string_value(line));
  }
  const char *bound = json_string_value(json_array_get(verdict, 2));
  if (bound != NULL && *bound != '\0')
    g_string_append_printf(binds, "%s%s: %s", binds->len > 0 ? " " : "", name, bound);
}

gboolean tw_section_sites(tw_explained *e, GError **error)
{
  g_autoptr(GString) binds = g_string_new(NULL);
  const json_t *sites = json_object_get(e->run, "sites"), *site;
  size_t i;
  json_array_foreach(sites, i, site)
  {
    const char *name = json_string_value(json_object_get(site, "name"));
    g_autofree char *directory = g_build_filename(e->directory, name != NULL ? name : "", NULL);
    json_t *explained = tw_explain(directory, e->options, error);
    if (explained == NULL)
      return FALSE;
    add_site(e, name, explained, binds);
    json_decref(explained);
  }
  g_autofree char *valid = g_utf8_make_valid(binds->str, -1);
  json_array_set_new(json_object_get(e->json, "verdict"), 2, json_string(valid));
  return TRUE;
}
