/* Any bytes, read as a generator of requests, give a generator or faults, never both. */
#include "tests/fuzz/input.h"
#include "workloads/stream/generator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  int file;
  g_autofree char *path = fuzz_path(data, size, &file);
  g_autoptr(tw_faults) faults = tw_faults_new();
  tw_generator *generator = tw_generator_load(path, NULL, faults);
  fuzz_check(generator, faults);
  tw_generator_free(generator);
  close(file);
  return 0;
}
