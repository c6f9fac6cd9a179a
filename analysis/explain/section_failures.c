/* Failures: what broke, how long it took to serve again, and whom it hit. */
#include "analysis/explain/sections.h"
#include "analysis/explain/words.h"
#include "analysis/log/log_reader.h"
#include "analysis/log/run_directory.h"
#include "analysis/log/run_summary.h"

#include <math.h>

enum { MOST_FAILURES = 5 };

typedef struct failure {
  char *name; /* "host node-1" */
  double start_s, end_s, recovered_s, accelerators, requests, lost_tokens;
  gboolean limps;
} failure;

static void clear_failure(gpointer data)
{
  g_free(((failure *)data)->name);
}

/* The most accelerator-seconds first, then the earliest. */
static gint by_cost(gconstpointer a, gconstpointer b)
{
  const failure *x = a, *y = b;
  double p = (x->end_s - x->start_s) * x->accelerators, q = (y->end_s - y->start_s) * y->accelerators;
  if (p != q)
    return p < q ? 1 : -1;
  return (x->start_s > y->start_s) - (x->start_s < y->start_s);
}

/* Reads the failures of a run; the caller unrefs the array. NULL with `error` set. */
static GArray *read_failures(const char *directory, GError **error)
{
  enum { PART, COMPONENT, EFFECT, START, END, RECOVERED, ACCELERATORS, REQUESTS, LOST, COLUMNS };
  static const char *const names[COLUMNS] = {"part",        "component",    "effect",   "start_s",    "end_s",
                                             "recovered_s", "accelerators", "requests", "lost_tokens"};
  int columns[COLUMNS];
  g_autoptr(tw_log_reader) reader = tw_log_reader_open(directory, "failures", error);
  if (reader == NULL)
    return NULL;
  for (int i = 0; i < COLUMNS; i++)
    if ((columns[i] = tw_log_reader_column(reader, names[i], error)) < 0)
      return NULL;
  g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(failure));
  g_array_set_clear_func(found, clear_failure);
  GError *problem = NULL;
  while (tw_log_reader_next(reader, &problem)) {
    failure one = {.name = g_strdup_printf("%s %s", tw_log_reader_text(reader, columns[PART]),
                                           tw_log_reader_text(reader, columns[COMPONENT])),
                   .start_s = tw_log_reader_number(reader, columns[START]),
                   .end_s = tw_log_reader_number(reader, columns[END]),
                   .recovered_s = tw_log_reader_number(reader, columns[RECOVERED]),
                   .accelerators = tw_log_reader_number(reader, columns[ACCELERATORS]),
                   .requests = tw_log_reader_number(reader, columns[REQUESTS]),
                   .lost_tokens = tw_log_reader_number(reader, columns[LOST]),
                   .limps = g_str_equal(tw_log_reader_text(reader, columns[EFFECT]), "limp")};
    g_array_append_val(found, one);
  }
  if (problem != NULL) {
    g_propagate_error(error, problem);
    return NULL;
  }
  g_array_sort(found, by_cost);
  return g_steal_pointer(&found);
}

static void say_failure(json_t *section, const failure *one)
{
  g_autofree char *start = tw_words_duration(one->start_s),
                  *end = tw_words_duration((isfinite(one->recovered_s) ? one->recovered_s : one->end_s) -
                                           one->start_s),
                  *accelerators = tw_words_amount(one->accelerators),
                  *requests = tw_words_amount(one->requests), *tokens = tw_words_amount(one->lost_tokens);
  tw_section_say(section, "%s %s at %s, for %s: %s accelerators, %s requests hit, %s tokens lost", one->name,
                 one->limps ? "limped" : "stopped", start, end, accelerators, requests, tokens);
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
  if (!tw_run_json_has_table(e->run, tw_log_table_find("failures")))
    return TRUE;
  g_autoptr(GArray) found = read_failures(e->directory, error);
  if (found == NULL)
    return FALSE;
  if (found->len == 0)
    return TRUE;
  json_t *section = tw_section_add(e, "Failures");
  for (guint i = 0; i < MIN(found->len, MOST_FAILURES); i++)
    say_failure(section, &g_array_index(found, failure, i));
  if (found->len > MOST_FAILURES)
    tw_section_say(section,
                   "and %u more, of fewer accelerators or less time: `tokenworks log cat %s failures`",
                   found->len - MOST_FAILURES, e->directory);
  return TRUE;
}
