/* Rates over the time of the load, beside those of the whole run. */
#include "tests/program.h"

#define SCENARIO(workload)                                                                                   \
  "<scenario name='s'><platform file='single.xml'/><workload>" workload "</workload>"                        \
  "<pool id='p' model='llama-3.1-8b'/><router frontend='10ms'/><slo ttft='1h'/></scenario>"

static json_t *run_of(void **state, const char *scenario, const char *name, const char *more)
{
  g_autofree char *words = g_strdup_printf("run $/%s -q -o $/%s%s", scenario, name, more);
  g_autofree char *path = g_build_filename(*state, name, "summary.json", NULL);
  expect(state, words, 0, "", "");
  json_t *summary = json_load_file(path, 0, NULL);
  assert_non_null(summary);
  return summary;
}

static double number_of(const json_t *summary, const char *group, const char *name)
{
  return json_number_value(json_object_get(json_object_get(summary, group), name));
}

/* Eight short requests, one a second from 0.5 s on; the last one asks for a thousand tokens, which takes
 * seconds. */
static void given_a_long_drain(void **state)
{
  g_autoptr(GString) trace = g_string_new("arrival_s,prompt_tokens,answer_tokens\n");
  for (int i = 0; i < 8; i++)
    g_string_append_printf(trace, "%d.5,100,%d\n", i, i < 7 ? 20 : 1000);
  expect(state, "platform single --accelerators=1 -o $/single.xml", 0, "", "");
  given_file(state, "drain.csv", trace->str);
  given_file(state, "drain.xml", SCENARIO("<trace file='drain.csv'/>"));
}

/* A run that is cut at the end of the load has emitted then what the load's rate says, and no more. */
static void the_rates_of_the_load_are_those_of_a_run_that_is_cut_at_its_end(void **state)
{
  given_a_long_drain(state);
  json_t *whole = run_of(state, "drain.xml", "whole", ""),
         *cut = run_of(state, "drain.xml", "cut", " --until 7.51s");
  assert_near(number_of(whole, "load", "start_s"), 0, 0);
  assert_near(number_of(whole, "load", "end_s"), 7.51, 1e-12); /* 7.5 s, and 10 ms of front end */
  assert_near(number_of(whole, "load", "output_tokens_per_s"), number_of(cut, "tokens", "output") / 7.51,
              1e-9);
  assert_near(number_of(whole, "load", "requests_per_s"), 8 / 7.51, 1e-9);
  static const char *const same[] = {"output_tokens_per_s", "accelerator_busy", "average_w",
                                     "j_per_output_token"};
  for (guint i = 0; i < G_N_ELEMENTS(same); i++)
    if (number_of(cut, "load", same[i]) > 0)
      assert_near(number_of(whole, "load", same[i]), number_of(cut, "load", same[i]), 1e-9);
  double end_s = json_number_value(json_object_get(whole, "simulated_s"));
  assert_near(number_of(whole, "load", "drain_share"), 1 - 7.51 / end_s, 1e-9);
  assert_true(number_of(whole, "load", "accelerator_busy") <
              number_of(whole, "utilization", "accelerator_busy"));
  json_decref(whole);
  json_decref(cut);
}

static void a_long_drain_is_told(void **state)
{
  given_a_long_drain(state);
  g_auto(result) r = run_program(state, "run $/drain.xml -o $/told");
  assert_non_null(strstr(r.out, "% of the run came after the last arrival; until then"));
}

static void what_was_unfinished_is_judged_apart(void **state)
{
  given_a_long_drain(state);
  json_t *cut = run_of(state, "drain.xml", "judged", " --until 9s");
  assert_near(number_of(cut, "slo", "unjudged"), 1, 0);
  assert_near(number_of(cut, "slo", "attainment"), 7.0 / 8, 1e-12);
  assert_near(number_of(cut, "slo", "attainment_judged"), 1, 1e-12);
  json_decref(cut);
}

/* Four clients start over 8 s and send 40 requests in all: the load is on from 8 s to the last of them. */
static void the_ramp_of_clients_is_before_the_load(void **state)
{
  expect(state, "platform single --accelerators=1 -o $/single.xml", 0, "", "");
  given_file(state, "ramp.xml",
             SCENARIO("<closed-loop concurrency='4' requests='40' ramp='8s' think='1s'><prompt mean='10'/>"
                      "<answer mean='50'/></closed-loop>"));
  json_t *summary = run_of(state, "ramp.xml", "ramp", "");
  assert_near(number_of(summary, "load", "start_s"), 8, 0);
  double end_s = number_of(summary, "load", "end_s");
  assert_true(end_s > 8 && end_s < json_number_value(json_object_get(summary, "simulated_s")));
  json_decref(summary);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_rates_of_the_load_are_those_of_a_run_that_is_cut_at_its_end),
      cmocka_unit_test(a_long_drain_is_told),
      cmocka_unit_test(what_was_unfinished_is_judged_apart),
      cmocka_unit_test(the_ramp_of_clients_is_before_the_load),
  };
  return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
