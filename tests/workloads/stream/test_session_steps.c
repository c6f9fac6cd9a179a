/* Sessions as they are described: what can be drawn, and the steps that their turns become. */
#include "tests/check.h"
#include "workloads/stream/session_steps.h"

static tw_turn turns[3];
static tw_sessions_options options;

static tw_length fixed(gint32 tokens)
{
  return (tw_length){.kind = TW_LENGTH_FIXED, .mean = tokens, .min = tokens, .max = tokens};
}

/* Two turns, of which the second comes after the first; a third stands ready. */
static void begin(void)
{
  static const int after_first[] = {0}, after_second[] = {1};
  turns[0] = (tw_turn){.id = "a", .repeat = 1, .branches = 1, .prompt = fixed(1), .answer = fixed(1)};
  turns[1] = turns[2] = turns[0];
  turns[1].after = after_first;
  turns[2].after = after_second;
  turns[1].n_after = turns[2].n_after = 1;
  options = (tw_sessions_options){.arrivals = {.rate_per_s = 1},
                                  .population = {.clients = 1},
                                  .scale = 1,
                                  .limit = 1,
                                  .duration_s = INFINITY,
                                  .hash_tokens = 1,
                                  .turns = turns,
                                  .n_turns = 2};
}

#define ASSERT_EDGE(place, good, bad)                                                                        \
  do {                                                                                                       \
    begin();                                                                                                 \
    (place) = (good);                                                                                        \
    assert_true(tw_sessions_check(&options, NULL));                                                          \
    (place) = (bad);                                                                                         \
    assert_false(tw_sessions_check(&options, NULL));                                                         \
  } while (0)

static void every_number_has_its_bounds(void **state)
{
  (void)state;
  ASSERT_EDGE(options.limit, 1, 0);
  ASSERT_EDGE(options.limit, G_MAXINT64 - 1, G_MAXINT64);
  ASSERT_EDGE(options.duration_s, 1e-9, 0);
  ASSERT_EDGE(options.hash_tokens, 1, 0);
  ASSERT_EDGE(options.system_tokens, 0, -1);
  ASSERT_EDGE(options.n_turns, 1, 0);
  ASSERT_EDGE(options.arrivals.rate_per_s, 1, -1);
  ASSERT_EDGE(turns[0].repeat, 1, 0);
  ASSERT_EDGE(turns[0].branches, 1, 0);
  ASSERT_EDGE(turns[0].wait_s, 0, -1e-9);
  ASSERT_EDGE(turns[0].wait_s, 1e9, INFINITY);
  ASSERT_EDGE(turns[0].wait_law, TW_LENGTH_LOGNORMAL, TW_LENGTH_UNIFORM);
  ASSERT_EDGE(turns[0].wait_sigma, 0, -1e-9);
  ASSERT_EDGE(turns[0].wait_sigma, 10, 10.001);
  ASSERT_EDGE(turns[0].retries, 0, -1);
  ASSERT_EDGE(turns[0].retry, 0, -1e-9);
  ASSERT_EDGE(turns[0].retry, 1, 1.001);
  ASSERT_EDGE(turns[0].prompt, fixed(1), fixed(0));
  ASSERT_EDGE(turns[0].reasoning, fixed(0), fixed(-1));
  ASSERT_EDGE(turns[0].answer, fixed(1), fixed(0));
  ASSERT_EDGE(turns[0].repeats, fixed(2), ((tw_length){.kind = TW_LENGTH_UNIFORM, .mean = 1, .max = 2}));
  /* Two turns: one request, and as many as are possible in all. */
  ASSERT_EDGE(turns[1].repeat, TW_SESSIONS_MAX_STEPS - 1, TW_SESSIONS_MAX_STEPS);
  /* Rollouts do not arrive. */
  begin();
  options.arrivals.rate_per_s = -1;
  options.samples = 1;
  assert_true(tw_sessions_check(&options, NULL));
}

static void turns_come_after_those_above_them(void **state)
{
  (void)state;
  static const int before[] = {-1}, first[] = {0}, itself[] = {1};
  ASSERT_EDGE(turns[1].after, first, itself);
  ASSERT_EDGE(turns[1].after, first, before);
  begin();
  options.n_turns = 3;
  assert_true(tw_sessions_check(&options, NULL));
}

/* The second turn sends the session back. */
static void begin_loop(int from)
{
  begin();
  options.n_turns = 3;
  turns[1].retries = 2;
  turns[1].retry = 0.5;
  turns[1].retry_from = from;
}

