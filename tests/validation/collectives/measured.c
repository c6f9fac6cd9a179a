#include "tests/validation/collectives/measured.h"

#include "workloads/input/csv.h"

#include <stdio.h>

/* A table: its file below a directory, its columns, and how a line becomes rows. */
typedef struct table {
  const char *name, *file;
  gboolean shipped;
  const char *device; /* device of all rows; NULL: the lines tell */
  tw_csv_column columns[12];
  void (*add)(const struct table *t, const tw_csv *csv, GArray *rows);
} table;

static double number(const tw_csv *csv, int column)
{
  return g_ascii_strtod(tw_csv_text(csv, column), NULL);
}

static gboolean is(const tw_csv *csv, int column, const char *text)
{
  return g_str_equal(tw_csv_text(csv, column), text);
}

static measured_row new_row(const table *t, gboolean fitted)
{
  return (measured_row){.set = t->name,
                        .device = t->device,
                        .fitted = fitted,
                        .domains = 1,
                        .kernels = ~0U,
                        .algorithms = ~0U,
                        .work = 1,
                        .weight = 1};
}

/* Ranks in equal domains. */
static void set_group(measured_row *row, int ranks, int domains)
{
  int *domain = g_new(int, (gsize)ranks);
  for (int i = 0; i < ranks; i++)
    domain[i] = i * domains / ranks;
  row->ranks = ranks;
  row->domains = domains;
  row->group = (tw_group){ranks, domain, 8, 0, FALSE, 0, 0};
}

/* ---- aiconfigurator: NCCL and the all-reduce of TensorRT-LLM ---- */

enum { NCCL_OP, NCCL_TYPE, NCCL_GPUS, NCCL_ELEMENTS, NCCL_MS };
#define NCCL_COLUMNS                                                                                         \
  {                                                                                                          \
    {"op_name", 0}, {"nccl_dtype", 0}, {"num_gpus", 0}, {"message_size", 0}, {"latency", 0},                 \
    {                                                                                                        \
      0                                                                                                      \
    }                                                                                                        \
  }

/* message_size counts elements. */
static void add_nccl(const table *t, const tw_csv *csv, GArray *rows)
{
  static const struct {
    const char *name, *pattern;
  } operations[] = {{"all_reduce", "all-reduce"},
                    {"all_gather", "all-gather"},
                    {"reduce_scatter", "reduce-scatter"},
                    {"alltoall", "all-to-all"}};
  measured_row row = new_row(t, TRUE);
  gboolean half = is(csv, NCCL_TYPE, "half");
  for (guint i = 0; i < G_N_ELEMENTS(operations); i++)
    if (is(csv, NCCL_OP, operations[i].name))
      row.pattern = tw_pattern_find(row.operation = operations[i].pattern);
  if (!half || g_str_equal(t->device, "gb200"))
    row.kernels &= ~(1U << TW_KERNEL_IN_SWITCH); /* it adds no bytes, nor for 4 GPUs */
  row.bytes = number(csv, NCCL_ELEMENTS) * (half ? 2 : 1);
  row.measured_s = number(csv, NCCL_MS) * 1e-3;
  set_group(&row, (int)number(csv, NCCL_GPUS), 1);
  g_array_append_val(rows, row);
}

enum { CUSTOM_GPUS, CUSTOM_ELEMENTS, CUSTOM_MS };
#define CUSTOM_COLUMNS                                                                                       \
  {                                                                                                          \
    {"num_gpus", 0}, {"message_size", 0}, {"latency", 0},                                                    \
    {                                                                                                        \
      0                                                                                                      \
    }                                                                                                        \
  }

static void add_custom(const table *t, const tw_csv *csv, GArray *rows)
{
  measured_row row = new_row(t, TRUE);
  row.operation = "custom all-reduce";
  row.pattern = tw_pattern_find("all-reduce");
  row.custom = TRUE;
  row.bytes = number(csv, CUSTOM_ELEMENTS) * 2;
  row.measured_s = number(csv, CUSTOM_MS) * 1e-3;
  set_group(&row, (int)number(csv, CUSTOM_GPUS), 1);
  g_array_append_val(rows, row);
}

/* ---- nccl-tests of clouds ---- */

enum { CLOUD_SYSTEM, CLOUD_GPUS, CLOUD_DOMAIN, CLOUD_NOTE, CLOUD_BYTES, CLOUD_US, CLOUD_BUS };

