#include "platforms/input/fault.h"
#include "sim/commands/command.h"
#include "sim/network/net_benchmark.h"
#include "sim/network/simgrid_start.h"

#include <math.h>

typedef struct net_values {
  char *pattern, *size, *algorithm;
  int ranks;
  gboolean spread, csv;
} net_values;

#define VALUE(member) TW_OPTION(net_values, member)
static const GOptionEntry net_options[] = {
    {"pattern", 'p', 0, G_OPTION_ARG_STRING, VALUE(pattern),
     "all-reduce|all-gather|reduce-scatter|all-to-all|broadcast|permutation|random|incast", "PATTERN"},
    {"size", 's', 0, G_OPTION_ARG_STRING, VALUE(size),
     "Bytes of each rank: 1GiB, or 1KiB:16GiB for all powers of two between", "SIZE"},
    {"ranks", 'n', 0, G_OPTION_ARG_INT, VALUE(ranks), "Accelerators that take part; all if absent", "N"},
    {"algorithm", 'a', 0, G_OPTION_ARG_STRING, VALUE(algorithm),
     "auto|ring|tree|in-switch|two-level|one-shot|two-shot|pairs; auto: the fastest that NCCL has", "NAME"},
    {"spread", 0, 0, G_OPTION_ARG_NONE, VALUE(spread),
     "Take ranks from all NVLink domains in turn, instead of filling one after the other", NULL},
    {"csv", 0, 0, G_OPTION_ARG_NONE, VALUE(csv), "Print comma-separated values", NULL},
    G_OPTION_ENTRY_NULL};
TW_COMMAND_VALUES(net_values, net_options)
#undef VALUE

static gboolean read_bytes(const char *text, double *bytes, GError **error)
{
  g_autofree char *why = NULL;
  if (!tw_number_parse(text, bytes) && !tw_quantity_parse(text, TW_BYTES, bytes, &why))
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "--size: %s", why);
  if (*bytes < 1 || *bytes > 1e18)
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "--size: %s is out of range; write 1 B to 1e18 B", text);
  return TRUE;
}

/* "1MiB" or "1KiB:16GiB". */
static gboolean read_sizes(const char *text, double *first, double *last, GError **error)
{
  g_auto(GStrv) parts = g_strsplit(text, ":", 2);
  if (!read_bytes(parts[0], first, error) || !read_bytes(parts[1] != NULL ? parts[1] : parts[0], last, error))
    return FALSE;
  if (*last >= *first)
    return TRUE;
  return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                            "--size: the first of %s is the larger; write it last", text);
}

static gboolean find_pattern(const char *name, const tw_pattern **pattern, GError **error)
{
  if ((*pattern = tw_pattern_find(name)) != NULL)
    return TRUE;
  g_autoptr(GPtrArray) names = g_ptr_array_new();
  for (const tw_pattern *row = tw_patterns; row->name != NULL; row++)
    g_ptr_array_add(names, (char *)row->name);
  g_ptr_array_add(names, NULL);
  g_autofree char *hint = tw_suggestion(name, (const char *const *)names->pdata);
  return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "--pattern: \"%s\" is unknown; %s", name,
                            hint);
}

static gboolean find_algorithm(const char *name, const tw_pattern *pattern, const tw_group *group,
                               tw_algorithm *algorithm, GError **error)
{
  int i = 0;
  while (tw_algorithm_names[i] != NULL && !g_str_equal(tw_algorithm_names[i], name))
    i++;
  if (tw_algorithm_names[i] == NULL) {
    g_autofree char *hint = tw_suggestion(name, tw_algorithm_names);
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "--algorithm: \"%s\" is unknown; %s",
                              name, hint);
  }
  *algorithm = (tw_algorithm)i;
  if (i == TW_ALGORITHM_AUTO && group->meshed && tw_pattern_method(pattern, TW_ALGORITHM_RING) != NULL)
    return tw_input_error_set(
        error, TW_INPUT_ERROR_USAGE, NULL, 0,
        "--algorithm: the NVLink domain has no switch (no <router>): libraries search rings "
        "along its links, which is not modelled; name ring to send from each rank to the next "
        "by the routes of the platform");
  if (i == TW_ALGORITHM_AUTO)
    return TRUE;
  const tw_method *method = tw_pattern_method(pattern, *algorithm);
  if (method == NULL)
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "--algorithm: %s has no %s; leave it out",
                              pattern->name, name);
  if (tw_method_works(method, group))
    return TRUE;
  if (*algorithm == TW_ALGORITHM_IN_SWITCH)
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "--algorithm: %s needs a switch in the NVLink domain, and here its links join "
                              "ranks pair by pair, or it has one rank; use ring",
                              name);
  if (method->scope == TW_SCOPE_ONE_DOMAIN)
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "--algorithm: %s works inside one NVLink domain, and the ranks span several; "
                              "lower --ranks, or use ring",
                              name);
  return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                            "--algorithm: %s needs several NVLink domains with as many ranks in each; change "
                            "--ranks, or use ring",
                            name);
}

