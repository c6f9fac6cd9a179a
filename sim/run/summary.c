#include "sim/run/summary.h"

#include "sim/scenario/coverage.h"

#include <math.h>

/* Sets object[name], unless the value is not a number: JSON has none for what did not happen. */
static void set_real(json_t *object, const char *name, double value)
{
  if (isfinite(value))
    json_object_set_new(object, name, json_real(value));
}

static void set_count(json_t *object, const char *name, guint64 value)
{
  json_object_set_new(object, name, json_integer((json_int_t)value));
}

static double per(double amount, double of)
{
  return of > 0 ? amount / of : NAN;
}

static json_t *latency(const tw_histogram *histogram)
{
  static const struct {
    const char *name;
    double quantile;
  } quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}};
  json_t *object = json_object();
  set_real(object, "mean", tw_histogram_mean(histogram));
  for (guint i = 0; i < G_N_ELEMENTS(quantiles); i++)
    set_real(object, quantiles[i].name, tw_histogram_quantile(histogram, quantiles[i].quantile));
  set_real(object, "max", tw_histogram_max(histogram));
  return object;
}

static json_t *requests(const tw_request_totals *totals)
{
  json_t *object = json_object();
  set_count(object, "arrived", totals->arrived);
  for (int i = 0; i < TW_ENDING_KINDS; i++)
    set_count(object, tw_ending_names[i], totals->endings[i]);
  return object;
}

/* [{"reason", "requests"}] of the rejected ones. */
static json_t *rejections(const GArray *found)
{
  json_t *array = json_array();
  for (guint i = 0; i < found->len; i++) {
    const tw_rejections *row = &g_array_index(found, tw_rejections, i);
    json_t *object = json_object();
    json_object_set_new(object, "reason", json_string(row->reason));
    set_count(object, "requests", row->requests);
    json_array_append_new(array, object);
  }
  return array;
}

static json_t *tokens(const tw_scenario *scenario, const tw_request_totals *totals)
{
  json_t *object = json_object();
  set_count(object, "prompt", totals->prompt_tokens);
  set_count(object, "prompt_cached", totals->cached_tokens);
  if (tw_scenario_offloads(scenario)) {
    set_count(object, "prompt_cached_host", totals->host_tokens);
    set_count(object, "prompt_cached_store", totals->store_tokens);
  }
  set_count(object, "recomputed", totals->recomputed_tokens);
  set_count(object, "reasoning", totals->reasoning_tokens);
  set_count(object, "answer", totals->answer_tokens);
  set_count(object, "output", totals->reasoning_tokens + totals->answer_tokens);
  return object;
}

/* Sums over engines, weighted with their accelerators. */
typedef struct usage_sums {
  double accelerators, busy_s, prefill_s, flops, bytes, peak_flops, peak_bytes, kv_block_s, kv_blocks;
  guint64 preemptions, iterations;
  double extrapolated; /* iterations */
  double prefill_j, decode_j;
  double clock_s;                        /* weighted like busy_s */
  double state_s[TW_ENGINE_STATE_COUNT]; /* of engines */
} usage_sums;

/* Share of the iterations whose time was extrapolated: all of them where the engine was never fitted so. */
static double extrapolated(const tw_pool *pool, const tw_engine *engine)
{
  g_auto(GStrv) fixed = tw_coverage_outside(pool);
  return *fixed != NULL ? 1 : tw_engine_extrapolated(engine);
}

