/* <speculation>: reads how a pool drafts tokens, and loads the model that drafts them. */
#include "sim/scenario/scenario.h"

#include <math.h>

#define OWN_LAYERS  "mtp"
#define FIELD(name) .offset = offsetof(tw_pool, name)

static const tw_attribute speculation_attributes[] = {
    {"draft-tokens", TW_ATTR_INT, .min = 1, .max = TW_MOST_DRAFT_TOKENS, FIELD(speculation.draft_tokens),
     .help = "proposed for each sequence in every decode iteration"},
    {"acceptance", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .min = 0, .max = 1, FIELD(speculation.acceptance),
     .help = "probability that a draft token is accepted where those before it were"},
    {"accepted", TW_ATTR_STRING, .fallback = "", FIELD(accepted_text),
     .help = "instead of acceptance, as engines measure it: shares of the iterations that accept the first "
             "draft token, "
             "the second, and so on, as in 0.86,0.74,0.61"},
    {"drafter", TW_ATTR_STRING, .fallback = "", FIELD(drafter_name),
     .help = "what drafts, at the cost and in the memory of its layers: mtp for the model's own draft "
             "layers, or a model of "
             "the catalogue, or the path of a model file"},
    {"draft-cost", TW_ATTR_NUMBER, .fallback = "0", .min = 0, .max = 10, FIELD(speculation.draft_cost),
     .help = "without a drafter: of a draft token, over an iteration of the same batch without drafts"},
    {0},
};

static gboolean check_speculation(const xmlNode *node, const void *target, tw_faults *faults)
{
  const xmlNode *step = tw_node_child(node->parent, "step-time");
  g_autofree char *role = (char *)xmlGetProp((xmlNode *)node->parent, BAD_CAST "role");
  g_autofree char *model = step != NULL ? (char *)xmlGetProp((xmlNode *)step, BAD_CAST "model") : NULL;
  (void)target;
  if (g_strcmp0(role, "prefill") == 0)
    tw_node_fault(node, faults, "a pool of role=\"prefill\" does not decode; leave <speculation> out");
  else if (g_strcmp0(model, "table") == 0)
    tw_node_fault(node, faults,
                  "measured step times do not tell what verifying drafts takes; use <step-time "
                  "model=\"roofline\"/>, or leave <speculation> out");
  else
    return TRUE;
  return FALSE;
}

const tw_element tw_speculation_element = {"speculation", "speculative decoding or multi-token prediction",
                                           speculation_attributes, NULL, check_speculation};

/* Reads the shares of iterations that accept each draft token. */
static void read_accepted(tw_pool *pool, const xmlNode *node, tw_faults *faults)
{
  tw_speculation *speculation = &pool->speculation;
  gboolean given = pool->accepted_text[0] != '\0';
  if (given != isnan(speculation->acceptance)) {
    tw_node_fault(node, faults,
                  given ? "acceptance and accepted both say how many draft tokens are accepted; leave one out"
                        : "how many draft tokens are accepted? give acceptance, or accepted");
    return;
  }
  if (!given)
    return;
  g_auto(GStrv) words = g_strsplit(pool->accepted_text, ",", -1);
  guint n = g_strv_length(words);
  if ((gint64)n != speculation->draft_tokens) {
    tw_node_fault(node, faults,
                  "accepted has %u shares for %" G_GINT64_FORMAT " draft tokens; give one for each", n,
                  speculation->draft_tokens);
    return;
  }
  double *shares = g_new(double, n), most = 1;
  for (guint i = 0; i < n; most = shares[i], i++) {
    char *word = g_strstrip(words[i]), *end;
    shares[i] = g_ascii_strtod(word, &end);
    if (end != word && *end == '\0' && shares[i] >= 0 && shares[i] <= most)
      continue;
    tw_node_fault(
        node, faults,
        "share %u of accepted is \"%s\"; each is a number from 0 to 1, and no larger than the one before it",
        i + 1, word);
    g_free(shares);
    return;
  }
  speculation->accepted = pool->accepted_shares = shares;
}

/* The rules between the drafter and the model that it drafts for. */
static void check_drafter(const tw_pool *pool, const xmlNode *node, tw_faults *faults)
{
  tw_model *drafter = pool->drafter;
  const tw_model *model = pool->model;
  if (pool->speculation.draft_cost != 0)
    tw_node_fault(node, faults, "the layers of drafter=\"%s\" tell its cost; leave draft-cost out",
                  pool->drafter_name);
  if (drafter->heads % pool->tp != 0)
    tw_node_fault(node, faults,
                  "tp=\"%" G_GINT64_FORMAT "\" does not divide the %" G_GINT64_FORMAT
                  " heads of the drafter %s",
                  pool->tp, drafter->heads, drafter->label);
  if (drafter->experts % pool->ep != 0)
    tw_node_fault(node, faults,
                  "ep=\"%" G_GINT64_FORMAT "\" does not divide the %" G_GINT64_FORMAT
                  " experts of the drafter %s",
                  pool->ep, drafter->experts, drafter->label);
  if (!tw_model_follow_caps(drafter, model))
    tw_node_fault(node, faults,
                  "%s attends to a window, or chooses among tokens, as %s does not; draft with another model",
                  drafter->label, model->label);
}

void tw_scenario_read_speculation(tw_pool *pool, const xmlNode *pool_node, tw_faults *faults)
{
  const xmlNode *node = tw_node_child(pool_node, tw_speculation_element.name);
  if (node == NULL)
    return;
  tw_schema_read(node, &tw_speculation_element, pool);
  read_accepted(pool, node, faults);
  if (pool->drafter_name[0] == '\0')
    return;
  if (!g_str_equal(pool->drafter_name, OWN_LAYERS))
    pool->drafter = tw_model_load(pool->drafter_name, node, faults);
  else if ((pool->drafter = tw_model_drafter(pool->model)) == NULL)
    tw_node_fault(node, faults,
                  "%s has no draft layers; name a model that drafts, or give draft-cost instead",
                  pool->model->label);
  if (pool->drafter != NULL)
    check_drafter(pool, node, faults);
}

void tw_scenario_clear_speculation(tw_pool *pool)
{
  tw_schema_clear(&tw_speculation_element, pool);
  g_free(pool->accepted_shares);
  tw_model_free(pool->drafter);
}
