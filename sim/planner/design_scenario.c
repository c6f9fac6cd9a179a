/* The scenario of a design, as XML. */
#include "sim/planner/design.h"

#include <math.h>

/* An attribute with a number and its unit; NAN: left out. */
static void add_number(GString *text, const char *name, double value, const char *unit)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];
  if (!isnan(value))
    g_string_append_printf(text, " %s=\"%s%s\"", name, g_ascii_dtostr(digits, sizeof digits, value), unit);
}

static void add_pool(GString *text, const tw_question *question, const tw_design *design, const char *id,
                     const char *role)
{
  char *name = g_markup_escape_text(design->model->name, -1);
  g_string_append_printf(text,
                         "  <pool id=\"%s\" role=\"%s\" model=\"%s\" replicas=\"1\" tp=\"%" G_GINT64_FORMAT
                         "\" pp=\"%" G_GINT64_FORMAT "\" dp=\"%" G_GINT64_FORMAT "\" ep=\"%" G_GINT64_FORMAT
                         "\" weights=\"%s\" kv=\"%s\">\n",
                         id, role, name, design->tp, design->pp, design->dp, design->ep,
                         design->weights->name, tw_precision_names[design->kv]);
  g_free(name);
  g_string_append_printf(text,
                         "    <scheduler kind=\"%s\" max-batched-tokens=\"%" G_GINT64_FORMAT
                         "\" max-seqs=\"%" G_GINT64_FORMAT "\" prefix-cache=\"%s\"",
                         question->scheduler, design->max_batched_tokens, design->max_seqs,
                         question->prefix_cache ? "true" : "false");
  if (question->max_model_len != G_MININT64)
    g_string_append_printf(text, " max-model-len=\"%" G_GINT64_FORMAT "\"", question->max_model_len);
  g_string_append(text, "/>\n");
  g_string_append_printf(text, "    <step-time engine=\"%s\"/>\n", question->engine);
  if (!isnan(design->host_bytes) && !g_str_equal(role, "decode"))
    g_string_append_printf(text, "    <kv-offload host-memory=\"%.0fB\" write=\"%s\" store=\"%s\"/>\n",
                           design->host_bytes, tw_offload_write_names[question->offload_write],
                           design->store ? "true" : "false");
  g_string_append(text, "  </pool>\n");
}

/* Adds the caps that hold a design below the power that it could draw. */
static void add_caps(GString *text, const tw_question *question, const tw_design *design)
{
  if (isnan(design->cap_w) && isnan(design->oversubscription))
    return;
  g_string_append(text, "  <power-cap");
  add_number(text, "accelerator", design->cap_w, "W");
  if (!isnan(design->oversubscription)) {
    add_number(text, "site", question->site_w, "W");
    add_number(text, "period", question->cap_period_s, "s");
    add_number(text, "delay", question->cap_delay_s, "s");
  }
  g_string_append(text, "/>\n");
}

char *tw_design_scenario(const tw_question *question, const tw_design *design, const char *platform,
                         const char *workload)
{
  GString *text = g_string_new("<?xml version=\"1.0\"?>\n");
  char *escaped = g_markup_escape_text(platform, -1);
  g_string_append_printf(text, "<scenario name=\"%s\" seed=\"%" G_GINT64_FORMAT "\">\n", design->name,
                         question->seed);
  g_string_append_printf(text, "  <platform file=\"%s\"/>\n  %s\n", escaped, workload);
  g_free(escaped);
  if (design->prefill == 0) {
    add_pool(text, question, design, "serve", "mixed");
  } else {
    add_pool(text, question, design, "prefill", "prefill");
    add_pool(text, question, design, "decode", "decode");
  }
  g_string_append_printf(text, "  <router policy=\"%s\"", design->router);
  add_number(text, "prefix-weight", question->prefix_weight, "");
  g_string_append_printf(text, "/>\n%s", question->given);
  const tw_question_site *site = design->site;
  if (!isnan(site->accelerator_hour_usd) || !isnan(site->rack_hour_usd)) {
    g_string_append(text, "  <cost");
    add_number(text, "accelerator-hour", site->accelerator_hour_usd, "");
    add_number(text, "rack-hour", site->rack_hour_usd, "");
    g_string_append(text, "/>\n");
  }
  add_caps(text, question, design);
  g_string_append(text, "</scenario>\n");
  return g_string_free(text, FALSE);
}
