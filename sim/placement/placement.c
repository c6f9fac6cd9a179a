#include "sim/placement/placement.h"

#include "platforms/input/units.h"

const char *const tw_placement_names[] = {"pack", "spread", "rail", "explicit", NULL};

/* A zone's hosts stand together in the platform, so that a domain is a run of hosts; a host outside of any
 * NVLink domain is a domain of its own. */
typedef struct domain {
  int first, n;
} domain;

struct tw_free_accelerators {
  const tw_platform *platform;
  int *left;        /* accelerators left on each host */
  gboolean *wanted; /* hosts that match the request at hand */
  GArray *domains;
  guint taken; /* number of domains at the front that have nothing left */
};

void tw_engine_place_clear(tw_engine_place *place)
{
  g_free(place->shares);
  g_free(place->rank_ports);
}

static const tw_host_share *share_of(const tw_engine_place *place, gint64 accelerator)
{
  for (int i = 0; i < place->n_shares; i++) {
    if (accelerator < place->shares[i].accelerators)
      return &place->shares[i];
    accelerator -= place->shares[i].accelerators;
  }
  g_assert_not_reached();
}

int tw_place_host(const tw_engine_place *place, gint64 accelerator)
{
  return share_of(place, accelerator)->host;
}

int tw_place_endpoint(const tw_engine_place *place, gint64 accelerator)
{
  return place->rank_ports != NULL ? place->rank_ports[accelerator]
                                   : tw_share_endpoint(share_of(place, accelerator));
}

