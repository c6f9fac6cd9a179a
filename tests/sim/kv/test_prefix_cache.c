/* The prefix cache against a naive pool that keeps every block by itself, the map of several against searches of each, and
 * by hand. */
#include "sim/kv/prefix_map.h"
#include "tests/check.h"
#include "tests/sim/naive_blocks.h"
#include "workloads/draw/chance.h"

enum { HASH_TOKENS = 4, LONGEST = 40, MOST = 6, CACHES = 2 };

static tw_request request_of(guint64 *ids, int n, gint32 prompt_tokens)
{
  return (tw_request){
      .prompt_tokens = prompt_tokens, .n_hashes = n, .hash_tokens = HASH_TOKENS, .hashes = ids};
}

/* ---- Random sequences ---- */

typedef struct held {
  tw_request request;
  guint64 ids[LONGEST];
  naive_holdings blocks;
  tw_prefix_node *node;
  gint64 emitted, tokens; /* tokens that have blocks */
  gboolean preempted;
} held;

typedef struct bench {
  tw_prefix_cache cache;
  naive_pool pool;
  tw_chance chance;
  gint64 block_tokens, total, used, hash_tokens, hits, own_hits;
  gint64 misses, told; /* searches that find nothing, and those of which the map says so */
  guint64 owners;
  held sequences[MOST];
  gboolean inside[MOST], there[MOST];
} bench;

static gint64 below(bench *b, gint64 n)
{
  return (gint64)tw_chance_below(&b->chance, (guint64)n);
}

/* A walk down a tree of two branches; the ids may go on over what is emitted, and the last may be cut short.
 */
static void draw(bench *b, held *h)
{
  gint64 prompt = 1 + below(b, LONGEST * b->hash_tokens / 2),
         context = below(b, 3) == 0 ? prompt + below(b, 20) : 0;
  gint64 n = below(b, 4) == 0 ? 0 : (MAX(prompt, context) + b->hash_tokens - 1) / b->hash_tokens;
  for (gint64 i = 0; i < n; i++)
    h->ids[i] = below(b, 5) == 0;
  h->request = (tw_request){.prompt_tokens = (gint32)prompt,
                            .context_tokens = (gint32)context,
                            .answer_tokens = 1000,
                            .n_hashes = (gint32)MIN(n, LONGEST),
                            .hash_tokens = (gint32)b->hash_tokens,
                            .hashes = h->ids};
  h->emitted = 0;
  h->preempted = FALSE;
  naive_holdings_init(&h->blocks, &h->request, ++b->owners);
}

/* The map never says less than a search finds. */
static void ask_map(bench *b, const tw_request *request, gint64 found)
{
  gint64 most[CACHES] = {0};
  tw_prefix_map_bound(b->cache.map, request, most);
  assert_true(most[b->cache.place] >= found && most[b->cache.place] <= MAX(0, request->prompt_tokens - 1));
  b->misses += found == 0;
  b->told += most[b->cache.place] == 0;
}

static gboolean enter(bench *b, held *h)
{
  gint64 known = h->request.prompt_tokens + h->emitted, idle;
  tw_prefix_hit hit = h->preempted ? tw_prefix_cache_find_own(&b->cache, &h->request, h->blocks.owner, known)
                                   : tw_prefix_cache_find(&b->cache, &h->request);
  gint64 n = naive_pool_find(&b->pool, &h->blocks, known - 1, &idle);
  assert_int_equal(hit.tokens, n * b->block_tokens);
  assert_int_equal(hit.idle_blocks, idle);
  *(h->preempted ? &b->own_hits : &b->hits) += n;
  if (!h->preempted)
    ask_map(b, &h->request, hit.tokens);
  h->node = tw_prefix_cache_hold(&b->cache, &hit);
  b->used += idle;
  naive_pool_touch(&b->pool, &h->blocks, n);
  h->tokens = hit.tokens;
  return TRUE;
}

/* It gets blocks for more tokens, if there are so many, and may emit one where it has all. */
static void compute(bench *b, held *h)
{
  gint64 known = h->request.prompt_tokens + h->emitted, wanted = h->tokens + 1 + below(b, 30);
  gint64 tokens = MIN(wanted, known);
  gint64 more = (tokens + b->block_tokens - 1) / b->block_tokens - (gint64)h->blocks.blocks->len;
  if (!naive_pool_allocate(&b->pool, &h->blocks, tokens))
    return;
  b->used += more;
  tw_prefix_cache_evict(&b->cache, b->total - b->used);
  h->node = tw_prefix_cache_add(&b->cache, &h->request, h->blocks.owner, h->node, tokens, NULL);
  naive_pool_cache(&b->pool, &h->blocks, tokens);
  h->tokens = tokens;
  h->emitted += tokens == known;
}

