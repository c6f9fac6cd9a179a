/* The engine: small batches computed by hand, and random ones against the naive engine. */
#include "tests/check.h"
#include "tests/sim/naive.h"
#include "workloads/draw/chance.h"

/* What became of each request, as the engine told it. */
typedef struct served {
  naive_outcome *outcomes;
  GArray *iterations; /* of naive_iteration */
  GArray *order;      /* ids in the order of ending */
  gint64 preempted;
  tw_usage usage;
} served;

static void served_clear(served *s)
{
  g_free(s->outcomes);
  g_array_unref(s->iterations);
  g_array_unref(s->order);
}

static void on_ended(void *user, int engine, tw_sequence *sequence, double now_s)
{
  served *s = user;
  guint64 id = sequence->request.id;
  assert_int_equal(engine, 0);
  assert_int_equal(sequence->emitted, tw_request_output_tokens(&sequence->request));
  s->outcomes[id] = (naive_outcome){
      sequence->rank, sequence->first_scheduled_s, sequence->first_token_s,    sequence->first_answer_s,
      now_s,          sequence->preemptions,       sequence->prefilled_tokens, sequence->cached_tokens};
  g_array_append_val(s->order, id);
  tw_sequence_free(sequence);
}

static void on_ran(void *user, int engine, const tw_batch *b, gint64 iterations, double start_s, double end_s)
{
  served *s = user;
  (void)engine;
  naive_iteration it = {start_s,
                        end_s,
                        b->decode_seqs,
                        b->decode_context,
                        b->decode_windowed,
                        b->prefill_seqs,
                        b->prefill_tokens,
                        (gint64)b->prefill_context,
                        b->sampled};
  assert_true(iterations >= 1);
  g_array_append_val(s->iterations, it);
}

static void on_preempted(void *user, int engine, gint64 sequences, double now_s)
{
  served *s = user;
  (void)engine, (void)now_s;
  s->preempted += sequences;
}

static void on_handed_over(void *user, int engine, tw_sequence *sequence, double now_s)
{
  (void)engine, (void)now_s;
  g_ptr_array_add(user, sequence);
}

static void free_sequence(gpointer sequence, gpointer user)
{
  (void)user;
  tw_sequence_free(sequence);
}

static tw_engine_config engine_config(const naive_config *config, const tw_step_model *model, gboolean exact)
{
  static const char *const names[] = {"vllm", "prefill-first", "static"};
  int kind = 0;
  while (!g_str_equal(tw_scheduler_kind_names[kind], names[config->kind]))
    kind++;
  return (tw_engine_config){
      .scheduler = {.kind = &tw_scheduler_kinds[kind],
                    .order = config->priorities ? TW_ORDER_PRIORITY : TW_ORDER_ARRIVAL,
                    .reserve = config->reserve_prompt ? TW_RESERVE_PROMPT : TW_RESERVE_CHUNK,
                    .asynchronous = config->asynchronous,
                    .long_prefill_tokens = config->long_prefill_tokens,
                    .prefix_cache = config->prefix_cache,
                    .max_seqs = config->max_seqs,
                    .max_batched_tokens = config->max_batched_tokens,
                    .block_tokens = config->block_tokens,
                    .max_model_len = 1 << 20,
                    .kv_blocks = config->kv_blocks,
                    .window = config->window},
      .ranks = config->ranks,
      .model = model,
      .exact = exact,
      .audit = TRUE};
}

static served serve(const naive_config *config, const naive_request *requests, int n, gboolean exact)
{
  served s = {g_new0(naive_outcome, (gsize)n),
              g_array_new(FALSE, FALSE, sizeof(naive_iteration)),
              g_array_new(FALSE, FALSE, sizeof(guint64)),
              0,
              {.busy_s = 0}};
  tw_engine_listener listener = {.ended = on_ended, .ran = on_ran, .preempted = on_preempted, .user = &s};
  g_autoptr(tw_step_model) model = test_step_model(&config->costs);
  tw_engine_config engine = engine_config(config, model, exact);
  tw_engine *e = tw_engine_new(0, &engine, &listener);
  double now_s = 0;
  for (int next = 0; next < n || isfinite(tw_engine_due(e));) {
    if (next < n && requests[next].arrival_s <= tw_engine_due(e)) {
      const naive_request *r = &requests[next];
      tw_request request = naive_request_of(config, r, (guint64)next);
      request.hashes = g_memdup2(request.hashes, (gsize)request.n_hashes * sizeof *request.hashes);
      tw_sequence *sequence = tw_sequence_new(&request);
      sequence->ticket = (guint64)next++;
      assert_null(tw_engine_refusal(e, &request));
      tw_engine_submit(e, sequence, r->arrival_s);
    } else {
      now_s = tw_engine_due(e);
      tw_engine_step(e);
    }
  }
  assert_int_equal(s.order->len, n);
  s.usage = tw_engine_total(e, now_s);
  tw_engine_free(e);
  return s;
}

