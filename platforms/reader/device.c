#include "platforms/reader/device.h"

#include "platforms/input/data.h"
#include "platforms/reader/device_fuse.h"
#include "platforms/reader/supply.h"

#include <math.h>

const char *const tw_precision_names[TW_PRECISIONS + 1] = {"fp32",      "bf16", "fp8", "fp4", "int8",
                                                           "fp8-block", "int4", "fp6", NULL};
const char *const tw_device_status_names[] = {"measured", "data-sheet", "preview", NULL};
const char *const tw_operator_names[TW_OPERATOR_COUNT + 1] = {
#define X(name, text) text,
    TW_OPERATORS(X)
#undef X
        NULL};
static const char *const phase_names[] = {"decode", "prefill", NULL};
static const char *const kv_names[] = {"bf16", "fp8", NULL};
const char *const tw_op_class_names[TW_OP_CLASSES + 1] = {
    "linear", "experts", "attention-prefill", "attention-decode", "head", "activations", NULL};

const char *const tw_kernel_names[TW_KERNEL_COUNT + 1] = {
#define X(name, text, help) text,
    TW_KERNELS(X)
#undef X
        NULL};

double tw_precision_bytes(tw_precision precision)
{
  static const double bytes[TW_PRECISIONS] = {4, 2, 1, 0.5, 1, 1, 0.5, 0.75};
  return bytes[precision];
}

/* The structs that the tables below fill: the device as it grows, and the current element. */
typedef struct reading {
  tw_device device;
  char *source;
  int which; /* precision or op class */
  int precision;
  gboolean alternative;
  double flops;
  double picojoules;
  tw_efficiency efficiency, of_all[TW_OP_CLASSES];
  tw_kernel_cost kernel;
  tw_operator operator;
  int phase, kv;
} reading;

#define FIELD(name) .offset = offsetof(reading, name)
#define SOURCE                                                                                               \
  {"source", TW_ATTR_STRING, FIELD(source), .help = "where the numbers come from"},                          \
  {                                                                                                          \
    0                                                                                                        \
  }
#define SHARE .positive = TRUE, .max = 1

static const tw_attribute compute_attributes[] = {
    {"precision", TW_ATTR_CHOICE, .choices = tw_precision_names, FIELD(which), .help = "number format"},
    {"rate", TW_ATTR_QUANTITY, TW_FLOP_RATE, .positive = TRUE, FIELD(flops), .help = "peak without sparsity"},
    SOURCE};
static const tw_attribute memory_attributes[] = {
    {"capacity", TW_ATTR_QUANTITY, TW_BYTES, .positive = TRUE, FIELD(device.hbm_bytes),
     .help = "size of the memory"},
    {"reserved", TW_ATTR_QUANTITY, TW_BYTES, .max = 1e12, FIELD(device.reserved_bytes),
     .help = "driver and communication buffers that no engine can use"},
    {"bandwidth", TW_ATTR_QUANTITY, TW_BANDWIDTH, .positive = TRUE, FIELD(device.hbm_bytes_per_s),
     .help = "peak"},
    SOURCE};
static const tw_attribute scale_up_attributes[] = {
    {"bandwidth", TW_ATTR_QUANTITY, TW_BANDWIDTH, .positive = TRUE, FIELD(device.scale_up_bytes_per_s),
     .help = "NVLink or PCIe, one direction"},
    {"peers", TW_ATTR_INT, .fallback = "0", .max = 1e6, FIELD(device.scale_up_peers),
     .help =
         "accelerators that it has a link of its own to, without a switch: a group of n gets n - 1 of these "
         "shares of the bandwidth; 0: a switch gives all of it to any"},
    {"latency", TW_ATTR_QUANTITY, TW_TIME, .max = 1, FIELD(device.scale_up_latency_s),
     .help = "of one hop, as a collective sees it"},
    {"efficiency", TW_ATTR_NUMBER, SHARE, FIELD(device.scale_up_efficiency),
     .help = "share of the bandwidth that a collective reaches for which there is no <collective>"},
    {"board", TW_ATTR_INT, .fallback = "8", .min = 1, .max = 1024, FIELD(device.board_accelerators),
     .help = "accelerators on one board: trees are chains there, and branch between boards"},
    SOURCE};