/* In-switch reduction ends at the switch of a domain: trees connect domains. Its kernel has its name. */
static void print_method(const tw_net_way *way, const tw_group *group)
{
  const char *algorithm = tw_algorithm_names[way->method->algorithm], *kernel = tw_kernel_names[way->kernel];
  gboolean trees = way->method->algorithm == TW_ALGORITHM_IN_SWITCH && tw_group_domains(group) > 1;
  printf("%s%s%s%s\n", algorithm, trees ? " with trees between domains" : "",
         g_str_equal(algorithm, kernel) ? "" : ", ", g_str_equal(algorithm, kernel) ? "" : kernel);
}

static void print_row(const net_values *values, const tw_pattern *pattern, const tw_group *group,
                      double bytes, const tw_net_way *way)
{
  double time_s = tw_net_time_s(way, bytes);
  double algorithm = time_s > 0 ? bytes / time_s * 1e-9 : 0, bus = algorithm * pattern->bus_factor(group->n);
  const char *format = values->csv ? "%.0f,%.3f,%.3f,%.3f," : "%14.0f %14.2f %14.2f %14.2f  ";
  printf(format, bytes, time_s * 1e6, algorithm, bus);
  if (values->csv)
    printf("%s,%s\n", tw_algorithm_names[way->method->algorithm], tw_kernel_names[way->kernel]);
  else
    print_method(way, group);
}

/* Says where a kernel is used beyond what it was fitted on. */
static void note_extrapolation(const tw_device *device, const tw_kernel_cost *kernel, const char *name,
                               int ranks, double bytes)
{
  if (kernel->fitted_ranks == 0)
    fprintf(
        stderr,
        "note: %s of %s was not fitted on measurements of this device; its file says where it comes from\n",
        name, device->name);
  else if (ranks > kernel->fitted_ranks)
    fprintf(stderr, "note: %s of %s was fitted on up to %" G_GINT64_FORMAT " ranks; %d are extrapolated\n",
            name, device->name, kernel->fitted_ranks, ranks);
  else if (bytes > kernel->fitted_bytes)
    fprintf(stderr, "note: %s of %s was fitted on up to %.0f MiB of each rank; %.0f MiB are extrapolated\n",
            name, device->name, kernel->fitted_bytes / 1048576, bytes / 1048576);
}

/* Transfers of an all-to-all grow with the square of the domains. */
static gboolean has_room(const tw_pattern *pattern, const tw_group *group, const char *path, GError **error)
{
  enum { MOST_DOMAINS = 2048 };
  int domains = tw_group_domains(group);
  return !g_str_equal(pattern->name, "all-to-all") || domains <= MOST_DOMAINS ||
         tw_input_error_set(
             error, TW_INPUT_ERROR_USAGE, path, 0,
             "--ranks: an all-to-all over %d domains is too much to plan; take ranks of at most %d", domains,
             MOST_DOMAINS);
}

/* One note for each kernel that was chosen, at the largest of its sizes. */
static void note_kernels(const tw_platform *platform, const tw_ranks *ranks, const GPtrArray *chosen,
                         const GArray *sizes)
{
  const tw_device *device = platform->hosts[ranks->hosts[0]].device;
  double most[TW_KERNEL_COUNT] = {0};
  if (device == NULL)
    return;
  for (guint i = 0; i < sizes->len; i++)
    most[((const tw_net_way *)chosen->pdata[i])->kernel] = g_array_index(sizes, double, i);
  for (int k = 0; k < TW_KERNEL_COUNT; k++) {
    tw_kernel_cost kernel = tw_kernel_cost_of(device, (tw_kernel)k);
    if (most[k] > 0 && device->kernels[k].scale_up > 0)
      note_extrapolation(device, &kernel, tw_kernel_names[k], ranks->group.n, most[k]);
    else if (most[k] > 0)
      fprintf(stderr, "note: %s has no kernel %s; what its links take is told\n", device->name,
              tw_kernel_names[k]);
  }
}

