/* Generator files: classes beside each other, clients, faults, presets. */
#include "platforms/input/data.h"
#include "tests/workloads/given.h"
#include "workloads/stream/class.h"

#define TWO(chat_rate)                                                                                       \
  "<generator duration=\"200s\">\n"                                                                          \
  "  <class name=\"chat\" priority=\"2\"><arrivals rate=\"" chat_rate "\" law=\"gamma\" cv=\"2\"/>\n"        \
  "    <prompt law=\"lognormal\" mean=\"300\"/><answer mean=\"5\"/><slo ttft=\"2s\"/></class>\n"             \
  "  <class name=\"code\"><arrivals rate=\"2/s\"><bursts factor=\"4\" mean=\"5s\" calm=\"20s\"/></arrivals>" \
  "\n"                                                                                                       \
  "    <clients number=\"20\" skew=\"1.2\" length-sigma=\"0.5\"/>\n"                                         \
  "    <prompt law=\"exponential\" mean=\"100\"/><reasoning law=\"uniform\" min=\"3\" max=\"9\"/>\n"         \
  "    <answer mean=\"7\"/></class>\n"                                                                       \
  "</generator>\n"

static tw_generator *given_generator(void **state, const char *text)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autofree char *path = given_text(state, "generator.xml", text);
  tw_generator *generator = tw_generator_load(path, NULL, faults);
  for (guint i = 0; i < tw_faults_count(faults); i++)
    print_error("%s\n", tw_faults_get(faults, i));
  assert_non_null(generator);
  return generator;
}

/* The requests of one class (NULL: all), a line each. */
static char *draw(const tw_generator *generator, const char *class, guint64 seed, double scale)
{
  tw_generator_use use = {scale, NAN, G_MININT64, seed};
  g_autoptr(tw_stream) stream = tw_generator_stream(generator, &use);
  GString *text = g_string_new(NULL);
  double before_s = 0;
  for (tw_request r; tw_stream_next(stream, &r, NULL); tw_request_clear(&r)) {
    assert_true(r.arrival_s >= before_s);
    before_s = r.arrival_s;
    if (class == NULL || g_str_equal(class, r.class))
      g_string_append_printf(text, "%.17g %s %s %d %d %d %d\n", r.arrival_s, r.class,
                             r.session != NULL ? r.session : "-", r.priority, r.prompt_tokens,
                             r.reasoning_tokens, r.answer_tokens);
  }
  return g_string_free(text, FALSE);
}

static void changing_one_class_leaves_the_others_as_they_were(void **state)
{
  g_autoptr(tw_generator) one = given_generator(state, TWO("3/s"));
  g_autoptr(tw_generator) other = given_generator(state, TWO("5/s"));
  g_autofree char *code = draw(one, "code", 7, 1), *same = draw(other, "code", 7, 1);
  g_autofree char *chat = draw(one, "chat", 7, 1), *more = draw(other, "chat", 7, 1);
  assert_string_equal(code, same);
  assert_string_not_equal(chat, more);
  assert_true(strlen(code) > 1000);
}

/* Its own scale and that of its use multiply: half as many in the file, four times as many in use, are twice as many. */
static void scales_of_rates_multiply(void **state)
{
  g_autofree char *half =
      g_strconcat("<generator rate-scale=\"0.5\"", TWO("3/s") + strlen("<generator"), NULL);
  g_autoptr(tw_generator) whole = given_generator(state, TWO("3/s")), halved = given_generator(state, half);
  g_autofree char *twice = draw(whole, NULL, 7, 2), *same = draw(halved, NULL, 7, 4);
  g_autofree char *once = draw(whole, NULL, 7, 1);
  assert_string_equal(twice, same);
  assert_true(strlen(twice) > strlen(once) * 3 / 2);
  tw_generator_use use = {1e9, NAN, G_MININT64, 1};
  assert_true(tw_generator_check_use(halved, &use, NULL));
  use.rate_scale = 3e9;
  assert_false(tw_generator_check_use(halved, &use, NULL));
}

