/* Prefix hits in a factory: what they save, what they occupy, and what Mooncake's trace reuses. */
#include "tests/check.h"
#include "tests/sim/support.h"
#include "workloads/stream/stream.h"

/* 10 ms an iteration and 1 ms a prompt token. */
static const test_costs ten_ms = {0.01, 0, 0, 1e-3, FALSE};

static tw_scenario *cached_scenario(gint64 kv_blocks)
{
  tw_scenario *scenario = test_scenario(1, &ten_ms, kv_blocks);
  scenario->pools[0].prefix_cache = TRUE;
  return scenario;
}

static const char header[] = "arrival_s,prompt_tokens,answer_tokens,hash_tokens,hashes\n";

static double cell(const char *directory, const char *column, guint row)
{
  g_autoptr(GArray) values = test_column(directory, "requests", column);
  return g_array_index(values, double, row);
}

/* 40 tokens take 50 ms. The second prompt shares 32 of them: 8 tokens are left, in 18 ms. */
static void a_hit_costs_no_prefill(void **state)
{
  (void)state;
  tw_scenario *scenario = cached_scenario(1000);
  g_autofree char *directory = test_directory();
  g_autofree char *trace = g_strconcat(header, "0,40,1,16,1 2 3\n1,40,1,16,1 2 4\n", NULL);
  g_autoptr(tw_recorder) recorder = test_run(scenario, trace, directory);
  assert_near(cell(directory, "completion_s", 0), 0.05, 1e-9);
  assert_near(cell(directory, "completion_s", 1), 1.018, 1e-9);
  assert_int_equal(cell(directory, "cached_tokens", 1), 32);
  assert_int_equal(tw_recorder_totals(recorder)->cached_tokens, 32);
  test_remove(directory);
  test_scenario_free(scenario);
}

/* The second prompt arrives while the first is computed, and finds its blocks all the same: they can be found
 * from the plan on that gives them. Each needs 33 + 14 tokens in KV, three blocks of 16, of which two are
 * shared: four blocks let both run to their end; without the cache, one would be preempted. */
static void shared_blocks_are_counted_once(void **state)
{
  (void)state;
  tw_scenario *scenario = cached_scenario(4);
  g_autofree char *directory = test_directory();
  g_autofree char *trace = g_strconcat(header, "0,33,15,16,1 2\n0.001,33,15,16,1 2\n", NULL);
  for (int on = 1; on >= 0; on--) {
    scenario->pools[0].prefix_cache = on;
    g_autoptr(tw_recorder) recorder = test_run(scenario, trace, directory);
    gboolean preempted = cell(directory, "preemptions", 0) + cell(directory, "preemptions", 1) > 0;
    gboolean waited = cell(directory, "first_scheduled_s", 1) > cell(directory, "completion_s", 0) - 1e-9;
    assert_int_equal(preempted || waited, !on);
  }
  test_remove(directory);
  test_scenario_free(scenario);
}

/* Best of four: one question of 512 tokens, asked four times at once behind itself, occupies its 32 blocks
 * once, and 4 · 1 block for the answers. */
static void best_of_n_shares_the_blocks_of_its_prompt(void **state)
{
  (void)state;
  tw_scenario *scenario = cached_scenario(32 + 4);
  g_autofree char *directory = test_directory();
  GString *trace = g_string_new(header);
  g_string_append(trace, "0,513,1,512,7\n");
  for (int i = 0; i < 4; i++)
    g_string_append(trace, "1,513,16,512,7\n");
  g_autofree char *text = g_string_free(trace, FALSE);
  g_autoptr(tw_recorder) recorder = test_run(scenario, text, directory);
  /* One iteration for the last prompt tokens of all four (14 ms), and 15 for the rest. */
  for (guint i = 1; i <= 4; i++) {
    assert_int_equal(cell(directory, "cached_tokens", i), 512);
    assert_near(cell(directory, "completion_s", i), 1 + 0.014 + 0.15, 1e-9);
  }
  test_remove(directory);
  test_scenario_free(scenario);
}

/* A cache of six blocks: a second prompt of four leaves the first prompt two of its four, the earlier ones.
 */
static void blocks_that_are_wanted_are_evicted_from_the_end(void **state)
{
  (void)state;
  tw_scenario *scenario = cached_scenario(6);
  g_autofree char *directory = test_directory();
  g_autofree char *trace =
      g_strconcat(header, "0,64,1,16,1 2 3 4\n1,64,1,16,5 6 7 8\n2,64,1,16,1 2 3 4\n", NULL);
  g_autoptr(tw_recorder) recorder = test_run(scenario, trace, directory);
  assert_int_equal(cell(directory, "cached_tokens", 2), 32);
  test_remove(directory);
  test_scenario_free(scenario);
}