static void leave(bench *b, held *h, gboolean preempted)
{
  gint64 loose = (gint64)h->blocks.blocks->len - tw_prefix_blocks(&b->cache, h->node);
  if (preempted)
    tw_prefix_cache_remember(&b->cache, h->node);
  tw_prefix_cache_free(&b->cache, loose);
  b->used -= loose + tw_prefix_cache_release(&b->cache, h->node, h->blocks.owner);
  naive_pool_free(&b->pool, &h->blocks);
  assert_int_equal(b->total - b->used, b->pool.free.length);
}

static void bench_init(bench *b, guint64 seed, tw_prefix_map *map, int place)
{
  *b = (bench){.chance = tw_chance_new(seed, "blocks")};
  b->block_tokens = 1 + below(b, 8);
  b->hash_tokens = 1 + (gint64)seed / CACHES % 12; /* the same ids for all that share a map */
  b->total = 5 + below(b, 80);
  tw_prefix_cache_init(&b->cache, b->block_tokens, b->total);
  b->cache.map = map;
  b->cache.place = place;
  naive_pool_init(&b->pool, b->block_tokens, b->total, 0);
}

static void bench_clear(bench *b)
{
  for (int i = 0; i < MOST; i++)
    if (b->there[i])
      naive_holdings_clear(&b->sequences[i].blocks);
  naive_pool_clear(&b->pool);
  tw_prefix_cache_clear(&b->cache);
}

static void bench_step(bench *b)
{
  gint64 i = below(b, MOST), what = below(b, 10), tokens = 0, used = 0;
  held *h = &b->sequences[i];
  if (!b->there[i]) {
    draw(b, h);
    b->there[i] = TRUE;
  } else if (!b->inside[i]) {
    b->inside[i] = enter(b, h);
  } else if (what < 7) {
    compute(b, h);
  } else {
    h->preempted = what < 9;
    leave(b, h, h->preempted);
    b->inside[i] = FALSE;
    b->there[i] = h->preempted;
    if (!b->there[i])
      naive_holdings_clear(&h->blocks);
  }
  for (int k = 0; k < MOST; k++) {
    if (!b->inside[k])
      continue;
    tokens += tw_prefix_tokens(b->sequences[k].node);
    used += (gint64)b->sequences[k].blocks.blocks->len - tw_prefix_blocks(&b->cache, b->sequences[k].node);
  }
  assert_int_equal(tw_prefix_cache_audit(&b->cache, tokens) + used, b->used);
  assert_int_equal(b->cache.idle_blocks + b->cache.loose_blocks, b->total - b->used);
}

/* Two caches of one map, in turn. */
static void it_agrees_with_a_pool_of_single_blocks(void **state)
{
  (void)state;
  gint64 hits = 0, own_hits = 0, misses = 0, told = 0;
  for (guint64 seed = 0; seed < 300; seed += CACHES) {
    tw_prefix_map *map = tw_prefix_map_new();
    bench benches[CACHES];
    for (int i = 0; i < CACHES; i++)
      bench_init(&benches[i], seed + (guint64)i, map, i);
    for (int step = 0; step < 400 * CACHES; step++)
      bench_step(&benches[step % CACHES]);
    for (int i = 0; i < CACHES; i++) {
      hits += benches[i].hits;
      own_hits += benches[i].own_hits;
      misses += benches[i].misses;
      told += benches[i].told;
      bench_clear(&benches[i]);
    }
    tw_prefix_map_free(map);
  }
  assert_true(hits > 10000);
  assert_true(own_hits > 1000);
  assert_true(told > misses / 2 && told <= misses && told > 1000);
}

/* ---- By hand ---- */

static void remember(tw_prefix_cache *cache, tw_request *request)
{
  tw_prefix_cache_release(cache, tw_prefix_cache_add(cache, request, 1, NULL, request->prompt_tokens, NULL),
                          1);
}

/* ... of one that first looks for what is there. */
static void remember_again(tw_prefix_cache *cache, tw_request *request)
{
  tw_prefix_hit hit = tw_prefix_cache_find(cache, request);
  tw_prefix_node *node = tw_prefix_cache_hold(cache, &hit);
  tw_prefix_cache_release(cache, tw_prefix_cache_add(cache, request, 2, node, request->prompt_tokens, NULL),
                          2);
}

