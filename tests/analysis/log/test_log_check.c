#include "analysis/log/log_check.h"
#include "sim/log/log_member.h"
#include "tests/log_fixture.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROWS = 20000 };

static const tw_log_table *const segments = &tw_log_tables[TW_LOG_SEGMENTS];
static const char file_name[] = "segments.csv.gz", index_name[] = "segments.csv.gz.index";

/* The faults of the table, a line each; empty for a whole one. The caller frees it. */
static char *verify(const char *directory, tw_log_tally *tally)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  GString *text = g_string_new(NULL);
  tw_log_verify(directory, segments, faults, tally);
  for (guint i = 0; i < tw_faults_count(faults); i++)
    g_string_append_printf(text, "%s\n", tw_faults_get(faults, i));
  return g_string_free(text, FALSE);
}

static void assert_whole(const char *directory, guint64 rows)
{
  tw_log_tally tally;
  g_autofree char *faults = verify(directory, &tally);
  assert_string_equal(faults, "");
  assert_int_equal(tally.rows, rows);
}

static void assert_fault(const char *directory, const char *part)
{
  tw_log_tally tally;
  g_autofree char *faults = verify(directory, &tally);
  if (strstr(faults, part) == NULL) {
    print_error("'%s' does not contain '%s'\n", faults, part);
    fail();
  }
}

static tw_log_tally repair(const char *directory)
{
  GError *error = NULL;
  tw_log_tally tally;
  assert_true(tw_log_repair(directory, segments, &tally, &error));
  assert_null(error);
  return tally;
}

/* The lengths of the members of a file, the header's first and the end marker's last. */
static GArray *member_lengths(const char *bytes, gsize n)
{
  GArray *lengths = g_array_new(FALSE, FALSE, sizeof(gsize));
  for (gsize at = 0, length; at < n; at += length) {
    length = tw_member_length((const guint8 *)bytes + at);
    assert_true(length > 0);
    g_array_append_val(lengths, length);
  }
  return lengths;
}

/* The offset of the k-th member. */
static gsize offset_of(const GArray *lengths, guint k)
{
  gsize offset = 0;
  for (guint i = 0; i < k; i++)
    offset += g_array_index(lengths, gsize, i);
  return offset;
}

/* The bytes that the fixture's run wrote, to compare with and to damage. */
typedef struct {
  char *directory;
  char *bytes, *index;
  gsize n, index_bytes;
  GArray *lengths;
} whole_run;

static int set_up(void **state)
{
  whole_run *run = g_new0(whole_run, 1);
  run->directory = new_run(ROWS);
  run->bytes = read_file(run->directory, file_name, &run->n);
  run->index = read_file(run->directory, index_name, &run->index_bytes);
  run->lengths = member_lengths(run->bytes, run->n);
  *state = run;
  return 0;
}

static int tear_down(void **state)
{
  whole_run *run = *state;
  remove_directory(run->directory);
  g_free(run->bytes);
  g_free(run->index);
  g_array_unref(run->lengths);
  g_free(run);
  return 0;
}

static void assert_file_is(const char *directory, const char *name, const char *bytes, gsize n)
{
  gsize have;
  g_autofree char *now = read_file(directory, name, &have);
  assert_int_equal(have, n);
  assert_memory_equal(now, bytes, n);
}

static void a_table_as_written_is_whole(void **state)
{
  const whole_run *run = *state;
  tw_log_tally tally;
  g_autofree char *faults = verify(run->directory, &tally);
  assert_string_equal(faults, "");
  assert_int_equal(tally.rows, ROWS);
  assert_int_equal(tally.members, run->lengths->len - 2);
  assert_int_equal(tally.bytes, run->n);
}

static void a_repair_leaves_a_whole_table_as_it_is(void **state)
{
  const whole_run *run = *state;
  tw_log_tally tally = repair(run->directory);
  assert_int_equal(tally.rows, ROWS);
  assert_int_equal(tally.dropped_bytes, 0);
  assert_file_is(run->directory, file_name, run->bytes, run->n);
  assert_file_is(run->directory, index_name, run->index, run->index_bytes);
}

static void a_missing_end_marker_is_written(void **state)
{
  const whole_run *run = *state;
  write_file(run->directory, file_name, run->bytes, run->n - TW_MEMBER_END_BYTES);
  assert_fault(run->directory, "segments.csv.gz: has no end marker: its run was killed");
  assert_int_equal(repair(run->directory).dropped_bytes, 0);
  assert_file_is(run->directory, file_name, run->bytes, run->n);
}