static const tw_attribute scale_out_attributes[] = {
    {"bandwidth", TW_ATTR_QUANTITY, TW_BANDWIDTH, .positive = TRUE, FIELD(device.scale_out_bytes_per_s),
     .help = "NIC of one accelerator, one direction"},
    {"latency", TW_ATTR_QUANTITY, TW_TIME, .fallback = "5us", .max = 1, FIELD(device.scale_out_latency_s),
     .help = "of a usual route, by which algorithms are chosen; a platform's own is what is spent"},
    SOURCE};
static const tw_attribute collective_attributes[] = {
    {"kernel", TW_ATTR_CHOICE, .choices = tw_kernel_names, FIELD(which), .help = "protocol or kernel"},
    {"launch", TW_ATTR_QUANTITY, TW_TIME, .max = 1, FIELD(kernel.launch_s), .help = "of the collective"},
    {"step", TW_ATTR_QUANTITY, TW_TIME, .fallback = "0s", .max = 1, FIELD(kernel.step_s),
     .help = "of each message that follows another, beyond the latency of its link"},
    {"fabric-step", TW_ATTR_QUANTITY, TW_TIME, .fallback = "0s", .max = 1, FIELD(kernel.fabric_step_s),
     .help = "of each message over the fabric, beyond the latency of its links"},
    {"scale-up", TW_ATTR_NUMBER, SHARE, FIELD(kernel.scale_up),
     .help = "share of the bandwidth inside the domain"},
    {"scale-out", TW_ATTR_NUMBER, .fallback = "1", SHARE, FIELD(kernel.scale_out),
     .help = "share of the bandwidth of the NIC"},
    {"own", TW_ATTR_NUMBER, .fallback = "0", .max = 100, FIELD(kernel.own),
     .help = "bytes sent that take as long as one that stays"},
    {"per-token", TW_ATTR_QUANTITY, TW_TIME, .fallback = "0s", .max = 1, FIELD(kernel.per_token_s),
     .help = "least time of a token, where the kernel is of experts"},
    {"peer", TW_ATTR_QUANTITY, TW_TIME, .fallback = "0s", .max = 1, FIELD(kernel.peer_s),
     .help = "of each rank beyond the fabric, where the kernel is of experts"},
    {"nics", TW_ATTR_INT, .fallback = "0", .max = 100000, FIELD(kernel.nics),
     .help = "NICs of a domain that rings and trees between domains use; 0: all"},
    {"fitted-ranks", TW_ATTR_INT, .fallback = "0", .max = 1e9, FIELD(kernel.fitted_ranks),
     .help = "the most ranks among the measurements that it was fitted on; beyond, it is extrapolated"},
    {"fitted-bytes", TW_ATTR_QUANTITY, TW_BYTES, .fallback = "0B", FIELD(kernel.fitted_bytes),
     .help = "likewise the most bytes of a rank"},
    SOURCE};
static const tw_attribute host_link_attributes[] = {{"bandwidth", TW_ATTR_QUANTITY, TW_BANDWIDTH,
                                                     .positive = TRUE, FIELD(device.host_bytes_per_s),
                                                     .help = "PCIe or NVLink-C2C, one direction"},
                                                    SOURCE};
static const tw_attribute host_attributes[] = {
    {"factor", TW_ATTR_NUMBER, .positive = TRUE, .max = 100, FIELD(device.host_factor),
     .help = "time that it takes for the work of software, over that of an H100's host"},
    SOURCE};
static const tw_attribute power_attributes[] = {
    {"idle", TW_ATTR_QUANTITY, TW_POWER, .fallback = TW_ABSENT, .positive = TRUE, FIELD(device.idle_w),
     .help = "drawn without work"},
    {"max", TW_ATTR_QUANTITY, TW_POWER, .positive = TRUE, FIELD(device.max_w), .help = "power limit"},
    SOURCE};
