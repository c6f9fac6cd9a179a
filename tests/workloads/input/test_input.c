#include "tests/workloads/given.h"
#include "workloads/draw/chance.h"
#include "workloads/input/input.h"

#include <unistd.h>

/* All lines of a file, joined by '|', and the error that ended them, if any. */
static char *read_all(const char *path, GError **error)
{
  g_autoptr(tw_input) input = tw_input_open(path, error);
  assert_non_null(input);
  GString *all = g_string_new(NULL);
  char *line;
  gsize length;
  while (tw_input_line(input, &line, &length, error)) {
    assert_int_equal(strlen(line), length);
    g_string_append_printf(all, "%s|", line);
  }
  return g_string_free(all, FALSE);
}

static void lines_end_with_lf_or_cr_lf_or_the_file(void **state)
{
  g_autofree char *path = given_text(state, "lines", "a\nb\r\n\nc\rd\ne");
  g_autofree char *all = read_all(path, NULL);
  assert_string_equal(all, "a|b||c\rd|e|");
}

static void files_of_no_text_are_told_by_their_first_bytes(void **state)
{
  static const struct {
    const char *bytes, *said;
  } files[] = {{"PAR1\x15", "Parquet"},
               {"PK\x03\x04z", "workbook"},
               {"\x28\xb5\x2f\xfdz", "zstd"},
               {"\xff\xfet", "UTF-16"},
               {"SQLite format 3", "SQLite"},
               {"\xfd"
                "7zXZ",
                "xz"}};
  for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
    g_autofree char *path = given_text(state, "binary", files[i].bytes);
    g_autoptr(GError) error = NULL;
    assert_null(tw_input_open(path, &error));
    assert_non_null(strstr(error->message, files[i].said));
  }
}

static void an_empty_file_has_no_lines(void **state)
{
  g_autofree char *path = given_text(state, "empty", "");
  g_autofree char *all = read_all(path, NULL);
  assert_string_equal(all, "");
}

static void gzip_members_are_read_as_one_text(void **state)
{
  g_autoptr(GByteArray) file = g_byte_array_new();
  append_member(file, "one\ntw", 6);
  append_member(file, "", 0);
  append_member(file, "o\nthree\n", 8);
  append_member(file, "", 0);
  g_autofree char *path = given_bytes(state, "members.gz", file->data, file->len);
  g_autofree char *all = read_all(path, NULL);
  assert_string_equal(all, "one|two|three|");
}

/* Lines of 0 to 200,000 bytes, which cross every boundary of the buffers; cut again by hand. */
static void long_lines_are_cut_as_a_naive_reader_cuts_them(void **state)
{
  tw_chance chance = tw_chance_new(3, "lines");
  g_autoptr(GString) text = g_string_new(NULL);
  for (int i = 0; i < 200; i++) {
    gsize length = tw_chance_below(&chance, 1 + tw_chance_below(&chance, i % 10 == 0 ? 200000 : 300));
    for (gsize j = 0; j < length; j++)
      g_string_append_c(text, (char)('a' + (i + (int)j) % 26));
    g_string_append_c(text, '\n');
  }
  g_autoptr(GByteArray) file = g_byte_array_new();
  for (gsize at = 0, n; at < text->len; at += n) {
    n = 1 + tw_chance_below(&chance, 70000);
    n = MIN(n, text->len - at);
    append_member(file, text->str + at, n);
  }
  g_autofree char *plain = given_bytes(state, "long", text->str, text->len);
  g_autofree char *zipped = given_bytes(state, "long.gz", file->data, file->len);
  g_autofree char *from_plain = read_all(plain, NULL), *from_zipped = read_all(zipped, NULL);
  g_strdelimit(text->str, "\n", '|');
  assert_string_equal(from_plain, text->str);
  assert_string_equal(from_zipped, text->str);
}

/* SHA-256 of "abc": FIPS 180-2, appendix B.1. */
static void the_checksum_is_that_of_the_file(void **state)
{
  const char *of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  g_autofree char *path = given_text(state, "abc", "abc");
  g_autoptr(tw_input) input = tw_input_open(path, NULL);
  char *line;
  gsize length;
  assert_null(tw_input_sha256(input));
  assert_true(tw_input_line(input, &line, &length, NULL));
  assert_false(tw_input_line(input, &line, &length, NULL));
  assert_string_equal(tw_input_sha256(input), of_abc);

  g_autoptr(tw_input) drained = tw_input_open(path, NULL);
  assert_true(tw_input_drain(drained, NULL));
  assert_string_equal(tw_input_sha256(drained), of_abc);
}

