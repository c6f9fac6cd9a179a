/* The verdict of an answer, in sentences. */
#include "analysis/log/run_summary.h"
#include "sim/planner/answer_print.h"
#include "sim/planner/judge.h"

#include <math.h>

/* The median error of the validated rows nearest to a run, of throughput or of TPOT, whichever is known worse; a
 * tenth where nothing is known. */
static double known_to(const json_t *summary)
{
  double error = NAN;
  gsize i;
  json_t *expected;
  json_array_foreach(json_object_get(summary, "expected_error"), i, expected)
  {
    const char *metric = json_string_value(json_object_get(expected, "metric"));
    if (metric != NULL && (g_str_equal(metric, "throughput") || g_str_equal(metric, "TPOT")))
      error = fmax(error, json_number_value(json_object_get(expected, "median")));
  }
  return isnan(error) ? 0.1 : error;
}

/* How far the numbers of the best design can be trusted. Pools of one kind have the same errors, told once. */
static void print_trust(const json_t *summary, FILE *out)
{
  g_autoptr(GString) told = g_string_new(NULL);
  gsize i;
  json_t *expected;
  json_array_foreach(json_object_get(summary, "expected_error"), i, expected)
  {
    g_autofree char *one =
        g_strdup_printf("%s ± %.2g %% (%s)", json_string_value(json_object_get(expected, "metric")),
                        100 * json_number_value(json_object_get(expected, "median")),
                        json_string_value(json_object_get(expected, "grade")));
    if (strstr(told->str, one) == NULL)
      g_string_append_printf(told, "%s%s", told->len > 0 ? ", " : "", one);
  }
  if (told->len > 0)
    fprintf(out, "Expect errors of %s in the median.\n", told->str);
}

double tw_answer_behind(const tw_answer *answer, const tw_design *design)
{
  const tw_design *best = answer->ranked->pdata[0];
  double first = tw_answer_objective(answer, best);
  return fabs(tw_answer_objective(answer, design) - first) / MAX(fabs(first), 1e-300);
}

gboolean tw_answer_within_error(const tw_answer *answer, const tw_design *design)
{
  const tw_design *best = answer->ranked->pdata[0];
  return tw_answer_behind(answer, design) < MAX(known_to(best->best), known_to(design->best));
}

/* What tells a design from the best where the objective does not. */
static void print_difference(const tw_answer *answer, const tw_design *design, FILE *out)
{
  const tw_design *best = answer->ranked->pdata[0];
  const char *joules = "energy.j_per_output_token", *attained = "slo.attainment";
  fprintf(out, "is as good by the objective, with %.3g instead of %.3g J for each output token",
          tw_run_summary_number(design->best, joules), tw_run_summary_number(best->best, joules));
  if (isfinite(design->margin) && isfinite(best->margin))
    fprintf(out, ", %.3g instead of %.3g %% left to the nearest limit", 100 * design->margin,
            100 * best->margin);
  if (design->broken != NULL && best->broken != NULL && design->bracket.breaks == best->bracket.breaks) {
    g_autofree char *smaller = tw_answer_size_text(best, best->bracket.breaks);
    fprintf(out, " and %.4g instead of %.4g %% within the SLO %s %s",
            100 * tw_run_summary_number(design->broken, attained),
            100 * tw_run_summary_number(best->broken, attained),
            tw_question_objective(answer->question)->finds_load ? "at" : "on", smaller);
  }
  fprintf(out, ".\n");
}

static void print_other(const tw_answer *answer, const tw_design *design, const char *what, FILE *out)
{
  double size = tw_answer_size(answer, design), behind = tw_answer_behind(answer, design);
  g_autofree char *layout = tw_answer_layout(answer, design), *text = tw_answer_size_text(design, size);
  fprintf(out, "%s, %s as %s (%s, %.0f accelerators), ", what, design->site->name, layout, text,
          tw_design_accelerators(design, size));
  if (behind == 0)
    print_difference(answer, design, out);
  else if (tw_question_objective(answer->question)->finds_load && behind < TW_ANSWER_TOLERANCE - 1)
    fprintf(out, "is %.3g %% behind, less than the %.0f %% to which loads are found.\n", 100 * behind,
            100 * (TW_ANSWER_TOLERANCE - 1));
  else
    fprintf(out, "is %.3g %% behind.\n", 100 * behind);
}

