#include "analysis/log/log_reader.h"
#include "platforms/input/fault.h"
#include "sim/log/log_member.h"
#include "tests/log_fixture.h"

enum { ROWS = 20000 }; /* half a second each: 10,000 s, in some 11 members */

/* Rows that the reader yields, which must be segments from `first` on; what ended them is in `error`. */
static int count_segments(tw_log_reader *reader, int first, GError **error)
{
  int n = 0, end = tw_log_reader_column(reader, "end_s", NULL);
  int tokens = tw_log_reader_column(reader, "tokens", NULL),
      kind = tw_log_reader_column(reader, "kind", NULL);
  int bytes = tw_log_reader_column(reader, "bytes", NULL);
  for (; tw_log_reader_next(reader, error); n++) {
    int i = first + n;
    assert_near(tw_log_reader_number(reader, end), (i + 1) * 0.5, 0);
    assert_int_equal(tw_log_reader_integer(reader, tokens), i * 31 % 997);
    assert_string_equal(tw_log_reader_text(reader, kind), "decode");
    assert_true(tw_log_reader_integer(reader, bytes) == TW_LOG_NONE);
  }
  return n;
}

static tw_log_reader *open_segments(const char *directory)
{
  GError *error = NULL;
  tw_log_reader *reader = tw_log_reader_open(directory, "segments", &error);
  assert_null(error);
  return reader;
}

/* Reads everything; the message that ended it, or NULL. */
static char *read_all(const char *directory, int *rows)
{
  g_autoptr(tw_log_reader) reader = open_segments(directory);
  g_autoptr(GError) error = NULL;
  *rows = count_segments(reader, 0, &error);
  assert_true(error == NULL || error->domain == TW_INPUT_ERROR);
  return error != NULL ? g_strdup(error->message) : NULL;
}

static char *open_failure(const char *directory, const char *table)
{
  g_autoptr(GError) error = NULL;
  assert_null(tw_log_reader_open(directory, table, &error));
  assert_true(error->domain == TW_INPUT_ERROR);
  return g_strdup(error->message);
}

static void assert_contains(const char *text, const char *part)
{
  if (text == NULL || strstr(text, part) == NULL) {
    print_error("'%s' does not contain '%s'\n", text, part);
    fail();
  }
}

static void every_row_is_read_once_and_in_order(void **state)
{
  (void)state;
  char *directory = new_run(ROWS);
  int rows;
  assert_null(read_all(directory, &rows));
  assert_int_equal(rows, ROWS);
  remove_directory(directory);
}

static void the_end_stays_the_end(void **state)
{
  (void)state;
  char *directory = new_run(1);
  g_autoptr(tw_log_reader) reader = open_segments(directory);
  GError *error = NULL;
  assert_true(tw_log_reader_next(reader, &error));
  for (int i = 0; i < 3; i++) {
    assert_false(tw_log_reader_next(reader, &error));
    assert_null(error);
  }
  remove_directory(directory);
}

/* Of the rows with end_s in [5000, 5100), the first ends at 5000 = (9999 + 1) · 0.5. */
static void a_window_holds_its_beginning_and_not_its_end(void **state)
{
  (void)state;
  char *directory = new_run(ROWS);
  for (int index = 1; index >= 0; index--) {
    g_autoptr(tw_log_reader) reader = open_segments(directory);
    GError *error = NULL;
    tw_log_reader_window(reader, 5000, 5100);
    assert_int_equal(count_segments(reader, 9999, &error), 200);
    assert_null(error);
    if (index)
      remove_file(directory, "segments.csv.gz.index"); /* again, without */
  }
  remove_directory(directory);
}

