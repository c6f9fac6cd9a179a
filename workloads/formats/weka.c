/* Weka's and AgentX's coding agents (github.com/callanjfox/kv-cache-tester; AIPerf's weka_trace): a play a
 * line or file. A play has requests and sub-agents, which have requests of their own; ids of 64 tokens, local
 * to the play.
 *
 *     request ──gap──► request ──gap─────────────────► request       waits for what has ended before it
 *                         └──gap──► sub-agent ──► ... ──┘            "completed": the parent waits for it
 *
 * A gap is the time from the recorded end of what is waited for to the recorded start. Requests that overlap
 * are those of another, hidden agent, which begins at a gap from the start of the request before it. */
#include "platforms/input/fault.h"
#include "workloads/formats/format.h"

enum { AUTO, RELATIVE, ABSOLUTE }; /* places in tw_trace_nested_names */
enum { LOOK_SUB_AGENTS = 1000 };   /* number of sub-agents by which the times of a corpus are told */

#define ROUNDING_S 1.0 /* recorded times may be whole seconds */

typedef struct {
  gboolean relative;
  GHashTable *plays; /* names, to tell plays of the same name apart */
} weka;

/* A row that was made: where a later one may wait. */
typedef struct {
  char *name;
  double start_s, end_s;
  guint chain; /* the agent, 0: the first one */
} made;

static void stop_weka(tw_trace_source *source)
{
  weka *own = source->own;
  if (own == NULL)
    return;
  g_hash_table_unref(own->plays);
  g_free(own);
}

static gboolean is_sub_agent(const tw_json *request)
{
  return g_strcmp0(tw_json_text(request, "type"), "subagent") == 0;
}

/* Times of sub-agents' requests count from their marker in the whole corpus if any lies before it. */
static gboolean find_relative(tw_trace_source *source, gboolean *relative, GError **error)
{
  g_autoptr(tw_json_reader) json = tw_json_reader_new(source->input);
  const tw_json *play;
  guint seen = 0;
  *relative = FALSE;
  while (!*relative && seen < LOOK_SUB_AGENTS && (play = tw_json_next(json, NULL)) != NULL) {
    const tw_json *requests = tw_json_get(play, "requests");
    for (const tw_json *r = requests != NULL ? requests->first : NULL; r != NULL; r = r->next) {
      const tw_json *inner = is_sub_agent(r) ? tw_json_get(r, "requests") : NULL;
      double marker_s, t_s;
      if (inner == NULL || !tw_json_number(r, "t", &marker_s))
        continue;
      seen++;
      for (const tw_json *i = inner->first; i != NULL && inner->kind == TW_JSON_ARRAY; i = i->next)
        *relative |= tw_json_number(i, "t", &t_s) && t_s < marker_s;
    }
  }
  return tw_input_rewind(source->input, error);
}

static gboolean start_weka(tw_trace_source *source, GError **error)
{
  weka *own = source->own = g_new0(weka, 1);
  own->plays = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  own->relative = source->reading->nested_times == RELATIVE;
  return source->reading->nested_times != AUTO || find_relative(source, &own->relative, error);
}

static void clear_made(gpointer p)
{
  g_free(((made *)p)->name);
}

/* The row made last in an agent; NULL: none. */
static const made *last_of(const GArray *rows, guint chain)
{
  for (guint i = rows->len; i > 0; i--)
    if (g_array_index(rows, made, i - 1).chain == chain)
      return &g_array_index(rows, made, i - 1);
  return NULL;
}

static void wait_for_end(tw_trace_row *row, const made *of)
{
  tw_trace_row_wait(row, of->name, FALSE, fmax(row->request.arrival_s - of->end_s, 0));
}

static void wait_for_start(tw_trace_row *row, const made *of)
{
  tw_trace_row_wait(row, of->name, TRUE, fmax(row->request.arrival_s - of->start_s, 0));
}