static void add_cloud(const table *t, const tw_csv *csv, GArray *rows)
{
  measured_row row = new_row(t, FALSE);
  const char *system = tw_csv_text(csv, CLOUD_SYSTEM);
  row.device = strstr(system, "GB200") != NULL  ? "gb200"
               : strstr(system, "H200") != NULL ? "h200-sxm"
                                                : "h100-sxm";
  row.operation = "all-reduce";
  row.pattern = tw_pattern_find("all-reduce");
  if (g_str_has_prefix(tw_csv_text(csv, CLOUD_NOTE), "Ring"))
    row.algorithms = 1U << TW_ALGORITHM_RING;
  int gpus = (int)number(csv, CLOUD_GPUS);
  row.bytes = number(csv, CLOUD_BYTES);
  row.measured_s = number(csv, CLOUD_US) * 1e-6;
  if (row.measured_s <= 0)
    row.measured_s = 2.0 * (gpus - 1) / gpus * row.bytes / (number(csv, CLOUD_BUS) * 1e9);
  /* "8 nodes IB NDR", "1 rack NVLink": how many domains there are. */
  gint64 domains = g_ascii_strtoll(tw_csv_text(csv, CLOUD_DOMAIN), NULL, 10);
  set_group(&row, gpus, domains > 0 ? (int)domains : 1);
  g_array_append_val(rows, row);
}

/* ---- DeepEP ---- */

enum { FP8_COPY = 7168 + 7168 / 128 * 4, BF16_COPY = 2 * 7168, USUAL_SMS = 20 };

static void add_experts(GArray *rows, measured_row row, tw_kernel kernel, double tokens, double us)
{
  row.experts = TRUE;
  row.kernel = kernel;
  row.operation = tw_kernel_names[kernel];
  row.tokens = tokens;
  gboolean back = g_str_has_suffix(row.operation, "combine");
  row.bytes = tokens * row.traffic.experts_per_token *
              (back ? row.traffic.combine_bytes : row.traffic.dispatch_bytes);
  row.measured_s = us * 1e-6;
  g_array_append_val(rows, row);
}

static void set_traffic(measured_row *row, int ranks, int domains, double experts_per_token)
{
  row->ranks = ranks;
  row->domains = domains;
  row->traffic = (tw_expert_traffic){.ranks = ranks,
                                     .domains = domains,
                                     .experts_per_token = experts_per_token,
                                     .most_domains = 4, /* the benchmark's top 4 groups */
                                     .dispatch_bytes = FP8_COPY,
                                     .combine_bytes = BF16_COPY};
}

enum { LL_NODES, LL_TOKENS, LL_TOP, LL_DISPATCH, LL_COMBINE };

static void add_low_latency(const table *t, const tw_csv *csv, GArray *rows)
{
  measured_row row = new_row(t, TRUE);
  int nodes = (int)number(csv, LL_NODES);
  set_traffic(&row, 8 * nodes, nodes, number(csv, LL_TOP));
  add_experts(rows, row, TW_KERNEL_LL_DISPATCH, number(csv, LL_TOKENS), number(csv, LL_DISPATCH));
  add_experts(rows, row, TW_KERNEL_LL_COMBINE, number(csv, LL_TOKENS), number(csv, LL_COMBINE));
}

enum { NORMAL_NODES, NORMAL_TOKENS, NORMAL_TOP, NORMAL_SMS, NORMAL_DISPATCH, NORMAL_COMBINE };

static void add_normal(const table *t, const tw_csv *csv, GArray *rows)
{
  int nodes = (int)number(csv, NORMAL_NODES);
  double sms = number(csv, NORMAL_SMS);
  measured_row row = new_row(t, sms == USUAL_SMS);
  set_traffic(&row, 8 * nodes, nodes, number(csv, NORMAL_TOP));
  row.work = sms / USUAL_SMS;
  add_experts(rows, row, nodes > 1 ? TW_KERNEL_INTERNODE_DISPATCH : TW_KERNEL_DISPATCH,
              number(csv, NORMAL_TOKENS), number(csv, NORMAL_DISPATCH));
  add_experts(rows, row, nodes > 1 ? TW_KERNEL_INTERNODE_COMBINE : TW_KERNEL_COMBINE,
              number(csv, NORMAL_TOKENS), number(csv, NORMAL_COMBINE));
}

enum { V1_OPERATION, V1_RANKS, V1_US };

/* H800: as an H100 with half of the NVLinks. */
static void add_v1_low_latency(const table *t, const tw_csv *csv, GArray *rows)
{
  measured_row row = new_row(t, FALSE);
  int ranks = (int)number(csv, V1_RANKS);
  set_traffic(&row, ranks, ranks / 8, 8);
  row.scale_up_bytes_per_s = 200e9;
  add_experts(rows, row, is(csv, V1_OPERATION, "combine") ? TW_KERNEL_LL_COMBINE : TW_KERNEL_LL_DISPATCH, 128,
              number(csv, V1_US));
}

