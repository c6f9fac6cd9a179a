/* MLPerf Inference: how its rows become cases. */
#include "tests/validation/data_mlperf.h"

#include "tests/validation/setup.h"
#include "tests/validation/table.h"

#include <math.h>

static int whole(table *t, int column)
{
  double value = table_number(t, column);
  return isnan(value) ? 0 : (int)value;
}

/* What MLPerf's rows do not tell of the data sets: tokens of the prompts (in the mean and at most) and the
 * deviation of the logarithms of prompts and answers. Answers have the mean of the row itself. */
static const struct mlperf_model {
  const char *model;
  int samples; /* samples of the data set */
  int prompt, most_prompt;
  double prompt_sigma, answer_sigma;
  int most_answer;
} mlperf_models[] = {
    {"llama-2-70b", 24576, 294, 1024, 0.8, 0.7, 1024},     /* OpenOrca */
    {"llama-3.1-8b", 13368, 778, 2540, 0.4, 0.0, 128},     /* CNN/DailyMail */
    {"mixtral-8x7b", 15000, 180, 1024, 0.8, 0.9, 1024},    /* OpenOrca, GSM8K, MBPP */
    {"llama-3.1-405b", 8313, 9400, 20000, 0.7, 0.5, 2000}, /* long contexts */
};

/* AMD's servers capture graphs of 8, 16, 24... and of 32, 64, 96... tokens. */
#define GRAPHS_OF_AMD             "graph-tokens=\"4096\" graph-step=\"8\""
#define GRAPHS_OF_AMD_INTERACTIVE "graph-tokens=\"8192\" graph-step=\"32\""

enum { OFFLINE = 1, SERVER = 2, INTERACTIVE = 4, ONLINE = SERVER | INTERACTIVE, ANY = OFFLINE | ONLINE };

/* How submitters lay the models out, and what an engine may run and compute at once, as their published
 * configurations say; the first row that fits counts. NVIDIA's devices: rounds 5.0 and 5.1
 * (github.com/mlcommons/inference_results_v5.0 and _v5.1, closed/NVIDIA, Dell and Cisco, configs), where the
 * tokens are those of all pipeline stages' batches together, and NVIDIA's README has Llama-3.1-8B in FP4 served
 * by trtllm-serve, in PyTorch. AMD's: round 6.0 (inference_results_v6.0, closed/Cisco, Dell, HPE, Supermicro
 * and GigaComputing, src). */
