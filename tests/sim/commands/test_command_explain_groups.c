/* What `tokenworks explain` says of classes, of the time at which requests came, and of engines beside each other. */
#include "sim/log/log_writer.h"
#include "tests/program.h"

#define TABLES ((1U << TW_LOG_REQUESTS) | (1U << TW_LOG_ENGINES) | (1U << TW_LOG_FAILURES))

/* A request that computes for half a second, or, where it is late, for one behind a queue of two. */
static tw_request_row request_of(int i)
{
  tw_request_row row = tw_request_row_empty;
  gboolean late = i >= 60 && i < 90 && i % 2 == 1;
  row.id = i;
  row.class = i % 2 == 1 ? "fast" : "slow";
  row.arrival_s = i / 30.0;
  row.first_scheduled_s = row.arrival_s + (late ? 2 : 0);
  row.first_token_s = row.first_answer_s = row.first_scheduled_s + (late ? 1 : 0.5);
  row.completion_s = row.first_token_s + (i % 4 == 0 ? 8 : 4); /* engine 1 decodes half as fast */
  row.prompt_tokens = 1000;
  row.cached_tokens = row.reasoning_tokens = row.preemptions = 0;
  row.answer_tokens = 5;
  row.prefill_engine = row.decode_engine = i % 4 == 0;
  row.state = i == 119 ? "unfinished" : "completed";
  return row;
}

/* Thirty requests come in each of four seconds, of two classes in turn. Those of the class that has a limit are late in the
 * third second. Engine 1 has a fourth of all. Engine 0 is of pool "first", and engine 1 of `other`: the same, or "second". */
static int given_pools(void **state, const char *other)
{
  if (make_scratch(state) != 0)
    return 1;
  json_t *run = json_pack("{s:o, s:f, s:s, s:{s:{s:{s:f}}}, s:[{s:s, s:i, s:i}, {s:s, s:i, s:i}], s:[{s:s, "
                          "s:[s]}, {s:s, s:[s]}]}",
                          TW_LOG_RUN_KEY, tw_log_describe(TABLES), "interval_s", 1.0, "name", "groups", "slo",
                          "classes", "fast", "ttft_s", 1.0, "pools", "id", "first", "max_seqs", 8, "dp", 1,
                          "id", "second", "max_seqs", 8, "dp", 1, "engines", "pool", "first", "hosts",
                          "node-0", "pool", other, "hosts", "node-1");
  char *text = json_dumps(run, 0);
  given_file(state, "run.json", text);
  free(text);
  json_decref(run);
  given_file(
      state, "summary.json",
      "{\"simulated_s\": 20, \"requests\": {\"arrived\": 120, \"completed\": 119}, \"accelerators\": 16,"
      " \"load\": {\"start_s\": 0, \"end_s\": 3.9667}, \"slo\": {\"attainment\": 0.875},"
      " \"tokens\": {\"prompt\": 1000, \"prompt_cached\": 250, \"prompt_cached_host\": 50}, \"preemptions\": "
      "0,"
      " \"energy\": {\"site_j\": 3600000, \"j_per_output_token\": 2, \"phases\": {\"prefill_j\": 360000,"
      " \"decode_j\": 720000, \"idle_j\": 360000, \"beside_accelerators_j\": 2160000}},"
      " \"cost\": {\"usd\": 10, \"capital_usd\": 9, \"electricity_usd\": 1, "
      "\"usd_per_million_output_tokens\": 5,"
      " \"usd_per_million_tokens\": {\"input\": 0.5, \"reasoning\": 4, \"answer\": 4}},"
      " \"classes\": {\"fast\": {\"slo\": {}}, \"slow\": {}}}");
  tw_log *log = tw_log_open(*state, TABLES, NULL);
  assert_non_null(log);
  for (int e = 0; e < 2; e++) {
    tw_engine_row engine = tw_engine_row_empty;
    engine.start_s = 0;
    engine.engine = e;
    engine.busy = engine.clock = 1;
    if (g_str_equal(other,
                    "second")) { /* one queues for KV blocks, the other computes for a fifth of its time */
      engine.waiting = engine.waiting_kv = e == 0 ? 4 : 0;
      engine.running = 1;
      engine.time_linear = 0.2;
      engine.time_weights = engine.time_host = 0.4;
    }
    tw_log_engine(log, &engine);
  }
  for (int i = 0; i < 120; i++) {
    tw_request_row row = request_of(i);
    tw_log_request(log, &row);
  }
  tw_failure_row failure = tw_failure_row_empty;
  failure.start_s = 8.21;
  failure.end_s = 8.3;
  failure.part = "host";
  failure.component = "node-1";
  failure.effect = "limp";
  failure.accelerators = 1;
  failure.requests = failure.lost_tokens = 0;
  tw_log_failure_row(log, &failure);
  assert_true(tw_log_close(log, NULL));
  return 0;
}