static const tw_attribute chassis_attributes[] = {
    {"accelerators", TW_ATTR_INT, .min = 1, .max = 10000, FIELD(device.chassis.accelerators),
     .help = "devices in one node or rack"},
    {"overhead", TW_ATTR_QUANTITY, TW_POWER, .max = 1e9, FIELD(device.chassis.overhead_w),
     .help = "drawn by the rest of it at full load"},
    {"idle", TW_ATTR_QUANTITY, TW_POWER, .fallback = TW_ABSENT, .max = 1e9, FIELD(device.chassis.idle_w),
     .help = "of that, drawn without work; all if absent"},
    {"network", TW_ATTR_QUANTITY, TW_POWER, .max = 1e9, FIELD(device.chassis.network_w),
     .help = "drawn by its share of the fabric"},
    {"pue", TW_ATTR_NUMBER, .min = 1, .max = 10, FIELD(device.chassis.pue), .help = "of a common site"},
    {"psu", TW_ATTR_QUANTITY, TW_POWER, .fallback = "0W", .max = 1e9, FIELD(device.chassis.psu_w),
     .help = "that its power supplies give at full load"},
    {"psu-efficiency", TW_ATTR_STRING, .fallback = TW_ABSENT, FIELD(device.chassis.psu_efficiency),
     .help = "of the power supplies over their load, such as 0.1:0.92 0.5:0.96 1:0.95"},
    {"source", TW_ATTR_STRING, FIELD(device.chassis.source), .help = "where the numbers come from"},
    {0}};
static const tw_attribute energy_attributes[] = {
    {"pj-per-byte", TW_ATTR_NUMBER, .positive = TRUE, .max = 1e6, FIELD(picojoules),
     .help = "picojoules of a byte that crosses the memory's interface"},
    {"active", TW_ATTR_QUANTITY, TW_POWER, .fallback = "0W", .max = 1e4, FIELD(device.active_w),
     .help = "drawn beyond idle while an iteration runs, whatever it computes, but for collectives"},
    {"arithmetic-half", TW_ATTR_NUMBER, .fallback = "0", .max = 100, FIELD(device.arithmetic_half),
     .help =
         "share of the bf16 peak rate at which an operation costs half as much as a lone one; 0: the same"},
    {"sleep", TW_ATTR_QUANTITY, TW_POWER, .fallback = TW_ABSENT, .max = 1e4, FIELD(device.sleep_w),
     .help = "drawn while parked, without weights; idle if absent"},
    {"voltage-floor", TW_ATTR_NUMBER, .fallback = "1", .max = 1, FIELD(device.voltage_floor),
     .help = "voltage at clock 0 over that at the nominal clock; linear in between"},
    SOURCE};
static const tw_attribute arithmetic_attributes[] = {
    {"precision", TW_ATTR_CHOICE, .choices = tw_precision_names, FIELD(which), .help = "number format"},
    {"pj-per-flop", TW_ATTR_NUMBER, .positive = TRUE, .max = 1e6, FIELD(picojoules),
     .help = "picojoules of an operation; the other formats cost as much as bf16 if they are absent"},
    SOURCE};
