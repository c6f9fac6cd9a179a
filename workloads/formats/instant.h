/* Instants of calendars and clocks, to the nanosecond: doubles of seconds since 1970 keep 240 ns. */
#ifndef TW_WORKLOADS_INSTANT_H
#define TW_WORKLOADS_INSTANT_H

#include "workloads/formats/format.h"

typedef struct tw_instant {
  gint64 s;  /* since 1970, UTC */
  gint64 ns; /* the rest, from 0 to 999,999,999 */
} tw_instant;

/* "2023-11-16 18:15:46.6805900", with T or a blank, with or without seconds, their fraction (behind a point
 * or a comma), AM or PM, and a zone (Z, UTC, +01:00, +0100, +01, names of RFC 2822 and of Europe; none is UTC). Other
 * dates that can be read in one way alone are read too: "16.11.2023", "16 Nov 2023", "Thu, Nov 16, 2023",
 * "16/Nov/2023:18:15:46", and "20231116T181546". */
gboolean tw_instant_parse(const char *text, tw_instant *instant);
/* Dates such as 3/4/2026 and 03-04-26, with the day or the month first. */
gboolean tw_instant_parse_slashes(const char *text, gboolean month_first, tw_instant *instant);
/* The instant that is `count` units after 1970, such as nanoseconds; a second has `per_s` of them. */
tw_instant tw_instant_of(guint64 count, guint64 per_s);
tw_instant tw_instant_of_s(double since_1970_s);

/* Seconds from the first instant that a pass over a trace asked for to this one. FALSE with `error` at the
 * line of the source, where they are over 31 years away. `name` and `text` are those of the field. */
gboolean tw_trace_since_first(tw_trace_source *source, tw_instant instant, const char *name, const char *text,
                              double *seconds, GError **error);

/* The instant under a path: a text in the calendar, or a number of units (text or number). FALSE with
 * `error`. */
gboolean tw_trace_json_instant(tw_trace_source *source, const tw_json *object, const char *path,
                               guint64 per_s, tw_instant *instant, GError **error);
/* Both at once. */
gboolean tw_trace_json_arrival(tw_trace_source *source, const tw_json *object, const char *path,
                               guint64 per_s, double *seconds, GError **error);

static inline double tw_instant_between(tw_instant from, tw_instant to)
{
  return (double)(to.s - from.s) + (double)(to.ns - from.ns) / 1e9;
}

#endif