/* Iterations of 1 s, whatever they hold. */
static const naive_config plain = {.kind = NAIVE_VLLM,
                                   .ranks = 1,
                                   .max_seqs = 8,
                                   .max_batched_tokens = 64,
                                   .block_tokens = 4,
                                   .kv_blocks = 1000,
                                   .costs = {1, 0, 0, 0, FALSE}};

/* ---- By hand ---- */

/* One request: the prompt of 10 tokens in one iteration, 0 to 1 s, which emits token 1; tokens 2 to 5 at 2,
 * 3, 4 and 5 s. */
static void one_request_emits_its_first_token_with_its_prompt(void **state)
{
  (void)state;
  static const naive_request requests[] = {{0, 10, 0, 5, 0}};
  served s = serve(&plain, requests, 1, FALSE);
  assert_near(s.outcomes[0].first_scheduled_s, 0, 0);
  assert_near(s.outcomes[0].first_token_s, 1, 0);
  assert_near(s.outcomes[0].first_answer_s, 1, 0);
  assert_near(s.outcomes[0].completion_s, 5, 0);
  assert_near((s.outcomes[0].completion_s - s.outcomes[0].first_token_s) / 4, 1, 0); /* TPOT */
  served_clear(&s);
}

/* 3 reasoning tokens at 1, 2 and 3 s; the first answer token is the fourth, at 4 s. */
static void the_first_answer_token_follows_the_last_reasoning_token(void **state)
{
  (void)state;
  static const naive_request requests[] = {{0, 10, 3, 2, 0}, {0, 10, 2, 0, 0}};
  served s = serve(&plain, requests, 2, FALSE);
  assert_near(s.outcomes[0].first_token_s, 1, 0);
  assert_near(s.outcomes[0].first_answer_s, 4, 0);
  assert_near(s.outcomes[0].completion_s, 5, 0);
  assert_true(isnan(s.outcomes[1].first_answer_s)); /* reasons, and never answers */
  served_clear(&s);
}

/* A budget of 10 tokens. A: 4 prompt tokens, and decodes from 1 s on. B: 16 tokens, of which the first
 * iteration has room for 6, the second, beside A's decode, for 9, and the third computes the last one, beside
 * A's decode and the first chunk of C: 8 of its 8 tokens fit in what is left. */
static void chunks_take_what_the_decodes_leave_of_the_budget(void **state)
{
  (void)state;
  naive_config config = plain;
  config.max_batched_tokens = 10;
  static const naive_request requests[] = {{0, 4, 0, 4, 0}, {0, 16, 0, 2, 0}, {0, 8, 0, 1, 0}};
  served s = serve(&config, requests, 3, FALSE);
  static const gint64 prefills[] = {10, 9, 9}, decodes[] = {0, 1, 1};
  for (guint i = 0; i < 3; i++) {
    assert_int_equal(g_array_index(s.iterations, naive_iteration, i).prefill_tokens, prefills[i]);
    assert_int_equal(g_array_index(s.iterations, naive_iteration, i).decode_seqs, decodes[i]);
  }
  assert_near(s.outcomes[0].first_token_s, 1, 0);
  assert_near(s.outcomes[1].first_scheduled_s, 0, 0);
  assert_near(s.outcomes[1].first_token_s, 3, 0);
  assert_near(s.outcomes[2].first_scheduled_s, 2, 0);
  assert_near(s.outcomes[2].completion_s, 3, 0);
  served_clear(&s);
}

/* 10 blocks of 4 tokens. A's 20 tokens take 5, and 6 from its second iteration on. B needs 6 blocks, and
 * waits until A ends at 8 s. C would fit at once, but nobody passes a request that waits. */
static void waiting_requests_are_admitted_in_the_order_of_arrival(void **state)
{
  (void)state;
  naive_config config = plain;
  config.kv_blocks = 10;
  static const naive_request requests[] = {{0, 20, 0, 8, 0}, {0.5, 24, 0, 2, 0}, {0.5, 2, 0, 1, 0}};
  served s = serve(&config, requests, 3, FALSE);
  assert_near(s.outcomes[0].completion_s, 8, 0);
  assert_near(s.outcomes[1].first_scheduled_s, 8, 0);
  assert_near(s.outcomes[2].first_scheduled_s, 8, 0);
  served_clear(&s);
}

/* 6 blocks of 4 tokens. A and B start with 8 tokens in 2 blocks each, and both take a third at 2 s. The
 * iteration at 5 s wants a fourth for both: B, admitted last, is preempted with 5 tokens emitted, and A,
 * which ends at 7 s, goes on alone. B then has 8 + 5 = 13 tokens to compute again; that iteration, 7 to 8 s,
 * emits its sixth. C arrived at 1.5 s and found no block, though it would have fit at 5 s; it comes behind B.
 */