static usage_sums sum_usage(const tw_scenario *scenario, const tw_factory *factory)
{
  usage_sums sums = {0};
  for (int i = 0; i < scenario->n_engines; i++) {
    const tw_pool *pool = &scenario->pools[scenario->engines[i].pool];
    const tw_engine *engine = tw_factory_engine(factory, i);
    tw_usage usage = tw_engine_total(engine, tw_factory_now(factory));
    double accelerators = (double)(pool->tp * pool->pp * pool->dp), peak = pool->device->flops[pool->weights];
    sums.accelerators += accelerators;
    sums.busy_s += usage.busy_s * accelerators;
    sums.prefill_s += usage.prefill_s * accelerators;
    sums.flops += usage.flops;
    sums.bytes += usage.bytes;
    sums.peak_flops += accelerators * (isfinite(peak) ? peak : pool->device->flops[TW_BF16]);
    sums.peak_bytes += accelerators * pool->device->hbm_bytes_per_s;
    sums.clock_s += usage.clock_s * accelerators;
    sums.prefill_j += usage.prefill_j;
    sums.decode_j += usage.decode_j;
    sums.kv_block_s += usage.kv_block_s;
    for (int s = 0; s < TW_ENGINE_STATE_COUNT; s++)
      sums.state_s[s] += usage.state_s[s];
    sums.kv_blocks += (double)tw_engine_kv_blocks(engine);
    sums.preemptions += tw_engine_preemptions(engine);
    sums.iterations += tw_engine_iterations(engine);
    sums.extrapolated += extrapolated(pool, engine) * (double)tw_engine_iterations(engine);
  }
  return sums;
}

/* In words, for people: what of each pool lies outside of what its step times were fitted on. */
static json_t *outside(const tw_scenario *scenario, const tw_factory *factory)
{
  json_t *texts = json_array();
  for (int p = 0; p < scenario->n_pools; p++) {
    const tw_pool *pool = &scenario->pools[p];
    g_autoptr(GString) text = g_string_new(NULL);
    g_auto(GStrv) fixed = tw_coverage_outside(pool);
    for (char **what = fixed; *what != NULL; what++)
      g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "", *what);
    double beyond = 0, iterations = 0;
    for (int i = 0; i < scenario->n_engines; i++)
      if (scenario->engines[i].pool == p) {
        const tw_engine *engine = tw_factory_engine(factory, i);
        beyond += tw_engine_extrapolated(engine) * (double)tw_engine_iterations(engine);
        iterations += (double)tw_engine_iterations(engine);
      }
    if (beyond > 0 && *fixed == NULL && pool->table_file != NULL)
      g_string_append_printf(text, "%.1f %% of its iterations are off the measured table",
                             100 * beyond / iterations);
    else if (beyond > 0 && *fixed == NULL)
      g_string_append_printf(text,
                             "%.1f %% of its iterations have more than %" G_GINT64_FORMAT
                             " sequences or %" G_GINT64_FORMAT " tokens of context",
                             100 * beyond / iterations, pool->overhead.max_seqs, pool->overhead.max_context);
    if (text->len > 0) {
      g_string_prepend(text, ": ");
      g_string_prepend(text, pool->id);
      g_autofree char *valid = g_utf8_make_valid(text->str, -1);
      json_array_append_new(texts, json_string(valid));
    }
  }
  return texts;
}

static json_t *throughput(const tw_window *window, const usage_sums *sums)
{
  json_t *object = json_object();
  double output_per_s = per((double)window->output_tokens, window->length_s);
  set_real(object, "requests_per_s", per((double)window->completed, window->length_s));
  set_real(object, "output_tokens_per_s", output_per_s);
  set_real(object, "total_tokens_per_s",
           per((double)(window->prompt_tokens + window->output_tokens), window->length_s));
  set_real(object, "output_tokens_per_s_per_accelerator", per(output_per_s, sums->accelerators));
  return object;
}

static json_t *utilization(const usage_sums *sums, double span_s)
{
  json_t *object = json_object();
  set_real(object, "accelerator_busy", per(sums->busy_s, sums->accelerators * span_s));
  set_real(object, "mfu", per(sums->flops, sums->peak_flops * span_s));
  set_real(object, "mbu", per(sums->bytes, sums->peak_bytes * span_s));
  set_real(object, "kv_used", per(sums->kv_block_s, sums->kv_blocks * span_s));
  return object;
}

/* Sets summary[name], unless the object stayed empty: what was not simulated is absent. */
static void set_object(json_t *summary, const char *name, json_t *object)
{
  if (json_object_size(object) > 0)
    json_object_set_new(summary, name, object);
  else
    json_decref(object);
}

