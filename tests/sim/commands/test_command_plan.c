/* The output of `tokenworks plan`, as a user sees it. */
#include "tests/program.h"

#include <jansson.h>

/* 20 requests a second of 500 prompt and 100 output tokens for a minute and a half: some 2,000 output
 * tokens/s. */
#define LOAD                                                                                                 \
  "<workload><poisson rate=\"20/s\" duration=\"90s\"><prompt law=\"lognormal\" mean=\"500\" max=\"4000\"/>"  \
  "<answer law=\"exponential\" mean=\"100\" max=\"1000\"/></poisson></workload>\n"
#define QUESTION(attributes, slo, layout, rest)                                                              \
  "<question name=\"q\" " attributes ">\n" LOAD "<slo " slo "/>\n<model name=\"llama-3.1-70b\"/>\n"          \
  "<site kind=\"hgx\" largest=\"6\"/>\n" layout "\n" rest "\n</question>\n"
#define SMALL_LAYOUT "<layout tp=\"4 8\"/>"

static int given_files(void **state)
{
  if (make_scratch(state) != 0)
    return 1;
  given_file(state, "q.xml",
             QUESTION("optimise=\"accelerators\"", "ttft=\"500ms\" tpot=\"15ms\"", SMALL_LAYOUT,
                      "<effort slice=\"20s\" seeds=\"2\" finalists=\"1\"/>"));
  return 0;
}

static char *contents(void **state, const char *name)
{
  g_autofree char *path = g_build_filename(*state, name, NULL);
  char *text = NULL;
  if (!g_file_get_contents(path, &text, NULL, NULL))
    fail_msg("%s is not there", path);
  return text;
}

static json_t *answer(void **state, const char *directory)
{
  g_autofree char *path = g_build_filename(*state, directory, "plan.json", NULL);
  json_t *all = json_load_file(path, 0, NULL);
  assert_non_null(all);
  return all;
}

static double number(const json_t *object, const char *name)
{
  const json_t *value = json_object_get(object, name);
  assert_true(json_is_number(value));
  return json_number_value(value);
}

/* DeepSeek-V3 in four GB200 leaves room for 85 such sequences and a part of one more. */
static void an_estimate_ends_where_the_cache_holds_a_part_of_a_sequence_more(void **state)
{
  given_file(state, "part.xml",
             "<question name='part' optimise='accelerators'><workload><poisson rate='6/s' duration='2s'>"
             "<prompt mean='2890'/><answer mean='303'/></poisson></workload><slo ttft='2s' tpot='50ms'/>"
             "<model name='deepseek-v3'/><site kind='nvl72' largest='1'/><layout tp='4' dp='1' pools='1:1'/>"
             "<effort coarse='1' finalists='1' seeds='1' levers='false'/></question>");
  expect(state, "plan $/part.xml -o $/part -q", 0, "as tp4 ep4, 9 prefill and 9 decode, routed", "");
}

static void the_answer_is_what_running_it_gives(void **state)
{
  expect(state, "plan $/q.xml -o $/plan -q", 0, "Build hgx with ", "");
  json_t *all = answer(state, "plan"), *best = json_object_get(all, "best");
  expect(state, "run $/plan/answer.xml -o $/alone -q", 0, "", "");
  g_autofree char *path = g_build_filename(*state, "alone", "summary.json", NULL);
  json_t *summary = json_load_file(path, 0, NULL);
  assert_true(number(best, "attainment") == number(json_object_get(summary, "slo"), "attainment"));
  assert_true(number(best, "peak_w") == number(json_object_get(summary, "energy"), "peak_w"));
  assert_true(number(best, "attainment") >= 0.99);
  json_decref(summary);
  json_decref(all);
}

/* Every size and layout tried by hand: the search finds the least number of accelerators that attains the
 * SLO. */
