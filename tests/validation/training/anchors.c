/* Compares steps of training with published ones: README.md beside it says how.
 *
 *     build/release/tests/validate-training --data DIR */
#include "sim/training/training.h"
#include "tests/validation/quantile.h"
#include "tests/validation/table.h"

#include <math.h>

/* Names that sources use; the first that a row begins with counts. */
static const struct {
  const char *text, *model;
} models[] = {{"LLAMA3.1_405B", "llama-3.1-405b"},
              {"LLAMA3_70B", "llama-3.1-70b"},
              {"LLAMA3_8B", "llama-3.1-8b"},
              {"DeepSeekV3", "deepseek-v3"},
              {"DeepSeekV4 Flash", "deepseek-v4-flash"},
              {"GPT OSS 120B", "gpt-oss-120b"},
              {"Qwen3_30B_a3B", "qwen3-30b-a3b"},
              {"Qwen3_235B_a22B", "qwen3-235b-a22b"},
              {"Kimi_K2", "kimi-k2"},
              {"Nemotron_3_Nano", "nemotron-3-nano-30b-a3b"},
              {"Nemotron_3_Super", "nemotron-3-super-120b-a12b"},
              {"Nemotron_3_Ultra", "nemotron-3-ultra-550b-a55b"},
              {"Nemotron_3_5_Lightning", "nemotron-3.5-lightning-30b-a3b"}};
static const struct {
  const char *text, *device;
  int domain;
} devices[] = {{" H100 ", "h100-sxm", 8},
               {" B200 ", "b200-sxm", 8},
               {" B300 ", "b300-sxm", 8},
               {" GB200 ", "gb200", 72},
               {" GB300 ", "gb300", 72}};
static const struct {
  const char *text;
  tw_precision precision;
} precisions[] = {{" NVFP4", TW_FP4}, {" MXFP8", TW_FP8}, {" FP8", TW_FP8}, {" BF16", TW_BF16}};

/* The published figures of one job. */
typedef struct row {
  const char *id, *what;
  const char *model, *device;
  tw_precision precision;
  int domain;
  gint64 accelerators, batch, micro_batch, sequence, tp, pp, cp, ep, chunks;
  int zero;
  double tokens_per_s; /* tokens/s of a GPU; NAN: only MFU is known */
  double mfu;
  gboolean hides_experts; /* all-to-all goes on beside computation */
  double container;       /* version of the software, such as 26.08; 0: not told */
} row;

/* Errors of rows by what they train and with which software: whether models have experts, and versions up to which. */
static const double containers[] = {25.12, 26.05, 26.07, INFINITY};
typedef struct error_groups {
  GArray *of[2][G_N_ELEMENTS(containers)]; /* of double */
} error_groups;

/* The number behind a word that begins a token of the text, or `otherwise`. */
static gint64 number_behind(const char *text, const char *word, gint64 otherwise)
{
  for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word))
    if ((at == text || at[-1] == ' ') && g_ascii_isdigit(at[strlen(word)]))
      return g_ascii_strtoll(at + strlen(word), NULL, 10);
  return otherwise;
}

static gboolean read_names(row *r, const char *quantity)
{
  for (guint i = 0; i < G_N_ELEMENTS(models) && r->model == NULL; i++)
    if (g_str_has_prefix(quantity, models[i].text))
      r->model = models[i].model;
  for (guint i = 0; i < G_N_ELEMENTS(devices) && r->device == NULL; i++)
    if (strstr(quantity, devices[i].text) != NULL) {
      r->device = devices[i].device;
      r->domain = devices[i].domain;
    }
  gboolean known = FALSE;
  for (guint i = 0; i < G_N_ELEMENTS(precisions) && !known; i++)
    if (strstr(quantity, precisions[i].text) != NULL) {
      r->precision = precisions[i].precision;
      known = TRUE;
    }
  return r->model != NULL && r->device != NULL && known;
}

