/* Compares the closed forms of collectives with measurements:
 *
 *     validate-collectives [--data DIR]       errors by table, operation and ranks
 *     validate-collectives --rows             ... and of every row
 *     validate-collectives --fit DEVICE       fits a device anew, and prints the elements of its file
 *     validate-collectives --leave-out        fits every device without one number of ranks, and predicts it
 *
 * The tables of aiconfigurator (Apache-2.0) are shipped in tests/validation/data; those whose licence is not
 * known are read from DIR: the sources stand in tests/validation/data/README.md. */
#include "tests/validation/collectives/fit.h"
#include "tests/validation/collectives/predict.h"
#include "tests/validation/quantile.h"

#include <math.h>
#include <stdio.h>

static const char *const devices[] = {"h100-sxm", "h200-sxm", "b200-sxm", "gb200", NULL};

typedef struct options {
  char *data, *fit;
  gboolean rows, leave_out;
} options;

static double error_of(const measured_row *row)
{
  return row->predicted_s / row->measured_s - 1;
}

static void print_errors(const char *what, GArray *errors)
{
  if (errors->len > 0)
    printf("%-62s %5u %8.1f %8.1f %8.1f\n", what, errors->len, 100 * quantile_of(errors, 0.5),
           100 * quantile_of(errors, 0.9), 100 * quantile_of(errors, 1));
}

static void add_error(GHashTable *by_name, GPtrArray *names, const char *name, double error)
{
  GArray *errors = g_hash_table_lookup(by_name, name);
  if (errors == NULL) {
    errors = g_array_new(FALSE, FALSE, sizeof(double));
    char *key = g_strdup(name);
    g_hash_table_insert(by_name, key, errors);
    g_ptr_array_add(names, key);
  }
  g_array_append_val(errors, error);
}

/* Median, 90th percentile and worst from 64 KiB up, of what each row is counted among. */
static void print_groups(const GArray *rows, int ranks)
{
  g_autoptr(GHashTable) by_name =
      g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_array_unref);
  g_autoptr(GPtrArray) names = g_ptr_array_new();
  for (guint i = 0; i < rows->len; i++) {
    const measured_row *row = &g_array_index(rows, measured_row, i);
    if (row->bytes < FIT_LEAST_BYTES || isnan(row->predicted_s) || (ranks > 0 && row->ranks != ranks))
      continue;
    const char *kind = row->fitted ? "fitted" : "predicted";
    g_autofree char *name = g_strdup_printf("%-17s %-9s %-22s %3d %s", row->set, row->device, row->operation,
                                            row->ranks, kind),
                    *all = g_strdup_printf("  all %s", kind);
    add_error(by_name, names, name, fabs(error_of(row)));
    add_error(by_name, names, all, fabs(error_of(row)));
  }
  for (int last = 0; last < 2; last++)
    for (guint i = 0; i < names->len; i++)
      if ((*(const char *)names->pdata[i] == ' ') == last)
        print_errors(names->pdata[i], g_hash_table_lookup(by_name, names->pdata[i]));
}

static void print_head(const char *what)
{
  printf("%-62s %5s %8s %8s %8s\n", what, "rows", "median", "90 %", "worst");
}

static void print_rows(const GArray *rows)
{
  printf("table,device,operation,ranks,domains,bytes,tokens,kind,measured_us,predicted_us,error_percent\n");
  for (guint i = 0; i < rows->len; i++) {
    const measured_row *row = &g_array_index(rows, measured_row, i);
    printf("%s,%s,%s,%d,%d,%.0f,%.0f,%s,%.2f,%.2f,%.1f\n", row->set, row->device, row->operation, row->ranks,
           row->domains, row->bytes, row->tokens, row->fitted ? "fitted" : "predicted", row->measured_s * 1e6,
           row->predicted_s * 1e6, 100 * error_of(row));
  }
}

static tw_device *load(const char *name)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  tw_device *device = tw_device_load(name, NULL, faults);
  for (guint i = 0; i < tw_faults_count(faults); i++)
    fprintf(stderr, "%s\n", tw_faults_get(faults, i));
  if (device == NULL)
    exit(2);
  return device;
}

/* Each number of ranks that a table of the device has, predicted from the others. */
static void leave_out(GArray *rows)
{
  print_head("fitted without these ranks, % of error from 64 KiB up");
  for (int i = 0; devices[i] != NULL; i++) {
    for (int ranks = 2; ranks <= 8; ranks *= 2) {
      g_autoptr(tw_device) device = load(devices[i]);
      for (guint k = 0; k < rows->len; k++)
        g_array_index(rows, measured_row, k).predicted_s = NAN;
      fit(rows, device, ranks);
      predict(rows, device);
      g_autoptr(GArray) some = g_array_new(FALSE, FALSE, sizeof(measured_row));
      for (guint k = 0; k < rows->len; k++) {
        measured_row row = g_array_index(rows, measured_row, k);
        /* DeepEP was measured with 8 ranks a node, one node and two: neither tells the other. */
        gboolean deepep = g_str_has_prefix(row.set, "deepep");
        if (row.fitted && !deepep)
          g_array_append_val(some, row);
      }
      print_groups(some, ranks);
    }
  }
}

int main(int argc, char **argv)
{
  options o = {0};
  const GOptionEntry entries[] = {
      {"data", 0, 0, G_OPTION_ARG_FILENAME, &o.data, "Directory of tables that are not shipped", "DIR"},
      {"rows", 0, 0, G_OPTION_ARG_NONE, &o.rows, "Print every row", NULL},
      {"fit", 0, 0, G_OPTION_ARG_STRING, &o.fit, "Fit a device anew and print its elements", "DEVICE"},
      {"leave-out", 0, 0, G_OPTION_ARG_NONE, &o.leave_out, "Predict each number of ranks from the others",
       NULL},
      G_OPTION_ENTRY_NULL};
  GError *error = NULL;
  GOptionContext *context = g_option_context_new("- compares closed forms of collectives with measurements");
  g_option_context_add_main_entries(context, entries, NULL);
  if (!g_option_context_parse(context, &argc, &argv, &error)) {
    fprintf(stderr, "%s\n", error->message);
    return 2;
  }
  g_option_context_free(context);
  g_autoptr(GString) skipped = g_string_new(NULL);
  GArray *rows = measured_read(o.data, skipped);
  fputs(skipped->str, stderr);
  if (o.leave_out) {
    leave_out(rows);
  } else {
    for (int i = 0; devices[i] != NULL; i++) {
      g_autoptr(tw_device) device = load(devices[i]);
      if (o.fit != NULL && g_str_equal(o.fit, devices[i])) {
        fit(rows, device, 0);
        fit_print(device);
      }
      predict(rows, device);
    }
    if (o.rows)
      print_rows(rows);
    print_head("% of error from 64 KiB up: table, device, operation, ranks");
    print_groups(rows, 0);
  }
  measured_free(rows);
  g_free(o.data);
  g_free(o.fit);
  return 0;
}
