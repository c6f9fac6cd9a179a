#include "platforms/input/place.h"

#include "platforms/input/data.h"

#include <stdlib.h>

/* Whether a path without links lies below a folder. */
static gboolean is_inside(const char *real, const char *folder)
{
  char *whole = realpath(folder, NULL);
  gsize length = whole != NULL && !g_str_equal(whole, "/") ? strlen(whole) : 0;
  gboolean inside = whole != NULL && strncmp(real, whole, length) == 0 && real[length] == '/';
  free(whole);
  return inside;
}

static gboolean is_allowed(const char *real)
{
  const char *named = g_getenv("TOKENWORKS_ALLOW");
  g_auto(GStrv) folders = g_strsplit(named != NULL ? named : "", ":", -1);
  for (char **folder = folders; *folder != NULL; folder++)
    if (**folder != '\0' && is_inside(real, *folder))
      return TRUE;
  return FALSE;
}

char *tw_refused_place(const char *path, const char *home)
{
  g_autofree char *shipped = tw_data_path("");
  char *real = realpath(path, NULL), *why = NULL;
  if (real != NULL && !is_inside(real, home) && !is_inside(real, shipped) && !is_allowed(real)) {
    g_autofree char *folder = g_path_get_dirname(real);
    why = g_strdup_printf(
        "it lies outside of %s; copy it there, or allow its folder with TOKENWORKS_ALLOW=%s", home, folder);
  }
  free(real);
  return why;
}
