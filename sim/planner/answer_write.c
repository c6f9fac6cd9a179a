/* The files of an answer. */
#include "analysis/log/log_print.h"
#include "analysis/report/report.h"
#include "platforms/input/fault.h"
#include "sim/planner/answer_print.h"

#include <glib/gstdio.h>

#include <errno.h>
#include <math.h>

static gboolean write_text(const tw_answer *answer, const char *name, const char *text, GError **error)
{
  g_autofree char *path = g_build_filename(answer->designs->directory, name, NULL);
  return g_file_set_contents(path, text, -1, error);
}

/* ---- plan.csv ---- */

/* Columns of plan.csv: what plan.json says of every design, by name. */
static const tw_column columns[] = {{"name", TW_COLUMN_TEXT, 0, "", ""},
                                    {"site", TW_COLUMN_TEXT, 0, "", ""},
                                    {"model", TW_COLUMN_TEXT, 0, "", ""},
                                    {"weights", TW_COLUMN_TEXT, 0, "", ""},
                                    {"kv", TW_COLUMN_TEXT, 0, "", ""},
                                    {"tp", TW_COLUMN_INTEGER, 0, "", ""},
                                    {"pp", TW_COLUMN_INTEGER, 0, "", ""},
                                    {"dp", TW_COLUMN_INTEGER, 0, "", ""},
                                    {"ep", TW_COLUMN_INTEGER, 0, "", ""},
                                    {"prefill", TW_COLUMN_INTEGER, 0, "", ""},
                                    {"decode", TW_COLUMN_INTEGER, 0, "", ""},
                                    {"max_batched_tokens", TW_COLUMN_INTEGER, 0, "", ""},
                                    {"max_seqs", TW_COLUMN_INTEGER, 0, "", ""},
                                    {"router", TW_COLUMN_TEXT, 0, "", ""},
                                    {"host_bytes", TW_COLUMN_REAL, 0, "", ""},
                                    {"store", TW_COLUMN_TEXT, 0, "", ""},
                                    {"cap_w", TW_COLUMN_REAL, 0, "", ""},
                                    {"oversubscription", TW_COLUMN_REAL, 0, "", ""},
                                    {"rounds", TW_COLUMN_INTEGER, 0, "", ""},
                                    {"rank", TW_COLUMN_INTEGER, 0, "", ""},
                                    {"dropped", TW_COLUMN_TEXT, 0, "", ""},
                                    {"estimated_accelerators", TW_COLUMN_REAL, 0, "", ""},
                                    {"estimated_w", TW_COLUMN_REAL, 0, "", ""},
                                    {"size", TW_COLUMN_REAL, 0, "", ""},
                                    {"load", TW_COLUMN_REAL, 0, "", ""},
                                    {"accelerators", TW_COLUMN_REAL, 0, "", ""},
                                    {"racks", TW_COLUMN_INTEGER, 0, "", ""},
                                    {"objective", TW_COLUMN_REAL, 0, "", ""},
                                    {"beside", TW_COLUMN_REAL, 0, "", ""},
                                    {"front", TW_COLUMN_TEXT, 0, "", ""},
                                    {"margin", TW_COLUMN_REAL, 0, "", ""},
                                    {"within_error", TW_COLUMN_TEXT, 0, "", ""},
                                    {"attainment", TW_COLUMN_REAL, 0, "", ""},
                                    {"ttft_p99_s", TW_COLUMN_REAL, 0, "", ""},
                                    {"tpot_p99_s", TW_COLUMN_REAL, 0, "", ""},
                                    {"output_tokens_per_s", TW_COLUMN_REAL, 0, "", ""},
                                    {"peak_w", TW_COLUMN_REAL, 0, "", ""},
                                    {"j_per_output_token", TW_COLUMN_REAL, 0, "", ""},
                                    {"output_tokens_per_s_per_mw", TW_COLUMN_REAL, 0, "", ""},
                                    {"usd_per_million_output_tokens", TW_COLUMN_REAL, 0, "", ""},
                                    {"directory", TW_COLUMN_TEXT, 0, "", ""}};

