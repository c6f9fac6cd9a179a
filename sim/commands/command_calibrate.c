#include "platforms/input/data.h"
#include "platforms/input/fault.h"
#include "sim/calibrate/bench.h"
#include "sim/calibrate/calibration.h"
#include "sim/commands/command.h"

#include <stdio.h>
#include <string.h>

typedef struct calibrate_values {
  char **from, *counters, *model, *device, *engine, *weights, *kv, *output;
  int tp, dp, ep, max_seqs, max_batched_tokens;
  double held_out;
} calibrate_values;

static void clear_values(calibrate_values *v)
{
  g_strfreev(v->from);
  g_free(v->counters);
  g_free(v->model);
  g_free(v->device);
  g_free(v->engine);
  g_free(v->weights);
  g_free(v->kv);
  g_free(v->output);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(calibrate_values, clear_values)

#define VALUE(member) TW_OPTION(calibrate_values, member)
static const GOptionEntry calibrate_options[] = {
    {"from", 'f', 0, G_OPTION_ARG_FILENAME_ARRAY, VALUE(from),
     "What a benchmark measured: JSON of vllm bench serve --save-detailed, SGLang's --output-details or "
     "AIPerf, or CSV "
     "(start_s, prompt_tokens, output_tokens, ttft_ms and, if there, e2e_ms); may be repeated",
     "FILE"},
    {"counters", 0, 0, G_OPTION_ARG_FILENAME, VALUE(counters),
     "Counters of the server while that ran, scraped from its /metrics: CSV with t_s, on the clock of the "
     "starts, and "
     "iterations_total (vllm:iteration_tokens_total_count)",
     "FILE"},
    {"model", 'm', 0, G_OPTION_ARG_STRING, VALUE(model),
     "Model of the catalogue, or the path of a model file", "NAME"},
    {"device", 'd', 0, G_OPTION_ARG_STRING, VALUE(device), "Device likewise", "NAME"},
    {"engine", 'e', 0, G_OPTION_ARG_STRING, VALUE(engine), "Engine to start from; vllm if absent", "NAME"},
    {"tp", 0, 0, G_OPTION_ARG_INT, VALUE(tp), "Tensor parallelism (1)", "N"},
    {"dp", 0, 0, G_OPTION_ARG_INT, VALUE(dp), "Ranks of attention (1)", "N"},
    {"ep", 0, 0, G_OPTION_ARG_INT, VALUE(ep), "Expert parallelism (1)", "N"},
    {"weights", 'w', 0, G_OPTION_ARG_STRING, VALUE(weights), "Kind of checkpoint (bf16)", "KIND"},
    {"kv", 0, 0, G_OPTION_ARG_STRING, VALUE(kv), "Number format of the KV cache (bf16)", "FORMAT"},
    {"max-seqs", 0, 0, G_OPTION_ARG_INT, VALUE(max_seqs), "Most sequences of an iteration (256)", "N"},
    {"max-batched-tokens", 0, 0, G_OPTION_ARG_INT, VALUE(max_batched_tokens),
     "Most tokens of an iteration (8192)", "N"},
    {"held-out", 0, 0, G_OPTION_ARG_DOUBLE, VALUE(held_out),
     "Share of the requests, the last, that is not fitted (0.5)", "SHARE"},
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, VALUE(output), "Engine file to write", "FILE"},
    G_OPTION_ENTRY_NULL};
#undef VALUE

/* Replaces the value of one attribute of the engine's text. */
static void put(GString *text, const char *name, const char *value)
{
  g_autofree char *pattern = g_strdup_printf("(?<![\\w-])%s=\"[^\"]*\"", name),
                  *escaped = g_markup_escape_text(value, -1),
                  *attribute = g_strdup_printf("%s=\"%s\"", name, escaped);
  g_autoptr(GRegex) regex = g_regex_new(pattern, 0, 0, NULL);
  g_autofree char *changed = g_regex_replace_literal(regex, text->str, -1, 0, attribute, 0, NULL);
  g_string_assign(text, changed);
}

static gboolean write_engine(const calibrate_values *v, const char *engine, const tw_calibration *c,
                             GError **error)
{
  g_autofree char *relative = g_strdup_printf("sim/engines/%s.xml", engine),
                  *path = strchr(engine, '/') != NULL ? g_strdup(engine) : tw_data_path(relative),
                  *before = NULL;
  if (!g_file_get_contents(path, &before, NULL, error))
    return FALSE;
  g_autoptr(GString) text = g_string_new(before), source = g_string_new(NULL);
  g_autofree char *request = g_strdup_printf("%.4gms", c->value[0] * 1e3 / c->host_factor),
                  *iteration = g_strdup_printf("%.4gms", c->value[1] * 1e3),
                  *compute = g_strdup_printf("%.3f", c->value[2]),
                  *label = g_strdup_printf("%s, calibrated", engine);
  g_string_append_printf(
      source,
      "tokenworks calibrate of %s on %u requests of %s on %s, tp %d (90 %%: request +- %.2g ms, iteration "
      "+- %.2g ms, compute +- %.2g); error of %u requests that were not fitted: %.1f %%, %.1f %% before; "
      "from",
      engine, c->fitted, v->model, v->device, v->tp, c->interval[0] * 1e3, c->interval[1] * 1e3,
      c->interval[2], c->held_out, 100 * c->held_out_after, 100 * c->held_out_before);
  for (char **file = v->from; *file != NULL; file++) {
    g_autofree char *content = NULL, *name = g_path_get_basename(*file);
    gsize length = 0;
    if (!g_file_get_contents(*file, &content, &length, error))
      return FALSE;
    g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)content, length);
    g_string_append_printf(source, " %s (SHA-256 %.16s)", name, sum);
  }
  if (!g_str_equal(c->asynchronous, "engine")) {
    if (strstr(text->str, " asynchronous=") == NULL)
      g_string_replace(text, "<engine", "<engine asynchronous=\"\"", 1);
    put(text, "asynchronous", c->asynchronous);
  }
  put(text, "label", label);
  put(text, "request", request);
  put(text, "iteration", iteration);
  put(text, "compute", compute);
  put(text, "source", source->str);
  return g_file_set_contents(v->output, text->str, -1, error);
}

