/* Tells a person how far a run is. */
#ifndef TW_SIM_PROGRESS_H
#define TW_SIM_PROGRESS_H

#include <glib.h>

#include <stdio.h>

/* How far a run is. */
typedef struct tw_progress {
  double simulated_s;
  double fraction; /* share of the input that was read, 0 to 1 */
  guint64 ended;   /* requests that have ended */
} tw_progress;

typedef enum {
  TW_PROGRESS_NONE,
  TW_PROGRESS_PLAIN, /* a line per 10 % */
  TW_PROGRESS_BAR,   /* one line on a terminal, drawn over and over, at most ten times a second */
  TW_PROGRESS_STYLES
} tw_progress_style;
extern const char *const tw_progress_style_names[TW_PROGRESS_STYLES + 1]; /* NULL-terminated */

typedef struct tw_progress_view {
  tw_progress_style style;
  FILE *out;
  gint64 start_us; /* when the run began, on a monotonic clock, as every now_us below */
  int width;       /* columns of the terminal: the bar takes no more */
  gint64 drawn_us; /* when the bar was drawn last; 0: never */
  int tenths;      /* tenths of the input whose line was printed */
} tw_progress_view;

/* Shows how far the run is. Cheap where nothing is due. */
void tw_progress_view_update(tw_progress_view *view, const tw_progress *progress, gint64 now_us);
/* The run has ended: takes the bar away. */
void tw_progress_view_end(tw_progress_view *view);

#endif
