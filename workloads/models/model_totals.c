/* The totals of a model that `tokenworks check` prints. */
#include "workloads/models/model.h"

#include <math.h>

static void add_part(GString *out, const char *name, double params)
{
  if (params > 0)
    g_string_append_printf(out, "  %-28s %10.5g billion, %.4g GB in bf16, %.4g in 8 bits, %.4g in 4\n", name,
                           params * 1e-9, params * 2e-9, params * 1e-9, params * 0.5e-9);
}

static void add_total(GString *out, const char *name, double params, double card)
{
  g_string_append_printf(out, "  %-28s %10.5g billion", name, params * 1e-9);
  if (!isnan(card))
    g_string_append_printf(out, "; the card says %.5g, which is %+.1f %%", card * 1e-9,
                           100 * (params / card - 1));
  g_string_append_c(out, '\n');
}

static void add_bytes(GString *out, const char *name, double bytes, double bytes8, const char *of)
{
  if (bytes > 0)
    g_string_append_printf(out, "  %-28s %10.6g bytes %s, %.6g with KV in 8 bits\n", name, bytes, of, bytes8);
}

char *tw_model_totals(const tw_model *model)
{
  GString *out = g_string_new(NULL);
  double experts = tw_model_moe_layers(model) * (double)model->experts * tw_model_expert_params(model);
  add_total(out, "parameters", tw_model_params(model), model->card_params);
  add_total(out, "active for a token", tw_model_active_params(model), model->card_active_params);
  add_part(out, "attention", tw_model_projection_params(model));
  add_part(out, "MLPs, shared experts, gates", tw_model_mlp_params(model));
  add_part(out, "routed experts", experts);
  add_part(out, model->tied_embeddings ? "embedding, also the head" : "embedding and head",
           (model->tied_embeddings ? 1 : 2) * tw_model_head_params(model));
  add_part(out, "draft layers (beside)", tw_model_draft_params(model));
  add_part(out, "n-gram tables (beside)", tw_model_table_params(model));
  tw_sequence_bytes whole = tw_model_sequence_bytes(model, 2, 1),
                    eighth = tw_model_sequence_bytes(model, 1, 1);
  add_bytes(out, "KV", whole.per_token, eighth.per_token, "per token");
  add_bytes(out, "KV of windows", whole.window, eighth.window, "per sequence at most");
  if (whole.state > 0)
    g_string_append_printf(out, "  %-28s %10.9g bytes per sequence\n", "state", whole.state);
  return g_string_free(out, FALSE);
}
