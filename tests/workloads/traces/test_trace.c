/* The formats of traces: what each line becomes. */
#include "tests/workloads/given.h"
#include "workloads/stream/stream.h"

/* The requests of a trace, one a line: "arrival prompt reasoning answer session priority hashes of class". */
static char *read_trace(const char *path, const char *format)
{
  g_autoptr(GError) error = NULL;
  const tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  g_autoptr(tw_stream) stream = tw_stream_open(path, tw_trace_format_find(format), &options, &error);
  assert_null(error);
  GString *all = g_string_new(NULL);
  tw_request request;
  while (tw_stream_next(stream, &request, &error)) {
    g_string_append_printf(all, "%.9f %d %d %d %s %d", request.arrival_s, request.prompt_tokens,
                           request.reasoning_tokens, request.answer_tokens,
                           request.session != NULL ? request.session : "-", request.priority);
    for (gint32 i = 0; i < request.n_hashes; i++)
      g_string_append_printf(all, "%s%" G_GUINT64_FORMAT, i == 0 ? " " : "+", request.hashes[i]);
    if (request.n_hashes > 0)
      g_string_append_printf(all, "/%d", request.hash_tokens);
    if (request.class != NULL)
      g_string_append_printf(all, " of %s", request.class);
    g_string_append_c(all, '\n');
    tw_request_clear(&request);
  }
  assert_null(error);
  return g_string_free(all, FALSE);
}

static void check(void **state, const char *format, const char *text, const char *expected)
{
  g_autofree char *path = given_text(state, "trace", text);
  g_autofree char *all = read_trace(path, format);
  assert_string_equal(all, expected);
}

/* The first lines of Azure's trace of 2023; 50.9951690 - 46.6805900 = 4.3145790. */
static void azure_times_count_from_the_first_request(void **state)
{
  check(state, "azure",
        "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
        "2023-11-16 18:15:46.6805900,374,44\r\n"
        "2023-11-16 18:15:50.9951690,396,109\r\n",
        "0.000000000 374 0 44 - 0\n"
        "4.314579000 396 0 109 - 0\n");
}

typedef struct {
  const char *first, *second;
  double seconds;
} interval;

static void azure_times_follow_the_calendar(void **state)
{
  static const interval intervals[] = {
      {"2023-11-16 23:59:59.9999999", "2023-11-17 00:00:00.0000000", 1e-7},
      {"2023-11-30 23:59:59", "2023-12-01 00:00:00", 1},
      {"2023-12-31 23:59:59.5", "2024-01-01 00:00:00.25", 0.75},
      {"2024-02-28 00:00:00", "2024-03-01 00:00:00", 2 * 86400},      /* a leap year */
      {"2023-02-28 00:00:00", "2023-03-01 00:00:00", 86400},          /* none */
      {"1900-02-28 00:00:00", "1900-03-01 00:00:00", 86400},          /* no leap year: a century */
      {"2000-02-28 00:00:00", "2000-03-01 00:00:00", 2 * 86400},      /* one: 400 years */
      {"1999-01-01 00:00:00", "2023-01-01 00:00:00", 8766 * 86400.0}, /* 24 years with 6 leap days */
      {"1969-12-31 23:59:59.5", "1970-01-01 00:00:00.5", 1},
      {"2024-05-12 00:00:00.001163+00:00", "2024-05-12 00:00:00.001164+00:00", 1e-6},
      {"2024-05-12 00:00:00Z", "2024-05-12T01:00:00+01:00", 0},
      {"2024-05-12 00:00:00+05:30", "2024-05-11 20:00:00-00:30", 7200}, /* 18:30 and 20:30 in UTC */
      {"2023-11-16 18:15:46.123456789", "2023-11-16 18:15:46.123456790", 1e-9},
  };
  for (guint i = 0; i < G_N_ELEMENTS(intervals); i++) {
    g_autofree char *text = g_strdup_printf("TIMESTAMP,ContextTokens,GeneratedTokens\n%s,1,1\n%s,1,1\n",
                                            intervals[i].first, intervals[i].second);
    g_autofree char *path = given_text(state, "days", text);
    const tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
    g_autoptr(tw_stream) stream = tw_stream_open(path, NULL, &options, NULL);
    tw_request request = {0};
    assert_true(tw_stream_next(stream, &request, NULL) && tw_stream_next(stream, &request, NULL));
    assert_true(request.arrival_s == intervals[i].seconds); /* both agree to the last bit */
  }
}

