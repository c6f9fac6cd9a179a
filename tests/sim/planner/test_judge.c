/* Which of two designs is the better one. */
#include "sim/planner/judge.h"
#include "tests/check.h"

#include <math.h>

/* Whether the first of two designs comes first, by which they differ. */
static void assert_better(const tw_design *better, const tw_design *worse)
{
  assert_true(tw_judge_compare(&better, &worse) < 0);
  assert_true(tw_judge_compare(&worse, &better) > 0);
}

/* What is built counts before what is left: of two designs that serve the same load on as many accelerators, the one with less
 * memory of hosts is better, whatever the margins; and more load is worth any memory. */
static void memory_of_hosts_is_not_for_nothing(void **state)
{
  (void)state;
  const tw_site_facts facts = {.unit = 8};
  tw_design much = {.name = "a", .facts = &facts, .host_bytes = 1e12, .score = -5, .margin = 0.5};
  tw_design little = {.name = "b", .facts = &facts, .host_bytes = 1e11, .score = -5, .margin = 0.1};
  tw_design none = {.name = "c", .facts = &facts, .host_bytes = NAN, .score = -5, .margin = 0.1};
  much.bracket.holds = little.bracket.holds = none.bracket.holds = 1;
  assert_better(&little, &much);
  assert_better(&none, &little);
  much.score = -6;
  assert_better(&much, &none);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(memory_of_hosts_is_not_for_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
