#include "sim/network/flows/link_table.h"

#include "sim/network/flows/zone_links.h"

#include <simgrid/link.h>

static const char *const directions[] = {"_UP", "_DOWN"};

static int by_name(gconstpointer a, gconstpointer b)
{
  return strcmp(sg_link_get_name(*(const sg_link_t *)a), sg_link_get_name(*(const sg_link_t *)b));
}

/* Joules of a byte on each of SimGrid's links, which has two-way links twice. */
static void find_joules(tw_link_table *table, const tw_platform *platform)
{
  g_autoptr(GHashTable) by_name = g_hash_table_new(g_str_hash, g_str_equal);
  for (int i = 0; i < platform->n_links; i++)
    g_hash_table_insert(by_name, platform->links[i].id, &platform->links[i]);
  for (int i = 0; i < table->n; i++) {
    g_autofree char *name = g_strdup(table->names[i]);
    const tw_link *link = g_hash_table_lookup(by_name, name);
    for (guint k = 0; link == NULL && k < G_N_ELEMENTS(directions); k++)
      if (g_str_has_suffix(name, directions[k])) {
        name[strlen(name) - strlen(directions[k])] = '\0';
        link = g_hash_table_lookup(by_name, name);
        break;
      }
    if (link != NULL)
      table->joules_per_byte[i] = link->joules_per_byte;
  }
}

tw_link_table *tw_link_table_new(const tw_platform *platform, const char *prefix)
{
  g_autofree char *zone = g_strconcat(prefix, platform->zones[0].id, NULL);
  gsize n;
  g_autofree sg_link_t *links = tw_zone_links(zone, &n);
  tw_link_table *table = g_new(tw_link_table, 1);
  *table = (tw_link_table){.n = (int)n,
                           .names = g_new(const char *, n),
                           .rates = g_new(double, n),
                           .speeds = g_new(double, n),
                           .shared = g_new(gboolean, n),
                           .joules_per_byte = g_new0(double, n),
                           .index = g_hash_table_new(NULL, NULL)};
  qsort(links, n, sizeof *links, by_name);
  table->all = g_steal_pointer(&links);
  for (int i = 0; i < table->n; i++) {
    const char *name = sg_link_get_name(table->all[i]);
    table->names[i] = g_str_has_prefix(name, prefix) ? name + strlen(prefix) : name;
    g_hash_table_insert(table->index, table->all[i], GINT_TO_POINTER(i + 1));
    table->rates[i] = sg_link_get_bandwidth(table->all[i]);
    table->speeds[i] = 1;
    table->shared[i] = sg_link_is_shared(table->all[i]) != 0;
  }
  find_joules(table, platform);
  return table;
}

void tw_link_table_free(tw_link_table *table)
{
  if (table == NULL)
    return;
  g_hash_table_unref(table->index);
  g_free(table->all);
  g_free(table->names);
  g_free(table->rates);
  g_free(table->speeds);
  g_free(table->shared);
  g_free(table->joules_per_byte);
  g_free(table);
}

int tw_link_table_find(const tw_link_table *table, sg_link_t link)
{
  return GPOINTER_TO_INT(g_hash_table_lookup(table->index, link)) - 1;
}

/* The first link whose name is not before that. */
static int first_from(const tw_link_table *table, const char *name)
{
  int low = 0, high = table->n;
  while (low < high) {
    int middle = (low + high) / 2;
    if (strcmp(table->names[middle], name) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

int tw_link_table_find_name(const tw_link_table *table, const char *name)
{
  int found = first_from(table, name);
  return found < table->n && g_str_equal(table->names[found], name) ? found : -1;
}

/* Whether the rest of a name says that it is the link itself, a direction of it, a share or a part: "", "/3", "/3_UP",
 * "_UP", "/rail-3-spine-1_UP". */
static gboolean is_of_link(const char *rest)
{
  if (*rest == '/') {
    rest++;
    while (g_ascii_isdigit(*rest) || g_ascii_islower(*rest) || *rest == '-')
      rest++;
  }
  return *rest == '\0' || g_str_equal(rest, directions[0]) || g_str_equal(rest, directions[1]);
}

GArray *tw_link_table_find_all(const tw_link_table *table, const char *name)
{
  GArray *found = g_array_new(FALSE, FALSE, sizeof(int));
  int low = first_from(table, name);
  for (; low < table->n && g_str_has_prefix(table->names[low], name); low++)
    if (is_of_link(table->names[low] + strlen(name)))
      g_array_append_val(found, low);
  return found;
}

void tw_link_table_set_speed(tw_link_table *table, int link, double speed)
{
  table->n_stopped += (speed == 0) - (table->speeds[link] == 0);
  table->speeds[link] = speed;
  if (speed > 0)
    sg_link_set_bandwidth(table->all[link], table->rates[link] * speed);
}
