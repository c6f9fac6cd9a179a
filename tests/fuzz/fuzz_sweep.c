/* Any bytes, read as a sweep, give a sweep with at least one run or faults, never both. */
#include "sim/sweep/sweep.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  int file;
  g_autofree char *path = fuzz_path(data, size, &file);
  g_autoptr(tw_faults) faults = tw_faults_new();
  tw_sweep *sweep = tw_sweep_load(path, faults);
  fuzz_check(sweep, faults);
  g_assert(sweep == NULL || tw_sweep_runs(sweep) > 0);
  tw_sweep_free(sweep);
  close(file);
  return 0;
}
