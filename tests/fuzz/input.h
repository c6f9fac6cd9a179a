/* Inputs as files in memory, and what must hold of the faults that are found in them. */
#ifndef TW_TESTS_FUZZ_INPUT_H
#define TW_TESTS_FUZZ_INPUT_H

#include "platforms/input/fault.h"
#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

/* The path of a file that holds these bytes, until `file` is closed. The caller frees it. */
static inline char *fuzz_path(const uint8_t *data, size_t size, int *file)
{
  *file = memfd_create("input", MFD_CLOEXEC);
  g_assert(*file >= 0 && write(*file, data, size) == (ssize_t)size);
  return g_strdup_printf("/proc/self/fd/%d", *file);
}

/* There is either something that was read, or a fault, and each fault can be shown. */
static inline void fuzz_check(const void *read, const tw_faults *faults)
{
  g_assert((read != NULL) == (tw_faults_count(faults) == 0));
  for (guint i = 0; i < tw_faults_count(faults); i++)
    g_assert(g_utf8_validate(tw_faults_get(faults, i), -1, NULL));
}

#endif
