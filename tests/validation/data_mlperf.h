/* MLPerf Inference: Offline, Server and Interactive. */
#ifndef TW_TESTS_VALIDATION_DATA_MLPERF_H
#define TW_TESTS_VALIDATION_DATA_MLPERF_H

#include "tests/validation/case.h"

/* The `read` of a data set: runs with arrivals where its name ends in "-server", else those offline. */
gboolean read_mlperf(const validation_set *set, const char *directory, GPtrArray *cases, GError **error);
gboolean read_mlperf_v60(const validation_set *set, const char *directory, GPtrArray *cases, GError **error);

#endif
