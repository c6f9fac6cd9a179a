#include "sim/network/flows/lanes.h"

#include "workloads/draw/chance.h"

typedef enum { BOTH, UP, DOWN, DIRECTIONS } direction;
static const char *const suffixes[DIRECTIONS] = {"", "_UP", "_DOWN"};

/* A link of SimGrid that consists of parts. */
typedef struct split {
  int link; /* the platform's */
  direction direction;
  int *parts; /* numbers in the table of links */
} split;

struct tw_lanes {
  const tw_ports *ports;
  const tw_planes *planes;
  split *of_platform; /* by link of the platform, and direction; without parts: there is none */
  split **of_link;    /* by number in the table of links; NULL: it is whole */
};

/* Tells the parts of one direction of a link, where SimGrid has that. */
static void split_link(tw_lanes *lanes, tw_link_table *table, int link, direction way)
{
  const tw_platform *platform = lanes->ports->platform;
  g_autofree char *name = g_strconcat(platform->links[link].id, suffixes[way], NULL);
  int whole = tw_link_table_find_name(table, name), n = lanes->planes->parts[link];
  if (whole < 0)
    return;
  split *s = lanes->of_link[whole] = &lanes->of_platform[link * DIRECTIONS + (int)way];
  *s = (split){link, way, g_new(int, (gsize)n)};
  for (int part = 0; part < n; part++) {
    g_autofree char *stem = tw_planes_part_name(platform, link, part);
    g_autofree char *part_name = g_strconcat(stem, suffixes[way], NULL);
    s->parts[part] = tw_link_table_find_name(table, part_name);
    g_assert(s->parts[part] >= 0);
    table->joules_per_byte[s->parts[part]] = table->joules_per_byte[whole];
  }
}

tw_lanes *tw_lanes_new(const tw_ports *ports, tw_link_table *links)
{
  const tw_platform *platform = ports->platform;
  if (platform->planes == NULL)
    return NULL;
  tw_lanes *lanes = g_new(tw_lanes, 1);
  *lanes = (tw_lanes){ports, platform->planes, g_new0(split, (gsize)platform->n_links * DIRECTIONS),
                      g_new0(split *, (gsize)links->n)};
  for (int i = 0; i < platform->n_links; i++)
    for (direction way = BOTH; platform->planes->parts[i] > 1 && way < DIRECTIONS; way++)
      split_link(lanes, links, i, way);
  return lanes;
}

void tw_lanes_free(tw_lanes *lanes)
{
  if (lanes == NULL)
    return;
  for (int i = 0; i < lanes->ports->platform->n_links * DIRECTIONS; i++)
    g_free(lanes->of_platform[i].parts);
  g_free(lanes->of_platform);
  g_free(lanes->of_link);
  g_free(lanes);
}

gboolean tw_lanes_are_between(const tw_lanes *lanes, int from, int to)
{
  const tw_platform *platform = lanes->ports->platform;
  int domain = tw_platform_domain(platform, tw_ports_host(lanes->ports, from));
  return domain < 0 || domain != tw_platform_domain(platform, tw_ports_host(lanes->ports, to));
}

int tw_lanes_count(const tw_lanes *lanes, int from, int to)
{
  int first = 0;
  return MAX(MAX(tw_ports_nics(lanes->ports, from, &first), tw_ports_nics(lanes->ports, to, &first)), 1);
}

int tw_lanes_choices(const tw_lanes *lanes)
{
  return lanes->planes->asked.balance == TW_BALANCE_ADAPTIVE ? lanes->planes->spines : 1;
}

/* The spine of a flow between two NICs: D-mod-k, from which adaptive routing counts its choices, or a hash. */
static int spine_of(const tw_planes *planes, int from_nic, int to_nic, int choice)
{
  guint64 ends = (guint64)(from_nic + 1) << 32 | (guint32)(to_nic + 1);
  if (planes->asked.balance == TW_BALANCE_HASHED)
    return (int)(tw_mix(ends) % (guint)planes->spines);
  return (MAX(to_nic, 0) / planes->asked.rails + choice) % planes->spines;
}

