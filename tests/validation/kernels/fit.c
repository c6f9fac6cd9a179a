/* Fits a device's <efficiency> elements on measured kernels: `fit-kernels --help`, formats in kernel.h.
 *
 *     fit-kernels --device h100-sxm --source "aiconfigurator (Apache-2.0), TensorRT-LLM 1.3.0rc20" \
 *         gemm=gemm.csv context=context.csv generation=generation.csv moe=moe.csv
 *     fit-kernels --device rtx-4090 model=llama-3.1-8b tp=1 dense=dense.csv attention=attention.csv
 *     fit-kernels --device h100-sxm --judge gemm=gemm.csv
 *
 * Files are FORMAT=FILE; model=NAME and tp=N hold for the files that follow.
 * tests/validation/kernels/devices.sh fits every device that ships. */
#include "tests/validation/kernels/kernel_judge.h"

#include <math.h>
#include <string.h>

enum { MOST_TP = 1024 };

/* One attribute, if it says something. */
static void append(GString *text, const char *name, double value, const char *format, const char *unit)
{
  if (value <= 0)
    return;
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  g_ascii_formatd(number, sizeof number, format, value);
  g_string_append_printf(text, " %s=\"%s%s\"", name, number, unit);
}

/* The row of bf16 is the one for all precisions without a row. */
static void append_element(GString *text, tw_op_class op, tw_precision precision, gboolean alternative,
                           const kernel_fit *fit, const char *source)
{
  const tw_efficiency *e = &fit->efficiency;
  g_autofree char *escaped = g_markup_escape_text(source, -1); /* no > within: see replaced() */
  g_string_append_printf(text, "  <efficiency op=\"%s\"", tw_op_class_names[op]);
  if (precision != TW_BF16)
    g_string_append_printf(text, " precision=\"%s\"", tw_precision_names[precision]);
  if (alternative)
    g_string_append(text, " alternative=\"true\"");
  append(text, "compute-peak", e->compute_peak, "%.3f", "");
  append(text, "mixed-peak", e->mixed_peak, "%.3f", "");
  append(text, "memory", e->memory, "%.3f", "");
  append(text, "launch", e->launch_s * 1e6, "%.1f", "us");
  append(text, "per-token", e->per_token_s * 1e9, "%.1f", "ns");
  append(text, "copy-bytes", e->copy_bytes, "%.1f", "");
  append(text, "token-bytes", e->token_bytes, "%.1f", "");
  append(text, "softmax", e->softmax, "%.0f", "");
  append(text, "chain", e->chain_s > 1e-12 ? e->chain_s * 1e9 : 0, "%.3f", "ns");
  append(text, "per-expert", e->per_expert_s * 1e9, "%.0f", "ns");
  append(text, "near-memory", e->near_memory, "%.3f", "");
  append(text, "ramp", e->ramp_s * 1e6, "%.1f", "us");
  append(text, "routing", e->routing_s * 1e6, "%.1f", "us");
  append(text, "routing-tokens", e->routing_tokens, "%.0f", "");
  if (e->unfused)
    g_string_append(text, " unfused=\"true\"");
  g_string_append_printf(text,
                         "\n              source=\"%s: calibrate on %u kernels in %s of %.3g us to %.3g ms;\n"
                         "              error: median %.1f %%, 90th percentile %.0f %%\"/>\n",
                         escaped, fit->kernels, tw_precision_names[precision], fit->shortest_s * 1e6,
                         fit->longest_s * 1e3, 100 * fit->median, 100 * fit->p90);
}

/* Replaces the elements of what was fitted in the text of a device file by `elements`; others stay. An alternative goes
 * with its class and precision. */
