#include "sim/network/simgrid_start.h"

#include "platforms/input/fault.h"
#include "platforms/reader/platform_union.h"
#include "sim/network/simgrid_compat.h"

#include <glib/gstdio.h>
#include <simgrid/engine.h>
#include <simgrid/host.h>
#include <simgrid/link.h>

#include <signal.h>
#include <unistd.h>

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
static void degrade(const tw_platform *platform, const char *prefix)
{
  for (int i = 0; i < platform->n_links; i++) {
    const tw_link *link = &platform->links[i];
    if (link->degraded == 1)
      continue;
    g_autofree char *up = g_strconcat(prefix, link->id, link->duplex ? "_UP" : NULL, NULL);
    g_autofree char *down = g_strconcat(prefix, link->id, "_DOWN", NULL);
    sg_link_set_bandwidth(sg_link_by_name(up), link->bytes_per_s);
    if (link->duplex)
      sg_link_set_bandwidth(sg_link_by_name(down), link->bytes_per_s);
  }
}

gboolean tw_simgrid_start(const tw_ports *const *ports, int n, GError **error)
{
  GError *problem = NULL;
  for (int i = 0; i < n; i++)
    if (ports[i]->platform->gap != NULL)
      return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, ports[i]->platform->path, 0,
                                "%s; add <route>s, without which nothing goes over the network",
                                ports[i]->platform->gap);
  g_autofree char *copy = n > 0 ? tw_union_write(ports, n, &problem) : write_lone_host(&problem);
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
  simgrid_load_platform(copy != NULL ? copy : ports[0]->platform->path);
  if (copy != NULL)
    g_unlink(copy);
  sigaction(SIGINT, &interrupt, NULL);
  for (int i = 0; i < n; i++) {
    g_autofree char *prefix = tw_union_prefix(i, n);
    degrade(ports[i]->platform, prefix);
  }
  return TRUE;
}

static void insert(GHashTable *found, const char *name, const char *prefix, gpointer object)
{
  if (g_str_has_prefix(name, prefix))
    g_hash_table_insert(found, (char *)name + strlen(prefix), object);
}

GHashTable *tw_simgrid_hosts(const char *prefix)
{
  GHashTable *hosts = g_hash_table_new(g_str_hash, g_str_equal);
  sg_host_t *list = sg_host_list();
  size_t n = sg_host_count();
  for (size_t i = 0; i < n; i++)
    insert(hosts, sg_host_get_name(list[i]), prefix, list[i]);
  free(list); /* SimGrid's malloc */
  return hosts;
}

GHashTable *tw_simgrid_links(const char *prefix)
{
  GHashTable *links = g_hash_table_new(g_str_hash, g_str_equal);
  sg_link_t *list = sg_link_list();
  size_t n = sg_link_count();
  for (size_t i = 0; i < n; i++)
    insert(links, sg_link_get_name(list[i]), prefix, list[i]);
  free(list); /* SimGrid's malloc */
  return links;
}
