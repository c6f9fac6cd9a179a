#include "sim/kv/kv_tier.h"

#include <math.h>

/* The queues of a tier. */
enum { PROBATION, MAIN, QUEUES };

typedef struct resident {
  tw_kv_piece piece;
  tw_kv_use use;
  int queue;
  tw_heap_node node;
} resident;

/* A piece that is remembered without being held. */
typedef struct memory {
  guint64 chain;
  gint64 bytes;
  GList link;
} memory;

struct tw_kv_tier {
  tw_kv_tier_config config;
  const tw_kv_policy *policy;
  GHashTable *residents; /* the pieces by their chain */
  tw_heap queues[QUEUES];
  gint64 bytes[QUEUES];
  GHashTable *remembered; /* by chain; NULL: nothing is */
  GQueue memories;        /* The remembered pieces, the oldest first. */
  gint64 remembered_bytes, most_remembered_bytes;
};

static void free_resident(gpointer r)
{
  g_slice_free(resident, r);
}

static void free_memory(gpointer m)
{
  g_slice_free(memory, m);
}

/* Chains are well mixed. */
static guint chain_hash(gconstpointer chain)
{
  return (guint) * (const guint64 *)chain;
}

tw_kv_tier *tw_kv_tier_new(const tw_kv_tier_config *config)
{
  tw_kv_tier *tier = g_new(tw_kv_tier, 1);
  *tier = (tw_kv_tier){.config = *config,
                       .policy = &tw_kv_policies[config->policy],
                       .residents = g_hash_table_new_full(chain_hash, g_int64_equal, NULL, free_resident),
                       .queues = {TW_HEAP_INIT, TW_HEAP_INIT},
                       .memories = G_QUEUE_INIT};
  double remembered = config->admission == TW_KV_ADMIT_SECOND_USE ? 1 : tier->policy->remembered;
  tier->most_remembered_bytes = (gint64)(remembered * (double)config->capacity_bytes);
  if (remembered > 0)
    tier->remembered = g_hash_table_new_full(chain_hash, g_int64_equal, NULL, free_memory);
  return tier;
}

void tw_kv_tier_free(tw_kv_tier *tier)
{
  if (tier == NULL)
    return;
  for (int q = 0; q < QUEUES; q++)
    tw_heap_clear(&tier->queues[q]);
  g_hash_table_unref(tier->residents);
  g_clear_pointer(&tier->remembered, g_hash_table_unref);
  g_free(tier);
}

/* ---- What is remembered ---- */

static void forget(tw_kv_tier *tier, memory *m)
{
  g_queue_unlink(&tier->memories, &m->link);
  tier->remembered_bytes -= m->bytes;
  g_hash_table_remove(tier->remembered, &m->chain);
}

static void remember(tw_kv_tier *tier, const tw_kv_piece *piece)
{
  memory *m = g_slice_new(memory);
  *m = (memory){.chain = piece->chain, .bytes = piece->bytes, .link = {.data = m}};
  g_hash_table_insert(tier->remembered, &m->chain, m);
  g_queue_push_tail_link(&tier->memories, &m->link);
  tier->remembered_bytes += m->bytes;
  while (tier->remembered_bytes > tier->most_remembered_bytes)
    forget(tier, g_queue_peek_head(&tier->memories));
}

/* Whether a piece is remembered; then it is no longer, as it comes in. */
static gboolean recall(tw_kv_tier *tier, guint64 chain)
{
  memory *m = tier->remembered != NULL ? g_hash_table_lookup(tier->remembered, &chain) : NULL;
  if (m == NULL)
    return FALSE;
  forget(tier, m);
  return TRUE;
}

/* ---- What is held ---- */

static void enter(tw_kv_tier *tier, resident *r)
{
  guint64 tie = (guint64)(G_MAXUINT32 - (guint32)r->piece.depth) << 32 | (guint32)(r->piece.chain >> 32);
  double key = r->queue == PROBATION ? r->use.entered_s : tier->policy->key(&r->use);
  tw_heap_push(&tier->queues[r->queue], &r->node, key, tie);
}

static void take(tw_kv_tier *tier, resident *r)
{
  tw_heap_remove(&tier->queues[r->queue], &r->node);
  tier->bytes[r->queue] -= r->piece.bytes;
  g_hash_table_remove(tier->residents, &r->piece.chain);
}

void tw_kv_tier_take(tw_kv_tier *tier, guint64 chain)
{
  resident *r = g_hash_table_lookup(tier->residents, &chain);
  if (r != NULL)
    take(tier, r);
}