static void loops_go_back_and_lie_beside_each_other(void **state)
{
  (void)state;
  static const int first[] = {0};
  static const struct {
    int from;
    gboolean sound;
  } rows[] = {{-1, FALSE}, {0, TRUE}, {1, TRUE}, {2, FALSE}};
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    begin_loop(rows[i].from);
    assert_int_equal(tw_sessions_check(&options, NULL), rows[i].sound);
  }
  begin_loop(1);
  turns[1].branches = 2;
  assert_false(tw_sessions_check(&options, NULL));
  /* The third comes after the first, which the loop may do again, or may not. */
  begin_loop(0);
  turns[2].after = first;
  assert_false(tw_sessions_check(&options, NULL));
  begin_loop(1);
  turns[2].after = first;
  assert_true(tw_sessions_check(&options, NULL));
  /* A second loop over the third turn alone, or over both. */
  begin_loop(0);
  turns[2].retries = 1;
  turns[2].retry_from = 2;
  assert_true(tw_sessions_check(&options, NULL));
  turns[2].retry_from = 1;
  assert_false(tw_sessions_check(&options, NULL));
}

typedef struct expected_step {
  int turn, first_branch, repetition, loop, pass, n_after, after[2];
} expected_step;

static void assert_steps(const expected_step *expected, int n)
{
  int n_steps;
  tw_session_step *steps = tw_session_steps_new(&options, &n_steps);
  assert_int_equal(n_steps, n);
  assert_near(tw_session_steps_most(&options), n, 0);
  for (int i = 0; i < n; i++) {
    assert_int_equal(steps[i].turn, expected[i].turn);
    assert_int_equal(steps[i].first_branch, expected[i].first_branch);
    assert_int_equal(steps[i].repetition, expected[i].repetition);
    assert_int_equal(steps[i].loop, expected[i].loop);
    assert_int_equal(steps[i].pass, expected[i].pass);
    assert_int_equal(steps[i].n_after, expected[i].n_after);
    for (int k = 0; k < expected[i].n_after; k++)
      assert_int_equal(steps[i].after[k], expected[i].after[k]);
  }
  tw_session_steps_free(steps, n_steps);
}

/* Two branches of two, each step after the one before it in its branch; the turn below comes after both ends. */
static void branches_and_repetitions_are_steps_of_their_own(void **state)
{
  (void)state;
  static const expected_step expected[] = {{0, 0, 0, -1, 0, 0, {0}},
                                           {0, 1, 1, -1, 0, 1, {0}},
                                           {0, 0, 0, -1, 0, 0, {0}},
                                           {0, 1, 1, -1, 0, 1, {2}},
                                           {1, 4, 0, -1, 0, 2, {1, 3}}};
  begin();
  turns[0].branches = 2;
  turns[0].repeats = (tw_length){.kind = TW_LENGTH_UNIFORM, .mean = 1.5, .min = 1, .max = 2};
  assert_steps(expected, G_N_ELEMENTS(expected));
}

/* The second turn goes back to the first, twice at most: a pass begins after the one before, and what follows the
 * loop comes after its last pass. */
static void every_pass_of_a_loop_is_laid_out(void **state)
{
  (void)state;
  static const expected_step expected[] = {
      {0, 0, 0, 1, 0, 0, {0}}, {1, 1, 0, 1, 0, 1, {0}}, {0, 2, 0, 1, 1, 1, {1}}, {1, 3, 0, 1, 1, 1, {2}},
      {0, 4, 0, 1, 2, 1, {3}}, {1, 5, 0, 1, 2, 1, {4}}, {2, 6, 0, -1, 0, 1, {5}}};
  begin_loop(0);
  assert_steps(expected, G_N_ELEMENTS(expected));
}

/* The second turn goes back to itself alone: the first is in no loop. */
static void a_loop_may_be_one_turn(void **state)
{
  (void)state;
  static const expected_step expected[] = {{0, 0, 0, -1, 0, 0, {0}},
                                           {1, 1, 0, 1, 0, 1, {0}},
                                           {1, 2, 0, 1, 1, 1, {1}},
                                           {1, 3, 0, 1, 2, 1, {2}},
                                           {2, 4, 0, -1, 0, 1, {3}}};
  begin_loop(1);
  assert_steps(expected, G_N_ELEMENTS(expected));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_number_has_its_bounds),
      cmocka_unit_test(turns_come_after_those_above_them),
      cmocka_unit_test(loops_go_back_and_lie_beside_each_other),
      cmocka_unit_test(branches_and_repetitions_are_steps_of_their_own),
      cmocka_unit_test(every_pass_of_a_loop_is_laid_out),
      cmocka_unit_test(a_loop_may_be_one_turn),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
