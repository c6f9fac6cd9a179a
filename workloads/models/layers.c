#include "workloads/models/layers.h"

const tw_attention_kind_row *const tw_attention_kinds[] = {
    &tw_attention_gqa,        &tw_attention_blocks,
    &tw_attention_mla,        &tw_attention_dsa,
    &tw_attention_compressed, &tw_attention_gated_delta_net,
    &tw_attention_kda,        &tw_attention_lightning,
    &tw_attention_mamba2,     NULL};

#define FIELD(member) .offset = offsetof(tw_layers, member)

static const tw_attribute mlp_attributes[] = {
    {"intermediate", TW_ATTR_INT, .min = 1, .max = 1e7, FIELD(intermediate),
     .help = "width of the dense MLP"},
    {"matrices", TW_ATTR_INT, .fallback = "3", .min = 2, .max = 3, FIELD(matrices),
     .help = "3: gate, up and down; 2: up and down, without a gate"},
    {0}};
static const tw_element mlp_element = {"mlp", "the dense MLP of each layer", mlp_attributes, NULL, NULL};

static gboolean check_experts(const xmlNode *node, const void *target, tw_faults *faults)
{
  const tw_layers *layers = target;
  if (layers->experts_per_token <= layers->experts)
    return TRUE;
  tw_node_fault(node, faults,
                "per-token is %" G_GINT64_FORMAT ", more than count, %" G_GINT64_FORMAT
                "; a token cannot pass through more experts than there are",
                layers->experts_per_token, layers->experts);
  return FALSE;
}

static const tw_attribute experts_attributes[] = {
    {"count", TW_ATTR_INT, .min = 1, .max = 1e5, FIELD(experts), .help = "routed experts of a layer"},
    {"per-token", TW_ATTR_INT, .min = 1, .max = 1e5, FIELD(experts_per_token),
     .help = "routed experts that a token passes through"},
    {"intermediate", TW_ATTR_INT, .min = 1, .max = 1e7, FIELD(expert_intermediate),
     .help = "width of one expert"},
    {"matrices", TW_ATTR_INT, .fallback = "3", .min = 2, .max = 3, FIELD(expert_matrices),
     .help = "3: gate, up and down; 2: up and down, without a gate"},
    {"input", TW_ATTR_INT, .fallback = "0", .max = 1e6, FIELD(expert_input),
     .help = "width that routed experts work in, projected to and from; 0: that of the model"},
    {"shared", TW_ATTR_INT, .fallback = "0", .max = 1e3, FIELD(shared_experts),
     .help = "experts that every token passes through"},
    {"shared-intermediate", TW_ATTR_INT, .fallback = "0", .max = 1e7, FIELD(shared_intermediate),
     .help = "width of one of these; 0: as the others"},
    {"hash-routed", TW_ATTR_BOOL, .fallback = "false", FIELD(hash_routed),
     .help = "a token's id says its experts, without a gate"},
    {0}};
static const tw_element experts_element = {"experts", "the experts of each layer", experts_attributes, NULL,
                                           check_experts};

static const tw_attribute layers_attributes[] = {
    {"count", TW_ATTR_INT, .min = 1, .max = 1e4, FIELD(count), .help = "layers of this kind"}, {0}};
static const tw_child layers_children[] = {{&tw_attention_gqa.element, 0, 1},
                                           {&tw_attention_blocks.element, 0, 1},
                                           {&tw_attention_mla.element, 0, 1},
                                           {&tw_attention_dsa.element, 0, 1},
                                           {&tw_attention_compressed.element, 0, 1},
                                           {&tw_attention_gated_delta_net.element, 0, 1},
                                           {&tw_attention_kda.element, 0, 1},
                                           {&tw_attention_lightning.element, 0, 1},
                                           {&tw_attention_mamba2.element, 0, 1},
                                           {&mlp_element, 0, 1},
                                           {&experts_element, 0, 1},
                                           {0}};
const tw_element tw_layers_element = {"layers", "layers that are alike", layers_attributes, layers_children,
                                      NULL};
const tw_element tw_draft_layers_element = {"draft-layers",
                                            "layers that draft tokens (MTP), with their own weights",
                                            layers_attributes, layers_children, NULL};

/* Rules between the elements of a group. */
static void check_group(const xmlNode *node, const tw_layers *layers, tw_faults *faults)
{
  static const struct {
    const char *name;
    size_t offset;
  } some[] = {{"index-layers", offsetof(tw_attention_shape, index_layers)},
              {"kv-layers", offsetof(tw_attention_shape, kv_layers)}};
  for (guint i = 0; i < G_N_ELEMENTS(some); i++) {
    gint64 value = G_STRUCT_MEMBER(gint64, &layers->shape, some[i].offset);
    if (value > layers->count)
      tw_node_fault(node, faults, "%s is %" G_GINT64_FORMAT "; the group has %" G_GINT64_FORMAT " layers",
                    some[i].name, value, layers->count);
  }
  if (layers->attention == NULL && layers->intermediate == 0 && layers->experts == 0)
    tw_node_fault(node, faults, "the layers have neither attention, <mlp> nor <experts>; give one of them");
}

gboolean tw_layers_read(const xmlNode *node, tw_layers *layers, tw_faults *faults)
{
  guint before = tw_faults_added(faults);
  *layers = (tw_layers){0};
  tw_schema_read(node, &tw_layers_element, layers);
  for (const tw_attention_kind_row *const *kind = tw_attention_kinds; *kind != NULL; kind++) {
    const xmlNode *found = tw_node_child(node, (*kind)->name);
    if (found == NULL)
      continue;
    if (layers->attention != NULL)
      tw_node_fault(found, faults,
                    "<%s> stands beside <%s>; a layer has one kind of attention, so write two <layers>",
                    (*kind)->name, layers->attention->name);
    layers->attention = *kind;
    tw_schema_read(found, &(*kind)->element, &layers->shape);
  }
  const xmlNode *mlp = tw_node_child(node, mlp_element.name),
                *experts = tw_node_child(node, experts_element.name);
  if (mlp != NULL)
    tw_schema_read(mlp, &mlp_element, layers);
  if (experts != NULL)
    tw_schema_read(experts, &experts_element, layers);
  check_group(node, layers, faults);
  return tw_faults_added(faults) == before;
}

tw_attention_work tw_layers_attention(const tw_layers *layers, double hidden, double number_bytes)
{
  tw_attention_work work = {.kv_shards = 1};
  if (layers->attention != NULL)
    layers->attention->work(layers, hidden, number_bytes, &work);
  return work;
}

double tw_layers_dense_params(const tw_layers *layers, double hidden)
{
  return (double)layers->matrices * hidden * (double)layers->intermediate;
}

/* Width of the input of routed experts. */
static double input_of(const tw_layers *layers, double hidden)
{
  return layers->expert_input > 0 ? (double)layers->expert_input : hidden;
}

double tw_layers_expert_params(const tw_layers *layers, double hidden)
{
  return (double)layers->expert_matrices * input_of(layers, hidden) * (double)layers->expert_intermediate;
}

double tw_layers_shared_params(const tw_layers *layers, double hidden)
{
  double width =
      (double)(layers->shared_intermediate > 0 ? layers->shared_intermediate : layers->expert_intermediate);
  double gate = layers->hash_routed ? 0 : hidden * (double)layers->experts;
  double projections = layers->expert_input > 0 ? 2 * hidden * (double)layers->expert_input : 0;
  return (double)layers->shared_experts * (double)layers->expert_matrices * hidden * width + gate +
         projections;
}
