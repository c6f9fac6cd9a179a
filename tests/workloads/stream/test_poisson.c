#include "platforms/input/fault.h"
#include "tests/check.h"
#include "workloads/stream/class.h"

enum { REQUESTS = 200000 };

static tw_length fixed(double mean)
{
  return (tw_length){.kind = TW_LENGTH_FIXED, .mean = mean, .min = 1, .max = TW_REQUEST_MAX_TOKENS};
}

/* 4 requests a second: prompts of 1000 exponential, answers of 300 lognormal tokens, no reasoning. */
static tw_class usual(void)
{
  tw_class class = TW_CLASS_NONE;
  class.rate_per_s = 4;
  class.limit = REQUESTS;
  class.lengths[0] =
      (tw_length){.kind = TW_LENGTH_EXPONENTIAL, .mean = 1000, .min = 1, .max = TW_REQUEST_MAX_TOKENS};
  class.lengths[1] = (tw_length){.kind = TW_LENGTH_FIXED, .max = TW_REQUEST_MAX_TOKENS};
  class.lengths[2] = (tw_length){
      .kind = TW_LENGTH_LOGNORMAL, .mean = 300, .sigma = 0.5, .min = 1, .max = TW_REQUEST_MAX_TOKENS};
  return class;
}

static tw_stream *stream_of(const tw_class *class, guint64 seed)
{
  assert_true(tw_class_check(class, NULL));
  return tw_class_stream(class, &(tw_generator_use){1, NAN, G_MININT64, seed}, INFINITY);
}

static GArray *draw_with_seed(const tw_class *class, guint64 seed)
{
  g_autoptr(tw_stream) stream = stream_of(class, seed);
  GArray *requests = g_array_new(FALSE, FALSE, sizeof(tw_request));
  tw_request request;
  g_autoptr(GError) error = NULL;
  while (tw_stream_next(stream, &request, &error))
    g_array_append_val(requests, request);
  assert_null(error);
  return requests;
}

static GArray *draw(tw_class class)
{
  return draw_with_seed(&class, 11);
}

#define request_at(requests, i) g_array_index(requests, tw_request, i)

/* The gaps of a Poisson process are exponential: mean 1/4 s, variance 1/16, and independent. Bounds are five
 * standard errors (central moments of Exp(1): variance 1, fourth 9). */
static void arrivals_are_a_poisson_process(void **state)
{
  (void)state;
  g_autoptr(GArray) requests = draw(usual());
  assert_int_equal(requests->len, REQUESTS);
  double mean = 0, variance = 0, serial = 0, before = 0, previous_s = 0;
  for (guint i = 0; i < requests->len; i++) {
    double arrival_s = request_at(requests, i).arrival_s, gap = 4 * (arrival_s - previous_s);
    assert_true(arrival_s >= previous_s);
    assert_int_equal(request_at(requests, i).id, i);
    mean += gap / REQUESTS;
    variance += (gap - 1) * (gap - 1) / REQUESTS;
    serial += i > 0 ? (gap - 1) * before / REQUESTS : 0;
    before = gap - 1;
    previous_s = arrival_s;
  }
  assert_near(mean, 1, 5 / sqrt(REQUESTS));
  assert_near(variance, 1, 5 * sqrt(8.0 / REQUESTS));
  assert_near(serial, 0, 5 / sqrt(REQUESTS));
}

/* Counts of a Poisson process in 10,000 windows of 1 s: mean 4, and as large a variance; the variance of the
 * sample variance is about (mu4 - var²)/n with mu4 = 4 + 3 · 16. */
static void counts_in_windows_are_poisson_distributed(void **state)
{
  (void)state;
  enum { WINDOWS = 10000 };
  tw_class class = usual();
  class.limit = G_MININT64;
  class.duration_s = WINDOWS;
  g_autoptr(GArray) requests = draw(class);
  g_autofree int *count = g_new0(int, WINDOWS);
  for (guint i = 0; i < requests->len; i++)
    count[(int)request_at(requests, i).arrival_s]++;
  double mean = (double)requests->len / WINDOWS, variance = 0;
  for (int i = 0; i < WINDOWS; i++)
    variance += (count[i] - 4) * (count[i] - 4) / (double)WINDOWS;
  assert_near(mean, 4, 5 * sqrt(4.0 / WINDOWS));
  assert_near(variance, 4, 5 * sqrt((52.0 - 16) / WINDOWS));
}

