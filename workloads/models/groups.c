#include "workloads/models/groups.h"

#include <math.h>

static gint64 common_divisor(gint64 a, gint64 b)
{
  return b == 0 ? a : common_divisor(b, a % b);
}

/* The kinds of layers stand in <layers> alone. */
static void check_alone(const xmlNode *root, tw_faults *faults)
{
  static const char *const others[] = {"attention", "mlp", "experts"};
  for (guint i = 0; i < G_N_ELEMENTS(others); i++) {
    const xmlNode *found = tw_node_child(root, others[i]);
    if (found != NULL)
      tw_node_fault(found, faults, "<%s> stands beside <layers>; move it into the <layers> that have it",
                    others[i]);
  }
}

/* All layers with experts have the same ones, so that ranks hold as many of each. */
static gboolean same_experts(const tw_layers *a, const tw_layers *b)
{
  return a->experts == b->experts && a->experts_per_token == b->experts_per_token &&
         a->expert_intermediate == b->expert_intermediate && a->expert_matrices == b->expert_matrices &&
         a->expert_input == b->expert_input;
}

static void take_mlp(const xmlNode *node, const tw_layers *layers, const tw_layers **first, tw_model *model,
                     tw_faults *faults)
{
  model->intermediate = MAX(model->intermediate, layers->intermediate);
  if (layers->experts == 0)
    return;
  if (*first == NULL) {
    *first = layers;
    model->experts = layers->experts;
    model->experts_per_token = layers->experts_per_token;
    model->shared_experts = layers->shared_experts;
    model->expert_intermediate = layers->expert_intermediate;
  } else if (!same_experts(*first, layers)) {
    tw_node_fault(node, faults,
                  "the experts differ from those of the <layers> before; give all that have any the same "
                  "count, per-token, intermediate, matrices and input");
  }
  model->dense_layers -= layers->count;
}

/* Adds a bound with what its layers cost for each token of context. */
static void add_cap(const xmlNode *node, tw_context_caps *caps, gint64 tokens, double cost, tw_faults *faults)
{
  int i = 0;
  while (i < caps->n && caps->tokens[i] != tokens)
    i++;
  if (i == TW_CONTEXT_CAPS) {
    tw_node_fault(node, faults,
                  "the layers have more than %d different windows and numbers of tokens that they choose; "
                  "give some the same",
                  TW_CONTEXT_CAPS);
    return;
  }
  caps->tokens[i] = tokens;
  caps->share[i] += cost;
  caps->n = MAX(caps->n, i + 1);
}

/* Context costs bytes and FLOPs in parts that stop counting at some bound. What it costs is weighed in bytes, which
 * bound decoding. */
static void add_caps(const xmlNode *node, const tw_layers *layers, tw_model *model, tw_faults *faults)
{
  tw_attention_work work = tw_layers_attention(layers, (double)model->hidden, 2);
  for (int i = 0; i < work.n_parts; i++) {
    const tw_attention_part *part = &work.parts[i];
    double cost = (double)layers->count * part->share * part->kv_bytes;
    if (part->cap > 0)
      add_cap(node, &model->caps, part->cap, cost, faults);
    else
      model->uncapped_share += cost;
  }
}

static void normalize(tw_model *model)
{
  tw_context_caps *caps = &model->caps;
  double all = model->uncapped_share;
  for (int i = 0; i < caps->n; i++)
    all += caps->share[i];
  model->uncapped_share = all > 0 ? model->uncapped_share / all : 1;
  for (int i = 0; i < caps->n; i++)
    caps->share[i] /= all;
  model->window = caps->n > 0 ? caps->tokens[0] : 0;
}

tw_model *tw_model_drafter(const tw_model *model)
{
  const tw_layers *layers = &model->draft;
  if (layers->count == 0)
    return NULL;
  tw_model *drafter = g_new(tw_model, 1);
  *drafter = (tw_model){.file = g_strdup(model->file),
                        .name = g_strdup(model->name),
                        .label = g_strdup_printf("draft layers of %s", model->label),
                        .source = g_strdup(model->source),
                        .layers = layers->count,
                        .hidden = model->hidden,
                        .vocab = model->vocab + 2 * layers->count * model->hidden,
                        .borrowed_vocab = model->vocab,
                        .max_positions = model->max_positions,
                        .tied_embeddings = TRUE,
                        .streams = model->streams,
                        .dense_layers = layers->count,
                        .groups = g_memdup2(layers, sizeof *layers),
                        .n_groups = 1,
                        .card_params = NAN,
                        .card_active_params = NAN};
  const tw_layers *first = NULL;
  take_mlp(NULL, layers, &first, drafter, NULL);
  add_caps(NULL, layers, drafter, NULL);
  drafter->heads = (gint64)tw_layers_attention(layers, (double)model->hidden, 2).heads;
  normalize(drafter);
  return drafter;
}

static gboolean has_cap(const tw_model *model, gint64 tokens)
{
  for (int i = 0; i < model->caps.n; i++)
    if (model->caps.tokens[i] == tokens)
      return TRUE;
  return FALSE;
}

gboolean tw_model_follow_caps(tw_model *drafter, const tw_model *model)
{
  for (int i = 0; i < drafter->caps.n; i++)
    if (!has_cap(model, drafter->caps.tokens[i]))
      return FALSE;
  /* A model without groups counts what lies in its window as that of the first bound. */
  if (drafter->n_groups == 0 && drafter->window_layers > 0 && model->caps.tokens[0] != drafter->window)
    return FALSE;
  drafter->caps = model->caps;
  return TRUE;
}

gboolean tw_model_read_groups(const xmlNode *root, tw_model *model, tw_faults *faults)
{
  guint before = tw_faults_added(faults);
  check_alone(root, faults);
  const char *name = tw_layers_element.name;
  for (const xmlNode *n = tw_node_child(root, name); n != NULL; n = tw_node_next(n, name))
    model->n_groups++;
  model->groups = g_new0(tw_layers, (gsize)model->n_groups);
  model->dense_layers = model->layers;
  model->experts = model->experts_per_token = model->shared_experts = model->expert_intermediate = 0;
  model->heads = 0;
  gint64 sum = 0;
  const tw_layers *first = NULL;
  int i = 0;
  for (const xmlNode *n = tw_node_child(root, name); n != NULL; n = tw_node_next(n, name), i++) {
    tw_layers *layers = &model->groups[i];
    if (!tw_layers_read(n, layers, faults))
      continue;
    sum += layers->count;
    take_mlp(n, layers, &first, model, faults);
    add_caps(n, layers, model, faults);
    gint64 heads = (gint64)tw_layers_attention(layers, (double)model->hidden, 2).heads;
    model->heads = common_divisor(heads, model->heads);
  }
  if (tw_faults_added(faults) == before && sum != model->layers)
    tw_node_fault(root, faults,
                  "the counts of <layers> sum to %" G_GINT64_FORMAT ", but layers is %" G_GINT64_FORMAT
                  "; make them agree",
                  sum, model->layers);
  if (tw_faults_added(faults) == before && model->heads == 0)
    tw_node_fault(root, faults, "none of the <layers> has attention; give some a kind of it");
  normalize(model);
  return tw_faults_added(faults) == before;
}
