#include "sim/kv/kv_tier.h"

typedef struct resident {
  tw_kv_piece piece;
  tw_heap_node node;
} resident;

struct tw_kv_tier {
  gint64 capacity, bytes;
  void (*spilled)(void *user, const tw_kv_piece *piece);
  void *user;
  GHashTable *residents; /* the pieces by their chain */
  tw_heap oldest;
};

static void free_resident(gpointer r)
{
  g_slice_free(resident, r);
}

/* Chains are well mixed. */
static guint chain_hash(gconstpointer chain)
{
  return (guint) * (const guint64 *)chain;
}

tw_kv_tier *tw_kv_tier_new(gint64 capacity_bytes, void (*spilled)(void *user, const tw_kv_piece *piece),
                           void *user)
{
  tw_kv_tier *tier = g_new(tw_kv_tier, 1);
  *tier = (tw_kv_tier){.capacity = capacity_bytes,
                       .spilled = spilled,
                       .user = user,
                       .residents = g_hash_table_new_full(chain_hash, g_int64_equal, NULL, free_resident),
                       .oldest = TW_HEAP_INIT};
  return tier;
}

void tw_kv_tier_free(tw_kv_tier *tier)
{
  if (tier == NULL)
    return;
  tw_heap_clear(&tier->oldest);
  g_hash_table_unref(tier->residents);
  g_free(tier);
}

static void enter(tw_kv_tier *tier, resident *r)
{
  guint64 tie = (guint64)(G_MAXUINT32 - (guint32)r->piece.depth) << 32 | (guint32)(r->piece.chain >> 32);
  tw_heap_push(&tier->oldest, &r->node, r->piece.used_s, tie);
}

void tw_kv_tier_take(tw_kv_tier *tier, guint64 chain)
{
  resident *r = g_hash_table_lookup(tier->residents, &chain);
  if (r == NULL)
    return;
  tw_heap_remove(&tier->oldest, &r->node);
  tier->bytes -= r->piece.bytes;
  g_hash_table_remove(tier->residents, &chain);
}

/* One that has no bytes is worth nothing where it is the oldest: what it leads to has gone before it. */
static void spill(tw_kv_tier *tier)
{
  for (tw_heap_node *top; (top = tw_heap_top(&tier->oldest)) != NULL;) {
    tw_kv_piece piece = tw_container(top, resident, node)->piece;
    if (tier->bytes <= tier->capacity && piece.bytes > 0)
      return;
    tw_kv_tier_take(tier, piece.chain);
    if (tier->spilled != NULL)
      tier->spilled(tier->user, &piece);
  }
}

void tw_kv_tier_put(tw_kv_tier *tier, const tw_kv_piece *piece)
{
  resident *r = g_hash_table_lookup(tier->residents, &piece->chain);
  if (r != NULL) {
    if (piece->used_s <= r->piece.used_s)
      return;
    tw_heap_remove(&tier->oldest, &r->node);
    r->piece.used_s = piece->used_s;
    enter(tier, r);
  } else {
    r = g_slice_new(resident);
    *r = (resident){*piece, {.place = TW_HEAP_OUT}};
    tier->bytes += piece->bytes;
    g_hash_table_insert(tier->residents, &r->piece.chain, r);
    enter(tier, r);
  }
  spill(tier);
}

const tw_kv_piece *tw_kv_tier_find(const tw_kv_tier *tier, guint64 chain)
{
  const resident *r = g_hash_table_lookup(tier->residents, &chain);
  return r != NULL ? &r->piece : NULL;
}

gint64 tw_kv_tier_bytes(const tw_kv_tier *tier)
{
  return tier->bytes;
}

void tw_kv_tier_audit(const tw_kv_tier *tier)
{
  gint64 bytes = 0;
  guint n = g_hash_table_size(tier->residents);
  for (guint i = 0; i < tier->oldest.n; i++)
    bytes += tw_container(tier->oldest.nodes[i], resident, node)->piece.bytes;
  g_assert(n == tier->oldest.n && bytes == tier->bytes && bytes <= tier->capacity);
}
