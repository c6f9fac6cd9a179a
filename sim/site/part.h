/* Parts: what acts on a site, each in a file of its own and a row of factory.c.
 *
 * The factory always takes the step of the part that is due first; of several, that of the upper row. Parts
 * know each other through the site. */
#ifndef TW_SIM_PART_H
#define TW_SIM_PART_H

#include "sim/energy/governor.h"
#include "sim/network/network.h"
#include "sim/scenario/scenario.h"
#include "sim/site/recorder.h"
#include "sim/site/telemetry.h"

/* An engine's pool, and where it stands. Borrowed from the scenario. */
typedef struct tw_seat {
  const tw_pool *pool;
  const tw_engine_place *place;
} tw_seat;

/* The site: all that parts share. */
typedef struct tw_site {
  const tw_scenario *scenario;
  tw_network network; /* none: all zero */
  tw_stream *stream;
  tw_recorder *recorder;
  tw_site_power *power;
  tw_telemetry *telemetry;
  tw_seat *seats; /* the seat of each engine */
  tw_engine **engines;
  int n_engines;
  double now_s; /* time of the event under way, or of the last one */
  /* Whether somebody else takes a request that no engine here can; NULL: nobody does (tw_factory_set_outlet). */
  gboolean (*outlet)(void *user, const tw_sequence *sequence, double now_s);
  void *outlet_user;
  /* The source of rollouts: the stream of requests, or what others take these from, who look anew when the next is due as
   * rollouts begin, are held or end (tw_factory_set_rollouts). */
  tw_stream *rollouts;
  void (*rollouts_changed)(void *user);
  void *rollouts_user;
  /* Has the weights of a pool sent here from another site (tw_factory_set_supplier). */
  void (*supplier)(void *user, int pool, double now_s);
  void *supplier_user;
  /* Parts that others turn to; NULL where the scenario has no such thing. */
  struct tw_agenda *agenda; /* the engines, by when they are due */
  /* The map of the prefix caches of all ranks, in the order of engines and ranks; NULL: the router does not look into
   * them, or engines offload. */
  tw_prefix_map *prefixes;
  struct tw_dispatcher *dispatcher;
  struct tw_kv_transfers *transfers;
  struct tw_fetches *fetches;
  struct tw_collective_windows *windows;
  struct tw_fleet *fleet;
  struct tw_failures *failures;
  tw_governor *governor;
  struct tw_load_part *load;
  struct tw_site_jobs *jobs;
} tw_site;

typedef enum {
  TW_PART_DRIVES, /* the run goes on as long as it has something to do */
  TW_PART_FREES,  /* it acts beside those that drive; and may free engines for requests that wait for one */
  TW_PART_FOLLOWS /* it acts beside them: the run neither goes on for it, nor ends with an event of it */
} tw_part_life;

/* `new`, `due`, `step` and `free` are required. The others may be NULL: the part has no such thing. */
typedef struct tw_part_kind {
  const char *name;
  tw_part_life life;
  /* Makes the part's state, or NULL where the scenario has no such part. The parts of the rows below exist
   * already. */
  void *(*new)(tw_site *site);
  /* The instant at which the part acts next; INFINITY: not before something else happens. */
  double (*due)(const void *part);
  /* Does the part's work that is due at now_s. FALSE with `error` set where the input that it reads is
   * broken. */
  gboolean (*step)(void *part, double now_s, GError **error);
  /* Called after every event of any part: draws the consequences for this one. */
  void (*settle)(void *part, double now_s);
  /* After that: starts the flows that the event has asked for. */
  void (*start_flows)(void *part);
  /* Flows whose end is not known yet. */
  int (*under_way)(const void *part);
  /* Nothing is due any more: appends a line for everybody here who still has requests, and what they wait
   * for. */
  void (*explain)(const void *part, GPtrArray *lines);
  /* The run ends at end_s: appends the requests that it has, which are the caller's then. */
  void (*evict)(void *part, GPtrArray *sequences, double end_s);
  void (*free)(void *part);
} tw_part_kind;

extern const tw_part_kind tw_load_part, tw_caps_part, tw_failures_part, tw_fleet_part, tw_autoscaler_part,
    tw_dispatcher_part, tw_kv_transfers_part, tw_fetches_part, tw_agenda_part, tw_collective_windows_part,
    tw_site_jobs_part;

#endif
