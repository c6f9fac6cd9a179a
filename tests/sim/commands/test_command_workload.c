/* `tokenworks workload`, as its users run it. */
#include "tests/workloads/given.h"

#include <jansson.h>

#define AZURE TW_SOURCE_DIR "/workloads/traces/azure-conv-2023.csv.gz"

/* Runs the program with blank-separated words, of which $ stands for the test's directory; returns its exit
 * code and what it printed. The caller frees the texts. */
static int run(void **state, const char *words, char **out, char **err)
{
  g_auto(GStrv) parts = g_strsplit(words, "$", -1);
  g_autofree char *line = g_strjoinv(*state, parts);
  g_auto(GStrv) arguments = g_strsplit(line, " ", -1);
  g_autoptr(GPtrArray) argv = g_ptr_array_new();
  g_ptr_array_add(argv, (char *)TW_PROGRAM);
  g_ptr_array_add(argv, (char *)"workload");
  for (char **word = arguments; *word != NULL; word++)
    g_ptr_array_add(argv, *word);
  g_ptr_array_add(argv, NULL);
  int status = -1;
  assert_true(
      g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_DEFAULT, NULL, NULL, out, err, &status, NULL));
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void check_run(void **state, const char *words, int code, const char *out_part, const char *err_part)
{
  g_autofree char *out = NULL, *err = NULL;
  assert_int_equal(run(state, words, &out, &err), code);
  assert_non_null(strstr(out, out_part));
  assert_non_null(strstr(err, err_part));
}

/* Numbers as in tests/workloads/test_profile.c. */
static void describing_a_trace_prints_its_rates_and_lengths(void **state)
{
  g_autofree char *out = NULL, *err = NULL;
  assert_int_equal(run(state, "describe " AZURE, &out, &err), 0);
  assert_string_equal(err, "");
  const char *expected = "sha256    9d3518f77e4387c32c76b206d8006fe5a2bde0dc41d6038dbd0a1c60c7e86fa2\n"
                         "format    azure\n"
                         "requests  19366 in 3501.7 s\n"
                         "rate      5.53/s; 507 in the busiest minute, from 1860 s on\n"
                         "gaps      coefficient of variation 1.09\n"
                         "minutes   index of dispersion of their counts 15.2\n"
                         "\n"
                         "tokens          mean       p50       p90       p99       max            sum\n"
                         "prompt        1154.7      1020      2735      4142     14050       22361870\n"
                         "reasoning        0.0         0         0         0         0              0\n"
                         "answer         211.1       129       424       601      1000        4088665\n"
                         "output         211.1       129       424       601      1000        4088665\n"
                         "\n"
                         "requests/s, by the minute\n";
  assert_memory_equal(strchr(out, '\n') + 1, expected, strlen(expected));
}

static void descriptions_are_json_too(void **state)
{
  g_autofree char *out = NULL, *err = NULL;
  assert_int_equal(run(state, "describe --json " AZURE, &out, &err), 0);
  json_error_t problem;
  json_t *facts = json_loads(out, JSON_REJECT_DUPLICATES, &problem);
  assert_non_null(facts);
  assert_int_equal(json_integer_value(json_object_get(facts, "requests")), 19366);
  assert_int_equal(json_integer_value(json_object_get(facts, "peak_minute_requests")), 507);
  const json_t *minutes = json_object_get(json_object_get(facts, "minutes"), "requests");
  json_int_t sum = 0;
  for (gsize i = 0; i < json_array_size(minutes); i++)
    sum += json_integer_value(json_array_get(minutes, i));
  assert_int_equal(sum, 19366);
  assert_int_equal(json_array_size(minutes), 59); /* 3501.7 s: the last is not whole */
  const json_t *prompt = json_object_get(json_object_get(facts, "tokens"), "prompt");
  assert_int_equal(json_integer_value(json_object_get(prompt, "p90")), 2735);
  json_decref(facts);
}