tw_lane tw_lanes_find(const tw_lanes *lanes, const tw_flow *flow, int choice)
{
  const tw_planes *planes = lanes->planes;
  int first_from = -1, first_to = -1, rails = planes->asked.rails;
  int n_from = tw_ports_nics(lanes->ports, flow->from, &first_from);
  int n_to = tw_ports_nics(lanes->ports, flow->to, &first_to);
  tw_lane lane = {.from_host = tw_ports_host(lanes->ports, flow->from),
                  .to_host = tw_ports_host(lanes->ports, flow->to),
                  .from_nic = n_from > 0 ? first_from + flow->lane % n_from : -1,
                  .to_nic = n_to > 0 ? first_to + ((flow->lane + flow->shift) % n_to + n_to) % n_to : -1};
  lane.spine = spine_of(planes, lane.from_nic, lane.to_nic, choice);
  if (planes->asked.over_spine || lane.from_nic < 0 || lane.to_nic < 0)
    return lane;
  lane.relayed = lane.to_nic % rails != lane.from_nic % rails;
  lane.from_nic +=
      lane.to_nic % rails - lane.from_nic % rails; /* over NVLink to the NIC on the receiver's rail */
  if (lane.relayed)
    lane.from_host = planes->host_of_nic[lane.from_nic];
  return lane;
}

/* The rail on which a lane leaves (or comes in): where an end has no NICs, that of the other. */
static int rail_of(const tw_lanes *lanes, int nic, int other)
{
  return MAX(nic >= 0 ? nic : other, 0) % lanes->planes->asked.rails;
}

/* The part of a link to the spine, `up` or down. */
static int spine_part(const tw_lanes *lanes, const split *s, const tw_lane *lane, gboolean up)
{
  int rail = up ? rail_of(lanes, lane->from_nic, lane->to_nic) : rail_of(lanes, lane->to_nic, lane->from_nic);
  return s->parts[rail * lanes->planes->spines + lane->spine];
}

/* The part of a link that a lane takes. */
static int part_of(const tw_lanes *lanes, const split *s, const tw_lane *lane)
{
  const tw_planes *planes = lanes->planes;
  if (lanes->ports->platform->links[s->link].kind == TW_LINK_SPINE)
    return spine_part(lanes, s, lane,
                      s->direction == UP || (s->direction == BOTH && s->link == planes->up[lane->from_host]));
  gboolean of_sender = s->link == planes->nic_link[lane->from_host];
  int host = of_sender ? lane->from_host : lane->to_host;
  return s->parts[(of_sender ? lane->from_nic : lane->to_nic) - planes->first_nic[host]];
}

/* The link to the spine of a host's leaf, in one direction; NULL where it has none. */
static const split *up_of(const tw_lanes *lanes, int host, direction way)
{
  const split *of = &lanes->of_platform[MAX(lanes->planes->up[host], 0) * DIRECTIONS];
  if (lanes->planes->up[host] < 0)
    return NULL;
  return of[way].parts != NULL ? &of[way] : of[BOTH].parts != NULL ? &of[BOTH] : NULL;
}

/* Adds the way over the spine between two rails of one leaf. */
static void cross_spine(const tw_lanes *lanes, const tw_lane *lane, GArray *links)
{
  const split *up = up_of(lanes, lane->from_host, UP), *down = up_of(lanes, lane->to_host, DOWN);
  if (up == NULL || down == NULL)
    return;
  const int parts[] = {spine_part(lanes, up, lane, TRUE), spine_part(lanes, down, lane, FALSE)};
  g_array_append_vals(links, parts, G_N_ELEMENTS(parts));
}

void tw_lanes_take(const tw_lanes *lanes, const tw_lane *lane, const int *whole, int n, GArray *links)
{
  gboolean over_spine = FALSE;
  for (int k = 0; k < n; k++) {
    const split *s = lanes->of_link[whole[k]];
    int link = s != NULL ? part_of(lanes, s, lane) : whole[k];
    over_spine |= s != NULL && lanes->ports->platform->links[s->link].kind == TW_LINK_SPINE;
    g_array_append_val(links, link);
  }
  if (!over_spine && lane->from_nic >= 0 && lane->to_nic >= 0 &&
      rail_of(lanes, lane->from_nic, 0) != rail_of(lanes, lane->to_nic, 0))
    cross_spine(lanes, lane, links);
}
