/* `tokenworks show`: series of a run as text. */
#include "analysis/show/plot.h"
#include "analysis/show/show.h"
#include "platforms/input/fault.h"
#include "platforms/input/units.h"
#include "sim/commands/command.h"

#include <math.h>
#include <unistd.h>

enum {
  DEFAULT_WIDTH = 80,
  DEFAULT_HEIGHT = 19,
  MIN_WIDTH = 20,
  MAX_WIDTH = 1000,
  MAX_HEIGHT = 500,
  BUCKETS = 4000
};
enum { OVERVIEW_NAME = 22, OVERVIEW_NUMBER = 9, OVERVIEW_UNIT = 11 };

typedef struct {
  char *engine, *rack, *link, *job, *from, *to;
  gint width, height;
  gboolean ascii, list;
} show_values;

#define VALUE(member) TW_OPTION(show_values, member)
static const GOptionEntry show_options[] = {
    {"engine", 'e', 0, G_OPTION_ARG_STRING, VALUE(engine), "Of this engine alone, by its number", "N"},
    {"rack", 'r', 0, G_OPTION_ARG_STRING, VALUE(rack), "Of this rack alone", "NAME"},
    {"link", 'l', 0, G_OPTION_ARG_STRING, VALUE(link), "Of this link alone", "NAME"},
    {"job", 'j', 0, G_OPTION_ARG_STRING, VALUE(job), "Of the steps of this job alone", "ID"},
    {"from", 0, 0, G_OPTION_ARG_STRING, VALUE(from), "From this time on (seconds, or 90min, 2h)", "TIME"},
    {"to", 0, 0, G_OPTION_ARG_STRING, VALUE(to), "Up to this time", "TIME"},
    {"width", 'w', 0, G_OPTION_ARG_INT, VALUE(width), "Characters in a line; default: the terminal's", "N"},
    {"height", 0, 0, G_OPTION_ARG_INT, VALUE(height), "Lines of a plot (19)", "N"},
    {"ascii", 0, 0, G_OPTION_ARG_NONE, VALUE(ascii),
     "Draw with ASCII alone, as where the locale is not UTF-8", NULL},
    {"list", 0, 0, G_OPTION_ARG_NONE, VALUE(list), "List the metrics", NULL},
    G_OPTION_ENTRY_NULL};
TW_COMMAND_VALUES(show_values, show_options)
#undef VALUE

static gboolean refuse(GError **error, const char *message)
{
  return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "%s (see `tokenworks show --help`)",
                            message);
}

static gboolean read_options(const show_values *values, tw_show_options *options, tw_plot *plot,
                             GError **error)
{
  const struct {
    const char *owner, *pick;
  } picks[] = {
      {"engine", values->engine}, {"rack", values->rack}, {"link", values->link}, {"job", values->job}};
  for (guint i = 0; i < G_N_ELEMENTS(picks); i++) {
    if (picks[i].pick == NULL)
      continue;
    if (options->pick != NULL)
      return refuse(error, "choose one of --engine, --rack, --link and --job");
    options->table = tw_show_table_of(picks[i].owner);
    options->pick = picks[i].pick;
  }
  if (!tw_option_read_time("from", values->from, &options->from_s, error) ||
      !tw_option_read_time("to", values->to, &options->to_s, error))
    return FALSE;
  if (!(options->from_s < options->to_s))
    return refuse(error, "--to must be later than --from");
  plot->width = values->width != 0
                    ? values->width
                    : CLAMP(tw_terminal_width(STDOUT_FILENO, DEFAULT_WIDTH), MIN_WIDTH, MAX_WIDTH);
  plot->height = values->height;
  plot->ascii = values->ascii || !g_get_charset(NULL);
  if (plot->width < MIN_WIDTH || plot->width > MAX_WIDTH || plot->height < 4 || plot->height > MAX_HEIGHT)
    return refuse(error, "--width is 20 to 1000 characters, --height 4 to 500 lines");
  return TRUE;
}

static GArray *points_of(const tw_shown *shown, guint column)
{
  GArray *points = g_array_new(FALSE, FALSE, sizeof(tw_plot_point));
  for (guint b = 0; b < tw_series_length(shown->series); b++) {
    tw_bucket bucket = tw_series_get(shown->series, column, b);
    tw_plot_point point = {bucket.min, bucket.max};
    g_array_append_val(points, point);
  }
  return points;
}

/* Least, mean over time, and greatest value. */
static tw_bucket total_of(const tw_shown *shown, guint column)
{
  tw_bucket total = {0, NAN, NAN, 0};
  for (guint b = 0; b < tw_series_length(shown->series); b++) {
    tw_bucket bucket = tw_series_get(shown->series, column, b);
    total.min = fmin(total.min, bucket.min);
    total.max = fmax(total.max, bucket.max);
    if (bucket.time_s > 0) {
      total.mean += bucket.mean * bucket.time_s;
      total.time_s += bucket.time_s;
    }
  }
  total.mean = total.time_s > 0 ? total.mean / total.time_s : NAN;
  return total;
}

