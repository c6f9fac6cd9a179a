/* Plots as text: in braille, two by four dots a character, or in ASCII.
 *
 *     12 ┤      ⡀
 *        │  ⢀⣀⡴⠻⡄
 *      0 ┤⠤⠴⠋⠁  ⠙⠤⠤
 *        └──────────
 *         0s      1h                                                                     */
#ifndef TW_ANALYSIS_PLOT_H
#define TW_ANALYSIS_PLOT_H

#include <glib.h>

/* A stretch of time: the lowest and the highest value in it, between which ink goes; NAN for a gap. */
typedef struct tw_plot_point {
  double low, high;
} tw_plot_point;

typedef struct tw_plot {
  int width, height; /* size of the plot with its axes, in characters */
  gboolean ascii;
  double from_s, to_s; /* the span of the points */
} tw_plot;

/* Points that fill a plot of that width, and those of a sparkline of that width. */
guint tw_plot_points(const tw_plot *plot);
guint tw_plot_spark_points(const tw_plot *plot);

/* The plot, with axes from zero (or the lowest value, if that is below) to a round number. The points are
 * spread over the width. The caller frees it. */
char *tw_plot_draw(const tw_plot *plot, const tw_plot_point *points, guint n);

/* One line of plot->width characters, of the highest values, from 0 (or the lowest) to the highest. The
 * caller frees it. */
char *tw_plot_spark(const tw_plot *plot, const tw_plot_point *points, guint n);

#endif
