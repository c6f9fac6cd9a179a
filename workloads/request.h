/* A request: what a user asks of the factory. A plain value; everything that happens to it is kept by `sim`.
 */
#ifndef TW_WORKLOADS_REQUEST_H
#define TW_WORKLOADS_REQUEST_H

#include <glib.h>

typedef struct tw_request {
  guint64 id;                             /* sequence number in the run, from 0, in the order of arrival */
  double arrival_s;                       /* since the start of the run */
  gint32 prompt_tokens;                   /* >= 1 */
  gint32 reasoning_tokens, answer_tokens; /* emitted in this order; the sum, the output, is >= 1 */
  gint32 priority;                        /* lower is served first, 0 is the default (as in vLLM) */
  gint32 n_hashes;
  gint32 hash_tokens;    /* prompt tokens that one hash id stands for: 512 in Mooncake's traces */
  gint32 context_tokens; /* tokens of prompt and output, where the ids go on over the output; else 0 */
  gint32 brought_tokens; /* Leading prompt tokens whose KV comes with the request, from another site. */
  gint32 turn;           /* the turn of the session, by the number that its stream knows */
  guint64
      *hashes; /* ids of the prompt's blocks; equal leading ids are a shared prefix. Owned; NULL if none */
  gboolean warmup; /* statistics leave it out */
  char *session;   /* name of the session or client that asked. Owned; NULL if none */
  const char
      /* Class of traffic, with its own SLO and statistics. Interned (g_intern_string); NULL: none. */
      *class;
} tw_request;

static inline gint32 tw_request_output_tokens(const tw_request *request)
{
  return request->reasoning_tokens + request->answer_tokens;
}

/* Frees what the request owns. */
static inline void tw_request_clear(tw_request *request)
{
  g_free(request->hashes);
  g_free(request->session);
  request->hashes = NULL;
  request->session = NULL;
}

/* The most classes that a trace may name. */
#define TW_REQUEST_MAX_CLASSES 256

/* Bytes that the names of session and class may take together, doubled quotes counted: less than a block of a
 * run's tables has (sim/log/log_format.h), which must hold the row of a request. */
#define TW_REQUEST_MAX_NAME_BYTES 64000

/* The most tokens that a prompt or an output may have: beyond it an input file is taken to be broken. */
#define TW_REQUEST_MAX_TOKENS 16777216

#endif