static void the_search_finds_what_trying_everything_finds(void **state)
{
  expect(state, "plan $/q.xml -o $/plan -q", 0, "", "");
  given_file(
      state, "all.xml",
      "<sweep name=\"all\" scenario=\"plan/designs/hgx.llama-3.1-70b.fp8.tp4-pp1-dp1-ep1.mixed.xml\">"
      "<axis name=\"shape\"><point name=\"1x8\"><set path=\"//pool/@tp\" value=\"8\"/></point>"
      "<point name=\"1x4\"/><point name=\"2x4\"><set path=\"//pool/@replicas\" value=\"2\"/></point></axis>"
      "</sweep>");
  expect(state, "sweep $/all.xml -o $/all -q", 0, "", "");
  int least = 48;
  static const struct {
    const char *point;
    int nodes;
  } points[] = {{"shape=1x8", 1}, {"shape=2x4", 1}};
  for (guint i = 0; i < G_N_ELEMENTS(points); i++) {
    g_autofree char *path = g_build_filename(*state, "all", points[i].point, "summary.json", NULL);
    json_t *summary = json_load_file(path, 0, NULL);
    assert_non_null(summary);
    if (number(json_object_get(summary, "slo"), "attainment") >= 0.99)
      least = MIN(least, 8 * points[i].nodes);
    json_decref(summary);
  }
  json_t *all = answer(state, "plan");
  double found = number(json_object_get(all, "best"), "accelerators");
  assert_true(least == 48 ? found > 8 : found == least);
  json_decref(all);
}

static void jobs_and_kills_change_no_byte(void **state)
{
  expect(state, "plan $/q.xml -o $/one -q -j 1", 0, "", "");
  expect(state, "plan $/q.xml -o $/two -q -j 2", 0, "", "");
  g_autofree char *one = contents(state, "one/plan.csv"), *two = contents(state, "two/plan.csv");
  assert_string_equal(one, two);
  /* A kill leaves the directory like this: some runs done, one begun, no answer. */
  g_autofree char *cut = g_build_filename(*state, "two", "plan.csv", NULL);
  assert_int_equal(g_unlink(cut), 0);
  json_t *all = answer(state, "two");
  g_autofree char *run = g_build_filename(
      *state, "two", json_string_value(json_object_get(json_object_get(all, "best"), "directory")),
      "summary.json", NULL);
  assert_int_equal(g_unlink(run), 0);
  json_decref(all);
  expect(state, "plan $/q.xml -o $/two -q -j 2", 0, "", "");
  g_autofree char *again = contents(state, "two/plan.csv");
  assert_string_equal(one, again);
}

static void an_impossible_question_is_answered_with_the_nearest(void **state)
{
  given_file(state, "fast.xml", QUESTION("", "tpot=\"1ms\"", SMALL_LAYOUT, ""));
  expect(state, "plan $/fast.xml -o $/fast -q", 1, "The best that any layout reaches is a token in ", "");
  expect(state, "plan $/fast.xml -o $/fast -q", 1, "one sequence alone takes", "");
  given_file(state, "soon.xml", QUESTION("", "ttft=\"1ms\"", SMALL_LAYOUT, ""));
  expect(state, "plan $/soon.xml -o $/soon -q", 1, "The best that any layout reaches is a TTFT of ", "");
  given_file(state, "heads.xml", QUESTION("", "tpot=\"50ms\"", "<layout tp=\"3\"/>", ""));
  expect(state, "plan $/heads.xml -o $/heads -q", 1, "Dropped, of 1 designs:\n    1  ", "");
  given_file(state, "late.xml",
             QUESTION("", "ttft=\"120ms\" tpot=\"15ms\"", SMALL_LAYOUT,
                      "<limit accelerators=\"8\"/><effort slice=\"20s\"/>"));
  expect(state, "plan $/late.xml -o $/late -q", 1, "No design meets the question.\nThe nearest, hgx.", "");
  expect(state, "plan $/late.xml -o $/late -q", 1, " are asked for), because of T", "");
  given_file(state, "no-room.xml",
             QUESTION("", "tpot=\"50ms\"", SMALL_LAYOUT, "<limit accelerators=\"4\"/>"));
  expect(state, "plan $/no-room.xml -o $/no-room -q", 1, "the limits leave no room for an engine", "");
  given_file(state, "no-power.xml",
             QUESTION("", "tpot=\"50ms\"", SMALL_LAYOUT,
                      "<limit site-power=\"2kW\"/><effort slice=\"20s\" finalists=\"1\"/>"));
  expect(state, "plan $/no-power.xml -o $/no-power -q", 1, " kW at its peak", "");
}

