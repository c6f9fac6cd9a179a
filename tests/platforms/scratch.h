/* A folder of files that lasts as long as one test. */
#ifndef TW_TESTS_PLATFORMS_SCRATCH_H
#define TW_TESTS_PLATFORMS_SCRATCH_H

#include "platforms/input/fault.h"
#include "tests/check.h"

#include <glib/gstdio.h>

typedef struct scratch {
  char *folder;
  GPtrArray *paths;
} scratch;

static inline void scratch_remove(scratch *files)
{
  for (guint i = 0; i < files->paths->len; i++)
    g_remove(g_ptr_array_index(files->paths, i));
  g_rmdir(files->folder);
  g_ptr_array_unref(files->paths);
  g_free(files->folder);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(scratch, scratch_remove)

static inline scratch scratch_new(void)
{
  scratch files = {g_dir_make_tmp("tw-test-XXXXXX", NULL), g_ptr_array_new_with_free_func(g_free)};
  assert_non_null(files.folder);
  return files;
}

/* Writes a file and returns its path, borrowed; a length of -1 is that of the string. */
static inline const char *scratch_write(scratch *files, const char *name, const char *text, gssize length)
{
  char *path = g_build_filename(files->folder, name, NULL);
  g_remove(path); /* writing over a file, as g_file_set_contents does, waits for the disk */
  FILE *out = g_fopen(path, "w");
  assert_non_null(out);
  size_t size = length < 0 ? strlen(text) : (size_t)length;
  assert_int_equal(fwrite(text, 1, size, out), size);
  assert_int_equal(fclose(out), 0);
  g_ptr_array_add(files->paths, path);
  return path;
}

/* The i-th fault without the folder in front of its file names; the caller frees it. */
static inline char *scratch_fault(const scratch *files, const tw_faults *faults, guint i)
{
  g_autofree char *prefix = g_strconcat(files->folder, "/", NULL);
  g_auto(GStrv) parts = g_strsplit(tw_faults_get(faults, i), prefix, -1);
  return g_strjoinv("", parts);
}

static inline void assert_faults_at(const scratch *files, const tw_faults *faults,
                                    const char *const *expected, const char *file, int line)
{
  guint count = tw_faults_count(faults);
  gboolean good = count == g_strv_length((char **)expected);
  for (guint i = 0; i < count; i++) {
    g_autofree char *text = scratch_fault(files, faults, i);
    good = good && g_str_equal(text, expected[i]);
  }
  if (good)
    return;
  for (guint i = 0; i < count; i++) {
    g_autofree char *text = scratch_fault(files, faults, i);
    print_error("  got: %s\n", text);
  }
  for (; *expected != NULL; expected++)
    print_error("  not: %s\n", *expected);
  _fail(file, line);
}
/* The faults are exactly these texts, in this order. */
#define assert_faults(files, faults, ...)                                                                    \
  assert_faults_at(files, faults, (const char *const[]){__VA_ARGS__, NULL}, __FILE__, __LINE__)

static inline void assert_no_faults_at(const tw_faults *faults, const char *file, int line)
{
  for (guint i = 0; i < tw_faults_count(faults); i++)
    print_error("  %s\n", tw_faults_get(faults, i));
  if (tw_faults_count(faults) > 0)
    _fail(file, line);
}
#define assert_no_faults(faults) assert_no_faults_at(faults, __FILE__, __LINE__)

#endif
