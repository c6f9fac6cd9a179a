/* KV caches, energy and cost: what prompts found and whether blocks were short, and what was spent on what. */
#include "analysis/explain/sections.h"
#include "analysis/explain/words.h"
#include "analysis/log/run_summary.h"

#include <math.h>

/* A number of the summary, 0 where it has none. */
static double number_of(const tw_explained *e, const char *metric)
{
  double value = tw_run_summary_number(e->summary, metric);
  return isnan(value) ? 0 : value;
}

/* ---- KV caches ---- */

/* ", 3.1 % of these in the memory of hosts": a tier that held some. */
static void add_tier(const tw_explained *e, const char *metric, double cached, const char *where,
                     GString *text)
{
  double tokens = number_of(e, metric);
  g_autofree char *share = tw_words_share(tokens / cached);
  if (tokens > 0)
    g_string_append_printf(text, ", %s of these in %s", share, where);
}

static void say_found(const tw_explained *e, json_t *section)
{
  double prompt = number_of(e, "tokens.prompt"), cached = number_of(e, "tokens.prompt_cached");
  g_autofree char *tokens = tw_words_amount(prompt), *share = tw_words_share(cached / prompt);
  g_autoptr(GString) tiers = g_string_new(NULL);
  if (cached > 0) {
    add_tier(e, "tokens.prompt_cached_host", cached, "the memory of hosts", tiers);
    add_tier(e, "tokens.prompt_cached_store", cached, "the shared store", tiers);
  }
  tw_section_say(section, "of %s prompt tokens %s were found in caches%s", tokens,
                 cached > 0 ? share : "none", tiers->str);
}

/* Blocks are short where requests wait for them, or lose theirs. */
static void say_blocks(const tw_explained *e, json_t *section)
{
  double waited_s = 0, all_s = 0, most = 0, preemptions = number_of(e, "preemptions");
  for (guint i = 0; i < e->pools->len; i++) {
    const tw_engine_sums *sums = &g_array_index(e->pools, tw_engine_sums, i);
    waited_s += sums->waiting_for_s[TW_FOR_KV];
    all_s += sums->engine_s;
    most = fmax(most, sums->most_kv);
  }
  g_autofree char *used = tw_words_share(most), *waited = tw_words_amount(waited_s / all_s),
                  *times = tw_words_amount(preemptions),
                  *again = tw_words_amount(number_of(e, "tokens.recomputed"));
  if (waited_s == 0 && preemptions == 0)
    tw_section_say(section, "running requests always found blocks: at most %s of an engine's were in use",
                   used);
  else
    tw_section_say(
        section,
        "blocks were short: in the mean %s requests waited for some at an engine, and %s times one lost its "
        "own, so that %s tokens were computed again",
        waited, times, again);
}

void tw_section_caches(tw_explained *e)
{
  if (!(tw_run_summary_number(e->summary, "tokens.prompt") > 0) || e->pools->len == 0)
    return;
  json_t *section = tw_section_add(e, "KV caches");
  say_found(e, section);
  say_blocks(e, section);
}

/* ---- Energy and cost ---- */

/* What was spent ("joules", "usd") on a thing, which is told by its name. */
static tw_part spent_on(const tw_explained *e, const char *what, const char *thing, const char *name)
{
  g_autofree char *metric = g_strdup_printf("spent.%s.%s", what, thing);
  return (tw_part){name, number_of(e, metric)};
}

static char *spent_shares(const tw_explained *e, const char *what)
{
  tw_part parts[TW_TIME_CLASS_COUNT + 2];
  for (int i = 0; i < TW_TIME_CLASS_COUNT; i++)
    parts[i] = spent_on(e, what, tw_section_class_words[i], tw_section_class_names[i]);
  parts[TW_TIME_CLASS_COUNT] = spent_on(e, what, "beside", "hosts, network, conversion and cooling");
  parts[TW_TIME_CLASS_COUNT + 1] = spent_on(e, what, "jobs", "jobs");
  return tw_words_shares(parts, G_N_ELEMENTS(parts), 0.01);
}

