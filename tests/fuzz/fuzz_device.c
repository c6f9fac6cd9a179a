/* Any bytes, read as a device, give a device whose rates are above 0 or faults, never both. */
#include "platforms/reader/device.h"
#include "tests/fuzz/input.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  int file;
  g_autofree char *path = fuzz_path(data, size, &file);
  g_autoptr(tw_faults) faults = tw_faults_new();
  tw_device *device = tw_device_load(path, NULL, faults);
  fuzz_check(device, faults);
  if (device != NULL)
    g_assert(device->flops[TW_BF16] > 0 && isfinite(device->flops[TW_BF16]) &&
             device->scale_up_latency_s >= 0);
  tw_device_free(device);
  close(file);
  return 0;
}