/* Where engines may park, or have yet to start. */
static void add_fleet(json_t *summary, const tw_fleet *fleet, const usage_sums *sums)
{
  if (fleet == NULL)
    return;
  tw_fleet_totals totals = tw_fleet_record(fleet);
  json_t *object = json_object();
  for (int s = 0; s < TW_ENGINE_STATE_COUNT; s++) {
    g_autofree char *name = g_strdup_printf("%s_engine_hours", tw_engine_state_names[s]);
    set_real(object, name, sums->state_s[s] / 3600);
  }
  set_count(object, "wakes", totals.wakes);
  set_count(object, "loads", totals.loads);
  set_real(object, "mean_load_s", per(totals.load_s, (double)totals.loads));
  json_object_set_new(summary, "fleet", object);
}

static json_t *energy(const tw_energy *e, const tw_scenario *scenario, const tw_factory *factory,
                      const tw_request_totals *totals, const usage_sums *sums, double span_s)
{
  const tw_site_power *power = tw_factory_site_power(factory);
  const tw_governor *governor = tw_factory_governor(factory);
  const tw_breakdown *breakdown = tw_factory_breakdown(factory);
  json_t *object = json_object();
  double output = (double)(totals->reasoning_tokens + totals->answer_tokens);
  double it_j = e->accelerator_j + e->host_j + e->network_j, site_j = it_j + e->overhead_j;
  set_real(object, "site_j", site_j);
  set_real(object, "it_j", it_j);
  set_real(object, "accelerator_j", e->accelerator_j);
  set_real(object, "host_j", e->host_j);
  set_real(object, "network_j", e->network_j);
  set_real(object, "overhead_j", e->overhead_j);
  tw_breakdown_describe(breakdown, scenario, e, object);
  set_real(object, "requests_j", totals->joules); /* those of prefill and decode */
  set_real(object, "j_per_output_token", per(site_j, output));
  set_real(object, "average_w", per(site_j, span_s));
  set_real(object, "peak_w", e->peak_w);
  set_real(object, "peak_it_w", e->peak_it_w);
  set_real(object, "output_tokens_per_s_per_mw", per(output * 1e6, site_j));
  if (governor != NULL) {
    tw_cap_record record = tw_governor_record(governor);
    set_real(object, "cap_overshoot_w", record.max_overshoot_w);
    set_real(object, "cap_exceeded_s", record.longest_over_s);
    set_real(object, "clock", per(sums->clock_s, sums->busy_s));
  }
  if (power->missing != NULL)
    json_object_set_new(object, "missing", json_string(power->missing));
  return object;
}

/* Dollars (or grams) by kind of token. Prompts bear the share of electricity that prefill has in the dynamic
 * joules, and of `capital` that it has in the accelerators' time; output tokens the rest, all alike. */
static json_t *per_million(double electricity, double capital, const tw_request_totals *totals,
                           const usage_sums *sums)
{
  json_t *object = json_object();
  double of_joules = per(sums->prefill_j, sums->prefill_j + sums->decode_j);
  double of_time = per(sums->prefill_s, sums->busy_s);
  double output = (double)(totals->reasoning_tokens + totals->answer_tokens);
  double input = of_joules * electricity + (capital > 0 ? of_time * capital : 0);
  double each = per((electricity + capital - input) * 1e6, output);
  set_real(object, "input", per(input * 1e6, (double)totals->prompt_tokens));
  if (totals->reasoning_tokens > 0)
    set_real(object, "reasoning", each);
  set_real(object, "answer", each);
  return object;
}

static double capital_usd(const tw_scenario *scenario, double span_s)
{
  double hours = span_s / 3600, usd = NAN;
  if (!isnan(scenario->accelerator_hour_usd))
    usd = scenario->accelerator_hour_usd * (double)tw_platform_accelerators(scenario->platform) * hours;
  if (!isnan(scenario->rack_hour_usd))
    usd = (isnan(usd) ? 0 : usd) + scenario->rack_hour_usd * scenario->platform->n_racks * hours;
  return usd;
}