/* The designs that no other beats in both objectives, with what each has of these. */
static void print_front(const tw_answer *answer, FILE *out)
{
  const tw_objective *first = tw_question_objective(answer->question),
                     *beside = tw_question_beside(answer->question);
  if (beside == NULL)
    return;
  fprintf(out, "No design beats these in both %s and %s:", first->name, beside->name);
  for (guint i = 0; i < answer->ranked->len; i++) {
    const tw_design *design = answer->ranked->pdata[i];
    g_autofree char *layout = tw_answer_layout(answer, design);
    if (design->front)
      fprintf(out, "%s number %u, %s as %s, %.4g %s and %.4g %s", i > 0 ? ";" : "", i + 1, design->site->name,
              layout, tw_answer_objective(answer, design), first->unit,
              tw_answer_value(answer, design, beside), beside->unit);
  }
  fprintf(out, ".\n");
}

/* The designs behind the best one: the next, and the best of every other site; and which of all may be as good. */
static void print_others(const tw_answer *answer, FILE *out)
{
  const tw_design *best = answer->ranked->pdata[0];
  g_autoptr(GHashTable) told = g_hash_table_new(g_direct_hash, g_direct_equal);
  guint near = 0;
  double error = known_to(best->best);
  for (guint i = 1; i < answer->ranked->len; i++) {
    const tw_design *design = answer->ranked->pdata[i];
    gboolean other = design->site != best->site && g_hash_table_add(told, (gpointer)design->site);
    if (i == 1 || other)
      print_other(answer, design, i == 1 ? "The runner-up" : "The best of another site", out);
    near += tw_answer_within_error(answer, design) ? 1 : 0;
    error = MAX(error, known_to(design->best));
  }
  if (near > 0)
    fprintf(out,
            "Simulations like these are known to %.2g %% in the median: of the %u behind the best, %u may be "
            "as good or "
            "better. Where the objective is the same, they are ranked by accelerators, host memory, the "
            "margin to "
            "the limits and what one unit less of the site would serve, both in steps of five points, and "
            "energy.\n",
            100 * error, answer->ranked->len - 1, near);
  else if (answer->ranked->len > 1)
    fprintf(out,
            "Simulations like these are known to %.2g %% in the median, so that none of those behind may be "
            "better.\n",
            100 * error);
}

/* The least memory of hosts with which as much is served, where more than one was tried and loads are compared. */
static void print_least_memory(const tw_answer *answer, FILE *out)
{
  const tw_design *best = answer->ranked->pdata[0];
  if (!tw_question_objective(answer->question)->finds_load ||
      strchr(answer->question->host_memory, ' ') == NULL)
    return;
  double least = isnan(best->host_bytes) ? 0 : best->host_bytes, load = best->bracket.holds;
  for (guint i = 1; i < answer->ranked->len; i++) {
    const tw_design *design = answer->ranked->pdata[i];
    double bytes = isnan(design->host_bytes) ? 0 : design->host_bytes;
    if (bytes < least && design->bracket.holds * TW_ANSWER_TOLERANCE >= best->bracket.holds) {
      least = bytes;
      load = design->bracket.holds;
    }
  }
  if (least > 0)
    fprintf(out, "Of host memory for KV, %.6g GB at each engine are enough: with it", least / 1e9);
  else
    fprintf(out, "Host memory for KV is not needed: without it");
  fprintf(out, " the site serves %.4g times the load, and loads are found to %.0f %%.\n", load,
          100 * (TW_ANSWER_TOLERANCE - 1));
}

