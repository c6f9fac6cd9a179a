#include "sim/run/run_json.h"

#include "sim/log/log_format.h"
#include "sim/run/driver.h"
#include "workloads/input/input.h"

#include <math.h>

/* A string of a file, whose bytes need not be UTF-8. */
static json_t *text(const char *bytes)
{
  g_autofree char *valid = g_utf8_make_valid(bytes != NULL ? bytes : "", -1);
  return json_string(valid);
}

static void add_input(json_t *inputs, const char *path, const char *sha256)
{
  json_t *input = json_object();
  json_object_set_new(input, "file", text(path));
  if (sha256 != NULL)
    json_object_set_new(input, "sha256", json_string(sha256));
  json_array_append_new(inputs, input);
}

/* The rows of a trace that were not simply replayed, by what became of them; nothing if all were. */
static void add_tally(json_t *inputs, const tw_trace_tally *tally)
{
  json_t *rows = json_object(), *reasons = json_array();
  const struct {
    const char *name;
    guint64 n;
  } counts[] = {
      {"out_of_order", tally->moved}, {"without_output", tally->zero_outputs}, {"left_out", tally->skipped}};
  for (guint i = 0; i < G_N_ELEMENTS(counts); i++)
    if (counts[i].n > 0)
      json_object_set_new(rows, counts[i].name, json_integer((json_int_t)counts[i].n));
  for (guint i = 0; i < tally->reasons->len; i++)
    json_array_append_new(reasons, text(tally->reasons->pdata[i]));
  for (guint i = 0; i < tally->notes->len; i++)
    json_array_append_new(reasons, text(tally->notes->pdata[i]));
  if (json_array_size(reasons) > 0)
    json_object_set(rows, "notes", reasons);
  json_decref(reasons);
  json_t *input = json_array_get(inputs, json_array_size(inputs) - 1);
  if (json_object_size(rows) > 0)
    json_object_set(input, "rows", rows);
  json_decref(rows);
}

static json_t *describe_inputs(char *const *files, const tw_stream *stream)
{
  json_t *inputs = json_array();
  for (char *const *file = files; *file != NULL; file++) {
    g_autofree char *sum = tw_file_sha256(*file);
    add_input(inputs, *file, sum);
  }
  if (tw_stream_path(stream) != NULL)
    add_input(inputs, tw_stream_path(stream), tw_stream_sha256(stream));
  if (tw_stream_tally(stream) != NULL)
    add_tally(inputs, tw_stream_tally(stream));
  return inputs;
}

static json_t *describe_slo(const tw_slo *asked)
{
  const struct {
    const char *name;
    double limit_s;
  } limits[] = {
      {"ttft_s", asked->ttft_s}, {"tpot_s", asked->tpot_s}, {"itl_s", asked->itl_s}, {"e2e_s", asked->e2e_s}};
  json_t *slo = json_object();
  for (guint i = 0; i < G_N_ELEMENTS(limits); i++)
    if (isfinite(limits[i].limit_s))
      json_object_set_new(slo, limits[i].name, json_real(limits[i].limit_s));
  return slo;
}

/* The limits that hold for all, and under "classes" those of single classes. */
static json_t *describe_slos(const tw_scenario *scenario)
{
  tw_slo common = tw_scenario_slo(scenario, NULL);
  json_t *slo = describe_slo(&common), *classes = json_object();
  for (guint i = 0; scenario->class_slos != NULL && i < scenario->class_slos->len; i++) {
    const tw_slo *of_class = &g_array_index(scenario->class_slos, tw_slo, i);
    json_object_set_new(classes, of_class->class, describe_slo(of_class));
  }
  if (json_object_size(classes) > 0)
    json_object_set(slo, "classes", classes);
  json_decref(classes);
  return slo;
}

static json_t *describe_racks(const tw_platform *platform)
{
  g_autofree gint64 *accelerators = g_new0(gint64, (gsize)platform->n_racks);
  g_autofree const char **rows = g_new0(const char *, (gsize)platform->n_racks);
  for (int i = 0; i < platform->n_hosts; i++) {
    const tw_zone *zone = &platform->zones[platform->hosts[i].zone];
    if (zone->rack_index >= 0)
      accelerators[zone->rack_index] += platform->hosts[i].accelerators;
  }
  for (int i = 0; i < platform->n_zones; i++)
    if (platform->zones[i].rack_index >= 0)
      rows[platform->zones[i].rack_index] = platform->zones[i].row;
  json_t *racks = json_array();
  for (int i = 0; i < platform->n_racks; i++)
    json_array_append_new(racks,
                          json_pack("{s:o, s:o, s:I, s:[]}", "name", text(platform->racks[i]), "row",
                                    text(rows[i]), "accelerators", (json_int_t)accelerators[i], "hosts"));
  for (int i = 0; i < platform->n_hosts; i++) {
    int rack = platform->zones[platform->hosts[i].zone].rack_index;
    if (rack >= 0)
      json_array_append_new(json_object_get(json_array_get(racks, (size_t)rack), "hosts"),
                            text(platform->hosts[i].id));
  }
  return racks;
}

static json_t *describe_pools(const tw_scenario *scenario)
{
  json_t *pools = json_array();
  for (int i = 0; i < scenario->n_pools; i++) {
    const tw_pool *pool = &scenario->pools[i];
    json_array_append_new(pools, json_pack("{s:o, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "id",
                                           text(pool->id), "role", tw_pool_role_names[pool->role], "model",
                                           text(pool->model_name), "device", text(pool->plan.device->name),
                                           "replicas", (json_int_t)pool->replicas, "tp", (json_int_t)pool->tp,
                                           "pp", (json_int_t)pool->pp, "dp", (json_int_t)pool->dp, "ep",
                                           (json_int_t)pool->ep, "max_seqs", (json_int_t)pool->max_seqs,
                                           "max_batched_tokens", (json_int_t)pool->max_batched_tokens));
  }
  return pools;
}

