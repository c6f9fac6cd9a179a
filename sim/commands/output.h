/* Outputs of commands: files that are whole or not there, and a standard output whose failure is told. */
#ifndef TW_SIM_OUTPUT_H
#define TW_SIM_OUTPUT_H

#include <glib.h>

#include <stdio.h>

/* A file under way. What is written to `out` goes beside `path` and takes its place when it is closed well,
 * so that nothing half-written looks whole. A path that is no regular file of its own (a device, a pipe, a
 * symbolic link) is written in place, as the user asked for. */
typedef struct tw_output {
  FILE *out;
  char *path, *part; /* part: NULL where it is written in place */
} tw_output;

/* FALSE with `error` set where it cannot be opened. */
gboolean tw_output_open(tw_output *output, const char *path, GError **error);
/* Closes it. Where `good` is FALSE, or the rest cannot be written, nothing stays behind; the latter sets
 * `error`. */
gboolean tw_output_close(tw_output *output, gboolean good, GError **error);
/* Writes a text to a file. */
gboolean tw_output_write(const char *path, const char *text, GError **error);

/* Sees when the program ends that all of standard output was written: if not, it says so and exits with 1. */
void tw_output_watch(void);

#endif
