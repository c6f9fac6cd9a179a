/* Fits the power law of a device on measured serving runs, and prints what it predicts and by how much it
 * errs:
 *
 *     build/release/tests/fit-power --data DIR
 *
 * DIR/measured/ml_energy.csv: steady-state watts and joules per token against the batch size (ML.ENERGY
 * Leaderboard v3, github.com/ml-energy/leaderboard; not shipped, its licence is not stated there).
 * DIR/measured/power_*spl.csv[.gz]: wall power of an 8-GPU server at 1 s (MLPerf Inference v5.1, likewise).
 *
 * The columns tp and dp of rows with experts are not the server's: it is started with tensor parallelism over all of
 * its accelerators (spawn_vllm of github.com/ml-energy/benchmark).
 *
 * In each row, requests of `prompt` + `output` tokens run in a batch of n, so that an iteration computes n
 * decodes at the mean context and n/output prompts:
 *
 *     watts = accelerators · (idle + active · kernels, collectives left out)
 *           + (a · flops + b · bytes) · iterations/s
 *
 * `law` takes the iterations per second from the measured tokens per second, and so tests the law alone;
 * `all` takes them from the step model with the overheads of vLLM 0.12, the release nearest to the
 * measurements, and tests the law and the step time together. Fitted rows choose a0, b and active (least
 * squares of relative errors; b is at least what the memory alone needs, the others at least 0); a FLOP in a
 * narrower format costs less by as much as its peak rate is higher; the rate at which a FLOP costs half
 * (sim/power/power.h) was chosen by hand, one share of the peak for all devices. Rows marked blind chose none
 * of the three. */
#include "platforms/reader/supply.h"
#include "sim/power/power.h"
#include "tests/validation/quantile.h"

#include <zlib.h>

#include <math.h>

/* Prompts of the two tasks, tokens: an assumption, the measurements do not tell. */
static const struct {
  const char *task;
  gint64 tokens;
} prompts[] = {{"lm-arena-chat", 300}, {"gpqa", 300}};

static const struct {
  const char *name, *model;
  tw_precision weights, attention;
} models[] = {{"Qwen/Qwen3-30B-A3B-Instruct-2507", "qwen3-30b-a3b", TW_BF16, TW_BF16},
              {"Qwen/Qwen3-32B", "qwen3-32b", TW_BF16, TW_BF16},
              {"Qwen/Qwen3-8B", "qwen3-8b", TW_BF16, TW_BF16},
              {"Qwen/Qwen3-235B-A22B-Instruct-2507-FP8", "qwen3-235b-a22b", TW_FP8_BLOCK, TW_FP8_BLOCK},
              {"deepseek-ai/DeepSeek-V3.1", "deepseek-v3", TW_FP8_BLOCK, TW_FP8_BLOCK},
              {"meta-llama/Llama-3.1-405B-Instruct-FP8", "llama-3.1-405b", TW_FP8, TW_FP8},
              {"openai/gpt-oss-120b", "gpt-oss-120b", TW_FP4, TW_BF16},
              {"openai/gpt-oss-20b", "gpt-oss-20b", TW_FP4, TW_BF16},
              {"meta-llama/Llama-3.1-70B-Instruct", "llama-3.1-70b", TW_BF16, TW_BF16},
              {"meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b", TW_BF16, TW_BF16}};

/* The devices of the rows; every third row of each is fitted. */
static const struct {
  const char *gpu, *device;
} devices[] = {{"H100", "h100-sxm"}, {"B200", "b200-sxm"}};

/* HBM2: 3.9 pJ/bit (O'Connor et al., Fine-Grained DRAM, MICRO 2017). */
#define LEAST_PJ_PER_BYTE 31.2
#define ARITHMETIC_HALF   0.3

typedef struct row {
  const char *model;
  int device, accelerators;
  double batch, output, watts, joules_per_token, tokens_per_s;
  gboolean fitted;
  double flops, bytes, iteration_s, alone_s; /* by the step model; alone: kernels but for collectives */
  double cheaper;                            /* an operation in its format costs this share of one in bf16 */
} row;

/* Index in `models`, or -1. */
static int find_model(const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS(models); i++)
    if (g_str_equal(models[i].name, name))
      return (int)i;
  return -1;
}