/* FALSE where a row is not one of pre-training that says its batch. */
static gboolean read_row(row *r, const char *id, const char *quantity, const char *value,
                         const char *conditions)
{
  *r = (row){.id = id, .what = quantity, .mfu = NAN};
  if (strstr(quantity, "pre-training") == NULL || !read_names(r, quantity))
    return FALSE;
  r->accelerators = g_ascii_strtoll(conditions, NULL, 10);
  r->batch = number_behind(conditions, "GBS ", 0);
  r->micro_batch = number_behind(conditions, "MBS ", 1);
  r->sequence = number_behind(conditions, "seq ", 0);
  r->tp = number_behind(conditions, "TP", 1);
  r->pp = number_behind(conditions, "PP", 1);
  r->cp = number_behind(conditions, "CP", 1);
  r->ep = number_behind(conditions, "EP", 1);
  r->chunks = number_behind(conditions, "VP", 1);
  r->zero = number_behind(conditions, "FSDP", 0) > 0 ? 3 : 1;
  const char *container = strstr(conditions, "container ");
  r->container = container != NULL ? g_ascii_strtod(container + strlen("container "), NULL) : 0;
  r->tokens_per_s = g_ascii_strtod(value, NULL);
  return r->accelerators > 0 && r->batch > 0 && r->sequence > 0;
}

/* ---- Prediction ---- */

/* Domains that n accelerators lie in which stand `stride` apart. */
static int domains_of(gint64 n, gint64 stride, int domain)
{
  gint64 each = MAX(1, domain / stride);
  return (int)MAX(1, (n + each - 1) / each);
}

static tw_training_setting setting_of(const row *r, const tw_model *model, const tw_device *device)
{
  gint64 dp = r->accelerators / (r->tp * r->pp * r->cp), stage = r->tp * r->cp * dp;
  tw_training_setting s = {.model = model,
                           .device = device,
                           .layout = {r->tp, r->cp, dp, r->pp, r->ep, r->chunks},
                           .batch = r->batch,
                           .micro_batch = r->micro_batch,
                           .sequence = r->sequence,
                           .zero = r->zero,
                           .precision = r->precision,
                           .gradients = TW_FP32,
                           .expert_imbalance = 1};
#define OVERLAP(name, text, share, help) s.overlap[TW_TRAINING_##name] = share;
  TW_TRAINING_TRAFFIC(OVERLAP)
#undef OVERLAP
  if (r->hides_experts)
    s.overlap[TW_TRAINING_EXPERTS] = 1;
  s.reach.groups[TW_TRAINING_TENSOR] = domains_of(r->tp, 1, r->domain);
  s.reach.groups[TW_TRAINING_CONTEXT] = domains_of(r->cp, r->tp, r->domain);
  s.reach.groups[TW_TRAINING_EXPERTS] = domains_of(r->ep, 1, r->domain);
  s.reach.groups[TW_TRAINING_STAGES] = stage >= r->domain ? 2 : 1;
  s.reach.groups[TW_TRAINING_DATA] = domains_of(dp * r->cp, r->tp, r->domain);
  s.reach.groups[TW_TRAINING_EXPERT_DATA] =
      domains_of(stage / MAX(r->ep, r->tp), MAX(r->ep, r->tp), r->domain);
  return s;
}

typedef struct prediction {
  double tokens_per_s, mfu;
  gboolean recomputes, fits;
  tw_training_step step;
} prediction;

static prediction predict(const row *r, const tw_model *model, const tw_device *device)
{
  tw_training_setting s = setting_of(r, model, device);
  tw_training_memory m = tw_training_memory_of(&s);
  s.recompute = tw_training_memory_sum(&m) > m.hbm_bytes;
  m = tw_training_memory_of(&s);
  tw_training_cost cost = tw_training_cost_of(&s);
  tw_interconnect links = tw_device_links(device);
  tw_training_step step = tw_training_step_of(&s, &cost, &links);
  return (prediction){cost.tokens / step.step_s / (double)r->accelerators,
                      cost.model_flops / step.step_s / cost.peak_flops, s.recompute,
                      tw_training_memory_sum(&m) <= m.hbm_bytes, step};
}