enum { BANDWIDTH_VERSION, BANDWIDTH_OPERATION, BANDWIDTH_RANKS, BANDWIDTH_GB_PER_S };

/* The table counts, at the bottleneck, copies for all ranks inside a domain (NVLink), for all domains beyond
 * (RDMA), the own one included. Of version 2 it gives another, logical, bandwidth: left out. */
static void add_v1_normal(const table *t, const tw_csv *csv, GArray *rows)
{
  if (!is(csv, BANDWIDTH_VERSION, "V1 normal"))
    return;
  int ranks = (int)number(csv, BANDWIDTH_RANKS), domains = ranks / 8;
  measured_row row = new_row(t, domains == 4);
  row.weight = 10;
  gboolean back = is(csv, BANDWIDTH_OPERATION, "combine");
  set_traffic(&row, ranks, domains, 8);
  if (domains == 1)
    row.scale_up_bytes_per_s = 200e9;
  double copies = domains > 1 ? tw_distinct(MIN(domains, 4), 8) : tw_distinct(8, 8), tokens = 4096;
  double bytes = tokens * copies * (back ? BF16_COPY : FP8_COPY);
  tw_kernel there = domains > 1 ? TW_KERNEL_INTERNODE_DISPATCH : TW_KERNEL_DISPATCH,
            again = domains > 1 ? TW_KERNEL_INTERNODE_COMBINE : TW_KERNEL_COMBINE;
  add_experts(rows, row, back ? again : there, tokens, bytes / number(csv, BANDWIDTH_GB_PER_S) * 1e-3);
}

/* ---- TensorRT-LLM ---- */

enum {
  ALLTOALL_OPERATION,
  ALLTOALL_SOURCE,
  ALLTOALL_TYPE,
  ALLTOALL_TOKENS,
  ALLTOALL_TOP,
  ALLTOALL_RANKS,
  ALLTOALL_MS
};

static void add_alltoall(const table *t, const tw_csv *csv, GArray *rows)
{
  static const struct {
    const char *operation, *source;
    tw_kernel kernel;
  } kernels[] = {{"alltoall_prepare", "NVLinkTwoSided", TW_KERNEL_TWO_SIDED_PREPARE},
                 {"alltoall_dispatch", "NVLinkTwoSided", TW_KERNEL_TWO_SIDED_DISPATCH},
                 {"alltoall_combine", "NVLinkTwoSided", TW_KERNEL_TWO_SIDED_COMBINE},
                 {"alltoall_combine_low_precision", "NVLinkTwoSided", TW_KERNEL_TWO_SIDED_LOW_COMBINE},
                 {"alltoall_dispatch", "NVLinkOneSided", TW_KERNEL_ONE_SIDED_DISPATCH},
                 {"alltoall_combine", "NVLinkOneSided", TW_KERNEL_ONE_SIDED_COMBINE}};
  measured_row row = new_row(t, TRUE);
  set_traffic(&row, (int)number(csv, ALLTOALL_RANKS), 1, number(csv, ALLTOALL_TOP));
  row.traffic.balanced = TRUE;
  row.traffic.dispatch_bytes = is(csv, ALLTOALL_TYPE, "bfloat16") ? 2 * 7168
                               : is(csv, ALLTOALL_TYPE, "fp8")    ? 7168
                                                                  : 7168 / 2 + 7168 / 16;
  for (guint i = 0; i < G_N_ELEMENTS(kernels); i++) {
    if (!is(csv, ALLTOALL_OPERATION, kernels[i].operation) || !is(csv, ALLTOALL_SOURCE, kernels[i].source))
      continue;
    if (kernels[i].kernel == TW_KERNEL_TWO_SIDED_LOW_COMBINE)
      row.traffic.combine_bytes = 7168 / 2 + 7168 / 16;
    add_experts(rows, row, kernels[i].kernel, number(csv, ALLTOALL_TOKENS), number(csv, ALLTOALL_MS) * 1e3);
  }
}

/* ---- The tables ---- */

