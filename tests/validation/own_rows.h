/* Rows of a user's own servers as cases, which are never fitted.
 *
 * A CSV file with a line for each measured run. Needed: model, device (names of the catalogue or paths from
 * the working directory), prompt_tokens, output_tokens, and concurrency (a closed loop) or rate_per_s
 * (Poisson arrivals). Optional: engine (vllm), tp, pp, dp, ep, replicas (1), weights, kv (bf16), max_seqs
 * (1024), max_batched_tokens (8192), requests; and what was measured: ttft_mean_s, ttft_p50_s, ttft_p99_s,
 * tpot_mean_s, tpot_p50_s, tpot_p99_s, e2e_mean_s, output_tokens_per_s (of all accelerators), watts (of one
 * accelerator), j_per_output_token. */
#ifndef TW_TESTS_VALIDATION_OWN_ROWS_H
#define TW_TESTS_VALIDATION_OWN_ROWS_H

#include "tests/validation/case.h"

/* Appends the cases of a file; FALSE with an error that names the line. */
gboolean own_rows_read(const char *path, GPtrArray *cases, GError **error);

#endif
