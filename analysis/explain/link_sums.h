/* Links over some time: what they carried, and how long they were full. */
#ifndef TW_ANALYSIS_LINK_SUMS_H
#define TW_ANALYSIS_LINK_SUMS_H

#include <glib.h>
#include <jansson.h>

typedef struct tw_link_sums {
  char *name;
  double bytes;
  double used_s, full_s; /* time at its bandwidth that the bytes make up; time at which it was full */
  double peak;           /* most of its bandwidth in an interval */
} tw_link_sums;

/* Links that carried anything in [from_s, to_s), those that were full for longest first. An empty array for a
 * run without links. Free it with g_array_unref. NULL with TW_INPUT_ERROR on damage. */
GArray *tw_link_sums_read(const char *directory, const json_t *run, double from_s, double to_s, double end_s,
                          GError **error);

#endif