static void a_window_reads_only_the_blocks_that_it_needs(void **state)
{
  (void)state;
  char *directory = new_run(ROWS);
  g_autofree char *index = read_file(directory, "segments.csv.gz.index", NULL);
  g_auto(GStrv) lines = g_strsplit(index, "\n", -1);
  /* From the middle of the fifth member with rows (the seventh line) to the middle of the sixth. */
  tw_index_entry fifth, sixth, seventh, header, first;
  assert_true(tw_index_parse(lines[1], &header) && tw_index_parse(lines[2], &first));
  assert_true(tw_index_parse(lines[6], &fifth) && tw_index_parse(lines[7], &sixth));
  assert_true(tw_index_parse(lines[8], &seventh));
  g_autoptr(tw_log_reader) reader = open_segments(directory);
  GError *error = NULL;
  double from_s = (fifth.first_s + fifth.last_s) / 2, to_s = (sixth.first_s + sixth.last_s) / 2;
  tw_log_reader_window(reader, from_s, to_s);
  while (tw_log_reader_next(reader, &error))
    ;
  assert_null(error);
  /* The header's member, the two of the window, the index; then the header of the last member and the end
   * marker, by which the reader knows that the index is complete. */
  guint64 needed = first.offset + (seventh.offset - fifth.offset) + strlen(index);
  assert_int_equal(tw_log_reader_bytes_read(reader), needed + TW_MEMBER_HEADER_BYTES + TW_MEMBER_END_BYTES);
  remove_directory(directory);
}

static void an_empty_window_reads_no_block(void **state)
{
  (void)state;
  char *directory = new_run(ROWS);
  gsize n;
  g_free(read_file(directory, "segments.csv.gz", &n));
  g_autoptr(tw_log_reader) reader = open_segments(directory);
  GError *error = NULL;
  tw_log_reader_window(reader, 1e6, 2e6);
  assert_false(tw_log_reader_next(reader, &error));
  assert_null(error);
  assert_true(tw_log_reader_bytes_read(reader) < n / 10);
  remove_directory(directory);
}

/* A run that was killed between a member and its line: the lost line is made up for. */
static void members_that_the_index_does_not_list_are_found(void **state)
{
  (void)state;
  char *directory = new_run(ROWS);
  g_autofree char *index = read_file(directory, "segments.csv.gz.index", NULL);
  g_auto(GStrv) lines = g_strsplit(index, "\n", -1);
  for (guint kept = 0; kept + 1 < g_strv_length(lines); kept++) {
    g_autoptr(GString) part = g_string_new(NULL);
    for (guint i = 0; i < kept; i++)
      g_string_append_printf(part, "%s\n", lines[i]);
    g_string_append(part, "47,1"); /* a line that was cut off */
    write_file(directory, "segments.csv.gz.index", part->str, part->len);
    g_autoptr(tw_log_reader) reader = open_segments(directory);
    GError *error = NULL;
    tw_log_reader_window(reader, 9000, 9100);
    assert_int_equal(count_segments(reader, 17999, &error), 200);
    assert_null(error);
  }
  remove_directory(directory);
}

static void an_index_that_points_elsewhere_is_reported(void **state)
{
  (void)state;
  char *directory = new_run(ROWS);
  static const char *const indices[] = {
      TW_INDEX_HEADER "0,0,,\n100,700,1.000000000,2.000000000\n",
      TW_INDEX_HEADER "0,0,,\n99999999,700,1.000000000,2.000000000\n",
      TW_INDEX_HEADER "0,0,,\n99999999,700,9999.000000000,9999.000000000\n",
  };
  for (gsize i = 0; i < G_N_ELEMENTS(indices); i++) {
    write_file(directory, "segments.csv.gz.index", indices[i], strlen(indices[i]));
    g_autoptr(tw_log_reader) reader = open_segments(directory);
    g_autoptr(GError) error = NULL;
    tw_log_reader_window(reader, 1, 2);
    assert_false(tw_log_reader_next(reader, &error));
    assert_contains(error->message, "tokenworks log repair");
  }
  remove_directory(directory);
}

static void a_log_without_its_end_yields_its_rows_first(void **state)
{
  (void)state;
  char *directory = new_run(ROWS);
  gsize n;
  int rows;
  g_autofree char *bytes = read_file(directory, "segments.csv.gz", &n);
  write_file(directory, "segments.csv.gz", bytes, n - TW_MEMBER_END_BYTES);
  g_autofree char *message = read_all(directory, &rows);
  assert_int_equal(rows, ROWS);
  assert_contains(message, "segments.csv.gz: has no end marker: its run was killed, or still writes it");
  remove_directory(directory);
}

