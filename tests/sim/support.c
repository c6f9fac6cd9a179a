#include "tests/sim/support.h"

#include <glib/gstdio.h>
#include <zlib.h>

#include <math.h>

static void *create(const tw_step_setting *setting, const xmlNode *node, tw_faults *faults)
{
  (void)node, (void)faults;
  return (void *)setting->table_file; /* test_step_model put the costs there */
}

static void cost(const void *state, const tw_batch *ranks, int n_ranks, tw_step_cost *cost)
{
  const test_costs *costs = state;
  *cost = (tw_step_cost){.valid = G_MAXINT64};
  for (int i = 0; i < n_ranks; i++) {
    const tw_batch *b = &ranks[i];
    if (b->decode_seqs + b->prefill_seqs == 0)
      continue;
    double context = (double)(costs->windowed ? b->decode_windowed : b->decode_context);
    double growing = (double)(costs->windowed ? b->decode_growing : b->decode_seqs);
    tw_line time = {costs->fixed_s + costs->per_seq_s * (double)b->decode_seqs +
                        costs->per_context_s * context + costs->per_prompt_s * (double)b->prefill_tokens,
                    costs->per_context_s * growing};
    cost->time_s = cost->kernels_s = tw_line_max(cost->time_s, time, &cost->valid);
    cost->time_s.first += costs->per_prompt_s * (double)(b->decode_seqs * b->drafted);
    double tokens = (double)(b->decode_seqs * (1 + b->drafted) + b->prefill_tokens),
           prompt = (double)b->prefill_tokens;
    double attended = costs->windowed ? b->prefill_windowed : b->prefill_context;
    cost->flops.first += tokens;
    cost->bytes = tw_line_add(cost->bytes, (tw_line){1 + context + attended, growing});
    cost->prefill.flops += prompt;
    cost->prefill.bytes += prompt / tokens + attended;
    cost->prefill_attention.bytes += attended;
    if (costs->windowed)
      cost->valid = MIN(cost->valid, b->next_full);
    if (b->prefill_seqs > 0)
      cost->valid = 1;
  }
  if (cost->time_s.first == 0) /* dummy batches alone */
    cost->time_s.first = cost->kernels_s.first = costs->fixed_s;
}

static void destroy(void *state)
{
  (void)state;
}

tw_step_model *test_step_model(const test_costs *costs)
{
  static const tw_step_kind kind = {.name = "test",
                                    .help = "costs that a test can compute by hand",
                                    .create = create,
                                    .cost = cost,
                                    .destroy = destroy};
  tw_step_setting setting = {.table_file = (const char *)costs};
  return tw_step_model_new(&kind, &setting, NULL, NULL);
}

void test_route_by(tw_scenario *scenario, const char *policy)
{
  for (scenario->router = 0; !g_str_equal(tw_router_policy_names[scenario->router], policy);)
    scenario->router++;
}

tw_scenario *test_scenario(int engines, const test_costs *costs, gint64 kv_blocks)
{
  tw_scenario *scenario = g_new0(tw_scenario, 1);
  scenario->seed = 1;
  scenario->n_pools = 1;
  scenario->plan.n_engines = engines;
  scenario->platform = g_new0(tw_platform, 1);
  scenario->platform->n_hosts = 1;
  scenario->platform->hosts = g_new0(tw_host, 1);
  scenario->platform->n_zones = 1;
  scenario->platform->zones = g_new0(tw_zone, 1);
  scenario->platform->zones[0].rack_index = scenario->platform->zones[0].parent = -1;
  scenario->plan.engines = g_new0(tw_engine_place, (gsize)engines);
  for (int i = 0; i < engines; i++) {
    scenario->plan.engines[i].n_shares = 1;
    scenario->plan.engines[i].shares = g_new0(tw_host_share, 1);
    scenario->plan.engines[i].shares[0].accelerators = 1;
  }
  scenario->pools = g_new0(tw_pool, 1);
  scenario->pools[0] = (tw_pool){.replicas = engines,
                                 .tp = 1,
                                 .pp = 1,
                                 .dp = 1,
                                 .ep = 1,
                                 .chunked_prefill = TRUE,
                                 .kv_timeout_s = INFINITY,
                                 .conservativeness = 1,
                                 .max_seqs = 256,
                                 .max_batched_tokens = 8192,
                                 .block_tokens = 16,
                                 .max_model_len = 1 << 20,
                                 .model = g_new0(tw_model, 1),
                                 .scaling = {.policy = -1},
                                 .plan.step_model = test_step_model(costs),
                                 .plan.memory = {.kv_blocks = kv_blocks}};
  test_route_by(scenario, "least-outstanding");
  scenario->pools[0].model->layers = 1;
  scenario->prefix_weight = 1;
  scenario->max_queue = G_MININT64;
  scenario->admission.rate_per_s = scenario->deadline_s = NAN;
  scenario->slo = TW_SLO_NONE;
  scenario->interval_s = 1;
  scenario->audit = TRUE;
  scenario->caps.accelerator_w = scenario->caps.rack_w = NAN;
  return scenario;
}

