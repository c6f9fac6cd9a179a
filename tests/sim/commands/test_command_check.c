/* The output of `tokenworks check` on sound scenarios. */
#include "tests/program.h"

#define AZURE TW_SOURCE_DIR "/sim/scenarios/azure-conv-hgx-h100.xml"

/* A line of the plan that begins with the name, with blanks made single. The caller frees it. */
static char *line_of(const char *plan, const char *name)
{
  g_auto(GStrv) lines = g_strsplit(plan, "\n", -1);
  for (char **line = lines; *line != NULL; line++) {
    g_auto(GStrv) words = g_strsplit_set(g_strstrip(*line), " ", -1);
    g_autoptr(GString) text = g_string_new(NULL);
    for (char **word = words; *word != NULL; word++)
      if (**word != '\0')
        g_string_append_printf(text, "%s%s", text->len > 0 ? " " : "", *word);
    if (g_str_has_prefix(text->str, name))
      return g_strdup(text->str);
  }
  fail_msg("the plan has no line \"%s\"", name);
  return NULL;
}

static void expect_line(const char *plan, const char *name, const char *expected)
{
  g_autofree char *line = line_of(plan, name);
  if (strstr(line, expected) == NULL)
    fail_msg("\"%s\" does not hold \"%s\"", line, expected);
}

/* Llama-3.1-70B has 80 layers with 8 KV heads of 128 numbers: with tp=8 in fp8, each accelerator keeps
 * 80 · 2 · 1 · 128 = 20,480 bytes of a token. */
static void a_plan_spells_out_defaults_memory_watts_and_step_times(void **state)
{
  g_auto(result) r = run_program(state, "check --plan " AZURE);
  assert_int_equal(r.code, 0);
  expect_line(r.out, "prefix-cache", "true (default)");
  expect_line(r.out, "max-seqs", "max-seqs 256");
  expect_line(r.out, "interval", "interval 1s");
  expect_line(r.out, "KV cache", "20480 bytes per token on each");
  expect_line(r.out, "power", "124W idle, 700W at most");
  expect_line(r.out, "step, small batch", "1 sequence decodes at 1024 tokens of context: ");
  expect_line(r.out, "step, large batch", "256 sequences decode at 1024 tokens of context: ");
  expect_line(r.out, "step, prompt", "a prompt of 8192 tokens: ");
  expect_line(r.out, "engine 3", "node-3:8");
  assert_null(strstr(r.out, "<autoscaler>")); /* it is absent, and its defaults do not hold */
}

/* The blocks are what is left of the KV cache's bytes: whole ones, of 16 tokens. */
static void the_blocks_of_a_plan_are_those_that_fit(void **state)
{
  g_auto(result) r = run_program(state, "check --plan " AZURE);
  double kv_gb, bytes_per_token;
  long blocks;
  g_autofree char *cache = line_of(r.out, "KV cache"), *fit = line_of(r.out, "KV blocks");
  assert_int_equal(sscanf(cache, "KV cache %lf GB per accelerator, %lf bytes", &kv_gb, &bytes_per_token), 2);
  assert_int_equal(sscanf(fit, "KV blocks %ld of 16 tokens", &blocks), 1);
  double most = 1e9 * kv_gb / bytes_per_token / 16;
  assert_in_range(blocks, (long)(most * 0.999), (long)(most * 1.001)); /* the GB have four digits */
}

static void accelerators_without_an_engine_are_told(void **state)
{
  expect(state, "check " AZURE " --set //pool/@replicas=3", 0,
         "note: 8 of the platform's 32 accelerators have neither an engine nor a job; they idle, and count "
         "in watts "
         "and dollars\n",
         "");
  g_auto(result) full = run_program(state, "check " AZURE);
  assert_null(strstr(full.out, "neither an engine"));
}

static void a_plan_shows_what_is_set(void **state)
{
  expect(state, "check --plan " AZURE " --set //pool/@replicas=2", 0,
         "accelerators           32, of which engines and jobs use 16", "");
  expect(state, "check --plan " TW_SOURCE_DIR "/sim/scenarios/reasoning-day-fleet-capped.xml", 0,
         "power cap              28kW to 60kW, 60kW at the start", "");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_plan_spells_out_defaults_memory_watts_and_step_times),
      cmocka_unit_test(the_blocks_of_a_plan_are_those_that_fit),
      cmocka_unit_test(accelerators_without_an_engine_are_told),
      cmocka_unit_test(a_plan_shows_what_is_set),
  };
  return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
