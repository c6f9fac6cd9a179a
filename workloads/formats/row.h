/* A row of a trace: a request, and what traces of sessions say beyond it. */
#ifndef TW_WORKLOADS_TRACE_ROW_H
#define TW_WORKLOADS_TRACE_ROW_H

#include "workloads/request.h"

#include <math.h>

/* A wait of a request: for the start or the end of another one of its session, and for some time from then
 * on. */
typedef struct tw_trace_wait {
  char *name; /* name of the other request. Owned */
  gboolean for_start;
  double delay_s; /* >= 0 */
} tw_trace_wait;

typedef struct tw_trace_row {
  /* Here the output may be 0 tokens (a prefill alone), and `session` names the conversation or play. */
  tw_request request;
  char *name;  /* name of the request, unique in its session. Owned; NULL if none */
  char *agent; /* agent of the session that asks. Owned; NULL: the first one. "a>b" was started by "a" */
  tw_trace_wait *waits; /* Owned */
  guint n_waits;
  gboolean linked; /* the waits are all that it waits for, even if there are none; else it follows the row
                      before it of its session */
  double delay_s;  /* if it is not linked: time from the end of that row; NAN: as the times say */
  gint32 *piece_tokens; /* tokens of each id of request.hashes, which then are pieces of unequal length, in
                           place of request.hash_tokens. Owned; NULL: blocks */
  double floor_s;       /* time from the begin of its session before which it does not start; NAN: none */
  double service_s;     /* time that the recorded server took; NAN: not recorded */
  gint32 cached_tokens; /* prompt tokens that its cache found; -1: not recorded */
  const char
      *failure; /* why the request cannot be replayed. Borrowed, of few different texts; NULL: it can */
} tw_trace_row;

#define TW_TRACE_ROW_EMPTY                                                                                   \
  {                                                                                                          \
    .delay_s = NAN, .floor_s = NAN, .service_s = NAN, .cached_tokens = -1                                    \
  }

/* Frees what the row owns. */
static inline void tw_trace_row_clear(tw_trace_row *row)
{
  tw_request_clear(&row->request);
  for (guint i = 0; i < row->n_waits; i++)
    g_free(row->waits[i].name);
  g_clear_pointer(&row->waits, g_free);
  g_clear_pointer(&row->name, g_free);
  g_clear_pointer(&row->agent, g_free);
  g_clear_pointer(&row->piece_tokens, g_free);
  row->n_waits = 0;
}

static inline void tw_trace_row_wait(tw_trace_row *row, const char *name, gboolean for_start, double delay_s)
{
  row->waits = g_renew(tw_trace_wait, row->waits, row->n_waits + 1);
  row->waits[row->n_waits++] = (tw_trace_wait){g_strdup(name), for_start, delay_s};
}

#endif
