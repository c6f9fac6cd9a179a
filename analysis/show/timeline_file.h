/* A file in the trace event format, which Perfetto (ui.perfetto.dev) and chrome://tracing open.
 *
 *     process  a row group of the timeline: an engine, the site
 *     track    a row of it, on which slices follow or nest, but do not overlap
 *     span     like a slice; spans of one id lie on a row of their own and may overlap those of others
 *     arrow    leads from slice to slice
 *     counter  a graph
 *
 * Format: "Trace Event Format", Google,
 * docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU (the JSON object format; phases X,
 * i, b, e, s, t, f, C, M). Times are seconds here, and microseconds with three decimals in the file, rounded
 * to nanoseconds once, so that what touched touches still. */
#ifndef TW_ANALYSIS_TIMELINE_FILE_H
#define TW_ANALYSIS_TIMELINE_FILE_H

#include <glib.h>

typedef struct tw_timeline_file tw_timeline_file;

typedef struct tw_track {
  int process, track;
} tw_track;

typedef enum { TW_ARROW_START, TW_ARROW_STEP, TW_ARROW_END } tw_arrow;

/* Writes gzip if the path ends in .gz, else plain; to standard output if it is "-". NULL with `error` set. */
tw_timeline_file *tw_timeline_file_open(const char *path, GError **error);
/* Ends the file. FALSE if anything could not be written; the file is then removed. Frees. */
gboolean tw_timeline_file_close(tw_timeline_file *file, GError **error);
/* Gives it up: removes what was written, and frees. */
void tw_timeline_file_discard(tw_timeline_file *file);

/* Events so far. */
guint64 tw_timeline_file_events(const tw_timeline_file *file);

/* Names, in any order with the events. Processes are shown by ascending number. */
void tw_timeline_name_process(tw_timeline_file *file, int process, const char *name);
void tw_timeline_name_track(tw_timeline_file *file, tw_track track, const char *name);

/* `args` of all of these is JSON, "{...}"; names need no escaping. */
void tw_timeline_slice(tw_timeline_file *file, tw_track track, const char *name, double start_s, double end_s,
                       const char *args);
void tw_timeline_instant(tw_timeline_file *file, tw_track track, const char *name, double time_s,
                         const char *args);
/* Spans of one category and id nest in the order in which they are written. */
void tw_timeline_span(tw_timeline_file *file, int process, const char *category, gint64 id, const char *name,
                      double start_s, double end_s, const char *args);
/* Begins a span that others nest in; tw_timeline_span_end ends it. */
void tw_timeline_span_begin(tw_timeline_file *file, int process, const char *category, gint64 id,
                            const char *name, double start_s, const char *args);
void tw_timeline_span_end(tw_timeline_file *file, int process, const char *category, gint64 id,
                          const char *name, double end_s);
/* A point of the arrow of that id, inside the slice that is on the track then. */
void tw_timeline_arrow(tw_timeline_file *file, tw_track track, tw_arrow point, gint64 id, double time_s);
/* `args` holds the graph's numbers by name; several are stacked. */
void tw_timeline_counter(tw_timeline_file *file, int process, const char *name, double time_s,
                         const char *args);

#endif
