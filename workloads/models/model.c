#include "workloads/models/model.h"

#include "platforms/input/data.h"
#include "workloads/models/groups.h"

#include <math.h>

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
    {"streams", TW_ATTR_INT, .fallback = "1", .min = 1, .max = 64, FIELD(streams),
     .help = "residual streams, which hyper-connections mix in front of and behind every block"},
    {"source", TW_ATTR_STRING, FIELD(source), .help = "where these numbers come from"},
    {0}};
static const tw_attribute card_attributes[] = {
    {"total", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .positive = TRUE, .max = 1e15, FIELD(card_params),
     .help = "parameters in all"},
    {"active", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .positive = TRUE, .max = 1e15,
     FIELD(card_active_params), .help = "parameters that a token passes through"},
    {"source", TW_ATTR_STRING, FIELD(card_source), .help = "where these numbers come from"},
    {0}};
static const tw_element card_element = {
    "card", "sizes as the makers publish them, to check the shape against", card_attributes, NULL, NULL};

static const tw_attribute table_attributes[] = {
    {"rows", TW_ATTR_NUMBER, .positive = TRUE, .max = 1e12, FIELD(table_rows), .help = "rows of all tables"},
    {"width", TW_ATTR_NUMBER, .positive = TRUE, .max = 1e6, FIELD(table_width), .help = "numbers of a row"},
    {"reads", TW_ATTR_INT, .min = 1, .max = 1e5, FIELD(table_reads), .help = "rows that a token looks up"},
    {0}};
static const tw_element table_element = {
    "ngram-table", "tables that n-grams are looked up in, in host memory", table_attributes, NULL, NULL};

static const tw_child model_children[] = {{&attention_element, 0, 1},
                                          {&mlp_element, 0, 1},
                                          {&experts_element, 0, 1},
                                          {&tw_layers_element, 0, 0},
                                          {&tw_draft_layers_element, 0, 1},
                                          {&table_element, 0, 1},
                                          {&card_element, 0, 1},
                                          {0}};
const tw_element tw_model_element = {"model", "the shape of a transformer", model_attributes, model_children,
                                     NULL};

/* Rules between elements. */
static gboolean check_layers(const xmlNode *node, const tw_model *model, tw_faults *faults)
{
  guint before = tw_faults_added(faults);
  if (tw_node_child(node, attention_element.name) == NULL) {
    tw_node_fault(
        node, faults,
        "the model has neither <attention> nor <layers>; give one of them: <attention> where all layers have "
        "the same kind");
    return FALSE;
  }
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
  model->card_params = model->card_active_params = NAN;
  static const tw_element *const own[] = {&attention_element, &mlp_element, &experts_element, &table_element,
                                          &card_element};
  for (guint i = 0; i < G_N_ELEMENTS(own); i++) {
    const xmlNode *node = tw_node_child(root, own[i]->name);
    if (node != NULL)
      tw_schema_read(node, own[i], model);
  }
  const xmlNode *draft = tw_node_child(root, tw_draft_layers_element.name);
  gboolean drafts = draft == NULL || tw_layers_read(draft, &model->draft, faults);
  gboolean whole = tw_node_child(root, tw_layers_element.name) != NULL
                       ? tw_model_read_groups(root, model, faults)
                       : check_layers(root, model, faults);
  if (!whole || !drafts)
    return NULL;
  if (model->n_groups == 0) {
    if (model->experts == 0)
      model->dense_layers = model->layers;
    model->uncapped_share =
        model->window_layers > 0 ? 1 - (double)model->window_layers / (double)model->layers : 1;
    if (model->window_layers > 0)
      model->caps = (tw_context_caps){1, {model->window}, {1 - model->uncapped_share}};
  }
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
  tw_schema_clear(&card_element, model);
  g_free(model->file);
  g_free(model->groups);
  g_free(model);
}