/* FLOPs, bytes and time of a mean iteration. */
static void add_work(row *r, int index, const tw_device *device, gint64 prompt, int ep)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_model) model = tw_model_load(r->model, NULL, faults);
  g_assert(model != NULL);
  tw_step_setting setting = {
      .model = model,
      .device = device,
      .parallelism = {r->accelerators, 1, 1, MAX(ep, 1)},
      .weights = models[index].weights,
      .kv = TW_BF16,
      .attention = models[index].attention,
      .interconnect = tw_device_links(device),
      .expert_imbalance = 1,
  };
  gboolean loaded = tw_software_load("vllm-0.12", NULL, &setting.software, faults);
  g_assert(loaded);
  setting.software.logit_bytes = 256; /* its client asks for top-p */
  g_autoptr(tw_step_model) steps = tw_step_model_new(&tw_step_roofline, &setting, NULL, faults);
  double context = (double)prompt + r->output / 2;
  gint64 seqs = MAX((gint64)lround(r->batch), 1);
  tw_batch decode = {.decode_seqs = seqs,
                     .decode_context = (gint64)lround((double)seqs * context),
                     .decode_windowed =
                         (gint64)lround((double)seqs * fmin(context, fmax((double)model->window, 1))),
                     .next_full = G_MAXINT64,
                     .sampled = seqs};
  tw_step_cost alone, both;
  tw_batch mixed = decode;
  tw_batch_add_chunk(&mixed, 0, prompt, model->window, TRUE);
  tw_step_model_cost(steps, &decode, 1, &alone);
  tw_step_model_cost(steps, &mixed, 1, &both);
  /* Prompts join decodes: what one adds to an iteration, n/output times in each. */
  double share = r->batch / r->output;
  r->flops = alone.flops.first + share * (both.flops.first - alone.flops.first);
  r->bytes = alone.bytes.first + share * (both.bytes.first - alone.bytes.first);
  tw_software_clear(&setting.software);
  r->iteration_s = alone.time_s.first + share * (both.time_s.first - alone.time_s.first);
  double of_alone = alone.kernels_s.first - alone.collective_s,
         of_both = both.kernels_s.first - both.collective_s;
  r->alone_s = of_alone + share * (of_both - of_alone);
  double peak = device->flops[models[index].weights];
  r->cheaper = isfinite(peak) ? device->flops[TW_BF16] / peak : 1;
}

static GArray *read_rows(const char *path, tw_device *const *loaded, GError **error)
{
  g_autofree char *text = NULL;
  if (!g_file_get_contents(path, &text, NULL, error))
    return NULL;
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  GArray *rows = g_array_new(FALSE, FALSE, sizeof(row));
  int counts[G_N_ELEMENTS(devices)] = {0};
  for (guint i = 1; lines[i] != NULL && *lines[i] != '\0'; i++) {
    g_auto(GStrv) c = g_strsplit(g_strchomp(lines[i]), ",", -1);
    int index = find_model(c[0]);
    row r = {.model = index >= 0 ? models[index].model : NULL,
             .device = -1,
             .accelerators = (int)g_ascii_strtoll(c[7], NULL, 10)};
    for (guint d = 0; d < G_N_ELEMENTS(devices); d++)
      if (g_str_equal(devices[d].gpu, c[6]))
        r.device = (int)d;
    if (r.model == NULL || r.device < 0)
      continue;
    r.batch = g_ascii_strtod(c[12], NULL);
    r.output = g_ascii_strtod(c[13], NULL);
    r.watts = g_ascii_strtod(c[14], NULL);
    r.joules_per_token = g_ascii_strtod(c[16], NULL);
    r.tokens_per_s = g_ascii_strtod(c[21], NULL);
    r.fitted = counts[r.device]++ % 3 == 0;
    gint64 prompt = 0;
    for (guint t = 0; t < G_N_ELEMENTS(prompts); t++)
      if (g_str_equal(prompts[t].task, c[1]))
        prompt = prompts[t].tokens;
    add_work(&r, index, loaded[r.device], prompt, (int)g_ascii_strtoll(c[9], NULL, 10));
    g_array_append_val(rows, r);
  }
  return rows;
}

/* The factors of a0, b and active, in watts of one accelerator. */
static void law_terms(const row *r, const tw_device *device, double iterations_per_s, double *terms)
{
  double flops_per_s = r->cheaper * r->flops * iterations_per_s / r->accelerators;
  terms[0] = flops_per_s / (1 + flops_per_s / (ARITHMETIC_HALF * device->flops[TW_BF16]));
  terms[1] = r->bytes * iterations_per_s / r->accelerators;
  terms[2] = 1 - fmin(1, (r->iteration_s - r->alone_s) * iterations_per_s); /* but for host and collectives */
}

static double law_watts(const row *r, const tw_device *device, const double *x, double iterations_per_s)
{
  double terms[3], work = 0;
  law_terms(r, device, iterations_per_s, terms);
  for (int i = 0; i < 3; i++)
    work += x[i] * terms[i];
  return r->accelerators * (device->idle_w + fmin(work, device->max_w - device->idle_w));
}

