#include "sim/what_if/knob.h"

#include "platforms/input/fault.h"

#include <glib/gstdio.h>
#include <libxml/parser.h>
#include <libxml/tree.h>

#include <math.h>

#define FASTER      2 /* times */
#define MORE_MEMORY 0.05
#define MOST_MEMORY 0.97
#define CAPPED      0.8 /* Share of the accelerators' power. */
#define SLOWER      0.9 /* Share of the clock. */
#define LOOSER      1.1 /* times a limit of power */

static void clear_knob(void *data)
{
  tw_knob *knob = data;
  g_free(knob->name);
  g_strfreev(knob->assignments);
}

static void add(GArray *knobs, char *name, char *assignment)
{
  tw_knob knob = {name, g_new0(char *, 2)};
  knob.assignments[0] = assignment;
  g_array_append_val(knobs, knob);
}

/* A knob of an attribute of a pool or its scheduler. */
static void add_of_pool(GArray *knobs, const tw_pool *pool, const char *what, const char *attribute,
                        double value)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];
  g_ascii_formatd(digits, sizeof digits, "%.6g", value);
  add(knobs, g_strdup_printf("%s of pool %s (%s)", what, pool->id, digits),
      g_strdup_printf("//pool[@id='%s']/%s=%s", pool->id, attribute, digits));
}

/* ---- The network ---- */

static gboolean is_nvlink(const xmlNode *link)
{
  for (xmlNode *inner = xmlFirstElementChild((xmlNode *)link); inner != NULL;
       inner = xmlNextElementSibling(inner)) {
    xmlChar *id = xmlGetProp(inner, BAD_CAST "id"), *value = xmlGetProp(inner, BAD_CAST "value");
    gboolean yes = xmlStrEqual(id, BAD_CAST "tw:kind") && xmlStrEqual(value, BAD_CAST "nvlink");
    xmlFree(id);
    xmlFree(value);
    if (yes)
      return TRUE;
  }
  return FALSE;
}

static void speed_up(xmlNode *element, const char *attribute)
{
  xmlChar *text = xmlGetProp(element, BAD_CAST attribute);
  char *unit = NULL, digits[G_ASCII_DTOSTR_BUF_SIZE];
  double value = text != NULL ? g_ascii_strtod((const char *)text, &unit) : 0;
  if (value > 0) {
    g_autofree char *faster =
        g_strconcat(g_ascii_formatd(digits, sizeof digits, "%.12g", FASTER * value), unit, NULL);
    xmlSetProp(element, BAD_CAST attribute, BAD_CAST faster);
  }
  xmlFree(text);
}

/* Doubles the bandwidth of links that are no NVLink; returns how many there are. */
static guint speed_up_links(xmlNode *element)
{
  guint n = 0;
  for (xmlNode *inner = xmlFirstElementChild(element); inner != NULL; inner = xmlNextElementSibling(inner)) {
    n += speed_up_links(inner);
    if (xmlStrEqual(inner->name, BAD_CAST "link") && !is_nvlink(inner)) {
      speed_up(inner, "bandwidth");
      n++;
    } else if (xmlStrEqual(inner->name, BAD_CAST "cluster")) {
      speed_up(inner, "bw");
      speed_up(inner, "bb_bw");
      n++;
    }
  }
  return n;
}

static gboolean add_network(GArray *knobs, const tw_scenario *scenario, const char *output, GError **error)
{
  if (!tw_scenario_uses_network(scenario))
    return TRUE;
  xmlDoc *document = xmlReadFile(scenario->platform->path, NULL, XML_PARSE_NONET);
  xmlNode *root = document != NULL ? xmlDocGetRootElement(document) : NULL;
  gboolean done = TRUE;
  if (root != NULL && speed_up_links(root) > 0) {
    g_autofree char *whole = g_canonicalize_filename(output, NULL);
    char *path = g_build_filename(whole, "platform-twice-the-network.xml", NULL);
    done = g_mkdir_with_parents(output, 0777) == 0 && xmlSaveFile(path, document) >= 0;
    if (done)
      add(knobs, g_strdup("links of twice the bandwidth, NVLink apart"),
          g_strdup_printf("//platform/@file=%s", path));
    else
      tw_input_error_set(error, TW_INPUT_ERROR_VALUE, path, 0, "cannot be written");
    g_free(path);
  }
  xmlFreeDoc(document);
  return done;
}

