/* An index of prompt prefixes: which engines have been sent which leading blocks, as a router remembers it.
 *
 *     chain of hash ids ──► [engine 3, sent at 12.5 s] ─ [engine 7, sent at 10.1 s]
 *
 * Every block of a prompt is known by the chain of ids up to it. Of each engine the blocks that were used
 * last are kept, up to a number of tokens, and none longer than a time to live: so the index may hold what
 * the engine has evicted, and lack what it still has. The work goes with the blocks of a prompt. */
#ifndef TW_SIM_PREFIX_INDEX_H
#define TW_SIM_PREFIX_INDEX_H

#include "workloads/request.h"

typedef struct tw_prefix_index tw_prefix_index;

/* An empty index for engines 0 to n − 1. INFINITY: no limit. */
tw_prefix_index *tw_prefix_index_new(int n_engines, double ttl_s, double tokens_per_engine);
void tw_prefix_index_free(tw_prefix_index *index);

/* An engine gets the blocks of a prompt, at an instant that does not fall from call to call; those of its
 * first `skip` tokens are left as they are. */
void tw_prefix_index_add(tw_prefix_index *index, const tw_request *request, int engine, gint64 skip,
                         double now_s);

/* Leading tokens of the prompt that each engine has, at most those of `most` tokens: fills tokens[n]. Returns
 * the longest of them. */
gint64 tw_prefix_index_match(const tw_prefix_index *index, const tw_request *request, gint64 most,
                             double now_s, gint64 *tokens);

/* The first token from `start` on whose block the engine has, G_MAXINT64 if it has none. */
gint64 tw_prefix_index_first(const tw_prefix_index *index, const tw_request *request, int engine,
                             gint64 start, double now_s);

/* Tokens of the blocks that an engine has. */
gint64 tw_prefix_index_tokens(const tw_prefix_index *index, int engine);

#endif
