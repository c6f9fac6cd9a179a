/* Convoys: which flows that start together need no simulation, and how long they take. */
#include "sim/network/flows/convoys.h"
#include "tests/check.h"
#include "workloads/draw/chance.h"

#include <math.h>

static void a_flow_alone_is_a_convoy_at_the_rate_of_its_slowest_link(void **state)
{
  (void)state;
  g_autoptr(tw_convoys) convoys = tw_convoys_new(2, (double[]){10, 4}, (gboolean[]){TRUE, FALSE});
  tw_convoy_flow flow = {40, (int[]){0, 1}, 2, 0};
  assert_int_equal(tw_convoys_part(convoys, &flow, 1), 1);
  assert_near(tw_convoys_seconds(convoys, flow.set), 10, 1e-12); /* 40 / 4 */
}

static void flows_that_share_no_link_are_sets_of_their_own(void **state)
{
  (void)state;
  g_autoptr(tw_convoys) convoys = tw_convoys_new(3, (double[]){10, 20, 5}, (gboolean[]){TRUE, TRUE, FALSE});
  /* Link 2 limits each of them by itself, and joins nobody. */
  tw_convoy_flow flows[] = {{10, (int[]){0, 2}, 2, 0}, {10, (int[]){1, 2}, 2, 0}};
  assert_int_equal(tw_convoys_part(convoys, flows, 2), 2);
  assert_near(tw_convoys_seconds(convoys, flows[0].set), 2, 1e-12);
  assert_near(tw_convoys_seconds(convoys, flows[1].set), 2, 1e-12);
}

static void equal_flows_on_one_link_are_a_convoy_and_unequal_ones_are_not(void **state)
{
  (void)state;
  g_autoptr(tw_convoys) convoys = tw_convoys_new(1, (double[]){10}, (gboolean[]){TRUE});
  tw_convoy_flow equal[] = {{20, (int[]){0}, 1, 0}, {20, (int[]){0}, 1, 0}};
  assert_int_equal(tw_convoys_part(convoys, equal, 2), 1);
  assert_near(tw_convoys_seconds(convoys, 0), 4, 1e-12); /* 40 / 10 */
  /* 5 + 5 until the smaller has ended, 10 from then on: the rate of the larger changes. */
  tw_convoy_flow unequal[] = {{20, (int[]){0}, 1, 0}, {10, (int[]){0}, 1, 0}};
  assert_int_equal(tw_convoys_part(convoys, unequal, 2), 1);
  assert_true(isnan(tw_convoys_seconds(convoys, 0)));
}

static void unequal_flows_are_a_convoy_where_each_has_its_own_full_link(void **state)
{
  (void)state;
  /* 10 bytes over a link of 10/s and 20 over one of 20/s meet on a link of 30/s: both take a second. */
  g_autoptr(tw_convoys) convoys = tw_convoys_new(3, (double[]){10, 20, 30}, (gboolean[]){TRUE, TRUE, TRUE});
  tw_convoy_flow flows[] = {{10, (int[]){0, 2}, 2, 0}, {20, (int[]){1, 2}, 2, 0}};
  assert_int_equal(tw_convoys_part(convoys, flows, 2), 1);
  assert_near(tw_convoys_seconds(convoys, 0), 1, 1e-12);
}

enum { LINKS = 6, FLOWS = 5, ROUTE = 3 };

/* Max-min fair rates by filling: all rise alike until a link is full, whose flows then stay. */
static void fill(const double *rates, const gboolean *shared, const tw_convoy_flow *flows, int n,
                 double *fair)
{
  gboolean fixed[FLOWS] = {FALSE};
  for (int left = n; left > 0;) {
    double least = INFINITY, room[LINKS];
    int risers[LINKS] = {0};
    for (int l = 0; l < LINKS; l++)
      room[l] = rates[l];
    for (int i = 0; i < n; i++)
      for (int k = 0; k < flows[i].n_links; k++) {
        int l = flows[i].links[k];
        if (shared[l] && fixed[i])
          room[l] -= fair[i];
        risers[l] += !fixed[i];
      }
    for (int l = 0; l < LINKS; l++)
      if (risers[l] > 0)
        least = fmin(least, shared[l] ? room[l] / risers[l] : room[l]);
    for (int i = 0; i < n; i++) {
      gboolean stays = FALSE;
      for (int k = 0; k < flows[i].n_links && !fixed[i]; k++) {
        int l = flows[i].links[k];
        stays |= (shared[l] ? room[l] / risers[l] : room[l]) <= least * (1 + 1e-12);
      }
      if (!stays)
        continue;
      fair[i] = least;
      fixed[i] = TRUE;
      left--;
    }
  }
}

static void a_set_is_a_convoy_exactly_if_fair_rates_end_all_its_flows_at_once(void **state)
{
  (void)state;
  tw_chance chance = tw_chance_new(3, "convoys");
  int convoys_seen = 0, others_seen = 0;
  for (int round = 0; round < 20000; round++) {
    double rates[LINKS], fair[FLOWS];
    gboolean shared[LINKS];
    int links[FLOWS][ROUTE], n = 1 + (int)tw_chance_below(&chance, FLOWS);
    tw_convoy_flow flows[FLOWS];
    for (int l = 0; l < LINKS; l++) {
      rates[l] = (double)(1 + tw_chance_below(&chance, 3));
      shared[l] = tw_chance_below(&chance, 4) != 0;
    }
    for (int i = 0; i < n; i++) {
      int n_links = 1 + (int)tw_chance_below(&chance, ROUTE), at = (int)tw_chance_below(&chance, LINKS);
      for (int k = 0; k < n_links; k++)
        links[i][k] = (at + k) % LINKS;
      flows[i] = (tw_convoy_flow){(double)(1 + tw_chance_below(&chance, 2)), links[i], n_links, 0};
    }
    g_autoptr(tw_convoys) convoys = tw_convoys_new(LINKS, rates, shared);
    int sets = tw_convoys_part(convoys, flows, n);
    fill(rates, shared, flows, n, fair);
    for (int s = 0; s < sets; s++) {
      double first_s = INFINITY, last_s = 0;
      for (int i = 0; i < n; i++)
        if (flows[i].set == s) {
          first_s = fmin(first_s, flows[i].bytes / fair[i]);
          last_s = fmax(last_s, flows[i].bytes / fair[i]);
        }
      if (last_s > first_s * (1 + 1e-6)) {
        assert_true(isnan(tw_convoys_seconds(convoys, s)));
        others_seen++;
      } else {
        assert_near(tw_convoys_seconds(convoys, s), last_s, 1e-9);
        convoys_seen++;
      }
    }
  }
  assert_true(convoys_seen > 5000 && others_seen > 5000);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_flow_alone_is_a_convoy_at_the_rate_of_its_slowest_link),
      cmocka_unit_test(flows_that_share_no_link_are_sets_of_their_own),
      cmocka_unit_test(equal_flows_on_one_link_are_a_convoy_and_unequal_ones_are_not),
      cmocka_unit_test(unequal_flows_are_a_convoy_where_each_has_its_own_full_link),
      cmocka_unit_test(a_set_is_a_convoy_exactly_if_fair_rates_end_all_its_flows_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
