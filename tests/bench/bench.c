/* Benchmarks of the whole program: `bench [NAME...]` runs each row below in a process of its own and prints a
 * line of JSON, CPU seconds being those of all its threads. `bare` is a bare macro-step engine without logs,
 * KV cache or router (bare.c): what the approach allows on this machine, so that ratios can be compared
 * between machines.
 *
 *     bench --against OTHER/build/release/sim/tokenworks [--times 5] [--set XPATH=VALUE]... [NAME...]
 *
 * runs this build and another, with the scenarios of its own tree, in turn, and prints the medians of their
 * CPU seconds and how many times faster this one is. What is `set` is set in this build alone, so that both
 * can be made to follow one schedule. */
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
  const char *site;    /* the platform: arguments of `tokenworks platform`; NULL: the scenario's */
  const char *until;   /* NULL: to the end */
} bench;

/* A build that is measured. */
typedef struct program {
  const char *path, *root; /* root: of its source tree, whose scenarios it runs */
  const char *const *sets; /* beside those of a row; NULL-terminated, or NULL */
} program;

#define AZURE "sim/scenarios/azure-conv-hgx-h100.xml"
#define SIXTY_FOUR_ENGINES                                                                                   \
  "//trace/@rate-scale=16", "//platform/@file=../../platforms/hgx-h100-32.xml", "//pool/@replicas=64",       \
      "//pool/@tp=4"

