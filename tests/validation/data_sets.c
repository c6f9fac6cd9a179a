/* The data sets: how the rows of each become cases. */
#include "platforms/input/units.h"
#include "tests/validation/data_mlperf.h"
#include "tests/validation/setup.h"
#include "tests/validation/table.h"

#include <math.h>
#include <string.h>

/* ---- Rows ---- */

static gboolean open_in(table *t, const char *directory, const char *file, const tw_csv_column *columns,
                        GError **error)
{
  g_autofree char *path = g_build_filename(directory, file, NULL);
  return table_open(t, path, columns, TRUE, error);
}

static int whole(table *t, int column)
{
  double value = table_number(t, column);
  return isnan(value) ? 0 : (int)value;
}

/* ---- The data sets ---- */

/* Settings of servers that the data do not tell and that were inferred from them: see the notes below. */
static const struct inferred {
  const char *model, *engine;
  int tp;
  int prompts; /* whole prompts that fit into an iteration beside one token of each client; 0: not inferred */
  const char *memory; /* the memory of the setup */
} inferred[] = {
    {"qwen3-32b", "vllm-0.12", 0, 1, NULL},
    {"qwen3-32b", "tensorrt-llm-1.0", 0, 2, NULL},
    {"qwen3-32b", "sglang", 1, 0, "0.82"},
    {"gpt-oss-120b", "tensorrt-llm", 1, 0, "0.57"},
};
static const char silicon_note[] =
    "The token budget of the H100 servers is not recorded. Their TTFT is that "
    "of so and so many prompts whatever the "
    "prompt's length, so it is taken as concurrency + prompt (vLLM) and "
    "concurrency + 2 prompts (TensorRT-LLM 1.0). "
    "Nor is the KV cache: where requests queued, it is taken from how many "
    "ran (Little's law): about 6,500 tokens for "
    "SGLang on one H100, 500,000 for gpt-oss-120b with TensorRT-LLM on one "
    "H200. These were chosen after seeing TTFT. DeepSeek-R1 on B200 is left out: "
    "its rows hold the same points with and without speculative decoding, unmarked.";

static void infer(setup *s, int isl, int concurrency)
{
  for (guint i = 0; i < G_N_ELEMENTS(inferred); i++) {
    const struct inferred *known = &inferred[i];
    if (!g_str_equal(known->model, s->model) || !g_str_equal(known->engine, s->engine) ||
        (known->tp != 0 && known->tp != s->tp))
      continue;
    if (known->prompts > 0)
      s->max_batched = known->prompts * isl + concurrency;
    if (known->memory != NULL)
      s->memory = known->memory;
  }
}

