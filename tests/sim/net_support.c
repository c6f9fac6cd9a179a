#include "tests/sim/net_support.h"

#include "sim/network/flows/flows.h"
#include "sim/network/flows/volley.h"
#include "sim/network/simgrid_start.h"
#include "tests/check.h"

#include <glib/gstdio.h>
#include <simgrid/actor.h>
#include <simgrid/engine.h>
#include <simgrid/host.h>

#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

static void write_domain(GString *text, const test_site *site, char name)
{
  g_string_append_printf(
      text, "<zone id=\"%c\" routing=\"Floyd\"><prop id=\"tw:role\" value=\"nvlink-domain\"/>\n", name);
  for (int i = 0; i < site->gpus; i++)
    g_string_append_printf(text, "<host id=\"%c%d\" speed=\"1Gf\">%s%s%s</host>\n", name, i,
                           site->device != NULL ? "<prop id=\"tw:device\" value=\"" : "",
                           site->device != NULL ? site->device : "", site->device != NULL ? "\"/>" : "");
  g_string_append_printf(text,
                         "<router id=\"%c-switch\"/><router id=\"%c-leaf\"/>\n"
                         "<link id=\"%c-up\" bandwidth=\"%.17gGBps\" latency=\"1us\" "
                         "sharing_policy=\"SPLITDUPLEX\"/>\n",
                         name, name, name, site->up_gb_per_s);
  for (int i = 0; i < site->gpus; i++)
    g_string_append_printf(
        text,
        "<link id=\"%c%d-nvlink\" bandwidth=\"900GBps\" latency=\"0.5us\" sharing_policy=\"SPLITDUPLEX\"/>\n"
        "<link id=\"%c%d-nic\" bandwidth=\"50GBps\" latency=\"2us\" sharing_policy=\"SPLITDUPLEX\"/>\n",
        name, i, name, i);
  for (int i = 0; i < site->gpus; i++)
    g_string_append_printf(
        text,
        "<route src=\"%c%d\" dst=\"%c-switch\"><link_ctn id=\"%c%d-nvlink\" direction=\"UP\"/></route>\n"
        "<route src=\"%c%d\" dst=\"%c-leaf\"><link_ctn id=\"%c%d-nic\" direction=\"UP\"/>"
        "<link_ctn id=\"%c-up\" direction=\"UP\"/></route>\n",
        name, i, name, name, i, name, i, name, name, i, name);
  g_string_append(text, "</zone>\n");
}

char *test_site_write(const test_site *site)
{
  GString *text = g_string_new("<?xml version=\"1.0\"?>\n"
                               "<!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n"
                               "<platform version=\"4.1\"><zone id=\"site\" routing=\"Floyd\">"
                               "<prop id=\"tw:role\" value=\"site\"/>\n");
  for (int d = 0; d < site->domains; d++)
    write_domain(text, site, (char)('a' + d));
  g_string_append(
      text, "<link id=\"spine\" bandwidth=\"100TBps\" latency=\"1us\" sharing_policy=\"SPLITDUPLEX\"/>\n");
  for (int d = 0; d < site->domains; d++)
    for (int e = d + 1; e < site->domains; e++)
      g_string_append_printf(text,
                             "<zoneRoute src=\"%c\" dst=\"%c\" gw_src=\"%c-leaf\" gw_dst=\"%c-leaf\">"
                             "<link_ctn id=\"spine\" direction=\"UP\"/></zoneRoute>\n",
                             'a' + d, 'a' + e, 'a' + d, 'a' + e);
  g_string_append(text, "</zone></platform>\n");
  GError *error = NULL;
  char *path = NULL;
  int fd = g_file_open_tmp("tokenworks-site-XXXXXX.xml", &path, &error);
  if (fd < 0 || !g_file_set_contents(path, text->str, -1, &error))
    g_error("%s", error->message);
  close(fd);
  g_string_free(text, TRUE);
  return path;
}

/* ---- Flows ---- */

typedef struct test_sender {
  tw_flow flow;
  const test_flow *of;
  double *end_s;
} test_sender;

#define VOLLEY_SIZE 2.5 /* size of volleys, whose flows have so much fewer bytes at size 1 */

