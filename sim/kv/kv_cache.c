#include "sim/kv/kv_cache.h"

void tw_kv_cache_init(tw_kv_cache *kv, gint64 total_blocks, gint64 block_tokens)
{
  *kv = (tw_kv_cache){total_blocks, 0, block_tokens, 0, g_new0(gint64, (gsize)block_tokens)};
}

void tw_kv_cache_clear(tw_kv_cache *kv)
{
  g_clear_pointer(&kv->phase, g_free);
}

/* q − tokens mod block_tokens, not negative: it stays the same while both grow together. */
static gint64 *phase_of(const tw_kv_cache *kv, gint64 q, gint64 tokens)
{
  gint64 phase = (q - tokens) % kv->block_tokens;
  return &kv->phase[phase < 0 ? phase + kv->block_tokens : phase];
}

void tw_kv_join(tw_kv_cache *kv, gint64 q, gint64 tokens)
{
  kv->sequences++;
  ++*phase_of(kv, q, tokens);
}

void tw_kv_leave(tw_kv_cache *kv, gint64 q, gint64 tokens)
{
  kv->sequences--;
  --*phase_of(kv, q, tokens);
}

gint64 tw_kv_need(const tw_kv_cache *kv, gint64 q, gint64 j)
{
  gint64 need = j / kv->block_tokens * kv->sequences, at = q % kv->block_tokens;
  for (gint64 i = j % kv->block_tokens; i > 0; i--) {
    need += kv->phase[at];
    at = at + 1 == kv->block_tokens ? 0 : at + 1;
  }
  return need;
}

gint64 tw_kv_room(const tw_kv_cache *kv, gint64 q, gint64 blocks)
{
  if (kv->sequences == 0)
    return G_MAXINT64;
  gint64 left = blocks, rounds = left / kv->sequences, at = q % kv->block_tokens;
  left -= rounds * kv->sequences;
  gint64 room = rounds * kv->block_tokens;
  for (; left >= kv->phase[at]; room++) {
    left -= kv->phase[at];
    at = at + 1 == kv->block_tokens ? 0 : at + 1;
  }
  return room;
}
