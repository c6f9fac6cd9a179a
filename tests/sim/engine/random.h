/* Random requests, of which an engine must do what the naive one does. */
#ifndef TW_TESTS_SIM_ENGINE_RANDOM_H
#define TW_TESTS_SIM_ENGINE_RANDOM_H

#include "tests/sim/engine/serve.h"
#include "workloads/draw/chance.h"

static inline gint64 between(tw_chance *chance, gint64 low, gint64 high)
{
  return low + (gint64)tw_chance_below(chance, (guint64)(high - low + 1));
}

/* Times are multiples of 2^-20 s, so that sums are exact, and instants must agree to the bit: coincidences of
 * arrivals and boundaries, too. */
#define TICK (1.0 / 1048576)

/* A walk down a tree of two branches at each id, so that prompts share beginnings of any length; the ids may
 * go on over the output, and the last may stand for fewer tokens. */
static inline naive_ids draw_ids(tw_chance *chance, const naive_request *r, guint64 id, gint64 hash_tokens)
{
  gint64 context = tw_chance_below(chance, 3) == 0 ? r->prompt + r->reasoning + r->answer : 0;
  gint64 n = (MAX(r->prompt, context) + hash_tokens - 1) / hash_tokens;
  naive_ids ids = {(gint32)n, (gint32)hash_tokens, (gint32)context, g_new(guint64, (gsize)n)};
  for (gint64 i = 0; i < n; i++)
    ids.hashes[i] =
        context > 0 && i >= r->prompt / hash_tokens ? 1000 * (id + 1) : tw_chance_below(chance, 8) == 0;
  return ids;
}

static inline int random_requests(tw_chance *chance, naive_request *requests, naive_ids *ids, int most)
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

static inline void assert_same_instant(double a, double b, int seed, int request, const char *what)
{
  if (a != b && !(isnan(a) && isnan(b)))
    fail_msg("scenario %d, request %d: %s at %.9f, naively at %.9f", seed, request, what, a, b);
}

static inline void assert_same_outcome(const naive_outcome *a, const naive_outcome *b, int seed, int request)
{
  assert_int_equal(a->rank, b->rank);
  assert_same_instant(a->first_scheduled_s, b->first_scheduled_s, seed, request, "first scheduled");
  assert_same_instant(a->first_token_s, b->first_token_s, seed, request, "first token");
  assert_same_instant(a->first_answer_s, b->first_answer_s, seed, request, "first answer token");
  assert_same_instant(a->completion_s, b->completion_s, seed, request, "last token");
  assert_same_instant(a->longest_gap_s, b->longest_gap_s, seed, request, "longest gap");
  assert_int_equal(a->preemptions, b->preemptions);
  assert_int_equal(a->computed, b->computed);
  assert_int_equal(a->cached, b->cached);
}

static inline void assert_same_iterations(const GArray *a, const GArray *b, int seed, gboolean windowed)
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

static inline test_costs random_costs(tw_chance *chance)
{
  return (test_costs){1024 * TICK * (double)between(chance, 1, 20), TICK * (double)between(chance, 0, 99),
                      TICK * (double)between(chance, 0, 9), TICK * (double)between(chance, 0, 9),
                      tw_chance_below(chance, 3) == 0};
}

/* Fails where the engine, in macro-steps and step by step, does not do what the naive one does. Returns the naive
 * outcomes, which the caller frees, and counts iterations. */
static inline naive_outcome *as_naive(const naive_config *config, const naive_request *requests, int n,
                                      int seed, gint64 *iterations)
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

#endif
