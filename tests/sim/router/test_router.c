/* The router's policies. */
#include "sim/router/router.h"
#include "tests/check.h"

static const tw_router_policy *policy_named(const char *name)
{
  int i = 0;
  while (!g_str_equal(tw_router_policy_names[i], name))
    i++;
  return tw_router_policies[i];
}

static tw_router router_new(const char *name, int engines)
{
  tw_router router;
  tw_router_init(
      &router,
      &(tw_router_config){.policy = policy_named(name), .n_engines = engines, .seed = 1, .prefix_weight = 1});
  return router;
}

static const tw_request small = {.prompt_tokens = 10, .answer_tokens = 10},
                        large = {.prompt_tokens = 1000, .reasoning_tokens = 500, .answer_tokens = 500};

static int assign(tw_router *router, const tw_request *request)
{
  return tw_router_assign(router, request, 0).engine;
}

static void round_robin_takes_each_in_turn(void **state)
{
  (void)state;
  tw_router router = router_new("round-robin", 3);
  for (int i = 0; i < 9; i++)
    assert_int_equal(assign(&router, &small), i % 3);
  tw_router_clear(&router);
}

static void least_outstanding_counts_requests(void **state)
{
  (void)state;
  tw_router router = router_new("least-outstanding", 3);
  assert_int_equal(assign(&router, &large), 0); /* equal loads: the lowest index */
  assert_int_equal(assign(&router, &small), 1);
  assert_int_equal(assign(&router, &small), 2);
  tw_router_release(&router, 1, &small, 0);
  assert_int_equal(assign(&router, &small), 1);
  assert_int_equal(assign(&router, &small), 0); /* large or not */
  tw_router_clear(&router);
}

static void least_tokens_counts_prompt_and_output(void **state)
{
  (void)state;
  tw_router router = router_new("least-tokens", 2);
  assert_int_equal(assign(&router, &large), 0);
  for (int i = 0; i < 100; i++)
    assert_int_equal(assign(&router, &small), 1); /* 100 · 20 tokens weigh what the large one does */
  assert_int_equal(assign(&router, &small), 0);
  tw_router_release(&router, 1, &small, 0);
  assert_int_equal(assign(&router, &small), 1);
  tw_router_clear(&router);
}

/* 10,000 draws over 4 engines: 2,500 each, standard deviation 43. */
static void random_spreads_evenly(void **state)
{
  (void)state;
  tw_router router = router_new("random", 4);
  int counts[4] = {0};
  for (int i = 0; i < 10000; i++)
    counts[assign(&router, &small)]++;
  for (int i = 0; i < 4; i++)
    assert_near(counts[i], 2500, 200);
  tw_router_clear(&router);
}

/* Nothing ends: n balls in n bins. One choice leaves a fullest bin of about log n / log log n, two choices of
 * log log n / log 2 (Azar et al., SIAM J. Comput. 29(1), 1999): for n = 10,000 about 7 and 3 to 4. */
static void two_choices_balance_far_better_than_one(void **state)
{
  (void)state;
  enum { N = 10000 };
  static const char *const names[] = {"random", "two-choices"};
  gint64 fullest[2] = {0};
  for (int p = 0; p < 2; p++) {
    tw_router router = router_new(names[p], N);
    for (int i = 0; i < N; i++)
      assign(&router, &small);
    for (int i = 0; i < N; i++)
      fullest[p] = MAX(fullest[p], router.loads[i].requests);
    tw_router_clear(&router);
  }
  assert_in_range(fullest[0], 6, 9);
  assert_in_range(fullest[1], 3, 4);
}

/* Of 100 sessions over 8 engines: whatever the load, each stays where it was. */
static void a_session_stays_at_its_engine(void **state)
{
  (void)state;
  tw_router router = router_new("session-affinity", 8);
  int engines[100];
  gboolean seen[8] = {FALSE};
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 100; i++) {
      g_autofree char *name = g_strdup_printf("session %d", i);
      tw_request request = {.prompt_tokens = 1, .answer_tokens = 1, .session = name};
      int engine = assign(&router, &request);
      if (round > 0)
        assert_int_equal(engine, engines[i]);
      engines[i] = engine;
      seen[engine] = TRUE;
    }
  }
  for (int i = 0; i < 8; i++)
    assert_true(seen[i]);
  tw_router_clear(&router);
}