void test_scenario_power(tw_scenario *scenario)
{
  tw_platform *platform = scenario->platform;
  scenario->pools[0].plan.power = (tw_power_law){.accelerators = 1,
                                                 .idle_w = 100,
                                                 .max_w = 700,
                                                 .sleep_w = 10,
                                                 .joules_per_flop = 1,
                                                 .joules_per_byte = 1};
  platform->zones[0].overhead_w = 50;
  platform->zones[0].link_watts = 30;
  platform->supply.pue = (tw_curve){.n = 1, .y = {1.25}};
}

void test_scenario_free(tw_scenario *scenario)
{
  for (int i = 0; i < scenario->plan.n_engines; i++)
    g_free(scenario->plan.engines[i].shares);
  tw_step_model_free(scenario->pools[0].plan.step_model);
  g_free(scenario->pools[0].model);
  g_free(scenario->platform->hosts);
  g_free(scenario->platform->zones);
  g_free(scenario->platform);
  g_free(scenario->plan.engines);
  g_free(scenario->pools);
  g_free(scenario);
}

const tw_route test_route = {10e-6, 1e9, 0};

void test_disaggregate(tw_scenario *scenario, int prefill_engines)
{
  gsize n = (gsize)scenario->plan.n_engines;
  tw_pool pool = scenario->pools[0];
  scenario->pools = g_renew(tw_pool, scenario->pools, 2);
  scenario->n_pools = 2;
  pool.model->layers = pool.model->kv_heads = 1;
  pool.model->head_dim = 500000; /* a key and a value, one byte a number */
  pool.kv = TW_FP8;
  for (int i = 0; i < 2; i++) {
    scenario->pools[i] = pool;
    scenario->pools[i].role = i == 0 ? TW_POOL_PREFILL : TW_POOL_DECODE;
  }
  scenario->platform->hosts = g_renew(tw_host, scenario->platform->hosts, n);
  scenario->platform->n_hosts = scenario->plan.n_engines;
  for (int i = 0; i < scenario->plan.n_engines; i++) {
    scenario->platform->hosts[i] = (tw_host){0};
    scenario->plan.engines[i].pool = i >= prefill_engines;
    scenario->plan.engines[i].shares[0] = (tw_host_share){i, 64, 0}; /* whatever tp, pp and dp a test sets */
  }
}

void test_store(tw_scenario *scenario, double bytes)
{
  tw_platform *platform = scenario->platform;
  platform->hosts = g_renew(tw_host, platform->hosts, (gsize)platform->n_hosts + 1);
  platform->hosts[platform->n_hosts++] =
      (tw_host){.kv_bytes = bytes, .medium = {INFINITY, INFINITY, .io_bytes = INFINITY, .queue_depth = 1}};
  for (int i = 0; i < scenario->n_pools; i++)
    scenario->pools[i].store = scenario->pools[i].plan.offload.host_bytes > 0;
}