static const tw_attribute efficiency_attributes[] = {
    {"op", TW_ATTR_CHOICE, .choices = tw_op_class_names, FIELD(which), .help = "class of operations"},
    {"precision", TW_ATTR_CHOICE, .fallback = TW_ABSENT, .choices = tw_precision_names, FIELD(precision),
     .help = "of the matrices; for all that have no row of their own if absent"},
    {"compute-peak", TW_ATTR_NUMBER, .fallback = "1", SHARE, FIELD(efficiency.compute_peak),
     .help = "share of the peak rate"},
    {"mixed-peak", TW_ATTR_NUMBER, .fallback = "0", .max = 1, FIELD(efficiency.mixed_peak),
     .help =
         "experts: the same where rows stay wider than the weights, which are expanded within the kernel; "
         "compute-peak if 0"},
    {"memory", TW_ATTR_NUMBER, SHARE, FIELD(efficiency.memory), .help = "share of the memory bandwidth"},
    {"launch", TW_ATTR_QUANTITY, TW_TIME, .fallback = "0s", .max = 1, FIELD(efficiency.launch_s),
     .help = "of each kernel, whatever its size is; activations: of all in a layer"},
    {"per-token", TW_ATTR_QUANTITY, TW_TIME, .fallback = "0s", .max = 1, FIELD(efficiency.per_token_s),
     .help = "experts: of each copy of a token and layer, to route, permute and add up"},
    {"copy-bytes", TW_ATTR_NUMBER, .fallback = "0", .max = 1e3, FIELD(efficiency.copy_bytes),
     .help = "experts: bytes moved for each number of a routed copy's rows, in and between the products"},
    {"token-bytes", TW_ATTR_NUMBER, .fallback = "0", .max = 1e3, FIELD(efficiency.token_bytes),
     .help = "experts: bytes moved for each number of a token's row, routed here or not; linear, head: of "
             "the rows of "
             "a product, 2 if 0"},
    {"softmax", TW_ATTR_NUMBER, .fallback = "0", .max = 1e4, FIELD(efficiency.softmax),
     .help = "attention-prefill: dimensions of a head that the exponentials cost as much as"},
    {"chain", TW_ATTR_QUANTITY, TW_TIME, .fallback = "0s", .max = 1, FIELD(efficiency.chain_s),
     .help = "linear, head, experts: of each number that a product sums over; attention-decode: of each "
             "token of the "
             "mean context"},
    {"per-expert", TW_ATTR_QUANTITY, TW_TIME, .fallback = "0s", .max = 1, FIELD(efficiency.per_expert_s),
     .help = "experts: of each expert that the accelerator holds"},
    {"near-memory", TW_ATTR_NUMBER, .fallback = "0", .max = 1, FIELD(efficiency.near_memory),
     .help = "attention-decode: share of the memory bandwidth over little KV; memory if 0"},
    {"ramp", TW_ATTR_QUANTITY, TW_TIME, .fallback = "0s", .max = 1, FIELD(efficiency.ramp_s),
     .help = "attention-decode: what kernels over much KV take beyond their bytes"},
    {"routing", TW_ATTR_QUANTITY, TW_TIME, .fallback = "0s", .max = 1, FIELD(efficiency.routing_s),
     .help = "experts: of a layer, to sort many tokens by their experts"},
    {"routing-tokens", TW_ATTR_NUMBER, .fallback = "0", .max = 1e6, FIELD(efficiency.routing_tokens),
     .help = "experts: tokens from which on routing takes all of its time; fewer take so much less; no time "
             "if 0"},
    {"alternative", TW_ATTR_BOOL, .fallback = "false", FIELD(alternative),
     .help = "experts in one precision: another family of kernels, of which engines take the faster for each "
             "shape"},
    {"unfused", TW_ATTR_BOOL, .fallback = "false", FIELD(efficiency.unfused),
     .help = "measured with kernels that quantize rows, which engines fuse: for them, what is slower than in "
             "the next "
             "wider format is as it is there"},
    SOURCE};
#define OPERATOR_TIME(key, field, text)                                                                      \
  {                                                                                                          \
    key, TW_ATTR_QUANTITY, TW_TIME, .fallback = "0s", .max = 1, FIELD(operator.field), .help = text          \
  }