/* Reads what a request says of itself; it arrives at t + `from_s`. */
static gboolean read_request(tw_trace_source *source, const tw_json *play, const tw_json *object,
                             double from_s, gint32 block_tokens, tw_trace_row *row, GError **error)
{
  tw_request *request = &row->request;
  if (object->kind != TW_JSON_OBJECT)
    return tw_json_fault(source->json, object, error, "\"requests\" holds what is no object");
  if (!tw_trace_json_seconds(source, object, "t", 1, NAN, &request->arrival_s, error) ||
      !tw_trace_json_tokens(source, object, "in", 0, -1, &request->prompt_tokens, error) ||
      !tw_trace_json_tokens(source, object, "out", 0, -1, &request->answer_tokens, error) ||
      !tw_trace_json_seconds(source, object, "api_time", 1, 0, &row->service_s, error))
    return FALSE;
  if (!tw_json_has(object, "api_time"))
    row->service_s = NAN;
  request->arrival_s += from_s;
  if (request->prompt_tokens == 0) {
    row->failure = "a prompt of 0 tokens";
    return TRUE;
  }
  if (!tw_trace_json_hashes(source, tw_json_get(object, "hash_ids"), block_tokens, row, error) ||
      !tw_trace_class(source, tw_json_text(object, "model"), &request->class, error))
    return FALSE;
  if (g_strcmp0(tw_json_text(play, "hash_id_scope"), "global") != 0)
    tw_trace_own_hashes(request, source->documents);
  return TRUE;
}

static void add_made(GArray *rows, const tw_trace_row *row, guint chain)
{
  double end_s = row->request.arrival_s + (isnan(row->service_s) ? 0 : row->service_s);
  made one = {g_strdup(row->name), row->request.arrival_s, end_s, chain};
  g_array_append_val(rows, one);
}

/* The agent whose last request ended by `t_s`; the first one if it can be. `chains`: there are none. */
static guint free_chain(const GArray *rows, guint chains, double t_s)
{
  for (guint chain = 0; chain < chains; chain++) {
    const made *last = last_of(rows, chain);
    if (last == NULL || last->end_s <= t_s + ROUNDING_S)
      return chain;
  }
  return chains;
}

/* A sub-agent that the parent waits for. */
typedef struct {
  made last;
  double end_s;
} joining;

static void clear_joining(gpointer p)
{
  g_free(((joining *)p)->last.name);
}

/* The requests of a sub-agent. */
static gboolean add_sub_agent(tw_trace_source *source, const tw_json *play, const char *session,
                              const tw_json *marker, const GArray *parents, guint number, gint32 block_tokens,
                              GArray *joins, GError **error)
{
  const weka *own = source->own;
  const char *status = tw_json_text(marker, "status"), *id = tw_json_text(marker, "agent_id");
  gboolean awaited = g_strcmp0(status, "completed") == 0;
  double marker_s, duration_s;
  if (!awaited && g_strcmp0(status, "async_launched") != 0)
    return tw_json_fault(source->json, marker, error,
                         "\"status\" of a sub-agent is '%s'; completed or async_launched is "
                         "needed",
                         status != NULL ? status : "");
  if (!tw_trace_json_seconds(source, marker, "t", 1, NAN, &marker_s, error) ||
      !tw_trace_json_seconds(source, marker, "duration_ms", 1e-3, -0.0, &duration_s, error))
    return FALSE;
  const tw_json *inner = tw_json_get(marker, "requests");
  g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(made));
  g_array_set_clear_func(rows, clear_made);
  double end_s = 0;
  guint n = 0, chains = 1;
  for (const tw_json *r = inner != NULL && inner->kind == TW_JSON_ARRAY ? inner->first : NULL; r != NULL;
       r = r->next, n++) {
    if (is_sub_agent(r))
      return tw_json_fault(
          source->json, r, error,
          "a sub-agent within a sub-agent is not read; it must stand in the \"requests\" of the play");
    tw_trace_row *row = tw_trace_source_add(source);
    if (!read_request(source, play, r, own->relative ? marker_s : 0, block_tokens, row, error))
      return FALSE;
    if (row->request.arrival_s < marker_s - 0.01)
      return tw_json_fault(source->json, r, error,
                           "\"t\" lies before the marker of its sub-agent at %g s; with "
                           "--nested-times=relative it counts from there",
                           marker_s);
    row->request.arrival_s = fmax(row->request.arrival_s, marker_s);
    row->request.session = g_strdup(session);
    row->agent =
        id != NULL ? g_strdup_printf("%s (%u)", id, number) : g_strdup_printf("sub-agent %u", number);
    row->name = g_strdup_printf("%u.%u", number, n);
    row->linked = TRUE;
    if (row->failure != NULL)
      continue;
    guint chain = free_chain(rows, chains, row->request.arrival_s);
    const made *last = last_of(rows, chain), *parent = NULL;
    for (guint i = 0; i < parents->len; i++)
      if (g_array_index(parents, made, i).start_s <= marker_s)
        parent = &g_array_index(parents, made, i);
    if (last != NULL)
      wait_for_end(row, last);
    else if (rows->len > 0)
      wait_for_start(row, &g_array_index(rows, made, rows->len - 1));
    else if (parent != NULL && marker_s < parent->end_s)
      wait_for_start(row, parent);
    else if (parent != NULL)
      wait_for_end(row, parent);
    chains = MAX(chains, chain + 1);
    add_made(rows, row, chain);
    end_s = fmax(end_s, g_array_index(rows, made, rows->len - 1).end_s);
  }
  if (!awaited || rows->len == 0)
    return TRUE;
  const made *final = &g_array_index(rows, made, 0);
  for (guint i = 1; i < rows->len; i++)
    if (g_array_index(rows, made, i).end_s >= final->end_s)
      final = &g_array_index(rows, made, i);
  joining join = {{g_strdup(final->name), final->start_s, final->end_s, 0},
                  duration_s > 0 ? marker_s + duration_s : end_s};
  g_array_append_val(joins, join);
  return TRUE;
}

