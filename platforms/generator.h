/* Generators of platform files: `tokenworks platform KIND [options]`. */
#ifndef TW_PLATFORMS_GENERATOR_H
#define TW_PLATFORMS_GENERATOR_H

#include <glib.h>

#include <stdio.h>

/* One option of a generator: "--nodes=4". */
typedef struct tw_generator_option {
  const char *name, *fallback, *help;
} tw_generator_option;

/* A kind of platform. `write` gets the value of each option in the order of the table, defaults filled in,
 * and writes DTD-valid SimGrid XML 4.1 headed by a comment that says what was asked; faults of values are
 * TW_INPUT_ERROR. */
typedef struct tw_generator {
  const char *name, *help, *example;
  const tw_generator_option *options;
  gboolean (*write)(FILE *out, const char *const *values, GError **error);
} tw_generator;

extern const tw_generator tw_generators[]; /* ends with a NULL name */

/* Runs the generator `kind` with "name=value" settings (NULL-terminated). Errors name the nearest kind or
 * option. */
gboolean tw_generate(const char *kind, const char *const *settings, FILE *out, GError **error);

#endif
