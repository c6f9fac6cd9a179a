#include "workloads/models/model.h"

#include "platforms/input/data.h"

#define MODELS "workloads/models"

static const char *const attention_names[] = {"gqa", "mla", NULL};

/* Attributes that belong to one kind of attention alone: it needs them (unless optional), and they are wrong
 * elsewhere. */
static const struct {
  const char *name;
  size_t offset;
  tw_attention_kind kind;
  gboolean optional;
} of_kind[] = {
    {"kv-heads", offsetof(tw_model, kv_heads), TW_ATTENTION_GQA, FALSE},
    {"head-dim", offsetof(tw_model, head_dim), TW_ATTENTION_GQA, FALSE},
    {"window", offsetof(tw_model, window), TW_ATTENTION_GQA, TRUE},
    {"window-layers", offsetof(tw_model, window_layers), TW_ATTENTION_GQA, TRUE},
    {"q-lora-rank", offsetof(tw_model, q_lora_rank), TW_ATTENTION_MLA, TRUE},
    {"kv-lora-rank", offsetof(tw_model, kv_lora_rank), TW_ATTENTION_MLA, FALSE},
    {"qk-nope-head-dim", offsetof(tw_model, qk_nope_head_dim), TW_ATTENTION_MLA, FALSE},
    {"qk-rope-head-dim", offsetof(tw_model, qk_rope_head_dim), TW_ATTENTION_MLA, FALSE},
    {"v-head-dim", offsetof(tw_model, v_head_dim), TW_ATTENTION_MLA, FALSE},
};

static gboolean check_attention(const xmlNode *node, const void *target, tw_faults *faults)
{
  const tw_model *model = target;
  guint before = tw_faults_added(faults);
  for (guint i = 0; i < G_N_ELEMENTS(of_kind); i++) {
    gint64 value = G_STRUCT_MEMBER(gint64, model, of_kind[i].offset);
    gboolean here = of_kind[i].kind == (tw_attention_kind)model->attention;
    if (here && value == 0 && !of_kind[i].optional)
      tw_node_fault(node, faults, "attention of kind %s lacks %s; give it", attention_names[model->attention],
                    of_kind[i].name);
    else if (!here && value != 0)
      tw_node_fault(node, faults, "attention of kind %s has no %s; leave it out or write kind=\"%s\"",
                    attention_names[model->attention], of_kind[i].name, attention_names[of_kind[i].kind]);
  }
  if (model->kv_heads > 0 && model->heads % model->kv_heads != 0)
    tw_node_fault(node, faults,
                  "%" G_GINT64_FORMAT " heads cannot share %" G_GINT64_FORMAT
                  " kv-heads evenly; kv-heads must divide heads",
                  model->heads, model->kv_heads);
  if ((model->window > 0) != (model->window_layers > 0))
    tw_node_fault(node, faults, "window and window-layers go together; give both or none");
  return tw_faults_added(faults) == before;
}

static gboolean check_experts(const xmlNode *node, const void *target, tw_faults *faults)
{
  const tw_model *model = target;
  if (model->experts_per_token <= model->experts)
    return TRUE;
  tw_node_fault(node, faults,
                "per-token is %" G_GINT64_FORMAT ", more than count, %" G_GINT64_FORMAT
                "; a token cannot pass through more experts than there are",
                model->experts_per_token, model->experts);
  return FALSE;
}

#define FIELD(member) .offset = offsetof(tw_model, member)

static const tw_attribute attention_attributes[] = {
    {"kind", TW_ATTR_CHOICE, .choices = attention_names, FIELD(attention),
     .help = "gqa (also plain multi-head and multi-query attention) or mla (multi-head latent attention)"},
    {"heads", TW_ATTR_INT, .min = 1, .max = 1e5, FIELD(heads), .help = "query heads"},
    {"kv-heads", TW_ATTR_INT, .fallback = "0", .max = 1e5, FIELD(kv_heads),
     .help = "gqa: key and value heads"},
    {"head-dim", TW_ATTR_INT, .fallback = "0", .max = 1e5, FIELD(head_dim), .help = "gqa: numbers per head"},
    {"window", TW_ATTR_INT, .fallback = "0", .max = 1e9, FIELD(window),
     .help = "gqa: tokens of context that a sliding-window layer sees"},
    {"window-layers", TW_ATTR_INT, .fallback = "0", .max = 1e4, FIELD(window_layers),
     .help = "gqa: how many layers have the sliding window"},
    {"qk-norm", TW_ATTR_BOOL, .fallback = "false", FIELD(qk_norm),
     .help = "queries and keys are normalised before attention (mla: latents always are)"},
    {"q-lora-rank", TW_ATTR_INT, .fallback = "0", .max = 1e5, FIELD(q_lora_rank),
     .help = "mla: rank of the query's projection; 0: it is not compressed"},
    {"kv-lora-rank", TW_ATTR_INT, .fallback = "0", .max = 1e5, FIELD(kv_lora_rank),
     .help = "mla: numbers of the latent that is cached"},
    {"qk-nope-head-dim", TW_ATTR_INT, .fallback = "0", .max = 1e5, FIELD(qk_nope_head_dim),
     .help = "mla: numbers per query and key head without position"},
    {"qk-rope-head-dim", TW_ATTR_INT, .fallback = "0", .max = 1e5, FIELD(qk_rope_head_dim),
     .help = "mla: numbers per query head with rotary position; the key's are shared and cached"},
    {"v-head-dim", TW_ATTR_INT, .fallback = "0", .max = 1e5, FIELD(v_head_dim),
     .help = "mla: numbers per value head"},
    {0}};