/* Of four engines, the second leaves and comes back: the others keep their turns. */
static void engines_that_do_not_serve_are_passed_over(void **state)
{
  (void)state;
  tw_router router = router_new("round-robin", 4);
  static const int without[] = {2, 3, 0, 2}, with[] = {3, 0, 1, 2, 3};
  assert_int_equal(assign(&router, &small), 0);
  assert_int_equal(assign(&router, &small), 1);
  tw_router_set_serves(&router, 1, FALSE);
  for (gsize i = 0; i < G_N_ELEMENTS(without); i++)
    assert_int_equal(assign(&router, &small), without[i]);
  tw_router_set_serves(&router, 1, TRUE);
  for (gsize i = 0; i < G_N_ELEMENTS(with); i++)
    assert_int_equal(assign(&router, &small), with[i]);
  for (int i = 0; i < 4; i++) {
    assert_true(tw_router_ready(&router));
    tw_router_set_serves(&router, i, FALSE);
  }
  assert_false(tw_router_ready(&router));
  tw_router_clear(&router);
}

/* Only the sessions of an engine that leaves go elsewhere, and they come back with it. */
static void sessions_move_only_while_their_engine_does_not_serve(void **state)
{
  (void)state;
  tw_router router = router_new("session-affinity", 8);
  int homes[100];
  for (int round = 0; round < 3; round++) {
    tw_router_set_serves(&router, 3, round != 1);
    for (int i = 0; i < 100; i++) {
      g_autofree char *name = g_strdup_printf("session %d", i);
      tw_request request = {.prompt_tokens = 1, .answer_tokens = 1, .session = name};
      int engine = assign(&router, &request);
      if (round == 0)
        homes[i] = engine;
      assert_int_equal(engine, round == 1 && homes[i] == 3 ? 4 : homes[i]);
    }
  }
  tw_router_clear(&router);
}

/* Engine i has 100 · i tokens of every prompt. */
static gint64 more_at_later_ones(void *user, int engine, int rank, const tw_request *request, double now_s)
{
  (void)user, (void)rank, (void)request, (void)now_s;
  return 100 * engine;
}

static void the_longest_prefix_wins_whatever_the_load(void **state)
{
  (void)state;
  tw_router router = router_new("longest-prefix", 3);
  assert_int_equal(assign(&router, &small), 0); /* no caches: as least-outstanding */
  assert_int_equal(assign(&router, &small), 1);
  router.cached_tokens = more_at_later_ones;
  for (int i = 0; i < 5; i++) {
    tw_choice choice = tw_router_assign(&router, &large, 0);
    assert_int_equal(choice.engine, 2);
    assert_int_equal(choice.rank, 0);
    assert_int_equal(choice.cached_tokens, 200);
  }
  tw_router_clear(&router);
}

/* Of 1,000 prompt tokens engine 0 holds none and engine 1 890. An iteration takes 10 ms, 0.1 ms more for each
 * sequence that decodes, and 0.1 ms more for each prompt token. */
static gint64 most_at_the_second(void *user, int engine, int rank, const tw_request *request, double now_s)
{
  (void)user, (void)rank, (void)request, (void)now_s;
  return engine == 1 ? 890 : 0;
}

#define RATES                                                                                                \
  {                                                                                                          \
    .iteration_s = 0.01, .sequence_s = 1e-4, .prompt_s = 1e-4, .budget_tokens = 8192, .seats = 256,          \
    .kv_tokens = 1e6                                                                                         \
  }
static const tw_rates rates_of_two[] = {RATES, RATES};

static tw_router router_of_two(void)
{
  tw_router router = router_new("prefix-and-load", 2);
  router.cached_tokens = most_at_the_second;
  router.rates = rates_of_two;
  return router;
}

/* Requests that decode. With n of them at engine 1, a request costs there
 *     own 0.011 + iteration 0.01 + 0.0001 n + others n · (0.011 + 10 · 0.0001) = 0.021 + 0.0121 n,
 * and at the empty engine 0 0.1 + 0.01: the first eight (n = 0 to 7, 0.1057) go to engine 1, and the ninth
 * (0.1178) does not. That one makes engine 0 cost 0.11 + 0.0001 + 0.101: engine 1 gets those of n = 8 to 15
 * (0.2025), and not the one of n = 16 (0.2146). */
static void a_request_goes_where_it_adds_least_to_the_waiting_of_all(void **state)
{
  (void)state;
  tw_router router = router_of_two();
  for (guint64 i = 0; i < 18; i++) {
    tw_request request = {.id = i, .prompt_tokens = 1000, .answer_tokens = 10};
    int engine = assign(&router, &request);
    assert_int_equal(engine, i == 8 || i == 17 ? 0 : 1);
    tw_router_prompted(&router, engine, &request, 0);
  }
  tw_router_clear(&router);
}

