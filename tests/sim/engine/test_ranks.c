/* Engines of several data-parallel ranks: who gets a request, and how they step together. */
#include "tests/sim/engine/serve.h"

/* Two ranks; 1 s per decoding sequence and iteration, 3 s for a prompt. A goes to rank 0, B to rank 1, C,
 * with equal loads, to rank 0. From 3 s on rank 0 decodes two and rank 1 one: both take the 2 s of rank 0, so
 * that B's three further tokens come at 5, 7 and 9 s. */
static void ranks_step_at_the_pace_of_the_slowest(void **state)
{
  (void)state;
  naive_config config = plain;
  config.ranks = 2;
  config.costs = (test_costs){0, 1, 0, 0.25, FALSE};
  static const naive_request requests[] = {{0, 6, 0, 4, 0}, {0, 6, 0, 4, 0}, {0, 6, 0, 4, 0}};
  served s = serve(&config, requests, 3, FALSE);
  assert_int_equal(s.outcomes[0].rank, 0);
  assert_int_equal(s.outcomes[1].rank, 1);
  assert_int_equal(s.outcomes[2].rank, 0);
  for (int i = 0; i < 3; i++) {
    assert_near(s.outcomes[i].first_token_s, 3, 0);
    assert_near(s.outcomes[i].completion_s, 9, 0);
  }
  served_clear(&s);
}

/* Rank 0 holds two requests, rank 1 one that is longer: the fourth goes to the rank with fewer. */
static void a_request_goes_to_the_rank_with_the_fewest_sequences(void **state)
{
  (void)state;
  naive_config config = plain;
  config.ranks = 2;
  static const naive_request requests[] = {
      {0, 4, 0, 9, 0}, {0, 4, 0, 3, 0}, {0, 4, 0, 9, 0}, {1.5, 4, 0, 1, 0}, {6.5, 4, 0, 1, 0}};
  served s = serve(&config, requests, 5, FALSE);
  assert_int_equal(s.outcomes[3].rank, 1);
  assert_int_equal(s.outcomes[4].rank, 1); /* both that were there have ended */
  served_clear(&s);
}

/* Of two empty ranks the first gets a request, unless another is on its way to it. A rank that was chosen
 * before is kept, whatever came since. */
static void a_rank_that_was_chosen_is_kept_and_counts_who_is_on_the_way(void **state)
{
  (void)state;
  naive_config config = plain;
  config.ranks = 2;
  g_autoptr(tw_step_model) model = test_step_model(&config.costs);
  tw_engine_config engine = engine_config(&config, model, FALSE);
  tw_engine_listener listener = {0};
  tw_engine *e = tw_engine_new(0, &engine, &listener);
  tw_request request = {.prompt_tokens = 4, .answer_tokens = 100};
  tw_sequence *fetched = tw_sequence_new(&request);
  fetched->rank = tw_engine_choose(e, &request, 0);
  assert_int_equal(fetched->rank, 0);
  tw_engine_expect(e, fetched, 1);
  assert_int_equal(tw_engine_choose(e, &request, 0), 1);
  tw_engine_expect(e, fetched, -1);
  assert_int_equal(tw_engine_choose(e, &request, 0), 0);
  submit(e, 0, 4, 100); /* the first rank takes it */
  tw_engine_submit(e, fetched, 0);
  assert_int_equal(fetched->rank, 0);
  tw_engine_free(e);
}

/* Rank 0 runs three sequences, rank 1 one, and another has come to it since: 3 against 4 + 1 for the front
 * end, which chooses rank 0; 3 against 2 sequences; and in turn it is 0, 1, 0. */
static void who_chooses_the_rank_counts_in_its_own_way(void **state)
{
  (void)state;
  static const int ranks[] = {0, 0, 0, 1, 1}, expected[][3] = {{1, 1, 1}, {0, 0, 0}, {0, 1, 0}};
  for (int choice = TW_RANK_ROUTER; choice <= TW_RANK_ROUND_ROBIN; choice++) {
    naive_config config = plain;
    config.ranks = 2;
    g_autoptr(tw_step_model) model = test_step_model(&config.costs);
    tw_engine_config engine = engine_config(&config, model, FALSE);
    engine.rank_choice = choice;
    tw_engine *e = tw_engine_new(0, &engine, &(tw_engine_listener){0});
    for (guint64 i = 0; i < G_N_ELEMENTS(ranks); i++) {
      tw_sequence *sequence = tw_sequence_new(&(tw_request){.id = i, .prompt_tokens = 4, .answer_tokens = 9});
      sequence->ticket = i;
      sequence->rank = ranks[i];
      tw_engine_submit(e, sequence, i < 4 ? 0 : 0.5);
      if (i == 3)
        tw_engine_step(e);
    }
    for (int i = 0; i < 3; i++)
      assert_int_equal(tw_engine_choose(e, &(tw_request){.prompt_tokens = 4, .answer_tokens = 9}, 0.5),
                       expected[choice][i]);
    GPtrArray *left = tw_engine_fail(e, TW_KEPT_NOTHING, 0.5);
    for (guint i = 0; i < left->len; i++)
      tw_sequence_free(left->pdata[i]);
    g_ptr_array_unref(left);
    tw_engine_free(e);
  }
}