/* Hash ids of 4 tokens, KV blocks of 2. A prompt of 8 tokens that is there as a whole computes its last
 * token, and therefore its last block: 6 tokens are found, inside of its second id. Of one token more, 8 are.
 */
static void the_last_token_of_a_prompt_is_always_computed(void **state)
{
  (void)state;
  guint64 ids[] = {1, 2};
  tw_prefix_cache cache;
  tw_prefix_cache_init(&cache, 2, 0);
  tw_request eight = request_of(ids, 2, 8), nine = request_of(ids, 2, 9);
  remember(&cache, &eight);
  assert_int_equal(cache.idle_blocks, 4);
  assert_int_equal(tw_prefix_cache_find(&cache, &eight).tokens, 6);
  assert_int_equal(tw_prefix_cache_find(&cache, &nine).tokens, 8);
  tw_prefix_cache_clear(&cache);
}

/* A prompt of 1,024 tokens with ids of 512, asked again: 1,008, in blocks of 16. */
static void hits_end_inside_of_large_ids(void **state)
{
  (void)state;
  guint64 ids[] = {1, 2};
  tw_prefix_cache cache;
  tw_prefix_cache_init(&cache, 16, 0);
  tw_request request = request_of(ids, 2, 1024);
  request.hash_tokens = 512;
  remember(&cache, &request);
  assert_int_equal(tw_prefix_cache_find(&cache, &request).tokens, 1008);
  tw_prefix_cache_clear(&cache);
}

/* The last id stands for the tokens that the prompt has of it: 3 of 4, in blocks of 2. A longer prompt with
 * the same ids begins with the same 6 tokens. */
static void the_last_id_of_a_prompt_may_stand_for_fewer_tokens(void **state)
{
  (void)state;
  guint64 ids[] = {1, 2};
  tw_prefix_cache cache;
  tw_prefix_cache_init(&cache, 2, 0);
  tw_request seven = request_of(ids, 2, 7), nine = request_of(ids, 2, 9);
  remember(&cache, &seven);
  assert_int_equal(tw_prefix_cache_find(&cache, &nine).tokens, 6);
  tw_prefix_cache_clear(&cache);
}

/* The same id behind another one, or for another number of tokens, is another block. */
static void an_id_counts_only_behind_the_same_ids(void **state)
{
  (void)state;
  guint64 ids[] = {1, 2}, others[] = {3, 2};
  tw_prefix_cache cache;
  tw_prefix_cache_init(&cache, 2, 0);
  tw_request first = request_of(ids, 2, 9), other = request_of(others, 2, 9), wider = first;
  wider.hash_tokens = 2;
  remember(&cache, &first);
  assert_int_equal(tw_prefix_cache_find(&cache, &other).tokens, 0);
  assert_int_equal(tw_prefix_cache_find(&cache, &wider).tokens, 0);
  tw_prefix_cache_clear(&cache);
}

/* KV blocks of 6 tokens, hash blocks of 4: two hash blocks, 8 tokens, complete one KV block. */
static void only_whole_kv_blocks_are_shared(void **state)
{
  (void)state;
  guint64 ids[] = {1, 2, 3};
  tw_prefix_cache cache;
  tw_prefix_cache_init(&cache, 6, 0);
  tw_request ten = request_of(ids, 3, 10), four = request_of(ids, 1, 5);
  remember(&cache, &four); /* completes none: there is nothing to keep */
  assert_int_equal(g_hash_table_size(cache.nodes), 0);
  remember(&cache, &ten);
  assert_int_equal(cache.idle_blocks, 1);
  assert_int_equal(tw_prefix_cache_find(&cache, &ten).tokens, 6);
  tw_prefix_cache_evict(&cache, 0);
  assert_int_equal(g_hash_table_size(cache.nodes), 0);
  tw_prefix_cache_clear(&cache);
}

/* 1 2 was let go before 1 3: room for two hash ids of two KV blocks each keeps 1 and 3; with one block less,
 * half of 3 goes. */
static void later_blocks_are_evicted_before_earlier_ones(void **state)
{
  (void)state;
  guint64 old[] = {1, 2}, young[] = {1, 3};
  tw_prefix_cache cache;
  tw_prefix_cache_init(&cache, 2, 0);
  tw_request a = request_of(old, 2, 9), b = request_of(young, 2, 9);
  remember(&cache, &a);
  remember_again(&cache, &b);
  tw_prefix_cache_evict(&cache, 4);
  assert_int_equal(tw_prefix_cache_find(&cache, &a).tokens, 4);
  assert_int_equal(tw_prefix_cache_find(&cache, &b).tokens, 8);
  tw_prefix_cache_evict(&cache, 3);
  assert_int_equal(tw_prefix_cache_find(&cache, &b).tokens, 6);
  tw_prefix_cache_clear(&cache);
}

