#include "platforms/input/fault.h"
#include "tests/check.h"
#include "workloads/stream/stream.h"

enum { REQUESTS = 200000 };

static tw_length fixed(double mean)
{
  return (tw_length){.kind = TW_LENGTH_FIXED, .mean = mean, .min = 1, .max = TW_REQUEST_MAX_TOKENS};
}

/* 4 requests a second: prompts of 1000 exponential, answers of 300 lognormal tokens, no reasoning. */
static tw_poisson_options usual(void)
{
  return (tw_poisson_options){
      .rate_per_s = 4,
      .limit = REQUESTS,
      .duration_s = INFINITY,
      .prompt = {.kind = TW_LENGTH_EXPONENTIAL, .mean = 1000, .min = 1, .max = TW_REQUEST_MAX_TOKENS},
      .reasoning = {.kind = TW_LENGTH_FIXED, .mean = 0, .min = 0, .max = TW_REQUEST_MAX_TOKENS},
      .answer =
          {.kind = TW_LENGTH_LOGNORMAL, .mean = 300, .sigma = 0.5, .min = 1, .max = TW_REQUEST_MAX_TOKENS},
      .seed = 11,
  };
}

static GArray *draw(tw_poisson_options options)
{
  g_autoptr(tw_stream) stream = tw_stream_poisson(&options);
  GArray *requests = g_array_new(FALSE, FALSE, sizeof(tw_request));
  tw_request request;
  g_autoptr(GError) error = NULL;
  while (tw_stream_next(stream, &request, &error))
    g_array_append_val(requests, request);
  assert_null(error);
  return requests;
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
  tw_poisson_options options = usual();
  options.limit = G_MAXINT64;
  options.duration_s = WINDOWS;
  g_autoptr(GArray) requests = draw(options);
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
  tw_poisson_options options = usual();
  options.prompt = fixed(123);
  options.reasoning = fixed(45);
  options.answer = fixed(6);
  options.limit = 100;
  g_autoptr(GArray) requests = draw(options);
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
  tw_poisson_options options = usual();
  options.prompt.min = 900;
  options.prompt.max = 1100;
  g_autoptr(GArray) requests = draw(options);
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
  tw_poisson_options options = usual();
  options.limit = 1000;
  g_autoptr(GArray) before = draw(options);
  options.answer = fixed(7);
  options.reasoning = (tw_length){.kind = TW_LENGTH_EXPONENTIAL, .mean = 50, .min = 0, .max = 1000};
  g_autoptr(GArray) after = draw(options);
  options.rate_per_s = 8;
  g_autoptr(GArray) faster = draw(options);
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
  tw_poisson_options options = usual();
  options.limit = 10;
  g_autoptr(GArray) one = draw(options);
  options.seed++;
  g_autoptr(GArray) other = draw(options);
  assert_true(request_at(one, 0).arrival_s != request_at(other, 0).arrival_s);
}

static void a_generator_knows_its_progress_and_has_no_file(void **state)
{
  (void)state;
  tw_poisson_options options = usual();
  options.limit = 4;
  g_autoptr(tw_stream) stream = tw_stream_poisson(&options);
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

static void refused(tw_poisson_options options, const char *expected)
{
  g_autoptr(GError) error = NULL;
  assert_false(tw_poisson_check(&options, &error));
  assert_true(error->domain == TW_INPUT_ERROR);
  assert_string_equal(error->message, expected);
}

static void options_out_of_range_are_refused(void **state)
{
  (void)state;
  tw_poisson_options options = usual();
  assert_true(tw_poisson_check(&options, NULL));
  options.rate_per_s = 0;
  refused(options, "the rate is 0/s; one above 0 is needed");
  options.rate_per_s = NAN;
  refused(options, "the rate is nan/s; one above 0 is needed");
  options = usual();
  options.limit = G_MAXINT64;
  refused(options, "neither a limit nor a duration; one of them is needed");
  options.limit = 0;
  refused(options, "the limit or the duration is 0 or less; one above 0 is needed");
  options = usual();
  options.prompt.mean = 0;
  refused(options, "prompt: the mean is 0; 1 to 16777216 tokens are needed");
  options = usual();
  options.answer.sigma = -1;
  refused(options, "answer: sigma is -1; 0 to 10 is needed");
  options = usual();
  options.answer.max = 0;
  refused(options, "answer: lengths from 1 to 0 are asked for; 1 to 16777216 tokens are possible");
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
      cmocka_unit_test(options_out_of_range_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
