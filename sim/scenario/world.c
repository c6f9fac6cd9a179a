#include "sim/scenario/world.h"

#include "sim/router/site_policy.h"

#include <math.h>

/* ---- Tables ---- */

#define HOURS_S 3600.0

static const tw_attribute site_attributes[] = {
    {"name", TW_ATTR_STRING, .offset = offsetof(tw_world_site, name),
     .help =
         "name of the site, which its folder in the run directory has, too: letters, digits, \"-\", \"_\" "
         "and \".\""},
    {"region", TW_ATTR_STRING, .offset = offsetof(tw_world_site, region), .help = "where it stands"},
    {"utc-offset", TW_ATTR_QUANTITY, TW_TIME, "0s", .min = -14 * HOURS_S, .max = 14 * HOURS_S,
     .offset = offsetof(tw_world_site, utc_offset_s),
     .help =
         "its clock less that of the scenario, such as -8h: its price, carbon and weather are series by its "
         "own clock"},
    {"latitude", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .min = -90, .max = 90,
     .offset = offsetof(tw_world_site, latitude),
     .help = "where the report draws it on a map, in degrees north"},
    {"longitude", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .min = -180, .max = 180,
     .offset = offsetof(tw_world_site, longitude), .help = "likewise, in degrees east"},
    {"guests", TW_ATTR_INT, .fallback = TW_ABSENT, .min = 0, .max = 1e9,
     .offset = offsetof(tw_world_site, guests),
     .help =
         "requests of users of other regions that it has at most at a time: the capacity that it lends. Any "
         "number if absent"},
    {0},
};
static gboolean check_site(const xmlNode *node, const void *target, tw_faults *faults)
{
  const tw_world_site *site = target;
  if (isnan(site->latitude) != isnan(site->longitude))
    tw_node_fault(node, faults, "latitude and longitude go together; write both, or neither");
  if (!g_str_equal(site->name, ".") && !g_str_equal(site->name, "..") &&
      strspn(site->name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-_.") == strlen(site->name))
    return TRUE;
  tw_node_fault(node, faults,
                "name=\"%s\" is no name for a folder; write letters, digits, \"-\", \"_\" and \".\"",
                site->name);
  return FALSE;
}
static const tw_child site_children[] = {TW_SITE_CHILDREN(1, 0), {0}};
const tw_element tw_site_element = {"site", "one of several sites, with all that stands on it",
                                    site_attributes, site_children, check_site};

static const tw_attribute users_attributes[] = {
    {"class", TW_ATTR_STRING, .fallback = TW_ABSENT, .offset = offsetof(tw_users, class),
     .help = "class of traffic that they ask for; if absent, all that no other <users> names"},
    {"region", TW_ATTR_STRING, .offset = offsetof(tw_users, region), .help = "where they live"},
    {"home", TW_ATTR_STRING, .fallback = TW_ABSENT, .offset = offsetof(tw_users, home),
     .help = "name of the site that serves them first; the nearest if absent"},
    {"stays", TW_ATTR_BOOL, .fallback = "false", .offset = offsetof(tw_users, stays),
     .help = "residency: their requests are served in their own region or not at all"},
    {0},
};
const tw_element tw_users_element = {"users", "where those who ask live, with several sites",
                                     users_attributes, NULL, NULL};

static const tw_attribute wan_attributes[] = {
    {"from", TW_ATTR_STRING, .offset = offsetof(tw_wan, from), .help = "a region"},
    {"to", TW_ATTR_STRING, .offset = offsetof(tw_wan, to),
     .help = "another region, or the same: the way between its users and its sites, which takes no time "
             "otherwise"},
    {"latency", TW_ATTR_QUANTITY, TW_TIME, .max = 60, .offset = offsetof(tw_wan, latency_s),
     .help = "one way, alike in both directions"},
    {"bandwidth", TW_ATTR_QUANTITY, TW_BANDWIDTH, TW_ABSENT, .positive = TRUE, .max = 1e15,
     .offset = offsetof(tw_wan, bytes_per_s),
     .help = "of each direction, in equal parts for all prompts, KV caches and weights that are under way; "
             "without "
             "limit if absent"},
    {0},
};
const tw_element tw_wan_element = {"wan", "the way between two regions, with several sites", wan_attributes,
                                   NULL, NULL};

static const tw_attribute global_router_attributes[] = {
    {"policy", TW_ATTR_CHOICE, .fallback = "home-first", .choices = tw_site_policy_names,
     .choice_helps = tw_site_policy_helps, .offset = offsetof(tw_world, policy),
     .help = "how the site of a request is picked, of those that it may go to and that serve"},
    {"spill", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .positive = TRUE, .max = 1e9,
     .offset = offsetof(tw_world, spill),
     .help =
         "requests in flight for each engine that serves from which on a site is full: others are picked if "
         "any is not. Never if absent"},
    {"sticky", TW_ATTR_BOOL, .fallback = "false", .offset = offsetof(tw_world, sticky),
     .help =
         "whether the requests of a session go where its last one was served, where its KV cache may be, as "
         "long as that site serves"},
    {"kv", TW_ATTR_CHOICE, .fallback = "recompute", .choices = tw_world_kv_names,
     .offset = offsetof(tw_world, kv),
     .help =
         "what becomes of the KV cache of a session whose next prompt goes to another site: recompute leaves "
         "it; "
         "move sends it after the prompt over the <wan>; quicker does so where that takes less time than to "
         "compute it there"},
    {"bytes-per-token", TW_ATTR_NUMBER, .fallback = "4", .max = 1e9,
     .offset = offsetof(tw_world, bytes_per_token),
     .help = "of a prompt on its way over a <wan> of limited bandwidth"},
    {0},
};
const tw_element tw_global_router_element = {"global-router", "sends each request to a site",
                                             global_router_attributes, NULL, NULL};

/* ---- Reading ---- */

static void clear_users(gpointer users)
{
  tw_schema_clear(&tw_users_element, users);
}

static void clear_wan(gpointer wan)
{
  tw_schema_clear(&tw_wan_element, wan);
}

static int region_of(tw_world *world, const char *name)
{
  for (int i = 0; i < world->n_regions; i++)
    if (g_str_equal(world->regions[i], name))
      return i;
  world->regions = g_renew(char *, world->regions, (gsize)world->n_regions + 2);
  world->regions[world->n_regions++] = g_strdup(name);
  world->regions[world->n_regions] = NULL;
  return world->n_regions - 1;
}

static int site_of(const tw_world *world, const char *name)
{
  for (int i = 0; i < world->n_sites; i++)
    if (g_str_equal(world->sites[i].name, name))
      return i;
  return -1;
}

/* "did you mean ..."; the caller frees it. */
static char *suggest_site(const tw_world *world, const char *name)
{
  g_autofree const char **names = g_new0(const char *, (gsize)world->n_sites + 1);
  for (int i = 0; i < world->n_sites; i++)
    names[i] = world->sites[i].name;
  return tw_suggestion(name, names);
}

static void read_sites(tw_world *world, const xmlNode *root, tw_faults *faults)
{
  for (const xmlNode *n = tw_node_child(root, "site"); n != NULL; n = tw_node_next(n, "site")) {
    tw_world_site site = {0};
    tw_schema_read(n, &tw_site_element, &site);
    if (site_of(world, site.name) >= 0)
      tw_node_fault(n, faults, "two sites are called \"%s\"; give each its own name", site.name);
    site.region_index = region_of(world, site.region);
    site.serves = tw_node_child(n, tw_pool_element.name) != NULL;
    world->sites = g_renew(tw_world_site, world->sites, (gsize)world->n_sites + 1);
    world->sites[world->n_sites++] = site;
  }
}

static void read_wans(tw_world *world, const xmlNode *root, tw_faults *faults)
{
  for (const xmlNode *n = tw_node_child(root, "wan"); n != NULL; n = tw_node_next(n, "wan")) {
    tw_wan wan;
    tw_schema_read(n, &tw_wan_element, &wan);
    wan.bytes_per_s = isnan(wan.bytes_per_s) ? INFINITY : wan.bytes_per_s;
    const char *const ends[] = {wan.from, wan.to};
    for (guint i = 0; i < G_N_ELEMENTS(ends); i++) {
      if (g_strv_contains((const char *const *)world->regions, ends[i]))
        continue;
      g_autofree char *right = tw_suggestion(ends[i], (const char *const *)world->regions);
      tw_node_fault(n, faults, "no site and no <users> is in a region \"%s\"; %s", ends[i], right);
    }
    for (guint i = 0; i < world->wans->len; i++) {
      const tw_wan *other = &g_array_index(world->wans, tw_wan, i);
      if ((g_str_equal(other->from, wan.from) && g_str_equal(other->to, wan.to)) ||
          (g_str_equal(other->from, wan.to) && g_str_equal(other->to, wan.from)))
        tw_node_fault(n, faults, "a second <wan> joins \"%s\" and \"%s\"; leave one of them out", wan.from,
                      wan.to);
    }
    g_array_append_val(world->wans, wan);
  }
}

/* Ways that are not written: none to another region, and one that takes no time within a region. */
static void make_ways(tw_world *world)
{
  int n = world->n_regions;
  world->ways = g_new0(tw_wan, (gsize)n * (gsize)n);
  for (int a = 0; a < n; a++)
    for (int b = 0; b < n; b++)
      world->ways[a * n + b] = (tw_wan){.latency_s = a == b ? 0 : INFINITY, .bytes_per_s = INFINITY};
  for (guint i = 0; i < world->wans->len; i++) {
    const tw_wan *wan = &g_array_index(world->wans, tw_wan, i);
    int a = region_of(world, wan->from), b = region_of(world, wan->to);
    world->ways[a * n + b] = world->ways[b * n + a] = *wan;
  }
}

const tw_wan *tw_world_way(const tw_world *world, int from, int to)
{
  return &world->ways[from * world->n_regions + to];
}

const tw_world_site *tw_world_first(const tw_world *world)
{
  int first = 0;
  while (first < world->n_sites && !world->sites[first].serves)
    first++;
  return &world->sites[first < world->n_sites ? first : 0];
}

gboolean tw_world_allows(const tw_world *world, int users, int site)
{
  const tw_users *who = &g_array_index(world->users, tw_users, users);
  int region = world->sites[site].region_index;
  return world->sites[site].serves && isfinite(tw_world_way(world, who->region_index, region)->latency_s) &&
         (!who->stays || region == who->region_index);
}

int tw_world_users_of(const tw_world *world, const char *class)
{
  guint others = world->users->len - 1;
  for (guint i = 0; class != NULL && i < others; i++)
    if (g_str_equal(g_array_index(world->users, tw_users, i).class, class))
      return (int)i;
  return (int)others;
}

/* The nearest site that may serve them; -1: none may. */
static int nearest_site(const tw_world *world, int users)
{
  const tw_users *who = &g_array_index(world->users, tw_users, users);
  int nearest = -1;
  double least_s = INFINITY;
  for (int i = 0; i < world->n_sites; i++) {
    double latency_s = tw_world_way(world, who->region_index, world->sites[i].region_index)->latency_s;
    if (!tw_world_allows(world, users, i) || latency_s >= least_s)
      continue;
    nearest = i;
    least_s = latency_s;
  }
  return nearest;
}

/* A class that the workload does not have is a slip of the pen, where the workload names its classes. */
static void check_class(const tw_users *users, const tw_generator *generator, const xmlNode *node,
                        tw_faults *faults)
{
  if (users->class == NULL || generator == NULL)
    return;
  g_autoptr(GPtrArray) names = g_ptr_array_new();
  for (int i = 0; i < tw_generator_classes(generator); i++) {
    const char *name = tw_generator_class_at(generator, i).name;
    if (g_strcmp0(name, users->class) == 0)
      return;
    if (name != NULL)
      g_ptr_array_add(names, (char *)name);
  }
  g_ptr_array_add(names, NULL);
  if (names->len == 1) {
    tw_node_fault(node, faults, "class=\"%s\": the workload names no classes; leave it out", users->class);
    return;
  }
  g_autofree char *right = tw_suggestion(users->class, (const char *const *)names->pdata);
  tw_node_fault(node, faults, "class=\"%s\": the workload has no such class; %s", users->class, right);
}

static void check_home(const tw_world *world, int index, const xmlNode *node, tw_faults *faults)
{
  tw_users *users = &g_array_index(world->users, tw_users, index);
  users->home_site = nearest_site(world, index);
  if (users->home_site < 0) {
    tw_node_fault(node, faults,
                  users->stays
                      ? "users of region=\"%s\" stay there, but no <site> is in it; add one, or leave "
                        "stays out"
                      : "no <site> can be reached from region=\"%s\"; add a <wan> that joins it",
                  users->region);
    return;
  }
  if (users->home == NULL)
    return;
  int home = site_of(world, users->home);
  g_autofree char *right = suggest_site(world, users->home);
  if (home < 0)
    tw_node_fault(node, faults, "home=\"%s\": there is no such site; %s", users->home, right);
  else if (!tw_world_allows(world, index, home))
    tw_node_fault(node, faults, "home=\"%s\" %s; name another site", users->home,
                  !world->sites[home].serves ? "serves no requests"
                  : users->stays             ? "is not in the region in which they stay"
                                             : "is joined to their region by no <wan>");
  else
    users->home_site = home;
}

/* Reads users by class in the order of their elements, then those of no class; these live at the first site that serves if
 * nothing is said of them. */
static void read_users(tw_world *world, const xmlNode *root, GPtrArray *nodes, tw_faults *faults)
{
  g_assert(world->n_sites > 0);
  tw_users others = {0};
  const xmlNode *others_node = NULL;
  for (const xmlNode *n = tw_node_child(root, "users"); n != NULL; n = tw_node_next(n, "users")) {
    tw_users users = {0};
    tw_schema_read(n, &tw_users_element, &users);
    gboolean twice = users.class == NULL && others_node != NULL;
    for (guint i = 0; users.class != NULL && i < world->users->len; i++)
      twice |= g_str_equal(g_array_index(world->users, tw_users, i).class, users.class);
    if (twice)
      tw_node_fault(n, faults, "a second <users>%s%s%s; leave one of them out",
                    users.class != NULL ? " of class \"" : " without a class",
                    users.class != NULL ? users.class : "", users.class != NULL ? "\"" : "");
    users.region_index = region_of(world, users.region);
    if (twice) {
      clear_users(&users);
    } else if (users.class == NULL) {
      others = users;
      others_node = n;
    } else {
      g_array_append_val(world->users, users);
      g_ptr_array_add(nodes, (gpointer)n);
    }
  }
  if (others_node == NULL)
    others = (tw_users){.region = g_strdup(tw_world_first(world)->region),
                        .region_index = tw_world_first(world)->region_index};
  g_array_append_val(world->users, others);
  g_ptr_array_add(nodes, (gpointer)(others_node != NULL ? others_node : root));
}

static void read_world(tw_world *world, const xmlNode *root, GPtrArray *users, tw_faults *faults)
{
  read_sites(world, root, faults);
  read_users(world, root, users, faults);
  tw_schema_read_child(root, &tw_global_router_element, world);
  read_wans(world, root, faults);
  if (tw_faults_count(faults) == 0)
    make_ways(world);
  for (guint i = 0; tw_faults_count(faults) == 0 && i < world->users->len && tw_world_first(world)->serves;
       i++)
    check_home(world, (int)i, users->pdata[i], faults);
}

/* The union of the files of all sites, each once. */
static void list_files(tw_world *world)
{
  GPtrArray *files = g_ptr_array_new();
  for (int i = 0; i < world->n_sites; i++)
    for (char **file = world->sites[i].scenario->files; *file != NULL; file++)
      if (!g_ptr_array_find_with_equal_func(files, *file, g_str_equal, NULL))
        g_ptr_array_add(files, g_strdup(*file));
  g_ptr_array_add(files, NULL);
  world->files = (char **)g_ptr_array_free(files, FALSE);
}

static tw_world *new_world(void)
{
  tw_world *world = g_new0(tw_world, 1);
  world->users = g_array_new(FALSE, FALSE, sizeof(tw_users));
  g_array_set_clear_func(world->users, clear_users);
  world->wans = g_array_new(FALSE, FALSE, sizeof(tw_wan));
  g_array_set_clear_func(world->wans, clear_wan);
  return world;
}

static tw_world *load_plain(const char *path, const char *const *assignments, tw_faults *faults)
{
  tw_scenario *scenario = tw_scenario_load(path, assignments, faults);
  if (scenario == NULL)
    return NULL;
  tw_world *world = new_world();
  world->plain = TRUE;
  world->name = g_strdup(scenario->name);
  world->sites = g_new0(tw_world_site, 1);
  world->n_sites = 1;
  world->sites[0] = (tw_world_site){.guests = G_MININT64, .scenario = scenario, .serves = TRUE};
  world->canonical = g_strdup(scenario->canonical);
  world->resolved = g_strdup(scenario->resolved);
  list_files(world);
  return world;
}

/* A site's run is a part of the whole: its scenario cannot be run by itself. */
static void name_site(tw_world *world, int i)
{
  tw_scenario *scenario = world->sites[i].scenario;
  g_free(scenario->canonical);
  scenario->canonical = g_strdup(world->canonical);
  g_free(scenario->name);
  scenario->name = g_strdup_printf("%s: %s", world->name, world->sites[i].name);
}

/* Faults of elements that all sites share are the same at each: they are kept once. */
static void load_site(tw_world *world, int i, const char *path, const char *const *assignments,
                      tw_faults *faults)
{
  g_autoptr(tw_faults) found = tw_faults_new();
  world->sites[i].scenario = tw_scenario_load_site(path, assignments, i, world->sites[i].utc_offset_s, found);
  for (guint k = 0; k < tw_faults_count(found); k++)
    tw_faults_add(faults, NULL, 0, "%s", tw_faults_get(found, k));
}

/* Notes at each site the users that no <wan> leads to it: whatever the router prefers, their requests never come. */
static void note_ways(tw_world *world)
{
  for (guint u = 0; u < world->users->len; u++)
    for (int s = 0; s < world->n_sites; s++) {
      const tw_users *who = &g_array_index(world->users, tw_users, u);
      const tw_world_site *site = &world->sites[s];
      if (!site->serves || isfinite(tw_world_way(world, who->region_index, site->region_index)->latency_s))
        continue;
      g_ptr_array_add(
          site->scenario->notes,
          g_strdup_printf("no <wan> joins region \"%s\" to \"%s\": requests of %s%s from there never come "
                          "here",
                          who->region, site->region, who->class != NULL ? "class " : "users",
                          who->class != NULL ? who->class : ""));
    }
}

tw_world *tw_world_load(const char *path, const char *const *assignments, tw_faults *faults)
{
  guint before = tw_faults_added(faults);
  g_autoptr(tw_document) document = tw_scenario_document(path, assignments, faults);
  if (document == NULL)
    return NULL;
  const xmlNode *root = tw_document_root(document);
  if (tw_node_child(root, "site") == NULL)
    return load_plain(path, assignments, faults);
  g_autoptr(tw_world) world = new_world();
  g_autoptr(GPtrArray) users = g_ptr_array_new();
  read_world(world, root, users, faults);
  for (int i = 0; i < world->n_sites; i++)
    load_site(world, i, path, assignments, faults);
  if (tw_faults_added(faults) > before)
    return NULL;
  for (guint i = 0; i < world->users->len; i++)
    check_class(&g_array_index(world->users, tw_users, i), tw_world_first(world)->scenario->generator,
                users->pdata[i], faults);
  tw_world_check_pools(world, root, faults);
  if (tw_faults_added(faults) > before)
    return NULL;
  note_ways(world);
  list_files(world);
  world->canonical = tw_document_canonical(document);
  const tw_element *const implied[] = {&tw_global_router_element, &tw_output_element, NULL};
  world->resolved = tw_schema_resolve(root, &tw_scenario_element, implied);
  world->name = g_strdup(world->sites[0].scenario->name);
  for (int i = 0; i < world->n_sites; i++)
    name_site(world, i);
  return g_steal_pointer(&world);
}

void tw_world_free(tw_world *world)
{
  if (world == NULL)
    return;
  for (int i = 0; i < world->n_sites; i++) {
    tw_schema_clear(&tw_site_element, &world->sites[i]);
    tw_scenario_free(world->sites[i].scenario);
  }
  g_free(world->name);
  g_free(world->sites);
  g_array_unref(world->users);
  g_array_unref(world->wans);
  g_strfreev(world->regions);
  g_free(world->ways);
  g_free(world->canonical);
  g_free(world->resolved);
  g_strfreev(world->files);
  g_free(world);
}