/* A rack of four nodes takes 2.5 m²: one fits, and not into 2 m². */
static void racks_have_to_fit_on_the_floor(void **state)
{
#define FLOOR(limit)                                                                                         \
  "<question name='q' optimise='accelerators'>" LOAD "<slo tpot='50ms'/><model name='llama-3.1-70b'/>"       \
  "<site kind='hgx' largest='6' rack-m2='2.5'/><layout tp='8'/><limit floor-m2='" limit "'/>"                \
  "<effort slice='20s' seeds='1' finalists='1' levers='false'/></question>"
  given_file(state, "floor.xml", FLOOR("2.5"));
  expect(state, "plan $/floor.xml -o $/floor -q", 0, " in 1 rack, 2.5 m² of floor)", "");
  given_file(state, "no-floor.xml", FLOOR("2"));
  expect(state, "plan $/no-floor.xml -o $/no-floor -q", 1,
         "the limits leave no room for an engine: it needs 8 accelerators, and 0 may be built", "");
}

static void the_largest_load_on_a_site_is_found(void **state)
{
  given_file(state, "load.xml",
             QUESTION("optimise=\"load\"", "ttft=\"500ms\" tpot=\"15ms\"", "<layout tp=\"4\"/>",
                      "<limit accelerators=\"8\"/><effort slice=\"20s\" seeds=\"1\" finalists=\"1\"/>"));
  expect(state, "plan $/load.xml -o $/load -q", 0, " times the load with ", "");
  json_t *all = answer(state, "load"), *best = json_object_get(all, "best");
  assert_true(number(best, "attainment") >= 0.99);
  double broken = number(json_object_get(best, "breaks"), "level");
  assert_true(broken > number(best, "load") && broken <= 1.05 * number(best, "load"));
  assert_true(number(json_object_get(best, "breaks"), "attainment") < 0.99);
  json_decref(all);
}

/* The load that the answer bears is found, and a lever never lets it bear less. */
static void what_binds_is_measured(void **state)
{
  expect(state, "plan $/q.xml -o $/plan -q", 0, " this load", "");
  json_t *all = answer(state, "plan"), *levers = json_object_get(json_object_get(all, "best"), "levers"),
         *lever;
  gsize i;
  double own = number(json_array_get(levers, 0), "bears");
  assert_int_equal(json_array_size(levers), 5);
  assert_true(own >= 1 && number(json_array_get(levers, 0), "breaks") > own);
  json_array_foreach(levers, i, lever) assert_true(number(lever, "bears") >= own);
  /* A unit more of two or three bears at least a rung more. */
  assert_true(number(json_array_get(levers, 1), "bears") > own);
  json_decref(all);
}

/* Levers are tried on a part of a load that has more requests than are asked for: 300 of some 1,800 come in 15 s of 90. */
static void levers_of_a_long_load_are_tried_on_a_part(void **state)
{
  given_file(state, "part-levers.xml",
             QUESTION("optimise=\"accelerators\"", "ttft=\"500ms\" tpot=\"15ms\"", "<layout tp=\"8\"/>",
                      "<effort slice=\"20s\" seeds=\"1\" finalists=\"1\" lever-requests=\"300\"/>"));
  expect(state, "plan $/part-levers.xml -o $/part-levers -q", 0, "\nTried on 1", "");
  json_t *all = answer(state, "part-levers"), *best = json_object_get(all, "best");
  double part_s = number(best, "levers_on_s"); /* 300 of as many requests as come in nearly 90 s */
  assert_true(part_s > 13 && part_s < 17);
  json_decref(all);
}

/* A recorded load has no dice, so that another seed is no other circumstance; and it is multiplied by playing it faster. */
static void a_recorded_load_knows_no_seed(void **state)
{
  g_autoptr(GString) rows = g_string_new("arrival_s,prompt_tokens,answer_tokens\n");
  for (int i = 0; i < 60; i++)
    g_string_append_printf(rows, "%d,200,30\n", i);
  given_file(state, "told.csv", rows->str);
  given_file(state, "told.xml",
             "<question name=\"q\"><workload><trace file=\"told.csv\"/></workload><growth times=\"2\"/><slo "
             "tpot=\"50ms\"/>"
             "<model name=\"llama-3.1-70b\"/><site kind=\"hgx\" largest=\"2\"/><layout tp=\"8\"/>"
             "<effort slice=\"20s\" finalists=\"1\" seeds=\"2\" levers=\"false\"/></question>");
  expect(state, "plan $/told.xml -o $/told -q", 0, "seed 2           changes nothing", "");
  expect(state, "plan $/told.xml -o $/told -q --force", 0,
         "2 times as much arrives, played so many times as fast", "");
}

