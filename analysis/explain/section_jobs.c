/* Jobs: what the time of their steps went to, and what failures took. */
#include "analysis/explain/sections.h"
#include "analysis/explain/words.h"
#include "analysis/log/log_reader.h"
#include "analysis/log/run_directory.h"

#include <math.h>

enum { MOST_PARTS = 7 };

/* A table of jobs: the columns that say what time went to, and the names of these parts. */
typedef struct job_table {
  const char *name;
  gboolean shares; /* The columns are shares of the row's time, not seconds. */
  const char *columns[MOST_PARTS], *parts[MOST_PARTS];
} job_table;

/* A job of reinforcement learning is told by its own table: that of jobs has its training alone. */
static const job_table tables[] = {
    {"rl",
     FALSE,
     {"wait_s", "train_s", "swap_s", "sync_s"},
     {"waiting for rollouts and rewards", "training", "changing between engines and trainer",
      "weights on their way to the engines"}},
    {"jobs",
     TRUE,
     {"compute", "exposed", "bubble", "optimizer", "checkpoint", "straggling"},
     {"computing", "waiting for collectives", "pipeline bubble", "the optimizer", "waiting for checkpoints",
      "waiting for an accelerator that limped", "stopped by failures"}}};

/* Sums of a job over its rows. */
typedef struct job_sums {
  char *id;
  double parts_s[MOST_PARTS];
  gint64 stops, lost_steps;
} job_sums;

static void clear_sums(gpointer sums)
{
  g_free(((job_sums *)sums)->id);
}

static job_sums *sums_of(GArray *all, const char *id)
{
  for (guint i = 0; i < all->len; i++)
    if (g_str_equal(g_array_index(all, job_sums, i).id, id))
      return &g_array_index(all, job_sums, i);
  g_array_append_val(all, ((job_sums){.id = g_strdup(id)}));
  return &g_array_index(all, job_sums, all->len - 1);
}

#define COLUMNS(X)                                                                                           \
  X(start_s)                                                                                                 \
  X(end_s)                                                                                                   \
  X(job)
TW_LOG_COLUMNS(COLUMNS)

/* Adds what of a row lies in the time that is asked for; it is a stop where the table has stops and says so. */
static void add_row(const tw_explain_options *asked, const tw_log_reader *reader, const columns *at,
                    const job_table *table, const int parts[MOST_PARTS], int kind, int steps, GArray *all)
{
  double start_s = tw_log_reader_amount(reader, at->start_s), end_s = tw_log_reader_amount(reader, at->end_s),
         length_s = fmin(end_s, asked->to_s) - fmax(start_s, asked->from_s);
  if (length_s < 0 || start_s >= asked->to_s)
    return;
  job_sums *sums = sums_of(all, tw_log_reader_text(reader, at->job));
  if (kind >= 0 && g_str_equal(tw_log_reader_text(reader, kind), "stop")) {
    sums->parts_s[MOST_PARTS - 1] += length_s;
    sums->stops++;
    sums->lost_steps += MAX(tw_log_reader_integer(reader, steps), 0);
    return;
  }
  for (int i = 0; i < MOST_PARTS && table->columns[i] != NULL; i++)
    sums->parts_s[i] +=
        tw_log_reader_amount(reader, parts[i]) * (table->shares         ? length_s
                                                  : end_s - start_s > 0 ? length_s / (end_s - start_s)
                                                                        : 1);
}

static gboolean read_rows(const tw_explained *e, const job_table *table, GArray *all, GError **error)
{
  g_autoptr(tw_log_reader) reader = tw_log_reader_open(e->directory, table->name, error);
  columns at;
  int parts[MOST_PARTS] = {0}, kind = -1, steps = -1;
  if (reader == NULL || !find_columns(reader, &at, error))
    return FALSE;
  for (int i = 0; i < MOST_PARTS && table->columns[i] != NULL; i++)
    if ((parts[i] = tw_log_reader_column(reader, table->columns[i], error)) < 0)
      return FALSE;
  if (table->shares && ((kind = tw_log_reader_column(reader, "kind", error)) < 0 ||
                        (steps = tw_log_reader_column(reader, "steps", error)) < 0))
    return FALSE;
  GError *problem = NULL;
  while (tw_log_reader_next(reader, &problem))
    add_row(e->options, reader, &at, table, parts, kind, steps, all);
  if (problem == NULL)
    return TRUE;
  g_propagate_error(error, problem);
  return FALSE;
}

static void say_job(tw_explained *e, json_t *section, const job_table *table, const job_sums *sums)
{
  tw_part parts[MOST_PARTS];
  int n = 0, most = 0;
  for (int i = 0; i < MOST_PARTS; i++)
    if (table->parts[i] != NULL)
      parts[n++] = (tw_part){table->parts[i], sums->parts_s[i]};
  for (int i = 0; i < n; i++)
    if (parts[i].amount > parts[most].amount)
      most = i;
  g_autofree char *shares = tw_words_shares(parts, (guint)n, 0.001),
                  *stops = sums->stops == 1 ? g_strdup("once")
                                            : g_strdup_printf("%" G_GINT64_FORMAT " times", sums->stops),
                  *lost = tw_words_count((double)sums->lost_steps, "step");
  if (sums->stops > 0)
    tw_section_say(section, "%s: %s; failures stopped it %s, with %s lost, to be done again", sums->id,
                   shares, stops, lost);
  else
    tw_section_say(section, "%s: %s", sums->id, shares);
  json_t *jobs = json_object_get(e->json, "jobs");
  if (jobs == NULL) {
    jobs = json_object();
    json_object_set_new(e->json, "jobs", jobs);
  }
  json_t *seconds = json_object();
  for (int i = 0; i < n; i++)
    json_object_set_new(seconds, parts[i].name, json_real(parts[i].amount));
  json_object_set_new(jobs, sums->id,
                      json_pack("{s:s, s:o}", "mostly", parts[most].name, "parts_s", seconds));
}

gboolean tw_section_jobs(tw_explained *e, GError **error)
{
  json_t *section = NULL;
  for (guint i = 0; i < G_N_ELEMENTS(tables); i++) {
    if (!tw_run_json_has_table(e->run, tw_log_table_find(tables[i].name)))
      continue;
    g_autoptr(GArray) all = g_array_new(FALSE, TRUE, sizeof(job_sums));
    g_array_set_clear_func(all, clear_sums);
    if (!read_rows(e, &tables[i], all, error))
      return FALSE;
    if (section == NULL && all->len > 0)
      section = tw_section_add(e, "Jobs, by their time");
    for (guint k = 0; k < all->len; k++) {
      const job_sums *sums = &g_array_index(all, job_sums, k);
      if (json_object_get(json_object_get(e->json, "jobs"), sums->id) == NULL)
        say_job(e, section, &tables[i], sums);
    }
  }
  return TRUE;
}