/* "12.5 kWh, 3 J per output token: 68 % hosts, ..."; the second number where any token was emitted. */
static void say_spent(const tw_explained *e, json_t *section, const char *what, double amount,
                      const char *unit, const char *each_metric, const char *each_unit)
{
  double each = tw_run_summary_number(e->summary, each_metric);
  const char *apart = spent_on(e, what, "jobs", "jobs").amount > 0 ? " without the share of jobs" : "";
  g_autofree char *all = tw_words_amount(amount), *one = tw_words_amount(each),
                  *shares = spent_shares(e, what);
  if (isnan(each))
    tw_section_say(section, "%s %s: %s", all, unit, shares);
  else
    tw_section_say(section, "%s %s, %s %s%s: %s", all, unit, one, each_unit, apart, shares);
}

/* What drew the energy, as the meter tells phases apart. */
static void say_phases(const tw_explained *e, json_t *section)
{
  static const struct {
    const char *metric, *name;
  } phases[] = {{"energy.phases.beside_accelerators_j", "beside accelerators"},
                {"energy.phases.idle_j", "drawn by accelerators whatever they do"},
                {"energy.phases.prefill_j", "by their work on prompts"},
                {"energy.phases.decode_j", "by their work on answers"},
                {"energy.phases.collective_j", "while they wait for collectives"},
                {"energy.phases.transfer_j", "by links that carry KV caches and weights"},
                {"energy.phases.training_j", "by jobs at work"}};
  tw_part parts[G_N_ELEMENTS(phases)];
  for (guint i = 0; i < G_N_ELEMENTS(phases); i++)
    parts[i] = (tw_part){phases[i].name, number_of(e, phases[i].metric)};
  g_autofree char *shares = tw_words_shares(parts, G_N_ELEMENTS(parts), 0.001);
  if (*shares != '\0')
    tw_section_say(section, "  by phase: %s", shares);
}

/* Capital beside electricity, and what a token of each kind costs. */
static void say_prices(const tw_explained *e, json_t *section)
{
  static const struct {
    const char *metric, *name;
  } kinds[] = {{"cost.usd_per_million_tokens.input", "of prompt"},
               {"cost.usd_per_million_tokens.reasoning", "of reasoning"},
               {"cost.usd_per_million_tokens.answer", "of answer"}};
  double capital = tw_run_summary_number(e->summary, "cost.capital_usd"),
         electricity = tw_run_summary_number(e->summary, "cost.electricity_usd");
  g_autofree char *capital_text = tw_words_amount(capital), *electricity_text = tw_words_amount(electricity);
  g_autoptr(GString) text = g_string_new(NULL);
  if (!isnan(capital) && !isnan(electricity))
    tw_section_say(section, "  %s USD for accelerators and racks by the hour, %s USD for electricity",
                   capital_text, electricity_text);
  for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
    double usd = tw_run_summary_number(e->summary, kinds[i].metric);
    g_autofree char *amount = tw_words_amount(usd);
    if (!isnan(usd))
      g_string_append_printf(text, "%s%s USD %s", text->len > 0 ? ", " : "", amount, kinds[i].name);
  }
  if (text->len > 0)
    tw_section_say(section, "  a million tokens cost %s", text->str);
}

void tw_section_costs(tw_explained *e)
{
  double joules = tw_run_summary_number(e->summary, "energy.site_j");
  double usd = tw_run_summary_number(e->summary, "cost.usd");
  if (isnan(joules) && isnan(usd))
    return;
  json_t *section = tw_section_add(e, isnan(usd) ? "Energy" : "Energy and cost");
  if (!isnan(joules)) {
    say_spent(e, section, "joules", joules / 3.6e6, "kWh", "energy.j_per_output_token", "J per output token");
    say_phases(e, section);
  }
  if (!isnan(usd)) {
    gboolean capital = !isnan(tw_run_summary_number(e->summary, "cost.capital_usd"));
    say_spent(e, section, "usd", usd, capital ? "USD" : "USD of electricity alone",
              "cost.usd_per_million_output_tokens", "per million output tokens");
    say_prices(e, section);
  }
}