static void a_block_that_is_cut_off_is_reported_with_its_place(void **state)
{
  (void)state;
  char *directory = new_run(ROWS);
  gsize n;
  int rows;
  g_autofree char *bytes = read_file(directory, "segments.csv.gz", &n);
  gsize header = tw_member_length((guint8 *)bytes), first = tw_member_length((guint8 *)bytes + header);
  write_file(directory, "segments.csv.gz", bytes, header + first + 100);
  g_autofree char *message = read_all(directory, &rows);
  g_autofree char *place =
      g_strdup_printf("segments.csv.gz: the block at byte %zu is cut off", header + first);
  assert_in_range(rows, 1000, 3000); /* those of one block */
  assert_contains(message, place);
  remove_directory(directory);
}

static void a_changed_byte_is_noticed(void **state)
{
  (void)state;
  char *directory = new_run(ROWS);
  gsize n;
  int rows;
  g_autofree char *bytes = read_file(directory, "segments.csv.gz", &n);
  gsize header = tw_member_length((guint8 *)bytes), first = tw_member_length((guint8 *)bytes + header);
  bytes[header + first - 8] ^= 1; /* the lowest byte of the CRC of the first member with rows */
  write_file(directory, "segments.csv.gz", bytes, n);
  g_autofree char *message = read_all(directory, &rows);
  g_autofree char *place = g_strdup_printf("the block at byte %zu has a wrong CRC", header);
  assert_int_equal(rows, 0);
  assert_contains(message, place);
  remove_directory(directory);
}

static void what_follows_the_end_marker_is_reported(void **state)
{
  (void)state;
  char *directory = new_run(10);
  gsize n;
  int rows;
  g_autofree char *bytes = read_file(directory, "segments.csv.gz", &n);
  g_autofree char *twice = g_malloc(2 * n);
  memcpy(twice, bytes, n);
  memcpy(twice + n, bytes, n);
  write_file(directory, "segments.csv.gz", twice, 2 * n);
  g_autofree char *message = read_all(directory, &rows);
  assert_int_equal(rows, 10);
  assert_contains(message, "ends the table, but more follows");
  remove_directory(directory);
}

static void a_directory_that_is_no_run_is_refused(void **state)
{
  (void)state;
  char *directory = new_directory();
  g_autofree char *message = open_failure(directory, "segments");
  g_autofree char *expected =
      g_strdup_printf("%s: no run directory: it holds no run.json; name the directory "
                      "given to `tokenworks run -o`",
                      directory);
  assert_string_equal(message, expected);
  write_file(directory, "run.json", "{\"name\": 1}", 11);
  g_autofree char *foreign = open_failure(directory, "segments");
  assert_contains(foreign, "run.json: does not say which version its tables are of");
  write_file(directory, "run.json", "{\"name\"", 7);
  g_autofree char *broken = open_failure(directory, "segments");
  assert_contains(broken, "run.json:1: ");
  remove_directory(directory);
}

static void tables_of_another_version_are_refused(void **state)
{
  (void)state;
  char *directory = new_run(10);
  static const char json[] = "{\"" TW_LOG_RUN_KEY "\": {\"version\": 99}}";
  write_file(directory, "run.json", json, strlen(json));
  g_autofree char *message = open_failure(directory, "segments");
  assert_contains(message, "its tables are of version 99 of the format; this program reads version 1");
  remove_directory(directory);
}

static void a_table_that_is_not_there_is_told_from_a_misspelt_one(void **state)
{
  (void)state;
  char *directory = new_run(10);
  g_autofree char *misspelt = open_failure(directory, "segmnts");
  assert_string_equal(misspelt, "no table is called 'segmnts'; did you mean \"segments\"?");
  g_autofree char *absurd = open_failure(directory, "xyzzy");
  assert_string_equal(absurd, "no table is called 'xyzzy'; write one of requests, engines, racks, site, "
                              "segments, links, failures, jobs, rl, sites, wans");
  g_autofree char *absent = open_failure(directory, "requests");
  assert_contains(absent, "this run has no table 'requests'; it has segments");
  remove_file(directory, "segments.csv.gz");
  g_autofree char *lost = open_failure(directory, "segments");
  assert_contains(lost, "segments.csv.gz: cannot open the table: No such file or directory");
  remove_directory(directory);
}