/* Wherever the file is cut, the members before the cut stay, and what is repaired is whole. */
static void a_cut_file_keeps_its_whole_members(void **state)
{
  const whole_run *run = *state;
  g_autoptr(GRand) chance = g_rand_new_with_seed(4);
  for (int round = 0; round < 40; round++) {
    gsize cut = round < 20 ? (gsize)round : (gsize)g_rand_int_range(chance, 20, (gint32)run->n);
    guint whole = 0;
    while (offset_of(run->lengths, whole + 1) <= cut)
      whole++;
    write_file(run->directory, file_name, run->bytes, cut);
    write_file(run->directory, index_name, run->index, run->index_bytes);
    assert_fault(run->directory, "segments.csv.gz: ");
    tw_log_tally tally = repair(run->directory);
    assert_int_equal(tally.members, whole > 0 ? whole - 1 : 0);
    assert_int_equal(tally.dropped_bytes, cut - offset_of(run->lengths, whole));
    assert_whole(run->directory, tally.rows);
  }
}

static void a_lost_index_is_rebuilt(void **state)
{
  const whole_run *run = *state;
  remove_file(run->directory, index_name);
  assert_fault(run->directory, "segments.csv.gz.index: is not there");
  repair(run->directory);
  assert_file_is(run->directory, index_name, run->index, run->index_bytes);
}

static void an_index_that_disagrees_is_rebuilt(void **state)
{
  const whole_run *run = *state;
  for (gsize at = 0; at < run->index_bytes; at += run->index_bytes / 50) {
    g_autofree char *index = g_memdup2(run->index, run->index_bytes);
    index[at] = index[at] == '7' ? '8' : '7';
    write_file(run->directory, index_name, index, run->index_bytes);
    assert_fault(run->directory, "segments.csv.gz.index: disagrees with its table");
    repair(run->directory);
    assert_file_is(run->directory, index_name, run->index, run->index_bytes);
  }
}

/* The third member with rows is damaged: the file becomes what it would be without that member. */
static void a_damaged_member_in_the_middle_is_taken_out(void **state)
{
  const whole_run *run = *state;
  gsize from = offset_of(run->lengths, 3), to = offset_of(run->lengths, 4);
  g_autofree char *without = g_malloc(run->n);
  memcpy(without, run->bytes, from);
  memcpy(without + from, run->bytes + to, run->n - to);
  static const gsize places[] = {0, 16, 1000}; /* its magic bytes, its length, its data */
  for (gsize i = 0; i < G_N_ELEMENTS(places); i++) {
    g_autofree char *damaged = g_memdup2(run->bytes, run->n);
    damaged[from + places[i]] ^= 0x55;
    write_file(run->directory, file_name, damaged, run->n);
    g_autofree char *place = g_strdup_printf("segments.csv.gz: the block at byte %zu ", from);
    assert_fault(run->directory, place);
    tw_log_tally tally = repair(run->directory);
    assert_int_equal(tally.dropped_bytes, to - from);
    assert_int_equal(tally.members, run->lengths->len - 3);
    assert_file_is(run->directory, file_name, without, run->n - (to - from));
    assert_whole(run->directory, tally.rows);
  }
}

static void a_lost_header_is_written_anew(void **state)
{
  const whole_run *run = *state;
  gsize header = g_array_index(run->lengths, gsize, 0);
  write_file(run->directory, file_name, run->bytes + header, run->n - header);
  assert_fault(run->directory, "segments.csv.gz: the block at byte 0 is not the header of the table");
  assert_int_equal(repair(run->directory).rows, ROWS);
  assert_file_is(run->directory, file_name, run->bytes, run->n);
  assert_file_is(run->directory, index_name, run->index, run->index_bytes);
}

static void rows_behind_an_end_marker_are_kept(void **state)
{
  const whole_run *run = *state;
  gsize header = g_array_index(run->lengths, gsize, 0), rest = run->n - header;
  g_autofree char *twice = g_malloc(run->n + rest);
  memcpy(twice, run->bytes, run->n);
  memcpy(twice + run->n, run->bytes + header, rest);
  write_file(run->directory, file_name, twice, run->n + rest);
  assert_fault(run->directory, "follows an end marker");
  tw_log_tally tally = repair(run->directory);
  assert_int_equal(tally.rows, 2 * ROWS);
  assert_int_equal(tally.dropped_bytes, TW_MEMBER_END_BYTES);
  assert_whole(run->directory, 2 * ROWS);
}

