#include "sim/run/progress.h"
#include "tests/check.h"

#include <glib.h>

#include <stdlib.h>

typedef struct {
  char *text;
  size_t length;
  tw_progress_view view;
} shown;

static shown *start(tw_progress_style style, int width)
{
  shown *s = g_new0(shown, 1);
  s->view = (tw_progress_view){
      .style = style, .out = open_memstream(&s->text, &s->length), .start_us = 0, .width = width};
  return s;
}

static void expect_shown(shown *s, const char *text)
{
  fclose(s->view.out);
  assert_string_equal(s->text, text);
  free(s->text);
  g_free(s);
}

static void update(shown *s, double fraction, guint64 ended, double wall_s)
{
  const tw_progress progress = {100 * fraction, fraction, ended};
  tw_progress_view_update(&s->view, &progress, (gint64)(wall_s * 1e6));
}

/* After 2 s a fifth is done: 8 s are left. */
static void plain_progress_is_a_line_per_tenth(void **state)
{
  (void)state;
  shown *s = start(TW_PROGRESS_PLAIN, 80);
  update(s, 0.05, 5, 0.5);
  update(s, 0.2, 20, 2);
  update(s, 0.25, 25, 3);
  update(s, 0.99, 99, 4);
  update(s, 1, 100, 5);
  update(s, 1, 101, 6);
  tw_progress_view_end(&s->view);
  expect_shown(s, " 20 %  20 s simulated, 20 requests, 10/s, 8 s left\n"
                  " 90 %  99 s simulated, 99 requests, 25/s, 1 s left\n"
                  "100 %  100 s simulated, 100 requests, 20/s\n");
}

static void a_bar_is_drawn_ten_times_a_second_at_most(void **state)
{
  (void)state;
  shown *s = start(TW_PROGRESS_BAR, 80);
  update(s, 0.5, 50, 1);
  update(s, 0.6, 60, 1.05);
  update(s, 0.75, 75, 1.1);
  tw_progress_view_end(&s->view);
  expect_shown(s, "\r[======      ]  50 %  50 s simulated, 50 requests, 50/s, 1 s left\033[K"
                  "\r[=========   ]  75 %  75 s simulated, 75 requests, 68/s, 1 s left\033[K"
                  "\r\033[K");
}

static void a_bar_is_cut_before_it_wraps(void **state)
{
  (void)state;
  shown *s = start(TW_PROGRESS_BAR, 20);
  update(s, 0.5, 50, 1);
  expect_shown(s, "\r[======      ]  50 \033[K");
}

/* A trace that is read a block ahead may say more than all of it. */
static void more_than_all_is_all(void **state)
{
  (void)state;
  shown *s = start(TW_PROGRESS_BAR, 80);
  update(s, 1.5, 50, 1);
  expect_shown(s, "\r[============] 100 %  150 s simulated, 50 requests, 50/s\033[K");
}

static void no_progress_shows_nothing(void **state)
{
  (void)state;
  shown *s = start(TW_PROGRESS_NONE, 80);
  update(s, 0.5, 50, 1);
  tw_progress_view_end(&s->view);
  expect_shown(s, "");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(plain_progress_is_a_line_per_tenth),
      cmocka_unit_test(a_bar_is_drawn_ten_times_a_second_at_most),
      cmocka_unit_test(a_bar_is_cut_before_it_wraps),
      cmocka_unit_test(more_than_all_is_all),
      cmocka_unit_test(no_progress_shows_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
