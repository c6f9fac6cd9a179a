/* Engines that span NVLink domains: each iteration waits for its flows, then computes. */
#include "tests/sim/engine/serve.h"
#include "workloads/draw/chance.h"

#define FLOWS_S 2 /* seconds that the flows of every iteration take */

static void *create(const tw_step_setting *setting, const xmlNode *node, tw_faults *faults)
{
  (void)node, (void)faults;
  return (void *)setting; /* anything but NULL, which says that it failed */
}

/* 1/4 s for each token of context that sequences decode with, 1/2 s for a prompt token. */
static void cost(const void *state, const tw_batch *ranks, int n_ranks, tw_step_cost *cost)
{
  (void)state;
  *cost = (tw_step_cost){.valid = G_MAXINT64, .wire = {.experts = 1}};
  for (int i = 0; i < n_ranks; i++) {
    const tw_batch *b = &ranks[i];
    tw_line time = {0.25 * (double)b->decode_context + 0.5 * (double)b->prefill_tokens,
                    0.25 * (double)b->decode_seqs};
    cost->time_s = tw_line_max(cost->time_s, time, &cost->valid);
    if (b->prefill_seqs > 0)
      cost->valid = 1;
  }
}

static void destroy(void *state)
{
  (void)state;
}

static const tw_step_kind spanning = {.name = "test", .create = create, .cost = cost, .destroy = destroy};

/* The network, which knows ahead when flows end: its engine resumes between two steps. */
typedef struct network {
  served served;
  int posted;
  double posted_s; /* instant of the window that waits; NAN: none does */
} network;

static void on_post(void *user, int engine, const tw_fabric_bytes *wire, double compute_s, double now_s)
{
  network *n = user;
  assert_int_equal(engine, 0);
  assert_near(wire->experts, 1, 0);
  assert_true(compute_s > 0 && isnan(n->posted_s));
  n->posted++;
  n->posted_s = now_s;
}

static network serve_spanning(const naive_config *config, const naive_request *requests, int n,
                              gboolean exact)
{
  network net = {{g_new0(naive_outcome, (gsize)n),
                  g_array_new(FALSE, FALSE, sizeof(naive_iteration)),
                  g_array_new(FALSE, FALSE, sizeof(guint64)),
                  0,
                  {.busy_s = 0}},
                 0,
                 NAN};
  tw_engine_listener listener = {.ended = on_ended, .ran = on_ran, .post = on_post, .user = &net};
  tw_step_setting setting = {.table_file = NULL};
  g_autoptr(tw_step_model) model = tw_step_model_new(&spanning, &setting, NULL, NULL);
  tw_engine_config engine = engine_config(config, model, exact);
  engine.spans = TRUE;
  tw_engine *e = tw_engine_new(0, &engine, &listener);
  for (int next = 0; next < n || isfinite(tw_engine_due(e));) {
    if (next < n && requests[next].arrival_s <= tw_engine_due(e)) {
      tw_request request = naive_request_of(config, &requests[next], (guint64)next);
      tw_sequence *sequence = tw_sequence_new(&request);
      sequence->ticket = (guint64)next;
      tw_engine_submit(e, sequence, requests[next++].arrival_s);
    } else {
      tw_engine_step(e);
    }
    if (!isnan(net.posted_s)) {
      double posted_s = net.posted_s;
      net.posted_s = NAN;
      tw_engine_resume(e, posted_s + FLOWS_S, posted_s + FLOWS_S, 0);
    }
  }
  assert_int_equal(net.served.order->len, n);
  tw_engine_free(e);
  return net;
}

/* A's prompt of 4 takes 2 + 2 s. It decodes with 5 tokens of context: 2 + 1.25 s, until 7.25 s. B has come meanwhile, at
 * 5 s, and joins: 2 + 1.5 + 2 s for 6 tokens of context and its prompt, until 12.75 s, where both end. */
static void each_iteration_waits_for_its_flows_and_whoever_comes_joins_the_next(void **state)
{
  (void)state;
  static const naive_request requests[] = {{0, 4, 0, 3, 0}, {5, 4, 0, 1, 0}};
  for (int exact = 0; exact < 2; exact++) {
    network n = serve_spanning(&plain, requests, 2, exact);
    assert_near(n.served.outcomes[0].first_token_s, 4, 0);
    assert_near(n.served.outcomes[0].completion_s, 12.75, 0);
    assert_near(n.served.outcomes[1].first_scheduled_s, 7.25, 0);
    assert_near(n.served.outcomes[1].completion_s, 12.75, 0);
    assert_int_equal(n.posted, 3);
    served_clear(&n.served);
  }
}

/* A decodes 8 tokens alone, whose 8 iterations are told as one with exact steps off. */
static void iterations_of_one_batch_are_told_together(void **state)
{
  (void)state;
  static const naive_request request = {0, 4, 0, 9, 0};
  for (int exact = 0; exact < 2; exact++) {
    network n = serve_spanning(&plain, &request, 1, exact);
    assert_int_equal(n.posted, 9);
    assert_int_equal(n.served.iterations->len, exact ? 9 : 2);
    const naive_iteration *last =
        &g_array_index(n.served.iterations, naive_iteration, n.served.iterations->len - 1);
    assert_near(last->end_s, n.served.outcomes[0].completion_s, 0);
    served_clear(&n.served);
  }
}

static void random_loads_end_as_with_exact_steps_to_the_bit(void **state)
{
  (void)state;
  enum { REQUESTS = 60 };
  gint64 preempted = 0;
  for (guint64 seed = 0; seed < 100; seed++) {
    tw_chance chance = tw_chance_new(seed, "windows");
    naive_config config = plain;
    config.ranks = 1 + (int)tw_chance_below(&chance, 3);
    config.kv_blocks = 12 + (gint64)tw_chance_below(&chance, 100);
    naive_request requests[REQUESTS] = {0};
    double now_s = 0;
    for (int i = 0; i < REQUESTS; i++) {
      now_s += 30 * tw_chance_uniform(&chance);
      requests[i] = (naive_request){.arrival_s = now_s,
                                    .prompt = 1 + (gint32)tw_chance_below(&chance, 20),
                                    .answer = 1 + (gint32)tw_chance_below(&chance, 20)};
    }
    network macro = serve_spanning(&config, requests, REQUESTS, FALSE);
    network exact = serve_spanning(&config, requests, REQUESTS, TRUE);
    assert_int_equal(macro.posted, exact.posted);
    for (int i = 0; i < REQUESTS; i++) {
      assert_true(macro.served.outcomes[i].completion_s == exact.served.outcomes[i].completion_s);
      assert_true(macro.served.outcomes[i].first_token_s == exact.served.outcomes[i].first_token_s);
      preempted += macro.served.outcomes[i].preemptions;
    }
    served_clear(&macro.served);
    served_clear(&exact.served);
  }
  assert_true(preempted > 100);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_iteration_waits_for_its_flows_and_whoever_comes_joins_the_next),
      cmocka_unit_test(iterations_of_one_batch_are_told_together),
      cmocka_unit_test(random_loads_end_as_with_exact_steps_to_the_bit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
