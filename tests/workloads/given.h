/* Small input files for the tests of this folder, in a directory of the test's own. */
#ifndef TW_TESTS_WORKLOADS_GIVEN_H
#define TW_TESTS_WORKLOADS_GIVEN_H

#include "tests/check.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <zlib.h>

/* Group set-up and tear-down: `*state` becomes a new directory. */
static inline int given_directory(void **state)
{
  *state = g_dir_make_tmp("tokenworks-XXXXXX", NULL);
  return *state == NULL;
}

static inline int remove_directory(void **state)
{
  g_autoptr(GDir) files = g_dir_open(*state, 0, NULL);
  for (const char *name; (name = g_dir_read_name(files)) != NULL;) {
    g_autofree char *path = g_build_filename(*state, name, NULL);
    g_unlink(path);
  }
  g_rmdir(*state);
  g_free(*state);
  return 0;
}

/* Writes a file; the caller frees its path. */
static inline char *given_bytes(void **state, const char *name, const void *bytes, gsize length)
{
  char *path = g_build_filename(*state, name, NULL);
  assert_true(g_file_set_contents(path, bytes, (gssize)length, NULL));
  return path;
}

static inline char *given_text(void **state, const char *name, const char *text)
{
  return given_bytes(state, name, text, strlen(text));
}

/* Appends one gzip member that holds `text`. */
static inline void append_member(GByteArray *file, const void *text, gsize length)
{
  z_stream z = {0};
  assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  gsize room = deflateBound(&z, length);
  guint start = file->len;
  g_byte_array_set_size(file, start + (guint)room);
  z.next_in = (Bytef *)text;
  z.avail_in = (uInt)length;
  z.next_out = file->data + start;
  z.avail_out = (uInt)room;
  assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
  g_byte_array_set_size(file, start + (guint)z.total_out);
  deflateEnd(&z);
}

#endif
