#include "sim/base/heap.h"

static gboolean before(const tw_heap_node *a, const tw_heap_node *b)
{
  return a->key < b->key || (a->key == b->key && a->tie < b->tie);
}

static void put(tw_heap *heap, guint place, tw_heap_node *node)
{
  heap->nodes[place] = node;
  node->place = place;
}

static void sift_up(tw_heap *heap, guint place, tw_heap_node *node)
{
  for (; place > 0 && before(node, heap->nodes[(place - 1) / 2]); place = (place - 1) / 2)
    put(heap, place, heap->nodes[(place - 1) / 2]);
  put(heap, place, node);
}

static void sift_down(tw_heap *heap, guint place, tw_heap_node *node)
{
  for (guint child = 2 * place + 1; child < heap->n; child = 2 * place + 1) {
    if (child + 1 < heap->n && before(heap->nodes[child + 1], heap->nodes[child]))
      child++;
    if (!before(heap->nodes[child], node))
      break;
    put(heap, place, heap->nodes[child]);
    place = child;
  }
  put(heap, place, node);
}

static void settle(tw_heap *heap, guint place, tw_heap_node *node)
{
  if (place > 0 && before(node, heap->nodes[(place - 1) / 2]))
    sift_up(heap, place, node);
  else
    sift_down(heap, place, node);
}

void tw_heap_push(tw_heap *heap, tw_heap_node *node, double key, guint64 tie)
{
  g_assert(!tw_heap_node_in(node));
  if (heap->n == heap->capacity) {
    heap->capacity = heap->capacity > 0 ? 2 * heap->capacity : 16;
    heap->nodes = g_renew(tw_heap_node *, heap->nodes, heap->capacity);
  }
  node->key = key;
  node->tie = tie;
  sift_up(heap, heap->n++, node);
}

void tw_heap_remove(tw_heap *heap, tw_heap_node *node)
{
  guint place = node->place;
  g_assert(place < heap->n && heap->nodes[place] == node);
  tw_heap_node *last = heap->nodes[--heap->n];
  node->place = TW_HEAP_OUT;
  if (last != node)
    settle(heap, place, last);
}

void tw_heap_update(tw_heap *heap, tw_heap_node *node, double key)
{
  g_assert(node->place < heap->n && heap->nodes[node->place] == node);
  node->key = key;
  settle(heap, node->place, node);
}

void tw_heap_clear(tw_heap *heap)
{
  g_free(heap->nodes);
  *heap = (tw_heap)TW_HEAP_INIT;
}