static gboolean read_silicon(const validation_set *set, const char *directory, GPtrArray *cases,
                             GError **error)
{
  enum {
    MODEL,
    SYSTEM,
    BACKEND,
    VERSION,
    PRECISION,
    ISL,
    OSL,
    CONCURRENCY,
    TP,
    DP,
    MOE_EP,
    GPUS,
    TTFT,
    TPOT
  };
  static const tw_csv_column columns[] = {
      {"model", FALSE},     {"system", FALSE},       {"backend", FALSE}, {"backend_version", FALSE},
      {"precision", FALSE}, {"isl", FALSE},          {"osl", FALSE},     {"concurrency", FALSE},
      {"tp", FALSE},        {"attention_dp", FALSE}, {"moe_ep", FALSE},  {"gpus", FALSE},
      {"ttft_ms", FALSE},   {"tpot_ms", FALSE},      {NULL, FALSE}};
  static const char *const engines[][2] = {
      {"vllm", "vllm-0.12"}, {"sglang", "sglang"}, {"trtllm", "tensorrt-llm"}};
  table t;
  if (!open_in(&t, directory, set->file, columns, error))
    return FALSE;
  while (table_next(&t)) {
    const char *engine = NULL;
    for (guint e = 0; e < G_N_ELEMENTS(engines); e++)
      if (g_str_equal(engines[e][0], tw_csv_text(t.csv, BACKEND)))
        engine = engines[e][1];
    int isl = whole(&t, ISL), osl = whole(&t, OSL), concurrency = whole(&t, CONCURRENCY);
    const char *precision = tw_csv_text(t.csv, PRECISION);
    gboolean fp8 = g_str_equal(precision, "fp8");
    setup s = {.model = setup_model(tw_csv_text(t.csv, MODEL)),
               .device = setup_device(tw_csv_text(t.csv, SYSTEM)),
               .engine = engine,
               .tp = MAX(whole(&t, TP), 1),
               .pp = 1,
               .dp = MAX(whole(&t, DP), 1),
               .ep = MAX(whole(&t, MOE_EP), 1),
               .replicas = 1,
               .kv = fp8 ? "fp8" : "bf16",
               .max_seqs = 1024,
               .max_batched = 8192,
               .max_len = isl + osl + 16};
    if (s.engine == NULL)
      fprintf(stderr, "the backend \"%s\" is not known; write vllm, sglang or trtllm\n",
              tw_csv_text(t.csv, BACKEND));
    if (s.model == NULL || s.device == NULL || s.engine == NULL)
      continue; /* not in the catalogue */
    /* Whether DeepSeek-R1 on B200 speculated is not flagged: the same points stand there with two times. */
    if (g_str_equal(s.model, "deepseek-r1") && g_str_equal(s.device, "b200-sxm"))
      continue;
    s.weights = setup_checkpoint(s.model, precision);
    if (g_str_equal(tw_csv_text(t.csv, VERSION), "1.0.0rc3"))
      s.engine = "tensorrt-llm-1.0";
    /* vLLM schedules asynchronously by default from 0.14 on. All of gpt-oss-120b is one sweep, of which some
     * rows say 0.15 or 0.18. */
    if (g_str_equal(s.engine, "vllm-0.12") &&
        (g_str_equal(s.model, "gpt-oss-120b") || g_strcmp0(tw_csv_text(t.csv, VERSION), "0.14") > 0))
      s.engine = "vllm";
    if (g_str_equal(s.engine, "sglang"))
      s.max_batched = MAX(s.max_batched, s.max_len);
    infer(&s, isl, concurrency);
    gboolean spread = !g_str_equal(s.device, "h100-sxm");
    g_autofree char *workload = setup_closed_loop(concurrency, 10, isl, osl, spread);
    validation_case *item = setup_case(set, &s, workload);
    item->ttft_tells = spread && table_number(&t, TTFT) < 3000; /* beyond, it is the KV cache that tells */
    item->label = g_strdup_printf("%s %d/%d c%d", s.weights, isl, osl, concurrency);
    item->measured[CASE_TTFT] = table_number(&t, TTFT) * 1e-3;
    item->measured[CASE_TPOT] = table_number(&t, TPOT) * 1e-3;
    item->clients = concurrency;
    item->answer = osl;
    item->measured[CASE_THROUGHPUT] = concurrency * osl /
                                      (item->measured[CASE_TTFT] + (osl - 1) * item->measured[CASE_TPOT]) /
                                      item->accelerators;
    g_ptr_array_add(cases, item);
  }
  return table_close(&t);
}

static gboolean read_saturation(const validation_set *set, const char *directory, GPtrArray *cases,
                                GError **error)
{
  enum { MODEL, GPU, PARALLEL, PRECISION, ISL, OSL, TOKENS };
  static const tw_csv_column columns[] = {{"model", FALSE},
                                          {"gpu", FALSE},
                                          {"parallel", FALSE},
                                          {"precision", FALSE},
                                          {"isl", FALSE},
                                          {"osl", FALSE},
                                          {"output_tok_s_per_gpu", FALSE},
                                          {NULL, FALSE}};
  enum { REQUESTS = 3000 };
  table t;
  if (!open_in(&t, directory, set->file, columns, error))
    return FALSE;
  while (table_next(&t)) {
    const char *model = setup_model(tw_csv_text(t.csv, MODEL)), *parallel = tw_csv_text(t.csv, PARALLEL);
    const char *device = setup_device(tw_csv_text(t.csv, GPU));
    if (model == NULL || device == NULL)
      continue; /* not in the catalogue */
    int isl = whole(&t, ISL), osl = whole(&t, OSL);
    gboolean mxfp4 = g_str_has_prefix(model, "gpt-oss"), ranks = g_str_has_prefix(parallel, "DEP");
    int n = MAX((int)g_ascii_strtoll(parallel + (ranks ? 3 : 2), NULL, 10), 1);
    setup s = {.model = model,
               .device = device,
               .engine = "tensorrt-llm",
               .tp = ranks ? 1 : n,
               .pp = 1,
               .dp = ranks ? n : 1,
               .ep = ranks ? n : 1,
               .replicas = 1,
               .weights = setup_checkpoint(model, "fp8"),
               .kv = mxfp4 ? "bf16" : "fp8",
               .max_seqs = 1024,
               .max_batched = 8192,
               .max_len = isl + osl + 16,
               .graph_tokens = 8192};
    infer(&s, isl, REQUESTS);
    g_autofree char *workload = setup_closed_loop(REQUESTS, 1, isl, osl, FALSE);
    validation_case *item = setup_case(set, &s, workload);
    item->label = g_strdup_printf("%d/%d", isl, osl);
    item->measured[CASE_THROUGHPUT] = table_number(&t, TOKENS);
    g_ptr_array_add(cases, item);
  }
  return table_close(&t);
}