static const tw_attribute operator_attributes[] = {
    {"kind", TW_ATTR_CHOICE, .choices = tw_operator_names, FIELD(which),
     .help = "kind of attention; compressed-all: without top-k; streams: hyper-connections"},
    {"phase", TW_ATTR_CHOICE, .choices = phase_names, FIELD(phase), .help = "decode or prefill"},
    {"kv", TW_ATTR_CHOICE, .fallback = TW_ABSENT, .choices = kv_names, FIELD(kv),
     .help = "format of the KV cache; both if absent"},
    OPERATOR_TIME("host", host_s, "least time of a layer, whose kernels the host launches one by one"),
    OPERATOR_TIME("launch", launch_s, "whatever the size is"),
    OPERATOR_TIME("per-head", per_head_s, "of each head"),
    OPERATOR_TIME("per-item", per_item_s, "of each sequence that decodes, or new token of a prompt"),
    OPERATOR_TIME("per-item-head", per_item_head_s, "of each head for each of these"),
    OPERATOR_TIME("chain", chain_s, "of each token of a sequence that follows another one"),
    OPERATOR_TIME("per-chosen", per_chosen_s, "prefill: of each token that a new one attends to"),
    OPERATOR_TIME("block-host", block_host_s,
                  "prefill: more than host for each product with weights in fp8 blocks"),
    OPERATOR_TIME("long-host", long_host_s, "prefill: more than host with contexts above 131072 tokens"),
    OPERATOR_TIME("long-per-seq", long_per_seq_s, "prefill: the same for each of these sequences"),
    OPERATOR_TIME("whole-host", whole_host_s,
                  "prefill: host where contexts are chosen whole and attended to densely; 0: they are not"),
    OPERATOR_TIME("whole-expand", whole_expand_s,
                  "prefill: then, of each head and earlier token, whose latent is expanded"),
    OPERATOR_TIME("whole-per-item-head", whole_per_item_head_s, "prefill: then, of each head and new token"),
    {"memory", TW_ATTR_NUMBER, .fallback = "1", SHARE, FIELD(operator.memory),
     .help = "share of the memory bandwidth"},
    {"compute", TW_ATTR_NUMBER, .fallback = "1", SHARE, FIELD(operator.compute),
     .help = "prefill: share of the peak rate in bf16"},
    OPERATOR_TIME("index-host", index_host_s, "more than host, with an indexer"),
    OPERATOR_TIME("index-launch", index_launch_s, "of the indexer, whatever the size is"),
    OPERATOR_TIME("choose-launch", choose_launch_s,
                  "decode: of choosing, where a context has more tokens than are chosen"),
    OPERATOR_TIME("index-per-item", index_per_item_s, "of the indexer for each new token"),
    OPERATOR_TIME("index-chain", index_chain_s, "of the indexer for each key of a sequence"),
    OPERATOR_TIME("index-per-key", index_per_key_s, "prefill: of the indexer for each key of the batch"),
    OPERATOR_TIME("index-spread", index_spread_s,
                  "prefill: of the indexer for each new token by each key of another sequence"),
    {"index-skipped", TW_ATTR_BOOL, .fallback = "false", FIELD(operator.index_skipped),
     .help = "prefill: a context of no more tokens than are chosen does without the indexer"},
    {"index-memory", TW_ATTR_NUMBER, .fallback = "1", SHARE, FIELD(operator.index_memory),
     .help = "share of the memory bandwidth that the indexer reads keys with"},
    {"index-compute", TW_ATTR_NUMBER, .fallback = "1", SHARE, FIELD(operator.index_compute),
     .help = "prefill: share of the peak rate in fp8 that the indexer scores keys with"},
    SOURCE};
static const tw_attribute device_attributes[] = {
    {"label", TW_ATTR_STRING, FIELD(device.label), .help = "name for people"},
    {"status", TW_ATTR_CHOICE, .fallback = "measured", .choices = tw_device_status_names,
     FIELD(device.status),
     .help = "whether its kernels, or those of the same chip, were measured; known from data sheets alone; "
             "or announced"},
    {0}};

static gboolean check_power(const xmlNode *node, const void *target, tw_faults *faults)
{
  const reading *read = target;
  if (isnan(read->device.idle_w) || read->device.idle_w <= read->device.max_w)
    return TRUE;
  tw_node_fault(node, faults, "idle power is above the maximum; write idle <= max");
  return FALSE;
}

