#include "sim/planner/answer_print.h"

#include "analysis/log/log_print.h"
#include "analysis/log/run_summary.h"
#include "platforms/input/fault.h"

#include <math.h>

/* ---- Numbers of a run that an answer shows ---- */

/* The numbers that tables and plan.json take from a summary. */
static const struct {
  const char *name, *metric;
} shown[] = {{"attainment", "slo.attainment"},
             {"ttft_p99_s", "ttft_s.p99"},
             {"tpot_p99_s", "tpot_s.p99"},
             {"output_tokens_per_s", "throughput.output_tokens_per_s"},
             {"peak_w", "energy.peak_w"},
             {"j_per_output_token", "energy.j_per_output_token"},
             {"output_tokens_per_s_per_mw", "energy.output_tokens_per_s_per_mw"},
             {"usd_per_million_output_tokens", "cost.usd_per_million_output_tokens"},
             {"kv_used", "utilization.kv_used"},
             {"peak_link_utilization", "network.peak_link_utilization"}};

static void add_numbers(json_t *to, const json_t *summary)
{
  for (guint i = 0; i < G_N_ELEMENTS(shown); i++) {
    double value = tw_run_summary_number(summary, shown[i].metric);
    if (isfinite(value))
      json_object_set_new(to, shown[i].name, json_real(value));
  }
}

static const tw_objective *objective_of(const tw_answer *answer)
{
  return tw_question_objective(answer->question);
}

static gboolean finds_load(const tw_answer *answer)
{
  return objective_of(answer)->finds_load;
}

/* ---- JSON ---- */

static json_t *describe_load(const tw_answer *answer)
{
  const tw_demand *demand = &answer->demand;
  json_t *load = json_object();
  json_object_set_new(load, "requests", json_integer((json_int_t)demand->requests));
  json_object_set_new(load, "span_s", json_real(demand->span_s));
  json_object_set_new(load, "busiest_requests_per_s", json_real(demand->rate_per_s));
  json_object_set_new(load, "prompt_tokens", json_real(demand->prompt));
  json_object_set_new(load, "output_tokens", json_real(demand->output));
  json_object_set_new(load, "cached", json_real(demand->cached));
  json_object_set_new(load, "growth", json_real(answer->question->growth));
  return load;
}

/* Engines of either role at the size that was found: a ratio is rounded to whole ones. */
static gint64 prefill_engines(const tw_answer *answer, const tw_design *design, gint64 *decode)
{
  double size = tw_answer_size(answer, design);
  gint64 prefill = tw_design_prefill(design, size);
  *decode = tw_design_engines(design, size) - prefill;
  return prefill;
}

static json_t *describe_design(const tw_answer *answer, const tw_design *design, int rank)
{
  json_t *object = json_pack(
      "{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:i, s:i, s:I, s:I, s:s, s:i}", "name", design->name,
      "site", design->site->name, "model", design->model->name, "weights", design->weights->name, "kv",
      tw_precision_names[design->kv], "tp", (json_int_t)design->tp, "pp", (json_int_t)design->pp, "dp",
      (json_int_t)design->dp, "ep", (json_int_t)design->ep, "prefill", (int)design->prefill, "decode",
      (int)design->decode, "max_batched_tokens", (json_int_t)design->max_batched_tokens, "max_seqs",
      (json_int_t)design->max_seqs, "router", design->router, "rounds", (int)design->rounds);
  if (!isnan(design->host_bytes)) {
    json_object_set_new(object, "host_bytes", json_real(design->host_bytes));
    json_object_set_new(object, "store", json_boolean(design->store));
  }
  if (!isnan(design->cap_w))
    json_object_set_new(object, "cap_w", json_real(design->cap_w));
  if (!isnan(design->oversubscription))
    json_object_set_new(object, "oversubscription", json_real(design->oversubscription));
  if (design->dropped != NULL)
    json_object_set_new(object, "dropped", json_string(design->dropped));
  if (design->estimate_score > 0 && isfinite(design->estimate_score))
    json_object_set_new(
        object, tw_objective_is_of_power(objective_of(answer)) ? "estimated_w" : "estimated_accelerators",
        json_real(design->estimate_score));
  if (rank > 0)
    json_object_set_new(object, "rank", json_integer(rank));
  if (design->best == NULL)
    return object;
  if (isfinite(design->margin))
    json_object_set_new(object, "margin", json_real(design->margin));
  const tw_objective *beside = tw_question_beside(answer->question);
  if (beside != NULL) {
    json_object_set_new(object, "beside", json_real(tw_answer_value(answer, design, beside)));
    json_object_set_new(object, "front", json_boolean(rank > 0 && design->front));
  }
  if (rank > 0)
    json_object_set_new(object, "within_error", json_boolean(tw_answer_within_error(answer, design)));
  double size = tw_answer_size(answer, design);
  json_object_set_new(object, "size", json_real(size));
  if (design->prefill > 0) {
    gint64 decode, prefill = prefill_engines(answer, design, &decode);
    json_object_set_new(object, "prefill_engines", json_integer(prefill));
    json_object_set_new(object, "decode_engines", json_integer(decode));
  }
  if (finds_load(answer))
    json_object_set_new(object, "load", json_real(design->bracket.holds));
  json_object_set_new(object, "accelerators", json_real(tw_design_accelerators(design, size)));
  json_object_set_new(object, "racks", json_integer(tw_answer_racks(answer, design, size)));
  json_object_set_new(object, "objective", json_real(tw_answer_objective(answer, design)));
  add_numbers(object, design->best);
  const char *inside = design->best_directory + strlen(answer->designs->directory);
  json_object_set_new(object, "directory", json_string(inside + strspn(inside, "/")));
  return object;
}