static void a_converted_trace_is_described_as_its_original(void **state)
{
  const char *const traces[] = {"azure-conv-2023.csv.gz", "mooncake-conversation.jsonl.gz",
                                "servegen-r1-2000.csv.gz"};
  for (guint i = 0; i < G_N_ELEMENTS(traces); i++) {
    g_autofree char *convert =
        g_strdup_printf("convert " TW_SOURCE_DIR "/workloads/traces/%s -o $/copy.csv.gz", traces[i]);
    g_autofree char *original = g_strdup_printf("describe " TW_SOURCE_DIR "/workloads/traces/%s", traces[i]);
    g_autofree char *of_original = NULL, *of_copy = NULL, *err = NULL;
    check_run(state, convert, 0, "requests", "");
    assert_int_equal(run(state, original, &of_original, &err), 0);
    g_clear_pointer(&err, g_free);
    assert_int_equal(run(state, "describe $/copy.csv.gz", &of_copy, &err), 0);
    assert_string_equal(strstr(of_copy, "requests"), strstr(of_original, "requests"));
  }
}

/* The first two requests of Azure's trace, at 0 and 4.314579 s. */
static void a_part_of_a_trace_goes_to_standard_output(void **state)
{
  g_autofree char *out = NULL, *err = NULL;
  assert_int_equal(run(state, "convert " AZURE " --limit 2 --rate-scale 2 -o -", &out, &err), 0);
  assert_string_equal(
      out,
      "arrival_s,prompt_tokens,reasoning_tokens,answer_tokens,session,priority,hash_tokens,hashes,class\n"
      "0,374,0,44,,,,,\n"
      "2.1572895,396,0,109,,,,,\n");
}

static void a_note_tells_what_a_format_cannot_say(void **state)
{
  check_run(
      state, "convert " TW_SOURCE_DIR "/workloads/traces/servegen-r1-2000.csv.gz --to azure --limit 1 -o -",
      0, "TIMESTAMP,ContextTokens,GeneratedTokens\n1970-01-01 00:00:00.000000000,14,517\n",
      "note: the format azure cannot say, and these requests lose: reasoning, apart from the answer (1), "
      "session or client (1)\n");
}

static void generating_twice_with_one_seed_gives_one_file(void **state)
{
  const char *words =
      "generate --rate 5/s --requests 100 --prompt fixed:700 --reasoning exponential:50,max=99 "
      "--answer lognormal:300,sigma=0.5,min=10 --seed 7 -o -";
  g_autofree char *first = NULL, *second = NULL, *err = NULL, *err2 = NULL;
  assert_int_equal(run(state, words, &first, &err), 0);
  assert_int_equal(run(state, words, &second, &err2), 0);
  assert_string_equal(first, second);
  g_auto(GStrv) lines = g_strsplit(first, "\n", -1);
  assert_int_equal(g_strv_length(lines), 102); /* header, requests, nothing behind the last */
  for (int i = 1; i <= 100; i++) {
    g_auto(GStrv) fields = g_strsplit(lines[i], ",", -1);
    assert_string_equal(fields[1], "700");
    assert_in_range(g_ascii_strtoll(fields[2], NULL, 10), 0, 99);
    assert_in_range(g_ascii_strtoll(fields[3], NULL, 10), 10, 100000);
  }
}

static void every_action_explains_itself(void **state)
{
  check_run(state, "--help", 0, "generate  draws a trace", "");
  check_run(state, "generate --help", 0, "lognormal:1000,sigma=0.8", "");
  check_run(state, "convert --help", 0, "--rate-scale", "");
  check_run(state, "describe --help", 0, "Example:", "");
}

