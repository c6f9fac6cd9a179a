#include "sim/log/log_member.h"
#include "tests/log_fixture.h"

#include <zlib.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* One gzip member as zlib, which did not write it, reads it: its text, and how long the member was. 0 if it
 * is not whole. */
static gsize inflate_member(const char *bytes, gsize n, GString *text)
{
  char out[TW_MEMBER_MAX_BYTES];
  z_stream stream = {
      .next_in = (Bytef *)bytes, .avail_in = (uInt)n, .next_out = (Bytef *)out, .avail_out = sizeof out};
  assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
  int result = inflate(&stream, Z_FINISH);
  gsize length = result == Z_STREAM_END ? stream.total_in : 0;
  if (result == Z_STREAM_END)
    g_string_append_len(text, out, (gssize)stream.total_out);
  inflateEnd(&stream);
  return length;
}

static GString *inflate_file(const char *directory, const char *name)
{
  gsize n;
  g_autofree char *bytes = read_file(directory, name, &n);
  GString *text = g_string_new(NULL);
  for (gsize at = 0, length; at < n; at += length) {
    length = inflate_member(bytes + at, n - at, text);
    assert_true(length > 0);
  }
  return text;
}

static void a_table_is_its_header_and_its_rows(void **state)
{
  (void)state;
  char *directory = new_directory();
  tw_log *log = open_log(directory, 1U << TW_LOG_REQUESTS);
  tw_request_row row = tw_request_row_empty;
  row.id = 7;
  row.session = "a,b";
  row.arrival_s = 1.25;
  row.completion_s = 2.5;
  row.prompt_tokens = 100;
  row.kv_transfer_s = 0.125;
  row.class = "chat";
  row.state = "completed";
  tw_log_request(log, &row);
  assert_int_equal(tw_log_rows(log, TW_LOG_REQUESTS), 1);
  close_log(log);

  GString *text = inflate_file(directory, "requests.csv.gz");
  assert_string_equal(text->str,
                      "id,session,arrival_s,first_scheduled_s,first_token_s,first_answer_s,completion_s,"
                      "prompt_tokens,cached_tokens,reasoning_tokens,answer_tokens,prefill_engine,"
                      "decode_engine,preemptions,recomputed_tokens,host_cached_tokens,store_cached_tokens,"
                      "kv_transfer_s,joules,front_end_s,admission_s,fetch_s,chunk_wait_s,transfer_s,"
                      "decode_queue_s,preempted_s,longest_itl_s,class,state,"
                      "reason\n"
                      "7,\"a,b\",1.250000000,,,,2.500000000,100,,,,,,,,,,0.125,,,,,,,,,,chat,completed,\n");
  g_string_free(text, TRUE);
  remove_directory(directory);
}

static void an_empty_table_has_its_header_and_end_marker(void **state)
{
  (void)state;
  char *directory = new_directory();
  close_log(open_log(directory, 1U << TW_LOG_SITE));
  gsize n;
  g_autofree char *bytes = read_file(directory, "site.csv.gz", &n);
  assert_memory_equal(bytes + n - TW_MEMBER_END_BYTES, tw_member_end, TW_MEMBER_END_BYTES);
  GString *text = inflate_file(directory, "site.csv.gz");
  g_autofree char *header = tw_log_table_header(&tw_log_tables[TW_LOG_SITE], 0);
  assert_string_equal(text->str, header);
  g_string_free(text, TRUE);
  remove_directory(directory);
}

/* Each member but the header's and the last holds as many rows as fit into 65,280 bytes. */
static void members_are_cut_at_row_boundaries_by_size(void **state)
{
  (void)state;
  enum { ROWS = 10000 };
  char *directory = new_directory();
  tw_log *log = open_log(directory, 1U << TW_LOG_SEGMENTS);
  write_segments(log, 0, ROWS);
  close_log(log);

  gsize n, at = 0, offset = 0;
  int members = 0;
  g_autofree char *bytes = read_file(directory, "segments.csv.gz", &n);
  GString *expected = expected_segments(ROWS);
  while (at < n - TW_MEMBER_END_BYTES) {
    GString *text = g_string_new(NULL);
    gsize length = tw_member_length((const guint8 *)bytes + at);
    assert_int_equal(inflate_member(bytes + at, n - at, text), length);
    assert_in_range(text->len, 1, TW_LOG_BLOCK_BYTES);
    assert_memory_equal(text->str, expected->str + offset, text->len);
    assert_int_equal(text->str[text->len - 1], '\n');
    offset += text->len;
    const char *next = expected->str + offset;
    if (members > 0 && *next != '\0')
      assert_true(text->len + (gsize)(strchr(next, '\n') + 1 - next) > TW_LOG_BLOCK_BYTES);
    at += length;
    members++;
    g_string_free(text, TRUE);
  }
  assert_int_equal(offset, expected->len);
  assert_true(members > 5);
  g_string_free(expected, TRUE);
  remove_directory(directory);
}

