/* Lines of a WAN: all that is on one shares its bandwidth in equal parts. */
#include "sim/world/wan_lines.h"
#include "tests/check.h"

#include <math.h>

enum { LINES = 3 };

typedef struct sent {
  tw_parcel parcel;
  double start_s, bytes, left;
} sent;

static tw_wan_lines *lines_new(void **state)
{
  (void)state;
  return tw_wan_lines_new(LINES);
}

static void send(tw_wan_lines *lines, sent *s, int line, double bytes, double now_s)
{
  *s = (sent){.parcel = {.node = {.place = TW_HEAP_OUT}}, .start_s = now_s, .bytes = bytes, .left = bytes};
  tw_wan_lines_send(lines, &s->parcel, line, bytes, 100, now_s);
}

static void leaves(tw_wan_lines *lines, const sent *s, double when_s)
{
  assert_near(tw_wan_lines_due(lines), when_s, 1e-9 * when_s);
  assert_ptr_equal(tw_wan_lines_take(lines), &s->parcel);
}

/* 1000 bytes at 100 bytes/s take 10 s, whenever they set out. */
static void a_parcel_alone_takes_its_bytes(void **state)
{
  tw_wan_lines *lines = lines_new(state);
  sent a, b;
  send(lines, &a, 0, 1000, 5);
  leaves(lines, &a, 15);
  send(lines, &b, 0, 1000, 1e6);
  leaves(lines, &b, 1e6 + 10);
  assert_true(isinf(tw_wan_lines_due(lines)));
  tw_wan_lines_free(lines);
}

/* Together 1000 and 500 bytes get 50 bytes/s each: the second has left after 10 s, the first has 500 left then and takes
 * 5 s more. */
static void two_share_the_line(void **state)
{
  tw_wan_lines *lines = lines_new(state);
  sent a, b;
  send(lines, &a, 0, 1000, 0);
  assert_near(tw_wan_lines_estimate_s(lines, 0, 500, 100), 10, 0);
  send(lines, &b, 0, 500, 0);
  leaves(lines, &b, 10);
  leaves(lines, &a, 15);
  tw_wan_lines_free(lines);
}

/* 1000 bytes alone until 4 s have 600 left; beside 200 others both get 50 bytes/s: those have left at 8 s, when 400 of the
 * first are left, which take 4 s. A third on another line does not matter. */
static void who_comes_later_shares_what_is_left(void **state)
{
  tw_wan_lines *lines = lines_new(state);
  sent a, b, c;
  send(lines, &a, 0, 1000, 0);
  send(lines, &c, 1, 900, 2);
  send(lines, &b, 0, 200, 4);
  leaves(lines, &b, 8);
  leaves(lines, &c, 11);
  leaves(lines, &a, 12);
  tw_wan_lines_free(lines);
}

/* Equal parcels that set out together leave in the order in which they did. */
static void equal_parcels_leave_in_their_order(void **state)
{
  tw_wan_lines *lines = lines_new(state);
  sent all[4];
  for (int i = 0; i < 4; i++)
    send(lines, &all[i], 2, 50, 1);
  for (int i = 0; i < 4; i++)
    leaves(lines, &all[i], 3);
  tw_wan_lines_free(lines);
}

/* The naive twin takes the same share from everybody until the first has nothing left, or time is up. */
static int advance(sent **on_line, int n, double *now_s, double until_s)
{
  int first = -1;
  for (int i = 0; i < n; i++)
    if (first < 0 || on_line[i]->left < on_line[first]->left)
      first = i;
  double end_s = n > 0 ? *now_s + on_line[first]->left * n / 100 : INFINITY;
  double step_s = fmin(end_s, until_s) - *now_s;
  for (int i = 0; i < n; i++)
    on_line[i]->left -= step_s * 100 / n;
  *now_s = fmin(end_s, until_s);
  return end_s <= until_s ? first : -1;
}

static void random_parcels_leave_as_the_naive_twin_says(void **state)
{
  g_autoptr(GRand) chance = g_rand_new_with_seed(7);
  enum { PARCELS = 400 };
  sent *all = g_new0(sent, PARCELS), *on_line[PARCELS];
  tw_wan_lines *lines = lines_new(state);
  int n = 0, most = 0;
  double now_s = 0, start_s = 0;
  for (int i = 0; i <= PARCELS; i++) {
    start_s = i < PARCELS ? start_s + g_rand_double_range(chance, 0, 8) : INFINITY;
    for (int first; n > 0 && (first = advance(on_line, n, &now_s, start_s)) >= 0;) {
      assert_near(tw_wan_lines_due(lines), now_s, 1e-7);
      assert_ptr_equal(tw_wan_lines_take(lines), &on_line[first]->parcel);
      on_line[first] = on_line[--n];
    }
    if (i == PARCELS)
      break;
    now_s = start_s;
    send(lines, &all[i], 1, g_rand_double_range(chance, 1, 800), start_s);
    on_line[n++] = &all[i];
    most = MAX(most, n);
  }
  assert_true(isinf(tw_wan_lines_due(lines)));
  assert_in_range(most, 4, PARCELS - 1);
  tw_wan_lines_free(lines);
  g_free(all);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_parcel_alone_takes_its_bytes),
      cmocka_unit_test(two_share_the_line),
      cmocka_unit_test(who_comes_later_shares_what_is_left),
      cmocka_unit_test(equal_parcels_leave_in_their_order),
      cmocka_unit_test(random_parcels_leave_as_the_naive_twin_says),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