void tw_place_add_ports(tw_engine_place *place, int rank, tw_ports *ports)
{
  int n = 0;
  for (int i = 0; i < place->n_shares; i++) {
    tw_host_share *share = &place->shares[i];
    int endpoint = tw_ports_add(ports, share->host, share->accelerators);
    share->port = endpoint != share->host ? endpoint : 0;
    n += share->accelerators;
  }
  if (rank == 0 || rank >= n)
    return;
  place->rank_ports = g_new(int, (gsize)n);
  for (int first = 0, k = 0; first < n; first += rank)
    for (int last = MIN(first + rank, n), from = first; k < last; from = k) {
      int host = tw_place_host(place, k);
      while (k < last && tw_place_host(place, k) == host)
        k++;
      int endpoint = tw_ports_add(ports, host, k - from);
      for (int i = from; i < k; i++)
        place->rank_ports[i] = endpoint;
    }
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

static gboolean is_taken(const tw_free_accelerators *free, const domain *d)
{
  for (int h = d->first; h < d->first + d->n; h++)
    if (free->left[h] > 0)
      return FALSE;
  return TRUE;
}

static const domain *choose_domain(tw_free_accelerators *free, const tw_placement_request *request)
{
  const domain *best = NULL;
  gint64 most = request->accelerators - 1;
  while (free->taken < free->domains->len &&
         is_taken(free, &g_array_index(free->domains, domain, free->taken)))
    free->taken++;
  for (guint i = free->taken; i < free->domains->len; i++) {
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
    tw_host_share share = {h, (int)MIN(missing, free->left[h]), 0};
    free->left[h] -= share.accelerators;
    missing -= share.accelerators;
    g_array_append_val(shares, share);
  }
  int n = (int)shares->len;
  return (tw_engine_place){pool, n, (tw_host_share *)(void *)g_array_free(shares, FALSE), NULL};
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

/* Takes up to `n` accelerators of a device from a domain. Returns how many there were. */
static gint64 take_from(tw_free_accelerators *free, const domain *d, const tw_device *device, gint64 n,
                        GArray *shares)
{
  gint64 missing = n;
  for (int h = d->first; missing > 0 && h < d->first + d->n; h++) {
    if (!usable(free, h) || free->platform->hosts[h].device != device)
      continue;
    tw_host_share share = {h, (int)MIN(missing, free->left[h]), 0};
    free->left[h] -= share.accelerators;
    missing -= share.accelerators;
    g_array_append_val(shares, share);
  }
  return n - missing;
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
    missing -= take_from(free, d, device, here, shares);
  }
  place->pool = pool;
  place->n_shares = (int)shares->len;
  place->shares = (tw_host_share *)(void *)g_array_free(shares, FALSE);
  return TRUE;
}

/* Accelerators of a domain that are taken: the place of the next one. */
static gint64 taken_in(const tw_free_accelerators *free, const domain *d)
{
  gint64 n = 0;
  for (int h = d->first; h < d->first + d->n; h++)
    n += free->platform->hosts[h].accelerators - free->left[h];
  return n;
}

/* The domain for a group on a rail: one that holds the fewest groups of this engine, and of those the one
 * whose next place is the lowest. */
static int choose_rail(const tw_free_accelerators *free, const tw_device *device, gint64 group,
                       const int *groups)
{
  int best = -1;
  gint64 lowest = 0;
  for (guint i = 0; i < free->domains->len; i++) {
    const domain *d = &g_array_index(free->domains, domain, i);
    if (groups_in(free, d, device, group) < group)
      continue;
    gint64 next = taken_in(free, d);
    if (best >= 0 && (groups[i] > groups[best] || (groups[i] == groups[best] && next >= lowest)))
      continue;
    best = (int)i;
    lowest = next;
  }
  return best;
}

static gboolean take_rail(tw_free_accelerators *free, const tw_placement_request *request, int pool,
                          tw_engine_place *place)
{
  const tw_device *device = NULL;
  g_autofree int *groups = g_new0(int, free->domains->len);
  g_autoptr(GArray) shares = g_array_new(FALSE, FALSE, sizeof(tw_host_share));
  for (int h = 0; device == NULL && h < free->platform->n_hosts; h++)
    device = usable(free, h) ? free->platform->hosts[h].device : NULL;
  for (gint64 missing = request->accelerators; missing > 0; missing -= request->group) {
    int chosen = choose_rail(free, device, request->group, groups);
    if (chosen < 0)
      break;
    groups[chosen]++;
    take_from(free, &g_array_index(free->domains, domain, chosen), device, request->group, shares);
  }
  gint64 got = 0;
  for (guint i = 0; i < shares->len; i++)
    got += g_array_index(shares, tw_host_share, i).accelerators;
  if (got < request->accelerators) { /* put back */
    for (guint i = 0; i < shares->len; i++)
      free->left[g_array_index(shares, tw_host_share, i).host] +=
          g_array_index(shares, tw_host_share, i).accelerators;
    free->taken = 0;
    return FALSE;
  }
  place->pool = pool;
  place->n_shares = (int)shares->len;
  place->shares = (tw_host_share *)(void *)g_array_free(g_steal_pointer(&shares), FALSE);
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

/* ---- Named hosts ---- */

static int find_host(const tw_platform *platform, const char *name)
{
  for (int h = 0; h < platform->n_hosts; h++)
    if (g_str_equal(platform->hosts[h].id, name))
      return h;
  return -1;
}

static void refuse_name(const tw_platform *platform, const char *name, const xmlNode *node, tw_faults *faults)
{
  g_autofree const char **names = g_new0(const char *, (gsize)platform->n_hosts + 1);
  for (int h = 0; h < platform->n_hosts; h++)
    names[h] = platform->hosts[h].id;
  const char *near = platform->n_hosts <= 10000 ? tw_nearest(name, names) : NULL;
  g_autofree char *hint = near != NULL ? g_strdup_printf("; did you mean \"%s\"?", near)
                                       : g_strdup_printf("; its first host is \"%s\"", names[0]);
  tw_node_fault(node, faults, "hosts: the platform has no host \"%s\"%s", name, hint);
}

/* Reads "NAME" or "NAME:N" and takes that from the host. FALSE with a fault where it has not as many. */
static gboolean take_named(tw_free_accelerators *free, const char *word, tw_host_share *share,
                           const xmlNode *node, tw_faults *faults)
{
  const tw_platform *platform = free->platform;
  const char *colon = strrchr(word, ':');
  gint64 n = 0;
  int host = find_host(platform, word);
  if (host < 0 && colon != NULL && tw_integer_parse(colon + 1, &n) && n >= 1 && n <= G_MAXINT) {
    g_autofree char *name = g_strndup(word, (gsize)(colon - word));
    host = find_host(platform, name);
  }
  if (host < 0) {
    refuse_name(platform, word, node, faults);
    return FALSE;
  }
  if (n == 0)
    n = free->left[host];
  if (free->left[host] < MAX(n, 1)) {
    tw_node_fault(node, faults,
                  "hosts: \"%s\" asks for accelerators of which \"%s\" has %d free; name another", word,
                  platform->hosts[host].id, free->left[host]);
    return FALSE;
  }
  *share = (tw_host_share){host, (int)n, 0};
  free->left[host] -= (int)n;
  return TRUE;
}

/* An engine's part of what is named, from `share` on, of which `used` accelerators are given away. */
static tw_engine_place cut(const GArray *named, guint *share, int *used, gint64 accelerators, int pool)
{
  GArray *shares = g_array_new(FALSE, FALSE, sizeof(tw_host_share));
  while (accelerators > 0) {
    const tw_host_share *from = &g_array_index(named, tw_host_share, *share);
    tw_host_share part = {from->host, (int)MIN(accelerators, from->accelerators - *used), 0};
    g_array_append_val(shares, part);
    accelerators -= part.accelerators;
    *used += part.accelerators;
    if (*used == from->accelerators) {
      (*share)++;
      *used = 0;
    }
  }
  int n = (int)shares->len;
  return (tw_engine_place){pool, n, (tw_host_share *)(void *)g_array_free(shares, FALSE), NULL};
}

static gboolean one_device(const tw_platform *platform, const tw_engine_place *place)
{
  for (int i = 1; i < place->n_shares; i++)
    if (platform->hosts[place->shares[i].host].device != platform->hosts[place->shares[0].host].device)
      return FALSE;
  return TRUE;
}

static gboolean place_named(tw_free_accelerators *free, const tw_placement_request *request, int pool,
                            GArray *places, const xmlNode *node, tw_faults *faults)
{
  g_auto(GStrv) words = g_strsplit_set(request->hosts, " \t\n", -1);
  g_autoptr(GArray) named = g_array_new(FALSE, FALSE, sizeof(tw_host_share));
  gint64 n = 0;
  for (char **word = words; *word != NULL; word++) {
    tw_host_share share;
    if (**word == '\0')
      continue;
    if (!take_named(free, *word, &share, node, faults))
      return FALSE;
    n += share.accelerators;
    g_array_append_val(named, share);
  }
  if (n < request->engines * request->accelerators) {
    tw_node_fault(node, faults,
                  "hosts names %" G_GINT64_FORMAT " accelerators, but pool \"%s\" asks for %" G_GINT64_FORMAT
                  " engines of %" G_GINT64_FORMAT "; name more, or lower replicas, tp, pp or dp",
                  n, request->pool, request->engines, request->accelerators);
    return FALSE;
  }
  guint share = 0;
  int used = 0;
  for (gint64 i = 0; i < request->engines; i++) {
    tw_engine_place place = cut(named, &share, &used, request->accelerators, pool);
    g_array_append_val(places, place);
    if (one_device(free->platform, &place))
      continue;
    tw_node_fault(node, faults,
                  "engine %" G_GINT64_FORMAT " of pool \"%s\" would mix devices; name hosts of one", i,
                  request->pool);
    return FALSE;
  }
  return TRUE;
}

/* ---- All kinds ---- */

static gboolean place_engine(tw_free_accelerators *free, const tw_placement_request *request, int pool,
                             tw_engine_place *place)
{
  if (request->kind == TW_PLACEMENT_RAIL)
    return take_rail(free, request, pool, place) || take_over_domains(free, request, pool, 1, place);
  const domain *d = choose_domain(free, request);
  if (d == NULL)
    return take_over_domains(free, request, pool, request->group, place) ||
           take_over_domains(free, request, pool, 1, place);
  *place = take(free, request, pool, d);
  return TRUE;
}

gboolean tw_place(tw_free_accelerators *free, const tw_placement_request *request, int pool, GArray *places,
                  const xmlNode *node, tw_faults *faults)
{
  if (request->kind == TW_PLACEMENT_EXPLICIT)
    return place_named(free, request, pool, places, node, faults);
  for (int h = 0; h < free->platform->n_hosts; h++)
    free->wanted[h] = g_pattern_match_simple(request->hosts, free->platform->hosts[h].id);
  for (gint64 i = 0; i < request->engines; i++) {
    tw_engine_place place = {0};
    if (!place_engine(free, request, pool, &place)) {
      refuse(free, request, i, node, faults);
      return FALSE;
    }
    g_array_append_val(places, place);
  }
  return TRUE;
}