static void seeds_decide_everything(void **state)
{
  g_autoptr(tw_generator) generator = given_generator(state, TWO("3/s"));
  g_autofree char *one = draw(generator, NULL, 7, 1), *again = draw(generator, NULL, 7, 1),
                  *other = draw(generator, NULL, 8, 1);
  assert_string_equal(one, again);
  assert_string_not_equal(one, other);
}

static void classes_give_their_requests_a_name_and_a_priority(void **state)
{
  g_autoptr(tw_generator) generator = given_generator(state, TWO("3/s"));
  g_autofree char *chat = draw(generator, "chat", 7, 1), *code = draw(generator, "code", 7, 1);
  assert_non_null(strstr(chat, " chat - 2 "));
  assert_non_null(strstr(code, " code code-1 0 "));
  assert_int_equal(tw_generator_classes(generator), 2);
  assert_near(tw_generator_class_at(generator, 0).ttft_s, 2, 0);
  assert_true(isnan(tw_generator_class_at(generator, 1).ttft_s));
}

/* Ten clients with Zipf's exponent 1: the first sends 1 / (1 + 1/2 + ... + 1/10) = 0.3414 of all, the second
 * half of that. */
static void few_clients_send_most(void **state)
{
  g_autoptr(tw_generator) generator = given_generator(
      state,
      "<generator requests=\"20000\"><class name=\"c\"><arrivals rate=\"10/s\"/>"
      "<clients number=\"10\" skew=\"1\"/><prompt mean=\"1\"/><answer mean=\"1\"/></class></generator>");
  tw_generator_use use = {1, NAN, G_MININT64, 1};
  g_autoptr(tw_stream) stream = tw_generator_stream(generator, &use);
  double first = 0, second = 0, n = 0;
  for (tw_request r; tw_stream_next(stream, &r, NULL); tw_request_clear(&r), n++) {
    first += g_str_equal(r.session, "c-1");
    second += g_str_equal(r.session, "c-2");
  }
  assert_near(n, 20000, 0);
  assert_near(first / n, 0.3414, 5 * sqrt(0.225 / n));
  assert_near(second / n, 0.1707, 5 * sqrt(0.142 / n));
}

/* The wait of the second turn counts from when it is told that the first one ended, by class. */
static void sessions_of_a_class_hear_of_their_own_requests(void **state)
{
#define TURNS                                                                                                \
  "<turn id=\"a\"><prompt mean=\"10\"/><answer mean=\"2\"/></turn><turn id=\"b\" after=\"a\" wait=\"5s\">"   \
  "<prompt mean=\"3\"/><answer mean=\"1\"/></turn>"
  g_autoptr(tw_generator) generator = given_generator(
      state, "<generator><class name=\"x\" requests=\"1\"><arrivals rate=\"1/s\"/>" TURNS "</class>"
             "<class name=\"y\" requests=\"1\"><arrivals rate=\"1/s\"/>" TURNS "</class></generator>");
  tw_generator_use use = {1, NAN, 4, 1};
  g_autoptr(tw_stream) stream = tw_generator_stream(generator, &use);
  tw_request x, y, second;
  assert_true(tw_stream_next(stream, &x, NULL));
  assert_true(tw_stream_next(stream, &y, NULL));
  assert_string_not_equal(x.class, y.class);
  assert_true(x.hash_tokens == 128);
  double due_s;
  assert_true(tw_stream_due(stream, &due_s, NULL));
  assert_true(isinf(due_s));
  tw_stream_told(stream, &y, TRUE, 100);
  assert_true(tw_stream_next(stream, &second, NULL));
  assert_near(second.arrival_s, 105, 1e-12);
  assert_ptr_equal(second.class, y.class);
  assert_string_equal(second.session, y.session);
  assert_int_equal(second.prompt_tokens, 10 + 2 + 3);
  tw_session_counts counts;
  assert_true(tw_stream_session_counts(stream, &counts));
  assert_int_equal(counts.started, 2);
  tw_request_clear(&x);
  tw_request_clear(&y);
  tw_request_clear(&second);
}

