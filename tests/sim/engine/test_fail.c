/* An engine that loses everything: what it hands back, what is left in it, and that it works on as a new one. */
#include "tests/check.h"
#include "tests/sim/naive.h"
#include "workloads/draw/chance.h"

typedef struct told {
  GPtrArray *ended, *handed_over; /* elements: tw_sequence */
} told;

static void on_ended(void *user, int engine, tw_sequence *sequence, double now_s)
{
  (void)engine;
  sequence->transfer_end_s = now_s; /* the test looks for it here */
  g_ptr_array_add(((told *)user)->ended, sequence);
}

static void on_handed_over(void *user, int engine, tw_sequence *sequence, double now_s)
{
  (void)engine, (void)now_s;
  g_ptr_array_add(((told *)user)->handed_over, sequence);
}

/* Iterations of 1 s, whatever they hold; blocks of 4 tokens. */
static const test_costs second = {1, 0, 0, 0, FALSE};

static tw_engine *new_engine(const tw_step_model *model, tw_engine_config config, told *to)
{
  const tw_scheduler_config scheduler = {.kind = &tw_scheduler_kinds[0],
                                         .max_seqs = 8,
                                         .max_batched_tokens = 64,
                                         .block_tokens = 4,
                                         .kv_blocks = 100,
                                         .max_model_len = 1 << 20,
                                         .prefix_cache = TRUE,
                                         .hands_over = config.scheduler.hands_over,
                                         .order = config.scheduler.order,
                                         .asynchronous = config.scheduler.asynchronous};
  *to = (told){g_ptr_array_new_with_free_func((GDestroyNotify)tw_sequence_free),
               g_ptr_array_new_with_free_func((GDestroyNotify)tw_sequence_free)};
  tw_engine_listener listener = {.ended = on_ended, .handed_over = on_handed_over, .user = to};
  config.scheduler = scheduler;
  config.ranks = MAX(config.ranks, 1);
  config.model = model;
  config.audit = TRUE;
  return tw_engine_new(0, &config, &listener);
}

static void forget(told *to)
{
  g_ptr_array_unref(to->ended);
  g_ptr_array_unref(to->handed_over);
}

static void submit(tw_engine *engine, double now_s, guint64 id, gint32 prompt, gint32 output)
{
  tw_request request = {.id = id, .arrival_s = now_s, .prompt_tokens = prompt, .answer_tokens = output};
  tw_sequence *sequence = tw_sequence_new(&request);
  sequence->ticket = id;
  tw_engine_submit(engine, sequence, now_s);
}

static void run_until(tw_engine *engine, double now_s)
{
  while (tw_engine_due(engine) < now_s)
    tw_engine_step(engine);
}

static tw_sequence *find(const GPtrArray *sequences, guint64 id)
{
  for (guint i = 0; i < sequences->len; i++)
    if (((tw_sequence *)sequences->pdata[i])->request.id == id)
      return sequences->pdata[i];
  return NULL;
}

static void assert_is_empty(tw_engine *engine, double now_s)
{
  assert_int_equal(tw_engine_running(engine), 0);
  assert_int_equal(tw_engine_waiting(engine), 0);
  assert_int_equal(tw_engine_kv_used(engine, now_s), 0);
  assert_true(isinf(tw_engine_due(engine)));
}

/* A, with 8 prompt tokens, has its first token at 1 s and four at 4.5 s. B, of 100 tokens, computes 63 of them
 * from 4 s on, which is not over at 4.5 s; C waits behind it. All three come back: with 4 tokens, and none; 8
 * prompt tokens were computed in all. Given back, A computes 12 tokens from 10 to 11 s, which emits its fifth,
 * and ends with the eighth at 14 s. */
