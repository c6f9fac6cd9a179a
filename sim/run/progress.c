#include "sim/run/progress.h"

#include <math.h>

enum { BAR_WIDTH = 12, REFRESH_US = 100000 };

const char *const tw_progress_style_names[TW_PROGRESS_STYLES + 1] = {
    [TW_PROGRESS_NONE] = "none", [TW_PROGRESS_PLAIN] = "plain", [TW_PROGRESS_BAR] = "bar"};

/* "350 s simulated, 1937 requests, 11000/s, 2 s left" */
static char *describe(const tw_progress_view *view, const tw_progress *progress, gint64 now_us)
{
  double wall_s = (double)(now_us - view->start_us) * 1e-6, fraction = progress->fraction;
  GString *text = g_string_new(NULL);
  g_string_append_printf(text, "%.0f s simulated, %" G_GUINT64_FORMAT " requests", progress->simulated_s,
                         progress->ended);
  if (wall_s > 0)
    g_string_append_printf(text, ", %.0f/s", (double)progress->ended / wall_s);
  if (fraction > 0.01 && fraction < 1)
    g_string_append_printf(text, ", %.0f s left", ceil(wall_s * (1 - fraction) / fraction));
  return g_string_free(text, FALSE);
}

static void print_line(tw_progress_view *view, const tw_progress *progress, gint64 now_us)
{
  int tenths = (int)(progress->fraction * 10);
  if (tenths <= view->tenths)
    return;
  g_autofree char *text = describe(view, progress, now_us);
  fprintf(view->out, "%3d %%  %s\n", tenths * 10, text);
  fflush(view->out);
  view->tenths = tenths;
}

static void draw_bar(tw_progress_view *view, const tw_progress *progress, gint64 now_us)
{
  if (view->drawn_us != 0 && now_us - view->drawn_us < REFRESH_US)
    return;
  int filled = (int)(progress->fraction * BAR_WIDTH);
  g_autofree char *text = describe(view, progress, now_us), *ink = g_strnfill((gsize)filled, '=');
  g_autofree char *line = g_strdup_printf("[%s%*s] %3.0f %%  %s", ink, BAR_WIDTH - filled, "",
                                          floor(100 * progress->fraction), text);
  fprintf(view->out, "\r%.*s\033[K", MAX(view->width - 1, 0), line); /* a full line would wrap */
  fflush(view->out);
  view->drawn_us = now_us;
}

void tw_progress_view_update(tw_progress_view *view, const tw_progress *progress, gint64 now_us)
{
  tw_progress bounded = *progress;
  bounded.fraction = CLAMP(progress->fraction, 0, 1);
  if (view->style == TW_PROGRESS_PLAIN)
    print_line(view, &bounded, now_us);
  else if (view->style == TW_PROGRESS_BAR)
    draw_bar(view, &bounded, now_us);
}

void tw_progress_view_end(tw_progress_view *view)
{
  if (view->style == TW_PROGRESS_BAR && view->drawn_us != 0)
    fputs("\r\033[K", view->out);
}