/* Five small requests are far from what a node bears: four times as many are the most that is tried. */
static void what_was_not_seen_to_break_has_no_upper_end(void **state)
{
  given_file(state, "few.csv",
             "arrival_s,prompt_tokens,answer_tokens\n0,200,30\n1,200,30\n2,200,30\n3,200,30\n4,200,30\n");
  given_file(state, "few.xml",
             "<question name=\"q\"><workload><trace file=\"few.csv\"/></workload><slo tpot=\"50ms\"/>"
             "<model name=\"llama-3.1-70b\"/><site kind=\"hgx\" largest=\"1\"/><layout tp=\"8\"/>"
             "<effort slice=\"20s\" finalists=\"1\" seeds=\"1\"/></question>");
  expect(state, "plan $/few.xml -o $/few -q", 0, "\nIt bears 4 times this load, the most that was tried.\n",
         "");
}

/* Its load cannot be multiplied, but is cut for the first rounds. */
static void a_generator_that_is_written_out_is_planned_for(void **state)
{
  given_file(
      state, "classes.xml",
      "<question name=\"q\"><workload><generator duration=\"5min\"><class name=\"a\"><arrivals rate=\"2/s\"/>"
      "<prompt mean=\"200\"/><answer mean=\"50\"/></class><class name=\"b\"><arrivals rate=\"1/s\"/>"
      "<prompt mean=\"400\"/><answer mean=\"50\"/></class></generator></workload><slo tpot=\"50ms\"/>"
      "<model name=\"llama-3.1-70b\"/><site kind=\"hgx\" largest=\"4\"/><layout tp=\"4 8\"/>"
      "<effort slice=\"20s\" finalists=\"1\" seeds=\"2\"/></question>");
  expect(state, "plan $/classes.xml -o $/classes -q", 0, "seed 2           holds", "");
}

static void ratios_that_come_to_the_same_site_are_one_design(void **state)
{
  given_file(state, "twins.xml",
             QUESTION("optimise=\"accelerators\"", "ttft=\"500ms\" tpot=\"30ms\"",
                      "<layout tp=\"4\" pools=\"1:1 2:3\"/>",
                      "<effort slice=\"20s\" seeds=\"1\" levers=\"false\"/>"));
  expect(state, "plan $/twins.xml -o $/twins -q", 0, "    1  builds what another does: ", "");
}

/* A node of eight H100s and what is around it draw at most 15.5 kW: two fit into 33 kW, three where accelerators
 * are held below 400 W, or where the whole site is held below its limit. */
static void caps_on_power_make_room_for_more(void **state)
{
  given_file(state, "caps.xml",
             QUESTION("optimise=\"load\"", "ttft=\"500ms\" tpot=\"15ms\"", "<layout tp=\"4\"/>",
                      "<power caps=\"none 400W\" oversubscription=\"none 1.5\" period=\"5s\" delay=\"2s\"/>"
                      "<limit site-power=\"33kW\"/><effort seeds=\"1\"/>"));
  expect(state, "plan $/caps.xml -o $/caps -q", 0, "", "");
  json_t *all = answer(state, "caps"), *design;
  gsize i, n = 0;
  json_array_foreach(json_object_get(all, "designs"), i, design)
  {
    gboolean more =
        json_object_get(design, "cap_w") != NULL || json_object_get(design, "oversubscription") != NULL;
    n++;
    assert_true(number(design, "size") == (more ? 3 : 2));
    assert_true(number(design, "peak_w") <= 33e3);
  }
  assert_int_equal(n, 3);
  json_decref(all);
}

/* Two objectives: every design that is told of is beaten by no other in both, or is marked so. */
static void no_design_beats_the_front_in_both_objectives(void **state)
{
  given_file(state, "front.xml",
             QUESTION("optimise=\"accelerators\" beside=\"energy\"", "tpot=\"60ms\"",
                      "<layout tp=\"1 2 4 8\"/>",
                      "<effort slice=\"20s\" seeds=\"1\" finalists=\"4\" levers=\"false\"/>"));
  expect(state, "plan $/front.xml -o $/front -q", 0,
         "No design beats these in both accelerators and energy: number 1, ", "");
  json_t *all = answer(state, "front"), *x, *y;
  size_t i, k;
  int ranked = 0;
  json_array_foreach(json_object_get(all, "designs"), i, x)
  {
    gboolean beaten = FALSE;
    if (json_object_get(x, "rank") == NULL)
      continue;
    ranked++;
    json_array_foreach(json_object_get(all, "designs"), k, y)
    {
      beaten |=
          json_object_get(y, "rank") != NULL && number(y, "objective") <= number(x, "objective") &&
          number(y, "beside") <= number(x, "beside") &&
          (number(y, "objective") < number(x, "objective") || number(y, "beside") < number(x, "beside"));
    }
    assert_true(json_is_true(json_object_get(x, "front")) == !beaten);
  }
  assert_true(ranked >= 3);
  json_decref(all);
}

