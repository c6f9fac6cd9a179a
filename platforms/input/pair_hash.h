/* The hash of a pair of whole numbers, packed into a gint64: one in the upper half, one in the lower. GLib's own hash
 * of a gint64 leaves out the upper half or adds it to the lower, so that many pairs share a value. */
#ifndef TW_PLATFORMS_PAIR_HASH_H
#define TW_PLATFORMS_PAIR_HASH_H

#include <glib.h>

/* Fibonacci hashing (Knuth, The Art of Computer Programming, volume 3, section 6.4). */
static inline guint tw_pair_hash(gconstpointer pair)
{
  return (guint)((*(const guint64 *)pair * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15)) >> 32);
}

#endif
