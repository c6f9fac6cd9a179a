#include "workloads/traces/play.h"

/* How recorded times become waits. */
typedef struct {
  double rate_scale, most_gap_s;
} waiting;

void tw_play_free(tw_play *p)
{
  if (p == NULL)
    return;
  for (guint i = 0; i < p->n; i++) {
    tw_trace_row_clear(&p->steps[i].row);
    if (p->steps[i].then != NULL)
      g_array_unref(p->steps[i].then);
  }
  g_free(p->steps);
  g_free(p);
}

/* Seconds that `row` came after `other` had ended (or started), as recorded. */
static double recorded_gap(const waiting *w, const tw_trace_row *other, const tw_trace_row *row,
                           gboolean for_start)
{
  double gap_s = (row->request.arrival_s - other->request.arrival_s) * w->rate_scale;
  if (!for_start && !isnan(other->service_s))
    gap_s -= other->service_s;
  return fmax(gap_s, 0);
}

static void add_wait(const waiting *w, tw_play *p, guint of, guint on, gboolean for_start, double delay_s)
{
  tw_step *other = &p->steps[on];
  if (isnan(delay_s))
    delay_s = recorded_gap(w, &other->row, &p->steps[of].row, for_start);
  tw_consequence then = {of, for_start, fmin(delay_s, w->most_gap_s)};
  if (other->then == NULL)
    other->then = g_array_new(FALSE, FALSE, sizeof then);
  g_array_append_val(other->then, then);
  p->steps[of].unmet++;
}

/* An agent of a session, whose rows say nothing of what they wait for. */
typedef struct {
  gint last;         /* step; -1: none yet */
  double last_end_s; /* the recorded end of the last request */
  gboolean joined;   /* the one that started it has waited for its end since */
} agent_state;

static double recorded_end_s(const tw_trace_row *row)
{
  return row->request.arrival_s + (isnan(row->service_s) ? 0 : row->service_s);
}

static agent_state *agent_of(GHashTable *agents, const char *name)
{
  agent_state *state = g_hash_table_lookup(agents, name);
  if (state == NULL) {
    state = g_new(agent_state, 1);
    *state = (agent_state){-1, 0, TRUE};
    g_hash_table_insert(agents, g_strdup(name), state);
  }
  return state;
}

/* Waits for another row's end, or for its start where it had not ended when this one came. */
static void wait_as_recorded(const waiting *w, tw_play *p, guint of, guint on, double delay_s)
{
  const tw_trace_row *row = &p->steps[of].row, *other = &p->steps[on].row;
  gboolean overlaps = isnan(delay_s) && row->request.arrival_s < recorded_end_s(other);
  add_wait(w, p, of, on, overlaps, delay_s);
}

/* The times of agents tell who waits: a request follows the one before of its agent; the first one of an
 * agent, the request before of the agent that started it; and the first request of that one after an
 * agent's end, its last. */
static void infer_waits(const waiting *w, tw_play *p, GHashTable *agents, guint of)
{
  const tw_trace_row *row = &p->steps[of].row;
  const char *name = row->agent != NULL ? row->agent : "", *cut = strrchr(name, '>');
  g_autofree char *above = cut != NULL ? g_strndup(name, (gsize)(cut - name)) : g_strdup("");
  agent_state *own = agent_of(agents, name), *parent = row->agent != NULL ? agent_of(agents, above) : NULL;
  if (own->last >= 0)
    wait_as_recorded(w, p, of, (guint)own->last, row->delay_s);
  else if (parent != NULL && parent->last >= 0)
    wait_as_recorded(w, p, of, (guint)parent->last, NAN);
  GHashTableIter each;
  gpointer key, value;
  g_hash_table_iter_init(&each, agents);
  while (g_hash_table_iter_next(&each, &key, &value)) {
    agent_state *child = value;
    const char *child_name = key, *child_cut = strrchr(child_name, '>');
    gsize length = child_cut != NULL ? (gsize)(child_cut - child_name) : 0;
    gboolean is_child =
        *child_name != '\0' && strlen(name) == length && strncmp(child_name, name, length) == 0;
    if (!is_child || child->joined || child->last < 0 || child->last_end_s > row->request.arrival_s)
      continue;
    add_wait(w, p, of, (guint)child->last, FALSE, NAN);
    child->joined = TRUE;
  }
  own->last = (gint)of;
  own->last_end_s = recorded_end_s(row);
  own->joined = isnan(row->service_s);
}

/* Finds what each request waits for. What is not in the session, having been left out, nobody waits for. */
static void link_steps(const waiting *w, tw_play *p)
{
  g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
  g_autoptr(GHashTable) agents = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  for (guint i = 0; i < p->n; i++)
    if (p->steps[i].row.name != NULL)
      g_hash_table_insert(names, p->steps[i].row.name, GUINT_TO_POINTER(i + 1));
  for (guint i = 0; i < p->n; i++) {
    const tw_trace_row *row = &p->steps[i].row;
    for (guint i_wait = 0; i_wait < row->n_waits; i_wait++) {
      guint on = GPOINTER_TO_UINT(g_hash_table_lookup(names, row->waits[i_wait].name));
      if (on > 0)
        add_wait(w, p, i, on - 1, row->waits[i_wait].for_start, row->waits[i_wait].delay_s);
    }
    if (!row->linked)
      infer_waits(w, p, agents, i);
  }
}

gboolean tw_play_has_no_circle(const tw_play *p)
{
  g_autofree guint *unmet = g_new(guint, p->n), *ready = g_new(guint, p->n);
  guint n = 0, done = 0;
  for (guint i = 0; i < p->n; i++) {
    unmet[i] = p->steps[i].unmet;
    if (unmet[i] == 0)
      ready[n++] = i;
  }
  for (; done < n; done++) {
    const GArray *then = p->steps[ready[done]].then;
    for (guint t = 0; then != NULL && t < then->len; t++) {
      guint next = g_array_index(then, tw_consequence, t).step;
      if (--unmet[next] == 0)
        ready[n++] = next;
    }
  }
  return done == p->n;
}

tw_play *tw_play_new(const GArray *rows, guint64 ordinal, double rate_scale, double most_gap_s)
{
  const waiting w = {rate_scale, most_gap_s};
  tw_play *p = g_new0(tw_play, 1);
  p->n = rows->len;
  p->ordinal = ordinal;
  p->steps = g_new0(tw_step, p->n);
  for (guint i = 0; i < p->n; i++)
    p->steps[i] = (tw_step){.row = g_array_index(rows, tw_trace_row, i), .of = p, .order = ordinal << 24 | i};
  p->first_s = p->steps[0].row.request.arrival_s;
  link_steps(&w, p);
  return p;
}