/* How far the run lies below each limit. */
static void print_margins(const tw_answer *answer, FILE *out)
{
  const tw_design *best = answer->ranked->pdata[0];
  const char *percentile = tw_answer_percentile(answer->question);
  g_autofree char *ttft = g_strconcat("ttft_s.", percentile, NULL),
                  *tpot = g_strconcat("tpot_s.", percentile, NULL);
  const struct {
    const char *name, *percentile, *metric, *unit;
    double limit, scale;
  } limits[] = {{"TTFT ", percentile, ttft, "s", answer->ttft_s, 1},
                {"TPOT ", percentile, tpot, "ms", answer->tpot_s, 1e3},
                {"peak power", "", "energy.peak_w", "kW", answer->question->site_w, 1e-3}};
  gboolean any = FALSE;
  for (guint i = 0; i < G_N_ELEMENTS(limits); i++) {
    double value = tw_run_summary_number(best->best, limits[i].metric);
    if (isnan(value) || isnan(limits[i].limit))
      continue;
    fprintf(out, "%s %s%s %.3g of %.4g %s (%.0f %% left)", any ? "," : "Margins:", limits[i].name,
            limits[i].percentile, value * limits[i].scale, limits[i].limit * limits[i].scale, limits[i].unit,
            100 * (1 - value / limits[i].limit));
    any = TRUE;
  }
  if (any)
    fprintf(out, ".\n");
}

/* What a lever lets the design bear, and between which gains the truth lies: both loads are known as brackets. */
static void print_lever(const tw_lever *own, const tw_lever *lever, FILE *out)
{
  fprintf(out, " With %s it bears %.4g times", lever->name, lever->bears);
  if (isfinite(lever->breaks) && isfinite(own->breaks))
    fprintf(out, ", and no more than %.4g (%+.0f to %+.0f %%)", lever->breaks,
            100 * (lever->bears / own->breaks - 1), 100 * (lever->breaks / own->bears - 1));
  fprintf(out, ".");
}

/* Prints how much more load the design bears, and the levers that would let it bear more. */
static void print_levers(const tw_answer *answer, FILE *out)
{
  if (answer->levers->len == 0)
    return;
  const tw_lever *own = &g_array_index(answer->levers, tw_lever, 0), *best = NULL;
  g_autofree char *it = isfinite(answer->lever_slice_s)
                            ? g_strdup_printf("Tried on %.4g s of the load, it", answer->lever_slice_s)
                            : g_strdup("It");
  if (isinf(own->breaks))
    fprintf(out, "%s bears %.4g times this load, the most that was tried.\n", it, own->bears);
  else if (own->bears > 1)
    fprintf(out, "%s bears %.4g times this load, and no more than %.4g times.", it, own->bears, own->breaks);
  else
    fprintf(out, "%s does not bear %.4g times this load.", it, own->breaks);
  if (isinf(own->breaks))
    return;
  for (guint i = 1; i < answer->levers->len; i++) {
    const tw_lever *lever = &g_array_index(answer->levers, tw_lever, i);
    double gain = lever->bears / own->bears - 1;
    if (gain > 0)
      print_lever(own, lever, out);
    if (gain > 0 && (best == NULL || lever->bears > best->bears))
      best = lever;
  }
  if (best == NULL)
    fprintf(out, " None of what was tried would let it bear more.\n");
  else
    fprintf(out, " What helps most is %s.\n", best->name);
}

