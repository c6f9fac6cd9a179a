/* KV below the accelerators: tiers against a naive twin, by hand, and on Mooncake's trace. */
#include "sim/kv/offload.h"
#include "tests/check.h"
#include "tests/sim/support.h"

/* ---- One tier ---- */

static tw_kv_piece piece(guint64 chain, gint64 depth, gint64 bytes, double used_s)
{
  return (tw_kv_piece){chain << 32, depth, bytes, used_s, FALSE, 0};
}

static void count_spilled(void *user, const tw_kv_piece *spilled)
{
  (void)spilled;
  ++*(int *)user;
}

/* Whatever the order in which pieces come, those that were used last stay, and the same ones are spilled: so
 * engines may be brought up to date in any order. */
static void what_stays_does_not_depend_on_the_order_of_coming(void **state)
{
  (void)state;
  enum { PIECES = 200, CAPACITY = 60 };
  for (guint64 seed = 0; seed < 50; seed++) {
    tw_chance chance = tw_chance_new(seed, "pieces");
    tw_kv_piece pieces[PIECES];
    for (guint64 i = 0; i < PIECES; i++) /* instants repeat, and so do pieces, which are then renewed */
      pieces[i] = piece(1 + i % 150, (gint64)(i % 150 % 7), 3, (double)tw_chance_below(&chance, 60));
    int spilled[2] = {0, 0};
    tw_kv_tier_config config[2];
    for (int i = 0; i < 2; i++)
      config[i] = (tw_kv_tier_config){
          .capacity_bytes = (gint64)CAPACITY * 3 + 2, .spilled = count_spilled, .user = &spilled[i]};
    g_autoptr(tw_kv_tier) forward = tw_kv_tier_new(&config[0]);
    g_autoptr(tw_kv_tier) backward = tw_kv_tier_new(&config[1]);
    for (int i = 0; i < PIECES; i++) {
      tw_kv_tier_put(forward, &pieces[i]);
      tw_kv_tier_put(backward, &pieces[PIECES - 1 - i]);
    }
    for (guint64 id = 1; id <= 150; id++)
      assert_int_equal(tw_kv_tier_find(forward, id << 32, 1e3) != NULL,
                       tw_kv_tier_find(backward, id << 32, 1e3) != NULL);
    tw_kv_tier_audit(forward);
    tw_kv_tier_audit(backward);
    assert_int_equal(tw_kv_tier_bytes(forward), CAPACITY * 3);
  }
}

/* Room for two of three pieces of one prompt, let go at once: the last one goes. */
static void later_pieces_of_a_prompt_go_first(void **state)
{
  (void)state;
  g_autoptr(tw_kv_tier) tier = tw_kv_tier_new(&(tw_kv_tier_config){.capacity_bytes = 20});
  for (guint64 depth = 3; depth > 0; depth--) {
    tw_kv_piece p = piece(depth, (gint64)depth, 10, 5);
    tw_kv_tier_put(tier, &p);
  }
  assert_non_null(tw_kv_tier_find(tier, 1ULL << 32, 1e3));
  assert_non_null(tw_kv_tier_find(tier, 2ULL << 32, 1e3));
  assert_null(tw_kv_tier_find(tier, 3ULL << 32, 1e3));
}

/* ---- Two tiers against a naive twin: a list of whole prefixes, each of which knows where it is ---- */

enum { LONGEST = 6, HASH_TOKENS = 4, PREFIXES = 4000 };
typedef enum { NOWHERE, ABOVE, BELOW } place;

typedef struct prefix {
  guint64 ids[LONGEST];
  int n;
  place place;
  double let_go_s;
} prefix;

typedef struct twin {
  prefix all[PREFIXES];
  int n;
  gint64 above, below; /* capacities in prefixes, each of a block */
} twin;

static prefix *twin_find(twin *t, const guint64 *ids, int n)
{
  for (int i = 0; i < t->n; i++)
    if (t->all[i].n == n && memcmp(t->all[i].ids, ids, (gsize)n * sizeof *ids) == 0)
      return &t->all[i];
  prefix *fresh = &t->all[t->n++];
  g_assert(t->n < PREFIXES);
  *fresh = (prefix){.n = n};
  memcpy(fresh->ids, ids, (gsize)n * sizeof *ids);
  return fresh;
}

