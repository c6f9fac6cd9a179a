/* Every sample of a format gives the totals that were counted for it by hand. */
#include "tests/workloads/given.h"
#include "workloads/traces/profile.h"
#include "workloads/traces/replay.h"

#include <glib/gstdio.h>

#define SAMPLES TW_SOURCE_DIR "/tests/workloads/formats/samples/"

/* Columns of expected.csv. */
enum {
  FILE_NAME,
  FORMAT,
  ROWS,
  REQUESTS,
  NOT_REPLAYABLE,
  ZERO_OUTPUT,
  PROMPT,
  OUTPUT,
  REASONING,
  SESSIONS,
  AGENTS,
  BLOCK,
  HIT,
  SHARED,
  RECORDED,
  FIRST,
  LAST
};
static const tw_csv_column columns[] = {{"file", FALSE},
                                        {"format", FALSE},
                                        {"rows", FALSE},
                                        {"requests", FALSE},
                                        {"not_replayable", FALSE},
                                        {"zero_output", FALSE},
                                        {"prompt_tokens", FALSE},
                                        {"output_tokens", FALSE},
                                        {"reasoning_tokens", FALSE},
                                        {"sessions", FALSE},
                                        {"agents", FALSE},
                                        {"block_tokens", FALSE},
                                        {"hit_tokens", FALSE},
                                        {"shared_tokens", FALSE},
                                        {"recorded_cached_tokens", FALSE},
                                        {"first_arrival_s", FALSE},
                                        {"last_arrival_s", FALSE},
                                        {NULL, FALSE}};

/* Files that are no traces are refused with the reason. */
static const char *const refused[] = {"aiperf-text.jsonl", "servegen/chunk-0-trace.csv", "sglang-bench.jsonl",
                                      "vllm-metrics.prom", NULL};

static int faults;

static void check_count(const tw_csv *csv, int column, guint64 counted)
{
  const char *expected = tw_csv_text(csv, column);
  g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, counted);
  if (*expected != '\0' && !g_str_equal(text, expected)) {
    print_error("%s: %s is %s, not %s\n", tw_csv_text(csv, FILE_NAME), tw_csv_name(csv, column), text,
                expected);
    faults++;
  }
}

static void check_file(const tw_csv *csv, const char *path)
{
  tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  options.reading.block_tokens = (gint64)g_ascii_strtoll(tw_csv_text(csv, BLOCK), NULL, 10);
  g_autoptr(GError) error = NULL;
  g_autoptr(tw_replay) replay = tw_replay_open(path, NULL, &options, &error);
  g_autoptr(tw_profile) profile = tw_profile_new();
  tw_trace_row row;
  if (error != NULL)
    print_error("%s\n", error->message);
  assert_non_null(replay);
  while (tw_replay_next(replay, &row, &error)) {
    tw_profile_add_row(profile, &row, tw_replay_block_tokens(replay));
    tw_trace_row_clear(&row);
  }
  if (error != NULL)
    print_error("%s\n", error->message);
  assert_null(error);
  tw_profile_facts facts;
  tw_profile_read(profile, &facts);
  const tw_trace_tally *tally = tw_trace_rows_tally(tw_replay_rows(replay));
  check_count(csv, ROWS, tally->rows);
  check_count(csv, REQUESTS, facts.requests);
  check_count(csv, NOT_REPLAYABLE, tally->skipped);
  check_count(csv, ZERO_OUTPUT, facts.zero_outputs);
  check_count(csv, PROMPT, facts.tokens[TW_TOKENS_PROMPT].sum);
  check_count(csv, OUTPUT, facts.tokens[TW_TOKENS_OUTPUT].sum);
  check_count(csv, REASONING, facts.tokens[TW_TOKENS_REASONING].sum);
  check_count(csv, SESSIONS, facts.sessions);
  check_count(csv, AGENTS, facts.agents);
  if (*tw_csv_text(csv, HIT) != '\0') { /* else ids are made from what the provider's cache found */
    check_count(csv, HIT, facts.hit_tokens);
    check_count(csv, SHARED, facts.shared_prompt_tokens);
  }
  if (*tw_csv_text(csv, RECORDED) != '\0')
    check_count(csv, RECORDED, facts.recorded_cached_tokens);
  assert_near(facts.first_s, g_ascii_strtod(tw_csv_text(csv, FIRST), NULL), 1e-6);
  /* Turns with a delay arrive when the turn before them may have ended; the file has no time of theirs. */
  if (!g_str_equal(tw_csv_text(csv, FILE_NAME), "mooncake-sessions.jsonl") &&
      !g_str_equal(tw_csv_text(csv, FILE_NAME), "llmservingsim.jsonl"))
    assert_near(facts.last_s, g_ascii_strtod(tw_csv_text(csv, LAST), NULL), 1e-6);
}