static void the_last_admitted_is_preempted_and_comes_first_again(void **state)
{
  (void)state;
  naive_config config = plain;
  config.kv_blocks = 6;
  static const naive_request requests[] = {{0, 8, 0, 7, 0}, {0, 8, 0, 7, 0}, {1.5, 8, 0, 1, 0}};
  served s = serve(&config, requests, 3, FALSE);
  assert_near(s.outcomes[0].completion_s, 7, 0);
  assert_int_equal(s.outcomes[0].preemptions, 0);
  assert_int_equal(s.outcomes[1].preemptions, 1);
  assert_int_equal(s.outcomes[1].computed, 8 + 13);
  assert_near(s.outcomes[1].first_token_s, 1, 0);
  assert_near(s.outcomes[1].completion_s, 9, 0);
  assert_near(s.outcomes[1].first_scheduled_s, 0, 0); /* the first time counts */
  assert_near(s.outcomes[2].first_scheduled_s, 7, 0);
  served_clear(&s);
}

/* 6 blocks of 4 tokens, and 8 tokens an iteration. A's 8 tokens are computed from 0 to 1 s, B's beside A's
 * decodes, 7 of them from 1 to 2 s. The iteration at 5 s is A's fifth decode, of its 13th token, and finds
 * all blocks taken: B, with 3 tokens emitted, gives up its three. A takes one; the other two would hold the 7
 * tokens of B that the budget has room for, but B comes back only at 6 s. */
static void an_iteration_that_preempted_admits_nobody(void **state)
{
  (void)state;
  naive_config config = plain;
  config.kv_blocks = 6;
  config.max_batched_tokens = 8;
  static const naive_request requests[] = {{0, 8, 0, 9, 0}, {0, 8, 0, 7, 0}};
  static const gint64 prefills[] = {8, 7, 1, 0, 0, 0, 7}, decodes[] = {0, 1, 1, 2, 2, 1, 1};
  served s = serve(&config, requests, 2, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS(prefills); i++) {
    assert_int_equal(g_array_index(s.iterations, naive_iteration, i).prefill_tokens, prefills[i]);
    assert_int_equal(g_array_index(s.iterations, naive_iteration, i).decode_seqs, decodes[i]);
  }
  assert_int_equal(s.preempted, 2); /* the other time at 7 s: 4 tokens are left, and no block for them */
  served_clear(&s);
}

/* As above, but A is the less urgent (a lower number is served first): A is preempted, though it was admitted
 * first. */
static void the_lowest_priority_is_preempted_and_the_highest_admitted_first(void **state)
{
  (void)state;
  naive_config config = plain;
  config.kv_blocks = 6;
  config.priorities = TRUE;
  static const naive_request requests[] = {
      {0, 8, 0, 7, 5}, {0, 8, 0, 7, 1}, {0.5, 8, 0, 1, 9}, {0.5, 8, 0, 1, 2}};
  served s = serve(&config, requests, 4, FALSE);
  assert_int_equal(s.outcomes[0].preemptions, 1);
  assert_int_equal(s.outcomes[1].preemptions, 0);
  assert_near(s.outcomes[1].completion_s, 7, 0);
  assert_true(s.outcomes[3].first_scheduled_s < s.outcomes[2].first_scheduled_s);
  served_clear(&s);
}

/* B arrives exactly as A's second iteration ends, at 2 s, and takes part in the third; C comes just after. */
static void an_arrival_on_a_boundary_joins_there(void **state)
{
  (void)state;
  static const naive_request requests[] = {{0, 4, 0, 9, 0}, {2, 4, 0, 9, 0}, {2.0000001, 4, 0, 9, 0}};
  served s = serve(&plain, requests, 3, FALSE);
  assert_near(s.outcomes[1].first_scheduled_s, 2, 0);
  assert_near(s.outcomes[2].first_scheduled_s, 3, 0);
  served_clear(&s);
}

/* Orca: B's prompt goes alone and stalls A, whose tokens come at 1, 2, 4 s and so on; vLLM would emit one
 * at 3.
 */
static void prefill_first_stalls_the_decodes(void **state)
{
  (void)state;
  naive_config config = plain;
  config.kind = NAIVE_PREFILL_FIRST;
  static const naive_request requests[] = {{0, 4, 0, 4, 0}, {1.5, 4, 0, 2, 0}};
  served s = serve(&config, requests, 2, FALSE);
  assert_near(s.outcomes[1].first_token_s, 3, 0);
  assert_near(s.outcomes[0].completion_s, 5, 0);
  assert_near(s.outcomes[1].completion_s, 4, 0);
  served_clear(&s);
}

/* B arrives while A's batch runs and is served when that has ended, at 4 s, together with C. */
static void a_static_batch_lets_nobody_join(void **state)
{
  (void)state;
  naive_config config = plain;
  config.kind = NAIVE_STATIC;
  static const naive_request requests[] = {{0, 4, 0, 4, 0}, {0.5, 4, 0, 2, 0}, {3, 4, 0, 1, 0}};
  served s = serve(&config, requests, 3, FALSE);
  assert_near(s.outcomes[1].first_scheduled_s, 4, 0);
  assert_near(s.outcomes[2].first_scheduled_s, 4, 0);
  assert_near(s.outcomes[1].completion_s, 6, 0);
  served_clear(&s);
}

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