static const bench benches[] = {
    {"azure-5x-4-engines", AZURE, {"//trace/@repeat=5"}, {"4", "5", "1"}, NULL, NULL},
    {"azure-disaggregated-32-engines",
     "sim/scenarios/azure-conv-disaggregated.xml",
     {NULL},
     {"32", "1", "20"},
     NULL,
     NULL},
    {"azure-20x-64-engines",
     AZURE,
     {"//trace/@repeat=20", SIXTY_FOUR_ENGINES},
     {"64", "20", "16"},
     NULL,
     NULL},
    {"azure-40x-64-engines", AZURE, {"//trace/@repeat=40", SIXTY_FOUR_ENGINES}, {NULL}, NULL, NULL},
    /* As many requests as ServeGen's whole day of DeepSeek-R1, in a day. */
    {"r1-day-32-engines",
     "sim/scenarios/reasoning-day-hgx-h100.xml",
     {"//trace/@repeat=32", "//trace/@rate-scale=32", "//platform/@file=../../platforms/hgx-h100-32.xml",
      "//pool/@replicas=32"},
     {NULL},
     NULL,
     NULL},
    /* About a million turns in a day; the caches of all engines are full. */
    {"agents-day-16-engines",
     "sim/scenarios/questions-agents.xml",
     {"//sessions/@duration=24h", "//sessions/@rate=0.6667/s",
      "//platform/@file=../../platforms/nvl72-gb200-8.xml", "//pool/@replicas=16"},
     {NULL},
     NULL,
     NULL},
    /* 64 ranks step together, and exchange experts over domains of eight: flows on the fabric. */
    {"deepseek-ep64-domains-of-8",
     "sim/scenarios/study-deepseek-domains-of-8.xml",
     {NULL},
     {NULL},
     NULL,
     NULL},
    {"azure-exact-steps", AZURE, {"//output/@exact-steps=true"}, {NULL}, NULL, NULL},
    /* Many engines, for two to ten minutes of simulated time. */
    {"azure-512-engines",
     AZURE,
     {"//trace/@repeat=4", "//trace/@rate-scale=128", "//pool/@replicas=512"},
     {NULL},
     "hgx --nodes=512",
     NULL},
    {"azure-4096-engines",
     AZURE,
     {"//trace/@repeat=32", "//trace/@rate-scale=1024", "//pool/@replicas=4096"},
     {NULL},
     "hgx --nodes=4096",
     NULL},
    {"azure-12501-engines",
     AZURE,
     {"//trace/@repeat=32", "//trace/@rate-scale=3125", "//pool/@replicas=12501"},
     {NULL},
     "hgx --nodes=12501",
     NULL},
    {"coding-agents-kv-tiers", "sim/scenarios/coding-agents-kv-tiers.xml", {NULL}, {NULL}, NULL, NULL},
    /* Every KV cache crosses a fabric of 496 nodes. */
    {"azure-disaggregated-496-nodes",
     "sim/scenarios/azure-conv-disaggregated.xml",
     {"//trace/@repeat=4", "//trace/@rate-scale=310", "//pool[@id='prefill']/@replicas=248",
      "//pool[@id='decode']/@replicas=248"},
     {NULL},
     "hgx --nodes=496",
     NULL},
    /* 100,008 accelerators, of which next to nothing is simulated. */
    {"start-12501-nodes", AZURE, {"//pool/@replicas=12501"}, {NULL}, "hgx --nodes=12501", "1ms"},
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

static void add(GPtrArray *argv, const char *word)
{
  g_ptr_array_add(argv, g_strdup(word));
}

static void add_sets(GPtrArray *argv, const char *const *sets)
{
  for (guint i = 0; sets != NULL && sets[i] != NULL; i++) {
    add(argv, "--set");
    add(argv, sets[i]);
  }
}

/* Runs a row into a directory. */
static struct rusage run_row(const bench *b, const program *p, const char *directory)
{
  g_autofree char *scenario = g_build_filename(p->root, b->scenario, NULL);
  g_autofree char *site = g_build_filename(directory, "site.xml", NULL);
  g_autofree char *set_site = g_strconcat("//platform/@file=", site, NULL);
  g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
  if (b->site != NULL) {
    g_autofree char *line = g_strdup_printf("%s platform %s -o %s", p->path, b->site, site);
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    run(words, NULL);
  }
  const char *head[] = {p->path, "run", scenario, "-o", directory, "--quiet", "--force"};
  for (guint i = 0; i < G_N_ELEMENTS(head); i++)
    add(argv, head[i]);
  const char *sites[] = {set_site, NULL};
  const char *until[] = {"--until", b->until, NULL};
  for (guint i = 0; b->until != NULL && until[i] != NULL; i++)
    add(argv, until[i]);
  add_sets(argv, b->sets);
  add_sets(argv, b->site != NULL ? sites : NULL);
  add_sets(argv, p->sets);
  g_ptr_array_add(argv, NULL);
  return run((char **)argv->pdata, NULL);
}

static void remove_directory(char *directory)
{
  char *argv[] = {(char *)"rm", (char *)"-r", directory, NULL};
  run(argv, NULL);
}

static void run_bench(const bench *b, const program *p)
{
  g_autofree char *directory = g_dir_make_tmp("tokenworks-bench-XXXXXX", NULL);
  g_autofree char *summary_path = g_build_filename(directory, "summary.json", NULL);
  double bare = run_bare(b);
  struct rusage usage = run_row(b, p, directory);
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
  remove_directory(directory);
}

static int compare_doubles(gconstpointer a, gconstpointer b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(GArray *values)
{
  g_array_sort(values, compare_doubles);
  return g_array_index(values, double, values->len / 2);
}

/* Runs a row in both builds in turn, and prints the medians of their CPU seconds and the ratio. */
static void compare(const bench *b, const program *ours, const program *other, int times)
{
  const program *programs[] = {other, ours};
  g_autofree char *directory = g_dir_make_tmp("tokenworks-bench-XXXXXX", NULL);
  g_autoptr(GArray) other_s = g_array_new(FALSE, FALSE, sizeof(double));
  g_autoptr(GArray) ours_s = g_array_new(FALSE, FALSE, sizeof(double));
  double mib[2] = {0, 0};
  for (int i = 0; i < 2 * times; i++) {
    struct rusage usage = run_row(b, programs[i % 2], directory);
    double seconds = cpu_seconds(&usage);
    g_array_append_vals(i % 2 == 0 ? other_s : ours_s, &seconds, 1);
    mib[i % 2] = (double)usage.ru_maxrss / 1024;
  }
  double before_s = median(other_s), now_s = median(ours_s);
  printf("%-32s %8.2f s %8.2f s %6.2f times, %5.0f and %5.0f MiB\n", b->name, before_s, now_s,
         before_s / now_s, mib[0], mib[1]);
  fflush(stdout);
  remove_directory(directory);
}

int main(int argc, char **argv)
{
  char *against = NULL, **sets = NULL;
  int times = 5;
  const GOptionEntry options[] = {
      {"against", 0, 0, G_OPTION_ARG_FILENAME, &against, "Compare with another build's program", "PROGRAM"},
      {"times", 0, 0, G_OPTION_ARG_INT, &times, "Runs of each build, of which the median counts", "N"},
      {"set", 0, 0, G_OPTION_ARG_STRING_ARRAY, &sets, "Change the scenario in this build", "XPATH=VALUE"},
      G_OPTION_ENTRY_NULL};
  g_autoptr(GOptionContext) context = g_option_context_new("[NAME...]");
  g_option_context_add_main_entries(context, options, NULL);
  GError *error = NULL;
  if (!g_option_context_parse(context, &argc, &argv, &error))
    g_error("%s", error->message);
  program ours = {TW_PROGRAM, TW_SOURCE_DIR, (const char *const *)sets};
  g_autofree char *root = against != NULL ? g_canonicalize_filename("../../../..", against) : NULL;
  program other = {against, root, NULL};
  for (guint i = 0; i < G_N_ELEMENTS(benches); i++) {
    if (argc >= 2 && !g_strv_contains((const char *const *)argv + 1, benches[i].name))
      continue;
    if (against != NULL)
      compare(&benches[i], &ours, &other, times);
    else
      run_bench(&benches[i], &ours);
  }
  g_strfreev(sets);
  g_free(against);
  return 0;
}
