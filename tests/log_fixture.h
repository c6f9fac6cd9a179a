/* Run directories for tests of the logs: a temporary directory with run.json and a `segments` table of decode
 * steps, one every half second, whose text is known. */
#ifndef TW_TESTS_LOG_FIXTURE_H
#define TW_TESTS_LOG_FIXTURE_H

#include "sim/log/log_writer.h"
#include "tests/check.h"

#include <glib/gstdio.h>

static inline char *new_directory(void)
{
  GError *error = NULL;
  char *directory = g_dir_make_tmp("tw-log-XXXXXX", &error);
  assert_null(error);
  return directory;
}

static inline void remove_directory(char *directory)
{
  g_autoptr(GDir) entries = g_dir_open(directory, 0, NULL);
  for (const char *name; (name = g_dir_read_name(entries)) != NULL;) {
    g_autofree char *path = g_build_filename(directory, name, NULL);
    assert_int_equal(g_unlink(path), 0);
  }
  assert_int_equal(g_rmdir(directory), 0);
  g_free(directory);
}

/* The caller frees it; a NUL that is not counted follows. */
static inline char *read_file(const char *directory, const char *name, gsize *n)
{
  g_autofree char *path = g_build_filename(directory, name, NULL);
  char *bytes = NULL;
  assert_true(g_file_get_contents(path, &bytes, n, NULL));
  return bytes;
}

static inline void write_file(const char *directory, const char *name, const char *bytes, gsize n)
{
  g_autofree char *path = g_build_filename(directory, name, NULL);
  assert_true(g_file_set_contents(path, bytes, (gssize)n, NULL));
}

static inline void remove_file(const char *directory, const char *name)
{
  g_autofree char *path = g_build_filename(directory, name, NULL);
  assert_int_equal(g_unlink(path), 0);
}

static inline tw_log *open_log(const char *directory, guint wanted)
{
  GError *error = NULL;
  tw_log *log = tw_log_open(directory, wanted, &error);
  assert_null(error);
  return log;
}

static inline void close_log(tw_log *log)
{
  GError *error = NULL;
  assert_true(tw_log_close(log, &error));
  assert_null(error);
}

static inline void write_segments(tw_log *log, int from, int to)
{
  for (int i = from; i < to; i++) {
    tw_segment_row row = tw_segment_row_empty;
    row.engine = i % 4;
    row.kind = "decode";
    row.start_s = i * 0.5;
    row.end_s = (i + 1) * 0.5;
    row.tokens = i * 31 % 997;
    tw_log_segment(log, &row);
  }
}

/* The text of the table that holds the first n of them. */
static inline GString *expected_segments(int n)
{
  GString *text = g_string_new("engine,kind,start_s,end_s,requests,tokens,bytes\n");
  for (int i = 0; i < n; i++)
    g_string_append_printf(text, "%d,decode,%.9f,%.9f,,%d,\n", i % 4, i * 0.5, (i + 1) * 0.5, i * 31 % 997);
  return text;
}

static inline void write_run_json(const char *directory, guint wanted)
{
  g_autofree char *path = g_build_filename(directory, "run.json", NULL);
  json_t *run = json_pack("{s:o}", TW_LOG_RUN_KEY, tw_log_describe(wanted));
  assert_int_equal(json_dump_file(run, path, JSON_INDENT(2)), 0);
  json_decref(run);
}

/* A complete run directory with n segments. */
static inline char *new_run(int n)
{
  char *directory = new_directory();
  write_run_json(directory, 1U << TW_LOG_SEGMENTS);
  tw_log *log = open_log(directory, 1U << TW_LOG_SEGMENTS);
  write_segments(log, 0, n);
  close_log(log);
  return directory;
}

#endif