static void submit(tw_engine *engine, double now_s, gint32 prompt, gint32 output)
{
  static guint64 tickets;
  tw_request request = {.id = tickets, .arrival_s = now_s, .prompt_tokens = prompt, .answer_tokens = output};
  tw_sequence *sequence = tw_sequence_new(&request);
  sequence->ticket = tickets++;
  tw_engine_submit(engine, sequence, now_s);
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
  submit(e, 0, 4, 100); /* to the first rank */
  tw_engine_submit(e, fetched, 0);
  assert_int_equal(fetched->rank, 0);
  tw_engine_free(e);
}

/* A decodes until 100 s, and B would need all of the cache: its arrival has the engine look at the next
 * boundary, in vain. C, behind B, and D leave the engine asleep. */
static void an_arrival_that_cannot_join_wakes_nobody(void **state)
{
  (void)state;
  naive_config config = plain;
  config.kv_blocks = 30;
  config.max_batched_tokens = 200; /* B's prompt would go whole */
  g_autoptr(tw_step_model) model = test_step_model(&config.costs);
  tw_engine_config engine = engine_config(&config, model, FALSE);
  tw_engine_listener listener = {0};
  tw_engine *e = tw_engine_new(0, &engine, &listener);
  submit(e, 0, 4, 100);
  tw_engine_step(e); /* idle, to the prompt */
  tw_engine_step(e); /* the prompt, to the decodes */
  assert_near(tw_engine_due(e), 100, 0);
  submit(e, 10.5, 119, 1);
  assert_near(tw_engine_due(e), 11, 0);
  tw_engine_step(e);
  assert_near(tw_engine_due(e), 100, 0);
  submit(e, 20.5, 4, 1);
  submit(e, 30, 4, 1);
  assert_near(tw_engine_due(e), 100, 0);
  assert_int_equal(tw_engine_steps(e), 3);
  tw_engine_free(e);
}

/* Asynchronously. A comes at 0 s: its prompt takes the first second, and the iteration after that is planned
 * at once, so that B, which comes at 0.5 s, is in the third, from 2 to 3 s. A emits tokens at 1, 2 and 3 s.
 * It keeps its place until 3 s is planned for: with max-seqs 2, C, which comes with B, is planned as A ends,
 * and computed from 4 s on, beside B's last token; synchronously from 3 s on. */
static void ahead_of_time_whoever_comes_joins_an_iteration_later(void **state)
{
  (void)state;
  naive_config config = plain;
  config.max_seqs = 2;
  static const naive_request requests[] = {{0, 10, 0, 3, 0}, {0.5, 10, 0, 3, 0}, {0.5, 10, 0, 1, 0}};
  static const double first_s[2][3] = {{1, 2, 4}, {1, 3, 5}};
  for (int ahead = 0; ahead < 2; ahead++) {
    config.asynchronous = ahead;
    served s = serve(&config, requests, 3, FALSE);
    for (int i = 0; i < 3; i++)
      assert_near(s.outcomes[i].first_token_s, first_s[ahead][i], 0);
    assert_near(s.outcomes[0].completion_s, 3, 0);
    served_clear(&s);
  }
}

/* 6 blocks of 4 tokens, as in the test before: B is preempted with 8 + 5 tokens, of which 12 are in KV, in
 * three blocks. A's next token takes one of these, the last; the other two are found as B resumes at 7 s, and
 * 5 tokens are computed. */
static void a_preempted_sequence_finds_its_own_blocks(void **state)
{
  (void)state;
  naive_config config = plain;
  config.kv_blocks = 6;
  config.prefix_cache = TRUE;
  static const naive_request requests[] = {{0, 8, 0, 7, 0}, {0, 8, 0, 7, 0}};
  served s = serve(&config, requests, 2, FALSE);
  assert_int_equal(s.outcomes[1].preemptions, 1);
  assert_int_equal(s.outcomes[1].computed, 8 + 5);
  assert_int_equal(s.outcomes[1].cached, 0);
  served_clear(&s);
}

/* Eight equal prompts of 33 tokens at once, with blocks of 4: the first computes all, the others one token
 * each. */
static void equal_prompts_of_one_iteration_are_computed_once(void **state)
{
  (void)state;
  naive_config config = plain;
  config.prefix_cache = TRUE;
  guint64 hashes[] = {7, 8};
  naive_request requests[8];
  naive_ids ids[8];
  for (int i = 0; i < 8; i++) {
    requests[i] = (naive_request){0, 33, 0, 2, 0};
    ids[i] = (naive_ids){2, 16, 0, hashes};
  }
  config.ids = ids;
  served s = serve(&config, requests, 8, FALSE);
  assert_int_equal(g_array_index(s.iterations, naive_iteration, 0).prefill_tokens, 33 + 7);
  served_clear(&s);
}

/* The first turn has a prompt of 6 tokens and emits 7, of which 6 get into KV: 12 tokens, three blocks of 4.
 * The second begins with all 13, and finds these. */
