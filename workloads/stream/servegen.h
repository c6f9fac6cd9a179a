/* ServeGen's client tables: the clients of a measured service, each with its rate, the law of its gaps and
 * its lengths, by window (Xiang et al., arXiv 2505.09999; github.com/alibaba/ServeGen).
 *
 *     arrivals   client_id, window_start_s, rate_rps, cv, pattern (Gamma, Weibull), param1 (shape), param2
 *     lengths    client_id, window_start_s, field (input_tokens, output_tokens, reason_ratio), value, prob
 *
 * The law gives the shape of a client's gaps and the rate their mean: the fitted scale (param2) belongs to
 * gaps within bursts, and would let 28 % too many requests arrive. Fields are drawn independently; reasoning
 * is its ratio of the output. Lengths are those of the last window of theirs that has begun. */
#ifndef TW_WORKLOADS_SERVEGEN_H
#define TW_WORKLOADS_SERVEGEN_H

#include "workloads/draw/arrival.h"
#include "workloads/stream/stream.h"

typedef struct tw_servegen tw_servegen;

/* `lengths` NULL: `arrivals` is a folder of ServeGen's own files (servegen_files.h). NULL with faults, such as a client
 * without lengths. */
tw_servegen *tw_servegen_load(const char *arrivals, const char *lengths, tw_faults *faults);
void tw_servegen_free(tw_servegen *tables);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_servegen, tw_servegen_free)

double tw_servegen_span_s(const tw_servegen *tables);   /* the windows of arrivals together */
double tw_servegen_requests(const tw_servegen *tables); /* the mean number of requests that arrive */
double tw_servegen_rate(const tw_servegen *tables, double time_s);
int tw_servegen_clients(const tw_servegen *tables);

/* Requests of all clients up to `duration_s`, at most to the end of the windows; a client is the session of
 * its requests. `tables` is borrowed. `scale` multiplies the rates; `name` begins the names of streams of
 * chance. */
tw_stream *tw_stream_servegen(const tw_servegen *tables, const char *name, double scale, gint64 limit,
                              double duration_s, guint64 seed);

#endif
