/* Any bytes, read as a platform, give a platform whose numbers are in range or faults, never both. */
#include "platforms/reader/platform.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  int file = memfd_create("platform", MFD_CLOEXEC);
  g_assert(file >= 0 && write(file, data, size) == (ssize_t)size);
  g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", file);
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_platform) platform = tw_platform_load(path, faults);
  g_assert((platform != NULL) == (tw_faults_count(faults) == 0));
  for (guint i = 0; i < tw_faults_count(faults); i++)
    g_assert(g_utf8_validate(tw_faults_get(faults, i), -1, NULL));
  for (int i = 0; platform != NULL && i < platform->n_hosts; i++) {
    g_assert(platform->hosts[i].zone < platform->n_zones && platform->hosts[i].speed_flops > 0);
    g_assert((platform->hosts[i].device != NULL) == (platform->hosts[i].accelerators > 0));
    g_assert(tw_platform_domain(platform, i) < platform->n_zones);
  }
  for (int i = 0; platform != NULL && i < platform->n_links; i++)
    g_assert(platform->links[i].bytes_per_s > 0 && platform->links[i].latency_s >= 0);
  for (int i = 0; platform != NULL && i < platform->n_zones; i++)
    g_assert(platform->zones[i].parent < i && platform->zones[i].rack_index < platform->n_racks);
  close(file);
  return 0;
}
