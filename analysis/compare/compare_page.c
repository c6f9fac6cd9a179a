#include "analysis/compare/compare_page.h"

#include "analysis/compare/compare_print.h"
#include "analysis/report/report.h"
#include "analysis/report/report_json.h"

#include <math.h>

/* Returns the part of tw_report_data that the page draws of one run: {"label", "site", "latency"}. *end_s
 * becomes the end of the longest run so far. */
static json_t *describe_run(const tw_run_group *group, double *end_s, GError **error)
{
  json_t *data = tw_report_data(group->first, error);
  if (data == NULL)
    return NULL;
  *end_s = fmax(*end_s, tw_report_number(data, "end_s"));
  json_t *described = json_pack("{s:o, s:O, s:O}", "label", tw_report_text(group->label), "site",
                                json_object_get(data, "site"), "latency", json_object_get(data, "latency"));
  json_decref(data);
  return described;
}

char *tw_compare_page(const tw_comparison *comparison, const GPtrArray *metrics, GError **error)
{
  json_t *compared = json_array();
  double end_s = 0;
  for (guint g = 0; g < comparison->groups->len; g++) {
    json_t *run = describe_run(comparison->groups->pdata[g], &end_s, error);
    if (run == NULL) {
      json_decref(compared);
      return NULL;
    }
    json_array_append_new(compared, run);
  }
  const tw_run_group *first = comparison->groups->pdata[0];
  json_t *data = json_pack("{s:{s:s}, s:O, s:f, s:o, s:o}", "run", "name", "Comparison", "summary",
                           first->summaries->pdata[0], "end_s", end_s, "comparison",
                           tw_compare_json(comparison, metrics), "compared", compared);
  char *page = tw_report_page_of(data);
  json_decref(data);
  return page;
}