/* ---- The site ---- */

/* The words of the command that wrote a platform, of which one says how many nodes or racks there are: with twice as
 * many. NULL: it was not written so. */
static char **larger_site(const char *path, const char *to)
{
  g_autofree char *text = NULL;
  if (!g_file_get_contents(path, &text, NULL, NULL))
    return NULL;
  const char *start = strstr(text, "tokenworks platform "),
             *end = start != NULL ? strpbrk(start, "\n>") : NULL;
  if (end == NULL || (strstr(start, " nodes=") == NULL && strstr(start, " racks=") == NULL))
    return NULL;
  g_autofree char *line = g_strndup(start, (gsize)(end - start));
  g_auto(GStrv) words = g_strsplit(g_strstrip(line), " ", -1);
  g_autoptr(GStrvBuilder) larger = g_strv_builder_new();
  g_strv_builder_add_many(larger, "/proc/self/exe", "platform", words[2], NULL);
  for (char **word = words + 3; *word != NULL && strchr(*word, '=') != NULL; word++) {
    gboolean size = g_str_has_prefix(*word, "nodes=") || g_str_has_prefix(*word, "racks=");
    g_autofree char *same = g_strconcat("--", *word, NULL);
    g_autofree char *twice =
        size ? g_strdup_printf("--%.6s%" G_GINT64_FORMAT, *word, 2 * g_ascii_strtoll(*word + 6, NULL, 10))
             : NULL;
    g_strv_builder_add(larger, size ? twice : same);
  }
  g_strv_builder_add_many(larger, "-o", to, NULL);
  return g_strv_builder_end(larger);
}

/* Twice the nodes or racks, and twice the engines of every pool on them. */
static void add_site(GArray *knobs, const tw_scenario *scenario, const char *output)
{
  g_autofree char *whole = g_canonicalize_filename(output, NULL);
  g_autofree char *path = g_build_filename(whole, "platform-twice-the-site.xml", NULL);
  g_auto(GStrv) command = larger_site(scenario->platform->path, path);
  int status = 0;
  g_unlink(path);
  if (command == NULL || g_mkdir_with_parents(output, 0777) != 0 ||
      !g_spawn_sync(NULL, command, NULL, G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL,
                    NULL, NULL, &status, NULL) ||
      !g_spawn_check_wait_status(status, NULL))
    return;
  gboolean capped = isfinite(scenario->caps.site_w);
  tw_knob knob = {
      g_strdup_printf("twice the site%s, and twice the engines on it", capped ? " and its power" : ""), NULL};
  g_autoptr(GStrvBuilder) assignments = g_strv_builder_new();
  g_autofree char *power = g_strdup_printf("/scenario/power-cap/@site=%.6gW", 2 * scenario->caps.site_w);
  if (capped)
    g_strv_builder_add(assignments, power);
  g_autofree char *platform = g_strdup_printf("//platform/@file=%s", path);
  g_strv_builder_add(assignments, platform);
  for (int i = 0; i < scenario->n_pools; i++) {
    const tw_pool *pool = &scenario->pools[i];
    g_autofree char *replicas =
        g_strdup_printf("//pool[@id='%s']/@replicas=%" G_GINT64_FORMAT, pool->id, 2 * pool->replicas);
    g_strv_builder_add(assignments, replicas);
  }
  knob.assignments = g_strv_builder_end(assignments);
  g_array_append_val(knobs, knob);
}

/* ---- Power ---- */

