/* Paths of KV caches: which endpoints a cache goes between, and how much of it, when it moves between two ranks of
 * engines. */
#ifndef TW_SIM_KV_PATHS_H
#define TW_SIM_KV_PATHS_H

#include "sim/site/part.h"

/* The share of a cache that goes between two endpoints. */
typedef struct tw_kv_share {
  int from, to;
  double fraction; /* relative to one copy of the cache; more than 1 in all where ranks hold copies */
} tw_kv_share;

typedef struct tw_kv_path {
  GArray *shares;         /* array of tw_kv_share, between different hosts */
  double inside_fraction; /* the most that an accelerator takes from its own host */
} tw_kv_path;

typedef struct tw_kv_paths tw_kv_paths;

/* `seats` are borrowed. */
tw_kv_paths *tw_kv_paths_new(const tw_seat *seats, int n_engines, const tw_network *network);
void tw_kv_paths_free(tw_kv_paths *paths);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_kv_paths, tw_kv_paths_free)

/* From a rank of one engine to a rank of another. Lent. */
const tw_kv_path *tw_kv_paths_find(tw_kv_paths *paths, int from, int from_rank, int to, int to_rank);
/* How long the KV of `tokens` tokens would take between two engines, alone on its route. */
double tw_kv_paths_estimate_s(tw_kv_paths *paths, int from, int to, gint64 tokens);

/* The bytes of one copy of the KV of a prompt, and of the state behind it; layers with a window keep no more than it. The
 * KV of draft layers goes along to engines that have them. */
double tw_kv_cache_bytes(const tw_pool *pool, const tw_pool *to, gint64 tokens);
/* Seconds of what moves inside hosts, of so many bytes of a cache, at the scale-up rate of the pool that takes it. */
double tw_kv_path_inside_s(const tw_kv_path *path, const tw_pool *pool, double bytes);

#endif