/* A request of the play itself: behind the one before of its agent, and behind the sub-agents that have
 * ended. */
static void link_request(tw_trace_row *row, GArray *rows, guint *chains, GArray *joins)
{
  double t_s = row->request.arrival_s;
  guint chain = free_chain(rows, *chains, t_s);
  const made *last = last_of(rows, chain);
  if (last != NULL)
    wait_for_end(row, last);
  else if (rows->len > 0)
    wait_for_start(row, &g_array_index(rows, made, rows->len - 1));
  *chains = MAX(*chains, chain + 1);
  if (chain > 0)
    row->agent = g_strdup_printf("hidden %u", chain);
  add_made(rows, row, chain);
  for (guint i = 0; chain == 0 && i < joins->len;) {
    const joining *join = &g_array_index(joins, joining, i);
    if (join->end_s > t_s) {
      i++;
      continue;
    }
    wait_for_end(row, &join->last);
    g_array_remove_index(joins, i);
  }
}

static gboolean expand_weka(tw_trace_source *source, const tw_json *play, GError **error)
{
  weka *own = source->own;
  const char *id = tw_json_text(play, "id");
  const tw_json *requests = tw_json_get(play, "requests");
  gint32 block_tokens = (gint32)source->reading->block_tokens;
  if (id == NULL || *id == '\0')
    return tw_json_fault(source->json, play, error, "\"id\" of the play is missing; a text is needed");
  if (requests == NULL || requests->kind != TW_JSON_ARRAY)
    return tw_json_fault(source->json, play, error, "\"requests\" is missing; a list of requests is needed");
  if (block_tokens == 0 && !tw_trace_json_tokens(source, play, "block_size", 1, 64, &block_tokens, error))
    return FALSE;
  g_autofree char *session = g_hash_table_contains(own->plays, id)
                                 ? g_strdup_printf("%s (%" G_GUINT64_FORMAT ")", id, source->documents)
                                 : g_strdup(id);
  g_hash_table_add(own->plays, g_strdup(id));
  g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(made)),
                    joins = g_array_new(FALSE, FALSE, sizeof(joining));
  g_array_set_clear_func(rows, clear_made);
  g_array_set_clear_func(joins, clear_joining);
  guint n = 0, chains = 1;
  for (const tw_json *r = requests->first; r != NULL; r = r->next, n++) {
    if (is_sub_agent(r)) {
      if (!add_sub_agent(source, play, session, r, rows, n, block_tokens, joins, error))
        return FALSE;
      continue;
    }
    tw_trace_row *row = tw_trace_source_add(source);
    if (!read_request(source, play, r, 0, block_tokens, row, error))
      return FALSE;
    row->request.session = g_strdup(session);
    row->name = g_strdup_printf("%u", n);
    row->linked = TRUE;
    if (row->failure == NULL)
      link_request(row, rows, &chains, joins);
  }
  return TRUE;
}

static const char *const fields[] = {"id", "requests", "block_size|hash_id_scope|models",
                                     "!usage|prompt_tokens|completion_tokens|input_tokens|output_tokens",
                                     NULL};

const tw_trace_format tw_trace_weka = {
    .name = "weka",
    .help = "Weka's and AgentX's coding agents: a play a line or file, with requests and sub-agents",
    .fields = fields,
    .block_tokens = 64,
    .sorts = TRUE,
    .skips = TRUE,
    .links = TRUE,
    .by_session = TRUE,
    .start = start_weka,
    .stop = stop_weka,
    .expand = expand_weka,
};
