/* Parts that the sources of failures share: failures.c is the part of the site and writes rows, breakages.c begins
 * and mends failures, failures_engines.c takes engines down and lets them serve again. */
#ifndef TW_SIM_FAILURES_PRIVATE_H
#define TW_SIM_FAILURES_PRIVATE_H

#include "sim/site/failures/failures.h"
#include "sim/site/failures/fault_source.h"
#include "sim/site/failures/wires.h"

/* A failure, from its beginning until all is as before. */
typedef struct tw_failure {
  tw_breakage what;
  /* Indices (int) of the accelerators that it hits; a repaired failure of the network has those that it gives back. */
  GArray *accelerators;
  guint hit;         /* Number of accelerators that it hits. */
  tw_heap_node node; /* Key: the instant of its repair, while that is to come. */
  GList link;        /* Link in failures->open. */
  gboolean repaired;
  gboolean stops; /* It stops engines; or it limped, and what limped was replaced. */
  int waiting;    /* Number of engines that it stopped and that do not serve again yet. */
  double detected_s, recovered_s;
  gint64 engines, requests, lost_tokens;
} tw_failure;

/* The condition of an engine. */
typedef enum {
  TW_CONDITION_SOUND,
  TW_CONDITION_HIDDEN, /* It is down, and the router does not know. */
  TW_CONDITION_WAITS,  /* It waits for its recovery. */
  TW_CONDITION_STARTS, /* It loads and starts. */
  TW_CONDITION_PAUSES  /* It is about to go on, or to serve instead of another one. */
} tw_condition;

/* An engine as failures see it. */
typedef struct tw_patient {
  tw_condition condition;
  GQueue hanging;     /* Sequences that it lost or was sent, until the router knows. */
  tw_failure *cause;  /* The failure that stopped it; NULL: none. */
  double down_s;      /* The instant since which it has been down. */
  tw_heap_node timer; /* Key: the instant at which it is known to be down, or goes on. */
  int broken, accelerators;
  int processes; /* Number of failures of its software that are not repaired. */
  guint stamp;   /* The stamp of the last failure that touched it. */
} tw_patient;

struct tw_failures {
  tw_site *site;
  const tw_failure_plan *plan;
  tw_fault_source *source;
  tw_wires *wires;
  int *first; /* By host, the index of its first accelerator. */
  int *rows;  /* By host, its row in the hall. */
  int n_accelerators;
  int *owner; /* By accelerator, the engine that has it; -1: none. Jobs are counted behind the engines. */
  guint16 *broken; /* By accelerator, the number of failures that keep it from working. */
  tw_patient *patients;
  GQueue open; /* Failures that are not over, in the order of beginning. */
  tw_heap repairs, timers, retries;
  guint stamp;
  tw_failure_totals totals;
  gint64 counted; /* Number of failures since it was looked at whether they leave anybody anything to do. */
  guint64 done;   /* What engines and jobs had done then (`work_done`). */
};

/* Writes the row of a failure and frees it, once it is repaired and all engines that it stopped serve again. */
void tw_failures_close_if_over(tw_failures *failures, tw_failure *f, double now_s);
/* Gives an engine the speed of the slowest accelerator and of the accelerators that are left to it. */
void tw_failures_set_speed(tw_failures *failures, int engine, double now_s);
/* Stops an engine by a failure, or lengthens the time for which it is down already. */
void tw_failures_go_down(tw_failures *failures, int engine, tw_failure *cause, double now_s);
/* Lets the router know that an engine is down: what hung there goes back, and its recovery begins. */
void tw_failures_detect(tw_failures *failures, int engine, double now_s);
/* Ends the pause of an engine, which serves again. */
void tw_failures_go_on(tw_failures *failures, int engine, double now_s);
/* Begins a failure. */
void tw_failures_begin(tw_failures *failures, tw_breakage what);
/* Ends the first failure to be repaired. */
void tw_failures_repair(tw_failures *failures, tw_failure *f, double now_s);

#endif