static void an_unknown_column_is_an_error_that_names_the_nearest(void **state)
{
  (void)state;
  char *directory = new_run(10);
  g_autoptr(tw_log_reader) reader = open_segments(directory);
  g_autoptr(GError) error = NULL;
  assert_int_equal(tw_log_reader_column(reader, "token", &error), -1);
  assert_contains(error->message, "no column is called 'token'; did you mean \"tokens\"?");
  remove_directory(directory);
}

/* Text of one's own making, framed as a table is. */
static void write_table(const char *directory, const char *const *texts)
{
  g_autoptr(GByteArray) file = g_byte_array_new();
  struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(TW_MEMBER_LEVEL);
  guint8 member[TW_MEMBER_MAX_BYTES];
  for (; *texts != NULL; texts++)
    g_byte_array_append(file, member, (guint)tw_member_encode(compressor, *texts, strlen(*texts), member));
  g_byte_array_append(file, tw_member_end, TW_MEMBER_END_BYTES);
  libdeflate_free_compressor(compressor);
  write_file(directory, "segments.csv.gz", (const char *)file->data, file->len);
}

static void columns_are_found_by_name_wherever_they_stand(void **state)
{
  (void)state;
  char *directory = new_run(0);
  write_table(directory, (const char *const[]){"end_s,colour,tokens\n", "1.5,\"re,d\",7\n", NULL});
  g_autoptr(tw_log_reader) reader = open_segments(directory);
  assert_true(tw_log_reader_next(reader, NULL));
  assert_int_equal(tw_log_reader_integer(reader, tw_log_reader_column(reader, "tokens", NULL)), 7);
  assert_string_equal(tw_log_reader_text(reader, tw_log_reader_column(reader, "colour", NULL)), "re,d");
  remove_directory(directory);
}

static void a_row_that_is_none_is_reported_with_its_place(void **state)
{
  (void)state;
  char *directory = new_run(0);
  write_table(directory, (const char *const[]){"end_s,tokens\n", "1.5,7\n2.5\n", NULL});
  g_autoptr(tw_log_reader) reader = open_segments(directory);
  g_autoptr(GError) error = NULL;
  assert_true(tw_log_reader_next(reader, &error));
  assert_false(tw_log_reader_next(reader, &error));
  assert_contains(error->message, "is damaged in row 2: it has too few cells");
  remove_directory(directory);
}

static void a_file_that_is_another_table_is_refused(void **state)
{
  (void)state;
  char *directory = new_run(0);
  write_table(directory, (const char *const[]){"id,arrival_s\n", NULL});
  g_autofree char *message = open_failure(directory, "segments");
  assert_contains(message, "segments.csv.gz: has no column end_s; is it the table 'segments'?");
  write_file(directory, "segments.csv.gz", "engine,kind\n", 12);
  g_autofree char *plain = open_failure(directory, "segments");
  assert_contains(plain, "does not begin with the header of a table");
  remove_directory(directory);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_row_is_read_once_and_in_order),
      cmocka_unit_test(the_end_stays_the_end),
      cmocka_unit_test(a_window_holds_its_beginning_and_not_its_end),
      cmocka_unit_test(a_window_reads_only_the_blocks_that_it_needs),
      cmocka_unit_test(an_empty_window_reads_no_block),
      cmocka_unit_test(members_that_the_index_does_not_list_are_found),
      cmocka_unit_test(an_index_that_points_elsewhere_is_reported),
      cmocka_unit_test(a_log_without_its_end_yields_its_rows_first),
      cmocka_unit_test(a_block_that_is_cut_off_is_reported_with_its_place),
      cmocka_unit_test(a_changed_byte_is_noticed),
      cmocka_unit_test(what_follows_the_end_marker_is_reported),
      cmocka_unit_test(a_directory_that_is_no_run_is_refused),
      cmocka_unit_test(tables_of_another_version_are_refused),
      cmocka_unit_test(a_table_that_is_not_there_is_told_from_a_misspelt_one),
      cmocka_unit_test(an_unknown_column_is_an_error_that_names_the_nearest),
      cmocka_unit_test(columns_are_found_by_name_wherever_they_stand),
      cmocka_unit_test(a_row_that_is_none_is_reported_with_its_place),
      cmocka_unit_test(a_file_that_is_another_table_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
