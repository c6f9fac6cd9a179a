#include "tests/validation/own_rows.h"

#include "tests/validation/setup.h"
#include "tests/validation/table.h"

#include <math.h>
#include <string.h>

enum {
  MODEL,
  DEVICE,
  PROMPT,
  OUTPUT,
  CONCURRENCY,
  RATE,
  ENGINE,
  TP,
  PP,
  DP,
  EP,
  REPLICAS,
  WEIGHTS,
  KV,
  MAX_SEQS,
  MAX_BATCHED,
  REQUESTS,
  MEASURED
};
static const tw_csv_column columns[] = {{"model", FALSE},
                                        {"device", FALSE},
                                        {"prompt_tokens", FALSE},
                                        {"output_tokens", FALSE},
                                        {"concurrency", TRUE},
                                        {"rate_per_s", TRUE},
                                        {"engine", TRUE},
                                        {"tp", TRUE},
                                        {"pp", TRUE},
                                        {"dp", TRUE},
                                        {"ep", TRUE},
                                        {"replicas", TRUE},
                                        {"weights", TRUE},
                                        {"kv", TRUE},
                                        {"max_seqs", TRUE},
                                        {"max_batched_tokens", TRUE},
                                        {"requests", TRUE},
                                        {"ttft_mean_s", TRUE},
                                        {"ttft_p50_s", TRUE},
                                        {"ttft_p99_s", TRUE},
                                        {"tpot_mean_s", TRUE},
                                        {"tpot_p50_s", TRUE},
                                        {"tpot_p99_s", TRUE},
                                        {"e2e_mean_s", TRUE},
                                        {"output_tokens_per_s", TRUE},
                                        {"watts", TRUE},
                                        {"j_per_output_token", TRUE},
                                        {NULL, FALSE}};
static const case_metric metrics[] = {CASE_TTFT,     CASE_TTFT_P50, CASE_TTFT_P99, CASE_TPOT,
                                      CASE_TPOT_P50, CASE_TPOT_P99, CASE_E2E,      CASE_THROUGHPUT,
                                      CASE_WATTS,    CASE_JOULES};

static const validation_set own_set = {"own", NULL, "the user's own rows", FALSE, FALSE, NULL, NULL};

static int whole(table *t, int column, int fallback)
{
  double value = table_number(t, column);
  return isnan(value) ? fallback : (int)value;
}

/* Names stay; paths become absolute, since the scenario lies elsewhere. */
static char *named(const table *t, int column, const char *fallback)
{
  const char *text = tw_csv_text(t->csv, column);
  if (*text == '\0')
    return g_strdup(fallback);
  return strchr(text, '/') != NULL ? g_canonicalize_filename(text, NULL) : g_strdup(text);
}

static char *workload_of(table *t, const setup *s)
{
  double rate = table_number(t, RATE);
  int prompt = whole(t, PROMPT, 1), output = whole(t, OUTPUT, 1), clients = whole(t, CONCURRENCY, 0);
  if (clients > 0)
    return setup_closed_loop(clients, 10, prompt, output, FALSE);
  (void)s;
  return g_strdup_printf(
      "<poisson rate=\"%g/s\" requests=\"%d\"><prompt law=\"fixed\" mean=\"%d\" max=\"%d\"/>"
      "<answer law=\"fixed\" mean=\"%d\" max=\"%d\"/></poisson>",
      rate, whole(t, REQUESTS, 1000), prompt, prompt, output, output);
}

gboolean own_rows_read(const char *path, GPtrArray *cases, GError **error)
{
  table t;
  if (!table_open(&t, path, columns, TRUE, error))
    return FALSE;
  while (table_next(&t)) {
    g_autofree char *model = named(&t, MODEL, ""), *device = named(&t, DEVICE, ""),
                    *engine = named(&t, ENGINE, "vllm"), *weights = named(&t, WEIGHTS, "bf16"),
                    *kv = named(&t, KV, "bf16");
    if (isnan(table_number(&t, RATE)) == (whole(&t, CONCURRENCY, 0) <= 0)) {
      t.good = tw_input_fault(t.input, error, "a row needs one of concurrency and rate_per_s; give one");
      break;
    }
    setup s = {.model = model,
               .device = device,
               .engine = engine,
               .tp = MAX(whole(&t, TP, 1), 1),
               .pp = MAX(whole(&t, PP, 1), 1),
               .dp = MAX(whole(&t, DP, 1), 1),
               .ep = MAX(whole(&t, EP, 1), 1),
               .replicas = MAX(whole(&t, REPLICAS, 1), 1),
               .weights = weights,
               .kv = kv,
               .max_seqs = whole(&t, MAX_SEQS, 1024),
               .max_batched = whole(&t, MAX_BATCHED, 8192),
               .max_len = whole(&t, PROMPT, 1) + whole(&t, OUTPUT, 1) + 16};
    g_autofree char *workload = workload_of(&t, &s);
    validation_case *item = setup_case(&own_set, &s, workload);
    item->label =
        g_strdup_printf("%d/%d c%d", whole(&t, PROMPT, 1), whole(&t, OUTPUT, 1), whole(&t, CONCURRENCY, 0));
    for (guint m = 0; m < G_N_ELEMENTS(metrics); m++)
      item->measured[metrics[m]] = table_number(&t, MEASURED + (int)m);
    item->measured[CASE_THROUGHPUT] /= item->accelerators;
    g_ptr_array_add(cases, item);
  }
  return table_close(&t);
}
