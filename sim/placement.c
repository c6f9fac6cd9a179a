#include "sim/placement.h"

const char *const tw_placement_names[] = {"pack", "spread", NULL};

/* A zone's hosts stand together in the platform, so that a domain is a run of hosts; a host outside of any
 * NVLink domain is a domain of its own. */
typedef struct domain {
  int first, n;
} domain;

struct tw_free_accelerators {
  const tw_platform *platform;
  int *left;        /* of each host */
  gboolean *wanted; /* hosts that match the request at hand */
  GArray *domains;
};

tw_free_accelerators *tw_free_accelerators_new(const tw_platform *platform)
{
  tw_free_accelerators *free = g_new0(tw_free_accelerators, 1);
  free->platform = platform;
  free->left = g_new0(int, (gsize)platform->n_hosts);
  free->wanted = g_new0(gboolean, (gsize)platform->n_hosts);
  free->domains = g_array_new(FALSE, FALSE, sizeof(domain));
  for (int h = 0, before = -1; h < platform->n_hosts; h++) {
    int zone = tw_platform_domain(platform, h);
    free->left[h] = platform->hosts[h].device != NULL ? platform->hosts[h].accelerators : 0;
    if (zone >= 0 && zone == before) {
      g_array_index(free->domains, domain, free->domains->len - 1).n++;
    } else {
      domain next = {h, 1};
      g_array_append_val(free->domains, next);
    }
    before = zone;
  }
  return free;
}

void tw_free_accelerators_free(tw_free_accelerators *free)
{
  if (free == NULL)
    return;
  g_array_unref(free->domains);
  g_free(free->left);
  g_free(free->wanted);
  g_free(free);
}

static gboolean usable(const tw_free_accelerators *free, int host)
{
  return free->left[host] > 0 && free->wanted[host];
}

/* Free accelerators of the pool's hosts in a domain; those of the first host's device, as an engine has one
 * device. */
static gint64 free_in(const tw_free_accelerators *free, const domain *d)
{
  const tw_device *device = NULL;
  gint64 n = 0;
  for (int h = d->first; h < d->first + d->n; h++) {
    if (!usable(free, h))
      continue;
    if (device == NULL)
      device = free->platform->hosts[h].device;
    n += free->platform->hosts[h].device == device ? free->left[h] : 0;
  }
  return n;
}

static const domain *choose_domain(const tw_free_accelerators *free, const tw_placement_request *request)
{
  const domain *best = NULL;
  gint64 most = request->accelerators - 1;
  for (guint i = 0; i < free->domains->len; i++) {
    const domain *d = &g_array_index(free->domains, domain, i);
    gint64 n = free_in(free, d);
    if (n <= most)
      continue;
    best = d;
    most = n;
    if (request->kind == TW_PLACEMENT_PACK)
      break;
  }
  return best;
}

/* Takes the accelerators from one host that has them all, else from one host after the other. */
static tw_engine_place take(tw_free_accelerators *free, const tw_placement_request *request, int pool,
                            const domain *d)
{
  GArray *shares = g_array_new(FALSE, FALSE, sizeof(tw_host_share));
  gint64 missing = request->accelerators;
  int start = d->first;
  const tw_device *device = NULL;
  for (int h = d->first; h < d->first + d->n; h++) {
    if (usable(free, h) && free->left[h] >= missing) {
      start = h;
      break;
    }
  }
  for (int h = start; missing > 0; h++) {
    if (!usable(free, h))
      continue;
    if (device == NULL)
      device = free->platform->hosts[h].device;
    if (free->platform->hosts[h].device != device)
      continue;
    tw_host_share share = {h, (int)MIN(missing, free->left[h])};
    free->left[h] -= share.accelerators;
    missing -= share.accelerators;
    g_array_append_val(shares, share);
  }
  int n = (int)shares->len;
  return (tw_engine_place){pool, n, (tw_host_share *)(void *)g_array_free(shares, FALSE)};
}

static void refuse(const tw_free_accelerators *free, const tw_placement_request *request, gint64 placed,
                   const xmlNode *node, tw_faults *faults)
{
  const tw_platform *platform = free->platform;
  int hosts = 0;
  for (int h = 0; h < platform->n_hosts; h++)
    hosts += free->wanted[h];
  if (hosts == 0)
    tw_node_fault(node, faults, "no host of the platform matches hosts=\"%s\"; its first host is \"%s\"",
                  request->hosts, platform->n_hosts > 0 ? platform->hosts[0].id : "");
  else
    tw_node_fault(
        node, faults,
        "pool \"%s\" asks for %" G_GINT64_FORMAT " engines of %" G_GINT64_FORMAT
        " accelerators, each within one NVLink domain, but there is room for %" G_GINT64_FORMAT
        " on the %d hosts that match hosts=\"%s\"; lower replicas, tp, pp or dp, or use a larger platform",
        request->pool, request->engines, request->accelerators, placed, hosts, request->hosts);
}

gboolean tw_place(tw_free_accelerators *free, const tw_placement_request *request, int pool, GArray *places,
                  const xmlNode *node, tw_faults *faults)
{
  for (int h = 0; h < free->platform->n_hosts; h++)
    free->wanted[h] = g_pattern_match_simple(request->hosts, free->platform->hosts[h].id);
  for (gint64 i = 0; i < request->engines; i++) {
    const domain *d = choose_domain(free, request);
    if (d == NULL) {
      refuse(free, request, i, node, faults);
      return FALSE;
    }
    tw_engine_place place = take(free, request, pool, d);
    g_array_append_val(places, place);
  }
  return TRUE;
}