static gboolean check_chassis(const xmlNode *node, const void *target, tw_faults *faults)
{
  const tw_chassis *chassis = &((const reading *)target)->device.chassis;
  tw_supply supply = {.psu_w = chassis->psu_w};
  g_autofree char *why = NULL;
  if (chassis->idle_w > chassis->overhead_w)
    tw_node_fault(node, faults, "idle power is above the overhead at full load; write idle <= overhead");
  else if (chassis->psu_efficiency != NULL &&
           (!tw_supply_set(&supply, "tw:psu_efficiency", chassis->psu_efficiency, &why) ||
            !tw_supply_check(&supply, &why)))
    tw_node_fault(node, faults, "psu-efficiency: %s", why);
  else
    return TRUE;
  return FALSE;
}

static const tw_element compute_element = {"compute", "arithmetic of one number format", compute_attributes,
                                           NULL, NULL};
static const tw_element memory_element = {"memory", "HBM or GDDR of the device", memory_attributes, NULL,
                                          NULL};
static const tw_element scale_up_element = {"scale-up", "links inside the NVLink domain or node",
                                            scale_up_attributes, NULL, NULL};
static const tw_element scale_out_element = {"scale-out", "link to the fabric", scale_out_attributes, NULL,
                                             NULL};
static const tw_element host_link_element = {"host-link", "link to the memory of the host",
                                             host_link_attributes, NULL, NULL};
static const tw_element host_element = {"host", "processors that the device commonly stands beside",
                                        host_attributes, NULL, NULL};
static const tw_element collective_element = {
    "collective", "time of a kernel that moves data between accelerators", collective_attributes, NULL, NULL};
static const tw_element power_element = {"power", "electricity of the device alone", power_attributes, NULL,
                                         check_power};
static const tw_element chassis_element = {"chassis", "node or rack that the device commonly stands in",
                                           chassis_attributes, NULL, check_chassis};
static const tw_element energy_element = {"energy", "joules of memory traffic, and of running at all",
                                          energy_attributes, NULL, NULL};
static const tw_element arithmetic_element = {
    "arithmetic-energy", "joules of arithmetic in one number format", arithmetic_attributes, NULL, NULL};
static const tw_element efficiency_element = {"efficiency", "fitted shares of the peaks",
                                              efficiency_attributes, NULL, NULL};
static const tw_element operator_element = {"operator", "time of an operator that was measured as one",
                                            operator_attributes, NULL, NULL};
static const tw_child device_children[] = {
    {&compute_element, 1, TW_PRECISIONS},
    {&memory_element, 1, 1},
    {&scale_up_element, 1, 1},
    {&scale_out_element, 0, 1},
    {&host_link_element, 0, 1},
    {&host_element, 0, 1},
    {&collective_element, 0, TW_KERNEL_COUNT},
    {&power_element, 0, 1},
    {&chassis_element, 0, 1},
    {&energy_element, 0, 1},
    {&arithmetic_element, 0, TW_PRECISIONS},
    {&efficiency_element, TW_OP_CLASSES, TW_OP_CLASSES *(TW_PRECISIONS + 1) + TW_PRECISIONS},
    {&operator_element, 0, TW_OPERATOR_COUNT *TW_PHASES * 2},
    {NULL, 0, 0}};
const tw_element tw_device_element = {"device", "one kind of accelerator", device_attributes, device_children,
                                      NULL};

/* Reads the child elements of one kind, one after the other; `keep` takes what the last one said. */
static void read_all(const xmlNode *root, const tw_element *element, reading *read, tw_faults *faults,
                     void (*keep)(const xmlNode *node, reading *read, tw_faults *faults))
{
  for (const xmlNode *node = tw_node_child(root, element->name); node != NULL;
       node = tw_node_next(node, element->name)) {
    tw_schema_read(node, element, read);
    if (keep != NULL)
      keep(node, read, faults);
    tw_schema_clear(element, read);
  }
}

