/* The policies of production routers, what they are told late, and their parameters. */
#include "sim/router/policy.h"
#include "tests/check.h"

#include <math.h>

static const tw_router_policy *policy_named(const char *name)
{
  int i = 0;
  while (!g_str_equal(tw_router_policy_names[i], name))
    i++;
  return tw_router_policies[i];
}

static tw_router router_new(const char *name, int engines, const char *parameters, double delay_s)
{
  tw_router router;
  tw_router_init(&router, &(tw_router_config){.policy = policy_named(name),
                                              .parameters = parameters,
                                              .n_engines = engines,
                                              .seed = 1,
                                              .delay_s = delay_s,
                                              .prefix_weight = 1});
  return router;
}

static tw_request prompt(guint64 id, guint64 *hashes, gint32 n)
{
  return (tw_request){.id = id,
                      .prompt_tokens = 100 * n,
                      .answer_tokens = 50,
                      .hash_tokens = 100,
                      .n_hashes = n,
                      .hashes = hashes};
}

static int assign(tw_router *router, const tw_request *request, double now_s)
{
  return tw_router_assign(router, request, now_s).engine;
}

/* Of a prompt of 1,600 tokens (100 blocks) engine 1 holds 800. */
static gint64 half_at_the_second(void *user, int engine, int rank, const tw_request *request, double now_s)
{
  (void)user, (void)rank, (void)now_s;
  return engine == 1 ? request->prompt_tokens / 2 : 0;
}

/* Costs in blocks, with weight w: engine 0 100 w + 100; engine 1, with k requests of its own that decode,
 * 50 w + 100 k + 100. With w = 1 the first goes to engine 1 (150 < 200) and the second to engine 0 (200 <
 * 250). With w = 3 the second goes to engine 1, too (350 < 400). */
static void dynamo_weighs_blocks_to_compute_against_blocks_that_are_there(void **state)
{
  (void)state;
  for (int w = 1; w <= 3; w += 2) {
    tw_router router = router_new("dynamo-kv", 2, w == 1 ? NULL : "overlap-weight=3", 0);
    router.cached_tokens = half_at_the_second;
    tw_request a = {.id = 0, .prompt_tokens = 1600, .answer_tokens = 1}, b = a;
    b.id = 1;
    assert_int_equal(assign(&router, &a, 0), 1);
    tw_router_prompted(&router, 1, &a, 0);
    assert_int_equal(assign(&router, &b, 0), w == 1 ? 0 : 1);
    tw_router_clear(&router);
  }
}

/* Costs 200 and 150, scaled to 1 and 0: at temperature 1 the dearer one is drawn with the chance
 * 1 / (1 + e) = 0.269, in 10,000 draws 2,689 times with a deviation of 44. */
static void dynamo_draws_by_softmax_at_a_temperature(void **state)
{
  (void)state;
  int dearer = 0;
  tw_router router = router_new("dynamo-kv", 2, "temperature=1", 0);
  router.cached_tokens = half_at_the_second;
  for (guint64 i = 0; i < 10000; i++) {
    tw_request a = {.id = i, .prompt_tokens = 1600, .answer_tokens = 1};
    int engine = assign(&router, &a, 0);
    dearer += engine == 0;
    tw_router_release(&router, engine, &a, 0);
  }
  assert_near(dearer, 10000 / (1 + exp(1)), 200);
  tw_router_clear(&router);
}

/* Without events, a prefix is where it was sent to, for 120 s. The first prompt of 25 blocks goes to either of two empty
 * engines, and stays; the second costs 2 · 0 + 50 there and 2 · 25 + 25 at the other one, and then 2 · 25 + 50. */