static void mooncake_lines_carry_hashes_of_512_tokens(void **state)
{
  check(state, "mooncake",
        "{\"timestamp\": 0, \"input_length\": 6758, \"output_length\": 500, \"hash_ids\": [0, 1, 2]}\n"
        "{\"timestamp\": 1500, \"input_length\": 600, \"output_length\": 1, \"hash_ids\": [0, 182789]}\n"
        "\n"
        "{\"output_length\": 2, \"timestamp\": 3000.25, \"input_length\": 7, \"turn\": 3}\n",
        "0.000000000 6758 0 500 - 0 0+1+2/512\n"
        "1.500000000 600 0 1 - 0 0+182789/512\n"
        "3.000250000 7 0 2 - 0\n");
}

/* 517 = 191 + 326. */
static void servegen_outputs_include_their_reasoning(void **state)
{
  check(state, "servegen",
        "arrival_s,client_id,input_tokens,output_tokens,reasoning_tokens\n"
        "0.000,35,14,517,191\n"
        "0.004,15,13556,100,100\n"
        "0.004,,1,9,\n",
        "0.000000000 14 191 326 35 0\n"
        "0.004000000 13556 100 0 15 0\n"
        "0.004000000 1 0 9 - 0\n");
  check(state, "servegen", "output_tokens,arrival_s,input_tokens\n5,2.5,7\n", "2.500000000 7 0 5 - 0\n");
}

static void the_native_format_says_all_that_a_request_has(void **state)
{
  check(state, "tokenworks",
        "arrival_s,prompt_tokens,reasoning_tokens,answer_tokens,session,priority,hash_tokens,hashes,class\n"
        "0.5,100,20,30,\"chat 1, \"\"x\"\"\",-2,16,18446744073709551615 0 7,\n"
        "1e0,1,0,1,,,,,\n"
        "1.25,1,1,0,,,,,batch\n",
        "0.500000000 100 20 30 chat 1, \"x\" -2 18446744073709551615+0+7/16\n"
        "1.000000000 1 0 1 - 0\n"
        "1.250000000 1 1 0 - 0 of batch\n");
  check(state, "tokenworks", "answer_tokens,prompt_tokens,arrival_s\n3,2,0\n", "0.000000000 2 0 3 - 0\n");
}

static void copy_trace(const char *from, const char *to, const char *format)
{
  const tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  g_autoptr(tw_stream) stream = tw_stream_open(from, NULL, &options, NULL);
  tw_trace_writer *writer = tw_trace_writer_open(to, tw_trace_format_find(format), NULL);
  for (tw_request request; tw_stream_next(stream, &request, NULL); tw_request_clear(&request))
    assert_true(tw_trace_writer_add(writer, &request, NULL));
  assert_true(tw_trace_writer_close(writer, NULL));
}

static void what_is_written_reads_back_as_it_was(void **state)
{
  const char *text =
      "arrival_s,prompt_tokens,reasoning_tokens,answer_tokens,session,priority,hash_tokens,hashes,class\n"
      "0.1,100,20,30,\"a \"\"b\"\", c\",-2,16,18446744073709551615 0 7,\"chat, free\"\n"
      "0.30000000000000004,1,0,1,,,,,\n"
      "123456.123456789,16777216,16777216,16777216,,2147483647,,,chat\n";
  g_autofree char *path = given_text(state, "original", text);
  g_autofree char *expected = read_trace(path, "tokenworks");
  static const char *const names[] = {"copy.csv", "copy.csv.gz"};
  for (int i = 0; i < 2; i++) {
    g_autofree char *copy = g_build_filename(*state, names[i], NULL);
    copy_trace(path, copy, "tokenworks");
    g_autofree char *all = read_trace(copy, "tokenworks"), *bytes = NULL;
    assert_string_equal(all, expected);
    assert_true(g_file_get_contents(copy, &bytes, NULL, NULL));
    if (i == 0)
      assert_string_equal(bytes, text);
    else
      assert_memory_equal(bytes, "\x1f\x8b", 2);
  }
}

/* What a format cannot say is gone, counted, and named; all else is as it was. The first request has
 * everything, the second nothing but a time that is no short decimal of milliseconds, the third ids that
 * stand for other than 512 tokens. Azure's times count from the first request. */