/* Prints a row; returns its error, NAN where it cannot be predicted. */
static double print_row(const row *r)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_model) model = tw_model_load(r->model, NULL, faults);
  g_autoptr(tw_device) device = tw_device_load(r->device, NULL, faults);
  if (model == NULL || device == NULL || isnan(device->flops[r->precision]) ||
      r->batch % (r->micro_batch * (r->accelerators / (r->tp * r->pp * r->cp))) != 0) {
    printf("| %s | %s | cannot be predicted |\n", r->id, r->what);
    return NAN;
  }
  prediction p = predict(r, model, device);
  double measured = isnan(r->mfu) ? r->tokens_per_s : r->mfu,
         predicted = isnan(r->mfu) ? p.tokens_per_s : p.mfu, error = predicted / measured - 1;
  printf("| %s | %s | %.4g | %.4g | %+.1f %% | %.1f %% | %.3g s | %.0f %% | %.0f %% | %s%s |\n", r->id,
         r->what, measured, predicted, 100 * error, 100 * p.mfu, p.step.step_s,
         100 * p.step.bubble_s / p.step.step_s, 100 * p.step.exposed_s / p.step.step_s,
         p.recomputes ? "recomputes" : "", p.fits ? "" : ", does not fit");
  return error;
}

static void print_median(const char *what, GArray *errors)
{
  if (errors->len == 0)
    return;
  g_autoptr(GArray) sizes = g_array_new(FALSE, FALSE, sizeof(double));
  for (guint i = 0; i < errors->len; i++) {
    double size = fabs(g_array_index(errors, double, i));
    g_array_append_val(sizes, size);
  }
  printf("%s: %u rows, error %.1f %% in the median, 9 of 10 within %.1f %%; signed median %+.1f %%\n", what,
         errors->len, 100 * quantile_of(sizes, 0.5), 100 * quantile_of(sizes, 0.9),
         100 * quantile_of(errors, 0.5));
}

/* Jobs of papers: MFU of their peak, or tokens/s. Their layouts are from memory, and lack the chunks of Llama's stages,
 * which are tried without and with as many as there are layers. */
#define LLAMA(name, text, gpus, sequences, tokens, context, parts, share)                                    \
  {                                                                                                          \
    .id = (name), .what = (text), .model = "llama-3.1-405b", .device = "h100-sxm", .precision = TW_BF16,     \
    .domain = 8, .accelerators = (gpus), .batch = (sequences), .micro_batch = 1, .sequence = (tokens),       \
    .tp = 8, .pp = 16, .cp = (context), .ep = 1, .chunks = (parts), .zero = 1, .mfu = (share)                \
  }
#define DEEPSEEK(text, hidden)                                                                               \
  {                                                                                                          \
    .id = "T225", .what = (text), .model = "deepseek-v3", .device = "h100-sxm", .precision = TW_FP8_BLOCK,   \
    .domain = 8, .accelerators = 2048, .batch = 15360, .micro_batch = 1, .sequence = 4096, .tp = 1,          \
    .pp = 16, .cp = 1, .ep = 64, .chunks = 1, .zero = 1, .tokens_per_s = 1543, .mfu = NAN,                   \
    .hides_experts = (hidden)                                                                                \
  }
