#include "tests/platforms/simgrid_support.h"

#include "sim/network/simgrid_compat.h"

#include <simgrid/actor.h>
#include <simgrid/engine.h>
#include <simgrid/host.h>
#include <simgrid/link.h>
#include <xbt/dynar.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs `body` on `shared` memory in a child that has no voice. Returns whether it came back. */
static gboolean in_child(void (*body)(void *shared), void *shared)
{
  pid_t child = fork();
  g_assert(child >= 0);
  if (child == 0) {
    int null = open("/dev/null", O_WRONLY);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    alarm(30); /* a hang is a failure too */
    body(shared);
    _exit(0);
  }
  int status = 0;
  g_assert(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void *share(gsize size)
{
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_assert(memory != MAP_FAILED);
  return memory;
}

static void load(const char *path)
{
  const char *settings[] = {"test",
                            "--cfg=" TW_SIMGRID_PRECISION ":1e-12",
                            "--cfg=network/model:CM02",
                            "--cfg=network/crosstraffic:0",
                            "--cfg=network/latency-factor:0",
                            "--cfg=network/TCP-gamma:1e18",
                            NULL};
  int argc = (int)G_N_ELEMENTS(settings) - 1;
  simgrid_init(&argc, (char **)settings);
  simgrid_load_platform(path);
}

typedef struct question {
  const char *path;
  long max_hosts;
  simgrid_counts counts;
} question;

static void ask(void *shared)
{
  question *q = shared;
  load(q->path);
  simgrid_run();
  q->counts = (simgrid_counts){(long)sg_host_count(), (long)sg_link_count()};
  if (q->counts.hosts == 0 || q->counts.hosts > q->max_hosts)
    return;
  sg_host_t *hosts = sg_host_list();
  for (long i = 0; i < q->counts.hosts; i++)
    for (long j = 0; j < q->counts.hosts; j++) {
      if (i == j)
        continue;
      xbt_dynar_t links = xbt_dynar_new(sizeof(sg_link_t), NULL);
      sg_host_get_route(hosts[i], hosts[j], links);
      if (xbt_dynar_is_empty(links))
        _exit(1);
      xbt_dynar_free(&links);
    }
}

gboolean simgrid_accepts(const char *path, long max_hosts, simgrid_counts *counts)
{
  question *q = share(sizeof *q);
  q->path = path;
  q->max_hosts = max_hosts;
  gboolean good = in_child(ask, q);
  if (counts != NULL)
    *counts = q->counts;
  munmap(q, sizeof *q);
  return good;
}

typedef struct job {
  const char *path;
  int n;
  simgrid_flow flows[];
} job;

static void send_flow(int argc, char *argv[])
{
  (void)argc, (void)argv;
  simgrid_flow *flow = sg_actor_self_get_data();
  sg_host_t src = sg_host_by_name(flow->src), dst = sg_host_by_name(flow->dst);
  flow->latency_s = sg_host_get_route_latency(src, dst);
  xbt_dynar_t links = xbt_dynar_new(sizeof(sg_link_t), NULL);
  sg_host_get_route(src, dst, links);
  for (unsigned i = 0; i < xbt_dynar_length(links); i++) {
    g_strlcat(flow->route, i > 0 ? " " : "", sizeof flow->route);
    g_strlcat(flow->route, sg_link_get_name(xbt_dynar_get_as(links, i, sg_link_t)), sizeof flow->route);
  }
  xbt_dynar_free(&links);
  sg_host_sendto(src, dst, flow->bytes);
  flow->seconds = simgrid_get_clock();
}

static void run_job(void *shared)
{
  job *j = shared;
  load(j->path);
  for (int i = 0; i < j->n; i++) {
    sg_actor_t actor = sg_actor_init("flow", sg_host_by_name(j->flows[i].src));
    sg_actor_set_data(actor, &j->flows[i]);
    sg_actor_start(actor, send_flow, 0, NULL);
  }
  simgrid_run();
}

gboolean simgrid_run_flows(const char *path, simgrid_flow *flows, int n)
{
  gsize size = sizeof(job) + (gsize)n * sizeof *flows;
  job *j = share(size);
  j->path = path;
  j->n = n;
  memcpy(j->flows, flows, (gsize)n * sizeof *flows);
  gboolean good = in_child(run_job, j);
  memcpy(flows, j->flows, (gsize)n * sizeof *flows);
  munmap(j, size);
  return good;
}
