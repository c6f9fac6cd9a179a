#include "tests/validation/kernels/kernel_judge.h"

#include "tests/validation/quantile.h"

#include <math.h>

static const double MISSED = 1.25; /* times what the same experts take with more tokens */

static void print_errors(const char *op, const char *precision, guint kernels, double median, double p90,
                         const char *about)
{
  printf("%-18s %-10s %6u kernels, error: median %5.1f %%, 90th percentile %5.1f %%%s\n", op, precision,
         kernels, 100 * median, 100 * p90, about);
}

static void print_judged(const GArray *kernels, const tw_device *device, tw_op_class op, tw_precision p,
                         const tw_efficiency *efficiency, const char *about)
{
  kernel_fit fit = {.efficiency = *efficiency};
  kernel_fit_judge(&fit, kernels, device, op, p);
  print_errors(tw_op_class_names[op], tw_precision_names[p], fit.kernels, fit.median, fit.p90, about);
}

/* Returns pointers to the kernels by their series. */
static GHashTable *by_series(const GArray *kernels)
{
  GHashTable *lists =
      g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, (GDestroyNotify)g_ptr_array_unref);
  for (guint i = 0; i < kernels->len; i++) {
    kernel *k = &g_array_index(kernels, kernel, i);
    GPtrArray *list = g_hash_table_lookup(lists, GUINT_TO_POINTER(k->series));
    if (list == NULL)
      g_hash_table_insert(lists, GUINT_TO_POINTER(k->series), list = g_ptr_array_new());
    g_ptr_array_add(list, k);
  }
  return lists;
}

/* Whether the same experts take less time with more tokens. */
static gboolean missed(const kernel *k, GHashTable *lists)
{
  const GPtrArray *list = g_hash_table_lookup(lists, GUINT_TO_POINTER(k->series));
  for (guint i = 0; i < list->len; i++) {
    const kernel *other = g_ptr_array_index(list, i);
    if (other->routed > k->routed && k->seconds > MISSED * other->seconds)
      return TRUE;
  }
  return FALSE;
}

void kernel_judge(const GArray *kernels, const tw_device *device, tw_op_class op, tw_precision p,
                  const tw_efficiency *efficiency, const char *about)
{
  print_judged(kernels, device, op, p, efficiency, about);
  if (g_array_index(kernels, kernel, 0).series == 0)
    return;
  g_autoptr(GHashTable) lists = by_series(kernels);
  g_autoptr(GArray) tuned = g_array_new(FALSE, FALSE, sizeof(kernel));
  for (guint i = 0; i < kernels->len; i++)
    if (!missed(&g_array_index(kernels, kernel, i), lists))
      g_array_append_val(tuned, g_array_index(kernels, kernel, i));
  g_autofree char *without = g_strdup_printf("%s, without those that are faster with more tokens", about);
  if (tuned->len < kernels->len && tuned->len > 0)
    print_judged(tuned, device, op, p, efficiency, without);
}

/* Returns the kernel of the same shape and number of tokens, or NULL. */
static const kernel *same_shape(const kernel *k, GHashTable *lists)
{
  const GPtrArray *list = g_hash_table_lookup(lists, GUINT_TO_POINTER(k->series));
  for (guint i = 0; list != NULL && i < list->len; i++) {
    const kernel *other = g_ptr_array_index(list, i);
    if (other->routed == k->routed)
      return other;
  }
  return NULL;
}

void kernel_judge_alternative(const kernel_group *group, const tw_device *device, tw_precision p)
{
  const GArray *others = group->alternative[p];
  const tw_efficiency *first = &device->measured[TW_OP_EXPERTS][p], *second = &device->alternative[p];
  kernel_judge(others, device, TW_OP_EXPERTS, p, second, ", of the alternative");
  g_autoptr(GHashTable) lists = by_series(group->kernels[TW_OP_EXPERTS][p]);
  g_autoptr(GArray) errors = g_array_new(FALSE, FALSE, sizeof(double));
  for (guint i = 0; i < others->len; i++) {
    const kernel *b = &g_array_index(others, kernel, i), *a = same_shape(b, lists);
    if (a == NULL)
      continue;
    double told = fmin(kernel_seconds(a, device, TW_OP_EXPERTS, p, first),
                       kernel_seconds(b, device, TW_OP_EXPERTS, p, second));
    double error = fabs(told / fmin(a->seconds, b->seconds) - 1);
    g_array_append_val(errors, error);
  }
  if (errors->len == 0)
    return;
  g_array_sort(errors, quantile_by_value);
  print_errors(tw_op_class_names[TW_OP_EXPERTS], tw_precision_names[p], errors->len,
               g_array_index(errors, double, errors->len / 2),
               g_array_index(errors, double, errors->len * 9 / 10), ", of the faster of both");
}
