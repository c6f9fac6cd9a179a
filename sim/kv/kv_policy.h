/* Policies of a tier of the KV cache, as rows of two tables: which piece goes first where there is no room, and
 * which are taken in. */
#ifndef TW_SIM_KV_POLICY_H
#define TW_SIM_KV_POLICY_H

#include <glib.h>

/* A tier's knowledge of a piece that it holds. */
typedef struct tw_kv_use {
  double entered_s; /* the use with which it came in */
  double used_s;    /* its last use */
  gint64 uses;      /* since it came in, that one counted */
} tw_kv_use;

/* One policy. A tier has two queues. Its pieces enter the first one where `probation` is positive, and the
 * second one if the tier remembers that it has held them before; of the first queue the piece that came in
 * first goes, as long as it has more than that share of the tier's bytes, and of the second one that with the
 * least (key, time of its last use). */
typedef struct tw_kv_policy {
  const char *name, *help;
  double (*key)(const tw_kv_use *use);
  double probation;  /* share of the tier's bytes for pieces that are there for the first time; 0: none */
  double remembered; /* share of the tier's bytes that pieces had that went from there and are remembered */
} tw_kv_policy;

extern const tw_kv_policy tw_kv_policies[];
extern const char *const tw_kv_policy_names[]; /* Names of the policies, NULL-terminated. */
const char *const *tw_kv_policy_helps(void);

/* Pieces that a tier takes in. "second-use" takes only those that have come before, as far as the tier remembers: it
 * keeps the names of pieces that together have as many bytes as it has room for. */
typedef enum { TW_KV_ADMIT_ALL, TW_KV_ADMIT_SECOND_USE } tw_kv_admission;
extern const char *const tw_kv_admission_names[]; /* "all", "second-use" */

#endif
