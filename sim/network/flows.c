#include "sim/network/flows.h"

#include "sim/network/simgrid_compat.h"

#include <glib/gstdio.h>
#include <simgrid/actor.h>
#include <simgrid/engine.h>
#include <simgrid/host.h>
#include <simgrid/link.h>
#include <simgrid/semaphore.h>
#include <xbt/dynar.h>

#include <math.h>
#include <signal.h>
#include <unistd.h>

/* An actor that carries one flow after the other. */
typedef struct worker {
  tw_flows *flows;
  sg_actor_t actor;
  tw_flow *flow; /* under way, or NULL */
  sg_sem_t wake;
  GList link; /* its place in flows->busy, by start, or in flows->idle */
} worker;

typedef struct route {
  tw_route route;
  int n_links;
  int *links;
} route;

static const char *const directions[] = {"_UP", "_DOWN"};

struct tw_flows {
  tw_flow_watcher *watcher;
  void *user;
  void (*told)(void *user);
  void *told_user;
  double offset_s;   /* the starters' time less SimGrid's clock, while flows are under way */
  sg_host_t *hosts;  /* the host of each endpoint */
  gboolean profiled; /* links change with SimGrid's time, which is ours then */
  sg_link_t *links;  /* all links, by name */
  int n_links;
  GHashTable *link_index;  /* sg_link_t -> index + 1 */
  double *joules_per_byte; /* dynamic joules of each link */
  double joules[TW_FLOW_KIND_COUNT];
  GHashTable *routes; /* routes by their ends, from << 32 | to */
  GPtrArray *workers;
  GQueue busy, idle;
};

/* Writes a platform of one host into a file for the moment. NULL with `error` set where that fails. */
static char *write_lone_host(GError **error)
{
  static const char text[] = "<?xml version='1.0'?>\n"
                             "<!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n"
                             "<platform version=\"4.1\"><zone id=\"site\" routing=\"None\">"
                             "<host id=\"host\" speed=\"1f\"/></zone></platform>\n";
  char *path = NULL;
  int file = g_file_open_tmp("tokenworks-XXXXXX.xml", &path, error);
  if (file < 0)
    return NULL;
  close(file);
  if (!g_file_set_contents(path, text, -1, error))
    g_clear_pointer(&path, g_free);
  return path;
}

/* Gives degraded links what is left of their bandwidth. */
static void degrade(const tw_platform *platform)
{
  for (int i = 0; i < platform->n_links; i++) {
    const tw_link *link = &platform->links[i];
    if (link->degraded == 1)
      continue;
    g_autofree char *up = g_strconcat(link->id, link->duplex ? "_UP" : NULL, NULL);
    g_autofree char *down = g_strconcat(link->id, "_DOWN", NULL);
    sg_link_set_bandwidth(sg_link_by_name(up), link->bytes_per_s);
    if (link->duplex)
      sg_link_set_bandwidth(sg_link_by_name(down), link->bytes_per_s);
  }
}

gboolean tw_simgrid_start(const tw_ports *ports, GError **error)
{
  GError *problem = NULL;
  g_autofree char *copy = ports != NULL ? tw_ports_write(ports, &problem) : write_lone_host(&problem);
  if (problem != NULL) {
    g_propagate_error(error, problem);
    return FALSE;
  }
  static const char *const settings[] = {
      "tokenworks",
      "--cfg=contexts/stack-size:128",        /* KiB: actors are many, and shallow */
      "--cfg=" TW_SIMGRID_PRECISION ":1e-12", /* seconds: closer events are merged */
      "--cfg=network/model:CM02",
      "--cfg=network/crosstraffic:0",   /* full duplex */
      "--cfg=network/latency-factor:0", /* max-min fair shares; latencies are spent on our own timers */
      "--cfg=network/TCP-gamma:1e18",   /* no window */
      "--log=root.thresh:error",
#ifdef __SANITIZE_ADDRESS__
      "--cfg=contexts/factory:thread", /* the sanitizer does not know the stacks of the others */
#endif
      NULL,
  };
  g_auto(GStrv) copies = g_strdupv((char **)settings);
  int argc = (int)g_strv_length(copies);
  g_autofree char **argv =
      g_memdup2(copies, (gsize)(argc + 1) * sizeof *copies); /* SimGrid takes out what it knows */
  struct sigaction interrupt; /* SimGrid takes SIGINT for itself, but it is the caller's */
  sigaction(SIGINT, NULL, &interrupt);
  simgrid_init(&argc, argv);
  g_assert(copy != NULL || ports != NULL);
  simgrid_load_platform(copy != NULL ? copy : ports->platform->path);
  if (copy != NULL)
    g_unlink(copy);
  sigaction(SIGINT, &interrupt, NULL);
  if (ports != NULL)
    degrade(ports->platform);
  return TRUE;
}