/* Checkpoints and tiers are free: two of each, of which the store is missing at one site. */
static void checkpoints_and_tiers_are_multiplied_out(void **state)
{
  given_file(state, "tiers.xml",
             "<question name=\"q\" optimise=\"accelerators\">\n" LOAD "<slo tpot=\"40ms\"/>\n"
             "<model name=\"llama-3.1-70b\" weights=\"fp8 int4-awq\"/><site kind=\"hgx\" smallest=\"1\" "
             "largest=\"2\"/>"
             "<layout tp=\"8\"/><kv-offload host-memory=\"none 10GB\" store=\"false true\"/>"
             "<effort slice=\"20s\" seeds=\"1\" levers=\"false\"/></question>");
  expect(state, "plan $/tiers.xml -o $/tiers -q", 0, "    2  store=", "");
  json_t *all = answer(state, "tiers"), *design;
  size_t i;
  int awq = 0, hosts = 0;
  json_array_foreach(json_object_get(all, "designs"), i, design)
  {
    awq += g_str_equal(json_string_value(json_object_get(design, "weights")), "int4-awq");
    hosts += json_object_get(design, "host_bytes") != NULL;
  }
  assert_int_equal(awq, 3);
  assert_int_equal(hosts, 4);
  json_decref(all);
}

static void faults_of_a_question_are_all_told(void **state)
{
  static const struct {
    const char *text, *message;
  } examples[] = {
      {QUESTION("optimise=\"beauty\"", "tpot=\"50ms\"", "", ""), "beauty"},
      {QUESTION("optimise=\"cost\"", "tpot=\"50ms\"", "", ""),
       "the site \"hgx\" has no cost; write accelerator-hour"},
      {QUESTION("", "tpot=\"50ms\"", "<layout tp=\"4 x\"/>", ""), "tp: \"x\" is no whole number from 1 on"},
      {QUESTION("", "tpot=\"50ms\"", "<layout pools=\"1:0\"/>", ""), "pools: \"1:0\" is neither"},
      {QUESTION("", "tpot=\"50ms\"", "<router policies=\"least-outstandng\"/>", ""),
       "did you mean \"least-outstanding\"?"},
      {QUESTION("", "tpot=\"50ms\"", "", "<limit site-power=\"5\"/>"), "site-power"},
      {QUESTION("", "tpot=\"50ms\"", "<site kind=\"torus\"/>", ""),
       ":6: a site of kind \"torus\" does not grow by nodes"},
      {QUESTION("", "tpot=\"50ms\"", "<site kind=\"hgx\"/>", ""), "two sites are called \"hgx\""},
      {QUESTION("", "tpot=\"50ms\"", "<site kind=\"hxg\" name=\"b\"/>", ""), "hgx"},
      {QUESTION("", "tpot=\"50ms\"", "<model name=\"llama-3.1-70b\" weights=\"fp9\"/>", ""),
       "weights: there is no \"fp9\""},
      {QUESTION("", "tpot=\"50ms\"", "<model name=\"lama-3.1-70b\"/>", ""),
       ":6: no model is called \"lama-3.1-70b\"; did you mean \"llama-3.1-70b\"?"},
      {QUESTION("", "tpot=\"50ms\"", "", "<power caps=\"none 5\"/>"),
       "caps: \"5\" is neither \"none\" nor a quantity"},
      {QUESTION("", "tpot=\"50ms\"", "<kv-offload host-memory=\"none 5\"/>", ""),
       "host-memory: \"5\" is neither \"none\" nor a quantity above zero; write host-memory=\"none 100GB\""},
      {QUESTION("", "tpot=\"50ms\"", "<kv-offload store=\"true\"/>", ""),
       "store: KV goes there through the memory of hosts; write host-memory=\"100GB\" beside it"},
      {QUESTION("", "tpot=\"50ms\"", "<kv-offload host-memory=\"1GB\" store=\"yes\"/>", ""),
       "store: there is no \"yes\""},
      {QUESTION("", "tpot=\"50ms\"", "<scheduler prefix-cache=\"false\"/><kv-offload host-memory=\"1GB\"/>",
                ""),
       "host-memory holds what prefix caches leave"},
      {QUESTION("", "tpot=\"50ms\"", "", "<power oversubscription=\"0.5\"/>"),
       "oversubscription: \"0.5\" is no ratio from 1 on"},
      {QUESTION("", "tpot=\"50ms\"", "", "<power oversubscription=\"1.5\"/>"),
       "oversubscription is of a site's power; add <limit site-power=\"1MW\"/>"},
      {QUESTION("", "", "", ""), "<slo> limits nothing; write <slo ttft=\"2s\" tpot=\"50ms\"/>"},
      {QUESTION("", "tpot=\"50ms\"", "<layout pools=\" \"/>", ""), "pools: nothing to try"},
      {QUESTION("", "tpot=\"50ms\"", "", "<limit floor-m2=\"5\"/>"),
       "the site \"hgx\" does not say what a rack takes; write rack-m2=\"2.5\" there"},
      {QUESTION("", "tpot=\"50ms\"", "<site kind=\"hgx\" name=\"b\" rack-m2=\"0\"/>", ""), "rack-m2"},
      {QUESTION("optimise=\"racks\" beside=\"racks\"", "tpot=\"50ms\"", "", ""),
       "beside is the same as optimise"},
      {QUESTION("optimise=\"racks\" beside=\"load\"", "tpot=\"50ms\"", "", ""),
       "write optimise=\"load\" beside=\"racks\""},
      {"<question name=\"q\"/>", "workload"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(examples); i++) {
    given_file(state, "bad.xml", examples[i].text);
    expect(state, "plan $/bad.xml -o $/bad", 2, "", examples[i].message);
    expect(state, "check $/bad.xml", 2, "", examples[i].message);
  }
  given_file(state, "wrong-option.xml",
             QUESTION("", "tpot=\"50ms\"", "<site kind=\"hgx\" options=\"devise=h200-sxm\"/>", ""));
  expect(state, "plan $/wrong-option.xml -o $/bad", 2, "", "device");
  expect(state, "plan $/q.xml", 2, "", "name a directory for the answer with -o DIR");
  expect(state, "check $/q.xml", 0, "a question about 1 sites and 1 models", "");
}

static void the_example_is_a_question(void **state)
{
  g_auto(result) r = run_program(state, "plan --example");
  given_file(state, "example.xml", r.out);
  expect(state, "check $/example.xml", 0, "a question about 2 sites and 1 models", "");
}

static void what_ships_is_a_question(void **state)
{
  static const char *const names[] = {
      "host-memory",         "largest-rate",   "more-gb200-in-one-megawatt", "oversubscription",
      "people-one-megawatt", "prefill-decode", "reasoning-one-megawatt"};
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autofree char *words = g_strdup_printf("check " TW_SOURCE_DIR "/sim/scenarios/plan-%s.xml", names[i]);
    expect(state, words, 0, "a question about ", "");
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_estimate_ends_where_the_cache_holds_a_part_of_a_sequence_more),
      cmocka_unit_test(the_answer_is_what_running_it_gives),
      cmocka_unit_test(the_search_finds_what_trying_everything_finds),
      cmocka_unit_test(jobs_and_kills_change_no_byte),
      cmocka_unit_test(an_impossible_question_is_answered_with_the_nearest),
      cmocka_unit_test(racks_have_to_fit_on_the_floor),
      cmocka_unit_test(the_largest_load_on_a_site_is_found),
      cmocka_unit_test(what_binds_is_measured),
      cmocka_unit_test(levers_of_a_long_load_are_tried_on_a_part),
      cmocka_unit_test(a_recorded_load_knows_no_seed),
      cmocka_unit_test(what_was_not_seen_to_break_has_no_upper_end),
      cmocka_unit_test(a_generator_that_is_written_out_is_planned_for),
      cmocka_unit_test(ratios_that_come_to_the_same_site_are_one_design),
      cmocka_unit_test(caps_on_power_make_room_for_more),
      cmocka_unit_test(no_design_beats_the_front_in_both_objectives),
      cmocka_unit_test(checkpoints_and_tiers_are_multiplied_out),
      cmocka_unit_test(faults_of_a_question_are_all_told),
      cmocka_unit_test(the_example_is_a_question),
      cmocka_unit_test(what_ships_is_a_question),
  };
  return cmocka_run_group_tests(tests, given_files, remove_scratch);
}
