/* Benchmarks of the whole program: `bench [NAME...]` runs each row below in a process of its own and prints a
 * line of JSON, CPU seconds being those of all its threads. `bare` is a bare macro-step engine without logs,
 * KV cache or router (bare.c): what the approach allows on this machine, so that ratios can be compared
 * between machines. */
#include <glib.h>
#include <glib/gstdio.h>
#include <jansson.h>

#include <math.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct bench {
  const char *name;
  const char *scenario;
  const char *sets[8];
  const char *bare[4]; /* arguments of bare.c that replay the same load */
} bench;

#define AZURE "sim/scenarios/azure-conv-hgx-h100.xml"
#define SIXTY_FOUR_ENGINES                                                                                   \
  "//trace/@rate-scale=16", "//platform/@file=../../platforms/hgx-h100-32.xml", "//pool/@replicas=64",       \
      "//pool/@tp=4"

static const bench benches[] = {
    {"azure-5x-4-engines", AZURE, {"//trace/@repeat=5"}, {"4", "5", "1"}},
    {"azure-disaggregated-32-engines",
     "sim/scenarios/azure-conv-disaggregated.xml",
     {NULL},
     {"32", "1", "20"}},
    {"azure-20x-64-engines", AZURE, {"//trace/@repeat=20", SIXTY_FOUR_ENGINES}, {"64", "20", "16"}},
    {"azure-40x-64-engines", AZURE, {"//trace/@repeat=40", SIXTY_FOUR_ENGINES}, {NULL}},
    /* As many requests as ServeGen's whole day of DeepSeek-R1, in a day. */
    {"r1-day-32-engines",
     "sim/scenarios/reasoning-day-hgx-h100.xml",
     {"//trace/@repeat=32", "//trace/@rate-scale=32", "//platform/@file=../../platforms/hgx-h100-32.xml",
      "//pool/@replicas=32"},
     {NULL}},
    /* About a million turns in a day; the caches of all engines are full. */
    {"agents-day-16-engines",
     "sim/scenarios/questions-agents.xml",
     {"//sessions/@duration=24h", "//sessions/@rate=0.6667/s",
      "//platform/@file=../../platforms/nvl72-gb200-8.xml", "//pool/@replicas=16"},
     {NULL}},
    /* 64 ranks step together, and exchange experts over domains of eight: flows on the fabric. */
    {"deepseek-ep64-domains-of-8", "sim/scenarios/study-deepseek-domains-of-8.xml", {NULL}, {NULL}},
    {"azure-exact-steps", AZURE, {"//output/@exact-steps=true"}, {NULL}},
};

/* Runs a command; its standard output goes to `out` if that is not NULL. Returns its resource usage. */
static struct rusage run(char **argv, char **out)
{
  GError *error = NULL;
  GPid pid;
  int fd = -1, status = 0;
  struct rusage usage = {0};
  if (!g_spawn_async_with_pipes(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH, NULL, NULL,
                                &pid, NULL, out != NULL ? &fd : NULL, NULL, &error))
    g_error("%s: %s", argv[0], error->message);
  if (out != NULL) {
    GString *text = g_string_new(NULL);
    char buffer[4096];
    for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0;)
      g_string_append_len(text, buffer, n);
    close(fd);
    *out = g_string_free(text, FALSE);
  }
  wait4(pid, &status, 0, &usage);
  if (status != 0)
    g_error("%s ended with status %d", argv[0], status);
  return usage;
}

static double cpu_seconds(const struct rusage *usage)
{
  return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
         1e-6 * (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec);
}

/* Requests per CPU second of the bare engine on the same load, NAN if there is no such. */
static double run_bare(const bench *b)
{
  if (b->bare[0] == NULL)
    return NAN;
  char *argv[] = {(char *)TW_BARE,
                  (char *)TW_SOURCE_DIR "/platforms/hgx-h100-1.xml",
                  (char *)b->bare[0],
                  (char *)TW_SOURCE_DIR "/workloads/traces/azure-conv-2023.csv.gz",
                  (char *)b->bare[1],
                  (char *)b->bare[2],
                  (char *)"--cfg=contexts/stack-size:64",
                  NULL};
  g_autofree char *out = NULL;
  run(argv, &out);
  json_t *result = json_loads(out, 0, NULL);
  double rate = json_number_value(json_object_get(result, "requests_per_cpu_s"));
  json_decref(result);
  return rate;
}

static void run_bench(const bench *b)
{
  g_autofree char *directory = g_dir_make_tmp("tokenworks-bench-XXXXXX", NULL);
  g_autofree char *scenario = g_build_filename(TW_SOURCE_DIR, b->scenario, NULL);
  g_autofree char *summary_path = g_build_filename(directory, "summary.json", NULL);
  g_autoptr(GPtrArray) argv = g_ptr_array_new();
  const char *head[] = {TW_PROGRAM, "run", scenario, "-o", directory, "--quiet"};
  for (guint i = 0; i < G_N_ELEMENTS(head); i++)
    g_ptr_array_add(argv, (char *)head[i]);
  for (guint i = 0; i < G_N_ELEMENTS(b->sets) && b->sets[i] != NULL; i++) {
    g_ptr_array_add(argv, (char *)"--set");
    g_ptr_array_add(argv, (char *)b->sets[i]);
  }
  g_ptr_array_add(argv, NULL);

  double bare = run_bare(b);
  struct rusage usage = run((char **)argv->pdata, NULL);
  json_t *summary = json_load_file(summary_path, 0, NULL);
  double cpu_s = cpu_seconds(&usage), requests = 0, tokens = 0, events = 0;
  json_unpack(summary, "{s:{s:F}, s:{s:F}, s:F}", "requests", "arrived", &requests, "tokens", "output",
              &tokens, "events", &events);
  json_t *line = json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:f}", "bench", b->name, "cpu_s", cpu_s,
                           "requests_per_cpu_s", requests / cpu_s, "output_tokens_per_cpu_s", tokens / cpu_s,
                           "events_per_request", events / requests, "us_per_event", cpu_s / events * 1e6,
                           "peak_mib", (double)usage.ru_maxrss / 1024);
  json_t *flows = json_object_get(json_object_get(summary, "network"), "flows");
  if (flows != NULL)
    json_object_set_new(line, "flows_per_event", json_real(json_number_value(flows) / events));
  if (!isnan(bare)) {
    json_object_set_new(line, "bare_requests_per_cpu_s", json_real(bare));
    json_object_set_new(line, "of_bare", json_real(requests / cpu_s / bare));
  }
  char *text = json_dumps(line, JSON_REAL_PRECISION(4));
  puts(text);
  fflush(stdout);
  free(text);
  json_decref(line);
  json_decref(summary);
  char *remove[] = {(char *)"rm", (char *)"-r", directory, NULL};
  run(remove, NULL);
}

int main(int argc, char **argv)
{
  for (guint i = 0; i < G_N_ELEMENTS(benches); i++)
    if (argc < 2 || g_strv_contains((const char *const *)argv + 1, benches[i].name))
      run_bench(&benches[i]);
  return 0;
}
