/* The summary of a run as the short table that a person reads in the terminal. */
#include "platforms/input/fault.h"
#include "sim/log/metric.h"
#include "sim/run/summary.h"

#include <math.h>

enum { NAME_WIDTH = 20 }; /* columns of a class's name */
#define MUCH_DRAIN 0.1    /* share of a run after its last arrival that is told */

static double number(const json_t *object, const char *group, const char *name)
{
  const json_t *value = json_object_get(group != NULL ? json_object_get(object, group) : object, name);
  return json_is_number(value) ? json_number_value(value) : NAN;
}

/* The caller frees the text. */
static char *time_text(double seconds)
{
  return isnan(seconds)   ? g_strdup("-")
         : seconds == 0   ? g_strdup("0")
         : seconds < 1e-3 ? g_strdup_printf("%.3g us", seconds * 1e6)
         : seconds < 1    ? g_strdup_printf("%.3g ms", seconds * 1e3)
         : seconds < 1e4  ? g_strdup_printf("%.4g s", seconds)
                          : g_strdup_printf("%.3g h", seconds / 3600);
}

static void print_time(FILE *out, double seconds)
{
  g_autofree char *text = time_text(seconds);
  fprintf(out, "%10s", text);
}

/* Four digits, without an exponent for what is large. */
static void print_amount(FILE *out, double value)
{
  double unit = pow(10, floor(log10(fabs(value))) - 3);
  if (fabs(value) >= 1e4 && isfinite(value))
    fprintf(out, "%.0f", unit * round(value / unit));
  else
    fprintf(out, "%.4g", value);
}

static void print_latencies(const json_t *summary, FILE *out)
{
  static const tw_latency rows[] = {TW_LATENCY_QUEUE, TW_LATENCY_TTFT, TW_LATENCY_TTFAT,
                                    TW_LATENCY_TPOT,  TW_LATENCY_ITL,  TW_LATENCY_E2E};
  static const char *const columns[] = {"mean", "p50", "p90", "p99", "max"};
  fprintf(out, "\n  %-10s", "latency");
  for (guint c = 0; c < G_N_ELEMENTS(columns); c++)
    fprintf(out, "%10s", columns[c]);
  fputc('\n', out);
  gboolean reasons = number(summary, "tokens", "reasoning") > 0;
  for (guint r = 0; r < G_N_ELEMENTS(rows); r++) {
    const tw_latency_kind *kind = &tw_latencies[rows[r]];
    if (rows[r] == TW_LATENCY_TTFAT && !reasons)
      continue; /* Without reasoning, TTFAT is TTFT. */
    if (rows[r] == TW_LATENCY_ITL && json_object_get(summary, kind->key) == NULL)
      continue; /* no SLO limits it */
    fprintf(out, "  %-10s", kind->label);
    for (guint c = 0; c < G_N_ELEMENTS(columns); c++)
      print_time(out, number(summary, kind->key, columns[c]));
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
    g_autofree char *masked = tw_masked(*name != '\0' ? name : "(none)", "");
    g_autofree char *short_name = g_utf8_substring(masked, 0, MIN(g_utf8_strlen(masked, -1), NAME_WIDTH));
    fprintf(out, "  %s%*s %10.0f", short_name, NAME_WIDTH - (int)g_utf8_strlen(short_name, -1), "",
            number(class, "requests", "arrived"));
    for (guint c = 0; c < G_N_ELEMENTS(columns); c++)
      print_time(out, number(class, columns[c].latency, columns[c].quantile));
    double attained = number(class, "slo", "attainment");
    if (isnan(attained))
      fprintf(out, "%10s\n", "-");
    else
      fprintf(out, "%8.2f %%\n", 100 * attained);
  }
}