static void the_index_has_a_line_for_each_member(void **state)
{
  (void)state;
  enum { ROWS = 10000 };
  char *directory = new_directory();
  tw_log *log = open_log(directory, 1U << TW_LOG_SEGMENTS);
  write_segments(log, 0, ROWS);
  close_log(log);

  gsize n, at = 0;
  g_autofree char *bytes = read_file(directory, "segments.csv.gz", &n);
  g_autofree char *index = read_file(directory, "segments.csv.gz.index", NULL);
  g_auto(GStrv) lines = g_strsplit(index, "\n", -1);
  assert_string_equal(lines[0], "offset,rows,first_s,last_s");
  assert_string_equal(lines[1], "0,0,,");
  guint64 rows = 0;
  for (char **line = lines + 1; **line != '\0'; line++) {
    tw_index_entry entry;
    assert_true(tw_index_parse(*line, &entry));
    assert_int_equal(entry.offset, at);
    if (entry.rows > 0) {
      assert_near(entry.first_s, (double)(rows + 1) * 0.5, 0);
      assert_near(entry.last_s, (double)(rows + entry.rows) * 0.5, 0);
    }
    rows += entry.rows;
    at += tw_member_length((const guint8 *)bytes + at);
  }
  assert_int_equal(rows, ROWS);
  assert_int_equal(at, n - TW_MEMBER_END_BYTES);
  remove_directory(directory);
}

static void times_out_of_order_widen_the_index_entry(void **state)
{
  (void)state;
  static const double ends[] = {5, 3, 9, 4};
  char *directory = new_directory();
  tw_log *log = open_log(directory, 1U << TW_LOG_SEGMENTS);
  for (gsize i = 0; i < G_N_ELEMENTS(ends); i++) {
    tw_segment_row row = tw_segment_row_empty;
    row.end_s = ends[i];
    tw_log_segment(log, &row);
  }
  close_log(log);
  g_autofree char *index = read_file(directory, "segments.csv.gz.index", NULL);
  assert_non_null(strstr(index, ",4,3.000000000,9.000000000\n"));
  remove_directory(directory);
}

static void bytes_do_not_depend_on_the_timing_of_the_thread(void **state)
{
  (void)state;
  enum { ROWS = 20000 };
  char *directories[2];
  g_autoptr(GRand) chance = g_rand_new_with_seed(3);
  for (int d = 0; d < 2; d++) {
    directories[d] = new_directory();
    tw_log *log = open_log(directories[d], 1U << TW_LOG_SEGMENTS);
    for (int i = 0; i < ROWS; i += 100) {
      write_segments(log, i, i + 100);
      if (d == 1)
        g_usleep((gulong)g_rand_int_range(chance, 0, 300));
    }
    close_log(log);
  }
  for (int f = 0; f < 2; f++) {
    static const char *const names[] = {"segments.csv.gz", "segments.csv.gz.index"};
    gsize n[2];
    g_autofree char *a = read_file(directories[0], names[f], &n[0]);
    g_autofree char *b = read_file(directories[1], names[f], &n[1]);
    assert_int_equal(n[0], n[1]);
    assert_memory_equal(a, b, n[0]);
  }
  remove_directory(directories[0]);
  remove_directory(directories[1]);
}

static void write_rack(tw_log *log, gsize n)
{
  g_autofree char *name = g_strnfill(n, 'r');
  tw_rack_row row = tw_rack_row_empty;
  row.start_s = 0;
  row.rack = name;
  tw_log_rack(log, &row);
}

