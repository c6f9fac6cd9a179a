/* Sorting rows in memory that does not hold them. */
#include "tests/workloads/given.h"
#include "workloads/draw/chance.h"
#include "workloads/traces/row_sorter.h"

enum { ROWS = 20000, GROUPS = 3 };

static void check_sorted(gsize memory_bytes)
{
  g_autoptr(tw_row_sorter) sorter = tw_row_sorter_new(memory_bytes);
  tw_chance chance = tw_chance_new(1, "rows");
  for (int i = 0; i < ROWS; i++) {
    guint64 id = (guint64)i;
    tw_trace_row row = TW_TRACE_ROW_EMPTY;
    row.request = (tw_request){.arrival_s = floor(tw_chance_uniform(&chance) * 100),
                               .prompt_tokens = i + 1,
                               .n_hashes = 1,
                               .hash_tokens = 16,
                               .hashes = g_memdup2(&id, sizeof id),
                               .session = g_strdup_printf("s%d", i)};
    tw_trace_row_wait(&row, "other", TRUE, 1.5);
    assert_true(tw_row_sorter_add(sorter, &row, (guint64)(i % GROUPS), NULL));
    tw_trace_row_clear(&row);
  }
  for (int pass = 0; pass < 2; pass++) { /* a second pass gives the same */
    assert_true(tw_row_sorter_rewind(sorter, NULL));
    guint64 group = 0, previous_group = 0;
    double previous_s = -1;
    gint32 previous = 0;
    int n = 0;
    for (tw_trace_row row; tw_row_sorter_next(sorter, &row, &group, NULL); tw_trace_row_clear(&row), n++) {
      gint32 i = row.request.prompt_tokens - 1;
      g_autofree char *session = g_strdup_printf("s%d", i);
      assert_int_equal(group, i % GROUPS);
      assert_string_equal(row.request.session, session);
      assert_int_equal(row.request.hashes[0], i);
      assert_true(row.n_waits == 1 && row.waits[0].for_start && g_str_equal(row.waits[0].name, "other"));
      if (n > 0 && group == previous_group) {
        assert_true(row.request.arrival_s >= previous_s);
        assert_true(row.request.arrival_s > previous_s || i > previous); /* stable */
      } else {
        assert_true(n == 0 || group == previous_group + 1);
      }
      previous_group = group;
      previous_s = row.request.arrival_s;
      previous = i;
    }
    assert_int_equal(n, ROWS);
  }
}

static void rows_are_sorted_in_memory(void **state)
{
  (void)state;
  check_sorted(TW_ROW_SORTER_BYTES);
}

/* Rows take over 200 bytes, so that this makes some 80 pieces, which are merged on the way once. */
static void rows_are_sorted_through_files(void **state)
{
  (void)state;
  check_sorted(50000);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_are_sorted_in_memory),
      cmocka_unit_test(rows_are_sorted_through_files),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
