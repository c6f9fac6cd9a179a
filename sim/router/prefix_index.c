#include "sim/router/prefix_index.h"

#include "workloads/draw/chance.h"

#include <math.h>
#include <string.h>

typedef struct block block;

/* An engine's copy of a block. */
typedef struct copy {
  block *of;
  struct copy *next; /* the next copy of the same block, at another engine */
  int engine;
  double used_s;
  GList link; /* its place in the engine's queue, at whose end is the one that was used last */
} copy;

struct block {
  guint64 chain;
  gint64 tokens; /* number of prompt tokens that its hash id stands for */
  copy *copies;
};

struct tw_prefix_index {
  int n_engines;
  double ttl_s, tokens_per_engine;
  GHashTable *blocks; /* chain -> block */
  GQueue *queues;     /* copies that each engine has, least recently used first */
  gint64 *tokens;     /* number of tokens that each engine has */
};

tw_prefix_index *tw_prefix_index_new(int n_engines, double ttl_s, double tokens_per_engine)
{
  tw_prefix_index *index = g_new(tw_prefix_index, 1);
  *index = (tw_prefix_index){.n_engines = n_engines,
                             .ttl_s = ttl_s,
                             .tokens_per_engine = tokens_per_engine,
                             .blocks = g_hash_table_new(g_int64_hash, g_int64_equal),
                             .queues = g_new0(GQueue, (gsize)n_engines),
                             .tokens = g_new0(gint64, (gsize)n_engines)};
  return index;
}

static void drop(tw_prefix_index *index, copy *c)
{
  block *of = c->of;
  copy **at = &of->copies;
  while (*at != c)
    at = &(*at)->next;
  *at = c->next;
  index->tokens[c->engine] -= of->tokens;
  g_queue_unlink(&index->queues[c->engine], &c->link);
  g_slice_free(copy, c);
  if (of->copies != NULL)
    return;
  g_hash_table_remove(index->blocks, &of->chain);
  g_slice_free(block, of);
}

void tw_prefix_index_free(tw_prefix_index *index)
{
  if (index == NULL)
    return;
  for (int i = 0; i < index->n_engines; i++)
    while (index->queues[i].length > 0)
      drop(index, index->queues[i].head->data);
  g_hash_table_unref(index->blocks);
  g_free(index->queues);
  g_free(index->tokens);
  g_free(index);
}

/* ---- Chains: one id after the other ---- */

static guint64 chain_next(guint64 chain, const tw_request *request, int i)
{
  return tw_mix(chain + request->hashes[i] * TW_MIX_STEP + (guint64)request->hash_tokens);
}

static copy *copy_of(const block *b, int engine)
{
  copy *c = b != NULL ? b->copies : NULL;
  while (c != NULL && c->engine != engine)
    c = c->next;
  return c;
}

/* ---- Adding ---- */

static void use(tw_prefix_index *index, guint64 chain, gint64 tokens, int engine, double now_s)
{
  block *b = g_hash_table_lookup(index->blocks, &chain);
  if (b == NULL) {
    b = g_slice_new(block);
    *b = (block){chain, tokens, NULL};
    g_hash_table_insert(index->blocks, &b->chain, b);
  }
  GQueue *queue = &index->queues[engine];
  copy *c = copy_of(b, engine);
  if (c != NULL) {
    g_queue_unlink(queue, &c->link);
  } else {
    c = g_slice_new(copy);
    *c = (copy){.of = b, .next = b->copies, .engine = engine, .link = {.data = c}};
    b->copies = c;
    index->tokens[engine] += b->tokens;
  }
  c->used_s = now_s;
  g_queue_push_tail_link(queue, &c->link);
}

static gboolean lives(const tw_prefix_index *index, const copy *c, double now_s)
{
  return now_s - c->used_s < index->ttl_s;
}

void tw_prefix_index_add(tw_prefix_index *index, const tw_request *request, int engine, gint64 skip,
                         double now_s)
{
  guint64 chain = 0;
  GQueue *queue = &index->queues[engine];
  for (int i = 0; i < request->n_hashes; i++) {
    chain = chain_next(chain, request, i);
    if ((gint64)(i + 1) * request->hash_tokens > skip)
      use(index, chain, request->hash_tokens, engine, now_s);
  }
  while (queue->length > 0 && (!lives(index, queue->head->data, now_s) ||
                               (double)index->tokens[engine] > index->tokens_per_engine))
    drop(index, queue->head->data);
}

/* ---- Looking ---- */

gint64 tw_prefix_index_match(const tw_prefix_index *index, const tw_request *request, gint64 most,
                             double now_s, gint64 *tokens)
{
  guint64 chain = 0;
  gint64 longest = 0;
  memset(tokens, 0, (gsize)index->n_engines * sizeof *tokens);
  for (int i = 0; i < request->n_hashes && longest < most; i++) {
    gint64 before = longest;
    chain = chain_next(chain, request, i);
    const block *b = g_hash_table_lookup(index->blocks, &chain);
    for (const copy *c = b != NULL ? b->copies : NULL; c != NULL; c = c->next)
      if (tokens[c->engine] == before && lives(index, c, now_s))
        longest = tokens[c->engine] = MIN(MIN(before + b->tokens, request->prompt_tokens), most);
    if (longest == before)
      break;
  }
  return longest;
}

gint64 tw_prefix_index_first(const tw_prefix_index *index, const tw_request *request, int engine,
                             gint64 start, double now_s)
{
  guint64 chain = 0;
  for (int i = 0; i < request->n_hashes; i++) {
    chain = chain_next(chain, request, i);
    gint64 at = (gint64)i * request->hash_tokens;
    const copy *c = at + request->hash_tokens > start
                        ? copy_of(g_hash_table_lookup(index->blocks, &chain), engine)
                        : NULL;
    if (c != NULL && lives(index, c, now_s))
      return MAX(at, start);
  }
  return G_MAXINT64;
}

gint64 tw_prefix_index_tokens(const tw_prefix_index *index, int engine)
{
  return index->tokens[engine];
}