/* Moves the oldest until no more than `most` are there; of one instant, the longest goes first. */
static void twin_push_down(twin *t, place from, place to, gint64 most)
{
  for (;;) {
    prefix *oldest = NULL;
    gint64 there = 0;
    for (int i = 0; i < t->n; i++) {
      prefix *p = &t->all[i];
      if (p->place != from)
        continue;
      there++;
      if (oldest == NULL || p->let_go_s < oldest->let_go_s ||
          (p->let_go_s == oldest->let_go_s && p->n > oldest->n))
        oldest = p;
    }
    if (there <= most)
      return;
    oldest->place = to;
  }
}

/* A prompt of one token more than its ids stand for comes, finds what it finds, is computed, and goes.
 * Returns the blocks found above and below. */
static void twin_serve(twin *t, const guint64 *ids, int n, double now_s, gint64 *above, gint64 *below)
{
  int found = 0;
  *above = *below = 0;
  while (found < n && twin_find(t, ids, found + 1)->place == ABOVE) {
    found++;
    ++*above;
  }
  while (found < n && twin_find(t, ids, found + 1)->place == BELOW) {
    found++;
    ++*below;
  }
  for (int k = 1; k <= n; k++) { /* all are in use, and above, while it runs */
    twin_find(t, ids, k)->place = ABOVE;
    twin_find(t, ids, k)->let_go_s = now_s + 1;
  }
  twin_push_down(t, ABOVE, BELOW, t->above);
  twin_push_down(t, BELOW, NOWHERE, t->below);
  for (int k = 1; k <= n; k++)
    twin_find(t, ids, k)->let_go_s = now_s;
}

static void two_tiers_agree_with_a_list_of_whole_prefixes(void **state)
{
  (void)state;
  static const test_costs costs = {1, 0, 0, 1, FALSE};
  g_autoptr(tw_step_model) model = test_step_model(&costs);
  gint64 found_above = 0, found_below = 0;
  for (guint64 seed = 0; seed < 30; seed++) {
    tw_chance chance = tw_chance_new(seed, "tiers");
    g_autofree twin *t = g_new0(twin, 1);
    t->above = 6 + (gint64)tw_chance_below(&chance, 10);
    t->below = 1 + (gint64)tw_chance_below(&chance, 20);
    tw_prefix_cache above;
    tw_offload below;
    tw_offload_init(&below, &(tw_offload_config){.host_bytes = t->below, .block_bytes = 1}, 1);
    below.model = model;
    tw_prefix_cache_init(&above, HASH_TOKENS, t->above);
    tw_offload_attach(&below, &above);
    for (int step = 0; step < 600; step++) {
      guint64 ids[LONGEST];
      int n = 1 + (int)tw_chance_below(&chance, LONGEST);
      for (int i = 0; i < n; i++)
        ids[i] = tw_chance_below(&chance, 3);
      tw_request request = {
          .prompt_tokens = n * HASH_TOKENS + 1, .n_hashes = n, .hash_tokens = HASH_TOKENS, .hashes = ids};
      above.now_s = step;
      tw_prefix_hit hit = tw_prefix_cache_find(&above, &request);
      tw_offload_hit found = tw_offload_find(&below, &above, &request, &hit, step);
      gint64 expected_above, expected_below;
      twin_serve(t, ids, n, step, &expected_above, &expected_below);
      assert_int_equal(hit.end, expected_above * HASH_TOKENS);
      assert_int_equal(found.blocks, expected_below);
      found_above += expected_above;
      found_below += expected_below;
      /* The scheduler does it in this order: what is below comes up before room is made. */
      tw_prefix_node *node = tw_prefix_cache_hold(&above, &hit);
      node = tw_prefix_cache_add(&above, &request, 1, node, request.prompt_tokens, NULL);
      tw_prefix_cache_evict(&above, t->above - n);
      tw_prefix_cache_release(&above, node, 1);
      tw_kv_tier_audit(below.host);
    }
    tw_prefix_cache_clear(&above);
    tw_offload_clear(&below);
  }
  assert_true(found_above > 1000 && found_below > 1000);
}

/* ---- In a factory ---- */

/* 10 ms an iteration and 1 ms a prompt token. */
static const test_costs ten_ms = {0.01, 0, 0, 1e-3, FALSE};
static const char header[] = "arrival_s,prompt_tokens,answer_tokens,hash_tokens,hashes\n";

