/* A binary heap whose items know their place, so that any of them can be moved or taken out in O(log n).
 *
 * Items are ordered by key, then by tie; both are set when an item goes in. An item embeds a tw_heap_node and
 * is found again with its container's offset. Equal (key, tie) pairs must not be put in. */
#ifndef TW_SIM_HEAP_H
#define TW_SIM_HEAP_H

#include <glib.h>

#include <math.h>

#define TW_HEAP_OUT G_MAXUINT

typedef struct tw_heap_node {
  double key;
  guint64 tie;
  guint place; /* index in the heap, TW_HEAP_OUT if in none: initialise it so */
} tw_heap_node;

/* An item's key and tie stand beside it, so that comparing leaves the items' memory alone. */
typedef struct tw_heap_entry {
  double key;
  guint64 tie;
  tw_heap_node *node;
} tw_heap_entry;

typedef struct tw_heap {
  tw_heap_entry *entries;
  guint n, capacity;
} tw_heap;

#define TW_HEAP_INIT                                                                                         \
  {                                                                                                          \
    NULL, 0, 0                                                                                               \
  }
void tw_heap_clear(tw_heap *heap); /* frees the heap's own memory, not the items */

void tw_heap_push(tw_heap *heap, tw_heap_node *node, double key, guint64 tie);
void tw_heap_remove(tw_heap *heap, tw_heap_node *node);
/* Gives a node that is in the heap another key. */
void tw_heap_update(tw_heap *heap, tw_heap_node *node, double key);

static inline tw_heap_node *tw_heap_top(const tw_heap *heap)
{
  return heap->n > 0 ? heap->entries[0].node : NULL;
}

/* The key of the top, which leaves its item's memory alone; INFINITY where there is none. */
static inline double tw_heap_first(const tw_heap *heap)
{
  return heap->n > 0 ? heap->entries[0].key : INFINITY;
}

static inline gboolean tw_heap_node_in(const tw_heap_node *node)
{
  return node->place != TW_HEAP_OUT;
}

/* The struct of `type` that embeds `node` as `member`. */
#define tw_container(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

#endif