/* Everything that is wrong is told at once, at its line. */
static void every_fault_is_told_with_its_line(void **state)
{
  g_free(given_text(state, "empty.csv", "tokens,weight\n5,0\n"));
  g_autofree char *path = given_text(
      state, "broken.xml",
      "<generator>\n"
      "<class name=\"a\"><arrivals rate=\"1/s\"/>\n"
      "<prompt law=\"mixture\"><part share=\"0.5\" mean=\"1\"/><part share=\"0.4\" mean=\"2\"/></prompt>\n"
      "<answer law=\"empirical\" file=\"empty.csv\"/></class>\n"
      "<class name=\"a\"><arrivals rate=\"1/s\"/>\n"
      "<turn id=\"ask\"><prompt mean=\"1\"/><answer mean=\"1\"/></turn>\n"
      "<turn id=\"check\" after=\"ask\" retry=\"0.5\" retry-from=\"aks\"><prompt mean=\"1\"/><answer "
      "mean=\"1\"/></turn></class>\n"
      "</generator>\n");
  g_autoptr(tw_faults) faults = tw_faults_new();
  assert_null(tw_generator_load(path, NULL, faults));
  static const char *const expected[] = {
      "broken.xml:3: the shares of its parts sum to 0.9; they must sum to 1",
      "empty.csv: its weights have no mass, so that no length can be drawn; give a row a weight above 0",
      "broken.xml:7: turn \"check\" goes back to \"aks\", which is no turn above it; is \"ask\" meant?",
      "broken.xml:5: class \"a\" is there twice; give each class its own name",
  };
  assert_int_equal(tw_faults_count(faults), G_N_ELEMENTS(expected));
  for (guint i = 0; i < G_N_ELEMENTS(expected); i++)
    assert_true(g_str_has_suffix(tw_faults_get(faults, i), expected[i]));
}

static void what_cannot_stand_together_is_told(void **state)
{
  static const struct {
    const char *class, *fault;
  } cases[] = {
      {"<prompt mean=\"1\"/><answer mean=\"1\"/>",
       "<class> must say when it begins, once: by <arrivals>, <closed-loop> or <servegen>"},
      {"<arrivals rate=\"1/s\"/>",
       "<class> must say what is asked for, once: by <prompt> and <answer>, by <turn>s, or by <servegen>"},
      {"<arrivals rate=\"1/s\"/><prompt mean=\"1\"/>",
       "<class> has a <prompt> or an <answer> only; it needs both"},
      {"<arrivals/><prompt mean=\"1\"/><answer mean=\"1\"/>",
       "<arrivals> lacks a rate; write rate=\"5/s\", or a <rates>"},
      {"<arrivals rate=\"1/s\"/><prompt law=\"uniform\"/><answer mean=\"1\"/>",
       "<prompt> with law=\"uniform\" needs max=\"...\""},
      {"<arrivals rate=\"1/s\"/><prompt/><answer mean=\"1\"/>",
       "<prompt> with law=\"fixed\" needs mean=\"...\""},
      {"<arrivals rate=\"1/s\"/><turn id=\"a\" wait=\"-1s\"><prompt mean=\"1\"/><answer mean=\"1\"/></turn>",
       "wait of <turn>: \"-1s\" is out of range; write a time from 0s to 115740.74074074074d, such as 50ms"},
      {"<arrivals rate=\"1/s\"/><turn id=\"a\" retry=\"1.5\"><prompt mean=\"1\"/><answer mean=\"1\"/></turn>",
       "retry of <turn>: \"1.5\" is out of range; write a number from 0 to 1"},
      {"<arrivals rate=\"1/s\"/><turn id=\"a\"><prompt mean=\"1\"/><answer mean=\"1\"/></turn>"
       "<turn id=\"b\" after=\"a\" retry=\"0.5\" retry-from=\"a\"><prompt mean=\"1\"/><answer "
       "mean=\"1\"/></turn>"
       "<turn id=\"c\" after=\"a\"><prompt mean=\"1\"/><answer mean=\"1\"/></turn>",
       "class \"c\": turn 'c' comes after 'a', which may be done again; let it come after 'b', which ends "
       "that loop"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *text = g_strdup_printf(
        "<generator duration=\"1s\">\n<class name=\"c\">%s</class></generator>\n", cases[i].class);
    g_autofree char *path = given_text(state, "case.xml", text);
    g_autofree char *expected = g_strdup_printf("%s:2: %s", path, cases[i].fault);
    g_autoptr(tw_faults) faults = tw_faults_new();
    assert_null(tw_generator_load(path, NULL, faults));
    assert_int_equal(tw_faults_count(faults), 1);
    assert_string_equal(tw_faults_get(faults, 0), expected);
  }
}

static void a_generator_that_never_ends_is_told(void **state)
{
  g_autoptr(tw_generator) generator =
      given_generator(state, "<generator><class name=\"c\"><arrivals rate=\"1/s\"/><prompt mean=\"1\"/>"
                             "<answer mean=\"1\"/></class></generator>");
  g_autoptr(GError) error = NULL;
  tw_generator_use use = {1, NAN, G_MININT64, 1};
  assert_false(tw_generator_check_use(generator, &use, &error));
  assert_string_equal(error->message,
                      "class \"c\" never ends; give it requests, or all of them a duration, such as 1h");
  use.duration_s = 10;
  assert_true(tw_generator_check_use(generator, &use, NULL));
}

/* Requests as lines without their class. */
static char *lines_of(const tw_generator *generator)
{
  tw_generator_use use = {1, NAN, G_MININT64, 3};
  g_autoptr(tw_stream) stream = tw_generator_stream(generator, &use);
  GString *text = g_string_new(NULL);
  for (tw_request r; tw_stream_next(stream, &r, NULL); tw_request_clear(&r))
    g_string_append_printf(text, "%.17g %d %d\n", r.arrival_s, r.prompt_tokens, r.answer_tokens);
  return g_string_free(text, FALSE);
}

static tw_generator *given_element(void **state, const char *text, const tw_element *element)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autofree char *path = given_text(state, "element.xml", text);
  g_autoptr(tw_document) document = tw_document_load(path, faults);
  assert_true(tw_schema_check(tw_document_root(document), element, faults));
  return tw_generator_read(tw_document_root(document), faults);
}