static void add_energy(json_t *summary, const tw_scenario *scenario, const tw_factory *factory,
                       const tw_recorder *recorder, const usage_sums *sums)
{
  const tw_request_totals *totals = tw_recorder_totals(recorder);
  tw_energy e = tw_factory_energy(factory);
  double span_s = tw_factory_now(factory), capital = capital_usd(scenario, span_s);
  double output = (double)(totals->reasoning_tokens + totals->answer_tokens);
  set_object(summary, "energy", energy(&e, scenario, factory, totals, sums, span_s));

  /* A price that was asked for and cannot be computed leaves the sum unknown, too. */
  gboolean priced = scenario->price != NULL || isfinite(capital);
  double usd = (scenario->price != NULL ? e.usd : 0) + (isfinite(capital) ? capital : 0);
  if (priced && isfinite(usd)) {
    json_t *cost = json_object();
    set_real(cost, "usd", usd);
    if (scenario->price != NULL)
      set_real(cost, "electricity_usd", e.usd);
    set_real(cost, "capital_usd", capital);
    set_real(cost, "usd_per_million_output_tokens", per(usd * 1e6, output));
    set_object(
        cost, "usd_per_million_tokens",
        per_million(usd - (isfinite(capital) ? capital : 0), isfinite(capital) ? capital : 0, totals, sums));
    json_object_set_new(summary, "cost", cost);
  }
  if (isfinite(e.grams)) {
    json_t *carbon = json_object();
    set_real(carbon, "g", e.grams);
    set_real(carbon, "g_per_million_output_tokens", per(e.grams * 1e6, output));
    set_object(carbon, "g_per_million_tokens", per_million(e.grams, 0, totals, sums));
    json_object_set_new(summary, "carbon", carbon);
  }
}

static gboolean has_slo(const tw_slo *slo)
{
  return !isnan(slo->ttft_s) || !isnan(slo->tpot_s) || !isnan(slo->e2e_s);
}

static void add_slo(json_t *to, const tw_window *window, double length_s)
{
  json_t *slo = json_object();
  set_real(slo, "attainment", per((double)window->good, (double)window->arrived));
  set_real(slo, "goodput_requests_per_s", per((double)window->good, length_s));
  json_object_set_new(to, "slo", slo);
}

/* By class, where there are several. */
static void add_classes(json_t *summary, const tw_scenario *scenario, const tw_recorder *recorder)
{
  if (tw_recorder_classes(recorder) < 2)
    return;
  json_t *classes = json_object();
  for (guint c = 0; c < tw_recorder_classes(recorder); c++) {
    const tw_class_record *record = tw_recorder_class(recorder, c);
    json_t *class = json_object();
    g_autofree char *name = g_utf8_make_valid(record->name != NULL ? record->name : "", -1);
    json_object_set_new(class, "requests", requests(&record->totals));
    json_object_set_new(class, "tokens", tokens(scenario, &record->totals));
    for (int i = 0; i < TW_LATENCY_KINDS; i++)
      json_object_set_new(class, tw_latency_names[i], latency(record->latencies[i]));
    if (has_slo(&record->slo))
      add_slo(class, &record->window, tw_recorder_window(recorder)->length_s);
    json_object_set_new(classes, name, class);
  }
  json_object_set_new(summary, "classes", classes);
}

static gboolean any_slo(const tw_scenario *scenario)
{
  tw_slo common = tw_scenario_slo(scenario, NULL);
  return has_slo(&common) || (scenario->class_slos != NULL && scenario->class_slos->len > 0);
}