/* The limits that break where the best design is one step smaller, or has a little more load. */
static json_t *describe_broken(const tw_design *design)
{
  if (design->broken == NULL)
    return json_null();
  json_t *broken = json_object();
  json_object_set_new(broken, "level", json_real(design->bracket.breaks));
  add_numbers(broken, design->broken);
  return broken;
}

static json_t *describe_levers(const tw_answer *answer)
{
  json_t *levers = json_array();
  for (guint i = 0; i < answer->levers->len; i++) {
    const tw_lever *lever = &g_array_index(answer->levers, tw_lever, i);
    json_t *one = json_pack("{s:s, s:f}", "name", lever->name, "bears", lever->bears);
    if (isfinite(lever->breaks))
      json_object_set_new(one, "breaks", json_real(lever->breaks));
    json_array_append_new(levers, one);
  }
  return levers;
}

json_t *tw_answer_json(const tw_answer *answer)
{
  const tw_objective *objective = objective_of(answer);
  json_t *designs = json_array(), *checks = json_array();
  for (guint i = 0; i < answer->designs->all->len; i++) {
    const tw_design *design = answer->designs->all->pdata[i];
    guint rank;
    gboolean ranked = g_ptr_array_find(answer->ranked, design, &rank);
    json_array_append_new(designs, describe_design(answer, design, ranked ? (int)rank + 1 : 0));
  }
  for (guint i = 0; i < answer->checks->len; i++) {
    const tw_check *check = answer->checks->pdata[i];
    json_t *one = json_pack("{s:s, s:b}", "name", check->name, "holds", check->holds);
    add_numbers(one, check->summary);
    json_array_append_new(checks, one);
  }
  json_t *all = json_pack("{s:s, s:s, s:s, s:s, s:b, s:o, s:i, s:o, s:o}", "question", answer->question->name,
                          "description", answer->question->description, "objective", objective->name, "unit",
                          objective->unit, "answered", answer->ranked->len > 0, "load", describe_load(answer),
                          "runs", (int)answer->runs, "designs", designs, "checks", checks);
  const tw_objective *beside = tw_question_beside(answer->question);
  if (beside != NULL) {
    json_object_set_new(all, "beside", json_string(beside->name));
    json_object_set_new(all, "beside_unit", json_string(beside->unit));
  }
  if (answer->ranked->len > 0) {
    const tw_design *best = answer->ranked->pdata[0];
    json_t *object = describe_design(answer, best, 1);
    json_object_set_new(object, "breaks", describe_broken(best));
    json_object_set_new(object, "levers", describe_levers(answer));
    if (answer->levers->len > 0 && isfinite(answer->lever_slice_s))
      json_object_set_new(object, "levers_on_s", json_real(answer->lever_slice_s));
    json_object_set_new(all, "best", object);
  }
  return all;
}

/* ---- Text ---- */