static void each_format_is_written_with_what_it_can_say(void **state)
{
  static const struct {
    const char *format, *expected, *lost;
  } cases[] = {
      {"tokenworks",
       "0.500000000 1024 20 30 chat -2 18446744073709551615+7/512 of free\n"
       "0.733333333 1 0 1 - 0\n"
       "86401.000000001 300 5 1 - 0 1+2/128\n",
       NULL},
      {"mooncake",
       "0.500000000 1024 0 50 chat -2 18446744073709551615+7/512\n"
       "0.733333333 1 0 1 request 2 0\n" /* beside sessions, one of its own */
       "86401.000000001 300 0 6 request 3 0\n",
       "the format mooncake cannot say, and these requests lose: reasoning, apart from the answer (2), "
       "hash ids (1), class (1)"},
      {"servegen",
       "0.500000000 1024 20 30 chat 0\n"
       "0.733333333 1 0 1 - 0\n"
       "86401.000000001 300 5 1 - 0\n",
       "the format servegen cannot say, and these requests lose: priority (1), hash ids (2), class (1)"},
      {"azure",
       "0.000000000 1024 0 50 - 0\n"
       "0.233333333 1 0 1 - 0\n"
       "86400.500000001 300 0 6 - 0\n",
       "the format azure cannot say, and these requests lose: reasoning, apart from the answer (2), session "
       "or client (1), priority (1), hash ids (2), class (1)"},
  };
  guint64 wide[] = {G_MAXUINT64, 7}, narrow[] = {1, 2};
  const tw_request requests[] = {{.arrival_s = 0.5,
                                  .prompt_tokens = 1024,
                                  .reasoning_tokens = 20,
                                  .answer_tokens = 30,
                                  .priority = -2,
                                  .n_hashes = 2,
                                  .hash_tokens = 512,
                                  .hashes = wide,
                                  .session = (char *)"chat",
                                  .class = "free"},
                                 {.arrival_s = 0.5 + 0.7 / 3, .prompt_tokens = 1, .answer_tokens = 1},
                                 {.arrival_s = 86401.000000001,
                                  .prompt_tokens = 300,
                                  .reasoning_tokens = 5,
                                  .answer_tokens = 1,
                                  .n_hashes = 2,
                                  .hash_tokens = 128,
                                  .hashes = narrow}};
  g_autofree char *path = g_build_filename(*state, "written", NULL);
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    tw_trace_writer *writer = tw_trace_writer_open(path, tw_trace_format_find(cases[i].format), NULL);
    for (guint r = 0; r < G_N_ELEMENTS(requests); r++)
      assert_true(tw_trace_writer_add(writer, &requests[r], NULL));
    g_autofree char *lost = tw_trace_writer_lost(writer);
    if (cases[i].lost == NULL)
      assert_null(lost);
    else
      assert_string_equal(lost, cases[i].lost);
    assert_true(tw_trace_writer_close(writer, NULL));
    g_autofree char *all = read_trace(path, cases[i].format);
    assert_string_equal(all, cases[i].expected);
    assert_ptr_equal(tw_trace_format_detect(path), tw_trace_format_find(cases[i].format));
  }
}

/* Hash ids, milliseconds and layout: to the byte. */
static void a_trace_of_mooncake_is_written_as_it_was(void **state)
{
  const char *text =
      "{\"timestamp\": 0, \"input_length\": 600, \"output_length\": 5, \"hash_ids\": [0, 12]}\n"
      "{\"timestamp\": 27482, \"input_length\": 5, \"output_length\": 9, \"hash_ids\": []}\n"
      "{\"timestamp\": 27482.125, \"input_length\": 5, \"output_length\": 9, \"hash_ids\": [1]}\n";
  g_autofree char *path = given_text(state, "original", text), *bytes = NULL;
  g_autofree char *copy = g_build_filename(*state, "copy.jsonl", NULL);
  copy_trace(path, copy, "mooncake");
  assert_true(g_file_get_contents(copy, &bytes, NULL, NULL));
  assert_string_equal(bytes, text);
}

static void a_trace_that_cannot_be_written_is_reported(void **state)
{
  (void)state;
  g_autoptr(GError) missing = NULL, full = NULL;
  assert_null(tw_trace_writer_open("no/such/folder/x.csv", NULL, &missing));
  assert_string_equal(missing->message, "no/such/folder/x.csv: cannot be written: No such file or directory");
  tw_trace_writer *writer = tw_trace_writer_open("/dev/full", NULL, NULL);
  const tw_request request = {.prompt_tokens = 1, .answer_tokens = 1};
  assert_true(tw_trace_writer_add(writer, &request, NULL)); /* still in a buffer */
  assert_false(tw_trace_writer_close(writer, &full));
  assert_string_equal(full->message, "/dev/full: cannot be written: No space left on device");
}