static void fixed_lengths_are_what_they_say(void **state)
{
  (void)state;
  tw_class class = usual();
  class.lengths[0] = fixed(123);
  class.lengths[1] = fixed(45);
  class.lengths[2] = fixed(6);
  class.limit = 100;
  g_autoptr(GArray) requests = draw(class);
  for (guint i = 0; i < requests->len; i++) {
    assert_int_equal(request_at(requests, i).prompt_tokens, 123);
    assert_int_equal(request_at(requests, i).reasoning_tokens, 45);
    assert_int_equal(request_at(requests, i).answer_tokens, 6);
  }
}

/* Rounding adds 1/12 to the variance, and the minimum of 1 adds 0.0005 tokens to the mean: nothing beside a
 * standard error of 1000/sqrt(200,000) = 2.2. */
static void exponential_lengths_have_their_mean_as_deviation(void **state)
{
  (void)state;
  g_autoptr(GArray) requests = draw(usual());
  double mean = 0, variance = 0;
  for (guint i = 0; i < requests->len; i++) {
    double x = request_at(requests, i).prompt_tokens / 1000.0;
    mean += x / REQUESTS;
    variance += (x - 1) * (x - 1) / REQUESTS;
  }
  assert_near(mean, 1, 5 / sqrt(REQUESTS));
  assert_near(variance, 1, 5 * sqrt(8.0 / REQUESTS));
}

/* Lognormal with sigma s: the mean is the one asked for, with variance mean² · (e^(s²) - 1); the logarithm is
 * normal about ln(mean) - s²/2 with deviation s (rounding moves it by less than 1e-5 at these lengths). */
static void lognormal_lengths_have_the_mean_and_sigma_asked_for(void **state)
{
  (void)state;
  g_autoptr(GArray) requests = draw(usual());
  double mean = 0, log_mean = 0, log_variance = 0, s = 0.5, centre = log(300) - s * s / 2;
  for (guint i = 0; i < requests->len; i++) {
    double x = request_at(requests, i).answer_tokens;
    mean += x / REQUESTS;
    log_mean += log(x) / REQUESTS;
    log_variance += (log(x) - centre) * (log(x) - centre) / REQUESTS;
  }
  assert_near(mean, 300, 5 * 300 * sqrt((exp(s * s) - 1) / REQUESTS));
  assert_near(log_mean, centre, 5 * s / sqrt(REQUESTS));
  assert_near(log_variance, s * s, 5 * s * s * sqrt(2.0 / REQUESTS));
}

static void lengths_stay_within_their_bounds(void **state)
{
  (void)state;
  tw_class class = usual();
  class.lengths[0].min = 900;
  class.lengths[0].max = 1100;
  g_autoptr(GArray) requests = draw(class);
  guint at_min = 0, at_max = 0;
  for (guint i = 0; i < requests->len; i++) {
    gint32 prompt = request_at(requests, i).prompt_tokens;
    assert_in_range(prompt, 900, 1100);
    at_min += prompt == 900;
    at_max += prompt == 1100;
  }
  /* P(X < 900.5) = 1 - e^-0.9005 and P(X >= 1099.5) = e^-1.0995; deviations are below sqrt(1/4 N). */
  assert_near(at_min, REQUESTS * -expm1(-0.9005), 5 * sqrt(REQUESTS / 4.0));
  assert_near(at_max, REQUESTS * exp(-1.0995), 5 * sqrt(REQUESTS / 4.0));
}

static void changing_one_quantity_leaves_the_others_as_they_were(void **state)
{
  (void)state;
  tw_class class = usual();
  class.limit = 1000;
  g_autoptr(GArray) before = draw(class);
  class.lengths[2] = fixed(7);
  class.lengths[1] = (tw_length){.kind = TW_LENGTH_EXPONENTIAL, .mean = 50, .min = 0, .max = 1000};
  g_autoptr(GArray) after = draw(class);
  class.rate_per_s = 8;
  g_autoptr(GArray) faster = draw(class);
  for (guint i = 0; i < 1000; i++) {
    assert_true(request_at(before, i).arrival_s == request_at(after, i).arrival_s);
    assert_int_equal(request_at(before, i).prompt_tokens, request_at(after, i).prompt_tokens);
    assert_near(request_at(faster, i).arrival_s, request_at(after, i).arrival_s / 2, 1e-9);
    assert_int_equal(request_at(faster, i).reasoning_tokens, request_at(after, i).reasoning_tokens);
  }
}