char *tw_answer_layout(const tw_answer *answer, const tw_design *design)
{
  g_autoptr(GString) text = g_string_new(NULL);
  g_string_append_printf(text, "tp%d", (int)design->tp);
  if (design->pp > 1)
    g_string_append_printf(text, " pp%d", (int)design->pp);
  if (design->dp > 1)
    g_string_append_printf(text, " dp%d", (int)design->dp);
  if (design->ep > 1)
    g_string_append_printf(text, " ep%d", (int)design->ep);
  if (design->prefill > 0 && design->best == NULL)
    g_string_append_printf(text, ", prefill to decode %u:%u", design->prefill, design->decode);
  else if (design->prefill > 0) {
    gint64 decode, prefill = prefill_engines(answer, design, &decode);
    g_string_append_printf(text, ", %" G_GINT64_FORMAT " prefill and %" G_GINT64_FORMAT " decode", prefill,
                           decode);
  }
  if (tw_question_frees_budgets(answer->question))
    g_string_append_printf(text, ", %d tokens in %d places", (int)design->max_batched_tokens,
                           (int)design->max_seqs);
  if (!isnan(design->host_bytes))
    g_string_append_printf(text, ", %.6g GB of host memory for KV%s", design->host_bytes / 1e9,
                           design->store ? " and the store" : "");
  if (!isnan(design->cap_w))
    g_string_append_printf(text, ", capped at %.6g W", design->cap_w);
  if (!isnan(design->oversubscription))
    g_string_append_printf(text, ", %.6g times the power", design->oversubscription);
  return g_strdup(text->str);
}

/* "1 rack", "5 nodes": a size in the words of its kind. The caller frees it. */
char *tw_answer_size_text(const tw_design *design, double size)
{
  const char *units = tw_question_size_option(design->site);
  return g_strdup_printf("%.0f %.*s", size, (int)strlen(units) - (size == 1 ? 1 : 0), units);
}

static char *format_number(double value, const char *form)
{
  return isfinite(value) ? g_strdup_printf(form, value) : g_strdup("");
}

static void print_table(const tw_answer *answer, const char *format, FILE *out)
{
  const tw_objective *objective = objective_of(answer);
  const char *heading =
      objective->metric != NULL || objective->finds_load ? objective->unit : objective->name;
  g_autoptr(GArray) columns = g_array_new(FALSE, FALSE, sizeof(tw_column));
  const tw_column before[] = {{"rank", TW_COLUMN_INTEGER, 0, "", ""},
                              {"site", TW_COLUMN_TEXT, 0, "", ""},
                              {"model", TW_COLUMN_TEXT, 0, "", ""},
                              {"layout", TW_COLUMN_TEXT, 0, "", ""},
                              {"router", TW_COLUMN_TEXT, 0, "", ""}};
  g_array_append_vals(columns, before, G_N_ELEMENTS(before));
  const tw_column found[] = {
      {"size", TW_COLUMN_TEXT, 0, "", ""},       {"GPUs", TW_COLUMN_INTEGER, 0, "", ""},
      {heading, TW_COLUMN_REAL, 0, "", ""},      {"attained %", TW_COLUMN_REAL, 0, "", ""},
      {"TTFT p99 s", TW_COLUMN_REAL, 0, "", ""}, {"TPOT p99 ms", TW_COLUMN_REAL, 0, "", ""},
      {"peak kW", TW_COLUMN_REAL, 0, "", ""},    {"J/token", TW_COLUMN_REAL, 0, "", ""}};
  g_array_append_vals(columns, found, G_N_ELEMENTS(found));
  g_autoptr(tw_log_printer) printer = tw_log_printer_new(format, columns, out);
  for (guint i = 0; i < answer->ranked->len; i++) {
    const tw_design *design = answer->ranked->pdata[i];
    double size = tw_answer_size(answer, design);
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(cells, g_strdup_printf("%u", i + 1));
    g_ptr_array_add(cells, g_strdup(design->site->name));
    g_ptr_array_add(cells, g_strdup_printf("%s %s", design->model->name, design->weights->name));
    g_ptr_array_add(cells, tw_answer_layout(answer, design));
    g_ptr_array_add(cells, g_strdup(design->router));
    g_ptr_array_add(cells, tw_answer_size_text(design, size));
    g_ptr_array_add(cells, g_strdup_printf("%.0f", tw_design_accelerators(design, size)));
    g_ptr_array_add(cells, format_number(tw_answer_objective(answer, design), "%.5g"));
    g_ptr_array_add(cells,
                    format_number(100 * tw_run_summary_number(design->best, "slo.attainment"), "%.2f"));
    g_ptr_array_add(cells, format_number(tw_run_summary_number(design->best, "ttft_s.p99"), "%.3g"));
    g_ptr_array_add(cells, format_number(1e3 * tw_run_summary_number(design->best, "tpot_s.p99"), "%.3g"));
    g_ptr_array_add(cells, format_number(tw_run_summary_number(design->best, "energy.peak_w") / 1e3, "%.4g"));
    g_ptr_array_add(cells,
                    format_number(tw_run_summary_number(design->best, "energy.j_per_output_token"), "%.3g"));
    tw_log_printer_row(printer, (const char *const *)cells->pdata);
  }
}

