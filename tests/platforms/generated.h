/* Platforms that generators write, for tests that load them. */
#ifndef TW_TESTS_PLATFORMS_GENERATED_H
#define TW_TESTS_PLATFORMS_GENERATED_H

#include "platforms/generate/generator.h"
#include "tests/platforms/scratch.h"

/* The platform that "kind name=value ..." writes, in a file of the scratch directory. */
static inline const char *generated(scratch *files, const char *command)
{
  g_autofree char *path = g_build_filename(files->folder, "site.xml", NULL);
  g_auto(GStrv) words = g_strsplit(command, " ", -1);
  FILE *out = g_fopen(path, "w");
  assert_non_null(out);
  assert_true(tw_platform_generate(tw_platform_generator_find(words[0], NULL), (const char *const *)words + 1,
                                   out, NULL));
  fclose(out);
  g_ptr_array_add(files->paths, g_steal_pointer(&path));
  return g_ptr_array_index(files->paths, files->paths->len - 1);
}

#endif