static void the_next_turn_finds_the_output_of_the_one_before(void **state)
{
  (void)state;
  naive_config config = plain;
  config.prefix_cache = TRUE;
  guint64 hashes[] = {1, 2, 3, 4, 5, 6, 7};
  static const naive_request requests[] = {{0, 6, 0, 7, 0}, {10, 14, 0, 1, 0}};
  const naive_ids ids[] = {{7, 2, 13, hashes}, {7, 2, 0, hashes}};
  config.ids = ids;
  served s = serve(&config, requests, 2, FALSE);
  assert_int_equal(s.outcomes[1].cached, 12);
  assert_int_equal(s.outcomes[1].computed, 2);
  served_clear(&s);
}

/* Chunks of at most 4 tokens: the prompts of A and B go on beside each other. */
static void long_prompts_share_the_budget(void **state)
{
  (void)state;
  naive_config config = plain;
  config.long_prefill_tokens = 4;
  static const naive_request requests[] = {{0, 12, 0, 1, 0}, {0, 8, 0, 1, 0}};
  served s = serve(&config, requests, 2, FALSE);
  assert_int_equal(g_array_index(s.iterations, naive_iteration, 0).prefill_tokens, 8);
  assert_near(s.outcomes[1].completion_s, 2, 0);
  assert_near(s.outcomes[0].completion_s, 3, 0);
  served_clear(&s);
}

/* 4 blocks of 4 tokens. The last token's key and value are never computed: 8 + 9 tokens take 16 places. */
static void what_can_never_fit_is_refused(void **state)
{
  (void)state;
  naive_config config = plain;
  config.kv_blocks = 4;
  g_autoptr(tw_step_model) model = test_step_model(&config.costs);
  tw_engine_config engine = engine_config(&config, model, FALSE);
  engine.scheduler.max_model_len = 17;
  tw_engine_listener listener = {0};
  tw_engine *e = tw_engine_new(0, &engine, &listener);
  assert_null(tw_engine_refusal(e, &(tw_request){.prompt_tokens = 8, .answer_tokens = 9}));
  assert_string_equal(tw_engine_refusal(e, &(tw_request){.prompt_tokens = 8, .answer_tokens = 10}),
                      "prompt and output exceed max-model-len");
  tw_engine_free(e);
  engine.scheduler.max_model_len = 100;
  e = tw_engine_new(0, &engine, &listener);
  assert_string_equal(tw_engine_refusal(e, &(tw_request){.prompt_tokens = 8, .answer_tokens = 10}),
                      "prompt and output exceed the KV cache");
  tw_engine_free(e);

  static const naive_request requests[] = {{0, 8, 0, 9, 0}};
  served s = serve(&config, requests, 1, FALSE);
  assert_near(s.outcomes[0].completion_s, 9, 0);
  served_clear(&s);
}

/* Reserves blocks for a request and delivers its prompt's KV, with its first token, at 0. */
static void deliver(tw_engine *engine, guint64 id, gint32 prompt, gint32 output)
{
  tw_request request = {.id = id, .prompt_tokens = prompt, .answer_tokens = output};
  tw_sequence *sequence = tw_sequence_new(&request);
  sequence->ticket = id;
  sequence->prefill_target = prompt;
  sequence->prefilled_tokens = prompt;
  sequence->emitted = 1;
  sequence->rank = tw_engine_reserve(engine, sequence, 0);
  assert_int_equal(sequence->rank, 0);
  tw_engine_deliver(engine, sequence, 0);
}

/* 4 blocks of 4 tokens, all of them taken by the delivered prompts of A and B, 8 tokens each. A joins the
 * empty batch and gets no block for its second token; the plan that preempts it admits nobody. The next one
 * lets B join in A's blocks: it emits tokens 2 and 3 at 1 and 2 s. Then A computes its 9 tokens again, which
 * emits its second at 3 s, and its last at 4 s. */
static void a_plan_that_preempts_the_only_sequence_is_followed_by_another(void **state)
{
  (void)state;
  naive_config config = plain;
  config.kv_blocks = 4;
  g_autoptr(tw_step_model) model = test_step_model(&config.costs);
  tw_engine_config engine = engine_config(&config, model, FALSE);
  served s = {.outcomes = g_new0(naive_outcome, 2), .order = g_array_new(FALSE, FALSE, sizeof(guint64))};
  tw_engine_listener listener = {.ended = on_ended, .user = &s};
  tw_engine *e = tw_engine_new(0, &engine, &listener);
  deliver(e, 0, 8, 3);
  deliver(e, 1, 8, 3);
  while (isfinite(tw_engine_due(e)))
    tw_engine_step(e);
  assert_near(s.outcomes[1].completion_s, 2, 0);
  assert_near(s.outcomes[0].completion_s, 4, 0);
  assert_int_equal(s.outcomes[0].preemptions, 1);
  tw_engine_free(e);
  g_free(s.outcomes);
  g_array_unref(s.order);
}

/* 4 blocks of 4 tokens, and sequences are promised all that they will ever hold. Where they are handed over,
 * that is their prompts: A and B, 8 tokens each, run at once, whatever they are to emit elsewhere. The blocks
 * stay promised until they are released: C is admitted then. */
