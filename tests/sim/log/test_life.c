/* The life of a request: its parts sum to the time from its arrival to its end. */
#include "sim/log/life.h"
#include "tests/check.h"

static void assert_parts(const tw_life_times *times, const double *expected)
{
  double parts_s[TW_LIFE_PART_COUNT], sum_s = 0;
  tw_life_split(times, parts_s);
  for (int i = 0; i < TW_LIFE_PART_COUNT; i++) {
    assert_near(parts_s[i], expected[i], 1e-12);
    sum_s += parts_s[i];
  }
  assert_near(sum_s, times->end_s - times->arrival_s, 1e-12);
}

static void what_is_left_of_each_phase_is_its_work(void **state)
{
  (void)state;
  /* Of 4 s before it is scheduled, 1 + 0.5 + 0.25 pass before its queue; 2 s of prefill hold 0.5 s of waiting;
   * of 10 s after the first token, 1 + 2 + 3 are not decoding. */
  tw_life_times times = {.arrival_s = 100,
                         .first_scheduled_s = 104,
                         .first_token_s = 106,
                         .end_s = 116,
                         .front_end_s = 1,
                         .admission_s = 0.5,
                         .fetch_s = 0.25,
                         .chunk_wait_s = 0.5,
                         .transfer_s = 1,
                         .decode_queue_s = 2,
                         .preempted_s = 3};
  assert_parts(&times, (double[TW_LIFE_PART_COUNT]){[TW_LIFE_FRONT_END] = 1,
                                                    [TW_LIFE_ADMISSION] = 0.5,
                                                    [TW_LIFE_QUEUE] = 2.25,
                                                    [TW_LIFE_PREFILL] = 1.5,
                                                    [TW_LIFE_CHUNK_WAIT] = 0.5,
                                                    [TW_LIFE_TRANSFER] = 1.25,
                                                    [TW_LIFE_DECODE_QUEUE] = 2,
                                                    [TW_LIFE_DECODE] = 4,
                                                    [TW_LIFE_PREEMPTED] = 3});
}

static void who_ends_in_the_queue_spent_the_rest_there(void **state)
{
  (void)state;
  tw_life_times times = {
      .arrival_s = 1, .first_scheduled_s = NAN, .first_token_s = NAN, .end_s = 5, .front_end_s = 1};
  assert_parts(&times, (double[TW_LIFE_PART_COUNT]){[TW_LIFE_FRONT_END] = 1, [TW_LIFE_QUEUE] = 3});
}

static void who_ends_in_its_prompt_never_decoded(void **state)
{
  (void)state;
  tw_life_times times = {.first_scheduled_s = 1, .first_token_s = NAN, .end_s = 5, .chunk_wait_s = 3};
  assert_parts(&times, (double[TW_LIFE_PART_COUNT]){
                           [TW_LIFE_QUEUE] = 1, [TW_LIFE_PREFILL] = 1, [TW_LIFE_CHUNK_WAIT] = 3});
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_left_of_each_phase_is_its_work),
      cmocka_unit_test(who_ends_in_the_queue_spent_the_rest_there),
      cmocka_unit_test(who_ends_in_its_prompt_never_decoded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