static void a_row_may_fill_a_block_but_not_more(void **state)
{
  (void)state;
  char *directory = new_directory();
  tw_log *log = open_log(directory, 1U << TW_LOG_RACKS);
  /* The name that makes a row of 65,280 bytes, when all other columns but the time are empty. */
  gsize longest = TW_LOG_BLOCK_BYTES - strlen("0.000000000,,,,,,,,\n");
  write_rack(log, 1);
  write_rack(log, longest);
  write_rack(log, 1);
  close_log(log);
  g_autofree char *index = read_file(directory, "racks.csv.gz.index", NULL);
  g_auto(GStrv) lines = g_strsplit(index, "\n", -1);
  assert_int_equal(g_strv_length(lines), 6); /* titles, the header, three members of one row, nothing */
  for (int i = 2; i < 5; i++)
    assert_non_null(strstr(lines[i], ",1,0.000000000,0.000000000"));

  for (gsize over = 1; over < 2 * TW_LOG_BLOCK_BYTES; over *= 17) {
    GError *error = NULL;
    log = open_log(directory, 1U << TW_LOG_RACKS);
    write_rack(log, 1);
    assert_null(tw_log_failure(log));
    write_rack(log, longest + over);
    assert_non_null(tw_log_failure(log));
    write_rack(log, 1);
    assert_false(tw_log_close(log, &error));
    assert_non_null(strstr(error->message, "racks.csv.gz: row 2 is longer than the 65280 bytes"));
    g_clear_error(&error);
  }
  remove_directory(directory);
}

static void a_table_that_is_not_wanted_is_not_there(void **state)
{
  (void)state;
  char *directory = new_directory();
  close_log(open_log(directory, 1U << TW_LOG_SEGMENTS | 1U << TW_LOG_SITE));
  tw_log *log = open_log(directory, 1U << TW_LOG_SITE);
  assert_true(tw_log_wants(log, TW_LOG_SITE));
  assert_false(tw_log_wants(log, TW_LOG_SEGMENTS));
  write_segments(log, 0, 10);
  assert_int_equal(tw_log_rows(log, TW_LOG_SEGMENTS), 0);
  close_log(log);
  g_autofree char *path = g_build_filename(directory, "segments.csv.gz", NULL);
  assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
  remove_directory(directory);
}

static void rows_of_tables_that_are_not_wanted_are_dropped(void **state)
{
  (void)state;
  char *directory = new_directory();
  tw_log *log = open_log(directory, 0);
  tw_log_request(log, &tw_request_row_empty);
  tw_log_engine(log, &tw_engine_row_empty);
  tw_log_rack(log, &tw_rack_row_empty);
  tw_log_site(log, &tw_site_row_empty);
  tw_log_sites(log, &tw_sites_row_empty);
  tw_log_segment(log, &tw_segment_row_empty);
  tw_log_link(log, &tw_link_row_empty);
  tw_log_failure_row(log, &tw_failure_row_empty);
  tw_log_job(log, &tw_job_row_empty);
  for (int i = 0; i < TW_LOG_TABLES; i++)
    assert_int_equal(tw_log_rows(log, (tw_log_table_id)i), 0);
  close_log(log);
  g_autoptr(GDir) files = g_dir_open(directory, 0, NULL);
  assert_null(g_dir_read_name(files));
  remove_directory(directory);
}

/* A line is whole if it has two counts and two instants, each a number or nothing, and no more. */
static void a_line_of_the_index_that_is_not_whole_is_refused(void **state)
{
  (void)state;
  static const char *const broken[] = {"",           "x,3,1,2",  "-1,3,1,2", "12",        "12,",
                                       "12;3,1,2",   "12,x",     "12,3",     "12,3;1,2",  "12,3,",
                                       "12,3,1",     "12,3,a,2", "12,3,1,b", "12,3,1,2x", "12,3,nan,2",
                                       "12,3,1,nan", "12,3,1,2,"};
  tw_index_entry entry;
  for (gsize i = 0; i < G_N_ELEMENTS(broken); i++)
    assert_false(tw_index_parse(broken[i], &entry));
  assert_true(tw_index_parse("12,3,1.5,-2", &entry));
  assert_int_equal(entry.offset, 12);
  assert_int_equal(entry.rows, 3);
  assert_near(entry.first_s, 1.5, 0);
  assert_near(entry.last_s, -2, 0);
  assert_true(tw_index_parse("0,0,,", &entry));
  assert_true(isnan(entry.first_s) && isnan(entry.last_s));
}

static void a_directory_that_is_not_there_is_an_error(void **state)
{
  (void)state;
  GError *error = NULL;
  assert_null(tw_log_open("/nonexistent/run", 1U << TW_LOG_SITE, &error));
  assert_string_equal(error->message,
                      "/nonexistent/run/site.csv.gz: cannot write: No such file or directory");
  g_clear_error(&error);
}

static void a_full_device_is_reported(void **state)
{
  (void)state;
  if (!g_file_test("/dev/full", G_FILE_TEST_EXISTS))
    skip();
  static const char *const names[] = {"site.csv.gz", "site.csv.gz.index"};
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
    char *directory = new_directory();
    g_autofree char *path = g_build_filename(directory, names[i], NULL);
    g_autofree char *expected = g_strconcat(names[i], ": cannot write: No space left on device", NULL);
    assert_int_equal(symlink("/dev/full", path), 0);
    GError *error = NULL;
    assert_null(tw_log_open(directory, 1U << TW_LOG_SITE, &error));
    assert_non_null(strstr(error->message, expected));
    g_clear_error(&error);
    remove_directory(directory);
  }
}