static void who_is_handed_over_is_promised_blocks_for_its_prompt_alone(void **state)
{
  (void)state;
  naive_config config = plain;
  config.kv_blocks = 4;
  g_autoptr(tw_step_model) model = test_step_model(&config.costs);
  tw_engine_config engine = engine_config(&config, model, FALSE);
  engine.scheduler.hands_over = TRUE;
  engine.scheduler.reserve = TW_RESERVE_OUTPUT;
  g_autoptr(GPtrArray) gone = g_ptr_array_new();
  tw_engine_listener listener = {.handed_over = on_handed_over, .user = gone};
  tw_engine *e = tw_engine_new(0, &engine, &listener);
  for (int i = 0; i < 3; i++)
    submit(e, 0, 8, 100);
  while (isfinite(tw_engine_due(e)))
    tw_engine_step(e);
  assert_int_equal(gone->len, 2);
  tw_engine_release(e, 0, gone->pdata[0], 1);
  while (isfinite(tw_engine_due(e)))
    tw_engine_step(e);
  assert_int_equal(gone->len, 3);
  for (guint i = 1; i < 3; i++)
    tw_engine_release(e, 0, gone->pdata[i], 2);
  g_ptr_array_foreach(gone, free_sequence, NULL);
  tw_engine_free(e);
}

/* Delivered sequences, too, are promised all: of 4 blocks of 4 tokens, one of 4 + 9 tokens takes all. */
static void what_is_delivered_is_promised_its_output(void **state)
{
  (void)state;
  naive_config config = plain;
  config.kv_blocks = 4;
  g_autoptr(tw_step_model) model = test_step_model(&config.costs);
  tw_engine_config engine = engine_config(&config, model, FALSE);
  engine.scheduler.reserve = TW_RESERVE_OUTPUT;
  tw_engine_listener listener = {0};
  tw_engine *e = tw_engine_new(0, &engine, &listener);
  tw_sequence all = {.request = {.prompt_tokens = 4, .answer_tokens = 10}},
              little = {.request = {.prompt_tokens = 4, .answer_tokens = 2}};
  assert_int_equal(tw_engine_reserve(e, &all, 0), 0);
  assert_int_equal(tw_engine_reserve(e, &little, 0), -1);
  tw_engine_free(e);
}

/* 1,001 tokens with three drafts that are all accepted: the prompt's iteration, and 250 of four tokens each.
 */
static void iterations_under_speculation_emit_several_tokens(void **state)
{
  (void)state;
  g_autoptr(tw_step_model) model = test_step_model(&plain.costs);
  naive_config config = plain;
  tw_engine_config engine = engine_config(&config, model, FALSE);
  engine.speculation = (tw_speculation){3, 1, 0};
  served s = {.outcomes = g_new0(naive_outcome, 1), .order = g_array_new(FALSE, FALSE, sizeof(guint64))};
  tw_engine_listener listener = {.ended = on_ended, .user = &s};
  tw_engine *e = tw_engine_new(0, &engine, &listener);
  tw_sequence *sequence = tw_sequence_new(&(tw_request){.prompt_tokens = 4, .answer_tokens = 1001});
  tw_engine_submit(e, sequence, 0);
  while (isfinite(tw_engine_due(e)))
    tw_engine_step(e);
  assert_int_equal(tw_engine_iterations(e), 251);
  tw_engine_free(e);
  g_free(s.outcomes);
  g_array_unref(s.order);
}

/* Usage of one request of 10 prompt tokens and 5 output tokens, 0 to 5 s, waiting for none of it. */
static void usage_counts_what_was_computed(void **state)
{
  (void)state;
  static const naive_request requests[] = {{2, 10, 0, 5, 0}};
  served s = serve(&plain, requests, 1, FALSE);
  assert_near(s.usage.busy_s, 5, 0);
  assert_near(s.usage.running_s, 5, 0);
  assert_near(s.usage.waiting_s, 0, 0);
  assert_int_equal(s.usage.prompt_tokens, 10);
  assert_int_equal(s.usage.output_tokens, 5);
  served_clear(&s);
}

/* Blocks of 4 tokens: 3 hold the prompt of 10 for its second, and the decodes grow to 16 tokens, 4 blocks, in
 * six: straight from 3 to 4 in one macro-step; one by one at 11, 12, 13, ... 16 tokens 3, 3, 4, 4, 4 and 4,
 * each averaged with the one before. */
static void blocks_in_use_are_averaged_between_the_steps(void **state)
{
  (void)state;
  static const naive_request requests[] = {{0, 10, 0, 7, 0}};
  served macro = serve(&plain, requests, 1, FALSE), exact = serve(&plain, requests, 1, TRUE);
  assert_near(macro.usage.kv_block_s, 3 + 6 * 3.5, 0);
  assert_near(exact.usage.kv_block_s, 3 + 3 + 3 + 3.5 + 4 + 4 + 4, 0);
  served_clear(&macro);
  served_clear(&exact);
}

/* ---- Against the naive engine ---- */

static gint64 between(tw_chance *chance, gint64 low, gint64 high)
{
  return low + (gint64)tw_chance_below(chance, (guint64)(high - low + 1));
}

/* Times are multiples of 2^-20 s, so that sums are exact, and instants must agree to the bit: coincidences of
 * arrivals and boundaries, too. */