json_t *tw_summary(const tw_scenario *scenario, const tw_factory *factory, const tw_recorder *recorder,
                   gboolean partial)
{
  const tw_window *window = tw_recorder_window(recorder);
  usage_sums sums = sum_usage(scenario, factory);
  json_t *summary = json_object();
  json_object_set_new(summary, "scenario", json_string(scenario->name));
  json_object_set_new(summary, "partial", json_boolean(partial));
  set_real(summary, "simulated_s", tw_factory_now(factory));
  set_count(summary, "iterations", sums.iterations);
  set_count(summary, "preemptions", sums.preemptions);
  set_count(summary, "engines", (guint64)scenario->n_engines);
  set_real(summary, "accelerators", sums.accelerators);
  json_object_set_new(summary, "requests", requests(tw_recorder_totals(recorder)));
  if (tw_recorder_rejections(recorder)->len > 0)
    json_object_set_new(summary, "rejections", rejections(tw_recorder_rejections(recorder)));
  json_object_set_new(summary, "tokens", tokens(scenario, tw_recorder_totals(recorder)));
  for (int i = 0; i < TW_LATENCY_KINDS; i++)
    json_object_set_new(summary, tw_latency_names[i], latency(tw_recorder_latency(recorder, (tw_latency)i)));
  json_object_set_new(summary, "throughput", throughput(window, &sums));
  if (any_slo(scenario))
    add_slo(summary, window, window->length_s);
  add_classes(summary, scenario, recorder);
  json_object_set_new(summary, "utilization", utilization(&sums, tw_factory_now(factory)));
  add_fleet(summary, tw_factory_fleet(factory), &sums);
  add_energy(summary, scenario, factory, recorder, &sums);
  set_real(summary, "extrapolated_iterations", per(sums.extrapolated, (double)sums.iterations));
  json_object_set_new(summary, "outside_of_calibration", outside(scenario, factory));
  return summary;
}

/* ---- The terminal ---- */

static double number(const json_t *object, const char *group, const char *name)
{
  const json_t *value = json_object_get(group != NULL ? json_object_get(object, group) : object, name);
  return json_is_number(value) ? json_number_value(value) : NAN;
}

static void print_time(FILE *out, double seconds)
{
  g_autofree char *text = isnan(seconds)   ? g_strdup("-")
                          : seconds == 0   ? g_strdup("0")
                          : seconds < 1e-3 ? g_strdup_printf("%.3g us", seconds * 1e6)
                          : seconds < 1    ? g_strdup_printf("%.3g ms", seconds * 1e3)
                          : seconds < 1e4  ? g_strdup_printf("%.4g s", seconds)
                                           : g_strdup_printf("%.3g h", seconds / 3600);
  fprintf(out, "%10s", text);
}

static void print_latencies(const json_t *summary, FILE *out)
{
  static const struct {
    const char *key, *label;
  } rows[] = {{"queue_s", "queueing"},
              {"ttft_s", "TTFT"},
              {"ttfat_s", "TTFAT"},
              {"tpot_s", "TPOT"},
              {"e2e_s", "E2E"}};
  static const char *const columns[] = {"mean", "p50", "p90", "p99", "max"};
  fprintf(out, "\n  %-10s", "latency");
  for (guint c = 0; c < G_N_ELEMENTS(columns); c++)
    fprintf(out, "%10s", columns[c]);
  fputc('\n', out);
  gboolean reasons = number(summary, "tokens", "reasoning") > 0;
  for (guint r = 0; r < G_N_ELEMENTS(rows); r++) {
    if (g_str_equal(rows[r].key, "ttfat_s") && !reasons)
      continue; /* the same as TTFT */
    fprintf(out, "  %-10s", rows[r].label);
    for (guint c = 0; c < G_N_ELEMENTS(columns); c++)
      print_time(out, number(summary, rows[r].key, columns[c]));
    fputc('\n', out);
  }
}

static void print_classes(const json_t *summary, FILE *out)
{
  static const struct {
    const char *latency, *quantile;
  } columns[] = {{"ttft_s", "p50"}, {"ttft_s", "p99"}, {"tpot_s", "p50"}, {"e2e_s", "p50"}, {"e2e_s", "p99"}};
  json_t *classes = json_object_get(summary, "classes"), *class;
  const char *name;
  if (classes == NULL)
    return;
  fprintf(out, "\n  %-20s %10s%10s%10s%10s%10s%10s%10s\n", "class", "requests", "TTFT p50", "p99", "TPOT p50",
          "E2E p50", "p99", "SLO");
  json_object_foreach(classes, name, class)
  {
    fprintf(out, "  %-20.20s %10.0f", *name != '\0' ? name : "(none)", number(class, "requests", "arrived"));
    for (guint c = 0; c < G_N_ELEMENTS(columns); c++)
      print_time(out, number(class, columns[c].latency, columns[c].quantile));
    double attained = number(class, "slo", "attainment");
    if (isnan(attained))
      fprintf(out, "%10s\n", "-");
    else
      fprintf(out, "%8.2f %%\n", 100 * attained);
  }
}