/* A short spelling is the class that a generator would have, but for a name: chance follows names, and
 * <poisson> draws as a class of that name. */
static void poisson_is_a_generator_of_one_class_without_a_name(void **state)
{
#define LENGTHS "<prompt law=\"exponential\" mean=\"100\"/><answer law=\"lognormal\" mean=\"30\"/>"
  g_autoptr(tw_generator) shorter =
      given_element(state, "<poisson rate=\"2/s\" requests=\"200\" duration=\"60s\">" LENGTHS "</poisson>",
                    &tw_poisson_element);
  g_autoptr(tw_generator) longer = given_generator(
      state,
      "<generator duration=\"60s\"><class name=\"poisson\" requests=\"200\"><arrivals rate=\"2/s\"/>" LENGTHS
      "</class></generator>");
  g_autofree char *one = lines_of(shorter), *other = lines_of(longer);
  assert_string_equal(one, other);
  assert_true(strlen(one) > 1000);
  assert_null(tw_generator_only_class(shorter)->name);
  g_autoptr(tw_generator) two = given_generator(state, TWO("3/s"));
  assert_null(tw_generator_only_class(two));
}

/* Three clients ask at 0 s, and two of their requests are left out of statistics. The one that is answered at
 * 1.5 s asks again; the one that is answered at 2 s does not, since the class is over. */
