#include "tests/validation/case.h"

#include "platforms/input/units.h"
#include "workloads/input/csv.h"
#include "workloads/input/input.h"

#include <math.h>
#include <string.h>

const char *const case_metric_names[CASE_METRICS] = {"TTFT",     "TPOT",     "throughput", "E2E",
                                                     "watts",    "J/token",  "TTFT p50",   "TTFT p99",
                                                     "TPOT p50", "TPOT p99", "ITL p50"};

void validation_case_free(validation_case *item)
{
  g_free(item->label);
  g_free(item->model);
  g_free(item->device);
  g_free(item->engine);
  g_free(item->shape);
  g_free(item->failure);
  g_free(item->slopes);
  g_free(item->trace);
  g_free(item->weights);
  g_strfreev(item->assignments);
  g_string_free(item->scenario, TRUE);
  g_free(item);
}

char *validation_platform_name(const char *device, int accelerators)
{
  g_autofree char *base = g_path_get_basename(device);
  return g_strdup_printf("%s-%d.xml", base, accelerators);
}

char *validation_platform(const char *device, int accelerators)
{
  return g_strdup_printf("<?xml version='1.0'?>\n"
                         "<!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n"
                         "<platform version=\"4.1\">\n"
                         "  <zone id=\"node\" routing=\"Full\">\n"
                         "    <prop id=\"tw:role\" value=\"node\"/>\n"
                         "    <host id=\"host\" speed=\"1Gf\">\n"
                         "      <prop id=\"tw:device\" value=\"%s\"/>\n"
                         "      <prop id=\"tw:accelerators\" value=\"%d\"/>\n"
                         "    </host>\n"
                         "  </zone>\n"
                         "</platform>\n",
                         device, accelerators);
}
