/* Failures: what broke, how long it took to serve again, and whom it hit. */
#include "analysis/explain/sections.h"
#include "analysis/explain/words.h"
#include "analysis/log/failure_rows.h"
#include "analysis/log/run_directory.h"
#include "analysis/log/run_summary.h"

#include <math.h>

enum { MOST_FAILURES = 5, LEAST_BESIDE = 20 /* requests, for a mean */ };

/* The latencies of requests that were under way in a failure, and of those that were not. */
typedef struct beside {
  double start_s, over_s;
  double sums_s[2][TW_LATENCY_KINDS];
  guint64 counts[2][TW_LATENCY_KINDS];
} beside;

static double over_of(const tw_failure_row *one)
{
  return isfinite(one->recovered_s) ? one->recovered_s : one->end_s;
}

static gboolean add_beside(void *user, const tw_told *told)
{
  GArray *all = user;
  for (guint i = 0; i < all->len; i++) {
    beside *b = &g_array_index(all, beside, i);
    int in = told->arrival_s < b->over_s && told->end_s > b->start_s;
    for (int k = 0; k < TW_LATENCY_KINDS; k++)
      if (!isnan(told->latencies_s[k])) {
        b->sums_s[in][k] += told->latencies_s[k];
        b->counts[in][k]++;
      }
  }
  return TRUE;
}

/* "; requests under way then had TTFT 312 ms (others 104 ms), TPOT 38 ms (others 19 ms)": means, where there are enough of
 * both. The caller frees it. */
static char *beside_text(const beside *b)
{
  static const tw_latency told[] = {TW_LATENCY_TTFT, TW_LATENCY_TPOT};
  GString *text = g_string_new(NULL);
  for (guint i = 0; i < G_N_ELEMENTS(told); i++) {
    tw_latency k = told[i];
    if (MIN(b->counts[0][k], b->counts[1][k]) < LEAST_BESIDE)
      continue;
    g_autofree char *in = tw_words_duration(b->sums_s[1][k] / (double)b->counts[1][k]),
                    *others = tw_words_duration(b->sums_s[0][k] / (double)b->counts[0][k]);
    g_string_append_printf(text, "%s %s %s (others %s)",
                           text->len > 0 ? "," : "; in the mean, requests under way then had",
                           tw_latencies[k].label, in, others);
  }
  return g_string_free(text, FALSE);
}

static void say_failure(json_t *section, const tw_failure_row *one, const beside *b)
{
  g_autofree char *start = tw_words_duration(one->start_s),
                  *end = tw_words_duration(over_of(one) - one->start_s),
                  *accelerators = tw_words_count((double)one->accelerators, "accelerator"),
                  *requests = tw_words_count((double)one->requests, "request"),
                  *tokens = tw_words_count((double)one->lost_tokens, "token"), *latencies = beside_text(b);
  tw_section_say(section, "%s %s %s at %s, for %s: %s, %s hit, %s lost%s", one->part, one->component,
                 g_str_equal(one->effect, "limp") ? "limped" : "stopped", start, end, accelerators, requests,
                 tokens, latencies);
}

void tw_failures_sentence(const tw_explained *e, GString *text)
{
  double count = tw_run_summary_number(e->summary, "failures.count"),
         lost = tw_run_summary_number(e->summary, "failures.goodput_lost");
  g_autofree char *failures = tw_words_count(count, "failure"),
                  *stops = tw_words_count(tw_run_summary_number(e->summary, "failures.engine_stops"), "time"),
                  *hit = tw_words_count(tw_run_summary_number(e->summary, "failures.requests_hit"), "time"),
                  *up = tw_words_share(tw_run_summary_number(e->summary, "failures.availability")),
                  *missed = tw_words_share(lost);
  if (isnan(count))
    return;
  if (count == 0) {
    double expected = tw_run_summary_number(e->summary, "failures.expected");
    g_string_append(text, " Nothing failed in this time");
    if (expected > 0)
      g_string_append_printf(
          text,
          ", in which the mean number of failures is %.3g: a longer run, other seeds or a <fault> "
          "with at=\"10min\" would show what failures do",
          expected);
    g_string_append_c(text, '.');
    return;
  }
  g_string_append_printf(
      text,
      " %s stopped engines %s, and requests lost theirs %s; engines were up for %s of their "
      "accelerators' time",
      failures, stops, hit, up);
  if (lost > 0)
    g_string_append_printf(text,
                           ", and %s of all requests were hit and missed the SLO (those that were late "
                           "because others were served "
                           "first are not counted: a run without <failures> beside this one tells them)",
                           missed);
  g_string_append_c(text, '.');
}

gboolean tw_section_failures(tw_explained *e, GError **error)
{
  g_autoptr(GArray) found = tw_failure_rows_read(e->directory, e->run, error);
  if (found == NULL)
    return FALSE;
  if (found->len == 0)
    return TRUE;
  g_autoptr(GArray) all = g_array_new(FALSE, TRUE, sizeof(beside));
  for (guint i = 0; i < MIN(found->len, MOST_FAILURES); i++) {
    const tw_failure_row *one = &g_array_index(found, tw_failure_row, i);
    beside b = {.start_s = one->start_s, .over_s = over_of(one)};
    g_array_append_val(all, b);
  }
  if (e->pools->len > 0 && !tw_section_each_told(e, add_beside, all, error))
    return FALSE;
  json_t *section = tw_section_add(e, "Failures");
  for (guint i = 0; i < all->len; i++)
    say_failure(section, &g_array_index(found, tw_failure_row, i), &g_array_index(all, beside, i));
  if (found->len > MOST_FAILURES)
    tw_section_say(section,
                   "and %u more, of fewer accelerators or less time: `tokenworks log cat %s failures`",
                   found->len - MOST_FAILURES, e->directory);
  return TRUE;
}