static char *cell(const json_t *value)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];
  if (json_is_boolean(value))
    return g_strdup(json_is_true(value) ? "true" : "false");
  if (json_is_string(value))
    return g_strdup(json_string_value(value));
  if (json_is_integer(value))
    return g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
  if (json_is_real(value))
    return g_strdup(g_ascii_formatd(digits, sizeof digits, "%.15g", json_real_value(value)));
  return g_strdup("");
}

static gboolean write_csv(const tw_answer *answer, const json_t *all, GError **error)
{
  g_autofree char *path = g_build_filename(answer->designs->directory, "plan.csv", NULL);
  FILE *out = g_fopen(path, "we");
  if (out == NULL)
    return tw_input_error_set(error, TW_INPUT_ERROR_FILE, path, 0, "cannot be written: %s",
                              g_strerror(errno));
  g_autoptr(GArray) table = g_array_new(FALSE, FALSE, sizeof(tw_column));
  g_array_append_vals(table, columns, G_N_ELEMENTS(columns));
  tw_log_printer *printer = tw_log_printer_new("csv", table, out);
  gsize i;
  json_t *design;
  json_array_foreach(json_object_get(all, "designs"), i, design)
  {
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
    for (guint c = 0; c < G_N_ELEMENTS(columns); c++)
      g_ptr_array_add(cells, cell(json_object_get(design, columns[c].name)));
    tw_log_printer_row(printer, (const char *const *)cells->pdata);
  }
  tw_log_printer_free(printer);
  return fclose(out) == 0 ||
         tw_input_error_set(error, TW_INPUT_ERROR_FILE, path, 0, "cannot be written: %s", g_strerror(errno));
}

/* ---- The best design ---- */

/* The scenario of the best design in its size, complete, for `tokenworks run`. */
static gboolean write_best(const tw_answer *answer, GError **error)
{
  const tw_design *best = answer->ranked->pdata[0];
  gboolean load = tw_question_objective(answer->question)->finds_load;
  double size = load ? best->estimate_size : best->bracket.holds;
  double factor = load ? best->bracket.holds * answer->question->growth : answer->question->growth;
  g_autoptr(tw_scenario) scenario =
      tw_design_load(answer->designs, best, size, &answer->demand, factor, error);
  if (scenario == NULL)
    return FALSE;
  return write_text(answer, "answer.xml", scenario->canonical, error);
}

/* A report for each of the ranked designs, which the page links to. */
static gboolean write_reports(const tw_answer *answer, GError **error)
{
  g_autofree char *folder = g_build_filename(answer->designs->directory, "reports", NULL);
  if (g_mkdir_with_parents(folder, 0777) != 0)
    return tw_input_error_set(error, TW_INPUT_ERROR_FILE, folder, 0, "cannot be made: %s", g_strerror(errno));
  for (guint i = 0; i < answer->ranked->len; i++) {
    const tw_design *design = answer->ranked->pdata[i];
    g_autofree char *page = tw_report_page(design->best_directory, error);
    g_autofree char *name = g_strdup_printf("reports/%s.html", design->name);
    if (page == NULL || !write_text(answer, name, page, error))
      return FALSE;
  }
  return TRUE;
}

/* The page: what plan.json holds, with the verdict. */
static gboolean write_page(const tw_answer *answer, const json_t *all, GError **error)
{
  g_autofree char *verdict = tw_answer_verdict(answer), *load = tw_answer_load(answer);
  json_t *plan = json_deep_copy(all);
  json_object_set_new(plan, "verdict", json_string(verdict));
  json_object_set_new(plan, "load_text", json_string(load));
  json_t *data = json_pack("{s:{s:s}, s:{}, s:f, s:o}", "run", "name", answer->question->name, "summary",
                           "end_s", 1.0, "plan", plan);
  g_autofree char *page = tw_report_page_of(data);
  json_decref(data);
  return write_text(answer, "plan.html", page, error);
}

gboolean tw_answer_write(const tw_answer *answer, GError **error)
{
  json_t *all = tw_answer_json(answer);
  char *text = json_dumps(all, JSON_INDENT(1) | JSON_REAL_PRECISION(15));
  gboolean good = write_text(answer, "plan.json", text, error) && write_csv(answer, all, error);
  good = good && write_page(answer, all, error);
  if (good && answer->ranked->len > 0)
    good = write_best(answer, error) && write_reports(answer, error);
  free(text);
  json_decref(all);
  return good;
}