static void dynamo_without_events_believes_itself_for_two_minutes(void **state)
{
  (void)state;
  guint64 ids[] = {1, 2, 3, 4};
  for (int late = 0; late < 2; late++) {
    tw_router router = router_new("dynamo-kv", 2, "kv-events=0 overlap-weight=2", 0);
    tw_request first = prompt(1, ids, 4), again = prompt(2, ids, 4);
    int engine = assign(&router, &first, 0);
    tw_router_prompted(&router, engine, &first, 1);
    assert_int_equal(assign(&router, &again, late ? 120 : 119), late ? 1 - engine : engine);
    tw_router_clear(&router);
  }
}

/* Reports of three engines. */
static tw_gauges reported(void *user, int engine, double now_s)
{
  (void)now_s;
  return ((const tw_gauges *)user)[engine];
}

/* Three engines that cost the same are taken by chance, each as often: of 300 first requests 100 are expected, and 33 are
 * four standard deviations. */
static void policies_draw_among_equal_engines(void **state)
{
  (void)state;
  static const char *const policies[] = {"dynamo-kv", "llm-d", "random"};
  for (guint p = 0; p < G_N_ELEMENTS(policies); p++) {
    int of[3] = {0};
    for (guint64 seed = 0; seed < 300; seed++) {
      tw_gauges metrics[3] = {{0, 0}, {0, 0}, {0, 0}};
      tw_router router;
      tw_router_config config = {.policy = policy_named(policies[p]), .n_engines = 3, .seed = seed};
      tw_router_init(&router, &config);
      router.metrics = reported;
      router.user = metrics;
      tw_request request = {.prompt_tokens = 16, .answer_tokens = 1};
      of[assign(&router, &request, 0)]++;
      tw_router_clear(&router);
    }
    for (int i = 0; i < 3; i++)
      assert_in_range(of[i], 67, 133);
  }
}

/* Scores of a prompt of 1,000 tokens, of which engine 0 was sent 500:
 *     0: 3 · 0.5 + 2 · (4 − 4) / 4 + 2 · 0.2 = 1.9    (4 wait, 80 % of the KV cache is used)
 *     1: 3 · 0   + 2 · (4 − 0) / 4 + 2 · 0.5 = 3      (none, 50 %)
 *     2: 3 · 0   + 2 · (4 − 1) / 4 + 2 · 0.9 = 3.3    (1, 10 %)
 * With prefix-weight 9 engine 0 has 4.9. */
static void llm_d_adds_weighted_scores(void **state)
{
  (void)state;
  tw_gauges metrics[] = {{0, 0}, {4, 1}, {4, 1}};
  guint64 ids[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  for (int heavy = 0; heavy < 2; heavy++) {
    tw_router router = router_new("llm-d", 3, heavy ? "prefix-weight=9" : NULL, 0);
    router.metrics = reported;
    router.user = metrics;
    metrics[0] = (tw_gauges){0, 0};
    metrics[1] = metrics[2] = (tw_gauges){4, 1};
    tw_request half = prompt(0, ids, 5), whole = prompt(1, ids, 10);
    assert_int_equal(assign(&router, &half, 0), 0);
    metrics[0] = (tw_gauges){4, 0.8};
    metrics[1] = (tw_gauges){0, 0.5};
    metrics[2] = (tw_gauges){1, 0.1};
    assert_int_equal(assign(&router, &whole, 0), heavy ? 0 : 2);
    tw_router_clear(&router);
  }
}

/* Engines tell of a prompt of 1,000 tokens that they hold 900, 910 and 920: 3 · 0.01 for ten tokens more are less than
 * what a place in the queue is worth, until a place is worth less than that. */
static gint64 some_at_all(void *user, int engine, int rank, const tw_request *request, double now_s)
{
  (void)user, (void)rank, (void)request, (void)now_s;
  return 900 + 10 * engine;
}

static void llm_d_scores_the_share_that_engines_tell_of(void **state)
{
  (void)state;
  static const struct {
    const char *parameters;
    int engine;
  } cases[] = {
      {"precise=1 kv-weight=0 queue-weight=0", 2},    /* 2.76 against 2.73 and 2.7 */
      {"precise=1 kv-weight=0 queue-weight=0.05", 2}, /* 2.76 + 0 against 2.73 + 0.025 and 2.7 + 0.05 */
      {"precise=1 kv-weight=0 queue-weight=0.1", 0},  /* 2.76 + 0 against 2.73 + 0.05 and 2.7 + 0.1 */
  };
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    tw_router router = router_new("llm-d", 3, cases[i].parameters, 0);
    tw_gauges metrics[] = {{0, 0}, {4, 0}, {8, 0}};
    router.metrics = reported;
    router.cached_tokens = some_at_all;
    router.user = metrics;
    tw_request request = {.prompt_tokens = 1000, .answer_tokens = 1};
    assert_int_equal(assign(&router, &request, 0), cases[i].engine);
    tw_router_clear(&router);
  }
}

