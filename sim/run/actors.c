#include "sim/run/actors.h"

#include "sim/network/flows.h"
#include "sim/network/simgrid_compat.h"

#include <simgrid/actor.h>
#include <simgrid/engine.h>
#include <simgrid/host.h>
#include <simgrid/link.h>
#include <simgrid/semaphore.h>

#include <math.h>

enum { SHARED = 3 };      /* actors beside the engines: see TW_FACTORY_SOURCE and its like */
enum { ASK_EVERY = 256 }; /* wake-ups between questions whether to go on */

/* An actor: the source, or an engine. */
typedef struct actor {
  tw_actors *actors;
  int engine; /* or TW_FACTORY_SOURCE */
  sg_sem_t wake;
  double armed_s; /* when it wakes by itself; -INFINITY while it is about to look */
} actor;

struct tw_actors {
  const tw_scenario *scenario;
  tw_factory *factory;
  tw_run_control control;
  tw_flows *flows;
  actor *all; /* engines by their index, then the source and the deliveries */
  guint64 wakeups;
  gboolean over;        /* every actor is to end */
  gboolean stopped;     /* by go_on or a broken stream */
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

/* SimGrid's links; sg_link_by_name throws where there is none. */
static GHashTable *links_by_name(void)
{
  GHashTable *links = g_hash_table_new(g_str_hash, g_str_equal);
  sg_link_t *list = sg_link_list();
  for (size_t i = 0; i < sg_link_count(); i++)
    g_hash_table_insert(links, (char *)sg_link_get_name(list[i]), list[i]);
  free(list); /* SimGrid's malloc */
  return links;
}

static gboolean agrees(const tw_scenario *scenario, GError **error)
{
  const tw_platform *platform = scenario->platform;
  /* Hosts inside clusters have no ports. */
  if (sg_host_count() < (size_t)platform->n_hosts ||
      sg_host_count() > (size_t)tw_ports_count(scenario->ports))
    return differs(platform, error, "%zu hosts instead of %d", sg_host_count(), platform->n_hosts);
  for (int i = 0; i < platform->n_hosts; i++) {
    const tw_host *host = &platform->hosts[i];
    sg_host_t theirs = sg_host_by_name(host->id);
    if (theirs == NULL)
      return differs(platform, error, "it has no host \"%s\"", host->id);
    if (fabs(sg_host_get_speed(theirs) - host->speed_flops) > 1e-9 * host->speed_flops)
      return differs(platform, error, "host \"%s\" has speed %g instead of %g", host->id,
                     sg_host_get_speed(theirs), host->speed_flops);
  }
  g_autoptr(GHashTable) links = links_by_name();
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

tw_actors *tw_actors_new(const tw_scenario *scenario, GError **error)
{
  if (!tw_simgrid_start(scenario->ports, error) || !agrees(scenario, error))
    return NULL;
  int n = scenario->n_engines;
  tw_actors *actors = g_new0(tw_actors, 1);
  *actors = (tw_actors){
      .scenario = scenario, .flows = tw_flows_new(scenario->ports), .all = g_new0(actor, (gsize)n + SHARED)};
  for (int i = 0; i < n + SHARED; i++)
    actors->all[i] = (actor){actors, i < n ? i : n - 1 - i, NULL, -INFINITY};
  return actors;
}

void tw_actors_free(tw_actors *actors)
{
  if (actors == NULL)
    return;
  tw_flows_free(actors->flows);
  g_free(actors->all);
  g_clear_error(&actors->error);
  g_free(actors);
}

/* ---- Actors ---- */

static void wake(actor *self)
{
  self->armed_s = -INFINITY;
  sg_sem_release(self->wake);
}

static double due(const actor *self)
{
  const tw_factory *factory = self->actors->factory;
  return self->engine == TW_FACTORY_SOURCE      ? tw_factory_next_dispatch(factory)
         : self->engine == TW_FACTORY_TRANSFERS ? tw_factory_next_delivery(factory)
         : self->engine == TW_FACTORY_CONTROL   ? tw_factory_next_control(factory)
                                                : tw_factory_engine_due(factory, self->engine);
}

void tw_actors_moved(void *user, int engine)
{
  tw_actors *actors = user;
  actor *moved = &actors->all[engine >= 0 ? engine : actors->scenario->n_engines - 1 - engine];
  gboolean last = (engine == TW_FACTORY_TRANSFERS || engine == TW_FACTORY_CONTROL) &&
                  !tw_factory_waits_for_flows(actors->factory);
  if (last || due(moved) < moved->armed_s)
    wake(moved);
}

/* Has the factory handle what is due. */
static void advance(tw_actors *actors, double now_s)
{
  if (actors->stopped)
    return;
  actors->stopped = !tw_factory_advance(actors->factory, now_s, &actors->error);
  if (++actors->wakeups % ASK_EVERY == 0 && actors->control.go_on != NULL &&
      !actors->control.go_on(actors->control.user, now_s))
    actors->stopped = TRUE;
}

/* Whether the run goes on: it is not stopped, and something is due before it is cut short. */
static gboolean goes_on(tw_actors *actors)
{
  double next_s = tw_factory_next(actors->factory);
  if (tw_factory_waits_for_flows(actors->factory))
    return !actors->stopped; /* what they bring may be due sooner */
  actors->out_of_time |= isfinite(next_s) && next_s > actors->control.until_s;
  return !actors->stopped && isfinite(next_s) && next_s <= actors->control.until_s;
}

/* Sleeps until it is due, or somebody changes that. One that has nothing to do is needed as long as anybody
 * has: a request may come its way. */
static void run_actor(int argc, char **argv)
{
  (void)argc, (void)argv;
  actor *self = sg_actor_get_data(sg_actor_self());
  tw_actors *actors = self->actors;
  while (goes_on(actors)) {
    double due_s = due(self);
    self->armed_s = due_s;
    if (!isfinite(due_s) || due_s > actors->control.until_s) {
      sg_sem_acquire(self->wake);
      continue;
    }
    double wait_s = due_s - simgrid_get_clock();
    if (wait_s > 0 && !sg_sem_acquire_timeout(self->wake, wait_s))
      continue;
    self->armed_s = -INFINITY;
    advance(actors, due_s);
  }
  if (actors->over)
    return;
  actors->over = TRUE;
  for (int i = 0; i < actors->scenario->n_engines + SHARED; i++)
    wake(&actors->all[i]);
}

gboolean tw_actors_run(tw_actors *actors, tw_factory *factory, const tw_run_control *control, GError **error)
{
  const tw_scenario *scenario = actors->scenario;
  const tw_host *hosts = scenario->platform->hosts;
  actors->factory = factory;
  actors->control = *control;
  for (int i = 0; i < scenario->n_engines + SHARED; i++) {
    gboolean engine = i < scenario->n_engines;
    g_autofree char *name = g_strdup_printf(engine ? "engine-%d" : "factory-%d", i);
    const char *host = hosts[scenario->engines[engine ? i : 0].shares[0].host].id;
    sg_actor_t started = sg_actor_init(name, sg_host_by_name(host));
    actors->all[i].wake = sg_sem_init(0);
    sg_actor_set_data(started, &actors->all[i]);
    sg_actor_start_(started, run_actor, 0, NULL);
  }
  simgrid_run();
  for (int i = 0; i < scenario->n_engines + SHARED; i++)
    sg_sem_destroy(actors->all[i].wake);
  if (actors->error == NULL)
    return TRUE;
  g_propagate_error(error, g_steal_pointer(&actors->error));
  return FALSE;
}

tw_flows *tw_actors_flows(tw_actors *actors)
{
  return actors->flows;
}

guint64 tw_actors_wakeups(const tw_actors *actors)
{
  return actors->wakeups;
}

gboolean tw_actors_cut_short(const tw_actors *actors)
{
  return actors->stopped || actors->out_of_time;
}

double tw_actors_end_s(const tw_actors *actors)
{
  return actors->out_of_time && !actors->stopped ? actors->control.until_s : INFINITY;
}
