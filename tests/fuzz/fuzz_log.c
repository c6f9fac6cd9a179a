/* Any bytes, as a table's file with its index behind it, are read to an end or to an error that says where;
 * and whatever they are, a repair makes a whole table of them. The same bytes are tried as the text of a
 * block. */
#include "analysis/log/log_check.h"
#include "analysis/log/log_reader.h"
#include "sim/log/log_member.h"
#include "tests/fuzz/fuzz.h"

#include <glib/gstdio.h>

#include <math.h>
#include <unistd.h>

static const tw_log_table *const table = &tw_log_tables[TW_LOG_SEGMENTS];

static void write_file(const char *directory, const char *name, const void *bytes, gsize n)
{
  g_autofree char *path = g_build_filename(directory, name, NULL);
  g_assert(g_file_set_contents_full(path, bytes, (gssize)n, G_FILE_SET_CONTENTS_NONE, 0644, NULL));
}

static void write_run_json(const char *directory)
{
  json_t *run = json_pack("{s:o}", TW_LOG_RUN_KEY, tw_log_describe(1U << TW_LOG_SEGMENTS));
  char *text = json_dumps(run, 0);
  write_file(directory, "run.json", text, strlen(text));
  free(text);
  json_decref(run);
}

/* Reads all rows, or those of a window; how many there are. */
static guint64 read_table(const char *directory, gboolean window, gboolean must_be_whole)
{
  g_autoptr(GError) error = NULL;
  guint64 rows = 0;
  g_autoptr(tw_log_reader) reader = tw_log_reader_open(directory, table->name, &error);
  if (reader != NULL && window)
    tw_log_reader_window(reader, 10, 1000);
  for (; reader != NULL && tw_log_reader_next(reader, &error); rows++)
    for (guint i = 0; i < tw_log_reader_columns(reader)->len; i++) {
      const char *text = tw_log_reader_text(reader, (int)i);
      double number = tw_log_reader_number(reader, (int)i);
      g_assert(*text != '\0' || (isnan(number) && tw_log_reader_integer(reader, (int)i) == TW_LOG_NONE));
    }
  g_assert(error == NULL || (error->domain == TW_INPUT_ERROR && !must_be_whole));
  return rows;
}

static void check_directory(const char *directory)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_faults) after = tw_faults_new();
  tw_log_tally found, kept, repaired;
  read_table(directory, FALSE, FALSE);
  read_table(directory, TRUE, FALSE);
  tw_log_verify(directory, table, faults, &found);
  g_assert(tw_log_repair(directory, table, &kept, NULL));
  tw_log_verify(directory, table, after, &repaired);
  g_assert(tw_faults_count(after) == 0);
  g_assert(repaired.rows == kept.rows && kept.rows == found.rows);
  g_assert(tw_faults_count(faults) > 0 || kept.dropped_bytes == 0);
  g_assert(read_table(directory, FALSE, TRUE) == kept.rows);
  read_table(directory, TRUE, TRUE);
}

/* The bytes before the index's header line are the table, the others its index. */
static void write_as_file(const char *directory, const guint8 *data, gsize size)
{
  const guint8 *index = memmem(data, size, TW_INDEX_HEADER, strlen(TW_INDEX_HEADER));
  gsize n = index != NULL ? (gsize)(index - data) : size;
  write_file(directory, "segments.csv.gz", data, n);
  write_file(directory, "segments.csv.gz.index", data + n, size - n);
}

static void write_as_text(const char *directory, const guint8 *data, gsize size)
{
  g_autoptr(GByteArray) file = g_byte_array_new();
  struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(TW_MEMBER_LEVEL);
  g_autofree char *header = tw_log_table_header(table, 0);
  guint8 member[TW_MEMBER_MAX_BYTES];
  g_byte_array_append(file, member, (guint)tw_member_encode(compressor, header, strlen(header), member));
  size = MIN(size, TW_LOG_BLOCK_BYTES);
  g_byte_array_append(file, member, (guint)tw_member_encode(compressor, (const char *)data, size, member));
  g_byte_array_append(file, tw_member_end, TW_MEMBER_END_BYTES);
  libdeflate_free_compressor(compressor);
  write_file(directory, "segments.csv.gz", file->data, file->len);
}

/* In memory, if possible: repairs wait for the disk. */
static char *make_directory(void)
{
  const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : g_get_tmp_dir();
  char *directory = g_build_filename(parent, "tw-fuzz-XXXXXX", NULL);
  g_assert(g_mkdtemp(directory) != NULL);
  return directory;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const char *const names[] = {"run.json", "segments.csv.gz", "segments.csv.gz.index"};
  g_autofree char *directory = make_directory();
  write_run_json(directory);
  write_as_file(directory, data, size);
  check_directory(directory);
  write_as_text(directory, data, size);
  check_directory(directory);
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autofree char *path = g_build_filename(directory, names[i], NULL);
    unlink(path);
  }
  rmdir(directory);
  return 0;
}
