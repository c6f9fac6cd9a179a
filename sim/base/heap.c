#include "sim/base/heap.h"

static gboolean before(const tw_heap_entry *a, const tw_heap_entry *b)
{
  return a->key < b->key || (a->key == b->key && a->tie < b->tie);
}

static void put(tw_heap *heap, guint place, const tw_heap_entry *entry)
{
  heap->entries[place] = *entry;
  entry->node->place = place;
}

static void sift_up(tw_heap *heap, guint place, const tw_heap_entry *entry)
{
  for (; place > 0 && before(entry, &heap->entries[(place - 1) / 2]); place = (place - 1) / 2)
    put(heap, place, &heap->entries[(place - 1) / 2]);
  put(heap, place, entry);
}

static void sift_down(tw_heap *heap, guint place, const tw_heap_entry *entry)
{
  for (guint child = 2 * place + 1; child < heap->n; child = 2 * place + 1) {
    if (child + 1 < heap->n && before(&heap->entries[child + 1], &heap->entries[child]))
      child++;
    if (!before(&heap->entries[child], entry))
      break;
    put(heap, place, &heap->entries[child]);
    place = child;
  }
  put(heap, place, entry);
}

static void settle(tw_heap *heap, guint place, tw_heap_entry entry)
{
  if (place > 0 && before(&entry, &heap->entries[(place - 1) / 2]))
    sift_up(heap, place, &entry);
  else
    sift_down(heap, place, &entry);
}

void tw_heap_push(tw_heap *heap, tw_heap_node *node, double key, guint64 tie)
{
  g_assert(!tw_heap_node_in(node));
  if (heap->n == heap->capacity) {
    heap->capacity = heap->capacity > 0 ? 2 * heap->capacity : 16;
    heap->entries = g_renew(tw_heap_entry, heap->entries, heap->capacity);
  }
  node->key = key;
  node->tie = tie;
  sift_up(heap, heap->n++, &(tw_heap_entry){key, tie, node});
}

void tw_heap_remove(tw_heap *heap, tw_heap_node *node)
{
  guint place = node->place;
  g_assert(place < heap->n && heap->entries[place].node == node);
  tw_heap_entry last = heap->entries[--heap->n];
  node->place = TW_HEAP_OUT;
  if (last.node != node)
    settle(heap, place, last);
}

void tw_heap_update(tw_heap *heap, tw_heap_node *node, double key)
{
  g_assert(node->place < heap->n && heap->entries[node->place].node == node);
  node->key = key;
  settle(heap, node->place, (tw_heap_entry){key, node->tie, node});
}

void tw_heap_clear(tw_heap *heap)
{
  g_free(heap->entries);
  *heap = (tw_heap)TW_HEAP_INIT;
}