static void rewinding_gives_the_same_lines_and_checksum(void **state)
{
  g_autoptr(GByteArray) file = g_byte_array_new();
  append_member(file, "one\n", 4);
  append_member(file, "two\n", 4);
  g_autofree char *path = given_bytes(state, "twice.gz", file->data, file->len);
  g_autoptr(tw_input) input = tw_input_open(path, NULL);
  char *line;
  gsize length;
  assert_true(tw_input_line(input, &line, &length, NULL));
  for (int pass = 0; pass < 3; pass++) {
    assert_true(tw_input_rewind(input, NULL));
    assert_true(tw_input_line(input, &line, &length, NULL));
    assert_string_equal(line, "one");
    assert_true(tw_input_line(input, &line, &length, NULL));
    assert_string_equal(line, "two");
    assert_false(tw_input_line(input, &line, &length, NULL));
  }
  g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, file->data, file->len);
  assert_string_equal(tw_input_sha256(input), sum);
}

static void progress_grows_from_zero_to_one(void **state)
{
  g_autoptr(GString) text = g_string_new(NULL);
  for (int i = 0; i < 100000; i++)
    g_string_append_printf(text, "%d\n", i);
  g_autoptr(GByteArray) file = g_byte_array_new();
  append_member(file, text->str, text->len);
  g_autofree char *plain = given_bytes(state, "progress", text->str, text->len);
  g_autofree char *zipped = given_bytes(state, "progress.gz", file->data, file->len);
  const char *const paths[] = {plain, zipped};
  for (int i = 0; i < 2; i++) {
    g_autoptr(tw_input) input = tw_input_open(paths[i], NULL);
    double before = tw_input_progress(input), halfway = 0;
    assert_near(before, 0, 0);
    char *line;
    gsize length;
    for (int n = 0; tw_input_line(input, &line, &length, NULL); n++) {
      double now = tw_input_progress(input);
      assert_true(now >= before);
      before = now;
      halfway = n == 50000 ? now : halfway;
    }
    assert_near(before, 1, 0);
    /* Numbers of 5 digits take 6/7 to all of the bytes of their share; steps are those of the buffer. */
    assert_near(halfway, 0.5, 0.1);
  }
}

static void check_fault(const char *path, const char *lines, const char *expected)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *all = read_all(path, &error);
  assert_string_equal(all, lines);
  assert_non_null(error);
  g_autofree char *name = g_path_get_dirname(path);
  assert_string_equal(error->message + strlen(name) + 1, expected);
}

static void a_nul_byte_is_refused(void **state)
{
  static const char bytes[] = "good\nb\0d\n";
  g_autofree char *path = given_bytes(state, "nul", bytes, sizeof bytes - 1);
  check_fault(path, "good|", "nul:2: NUL byte in column 2; a text file is needed");
}

static void a_line_without_end_is_refused(void **state)
{
  g_autofree char *endless = g_strnfill(2 * TW_INPUT_MAX_LINE, 'x');
  g_autofree char *text = g_strconcat("good\n", endless, NULL);
  g_autofree char *path = given_text(state, "long", text);
  check_fault(path, "good|", "long:2: the line is longer than 1 MiB; one request a line is needed");
}

/* What zcat can still get out of the file is read; then the fault names the line that is cut. */
static void a_truncated_gzip_file_names_its_line(void **state)
{
  g_autoptr(GByteArray) file = g_byte_array_new();
  append_member(file, "one\ntwo\nthr", 11);
  guint first = file->len;
  append_member(file, "ee\nfour\n", 8);
  const char *expected = "cut.gz:3: the gzip data ends too early: the file is truncated; fetch it again";
  g_autofree char *in_header = given_bytes(state, "cut.gz", file->data, first + 5);
  check_fault(in_header, "one|two|", expected);
  g_autofree char *in_trailer = given_bytes(state, "cut.gz", file->data, first - 3);
  check_fault(in_trailer, "one|two|", expected);
}