static void clients_that_wait_warm_up_and_stop_within_a_class_as_alone(void **state)
{
#define CLIENTS "<closed-loop concurrency=\"3\" requests=\"9\" warmup=\"2\" duration=\"2s\""
  g_autoptr(tw_generator) within =
      given_generator(state, "<generator><class name=\"c\">" CLIENTS "/>" LENGTHS "</class></generator>");
  g_autoptr(tw_generator) alone =
      given_element(state, CLIENTS ">" LENGTHS "</closed-loop>", &tw_closed_element);
  const tw_generator *both[] = {within, alone};
  for (int i = 0; i < 2; i++) {
    tw_generator_use use = {1, NAN, G_MININT64, 1};
    g_autoptr(tw_stream) stream = tw_generator_stream(both[i], &use);
    tw_request r[3];
    for (int k = 0; k < 3; k++) {
      assert_true(tw_stream_next(stream, &r[k], NULL));
      assert_int_equal(r[k].warmup, k < 2);
    }
    tw_stream_told(stream, &r[0], TRUE, 1.5);
    tw_request fourth;
    assert_true(tw_stream_next(stream, &fourth, NULL));
    tw_stream_told(stream, &r[1], TRUE, 2);
    assert_true(tw_stream_over(stream));
    for (int k = 0; k < 3; k++)
      tw_request_clear(&r[k]);
    tw_request_clear(&fourth);
  }
}

/* 256 classes are possible, and not one more. */
static void as_many_classes_as_a_request_can_name_are_possible(void **state)
{
  for (int n = TW_REQUEST_MAX_CLASSES; n <= TW_REQUEST_MAX_CLASSES + 1; n++) {
    g_autoptr(GString) text = g_string_new("<generator duration=\"1s\">");
    for (int i = 0; i < n; i++)
      g_string_append_printf(text,
                             "<class name=\"c%d\"><arrivals rate=\"1/s\"/><prompt mean=\"1\"/><answer "
                             "mean=\"1\"/></class>",
                             i);
    g_string_append(text, "</generator>");
    g_autoptr(tw_faults) faults = tw_faults_new();
    g_autofree char *path = given_text(state, "generator.xml", text->str);
    g_autoptr(tw_generator) generator = tw_generator_load(path, NULL, faults);
    assert_int_equal(generator != NULL, n == TW_REQUEST_MAX_CLASSES);
    assert_int_equal(tw_faults_count(faults), n - TW_REQUEST_MAX_CLASSES);
  }
}

static void presets_name_their_sources_and_draw(void **state)
{
  (void)state;
  g_auto(GStrv) presets = tw_data_list("workloads/presets", ".xml");
  assert_int_equal(g_strv_length(presets), 6);
  for (char **preset = presets; *preset != NULL; preset++) {
    g_autoptr(tw_faults) faults = tw_faults_new();
    g_autoptr(tw_generator) generator = tw_generator_load(*preset, NULL, faults);
    assert_non_null(generator);
    g_autofree char *bytes = NULL;
    assert_true(g_file_get_contents(tw_generator_files(generator)[0], &bytes, NULL, NULL));
    assert_non_null(strstr(bytes, "source=\""));
    tw_generator_use use = {1, NAN, 50, 1};
    g_autoptr(tw_stream) stream = tw_generator_stream(generator, &use);
    tw_request request;
    assert_true(tw_stream_next(stream, &request, NULL));
    assert_string_equal(request.class, *preset);
    tw_request_clear(&request);
  }
  g_autoptr(tw_faults) faults = tw_faults_new();
  assert_null(tw_generator_load("chats", NULL, faults));
  assert_string_equal(tw_faults_get(faults, 0), "the preset \"chats\" is unknown; did you mean \"chat\"? (a "
                                                "file's path holds a /)");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(changing_one_class_leaves_the_others_as_they_were),
      cmocka_unit_test(scales_of_rates_multiply),
      cmocka_unit_test(seeds_decide_everything),
      cmocka_unit_test(classes_give_their_requests_a_name_and_a_priority),
      cmocka_unit_test(few_clients_send_most),
      cmocka_unit_test(sessions_of_a_class_hear_of_their_own_requests),
      cmocka_unit_test(every_fault_is_told_with_its_line),
      cmocka_unit_test(what_cannot_stand_together_is_told),
      cmocka_unit_test(a_generator_that_never_ends_is_told),
      cmocka_unit_test(poisson_is_a_generator_of_one_class_without_a_name),
      cmocka_unit_test(clients_that_wait_warm_up_and_stop_within_a_class_as_alone),
      cmocka_unit_test(as_many_classes_as_a_request_can_name_are_possible),
      cmocka_unit_test(presets_name_their_sources_and_draw),
  };
  return cmocka_run_group_tests(tests, given_directory, remove_directory);
}