static const row papers[] = {
    LLAMA("T219", "Llama 3 405B BF16, 8192 H100, 8192 tokens: MFU", 8192, 2048, 8192, 1, 1, 0.43),
    LLAMA("T219", "... with 8 chunks on each stage", 8192, 2048, 8192, 1, 8, 0.43),
    LLAMA("T220", "Llama 3 405B BF16, 16384 H100, 8192 tokens: MFU", 16384, 2048, 8192, 1, 1, 0.41),
    LLAMA("T220", "... with 8 chunks on each stage", 16384, 2048, 8192, 1, 8, 0.41),
    LLAMA("T221", "Llama 3 405B BF16, 16384 H100, 131072 tokens: MFU", 16384, 128, 131072, 16, 1, 0.38),
    LLAMA("T221", "... with 8 chunks on each stage", 16384, 128, 131072, 16, 8, 0.38),
    DEEPSEEK("DeepSeek-V3, 2048 H800 (as H100)", FALSE),
    DEEPSEEK("DeepSeek-V3, 2048 H800 (as H100), all-to-all hidden", TRUE),
};

static void add_error(error_groups *e, const row *r, double off)
{
  int k = 0;
  while (r->container > containers[k])
    k++;
  g_array_append_val(e->of[r->ep > 1][k], off);
}

/* All rows of a kind, and those of each range of versions. */
static void print_errors(const error_groups *e)
{
  static const char *const kinds[] = {"dense", "with experts"};
  for (int kind = 0; kind < 2; kind++) {
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(double));
    for (guint k = 0; k < G_N_ELEMENTS(containers); k++) {
      g_autofree char *what =
          g_strdup_printf("%s, containers %s %.2f", kinds[kind], isfinite(containers[k]) ? "before" : "from",
                          isfinite(containers[k]) ? containers[k] : containers[k - 1]);
      print_median(what, e->of[kind][k]);
      if (e->of[kind][k]->len > 0)
        g_array_append_vals(all, e->of[kind][k]->data, e->of[kind][k]->len);
    }
    print_median(kinds[kind], all);
  }
}

static gboolean print_file(const char *path, error_groups *e, GError **error)
{
  static const tw_csv_column columns[] = {
      {"id", FALSE}, {"quantity", FALSE}, {"value", FALSE}, {"conditions", FALSE}, {NULL, FALSE}};
  table t;
  if (table_open(&t, path, columns, FALSE, error))
    while (table_next(&t)) {
      row r;
      if (!read_row(&r, tw_csv_text(t.csv, 0), tw_csv_text(t.csv, 1), tw_csv_text(t.csv, 2),
                    tw_csv_text(t.csv, 3)))
        continue;
      double off = print_row(&r);
      if (!isnan(off))
        add_error(e, &r, off);
    }
  return table_close(&t);
}

int main(int argc, char **argv)
{
  g_autofree char *directory = NULL;
  const GOptionEntry options[] = {{"data", 0, 0, G_OPTION_ARG_FILENAME, &directory,
                                   "the folder of hardware/training_rl_sites_facts.csv", "DIR"},
                                  G_OPTION_ENTRY_NULL};
  g_autoptr(GOptionContext) context = g_option_context_new("");
  g_autoptr(GError) error = NULL;
  error_groups e;
  for (guint i = 0; i < 2 * G_N_ELEMENTS(containers); i++)
    e.of[i % 2][i / 2] = g_array_new(FALSE, FALSE, sizeof(double));
  g_option_context_add_main_entries(context, options, NULL);
  gboolean good = g_option_context_parse(context, &argc, &argv, &error);
  printf("| row | job | published | predicted | error | MFU | step | bubble | exposed | |\n"
         "|---|---|---:|---:|---:|---:|---:|---:|---:|---|\n");
  for (guint i = 0; good && i < G_N_ELEMENTS(papers); i++)
    print_row(&papers[i]);
  if (good && directory != NULL) {
    g_autofree char *path = g_build_filename(directory, "hardware", "training_rl_sites_facts.csv", NULL);
    good = print_file(path, &e, &error);
  } else if (good) {
    printf("without --data only the papers' rows are compared\n");
  }
  if (!good)
    fprintf(stderr, "%s\n", error->message);
  print_errors(&e);
  for (guint i = 0; i < 2 * G_N_ELEMENTS(containers); i++)
    g_array_unref(e.of[i % 2][i / 2]);
  return good ? 0 : 2;
}