static const struct mlperf_server {
  const char *model, *device; /* NULL: any other */
  int scenarios;
  int tp, pp, max_seqs, max_batched;
  const char *memory;   /* NULL: the engine's default */
  const char *engine;   /* NULL: that of the round */
  const char *software; /* attributes of <step-time>, or NULL */
} mlperf_servers[] = {
    {"llama-2-70b", "h100-sxm", ANY, 1, 2, 2048, 2048, "0.95", NULL, NULL},
    {"llama-2-70b", "h200-sxm", OFFLINE | SERVER, 1, 1, 2048, 1536, "0.95", NULL, NULL},
    {"llama-2-70b", "h200-nvl", OFFLINE | SERVER, 1, 1, 2048, 1536, "0.95", NULL, NULL},
    {"llama-2-70b", "h200-sxm", INTERACTIVE, 1, 1, 512, 256, "0.95", NULL, NULL},
    {"llama-2-70b", "h200-nvl", INTERACTIVE, 1, 1, 512, 256, "0.95", NULL, NULL},
    {"llama-2-70b", "b200-sxm", OFFLINE | SERVER, 1, 1, 2048, 3584, "0.95", NULL, NULL},
    {"llama-2-70b", "b200-sxm", INTERACTIVE, 1, 1, 768, 768, "0.95", NULL, NULL},
    {"mixtral-8x7b", "h200-sxm", OFFLINE, 1, 1, 3072, 9216, "0.95", NULL, NULL},
    {"mixtral-8x7b", "h200-sxm", ONLINE, 1, 1, 3072, 8192, "0.95", NULL, NULL},
    {"llama-3.1-8b", "h200-sxm", ANY, 1, 1, 2048, 1536, NULL, NULL, NULL},
    {"llama-3.1-8b", "h200-nvl", ANY, 1, 1, 2048, 1536, NULL, NULL, NULL},
    {"llama-3.1-8b", "b200-sxm", ANY, 1, 1, 6000, 12000, NULL, "tensorrt-llm", NULL},
    {"llama-3.1-405b", "b200-sxm", OFFLINE, 2, 2, 512, 1536, "0.96", NULL, "fused-sums=\"true\""},
    {"llama-3.1-405b", "b200-sxm", SERVER, 4, 1, 256, 2048, "0.96", NULL, "fused-sums=\"true\""},
    {"llama-3.1-405b", "b200-sxm", INTERACTIVE, 4, 1, 256, 1536, "0.96", NULL, "fused-sums=\"true\""},
    {"llama-3.1-405b", "mi355x", OFFLINE, 2, 1, 1024, 20162, "0.95", NULL, "sum-bytes=\"0.5625\""},
    {"llama-3.1-405b", "mi355x", ONLINE, 8, 1, 1024, 4096, "0.9", NULL, "sum-bytes=\"0.5625\""},
    {"llama-3.1-405b", NULL, ANY, 8, 1, 512, 2560, NULL, NULL, NULL},
    {"llama-2-70b", "mi300x", OFFLINE, 1, 1, 1792, 40960, "0.9", NULL, NULL},
    {"llama-2-70b", "mi300x", ONLINE, 1, 1, 650, 40960, "0.9", NULL, NULL},
    {"llama-2-70b", "mi325x", OFFLINE, 1, 1, 2700, 65536, "0.98", NULL, NULL},
    {"llama-2-70b", "mi325x", ONLINE, 1, 1, 1024, 40960, "0.98", NULL, NULL},
    {"llama-2-70b", "mi350x", OFFLINE, 1, 1, 3392, 65536, "0.95", NULL, GRAPHS_OF_AMD},
    {"llama-2-70b", "mi355x", OFFLINE, 1, 1, 3392, 65536, "0.95", NULL, GRAPHS_OF_AMD},
    {"llama-2-70b", "mi350x", SERVER, 1, 1, 3096, 40960, "0.95", NULL, GRAPHS_OF_AMD},
    {"llama-2-70b", "mi355x", SERVER, 1, 1, 3096, 40960, "0.95", NULL, GRAPHS_OF_AMD},
    {"llama-2-70b", "mi350x", INTERACTIVE, 1, 1, 4096, 8192, "0.95", NULL, GRAPHS_OF_AMD_INTERACTIVE},
    {"llama-2-70b", "mi355x", INTERACTIVE, 1, 1, 4096, 8192, "0.95", NULL, GRAPHS_OF_AMD_INTERACTIVE},
    {NULL, NULL, ANY, 1, 1, 2048, 3584, NULL, NULL, NULL}, /* not known: of all others */
};

static const struct mlperf_server *server_of(const char *model, const char *device, int scenario)
{
  const struct mlperf_server *s = mlperf_servers;
  while ((s->model != NULL && !g_str_equal(s->model, model)) ||
         (s->device != NULL && !g_str_equal(s->device, device)) || !(s->scenarios & scenario))
    s++;
  return s;
}

/* The mean of a lognormal law that comes out at `mean` once its values are cut at `most`. */
static double uncut_mean(double mean, double sigma, double most)
{
  double low = mean, high = 4 * mean;
  for (int i = 0; i < 50; i++) {
    double m = (low + high) / 2, z = log(most / m) / sigma;
    double cut =
        m * 0.5 * erfc(-(z - sigma / 2) * M_SQRT1_2) + most * 0.5 * erfc((z + sigma / 2) * M_SQRT1_2);
    *(cut < mean ? &low : &high) = m;
  }
  return low;
}

static void mlperf_lengths(GString *text, const struct mlperf_model *m, double answer)
{
  g_string_append_printf(text, "<prompt law=\"lognormal\" mean=\"%.1f\" sigma=\"%g\" max=\"%d\"/>",
                         uncut_mean(m->prompt, m->prompt_sigma, m->most_prompt), m->prompt_sigma,
                         m->most_prompt);
  if (m->answer_sigma > 0)
    g_string_append_printf(text, "<answer law=\"lognormal\" sigma=\"%g\" max=\"%d\" mean=\"%.1f\"/>",
                           m->answer_sigma, m->most_answer,
                           uncut_mean(answer, m->answer_sigma, m->most_answer));
  else
    g_string_append_printf(text, "<answer law=\"fixed\" mean=\"%.1f\"/>", answer);
}