/* Without the attribute, hash ids are nothing to the engine. */
static void without_the_cache_every_prompt_is_computed(void **state)
{
  (void)state;
  tw_scenario *scenario = test_scenario(1, &ten_ms, 1000);
  g_autofree char *directory = test_directory();
  g_autofree char *trace = g_strconcat(header, "0,40,1,16,1 2 3\n1,40,1,16,1 2 4\n", NULL);
  g_autoptr(tw_recorder) recorder = test_run(scenario, trace, directory);
  assert_int_equal(tw_recorder_totals(recorder)->cached_tokens, 0);
  assert_near(cell(directory, "completion_s", 1), 1.05, 1e-9);
  test_remove(directory);
  test_scenario_free(scenario);
}

/* Two engines, two conversations whose turns come in turn. Round-robin over an odd number of prompts in
 * between sends a turn to the engine that has not seen the one before; the router that looks for prefixes
 * never does. */
static void the_router_finds_the_engine_with_the_prefix(void **state)
{
  (void)state;
  static const char *const policies[] = {"round-robin", "longest-prefix", "prefix-and-load",
                                         "session-affinity"};
  static const gint64 cached[] = {0, 96, 96, 96};
  for (guint p = 0; p < G_N_ELEMENTS(policies); p++) {
    tw_scenario *scenario = test_scenario(2, &ten_ms, 1000);
    scenario->pools[0].prefix_cache = TRUE;
    test_route_by(scenario, policies[p]);
    g_autofree char *trace = g_strdup("arrival_s,session,prompt_tokens,answer_tokens,hash_tokens,hashes\n"
                                      "0,a,20,1,16,1 2\n1,b,20,1,16,7 8\n2,c,20,1,16,9\n"
                                      "3,a,40,1,16,1 2 3\n4,a,60,1,16,1 2 3 4\n"
                                      "5,b,40,1,16,7 8\n6,b,60,1,16,7 8 9\n");
    g_autoptr(tw_recorder) recorder = test_run(scenario, trace, NULL);
    if (p > 0)
      assert_int_equal(tw_recorder_totals(recorder)->cached_tokens, cached[p]);
    else
      assert_true(tw_recorder_totals(recorder)->cached_tokens < 96);
    test_scenario_free(scenario);
  }
}

/* One engine of two ranks. While the first prompt decodes at rank 0, the second comes to rank 1. Both are
 * idle when its next turn comes, and a request is there when the one after that comes. By load alone, the
 * former goes to rank 0 and finds nothing, the latter to rank 1 and finds two blocks. Routers that look for
 * prefixes take rank 1 for both, which find two and three blocks. */
static void the_rank_with_the_prefix_gets_the_turn(void **state)
{
  (void)state;
  static const struct {
    const char *policy;
    gint64 cached;
  } cases[] = {
      {"least-outstanding", 32}, {"longest-prefix", 80}, {"session-affinity", 80}, {"prefix-and-load", 80}};
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    tw_scenario *scenario = test_scenario(1, &ten_ms, 1000);
    scenario->pools[0].prefix_cache = TRUE;
    scenario->pools[0].dp = 2;
    test_route_by(scenario, cases[i].policy);
    g_autofree char *trace = g_strdup("arrival_s,prompt_tokens,answer_tokens,hash_tokens,hashes\n"
                                      "0,20,90,16,1 2\n0.5,40,1,16,7 8 9\n"
                                      "3,50,90,16,7 8 10 11\n3.2,60,1,16,7 8 10 12\n");
    g_autoptr(tw_recorder) recorder = test_run(scenario, trace, NULL);
    assert_int_equal(tw_recorder_totals(recorder)->cached_tokens, cases[i].cached);
    test_scenario_free(scenario);
  }
}

/* ---- Mooncake's conversation trace, one request after the other ---- */

#define MOONCAKE TW_SOURCE_DIR "/workloads/traces/mooncake-conversation.jsonl.gz"
enum { MOONCAKE_BLOCK = 512 };

static tw_stream *mooncake(void)
{
  GError *error = NULL;
  /* So slowly that each request ends before the next arrives: one every 300 s on average. Those that arrive
   * at the same instant are queued, and run alone with max-seqs 1. */
  tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  options.rate_scale = 1e-3;
  tw_stream *stream = tw_stream_open(MOONCAKE, NULL, &options, &error);
  if (stream == NULL)
    g_error("%s", error->message);
  return stream;
}

static guint64 mooncake_hits(gint64 hash_blocks, guint64 *prompt_tokens)
{
  static const test_costs instant = {1e-6, 0, 0, 0, FALSE};
  tw_scenario *scenario = test_scenario(1, &instant, hash_blocks);
  tw_pool *pool = &scenario->pools[0];
  pool->prefix_cache = TRUE;
  pool->block_tokens = MOONCAKE_BLOCK;
  pool->max_seqs = 1;
  pool->max_batched_tokens = 1 << 20;
  scenario->audit = FALSE;
  scenario->interval_s = 1e6;
  g_autoptr(tw_stream) stream = mooncake();
  g_autoptr(tw_recorder) recorder = test_run_stream(scenario, stream, NULL, INFINITY);
  const tw_request_totals *totals = tw_recorder_totals(recorder);
  assert_int_equal(totals->endings[TW_COMPLETED], 12031);
  *prompt_tokens = totals->prompt_tokens;
  guint64 cached_tokens = totals->cached_tokens;
  test_scenario_free(scenario);
  assert_int_equal(cached_tokens % MOONCAKE_BLOCK, 0);
  return cached_tokens / MOONCAKE_BLOCK;
}