/* Decode ITL at fixed batch sizes; prompts are chat questions whose lengths the note below infers. */
static gboolean read_ml_energy(const validation_set *set, const char *directory, GPtrArray *cases,
                               GError **error)
{
  enum { MODEL, WEIGHTS, GPU, EP, GPUS, BATCH, RUNNING, OUTPUT, WATTS, JOULES, ITL, TOKENS };
  static const tw_csv_column columns[] = {{"model", FALSE},
                                          {"weight_precision", FALSE},
                                          {"gpu", FALSE},
                                          {"ep", FALSE},
                                          {"num_gpus", FALSE},
                                          {"max_num_seqs", FALSE},
                                          {"avg_batch_size", FALSE},
                                          {"avg_output_len", FALSE},
                                          {"avg_power_w_all_gpus", FALSE},
                                          {"energy_per_token_j", FALSE},
                                          {"median_itl_ms", FALSE},
                                          {"output_tok_s", FALSE},
                                          {NULL, FALSE}};
  table t;
  if (!open_in(&t, directory, set->file, columns, error))
    return FALSE;
  while (table_next(&t)) {
    int batch = whole(&t, BATCH), gpus = MAX(whole(&t, GPUS), 1), ep = MAX(whole(&t, EP), 1);
    const char *weights = tw_csv_text(t.csv, WEIGHTS);
    setup s = {.model = setup_model(tw_csv_text(t.csv, MODEL)),
               .device = setup_device(tw_csv_text(t.csv, GPU)),
               .engine = "vllm-0.12",
               .tp = gpus,
               .pp = 1,
               .dp = 1,
               .ep = ep,
               .replicas = 1,
               .kv = "bf16",
               .max_seqs = batch,
               .max_batched = 8192,
               .max_len = 20480,
               .memory = "0.95"};
    if (s.model == NULL || s.device == NULL)
      continue;
    s.weights = setup_checkpoint(s.model, weights);
    g_autofree char *workload =
        g_strdup_printf("<closed-loop concurrency=\"%d\" requests=\"%d\" "
                        "warmup=\"%d\" jitter=\"20ms\"><prompt law=\"lognormal\" "
                        "sigma=\"1.3\" mean=\"300\" max=\"8000\"/><answer law=\"lognormal\" "
                        "sigma=\"0.6\" mean=\"%.0f\" max=\"4096\"/></closed-loop>",
                        batch, MAX(batch * 6, 100), batch, table_number(&t, OUTPUT));
    validation_case *item = setup_case(set, &s, workload);
    item->label = g_strdup_printf("batch %d", batch);
    item->measured[CASE_GAP_P50] = table_number(&t, ITL) * 1e-3;
    /* Little's law: each of the sequences that run gets a token in every mean gap. */
    item->measured[CASE_TPOT] = table_number(&t, RUNNING) / table_number(&t, TOKENS);
    item->measured[CASE_THROUGHPUT] = table_number(&t, TOKENS) / gpus;
    item->measured[CASE_WATTS] = table_number(&t, WATTS) / gpus;
    item->measured[CASE_JOULES] = table_number(&t, JOULES);
    item->steady = TRUE;
    /* The client asks for top-p. */
    g_string_replace(item->scenario, "<step-time ", "<step-time logit-bytes=\"256\" ", 1);
    g_string_replace(item->scenario, "<router/>", "<router/><output segments=\"true\"/>", 1);
    g_ptr_array_add(cases, item);
  }
  return table_close(&t);
}

