#include "sim/run/driver.h"

#include "platforms/reader/platform_union.h"
#include "sim/network/flows/flows.h"
#include "sim/network/simgrid_compat.h"
#include "sim/network/simgrid_start.h"

#include <glib/gstdio.h>
#include <simgrid/actor.h>
#include <simgrid/engine.h>
#include <simgrid/host.h>
#include <simgrid/link.h>

#include <math.h>

/* Turns of the loop between questions whether the run goes on; where turns take long, it is asked sooner. */
enum { ASK_EVERY = 256, LOOK_EVERY = 16, ASK_EVERY_US = 50000 };

struct tw_driver {
  tw_driven driven;
  tw_run_control control;
  GPtrArray *flows;    /* Array of tw_flows: the networks of scenarios that put something on a wire. */
  GPtrArray *flows_of; /* The same by scenario; NULL: it does not. */
  guint64 events;
  guint64 turns; /* how often the loop went round */
  gint64 asked_us;
  gboolean stopped;     /* go_on or a broken stream has ended the run */
  gboolean out_of_time; /* something is due after until_s */
  GError *error;
};

char *tw_simgrid_version(void)
{
  int major = 0, minor = 0, patch = 0;
  sg_version_get(&major, &minor, &patch);
  return g_strdup_printf("%d.%d.%d", major, minor, patch);
}

/* ---- The platform, as SimGrid reads it ---- */

static gboolean differs(const tw_platform *platform, GError **error, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
static gboolean differs(const tw_platform *platform, GError **error, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  g_autofree char *what = g_strdup_vprintf(format, arguments);
  va_end(arguments);
  return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, platform->path, 0,
                            "SimGrid reads this platform otherwise: %s", what);
}

static gboolean agrees(const tw_ports *ports, const char *prefix, GError **error)
{
  const tw_platform *platform = ports->platform;
  g_autoptr(GHashTable) hosts = tw_simgrid_hosts(prefix);
  g_autoptr(GHashTable) links = tw_simgrid_links(prefix);
  /* Hosts inside clusters have no ports. */
  int n_hosts = (int)g_hash_table_size(hosts);
  if (n_hosts < platform->n_hosts || n_hosts > tw_ports_count(ports))
    return differs(platform, error, "%d hosts instead of %d", n_hosts, platform->n_hosts);
  for (int i = 0; i < platform->n_hosts; i++) {
    const tw_host *host = &platform->hosts[i];
    sg_host_t theirs = g_hash_table_lookup(hosts, host->id);
    if (theirs == NULL)
      return differs(platform, error, "it has no host \"%s\"", host->id);
    if (fabs(sg_host_get_speed(theirs) - host->speed_flops) > 1e-9 * host->speed_flops)
      return differs(platform, error, "host \"%s\" has speed %g instead of %g", host->id,
                     sg_host_get_speed(theirs), host->speed_flops);
  }
  for (int i = 0; i < platform->n_links; i++) {
    const tw_link *link = &platform->links[i];
    g_autofree char *name = g_strconcat(link->id, link->duplex ? "_UP" : NULL, NULL);
    sg_link_t theirs = g_hash_table_lookup(links, name);
    if (theirs == NULL)
      return differs(platform, error, "it has no link \"%s\"", link->id);
    if (fabs(sg_link_get_bandwidth(theirs) - link->bytes_per_s) > 1e-9 * link->bytes_per_s)
      return differs(platform, error, "link \"%s\" has %g bytes/s instead of %g", link->id,
                     sg_link_get_bandwidth(theirs), link->bytes_per_s);
  }
  return TRUE;
}

/* The ports of those scenarios that put something on a wire. */
static GPtrArray *find_wired(const tw_scenario *const *scenarios, int n)
{
  GPtrArray *wired = g_ptr_array_new();
  for (int i = 0; i < n; i++)
    if (tw_scenario_uses_network(scenarios[i]))
      g_ptr_array_add(wired, scenarios[i]->plan.ports);
  return wired;
}

/* The network of the next scenario that has one. */
static tw_flows *add_flows(tw_driver *driver, const GPtrArray *wired)
{
  guint k = driver->flows->len;
  g_autofree char *prefix = tw_union_prefix((int)k, (int)wired->len);
  tw_flows *flows = tw_flows_new_beside(wired->pdata[k], prefix, k > 0 ? driver->flows->pdata[0] : NULL);
  g_ptr_array_add(driver->flows, flows);
  return flows;
}

tw_driver *tw_driver_new(const tw_scenario *const *scenarios, int n, GError **error)
{
  g_autoptr(GPtrArray) wired = find_wired(scenarios, n);
  const tw_ports *const *ports = (const tw_ports *const *)(void *)wired->pdata;
  if (!tw_simgrid_start(ports, (int)wired->len, error))
    return NULL;
  for (guint k = 0; k < wired->len; k++) {
    g_autofree char *prefix = tw_union_prefix((int)k, (int)wired->len);
    if (!agrees(ports[k], prefix, error))
      return NULL;
  }
  tw_driver *driver = g_new0(tw_driver, 1);
  *driver = (tw_driver){.flows = g_ptr_array_new(), .flows_of = g_ptr_array_new()};
  for (int i = 0; i < n; i++)
    g_ptr_array_add(driver->flows_of,
                    tw_scenario_uses_network(scenarios[i]) ? add_flows(driver, wired) : NULL);
  return driver;
}

