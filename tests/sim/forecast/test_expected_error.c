/* The errors to expect of a pool, by how near the measured runs are. */
#include "sim/forecast/expected_error.h"
#include "tests/program.h"

/* TPOT of a pool of Llama-3.1-70B. */
static tw_expected_error expected_of(const char *device, const char *engine, const char *name)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_model) model = tw_model_load(name, NULL, faults);
  assert_non_null(model);
  tw_device named = {.name = (char *)device};
  tw_pool pool = {.plan.device = &named,
                  .model = model,
                  .engine = (char *)engine,
                  .weights = TW_FP8,
                  .tp = 4,
                  .pp = 1,
                  .dp = 1,
                  .ep = 1};
  g_autoptr(GArray) errors = tw_expected_errors(&pool);
  for (guint i = 0; i < errors->len; i++) {
    tw_expected_error *e = &g_array_index(errors, tw_expected_error, i);
    if (g_str_equal(e->metric, "TPOT"))
      return (tw_expected_error){NULL, e->median, e->p90, e->rows, e->grade, NULL};
  }
  fail();
  return (tw_expected_error){0};
}

/* The same model, device, engine and layout was measured; with another model of its kind the engine and the
 * device were; of an unknown device only the kind of model is known; and an unknown engine beside it leaves
 * nothing. */
static void the_farther_a_pool_is_from_what_was_measured_the_lower_is_its_grade(void **state)
{
  (void)state;
  assert_int_equal(expected_of("h200-sxm", "vllm-0.12", "llama-3.1-70b").grade, TW_GRADE_MEASURED);
  assert_int_equal(expected_of("h200-sxm", "vllm-0.12", "qwen3-32b").grade, TW_GRADE_INTERPOLATED);
  assert_int_equal(expected_of("h20", "vllm-0.12", "llama-3.1-70b").grade, TW_GRADE_TAKEN_OVER);
  assert_int_equal(expected_of("h20", "mine", "deepseek-v3").grade, TW_GRADE_DATA_SHEET);
}

static void nine_of_ten_lie_farther_out_than_the_median(void **state)
{
  (void)state;
  tw_expected_error e = expected_of("h200-sxm", "vllm-0.12", "llama-3.1-70b");
  assert_true(e.median > 0 && e.median <= e.p90 && e.rows >= 10);
}

static void a_table_of_step_times_is_the_users_own(void **state)
{
  (void)state;
  tw_pool pool = {.table_file = (char *)"times.csv"};
  g_autoptr(GArray) errors = tw_expected_errors(&pool);
  assert_int_equal(errors->len, 0);
}

/* One prompt on an H100, with an engine of the given limits. */
static result run_with(void **state, const char *engine, int tokens)
{
  g_autofree char *engine_path = g_build_filename(*state, "engine.xml", NULL),
                  *platform = g_build_filename(*state, "platform.xml", NULL),
                  *trace = g_build_filename(*state, "trace.csv", NULL),
                  *scenario = g_build_filename(*state, "scenario.xml", NULL);
  g_autofree char *shipped = NULL;
  assert_true(g_file_get_contents(TW_SOURCE_DIR "/sim/engines/vllm.xml", &shipped, NULL, NULL));
  g_autoptr(GRegex) limits = g_regex_new("\\s(devices|precisions|max-[a-z]+)=\"[^\"]*\"", 0, 0, NULL);
  g_autofree char *bare = g_regex_replace_literal(limits, shipped, -1, 0, "", 0, NULL);
  g_auto(GStrv) halves = g_strsplit(bare, "<engine ", 2);
  g_autofree char *xml = g_strconcat(halves[0], "<engine ", engine, " ", halves[1], NULL);
  g_autofree char *rows = g_strdup_printf("arrival_s,prompt_tokens,answer_tokens\n0,%d,10\n", tokens);
  assert_true(g_file_set_contents(engine_path, xml, -1, NULL));
  assert_true(g_file_set_contents(trace, rows, -1, NULL));
  assert_true(g_file_set_contents(
      platform,
      "<?xml version='1.0'?><!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\"><platform "
      "version=\"4.1\">"
      "<zone id=\"node\" routing=\"Full\"><prop id=\"tw:role\" value=\"node\"/><host id=\"h\" speed=\"1Gf\">"
      "<prop id=\"tw:device\" value=\"h100-sxm\"/><prop id=\"tw:accelerators\" "
      "value=\"1\"/></host></zone></platform>",
      -1, NULL));
  assert_true(g_file_set_contents(scenario,
                                  "<scenario name=\"one\"><platform file=\"platform.xml\"/><workload><trace "
                                  "format=\"tokenworks\" file=\"trace.csv\"/></workload><pool id=\"serve\" "
                                  "model=\"llama-3.1-8b\" tp=\"1\" weights=\"bf16\" kv=\"bf16\"><step-time "
                                  "engine=\"./engine.xml\"/></pool><router/></scenario>",
                                  -1, NULL));
  return run_program(state, "run $/scenario.xml -o $/run --force");
}

static void a_run_says_what_error_to_expect(void **state)
{
  g_auto(result) r = run_with(state, "devices=\"h100-sxm\" max-seqs=\"8\" max-context=\"1000\"", 100);
  assert_int_equal(r.code, 0);
  assert_non_null(strstr(r.out, "  expected    serve: TPOT \u00b1 "));
  assert_non_null(strstr(r.out, "9 of 10 within "));
  assert_null(strstr(r.out, "outside"));
  g_autofree char *path = g_build_filename(*state, "run", "summary.json", NULL), *text = NULL;
  assert_true(g_file_get_contents(path, &text, NULL, NULL));
  assert_non_null(strstr(text, "\"expected_error\": ["));
  assert_non_null(strstr(text, "\"grade\": "));
}

/* Llama 3.1 takes 131,072 tokens of context. */
static void a_run_says_why_requests_were_rejected(void **state)
{
  g_auto(result) r = run_with(state, "devices=\"h100-sxm\" max-seqs=\"8\" max-context=\"1000\"", 200000);
  assert_int_equal(r.code, 0);
  assert_non_null(strstr(r.out, "1 arrived, 1 rejected\n"
                                "  rejected           1 because prompt and output exceed max-model-len\n"));
  g_autofree char *path = g_build_filename(*state, "run", "summary.json", NULL), *text = NULL;
  assert_true(g_file_get_contents(path, &text, NULL, NULL));
  g_autoptr(GRegex) row =
      g_regex_new("\"rejections\": \\[\\s*\\{\\s*\"reason\": \"prompt and output exceed max-model-len\",\\s*"
                  "\"requests\": 1\\s*\\}\\s*\\]",
                  0, 0, NULL);
  assert_true(g_regex_match(row, text, 0, NULL));
  /* Where none is, nothing is said of it. */
  g_auto(result) none = run_with(state, "devices=\"h100-sxm\" max-seqs=\"8\" max-context=\"1000\"", 100);
  assert_null(strstr(none.out, "rejected"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_farther_a_pool_is_from_what_was_measured_the_lower_is_its_grade),
      cmocka_unit_test(nine_of_ten_lie_farther_out_than_the_median),
      cmocka_unit_test(a_table_of_step_times_is_the_users_own),
      cmocka_unit_test(a_run_says_what_error_to_expect),
      cmocka_unit_test(a_run_says_why_requests_were_rejected),
  };
  return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
