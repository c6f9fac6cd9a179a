/* What vLLM's own scheduler did with a step time of 7 ms + 27 us a prompt token + 20 us a sequence + 49 ns a token
 * of context and blocks of 16 tokens, when it was run (V1, commit of 2026-05-19). Azure's conversations are those
 * that ship (CC-BY, workloads/traces); branches.csv and tenants.csv are synthetic: eight equal prompts at each
 * arrival, and 150 beginnings of 2,000 tokens before long outputs. A prompt's hash ids are `ids` numbers from
 * first_id on, one for 16 tokens. */
#include "tests/program.h"
#include "tests/sim/support.h"

#include <jansson.h>

typedef struct value {
  const char *name;
  double memory_fraction;
  const char *trace; /* synthetic; NULL: Azure's, and how many of these: */
  int requests;
  gboolean asynchronous;
  double ttft_ms, digit_ms;   /* mean, and what its last printed digit is worth */
  double tpot_ms, e2e_s;      /* 0: not given */
  gint64 cached, preemptions; /* -1: not given */
  /* Of TTFT: of n values in rising order the one before which q·n lie. 0: not given. */
  double p50_ms, p90_ms, p99_ms;
} value;

/* Writes a synthetic trace whose hash ids are spelt out. */
static void write_trace(void **state, const char *name)
{
  g_autofree char *from = g_strdup_printf("%s/tests/sim/engine/vllm/%s.csv", TW_SOURCE_DIR, name);
  g_autofree char *to = g_build_filename(*state, "trace.csv", NULL);
  g_autofree char *text = NULL;
  g_autoptr(GString) out = g_string_new("arrival_s,prompt_tokens,answer_tokens,hash_tokens,hashes\n");
  assert_true(g_file_get_contents(from, &text, NULL, NULL));
  g_auto(GStrv) rows = g_strsplit(g_strstrip(text), "\n", -1);
  for (int i = 1; rows[i] != NULL; i++) {
    g_auto(GStrv) cells = g_strsplit(rows[i], ",", -1);
    gint64 first = g_ascii_strtoll(cells[3], NULL, 10), ids = g_ascii_strtoll(cells[4], NULL, 10);
    g_string_append_printf(out, "%s,%s,%s,16,", cells[0], cells[1], cells[2]);
    for (gint64 k = 0; k < ids; k++)
      g_string_append_printf(out, "%s%" G_GINT64_FORMAT, k > 0 ? " " : "", first + k);
    g_string_append_c(out, '\n');
  }
  assert_true(g_file_set_contents(to, out->str, (gssize)out->len, NULL));
}

static double member(const json_t *summary, const char *object, const char *name)
{
  return json_number_value(json_object_get(json_object_get(summary, object), name));
}

static gint compare(gconstpointer a, gconstpointer b)
{
  return *(const double *)a < *(const double *)b ? -1 : *(const double *)a > *(const double *)b;
}

/* The times to first token of the run, in rising order. */
static GArray *read_ttfts(void **state)
{
  g_autofree char *run = g_build_filename(*state, "run", NULL);
  g_autoptr(GArray) arrivals = test_column(run, "requests", "arrival_s");
  GArray *ttfts = test_column(run, "requests", "first_token_s");
  for (guint i = 0; i < ttfts->len; i++)
    g_array_index(ttfts, double, i) -= g_array_index(arrivals, double, i);
  g_array_sort(ttfts, compare);
  return ttfts;
}

static void assert_percentiles(void **state, const value *v)
{
  const struct {
    double q, ms;
  } given[] = {{0.5, v->p50_ms}, {0.9, v->p90_ms}, {0.99, v->p99_ms}};
  g_autoptr(GArray) ttfts = read_ttfts(state);
  for (guint i = 0; i < G_N_ELEMENTS(given); i++)
    if (given[i].ms > 0)
      assert_near(1e3 * g_array_index(ttfts, double, (guint)(given[i].q * ttfts->len)), given[i].ms,
                  v->digit_ms);
}