/* A file that may not grow past 200,000 bytes: the log fails, says so, and keeps its whole members. */
static void a_failure_in_mid_run_leaves_whole_members(void **state)
{
  (void)state;
  char *directory = new_directory();
  struct rlimit before, limit;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  limit = before;
  limit.rlim_cur = 200000;
  signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
  tw_log *log = open_log(directory, 1U << TW_LOG_SEGMENTS);
  int n = 0;
  for (; tw_log_failure(log) == NULL && n < 1000000; n += 100)
    write_segments(log, n, n + 100);
  assert_true(n < 1000000);
  write_segments(log, n, n + 5000);
  GError *error = NULL;
  assert_false(tw_log_close(log, &error));
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
  assert_non_null(strstr(error->message, "segments.csv.gz: cannot write: File too large"));
  g_clear_error(&error);

  GString *text = inflate_file(directory, "segments.csv.gz"), *expected = expected_segments(n);
  assert_true(text->len > 100000 && text->len <= expected->len);
  assert_memory_equal(text->str, expected->str, text->len);
  g_string_free(text, TRUE);
  g_string_free(expected, TRUE);
  remove_directory(directory);
}

/* Everything before the last, cut member is readable, and the index names no member that is not there. */
static void assert_members_are_whole(const char *directory)
{
  gsize n, at = 0;
  g_autofree char *bytes = read_file(directory, "segments.csv.gz", &n);
  g_autofree char *index = read_file(directory, "segments.csv.gz.index", NULL);
  GString *text = g_string_new(NULL), *expected;
  while (n - at >= TW_MEMBER_HEADER_BYTES) {
    gsize length = tw_member_length((const guint8 *)bytes + at);
    assert_true(length > 0);
    if (length > n - at)
      break;
    assert_int_equal(inflate_member(bytes + at, n - at, text), length);
    at += length;
  }
  guint rows = 0;
  for (const char *c = text->str; *c != '\0'; c++)
    rows += *c == '\n';
  expected = expected_segments((int)rows - 1);
  assert_string_equal(text->str, expected->str);
  g_auto(GStrv) lines = g_strsplit(index, "\n", -1);
  const char *line = g_strv_length(lines) > 1 ? lines[g_strv_length(lines) - 2] : "";
  if (g_ascii_isdigit(*line))
    assert_true(g_ascii_strtoull(line, NULL, 10) < at);
  g_string_free(text, TRUE);
  g_string_free(expected, TRUE);
}

static void a_killed_run_leaves_every_complete_member_readable(void **state)
{
  (void)state;
  g_autoptr(GRand) chance = g_rand_new_with_seed(20);
  for (int kill_number = 0; kill_number < 20; kill_number++) {
    char *directory = new_directory();
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
      tw_log *log = tw_log_open(directory, 1U << TW_LOG_SEGMENTS, NULL);
      if (log == NULL || write(ready[1], "x", 1) != 1)
        _exit(1);
      for (int i = 0;; i += 100)
        write_segments(log, i, i + 100);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    g_usleep((gulong)g_rand_int_range(chance, 0, 20000));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ready[0]);
    assert_members_are_whole(directory);
    remove_directory(directory);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_table_is_its_header_and_its_rows),
      cmocka_unit_test(an_empty_table_has_its_header_and_end_marker),
      cmocka_unit_test(members_are_cut_at_row_boundaries_by_size),
      cmocka_unit_test(the_index_has_a_line_for_each_member),
      cmocka_unit_test(times_out_of_order_widen_the_index_entry),
      cmocka_unit_test(bytes_do_not_depend_on_the_timing_of_the_thread),
      cmocka_unit_test(a_row_may_fill_a_block_but_not_more),
      cmocka_unit_test(a_table_that_is_not_wanted_is_not_there),
      cmocka_unit_test(rows_of_tables_that_are_not_wanted_are_dropped),
      cmocka_unit_test(a_line_of_the_index_that_is_not_whole_is_refused),
      cmocka_unit_test(a_directory_that_is_not_there_is_an_error),
      cmocka_unit_test(a_full_device_is_reported),
      cmocka_unit_test(a_failure_in_mid_run_leaves_whole_members),
      cmocka_unit_test(a_killed_run_leaves_every_complete_member_readable),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