/* Sessions of two turns 10 s apart; each answer of 21 tokens is assumed to take 1 s + 20 · 50 ms. */
static void sessions_are_written_down_with_assumed_answers(void **state)
{
  g_autofree char *path = given_text(
      state, "two.xml",
      "<generator><class name=\"x\" requests=\"1\" hash-tokens=\"16\"><arrivals rate=\"1/s\"/><turn id=\"a\">"
      "<prompt mean=\"40\"/><answer mean=\"21\"/></turn><turn id=\"b\" after=\"a\" wait=\"10s\"><prompt "
      "mean=\"5\"/><answer mean=\"3\"/></turn></class></generator>");
  g_autofree char *out = NULL, *err = NULL, *words = NULL;
  words = g_strdup_printf("generate %s -n 2 --ttft 1s --tpot 50ms -o -", path);
  assert_int_equal(run(state, words, &out, &err), 0);
  g_auto(GStrv) lines = g_strsplit(out, "\n", -1);
  assert_int_equal(g_strv_length(lines), 4);
  double first_s = g_ascii_strtod(lines[1], NULL), second_s = g_ascii_strtod(lines[2], NULL);
  assert_near(second_s, first_s + 1 + 20 * 0.05 + 10, 1e-9);
  /* 40 tokens have two whole blocks of 16, 40 + 21 + 5 have four; the first two are the same. */
  g_auto(GStrv) one = g_strsplit(lines[1], ",", -1), two = g_strsplit(lines[2], ",", -1);
  assert_string_equal(one[1], "40");
  assert_string_equal(two[1], "66");
  assert_string_equal(one[8], "x");
  g_auto(GStrv) blocks = g_strsplit(one[7], " ", -1), more = g_strsplit(two[7], " ", -1);
  assert_int_equal(g_strv_length(blocks), 2);
  assert_int_equal(g_strv_length(more), 4);
  assert_string_equal(blocks[0], more[0]);
  assert_string_equal(blocks[1], more[1]);
}

