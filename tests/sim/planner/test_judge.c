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

/* Of two designs that serve the same load on as many accelerators, 12.4 and 12.0 % of the nearest limit are left alike, so that
 * the one with fewer joules for a token is better. With 17 % left it is not, whatever it takes, and neither where 78 and
 * 55 % of the requests keep the SLO on one rack fewer: the joules are cents, the racks that more load wants are not. */
static void a_point_of_margin_is_not_worth_joules(void **state)
{
  (void)state;
  const tw_site_facts facts = {.unit = 72};
  tw_design dear = {.name = "a", .facts = &facts, .host_bytes = NAN, .score = 3, .margin = 0.124};
  tw_design cheap = {.name = "b", .facts = &facts, .host_bytes = NAN, .score = 3, .margin = 0.120};
  dear.bracket.holds = cheap.bracket.holds = 3;
  dear.best = json_pack("{s{sf}}", "energy", "j_per_output_token", 3.79);
  cheap.best = json_pack("{s{sf}}", "energy", "j_per_output_token", 2.98);
  assert_better(&cheap, &dear);
  dear.margin = 0.17;
  assert_better(&dear, &cheap);
  dear.margin = 0.124;
  dear.broken = json_pack("{s{sf}}", "slo", "attainment", 0.783);
  cheap.broken = json_pack("{s{sf}}", "slo", "attainment", 0.548);
  assert_better(&dear, &cheap);
  json_decref(dear.broken);
  json_decref(cheap.broken);
  json_decref(dear.best);
  json_decref(cheap.best);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_point_of_margin_is_not_worth_joules),
      cmocka_unit_test(memory_of_hosts_is_not_for_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
