/* The prefix cache against a naive twin that remembers whole prefixes, and by hand. */
#include "sim/kv/prefix_cache.h"
#include "tests/check.h"
#include "workloads/draw/chance.h"

enum { HASH_TOKENS = 4 };

/* ---- The naive twin: a list of whole prefixes ---- */

enum { LONGEST = 8 };

typedef struct prefix {
  guint64 ids[LONGEST];
  int n;
  int holders;
  gint64 let_go; /* when, if nobody holds it */
} prefix;

typedef struct twin {
  GArray *prefixes; /* of prefix */
  gint64 clock, blocks_each;
} twin;

static prefix *twin_find(twin *t, const guint64 *ids, int n)
{
  for (guint i = 0; i < t->prefixes->len; i++) {
    prefix *p = &g_array_index(t->prefixes, prefix, i);
    if (p->n == n && memcmp(p->ids, ids, (gsize)n * sizeof *ids) == 0)
      return p;
  }
  return NULL;
}

static int twin_hits(twin *t, const tw_request *request)
{
  int n = 0;
  while (n < request->n_hashes && (n + 1) * HASH_TOKENS < request->prompt_tokens &&
         twin_find(t, request->hashes, n + 1) != NULL)
    n++;
  return n;
}

static void twin_hold(twin *t, const guint64 *ids, int from, int to)
{
  for (int n = from + 1; n <= to; n++) {
    prefix *p = twin_find(t, ids, n);
    if (p == NULL) {
      prefix fresh = {.n = n};
      memcpy(fresh.ids, ids, (gsize)n * sizeof *ids);
      g_array_append_val(t->prefixes, fresh);
      p = &g_array_index(t->prefixes, prefix, t->prefixes->len - 1);
    }
    p->holders++;
  }
}

static void twin_release(twin *t, const guint64 *ids, int n)
{
  for (; n > 0; n--) {
    prefix *p = twin_find(t, ids, n);
    p->holders--;
    p->let_go = t->clock++;
  }
}

static gint64 twin_blocks(const twin *t, gboolean idle)
{
  gint64 n = 0;
  for (guint i = 0; i < t->prefixes->len; i++)
    n += (g_array_index(t->prefixes, prefix, i).holders == 0) == idle;
  return n * t->blocks_each;
}

static void twin_evict(twin *t, gint64 free_blocks)
{
  while (twin_blocks(t, TRUE) > free_blocks) {
    guint oldest = G_MAXUINT;
    for (guint i = 0; i < t->prefixes->len; i++) {
      const prefix *p = &g_array_index(t->prefixes, prefix, i);
      if (p->holders == 0 &&
          (oldest == G_MAXUINT || p->let_go < g_array_index(t->prefixes, prefix, oldest).let_go))
        oldest = i;
    }
    g_array_remove_index_fast(t->prefixes, oldest);
  }
}

/* ---- Random operations ---- */

typedef struct held {
  tw_request request;
  guint64 ids[LONGEST];
  tw_prefix_node *node;
  int nodes;
  gint64 done; /* prompt tokens computed or found */
} held;

static tw_request request_of(guint64 *ids, int n, gint32 prompt_tokens)
{
  return (tw_request){
      .prompt_tokens = prompt_tokens, .n_hashes = n, .hash_tokens = HASH_TOKENS, .hashes = ids};
}

static void start(tw_prefix_cache *cache, twin *t, tw_chance *chance, held *h)
{
  int n = 1 + (int)tw_chance_below(chance, LONGEST);
  for (int i = 0; i < n; i++)
    h->ids[i] = tw_chance_below(chance, 2);
  h->request = request_of(h->ids, n, n * HASH_TOKENS - (gint32)tw_chance_below(chance, HASH_TOKENS));
  tw_prefix_hit hit = tw_prefix_cache_find(cache, &h->request);
  int hits = twin_hits(t, &h->request);
  assert_int_equal(hit.tokens, hits * HASH_TOKENS);
  assert_int_equal(hit.depth, hits);
  gint64 used = twin_blocks(t, FALSE);
  twin_hold(t, h->ids, 0, hits);
  assert_int_equal(hit.idle_blocks, twin_blocks(t, FALSE) - used);
  h->node = tw_prefix_cache_hold(cache, &hit);
  assert_int_equal(tw_prefix_depth(h->node), hits);
  h->nodes = hits;
  h->done = hit.tokens;
}

/* A sequence has its own blocks for what it computes, until the cache has them. */
static void compute(tw_prefix_cache *cache, twin *t, tw_chance *chance, held *h)
{
  gint64 more = (gint64)tw_chance_below(chance, 12);
  h->done = MIN(h->done + more, h->request.prompt_tokens);
  int nodes = MAX((int)(h->done / HASH_TOKENS), h->nodes);
  gint64 used = twin_blocks(t, FALSE), lowered = 0;
  twin_hold(t, h->ids, h->nodes, nodes);
  gint64 gained = (nodes - h->nodes) * t->blocks_each;
  h->node = tw_prefix_cache_add(cache, &h->request, h->node, h->done, &lowered);
  assert_int_equal(lowered + gained, twin_blocks(t, FALSE) - used);
  h->nodes = nodes;
  assert_int_equal(tw_prefix_depth(h->node), nodes);
}

static void end(tw_prefix_cache *cache, twin *t, held *h)
{
  gint64 used = twin_blocks(t, FALSE);
  twin_release(t, h->ids, h->nodes);
  assert_int_equal(tw_prefix_cache_release(cache, h->node), used - twin_blocks(t, FALSE));
}

