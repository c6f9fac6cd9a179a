#include "tests/sim/served.h"

#include "tests/check.h"

void served_clear(served *s)
{
  g_free(s->outcomes);
  g_array_unref(s->iterations);
  g_array_unref(s->order);
}

void served_on_ended(void *user, int engine, tw_sequence *sequence, double now_s)
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

tw_engine_config served_engine_config(const naive_config *config, const tw_step_model *model, gboolean exact)
{
  static const char *const names[] = {"vllm", "prefill-first", "static", "sglang", "tensorrt-llm", "sarathi"};
  int kind = 0;
  while (!g_str_equal(tw_scheduler_kind_names[kind], names[config->kind]))
    kind++;
  return (tw_engine_config){.scheduler = {.kind = &tw_scheduler_kinds[kind],
                                          .order = config->priorities ? TW_ORDER_PRIORITY : config->order,
                                          .chunked = TRUE,
                                          .mixed_chunk = config->mixed_chunk,
                                          .conservativeness = config->conservativeness,
                                          .reserve = config->reserve_output   ? TW_RESERVE_OUTPUT
                                                     : config->reserve_prompt ? TW_RESERVE_PROMPT
                                                                              : TW_RESERVE_CHUNK,
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

served serve(const naive_config *config, const naive_request *requests, int n, gboolean exact)
{
  served s = {g_new0(naive_outcome, (gsize)n),
              g_array_new(FALSE, FALSE, sizeof(naive_iteration)),
              g_array_new(FALSE, FALSE, sizeof(guint64)),
              0,
              {.busy_s = 0}};
  tw_engine_listener listener = {
      .ended = served_on_ended, .ran = on_ran, .preempted = on_preempted, .user = &s};
  g_autoptr(tw_step_model) model = test_step_model(&config->costs);
  tw_engine_config engine = served_engine_config(config, model, exact);
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

gint64 served_between(tw_chance *chance, gint64 low, gint64 high)
{
  return low + (gint64)tw_chance_below(chance, (guint64)(high - low + 1));
}

test_costs served_random_costs(tw_chance *chance)
{
  return (test_costs){1024 * SERVED_TICK * (double)served_between(chance, 1, 20),
                      SERVED_TICK * (double)served_between(chance, 0, 99),
                      SERVED_TICK * (double)served_between(chance, 0, 9),
                      SERVED_TICK * (double)served_between(chance, 0, 9), tw_chance_below(chance, 3) == 0};
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

int served_random_requests(tw_chance *chance, naive_request *requests, naive_ids *ids, int most)
{
  gint64 hash_tokens = served_between(chance, 1, 24);
  int n = (int)served_between(chance, 1, most);
  gint64 gap = served_between(chance, 1, 200), longest = served_between(chance, 1, 150),
         deepest = served_between(chance, 1, 75);
  double t = 0;
  for (int i = 0; i < n; i++) {
    if (tw_chance_below(chance, 3) > 0)
      t += 256 * SERVED_TICK * (double)served_between(chance, 0, gap);
    requests[i] = (naive_request){
        t, (gint32)served_between(chance, 1, longest), (gint32)served_between(chance, 0, deepest),
        (gint32)served_between(chance, 1, deepest), (gint32)served_between(chance, 0, 2)};
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

naive_outcome *served_as_naive(const naive_config *config, const naive_request *requests, int n, int seed,
                               gint64 *iterations)
{
  g_autoptr(GArray) steps = g_array_new(FALSE, FALSE, sizeof(naive_iteration));
  naive_outcome *expected = naive_run(config, requests, n, steps);
  served exact = serve(config, requests, n, TRUE), macro = serve(config, requests, n, FALSE);
  assert_same_iterations(exact.iterations, steps, seed, config->window > 0);
  gint64 output = 0, prompt = 0;
  for (int i = 0; i < n; i++) {
    assert_same_outcome(&exact.outcomes[i], &expected[i], seed, i);
    assert_same_outcome(&macro.outcomes[i], &expected[i], seed, i);
    prompt += expected[i].computed;
    output += requests[i].reasoning + requests[i].answer;
  }
  assert_memory_equal(exact.order->data, macro.order->data, (gsize)n * sizeof(guint64));
  assert_int_equal(macro.usage.prompt_tokens, prompt);
  assert_int_equal(macro.usage.output_tokens, output);
  *iterations += steps->len;
  served_clear(&exact);
  served_clear(&macro);
  return expected;
}