static void sequences_come_back_with_what_they_have_emitted(void **state)
{
  (void)state;
  told to;
  g_autoptr(tw_step_model) model = test_step_model(&second);
  tw_engine *engine = new_engine(model, (tw_engine_config){0}, &to);
  submit(engine, 0, 0, 8, 8);
  run_until(engine, 3.5);
  submit(engine, 3.5, 1, 100, 1);
  submit(engine, 3.5, 2, 100, 1);
  run_until(engine, 4.5);
  g_autoptr(GPtrArray) lost = tw_engine_fail(engine, TW_KEPT_NOTHING, 4.5);
  assert_int_equal(lost->len, 3);
  assert_int_equal(find(lost, 0)->emitted, 4);
  assert_near(find(lost, 0)->first_token_s, 1, 0);
  assert_int_equal(find(lost, 1)->emitted, 0);
  assert_int_equal(find(lost, 1)->prefilled_tokens, 0);
  assert_int_equal(find(lost, 0)->preemptions, 0);
  assert_is_empty(engine, 4.5);
  tw_usage usage = tw_engine_total(engine, 10);
  assert_int_equal(usage.prompt_tokens, 8);
  assert_int_equal(usage.output_tokens, 4);
  assert_near(usage.busy_s, 4.5, 1e-12);
  tw_sequence_free(find(lost, 1));
  tw_sequence_free(find(lost, 2));
  tw_sequence_give_way(find(lost, 0)); /* its prompt of 8 tokens and the 4 of output are computed again */
  tw_engine_submit(engine, find(lost, 0), 10);
  run_until(engine, 20);
  assert_int_equal(to.ended->len, 1);
  assert_near(find(to.ended, 0)->transfer_end_s, 14, 0);
  assert_int_equal(tw_sequence_recomputed(find(to.ended, 0)), 12);
  assert_is_empty(engine, 20);
  tw_engine_free(engine);
  forget(&to);
}

/* A failure at the very boundary at which a sequence would have ended comes first. */
static void a_failure_at_a_boundary_comes_before_it(void **state)
{
  (void)state;
  told to;
  g_autoptr(tw_step_model) model = test_step_model(&second);
  tw_engine *engine = new_engine(model, (tw_engine_config){0}, &to);
  submit(engine, 0, 0, 8, 3);
  run_until(engine, 3);
  g_autoptr(GPtrArray) lost = tw_engine_fail(engine, TW_KEPT_NOTHING, 3);
  g_ptr_array_set_free_func(lost, (GDestroyNotify)tw_sequence_free);
  assert_int_equal(to.ended->len, 0);
  assert_int_equal(lost->len, 1);
  assert_int_equal(find(lost, 0)->emitted, 2);
  tw_engine_free(engine);
  forget(&to);
}

static tw_request hashed(guint64 id, guint64 *hashes)
{
  return (tw_request){
      .id = id, .prompt_tokens = 16, .answer_tokens = 1, .hashes = hashes, .n_hashes = 4, .hash_tokens = 4};
}

/* A prompt of 16 tokens with the hash ids 1 to 4: of these, three blocks would be found again. */
static void submit_hashed(tw_engine *engine, double now_s, guint64 id)
{
  static const guint64 ids[] = {1, 2, 3, 4};
  tw_request request = hashed(id, g_memdup2(ids, sizeof ids));
  tw_sequence *sequence = tw_sequence_new(&request);
  sequence->ticket = id;
  tw_engine_submit(engine, sequence, now_s);
}

/* Prefixes are lost with the blocks. The memory of hosts keeps what it had, or nothing; and where the engine
 * has the time, as it parks, what its accelerators held goes there. A block takes a byte, and no time to load.
 */
static void prefixes_are_lost_and_those_in_hosts_as_told(void **state)
{
  (void)state;
  guint64 ids[] = {1, 2, 3, 4};
  tw_request request = hashed(9, ids);
  static const struct {
    gint64 host_bytes;
    tw_engine_kept kept;
    gint64 found;
  } cases[] = {{0, TW_KEPT_NOTHING, 0},
               {0, TW_KEPT_OFFLOADED, 0},
               {100, TW_KEPT_NOTHING, 0},
               {100, TW_KEPT_HOSTS, 0},
               {100, TW_KEPT_OFFLOADED, 12}};
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    told to;
    test_costs costs = {1, 0, 0, 1, FALSE};
    g_autoptr(tw_step_model) model = test_step_model(&costs);
    tw_engine_config config = {.offload = {.host_bytes = cases[i].host_bytes, .block_bytes = 1, .seed = 1}};
    tw_engine *engine = new_engine(model, config, &to);
    submit_hashed(engine, 0, 0);
    run_until(engine, 100);
    assert_int_equal(tw_engine_cached_tokens(engine, 0, &request, 100), 12);
    g_ptr_array_unref(tw_engine_fail(engine, cases[i].kept, 100));
    assert_int_equal(tw_engine_cached_tokens(engine, 0, &request, 100), cases[i].found);
    if (cases[i].found > 0) { /* a second failure finds them in the hosts, who keep them, or do not */
      g_ptr_array_unref(tw_engine_fail(engine, TW_KEPT_HOSTS, 101));
      assert_int_equal(tw_engine_cached_tokens(engine, 0, &request, 101), cases[i].found);
      g_ptr_array_unref(tw_engine_fail(engine, TW_KEPT_NOTHING, 102));
      assert_int_equal(tw_engine_cached_tokens(engine, 0, &request, 102), 0);
    }
    tw_engine_free(engine);
    forget(&to);
  }
}

