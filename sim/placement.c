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

int tw_place_host(const tw_engine_place *place, gint64 accelerator)
{
  for (int i = 0; i < place->n_shares; i++) {
    if (accelerator < place->shares[i].accelerators)
      return place->shares[i].host;
    accelerator -= place->shares[i].accelerators;
  }
  g_assert_not_reached();
}

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

/* Accelerators that a domain gives to an engine over several: whole groups. */
static gint64 groups_in(const tw_free_accelerators *free, const domain *d, const tw_device *device,
                        gint64 group)
{
  gint64 n = 0;
  for (int h = d->first; h < d->first + d->n; h++)
    n += usable(free, h) && free->platform->hosts[h].device == device ? free->left[h] : 0;
  return n / group * group;
}

/* Takes an engine's accelerators from one domain after the other, in whole groups. FALSE if there are too
 * few.
 */
static gboolean take_over_domains(tw_free_accelerators *free, const tw_placement_request *request, int pool,
                                  gint64 group, tw_engine_place *place)
{
  const tw_device *device = NULL;
  gint64 room = 0, missing = request->accelerators;
  for (guint i = 0; i < free->domains->len; i++) {
    const domain *d = &g_array_index(free->domains, domain, i);
    for (int h = d->first; device == NULL && h < d->first + d->n; h++)
      device = usable(free, h) ? free->platform->hosts[h].device : NULL;
    room += device != NULL ? groups_in(free, d, device, group) : 0;
  }
  if (room < missing)
    return FALSE;
  GArray *shares = g_array_new(FALSE, FALSE, sizeof(tw_host_share));
  for (guint i = 0; missing > 0; i++) {
    const domain *d = &g_array_index(free->domains, domain, i);
    gint64 here = MIN(missing, groups_in(free, d, device, group));
    missing -= here;
    for (int h = d->first; here > 0; h++) {
      if (!usable(free, h) || free->platform->hosts[h].device != device)
        continue;
      tw_host_share share = {h, (int)MIN(here, free->left[h])};
      free->left[h] -= share.accelerators;
      here -= share.accelerators;
      g_array_append_val(shares, share);
    }
  }
  place->pool = pool;
  place->n_shares = (int)shares->len;
  place->shares = (tw_host_share *)(void *)g_array_free(shares, FALSE);
  return TRUE;
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
        " accelerators, but there is room for %" G_GINT64_FORMAT
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
    tw_engine_place place;
    if (d != NULL) {
      place = take(free, request, pool, d);
    } else if (!take_over_domains(free, request, pool, request->group, &place) &&
               !take_over_domains(free, request, pool, 1, &place)) {
      refuse(free, request, i, node, faults);
      return FALSE;
    }
    g_array_append_val(places, place);
  }
  return TRUE;
}