/* What is known of power and its yield, in a line. */
static void print_power(const json_t *summary, FILE *out)
{
  static const struct {
    const char *key;
    double factor;
    const char *unit;
  } parts[] = {{"j_per_output_token", 1, "J per output token"},
               {"average_w", 1e-3, "kW on average"},
               {"peak_w", 1e-3, "kW at peak"},
               {"output_tokens_per_s_per_mw", 1, "tokens/s per MW"}};
  const char *separator = "  energy      ";
  gboolean any = FALSE;
  for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
    double value = number(summary, "energy", parts[i].key);
    if (isnan(value))
      continue;
    fputs(separator, out);
    print_amount(out, parts[i].factor * value);
    fprintf(out, " %s", parts[i].unit);
    separator = ", ";
    any = TRUE;
  }
  if (any)
    fputc('\n', out);
}

static void print_cost(const json_t *summary, FILE *out)
{
  double million_usd = number(summary, "cost", "usd_per_million_output_tokens");
  gboolean capital = !isnan(number(summary, "cost", "capital_usd"));
  fprintf(out, "  cost        %.4g USD", number(summary, "cost", "usd"));
  if (!isnan(million_usd))
    fprintf(out, ", %.4g USD per million output tokens", million_usd);
  fputs(capital ? "\n" : ": electricity alone, as no <cost> says what accelerators or racks cost\n", out);
}

static void print_energy(const json_t *summary, FILE *out)
{
  const json_t *energy = json_object_get(summary, "energy");
  const char *missing = json_string_value(json_object_get(energy, "missing"));
  if (missing != NULL)
    fprintf(out, "  energy      of the site unknown: the platform lacks %s\n", missing);
  else
    print_power(summary, out);
  double over_w = number(summary, "energy", "cap_overshoot_w");
  if (over_w == 0)
    fprintf(out, "  power cap   never exceeded; mean clock %.3g\n", number(summary, "energy", "clock"));
  else if (!isnan(over_w))
    fprintf(out, "  power cap   exceeded by at most %.4g kW, for at most %.4g s at a time; mean clock %.3g\n",
            1e-3 * over_w, number(summary, "energy", "cap_exceeded_s"), number(summary, "energy", "clock"));
  if (json_object_get(summary, "cost") != NULL)
    print_cost(summary, out);
  if (json_object_get(summary, "carbon") != NULL)
    fprintf(out, "  carbon      %.4g kg CO2, %.4g g per million output tokens\n",
            1e-3 * number(summary, "carbon", "g"), number(summary, "carbon", "g_per_million_output_tokens"));
  const json_t *joules = json_object_get(json_object_get(summary, "spent"), "joules");
  double jobs_j = json_number_value(json_object_get(joules, "jobs"));
  if (jobs_j > 0)
    fprintf(
        out,
        "  of jobs     %.3g %% of the energy, with their part of hosts and cooling; tokens do not bear it\n",
        100 * jobs_j /
            (number(summary, "energy", "site_j") - json_number_value(json_object_get(joules, "beside"))));
}

/* A number of so many columns, or a dash where it is not known. */
static void print_known(FILE *out, int width, double value)
{
  if (isnan(value))
    fprintf(out, "%*s", width, "-");
  else
    fprintf(out, "%*.4g", width, value);
}