/* Checks each sample: the file that `dress` makes of it, which returns FALSE where there is none. Returns how many
 * these were. */
static guint check_samples(gboolean (*dress)(const char *name, GString *text))
{
  g_autoptr(tw_input) input = tw_input_open(SAMPLES "expected.csv", NULL);
  g_autoptr(tw_csv) csv = tw_csv_open(input, columns, NULL);
  g_autofree char *folder = g_dir_make_tmp("tw-samples-XXXXXX", NULL);
  guint checked = 0;
  while (tw_csv_next(csv, NULL)) {
    const char *name = tw_csv_text(csv, FILE_NAME);
    g_autofree char *path = g_strconcat(SAMPLES, name, NULL), *bytes = NULL,
                    *dressed = g_build_filename(folder, "sample", NULL);
    if (g_strv_contains(refused, name))
      continue;
    assert_true(g_file_get_contents(path, &bytes, NULL, NULL));
    g_autoptr(GString) text = g_string_new(bytes);
    if (dress != NULL && !dress(name, text))
      continue;
    if (dress != NULL)
      assert_true(g_file_set_contents(dressed, text->str, (gssize)text->len, NULL));
    check_file(csv, dress != NULL ? dressed : path);
    checked++;
    g_unlink(dressed);
  }
  g_rmdir(folder);
  assert_int_equal(faults, 0);
  return checked;
}

static void every_sample_gives_its_totals(void **state)
{
  (void)state;
  assert_int_equal(check_samples(NULL), 33);
}

static gboolean is_of(const char *name, const char *ending)
{
  return g_str_has_suffix(name, ending) && strchr(name, '/') == NULL; /* RAGPulse needs the files beside it */
}

static gboolean as_windows_writes(const char *name, GString *text)
{
  g_string_replace(text, "\r\n", "\n", 0);
  g_string_replace(text, "\n", "\r\n", 0);
  g_string_prepend(text, "\xef\xbb\xbf");
  g_string_append(text, "\r\n\r\n");
  return strchr(name, '/') == NULL;
}

/* Only the first line is a table's where cells hold commas in quotes. */
static gboolean as_a_table_of_tabs(const char *name, GString *text)
{
  g_string_replace(text, ",", "\t", 0);
  return is_of(name, ".csv") && strchr(text->str, '"') == NULL;
}

static gboolean as_one_list(const char *name, GString *text)
{
  g_autofree char *lines = g_strdup(g_strstrip(text->str));
  g_string_assign(text, lines);
  g_string_replace(text, "}\n{", "},\n{", 0);
  g_string_prepend_c(text, '[');
  g_string_append_c(text, ']');
  return is_of(name, ".jsonl");
}

static gboolean with_a_header_in_capitals(const char *name, GString *text)
{
  for (char *c = text->str; *c != '\0' && *c != '\n'; c++)
    *c = g_ascii_toupper(*c);
  return is_of(name, ".csv");
}