/* A prompt of two blocks, twice: the second computes its last block again, and both copies are kept. Once the
 * older one is evicted, the younger is found in its place: a longer prompt still begins with two blocks. */
static void a_copy_takes_the_place_of_what_is_evicted(void **state)
{
  (void)state;
  guint64 ids[] = {1};
  tw_prefix_cache cache;
  tw_prefix_cache_init(&cache, 2, 0);
  tw_request four = request_of(ids, 1, 4),
             longer = {.prompt_tokens = 5, .n_hashes = 1, .hash_tokens = 4, .hashes = ids};
  remember(&cache, &four);
  remember_again(&cache, &four);
  assert_int_equal(cache.idle_blocks, 3);
  tw_prefix_cache_evict(&cache, 2);
  assert_int_equal(tw_prefix_cache_find(&cache, &longer).tokens, 4);
  tw_prefix_cache_evict(&cache, 1);
  assert_int_equal(tw_prefix_cache_find(&cache, &longer).tokens, 2);
  tw_prefix_cache_clear(&cache);
}

static void ignore_added(void *user, guint64 chain)
{
  (void)user, (void)chain;
}

static void count_spilled(void *user, const tw_prefix_piece *piece, double let_go_s)
{
  (void)piece, (void)let_go_s;
  ++*(int *)user;
}

/* How many of `n` ids are kept in at most `most` blocks: as complete as many blocks as can be, and no
 * more, since an id that completes no block serves nobody. */
static int ids_in(gint64 most, int n, gint64 hash_tokens, gint64 block_tokens)
{
  int kept = 0;
  for (int m = 1; m <= n; m++)
    if (m * hash_tokens / block_tokens <= most &&
        m * hash_tokens / block_tokens > kept * hash_tokens / block_tokens)
      kept = m;
  return kept;
}

/* With a tier below, ids go whole, from the end of a prompt, until at least as many blocks are free as are
 * wanted. */
static void only_whole_ids_go_to_the_tier_below(void **state)
{
  (void)state;
  enum { MOST_IDS = 9 };
  int more_than_wanted = 0;
  for (gint32 hash_tokens = 1; hash_tokens <= 10; hash_tokens++)
    for (gint64 block_tokens = 1; block_tokens <= 7; block_tokens++)
      for (int n = 1; n <= MOST_IDS; n++)
        for (gint64 wanted = 0; wanted * block_tokens <= n * hash_tokens; wanted++) {
          guint64 ids[MOST_IDS] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
          tw_request request = {
              .prompt_tokens = n * hash_tokens + 1, .n_hashes = n, .hash_tokens = hash_tokens, .hashes = ids};
          int spilled = 0;
          tw_prefix_cache cache;
          tw_prefix_cache_init(&cache, block_tokens, 0);
          cache.spilled = count_spilled;
          cache.added = ignore_added;
          cache.user = &spilled;
          tw_prefix_node *node =
              tw_prefix_cache_add(&cache, &request, 1, NULL, n * hash_tokens, &(gint64){0});
          tw_prefix_cache_release(&cache, node, 1);
          gint64 blocks = n * hash_tokens / block_tokens;
          int kept = ids_in(blocks - wanted, n, hash_tokens, block_tokens);
          tw_prefix_cache_evict(&cache, blocks - wanted);
          assert_int_equal(spilled, ids_in(blocks, n, hash_tokens, block_tokens) - kept);
          assert_int_equal(tw_prefix_cache_find(&cache, &request).tokens,
                           kept * hash_tokens / block_tokens * block_tokens);
          more_than_wanted += kept * hash_tokens / block_tokens < blocks - wanted;
          tw_prefix_cache_clear(&cache);
        }
  assert_true(more_than_wanted > 100);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_agrees_with_a_pool_of_single_blocks),
      cmocka_unit_test(the_last_token_of_a_prompt_is_always_computed),
      cmocka_unit_test(hits_end_inside_of_large_ids),
      cmocka_unit_test(the_last_id_of_a_prompt_may_stand_for_fewer_tokens),
      cmocka_unit_test(an_id_counts_only_behind_the_same_ids),
      cmocka_unit_test(only_whole_kv_blocks_are_shared),
      cmocka_unit_test(later_blocks_are_evicted_before_earlier_ones),
      cmocka_unit_test(a_copy_takes_the_place_of_what_is_evicted),
      cmocka_unit_test(only_whole_ids_go_to_the_tier_below),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