static void another_seed_draws_other_requests(void **state)
{
  (void)state;
  tw_class class = usual();
  class.limit = 10;
  g_autoptr(GArray) one = draw_with_seed(&class, 11);
  g_autoptr(GArray) other = draw_with_seed(&class, 12);
  assert_true(request_at(one, 0).arrival_s != request_at(other, 0).arrival_s);
}

static void a_generator_knows_its_progress_and_has_no_file(void **state)
{
  (void)state;
  tw_class class = usual();
  class.limit = 4;
  g_autoptr(tw_stream) stream = stream_of(&class, 11);
  tw_request request;
  assert_near(tw_stream_progress(stream), 0, 0);
  assert_true(tw_stream_next(stream, &request, NULL));
  assert_near(tw_stream_progress(stream), 0.25, 0);
  while (tw_stream_next(stream, &request, NULL))
    ;
  assert_near(tw_stream_progress(stream), 1, 0);
  assert_null(tw_stream_path(stream));
  assert_null(tw_stream_sha256(stream));
}

static void refused(tw_class class, const char *expected)
{
  g_autoptr(GError) error = NULL;
  assert_false(tw_class_check(&class, &error));
  assert_true(error->domain == TW_INPUT_ERROR);
  assert_string_equal(error->message, expected);
}

static void what_is_out_of_range_is_refused(void **state)
{
  (void)state;
  tw_class class = usual();
  assert_true(tw_class_check(&class, NULL));
  class.rate_per_s = 0;
  refused(class, "the rate is 0/s; one above 0 is needed");
  class.rate_per_s = NAN;
  refused(class, "the rate is nan/s; one above 0 is needed");
  class = usual();
  class.limit = 0;
  refused(class, "the limit or the duration is 0 or less; one above 0 is needed");
  class = usual();
  class.duration_s = 0;
  refused(class, "the limit or the duration is 0 or less; one above 0 is needed");
  class = usual();
  class.lengths[0].mean = 0;
  refused(class, "prompt: the mean is 0; 1 to 16777216 tokens are needed");
  class = usual();
  class.lengths[2].sigma = -1;
  refused(class, "answer: sigma is -1; 0 to 10 is needed");
  class = usual();
  class.lengths[2].max = 0;
  refused(class, "answer: lengths from 1 to 0 are asked for; 1 to 16777216 tokens are possible");
}

/* Requests at random end by their number or at an instant; clients that wait send so many and no more. */
static void a_class_ends_by_its_number_or_its_duration(void **state)
{
  (void)state;
  tw_class class = usual();
  assert_true(tw_class_ends(&class));
  class.limit = G_MININT64;
  assert_false(tw_class_ends(&class));
  class.duration_s = 60;
  assert_true(tw_class_ends(&class));
  class = TW_CLASS_NONE;
  class.kind = TW_CLASS_CLOSED;
  assert_true(tw_class_ends(&class));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(arrivals_are_a_poisson_process),
      cmocka_unit_test(counts_in_windows_are_poisson_distributed),
      cmocka_unit_test(fixed_lengths_are_what_they_say),
      cmocka_unit_test(exponential_lengths_have_their_mean_as_deviation),
      cmocka_unit_test(lognormal_lengths_have_the_mean_and_sigma_asked_for),
      cmocka_unit_test(lengths_stay_within_their_bounds),
      cmocka_unit_test(changing_one_quantity_leaves_the_others_as_they_were),
      cmocka_unit_test(another_seed_draws_other_requests),
      cmocka_unit_test(a_generator_knows_its_progress_and_has_no_file),
      cmocka_unit_test(what_is_out_of_range_is_refused),
      cmocka_unit_test(a_class_ends_by_its_number_or_its_duration),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