/* Prompts that nobody holds anything of go round among three engines that never had one, in their order, and then to
 * the one that had none for the longest; a prompt that engine 2 holds goes there, and changes nothing. */
static void llm_d_sends_cold_prompts_where_none_went_for_the_longest(void **state)
{
  (void)state;
  tw_router router = router_new("llm-d", 3, "cold-weight=2", 0);
  tw_gauges metrics[3] = {{0, 0}};
  router.metrics = reported;
  router.user = metrics;
  static const int expected[] = {0, 1, 2, 2, 0, 1};
  for (guint64 i = 0; i < G_N_ELEMENTS(expected); i++) {
    guint64 ids[] = {10 + (i == 3 ? 2 : i)};
    tw_request request = prompt(i, ids, 1);
    assert_int_equal(assign(&router, &request, 0), expected[i]);
  }
  tw_router_clear(&router);
}

static double nearer_to_the_second(void *user, int from, int to, gint64 tokens)
{
  (void)user, (void)from, (void)tokens;
  return to == 2 ? 0.1 : 1;
}

/* The KV cache gets to engine 2 faster than to engine 1. With 100 requests at engine 1, the least, a tenth
 * and one more are about as few: engine 2 is taken with 111, and not with 112. */
static void the_nearer_engine_decodes_while_its_load_is_about_as_small(void **state)
{
  (void)state;
  static const gboolean decodes[] = {FALSE, TRUE, TRUE};
  for (int more = 111; more <= 112; more++) {
    tw_router router;
    tw_router_init(&router, &(tw_router_config){.policy = policy_named("kv-transfer-aware"),
                                                .n_engines = 3,
                                                .decodes = decodes,
                                                .seed = 1});
    router.transfer_s = nearer_to_the_second;
    tw_request request = {.prompt_tokens = 100, .answer_tokens = 1};
    for (int engine = 1; engine <= 2; engine++) {
      tw_router_set_serves(&router, 3 - engine, FALSE);
      for (int i = 0; i < (engine == 1 ? 100 : more); i++)
        assert_int_equal(tw_router_assign_decode(&router, &request, 0, 0), engine);
      tw_router_set_serves(&router, 3 - engine, TRUE);
    }
    assert_int_equal(tw_router_assign_decode(&router, &request, 0, 0), more == 111 ? 2 : 1);
    tw_router_clear(&router);
  }
}

/* Balanced, the longest prefix of more than 0.3 of the prompt wins, and else the engine that was sent the
 * least. */
