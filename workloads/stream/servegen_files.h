/* ServeGen's own files: a folder with two of them for each client N (github.com/alibaba/ServeGen, data/, 2025).
 *
 *     chunk-N-trace.csv      start_s,rate,cv,law,shape,scale   without a header; law: Gamma, Weibull, or nothing
 *     chunk-N-dataset.json   {"0": {"input_tokens": "{10: 0.25, 20: 0.75}", "output_tokens": ..., "reason_ratio": ...}}
 *
 * Windows of the second are named by their start in seconds; their distributions are Python's dictionaries in texts, of
 * a value and its probability. A window without any is skipped: the lengths of the one before it go on. */
#ifndef TW_WORKLOADS_SERVEGEN_FILES_H
#define TW_WORKLOADS_SERVEGEN_FILES_H

#include "workloads/input/input.h"
#include "workloads/stream/servegen.h"

/* The names of the distributions; ends with NULL. */
extern const char *const tw_servegen_fields[];

/* Lengths from an instant on: a value of the field's distribution. */
typedef struct tw_servegen_length {
  double start_s, value, weight;
  int field; /* place in tw_servegen_fields */
} tw_servegen_length;

/* The paths of a folder's files, by client, its arrivals first; empty: there are none. The caller frees them. */
GPtrArray *tw_servegen_files(const char *folder);
/* Reads the folder's files, and adds their faults. */
void tw_servegen_read_files(tw_servegen *tables, const char *folder, tw_faults *faults);

/* ---- What readers of tables and of files share (servegen.c) ---- */

/* Sets a window's law by its name, "": Poisson. FALSE: there is no such law. */
gboolean tw_servegen_take_law(const char *pattern, double shape, tw_arrival_window *window);
/* Adds a window of a client's arrivals, or a value of its lengths: in the order of time. FALSE with `error` set, where
 * `from` stands. */
gboolean tw_servegen_add_window(tw_servegen *tables, const char *client, tw_arrival_window window,
                                const tw_input *from, GError **error);
gboolean tw_servegen_add_length(tw_servegen *tables, const char *client, tw_servegen_length length,
                                const tw_input *from, GError **error);

#endif
