/* Any bytes, read as a model, give a model with finite sizes or faults, never both. */
#include "tests/fuzz/fuzz.h"
#include "workloads/models/model.h"

#include <math.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  int file = memfd_create("model", MFD_CLOEXEC);
  g_assert(file >= 0 && write(file, data, size) == (ssize_t)size);
  g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", file);
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_model) model = tw_model_load(path, NULL, faults);
  g_assert((model != NULL) == (tw_faults_count(faults) == 0));
  for (guint i = 0; i < tw_faults_count(faults); i++)
    g_assert(g_utf8_validate(tw_faults_get(faults, i), -1, NULL));
  if (model != NULL) {
    g_assert(isfinite(tw_model_params(model)) && tw_model_params(model) > 0);
    g_assert(tw_model_active_params(model) <= tw_model_params(model));
    tw_sequence_bytes held = tw_model_sequence_bytes(model, 2, 1);
    g_assert(isfinite(held.per_token + held.window + held.state) &&
             held.per_token + held.window + held.state > 0);
  }
  close(file);
  return 0;
}
