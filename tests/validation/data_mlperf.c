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

/* What MLPerf's rows do not tell: prompts of the data sets (tokens in the mean and at most, deviation of
 * their logarithms), and how NVIDIA lays the models out. Answers have the mean of the row itself. */
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

static void mlperf_lengths(GString *text, const struct mlperf_model *m, double answer)
{
  g_string_append_printf(
      text, "<prompt law=\"lognormal\" mean=\"%d\" sigma=\"%g\" max=\"%d\"/><answer law=\"%s\"", m->prompt,
      m->prompt_sigma, m->most_prompt, m->answer_sigma > 0 ? "lognormal" : "fixed");
  if (m->answer_sigma > 0)
    g_string_append_printf(text, " sigma=\"%g\" max=\"%d\"", m->answer_sigma, m->most_answer);
  g_string_append_printf(text, " mean=\"%.1f\"/>", answer);
}

/* Offline: ten passes over the samples at once, the share of one engine. Server and Interactive: arrivals at
 * the rate that the server sustained, for two minutes after a start of half a minute. */
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
    gboolean long_ones = g_str_equal(model, "llama-3.1-405b"), fp4 = g_str_equal(weights, "fp4");
    /* 70 GB of weights leave an H100 hardly any KV cache. */
    gboolean tight = g_str_equal(device, "h100-sxm") && g_str_equal(model, "llama-2-70b");
    int tp = long_ones ? (fp4 ? 4 : 8) : tight ? 2 : 1, replicas = accelerators / tp;
    setup s = {.model = model,
               .device = device,
               .engine = "tensorrt-llm-compiled",
               .tp = tp,
               .pp = 1,
               .dp = 1,
               .ep = 1,
               .replicas = offline ? 1 : replicas,
               .weights = setup_checkpoint(model, weights),
               .kv = "fp8",
               .max_seqs = 2048,
               .max_batched = 3584,
               .max_len = mlperf_models[m].most_prompt + mlperf_models[m].most_answer};
    g_autoptr(GString) workload = g_string_new(NULL);
    if (offline) {
      int requests = MAX(whole(&t, QUERIES) * (long_ones ? 1 : 10) / replicas, 1);
      g_string_append_printf(workload, "<closed-loop concurrency=\"%d\" requests=\"%d\">", requests,
                             requests);
    } else {
      g_string_append_printf(workload, "<poisson rate=\"%g/s\" duration=\"%ds\">", samples,
                             long_ones ? 900 : 150);
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