/* Requests whose prompts wait: k of them put 0.011 k, and 0.0001 k of decoding, before the time to first
 * token at engine 1, 0.021 + 0.011 k against 0.11: nine go there (k = 0 to 8, 0.1098), and the tenth does
 * not. Released, they are forgotten. */
static void prompts_that_wait_are_waited_for(void **state)
{
  (void)state;
  tw_router router = router_of_two();
  for (int round = 0; round < 2; round++) {
    for (guint64 i = 0; i < 10; i++) {
      tw_request request = {.id = i, .prompt_tokens = 1000, .answer_tokens = 10};
      assert_int_equal(assign(&router, &request), i == 9 ? 0 : 1);
    }
    for (guint64 i = 0; i < 10; i++)
      tw_router_release(&router, i == 9 ? 0 : 1,
                        &(tw_request){.id = i, .prompt_tokens = 1000, .answer_tokens = 10}, 0);
  }
  tw_router_clear(&router);
}

/* Engine 1 runs two sequences at most, of 100 output tokens. Once two decode there, a third waits for half of
 * one of their stays, 1/2 · 100 · (10 ms + 2 · 0.1 ms) = 0.51 s, more than the 0.11 s that it takes at engine
 * 0. Likewise if its KV cache holds 2,200 tokens, which two requests of 1,100 fill. */
static void what_is_full_is_waited_for(void **state)
{
  (void)state;
  for (int kv = 0; kv < 2; kv++) {
    tw_rates rates[] = {RATES, RATES};
    if (kv)
      rates[1].kv_tokens = 2200;
    else
      rates[1].seats = 2;
    tw_router router = router_of_two();
    router.rates = rates;
    for (guint64 i = 0; i < 3; i++) {
      tw_request request = {.id = i, .prompt_tokens = 1000, .answer_tokens = 100};
      int engine = assign(&router, &request);
      assert_int_equal(engine, i < 2);
      tw_router_prompted(&router, engine, &request, 0);
    }
    tw_router_clear(&router);
  }
}

/* Two ranks of an engine step together: a request at the one that decodes less makes no iteration longer, so
 * that they take turns. */
static gint64 nothing_anywhere(void *user, int engine, int rank, const tw_request *request, double now_s)
{
  (void)user, (void)engine, (void)rank, (void)request, (void)now_s;
  return 0;
}

static void the_slowest_rank_is_spared(void **state)
{
  (void)state;
  static const int ranks[] = {2};
  tw_router router;
  tw_router_init(&router, &(tw_router_config){.policy = policy_named("prefix-and-load"),
                                              .n_engines = 1,
                                              .ranks = ranks,
                                              .seed = 1,
                                              .prefix_weight = 1});
  router.rates = rates_of_two;
  router.cached_tokens = nothing_anywhere;
  for (guint64 i = 0; i < 8; i++) {
    tw_request request = {.id = i, .prompt_tokens = 1000, .answer_tokens = 10};
    assert_int_equal(tw_router_assign(&router, &request, 0).rank, i % 2);
    tw_router_prompted(&router, 0, &request, 0);
  }
  tw_router_clear(&router);
}

/* Four ranks of two engines: each is a place of its own, and the fourth holds what is asked for. */
static gint64 all_at_the_fourth(void *user, int engine, int rank, const tw_request *request, double now_s)
{
  (void)user, (void)request, (void)now_s;
  return engine == 1 && rank == 1 ? 999 : 0;
}

static void ranks_are_chosen_by_what_they_hold(void **state)
{
  (void)state;
  static const char *const names[] = {"longest-prefix", "prefix-and-load", "dynamo-kv"};
  static const int ranks[] = {2, 2};
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
    tw_router router;
    tw_router_init(
        &router,
        &(tw_router_config){
            .policy = policy_named(names[i]), .n_engines = 2, .ranks = ranks, .seed = 1, .prefix_weight = 1});
    router.rates = rates_of_two;
    router.cached_tokens = all_at_the_fourth;
    tw_choice choice = tw_router_assign(&router, &large, 0);
    assert_int_equal(choice.engine, 1);
    assert_int_equal(choice.rank, 1);
    assert_int_equal(choice.cached_tokens, 999);
    tw_router_clear(&router);
  }
}

/* The naive twin: looks at every engine. */
static int scan(const tw_router *router, const tw_candidates *candidates, gboolean by_tokens)
{
  int best = -1;
  for (int i = 0; i < candidates->n; i++) {
    const tw_load *load = &router->seen_loads[candidates->engines[i]];
    const tw_load *least = best >= 0 ? &router->seen_loads[best] : NULL;
    if (least == NULL || (by_tokens ? load->tokens < least->tokens : load->requests < least->requests))
      best = candidates->engines[i];
  }
  return best;
}

