#include "tests/sim/net_support.h"

#include "sim/network/flows.h"
#include "tests/check.h"

#include <glib/gstdio.h>
#include <simgrid/actor.h>
#include <simgrid/engine.h>
#include <simgrid/host.h>

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

typedef struct sender {
  tw_flow flow;
  tw_network network;
  double start_s;
  double *end_s;
} sender;

static void flow_ended(tw_flow *flow, double end_s)
{
  *((sender *)(void *)flow)->end_s = end_s;
}

static void run_sender(int argc, char **argv)
{
  (void)argc, (void)argv;
  sender *self = sg_actor_get_data(sg_actor_self());
  if (self->start_s > 0)
    sg_actor_sleep_for(self->start_s);
  self->network.start(self->network.state, &self->flow, self->start_s);
  sg_actor_sleep_for(1e4); /* longer than any flow: workers end with the last other actor */
}

static void run_child(const char *path, const test_flow *flows, int n, int fd)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_platform) platform = tw_platform_load(path, faults);
  for (guint i = 0; i < tw_faults_count(faults); i++)
    fprintf(stderr, "%s\n", tw_faults_get(faults, i));
  if (platform == NULL)
    _exit(1);
  tw_ports *ports = tw_ports_new(platform);
  if (!tw_simgrid_start(ports, NULL))
    _exit(1);
  tw_flows *network = tw_flows_new(ports);
  double *ends_s = g_new0(double, (gsize)n);
  sender *senders = g_new0(sender, (gsize)n);
  for (int i = 0; i < n; i++) {
    senders[i] =
        (sender){{.from = flows[i].from, .to = flows[i].to, .bytes = flows[i].bytes, .ended = flow_ended},
                 tw_flows_network(network),
                 flows[i].start_s,
                 &ends_s[i]};
    sg_actor_t actor = sg_actor_init("sender", sg_host_by_name(platform->hosts[0].id));
    sg_actor_set_data(actor, &senders[i]);
    sg_actor_start_(actor, run_sender, 0, NULL);
  }
  simgrid_run();
  size_t bytes = (size_t)n * sizeof *ends_s;
  _exit(write(fd, ends_s, bytes) == (ssize_t)bytes ? 0 : 1);
}

void test_flows(const char *platform, const test_flow *flows, int n, double *ends_s)
{
  int fds[2], status = 0;
  assert_int_equal(pipe(fds), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0)
    run_child(platform, flows, n, fds[1]);
  close(fds[1]);
  ssize_t got = read(fds[0], ends_s, (size_t)n * sizeof *ends_s);
  close(fds[0]);
  waitpid(child, &status, 0);
  assert_int_equal(status, 0);
  assert_int_equal(got, (ssize_t)((size_t)n * sizeof *ends_s));
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