/* Least squares of relative errors over the terms in `use`: normal equations, Gauss-Jordan. */
static gboolean solve(const GArray *rows, int device, const tw_device *d, const gboolean *use, double *x)
{
  double m[3][4] = {{0}};
  for (guint i = 0; i < rows->len; i++) {
    const row *r = &g_array_index(rows, row, i);
    if (r->device != device || !r->fitted)
      continue;
    double terms[3], w = r->accelerators / r->watts;
    law_terms(r, d, r->tokens_per_s / r->batch, terms);
    for (int a = 0; a < 3; a++)
      terms[a] *= w * (a < 2 ? 1e-12 : 1);
    double target = 1 - d->idle_w * w - terms[1] * LEAST_PJ_PER_BYTE;
    for (int a = 0; a < 3; a++)
      for (int b = 0; b < 4; b++)
        m[a][b] += terms[a] * (b < 3 ? terms[b] : target);
  }
  for (int a = 0; a < 3; a++) {
    if (use[a])
      continue;
    for (int b = 0; b < 3; b++)
      m[a][b] = m[b][a] = a == b;
    m[a][3] = 0;
  }
  for (int p = 0; p < 3; p++) {
    if (fabs(m[p][p]) < 1e-12)
      return FALSE;
    for (int a = 0; a < 3; a++)
      for (int b = 3; a != p && b >= p; b--)
        m[a][b] -= m[a][p] / m[p][p] * m[p][b];
  }
  for (int a = 0; a < 3; a++)
    x[a] = (m[a][3] / m[a][a] + (a == 1 ? LEAST_PJ_PER_BYTE : 0)) * (a < 2 ? 1e-12 : 1);
  return TRUE;
}

/* Drops the most negative term until none is below 0. */
static gboolean fit(const GArray *rows, int device, const tw_device *d, double *x)
{
  gboolean use[3] = {TRUE, TRUE, TRUE};
  for (;;) {
    int worst = -1;
    if (!solve(rows, device, d, use, x))
      return FALSE;
    for (int a = 0; a < 3; a++)
      if (use[a] && x[a] < (a == 1 ? LEAST_PJ_PER_BYTE * 1e-12 : 0))
        worst = a;
    if (worst < 0)
      return TRUE;
    use[worst] = FALSE;
  }
}

static void print_median(const char *what, GArray *errors)
{
  if (errors->len == 0)
    return;
  printf("  %-44s median %5.1f %%  90th percentile %5.1f %%  (%u rows)\n", what, quantile_of(errors, 0.5),
         quantile_of(errors, 0.9), errors->len);
}

static void print_device(const GArray *rows, int index, const tw_device *d, const double *x)
{
  GArray *errors[2][3];
  for (int i = 0; i < 6; i++)
    errors[i / 3][i % 3] = g_array_new(FALSE, FALSE, sizeof(double));
  printf("\n%s: %.3f pJ/FLOP (bf16; half at %.1f of the peak), %.1f pJ/byte, %.1f W active, %.0f W idle\n",
         d->label, x[0] * 1e12, ARITHMETIC_HALF, x[1] * 1e12, x[2], d->idle_w);
  printf("  %-14s %3s %6s %-6s %9s %9s %7s %9s %7s %9s %9s %7s\n", "model", "gpu", "batch", "", "measured W",
         "law W", "error", "all W", "error", "J/token", "all", "error");
  for (guint i = 0; i < rows->len; i++) {
    const row *r = &g_array_index(rows, row, i);
    if (r->device != index)
      continue;
    double law = law_watts(r, d, x, r->tokens_per_s / r->batch), all = law_watts(r, d, x, 1 / r->iteration_s);
    double joules = all * r->iteration_s / r->batch;
    double e[3] = {100 * (law / r->watts - 1), 100 * (all / r->watts - 1),
                   100 * (joules / r->joules_per_token - 1)};
    printf("  %-14s %3d %6.0f %-6s %9.0f %9.0f %6.1f%% %9.0f %6.1f%% %9.4f %9.4f %6.1f%%\n", r->model,
           r->accelerators, r->batch, r->fitted ? "fitted" : "blind", r->watts, law, e[0], all, e[1],
           r->joules_per_token, joules, e[2]);
    for (int k = 0; k < 3; k++) {
      double error = fabs(e[k]);
      g_array_append_val(errors[!r->fitted][k], error);
    }
  }
  static const char *const names[2][3] = {
      {"fitted rows, watts of the law alone", "fitted rows, watts with the step time",
       "fitted rows, joules per token"},
      {"blind rows, watts of the law alone", "blind rows, watts with the step time",
       "blind rows, joules per token"}};
  for (int i = 0; i < 6; i++) {
    print_median(names[i / 3][i % 3], errors[i / 3][i % 3]);
    g_array_unref(errors[i / 3][i % 3]);
  }
}