static char *replaced(const char *file, gboolean fitted[TW_OP_CLASSES][TW_PRECISIONS], const char *elements)
{
  g_autoptr(GString) text = g_string_new(file);
  for (int op = 0; op < TW_OP_CLASSES; op++)
    for (int p = 0; p < TW_PRECISIONS; p++) {
      if (!fitted[op][p])
        continue;
      g_autofree char *precision = p == TW_BF16 ? g_strdup("(?! precision=)")
                                                : g_strdup_printf(" precision=\"%s\"", tw_precision_names[p]);
      g_autofree char *pattern =
          g_strdup_printf(" *<efficiency op=\"%s\"%s[^>]*>\n", tw_op_class_names[op], precision);
      g_autoptr(GRegex) regex = g_regex_new(pattern, 0, 0, NULL);
      g_autofree char *without = g_regex_replace_literal(regex, text->str, -1, 0, "", 0, NULL);
      g_string_assign(text, without);
    }
  char *end = strstr(text->str, "</device>");
  if (end == NULL)
    return NULL;
  g_string_insert(text, end - text->str, elements);
  return g_string_free(g_steal_pointer(&text), FALSE);
}

static const kernel_format *format_of(const char *name)
{
  for (const kernel_format *f = kernel_formats; f->name != NULL; f++)
    if (g_str_equal(f->name, name))
      return f;
  return NULL;
}

/* Reads what the arguments name; exits with 2 on bad usage or input. */
static void read_arguments(char **arguments, kernel_context *context, kernel_group *group)
{
  if (arguments == NULL) {
    fprintf(stderr, "no kernels are named: write FORMAT=FILE\n");
    exit(2);
  }
  for (; *arguments != NULL; arguments++) {
    g_auto(GStrv) part = g_strsplit(*arguments, "=", 2);
    const kernel_format *format = part[0] != NULL ? format_of(part[0]) : NULL;
    g_autoptr(GError) error = NULL;
    if (g_strv_length(part) != 2) {
      fprintf(stderr, "%s: write FORMAT=FILE, model=NAME or tp=N\n", *arguments);
    } else if (g_str_equal(part[0], "model")) {
      g_autoptr(tw_faults) faults = tw_faults_new();
      tw_model_free((tw_model *)context->model);
      context->model = tw_model_load(part[1], NULL, faults);
      if (context->model != NULL)
        continue;
      fprintf(stderr, "%s\n", tw_faults_get(faults, 0));
    } else if (g_str_equal(part[0], "tp")) {
      guint64 tp = 0;
      if (g_ascii_string_to_unsigned(part[1], 10, 1, MOST_TP, &tp, NULL)) {
        context->tp = (int)tp;
        continue;
      }
      fprintf(stderr, "%s: expected a whole number from 1 to %d\n", *arguments, MOST_TP);
    } else if (format == NULL) {
      fprintf(stderr, "%s: the format is unknown; see --help\n", *arguments);
    } else if (format->needs_model && context->model == NULL) {
      fprintf(stderr, "%s: write model=NAME before it\n", *arguments);
    } else if (format->read(part[1], context, group, &error)) {
      continue;
    } else {
      fprintf(stderr, "%s\n", error->message);
    }
    exit(2);
  }
}

/* Says which kernels are too few for a fit, and for an error that means something. */
static gboolean enough(const GArray *kernels, tw_op_class op, tw_precision precision)
{
  if (kernels->len > 0 && kernels->len < KERNEL_FIT_LEAST)
    fprintf(stderr, "%s in %s: %u kernels are left out; at least %d are needed\n", tw_op_class_names[op],
            tw_precision_names[precision], kernels->len, KERNEL_FIT_LEAST);
  return kernels->len >= KERNEL_FIT_LEAST;
}

/* Prints how far the device's own elements are off. */
static void judge(const kernel_group *group, const tw_device *device)
{
  for (int op = 0; op < TW_OP_CLASSES; op++)
    for (int p = 0; p < TW_PRECISIONS; p++)
      if (enough(group->kernels[op][p], (tw_op_class)op, (tw_precision)p))
        kernel_judge(group->kernels[op][p], device, (tw_op_class)op, (tw_precision)p,
                     &device->measured[op][p], "");
  for (int p = 0; p < TW_PRECISIONS; p++)
    if (device->alternative[p].memory > 0 && enough(group->alternative[p], TW_OP_EXPERTS, (tw_precision)p))
      kernel_judge_alternative(group, device, (tw_precision)p);
}

