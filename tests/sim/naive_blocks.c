#include "tests/sim/naive_blocks.h"

static void free_queue(gpointer queue)
{
  g_queue_free(queue);
}

void naive_holdings_init(naive_holdings *h, const tw_request *request, guint64 owner)
{
  *h = (naive_holdings){request,
                        owner,
                        g_array_new(FALSE, FALSE, sizeof(int)),
                        g_array_new(FALSE, FALSE, sizeof(int)),
                        g_array_new(FALSE, FALSE, sizeof(guint64)),
                        0};
}

void naive_holdings_clear(naive_holdings *h)
{
  g_array_unref(h->blocks);
  g_array_unref(h->state);
  g_array_unref(h->hashes);
}

void naive_pool_init(naive_pool *pool, gint64 block_tokens, gint64 blocks, gint64 sequence_blocks)
{
  *pool = (naive_pool){block_tokens, sequence_blocks, g_new0(naive_block, (gsize)blocks), G_QUEUE_INIT,
                       g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, free_queue)};
  for (int i = 1; i <= blocks; i++)
    g_queue_push_tail(&pool->free, GINT_TO_POINTER(i));
}

void naive_pool_clear(naive_pool *pool)
{
  g_free(pool->blocks);
  g_queue_clear(&pool->free);
  g_hash_table_unref(pool->found);
}

static guint64 mix(guint64 a, guint64 b)
{
  guint64 z = (a ^ (b + G_GUINT64_CONSTANT(0x632be59bd9b4e019))) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
  return z ^ (z >> 29);
}

/* The hash of all tokens up to the end of block `n`, one by one. */
static guint64 hash_of(const naive_pool *pool, const naive_holdings *h, gint64 n)
{
  const tw_request *r = h->request;
  for (gint64 block = h->hashes->len; block <= n; block++) {
    guint64 hash = block > 0 ? g_array_index(h->hashes, guint64, block - 1) : 1;
    for (gint64 i = block * pool->block_tokens; i < (block + 1) * pool->block_tokens; i++) {
      gint64 id = r->n_hashes > 0 ? i / r->hash_tokens : 0;
      gboolean named = id < r->n_hashes && i < MAX(r->prompt_tokens, r->context_tokens);
      hash = mix(hash, named ? r->hashes[id] : h->owner << 32);
      hash = mix(hash, named ? (guint64)r->hash_tokens : 0);
    }
    g_array_append_val(h->hashes, hash);
  }
  return g_array_index(h->hashes, guint64, n);
}

static GQueue *found(const naive_pool *pool, guint64 hash)
{
  return g_hash_table_lookup(pool->found, &hash);
}

gint64 naive_pool_find(naive_pool *pool, const naive_holdings *h, gint64 tokens, gint64 *idle)
{
  gint64 n = 0;
  for (*idle = 0; n < tokens / pool->block_tokens; n++) {
    GQueue *same = found(pool, hash_of(pool, h, n));
    if (same == NULL || same->length == 0)
      break;
    *idle += pool->blocks[GPOINTER_TO_INT(same->head->data) - 1].users == 0;
  }
  return n;
}

void naive_pool_touch(naive_pool *pool, naive_holdings *h, gint64 n)
{
  for (gint64 i = 0; i < n; i++) {
    int number = GPOINTER_TO_INT(found(pool, hash_of(pool, h, i))->head->data) - 1;
    if (pool->blocks[number].users++ == 0)
      g_queue_remove(&pool->free, GINT_TO_POINTER(number + 1));
    g_array_append_val(h->blocks, number);
  }
  h->known = n;
}

static void take(naive_pool *pool, GArray *list, gint64 n)
{
  for (; n > 0; n--) {
    int number = GPOINTER_TO_INT(g_queue_pop_head(&pool->free)) - 1;
    naive_block *block = &pool->blocks[number];
    if (block->hash != 0)
      g_queue_remove(found(pool, block->hash), GINT_TO_POINTER(number + 1));
    *block = (naive_block){0, 1};
    g_array_append_val(list, number);
  }
}

gboolean naive_pool_allocate(naive_pool *pool, naive_holdings *h, gint64 tokens)
{
  gint64 more = (tokens + pool->block_tokens - 1) / pool->block_tokens - h->blocks->len,
         state = pool->sequence_blocks - h->state->len;
  if (more + state > (gint64)pool->free.length)
    return FALSE;
  take(pool, h->state, state);
  take(pool, h->blocks, more);
  return TRUE;
}

void naive_pool_cache(naive_pool *pool, naive_holdings *h, gint64 tokens)
{
  for (; h->known < tokens / pool->block_tokens; h->known++) {
    int number = g_array_index(h->blocks, int, h->known);
    guint64 hash = hash_of(pool, h, h->known);
    if (found(pool, hash) == NULL)
      g_hash_table_insert(pool->found, g_memdup2(&hash, sizeof hash), g_queue_new());
    g_queue_push_tail(found(pool, hash), GINT_TO_POINTER(number + 1));
    pool->blocks[number].hash = hash;
  }
}

static void give_back(naive_pool *pool, GArray *list)
{
  for (guint i = list->len; i-- > 0;) {
    int number = g_array_index(list, int, i);
    if (--pool->blocks[number].users == 0)
      g_queue_push_tail(&pool->free, GINT_TO_POINTER(number + 1));
  }
  g_array_set_size(list, 0);
}

void naive_pool_free(naive_pool *pool, naive_holdings *h)
{
  give_back(pool, h->state);
  give_back(pool, h->blocks);
  h->known = 0;
}