static void sglang_follows_prefixes_while_loads_are_alike(void **state)
{
  (void)state;
  guint64 a[] = {1, 2, 3, 4}, b[] = {5}, c[] = {1, 6, 7, 8};
  tw_router router = router_new("sglang-cache-aware", 2, "balance-abs=3", 0);
  tw_request long_one = prompt(0, a, 4), short_one = prompt(1, b, 1), quarter = prompt(2, c, 4);
  assert_int_equal(assign(&router, &long_one, 0), 0);
  assert_int_equal(assign(&router, &short_one, 0), 1); /* was sent nothing */
  assert_int_equal(assign(&router, &long_one, 0), 0);
  assert_int_equal(assign(&router, &quarter, 0), 1); /* a quarter is too little: 100 tokens there, 400 here */
  assert_int_equal(assign(&router, &long_one, 0), 0);
  assert_int_equal(assign(&router, &long_one, 0), 0);
  assert_int_equal(assign(&router, &long_one, 0), 0); /* 5 against 2: no more than 3 */
  tw_router_release(&router, 1, &short_one, 0);
  assert_int_equal(assign(&router, &long_one, 0), 1); /* 5 against 1: more than 3, and more than 1.5 times */
  tw_router_clear(&router);
}

/* The longest prefix that was sent, of several by chance. */
static void the_production_stack_takes_any_of_the_longest(void **state)
{
  (void)state;
  guint64 a[] = {1, 2};
  tw_router router = router_new("production-stack-prefix", 4, NULL, 0);
  tw_request request = prompt(0, a, 2), other = request;
  int home = assign(&router, &request, 0), counts[4] = {0};
  for (int i = 0; i < 100; i++)
    assert_int_equal(assign(&router, &request, 0), home);
  other.n_hashes = 0;
  for (int i = 0; i < 4000; i++)
    counts[assign(&router, &other, 0)]++;
  for (int i = 0; i < 4; i++)
    assert_near(counts[i], 1000, 150);
  tw_router_clear(&router);
}

/* Of 3,000 tokens engine 1 holds 1,500: no more than 2,000 are left, and it gets the prompt. Of 5,000 it
 * holds 2,500, and the session's engine does. */
static void the_production_stack_looks_at_what_is_left_to_compute(void **state)
{
  (void)state;
  char session[16];
  tw_router router = router_new("production-stack-kv", 2, NULL, 0),
            affinity = router_new("session-affinity", 2, NULL, 0);
  router.cached_tokens = half_at_the_second;
  gboolean elsewhere = FALSE;
  for (int i = 0; i < 10; i++) {
    g_snprintf(session, sizeof session, "s%d", i);
    tw_request near = {.prompt_tokens = 3000, .answer_tokens = 1, .session = session}, far = near;
    far.prompt_tokens = 5000;
    int home = assign(&affinity, &near, 0);
    assert_int_equal(assign(&router, &near, 0), 1);
    assert_int_equal(assign(&router, &far, 0), home);
    elsewhere |= home != 1;
  }
  assert_true(elsewhere);
  tw_router_clear(&router);
  tw_router_clear(&affinity);
}

/* Loads that are known a second late: of four requests at 0, 0.5, 1 and 1.5 s, the first two see nothing and
 * go to engine 0; the third sees the first, and goes to engine 1; the fourth sees the first two. */
static void loads_are_known_late(void **state)
{
  (void)state;
  static const char *const names[] = {"least-outstanding", "least-tokens"};
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
    tw_router router = router_new(names[i], 2, NULL, 1);
    static const int engines[] = {0, 0, 1, 1};
    for (int k = 0; k < 4; k++)
      assert_int_equal(assign(&router, &(tw_request){.prompt_tokens = 10, .answer_tokens = 10}, 0.5 * k),
                       engines[k]);
    assert_int_equal(router.loads[0].requests, 2);
    tw_router_clear(&router);
  }
}

/* Engine 1 holds all of the prompt once its request is done, at 3 s. With a delay of 2 s that is known at 5
 * s. */
static gint64 all_at_the_second_from_3_s(void *user, int engine, int rank, const tw_request *request,
                                         double now_s)
{
  (void)user, (void)rank;
  return engine == 1 && now_s >= 3 ? request->prompt_tokens - 1 : 0;
}

