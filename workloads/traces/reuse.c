#include "workloads/traces/reuse.h"

#include <math.h>

enum { BUCKETS = 16 * 80, LEAST_PLACES = 1024 };

typedef struct place {
  guint64 block; /* meaningless where `tokens` is 0: it was given up */
  gint64 tokens;
  double used_s;
} place;

/* Tokens by the logarithm of a distance. */
typedef struct spread {
  double tokens[BUCKETS], sum;
} spread;

struct tw_reuse {
  GHashTable *at; /* number of the place, from 1 on, by block, owned */
  GArray *places; /* elements are place; the first is unused */
  gint64 *sums;   /* the tree over all places, and room for as many more */
  guint room;
  gint64 live_tokens;
  spread by_tokens, by_s;
};

tw_reuse *tw_reuse_new(void)
{
  tw_reuse *reuse = g_new0(tw_reuse, 1);
  reuse->at = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
  reuse->places = g_array_new(FALSE, TRUE, sizeof(place));
  g_array_set_size(reuse->places, 1);
  reuse->room = LEAST_PLACES;
  reuse->sums = g_new0(gint64, reuse->room);
  return reuse;
}

void tw_reuse_free(tw_reuse *reuse)
{
  if (reuse == NULL)
    return;
  g_hash_table_unref(reuse->at);
  g_array_unref(reuse->places);
  g_free(reuse->sums);
  g_free(reuse);
}

static void add_to(tw_reuse *reuse, guint at, gint64 tokens)
{
  for (; at < reuse->room; at += at & -at)
    reuse->sums[at] += tokens;
}

static gint64 sum_up_to(const tw_reuse *reuse, guint at)
{
  gint64 sum = 0;
  for (; at > 0; at -= at & -at)
    sum += reuse->sums[at];
  return sum;
}

/* Takes out the places that were given up, and makes room for as many as there are. */
static void make_room(tw_reuse *reuse)
{
  place *places = (place *)(void *)reuse->places->data;
  guint kept = 1;
  for (guint i = 1; i < reuse->places->len; i++)
    if (places[i].tokens > 0)
      places[kept++] = places[i];
  g_array_set_size(reuse->places, kept);
  reuse->room = MAX(2 * kept, LEAST_PLACES);
  g_free(reuse->sums);
  reuse->sums = g_new0(gint64, reuse->room);
  for (guint i = 1; i < kept; i++) {
    const place *p = &g_array_index(reuse->places, place, i);
    g_hash_table_replace(reuse->at, g_memdup2(&p->block, sizeof p->block), GUINT_TO_POINTER(i));
    add_to(reuse, i, p->tokens);
  }
}

static void count(spread *all, double value, double tokens)
{
  int bucket = value > 1 ? (int)ceil(16 * log2(value)) : 0;
  all->tokens[MIN(bucket, BUCKETS - 1)] += tokens;
  all->sum += tokens;
}

void tw_reuse_add(tw_reuse *reuse, guint64 block, gint64 tokens, double now_s, gboolean hit)
{
  guint before = GPOINTER_TO_UINT(g_hash_table_lookup(reuse->at, &block));
  if (before > 0) {
    place *p = &g_array_index(reuse->places, place, before);
    if (hit) {
      count(&reuse->by_tokens, (double)(reuse->live_tokens - sum_up_to(reuse, before) + p->tokens),
            (double)tokens);
      count(&reuse->by_s, now_s - p->used_s, (double)tokens);
    }
    add_to(reuse, before, -p->tokens);
    reuse->live_tokens -= p->tokens;
    p->tokens = 0;
  }
  if (reuse->places->len == reuse->room)
    make_room(reuse);
  place last = {block, tokens, now_s};
  guint at = reuse->places->len;
  g_array_append_val(reuse->places, last);
  add_to(reuse, at, tokens);
  reuse->live_tokens += tokens;
  g_hash_table_insert(reuse->at, g_memdup2(&block, sizeof block), GUINT_TO_POINTER(at));
}

static double up_to(const spread *all, double share)
{
  double tokens = 0;
  for (int i = 0; i < BUCKETS && all->sum > 0; i++) {
    tokens += all->tokens[i];
    if (tokens >= share * all->sum)
      return exp2(i / 16.0);
  }
  return 0;
}

void tw_reuse_read(const tw_reuse *reuse, tw_reuse_facts *facts)
{
  *facts = (tw_reuse_facts){.p50_tokens = up_to(&reuse->by_tokens, 0.5),
                            .p90_tokens = up_to(&reuse->by_tokens, 0.9),
                            .p99_tokens = up_to(&reuse->by_tokens, 0.99),
                            .p50_s = up_to(&reuse->by_s, 0.5),
                            .p90_s = up_to(&reuse->by_s, 0.9),
                            .p99_s = up_to(&reuse->by_s, 0.99)};
}