static json_t *describe_engines(const tw_scenario *scenario)
{
  json_t *engines = json_array();
  for (int i = 0; i < scenario->plan.n_engines; i++) {
    const tw_engine_place *place = &scenario->plan.engines[i];
    json_t *hosts = json_array();
    for (int s = 0; s < place->n_shares; s++)
      json_array_append_new(hosts, text(scenario->platform->hosts[place->shares[s].host].id));
    json_array_append_new(
        engines, json_pack("{s:o, s:o}", "pool", text(scenario->pools[place->pool].id), "hosts", hosts));
  }
  return engines;
}

static json_t *describe_notes(const tw_scenario *scenario)
{
  json_t *notes = json_array();
  for (guint i = 0; i < scenario->notes->len; i++)
    json_array_append_new(notes, text(scenario->notes->pdata[i]));
  return notes;
}

json_t *tw_run_json(const tw_scenario *scenario, const tw_stream *stream, guint tables)
{
  g_autofree char *simgrid = tw_simgrid_version();
  const tw_platform *platform = scenario->platform;
  json_t *run = json_pack("{s:s, s:s, s:o, s:I, s:o}", "tokenworks", TW_VERSION, "simgrid", simgrid, "name",
                          text(scenario->name), "seed", (json_int_t)scenario->seed, "inputs",
                          describe_inputs(scenario->files, stream));
  json_object_set_new(run, "interval_s", json_real(scenario->interval_s));
  json_object_set_new(run, "warmup_s", json_real(scenario->warmup_s));
  json_object_set_new(run, "drain_s", json_real(scenario->drain_s));
  if (isfinite(scenario->until_s))
    json_object_set_new(run, "until_s", json_real(scenario->until_s));
  json_object_set_new(run, "slo", describe_slos(scenario));
  if (scenario->first_token != TW_FIRST_TOKEN_PREFILL)
    json_object_set_new(run, "first_token", json_string(tw_first_token_names[scenario->first_token]));
  json_object_set_new(run, "platform",
                      json_pack("{s:o, s:I, s:i, s:o}", "name", text(platform->name), "accelerators",
                                (json_int_t)tw_platform_accelerators(platform), "hosts", platform->n_hosts,
                                "racks", describe_racks(platform)));
  json_object_set_new(run, "pools", describe_pools(scenario));
  json_object_set_new(run, "engines", describe_engines(scenario));
  json_object_set_new(run, "notes", describe_notes(scenario));
  json_object_set_new(run, TW_LOG_RUN_KEY, tw_log_describe(tables));
  json_object_set_new(run, "scenario", text(scenario->canonical));
  return run;
}

/* ---- Several sites ---- */

/* Appends the members of `from` to `to`, with the site's name in front of one of their texts (NULL: of themselves). */
static void append_named(json_t *to, json_t *from, const char *key, const tw_world_site *site)
{
  size_t i;
  json_t *member;
  json_array_foreach(from, i, member)
  {
    const char *of = json_string_value(key != NULL ? json_object_get(member, key) : member);
    g_autofree char *name = g_strdup_printf(key != NULL ? "%s/%s" : "site %s: %s", site->name, of);
    if (key == NULL) {
      json_array_append_new(to, json_string(name));
      continue;
    }
    json_object_set_new(member, key, json_string(name));
    json_array_append(to, member);
  }
  json_decref(from);
}

json_t *tw_run_json_of_world(const tw_world *world, const tw_stream *stream, guint tables)
{
  json_t *run = tw_run_json(tw_world_first(world)->scenario, stream, tables);
  json_t *racks = json_array(), *pools = json_array(), *notes = json_array(), *sites = json_array();
  json_int_t accelerators = 0, hosts = 0;
  for (int i = 0; i < world->n_sites; i++) {
    const tw_world_site *site = &world->sites[i];
    const tw_platform *platform = site->scenario->platform;
    json_int_t of_site = tw_platform_accelerators(platform);
    accelerators += of_site;
    hosts += platform->n_hosts;
    append_named(racks, describe_racks(platform), "name", site);
    append_named(pools, describe_pools(site->scenario), "id", site);
    append_named(notes, describe_notes(site->scenario), NULL, site);
    json_t *described =
        json_pack("{s:s, s:o, s:f, s:I, s:i}", "name", site->name, "region", text(site->region),
                  "utc_offset_s", site->utc_offset_s, "accelerators", of_site, "racks", platform->n_racks);
    if (!isnan(site->latitude) && !isnan(site->longitude))
      json_object_update_new(
          described, json_pack("{s:f, s:f}", "latitude", site->latitude, "longitude", site->longitude));
    json_array_append_new(sites, described);
  }
  json_object_set_new(run, "name", text(world->name));
  json_object_set_new(run, "platform",
                      json_pack("{s:o, s:I, s:I, s:o}", "name", text(world->name), "accelerators",
                                accelerators, "hosts", hosts, "racks", racks));
  json_object_set_new(run, "pools", pools);
  json_object_set_new(run, "notes", notes);
  json_object_set_new(run, "sites", sites);
  json_object_set_new(run, "inputs", describe_inputs(world->files, stream));
  json_object_del(run, "engines");
  return run;
}