static void new_blocks_are_known_late(void **state)
{
  (void)state;
  guint64 ids[] = {1, 2};
  for (int late = 0; late < 2; late++) {
    tw_router router = router_new("longest-prefix", 2, NULL, late ? 2 : 0);
    router.cached_tokens = all_at_the_second_from_3_s;
    tw_request busy = {.id = 0, .prompt_tokens = 10, .answer_tokens = 1}, first = prompt(1, ids, 2),
               again = prompt(2, ids, 2);
    tw_router_assign(&router, &busy, -10);
    assert_int_equal(assign(&router, &first, 0), 1);
    tw_router_prompted(&router, 1, &first, 3);
    tw_router_release(&router, 0, &busy, 3);
    assert_int_equal(assign(&router, &again, 4.9), late ? 0 : 1);
    tw_router_release(&router, late ? 0 : 1, &again, 4.9);
    assert_int_equal(assign(&router, &again, 5), 1);
    tw_router_clear(&router);
  }
}

/* Metrics that are known a second late are those of the last decision that is so old. */
static void metrics_are_known_late(void **state)
{
  (void)state;
  tw_router router = router_new("llm-d", 2, "kv-weight=0 prefix-weight=0", 1);
  tw_gauges metrics[] = {{0, 0}, {5, 0}};
  router.metrics = reported;
  router.user = metrics;
  tw_request request = {.prompt_tokens = 10, .answer_tokens = 1};
  assert_int_equal(assign(&router, &request, 0), 0);
  metrics[0].waiting = 9;
  assert_int_equal(assign(&router, &request, 0.5), 0); /* the router knows what held at 0 s */
  assert_int_equal(assign(&router, &request, 1.4), 0); /* still: the next is of 0.5 s */
  assert_int_equal(assign(&router, &request, 1.5), 1);
  tw_router_clear(&router);
}