/* The volley of a flow, which holds all flows of the same number, where the flow is the first of them. */
static tw_volley *volley_of(const test_flow *flows, int n, int first)
{
  tw_volley *volley = g_new(tw_volley, 1);
  tw_volley_init(volley);
  for (int i = first; i < n; i++)
    if (flows[i].volley == flows[first].volley)
      tw_volley_add(volley, flows[i].from, flows[i].to, 0, flows[i].bytes / VOLLEY_SIZE);
  return volley;
}

static int first_of_volley(const test_flow *flows, int i)
{
  int first = 0;
  while (first < i && (flows[i].volley == 0 || flows[first].volley != flows[i].volley))
    first++;
  return first;
}

typedef struct test_run {
  tw_flows *network;
  const tw_platform *platform;
  test_sender *senders; /* in the order of their starts */
  int n;
  const test_change *changes;
  int n_changes;
} test_run;

static void flow_ended(tw_flow *flow, double end_s)
{
  *((test_sender *)(void *)flow)->end_s = end_s;
}

/* Calls off the flows that are to be by `now_s`, or returns when the next is. */
static double call_off(const test_run *run, double now_s)
{
  tw_network network = tw_flows_network(run->network);
  double next_s = INFINITY;
  for (int i = 0; i < run->n; i++) {
    test_sender *s = &run->senders[i];
    if (s->of->cancel_s == 0 || s->of->cancel_s < now_s)
      continue;
    next_s = fmin(next_s, s->of->cancel_s > now_s ? s->of->cancel_s : INFINITY);
    if (s->of->cancel_s > now_s)
      continue;
    network.cancel(network.state, &s->flow);
    *s->end_s = NAN;
  }
  return next_s;
}

/* Makes the changes that are due by `now_s`; returns when the next is. */
static double change_links(test_run *run, double now_s)
{
  tw_network network = tw_flows_network(run->network);
  for (; run->n_changes > 0 && run->changes->at_s <= now_s; run->n_changes--, run->changes++)
    network.set_speed(network.state, run->changes->link, run->changes->speed, now_s);
  return run->n_changes > 0 ? run->changes->at_s : INFINITY;
}

/* Takes the network from one start or cancellation to the next, and to the last end. */
static void run_flows(int argc, char **argv)
{
  (void)argc, (void)argv;
  test_run *self = sg_actor_get_data(sg_actor_self());
  tw_network network = tw_flows_network(self->network);
  double cancel_s = call_off(self, 0), change_s = change_links(self, 0);
  for (int next = 0;
       next < self->n || tw_flows_under_way(self->network) + tw_flows_stalled(self->network) > 0;) {
    double until_s =
        fmin(next < self->n ? self->senders[next].of->start_s : INFINITY, fmin(cancel_s, change_s));
    if (tw_flows_under_way(self->network) > 0 && !tw_flows_wait(&self->network, 1, until_s))
      continue;
    if (until_s == change_s)
      change_s = change_links(self, until_s);
    if (until_s == cancel_s)
      cancel_s = call_off(self, until_s);
    for (; next < self->n && self->senders[next].of->start_s == until_s; next++)
      network.start(network.state, &self->senders[next].flow, until_s);
  }
}

/* One flow as SimGrid carries it by itself: an actor that sends and waits. */
static void run_sender(int argc, char **argv)
{
  (void)argc, (void)argv;
  test_sender *self = sg_actor_get_data(sg_actor_self());
  if (self->of->start_s > 0)
    sg_actor_sleep_for(self->of->start_s);
  sg_host_sendto(sg_actor_get_host(sg_actor_self()), self->flow.trip, self->flow.bytes);
  *self->end_s = simgrid_get_clock();
}

static int by_start(const void *a, const void *b)
{
  const test_sender *x = a, *y = b;
  return x->of->start_s != y->of->start_s
             ? (x->of->start_s > y->of->start_s) - (x->of->start_s < y->of->start_s)
             : (x->of > y->of) - (x->of < y->of);
}

static void act(const char *host, void *data, xbt_main_func_t run)
{
  sg_actor_t actor = sg_actor_init("test", sg_host_by_name(host));
  sg_actor_set_data(actor, data);
  sg_actor_start_(actor, run, 0, NULL);
}

