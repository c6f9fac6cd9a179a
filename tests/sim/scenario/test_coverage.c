/* What of a pool lies outside of what its overheads were fitted on. */
#include "sim/scenario/coverage.h"
#include "tests/program.h"

static tw_pool fitted_pool(const tw_device *device)
{
  return (tw_pool){.device = device,
                   .weights = TW_FP8,
                   .tp = 8,
                   .pp = 1,
                   .dp = 1,
                   .ep = 1,
                   .overhead = {.devices = (char *)"h100-sxm h200-sxm",
                                .precisions = (char *)"bf16 fp8",
                                .max_tp = 8,
                                .max_pp = G_MININT64,
                                .max_dp = 1,
                                .max_ep = 1}};
}

static void nothing_is_outside_of_what_it_was_fitted_on(void **state)
{
  (void)state;
  const tw_device device = {.name = (char *)"h200-sxm"};
  tw_pool pool = fitted_pool(&device);
  pool.pp = 4; /* not recorded */
  g_auto(GStrv) texts = tw_coverage_outside(&pool);
  assert_null(texts[0]);
}

static void each_thing_outside_is_named_with_what_was_fitted(void **state)
{
  (void)state;
  const tw_device device = {.name = (char *)"h20"}; /* not the head of another's name */
  tw_pool pool = fitted_pool(&device);
  pool.weights = TW_FP4;
  pool.tp = 1;
  pool.dp = pool.ep = 16;
  g_auto(GStrv) texts = tw_coverage_outside(&pool);
  static const char *const expected[] = {"device h20 (fitted on h100-sxm h200-sxm)",
                                         "weights in fp4 (fitted on bf16 fp8)", "dp 16 (fitted up to 1)",
                                         "ep 16 (fitted up to 1)"};
  assert_int_equal(g_strv_length(texts), G_N_ELEMENTS(expected));
  for (guint i = 0; i < G_N_ELEMENTS(expected); i++)
    assert_string_equal(texts[i], expected[i]);
}

static void a_table_of_step_times_was_not_fitted(void **state)
{
  (void)state;
  const tw_device device = {.name = (char *)"h20"};
  tw_pool pool = fitted_pool(&device);
  pool.table_file = (char *)"times.csv";
  g_auto(GStrv) texts = tw_coverage_outside(&pool);
  assert_null(texts[0]);
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

static void a_run_says_in_one_line_how_far_it_lies_from_what_was_calibrated(void **state)
{
  g_auto(result) within = run_with(state, "devices=\"h100-sxm\" max-seqs=\"8\" max-context=\"1000\"", 100);
  assert_int_equal(within.code, 0);
  assert_non_null(strstr(
      within.out, "  step times  all iterations lie within what the engine's step times were fitted to\n"));
  /* The prompt's iteration decodes nothing; the nine that follow hold more than 1000 tokens of context. */
  g_auto(result) longer = run_with(state, "devices=\"h100-sxm\" max-seqs=\"8\" max-context=\"1000\"", 2000);
  assert_non_null(strstr(longer.out,
                         "  step times  90.0 % of the iterations lie outside of what the engine's step times "
                         "were fitted to: trust their\n              times less; serve: 90.0 % of its "
                         "iterations have more than 8 sequences or 1000 tokens of context\n"));
  g_auto(result) foreign =
      run_with(state, "devices=\"b200-sxm\" precisions=\"fp8\" max-seqs=\"8\" max-context=\"1000\"", 100);
  assert_non_null(strstr(
      foreign.out, "  step times  100.0 % of the iterations lie outside of what the engine's step times were "
                   "fitted to: trust their\n              times less; serve: device h100-sxm "
                   "(fitted on b200-sxm), weights in bf16 (fitted on fp8)\n"));
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
      cmocka_unit_test(nothing_is_outside_of_what_it_was_fitted_on),
      cmocka_unit_test(each_thing_outside_is_named_with_what_was_fitted),
      cmocka_unit_test(a_table_of_step_times_was_not_fitted),
      cmocka_unit_test(a_run_says_in_one_line_how_far_it_lies_from_what_was_calibrated),
      cmocka_unit_test(a_run_says_why_requests_were_rejected),
  };
  return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
