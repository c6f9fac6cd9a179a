/* Runs the program as a user does, in a scratch directory that is the group's state. */
#ifndef TW_TESTS_PROGRAM_H
#define TW_TESTS_PROGRAM_H

#include "sim/log/log_format.h"
#include "tests/check.h"

#include <glib/gstdio.h>

#include <sys/wait.h>

typedef struct result {
  int code;
  char *out, *err;
} result;

static inline void clear_result(result *r)
{
  g_free(r->out);
  g_free(r->err);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(result, clear_result)

/* Runs the program with blank-separated words, of which $ stands for the scratch directory. */
static inline result run_program(void **state, const char *words)
{
  result r = {-1, NULL, NULL};
  g_auto(GStrv) parts = g_strsplit(words, "$", -1);
  g_autofree char *joined = g_strjoinv(*state, parts);
  g_autofree char *line = g_strdup_printf("%s %s", TW_PROGRAM, joined);
  g_auto(GStrv) argv = g_strsplit(line, " ", -1);
  int status = -1;
  assert_true(g_spawn_sync(NULL, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &r.out, &r.err, &status, NULL));
  assert_true(WIFEXITED(status));
  r.code = WEXITSTATUS(status);
  return r;
}

static inline void expect(void **state, const char *words, int code, const char *out_part,
                          const char *err_part)
{
  g_auto(result) r = run_program(state, words);
  if (r.code == code && strstr(r.out, out_part) != NULL && strstr(r.err, err_part) != NULL)
    return;
  print_error("%s: exit %d\n--- out\n%s\n--- err\n%s\n", words, r.code, r.out, r.err);
  fail();
}

static inline int make_scratch(void **state)
{
  *state = g_dir_make_tmp("tokenworks-XXXXXX", NULL);
  return *state == NULL;
}

static inline void remove_tree(const char *path)
{
  g_autoptr(GDir) entries = g_dir_open(path, 0, NULL);
  for (const char *name; entries != NULL && (name = g_dir_read_name(entries)) != NULL;) {
    g_autofree char *inner = g_build_filename(path, name, NULL);
    if (g_file_test(inner, G_FILE_TEST_IS_DIR) && !g_file_test(inner, G_FILE_TEST_IS_SYMLINK))
      remove_tree(inner);
    else
      g_unlink(inner);
  }
  g_rmdir(path);
}

static inline int remove_scratch(void **state)
{
  remove_tree(*state);
  g_free(*state);
  return 0;
}

/* A file in the scratch directory; folders on the way are made. */
static inline void given_file(void **state, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename(*state, name, NULL);
  g_autofree char *folder = g_path_get_dirname(path);
  assert_int_equal(g_mkdir_with_parents(folder, 0777), 0);
  assert_true(g_file_set_contents(path, text, -1, NULL));
}

/* A run directory in the scratch directory, with a summary but without tables. */
static inline void given_run(void **state, const char *name, const char *scenario, int seed,
                             const char *summary)
{
  json_t *run =
      json_pack("{s:o, s:i, s:s}", TW_LOG_RUN_KEY, tw_log_describe(0), "seed", seed, "scenario", scenario);
  char *text = json_dumps(run, 0);
  g_autofree char *run_json = g_strdup_printf("%s/run.json", name);
  g_autofree char *summary_json = g_strdup_printf("%s/summary.json", name);
  given_file(state, run_json, text);
  given_file(state, summary_json, summary);
  free(text);
  json_decref(run);
}

#endif
