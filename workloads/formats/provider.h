/* Traces of providers whose cache is known by its hits alone: ids of blocks that have the same hits. */
#ifndef TW_WORKLOADS_PROVIDER_H
#define TW_WORKLOADS_PROVIDER_H

#include "workloads/formats/format.h"

/* The prompt of a session's request before. */
typedef struct tw_provider_session {
  guint64 key;    /* hash of the session's name */
  guint64 made;   /* ids made so far */
  GArray *hashes; /* guint64 */
} tw_provider_session;

tw_provider_session *tw_provider_session_new(const char *name);
void tw_provider_session_free(gpointer session);

/* Gives the row ids, floor(P / block) in all: those of the request before as far as `cached_tokens` go, then
 * new ones. */
void tw_provider_hashes(tw_provider_session *session, gint32 cached_tokens, gint32 block_tokens,
                        tw_trace_row *row);

#endif