/* What each limit of power would be with a tenth more; those that change with time are left out. */
static void add_caps(GArray *knobs, const tw_caps *caps)
{
  const struct {
    double limit_w;
    const char *attribute, *of;
  } limits[] = {{caps->site_w, "site", "the site"},
                {caps->rack_w, "rack", "a rack"},
                {caps->accelerator_w, "accelerator", "an accelerator"}};
  for (guint i = 0; i < G_N_ELEMENTS(limits); i++)
    if (!isnan(limits[i].limit_w))
      add(knobs, g_strdup_printf("a tenth more power for %s", limits[i].of),
          g_strdup_printf("/scenario/power-cap/@%s=%.6gW", limits[i].attribute, LOOSER * limits[i].limit_w));
}

/* ---- All ---- */

/* An engine of one role given to the other, where engines of both are as large. */
static void add_moves(GArray *knobs, const tw_scenario *scenario)
{
  for (int i = 0; i < scenario->n_pools; i++)
    for (int k = 0; k < scenario->n_pools; k++) {
      const tw_pool *from = &scenario->pools[i], *to = &scenario->pools[k];
      if (from->role == TW_POOL_MIXED || to->role == TW_POOL_MIXED || from->role == to->role ||
          from->replicas < 2 || from->tp * from->pp * from->dp != to->tp * to->pp * to->dp)
        continue;
      tw_knob knob = {g_strdup_printf("an engine of pool %s moved to pool %s", from->id, to->id),
                      g_new0(char *, 3)};
      knob.assignments[0] =
          g_strdup_printf("//pool[@id='%s']/@replicas=%" G_GINT64_FORMAT, from->id, from->replicas - 1);
      knob.assignments[1] =
          g_strdup_printf("//pool[@id='%s']/@replicas=%" G_GINT64_FORMAT, to->id, to->replicas + 1);
      g_array_append_val(knobs, knob);
    }
}

/* Twice the memory of hosts for KV; as much as the engine's accelerators have where there is none. */
static void add_host_memory(GArray *knobs, const tw_pool *pool)
{
  double own = pool->plan.memory.kv_bytes * (double)(pool->tp * pool->pp * pool->dp);
  double bytes = pool->host_bytes > 0 ? 2 * pool->host_bytes : own;
  gboolean has_bandwidth = pool->host_bytes > 0 || !isnan(pool->plan.device->host_bytes_per_s);
  if (!pool->prefix_cache || pool->role == TW_POOL_DECODE || !has_bandwidth)
    return;
  add(knobs,
      g_strdup_printf("%.0f GB of host memory for KV at each engine of pool %s", bytes / 1e9, pool->id),
      g_strdup_printf("//pool[@id='%s']/kv-offload/@host-memory=%.0fB", pool->id, bytes));
}

/* A knob that sets an attribute of all pools, which hand KV caches to each other. */
static void add_of_all(GArray *knobs, const tw_scenario *scenario, char *name, const char *attribute,
                       const char *value)
{
  tw_knob knob = {name, g_new0(char *, (gsize)scenario->n_pools + 1)};
  for (int i = 0; i < scenario->n_pools; i++)
    knob.assignments[i] = g_strdup_printf("//pool[@id='%s']/@%s=%s", scenario->pools[i].id, attribute, value);
  g_array_append_val(knobs, knob);
}

static gboolean all_pools(const tw_scenario *scenario, const char *weights, tw_precision needs)
{
  for (int i = 0; i < scenario->n_pools; i++) {
    const tw_pool *pool = &scenario->pools[i];
    if (!g_str_equal(tw_checkpoint_names[pool->checkpoint], weights) ||
        isnan(pool->plan.device->flops[needs]) || pool->table_file != NULL)
      return FALSE;
  }
  return TRUE;
}

/* Narrower weights and KV, which change what the model answers. Where step times come from a table, weights are what they
 * were measured with. */