static void a_member_with_bad_rows_is_damaged(void **state)
{
  const whole_run *run = *state;
  static const char *const texts[][2] = {
      {"1,decode,0.0,0.5,,31\n", "is damaged in row 1: it has too few cells"},
      {"1,decode,0.0,0.5,,31,\n1,decode,0.0,soon,,31,\n", "is damaged in row 2: end_s is 'soon'"},
      {"1,decode,0.0,0.5,,3.5,\n", "is damaged in row 1: tokens is '3.5'"},
  };
  gsize header = g_array_index(run->lengths, gsize, 0);
  struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(TW_MEMBER_LEVEL);
  for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
    guint8 member[TW_MEMBER_MAX_BYTES];
    gsize length = tw_member_encode(compressor, texts[i][0], strlen(texts[i][0]), member);
    g_autofree char *bytes = g_malloc(header + length + TW_MEMBER_END_BYTES);
    memcpy(bytes, run->bytes, header);
    memcpy(bytes + header, member, length);
    memcpy(bytes + header + length, tw_member_end, TW_MEMBER_END_BYTES);
    write_file(run->directory, file_name, bytes, header + length + TW_MEMBER_END_BYTES);
    assert_fault(run->directory, texts[i][1]);
    assert_int_equal(repair(run->directory).dropped_bytes, length);
    assert_whole(run->directory, 0);
  }
  libdeflate_free_compressor(compressor);
}

static void a_table_that_is_not_there_is_a_fault(void **state)
{
  const whole_run *run = *state;
  remove_file(run->directory, file_name);
  assert_fault(run->directory, "segments.csv.gz: cannot open the table: No such file or directory");
  GError *error = NULL;
  tw_log_tally tally;
  g_autofree char *summary = g_build_filename(run->directory, "summary.json", NULL);
  assert_true(
      g_file_set_contents(summary, "{}", -1, NULL)); /* the run was complete: somebody has removed it */
  assert_false(tw_log_repair(run->directory, segments, &tally, &error));
  g_clear_error(&error);
  remove_file(run->directory, "summary.json"); /* the run was killed before it made it */
  assert_true(tw_log_repair(run->directory, segments, &tally, NULL));
  assert_whole(run->directory, 0);
}

static void a_table_that_a_run_writes_is_left_alone(void **state)
{
  const whole_run *run = *state;
  tw_log *log = open_log(run->directory, 1U << TW_LOG_SEGMENTS);
  write_segments(log, 0, ROWS);
  GError *error = NULL;
  tw_log_tally tally;
  assert_false(tw_log_repair(run->directory, segments, &tally, &error));
  assert_non_null(strstr(error->message, "segments.csv.gz: a run is writing it; wait for its end"));
  g_clear_error(&error);
  assert_null(tw_log_open(run->directory, 1U << TW_LOG_SEGMENTS, &error));
  assert_non_null(strstr(error->message, "segments.csv.gz: another run is writing it"));
  g_clear_error(&error);
  close_log(log);
  assert_whole(run->directory, ROWS);
}

static void a_killed_run_is_repaired(void **state)
{
  const whole_run *run = *state;
  g_autoptr(GRand) chance = g_rand_new_with_seed(21);
  for (int kill_number = 0; kill_number < 20; kill_number++) {
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
      tw_log *log = tw_log_open(run->directory, 1U << TW_LOG_SEGMENTS, NULL);
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
    assert_fault(run->directory, "has no end marker");
    assert_whole(run->directory, repair(run->directory).rows);
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_table_as_written_is_whole),
      TEST(a_repair_leaves_a_whole_table_as_it_is),
      TEST(a_missing_end_marker_is_written),
      TEST(a_cut_file_keeps_its_whole_members),
      TEST(a_lost_index_is_rebuilt),
      TEST(an_index_that_disagrees_is_rebuilt),
      TEST(a_damaged_member_in_the_middle_is_taken_out),
      TEST(a_lost_header_is_written_anew),
      TEST(rows_behind_an_end_marker_are_kept),
      TEST(a_member_with_bad_rows_is_damaged),
      TEST(a_table_that_is_not_there_is_a_fault),
      TEST(a_table_that_a_run_writes_is_left_alone),
      TEST(a_killed_run_is_repaired),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