#define TICK (1.0 / 1048576)

static naive_config random_config(tw_chance *chance)
{
  naive_config config = {.kind = (naive_kind)tw_chance_below(chance, 3),
                         .priorities = tw_chance_below(chance, 3) == 0,
                         .ranks = (int)between(chance, 1, 3),
                         .max_seqs = between(chance, 1, 24),
                         .block_tokens = between(chance, 1, 20),
                         .window = between(chance, 1, 60)};
  config.prefix_cache = tw_chance_below(chance, 4) > 0;
  config.reserve_prompt = tw_chance_below(chance, 2) == 0;
  if (config.kind == NAIVE_VLLM && tw_chance_below(chance, 2) == 0) {
    config.asynchronous = TRUE;
    config.ranks = 1;
  }
  if (config.kind == NAIVE_VLLM && tw_chance_below(chance, 3) == 0)
    config.long_prefill_tokens = between(chance, 1, 60);
  config.max_batched_tokens = config.kind == NAIVE_VLLM ? between(chance, config.max_seqs, 120) : 512;
  /* The longest request has 300 tokens: from room for just one, to plenty. */
  config.kv_blocks =
      300 / config.block_tokens + 1 + between(chance, 0, tw_chance_below(chance, 2) ? 20 : 500);
  config.costs = (test_costs){1024 * TICK * (double)between(chance, 1, 20),
                              TICK * (double)between(chance, 0, 99), TICK * (double)between(chance, 0, 9),
                              TICK * (double)between(chance, 0, 9), tw_chance_below(chance, 3) == 0};
  return config;
}

/* A walk down a tree of two branches at each id, so that prompts share beginnings of any length; the ids may
 * go on over the output, and the last may stand for fewer tokens. */
static naive_ids draw_ids(tw_chance *chance, const naive_request *r, guint64 id, gint64 hash_tokens)
{
  gint64 context = tw_chance_below(chance, 3) == 0 ? r->prompt + r->reasoning + r->answer : 0;
  gint64 n = (MAX(r->prompt, context) + hash_tokens - 1) / hash_tokens;
  naive_ids ids = {(gint32)n, (gint32)hash_tokens, (gint32)context, g_new(guint64, (gsize)n)};
  for (gint64 i = 0; i < n; i++)
    ids.hashes[i] =
        context > 0 && i >= r->prompt / hash_tokens ? 1000 * (id + 1) : tw_chance_below(chance, 8) == 0;
  return ids;
}

static int random_requests(tw_chance *chance, naive_request *requests, naive_ids *ids, int most)
{
  gint64 hash_tokens = between(chance, 1, 24);
  int n = (int)between(chance, 1, most);
  gint64 gap = between(chance, 1, 200), longest = between(chance, 1, 150), deepest = between(chance, 1, 75);
  double t = 0;
  for (int i = 0; i < n; i++) {
    if (tw_chance_below(chance, 3) > 0)
      t += 256 * TICK * (double)between(chance, 0, gap);
    requests[i] = (naive_request){t, (gint32)between(chance, 1, longest), (gint32)between(chance, 0, deepest),
                                  (gint32)between(chance, 1, deepest), (gint32)between(chance, 0, 2)};
    ids[i] = tw_chance_below(chance, 4) > 0 ? draw_ids(chance, &requests[i], (guint64)i, hash_tokens)
                                            : (naive_ids){0};
  }
  return n;
}

static void assert_same_instant(double a, double b, int seed, int request, const char *what)
{
  if (a != b && !(isnan(a) && isnan(b)))
    fail_msg("scenario %d, request %d: %s at %.9f, naively at %.9f", seed, request, what, a, b);
}

static void assert_same_outcome(const naive_outcome *a, const naive_outcome *b, int seed, int request)
{
  assert_int_equal(a->rank, b->rank);
  assert_same_instant(a->first_scheduled_s, b->first_scheduled_s, seed, request, "first scheduled");
  assert_same_instant(a->first_token_s, b->first_token_s, seed, request, "first token");
  assert_same_instant(a->first_answer_s, b->first_answer_s, seed, request, "first answer token");
  assert_same_instant(a->completion_s, b->completion_s, seed, request, "last token");
  assert_int_equal(a->preemptions, b->preemptions);
  assert_int_equal(a->computed, b->computed);
  assert_int_equal(a->cached, b->cached);
}

static void assert_same_iterations(const GArray *a, const GArray *b, int seed, gboolean windowed)
{
  for (guint i = 0; i < MIN(a->len, b->len); i++) {
    naive_iteration x = g_array_index(a, naive_iteration, i), y = g_array_index(b, naive_iteration, i);
    if (!windowed)
      x.decode_windowed = y.decode_windowed = 0;
    if (x.start_s != y.start_s || x.end_s != y.end_s || x.decode_seqs != y.decode_seqs ||
        x.decode_context != y.decode_context || x.decode_windowed != y.decode_windowed ||
        x.prefill_seqs != y.prefill_seqs || x.prefill_tokens != y.prefill_tokens ||
        x.prefill_context != y.prefill_context || x.sampled != y.sampled)
      fail_msg(
          "scenario %d, iteration %u: from %.9f to %.9f with %d decodes and %d prompt tokens, naively from "
          "%.9f to %.9f with %d and %d",
          seed, i, x.start_s, x.end_s, (int)x.decode_seqs, (int)x.prefill_tokens, y.start_s, y.end_s,
          (int)y.decode_seqs, (int)y.prefill_tokens);
  }
  assert_int_equal(a->len, b->len);
}