static const tw_element attention_element = {"attention", "the shape of the attention of every layer",
                                             attention_attributes, NULL, check_attention};

static const tw_attribute mlp_attributes[] = {
    {"intermediate", TW_ATTR_INT, .min = 1, .max = 1e7, FIELD(intermediate),
     .help = "width of the gated MLP, which has three matrices"},
    {"layers", TW_ATTR_INT, .fallback = "0", .max = 1e4, FIELD(dense_layers),
     .help = "how many layers have it; the others have experts; 0: all, in a model without experts"},
    {0}};
static const tw_element mlp_element = {"mlp", "the dense MLP", mlp_attributes, NULL, NULL};

static const tw_attribute experts_attributes[] = {
    {"count", TW_ATTR_INT, .min = 1, .max = 1e5, FIELD(experts), .help = "routed experts of a layer"},
    {"per-token", TW_ATTR_INT, .min = 1, .max = 1e5, FIELD(experts_per_token),
     .help = "routed experts that a token passes through"},
    {"shared", TW_ATTR_INT, .fallback = "0", .max = 1e3, FIELD(shared_experts),
     .help = "experts that every token passes through"},
    {"intermediate", TW_ATTR_INT, .min = 1, .max = 1e7, FIELD(expert_intermediate),
     .help = "width of one expert, a gated MLP"},
    {0}};
static const tw_element experts_element = {"experts", "the mixture of experts", experts_attributes, NULL,
                                           check_experts};

static const tw_attribute model_attributes[] = {
    {"name", TW_ATTR_STRING, FIELD(name), .help = "name of the model, and of its file"},
    {"label", TW_ATTR_STRING, FIELD(label), .help = "the name that its makers write"},
    {"layers", TW_ATTR_INT, .min = 1, .max = 1e4, FIELD(layers), .help = "transformer layers"},
    {"hidden", TW_ATTR_INT, .min = 1, .max = 1e6, FIELD(hidden), .help = "width of the residual stream"},
    {"vocab", TW_ATTR_INT, .min = 1, .max = 1e8, FIELD(vocab), .help = "tokens of the vocabulary"},
    {"max-positions", TW_ATTR_INT, .min = 1, .max = 1e9, FIELD(max_positions),
     .help = "longest prompt and output together, in tokens"},
    {"tied-embeddings", TW_ATTR_BOOL, .fallback = "false", FIELD(tied_embeddings),
     .help = "whether the output head shares the weights of the embedding"},
    {"source", TW_ATTR_STRING, FIELD(source), .help = "where these numbers come from"},
    {0}};
static const tw_child model_children[] = {
    {&attention_element, 1, 1}, {&mlp_element, 0, 1}, {&experts_element, 0, 1}, {0}};
const tw_element tw_model_element = {"model", "the shape of a transformer", model_attributes, model_children,
                                     NULL};

/* Rules between elements. */
static gboolean check_layers(const xmlNode *node, const tw_model *model, tw_faults *faults)
{
  guint before = tw_faults_added(faults);
  if (model->intermediate == 0 && model->experts == 0)
    tw_node_fault(node, faults, "the model has neither <mlp> nor <experts>; give one or both");
  if (model->experts > 0 && model->intermediate > 0 &&
      (model->dense_layers == 0 || model->dense_layers >= model->layers))
    tw_node_fault(node, faults,
                  "layers of <mlp> is %" G_GINT64_FORMAT "; with experts beside it, 1 to %" G_GINT64_FORMAT
                  " layers can have the dense MLP",
                  model->dense_layers, model->layers - 1);
  if (model->experts == 0 && model->dense_layers != 0 && model->dense_layers != model->layers)
    tw_node_fault(node, faults,
                  "layers of <mlp> is %" G_GINT64_FORMAT "; without experts all %" G_GINT64_FORMAT
                  " layers have the dense MLP",
                  model->dense_layers, model->layers);
  if (model->window_layers > model->layers)
    tw_node_fault(node, faults,
                  "window-layers is %" G_GINT64_FORMAT "; the model has %" G_GINT64_FORMAT " layers",
                  model->window_layers, model->layers);
  return tw_faults_added(faults) == before;
}