static void keep_compute(const xmlNode *node, reading *read, tw_faults *faults)
{
  if (!isnan(read->device.flops[read->which]))
    tw_node_fault(node, faults, "<compute> says \"%s\" twice; keep one", tw_precision_names[read->which]);
  read->device.flops[read->which] = read->flops;
}

static void keep_collective(const xmlNode *node, reading *read, tw_faults *faults)
{
  if (read->device.kernels[read->which].scale_up > 0)
    tw_node_fault(node, faults, "<collective> says \"%s\" twice; keep one", tw_kernel_names[read->which]);
  read->device.kernels[read->which] = read->kernel;
}

static void keep_efficiency(const xmlNode *node, reading *read, tw_faults *faults)
{
  if (read->alternative && (read->which != TW_OP_EXPERTS || read->precision < 0)) {
    tw_node_fault(node, faults,
                  "only experts in one precision have an alternative; write op=\"experts\" and a "
                  "precision");
    return;
  }
  tw_efficiency *kept = read->alternative      ? &read->device.alternative[read->precision]
                        : read->precision >= 0 ? &read->device.efficiency[read->which][read->precision]
                                               : &read->of_all[read->which];
  if (kept->compute_peak > 0)
    tw_node_fault(node, faults, "<efficiency> says \"%s\" twice; each op class stands once per precision",
                  tw_op_class_names[read->which]);
  *kept = read->efficiency;
}

static void keep_energy(const xmlNode *node, reading *read, tw_faults *faults)
{
  read->device.joules_per_byte = read->picojoules * 1e-12;
  if (read->device.sleep_w > read->device.idle_w)
    tw_node_fault(node, faults, "sleep power is above idle power; write sleep <= idle");
}

static void keep_arithmetic(const xmlNode *node, reading *read, tw_faults *faults)
{
  if (!isnan(read->device.joules_per_flop[read->which]))
    tw_node_fault(node, faults, "<arithmetic-energy> says \"%s\" twice; keep one",
                  tw_precision_names[read->which]);
  read->device.joules_per_flop[read->which] = read->picojoules * 1e-12;
}

static void keep_operator(const xmlNode *node, reading *read, tw_faults *faults)
{
  tw_operator *both = read->device.operators[read->which][read->phase];
  for (int kv = 0; kv < 2; kv++) {
    if (read->kv >= 0 && read->kv != kv)
      continue;
    if (both[kv].memory > 0)
      tw_node_fault(node, faults, "<operator> says \"%s\" in %s twice; keep one",
                    tw_operator_names[read->which], phase_names[read->phase]);
    both[kv] = read->operator;
  }
}

/* Precisions without a row of their own take the one for all; fp8 in blocks that of fp8. */
static void complete_efficiency(const xmlNode *root, reading *read, tw_faults *faults)
{
  for (int op = 0; op < TW_OP_CLASSES; op++) {
    if (read->of_all[op].compute_peak == 0)
      tw_node_fault(root, faults, "there is no <efficiency op=\"%s\"> without a precision; add one",
                    tw_op_class_names[op]);
    tw_efficiency *of_op = read->device.efficiency[op];
    if (of_op[TW_FP8_BLOCK].compute_peak == 0)
      of_op[TW_FP8_BLOCK] = of_op[TW_FP8];
    for (int p = 0; p < TW_PRECISIONS; p++)
      if (of_op[p].compute_peak == 0)
        of_op[p] = read->of_all[op];
  }
}