static void free_route(gpointer pointer)
{
  route *r = pointer;
  g_free(r->links);
  g_free(r);
}

static int by_name(gconstpointer a, gconstpointer b)
{
  return strcmp(sg_link_get_name(*(const sg_link_t *)a), sg_link_get_name(*(const sg_link_t *)b));
}

/* Joules of a byte on each of SimGrid's links, which has two-way links twice. */
static void find_joules(tw_flows *flows, const tw_platform *platform)
{
  g_autoptr(GHashTable) by_name = g_hash_table_new(g_str_hash, g_str_equal);
  flows->joules_per_byte = g_new0(double, (gsize)flows->n_links);
  for (int i = 0; i < platform->n_links; i++)
    g_hash_table_insert(by_name, platform->links[i].id, &platform->links[i]);
  for (int i = 0; i < flows->n_links; i++) {
    g_autofree char *name = g_strdup(sg_link_get_name(flows->links[i]));
    const tw_link *link = g_hash_table_lookup(by_name, name);
    for (guint k = 0; link == NULL && k < G_N_ELEMENTS(directions); k++)
      if (g_str_has_suffix(name, directions[k])) {
        name[strlen(name) - strlen(directions[k])] = '\0';
        link = g_hash_table_lookup(by_name, name);
        break;
      }
    if (link != NULL)
      flows->joules_per_byte[i] = link->joules_per_byte;
  }
}

tw_flows *tw_flows_new(const tw_ports *ports)
{
  const tw_platform *platform = ports->platform;
  int n_endpoints = tw_ports_count(ports);
  tw_flows *flows = g_new0(tw_flows, 1);
  *flows = (tw_flows){.profiled = platform->profiled,
                      .hosts = g_new0(sg_host_t, (gsize)n_endpoints),
                      .n_links = (int)sg_link_count(),
                      .link_index = g_hash_table_new(NULL, NULL),
                      .routes = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, free_route),
                      .workers = g_ptr_array_new_with_free_func(g_free)};
  g_queue_init(&flows->busy);
  g_queue_init(&flows->idle);
  for (int i = 0; i < n_endpoints; i++) {
    flows->hosts[i] = sg_host_by_name(tw_ports_name(ports, i));
    if (flows->hosts[i] == NULL) /* a port of a host in a <cluster> */
      flows->hosts[i] = flows->hosts[tw_ports_host(ports, i)];
  }
  sg_link_t *links = sg_link_list();
  flows->links = g_memdup2(links, (gsize)flows->n_links * sizeof *links);
  free(links); /* SimGrid allocates it with malloc */
  qsort(flows->links, (size_t)flows->n_links, sizeof *flows->links, by_name);
  for (int i = 0; i < flows->n_links; i++)
    g_hash_table_insert(flows->link_index, flows->links[i], GINT_TO_POINTER(i + 1));
  find_joules(flows, platform);
  return flows;
}

void tw_flows_free(tw_flows *flows)
{
  if (flows == NULL)
    return;
  for (guint i = 0; i < flows->workers->len; i++)
    sg_sem_destroy(((worker *)flows->workers->pdata[i])->wake);
  g_ptr_array_unref(flows->workers);
  g_hash_table_unref(flows->routes);
  g_hash_table_unref(flows->link_index);
  g_free(flows->hosts);
  g_free(flows->links);
  g_free(flows->joules_per_byte);
  g_free(flows);
}

void tw_flows_watch(tw_flows *flows, tw_flow_watcher *watcher, void *user)
{
  flows->watcher = watcher;
  flows->user = user;
}

static const route *find_route(tw_flows *flows, int from, int to)
{
  gint64 key = (gint64)from << 32 | to;
  route *found = g_hash_table_lookup(flows->routes, &key);
  if (found != NULL)
    return found;
  xbt_dynar_t links = xbt_dynar_new(sizeof(sg_link_t), NULL);
  sg_host_get_route(flows->hosts[from], flows->hosts[to], links);
  found = g_new0(route, 1);
  found->n_links = (int)xbt_dynar_length(links);
  found->links = g_new(int, (gsize)found->n_links);
  found->route = (tw_route){0, INFINITY, 0};
  for (int i = 0; i < found->n_links; i++) {
    sg_link_t link = xbt_dynar_get_as(links, (unsigned)i, sg_link_t);
    found->links[i] = GPOINTER_TO_INT(g_hash_table_lookup(flows->link_index, link)) - 1;
    found->route.latency_s += sg_link_get_latency(link);
    found->route.joules_per_byte += flows->joules_per_byte[found->links[i]];
    found->route.bytes_per_s = fmin(found->route.bytes_per_s, sg_link_get_bandwidth(link));
  }
  xbt_dynar_free(&links);
  g_hash_table_insert(flows->routes, g_memdup2(&key, sizeof key), found);
  return found;
}