static tw_model *read_model(const xmlNode *root, tw_faults *faults)
{
  if (!tw_schema_check(root, &tw_model_element, faults))
    return NULL;
  g_autoptr(tw_model) model = g_new0(tw_model, 1);
  tw_schema_read(root, &tw_model_element, model);
  for (const tw_child *child = model_children; child->element != NULL; child++) {
    const xmlNode *node = tw_node_child(root, child->element->name);
    if (node != NULL)
      tw_schema_read(node, child->element, model);
  }
  if (!check_layers(root, model, faults))
    return NULL;
  if (model->experts == 0)
    model->dense_layers = model->layers;
  return g_steal_pointer(&model);
}

static void unknown_model(const char *name, const xmlNode *node, tw_faults *faults)
{
  g_auto(GStrv) known = tw_data_list(MODELS, ".xml");
  const char *near = tw_nearest(name, (const char *const *)known);
  g_autofree char *names = g_strjoinv(", ", known);
  g_autofree char *hint = near != NULL ? g_strdup_printf("did you mean \"%s\"?", near)
                                       : g_strdup_printf("there are %s, or the path of a file", names);
  if (node != NULL)
    tw_node_fault(node, faults, "no model is called \"%s\"; %s", name, hint);
  else
    tw_faults_add(faults, NULL, 0, "no model is called \"%s\"; %s", name, hint);
}

tw_model *tw_model_load(const char *name, const xmlNode *node, tw_faults *faults)
{
  g_autofree char *path = NULL;
  if (strchr(name, '/') != NULL) {
    path = node != NULL ? tw_node_path(node, name) : g_strdup(name);
  } else {
    g_autofree char *relative = g_strdup_printf(MODELS "/%s.xml", name);
    path = tw_data_path(relative);
    if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
      unknown_model(name, node, faults);
      return NULL;
    }
  }
  g_autoptr(tw_document) document = tw_document_load(path, faults);
  tw_model *model = document != NULL ? read_model(tw_document_root(document), faults) : NULL;
  if (model != NULL)
    model->file = g_steal_pointer(&path);
  return model;
}

void tw_model_free(tw_model *model)
{
  if (model == NULL)
    return;
  tw_schema_clear(&tw_model_element, model);
  g_free(model->file);
  g_free(model);
}

double tw_model_attention_params(const tw_model *model)
{
  double hidden = (double)model->hidden, heads = (double)model->heads;
  if (model->attention == TW_ATTENTION_GQA)
    return 2 * hidden * (double)(model->head_dim * (model->heads + model->kv_heads));
  /* MLA: queries down and up; latent and rotary key down; keys and values up; output. */
  double rope = (double)model->qk_rope_head_dim, nope = (double)model->qk_nope_head_dim,
         value = (double)model->v_head_dim, latent = (double)model->kv_lora_rank,
         rank = (double)model->q_lora_rank;
  double queries = heads * (nope + rope);
  queries *= rank > 0 ? rank : hidden;
  return hidden * rank + queries + hidden * (latent + rope) + latent * heads * (nope + value) +
         heads * value * hidden;
}

double tw_model_dense_mlp_params(const tw_model *model)
{
  return 3 * (double)model->hidden * (double)model->intermediate;
}

double tw_model_expert_params(const tw_model *model)
{
  return 3 * (double)model->hidden * (double)model->expert_intermediate;
}

double tw_model_shared_params(const tw_model *model)
{
  return (double)model->shared_experts * tw_model_expert_params(model) +
         (double)model->hidden * (double)model->experts;
}

double tw_model_head_params(const tw_model *model)
{
  return (double)model->hidden * (double)model->vocab;
}

/* All layers, with so many routed experts in each layer that has any. */
static double layer_params(const tw_model *model, double experts)
{
  double moe_layers = (double)(model->layers - model->dense_layers);
  return (double)model->layers * tw_model_attention_params(model) +
         (double)model->dense_layers * tw_model_dense_mlp_params(model) +
         moe_layers * (experts * tw_model_expert_params(model) + tw_model_shared_params(model));
}

double tw_model_params(const tw_model *model)
{
  return layer_params(model, (double)model->experts) +
         (model->tied_embeddings ? 1 : 2) * tw_model_head_params(model);
}

double tw_model_active_params(const tw_model *model)
{
  return layer_params(model, (double)model->experts_per_token) + tw_model_head_params(model);
}

double tw_model_kv_numbers_per_layer(const tw_model *model)
{
  if (model->attention == TW_ATTENTION_MLA)
    return (double)(model->kv_lora_rank + model->qk_rope_head_dim);
  return 2 * (double)(model->kv_heads * model->head_dim);
}
