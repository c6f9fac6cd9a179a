/* MLPerf Inference: Offline, Server and Interactive. */
#ifndef TW_TESTS_VALIDATION_DATA_MLPERF_H
#define TW_TESTS_VALIDATION_DATA_MLPERF_H

#include "tests/validation/case.h"

/* The `read` of a data set: offline runs where its name is "mlperf", else those with arrivals. */
gboolean read_mlperf(const validation_set *set, const char *directory, GPtrArray *cases, GError **error);

#endif