static int by_start(gconstpointer a, gconstpointer b)
{
  double x = ((const tw_bench_request *)a)->start_s, y = ((const tw_bench_request *)b)->start_s;
  return (x > y) - (x < y);
}

static int run_calibrate(const tw_command *command, int argc, char **argv, GError **error)
{
  g_auto(calibrate_values)
      v = {.tp = 1, .dp = 1, .ep = 1, .max_seqs = 256, .max_batched_tokens = 8192, .held_out = 0.5};
  if (!tw_command_read(command, &v, &argc, &argv, error))
    return TW_EXIT_USAGE;
  if (argc > 1 || v.from == NULL || v.model == NULL || v.device == NULL || v.tp < 1 || v.dp < 1 || v.ep < 1 ||
      !(v.held_out >= 0 && v.held_out < 1)) {
    tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                       "calibrate needs --from, --model and --device, tp, dp and ep of 1 or more, and "
                       "--held-out below 1; see "
                       "tokenworks calibrate --help");
    return TW_EXIT_USAGE;
  }
  g_autoptr(GArray) requests = g_array_new(FALSE, FALSE, sizeof(tw_bench_request));
  for (char **file = v.from; *file != NULL; file++)
    if (!tw_bench_read(*file, requests, error))
      return TW_EXIT_USAGE;
  g_array_sort(requests, by_start);
  g_autoptr(GArray) counters = v.counters != NULL ? tw_bench_read_counters(v.counters, error) : NULL;
  if (v.counters != NULL && counters == NULL)
    return TW_EXIT_USAGE;
  const char *engine = v.engine != NULL ? v.engine : "vllm";
  tw_calibration_setup setup = {.model = v.model,
                                .device = v.device,
                                .engine = engine,
                                .weights = v.weights != NULL ? v.weights : "bf16",
                                .kv = v.kv != NULL ? v.kv : "bf16",
                                .tp = v.tp,
                                .dp = v.dp,
                                .ep = v.ep,
                                .max_seqs = v.max_seqs,
                                .max_batched_tokens = v.max_batched_tokens,
                                .held_out = v.held_out,
                                .counters = counters};
  tw_calibration c;
  if (!tw_calibrate(&setup, requests, &c, error))
    return TW_EXIT_USAGE;
  if (c.fitted_after > 1) {
    tw_input_error_set(
        error, TW_INPUT_ERROR_VALUE, NULL, 0,
        "no times of the engine come near those measured: the best are off by %.0f %%; see whether "
        "columns hold the unit that their names say (ttft_ms milliseconds), and whether model, device, "
        "formats and widths are the server's",
        100 * c.fitted_after);
    return TW_EXIT_USAGE;
  }
  printf("%u requests fitted, %u held out\n\n  %-10s %12s %12s  90 %% interval\n", c.fitted, c.held_out, "",
         "shipped", "calibrated");
  for (int a = 0; a < TW_CALIBRATED; a++) {
    double unit = a < 2 ? 1e3 : 1;
    printf("  %-10s %9.3f %-2s %9.3f %-2s  +- %.3f\n", tw_calibrated_names[a], c.shipped[a] * unit,
           a < 2 ? "ms" : "", c.value[a] * unit, a < 2 ? "ms" : "", c.interval[a] * unit);
  }
  if (!g_str_equal(c.asynchronous, "engine"))
    printf("  scheduling %26s  (unlike the shipped engine, as it fits better)\n",
           g_str_equal(c.asynchronous, "true") ? "asynchronous" : "synchronous");
  if (c.value[2] >= 1)
    printf("  compute is at its bound, the peak of the device: are the weights, widths and device the "
           "server's?\n");
  printf("\n  mean error of TTFT and TPOT  %6.1f %%    %6.1f %%  of the fitted requests\n",
         100 * c.fitted_before, 100 * c.fitted_after);
  if (c.held_out > 0)
    printf("  %27s  %6.1f %%    %6.1f %%  of those held out\n", "", 100 * c.held_out_before,
           100 * c.held_out_after);
  if (v.output == NULL)
    return TW_EXIT_OK;
  if (!write_engine(&v, engine, &c, error))
    return TW_EXIT_FAILED;
  g_autofree char *path = g_canonicalize_filename(v.output, NULL), *escaped = g_markup_escape_text(path, -1);
  printf("\n%s is written; name it in a scenario: <step-time engine=\"%s\"/>\n", v.output, escaped);
  return TW_EXIT_OK;
}

const tw_command tw_calibrate_command = {
    .name = "calibrate",
    .summary = "fit an engine's times to a benchmark of your own server",
    .usage = "--from FILE... --model NAME --device NAME [-o ENGINE.xml]",
    .description =
        "Simulates the requests that a benchmark sent to your server, and fits the time of a request, of an "
        "iteration and the share of the FLOP rate to the TTFT and TPOT that it measured, starting from an "
        "engine "
        "that ships. The last half of the requests is held out, and its error printed before and after.",
    .example = "tokenworks calibrate --from bench.json --model qwen3-8b --device h100-sxm -o my-engine.xml",
    .run = run_calibrate,
    .options = calibrate_options};