static tw_scenario *offloading(gint64 kv_blocks, gint64 host_blocks, double block_s)
{
  tw_scenario *scenario = test_scenario(1, &ten_ms, kv_blocks);
  scenario->pools[0].prefix_cache = TRUE;
  scenario->pools[0].plan.offload =
      (tw_offload_config){.host_bytes = host_blocks * 100, .block_bytes = 100, .block_s = block_s, .seed = 1};
  return scenario;
}

static double cell(const char *directory, const char *column, guint row)
{
  g_autoptr(GArray) values = test_column(directory, "requests", column);
  return g_array_index(values, double, row);
}

/* Six blocks of 16 tokens above. The first prompt takes five, and the second pushes the last four of them
 * down. The third is the first again, and finds one above and three below: the last one is computed. Its 16
 * tokens take 26 ms; three loads of 5 ms go on beside them, three of 12 ms last longer. To compute the three
 * blocks too takes 48 ms more: three loads of 20 ms are not worth it, and all 64 tokens take 74 ms. */
static void what_the_hosts_hold_is_loaded_where_that_is_faster(void **state)
{
  (void)state;
  static const struct {
    double block_s, takes_s;
    gint64 host_tokens;
  } cases[] = {{0.005, 0.026, 48}, {0.012, 0.036, 48}, {0.02, 0.074, 0}};
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    tw_scenario *scenario = offloading(6, 10, cases[i].block_s);
    g_autofree char *directory = test_directory();
    g_autofree char *trace =
        g_strconcat(header, "0,80,1,16,1 2 3 4 5\n1,80,1,16,6 7 8 9 10\n2,80,1,16,1 2 3 4 5\n", NULL);
    g_autoptr(tw_recorder) recorder = test_run(scenario, trace, directory);
    assert_near(cell(directory, "completion_s", 2), 2 + cases[i].takes_s, 1e-9);
    assert_int_equal(cell(directory, "host_cached_tokens", 2), cases[i].host_tokens);
    assert_int_equal(cell(directory, "cached_tokens", 2), 16 + cases[i].host_tokens);
    assert_int_equal(tw_recorder_totals(recorder)->host_tokens, cases[i].host_tokens);
    g_autoptr(GArray) engine = test_column(directory, "engines", "host_cached_tokens");
    assert_int_equal(g_array_index(engine, double, 2), cases[i].host_tokens);
    test_remove(directory);
    test_scenario_free(scenario);
  }
}

/* Eight blocks above. Engine 0 gets the first prompt, whose five blocks the second, of eight, pushes down,
 * and the third, of 29 tokens in the end, which is there when the first comes again. Neither engine has it
 * above; but engine 0 loads four blocks, so that 16 of the 80 tokens are to be computed. The third
 * ends last. */
static void routers_look_for_prefixes_in_the_memory_of_hosts(void **state)
{
  (void)state;
  static const char *const policies[] = {"longest-prefix", "prefix-and-load", "least-outstanding"};
  static const int expected[] = {64, 64, 0};
  for (guint p = 0; p < G_N_ELEMENTS(policies); p++) {
    tw_scenario *scenario = test_scenario(2, &ten_ms, 8);
    scenario->pools[0].prefix_cache = TRUE;
    scenario->pools[0].plan.offload =
        (tw_offload_config){.host_bytes = 2000, .block_bytes = 100, .block_s = 0.001, .seed = 1};
    test_route_by(scenario, policies[p]);
    g_autofree char *directory = test_directory();
    g_autofree char *trace = g_strconcat(header,
                                         "0,80,1,16,1 2 3 4 5\n1,128,1,16,6 7 8 9 10 11 12 13\n"
                                         "2,10,20,16,90\n2.005,80,1,16,1 2 3 4 5\n",
                                         NULL);
    g_autoptr(tw_recorder) recorder = test_run(scenario, trace, directory);
    assert_int_equal(tw_recorder_totals(recorder)->host_tokens, expected[p]);
    assert_int_equal(cell(directory, "prefill_engine", 3), 0);
    assert_int_equal(cell(directory, "prefill_engine", 2), expected[p] == 0);
    test_remove(directory);
    test_scenario_free(scenario);
  }
}

/* ---- The shared store ---- */

