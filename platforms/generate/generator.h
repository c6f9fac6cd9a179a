/* Generators of platform files: `tokenworks platform KIND [options]`.
 *
 * A new kind is one file that describes its options and writes its XML, a row in the table here, and a row of
 * help among the commands. */
#ifndef TW_PLATFORMS_GENERATOR_H
#define TW_PLATFORMS_GENERATOR_H

#include <glib.h>

#include <stdio.h>

/* A kind of platform. Its options are a table as GLib's, so that the command line is made from it: each takes
 * a text, and its arg_data is its place in the list of values, in bytes. The last option is where to write
 * ("-o"), which is for the command line alone. */
typedef struct tw_platform_generator {
  const char *name;
  const GOptionEntry *options;
  const char *const *fallbacks; /* the defaults of the options, by place; NULL-terminated */
  /* Gets every value by place, defaults filled in, and writes DTD-valid SimGrid XML 4.1 headed by a comment
   * that says what was asked; faults of values are TW_INPUT_ERROR. */
  gboolean (*write)(FILE *out, const char *const *values, GError **error);
} tw_platform_generator;

extern const tw_platform_generator tw_platform_generators[]; /* ends with a NULL name */
extern const GOptionEntry tw_mi3xx_options[], tw_vera_rubin_options[];
extern const GOptionEntry tw_hgx_options[], tw_nvl72_options[], tw_single_options[];
extern const GOptionEntry tw_fat_tree_options[], tw_dragonfly_options[], tw_torus_options[];

/* At most so many options of a kind. */
enum { TW_PLATFORM_GENERATOR_OPTIONS = 32 };
/* Place of the option "-o" among the values. */
enum { TW_PLATFORM_GENERATOR_OUTPUT = TW_PLATFORM_GENERATOR_OPTIONS - 1 };

/* The generator of that name, or NULL with an error that names the nearest. */
const tw_platform_generator *tw_platform_generator_find(const char *kind, GError **error);

/* Runs a generator with "name=value" settings (NULL-terminated). Errors name the nearest option. */
gboolean tw_platform_generate(const tw_platform_generator *generator, const char *const *settings, FILE *out,
                              GError **error);

#endif
