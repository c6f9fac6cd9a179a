#include "analysis/show/plot.h"

#include "platforms/input/units.h"

#include <math.h>

enum {
  LABEL_WIDTH = 8,
  FRAME_WIDTH = LABEL_WIDTH + 2,
  FRAME_HEIGHT = 2
};                               /* labels, a blank, an axis; axis, labels */
enum { DOTS_X = 2, DOTS_Y = 4 }; /* dots of a braille character */
enum { BRAILLE = 0x2800 };

/* Unicode's bits of a braille character, by row and column of the dot. */
static const guint8 braille_bits[DOTS_Y][DOTS_X] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};

static int canvas_width(const tw_plot *plot)
{
  return MAX(plot->width - FRAME_WIDTH, 8);
}

static int canvas_height(const tw_plot *plot)
{
  return MAX(plot->height - FRAME_HEIGHT, 2);
}

guint tw_plot_points(const tw_plot *plot)
{
  return (guint)(canvas_width(plot) * (plot->ascii ? 1 : DOTS_X));
}

guint tw_plot_spark_points(const tw_plot *plot)
{
  return (guint)MAX(plot->width, 1);
}

/* The points that column x of n_columns shows. */
static tw_plot_point point_at(const tw_plot_point *points, guint n, guint x, guint n_columns)
{
  guint from = (guint)((guint64)x * n / n_columns), to = (guint)((guint64)(x + 1) * n / n_columns);
  tw_plot_point sum = {NAN, NAN};
  for (guint i = from; i < MAX(to, from + 1) && i < n; i++) {
    sum.low = fmin(sum.low, points[i].low); /* ignores NAN */
    sum.high = fmax(sum.high, points[i].high);
  }
  return sum;
}

/* 1, 2, 2.5 or 5 times a power of ten, at or above the value. */
static double round_up(double value)
{
  static const double steps[] = {1, 2, 2.5, 5, 10};
  double power = pow(10, floor(log10(value)));
  for (guint i = 0; i < G_N_ELEMENTS(steps); i++)
    if (steps[i] * power >= value * (1 - 1e-12))
      return steps[i] * power;
  return value;
}

/* The least and the greatest value that the vertical axis shows. */
static tw_plot_point find_range(const tw_plot_point *points, guint n)
{
  tw_plot_point range = point_at(points, n, 0, 1);
  double low = fmin(range.low, 0), high = fmax(range.high, 0);
  range.low = low < 0 ? -round_up(-low) : 0;
  range.high = high > 0 ? round_up(high) : low < 0 ? 0 : 1;
  return range;
}

/* ---- The canvas ---- */

typedef struct canvas {
  int width, height; /* size of the plot, in dots */
  guint8 *dots;
} canvas;

static int dot_row(const canvas *c, tw_plot_point range, double value)
{
  double up = (value - range.low) / (range.high - range.low) * (c->height - 1);
  return c->height - 1 - (int)lround(CLAMP(up, 0, c->height - 1));
}

/* Ink from the lowest to the highest value of each column, and on to its neighbour's. */
static void ink(canvas *c, tw_plot_point range, const tw_plot_point *points, guint n)
{
  int last_top = -1, last_bottom = -1;
  for (int x = 0; x < c->width; x++) {
    tw_plot_point p = point_at(points, n, (guint)x, (guint)c->width);
    if (isnan(p.high)) {
      last_top = last_bottom = -1;
      continue;
    }
    int top = dot_row(c, range, p.high), bottom = dot_row(c, range, p.low);
    int from = top, to = bottom;
    if (last_top > bottom) /* the neighbour lies lower: reach down to it */
      to = last_top - 1;
    else if (last_bottom >= 0 && last_bottom < top)
      from = last_bottom + 1;
    for (int y = from; y <= to; y++)
      c->dots[y * c->width + x] = 1;
    last_top = top;
    last_bottom = bottom;
  }
}