int main(int argc, char **argv)
{
  char *name = NULL, *source = NULL, *into = NULL, **arguments = NULL;
  gboolean only_judge = FALSE;
  const GOptionEntry entries[] = {
      {"device", 'd', 0, G_OPTION_ARG_STRING, &name, "Device whose peaks the efficiencies refer to", "NAME"},
      {"source", 's', 0, G_OPTION_ARG_STRING, &source, "Where the measurements come from", "TEXT"},
      {"into", 'i', 0, G_OPTION_ARG_FILENAME, &into,
       "Put the elements in the place of those in this device file, and do not print them", "FILE"},
      {"judge", 'j', 0, G_OPTION_ARG_NONE, &only_judge,
       "Fit nothing: print how far the device's own elements are off, by class and format", NULL},
      {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments, NULL, "FORMAT=FILE..."},
      {NULL, 0, 0, 0, NULL, NULL, NULL}};
  g_autoptr(GOptionContext) options =
      g_option_context_new("- fit a device's efficiencies on measured kernels");
  g_autoptr(GString) help = g_string_new("Formats:\n");
  for (const kernel_format *f = kernel_formats; f->name != NULL; f++)
    g_string_append_printf(help, "  %-12s %s\n", f->name, f->help);
  g_string_append(help, "model=NAME and tp=N hold for the files after them.\n\nExample:\n"
                        "  fit-kernels --device h100-sxm gemm=gemm.csv moe=moe.csv.gz\n");
  g_option_context_set_description(options, help->str);
  g_option_context_add_main_entries(options, entries, NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(tw_faults) faults = tw_faults_new();
  if (!g_option_context_parse(options, &argc, &argv, &error) || name == NULL) {
    fprintf(stderr, "%s\n", error != NULL ? error->message : "--device is missing");
    return 2;
  }
  g_autoptr(tw_device) device = tw_device_load(name, NULL, faults);
  if (device == NULL) {
    fprintf(stderr, "%s\n", tw_faults_get(faults, 0));
    return 2;
  }
  kernel_group group;
  kernel_group_init(&group);
  kernel_context context = {.device = device, .tp = 1};
  read_arguments(arguments, &context, &group);

  g_autoptr(GString) elements = g_string_new(NULL);
  gboolean fitted[TW_OP_CLASSES][TW_PRECISIONS] = {{FALSE}};
  if (only_judge)
    judge(&group, device);
  for (int op = 0; op < TW_OP_CLASSES && !only_judge; op++)
    for (int p = 0; p < TW_PRECISIONS; p++) {
      const GArray *kernels = group.kernels[op][p];
      if (!enough(kernels, (tw_op_class)op, (tw_precision)p))
        continue;
      kernel_fit fit = kernel_fit_run(kernels, device, (tw_op_class)op, (tw_precision)p, FALSE);
      fit.efficiency.mixed_peak = device->measured[op][p].mixed_peak; /* known from elsewhere */
      fit.efficiency.unfused = p != TW_BF16 && g_array_index(kernels, kernel, 0).depth > 0;
      append_element(elements, (tw_op_class)op, (tw_precision)p, FALSE, &fit,
                     source != NULL ? source : "measured");
      fitted[op][p] = TRUE;
      const GArray *others = group.alternative[p];
      if (op != TW_OP_EXPERTS || !enough(others, TW_OP_EXPERTS, (tw_precision)p))
        continue;
      fit = kernel_fit_run(others, device, TW_OP_EXPERTS, (tw_precision)p, TRUE);
      fit.efficiency.mixed_peak = device->measured[op][p].mixed_peak;
      append_element(elements, TW_OP_EXPERTS, (tw_precision)p, TRUE, &fit,
                     source != NULL ? source : "measured");
    }
  int status = 0;
  if (into == NULL) {
    fputs(elements->str, stdout);
  } else {
    g_autofree char *before = NULL, *after = NULL;
    if (!g_file_get_contents(into, &before, NULL, &error) ||
        (after = replaced(before, fitted, elements->str)) == NULL ||
        !g_file_set_contents(into, after, -1, &error)) {
      fprintf(stderr, "%s\n", error != NULL ? error->message : "the file does not end with </device>");
      status = 1;
    }
  }
  kernel_group_clear(&group);
  tw_model_free((tw_model *)context.model);
  g_strfreev(arguments);
  g_free(name);
  g_free(source);
  g_free(into);
  return status;
}