/* One batch of equal requests, from its prompts to its last token, with the software of 2023. */
static gboolean read_splitwise(const validation_set *set, const char *directory, GPtrArray *cases,
                               GError **error)
{
  enum { MODEL, HARDWARE, TP, PROMPT, BATCH, TOKENS, PROMPT_MS, TOKEN_MS };
  static const tw_csv_column columns[] = {
      {"model", FALSE},       {"hardware", FALSE},   {"tensor_parallel", FALSE},
      {"prompt_size", FALSE}, {"batch_size", FALSE}, {"token_size", FALSE},
      {"prompt_time", FALSE}, {"token_time", FALSE}, {NULL, FALSE}};
  table t;
  if (!open_in(&t, directory, set->file, columns, error))
    return FALSE;
  g_autofree char *last = NULL;
  while (table_next(&t)) {
    const char *model = setup_model(tw_csv_text(t.csv, MODEL));
    const char *device = setup_device(tw_csv_text(t.csv, HARDWARE));
    if (model == NULL || device == NULL)
      continue; /* not in the catalogue */
    int prompt = whole(&t, PROMPT), batch = whole(&t, BATCH), tokens = whole(&t, TOKENS);
    setup s = {.model = model,
               .device = device,
               .engine = "transformers",
               .tp = MAX(whole(&t, TP), 1),
               .pp = 1,
               .dp = 1,
               .ep = 1,
               .replicas = 1,
               .weights = "bf16",
               .kv = "bf16",
               .max_seqs = batch,
               .max_batched = MAX(batch * prompt, 16384),
               .max_len = 4096};
    s.max_len = MIN(prompt + tokens, 4096);
    if (prompt + tokens > 4096)
      continue; /* beyond the model's positions */
    g_autofree char *workload = setup_closed_loop(batch, 1, prompt, tokens, FALSE);
    validation_case *item = setup_case(set, &s, workload);
    item->label = g_strdup_printf("%d/%d b%d", prompt, tokens, batch);
    g_autofree char *key = g_strconcat(item->label, item->shape, NULL);
    if (g_strcmp0(key, last) == 0) { /* the first of several repetitions stands for them */
      validation_case_free(item);
      continue;
    }
    g_free(last);
    last = g_steal_pointer(&key);
    item->measured[CASE_TTFT] = table_number(&t, PROMPT_MS) * 1e-3;
    item->measured[CASE_TPOT] = table_number(&t, TOKEN_MS) * 1e-3;
    g_ptr_array_add(cases, item);
  }
  return table_close(&t);
}

/* A server's own record of one run: the trace is replayed, and the means over its requests compared. */
static gboolean read_vllm_run(const validation_set *set, const char *directory, GPtrArray *cases,
                              GError **error)
{
  enum { ARRIVAL, ANSWER, FIRST, LAST };
  static const tw_csv_column columns[] = {{"arrival_s", FALSE},
                                          {"answer_tokens", FALSE},
                                          {"first_token_s", FALSE},
                                          {"last_token_s", FALSE},
                                          {NULL, FALSE}};
  static const setup s = {"llama-3.1-8b", "rtx-pro-6000", "vllm", 1,    1, 1,   1, 1, "bf16", "bf16", 128,
                          2048,           131072,         NULL,   NULL, 0, NULL};
  table t;
  if (!open_in(&t, directory, set->file, columns, error))
    return FALSE;
  g_autofree char *workload =
      g_strdup_printf("<trace format=\"tokenworks\" file=\"%s/%s\"/>", directory, set->file);
  validation_case *item = setup_case(set, &s, workload);
  item->label = g_strdup("300 requests");
  double n = 0, ttft = 0, tpot = 0, e2e = 0;
  for (; table_next(&t); n++) {
    double arrival = table_number(&t, ARRIVAL), first = table_number(&t, FIRST),
           last = table_number(&t, LAST);
    ttft += first - arrival;
    tpot += (last - first) / (table_number(&t, ANSWER) - 1);
    e2e += last - arrival;
  }
  item->measured[CASE_TTFT] = ttft / n;
  item->measured[CASE_TPOT] = tpot / n;
  item->measured[CASE_E2E] = e2e / n;
  g_ptr_array_add(cases, item);
  return table_close(&t);
}