static void print_best(const tw_answer *answer, FILE *out)
{
  const tw_question *question = answer->question;
  const tw_design *best = answer->ranked->pdata[0];
  double size = tw_answer_size(answer, best);
  g_autofree char *layout = tw_answer_layout(answer, best), *sized = tw_answer_size_text(best, size);
  int racks = tw_answer_racks(answer, best, size);
  g_autofree char *floor = isnan(best->site->rack_m2)
                               ? g_strdup("")
                               : g_strdup_printf(", %.4g m² of floor", racks * best->site->rack_m2);
  fprintf(out,
          "Build %s with %s (%.0f accelerators in %d rack%s%s) and serve %s in %s as %s, routed by %s.\n",
          best->site->name, sized, tw_design_accelerators(best, size), racks, racks == 1 ? "" : "s", floor,
          best->model->name, best->weights->name, layout, best->router);
  double attained = tw_run_summary_number(best->best, "slo.attainment");
  if (tw_question_objective(question)->finds_load)
    fprintf(out, "It serves %.4g times the load", best->bracket.holds);
  else
    fprintf(out, "It serves the load");
  fprintf(out, " with %.2f %% of the requests within the SLO (%.4g %% are asked for)", 100 * attained,
          100 * question->attainment);
  double peak_w = tw_run_summary_number(best->best, "energy.peak_w");
  if (isfinite(peak_w))
    fprintf(out, ", and draws %.4g kW at its peak", peak_w / 1e3);
  if (isfinite(peak_w) && !isnan(question->site_w))
    fprintf(out, ", %.0f %% of the limit", 100 * peak_w / question->site_w);
  fprintf(out, ".\n");
  if (best->broken != NULL && !isnan(best->bracket.breaks)) {
    g_autofree char *smaller = tw_answer_size_text(best, best->bracket.breaks);
    if (tw_question_objective(question)->finds_load)
      fprintf(out, "At %.4g times the load", best->bracket.breaks);
    else
      fprintf(out, "With %s", smaller);
    fprintf(out, " only %.2f %% are within it: TTFT p99 is %.3g s, TPOT p99 %.3g ms.\n",
            100 * tw_run_summary_number(best->broken, "slo.attainment"),
            tw_run_summary_number(best->broken, "ttft_s.p99"),
            1e3 * tw_run_summary_number(best->broken, "tpot_s.p99"));
  }
  print_margins(answer, out);
  print_least_memory(answer, out);
  print_levers(answer, out);
  print_trust(best->best, out);
  print_front(answer, out);
  print_others(answer, out);
}

/* Prints the best latencies of any layout if one request alone breaks the limits. */
static void print_best_alone(const tw_answer *answer, FILE *out)
{
  const tw_design *first = NULL, *token = NULL;
  for (guint i = 0; i < answer->designs->all->len; i++) {
    const tw_design *design = answer->designs->all->pdata[i];
    if (design->alone_tpot_s <= 0)
      continue;
    first = first == NULL || design->alone_ttft_s < first->alone_ttft_s ? design : first;
    token = token == NULL || design->alone_tpot_s < token->alone_tpot_s ? design : token;
  }
  if (token == NULL)
    return;
  if (token->alone_tpot_s > answer->tpot_s)
    fprintf(out,
            "The best that any layout reaches is a token in %.3g ms, of %s with one request alone on it; the "
            "limit is "
            "%.3g ms.\n",
            1e3 * token->alone_tpot_s, token->name, 1e3 * answer->tpot_s);
  if (first->alone_ttft_s > answer->ttft_s)
    fprintf(out,
            "The best that any layout reaches is a TTFT of %.3g s, of %s with one prompt of %d tokens alone "
            "on it; the "
            "limit is %.3g s.\n",
            first->alone_ttft_s, first->name, answer->demand.median_prompt, answer->ttft_s);
}

/* Says which limit the nearest design breaks by the largest factor; nothing where its percentiles keep all. */
static void print_what_breaks(const tw_answer *answer, const json_t *summary, FILE *out)
{
  const struct {
    const char *name, *metric;
    double limit_s;
  } limits[] = {{"TTFT", "ttft_s.p99", answer->ttft_s},
                {"TPOT", "tpot_s.p99", answer->tpot_s},
                {"E2E", "e2e_s.p99", answer->e2e_s},
                {"the longest time between tokens", "itl_s.p99", answer->itl_s}};
  int worst = -1;
  double most = 1;
  for (guint i = 0; i < G_N_ELEMENTS(limits); i++) {
    double share = tw_run_summary_number(summary, limits[i].metric) / limits[i].limit_s;
    if (share > most) {
      most = share;
      worst = (int)i;
    }
  }
  if (worst >= 0)
    fprintf(out, ", because of %s, of which p99 is %.3g s, and the limit %.3g s", limits[worst].name,
            tw_run_summary_number(summary, limits[worst].metric), limits[worst].limit_s);
}