/* The queue of which the next piece goes. */
static int queue_to_take_from(const tw_kv_tier *tier)
{
  double share = tier->policy->probation * (double)tier->config.capacity_bytes;
  gboolean first =
      tier->queues[PROBATION].n > 0 && ((double)tier->bytes[PROBATION] > share || tier->queues[MAIN].n == 0);
  return first ? PROBATION : MAIN;
}

/* One that has no bytes is worth nothing where it is the oldest: what it leads to has gone before it. */
static void spill(tw_kv_tier *tier)
{
  for (;;) {
    int queue = queue_to_take_from(tier);
    tw_heap_node *top = tw_heap_top(&tier->queues[queue]);
    if (top == NULL)
      return;
    resident *r = tw_container(top, resident, node);
    tw_kv_piece piece = r->piece;
    if (tw_kv_tier_bytes(tier) <= tier->config.capacity_bytes && piece.bytes > 0)
      return;
    take(tier, r);
    if (queue == PROBATION && tier->remembered != NULL)
      remember(tier, &piece);
    if (tier->config.spilled != NULL)
      tier->config.spilled(tier->config.user, &piece);
  }
}

static void renew(tw_kv_tier *tier, resident *r, double used_s)
{
  tw_heap_remove(&tier->queues[r->queue], &r->node);
  r->piece.used_s = r->use.used_s = used_s;
  r->use.uses++;
  enter(tier, r);
}

/* A new piece comes in, where the admission lets it. */
static gboolean take_in(tw_kv_tier *tier, const tw_kv_piece *piece)
{
  gboolean known = recall(tier, piece->chain);
  if (tier->config.admission == TW_KV_ADMIT_SECOND_USE && !known && !piece->fetched) {
    remember(tier, piece);
    return FALSE;
  }
  resident *r = g_slice_new(resident);
  *r = (resident){.piece = *piece,
                  .use = {piece->used_s, piece->used_s, 1},
                  .queue = tier->policy->probation > 0 && !known ? PROBATION : MAIN,
                  .node = {.place = TW_HEAP_OUT}};
  tier->bytes[r->queue] += piece->bytes;
  g_hash_table_insert(tier->residents, &r->piece.chain, r);
  enter(tier, r);
  return TRUE;
}

/* Whether a piece was used too long ago. */
static gboolean is_over(const tw_kv_tier *tier, const resident *r, double now_s)
{
  return tier->config.ttl_s > 0 && now_s - r->piece.used_s > tier->config.ttl_s;
}

gboolean tw_kv_tier_put(tw_kv_tier *tier, const tw_kv_piece *piece)
{
  resident *r = g_hash_table_lookup(tier->residents, &piece->chain);
  gboolean new = FALSE;
  if (r != NULL && is_over(tier, r, piece->used_s)) {
    take(tier, r);
    r = NULL;
  }
  if (r == NULL)
    new = take_in(tier, piece);
  else if (piece->used_s > r->piece.used_s)
    renew(tier, r, piece->used_s);
  else
    return FALSE;
  spill(tier);
  return new;
}

const tw_kv_piece *tw_kv_tier_find(const tw_kv_tier *tier, guint64 chain, double now_s)
{
  const resident *r = g_hash_table_lookup(tier->residents, &chain);
  return r != NULL && r->piece.ready_s <= now_s && !is_over(tier, r, now_s) ? &r->piece : NULL;
}

void tw_kv_tier_written(tw_kv_tier *tier, guint64 chain, double now_s)
{
  resident *r = g_hash_table_lookup(tier->residents, &chain);
  if (r != NULL)
    r->piece.ready_s = fmin(r->piece.ready_s, now_s);
}

void tw_kv_tier_keep(tw_kv_tier *tier, guint64 chain)
{
  resident *r = g_hash_table_lookup(tier->residents, &chain);
  if (r != NULL)
    r->piece.fetched = FALSE;
}

gint64 tw_kv_tier_bytes(const tw_kv_tier *tier)
{
  return tier->bytes[PROBATION] + tier->bytes[MAIN];
}

void tw_kv_tier_audit(const tw_kv_tier *tier)
{
  guint n = 0;
  for (int q = 0; q < QUEUES; q++) {
    gint64 bytes = 0;
    for (guint i = 0; i < tier->queues[q].n; i++)
      bytes += tw_container(tier->queues[q].entries[i].node, resident, node)->piece.bytes;
    g_assert(bytes == tier->bytes[q]);
    n += tier->queues[q].n;
  }
  g_assert(n == g_hash_table_size(tier->residents));
  g_assert(tw_kv_tier_bytes(tier) <= tier->config.capacity_bytes);
}