/* ---- The wall ---- */

/* Mean watts of the samples [from, to) of a log, gzip or plain. */
static double mean_watts(const GArray *watts, guint from, guint to)
{
  double sum = 0;
  for (guint i = from; i < to; i++)
    sum += g_array_index(watts, double, i);
  return sum / (to - from);
}

static void print_wall(const char *path, const tw_device *d)
{
  gzFile file = gzopen(path, "rb");
  g_autoptr(GArray) watts = g_array_new(FALSE, FALSE, sizeof(double));
  char line[256];
  if (file == NULL) {
    printf("\nskipped: %s is not there\n", path);
    return;
  }
  while (gzgets(file, line, sizeof line) != NULL) {
    const char *comma = strchr(line, ',');
    double value = comma != NULL ? g_ascii_strtod(comma + 1, NULL) : 0;
    if (value > 0)
      g_array_append_val(watts, value);
  }
  gzclose(file);
  if (watts->len < 1000)
    return;
  double n = (double)d->chassis.accelerators;
  double idle = mean_watts(watts, 0, 10), plateau = mean_watts(watts, watts->len / 3, watts->len * 2 / 3);
  tw_supply supply = {.pue = {1, {0}, {1}}, .psu_w = d->chassis.psu_w};
  g_autofree char *why = NULL;
  gboolean read = tw_supply_set(&supply, "tw:psu_efficiency", d->chassis.psu_efficiency, &why);
  g_assert(read);
  double idle_w = tw_supply_site_w(&supply, n * d->idle_w + d->chassis.idle_w, NAN),
         full_w = tw_supply_site_w(&supply, n * d->max_w + d->chassis.overhead_w, NAN);
  guint begin = 0, end = 0;
  for (guint i = 0; i < watts->len; i++) {
    double w = g_array_index(watts, double, i);
    if (begin == 0 && w > idle + 0.1 * (plateau - idle))
      begin = i;
    if (end == 0 && w > idle + 0.9 * (plateau - idle))
      end = i;
  }
  printf("\nWall power of a server with 8 %s (MLPerf Llama-2-70B offline, fp4)\n", d->label);
  printf("  idle     measured %6.0f W, model %6.0f W, %+.1f %%  (fitted: the chassis' idle watts are its "
         "rest)\n",
         idle, idle_w, 100 * (idle_w / idle - 1));
  printf("  plateau  measured %6.0f W, model %6.0f W, %+.1f %%  (fitted: the chassis' watts are the rest of "
         "another run's)\n",
         plateau, full_w, 100 * (full_w / plateau - 1));
  printf("  ramp     measured %6u s from 10 to 90 %%: loading and warm-up; the model has none\n",
         end - begin);
}

int main(int argc, char **argv)
{
  char *data = NULL;
  GError *error = NULL;
  const GOptionEntry entries[] = {
      {"data", 0, 0, G_OPTION_ARG_FILENAME, &data, "Where the measurements lie", "DIR"}, {0}};
  GOptionContext *context = g_option_context_new("- fit the power law on measurements");
  g_option_context_add_main_entries(context, entries, NULL);
  if (!g_option_context_parse(context, &argc, &argv, &error))
    g_error("%s", error->message);
  g_option_context_free(context);
  if (data == NULL) {
    puts("skipped: the measurements are not shipped; say where they lie with --data DIR");
    return 0;
  }
  tw_faults *faults = tw_faults_new();
  tw_device *loaded[G_N_ELEMENTS(devices)];
  for (guint d = 0; d < G_N_ELEMENTS(devices); d++)
    loaded[d] = tw_device_load(devices[d].device, NULL, faults);
  g_autofree char *path = g_build_filename(data, "measured", "ml_energy.csv", NULL);
  g_autoptr(GArray) rows = read_rows(path, loaded, &error);
  if (rows == NULL) {
    printf("skipped: %s\n", error->message);
    return 0;
  }
  for (guint d = 0; d < G_N_ELEMENTS(devices); d++) {
    double x[3];
    if (fit(rows, (int)d, loaded[d], x))
      print_device(rows, (int)d, loaded[d], x);
  }
  g_autofree char *wall = g_build_filename(
      data, "measured", "power_Lenovo_SR680a_V3_B200SXMx8_TRT_llama2-70b-99.9_Offline_spl.csv.gz", NULL);
  print_wall(wall, loaded[1]);
  for (guint d = 0; d < G_N_ELEMENTS(devices); d++)
    tw_device_free(loaded[d]);
  tw_faults_free(faults);
  g_free(data);
  return 0;
}
