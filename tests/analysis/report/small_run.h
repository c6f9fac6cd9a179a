/* A small run of which a report is made. */
#ifndef TW_TESTS_ANALYSIS_REPORT_SMALL_RUN_H
#define TW_TESTS_ANALYSIS_REPORT_SMALL_RUN_H

#include "analysis/report/report.h"
#include "platforms/input/fault.h"
#include "tests/log_fixture.h"

#include <string.h>

static const guint all_tables =
    1U << TW_LOG_REQUESTS | 1U << TW_LOG_ENGINES | 1U << TW_LOG_RACKS | 1U << TW_LOG_SITE;

/* run.json of a run of two engines in two pools, in the given rack. */
static inline void describe_run(const char *directory, guint tables, const char *name, const char *rack)
{
  g_autofree char *path = g_build_filename(directory, "run.json", NULL);
  json_t *run = json_pack("{s:s, s:f, s:f, s:f, s:{s:f}, s:{s:s, s:i, s:i, s:[{s:s, s:s, s:i}]}, "
                          "s:[{s:s}, {s:s}], s:o}",
                          "name", name, "interval_s", 1.0, "warmup_s", 0.0, "drain_s", 0.0, "slo", "ttft_s",
                          2.0, "platform", "name", "p", "accelerators", 8, "hosts", 1, "racks", "name", rack,
                          "row", "r", "accelerators", 8, "engines", "pool", "one", "pool", "two",
                          TW_LOG_RUN_KEY, tw_log_describe(tables));
  assert_int_equal(json_dump_file(run, path, 0), 0);
  json_decref(run);
}

static inline void write_summary(const char *directory, const char *text)
{
  write_file(directory, "summary.json", text, strlen(text));
}

/* A request that is scheduled after 1 s, has its first token after `ttft_s`, and its last, the eleventh, 5 s
 * later. */
static inline tw_request_row request(gint64 id, double arrival_s, double ttft_s)
{
  tw_request_row row = tw_request_row_empty;
  row.id = id;
  row.session = "session";
  row.arrival_s = arrival_s;
  row.first_scheduled_s = arrival_s + 1;
  row.first_token_s = row.first_answer_s = arrival_s + ttft_s;
  row.completion_s = row.first_token_s + 5;
  row.prompt_tokens = 100;
  row.cached_tokens = row.recomputed_tokens = row.reasoning_tokens = row.preemptions = 0;
  row.answer_tokens = 11;
  row.prefill_engine = row.decode_engine = 0;
  row.state = "completed";
  return row;
}

/* The site, both engines and the rack, for the seconds of the run: engine 1 is at 3, 4, ... requests, engine
 * 0 at 1, 2, ... */
static inline void write_intervals(tw_log *log, int seconds)
{
  for (int t = 0; t < seconds; t++) {
    tw_site_row site = tw_site_row_empty;
    site.start_s = t;
    site.running = 4 + 2 * t;
    site.arrived = t;
    tw_log_site(log, &site);
    for (int i = 0; i < 2; i++) {
      tw_engine_row engine = tw_engine_row_empty;
      engine.start_s = t;
      engine.engine = i;
      engine.running = 1 + t + 2 * i;
      tw_log_engine(log, &engine);
    }
    tw_rack_row rack = tw_rack_row_empty;
    rack.start_s = t;
    rack.rack = "rack";
    rack.busy = 0.5;
    tw_log_rack(log, &rack);
  }
}

/* A run of 10 s with requests whose TTFT is 1, 2, 3 and 4 s, and one that was rejected. */
static inline char *new_small_run(void)
{
  char *directory = new_directory();
  describe_run(directory, all_tables, "small", "rack");
  tw_log *log = open_log(directory, all_tables);
  for (int i = 0; i < 4; i++) {
    tw_request_row row = request(i, 0, i + 1);
    tw_log_request(log, &row);
  }
  tw_request_row rejected = request(4, 9.5, 0);
  rejected.completion_s = 9.5;
  rejected.state = "rejected";
  rejected.reason = "too long";
  tw_log_request(log, &rejected);
  write_intervals(log, 10);
  close_log(log);
  write_summary(directory, "{\"simulated_s\": 10.0, \"requests\": {\"arrived\": 5}}");
  return directory;
}

static inline json_t *new_data(const char *directory)
{
  GError *error = NULL;
  json_t *data = tw_report_data(directory, &error);
  assert_null(error);
  assert_non_null(data);
  return data;
}

/* data.a.b.c of "a.b.c"; NULL if it is absent. */
static const json_t *find(const json_t *data, const char *path)
{
  g_auto(GStrv) names = g_strsplit(path, ".", -1);
  for (char **name = names; *name != NULL && data != NULL; name++)
    data = json_is_array(data) ? json_array_get(data, (size_t)g_ascii_strtoull(*name, NULL, 10))
                               : json_object_get(data, *name);
  return data;
}

static inline double number(const json_t *data, const char *path)
{
  const json_t *value = find(data, path);
  assert_true(json_is_number(value));
  return json_number_value(value);
}

/* The i-th number of a packed column. */
static inline double packed(const json_t *data, const char *path, gsize i)
{
  gsize n;
  g_autofree guchar *bytes = g_base64_decode(json_string_value(find(data, path)), &n);
  assert_true(4 * i + 4 <= n);
  guint32 bits;
  float value;
  memcpy(&bits, bytes + 4 * i, sizeof bits);
  bits = GUINT32_FROM_LE(bits);
  memcpy(&value, &bits, sizeof value);
  return (double)value;
}

#endif