static void it_agrees_with_a_list_of_whole_prefixes(void **state)
{
  (void)state;
  enum { MOST = 6 };
  for (guint64 seed = 0; seed < 40; seed++) {
    tw_chance chance = tw_chance_new(seed, "prefixes");
    gint64 block_tokens = 1 << tw_chance_below(&chance, 3); /* 1, 2 or 4 tokens */
    tw_prefix_cache cache;
    tw_prefix_cache_init(&cache, block_tokens);
    twin t = {g_array_new(FALSE, FALSE, sizeof(prefix)), 0, HASH_TOKENS / block_tokens};
    held sequences[MOST];
    int n = 0;
    for (int step = 0; step < 1500; step++) {
      guint64 what = tw_chance_below(&chance, 10);
      if (what < 3 && n < MOST) {
        start(&cache, &t, &chance, &sequences[n]);
        n++;
      } else if (what < 7 && n > 0) {
        int which = (int)tw_chance_below(&chance, (guint64)n);
        compute(&cache, &t, &chance, &sequences[which]);
      } else if (what < 9 && n > 0) {
        int gone = (int)tw_chance_below(&chance, (guint64)n);
        end(&cache, &t, &sequences[gone]);
        sequences[gone] = sequences[--n];
        sequences[gone].request.hashes = sequences[gone].ids;
      } else {
        gint64 free_blocks = (gint64)tw_chance_below(&chance, 40) * t.blocks_each;
        tw_prefix_cache_evict(&cache, free_blocks);
        twin_evict(&t, free_blocks);
      }
      gint64 depth = 0;
      for (int i = 0; i < n; i++)
        depth += sequences[i].nodes;
      assert_int_equal(tw_prefix_cache_audit(&cache, depth), twin_blocks(&t, FALSE));
      assert_int_equal(cache.idle_blocks, twin_blocks(&t, TRUE));
    }
    for (int i = 0; i < n; i++)
      end(&cache, &t, &sequences[i]);
    g_array_unref(t.prefixes);
    tw_prefix_cache_clear(&cache);
  }
}

/* ---- By hand ---- */

static void remember(tw_prefix_cache *cache, tw_request *request)
{
  gint64 used = 0;
  tw_prefix_cache_release(cache, tw_prefix_cache_add(cache, request, NULL, request->prompt_tokens, &used));
}

/* Hash blocks of 4 tokens, KV blocks of 2. A prompt of 8 tokens that is there as a whole computes its last
 * token, and therefore its last hash block: 4 tokens are found. Of one token more, 8 are. */
static void the_last_token_of_a_prompt_is_always_computed(void **state)
{
  (void)state;
  guint64 ids[] = {1, 2};
  tw_prefix_cache cache;
  tw_prefix_cache_init(&cache, 2);
  tw_request eight = request_of(ids, 2, 8), nine = request_of(ids, 2, 9);
  remember(&cache, &eight);
  assert_int_equal(cache.idle_blocks, 4);
  assert_int_equal(tw_prefix_cache_find(&cache, &eight).tokens, 4);
  assert_int_equal(tw_prefix_cache_find(&cache, &nine).tokens, 8);
  tw_prefix_cache_clear(&cache);
}

/* The id of a block that the prompt does not fill stands for less than a block: it is not shared. */
static void a_block_that_the_prompt_does_not_fill_is_not_cached(void **state)
{
  (void)state;
  guint64 ids[] = {1, 2};
  tw_prefix_cache cache;
  tw_prefix_cache_init(&cache, 2);
  tw_request seven = request_of(ids, 2, 7), nine = request_of(ids, 2, 9);
  remember(&cache, &seven);
  assert_int_equal(tw_prefix_cache_find(&cache, &nine).tokens, 4);
  tw_prefix_cache_clear(&cache);
}

/* The same id behind another one, or for another number of tokens, is another block. */
static void an_id_counts_only_behind_the_same_ids(void **state)
{
  (void)state;
  guint64 ids[] = {1, 2}, others[] = {3, 2};
  tw_prefix_cache cache;
  tw_prefix_cache_init(&cache, 2);
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
  tw_prefix_cache_init(&cache, 6);
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

/* 1 2 was let go before 1 3: room for two hash blocks of two KV blocks each keeps 1 and 3. */
static void later_blocks_are_evicted_before_earlier_ones(void **state)
{
  (void)state;
  guint64 old[] = {1, 2}, young[] = {1, 3};
  tw_prefix_cache cache;
  tw_prefix_cache_init(&cache, 2);
  tw_request a = request_of(old, 2, 9), b = request_of(young, 2, 9);
  remember(&cache, &a);
  remember(&cache, &b);
  tw_prefix_cache_evict(&cache, 4);
  assert_int_equal(tw_prefix_cache_find(&cache, &a).tokens, 4);
  assert_int_equal(tw_prefix_cache_find(&cache, &b).tokens, 8);
  tw_prefix_cache_evict(&cache, 3);
  assert_int_equal(tw_prefix_cache_find(&cache, &b).tokens, 4);
  tw_prefix_cache_clear(&cache);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_agrees_with_a_list_of_whole_prefixes),
      cmocka_unit_test(the_last_token_of_a_prompt_is_always_computed),
      cmocka_unit_test(a_block_that_the_prompt_does_not_fill_is_not_cached),
      cmocka_unit_test(an_id_counts_only_behind_the_same_ids),
      cmocka_unit_test(only_whole_kv_blocks_are_shared),
      cmocka_unit_test(later_blocks_are_evicted_before_earlier_ones),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