static void print_unit(const tw_shown_metric *metric, int width)
{
  g_autofree char *unit = metric->per_s ? g_strdup_printf("%s/s", metric->unit) : g_strdup(metric->unit);
  printf("%-*s", width, unit);
}

/* A line per metric that has values. */
static void print_overview(const tw_shown *shown, const tw_plot *plot)
{
  tw_plot spark = *plot;
  int taken = OVERVIEW_NAME + 3 * (OVERVIEW_NUMBER + 1) + 2 + OVERVIEW_UNIT;
  spark.width = MAX(plot->width - taken, 8);
  printf("%-*s %*s %*s %*s\n", OVERVIEW_NAME, shown->table, OVERVIEW_NUMBER, "min", OVERVIEW_NUMBER, "mean",
         OVERVIEW_NUMBER, "max");
  for (guint i = 0; i < shown->metrics->len; i++) {
    const tw_shown_metric *metric = &g_array_index(shown->metrics, tw_shown_metric, i);
    tw_bucket total = total_of(shown, i);
    if (isnan(total.max))
      continue;
    g_autoptr(GArray) points = points_of(shown, i);
    g_autofree char *line = tw_plot_spark(&spark, (const tw_plot_point *)points->data, points->len);
    printf("%-*s %*.4g %*.4g %*.4g ", OVERVIEW_NAME, metric->name, OVERVIEW_NUMBER, total.min,
           OVERVIEW_NUMBER, total.mean, OVERVIEW_NUMBER, total.max);
    print_unit(metric, OVERVIEW_UNIT);
    printf(" %s\n", line);
  }
  g_autofree char *from = tw_quantity_format(shown->from_s, TW_TIME),
                  *to = tw_quantity_format(shown->to_s, TW_TIME);
  printf("\n%s to %s; `tokenworks show DIR METRIC` plots one, --list names them all\n", from, to);
}

static gboolean print_plot(const tw_shown *shown, const tw_plot *plot, const tw_show_options *options,
                           GError **error)
{
  const tw_shown_metric *metric = &g_array_index(shown->metrics, tw_shown_metric, 0);
  tw_bucket total = total_of(shown, 0);
  if (isnan(total.max))
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0,
                              "%s.%s has no value: the run did not simulate it", shown->table, metric->name);
  g_autoptr(GArray) points = points_of(shown, 0);
  g_autofree char *picture = tw_plot_draw(plot, (const tw_plot_point *)points->data, points->len);
  printf("%s.%s", shown->table, metric->name);
  if (options->pick != NULL)
    printf(" of %s", options->pick);
  printf(": %s", metric->help);
  if (metric->per_s || *metric->unit != '\0')
    printf(", in ");
  print_unit(metric, 0);
  printf("\n%s", picture);
  printf("min %.5g, mean %.5g, max %.5g", total.min, total.mean, total.max);
  if (shown->owners > 1)
    printf("; extremes are of single ones of %u %s", shown->owners, shown->table);
  putchar('\n');
  return TRUE;
}

static void list_metrics(void)
{
  g_autoptr(GPtrArray) names = tw_show_metrics();
  for (guint i = 0; i < names->len; i++)
    puts(names->pdata[i]);
}

static int run(const tw_command *command, int argc, char **argv, GError **error)
{
  g_auto(show_values) values = {.height = DEFAULT_HEIGHT};
  tw_show_options options = {NULL, NULL, -INFINITY, INFINITY, BUCKETS};
  tw_plot plot = {0};
  if (!tw_command_read(command, &values, &argc, &argv, error) ||
      !read_options(&values, &options, &plot, error))
    return TW_EXIT_USAGE;
  if (values.list) {
    list_metrics();
    return TW_EXIT_OK;
  }
  if (argc < 2 || argc > 3) {
    refuse(error, argc < 2 ? "name a run directory" : "name one run directory and one metric");
    return TW_EXIT_USAGE;
  }
  g_autoptr(tw_shown) shown = tw_show_read(argv[1], argc == 3 ? argv[2] : NULL, &options, error);
  if (shown == NULL)
    return TW_EXIT_USAGE;
  plot.from_s = shown->from_s;
  plot.to_s = shown->to_s;
  if (argc == 2)
    print_overview(shown, &plot);
  else if (!print_plot(shown, &plot, &options, error))
    return TW_EXIT_USAGE;
  return TW_EXIT_OK;
}

const tw_command tw_show_command = {
    .name = "show",
    .summary = "plot series of a run in the terminal",
    .usage = "DIR [METRIC]",
    .description = "Plots a column of the tables over time as text; without a metric it prints an overview "
                   "of the site, or of\n"
                   "the engine, rack or link that is picked. A metric is COLUMN or TABLE.COLUMN: running, "
                   "engines.kv_used,\n"
                   "racks.busy, requests.ttft_s. Each column of the plot reaches from the lowest to the "
                   "highest value in it,\n"
                   "so that no peak is hidden.",
    .example = "tokenworks show runs/azure running --from 10min --to 20min",
    .run = run,
    .options = show_options,
};
