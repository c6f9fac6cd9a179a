/* Writes a run directory that holds a value in every column, with hostile names, for the tests of reports:
 * `report-run DIR SECONDS`. It is drawn by chance from a fixed seed; nothing in it was simulated. */
#include "sim/log/log_writer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { RACKS = 6, ENGINES = 6, PREFILL_ENGINES = 2 };
static const char hostile[] = "<script>window.hacked = 1</script></script><!--&\"'";

static const char *rack_name(int rack)
{
  static const char *const names[RACKS] = {"A1", "A2", "A3", "B1", "B2", "<img src=x onerror=alert(1)>"};
  return names[rack];
}

static json_t *describe(guint tables)
{
  json_t *racks = json_array(), *engines = json_array();
  for (int i = 0; i < RACKS; i++)
    json_array_append_new(racks, json_pack("{s:s, s:s, s:i}", "name", rack_name(i), "row",
                                           i < 3 ? "row A" : "row B", "accelerators", 8));
  for (int i = 0; i < ENGINES; i++)
    json_array_append_new(
        engines,
        json_pack("{s:s, s:[s]}", "pool", i < PREFILL_ENGINES ? "prefill" : "decode", "hosts", rack_name(i)));
  return json_pack(
      "{s:s, s:s, s:s, s:i, s:s, s:f, s:f, s:f, s:{s:f, s:f}, s:{s:s, s:i, s:i, s:o}, s:o, s:[o, o], "
      "s:[{s:s, s:s}], s:o}",
      "tokenworks", "0", "simgrid", "0", "name", hostile, "seed", 1, "scenario",
      "<scenario name='</script>'/>", "interval_s", 1.0, "warmup_s", 60.0, "drain_s", 30.0, "slo", "ttft_s",
      2.0, "tpot_s", 0.05, "platform", "name", "six-racks", "accelerators", 48, "hosts", 6, "racks", racks,
      "engines", engines, "pools",
      json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:i}", "id", "prefill", "model", "m", "device", "d",
                "replicas", 2, "tp", 8, "pp", 1, "dp", 1),
      json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:i}", "id", "decode", "model", "m", "device", "d",
                "replicas", 4, "tp", 8, "pp", 1, "dp", 1),
      "inputs", "file", hostile, "sha256", "e3b0c442", TW_LOG_RUN_KEY, tw_log_describe(tables));
}

/* The load over the run: a hill, with a spike of one second. */
static double load_at(double t, double end_s)
{
  return 0.15 + 0.6 * pow(sin(G_PI * t / end_s), 2) + (floor(t) == floor(end_s * 0.7) ? 0.25 : 0);
}

static double noisy(GRand *chance, double value)
{
  return value * g_rand_double_range(chance, 0.9, 1.1);
}

static void write_interval(tw_log *log, GRand *chance, double t, double end_s)
{
  double load = load_at(t, end_s);
  for (int i = 0; i < ENGINES; i++) {
    tw_engine_row row = {.start_s = t, .engine = i};
    row.busy = fmin(1, noisy(chance, load));
    row.running = noisy(chance, 40 * load);
    row.waiting = i < PREFILL_ENGINES ? noisy(chance, 8 * load * load) : 0;
    row.kv_used = fmin(1, noisy(chance, 0.8 * load));
    row.prompt_tokens = i < PREFILL_ENGINES ? (gint64)noisy(chance, 9000 * load) : 0;
    row.output_tokens = i < PREFILL_ENGINES ? 0 : (gint64)noisy(chance, 1500 * load);
    row.watts = 8 * noisy(chance, 90 + 600 * load);
    row.joules = row.watts;
    tw_log_engine(log, &row);
  }
  for (int i = 0; i < RACKS; i++) {
    tw_rack_row row = {.start_s = t, .rack = rack_name(i)};
    row.busy = fmin(1, noisy(chance, load * (0.7 + 0.06 * i)));
    row.waiting = noisy(chance, load);
    row.prompt_tokens_per_s = noisy(chance, 3000 * load);
    row.output_tokens_per_s = noisy(chance, 1000 * load);
    row.accelerator_w = 8 * noisy(chance, 90 + 600 * load);
    row.host_w = 1500;
    row.network_w = 300;
    tw_log_rack(log, &row);
  }
  tw_site_row row = tw_site_row_empty;
  row.start_s = t;
  row.serving = 0;
  row.running = noisy(chance, 240 * load);
  row.waiting = noisy(chance, 16 * load * load);
  row.arrived = (gint64)round(noisy(chance, 20 * load));
  row.completed = (gint64)round(noisy(chance, 19 * load));
  row.rejected = g_rand_double(chance) < 0.02 ? 1 : 0;
  row.busy = load;
  row.prompt_tokens_per_s = noisy(chance, 18000 * load);
  row.output_tokens_per_s = noisy(chance, 6000 * load);
  row.accelerator_w = 48 * noisy(chance, 90 + 600 * load);
  row.host_w = 9000;
  row.network_w = 1800;
  row.overhead_w = 0.2 * (row.accelerator_w + row.host_w + row.network_w);
  row.price_usd_per_kwh = t < end_s / 2 ? 0.08 : 0.14;
  row.carbon_g_per_kwh = 300 + 100 * sin(6 * t / end_s);
  tw_log_site(log, &row);
}

