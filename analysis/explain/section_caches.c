/* KV caches: what prompts found in them, and whether their blocks were short. */
#include "analysis/explain/sections.h"
#include "analysis/explain/words.h"
#include "analysis/log/run_summary.h"

#include <math.h>

static double number_of(const tw_explained *e, const char *metric)
{
  double value = tw_run_summary_number(e->summary, metric);
  return isnan(value) ? 0 : value;
}

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