static void parameters_that_are_wrong_are_told(void **state)
{
  (void)state;
  static const struct {
    const char *policy, *text, *wrong;
  } cases[] = {
      {"dynamo-kv", " overlap-weight=2\n temperature=0.5 ", NULL},
      {"dynamo-kv", "overlap=2",
       "\"overlap=2\" is no NAME=VALUE that the policy knows; its parameters are overlap-weight"},
      {"dynamo-kv", "temperature=-1", "\"temperature=-1\" is no NAME=VALUE"},
      {"dynamo-kv", "temperature=", "\"temperature=\" is no NAME=VALUE"},
      {"dynamo-kv", "temperature=1s", "\"temperature=1s\" is no NAME=VALUE"},
      {"round-robin", "x=1", "\"x=1\" is no NAME=VALUE that the policy knows; the policy has no parameters"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    double values[TW_ROUTER_MOST_PARAMETERS];
    g_autofree char *wrong = tw_router_read_parameters(policy_named(cases[i].policy), cases[i].text, values);
    assert_int_equal(wrong == NULL, cases[i].wrong == NULL);
    if (wrong != NULL && !g_str_has_prefix(wrong, cases[i].wrong))
      fail_msg("%s", wrong);
  }
}

/* What six engines of two ranks hold, and at least as much as a map of them may say. */
typedef struct holdings {
  tw_chance chance;
  gint64 tokens[12], most[12];
  gint64 searches;
} holdings;

static gint64 searched(void *user, int engine, int rank, const tw_request *request, double now_s)
{
  holdings *h = user;
  (void)now_s;
  h->searches++;
  return MIN(h->tokens[2 * engine + rank], request->prompt_tokens - 1);
}

static void at_most(void *user, const tw_request *request, gint64 *tokens)
{
  const holdings *h = user;
  for (int i = 0; i < 12; i++)
    tokens[i] = MIN(h->most[i], request->prompt_tokens - 1);
}

static void draw_holdings(holdings *h)
{
  for (int i = 0; i < 12; i++) {
    h->tokens[i] = 100 * (gint64)tw_chance_below(&h->chance, 4) * (gint64)tw_chance_below(&h->chance, 3);
    h->most[i] = h->tokens[i] + (tw_chance_below(&h->chance, 3) == 0 ? 150 : 0);
  }
}

/* Policies that look into caches choose the same with a map of what these may hold as when they search all, in fewer
 * searches. */
static void with_a_map_the_choices_are_those_of_the_scan(void **state)
{
  (void)state;
  static const char *const policies[][2] = {{"longest-prefix", NULL}, {"prefix-and-load", NULL},
                                            {"dynamo-kv", NULL},      {"dynamo-kv", "temperature=1"},
                                            {"llm-d", "precise=1"},   {"production-stack-kv", NULL}};
  static const int ranks[] = {2, 2, 2, 2, 2, 2};
  static char *const sessions[] = {"a", "b", "c", "d", "e"};
  static const tw_rates rate = {0.01, 1e-4, 1e-7, 1e-5, 1e-9, 2048, 8, 20000};
  const tw_rates rates[] = {rate, rate, rate, rate, rate, rate};
  for (gsize p = 0; p < G_N_ELEMENTS(policies); p++) {
    tw_router routers[2];
    holdings h[2] = {{.chance = tw_chance_new(p, "map")}, {.chance = tw_chance_new(p, "map")}};
    for (int i = 0; i < 2; i++) {
      tw_router_init(&routers[i], &(tw_router_config){.policy = policy_named(policies[p][0]),
                                                      .parameters = policies[p][1],
                                                      .n_engines = 6,
                                                      .ranks = ranks,
                                                      .seed = 1,
                                                      .prefix_weight = 1});
      routers[i].cached_tokens = searched;
      routers[i].bounds = i == 1 ? at_most : NULL;
      routers[i].rates = rates;
      routers[i].user = &h[i];
    }
    int chosen[400];
    for (guint64 id = 0; id < 400; id++) {
      tw_request request = prompt(id, NULL, 1 + (gint32)(id * 7 % 13));
      request.session = sessions[id % 5];
      tw_choice choices[2];
      for (int i = 0; i < 2; i++) {
        draw_holdings(&h[i]);
        choices[i] = tw_router_assign(&routers[i], &request, (double)id);
        tw_request old = prompt(id - 20, NULL, 1 + (gint32)((id - 20) * 7 % 13));
        if (id >= 20)
          tw_router_release(&routers[i], chosen[id - 20], &old, (double)id);
      }
      assert_int_equal(choices[0].engine, choices[1].engine);
      assert_int_equal(choices[0].rank, choices[1].rank);
      assert_int_equal(choices[0].cached_tokens, choices[1].cached_tokens);
      chosen[id] = choices[0].engine;
    }
    assert_true(h[1].searches < h[0].searches);
    tw_router_clear(&routers[0]);
    tw_router_clear(&routers[1]);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(dynamo_weighs_blocks_to_compute_against_blocks_that_are_there),
      cmocka_unit_test(dynamo_draws_by_softmax_at_a_temperature),
      cmocka_unit_test(dynamo_without_events_believes_itself_for_two_minutes),
      cmocka_unit_test(policies_draw_among_equal_engines),
      cmocka_unit_test(llm_d_adds_weighted_scores),
      cmocka_unit_test(llm_d_scores_the_share_that_engines_tell_of),
      cmocka_unit_test(llm_d_sends_cold_prompts_where_none_went_for_the_longest),
      cmocka_unit_test(the_nearer_engine_decodes_while_its_load_is_about_as_small),
      cmocka_unit_test(sglang_follows_prefixes_while_loads_are_alike),
      cmocka_unit_test(the_production_stack_takes_any_of_the_longest),
      cmocka_unit_test(the_production_stack_looks_at_what_is_left_to_compute),
      cmocka_unit_test(loads_are_known_late),
      cmocka_unit_test(new_blocks_are_known_late),
      cmocka_unit_test(metrics_are_known_late),
      cmocka_unit_test(parameters_that_are_wrong_are_told),
      cmocka_unit_test(with_a_map_the_choices_are_those_of_the_scan),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