/* Sessions, plays and requests whose names are numbers. */
static gboolean with_numbers_for_names(const char *name, GString *text)
{
  static const char *const names[] = {"mooncake-sessions.jsonl",
                                      "\"s1\"",
                                      "\"s2\"",
                                      "weka-absolute.jsonl",
                                      "\"aa01\"",
                                      "\"aa02\"",
                                      "copilot.jsonl",
                                      "\"h1\"",
                                      "\"h2\"",
                                      "tracelab.jsonl",
                                      "\"claude:s-1\"",
                                      "\"codex:s-2\"",
                                      "agentic-mooncake-v2.jsonl",
                                      "\"p0:0\"",
                                      "\"p1\"",
                                      NULL};
  for (guint i = 0; names[i] != NULL; i += 3)
    if (g_str_equal(names[i], name))
      return g_string_replace(text, names[i + 1], "1", 0) > 0 &&
             g_string_replace(text, names[i + 2], "2", 0) > 0;
  return FALSE;
}

static void samples_read_the_same_however_they_are_written(void **state)
{
  (void)state;
  assert_int_equal(check_samples(as_windows_writes), 32);
  assert_int_equal(check_samples(as_a_table_of_tabs), 7);
  assert_int_equal(check_samples(as_one_list), 13);
  assert_int_equal(check_samples(with_a_header_in_capitals), 8);
  assert_int_equal(check_samples(with_numbers_for_names), 5);
}

/* Whole numbers as a data frame writes them, where a column once lacked one. */
static void ids_may_be_written_with_a_point(void **state)
{
  (void)state;
  g_autofree char *path = g_build_filename(g_get_tmp_dir(), "tw-floats.jsonl", NULL);
  assert_true(g_file_set_contents(
      path,
      "{\"timestamp\": 0.0, \"input_length\": 1024.0, \"output_length\": 4.0, \"hash_ids\": [7.0, 9.0]}\n"
      "{\"timestamp\": 1e3, \"input_length\": 1000, \"output_length\": 4, \"hash_ids\": [7, 8.0]}\n",
      -1, NULL));
  tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  g_autoptr(tw_replay) replay = tw_replay_open(path, NULL, &options, NULL);
  static const guint64 ids[][2] = {{7, 9}, {7, 8}};
  tw_trace_row row;
  for (int i = 0; i < 2; i++) {
    assert_true(tw_replay_next(replay, &row, NULL));
    assert_near(row.request.arrival_s, i, 0);
    assert_int_equal(row.request.n_hashes, 2);
    assert_memory_equal(row.request.hashes, ids[i], sizeof ids[i]);
    tw_trace_row_clear(&row);
  }
  g_unlink(path);
}

/* Sorted, the clock begins with the earliest request, wherever it stands. */
static void a_file_from_the_last_to_the_first_loses_no_request(void **state)
{
  (void)state;
  g_autofree char *path = g_build_filename(g_get_tmp_dir(), "tw-backwards.csv", NULL);
  assert_true(g_file_set_contents(path,
                                  "TIMESTAMP,ContextTokens,GeneratedTokens\n2024-05-12 00:00:07+00:00,10,3\n"
                                  "2024-05-12 00:00:02.5+00:00,20,3\n2024-05-12 00:00:02+00:00,30,3\n",
                                  -1, NULL));
  tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  options.order = TW_ROWS_SORT;
  g_autoptr(tw_replay) replay = tw_replay_open(path, NULL, &options, NULL);
  static const double arrivals_s[] = {0, 0.5, 5};
  tw_trace_row row;
  for (int i = 0; i < 3; i++) {
    assert_true(tw_replay_next(replay, &row, NULL));
    assert_near(row.request.arrival_s, arrivals_s[i], 1e-9);
    assert_int_equal(row.request.prompt_tokens, 30 - 10 * i);
    tw_trace_row_clear(&row);
  }
  g_unlink(path);
}

/* A request of Dynamo's and a round of TraceLab's. */
#define AGENT(name, parent, received_ms)                                                                     \
  "{\"schema\":\"dynamo.request.trace.v1\",\"event_type\":\"request_end\",\"agent_context\":{\"session_"     \
  "id\":\"" name "\"" parent                                                                                 \
  "},\"request\":{\"input_tokens\":9,\"output_tokens\":2,\"request_received_ms\":" #received_ms "}}\n"