/* The 99.9 rows repeat the 99 ones: NULL. */
static const char *model_of(const char *word)
{
  return g_str_has_suffix(word, "-99.9") ? NULL : setup_model(word);
}

/* One row, whatever the round calls its columns. */
typedef struct mlperf_run {
  const char *submitter, *model, *scenario, *device, *engine, *weights; /* model, device: NULL: not known */
  double samples, tokens, ttft_p99_s, tpot_p99_s;                       /* a second */
  double
      arrivals; /* a second, as the load generator sent them: the last answers come after the last of them */
  int accelerators;
} mlperf_run;

/* Offline: ten passes over the samples at once, the share of one engine. Server and Interactive: arrivals for
 * ten minutes: as many as lie in the system take a minute to gather. */
static char *workload_of(const struct mlperf_model *m, const mlperf_run *run, gboolean offline, int replicas)
{
  gboolean long_ones = m->most_prompt > 10000;
  g_autoptr(GString) text = g_string_new(NULL);
  int requests = MAX(m->samples * (long_ones ? 1 : 10) / replicas, 1);
  if (offline)
    g_string_append_printf(text, "<closed-loop concurrency=\"%d\" requests=\"%d\">", requests, requests);
  else
    g_string_append_printf(text, "<poisson rate=\"%g/s\" duration=\"%ds\">", run->arrivals,
                           long_ones ? 1200 : 600);
  mlperf_lengths(text, m, run->tokens / run->samples);
  g_string_append(text, offline ? "</closed-loop>" : "</poisson>");
  return g_string_free(g_steal_pointer(&text), FALSE);
}

static void add_run(const validation_set *set, const mlperf_run *run, GPtrArray *cases)
{
  gboolean offline = !g_str_has_suffix(set->name, "-server");
  int scenario = offline ? OFFLINE : g_str_equal(run->scenario, "Interactive") ? INTERACTIVE : SERVER;
  guint which = 0;
  while (which < G_N_ELEMENTS(mlperf_models) && g_strcmp0(mlperf_models[which].model, run->model) != 0)
    which++;
  if (run->device == NULL || which == G_N_ELEMENTS(mlperf_models) ||
      offline != g_str_equal(run->scenario, "Offline"))
    return;
  const struct mlperf_model *m = &mlperf_models[which];
  const struct mlperf_server *server = server_of(run->model, run->device, scenario);
  int replicas = MAX(run->accelerators / (server->tp * server->pp), 1);
  setup s = {.model = run->model,
             .device = run->device,
             .engine = server->engine != NULL ? server->engine : run->engine,
             .tp = server->tp,
             .pp = server->pp,
             .dp = 1,
             .ep = 1,
             .replicas = offline ? 1 : replicas,
             .weights = setup_checkpoint(run->model, run->weights),
             .kv = "fp8",
             .max_seqs = MIN(server->max_seqs, server->max_batched),
             .max_batched = server->max_batched,
             .max_len = m->most_prompt + m->most_answer,
             .memory = server->memory,
             .reserve = "prompt",
             .software = server->software};
  g_autofree char *workload = workload_of(m, run, offline, replicas);
  validation_case *item = setup_case(set, &s, workload);
  item->label = g_strdup_printf("%s %s %s", run->submitter, run->scenario, run->weights);
  if (offline)
    item->measured[CASE_THROUGHPUT] = run->tokens / run->accelerators;
  item->measured[CASE_TTFT_P99] = offline ? NAN : run->ttft_p99_s;
  item->measured[CASE_TPOT_P99] = offline ? NAN : run->tpot_p99_s;
  g_ptr_array_add(cases, item);
}

