/* Any bytes, read as a scenario and, behind a line "---", as assignments of --set, one a line, give a scenario or faults,
 * never both. Beside it lie a platform "site.xml" and a table "table.csv", which it may name. */
#include "sim/scenario/scenario.h"
#include "tests/fuzz/input.h"

#include <glib/gstdio.h>

static const char platform[] =
    "<?xml version=\"1.0\"?><!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\"><platform "
    "version=\"4.1\">"
    "<zone id=\"site\" routing=\"Full\"><prop id=\"tw:role\" value=\"site\"/><host id=\"a\" speed=\"1Gf\">"
    "<prop id=\"tw:device\" value=\"h100-sxm\"/><prop id=\"tw:accelerators\" value=\"8\"/></host>"
    "<host id=\"b\" speed=\"1Gf\"><prop id=\"tw:device\" value=\"h100-sxm\"/><prop id=\"tw:accelerators\" "
    "value=\"8\"/></host>"
    "<link id=\"l\" bandwidth=\"50GBps\" latency=\"1us\"/><route src=\"a\" dst=\"b\"><link_ctn "
    "id=\"l\"/></route>"
    "</zone></platform>";

static char *directory;

static void remove_directory(void)
{
  static const char *const names[] = {"site.xml", "table.csv", "scenario.xml"};
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autofree char *path = g_build_filename(directory, names[i], NULL);
    g_unlink(path);
  }
  g_rmdir(directory);
}

static char *write_file(const char *name, const void *bytes, gsize n)
{
  char *path = g_build_filename(directory, name, NULL);
  g_assert(g_file_set_contents_full(path, bytes, (gssize)n, G_FILE_SET_CONTENTS_NONE, 0644, NULL));
  return path;
}

static void make_directory(void)
{
  static const char table[] = "time_s,value\n0,1\n5,2\n";
  directory =
      g_build_filename(access("/dev/shm", W_OK) == 0 ? "/dev/shm" : g_get_tmp_dir(), "tw-fuzz-XXXXXX", NULL);
  g_assert(g_mkdtemp(directory) != NULL);
  g_free(write_file("site.xml", platform, sizeof platform - 1));
  g_free(write_file("table.csv", table, sizeof table - 1));
  atexit(remove_directory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const char line[] = "\n---\n";
  if (directory == NULL)
    make_directory();
  const uint8_t *end = memmem(data, size, line, strlen(line));
  gsize n = end != NULL ? (gsize)(end - data) : size;
  g_autofree char *path = write_file("scenario.xml", data, n);
  g_autofree char *rest =
      end != NULL ? g_strndup((const char *)end + strlen(line), size - n - strlen(line)) : g_strdup("");
  g_auto(GStrv) assignments = g_strsplit(rest, "\n", 20);
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_scenario) scenario = tw_scenario_load(path, (const char *const *)assignments, faults);
  fuzz_check(scenario, faults);
  return 0;
}