/* Both ranks are idle again, and rank 1 has computed 8 tokens of the prompt of 9 before. With a weight of
 * 1 for all of a request that a rank need not compute (8 of 10 tokens) the same prompt goes there;
 * without, to the first rank, as does one that nobody has computed. */
static void an_idle_rank_that_has_the_prefix_gets_the_request(void **state)
{
  (void)state;
  for (int weighs = 0; weighs < 2; weighs++) {
    naive_config config = plain;
    config.ranks = 2;
    config.prefix_cache = TRUE;
    guint64 first[] = {1, 2}, second[] = {3, 4}, third[] = {5, 6}, *ids[] = {first, second, third};
    g_autoptr(tw_step_model) model = test_step_model(&config.costs);
    tw_engine_config engine = engine_config(&config, model, FALSE);
    engine.rank_prefix_weight = weighs;
    served s = {.outcomes = g_new0(naive_outcome, 2), .order = g_array_new(FALSE, FALSE, sizeof(guint64))};
    tw_engine *e = tw_engine_new(0, &engine, &(tw_engine_listener){.ended = on_ended, .user = &s});
    for (guint64 i = 0; i < 2; i++) {
      tw_request request = {
          .id = i, .prompt_tokens = 9, .answer_tokens = 1, .hash_tokens = 4, .n_hashes = 2, .hashes = ids[i]};
      request.hashes = g_memdup2(ids[i], 2 * sizeof(guint64));
      tw_sequence *sequence = tw_sequence_new(&request);
      sequence->ticket = i;
      sequence->rank = (int)i;
      tw_engine_submit(e, sequence, 0);
    }
    while (isfinite(tw_engine_due(e)))
      tw_engine_step(e);
    for (int i = 0; i < 3; i++) {
      tw_request again = {
          .prompt_tokens = 9, .answer_tokens = 1, .hash_tokens = 4, .n_hashes = 2, .hashes = ids[i]};
      assert_int_equal(tw_engine_choose(e, &again, 5), weighs && i == 1);
    }
    tw_engine_free(e);
    g_free(s.outcomes);
    g_array_unref(s.order);
  }
}

/* A request with `outputs` tokens for a rank. */
static void submit_to(tw_engine *e, guint64 id, int rank, gint32 prompt, gint32 outputs, double now_s)
{
  tw_request request = {.id = id, .prompt_tokens = prompt, .answer_tokens = outputs};
  tw_sequence *sequence = tw_sequence_new(&request);
  sequence->ticket = id;
  sequence->rank = rank;
  tw_engine_submit(e, sequence, now_s);
}

/* An engine of some ranks, and what becomes of the requests that are submitted to it. */
typedef struct group {
  tw_step_model *model;
  tw_engine *engine;
  served served;
} group;

static group *group_new(const naive_config *config, gboolean exact, guint most)
{
  group *g = g_new0(group, 1);
  g->model = test_step_model(&config->costs);
  g->served = (served){.outcomes = g_new0(naive_outcome, most),
                       .iterations = g_array_new(FALSE, FALSE, sizeof(naive_iteration)),
                       .order = g_array_new(FALSE, FALSE, sizeof(guint64))};
  tw_engine_config engine = engine_config(config, g->model, exact);
  g->engine = tw_engine_new(0, &engine, &(tw_engine_listener){.ended = on_ended, .user = &g->served});
  return g;
}

static void group_free(group *g)
{
  tw_engine_free(g->engine);
  tw_step_model_free(g->model);
  served_clear(&g->served);
  g_free(g);
}

/* Prompts beside decodes are computed in every fourth iteration. A in rank 0 and B in rank 1 begin at 0. C comes to
 * rank 1 at 0.5, and begins at 4, after four iterations of 1 s; D comes to rank 2, where nobody decodes, and begins at
 * once, at 1. In macro-steps as step by step. */
static void ranks_start_prompts_together(void **state)
{
  (void)state;
  for (int exact = 0; exact < 2; exact++) {
    naive_config config = plain;
    config.ranks = 3;
    config.prefill_interval = 4;
    group *g = group_new(&config, exact, 4);
    submit_to(g->engine, 0, 0, 4, 9, 0);
    submit_to(g->engine, 1, 1, 4, 9, 0);
    tw_engine_step(g->engine);
    submit_to(g->engine, 2, 1, 4, 9, 0.5);
    submit_to(g->engine, 3, 2, 4, 9, 0.5);
    while (isfinite(tw_engine_due(g->engine)))
      tw_engine_step(g->engine);
    static const double scheduled_s[] = {0, 0, 4, 1};
    for (int i = 0; i < 4; i++) {
      assert_near(g->served.outcomes[i].first_scheduled_s, scheduled_s[i], 0);
      assert_near(g->served.outcomes[i].completion_s, scheduled_s[i] + 9, 0);
    }
    group_free(g);
  }
}

