/* SGLang's radix cache as a tree of nodes that hold tokens one by one, for the naive twin of its scheduler. */
#ifndef TW_TESTS_SIM_NAIVE_RADIX_H
#define TW_TESTS_SIM_NAIVE_RADIX_H

#include <glib.h>

typedef struct naive_node naive_node;
struct naive_node {
  naive_node *parent;
  GArray *key; /* Elements are guint64, one a token. */
  GPtrArray *children;
  int locks;
  guint64 access;
};

typedef struct naive_radix {
  naive_node root;
  gint64 page, pages, idle_pages; /* Tokens of a page; pages of all nodes, and of those without locks. */
  guint64 clock;
} naive_radix;

/* The node at the end of the longest way of `tokens` down the tree, in whole pages. */
naive_node *naive_radix_match(naive_radix *t, const guint64 *tokens, gint64 n, gint64 *matched);
/* Inserts `tokens`. Returns the node at their end, and how many of them were there before. */
naive_node *naive_radix_insert(naive_radix *t, const guint64 *tokens, gint64 n, gint64 *matched);
/* Adds `change` to the locks of a node and of all above it. */
void naive_radix_lock(naive_radix *t, naive_node *n, int change);
/* Removes the leaves that nobody locks, the longest unused first, until so many pages are free. */
void naive_radix_evict(naive_radix *t, gint64 pages);
/* Frees all nodes below one. */
void naive_radix_clear(naive_node *n);

#endif