static void print_energy(const json_t *summary, FILE *out)
{
  const json_t *energy = json_object_get(summary, "energy");
  const char *missing = json_string_value(json_object_get(energy, "missing"));
  if (missing != NULL)
    fprintf(out, "  energy      of the site unknown: the platform lacks %s\n", missing);
  else if (energy != NULL)
    fprintf(
        out,
        "  energy      %.4g J per output token, %.4g kW on average, %.4g kW at peak, %.4g tokens/s per MW\n",
        number(summary, "energy", "j_per_output_token"), 1e-3 * number(summary, "energy", "average_w"),
        1e-3 * number(summary, "energy", "peak_w"), number(summary, "energy", "output_tokens_per_s_per_mw"));
  double over_w = number(summary, "energy", "cap_overshoot_w");
  if (!isnan(over_w))
    fprintf(out, "  power cap   exceeded by at most %.4g kW, for at most %.4g s at a time; mean clock %.3g\n",
            1e-3 * over_w, number(summary, "energy", "cap_exceeded_s"), number(summary, "energy", "clock"));
  if (json_object_get(summary, "cost") != NULL)
    fprintf(out, "  cost        %.4g USD, %.4g USD per million output tokens\n",
            number(summary, "cost", "usd"), number(summary, "cost", "usd_per_million_output_tokens"));
  if (json_object_get(summary, "carbon") != NULL)
    fprintf(out, "  carbon      %.4g kg CO2, %.4g g per million output tokens\n",
            1e-3 * number(summary, "carbon", "g"), number(summary, "carbon", "g_per_million_output_tokens"));
}

static void print_utilization(const json_t *summary, FILE *out)
{
  static const struct {
    const char *key, *before, *after;
  } parts[] = {{"accelerator_busy", "", " of accelerator time in iterations"},
               {"mfu", "MFU ", ""},
               {"mbu", "MBU ", ""},
               {"kv_used", "KV cache ", " used"}};
  const char *separator = "  utilization ";
  for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
    double share = number(summary, "utilization", parts[i].key);
    if (isnan(share))
      continue; /* measured step times tell nothing of FLOPs */
    fprintf(out, "%s%s%.1f %%%s", separator, parts[i].before, 100 * share, parts[i].after);
    separator = ", ";
  }
  fputc('\n', out);
}

/* How far the run lies from what was calibrated, in one line. */
static void print_coverage(const json_t *summary, FILE *out)
{
  double share = number(summary, NULL, "extrapolated_iterations");
  if (isnan(share))
    return;
  const json_t *texts = json_object_get(summary, "outside_of_calibration");
  if (json_array_size(texts) == 0) {
    fprintf(out, "  step times  all iterations lie within what the engine's step times were fitted to\n");
    return;
  }
  fprintf(out,
          "  step times  %.1f %% of the iterations lie outside of what the engine's step times were fitted "
          "to: trust their\n"
          "              times less; ",
          100 * share);
  for (size_t i = 0; i < json_array_size(texts); i++)
    fprintf(out, "%s%s", i > 0 ? "; " : "", json_string_value(json_array_get(texts, i)));
  fputc('\n', out);
}

static void print_fleet(const json_t *summary, FILE *out)
{
  if (json_object_get(summary, "fleet") == NULL)
    return;
  fputs("  fleet       engine-hours: ", out);
  for (int s = 0; s < TW_ENGINE_STATE_COUNT; s++) {
    g_autofree char *name = g_strdup_printf("%s_engine_hours", tw_engine_state_names[s]);
    fprintf(out, "%.4g %s, ", number(summary, "fleet", name), tw_engine_state_names[s]);
  }
  fprintf(out, "woken %.0f times\n", number(summary, "fleet", "wakes"));
}

