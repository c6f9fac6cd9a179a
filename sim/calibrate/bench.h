/* The measurements of a benchmark, for each request of a server.
 *
 *     vllm bench serve --save-detailed        one JSON object with arrays
 *     SGLang's bench_serving --output-details an object a line, without instants
 *     AIPerf's profile_export                 an object a line for each request
 *     CSV                                     start_s, prompt_tokens, output_tokens, ttft_ms; perhaps e2e_ms
 *     CSV of counters                         t_s, iterations_total: what a scrape of the server's /metrics says
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

/* The iterations that a server had run at an instant on the clock of the requests' starts. */
typedef struct tw_bench_counter {
  double at_s, iterations;
} tw_bench_counter;

/* An array of tw_bench_counter with rising instants and iterations that do not fall, from a CSV of counters; NULL with
 * an error. Free it with g_array_unref. */
GArray *tw_bench_read_counters(const char *path, GError **error);
/* The iterations at an instant, straight between the scrapes; NAN outside of them. */
double tw_bench_iterations(const GArray *counters, double at_s);

#endif