static const table tables[] = {
    {"nccl", "kernels/h100_sxm_comm_nccl_2.29.2_nccl_perf.csv.gz", TRUE, "h100-sxm", NCCL_COLUMNS, add_nccl},
    {"nccl", "kernels/h200_sxm_comm_nccl_2.29.2_nccl_perf.csv.gz", TRUE, "h200-sxm", NCCL_COLUMNS, add_nccl},
    {"nccl", "kernels/b200_sxm_comm_nccl_2.29.2_nccl_perf.csv.gz", TRUE, "b200-sxm", NCCL_COLUMNS, add_nccl},
    {"nccl", "kernels/gb200_comm_nccl_2.29.2_nccl_perf.csv.gz", TRUE, "gb200", NCCL_COLUMNS, add_nccl},
    {"trtllm", "kernels/h100_sxm_comm_trtllm_1.3.0rc20_custom_allreduce_perf.csv.gz", TRUE, "h100-sxm",
     CUSTOM_COLUMNS, add_custom},
    {"trtllm", "kernels/h200_sxm_comm_trtllm_1.3.0rc20_custom_allreduce_perf.csv.gz", TRUE, "h200-sxm",
     CUSTOM_COLUMNS, add_custom},
    {"trtllm", "kernels/b200_sxm_comm_trtllm_1.3.0rc20_custom_allreduce_perf.csv.gz", TRUE, "b200-sxm",
     CUSTOM_COLUMNS, add_custom},
    {"trtllm", "kernels/gb200_comm_trtllm_1.3.0rc20_custom_allreduce_perf.csv.gz", TRUE, "gb200",
     CUSTOM_COLUMNS, add_custom},
    {"deepep-ll",
     "measured/h100_deepep_ll.csv",
     TRUE,
     "h100-sxm",
     {{"node_num", 0},
      {"num_token", 0},
      {"num_topk", 0},
      {"dispatch_avg_t_us", 0},
      {"combine_avg_t_us", 0},
      {0}},
     add_low_latency},
    {"deepep-normal",
     "measured/h100_deepep_normal.csv",
     TRUE,
     "h100-sxm",
     {{"node_num", 0},
      {"num_token", 0},
      {"num_topk", 0},
      {"dispatch_sms", 0},
      {"dispatch_transmit_us", 0},
      {"combine_transmit_us", 0},
      {0}},
     add_normal},
    {"trtllm-alltoall",
     "measured/gb200_trtllm_alltoall.csv.gz",
     TRUE,
     "gb200",
     {{"op_name", 0},
      {"kernel_source", 0},
      {"moe_dtype", 0},
      {"num_tokens", 0},
      {"topk", 0},
      {"moe_ep_size", 0},
      {"latency", 0},
      {0}},
     add_alltoall},
    {"clouds",
     "measured/nccl_allreduce_busbw.csv",
     FALSE,
     NULL,
     {{"system", 0},
      {"gpus", 0},
      {"domain", 0},
      {"algo_note", 0},
      {"size_bytes", 0},
      {"time_us", 0},
      {"busbw_inplace_GBs", 0},
      {0}},
     add_cloud},
    {"deepep-v1-ll",
     "measured/deepep_v1_lowlatency.csv",
     FALSE,
     "h100-sxm",
     {{"op", 0}, {"ep", 0}, {"latency_us", 0}, {0}},
     add_v1_low_latency},
    {"deepep-v1-normal",
     "measured/deepep_bandwidth.csv",
     FALSE,
     "h100-sxm",
     {{"version", 0}, {"op", 0}, {"ep", 0}, {"bottleneck_bandwidth_GBs", 0}, {0}},
     add_v1_normal},
};

static void read_table(const table *t, const char *path, GArray *rows)
{
  GError *error = NULL;
  g_autoptr(tw_input) input = tw_input_open(path, &error);
  g_autoptr(tw_csv) csv = input != NULL ? tw_csv_open(input, t->columns, &error) : NULL;
  while (csv != NULL && tw_csv_next(csv, &error))
    t->add(t, csv, rows);
  if (error == NULL)
    return;
  fprintf(stderr, "%s\n", error->message);
  exit(2);
}

GArray *measured_read(const char *data, GString *skipped)
{
  GArray *rows = g_array_new(FALSE, FALSE, sizeof(measured_row));
  for (guint i = 0; i < G_N_ELEMENTS(tables); i++) {
    const char *directory = tables[i].shipped ? TW_SOURCE_DIR "/tests/validation/data" : data;
    if (directory == NULL) {
      g_string_append_printf(skipped, "%s: %s is not shipped; give its directory with --data DIR\n",
                             tables[i].name, tables[i].file);
      continue;
    }
    g_autofree char *base = g_path_get_basename(tables[i].file);
    g_autofree char *path = g_build_filename(directory, tables[i].shipped ? base : tables[i].file, NULL);
    read_table(&tables[i], path, rows);
  }
  return rows;
}

void measured_free(GArray *rows)
{
  for (guint i = 0; i < rows->len; i++)
    g_free((int *)g_array_index(rows, measured_row, i).group.domains);
  g_array_unref(rows);
}