void tw_driver_free(tw_driver *driver)
{
  if (driver == NULL)
    return;
  for (guint i = 0; i < driver->flows->len; i++)
    tw_flows_free(driver->flows->pdata[i]);
  g_ptr_array_unref(driver->flows);
  g_ptr_array_unref(driver->flows_of);
  g_clear_error(&driver->error);
  g_free(driver);
}

tw_flows *tw_driver_flows(tw_driver *driver, int scenario)
{
  return driver->flows_of->pdata[scenario];
}

/* ---- A factory ---- */

static double factory_next(void *state, double *drives_s)
{
  return tw_factory_next(state, drives_s);
}

static gboolean factory_waits(void *state)
{
  return tw_factory_waits_for_flows(state);
}

static gboolean factory_look(void *state, double until_s)
{
  return tw_factory_look(state, until_s);
}

static gboolean factory_step(void *state, GError **error)
{
  return tw_factory_step(state, error);
}

tw_driven tw_driven_factory(tw_factory *factory)
{
  return (tw_driven){factory_next, factory_waits, factory_look, factory_step, factory};
}

/* ---- The loop ---- */

static gboolean flows_under_way(const tw_driver *driver)
{
  for (guint i = 0; i < driver->flows->len; i++)
    if (tw_flows_under_way(driver->flows->pdata[i]) > 0)
      return TRUE;
  return FALSE;
}

/* Whether the run goes on: it is not stopped, and something is due before it is cut short, or may be once a
 * flow has ended. `next_s` gets when the next event is due. */
static gboolean goes_on(tw_driver *driver, double *next_s)
{
  double drives_s;
  *next_s = driver->driven.next(driver->driven.state, &drives_s);
  if (flows_under_way(driver) && driver->driven.waits_for_flows(driver->driven.state))
    return !driver->stopped;
  /* Actors beside the driver act up to the end, however far the next step of the others leads. */
  double until_s = driver->control.until_s;
  gboolean acts = isfinite(drives_s) && (drives_s <= until_s || *next_s < until_s);
  driver->out_of_time |= isfinite(drives_s) && !acts;
  return !driver->stopped && acts;
}

/* Lets flows go on until an event is due. FALSE where a flow has ended before it. What flows bring may be due before the
 * run is cut short, though the event is not. */
static gboolean follow(tw_driver *driver, double next_s)
{
  return tw_flows_wait((tw_flows *const *)(void *)driver->flows->pdata, (int)driver->flows->len,
                       next_s <= driver->control.until_s ? next_s : INFINITY);
}

static void step(tw_driver *driver)
{
  driver->events++;
  if (!driver->driven.step(driver->driven.state, &driver->error))
    driver->stopped = TRUE;
}

/* Asks from time to time whether the run goes on. */
static void ask(tw_driver *driver, double now_s)
{
  if (++driver->turns % LOOK_EVERY != 0 || driver->control.go_on == NULL)
    return;
  gint64 now_us = g_get_monotonic_time();
  if (driver->turns % ASK_EVERY != 0 && now_us - driver->asked_us < ASK_EVERY_US)
    return;
  driver->asked_us = now_us;
  driver->stopped |= !driver->control.go_on(driver->control.user, now_s);
}

static void run_driver(int argc, char **argv)
{
  (void)argc, (void)argv;
  tw_driver *driver = sg_actor_get_data(sg_actor_self());
  double next_s;
  for (; goes_on(driver, &next_s); ask(driver, next_s)) {
    if (flows_under_way(driver) && !follow(driver, next_s))
      continue;
    while (!driver->stopped && driver->driven.look(driver->driven.state, next_s))
      ask(driver, next_s);
    if (!driver->stopped)
      step(driver);
  }
}

gboolean tw_driver_run(tw_driver *driver, const tw_driven *driven, const tw_run_control *control,
                       GError **error)
{
  driver->driven = *driven;
  driver->control = *control;
  sg_host_t *hosts = sg_host_list();
  sg_actor_t actor = sg_actor_init("driver", hosts[0]);
  free(hosts); /* SimGrid's malloc */
  sg_actor_set_data(actor, driver);
  sg_actor_start_(actor, run_driver, 0, NULL);
  simgrid_run();
  if (driver->error == NULL)
    return TRUE;
  g_propagate_error(error, g_steal_pointer(&driver->error));
  return FALSE;
}

guint64 tw_driver_events(const tw_driver *driver)
{
  return driver->events;
}

gboolean tw_driver_cut_short(const tw_driver *driver)
{
  return driver->stopped || driver->out_of_time;
}

double tw_driver_end_s(const tw_driver *driver)
{
  return driver->out_of_time && !driver->stopped ? driver->control.until_s : INFINITY;
}