#define ROUND(prefix, second)                                                                                \
  "{\"session_id\":\"s\",\"round_index\":1,\"input_tokens_total\":300,\"prefix_tokens\":" #prefix            \
  ",\"output_tokens\":2,\"timing_events\":[{\"event_type\":\"user_message\",\"timestamp\":\"2026-06-03T10:"  \
  "00:0" #second "Z\"}]}\n"

/* A chat goes on from one that goes on from a third, a request waits for another, an agent is started by another, and a
 * round finds what the one before left: in this order no note, else one. */
static void a_row_before_the_one_that_it_goes_on_from_is_told(void **state)
{
  (void)state;
  static const char *const rows[][3] = {
      {"{\"chat_id\":1,\"parent_chat_id\":-1,\"timestamp\":0,\"input_length\":9,\"output_length\":2}\n",
       "{\"chat_id\":2,\"parent_chat_id\":1,\"timestamp\":1,\"input_length\":9,\"output_length\":2}\n",
       "{\"chat_id\":3,\"parent_chat_id\":2,\"timestamp\":2,\"input_length\":9,\"output_length\":2}\n"},
      {"{\"request_id\":\"a\",\"wait_for\":[],\"timestamp\":0,\"input_length\":9,\"output_length\":2}\n",
       "{\"request_id\":\"b\",\"wait_for\":[\"a\"],\"delay\":5,\"input_length\":9,\"output_length\":2}\n",
       "{\"request_id\":\"c\",\"wait_for\":[\"b\"],\"delay\":5,\"input_length\":9,\"output_length\":2}\n"},
      {AGENT("a", "", 1), AGENT("b", ",\"parent_session_id\":\"a\"", 2),
       AGENT("c", ",\"parent_session_id\":\"b\"", 3)},
      {ROUND(0, 1), ROUND(100, 2), ROUND(200, 3)}};
  g_autofree char *path = g_build_filename(g_get_tmp_dir(), "tw-parted.jsonl", NULL);
  for (int i = 0; i < 8; i++) {
    const char *const *three = rows[i / 2];
    gboolean turned = i % 2 == 1;
    g_autofree char *text = g_strconcat(three[turned ? 2 : 0], three[1], three[turned ? 0 : 2], NULL);
    assert_true(g_file_set_contents(path, text, -1, NULL));
    tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
    g_autoptr(tw_stream) stream = tw_stream_open(path, NULL, &options, NULL);
    tw_request request;
    while (tw_stream_next(stream, &request, NULL))
      tw_request_clear(&request);
    const GPtrArray *notes = tw_stream_tally(stream)->notes;
    gboolean told = FALSE;
    for (guint k = 0; k < notes->len; k++)
      told |= strstr(g_ptr_array_index(notes, k), "sessions are parted") != NULL ||
              strstr(g_ptr_array_index(notes, k), "less is found again") != NULL;
    assert_int_equal(told, turned);
  }
  g_unlink(path);
}

static void what_is_no_trace_is_refused_with_the_reason(void **state)
{
  (void)state;
  for (guint i = 0; refused[i] != NULL; i++) {
    g_autofree char *path = g_strconcat(SAMPLES, refused[i], NULL);
    tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
    g_autoptr(GError) error = NULL;
    assert_null(tw_replay_open(path, NULL, &options, &error));
    assert_true(g_str_has_prefix(error->message, path));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_sample_gives_its_totals),
      cmocka_unit_test(samples_read_the_same_however_they_are_written),
      cmocka_unit_test(ids_may_be_written_with_a_point),
      cmocka_unit_test(a_file_from_the_last_to_the_first_loses_no_request),
      cmocka_unit_test(a_row_before_the_one_that_it_goes_on_from_is_told),
      cmocka_unit_test(what_is_no_trace_is_refused_with_the_reason),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