/* Three prompts of 60 tokens beside a decode, in iterations of 64 tokens. The fourth takes one and a part of the next, and
 * leaves somebody behind, so that the one after it goes on, with the rest and a part of the third. Nobody waits any more:
 * what is left of that comes with the eighth. */
static void who_has_more_prompts_than_an_iteration_takes_goes_on_with_them(void **state)
{
  (void)state;
  for (int exact = 0; exact < 2; exact++) {
    naive_config config = plain;
    config.ranks = 1;
    config.prefill_interval = 4;
    group *g = group_new(&config, exact, 4);
    submit_to(g->engine, 0, 0, 4, 20, 0);
    tw_engine_step(g->engine);
    for (guint64 i = 1; i < 4; i++)
      submit_to(g->engine, i, 0, 60, 20, 0.5);
    while (isfinite(tw_engine_due(g->engine)))
      tw_engine_step(g->engine);
    assert_near(g->served.outcomes[1].first_token_s, 5, 0);
    assert_near(g->served.outcomes[2].first_token_s, 6, 0);
    assert_near(g->served.outcomes[3].first_token_s, 9, 0);
    group_free(g);
  }
}

/* A decodes 30 tokens in rank 0 at 1 s each, as somebody does in three other ranks, and before each of these iterations a
 * prompt of 10 tokens, 1 s of work, comes to one of those in turn. Started at once, there is one in every iteration: 2 s a
 * token. Started in every third iteration, three ranks compute theirs at once, and two of three iterations have none: 4/3 s. */
static void prompts_that_start_together_slow_fewer_iterations(void **state)
{
  (void)state;
  static const double completions_s[] = {1.4 + 60, 1.4 + 40};
  for (int together = 0; together < 2; together++) {
    naive_config config = plain;
    config.ranks = 4;
    config.costs = (test_costs){1, 0, 0, 0.1, FALSE};
    config.prefill_interval = together ? 3 : 1;
    group *g = group_new(&config, TRUE, 34);
    for (guint64 i = 0; isfinite(tw_engine_due(g->engine)) || i == 0; i++) {
      double now_s = i == 0 ? 0 : tw_engine_due(g->engine);
      for (int rank = 0; i == 0 && rank < 4; rank++)
        submit_to(g->engine, rank == 0 ? 0 : 30 + (guint64)rank, rank, 4, 31, 0);
      if (i > 0 && i <= 30)
        submit_to(g->engine, i, 1 + (int)(i % 3), 10, 1, now_s);
      tw_engine_step(g->engine);
    }
    assert_near(g->served.outcomes[0].completion_s, completions_s[together], 1e-9);
    group_free(g);
  }
}

/* Ranks ask each other after every fourth iteration of 1 s whether anybody has work. A ends at 2 s, and they go on with
 * dummy batches: B, who comes at 2.5, begins with the one at 3, and ends at 5; they stop at 8. C, at 8.5, begins at once,
 * and ends at 10.5; they stop at 12.5. In macro-steps as step by step. */
static void ranks_learn_late_that_nobody_has_work(void **state)
{
  (void)state;
  static const double ends_s[] = {2, 5, 10.5}, arrivals_s[] = {0, 2.5, 8.5};
  for (int exact = 0; exact < 2; exact++) {
    naive_config config = plain;
    config.ranks = 2;
    config.finish_sync = 4;
    group *g = group_new(&config, exact, 3);
    for (guint64 i = 0; i < 3; i++) {
      while (tw_engine_due(g->engine) < arrivals_s[i])
        tw_engine_step(g->engine);
      submit_to(g->engine, i, 0, 4, 2, arrivals_s[i]);
    }
    double now_s = 0;
    for (; isfinite(tw_engine_due(g->engine)); tw_engine_step(g->engine))
      now_s = tw_engine_due(g->engine);
    assert_near(now_s, 12.5, 0);
    for (int i = 0; i < 3; i++)
      assert_near(g->served.outcomes[i].completion_s, ends_s[i], 0);
    tw_usage usage = tw_engine_total(g->engine, now_s);
    assert_near(usage.busy_s, 12, 0);
    assert_int_equal(usage.output_tokens, 6);
    assert_int_equal(tw_engine_iterations(g->engine), 12);
    group_free(g);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ranks_step_at_the_pace_of_the_slowest),
      cmocka_unit_test(a_request_goes_to_the_rank_with_the_fewest_sequences),
      cmocka_unit_test(who_chooses_the_rank_counts_in_its_own_way),
      cmocka_unit_test(an_idle_rank_that_has_the_prefix_gets_the_request),
      cmocka_unit_test(ranks_start_prompts_together),
      cmocka_unit_test(who_has_more_prompts_than_an_iteration_takes_goes_on_with_them),
      cmocka_unit_test(prompts_that_start_together_slow_fewer_iterations),
      cmocka_unit_test(ranks_learn_late_that_nobody_has_work),
      cmocka_unit_test(a_rank_that_was_chosen_is_kept_and_counts_who_is_on_the_way),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
