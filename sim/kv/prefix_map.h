/* One map of the beginnings of prompts that many prefix caches may hold, so that whoever looks for a
 * prefix need not search caches that hold nothing of it.
 *
 *     chain of ids up to a node's first one ──► [cache 3, its node ends at 512] [cache 7, 2048]
 *
 * A node's ids behind its first are not compared: what the map says is the most that a cache may hold, never less than
 * what a search finds. Evictions that a cache has still to carry out make it more, too. The work for a prompt goes with its
 * ids and with the caches that hold its first ones; for a change of a cache it goes with the nodes that change. */
#ifndef TW_SIM_PREFIX_MAP_H
#define TW_SIM_PREFIX_MAP_H

#include "sim/kv/prefix_cache.h"

tw_prefix_map *tw_prefix_map_new(void);
/* Caches leave the map as they are cleared: none is in it any more. */
void tw_prefix_map_free(tw_prefix_map *map);

/* Raises tokens[place] of each cache that may hold a beginning of the prompt to the most tokens of it that need not be
 * computed there. */
void tw_prefix_map_bound(const tw_prefix_map *map, const tw_request *request, gint64 *tokens);

/* For the caches: a node with ids has come, on the way of a request; it ends elsewhere; it is split, and `head` is its
 * beginning up to id `gone`, with all its ids still in `node`; it goes. Nothing happens to caches without a map. */
void tw_prefix_map_enter(const tw_prefix_cache *cache, tw_prefix_node *node, const tw_request *request);
void tw_prefix_map_end(const tw_prefix_node *node);
void tw_prefix_map_split(const tw_prefix_cache *cache, tw_prefix_node *node, tw_prefix_node *head,
                         gint64 gone);
void tw_prefix_map_leave(const tw_prefix_cache *cache, tw_prefix_node *node);

#endif