/* Whether a run with another seed went as the best one did: the load is a trace, and nobody throws dice. */
static gboolean same_run(const tw_answer *answer, const tw_check *check)
{
  const tw_design *best = answer->ranked->pdata[0];
  static const char *const parts[] = {"ttft_s", "tpot_s", "e2e_s", "tokens", "energy"};
  for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
    if (!json_equal(json_object_get(check->summary, parts[i]), json_object_get(best->best, parts[i])))
      return FALSE;
  return TRUE;
}

static void print_checks(const tw_answer *answer, FILE *out)
{
  fprintf(out, "\nThe same site under other circumstances:\n");
  for (guint i = 0; i < answer->checks->len; i++) {
    const tw_check *check = answer->checks->pdata[i];
    if (same_run(answer, check)) {
      fprintf(out, "  %-16s changes nothing: the load is a recorded one, and nothing else is drawn\n",
              check->name);
      continue;
    }
    fprintf(out, "  %-16s %-7s %6.2f %% attained, TTFT p99 %.3g s, TPOT p99 %.3g ms\n", check->name,
            check->holds ? "holds" : "breaks", 100 * tw_run_summary_number(check->summary, "slo.attainment"),
            tw_run_summary_number(check->summary, "ttft_s.p99"),
            1e3 * tw_run_summary_number(check->summary, "tpot_s.p99"));
  }
}

/* The reasons for which designs were dropped, and of how many, the most frequent first. */
static void print_dropped(const tw_answer *answer, FILE *out)
{
  /* Reasons of one kind begin alike, up to the first colon, and go on with numbers. */
  g_autoptr(GHashTable) counts = g_hash_table_new(g_str_hash, g_str_equal);
  g_autoptr(GHashTable) examples = g_hash_table_new(g_str_hash, g_str_equal); /* the first of each kind */
  g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);
  for (guint i = 0; i < answer->designs->all->len; i++) {
    const tw_design *design = answer->designs->all->pdata[i];
    if (design->dropped == NULL)
      continue;
    char *kind = g_strndup(design->dropped, strcspn(design->dropped, ":"));
    guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, kind));
    g_ptr_array_add(reasons, kind);
    g_hash_table_insert(counts, kind, GUINT_TO_POINTER(n + 1));
    if (n == 0)
      g_hash_table_insert(examples, kind, design->dropped);
  }
  if (reasons->len > 0)
    fprintf(out, "\nDropped, of %u designs:\n", answer->designs->all->len);
  while (g_hash_table_size(counts) > 0) {
    const char *most = reasons->pdata[0];
    for (guint i = 1; i < reasons->len; i++)
      if (g_hash_table_lookup(counts, reasons->pdata[i]) > g_hash_table_lookup(counts, most))
        most = reasons->pdata[i];
    fprintf(out, "%5u  %s\n", GPOINTER_TO_UINT(g_hash_table_lookup(counts, most)),
            (const char *)g_hash_table_lookup(examples, most));
    g_hash_table_remove(counts, most);
  }
}

void tw_answer_print(const tw_answer *answer, FILE *out)
{
  g_autofree char *load = tw_answer_load(answer), *verdict = tw_answer_verdict(answer);
  fprintf(out, "%s\n%s", load, verdict);
  if (answer->ranked->len > 0) {
    putc('\n', out);
    print_table(answer, "table", out);
    print_checks(answer, out);
  }
  print_dropped(answer, out);
}
