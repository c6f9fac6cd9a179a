/* Failures: what broke, how long it took to serve again, and whom it hit. */
#include "analysis/explain/sections.h"
#include "analysis/explain/words.h"
#include "analysis/log/failure_rows.h"
#include "analysis/log/run_directory.h"
#include "analysis/log/run_summary.h"

#include <math.h>

enum { MOST_FAILURES = 5 };

static void say_failure(json_t *section, const tw_failure_row *one)
{
  double over_s = isfinite(one->recovered_s) ? one->recovered_s : one->end_s;
  g_autofree char *start = tw_words_duration(one->start_s), *end = tw_words_duration(over_s - one->start_s),
                  *accelerators = tw_words_amount((double)one->accelerators),
                  *requests = tw_words_amount((double)one->requests),
                  *tokens = tw_words_amount((double)one->lost_tokens);
  tw_section_say(section, "%s %s %s at %s, for %s: %s accelerators, %s requests hit, %s tokens lost",
                 one->part, one->component, g_str_equal(one->effect, "limp") ? "limped" : "stopped", start,
                 end, accelerators, requests, tokens);
}

void tw_failures_sentence(const tw_explained *e, GString *text)
{
  double count = tw_run_summary_number(e->summary, "failures.count"),
         lost = tw_run_summary_number(e->summary, "failures.goodput_lost");
  g_autofree char *failures = tw_words_amount(count),
                  *stops = tw_words_amount(tw_run_summary_number(e->summary, "failures.engine_stops")),
                  *hit = tw_words_amount(tw_run_summary_number(e->summary, "failures.requests_hit")),
                  *up = tw_words_share(tw_run_summary_number(e->summary, "failures.availability")),
                  *missed = tw_words_share(lost);
  if (isnan(count))
    return;
  g_autofree char *expected = tw_words_amount(tw_run_summary_number(e->summary, "failures.expected"));
  if (count == 0) {
    g_string_append_printf(
        text,
        " Nothing failed in this time, in which %s failures come on average: a longer run, other "
        "seeds or a <fault> with at=\"10min\" would show what failures do.",
        expected);
    return;
  }
  g_string_append_printf(
      text,
      " %s failure%s stopped engines %s time%s and hit %s requests; engines were up for %s of their "
      "accelerators' time",
      failures, count == 1 ? "" : "s", stops, g_str_equal(stops, "1") ? "" : "s", hit, up);
  if (lost > 0)
    g_string_append_printf(text, ", and %s of all requests were hit and missed the SLO", missed);
  g_string_append_c(text, '.');
}

gboolean tw_section_failures(tw_explained *e, GError **error)
{
  g_autoptr(GArray) found = tw_failure_rows_read(e->directory, e->run, error);
  if (found == NULL)
    return FALSE;
  if (found->len == 0)
    return TRUE;
  json_t *section = tw_section_add(e, "Failures");
  for (guint i = 0; i < MIN(found->len, MOST_FAILURES); i++)
    say_failure(section, &g_array_index(found, tw_failure_row, i));
  if (found->len > MOST_FAILURES)
    tw_section_say(section,
                   "and %u more, of fewer accelerators or less time: `tokenworks log cat %s failures`",
                   found->len - MOST_FAILURES, e->directory);
  return TRUE;
}
