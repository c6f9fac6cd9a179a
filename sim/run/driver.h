/* The driver: the actor that takes the factory from event to event, and keeps SimGrid's clock beside it.
 *
 *     nothing on a wire   the factory's own times are all there is: SimGrid's clock stands still
 *     flows under way     the driver waits until the factory's next event is due, or until a flow ends, after which
 *                         another event may be next (flows.h)
 *
 * A process runs one simulation: SimGrid has one engine. */
#ifndef TW_SIM_DRIVER_H
#define TW_SIM_DRIVER_H

#include "sim/network/flows/flows.h"
#include "sim/site/factory.h"

/* How long a run goes on, and who may stop it. */
typedef struct tw_run_control {
  double until_s; /* simulated time at which the run is cut short, INFINITY: none */
  /* Asked every few hundred events and at least some times a second; FALSE ends the run. NULL: it goes on. */
  gboolean (*go_on)(void *user, double now_s);
  void *user;
} tw_run_control;

/* The driven: a factory, or several with an exchange between them. `next`, `waits_for_flows`, `look` and `step` do
 * what those of the factory do (factory.h). */
typedef struct tw_driven {
  double (*next)(void *state, double *drives_s);
  gboolean (*waits_for_flows)(void *state);
  gboolean (*look)(void *state, double until_s);
  gboolean (*step)(void *state, GError **error);
  void *state;
} tw_driven;
tw_driven tw_driven_factory(tw_factory *factory);

typedef struct tw_driver tw_driver;

/* Starts SimGrid. Scenarios that put anything on a wire have their platforms loaded, and what SimGrid made of
 * them is compared with what we read: every host and link by name, every bandwidth. NULL with `error` set where
 * they disagree. */
tw_driver *tw_driver_new(const tw_scenario *const *scenarios, int n, GError **error);
void tw_driver_free(tw_driver *driver);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_driver, tw_driver_free)

/* The network of a scenario, by its number, borrowed from the driver; NULL: nothing of it crosses a wire. */
tw_flows *tw_driver_flows(tw_driver *driver, int scenario);

/* Runs what is driven until nothing is due any more, or until it is cut short. FALSE with `error` set where the
 * stream was broken; the factory may be finished all the same. */
gboolean tw_driver_run(tw_driver *driver, const tw_driven *driven, const tw_run_control *control,
                       GError **error);

/* Events so far. */
guint64 tw_driver_events(const tw_driver *driver);
/* Whether the run was cut short: by until_s, by go_on or by a broken stream. */
gboolean tw_driver_cut_short(const tw_driver *driver);
/* When the run ended, for tw_factory_finish: until_s if that cut it short, else INFINITY, with its last
 * event. */
double tw_driver_end_s(const tw_driver *driver);

/* "3.32.0": what runs. */
char *tw_simgrid_version(void);

#endif
