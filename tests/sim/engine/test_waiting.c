/* The waiting line: fairness between clients by hand, and the memory that it takes. */
#include "sim/engine/waiting.h"
#include "tests/check.h"

static tw_sequence *sequence_of(const char *client, gint32 prompt)
{
  static guint64 tickets;
  tw_request request = {.prompt_tokens = prompt, .answer_tokens = 10, .session = g_strdup(client)};
  tw_sequence *sequence = tw_sequence_new(&request);
  sequence->ticket = tickets++;
  return sequence;
}

static tw_sequence *push(tw_waiting *w, const char *client, gint32 prompt, gint64 count)
{
  tw_sequence *sequence = sequence_of(client, prompt);
  tw_waiting_push(w, sequence, count);
  return sequence;
}

/* Admits the first, and returns it. */
static tw_sequence *admit(tw_waiting *w, gint64 count)
{
  tw_sequence *sequence = tw_waiting_first(w, count);
  tw_waiting_take(w, sequence);
  tw_waiting_serve(w, sequence, sequence->request.prompt_tokens, 0);
  return sequence;
}

static void leave(tw_waiting *w, tw_sequence *sequence)
{
  tw_waiting_forget(w, sequence);
  tw_sequence_free(sequence);
}

/* A sends three prompts of 100 tokens, then B three of 40. Both start at 0: A's first comes first, which puts
 * A at 100. B's three take it to 40, 80 and 120: two are next, at 0 and 40, and the third at 80; A's second
 * follows at 100, and its third. In the order of arrival, B would come last. */
static void the_client_that_was_served_least_is_next(void **state)
{
  (void)state;
  tw_waiting w;
  tw_waiting_init(&w, TW_ORDER_FAIR);
  for (int i = 0; i < 3; i++)
    push(&w, "a", 100, 0);
  for (int i = 0; i < 3; i++)
    push(&w, "b", 40, 0);
  static const char expected[] = "abbbaa";
  for (int i = 0; i < 6; i++) {
    tw_sequence *next = admit(&w, 0);
    assert_int_equal(next->request.session[0], expected[i]);
    leave(&w, next);
  }
  assert_null(tw_waiting_first(&w, 0));
  tw_waiting_clear(&w);
}

/* A and B are at 100 each, and A has two sequences that decode, B one: after 10 iterations they are at
 * 100 + 2·2·10 = 140 and 120. */
static void output_tokens_weigh_twice(void **state)
{
  (void)state;
  tw_waiting w;
  tw_waiting_init(&w, TW_ORDER_FAIR);
  push(&w, "a", 50, 0);
  push(&w, "a", 50, 0);
  push(&w, "b", 100, 0);
  tw_sequence *a1 = admit(&w, 0), *b1 = admit(&w, 0), *a2 = admit(&w, 0);
  assert_int_equal(a2->request.session[0], 'a');
  tw_waiting_decode(&w, a1, 1, 0);
  tw_waiting_decode(&w, a2, 1, 0);
  tw_waiting_decode(&w, b1, 1, 0);
  tw_sequence *a3 = push(&w, "a", 1, 0), *b2 = push(&w, "b", 1, 0);
  assert_ptr_equal(tw_waiting_first(&w, 0), a3); /* equal: the earlier ticket */
  assert_int_equal(tw_waiting_steady(&w, 0), 1); /* A is ahead by as much as nothing */
  assert_ptr_equal(tw_waiting_first(&w, 1), b2);
  /* B's second prompt of 19 tokens more takes it to 139 at 10 iterations: A, at 140, is still behind; with 20
   * more they are equal, and A's ticket is the earlier. */
  tw_waiting_serve(&w, b2, 19, 0);
  assert_ptr_equal(tw_waiting_first(&w, 10), b2);
  tw_waiting_serve(&w, b2, 1, 0);
  assert_ptr_equal(tw_waiting_first(&w, 10), a3);
  /* From 0 on, A leads by 20 and loses 2 an iteration: equal after 10, behind after 11. */
  assert_int_equal(tw_waiting_steady(&w, 0), 11);
  tw_waiting_take(&w, a3);
  tw_waiting_take(&w, b2);
  tw_sequence *all[] = {a1, a2, a3, b1, b2};
  for (guint i = 0; i < G_N_ELEMENTS(all); i++)
    leave(&w, all[i]);
  tw_waiting_clear(&w);
}

/* A is served 1,000 tokens while B is away. B comes and waits beside A: it starts at A's 1,000, not at 0, and
 * so does not get the next ten prompts alone; they take turns. */