/* The uses of hash blocks, in their order; each knows when its block is used next. */
typedef struct use {
  guint64 id;
  gint64 next;      /* use of the same id, G_MAXINT64: none */
  gboolean can_hit; /* it is not the block of the prompt's last token */
} use;

static GArray *uses_of_blocks(void)
{
  GArray *uses = g_array_new(FALSE, FALSE, sizeof(use));
  g_autoptr(GHashTable) last = g_hash_table_new(g_int64_hash, g_int64_equal);
  g_autoptr(tw_stream) stream = mooncake();
  for (tw_request request; tw_stream_next(stream, &request, NULL); tw_request_clear(&request)) {
    for (gint64 i = 0; i < request.prompt_tokens / MOONCAKE_BLOCK; i++) {
      use u = {request.hashes[i], G_MAXINT64, (i + 1) * MOONCAKE_BLOCK < request.prompt_tokens};
      g_array_append_val(uses, u);
    }
  }
  g_autofree gint64 *ids = g_new(gint64, uses->len);
  for (gint64 i = (gint64)uses->len - 1; i >= 0; i--) {
    use *u = &g_array_index(uses, use, i);
    ids[i] = (gint64)u->id;
    gpointer next = g_hash_table_lookup(last, &ids[i]);
    u->next = next != NULL ? (gint64)GPOINTER_TO_SIZE(next) - 1 : G_MAXINT64;
    g_hash_table_replace(last, &ids[i], GSIZE_TO_POINTER((gsize)i + 1));
  }
  return uses;
}

typedef struct resident {
  tw_heap_node node; /* key: the negative of the next use, so that the top is used last */
  guint64 id;
} resident;

/* Belady's optimum over the same uses, as if blocks were cached one by one: no policy finds more. Evicts what
 * is used furthest in the future, the block that was just used included. */
static guint64 optimal_hits(const GArray *uses, gint64 capacity)
{
  g_autoptr(GHashTable) present = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
  tw_heap furthest = TW_HEAP_INIT;
  guint64 hits = 0;
  for (guint i = 0; i < uses->len; i++) {
    const use *u = &g_array_index(uses, use, i);
    resident *r = g_hash_table_lookup(present, &u->id);
    if (r != NULL) {
      hits += (guint64)u->can_hit;
      tw_heap_remove(&furthest, &r->node);
    } else {
      r = g_new0(resident, 1);
      r->node.place = TW_HEAP_OUT;
      r->id = u->id;
      g_hash_table_insert(present, &r->id, r);
    }
    tw_heap_push(&furthest, &r->node, -(double)u->next, i);
    if ((gint64)furthest.n > capacity) {
      resident *out = tw_container(tw_heap_top(&furthest), resident, node);
      tw_heap_remove(&furthest, &out->node);
      g_hash_table_remove(present, &out->id);
    }
  }
  tw_heap_clear(&furthest);
  return hits;
}

/* The trace's own reuse, counted apart from the simulator: whole blocks of 512 tokens, at most prompt - 1
 * tokens. */
static void a_cache_without_limit_finds_what_mooncake_reuses(void **state)
{
  (void)state;
  guint64 prompt_tokens, hits = mooncake_hits(1 << 20, &prompt_tokens);
  g_autoptr(GArray) uses = uses_of_blocks();
  assert_int_equal(uses->len, 276491);
  assert_int_equal(hits, 105592);
  assert_near((double)(hits * MOONCAKE_BLOCK) / (double)prompt_tokens, 0.3734, 5e-5);
  assert_int_equal(optimal_hits(uses, 1 << 20), hits);
}

/* A prompt and its answer take up to 250 blocks, so that the smallest cache still serves every request. */
static void hits_grow_with_the_cache_and_stay_below_the_optimum(void **state)
{
  (void)state;
  static const gint64 capacities[] = {256, 1024, 4096, 16384, 65536};
  g_autoptr(GArray) uses = uses_of_blocks();
  guint64 before = 0, prompt_tokens;
  for (guint i = 0; i < G_N_ELEMENTS(capacities); i++) {
    guint64 hits = mooncake_hits(capacities[i], &prompt_tokens);
    assert_true(hits > before);
    assert_true(hits <= optimal_hits(uses, capacities[i]));
    before = hits;
  }
  assert_true(before <= 105592);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_hit_costs_no_prefill),
      cmocka_unit_test(shared_blocks_are_counted_once),
      cmocka_unit_test(best_of_n_shares_the_blocks_of_its_prompt),
      cmocka_unit_test(blocks_that_are_wanted_are_evicted_from_the_end),
      cmocka_unit_test(without_the_cache_every_prompt_is_computed),
      cmocka_unit_test(the_router_finds_the_engine_with_the_prefix),
      cmocka_unit_test(the_rank_with_the_prefix_gets_the_turn),
      cmocka_unit_test(a_cache_without_limit_finds_what_mooncake_reuses),
      cmocka_unit_test(hits_grow_with_the_cache_and_stay_below_the_optimum),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
