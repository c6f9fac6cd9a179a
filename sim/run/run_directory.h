/* The directory that a run is written into. */
#ifndef TW_SIM_RUN_DIRECTORY_H
#define TW_SIM_RUN_DIRECTORY_H

#include <glib.h>
#include <jansson.h>

/* Makes the directory and locks it against other runs for as long as the descriptor is open: before anything
 * in it is looked at. Below zero with `error` set. */
int tw_run_lock_directory(const char *directory, GError **error);
/* Sees that the directory holds no run, or that it may be overwritten. */
gboolean tw_run_prepare_directory(const char *directory, gboolean force, GError **error);
/* Writes a value into a file of the directory. */
gboolean tw_run_write_json(const char *directory, const char *name, const json_t *value, GError **error);

/* CPU time that all threads of the process have taken. */
double tw_run_cpu_seconds(void);

#endif