static int given_groups(void **state)
{
  return given_pools(state, "first");
}

static int given_a_short_pool(void **state)
{
  return given_pools(state, "second");
}

/* Of 60, 59 had ended with the run and 44 were in time, that is 74.58 %. */
static void a_class_tells_what_made_it_late(void **state)
{
  expect(state, "explain $", 0,
         "  fast: 60 requests, 74.58 % met their limits; p99 TTFT 3 s (limit 1 s), TPOT 1 s; 1 had not ended "
         "with the "
         "run; 15 too late for TTFT: 67 % queue, 33 % prefill\n"
         "  slow: 60 requests, no limit; p99 TTFT 500 ms, TPOT 2 s\n",
         "");
}

/* Half of the third second's requests are late; of all, 104 of 119 are not. */
static void the_worst_time_is_found(void **state)
{
  expect(state, "explain $", 0,
         "of 4 spans of 1 s, 2 s to 3 s: 1 × the requests and 1 × the tokens of the mean; 50 % met their "
         "limits, 87.39 % "
         "of all",
         "");
  expect(state, "explain $", 0, "--from 2 --to 3` tells more of the worst", "");
  g_auto(result) slow = run_program(state, "explain $ --class slow");
  assert_null(strstr(slow.out, "too late"));
  assert_non_null(strstr(slow.out, "p99 E2E 8.5 s"));
  expect(state, "explain $ --class slo", 2, "", "has no class \"slo\"; its classes are \"fast\", \"slow\"");
}

/* Engine 0 computes three of four prompts. A token takes 1 s there, and 2 s at engine 1. */
static void an_engine_stands_out(void **state)
{
  expect(state, "explain $", 0, "engine 0 stands out: it was sent 2.97 × the requests of the others", "");
  expect(state, "explain $", 0, "engine 1 stands out: the TPOT of its requests is 2 × that of the others",
         "");
}

/* Under way at 8.21 s are the 30 of engine 1, the 15 late ones, and five that came after 3.71 s: their TTFT is
 * (35 · 0.5 + 15 · 3) / 50, and their TPOT (30 · 2 + 20 · 1) / 50. */
static void a_failure_tells_what_requests_had_under_it(void **state)
{
  expect(state, "explain $", 0,
         "1 accelerator, 0 requests hit, 0 tokens lost; in the mean, requests under way then had TTFT 1.25 s "
         "(others 500 "
         "ms), TPOT 1.6 s (others 1 s)",
         "");
}

static void caches_energy_and_cost_are_told_by_what_they_went_to(void **state)
{
  expect(state, "explain $", 0,
         "of 1,000 prompt tokens 25 % were found in caches, 20 % of these in the memory of hosts", "");
  expect(state, "explain $", 0, "running requests always found blocks", "");
  expect(state, "explain $", 0,
         "by phase: 60 % beside accelerators, 20 % by their work on answers, 10 % drawn by accelerators "
         "whatever they do, "
         "10 % by their work on prompts",
         "");
  expect(state, "explain $", 0, "9 USD for accelerators and racks by the hour, 1 USD for electricity", "");
  expect(state, "explain $", 0,
         "a million tokens cost 0.5 USD of prompt, 4 USD of reasoning, 4 USD of answer", "");
}

/* What the saturated pool does not let through, the other one has not seen. */
static void room_behind_a_saturated_pool_is_that_for_what_comes(void **state)
{
  expect(state, "explain $", 0, "Pool first is saturated by KV", "");
  expect(state, "explain $", 0, "times the load that saturated pools let through", "");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_class_tells_what_made_it_late),
      cmocka_unit_test(the_worst_time_is_found),
      cmocka_unit_test(an_engine_stands_out),
      cmocka_unit_test(a_failure_tells_what_requests_had_under_it),
      cmocka_unit_test(caches_energy_and_cost_are_told_by_what_they_went_to),
  };
  const struct CMUnitTest pools[] = {cmocka_unit_test(room_behind_a_saturated_pool_is_that_for_what_comes)};
  return cmocka_run_group_tests(tests, given_groups, remove_scratch) +
         cmocka_run_group_tests(pools, given_a_short_pool, remove_scratch);
}