/* A line for each of several sites. */
static void print_sites(const json_t *summary, FILE *out)
{
  json_t *sites = json_object_get(summary, "sites"), *site;
  const char *name;
  if (sites == NULL)
    return;
  fprintf(out, "\n  %-20s %-12s%12s%12s%10s%12s%12s\n", "site", "region", "completed", "busy", "kW", "USD",
          "kg CO2");
  json_object_foreach(sites, name, site)
  {
    g_autofree char *region = tw_masked(json_string_value(json_object_get(site, "region")), "");
    fprintf(out, "  %-20s %-12s%12.0f%10.1f %%", name, region, number(site, "requests", "completed"),
            100 * number(site, "utilization", "accelerator_busy"));
    print_known(out, 10, 1e-3 * number(site, "energy", "average_w"));
    print_known(out, 12, number(site, "cost", "usd"));
    print_known(out, 12, 1e-3 * number(site, "carbon", "g"));
    fputc('\n', out);
  }
  g_autofree char *way = time_text(number(summary, "world", "wan_mean_s"));
  fprintf(out,
          "  on the way  %.0f requests served outside the region of their users, %.0f moved, %.0f refused; "
          "mean %s there "
          "and back\n",
          number(summary, "world", "guests"), number(summary, "world", "moved"),
          number(summary, "world", "refused"), way);
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

/* A line for each job. */
static void print_jobs(const json_t *summary, FILE *out)
{
  const json_t *list = json_object_get(summary, "jobs");
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *job = json_array_get(list, i);
    if (number(job, NULL, "steps") == 0) {
      fprintf(out, "  job         %s: no step ended\n", json_string_value(json_object_get(job, "id")));
      continue;
    }
    fprintf(out, "  job         %s: %.0f steps of %.4g s, %.4g tokens/s, MFU %.1f %%, goodput %.1f %%\n",
            json_string_value(json_object_get(job, "id")), number(job, NULL, "steps"),
            number(job, NULL, "step_s"), number(job, NULL, "tokens_per_s"), 100 * number(job, NULL, "mfu"),
            100 * number(job, NULL, "goodput"));
  }
  if (json_object_get(summary, "rl") != NULL)
    fprintf(
        out,
        "  rl          %.4g steps an hour of %.4g tokens; the trainer waits %.1f %%, engines %.1f %% of it; "
        "%.4g J/token\n",
        number(summary, "rl", "steps_per_hour"), number(summary, "rl", "tokens_per_step"),
        100 * number(summary, "rl", "trainer_idle"), 100 * number(summary, "rl", "rollout_idle"),
        number(summary, "rl", "j_per_token"));
}

/* The errors to expect, a line for each pool and metric. */
static void print_expected(const json_t *summary, FILE *out)
{
  const json_t *list = json_object_get(summary, "expected_error");
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *e = json_array_get(list, i);
    fprintf(
        out,
        "  %-11s %s: %s \u00b1 %.0f %% in the median, 9 of 10 within %.0f %% (%s: %.0f rows, nearest %s)\n",
        i == 0 ? "expected" : "", json_string_value(json_object_get(e, "pool")),
        json_string_value(json_object_get(e, "metric")),
        100 * json_number_value(json_object_get(e, "median")),
        100 * json_number_value(json_object_get(e, "p90")), json_string_value(json_object_get(e, "grade")),
        json_number_value(json_object_get(e, "rows")), json_string_value(json_object_get(e, "nearest")));
  }
}

/* The rates while the load was on, where the drain of a run's last requests hides them. */
static void print_load(const json_t *summary, FILE *out)
{
  double share = number(summary, "load", "drain_share");
  if (!(share > MUCH_DRAIN) || !(number(summary, "load", "output_tokens_per_s") > 0))
    return;
  fprintf(out,
          "  load        %.0f %% of the run came after the last arrival; until then %.5g output tokens/s",
          100 * share, number(summary, "load", "output_tokens_per_s"));
  if (!isnan(number(summary, "load", "average_w")))
    fprintf(out, ", %.4g kW, %.4g J per output token", 1e-3 * number(summary, "load", "average_w"),
            number(summary, "load", "j_per_output_token"));
  fprintf(out, ", %.1f %% of accelerator time in iterations\n",
          100 * number(summary, "load", "accelerator_busy"));
}

static void print_fleet(const json_t *summary, FILE *out)
{
  if (json_object_get(summary, "fleet") == NULL)
    return;
  fputs("  fleet       engine-hours: ", out);
  for (int s = 0; s <= TW_ENGINE_LOADS; s++) {
    g_autofree char *name = g_strdup_printf("%s_engine_hours", tw_engine_state_names[s]);
    fprintf(out, "%.4g %s, ", number(summary, "fleet", name), tw_engine_state_names[s]);
  }
  fprintf(out, "woken %.0f times\n", number(summary, "fleet", "wakes"));
}