static void append_cell(GString *text, const canvas *c, gboolean ascii, int column, int row)
{
  if (ascii) {
    g_string_append_c(text, c->dots[row * c->width + column] ? '*' : ' ');
    return;
  }
  gunichar cell = BRAILLE;
  for (int y = 0; y < DOTS_Y; y++)
    for (int x = 0; x < DOTS_X; x++)
      if (c->dots[(row * DOTS_Y + y) * c->width + column * DOTS_X + x])
        cell |= braille_bits[y][x];
  g_string_append_unichar(text, cell == BRAILLE ? ' ' : cell);
}

/* Drops blanks at the end of the last line, and ends it. */
static void end_line(GString *text)
{
  while (text->len > 0 && text->str[text->len - 1] == ' ')
    g_string_truncate(text, text->len - 1);
  g_string_append_c(text, '\n');
}

static void append_time_axis(GString *text, const tw_plot *plot, int width)
{
  g_autofree char *from = tw_quantity_format(plot->from_s, TW_TIME);
  g_autofree char *middle = tw_quantity_format((plot->from_s + plot->to_s) / 2, TW_TIME);
  g_autofree char *to = tw_quantity_format(plot->to_s, TW_TIME);
  int left = width / 2 - (int)strlen(middle) / 2 - (int)strlen(from);
  int right = width - (int)strlen(from) - left - (int)strlen(middle) - (int)strlen(to);
  g_string_append_printf(text, "%*s%s", FRAME_WIDTH, "", from);
  if (left > 0 && right > 0)
    g_string_append_printf(text, "%*s%s%*s%s", left, "", middle, right, "", to);
  else
    g_string_append_printf(text, " to %s", to);
  end_line(text);
}

char *tw_plot_draw(const tw_plot *plot, const tw_plot_point *points, guint n)
{
  int width = canvas_width(plot), height = canvas_height(plot);
  canvas c = {plot->ascii ? width : width * DOTS_X, plot->ascii ? height : height * DOTS_Y, NULL};
  g_autofree guint8 *dots = g_new0(guint8, (gsize)(c.width * c.height));
  c.dots = dots;
  tw_plot_point range = find_range(points, n);
  ink(&c, range, points, n);

  GString *text = g_string_new(NULL);
  for (int row = 0; row < height; row++) {
    gboolean labelled = row == 0 || row == height - 1 || (height > 6 && height % 2 == 1 && row == height / 2);
    double value = range.high - (range.high - range.low) * row / (height - 1);
    g_autofree char *label = labelled ? g_strdup_printf("%.4g", value) : g_strdup("");
    g_string_append_printf(text, "%*s %s", LABEL_WIDTH, label,
                           plot->ascii ? (labelled ? "+" : "|") : (labelled ? "┤" : "│"));
    for (int column = 0; column < width; column++)
      append_cell(text, &c, plot->ascii, column, row);
    end_line(text);
  }
  g_string_append_printf(text, "%*s %s", LABEL_WIDTH, "", plot->ascii ? "+" : "└");
  for (int column = 0; column < width; column++)
    g_string_append(text, plot->ascii ? "-" : "─");
  g_string_append_c(text, '\n');
  append_time_axis(text, plot, width);
  return g_string_free(text, FALSE);
}

char *tw_plot_spark(const tw_plot *plot, const tw_plot_point *points, guint n)
{
  static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  static const char *const letters[] = {"_", ".", "-", "=", "+", "*", "%", "#"};
  tw_plot_point range = point_at(points, n, 0, 1);
  guint columns = tw_plot_spark_points(plot);
  double low = fmin(range.low, 0), span = range.high - low;
  GString *text = g_string_new(NULL);
  for (guint x = 0; x < columns; x++) {
    double value = point_at(points, n, x, columns).high;
    int level = span > 0 ? (int)lround((value - low) / span * 7) : 0;
    g_string_append(text, isnan(value) ? " " : plot->ascii ? letters[level] : blocks[level]);
  }
  return g_string_free(text, FALSE);
}