gboolean read_mlperf(const validation_set *set, const char *directory, GPtrArray *cases, GError **error)
{
  enum { SUBMITTER, MODEL, SCENARIO, ACCELERATOR, COUNT, NODES, WEIGHTS, SAMPLES, TOKENS, TTFT, TPOT, SENT };
  static const tw_csv_column columns[] = {{"submitter", FALSE},
                                          {"model", FALSE},
                                          {"scenario", FALSE},
                                          {"accelerator", FALSE},
                                          {"accel_per_node", FALSE},
                                          {"nodes", FALSE},
                                          {"weight_dtype", FALSE},
                                          {"samples_per_s", FALSE},
                                          {"tokens_per_s", FALSE},
                                          {"ttft_p99_ns", FALSE},
                                          {"tpot_p99_ns", FALSE},
                                          {"sched_samples_per_s", FALSE},
                                          {NULL, FALSE}};
  table t;
  g_autofree char *path = g_build_filename(directory, set->file, NULL);
  if (!table_open(&t, path, columns, TRUE, error))
    return FALSE;
  while (table_next(&t)) {
    mlperf_run run = {.submitter = tw_csv_text(t.csv, SUBMITTER),
                      .model = model_of(tw_csv_text(t.csv, MODEL)),
                      .scenario = tw_csv_text(t.csv, SCENARIO),
                      .device = setup_device(tw_csv_text(t.csv, ACCELERATOR)),
                      .engine = "tensorrt-llm-compiled",
                      .weights = tw_csv_text(t.csv, WEIGHTS),
                      .samples = table_number(&t, SAMPLES),
                      .tokens = table_number(&t, TOKENS),
                      .ttft_p99_s = table_number(&t, TTFT) * 1e-9,
                      .tpot_p99_s = table_number(&t, TPOT) * 1e-9,
                      .arrivals = table_number(&t, SENT),
                      .accelerators = whole(&t, COUNT) * MAX(whole(&t, NODES), 1)};
    add_run(set, &run, cases);
  }
  return table_close(&t);
}

/* Round 6.0 on accelerators that round 5.1's rows leave out. AMD's servers run vLLM, or what its submitters
 * do not name. */
gboolean read_mlperf_v60(const validation_set *set, const char *directory, GPtrArray *cases, GError **error)
{
  static const char *const devices[][2] = {{"AMD Instinct MI300X 192GB HBM3", "mi300x"},
                                           {"AMD Instinct MI325X 256GB HBM3e", "mi325x"},
                                           {"AMD Instinct MI350X 288GB HBM3e", "mi350x"},
                                           {"AMD Instinct MI355X 288GB HBM3e", "mi355x"},
                                           {"NVIDIA H200-NVL-141GB", "h200-nvl"}};
  enum { SUBMITTER, MODEL, SCENARIO, ACCELERATOR, COUNT, WEIGHTS, SAMPLES, TOKENS, TTFT, TPOT, ASKED };
  static const tw_csv_column columns[] = {
      {"submitter", FALSE},    {"model", FALSE},      {"scenario", FALSE},      {"accelerator", FALSE},
      {"accelerators", FALSE}, {"weights", FALSE},    {"samples_per_s", FALSE}, {"tokens_per_s", FALSE},
      {"ttft_p99_s", FALSE},   {"tpot_p99_s", FALSE}, {"target_qps", FALSE},    {NULL, FALSE}};
  table t;
  g_autofree char *path = g_build_filename(directory, set->file, NULL);
  if (!table_open(&t, path, columns, TRUE, error))
    return FALSE;
  while (table_next(&t)) {
    mlperf_run run = {.submitter = tw_csv_text(t.csv, SUBMITTER),
                      .model = model_of(tw_csv_text(t.csv, MODEL)),
                      .scenario = tw_csv_text(t.csv, SCENARIO),
                      .engine = "vllm",
                      .weights = tw_csv_text(t.csv, WEIGHTS),
                      .samples = table_number(&t, SAMPLES),
                      .tokens = table_number(&t, TOKENS),
                      .ttft_p99_s = table_number(&t, TTFT),
                      .tpot_p99_s = table_number(&t, TPOT),
                      .arrivals = table_number(&t, ASKED),
                      .accelerators = whole(&t, COUNT)};
    for (guint d = 0; d < G_N_ELEMENTS(devices); d++)
      if (g_str_equal(devices[d][0], tw_csv_text(t.csv, ACCELERATOR)))
        run.device = devices[d][1];
    if (g_strcmp0(run.device, "h200-nvl") == 0)
      run.engine = "tensorrt-llm-compiled";
    add_run(set, &run, cases);
  }
  return table_close(&t);
}
