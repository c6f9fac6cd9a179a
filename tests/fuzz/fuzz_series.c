/* Any bytes, read as the small tables beside a scenario, give a table or faults, never both: values over time (prices,
 * carbon, weather, caps, rates), lengths with their weights, tables of a measured service, recorded failures. */
#include "platforms/input/stairs.h"
#include "sim/scenario/scenario.h"
#include "tests/fuzz/input.h"
#include "workloads/draw/length.h"
#include "workloads/stream/servegen.h"

#include <math.h>

static void read_stairs(const char *path, gboolean even)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_stairs) stairs = tw_stairs_load(path, even, 0, 1e9, faults);
  fuzz_check(stairs, faults);
}

static void read_lengths(const char *path)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_length_table) table = tw_length_table_load(path, faults);
  fuzz_check(table, faults);
}

/* The same bytes as arrivals and as lengths. */
static void read_service(const char *path)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  tw_servegen *service = tw_servegen_load(path, path, faults);
  fuzz_check(service, faults);
  tw_servegen_free(service);
}

/* Failures of the hosts "a" and "b", in order, each after its beginning. */
static void read_failures(const char *path)
{
  tw_host hosts[] = {{.id = (char *)"a"}, {.id = (char *)"b"}};
  tw_platform platform = {.hosts = hosts, .n_hosts = G_N_ELEMENTS(hosts)};
  tw_scenario scenario = {.platform = &platform};
  tw_fault_trace trace = {.file = (char *)path, .rate_scale = 1, .part = TW_PART_HOST};
  g_autoptr(tw_faults) faults = tw_faults_new();
  tw_fault_trace_load(&scenario, &trace, faults);
  double before_s = 0;
  for (guint i = 0; i < trace.told->len; i++) {
    const tw_told_failure *told = &g_array_index(trace.told, tw_told_failure, i);
    g_assert(told->start_s >= before_s && told->repaired_s > told->start_s && isfinite(told->repaired_s));
    g_assert(told->component >= 0 && told->component < platform.n_hosts);
    before_s = told->start_s;
  }
  g_array_unref(trace.told);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  int file;
  g_autofree char *path = fuzz_path(data, size, &file);
  read_stairs(path, TRUE);
  read_stairs(path, FALSE);
  read_lengths(path);
  read_service(path);
  read_failures(path);
  close(file);
  return 0;
}