/* The least power and cost of designs that serve the load, where these are beyond the limits. */
static void print_least(const tw_answer *answer, FILE *out)
{
  const tw_design *coolest = NULL, *cheapest = NULL;
  double least_w = INFINITY, least_usd = INFINITY;
  for (guint i = 0; i < answer->designs->all->len; i++) {
    const tw_design *design = answer->designs->all->pdata[i];
    double site_w = design->best != NULL ? tw_run_summary_number(design->best, "energy.peak_w") : NAN,
           usd = design->best != NULL ? tw_judge_usd_per_hour(design->best) : NAN;
    if (site_w < least_w) {
      least_w = site_w;
      coolest = design;
    }
    if (usd < least_usd) {
      least_usd = usd;
      cheapest = design;
    }
  }
  if (coolest != NULL && least_w > answer->question->site_w)
    fprintf(out,
            "The least that any design draws which serves the load is %.4g kW at its peak, of %s; the limit "
            "is %.4g kW.\n",
            least_w / 1e3, coolest->name, answer->question->site_w / 1e3);
  if (cheapest != NULL && least_usd > answer->question->usd_per_hour)
    fprintf(out,
            "The least that any design costs which serves the load is %.4g USD an hour, of %s; the limit is "
            "%.4g USD.\n",
            least_usd, cheapest->name, answer->question->usd_per_hour);
}

static void print_nothing(const tw_answer *answer, FILE *out)
{
  const tw_design *nearest = answer->nearest;
  fprintf(out, "No design meets the question.\n");
  if (nearest == NULL || nearest->broken == NULL) {
    print_best_alone(answer, out);
    print_least(answer, out);
    return;
  }
  g_autofree char *size = tw_answer_size_text(nearest, answer->nearest_size);
  fprintf(out, "The nearest, %s with %s, has %.2f %% of the requests within the SLO (%.4g %% are asked for)",
          nearest->name, size, 100 * answer->nearest_attainment, 100 * answer->question->attainment);
  print_what_breaks(answer, nearest->broken, out);
  fprintf(out, ": TTFT p99 is %.3g s, TPOT p99 %.3g ms.\n",
          tw_run_summary_number(nearest->broken, "ttft_s.p99"),
          1e3 * tw_run_summary_number(nearest->broken, "tpot_s.p99"));
}

char *tw_answer_verdict(const tw_answer *answer)
{
  char *text = NULL;
  size_t length;
  FILE *out = open_memstream(&text, &length);
  if (answer->ranked->len > 0)
    print_best(answer, out);
  else
    print_nothing(answer, out);
  fclose(out);
  char *verdict = g_strdup(text);
  free(text); /* the C library's own */
  return verdict;
}

char *tw_answer_load(const tw_answer *answer)
{
  const tw_demand *demand = &answer->demand;
  if (demand->requests == 0)
    return g_strdup("The load was not read, as no design can be.");
  g_autofree char *times =
      answer->question->growth != 1
          ? g_strdup_printf(
                "; %.4g times as much arrives%s", answer->question->growth,
                tw_demand_is_replayed(demand)
                    ? ", played so many times as fast, which makes its peaks as many times shorter "
                      "(<trace copies> plays so many more users)"
                    : "")
          : g_strdup("");
  return g_strdup_printf(
      "The load: %" G_GUINT64_FORMAT " requests in %.6g s, %.3g/s in the busiest minute, with %.4g "
      "prompt and %.4g output tokens on average%s.",
      demand->requests, demand->span_s, demand->rate_per_s, demand->prompt, demand->output, times);
}