static tw_device *load_file(const char *path, tw_faults *faults)
{
  guint before = tw_faults_added(faults);
  g_autoptr(tw_document) document = tw_document_load(path, faults);
  if (document == NULL || !tw_schema_check(tw_document_root(document), &tw_device_element, faults))
    return NULL;

  const xmlNode *root = tw_document_root(document);
  reading read = {0};
  for (int i = 0; i < TW_PRECISIONS; i++)
    read.device.flops[i] = read.device.joules_per_flop[i] = NAN;
  read.device.scale_out_bytes_per_s = read.device.host_bytes_per_s = read.device.idle_w = read.device.max_w =
      NAN;
  read.device.sleep_w = read.device.joules_per_byte = NAN;
  read.device.voltage_floor = read.device.host_factor = 1;
  read.device.file = g_strdup(path);
  tw_schema_read(root, &tw_device_element, &read);
  read_all(root, &compute_element, &read, faults, keep_compute);
  if (isnan(read.device.flops[TW_BF16]))
    tw_node_fault(root, faults,
                  "<device> lacks <compute precision=\"bf16\" rate=\"...\"/>, in which everything is "
                  "computed whose own format it lacks");
  read_all(root, &memory_element, &read, faults, NULL);
  read_all(root, &scale_up_element, &read, faults, NULL);
  read_all(root, &scale_out_element, &read, faults, NULL);
  read_all(root, &host_link_element, &read, faults, NULL);
  read_all(root, &host_element, &read, faults, NULL);
  read_all(root, &collective_element, &read, faults, keep_collective);
  read_all(root, &power_element, &read, faults, NULL);
  const xmlNode *chassis = tw_node_child(root, "chassis");
  if (chassis != NULL)
    tw_schema_read(chassis, &chassis_element, &read);
  read_all(root, &energy_element, &read, faults, keep_energy);
  read_all(root, &arithmetic_element, &read, faults, keep_arithmetic);
  if (isnan(read.device.sleep_w))
    read.device.sleep_w = read.device.idle_w;
  read_all(root, &efficiency_element, &read, faults, keep_efficiency);
  read_all(root, &operator_element, &read, faults, keep_operator);
  if (isnan(read.device.flops[TW_FP8_BLOCK]))
    read.device.flops[TW_FP8_BLOCK] = read.device.flops[TW_FP8];
  if (isnan(read.device.joules_per_flop[TW_FP8_BLOCK]))
    read.device.joules_per_flop[TW_FP8_BLOCK] = read.device.joules_per_flop[TW_FP8];
  complete_efficiency(root, &read, faults);
  tw_device_fuse(&read.device);
  if (read.device.reserved_bytes >= read.device.hbm_bytes)
    tw_node_fault(tw_node_child(root, "memory"), faults,
                  "all of the memory is reserved; write reserved < capacity");

  g_autofree char *file = g_path_get_basename(path);
  read.device.name = g_str_has_suffix(file, ".xml") ? g_strndup(file, strlen(file) - 4) : g_strdup(file);
  g_autoptr(tw_device) device = g_memdup2(&read.device, sizeof read.device);
  return tw_faults_added(faults) == before ? g_steal_pointer(&device) : NULL;
}

tw_device *tw_device_load(const char *name, const xmlNode *node, tw_faults *faults)
{
  if (strchr(name, '/') != NULL) {
    g_autofree char *path = node != NULL ? tw_node_path(node, name) : g_strdup(name);
    return load_file(path, faults);
  }
  g_auto(GStrv) known = tw_data_list("platforms/devices", ".xml");
  if (!g_strv_contains((const char *const *)known, name)) {
    g_autofree char *hint = tw_suggestion(name, (const char *const *)known);
    tw_faults_add(faults, node != NULL ? tw_node_file(node) : NULL, node != NULL ? tw_node_line(node) : 0,
                  "the device \"%s\" is unknown; %s", name, hint);
    return NULL;
  }
  g_autofree char *relative = g_strconcat("platforms/devices/", name, ".xml", NULL);
  g_autofree char *path = tw_data_path(relative);
  return load_file(path, faults);
}

void tw_device_free(tw_device *device)
{
  if (device == NULL)
    return;
  g_free(device->file);
  g_free(device->name);
  g_free(device->label);
  g_free(device->chassis.source);
  g_free(device->chassis.psu_efficiency);
  g_free(device);
}