/* Blocks that are held for a sequence that was handed over, and those reserved for one that is to come, are
 * free; both are forgotten. */
static void blocks_that_are_held_for_others_are_free(void **state)
{
  (void)state;
  told to;
  g_autoptr(tw_step_model) model = test_step_model(&second);
  tw_engine *engine = new_engine(model, (tw_engine_config){.scheduler.hands_over = TRUE}, &to);
  submit(engine, 0, 0, 8, 8);
  run_until(engine, 1.5);
  assert_int_equal(to.handed_over->len, 1);
  tw_sequence coming = {.request = {.id = 1, .prompt_tokens = 8, .answer_tokens = 8}};
  assert_int_equal(tw_engine_reserve(engine, &coming, 1.5), 0);
  assert_int_equal(tw_engine_kv_used(engine, 1.5), 4);
  g_ptr_array_unref(tw_engine_fail(engine, TW_KEPT_NOTHING, 2));
  assert_is_empty(engine, 2);
  submit(engine, 2, 2, 8, 8);
  run_until(engine, 4);
  assert_int_equal(to.handed_over->len, 2);
  tw_engine_free(engine);
  forget(&to);
}

/* Random requests and failures: with macro-steps and with exact ones, the same sequences come back with the
 * same tokens, and whoever ends does so at the same instant. What was computed and emitted is conserved. */
static void macro_steps_fail_as_exact_steps_do(void **state)
{
  (void)state;
  gint64 came_back = 0;
  for (guint64 seed = 0; seed < 200; seed++) {
    GString *stories[2] = {g_string_new(NULL), g_string_new(NULL)};
    for (int exact = 0; exact < 2; exact++) {
      tw_chance chance = tw_chance_new(seed, "failures");
      test_costs costs = {0.1 + tw_chance_uniform(&chance), 0.01 * tw_chance_uniform(&chance),
                          1e-3 * tw_chance_uniform(&chance), 1e-3 * tw_chance_uniform(&chance), FALSE};
      g_autoptr(tw_step_model) model = test_step_model(&costs);
      tw_engine_config config = {.ranks = 1 + (int)tw_chance_below(&chance, 3),
                                 .scheduler = {.order = (int)tw_chance_below(&chance, 3),
                                               .asynchronous = (int)tw_chance_below(&chance, 2)},
                                 .exact = exact};
      told to;
      tw_engine *engine = new_engine(model, config, &to);
      double now_s = 0;
      gint64 computed = 0, emitted = 0;
      for (guint64 i = 0; i < 60; i++) {
        now_s += 2 * tw_chance_exponential(&chance);
        run_until(engine, now_s);
        if (tw_chance_below(&chance, 5) > 0) {
          submit(engine, now_s, i, (gint32)tw_chance_below(&chance, 90) + 1,
                 (gint32)tw_chance_below(&chance, 60) + 1);
          continue;
        }
        g_autoptr(GPtrArray) lost = tw_engine_fail(engine, TW_KEPT_NOTHING, now_s);
        assert_is_empty(engine, now_s);
        for (guint k = 0; k < lost->len; k++) {
          tw_sequence *sequence = lost->pdata[k];
          g_string_append_printf(stories[exact], "lost %d with %d\n", (int)sequence->request.id,
                                 sequence->emitted);
          sequence->rank = -1;
          tw_engine_submit(engine, sequence, now_s);
        }
        came_back += lost->len;
      }
      run_until(engine, 1e9);
      for (guint i = 0; i < to.ended->len; i++) {
        const tw_sequence *sequence = to.ended->pdata[i];
        g_string_append_printf(stories[exact], "%d ended at %.9f\n", (int)sequence->request.id,
                               sequence->transfer_end_s);
        computed += sequence->prefilled_tokens;
        emitted += sequence->emitted;
      }
      assert_int_equal(tw_engine_total(engine, 1e9).prompt_tokens, computed);
      assert_int_equal(tw_engine_total(engine, 1e9).output_tokens, emitted);
      tw_engine_free(engine);
      forget(&to);
    }
    assert_string_equal(stories[0]->str, stories[1]->str);
    for (int exact = 0; exact < 2; exact++)
      g_string_free(stories[exact], TRUE);
  }
  assert_true(came_back > 5000);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sequences_come_back_with_what_they_have_emitted),
      cmocka_unit_test(a_failure_at_a_boundary_comes_before_it),
      cmocka_unit_test(prefixes_are_lost_and_those_in_hosts_as_told),
      cmocka_unit_test(blocks_that_are_held_for_others_are_free),
      cmocka_unit_test(macro_steps_fail_as_exact_steps_do),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
