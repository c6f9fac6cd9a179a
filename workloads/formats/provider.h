/* Traces of providers whose cache is known by its hits alone: ids of blocks that have the same hits. */
#ifndef TW_WORKLOADS_PROVIDER_H
#define TW_WORKLOADS_PROVIDER_H

#include "workloads/formats/format.h"

/* The prompt of a session's request before. */
typedef struct tw_provider_session {
  guint64 key;    /* hash of the session's name */
  guint64 made;   /* ids made so far */
  GArray *hashes; /* guint64 */
  double sent_s;  /* when it was sent */
} tw_provider_session;

tw_provider_session *tw_provider_session_new(const char *name);
void tw_provider_session_free(gpointer session);

/* Gives the row ids, floor(P / block) in all: those of the request before as far as its `cached_tokens` go, then
 * new ones. A note tells where the one before was sent later: not all that its cache found is then found again. */
void tw_provider_hashes(tw_trace_source *source, tw_provider_session *session, tw_trace_row *row);

#endif
