/* Explains a run from its logs, in sentences and numbers.
 *
 *     {"name", "verdict": [three sentences], "sections": [{"title", "lines": [...]}],
 *      "pools": [{"id", "binds_s": {"compute": s, ...}, "engine_seconds": {"weights": s, ...}, "waiting_s": {...},
 *                 "headroom_estimate"}],
 *      "binds": [{"pool", "binds", "from_s", "to_s"}], the longest spans in which one thing bound a pool,
 *      "sessions": {"count", "requests", "span_s", "served_s", "tool_wait_s"}, sums over those of several requests,
 *      "classes": {NAME: {"requests", "met", "unfinished", "ttft_s.p99", ...}}, "spans": [{"from_s", "to_s", and as a class}],
 *      "latencies": {"ttft_s.p99": {"value_s", "request", "parts_s": {"queue": s, ...}}}, "links": [...]}
 */
#ifndef TW_ANALYSIS_EXPLAIN_H
#define TW_ANALYSIS_EXPLAIN_H

#include <glib.h>
#include <jansson.h>

typedef struct tw_explain_options {
  double from_s, to_s;    /* Times of the run; requests count by their arrival. */
  gint64 request;         /* this one alone; -1: all */
  int engine;             /* this one alone; -1: all */
  const char *percentile; /* "ttft.p99"; NULL: the usual ones */
  const char *class;      /* the requests of this class alone; NULL: all */
} tw_explain_options;
extern const tw_explain_options tw_explain_all;

/* NULL with TW_INPUT_ERROR where the directory holds no complete run, or not what is asked for. The caller owns
 * the reference. */
json_t *tw_explain(const char *directory, const tw_explain_options *options, GError **error);

/* The sentences, a line each. The caller frees it. */
char *tw_explain_text(const json_t *explained);

#endif