/* ---- Workers ---- */

static void carry(worker *self)
{
  tw_flows *flows = self->flows;
  tw_flow *flow = self->flow;
  double begin_s = simgrid_get_clock();
  sg_host_sendto(flows->hosts[flow->from], flows->hosts[flow->to], flow->bytes);
  double end_s = flow->start_s + (simgrid_get_clock() - begin_s);
  self->flow = NULL;
  g_queue_unlink(&flows->busy, &self->link);
  g_queue_push_head_link(&flows->idle, &self->link);
  const route *r = find_route(flows, flow->from, flow->to);
  flows->joules[flow->kind] += r->route.joules_per_byte * flow->bytes;
  if (flows->watcher != NULL)
    flows->watcher(flows->user, flow, r->links, r->n_links, end_s);
  flow->ended(flow, end_s);
  if (flows->told != NULL)
    flows->told(flows->told_user);
}

static void run_worker(int argc, char **argv)
{
  (void)argc, (void)argv;
  worker *self = sg_actor_get_data(sg_actor_self());
  sg_actor_daemonize(sg_actor_self()); /* it ends with the last of the others */
  for (;;) {
    sg_sem_acquire(self->wake);
    carry(self);
  }
}

static worker *new_worker(tw_flows *flows)
{
  worker *self = g_new0(worker, 1);
  *self = (worker){.flows = flows, .wake = sg_sem_init(0), .link = {.data = self}};
  g_ptr_array_add(flows->workers, self);
  self->actor = sg_actor_init("flow", flows->hosts[0]);
  sg_actor_set_data(self->actor, self);
  sg_actor_start_(self->actor, run_worker, 0, NULL);
  return self;
}

/* ---- The interface ---- */

static tw_route route_of(void *state, int from, int to)
{
  return find_route(state, from, to)->route;
}

static void start(void *state, tw_flow *flow, double now_s)
{
  tw_flows *flows = state;
  g_assert(flow->from != flow->to && flow->bytes > 0);
  GList *link = g_queue_pop_head_link(&flows->idle);
  worker *chosen = link != NULL ? link->data : new_worker(flows);
  if (flows->busy.length == 0 && flows->profiled && now_s > simgrid_get_clock())
    sg_actor_sleep_for(now_s - simgrid_get_clock()); /* profiles count from the start of the run */
  if (flows->busy.length == 0)
    flows->offset_s = now_s - simgrid_get_clock();
  flow->start_s = now_s;
  chosen->flow = flow;
  g_queue_push_tail_link(&flows->busy, &chosen->link);
  sg_sem_release(chosen->wake);
}

/* The worker goes with its flow: SimGrid takes what a killed actor sends off the links. */
static void cancel(void *state, tw_flow *flow)
{
  tw_flows *flows = state;
  for (GList *link = flows->busy.head; link != NULL; link = link->next) {
    worker *self = link->data;
    if (self->flow != flow)
      continue;
    g_queue_unlink(&flows->busy, link);
    sg_actor_kill(self->actor);
    sg_sem_destroy(self->wake);
    g_ptr_array_remove_fast(flows->workers, self);
    return;
  }
}

tw_network tw_flows_network(tw_flows *flows)
{
  return (tw_network){route_of, start, cancel, flows, flows->joules};
}

void tw_flows_tell(tw_flows *flows, void (*ended)(void *user), void *user)
{
  flows->told = ended;
  flows->told_user = user;
}

int tw_flows_under_way(const tw_flows *flows)
{
  return (int)flows->busy.length;
}

double tw_flows_now(const tw_flows *flows)
{
  return simgrid_get_clock() + flows->offset_s;
}

double tw_flows_oldest_s(tw_flows *flows)
{
  const worker *oldest = g_queue_peek_head(&flows->busy);
  return oldest != NULL ? oldest->flow->start_s : INFINITY;
}

int tw_flows_links(const tw_flows *flows)
{
  return flows->n_links;
}

const char *tw_flows_link_name(const tw_flows *flows, int link)
{
  return sg_link_get_name(flows->links[link]);
}

double tw_flows_link_bytes_per_s(const tw_flows *flows, int link)
{
  return sg_link_get_bandwidth(flows->links[link]);
}

gboolean tw_flows_link_is_shared(const tw_flows *flows, int link)
{
  return sg_link_is_shared(flows->links[link]) != 0;
}

const int *tw_flows_route_links(tw_flows *flows, int from, int to, int *n_links)
{
  const route *r = find_route(flows, from, to);
  *n_links = r->n_links;
  return r->links;
}