static void a_client_that_was_away_saves_nothing_up(void **state)
{
  (void)state;
  tw_waiting w;
  tw_waiting_init(&w, TW_ORDER_FAIR);
  for (int i = 0; i < 10; i++)
    push(&w, "a", 100, 0);
  for (int i = 0; i < 10; i++)
    leave(&w, admit(&w, 0));
  for (int i = 0; i < 4; i++)
    push(&w, "a", 100, 0);
  for (int i = 0; i < 4; i++)
    push(&w, "b", 100, 0);
  static const char expected[] = "abababab";
  for (int i = 0; i < 8; i++) {
    tw_sequence *next = admit(&w, 0);
    assert_int_equal(next->request.session[0], expected[i]);
    leave(&w, next);
  }
  tw_waiting_clear(&w);
}

/* A is served 1,000 tokens and goes while B waits at 100. When A comes back it keeps its 1,000: going pays no debt, and B's
 * nine prompts of 100 come first. */
static void a_client_that_was_away_keeps_what_it_was_served(void **state)
{
  (void)state;
  tw_waiting w;
  tw_waiting_init(&w, TW_ORDER_FAIR);
  for (int i = 0; i < 10; i++)
    push(&w, "b", 100, 0);
  push(&w, "a", 1000, 0);
  leave(&w, admit(&w, 0)); /* B is at 100 */
  tw_sequence *first = admit(&w, 0);
  assert_int_equal(first->request.session[0], 'a');
  leave(&w, first);
  push(&w, "a", 100, 0);
  for (int i = 0; i < 10; i++) {
    tw_sequence *next = admit(&w, 0);
    assert_int_equal(next->request.session[0], i < 9 ? 'b' : 'a');
    leave(&w, next);
  }
  tw_waiting_clear(&w);
}

/* Requests are listed as they would be admitted: by priority (the lower first), by output (the longest first) or as they
 * came, and equal ones as they came; but for clients no order changes by waiting. */
static void a_list_is_in_the_order_of_admission(void **state)
{
  (void)state;
  static const gint32 priorities[] = {2, 1, 3, 1, 2}, answers[] = {5, 7, 5, 9, 7};
  static const struct {
    tw_waiting_order order;
    int expected[5];
  } rows[] = {{TW_ORDER_ARRIVAL, {0, 1, 2, 3, 4}},
              {TW_ORDER_PRIORITY, {1, 3, 0, 4, 2}},
              {TW_ORDER_OUTPUT, {3, 1, 4, 0, 2}}};
  for (guint r = 0; r < G_N_ELEMENTS(rows); r++) {
    tw_waiting w;
    tw_waiting_init(&w, rows[r].order);
    tw_sequence *all[5];
    for (int i = 0; i < 5; i++) {
      all[i] = sequence_of("a", 10);
      all[i]->request.priority = priorities[i];
      all[i]->request.answer_tokens = answers[i];
      tw_waiting_push(&w, all[i], 0);
    }
    assert_int_equal(tw_waiting_steady(&w, 0), G_MAXINT64);
    g_autoptr(GPtrArray) list = tw_waiting_list(&w);
    assert_int_equal(list->len, 5);
    for (guint i = 0; i < 5; i++) {
      assert_ptr_equal(list->pdata[i], all[rows[r].expected[i]]);
      assert_ptr_equal(tw_waiting_first(&w, 0), list->pdata[i]);
      tw_waiting_take(&w, list->pdata[i]);
      tw_sequence_free(list->pdata[i]);
    }
    tw_waiting_clear(&w);
  }
}

/* 100,000 clients, each of which asks once, with two inside at a time: nobody who waits is ever served, so
 * that the level stays at 0, and all that have gone are above it. Even so, few are remembered. */
static void clients_that_have_gone_are_forgotten(void **state)
{
  (void)state;
  tw_waiting w;
  tw_waiting_init(&w, TW_ORDER_FAIR);
  for (int i = 0; i < 100000; i++) {
    g_autofree char *name = g_strdup_printf("client-%d", i);
    push(&w, name, 1 + i % 7, i);
    if (w.n > 1)
      leave(&w, admit(&w, i));
    assert_true(g_hash_table_size(w.clients) <= 16384);
  }
  leave(&w, admit(&w, 0));
  tw_waiting_clear(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_client_that_was_served_least_is_next),
      cmocka_unit_test(output_tokens_weigh_twice),
      cmocka_unit_test(a_client_that_was_away_saves_nothing_up),
      cmocka_unit_test(a_client_that_was_away_keeps_what_it_was_served),
      cmocka_unit_test(a_list_is_in_the_order_of_admission),
      cmocka_unit_test(clients_that_have_gone_are_forgotten),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