static tw_recorder *run_stream(const tw_scenario *scenario, tw_stream *stream, const char *directory,
                               double until_s, void (*after)(void *user, const tw_factory *factory),
                               void *user)
{
  GError *error = NULL;
  guint tables = (1U << TW_LOG_REQUESTS) | (1U << TW_LOG_ENGINES) | (1U << TW_LOG_SITE) |
                 (scenario->failures != NULL ? 1U << TW_LOG_FAILURES : 0);
  tw_log *log = directory != NULL ? tw_log_open(directory, tables, &error) : NULL;
  tw_recorder *recorder = tw_recorder_new(scenario, log);
  tw_route route = test_route;
  tw_network network = tw_network_ideal(&route);
  g_autoptr(tw_factory) factory = tw_factory_new(scenario, stream, recorder, &network);
  gboolean sound = tw_factory_start(factory, &error);
  for (double next_s; sound && (tw_factory_next(factory, &next_s), isfinite(next_s)) && next_s <= until_s;)
    sound = tw_factory_advance(factory, next_s, &error);
  if (!sound)
    g_error("%s", error->message);
  tw_factory_finish(factory, until_s);
  if (after != NULL)
    after(user, factory);
  if (log != NULL && !tw_log_close(log, &error))
    g_error("%s", error->message);
  return recorder;
}

tw_recorder *test_run_stream(const tw_scenario *scenario, tw_stream *stream, const char *directory,
                             double until_s)
{
  return run_stream(scenario, stream, directory, until_s, NULL, NULL);
}

tw_recorder *test_run(const tw_scenario *scenario, const char *trace_text, const char *directory)
{
  return test_run_until(scenario, trace_text, directory, INFINITY);
}

tw_recorder *test_run_until(const tw_scenario *scenario, const char *trace_text, const char *directory,
                            double until_s)
{
  return test_run_watched(scenario, trace_text, directory, until_s, NULL, NULL);
}

tw_stream *test_stream(const char *trace_text)
{
  GError *error = NULL;
  g_autofree char *trace = test_directory();
  g_autofree char *path = g_build_filename(trace, "trace.csv", NULL);
  if (!g_file_set_contents(path, trace_text, -1, &error))
    g_error("%s", error->message);
  tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  tw_stream *stream = tw_stream_open(path, tw_trace_format_find("tokenworks"), &options, &error);
  if (stream == NULL)
    g_error("%s", error->message);
  test_remove(trace); /* the stream has the file open */
  return stream;
}

tw_recorder *test_run_watched(const tw_scenario *scenario, const char *trace_text, const char *directory,
                              double until_s, void (*after)(void *user, const tw_factory *factory),
                              void *user)
{
  g_autoptr(tw_stream) stream = test_stream(trace_text);
  return run_stream(scenario, stream, directory, until_s, after, user);
}

char *test_table(const char *directory, const char *table)
{
  g_autofree char *path = g_strdup_printf("%s/%s.csv.gz", directory, table);
  gzFile file = gzopen(path, "rb");
  GString *text = g_string_new(NULL);
  char buffer[65536];
  for (int n; (n = gzread(file, buffer, sizeof buffer)) > 0;)
    g_string_append_len(text, buffer, n);
  gzclose(file);
  return g_string_free(text, FALSE);
}

GArray *test_column(const char *directory, const char *table, const char *column)
{
  g_autofree char *text = test_table(directory, table);
  char *line = text, *end = strchr(text, '\n');
  *end = '\0';
  g_auto(GStrv) names = g_strsplit(line, ",", -1);
  int index = 0;
  while (!g_str_equal(names[index], column))
    index++;
  GArray *values = g_array_new(FALSE, FALSE, sizeof(double));
  for (line = end + 1; *line != '\0'; line = strchr(line, '\n') + 1) {
    const char *cell = line;
    for (int i = 0; i < index; i++)
      cell = strchr(cell, ',') + 1;
    double value = *cell == ',' || *cell == '\n' ? NAN : g_ascii_strtod(cell, NULL);
    g_array_append_val(values, value);
  }
  return values;
}

char *test_directory(void)
{
  GError *error = NULL;
  char *directory = g_dir_make_tmp("tokenworks-test-XXXXXX", &error);
  if (directory == NULL)
    g_error("%s", error->message);
  return directory;
}

void test_remove(const char *directory)
{
  GDir *dir = g_dir_open(directory, 0, NULL);
  for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
    g_autofree char *path = g_build_filename(directory, name, NULL);
    g_unlink(path);
  }
  if (dir != NULL)
    g_dir_close(dir);
  g_rmdir(directory);
}