/* Two engines in turn, each with six blocks above and four in its hosts, and a store over 1 GB/s and 10 us.
 * Engine 0 serves 1 to 5, and pushes them down with two prompts of six blocks: 5 goes to the store with the
 * first, 1 to 4 with the second. Engine 1 has never seen them: it waits for the four blocks that can be
 * found, 4.01 ms at a megabyte each, and computes 16 tokens, in 26 ms; their loads of 1 ms go on beside. At
 * 20 MB a block the fetch takes 80 ms, and loading 4 ms: to compute the 64 tokens takes 64 ms more, and is
 * preferred. */
static void what_the_store_holds_is_fetched_where_that_is_faster(void **state)
{
  (void)state;
  static const struct {
    double block_bytes, takes_s;
    gint64 store_tokens;
  } cases[] = {{1e6, 0.00401 + 0.026, 64}, {10e6, 0.04001 + 0.026, 64}, {20e6, 0.09, 0}};
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    tw_scenario *scenario = test_scenario(2, &ten_ms, 6);
    double bytes = cases[i].block_bytes;
    scenario->pools[0].prefix_cache = TRUE;
    scenario->pools[0].plan.offload = (tw_offload_config){
        .host_bytes = (gint64)(4 * bytes), .block_bytes = bytes, .block_s = 0.001, .seed = 1};
    test_store(scenario, 100 * bytes);
    test_route_by(scenario, "round-robin");
    g_autofree char *directory = test_directory();
    g_autofree char *trace = g_strconcat(header,
                                         "0,80,1,16,1 2 3 4 5\n1,10,1,16,90\n"
                                         "2,96,1,16,6 7 8 9 10 11\n3,10,1,16,91\n"
                                         "4,96,1,16,12 13 14 15 16 17\n5,80,1,16,1 2 3 4 5\n",
                                         NULL);
    g_autoptr(tw_recorder) recorder = test_run(scenario, trace, directory);
    assert_near(cell(directory, "completion_s", 5), 5 + cases[i].takes_s, 1e-9);
    assert_int_equal(cell(directory, "store_cached_tokens", 5), cases[i].store_tokens);
    assert_int_equal(cell(directory, "host_cached_tokens", 5), 0);
    assert_int_equal(cell(directory, "cached_tokens", 5), cases[i].store_tokens);
    assert_int_equal(tw_recorder_totals(recorder)->store_tokens, cases[i].store_tokens);
    test_remove(directory);
    test_scenario_free(scenario);
  }
}

/* As above; the deadline of 2 ms comes while the fetch of 4 ms goes on, and the request is cancelled as that
 * ends. What has come stays: the next that asks, at the same engine, loads it from the hosts' memory, and it
 * still counts as the store's. */
static void a_request_whose_fetch_outlasts_its_deadline_is_cancelled(void **state)
{
  (void)state;
  tw_scenario *scenario = test_scenario(2, &ten_ms, 6);
  scenario->pools[0].prefix_cache = TRUE;
  scenario->pools[0].plan.offload =
      (tw_offload_config){.host_bytes = 4000000, .block_bytes = 1e6, .block_s = 0.001, .seed = 1};
  scenario->deadline_s = 0.002;
  test_store(scenario, 1e8);
  test_route_by(scenario, "round-robin");
  g_autofree char *directory = test_directory();
  g_autofree char *trace =
      g_strconcat(header,
                  "0,80,1,16,1 2 3 4 5\n1,10,1,16,90\n2,96,1,16,6 7 8 9 10 11\n3,10,1,16,91\n"
                  "4,96,1,16,12 13 14 15 16 17\n5,80,1,16,1 2 3 4 5\n"
                  "6,10,1,16,92\n7,80,1,16,1 2 3 4 5\n",
                  NULL);
  g_autoptr(tw_recorder) recorder = test_run(scenario, trace, directory);
  assert_int_equal(tw_recorder_totals(recorder)->endings[TW_CANCELLED], 1);
  assert_near(cell(directory, "completion_s", 5), 5.00401, 1e-9);
  assert_near(cell(directory, "completion_s", 7), 7.026, 1e-9);
  assert_int_equal(cell(directory, "store_cached_tokens", 7), 64);
  test_remove(directory);
  test_scenario_free(scenario);
}

/* ---- Mooncake's conversation trace, one request after the other ---- */

#define MOONCAKE TW_SOURCE_DIR "/workloads/traces/mooncake-conversation.jsonl.gz"
enum { MOONCAKE_BLOCK = 512 };

