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
  int prompt, most_prompt;
  double prompt_sigma, answer_sigma;
  int most_answer;
} mlperf_models[] = {
    {"llama-2-70b", 294, 1024, 0.8, 0.7, 1024},      /* OpenOrca */
    {"llama-3.1-8b", 778, 2540, 0.4, 0.0, 128},      /* CNN/DailyMail */
    {"mixtral-8x7b", 180, 1024, 0.8, 0.9, 1024},     /* OpenOrca, GSM8K, MBPP */
    {"llama-3.1-405b", 9400, 20000, 0.7, 0.5, 2000}, /* long contexts */
};

/* How NVIDIA and its partners lay the models out, and what an engine may run and compute at once: their
 * configurations of rounds 5.0 and 5.1 (github.com/mlcommons/inference_results_v5.0 and _v5.1,
 * closed/NVIDIA/configs). The tokens are those of all pipeline stages' batches together. */
static const struct mlperf_server {
  const char *model, *device;
  gboolean offline, online;
  int tp, pp, max_seqs, max_batched;
  const char *memory;
} mlperf_servers[] = {
    {"llama-2-70b", "h100-sxm", TRUE, TRUE, 1, 2, 2048, 2048, "0.95"},
    {"llama-2-70b", "h200-sxm", TRUE, TRUE, 1, 1, 2048, 1536, "0.95"},
    {"llama-2-70b", "b200-sxm", TRUE, TRUE, 1, 1, 2048, 3584, "0.95"},
    {"mixtral-8x7b", "h200-sxm", TRUE, FALSE, 1, 1, 3072, 9216, "0.95"},
    {"mixtral-8x7b", "h200-sxm", FALSE, TRUE, 1, 1, 3072, 8192, "0.95"},
    {"llama-3.1-405b", "b200-sxm", TRUE, FALSE, 2, 2, 512, 1536, NULL},
    {"llama-3.1-405b", "b200-sxm", FALSE, TRUE, 4, 1, 256, 2048, NULL},
    {"llama-3.1-405b", NULL, TRUE, TRUE, 8, 1, 512, 2560, NULL},
    {NULL, NULL, TRUE, TRUE, 1, 1, 2048, 3584, NULL}, /* not known: of all others */
};

static const struct mlperf_server *server_of(const char *model, const char *device, gboolean offline)
{
  const struct mlperf_server *s = mlperf_servers;
  while ((s->model != NULL && !g_str_equal(s->model, model)) ||
         (s->device != NULL && !g_str_equal(s->device, device)) || !(offline ? s->offline : s->online))
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

/* Offline: ten passes over the samples at once, the share of one engine. Server and Interactive: arrivals at
 * the rate that the server sustained, for ten minutes: as many as lie in the system take a minute to gather. */
gboolean read_mlperf(const validation_set *set, const char *directory, GPtrArray *cases, GError **error)
{
  enum {
    SUBMITTER,
    MODEL,
    SCENARIO,
    ACCELERATOR,
    COUNT,
    NODES,
    WEIGHTS,
    SAMPLES,
    TOKENS,
    TTFT,
    TPOT,
    QUERIES
  };
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
                                          {"performance_sample_count", FALSE},
                                          {NULL, FALSE}};
  table t;
  g_autofree char *path = g_build_filename(directory, set->file, NULL);
  if (!table_open(&t, path, columns, TRUE, error))
    return FALSE;
  gboolean offline = g_str_equal(set->name, "mlperf");
  while (table_next(&t)) {
    const char *model = setup_model(tw_csv_text(t.csv, MODEL)),
               *device = setup_device(tw_csv_text(t.csv, ACCELERATOR)),
               *weights = tw_csv_text(t.csv, WEIGHTS);
    guint m = 0;
    while (model != NULL && m < G_N_ELEMENTS(mlperf_models) && !g_str_equal(mlperf_models[m].model, model))
      m++;
    /* The 99.9 rows repeat the 99 ones. */
    if (model == NULL || device == NULL || m == G_N_ELEMENTS(mlperf_models) ||
        offline != g_str_equal(tw_csv_text(t.csv, SCENARIO), "Offline"))
      continue;
    double tokens = table_number(&t, TOKENS), samples = table_number(&t, SAMPLES), answer = tokens / samples;
    int accelerators = whole(&t, COUNT) * MAX(whole(&t, NODES), 1);
    gboolean long_ones = g_str_equal(model, "llama-3.1-405b");
    const struct mlperf_server *server = server_of(model, device, offline);
    int replicas = accelerators / (server->tp * server->pp);
    setup s = {.model = model,
               .device = device,
               .engine = "tensorrt-llm-compiled",
               .tp = server->tp,
               .pp = server->pp,
               .dp = 1,
               .ep = 1,
               .replicas = offline ? 1 : replicas,
               .weights = setup_checkpoint(model, weights),
               .kv = "fp8",
               .max_seqs = server->max_seqs,
               .max_batched = server->max_batched,
               .max_len = mlperf_models[m].most_prompt + mlperf_models[m].most_answer,
               .memory = server->memory,
               .reserve = "prompt"};
    g_autoptr(GString) workload = g_string_new(NULL);
    if (offline) {
      int requests = MAX(whole(&t, QUERIES) * (long_ones ? 1 : 10) / replicas, 1);
      g_string_append_printf(workload, "<closed-loop concurrency=\"%d\" requests=\"%d\">", requests,
                             requests);
    } else {
      g_string_append_printf(workload, "<poisson rate=\"%g/s\" duration=\"%ds\">", samples,
                             long_ones ? 1200 : 600);
    }
    mlperf_lengths(workload, &mlperf_models[m], answer);
    g_string_append(workload, offline ? "</closed-loop>" : "</poisson>");
    validation_case *item = setup_case(set, &s, workload->str);
    item->label =
        g_strdup_printf("%s %s %s", tw_csv_text(t.csv, SUBMITTER), tw_csv_text(t.csv, SCENARIO), weights);
    if (offline) {
      item->measured[CASE_THROUGHPUT] = tokens / accelerators;
    } else {
      item->measured[CASE_TTFT_P99] = table_number(&t, TTFT) * 1e-9;
      item->measured[CASE_TPOT_P99] = table_number(&t, TPOT) * 1e-9;
    }
    g_ptr_array_add(cases, item);
  }
  return table_close(&t);
}