static void assert_is(void **state, const value *v)
{
  g_autoptr(GString) words = g_string_new(NULL);
  g_string_printf(
      words,
      "run %s/tests/sim/engine/vllm/scenario.xml -o $/run -f -q --set //pool/@memory-fraction=%.12g "
      "--set //scheduler/@asynchronous=%s",
      TW_SOURCE_DIR, v->memory_fraction, v->asynchronous ? "true" : "false");
  if (v->trace != NULL) {
    write_trace(state, v->trace);
    g_string_append(words, " --set //trace/@file=$/trace.csv --set //trace/@format=tokenworks "
                           "--set //trace/@rate-scale=1 --set //trace/@limit=2000");
  } else {
    g_string_append_printf(words, " --set //trace/@limit=%d", v->requests);
  }
  expect(state, words->str, 0, "", "");
  g_autofree char *path = g_build_filename(*state, "run", "summary.json", NULL);
  json_t *summary = json_load_file(path, 0, NULL);
  assert_non_null(summary);
  print_message("%s, %s\n", v->name, v->asynchronous ? "asynchronous" : "synchronous");
  assert_near(1e3 * member(summary, "ttft_s", "mean"), v->ttft_ms, v->digit_ms / 2);
  if (v->tpot_ms > 0)
    assert_near(1e3 * member(summary, "tpot_s", "mean"), v->tpot_ms, 0.005);
  if (v->e2e_s > 0)
    assert_near(member(summary, "e2e_s", "mean"), v->e2e_s, 0.006);
  if (v->cached >= 0)
    assert_near(member(summary, "tokens", "prompt_cached"), (double)v->cached, 0.005 * (double)v->cached);
  if (v->preemptions >= 0)
    assert_int_equal(json_integer_value(json_object_get(summary, "preemptions")), v->preemptions);
  assert_percentiles(state, v);
  json_decref(summary);
}

/* The share of the accelerator's memory that leaves so many blocks as vLLM was given. */
#define AZURE_FRACTION    0.621607264876
#define FEW_FRACTION      0.0723
#define BRANCHES_FRACTION 0.621607264876
#define TENANTS_FRACTION  0.499536952376

static void conversations_wait_as_long_as_in_vllm(void **state)
{
  assert_is(state, &(value){"azure", AZURE_FRACTION, NULL, 2000, FALSE, 67.4, 0.1, 0, 0, -1, 0, 48.1, 0, 0});
  assert_is(state,
            &(value){"azure", AZURE_FRACTION, NULL, 2000, TRUE, 81.3, 0.1, 14.85, 0, -1, 0, 60.8, 150.9, 0});
}

static void few_blocks_preempt_as_often_as_in_vllm(void **state)
{
  assert_is(state,
            &(value){"few blocks", FEW_FRACTION, NULL, 1500, FALSE, 4908, 1, 0, 8.21, -1, 246, 0, 12197, 0});
  assert_is(state,
            &(value){"few blocks", FEW_FRACTION, NULL, 1500, TRUE, 5044, 1, 0, 8.35, -1, 273, 0, 12432, 0});
}

static void equal_prompts_find_each_other_as_in_vllm(void **state)
{
  assert_is(state, &(value){"branches", BRANCHES_FRACTION, "branches", 2000, FALSE, 80, 1, 11.46, 2.67,
                            3170000, -1, 0, 0, 171});
}

static void outputs_push_prefixes_out_as_in_vllm(void **state)
{
  assert_is(state, &(value){"tenants", TENANTS_FRACTION, "tenants", 2000, FALSE, 43.4, 0.1, 0, 0, 830000, -1,
                            23.8, 0, 124.6});
  assert_is(state, &(value){"tenants", TENANTS_FRACTION, "tenants", 2000, TRUE, 52.1, 0.1, 0, 0, 830000, -1,
                            32.9, 0, 141.6});
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(conversations_wait_as_long_as_in_vllm),
      cmocka_unit_test(few_blocks_preempt_as_often_as_in_vllm),
      cmocka_unit_test(equal_prompts_find_each_other_as_in_vllm),
      cmocka_unit_test(outputs_push_prefixes_out_as_in_vllm),
  };
  return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