/* Recorded open loops: requests as they came, with totals of the whole run beside them. */
static gboolean read_powertrace(const validation_set *set, const char *directory, GPtrArray *cases,
                                GError **error)
{
  enum { NAME, MODEL, DEVICE, P50, P99, TPOT };
  static const tw_csv_column columns[] = {
      {"name", FALSE},        {"model", FALSE},        {"device", FALSE}, {"ttft_p50_ms", FALSE},
      {"ttft_p99_ms", FALSE}, {"tpot_mean_ms", FALSE}, {NULL, FALSE}};
  table t;
  if (!open_in(&t, directory, set->file, columns, error))
    return FALSE;
  g_autofree char *folder = g_path_get_dirname(set->file);
  while (table_next(&t)) {
    setup s = {.model = setup_model(tw_csv_text(t.csv, MODEL)),
               .device = setup_device(tw_csv_text(t.csv, DEVICE)),
               .engine = "vllm-0.12",
               .tp = 1,
               .pp = 1,
               .dp = 1,
               .ep = 1,
               .replicas = 1,
               .weights = "bf16",
               .kv = "bf16",
               .max_seqs = 256,
               .max_batched = 8192,
               .max_len = 16384};
    g_autofree char *path = g_strdup_printf("%s/%s/%s", directory, folder, tw_csv_text(t.csv, NAME));
    g_autofree char *trace = g_strconcat(path, ".requests.csv", NULL),
                    *watts = g_strconcat(path, ".power.csv", NULL);
    g_autoptr(GString) text = setup_trace(trace, error);
    validation_case *item = text != NULL && s.model != NULL && s.device != NULL
                                ? setup_case(set, &s, "<trace format=\"tokenworks\" file=\"@trace@\"/>")
                                : NULL;
    if (item == NULL)
      continue;
    item->trace = g_string_free(g_steal_pointer(&text), FALSE);
    item->label = g_strdup(tw_csv_text(t.csv, NAME));
    item->measured[CASE_TTFT_P50] = table_number(&t, P50) * 1e-3;
    item->measured[CASE_TPOT] = table_number(&t, TPOT) * 1e-3;
    if (!setup_watts(watts, item, error)) {
      validation_case_free(item);
      break;
    }
    g_ptr_array_add(cases, item);
  }
  return table_close(&t);
}

static const char ml_energy_note[] =
    "TPOT is the mean gap that sequences and tokens a second make (Little's law); the lengths of the prompts "
    "are not recorded. The 99th percentile of the gaps tells of them: on H100s it "
    "grows with the batch as if half of the prompts had some 130 tokens, one in ten "
    "700 and one in twenty 1,000, so that they are taken as lognormal with a mean "
    "of 300 and a deviation of 1.3.";
static const char mlperf_note[] = "The lengths of the prompts are not recorded and taken as those of the "
                                  "data sets (OpenOrca: 294 tokens in "
                                  "the mean). Layouts and limits of engines are those of NVIDIA's and its "
                                  "partners' published configurations. A row "
                                  "offline stands for one engine's share of ten passes over the samples.";
static const char mlperf_v60_note[] =
    "As v5.1. AMD's vLLM admits prompts in every third or seventh iteration only, which is left out. So are "
    "gpt-oss-120b, whose prompts are not known, servers with several kinds of accelerators, and those with a "
    "power cap.";
static const char saturation_note[] = "3,000 requests at once, with CUDA graphs up to 8,192 sequences, as "
                                      "the overview's llm_options.yml says. The KV "
                                      "cache of gpt-oss-120b is that inferred from the closed-loop runs.";

const validation_set validation_sets[] = {
    {"silicon", "silicon_agg.csv", "closed-loop runs of vLLM, SGLang and TensorRT-LLM", FALSE, TRUE,
     silicon_note, read_silicon},
    {"ml.energy", "ml_energy.csv", "ML.ENERGY leaderboard: vLLM at fixed batch sizes", FALSE, FALSE,
     ml_energy_note, read_ml_energy},
    {"mlperf", "mlperf_runs.csv", "MLPerf Inference v5.1, offline", FALSE, FALSE, mlperf_note, read_mlperf},
    {"mlperf-server", "mlperf_runs.csv", "MLPerf Inference v5.1, Server and Interactive", FALSE, FALSE, NULL,
     read_mlperf},
    {"mlperf-v60", "mlperf_v60_runs.csv", "MLPerf Inference v6.0, offline, AMD and H200 NVL", FALSE, FALSE,
     mlperf_v60_note, read_mlperf_v60},
    {"mlperf-v60-server", "mlperf_v60_runs.csv",
     "MLPerf Inference v6.0, Server and Interactive, AMD and H200 NVL", FALSE, FALSE, NULL, read_mlperf_v60},
    {"saturation", "trtllm_max_throughput.csv", "TensorRT-LLM's performance overview", FALSE, FALSE,
     saturation_note, read_saturation},
    {"powertrace", "powertrace/runs.csv", "recorded open loops of vLLM 0.10 with watts", FALSE, FALSE, NULL,
     read_powertrace},
    {"vllm-run", "vllm-rtx-pro-6000-llama-3.1-8b.csv", "a vLLM 0.19 server's record, LLMServingSim (MIT)",
     TRUE, FALSE, NULL, read_vllm_run},
    {"splitwise", "splitwise_perf_model.csv", "Splitwise's A100 measurements (MIT)", TRUE, TRUE, NULL,
     read_splitwise},
    {NULL, NULL, NULL, FALSE, FALSE, NULL, NULL},
};
