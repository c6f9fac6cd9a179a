/* Every sample of a format gives the totals that were counted for it by hand. */
#include "tests/workloads/given.h"
#include "workloads/traces/profile.h"
#include "workloads/traces/replay.h"

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

static void check_sample(const tw_csv *csv)
{
  g_autofree char *path = g_strconcat(SAMPLES, tw_csv_text(csv, FILE_NAME), NULL);
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

static void every_sample_gives_its_totals(void **state)
{
  (void)state;
  g_autoptr(tw_input) input = tw_input_open(SAMPLES "expected.csv", NULL);
  g_autoptr(tw_csv) csv = tw_csv_open(input, columns, NULL);
  guint checked = 0;
  while (tw_csv_next(csv, NULL))
    if (!g_strv_contains(refused, tw_csv_text(csv, FILE_NAME))) {
      check_sample(csv);
      checked++;
    }
  assert_int_equal(checked, 25);
  assert_int_equal(faults, 0);
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
      cmocka_unit_test(what_is_no_trace_is_refused_with_the_reason),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
