/* The timeline of a run, as a file that Perfetto opens: what each engine did when, the requests and their
 * phases with arrows from prefill to decode, what failed, steps of jobs, and graphs of queue, KV cache and watts. */
#ifndef TW_ANALYSIS_TIMELINE_H
#define TW_ANALYSIS_TIMELINE_H

#include <glib.h>

/* Both ends belong to it. */
typedef struct tw_id_range {
  gint64 first, last;
} tw_id_range;

typedef struct tw_timeline_options {
  double from_s,
      to_s; /* shows all that was going on in from_s <= time < to_s, whole even if it began before or ended later */
  const GArray *ids;   /* draw these requests alone (tw_id_range); NULL: all */
  const char *session; /* requests of this session; NULL: all */
} tw_timeline_options;

#define TW_TIMELINE_OPTIONS_DEFAULT ((tw_timeline_options){-INFINITY, INFINITY, NULL, NULL})

/* How much there was in the window. */
typedef struct tw_timeline_tally {
  guint64 events, segments, requests;
} tw_timeline_tally;

/* Writes the timeline of the run to `path` (see timeline_file.h). FALSE with TW_INPUT_ERROR if the directory
 * is no run, its tables are damaged or it wrote neither segments nor steps of jobs; with another error if it cannot be written.
 * Nothing is left of a file that failed. */
gboolean tw_timeline_write(const char *directory, const tw_timeline_options *options, const char *path,
                           tw_timeline_tally *tally, GError **error);

#endif