static void bad_usage_ends_with_two_and_says_what_is_right(void **state)
{
  static const struct {
    const char *words, *message;
  } examples[] = {
      {"", "write one of generate, convert, describe"},
      {"descibe", "did you mean \"describe\"?"},
      {"describe", "one trace is needed"},
      {"describe no/such.csv", "no/such.csv: cannot be opened: No such file or directory"},
      {"describe $", "cannot be read: Is a directory"},
      {"describe " AZURE " --formt azure", "unknown option --formt; did you mean --format?"},
      {"describe " AZURE " --format azur", "--format: no format is called 'azur'; did you mean 'azure'?"},
      {"describe " AZURE " --format mooncake", ":1: "},
      {"describe " AZURE " --start 5", "--start: \"5\" has no unit"},
      {"describe " AZURE " --start 5000s",
       "the last request arrives at 3501.72 s, before the start at 5000 s"},
      {"describe " AZURE " --rate-scale 0", "rate-scale must be a number above 0"},
      {"describe " AZURE " --rate-scale x", "--rate-scale: write a number, such as 2"},
      {"describe " AZURE " --limit 0", "limit must be at least 1 request"},
      {"describe " AZURE " --prompt-scale 0", "prompt-scale must be a number above 0"},
      {"describe " AZURE " --output-scale x", "--output-scale: write a number, such as 2"},
      {"describe " AZURE " --reasoning-budget -1", "reasoning-budget must not be negative"},
      {"describe " AZURE " --repeat -1", "repeat must be at least 1"},
      {"convert " AZURE, "one trace and --output are needed"},
      {"convert " AZURE " --to azur -o -", "--to: no format is called 'azur'; did you mean 'azure'?"},
      {"generate --rate 5/s -n 1 --to csv -o -",
       "--to: no format is called 'csv'; there are tokenworks, azure"},
      {"convert " AZURE " -o " AZURE, "would be written over; name another output"},
      {"convert " AZURE " -o $/no/such/folder.csv", "cannot be written: No such file or directory"},
      {"generate -o -", "one of a generator file, --preset and --rate are needed"},
      {"generate --preset chat --rate 5/s -o -", "one of a generator file, --preset and --rate are needed"},
      {"generate --preset caht -o -", "the preset \"caht\" is unknown; did you mean \"chat\"?"},
      {"generate --preset chat --prompt fixed:5 -o -", "a generator has rates and lengths of its own"},
      {"generate --rate 5/s -n 1 --tpot 1s -o -", "--rate-scale, --ttft and --tpot belong to a generator"},
      {"generate no-such.xml -o -", "no-such.xml: "},
      {"generate --rate 5 --requests 1 -o -", "--rate: \"5\" has no unit"},
      {"generate --rate 5/s -o -", "neither a limit nor a duration; one of them is needed"},
      {"generate --rate 5/s -n 1 --prompt 100 -o -", "--prompt: write KIND:MEAN, such as exponential:1000"},
      {"generate --rate 5/s -n 1 --prompt pareto:100 -o -",
       "--prompt: the kind is fixed, exponential or lognormal"},
      {"generate --rate 5/s -n 1 --prompt fixed:x -o -", "--prompt: the mean is no number"},
      {"generate --rate 5/s -n 1 --prompt fixed:9,mx=3 -o -",
       "--prompt: behind the mean, write sigma=S, min=N or max=N"},
      {"generate --rate 5/s -n 1 --prompt fixed:9,max=1.5 -o -", "--prompt: min and max are whole numbers"},
      {"generate --rate 5/s -n 1 --answer fixed:0 -o -",
       "answer: the mean is 0; 1 to 16777216 tokens are needed"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(examples); i++)
    check_run(state, examples[i].words, 2, "", examples[i].message);
}

/* A conversion that meets a fault, or a full disk, leaves nothing behind. */
static void a_broken_conversion_leaves_no_file(void **state)
{
  g_autofree char *path =
      given_text(state, "unordered.csv", "arrival_s,prompt_tokens,answer_tokens\n2,10,10\n1,10,10\n");
  g_autofree char *copy = g_build_filename(*state, "broken.csv", NULL);
  check_run(state, "convert $/unordered.csv -o $/broken.csv", 2, "",
            "unordered.csv:3: arrives at 1 s, before");
  assert_false(g_file_test(copy, G_FILE_TEST_EXISTS));
  g_autoptr(GDir) files = g_dir_open(*state, 0, NULL);
  for (const char *name; (name = g_dir_read_name(files)) != NULL;)
    assert_null(strstr(name, "partial"));
  check_run(state, "convert " AZURE " -o /dev/full", 1, "", "No space left on device");
  check_run(state, "convert $/unordered.csv --order sort -o $/broken.csv", 0, "2 requests",
            "rows that arrive before the row above them: 1\n");
  assert_true(g_file_test(copy, G_FILE_TEST_EXISTS));
}

/* Sessions with sub-agents, two at a time, in engines with room for all: they find what describe counts, 832
 * tokens. */
static void engines_find_what_an_endless_cache_finds(void **state)
{
  g_autofree char *line = g_strdup_printf(
      TW_PROGRAM
      " run " TW_SOURCE_DIR
      "/sim/scenarios/azure-conv-hgx-h100.xml -o %s/agents --quiet --set //pool/@replicas=1 "
      "--set //scheduler/@block-size=64 --set //trace/@format=weka --set //trace/@mode=lanes --set "
      "//trace/@lanes=2 --set //trace/@file=" TW_SOURCE_DIR
      "/tests/workloads/formats/samples/weka-absolute.jsonl",
      (char *)*state);
  int status;
  assert_true(g_spawn_command_line_sync(line, NULL, NULL, &status, NULL));
  assert_int_equal(status, 0);
  g_autofree char *summary = g_build_filename(*state, "agents/summary.json", NULL);
  json_t *told = json_load_file(summary, 0, NULL);
  assert_int_equal(json_integer_value(json_object_get(json_object_get(told, "tokens"), "prompt_cached")),
                   832);
  assert_int_equal(json_integer_value(json_object_get(json_object_get(told, "sessions"), "completed")), 2);
  json_decref(told);
  g_autofree char *remove = g_strdup_printf("rm -r %s/agents", (char *)*state);
  assert_true(g_spawn_command_line_sync(remove, NULL, NULL, NULL, NULL));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_broken_conversion_leaves_no_file),
      cmocka_unit_test(engines_find_what_an_endless_cache_finds),
      cmocka_unit_test(describing_a_trace_prints_its_rates_and_lengths),
      cmocka_unit_test(descriptions_are_json_too),
      cmocka_unit_test(a_converted_trace_is_described_as_its_original),
      cmocka_unit_test(a_note_tells_what_a_format_cannot_say),
      cmocka_unit_test(a_part_of_a_trace_goes_to_standard_output),
      cmocka_unit_test(generating_twice_with_one_seed_gives_one_file),
      cmocka_unit_test(every_action_explains_itself),
      cmocka_unit_test(sessions_are_written_down_with_assumed_answers),
      cmocka_unit_test(bad_usage_ends_with_two_and_says_what_is_right),
  };
  return cmocka_run_group_tests(tests, given_directory, remove_directory);
}
