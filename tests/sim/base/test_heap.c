/* The heap against a twin that searches all its items. */
#include "sim/base/heap.h"
#include "tests/check.h"
#include "workloads/draw/chance.h"

enum { ITEMS = 64, OPERATIONS = 200000 };

typedef struct item {
  int name;
  tw_heap_node node;
} item;

static item *least(item *items)
{
  item *best = NULL;
  for (int i = 0; i < ITEMS; i++) {
    tw_heap_node *node = &items[i].node;
    if (tw_heap_node_in(node) && (best == NULL || node->key < best->node.key ||
                                  (node->key == best->node.key && node->tie < best->node.tie)))
      best = &items[i];
  }
  return best;
}

/* Few keys, so that ties are many. */
static double random_key(tw_chance *chance)
{
  return (double)tw_chance_below(chance, 8);
}

static void the_top_is_the_least_of_all_after_random_operations(void **state)
{
  (void)state;
  tw_chance chance = tw_chance_new(1, "heap");
  tw_heap heap = TW_HEAP_INIT;
  item items[ITEMS];
  guint inside = 0;
  for (int i = 0; i < ITEMS; i++)
    items[i] = (item){i, {.place = TW_HEAP_OUT}};
  for (int k = 0; k < OPERATIONS; k++) {
    item *one = &items[tw_chance_below(&chance, ITEMS)];
    if (!tw_heap_node_in(&one->node)) {
      tw_heap_push(&heap, &one->node, random_key(&chance), (guint64)one->name);
      inside++;
    } else if (tw_chance_below(&chance, 2) == 0) {
      tw_heap_update(&heap, &one->node, random_key(&chance));
    } else {
      tw_heap_remove(&heap, &one->node);
      inside--;
    }
    assert_int_equal(heap.n, inside);
    item *top = least(items);
    assert_ptr_equal(tw_heap_top(&heap), top != NULL ? &top->node : NULL);
    if (top != NULL)
      assert_int_equal(tw_container(tw_heap_top(&heap), item, node)->name, top->name);
  }
  tw_heap_clear(&heap);
}

static void equal_keys_leave_in_the_order_of_their_ties(void **state)
{
  (void)state;
  static const guint64 ties[] = {3, 0, 4, 1, 2};
  tw_heap heap = TW_HEAP_INIT;
  tw_heap_node nodes[5];
  for (int i = 0; i < 5; i++) {
    nodes[i] = (tw_heap_node){.place = TW_HEAP_OUT};
    tw_heap_push(&heap, &nodes[i], 1, ties[i]);
  }
  for (guint64 tie = 0; tie < 5; tie++) {
    assert_int_equal(tw_heap_top(&heap)->tie, tie);
    tw_heap_remove(&heap, tw_heap_top(&heap));
  }
  assert_null(tw_heap_top(&heap));
  tw_heap_clear(&heap);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_top_is_the_least_of_all_after_random_operations),
      cmocka_unit_test(equal_keys_leave_in_the_order_of_their_ties),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
