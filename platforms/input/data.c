#include "platforms/input/data.h"

/* share/tokenworks of the prefix that the running program was installed to, or NULL. */
static char *installed_root(void)
{
  g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
  if (program == NULL)
    return NULL;
  g_autofree char *folder = g_path_get_dirname(program);
  g_autofree char *prefix = g_path_get_dirname(folder);
  g_autofree char *root = g_build_filename(prefix, "share", "tokenworks", NULL);
  return g_file_test(root, G_FILE_TEST_IS_DIR) ? g_steal_pointer(&root) : NULL;
}

char *tw_data_path(const char *relative)
{
  const char *named = g_getenv("TOKENWORKS_DATA");
  if (named != NULL && *named != '\0')
    return g_build_filename(named, relative, NULL);
  g_autofree char *installed = installed_root();
  return g_build_filename(installed != NULL ? installed : TW_SOURCE_DIR, relative, NULL);
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char **tw_data_list(const char *folder, const char *suffix)
{
  g_autofree char *path = tw_data_path(folder);
  g_autoptr(GDir) directory = g_dir_open(path, 0, NULL);
  GPtrArray *names = g_ptr_array_new();
  const char *file;
  while (directory != NULL && (file = g_dir_read_name(directory)) != NULL)
    if (g_str_has_suffix(file, suffix) && file[0] != '.')
      g_ptr_array_add(names, g_strndup(file, strlen(file) - strlen(suffix)));
  g_ptr_array_sort(names, compare_names);
  g_ptr_array_add(names, NULL);
  return (char **)g_ptr_array_free(names, FALSE);
}