static void add_formats(GArray *knobs, const tw_scenario *scenario)
{
  static const struct {
    const char *from, *to;
    tw_precision needs; /* what the device must multiply in */
  } narrower[] = {{"bf16", "fp8", TW_FP8}, {"bf16", "int8", TW_INT8}, {"fp8", "nvfp4", TW_FP4}};
  gboolean wide = TRUE;
  for (guint i = 0; i < G_N_ELEMENTS(narrower); i++)
    if (all_pools(scenario, narrower[i].from, narrower[i].needs))
      add_of_all(knobs, scenario,
                 g_strdup_printf("weights in %s instead of %s", narrower[i].to, narrower[i].from), "weights",
                 narrower[i].to);
  for (int i = 0; i < scenario->n_pools; i++)
    wide &= scenario->pools[i].kv == TW_BF16;
  if (wide)
    add_of_all(knobs, scenario, g_strdup("KV caches in fp8 instead of bf16"), "kv", "fp8");
}

static void add_pool(GArray *knobs, const tw_scenario *scenario, const tw_pool *pool)
{
  gint64 used = 0;
  for (int i = 0; i < scenario->n_pools; i++) {
    const tw_pool *other = &scenario->pools[i];
    used += other->replicas * other->tp * other->pp * other->dp;
  }
  if (used + pool->tp * pool->pp * pool->dp <= tw_platform_accelerators(scenario->platform))
    add_of_pool(knobs, pool, "a replica more", "@replicas", (double)(pool->replicas + 1));
  if (pool->replicas > 1)
    add_of_pool(knobs, pool, "a replica fewer", "@replicas", (double)(pool->replicas - 1));
  if (pool->memory_fraction + MORE_MEMORY <= MOST_MEMORY)
    add_of_pool(knobs, pool, "more HBM for KV", "@memory-fraction", pool->memory_fraction + MORE_MEMORY);
  add_host_memory(knobs, pool);
  add_of_pool(knobs, pool, "twice the places in batches", "scheduler/@max-seqs", 2 * (double)pool->max_seqs);
  add_of_pool(knobs, pool, "twice the tokens of an iteration", "scheduler/@max-batched-tokens",
              2 * (double)pool->max_batched_tokens);
}

static void add_routers(GArray *knobs, const tw_scenario *scenario)
{
  static const char *const tried[] = {"least-tokens", "prefix-and-load", NULL};
  const char *now = tw_router_policy_names[scenario->router];
  for (const char *const *name = tried; *name != NULL && scenario->plan.n_engines > 1; name++)
    if (!g_str_equal(*name, now))
      add(knobs, g_strdup_printf("the router %s", *name),
          g_strdup_printf("/scenario/router/@policy=%s", *name));
}

GArray *tw_knobs_of(const tw_scenario *scenario, const char *output, GError **error)
{
  GArray *knobs = g_array_new(FALSE, FALSE, sizeof(tw_knob));
  double max_w = scenario->pools[0].plan.power.max_w;
  g_array_set_clear_func(knobs, clear_knob);
  for (int i = 0; i < scenario->n_pools; i++)
    add_pool(knobs, scenario, &scenario->pools[i]);
  add_moves(knobs, scenario);
  add_formats(knobs, scenario);
  add_site(knobs, scenario, output);
  add_caps(knobs, &scenario->caps);
  add_routers(knobs, scenario);
  if (isfinite(max_w) && isnan(scenario->caps.accelerator_w))
    add(knobs, g_strdup_printf("accelerators capped at %.0f W", CAPPED * max_w),
        g_strdup_printf("/scenario/power-cap/@accelerator=%.0fW", CAPPED * max_w));
  if (SLOWER * scenario->caps.clock >= scenario->caps.slowest_clock)
    add(knobs, g_strdup_printf("a clock %.0f %% lower", 100 * (1 - SLOWER)),
        g_strdup_printf("/scenario/power-cap/@clock=%.4g", SLOWER * scenario->caps.clock));
  if (add_network(knobs, scenario, output, error))
    return knobs;
  g_array_unref(knobs);
  return NULL;
}