static void every_cut_of_a_gzip_file_is_noticed(void **state)
{
  g_autoptr(GByteArray) file = g_byte_array_new();
  append_member(file, "one\ntwo\nthree\n", 14);
  for (guint length = 2; length < file->len; length++) {
    g_autofree char *path = given_bytes(state, "cut.gz", file->data, length);
    g_autoptr(GError) error = NULL;
    g_free(read_all(path, &error));
    assert_non_null(error);
  }
}

static void damaged_gzip_data_is_refused(void **state)
{
  g_autoptr(GByteArray) file = g_byte_array_new();
  append_member(file, "one\ntwo\n", 8);
  file->data[file->len - 8] ^= 1; /* the CRC */
  g_autofree char *sum = given_bytes(state, "bad.gz", file->data, file->len);
  check_fault(sum, "one|two|",
              "bad.gz:3: damaged gzip data: incorrect data check; fetch or compress the file again");
  file->data[file->len - 8] ^= 1;
  g_byte_array_append(file, (const guint8 *)"more", 4);
  g_autofree char *tail = given_bytes(state, "bad.gz", file->data, file->len);
  check_fault(tail, "one|two|",
              "bad.gz:3: damaged gzip data: incorrect header check; fetch or compress the file again");
}

/* 200,000 lines of two bytes; the file is cut between two lines, or grows, once the first line was read. */
static void a_file_that_changes_while_it_is_read_is_refused(void **state)
{
  g_autoptr(GString) text = g_string_new(NULL);
  for (int i = 0; i < 200000; i++)
    g_string_append(text, "x\n");
  static const off_t sizes[] = {300000, 500000};
  for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
    g_autofree char *path = given_text(state, "changes", text->str);
    g_autoptr(tw_input) input = tw_input_open(path, NULL);
    g_autoptr(GError) error = NULL;
    char *line;
    gsize length;
    assert_true(tw_input_line(input, &line, &length, NULL));
    assert_int_equal(truncate(path, sizes[i]), 0);
    while (tw_input_line(input, &line, &length, &error))
      continue;
    assert_non_null(error);
    assert_non_null(strstr(error->message, "has changed while it was read"));
  }
}

static void what_cannot_be_read_is_refused(void **state)
{
  g_autoptr(GError) missing = NULL, directory = NULL;
  assert_null(tw_input_open("no/such/trace.csv", &missing));
  assert_string_equal(missing->message, "no/such/trace.csv: cannot be opened: No such file or directory");
  assert_null(tw_input_open(*state, &directory));
  g_autofree char *expected = g_strdup_printf("%s: cannot be read: Is a directory", (char *)*state);
  assert_string_equal(directory->message, expected);
}

static void quoted_text_is_clipped_and_harmless(void **state)
{
  (void)state;
  g_autofree char *escape = tw_input_quote("a\x1b[31m\tb\xff");
  assert_string_equal(escape, "a?[31m?b\xef\xbf\xbd");
  g_autofree char *clipped =
      tw_input_quote("0123456789012345678901234567890123456789012345678901234567890123456789");
  assert_string_equal(clipped, "012345678901234567890123456789012345678901234567890123456789...");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lines_end_with_lf_or_cr_lf_or_the_file),
      cmocka_unit_test(files_of_no_text_are_told_by_their_first_bytes),
      cmocka_unit_test(an_empty_file_has_no_lines),
      cmocka_unit_test(gzip_members_are_read_as_one_text),
      cmocka_unit_test(long_lines_are_cut_as_a_naive_reader_cuts_them),
      cmocka_unit_test(the_checksum_is_that_of_the_file),
      cmocka_unit_test(rewinding_gives_the_same_lines_and_checksum),
      cmocka_unit_test(progress_grows_from_zero_to_one),
      cmocka_unit_test(a_nul_byte_is_refused),
      cmocka_unit_test(a_line_without_end_is_refused),
      cmocka_unit_test(a_truncated_gzip_file_names_its_line),
      cmocka_unit_test(every_cut_of_a_gzip_file_is_noticed),
      cmocka_unit_test(damaged_gzip_data_is_refused),
      cmocka_unit_test(a_file_that_changes_while_it_is_read_is_refused),
      cmocka_unit_test(what_cannot_be_read_is_refused),
      cmocka_unit_test(quoted_text_is_clipped_and_harmless),
  };
  return cmocka_run_group_tests(tests, given_directory, remove_directory);
}