static void run_child(const char *path, const test_flow *flows, int n, gboolean bare,
                      const test_change *changes, int n_changes, int fd)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_platform) platform = tw_platform_load(path, faults);
  for (guint i = 0; i < tw_faults_count(faults); i++)
    fprintf(stderr, "%s\n", tw_faults_get(faults, i));
  if (platform == NULL)
    _exit(1);
  tw_ports *ports = tw_ports_new(platform);
  if (!tw_simgrid_start((const tw_ports *const *)&ports, 1, NULL))
    _exit(1);
  double *ends_s = g_new0(double, (gsize)n);
  test_sender *senders = g_new0(test_sender, (gsize)n);
  for (int i = 0; i < n; i++)
    senders[i] = (test_sender){
        {.from = flows[i].from, .to = flows[i].to, .bytes = flows[i].bytes, .ended = flow_ended},
        &flows[i],
        &ends_s[i]};
  int n_senders = 0;
  for (int i = 0; i < n && !bare; i++) {
    if (first_of_volley(flows, i) < i)
      continue;
    senders[n_senders] = senders[i];
    if (flows[i].volley > 0) {
      senders[n_senders].flow.volley = volley_of(flows, n, i);
      senders[n_senders].flow.bytes = VOLLEY_SIZE;
    }
    n_senders++;
  }
  test_run all = {NULL, platform, senders, bare ? n : n_senders, changes, n_changes};
  if (bare) {
    for (int i = 0; i < n; i++) {
      senders[i].flow.trip = sg_host_by_name(platform->hosts[flows[i].to].id);
      act(platform->hosts[flows[i].from].id, &senders[i], run_sender);
    }
  } else {
    qsort(senders, (size_t)n_senders, sizeof *senders, by_start);
    all.network = tw_flows_new(ports);
    act(platform->hosts[0].id, &all, run_flows);
  }
  simgrid_run();
  for (int i = 0; i < n && !bare; i++)
    ends_s[i] = ends_s[first_of_volley(flows, i)];
  size_t bytes = (size_t)n * sizeof *ends_s;
  _exit(write(fd, ends_s, bytes) == (ssize_t)bytes ? 0 : 1);
}

static void run_apart(const char *platform, const test_flow *flows, int n, gboolean bare,
                      const test_change *changes, int n_changes, double *ends_s)
{
  int fds[2], status = 0;
  assert_int_equal(pipe(fds), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0)
    run_child(platform, flows, n, bare, changes, n_changes, fds[1]);
  close(fds[1]);
  ssize_t got = read(fds[0], ends_s, (size_t)n * sizeof *ends_s);
  close(fds[0]);
  waitpid(child, &status, 0);
  assert_int_equal(status, 0);
  assert_int_equal(got, (ssize_t)((size_t)n * sizeof *ends_s));
}

void test_flows(const char *platform, const test_flow *flows, int n, double *ends_s)
{
  run_apart(platform, flows, n, FALSE, NULL, 0, ends_s);
}

void test_flows_over_changing_links(const char *platform, const test_flow *flows, int n,
                                    const test_change *changes, int n_changes, double *ends_s)
{
  run_apart(platform, flows, n, FALSE, changes, n_changes, ends_s);
}

void test_flows_of_simgrid(const char *platform, const test_flow *flows, int n, double *ends_s)
{
  run_apart(platform, flows, n, TRUE, NULL, 0, ends_s);
}

char *test_program(const char *const *arguments, int code, char **errors)
{
  g_autoptr(GPtrArray) argv = g_ptr_array_new();
  g_ptr_array_add(argv, (char *)g_getenv("TW_PROGRAM"));
  for (const char *const *argument = arguments; *argument != NULL; argument++)
    g_ptr_array_add(argv, (char *)*argument);
  g_ptr_array_add(argv, NULL);
  char *out = NULL;
  int status = 0;
  GError *error = NULL;
  if (!g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_DEFAULT, NULL, NULL, &out, errors, &status,
                    &error))
    g_error("%s", error->message);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), code);
  return out;
}
