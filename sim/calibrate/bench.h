/* The measurements of a benchmark, for each request of a server.
 *
 *     vllm bench serve --save-detailed        one JSON object with arrays
 *     SGLang's bench_serving --output-details an object a line, without instants
 *     AIPerf's profile_export                 an object a line for each request
 *     CSV                                     start_s, prompt_tokens, output_tokens, ttft_ms; perhaps e2e_ms
 *
 * Where no instants are recorded, they follow from the durations: each of the clients (max_concurrency) asks
 * as its last request has ended. */
#ifndef TW_SIM_BENCH_H
#define TW_SIM_BENCH_H

#include <glib.h>

typedef struct tw_bench_request {
  double start_s;
  gint64 prompt_tokens, output_tokens;
  double ttft_s;
  double tpot_s; /* (E2E − TTFT) / (output tokens − 1); NAN: not recorded, or one token */
} tw_bench_request;

/* Appends the completed requests of a file to an array of tw_bench_request, those of several files one after
 * the other; FALSE with an error that says what is missing. */
gboolean tw_bench_read(const char *path, GArray *requests, GError **error);

#endif
