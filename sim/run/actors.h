/* Actors: SimGrid keeps the clock, and wakes whoever is next.
 *
 *     source   sleeps until the next request leaves the front end, and lets the factory dispatch it
 *     engines  one each: sleeps until its next change is due, or until somebody changes that
 *     deliveries  likewise, of KV caches that have crossed the network (flows.h)
 *
 * An actor that wakes has the factory handle everything that is due by then, in the factory's own order and
 * time. SimGrid's clock only wakes: it merges events that are closer than its precision.
 *
 * A process runs one simulation: SimGrid has one engine. */
#ifndef TW_SIM_ACTORS_H
#define TW_SIM_ACTORS_H

#include "sim/network/flows.h"
#include "sim/site/factory.h"

/* What runs beside the simulation. */
typedef struct tw_run_control {
  double until_s; /* simulated time at which the run is cut short, INFINITY: none */
  gboolean (*go_on)(void *user,
                    double now_s); /* asked every few hundred wake-ups; FALSE ends the run. NULL: go on */
  void *user;
} tw_run_control;

typedef struct tw_actors tw_actors;

/* Starts SimGrid, loads the scenario's platform, and compares what SimGrid made of it with what we read:
 * every host and link by name, every bandwidth. NULL with `error` set where they disagree. */
tw_actors *tw_actors_new(const tw_scenario *scenario, GError **error);
void tw_actors_free(tw_actors *actors);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_actors, tw_actors_free)

/* The network of the run, borrowed from the actors. */
tw_flows *tw_actors_flows(tw_actors *actors);
/* To be given to tw_factory_new as `moved`, with the actors as `user`. */
void tw_actors_moved(void *actors, int engine);

/* Runs the factory until nothing is due any more, or until it is cut short. FALSE with `error` set where the
 * stream was broken; the factory may be finished all the same. */
gboolean tw_actors_run(tw_actors *actors, tw_factory *factory, const tw_run_control *control, GError **error);

/* Wake-ups of actors so far: simulator events. */
guint64 tw_actors_wakeups(const tw_actors *actors);
/* Whether the run was cut short: by until_s, by go_on or by a broken stream. */
gboolean tw_actors_cut_short(const tw_actors *actors);
/* When the run ended, for tw_factory_finish: until_s if that cut it short, else INFINITY, with its last
 * event. */
double tw_actors_end_s(const tw_actors *actors);

/* "3.32.0": what runs. */
char *tw_simgrid_version(void);

#endif
