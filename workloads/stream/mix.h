/* Several streams as one, in the order of arrival: the classes of a workload. */
#ifndef TW_WORKLOADS_MIX_H
#define TW_WORKLOADS_MIX_H

#include "workloads/stream/sessions.h"

/* A member: its requests get its class and priority, and it is told how those of its class end. */
typedef struct tw_mix_member {
  tw_stream *stream;
  const char *class; /* interned, different from the others' */
  gint32 priority;
} tw_mix_member;

/* Owns the members' streams. At most `limit` requests come out of it. Members may not fail. */
tw_stream *tw_stream_mix(const tw_mix_member *members, int n, gint64 limit);

#endif
