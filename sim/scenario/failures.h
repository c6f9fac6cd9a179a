/* Parts that break and the recovery from it: the <failures> of a scenario.
 *
 *     part          component                 an accelerator of it breaks where
 *     accelerator   each ("HOST/3")           it does
 *     host          each with accelerators    its host (tray, node) does
 *     rack          each of the platform      its rack does
 *     feed          each row (tw:row)         the power of its row fails
 *     cooling       each row                  the cooling of its row fails
 *     process       each engine ("POOL/0")    none: the serving software alone stops
 *     nic           each ("LINK/3")           its host reaches nobody any more
 *     link          each but NVLink, or each  likewise
 *                   of tw:parts ("LINK/3")
 *     switch        each <router>, or each    likewise
 *                   that its links have parts
 *                   for ("ROUTER/3")
 *
 * Failures are drawn for each component by itself, from a stream of chance of its own: when it breaks after it was
 * repaired, and how long a repair takes. Or they are told: one by one, or by a trace. */
#ifndef TW_SIM_FAILURES_H
#define TW_SIM_FAILURES_H

#include "platforms/input/schema.h"
#include "platforms/reader/platform.h"

typedef struct tw_scenario tw_scenario;

typedef enum {
  TW_PART_ACCELERATOR,
  TW_PART_HOST,
  TW_PART_RACK,
  TW_PART_FEED,
  TW_PART_COOLING,
  TW_PART_PROCESS,
  TW_PART_NIC,
  TW_PART_LINK,
  TW_PART_SWITCH,
  TW_FAILING_PARTS
} tw_failing_part;
extern const char *const tw_failing_part_names[];

/* A part that stops does nothing; a part that limps does all at a part of its speed. */
typedef enum { TW_EFFECT_STOP, TW_EFFECT_LIMP } tw_failure_effect;
extern const char *const tw_failure_effect_names[];

typedef enum { TW_FAULT_EXPONENTIAL, TW_FAULT_WEIBULL } tw_fault_law;
extern const char *const tw_fault_law_names[];

/* How an engine that was stopped comes to serve again: rows of recoveries.c. */
typedef enum {
  TW_RECOVERY_RESTART,
  TW_RECOVERY_SPARES,
  TW_RECOVERY_SHRINK,
  TW_RECOVERY_STANDBY
} tw_recovery_kind;
extern const char *const tw_recovery_names[];

/* One <fault>: the failures of components of one part. */
typedef struct tw_fault {
  int part, effect, law; /* tw_failing_part, tw_failure_effect, tw_fault_law */
  char *names;           /* glob of components */
  double at_s;           /* when each breaks, once; NAN: it is drawn */
  double mtbf_s, shape;  /* mean from a repair to the next failure; of Weibull's law. NAN: at_s is given */
  double repair_s, repair_sigma; /* mean length; deviation of its logarithm, 0: always the same */
  double speed;                  /* Speed of a part that limps. */
  double detection_s;            /* until the router knows */
} tw_fault;

/* A failure that a trace tells. */
typedef struct tw_told_failure {
  double start_s, repaired_s;
  int component; /* Component of the part that the trace tells of. */
} tw_told_failure;

/* One <fault-trace>, or a profile of the platform, whose failures follow from it and are not in `told`. */
typedef struct tw_fault_trace {
  char *file;
  double start_s;    /* Instant of the trace at which the run begins. */
  double rate_scale; /* failures come so many times as fast; repairs take as long */
  double detection_s;
  int part;                       /* host */
  GArray *told;                   /* Array of tw_told_failure, by start_s. */
  const tw_availability *profile; /* borrowed from the platform; NULL: a <fault-trace> */
  int component;                  /* Component of the part that the profile tells of. */
} tw_fault_trace;

typedef enum { TW_ANSWERS_RESUMED, TW_ANSWERS_LOST } tw_partial_answers;
extern const char *const tw_partial_answers_names[];
typedef enum { TW_LIMPING_KEPT, TW_LIMPING_REPLACED } tw_limping;
extern const char *const tw_limping_names[];

typedef struct tw_failure_plan {
  gint64 retries;                 /* Number of times that a request is sent again at most. */
  double backoff_s;               /* before the first retry; twice as long before each further one */
  int answers, recovery, limping; /* tw_partial_answers, tw_recovery_kind, tw_limping */
  gboolean keeps_host_memory;     /* offloaded KV outlives its engine, where its hosts do not break */
  double pause_s;                 /* Seconds that an engine pauses as it shrinks. */
  gint64 standby;                 /* engines of each pool that serve only when another one does not */
  double promotion_s;             /* until they do */
  double profile_detection_s;     /* until the router knows of what a profile of the platform says */
  GArray *faults, *traces;        /* Arrays of tw_fault and of tw_fault_trace. */
} tw_failure_plan;

extern const tw_element tw_failures_element;

/* Reads the <failures> of a scenario before its pools; leaves scenario->failures NULL where there are none, and the
 * platform has no profiles by which hosts or links fail. */
void tw_scenario_read_failures(tw_scenario *scenario, const xmlNode *root);
/* Checks them once the pools are placed, and reads the traces. */
void tw_scenario_check_failures(tw_scenario *scenario, const xmlNode *root, tw_faults *faults);
void tw_failure_plan_free(tw_failure_plan *plan);
/* Appends the files that it was read from to `files` (of char *, copied). */
void tw_failure_plan_files(const tw_failure_plan *plan, GPtrArray *files);

/* Reads the file of a trace, of components of a scenario that is placed. */
void tw_fault_trace_load(const tw_scenario *scenario, tw_fault_trace *trace, tw_faults *faults);

/* Adds the profiles of the platform to scenario->failures, as traces; or a fault where SimGrid changes links, too. */
void tw_fault_profiles_add(const tw_scenario *scenario, tw_faults *faults);

/* The number of components of a part, and the name of one; the caller frees it. */
int tw_failing_components(const tw_scenario *scenario, tw_failing_part part);
char *tw_failing_component_name(const tw_scenario *scenario, tw_failing_part part, int component);
/* Whether a part is on the network: nic, link, switch. */
gboolean tw_failing_is_network(tw_failing_part part);
/* The number of its components, the name of one, and the names of all (char *). The caller frees them. */
int tw_failing_network_components(const tw_platform *platform, tw_failing_part part);
/* How many of them are of a link, and the first of these. */
int tw_failing_components_of_link(const tw_platform *platform, int link, int *first);
char *tw_failing_network_name(const tw_platform *platform, tw_failing_part part, int component);
GPtrArray *tw_failing_network_names(const tw_platform *platform, tw_failing_part part);
/* The links of the platform (of int) that such a component is on: all of each, or number `lane` of the `lanes` equal ones
 * that it stands for. The caller frees it. */
GArray *tw_failing_links(const tw_platform *platform, tw_failing_part part, int component, int *lane,
                         int *lanes);
/* The names of all (char *). The caller frees it. */
GPtrArray *tw_failing_names(const tw_scenario *scenario, tw_failing_part part);
/* By host, its row (tw:row), counted in the order of the platform; hosts of no row are one. `n_rows` (or NULL) gets
 * how many there are. The caller frees it. */
int *tw_failing_rows(const tw_platform *platform, int *n_rows);

#endif