static void iterations_and_instants_are_those_of_the_naive_engine(void **state)
{
  (void)state;
  enum { SCENARIOS = 1500, MOST = 60 };
  gint64 preemptions = 0, iterations = 0, cached = 0, resumed = 0, ahead = 0;
  for (int seed = 0; seed < SCENARIOS; seed++) {
    tw_chance chance = tw_chance_new((guint64)seed, "engine");
    naive_config config = random_config(&chance);
    naive_request requests[MOST];
    naive_ids ids[MOST];
    int n = random_requests(&chance, requests, ids, MOST);
    config.ids = ids;
    g_autoptr(GArray) steps = g_array_new(FALSE, FALSE, sizeof(naive_iteration));
    g_autofree naive_outcome *expected = naive_run(&config, requests, n, steps);
    served exact = serve(&config, requests, n, TRUE), macro = serve(&config, requests, n, FALSE);
    assert_same_iterations(exact.iterations, steps, seed, config.window > 0);
    gint64 output = 0, prompt = 0;
    for (int i = 0; i < n; i++) {
      assert_same_outcome(&exact.outcomes[i], &expected[i], seed, i);
      assert_same_outcome(&macro.outcomes[i], &expected[i], seed, i);
      preemptions += expected[i].preemptions;
      cached += expected[i].cached;
      ahead += config.asynchronous * expected[i].preemptions;
      /* Whoever was preempted computes less than all of its prompt again each time. */
      resumed +=
          config.prefix_cache && expected[i].preemptions > 0 &&
          expected[i].computed < (1 + expected[i].preemptions) * requests[i].prompt - expected[i].cached;
      prompt += expected[i].computed;
      output += requests[i].reasoning + requests[i].answer;
    }
    assert_memory_equal(exact.order->data, macro.order->data, (gsize)n * sizeof(guint64));
    assert_int_equal(macro.usage.prompt_tokens, prompt);
    assert_int_equal(macro.usage.output_tokens, output);
    iterations += steps->len;
    served_clear(&exact);
    served_clear(&macro);
    for (int i = 0; i < n; i++)
      g_free(ids[i].hashes);
  }
  /* The scenarios exercise what they are meant to. */
  assert_true(preemptions > 5000 && ahead > 1000 && resumed > 1000);
  assert_true(cached > 100000);
  assert_true(iterations > 200000);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_request_emits_its_first_token_with_its_prompt),
      cmocka_unit_test(the_first_answer_token_follows_the_last_reasoning_token),
      cmocka_unit_test(chunks_take_what_the_decodes_leave_of_the_budget),
      cmocka_unit_test(waiting_requests_are_admitted_in_the_order_of_arrival),
      cmocka_unit_test(the_last_admitted_is_preempted_and_comes_first_again),
      cmocka_unit_test(an_iteration_that_preempted_admits_nobody),
      cmocka_unit_test(the_lowest_priority_is_preempted_and_the_highest_admitted_first),
      cmocka_unit_test(an_arrival_on_a_boundary_joins_there),
      cmocka_unit_test(prefill_first_stalls_the_decodes),
      cmocka_unit_test(a_static_batch_lets_nobody_join),
      cmocka_unit_test(ranks_step_at_the_pace_of_the_slowest),
      cmocka_unit_test(a_request_goes_to_the_rank_with_the_fewest_sequences),
      cmocka_unit_test(a_rank_that_was_chosen_is_kept_and_counts_who_is_on_the_way),
      cmocka_unit_test(an_arrival_that_cannot_join_wakes_nobody),
      cmocka_unit_test(ahead_of_time_whoever_comes_joins_an_iteration_later),
      cmocka_unit_test(a_preempted_sequence_finds_its_own_blocks),
      cmocka_unit_test(equal_prompts_of_one_iteration_are_computed_once),
      cmocka_unit_test(the_next_turn_finds_the_output_of_the_one_before),
      cmocka_unit_test(long_prompts_share_the_budget),
      cmocka_unit_test(what_can_never_fit_is_refused),
      cmocka_unit_test(a_plan_that_preempts_the_only_sequence_is_followed_by_another),
      cmocka_unit_test(who_is_handed_over_is_promised_blocks_for_its_prompt_alone),
      cmocka_unit_test(what_is_delivered_is_promised_its_output),
      cmocka_unit_test(iterations_under_speculation_emit_several_tokens),
      cmocka_unit_test(usage_counts_what_was_computed),
      cmocka_unit_test(blocks_in_use_are_averaged_between_the_steps),
      cmocka_unit_test(iterations_and_instants_are_those_of_the_naive_engine),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