void tw_summary_print(const json_t *summary, const char *directory, FILE *out)
{
  double output = number(summary, "tokens", "output"), arrived = number(summary, "requests", "arrived");
  fprintf(out, "%s%s\n", json_string_value(json_object_get(summary, "scenario")),
          json_is_true(json_object_get(summary, "partial")) ? " (cut short)" : "");
  fprintf(out, "\n  simulated ");
  print_time(out, number(summary, NULL, "simulated_s"));
  fprintf(out, " in %.2f s (%.0f requests per CPU second)\n", number(summary, NULL, "wall_s"),
          per(arrived, number(summary, NULL, "cpu_s")));
  fprintf(out, "  requests  %10.0f arrived", arrived);
  for (int i = 0; i < TW_ENDING_KINDS; i++) {
    double n = number(summary, "requests", tw_ending_names[i]);
    if (n > 0)
      fprintf(out, ", %.0f %s", n, tw_ending_names[i]);
  }
  const json_t *rejected = json_object_get(summary, "rejections"), *row;
  size_t at;
  json_array_foreach(rejected, at, row)
      fprintf(out, "\n  rejected  %10.0f because %s", number(row, NULL, "requests"),
              json_string_value(json_object_get(row, "reason")));
  if (json_object_get(summary, "sessions") != NULL)
    fprintf(out, "\n  sessions  %10.0f started, %.0f completed, %.0f broken off",
            number(summary, "sessions", "started"), number(summary, "sessions", "completed"),
            number(summary, "sessions", "broken"));
  fprintf(out, "\n  tokens    %10.0f prompt, %.0f output", number(summary, "tokens", "prompt"), output);
  if (number(summary, "tokens", "reasoning") > 0)
    fprintf(out, " (%.0f %% reasoning)", 100 * number(summary, "tokens", "reasoning") / output);
  if (number(summary, "tokens", "prompt_cached") > 0)
    fprintf(out, "\n  cached    %10.0f prompt tokens (%.1f %%)", number(summary, "tokens", "prompt_cached"),
            100 * number(summary, "tokens", "prompt_cached") / number(summary, "tokens", "prompt"));
  if (number(summary, "tokens", "prompt_cached_host") + number(summary, "tokens", "prompt_cached_store") > 0)
    fprintf(
        out, ", of them %.1f %% in the memory of hosts and %.1f %% in the store",
        100 * number(summary, "tokens", "prompt_cached_host") / number(summary, "tokens", "prompt_cached"),
        100 * number(summary, "tokens", "prompt_cached_store") / number(summary, "tokens", "prompt_cached"));
  if (number(summary, NULL, "preemptions") > 0)
    fprintf(out, "\n  preempted %10.0f times, %.0f tokens computed again",
            number(summary, NULL, "preemptions"), number(summary, "tokens", "recomputed"));
  fputc('\n', out);
  print_latencies(summary, out);
  print_classes(summary, out);
  if (isnan(number(summary, "throughput", "requests_per_s")))
    fputs("\n  throughput  none: the measurement window is empty\n", out);
  else
    fprintf(out, "\n  throughput  %.4g requests/s, %.5g output tokens/s (%.4g per accelerator)\n",
            number(summary, "throughput", "requests_per_s"),
            number(summary, "throughput", "output_tokens_per_s"),
            number(summary, "throughput", "output_tokens_per_s_per_accelerator"));
  if (!isnan(number(summary, "slo", "attainment")))
    fprintf(out, "  SLO         %.2f %% of requests attain it, goodput %.4g requests/s\n",
            100 * number(summary, "slo", "attainment"), number(summary, "slo", "goodput_requests_per_s"));
  print_utilization(summary, out);
  print_fleet(summary, out);
  const json_t *network = json_object_get(summary, "network");
  if (network != NULL)
    fprintf(out, "  network     %.4g GB sent, busiest link %s at %.2f %% of its bandwidth\n",
            1e-9 * number(summary, "network", "bytes"),
            json_string_value(json_object_get(network, "peak_link")),
            100 * number(summary, "network", "peak_link_utilization"));
  print_energy(summary, out);
  print_coverage(summary, out);
  fprintf(out, "\n  logs in %s\n", directory);
}