typedef struct hits {
  guint64 all, host, store;
} hits;

static hits mooncake_hits(gint64 above, gint64 below, gint64 store)
{
  static const test_costs slow_prompts = {1e-6, 0, 0, 1e-6, FALSE};
  GError *error = NULL;
  tw_scenario *scenario = test_scenario(1, &slow_prompts, above);
  tw_pool *pool = &scenario->pools[0];
  pool->prefix_cache = TRUE;
  pool->block_tokens = MOONCAKE_BLOCK;
  pool->max_seqs = 1;
  pool->max_batched_tokens = 1 << 20;
  pool->plan.offload = (tw_offload_config){.host_bytes = below, .block_bytes = 1, .block_s = 0, .seed = 1};
  if (store > 0)
    test_store(scenario, (double)store);
  scenario->audit = FALSE;
  scenario->interval_s = 1e6;
  tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  options.rate_scale = 1e-3;
  g_autoptr(tw_stream) stream = tw_stream_open(MOONCAKE, NULL, &options, &error);
  g_autoptr(tw_recorder) recorder = test_run_stream(scenario, stream, NULL, INFINITY);
  const tw_request_totals *totals = tw_recorder_totals(recorder);
  hits found = {totals->cached_tokens / MOONCAKE_BLOCK, totals->host_tokens / MOONCAKE_BLOCK,
                totals->store_tokens / MOONCAKE_BLOCK};
  test_scenario_free(scenario);
  return found;
}

/* What is evicted goes down, and what is found below comes up again: the two hold together what one cache of
 * both sizes holds, and the order of eviction is the same. Last blocks of prompts that are computed again are
 * kept twice above alone, so that the two find a little more. */
static void memory_below_is_worth_as_much_as_memory_above(void **state)
{
  (void)state;
  static const gint64 capacities[][2] = {{256, 768}, {1024, 15360}};
  for (guint i = 0; i < G_N_ELEMENTS(capacities); i++) {
    hits one = mooncake_hits(capacities[i][0] + capacities[i][1], 0, 0);
    hits two = mooncake_hits(capacities[i][0], capacities[i][1], 0);
    assert_true(two.all >= one.all);
    assert_near((double)two.all, (double)one.all, 0.04 * (double)one.all);
    assert_true(two.host > 0);
    assert_int_equal(one.host, 0);
  }
}

/* 105,592 blocks are all that the trace reuses. */
static void hits_grow_with_the_memory_of_the_hosts(void **state)
{
  (void)state;
  static const gint64 capacities[] = {0, 4096, 1 << 20};
  guint64 before = 0;
  for (guint i = 0; i < G_N_ELEMENTS(capacities); i++) {
    hits found = mooncake_hits(256, capacities[i], 0);
    assert_true(found.all > before);
    before = found.all;
  }
  assert_int_equal(before, 105592);
}

/* A store without limit behind little memory finds what an unlimited cache finds, but for requests that come
 * at the same instant: what is fetched for one pushes out of the hosts what was fetched for another. A
 * bounded store finds less. */
static void hits_grow_with_the_store(void **state)
{
  (void)state;
  static const gint64 capacities[] = {4096, 1 << 20};
  guint64 before = 0;
  for (guint i = 0; i < G_N_ELEMENTS(capacities); i++) {
    hits found = mooncake_hits(256, 1024, capacities[i]);
    assert_true(found.all > before && found.store > 0 && found.host > 0);
    before = found.all;
  }
  assert_true(before <= 105592 && before > 105592 * 99 / 100);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_stays_does_not_depend_on_the_order_of_coming),
      cmocka_unit_test(later_pieces_of_a_prompt_go_first),
      cmocka_unit_test(two_tiers_agree_with_a_list_of_whole_prefixes),
      cmocka_unit_test(what_the_hosts_hold_is_loaded_where_that_is_faster),
      cmocka_unit_test(routers_look_for_prefixes_in_the_memory_of_hosts),
      cmocka_unit_test(what_the_store_holds_is_fetched_where_that_is_faster),
      cmocka_unit_test(a_request_whose_fetch_outlasts_its_deadline_is_cancelled),
      cmocka_unit_test(memory_below_is_worth_as_much_as_memory_above),
      cmocka_unit_test(hits_grow_with_the_memory_of_the_hosts),
      cmocka_unit_test(hits_grow_with_the_store),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