static void write_request(tw_log *log, GRand *chance, gint64 id, double end_s)
{
  g_autofree char *session = g_strdup_printf("client-%" G_GINT64_FORMAT, id % 17);
  tw_request_row row = tw_request_row_empty;
  row.id = id;
  row.session = id % 10 == 3 ? hostile : session;
  row.completion_s = (double)(id + 1) * 0.2; /* in the order of ending */
  double load = load_at(row.completion_s, end_s);
  row.prompt_tokens = g_rand_int_range(chance, 10, 8000);
  row.cached_tokens = row.prompt_tokens / 3;
  row.recomputed_tokens = 0;
  row.preemptions = id % 97 == 0 ? 1 : 0;
  double queue_s = id % 5 == 0 ? 0 : load * load * g_rand_double(chance),
         prefill_s = (double)row.prompt_tokens * 6e-5;
  row.kv_transfer_s = (double)row.prompt_tokens * 3e-6;
  row.reasoning_tokens = g_rand_int_range(chance, 0, 400);
  row.answer_tokens = g_rand_int_range(chance, 1, 300);
  double token_s = 0.01 + 0.05 * load * g_rand_double(chance);
  double length_s = queue_s + prefill_s + token_s * (double)(row.reasoning_tokens + row.answer_tokens - 1);
  row.arrival_s = fmax(0, row.completion_s - length_s);
  row.first_scheduled_s = fmin(row.arrival_s + queue_s, row.completion_s);
  row.first_token_s = fmin(row.first_scheduled_s + prefill_s, row.completion_s);
  row.first_answer_s = fmin(row.first_token_s + token_s * (double)row.reasoning_tokens, row.completion_s);
  row.prefill_engine = id % PREFILL_ENGINES;
  row.decode_engine = PREFILL_ENGINES + id % (ENGINES - PREFILL_ENGINES);
  row.joules = 4 * (double)row.answer_tokens;
  row.state = id % 50 == 49 ? "rejected" : "completed";
  row.reason = id % 50 == 49 ? hostile : NULL;
  tw_log_request(log, &row);
}

int main(int argc, char **argv)
{
  guint tables = 1U << TW_LOG_REQUESTS | 1U << TW_LOG_ENGINES | 1U << TW_LOG_RACKS | 1U << TW_LOG_SITE;
  if (argc != 3)
    return 2;
  int seconds = (int)g_ascii_strtoll(argv[2], NULL, 10);
  g_autofree char *path = g_build_filename(argv[1], "run.json", NULL);
  g_autoptr(GRand) chance = g_rand_new_with_seed(20);
  json_t *run = describe(tables);
  gboolean sound = json_dump_file(run, path, JSON_INDENT(2)) == 0;
  json_decref(run);
  tw_log *log = sound ? tw_log_open(argv[1], tables, NULL) : NULL;
  if (log == NULL)
    return 1;
  for (int t = 0; t < seconds; t++)
    write_interval(log, chance, t, seconds);
  for (gint64 id = 0; id < 5 * (gint64)seconds; id++)
    write_request(log, chance, id, seconds);
  return tw_log_close(log, NULL) ? 0 : 1;
}