static void formats_are_told_by_their_first_line(void **state)
{
  static const struct {
    const char *line, *format;
  } examples[] = {
      {"TIMESTAMP,ContextTokens,GeneratedTokens\n", "azure"},
      {"{\"timestamp\": 0, \"input_length\": 6758, \"output_length\": 500}\n", "mooncake"},
      {"arrival_s,client_id,input_tokens,output_tokens\n", "servegen"},
      {"arrival_s,prompt_tokens,answer_tokens\n", "tokenworks"},
      {"a,b,c\n", NULL},
      {"", NULL},
  };
  for (guint i = 0; i < G_N_ELEMENTS(examples); i++) {
    g_autofree char *path = given_text(state, "first", examples[i].line);
    const tw_trace_format *format = tw_trace_format_detect(path);
    if (examples[i].format == NULL) {
      assert_null(format);
      continue;
    }
    assert_non_null(format);
    assert_string_equal(tw_trace_format_name(format), examples[i].format);
  }
}

static void every_name_of_a_format_finds_its_row(void **state)
{
  (void)state;
  for (int i = 0; tw_trace_format_names[i] != NULL; i++) {
    const tw_trace_format *format = tw_trace_format_find(tw_trace_format_names[i]);
    assert_non_null(format);
    assert_string_equal(tw_trace_format_name(format), tw_trace_format_names[i]);
    assert_true(strlen(tw_trace_format_help(format)) > 0);
  }
  assert_null(tw_trace_format_find("azur"));
}

static void check_shipped(const char *name, guint64 requests, gint64 prompt, gint64 output, double last_s,
                          const char *sha256)
{
  g_autofree char *path = g_build_filename(TW_SOURCE_DIR, "workloads/traces", name, NULL);
  const tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  g_autoptr(tw_stream) stream = tw_stream_open(path, NULL, &options, NULL);
  tw_request request;
  guint64 n = 0;
  gint64 prompt_sum = 0, output_sum = 0;
  double last = 0;
  while (tw_stream_next(stream, &request, NULL)) {
    assert_int_equal(request.id, n);
    n++;
    prompt_sum += request.prompt_tokens;
    output_sum += tw_request_output_tokens(&request);
    last = request.arrival_s;
    tw_request_clear(&request);
  }
  assert_int_equal(n, requests);
  assert_int_equal(prompt_sum, prompt);
  assert_int_equal(output_sum, output);
  assert_near(last, last_s, 1e-9);
  assert_string_equal(tw_stream_sha256(stream), sha256);
}

/* Counted with: zcat FILE | awk -F, 'NR>1 {n++; p+=$2; o+=$3} END {print n, p, o}', and sha256sum FILE;
 * likewise for the others. */
static void the_shipped_traces_are_read_whole(void **state)
{
  (void)state;
  check_shipped("azure-conv-2023.csv.gz", 19366, 22361870, 4088665, 3501.721937,
                "9d3518f77e4387c32c76b206d8006fe5a2bde0dc41d6038dbd0a1c60c7e86fa2");
  check_shipped("mooncake-conversation.jsonl.gz", 12031, 144793823, 4122048, 3536.999,
                "cbae1655f679723e13e66e016606208ac03590d5b470d82cc4306a249288ea8a");
  check_shipped("servegen-r1-2000.csv.gz", 2000, 2245415, 2950070, 134.012,
                "4f3546aa8e8cc93bb888b31b8cd0507e8123c9ad1bcfd44d48652e6c55aa6ead");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(azure_times_count_from_the_first_request),
      cmocka_unit_test(azure_times_follow_the_calendar),
      cmocka_unit_test(mooncake_lines_carry_hashes_of_512_tokens),
      cmocka_unit_test(servegen_outputs_include_their_reasoning),
      cmocka_unit_test(the_native_format_says_all_that_a_request_has),
      cmocka_unit_test(what_is_written_reads_back_as_it_was),
      cmocka_unit_test(each_format_is_written_with_what_it_can_say),
      cmocka_unit_test(a_trace_of_mooncake_is_written_as_it_was),
      cmocka_unit_test(a_trace_that_cannot_be_written_is_reported),
      cmocka_unit_test(formats_are_told_by_their_first_line),
      cmocka_unit_test(every_name_of_a_format_finds_its_row),
      cmocka_unit_test(the_shipped_traces_are_read_whole),
  };
  return cmocka_run_group_tests(tests, given_directory, remove_directory);
}