static void print_failures(const json_t *summary, FILE *out)
{
  const json_t *failures = json_object_get(summary, "failures");
  if (failures == NULL)
    return;
  if (number(summary, NULL, "engines") == 0) { /* jobs tell what it did to them */
    fprintf(out, "  failures    %.0f (%.3g expected)\n", number(summary, "failures", "count"),
            number(summary, "failures", "expected"));
    return;
  }
  fprintf(out, "  failures    %.0f (%.3g expected), which stopped engines %.0f time%s and hit %.0f requests",
          number(summary, "failures", "count"), number(summary, "failures", "expected"),
          number(summary, "failures", "engine_stops"),
          number(summary, "failures", "engine_stops") == 1 ? "" : "s",
          number(summary, "failures", "requests_hit"));
  fprintf(out, "; %.5g %% of accelerator time available\n",
          100 * number(summary, "failures", "availability"));
}

void tw_summary_print(const json_t *summary, const char *directory, FILE *out)
{
  double output = number(summary, "tokens", "output"), arrived = number(summary, "requests", "arrived");
  fprintf(out, "%s%s\n", json_string_value(json_object_get(summary, "scenario")),
          json_is_true(json_object_get(summary, "partial")) ? " (cut short)" : "");
  fprintf(out, "\n  simulated ");
  print_time(out, number(summary, NULL, "simulated_s"));
  fprintf(out, " in %.2f s (%.0f requests per CPU second)\n", number(summary, NULL, "wall_s"),
          arrived / number(summary, NULL, "cpu_s"));
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
    fprintf(out, "\n  cached    %10.0f prompt tokens (%.1f %%%s)", number(summary, "tokens", "prompt_cached"),
            100 * number(summary, "tokens", "prompt_cached") / number(summary, "tokens", "prompt"),
            number(summary, "requests", "completed") < arrived ? " of all that arrived" : "");
  if (number(summary, "tokens", "prompt_cached_host") + number(summary, "tokens", "prompt_cached_store") > 0)
    fprintf(
        out, ", of them %.1f %% in the memory of hosts and %.1f %% in the store",
        100 * number(summary, "tokens", "prompt_cached_host") / number(summary, "tokens", "prompt_cached"),
        100 * number(summary, "tokens", "prompt_cached_store") / number(summary, "tokens", "prompt_cached"));
  if (number(summary, NULL, "preemptions") > 0)
    fprintf(out, "\n  preempted %10.0f times, %.0f tokens computed again",
            number(summary, NULL, "preemptions"), number(summary, "tokens", "recomputed"));
  fputc('\n', out);
  if (arrived > 0)
    print_latencies(summary, out);
  print_classes(summary, out);
  if (arrived == 0)
    fputc('\n', out);
  else if (isnan(number(summary, "throughput", "requests_per_s")))
    fputs("\n  throughput  none: the measurement window is empty\n", out);
  else
    fprintf(out, "\n  throughput  %.4g requests/s, %.5g output tokens/s (%.4g per accelerator)\n",
            number(summary, "throughput", "requests_per_s"),
            number(summary, "throughput", "output_tokens_per_s"),
            number(summary, "throughput", "output_tokens_per_s_per_accelerator"));
  if (!isnan(number(summary, "slo", "attainment")))
    fprintf(out, "  SLO         %.2f %% of requests attain it, goodput %.4g requests/s\n",
            100 * number(summary, "slo", "attainment"), number(summary, "slo", "goodput_requests_per_s"));
  if (number(summary, "slo", "unjudged") > 0)
    fprintf(out,
            "              %.2f %% of those that ended; %.0f were unfinished when the run ended, and count "
            "as missed\n",
            100 * number(summary, "slo", "attainment_judged"), number(summary, "slo", "unjudged"));
  print_sites(summary, out);
  print_load(summary, out);
  if (number(summary, NULL, "engines") != 0)
    print_utilization(summary, out);
  print_fleet(summary, out);
  print_failures(summary, out);
  print_jobs(summary, out);
  const json_t *network = json_object_get(summary, "network");
  if (network != NULL) {
    fputs("  network     ", out);
    print_amount(out, 1e-9 * number(summary, "network", "bytes"));
    fprintf(out, " GB sent, busiest link %s at %.2f %% of its bandwidth\n",
            json_string_value(json_object_get(network, "peak_link")),
            100 * number(summary, "network", "peak_link_utilization"));
  }
  print_energy(summary, out);
  print_expected(summary, out);
  fprintf(out, "\n  logs in %s\n", directory);
}