/* Random requests come and end, engines stop to serve and serve again, with and without decode engines and a
 * delay: the heaps give what the scan gives. A request that is assigned and released at once brings what is
 * seen up to date before the scan. */
static void the_least_is_found_as_by_looking_at_all(void **state)
{
  (void)state;
  enum { ENGINES = 20, STEPS = 20000 };
  static const char *const names[] = {"least-outstanding", "least-tokens"};
  for (guint64 seed = 0; seed < 8; seed++) {
    tw_chance chance = tw_chance_new(seed, "heap");
    gboolean by_tokens = seed % 2 == 1, delayed = seed % 4 > 1;
    gboolean decodes[ENGINES];
    for (int i = 0; i < ENGINES; i++)
      decodes[i] = seed > 3 && i % 3 == 2;
    tw_router router;
    tw_router_init(&router, &(tw_router_config){.policy = policy_named(names[by_tokens]),
                                                .n_engines = ENGINES,
                                                .decodes = decodes,
                                                .seed = seed,
                                                .delay_s = delayed ? 0.1 : 0});
    GArray *there = g_array_new(FALSE, FALSE, sizeof(tw_request)),
           *at = g_array_new(FALSE, FALSE, sizeof(int));
    for (int k = 0; k < STEPS; k++) {
      double now_s = 0.01 * k;
      if (tw_chance_below(&chance, 50) == 0) /* engine 1 always serves */
        tw_router_set_serves(&router, 3 * (int)tw_chance_below(&chance, 6), tw_chance_below(&chance, 2) == 0);
      if (there->len > 0 && tw_chance_below(&chance, 100) < 49) {
        guint ended = (guint)tw_chance_below(&chance, there->len);
        tw_router_release(&router, g_array_index(at, int, ended), &g_array_index(there, tw_request, ended),
                          now_s);
        g_array_remove_index_fast(there, ended);
        g_array_remove_index_fast(at, ended);
        continue;
      }
      tw_request request = {
          .id = (guint64)k, .prompt_tokens = 1 + (gint32)tw_chance_below(&chance, 20), .answer_tokens = 1};
      gboolean decode = seed > 3 && tw_chance_below(&chance, 2) == 0;
      const tw_candidates *candidates = decode ? &router.decodes : &router.prompts;
      tw_request brief = {.id = (guint64)k + STEPS, .prompt_tokens = 1, .answer_tokens = 1};
      tw_router_release(&router, tw_router_assign(&router, &brief, now_s).engine, &brief, now_s);
      int expected = scan(&router, candidates, by_tokens);
      int engine = decode ? tw_router_assign_decode(&router, &request, 0, now_s)
                          : tw_router_assign(&router, &request, now_s).engine;
      assert_int_equal(engine, expected);
      g_array_append_val(there, request);
      g_array_append_val(at, engine);
    }
    assert_true(there->len > 20);
    g_array_unref(there);
    g_array_unref(at);
    tw_router_clear(&router);
  }
}

static void a_single_engine_gets_everything(void **state)
{
  (void)state;
  for (int p = 0; tw_router_policy_names[p] != NULL; p++) {
    tw_router router = router_new(tw_router_policy_names[p], 1);
    for (int i = 0; i < 10; i++)
      assert_int_equal(assign(&router, &small), 0);
    tw_router_clear(&router);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(round_robin_takes_each_in_turn),
      cmocka_unit_test(least_outstanding_counts_requests),
      cmocka_unit_test(least_tokens_counts_prompt_and_output),
      cmocka_unit_test(random_spreads_evenly),
      cmocka_unit_test(two_choices_balance_far_better_than_one),
      cmocka_unit_test(a_session_stays_at_its_engine),
      cmocka_unit_test(engines_that_do_not_serve_are_passed_over),
      cmocka_unit_test(sessions_move_only_while_their_engine_does_not_serve),
      cmocka_unit_test(the_longest_prefix_wins_whatever_the_load),
      cmocka_unit_test(a_request_goes_where_it_adds_least_to_the_waiting_of_all),
      cmocka_unit_test(prompts_that_wait_are_waited_for),
      cmocka_unit_test(what_is_full_is_waited_for),
      cmocka_unit_test(the_slowest_rank_is_spared),
      cmocka_unit_test(ranks_are_chosen_by_what_they_hold),
      cmocka_unit_test(the_least_is_found_as_by_looking_at_all),
      cmocka_unit_test(a_single_engine_gets_everything),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
