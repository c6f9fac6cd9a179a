/* Sessions: what of their time nobody served, as tools ran and people read. */
#include "analysis/explain/sections.h"
#include "analysis/explain/words.h"
#include "analysis/log/run_summary.h"

#include <math.h>

/* The time of a request. */
typedef struct stretch {
  double from_s, to_s;
} stretch;

typedef struct sessions {
  GPtrArray *all;      /* Arrays of stretch, in the order in which sessions were first told of. */
  GHashTable *by_name; /* The arrays of `all` by name, borrowed. */
} sessions;

static gboolean add_request(void *user, const tw_told *told)
{
  sessions *s = user;
  stretch one = {told->arrival_s, told->end_s};
  if (*told->session == '\0' || isnan(told->end_s))
    return TRUE;
  GArray *own = g_hash_table_lookup(s->by_name, told->session);
  if (own == NULL) {
    own = g_array_new(FALSE, FALSE, sizeof(stretch));
    g_ptr_array_add(s->all, own);
    g_hash_table_insert(s->by_name, g_strdup(told->session), own);
  }
  g_array_append_val(own, one);
  return TRUE;
}

static gint by_start(gconstpointer a, gconstpointer b)
{
  const stretch *x = a, *y = b;
  return (x->from_s > y->from_s) - (x->from_s < y->from_s);
}

/* The length of a session from its first arrival to its last end, and the part of it without a request under way. */
static void measure(GArray *own, double *span_s, double *idle_s)
{
  g_array_sort(own, by_start);
  double start_s = g_array_index(own, stretch, 0).from_s, end_s = start_s;
  *idle_s = 0;
  for (guint i = 0; i < own->len; i++) {
    const stretch *one = &g_array_index(own, stretch, i);
    *idle_s += fmax(0, one->from_s - end_s);
    end_s = fmax(end_s, one->to_s);
  }
  *span_s = end_s - start_s;
}

static void say_sessions(tw_explained *e, const sessions *s)
{
  double spans_s = 0, idle_s = 0;
  guint n = 0, requests = 0;
  for (guint i = 0; i < s->all->len; i++) {
    GArray *own = s->all->pdata[i];
    double span_s, wait_s;
    if (own->len < 2)
      continue;
    measure(own, &span_s, &wait_s);
    spans_s += span_s;
    idle_s += wait_s;
    requests += own->len;
    n++;
  }
  if (n == 0)
    return;
  const tw_part parts[] = {{"waiting for tools and people", idle_s / n},
                           {"with a request under way", (spans_s - idle_s) / n}};
  g_autofree char *span = tw_words_duration(spans_s / n), *each = tw_words_amount((double)requests / n),
                  *said = tw_words_parts(parts, G_N_ELEMENTS(parts), 0, tw_words_duration);
  tw_section_say(tw_section_add(e, "Sessions"), "%u of several requests, %s each in the mean, over %s: %s", n,
                 each, span, said);
  json_object_set_new(e->json, "sessions",
                      json_pack("{s:i, s:i, s:f, s:f, s:f}", "count", (int)n, "requests", (int)requests,
                                "span_s", spans_s, "served_s", spans_s - idle_s, "tool_wait_s", idle_s));
}

gboolean tw_section_sessions(tw_explained *e, GError **error)
{
  if (!(tw_run_summary_number(e->summary, "sessions.started") > 0))
    return TRUE;
  g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
  g_autoptr(GHashTable) by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  sessions s = {all, by_name};
  if (!tw_told_each(e->directory, -INFINITY, INFINITY, add_request, &s, error))
    return FALSE;
  say_sessions(e, &s);
  return TRUE;
}