static gboolean measure_sizes(const net_values *values, const tw_platform *platform,
                              const tw_pattern *pattern, tw_algorithm algorithm, const tw_ranks *ranks,
                              double first, double last, GError **error)
{
  g_autoptr(GArray) ways = tw_net_ways(platform, pattern, algorithm, ranks, last);
  g_autoptr(GArray) sizes = g_array_new(FALSE, FALSE, sizeof(double));
  for (double bytes = first; bytes <= last; bytes *= 2)
    g_array_append_val(sizes, bytes);
  g_autoptr(GPtrArray) chosen = tw_net_measure(platform, ranks, ways, sizes, error);
  for (guint i = 0; chosen != NULL && i < sizes->len; i++)
    print_row(values, pattern, &ranks->group, g_array_index(sizes, double, i), chosen->pdata[i]);
  gboolean by_busiest_link = FALSE;
  for (guint i = 0; chosen != NULL && i < sizes->len; i++)
    by_busiest_link |= ((const tw_net_way *)chosen->pdata[i])->by_busiest_link;
  if (by_busiest_link)
    fputs("note: too many flows to simulate; the busiest link says when they end\n", stderr);
  if (chosen != NULL)
    note_kernels(platform, ranks, chosen, sizes);
  return chosen != NULL;
}

static int measure(const net_values *values, const char *path, GError **error)
{
  const tw_pattern *pattern;
  double first, last;
  tw_algorithm algorithm = 0;
  if (!find_pattern(values->pattern, &pattern, error) || !read_sizes(values->size, &first, &last, error))
    return TW_EXIT_USAGE;
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_platform) platform = tw_platform_load(path, faults);
  for (guint i = 0; i < tw_faults_count(faults); i++)
    fprintf(stderr, "%s\n", tw_faults_get(faults, i));
  if (platform == NULL)
    return TW_EXIT_USAGE;
  for (guint i = 0; i < platform->notes->len; i++)
    fprintf(stderr, "note: %s: %s\n", path, (char *)platform->notes->pdata[i]);
  int most = tw_ranks_most(platform), n = values->ranks > 0 ? values->ranks : most;
  if (n < 2 || n > most || values->ranks < 0) {
    tw_input_error_set(error, TW_INPUT_ERROR_USAGE, path, 0,
                       "--ranks: %d ranks cannot be placed; the platform has %d, and at least 2 are needed",
                       values->ranks, most);
    return TW_EXIT_USAGE;
  }
  g_auto(tw_ranks) ranks = tw_ranks_place(platform, n, values->spread);
  if (!find_algorithm(values->algorithm, pattern, &ranks.group, &algorithm, error))
    return TW_EXIT_USAGE;
  if (!has_room(pattern, &ranks.group, path, error))
    return TW_EXIT_USAGE;
  const tw_ports *const loaded = ranks.ports;
  if (!tw_simgrid_start(&loaded, 1, error))
    return TW_EXIT_FAILED;
  if (values->csv)
    puts("size_bytes,time_us,algbw_GBs,busbw_GBs,algorithm,kernel");
  else
    printf("# %s over %d ranks of %s\n#%13s %14s %14s %14s  %s\n#%13s %14s %14s %14s\n", pattern->name, n,
           platform->name, "size", "time", "algbw", "busbw", "algorithm, kernel", "(B)", "(us)", "(GB/s)",
           "(GB/s)");
  return measure_sizes(values, platform, pattern, algorithm, &ranks, first, last, error) ? TW_EXIT_OK
                                                                                         : TW_EXIT_FAILED;
}

static int run(const tw_command *command, int argc, char **argv, GError **error)
{
  g_auto(net_values) values = {0};
  if (!tw_command_read(command, &values, &argc, &argv, error))
    return TW_EXIT_USAGE;
  if (argc != 2 || values.pattern == NULL) {
    tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "name %s; usage: tokenworks net %s",
                       argc != 2 ? "one platform file" : "a pattern with --pattern", command->usage);
    return TW_EXIT_USAGE;
  }
  if (values.size == NULL)
    values.size = g_strdup("1KiB:16GiB");
  if (values.algorithm == NULL)
    values.algorithm = g_strdup("auto");
  return measure(&values, argv[1], error);
}

const tw_command tw_net_command = {
    .name = "net",
    .summary = "run collectives and other patterns on a platform alone",
    .usage = "PLATFORM.xml --pattern PATTERN [--size SIZE] [--ranks N]",
    .description =
        "Runs a pattern of communication between the accelerators of a platform that does nothing else, and\n"
        "prints its time and bandwidths as nccl-tests does. Launches, latencies and shares of the links'\n"
        "rates are those of the kernels in the device's file; without a device, a collective takes what its\n"
        "links take. For every size the fastest algorithm and kernel is chosen by the closed form, and then\n"
        "simulated.",
    .example = "tokenworks net platforms/hgx-h100-4.xml --pattern all-reduce --size 1MiB:1GiB --ranks 32",
    .run = run,
    .options = net_options,
};
