/* Kinds of generators: the options and functions that other files give to the table in generator.c. */
#ifndef TW_PLATFORMS_GENERATOR_KINDS_H
#define TW_PLATFORMS_GENERATOR_KINDS_H

#include "platforms/generate/generator.h"

/* Rows of an X-list of options, (place, name, default, help), as fallbacks and as GLib's option. */
#define TW_PLATFORM_GENERATOR_FALLBACK(place, name, fallback, help) [place] = fallback,
#define TW_PLATFORM_GENERATOR_ENTRY(place, name, fallback, help)                                             \
  [place] = {name,                                                                                           \
             0,                                                                                              \
             0,                                                                                              \
             G_OPTION_ARG_STRING,                                                                            \
             (gpointer)((place) * sizeof(char *)),                                                           \
             help " (default " fallback ")",                                                                 \
             "VALUE"},
#define TW_PLATFORM_GENERATOR_LAST_ENTRY                                                                     \
  {"output",                                                                                                 \
   'o',                                                                                                      \
   0,                                                                                                        \
   G_OPTION_ARG_FILENAME,                                                                                    \
   (gpointer)(TW_PLATFORM_GENERATOR_OUTPUT * sizeof(char *)),                                                \
   "write to FILE (default standard output)",                                                                \
   "FILE"},                                                                                                  \
  {                                                                                                          \
    0                                                                                                        \
  }

extern const char *const tw_mi3xx_fallbacks[], *const tw_vera_rubin_fallbacks[];
extern const char *const tw_hgx_fallbacks[], *const tw_nvl72_fallbacks[], *const tw_single_fallbacks[];
extern const char *const tw_fat_tree_fallbacks[], *const tw_dragonfly_fallbacks[],
                                                      *const tw_torus_fallbacks[];
gboolean tw_hgx_write(FILE *out, const char *const *values, GError **error);
gboolean tw_mi3xx_write(FILE *out, const char *const *values, GError **error);
gboolean tw_vera_rubin_write(FILE *out, const char *const *values, GError **error);
gboolean tw_nvl72_write(FILE *out, const char *const *values, GError **error);
gboolean tw_fat_tree_write(FILE *out, const char *const *values, GError **error);
gboolean tw_dragonfly_write(FILE *out, const char *const *values, GError **error);
gboolean tw_torus_write(FILE *out, const char *const *values, GError **error);
gboolean tw_single_write(FILE *out, const char *const *values, GError **error);

#endif
