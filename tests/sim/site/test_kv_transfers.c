/* Prefill and decode on engines of their own: the KV cache goes over the network. */
#include "sim/site/kv_transfers.h"
#include "tests/check.h"
#include "tests/sim/support.h"

/* 10 ms an iteration, 0.1 ms a prompt token. */
static const test_costs costs = {0.01, 0, 0, 1e-4, FALSE};

/* A site whose first engine computes prompts and whose others decode, and a run on it. */
typedef struct site {
  tw_scenario *scenario;
  char *directory;
  tw_recorder *recorder;
} site;

static site new_site(int engines, gint64 kv_blocks)
{
  site s = {test_scenario(engines, &costs, kv_blocks), test_directory(), NULL};
  test_disaggregate(s.scenario, 1);
  return s;
}

static void clear_site(site *s)
{
  tw_recorder_free(s->recorder);
  test_remove(s->directory);
  g_free(s->directory);
  test_scenario_free(s->scenario);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(site, clear_site)

/* Runs requests "arrival_s,prompt_tokens,answer_tokens" until an instant. Returns the totals. */
static const tw_request_totals *run_until(site *s, const char *requests, double until_s)
{
  g_autofree char *trace = g_strconcat("arrival_s,prompt_tokens,answer_tokens\n", requests, NULL);
  s->recorder = test_run_until(s->scenario, trace, s->directory, until_s);
  return tw_recorder_totals(s->recorder);
}

static double cell(const site *s, const char *column, guint row)
{
  g_autoptr(GArray) values = test_column(s->directory, "requests", column);
  assert_true(row < values->len);
  return g_array_index(values, double, row);
}

static void a_request_decodes_when_its_cache_has_come(void **state)
{
  (void)state;
  g_auto(site) s = new_site(2, 1000);
  const tw_request_totals *totals = run_until(&s, "0,100,11\n", INFINITY);
  /* Prefill: 10 ms + 100 · 0.1 ms. The cache: 100 MB at 1 GB/s and 10 us. Ten more tokens: 10 · 10 ms. */
  assert_near(cell(&s, "first_token_s", 0), 0.02, 1e-9);
  assert_near(cell(&s, "kv_transfer_s", 0), 0.10001, 1e-9);
  assert_near(cell(&s, "completion_s", 0), 0.02 + 0.10001 + 0.1, 1e-9);
  assert_near(cell(&s, "prefill_engine", 0), 0, 0);
  assert_near(cell(&s, "decode_engine", 0), 1, 0);
  assert_int_equal(totals->endings[TW_COMPLETED], 1);
}

static void a_single_token_needs_no_transfer(void **state)
{
  (void)state;
  g_auto(site) s = new_site(2, 1000);
  const tw_request_totals *totals = run_until(&s, "0,100,1\n", INFINITY);
  assert_near(cell(&s, "completion_s", 0), 0.02, 1e-9);
  assert_true(isnan(cell(&s, "kv_transfer_s", 0)));
  assert_true(isnan(cell(&s, "decode_engine", 0)));
  assert_int_equal(totals->endings[TW_COMPLETED], 1);
}

static void a_transfer_waits_for_blocks_at_the_decode_engine(void **state)
{
  (void)state;
  /* Eight blocks of 16 tokens. The prompts take 6 + 1 blocks each in the end, so the second cache must stay
   * until the first request has ended, at 0.02 + 0.10001 + 0.05. The second prompt was complete at 0.04. */
  g_auto(site) s = new_site(2, 8);
  s.scenario->pools[0].plan.memory.kv_blocks = 100;
  s.scenario->pools[0].max_batched_tokens = 100;
  s.scenario->pools[0].max_seqs = 1;
  run_until(&s, "0,100,6\n0,100,6\n", INFINITY);
  assert_near(cell(&s, "completion_s", 0), 0.17001, 1e-9);
  assert_near(cell(&s, "first_token_s", 1), 0.04, 1e-9);
  assert_near(cell(&s, "kv_transfer_s", 1), 0.10001, 1e-9);
  assert_near(cell(&s, "completion_s", 1), 0.17001 + 0.10001 + 0.05, 1e-9);
}

/* As above, but a prompt waits no longer than 0.1 s: the second has failed before the first has ended. The prefill
 * engine has room for one prompt, so that the third is computed as the second lets go. */
static void a_prompt_that_waits_too_long_frees_its_blocks_and_fails(void **state)
{
  (void)state;
  g_auto(site) s = new_site(2, 8);
  s.scenario->pools[0].kv_timeout_s = 0.1;
  s.scenario->pools[0].plan.memory.kv_blocks = 7;
  s.scenario->pools[0].max_seqs = 1;
  s.scenario->pools[1].plan.memory.kv_blocks = 8;
  const tw_request_totals *totals = run_until(&s, "0,100,20\n0,100,6\n0,100,6\n", INFINITY);
  /* The first: computed by 0.02, sent by 0.12001, ended 19 tokens later at 0.31001. The second: computed from
   * 0.12001, as the first has left, to 0.14001, failed at 0.24001. The third: computed by 0.26001, sent from
   * 0.31001 to 0.41002, ended at 0.46002. */
  assert_near(cell(&s, "completion_s", 0), 0.24001, 1e-9);
  assert_near(cell(&s, "completion_s", 1), 0.31001, 1e-9);
  assert_near(cell(&s, "first_token_s", 2), 0.26001, 1e-9);
  assert_near(cell(&s, "completion_s", 2), 0.46002, 1e-9);
  assert_int_equal(totals->endings[TW_FAILED], 1);
  assert_int_equal(totals->endings[TW_COMPLETED], 2);
}

static void blocks_of_the_prefill_engine_are_held_until_the_cache_has_left(void **state)
{
  (void)state;
  /* Room for one prompt. The second can start only when the first has been sent: at 0.02 + 0.10001. */
  g_auto(site) s = new_site(2, 8);
  s.scenario->pools[1].plan.memory.kv_blocks = 100;
  run_until(&s, "0,100,2\n0,100,2\n", INFINITY);
  assert_near(cell(&s, "first_scheduled_s", 1), 0.12001, 1e-9);
}

static void a_prompt_that_no_decode_engine_can_hold_is_rejected(void **state)
{
  (void)state;
  g_auto(site) s = new_site(2, 1000);
  s.scenario->pools[1].plan.memory.kv_blocks = 8;
  const tw_request_totals *totals = run_until(&s, "0,100,100\n0,100,2\n", INFINITY);
  assert_int_equal(totals->endings[TW_REJECTED], 1);
  assert_int_equal(totals->endings[TW_COMPLETED], 1);
}

static void a_run_that_is_cut_short_counts_what_is_under_way(void **state)
{
  (void)state;
  g_auto(site) s = new_site(2, 1000);
  const tw_request_totals *totals = run_until(&s, "0,100,11\n", 0.05);
  assert_int_equal(totals->endings[TW_UNFINISHED], 1);
  assert_int_equal(totals->answer_tokens, 1);
}

static void nearer_engines_get_the_cache(void **state)
{
  (void)state;
  /* Routes of the ideal network are equal, so only the host counts: engine 3 stands beside the prefill
   * engine. Its scale-up links take 0.1 ms for what the fabric needs 100 ms. */
  tw_device device = {.scale_up_bytes_per_s = 1e12, .scale_up_latency_s = 1e-6};
  for (int aware = 0; aware < 2; aware++) {
    g_auto(site) s = new_site(4, 1000);
    s.scenario->pools[0].plan.device = s.scenario->pools[1].plan.device = &device;
    s.scenario->plan.engines[3].shares[0].host = 0;
    if (aware)
      test_route_by(s.scenario, "kv-transfer-aware");
    run_until(&s, "0,100,11\n", INFINITY);
    assert_near(cell(&s, "decode_engine", 0), aware ? 3 : 1, 0);
    assert_near(cell(&s, "kv_transfer_s", 0), aware ? 101e-6 : 0.10001, 1e-9);
  }
}

/* A prompt of 100 tokens of `mb_per_token` over `layers`, computed in T = 20 ms and sent layer by layer. */
static void assert_layered(gint64 layers, double mb_per_token, double end_s)
{
  g_auto(site) s = new_site(2, 1000);
  s.scenario->pools[0].kv_transfer = TW_KV_LAYERED;
  s.scenario->pools[0].model->layers = layers;
  s.scenario->pools[0].model->head_dim = (gint64)(mb_per_token * 1e6 / 2 / (double)layers);
  run_until(&s, "0,100,11\n", INFINITY);
  assert_near(cell(&s, "first_token_s", 0), 0.02, 1e-9);
  assert_near(cell(&s, "kv_transfer_s", 0), end_s - 0.02 / (double)layers, 1e-9);
  assert_near(cell(&s, "completion_s", 0), end_s + 0.1, 1e-9);
}

static void layer_by_layer_a_cache_ends_with_the_slower_of_compute_and_wire(void **state)
{
  (void)state;
  /* 1 GB/s and 10 us; W is the time of all bytes on the wire. W = 100 ms > T: the first layer is there after
   * T / 4, and then the wire is never idle: T / 4 + W. */
  assert_layered(4, 1, 0.005 + 0.1 + 10e-6);
  /* W = 10 ms < T: the wire waits for every layer, the last of which leaves at T: T + W / 4. */
  assert_layered(4, 0.1, 0.02 + 0.0025 + 10e-6);
  /* Equal: both are T + T / L. */
  assert_layered(10, 0.2, 0.022 + 10e-6);
  /* One layer is the whole. */
  assert_layered(1, 1, 0.02 + 0.1 + 10e-6);
}

static void layers_wait_for_blocks_and_then_go_whole(void **state)
{
  (void)state;
  /* As above where the cache goes whole: the first request now has its cache at T / 4 + W = 0.10501 and ends
   * five tokens later at 0.15501; the second prompt, complete at 0.04, finds no blocks as its iteration
   * begins, and leaves whole when there are some: W more, and five tokens. */
  g_auto(site) s = new_site(2, 8);
  s.scenario->pools[0].plan.memory.kv_blocks = 100;
  s.scenario->pools[0].max_batched_tokens = 100;
  s.scenario->pools[0].max_seqs = 1;
  s.scenario->pools[0].kv_transfer = TW_KV_LAYERED;
  s.scenario->pools[0].model->layers = 4;
  s.scenario->pools[0].model->head_dim = 125000;
  run_until(&s, "0,100,6\n0,100,6\n", INFINITY);
  assert_near(cell(&s, "completion_s", 0), 0.15501, 1e-9);
  assert_near(cell(&s, "kv_transfer_s", 1), 0.10001, 1e-9);
  assert_near(cell(&s, "completion_s", 1), 0.15501 + 0.10001 + 0.05, 1e-9);
}

/* Cut short in the middle of the iteration, the sequence is its engine's; after it, it is on the way. */
static void a_layered_transfer_that_is_cut_short_is_counted_once(void **state)
{
  (void)state;
  for (int i = 0; i < 3; i++) {
    g_auto(site) s = new_site(2, 1000);
    s.scenario->pools[0].kv_transfer = TW_KV_LAYERED;
    s.scenario->pools[0].model->layers = 4;
    const tw_request_totals *totals = run_until(&s, "0,100,11\n", 0.001 + 0.01 * (double)i);
    assert_int_equal(totals->endings[TW_UNFINISHED], 1);
    assert_int_equal(totals->answer_tokens, i == 2);
  }
}

typedef struct link_total {
  double bytes;
  int flows;
} link_total;

static tw_route any_route(void *state, int from, int to)
{
  (void)state, (void)from, (void)to;
  return test_route;
}

static void count_flow(void *state, tw_flow *flow, double now_s)
{
  link_total *total = state;
  total->bytes += flow->bytes;
  total->flows++;
  flow->ended(flow, now_s + 1);
}

static void ignore_engine(void *user, int engine)
{
  (void)user, (void)engine;
}

/* Engines of `tp` accelerators on two hosts each hand over a prompt of 10 tokens; returns what is sent. */
static link_total sent(gint64 from_tp, gint64 to_tp, gint64 pp, gint64 kv_heads)
{
  tw_scenario *scenario = test_scenario(2, &costs, 1000);
  test_disaggregate(scenario, 1);
  link_total total = {0};
  tw_network network = {.route = any_route, .start = count_flow, .state = &total};
  tw_kv_transfer_listener listener = {.moved = ignore_engine};
  scenario->pools[0].model->kv_heads = kv_heads;
  scenario->pools[0].model->head_dim = 500000 / kv_heads;
  scenario->pools[0].model->layers = 1;
  scenario->pools[0].tp = from_tp;
  scenario->pools[1].tp = to_tp;
  scenario->pools[0].pp = pp;
  scenario->platform->n_hosts = 4;
  for (int i = 0; i < 2; i++) {
    gint64 accelerators = scenario->pools[i].tp * scenario->pools[i].pp;
    g_free(scenario->plan.engines[i].shares);
    scenario->plan.engines[i].n_shares = 2;
    scenario->plan.engines[i].shares = g_new(tw_host_share, 2);
    for (int k = 0; k < 2; k++)
      scenario->plan.engines[i].shares[k] = (tw_host_share){2 * i + k, (int)(accelerators / 2), 0};
  }
  tw_engine_listener none = {0};
  tw_engine_config config = {.scheduler = {.kind = &tw_scheduler_kinds[0],
                                           .max_seqs = 1,
                                           .max_batched_tokens = 100,
                                           .block_tokens = 16,
                                           .max_model_len = 100,
                                           .kv_blocks = 10},
                             .ranks = 1};
  tw_engine *engines[2] = {tw_engine_new(0, &config, &none), tw_engine_new(1, &config, &none)};
  tw_seat seats[2];
  for (int i = 0; i < 2; i++)
    seats[i] = (tw_seat){&scenario->pools[scenario->plan.engines[i].pool], &scenario->plan.engines[i]};
  tw_kv_transfers *transfers = tw_kv_transfers_new(seats, 2, engines, &network, &listener);
  tw_sequence *sequence = tw_sequence_new(&(tw_request){.prompt_tokens = 10, .answer_tokens = 2});
  sequence->prefill_engine = 0;
  sequence->decode_engine = 1;
  sequence->rank = 0;
  tw_kv_transfers_hand_over(transfers, sequence, 0);
  tw_kv_transfers_start_flows(transfers);
  tw_kv_transfers_free(transfers);
  for (int i = 0; i < 2; i++)
    tw_engine_free(engines[i]);
  test_scenario_free(scenario);
  return total;
}

static void flows_follow_stages_and_heads(void **state)
{
  (void)state;
  /* Equal layouts on two hosts each: rank to rank, one flow for each pair of hosts, 10 MB in all. */
  link_total matched = sent(4, 4, 1, 4);
  assert_int_equal(matched.flows, 2);
  assert_near(matched.bytes, 10e6, 1);
  /* Eight ranks share four heads: every head goes to two of them, from the one that has it. */
  link_total copies = sent(4, 8, 1, 4);
  assert_int_equal(copies.flows, 2);
  assert_near(copies.bytes, 20e6, 1);
  /* Two stages of two ranks send to one stage of four: each of its hosts takes heads from both. */
  link_total resharded = sent(2, 4, 2, 4);
  assert_int_equal(resharded.flows, 4);
  assert_near(resharded.bytes, 10e6, 1);
}

static void swallow(void *state, tw_flow *flow, double now_s)
{
  (void)state, (void)flow, (void)now_s;
}

/* Two prompts of 7 of the 8 blocks at the decode engine; the network loses the first cache. */
static void a_run_that_can_go_no_further_says_who_has_what(void **state)
{
  (void)state;
  tw_scenario *scenario = test_scenario(2, &costs, 8);
  test_disaggregate(scenario, 1);
  scenario->pools[0].plan.memory.kv_blocks = 100;
  link_total nothing = {0};
  tw_network network = {.route = any_route, .start = swallow, .state = &nothing};
  g_autoptr(tw_stream) stream = test_stream("arrival_s,prompt_tokens,answer_tokens\n0,100,6\n0,100,6\n");
  g_autoptr(tw_recorder) recorder = tw_recorder_new(scenario, NULL);
  g_autoptr(tw_factory) factory = tw_factory_new(scenario, stream, recorder, &network);
  assert_true(tw_factory_start(factory, NULL));
  assert_null(tw_factory_explain(factory));
  assert_true(tw_factory_advance(factory, 1e6, NULL));
  g_autofree char *why = tw_factory_explain(factory);
  assert_string_equal(why, "1 KV caches are under way between engines; "
                           "1 complete prompts wait for KV blocks of engine 1");
  tw_factory_finish(factory, INFINITY);
  assert_int_equal(tw_recorder_totals(recorder)->endings[TW_UNFINISHED], 2);
  test_scenario_free(scenario);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_request_decodes_when_its_cache_has_come),
      cmocka_unit_test(a_single_token_needs_no_transfer),
      cmocka_unit_test(a_transfer_waits_for_blocks_at_the_decode_engine),
      cmocka_unit_test(a_prompt_that_waits_too_long_frees_its_blocks_and_fails),
      cmocka_unit_test(blocks_of_the_prefill_engine_are_held_until_the_cache_has_left),
      cmocka_unit_test(a_prompt_that_no_decode_engine_can_hold_is_rejected),
      cmocka_unit_test(a_run_that_is_cut_short_counts_what_is_under_way),
      cmocka_unit_test(nearer_engines_get_the_cache),
      cmocka_unit_test(layer_by_layer_a_cache_ends_with_the_slower_of_compute_and_wire),
      cmocka_unit_test(layers_wait_for_blocks_and_then_go_whole),
      cmocka_unit_test(a_layered_transfer_that_is_cut_short_is_counted_once),
      cmocka_unit_test(flows_follow_stages_and_heads),
      cmocka_unit_test(a_run_that_can_go_no_further_says_who_has_what),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
