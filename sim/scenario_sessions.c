#include "sim/scenario.h"

#include <math.h>

/* ---- Tables ---- */

#define LONGEST_S 1e10

static const tw_attribute turn_attributes[] = {
    {"id", TW_ATTR_STRING, .offset = offsetof(tw_turn_element, id), .help = "name of the turn"},
    {"after", TW_ATTR_STRING, .fallback = "", .offset = offsetof(tw_turn_element, after),
     .help = "turns above it that must have ended, separated by blanks; none: it begins the session"},
    {"wait", TW_ATTR_QUANTITY, TW_TIME, "0s", .min = 0, .max = LONGEST_S,
     .offset = offsetof(tw_turn_element, wait_s),
     .help = "of a person who thinks or a tool that runs, before each"},
    {"repeat", TW_ATTR_INT, .fallback = "1", .min = 1, .max = TW_SESSIONS_MAX_STEPS,
     .offset = offsetof(tw_turn_element, repeat),
     .help = "so many, one after the other: a loop of tool calls"},
    {"branches", TW_ATTR_INT, .fallback = "1", .min = 1, .max = TW_SESSIONS_MAX_STEPS,
     .offset = offsetof(tw_turn_element, branches),
     .help = "so many at once, from the same prompt: best of n, sub-agents"},
    {"fresh", TW_ATTR_BOOL, .fallback = "false", .offset = offsetof(tw_turn_element, fresh),
     .help = "inherits no context"},
    {0}};
static const tw_child turn_children[] = {
    {&tw_length_elements[0], 1, 1}, {&tw_length_elements[1], 0, 1}, {&tw_length_elements[2], 1, 1}, {0}};
static const tw_element turn_element = {
    "turn", "a request of the session: what it adds to the context, and what it emits", turn_attributes,
    turn_children, NULL};

#define FIELD(name) .offset = offsetof(tw_sessions_element, name)
static const tw_attribute sessions_attributes[] = {
    {"rate", TW_ATTR_QUANTITY, TW_RATE, NULL, .max = 1e9, .positive = TRUE, FIELD(rate_per_s),
     .help = "sessions that begin per time"},
    {"sessions", TW_ATTR_INT, .fallback = TW_ABSENT, .min = 1, .max = 1e15, FIELD(sessions),
     .help = "at most so many"},
    {"duration", TW_ATTR_QUANTITY, TW_TIME, TW_ABSENT, .max = LONGEST_S, .positive = TRUE, FIELD(duration_s),
     .help = "none begins at or after it; it or `sessions` is needed"},
    {"system-tokens", TW_ATTR_INT, .fallback = "0", .min = 0, .max = TW_REQUEST_MAX_TOKENS,
     FIELD(system_tokens), .help = "that begin every prompt of every session"},
    {"keeps-reasoning", TW_ATTR_BOOL, .fallback = "false", FIELD(keeps_reasoning),
     .help = "in the context of later turns, which keep the answers alone otherwise"},
    {"hash-tokens", TW_ATTR_INT, .fallback = "128", .min = 1, .max = 65536, FIELD(hash_tokens),
     .help = "tokens of the blocks by which prompts are compared"},
    {"priority", TW_ATTR_INT, .fallback = "0", .min = -1e6, .max = 1e6, FIELD(priority),
     .help = "lower is served first, where the scheduler's order is priority"},
    {0}};
static gboolean check_end(const xmlNode *node, const void *target, tw_faults *faults)
{
  (void)target;
  if (xmlHasProp(node, BAD_CAST "sessions") != NULL || xmlHasProp(node, BAD_CAST "duration") != NULL)
    return TRUE;
  tw_node_fault(node, faults, "<sessions> never end; give them sessions=\"1000\" or duration=\"1h\"");
  return FALSE;
}
static const tw_child sessions_children[] = {{&turn_element, 1, 0}, {0}};
const tw_element tw_sessions_xml_element = {"sessions",
                                            "people and agents that ask, read the answer and go on",
                                            sessions_attributes, sessions_children, check_end};

/* ---- Reading ---- */

static int find_turn(const tw_sessions_element *sessions, int n, const char *id)
{
  for (int i = 0; i < n; i++)
    if (g_str_equal(sessions->turns[i].id, id))
      return i;
  return -1;
}

/* A turn may only come after those above it, so that there are no cycles. */
static void read_after(tw_sessions_element *sessions, int index, const char *after, const xmlNode *node,
                       tw_faults *faults)
{
  tw_turn *turn = &sessions->turns[index];
  g_auto(GStrv) ids = g_strsplit_set(after, " \t\n", -1);
  g_autofree const char **names = g_new0(const char *, (gsize)index + 1);
  GArray *found = g_array_new(FALSE, FALSE, sizeof(int));
  for (int i = 0; i < index; i++)
    names[i] = sessions->turns[i].id;
  for (char **id = ids; *id != NULL; id++) {
    int which = find_turn(sessions, index, *id);
    const char *near = tw_nearest(*id, names);
    if (**id == '\0')
      continue;
    if (which >= 0)
      g_array_append_val(found, which);
    else if (near != NULL)
      tw_node_fault(node, faults,
                    "turn \"%s\" comes after \"%s\", which is no turn above it; is \"%s\" meant?", turn->id,
                    *id, near);
    else
      tw_node_fault(
          node, faults,
          "turn \"%s\" comes after \"%s\", which is no turn above it; name turns that stand above it",
          turn->id, *id);
  }
  turn->n_after = (int)found->len;
  turn->after = (int *)(void *)g_array_free(found, FALSE);
}

static tw_length read_length(const xmlNode *turn, int which)
{
  tw_length_element e = {0};
  const xmlNode *node = tw_node_child(turn, tw_length_elements[which].name);
  if (node == NULL)
    return (tw_length){0};
  tw_schema_read(node, &tw_length_elements[which], &e);
  return (tw_length){(tw_length_kind)e.kind, e.mean, e.sigma, (gint32)e.min, (gint32)e.max};
}

void tw_scenario_read_sessions(tw_scenario *scenario, const xmlNode *node, tw_faults *faults)
{
  tw_sessions_element *sessions = &scenario->sessions;
  tw_schema_read(node, &tw_sessions_xml_element, sessions);
  for (const xmlNode *n = tw_node_child(node, "turn"); n != NULL; n = tw_node_next(n, "turn"))
    sessions->n_turns++;
  sessions->turns = g_new0(tw_turn, (gsize)sessions->n_turns);
  int i = 0;
  for (const xmlNode *n = tw_node_child(node, "turn"); n != NULL; n = tw_node_next(n, "turn"), i++) {
    tw_turn_element e = {0};
    tw_schema_read(n, &turn_element, &e);
    sessions->turns[i] = (tw_turn){.id = g_strdup(e.id),
                                   .repeat = e.repeat,
                                   .branches = e.branches,
                                   .wait_s = e.wait_s,
                                   .fresh = e.fresh,
                                   .prompt = read_length(n, 0),
                                   .reasoning = read_length(n, 1),
                                   .answer = read_length(n, 2)};
    if (find_turn(sessions, i, e.id) >= 0)
      tw_node_fault(n, faults, "turn id \"%s\" is used twice; give each turn its own", e.id);
    read_after(sessions, i, e.after, n, faults);
    tw_schema_clear(&turn_element, &e);
  }
}

void tw_scenario_clear_sessions(tw_scenario *scenario)
{
  for (int i = 0; i < scenario->sessions.n_turns; i++) {
    g_free((char *)scenario->sessions.turns[i].id);
    g_free((int *)scenario->sessions.turns[i].after);
  }
  g_free(scenario->sessions.turns);
}

tw_sessions_options tw_scenario_sessions(const tw_scenario *scenario)
{
  const tw_sessions_element *e = &scenario->sessions;
  return (tw_sessions_options){.rate_per_s = e->rate_per_s,
                               .limit = e->sessions == G_MININT64 ? G_MAXINT64 : e->sessions,
                               .duration_s = isnan(e->duration_s) ? INFINITY : e->duration_s,
                               .system_tokens = e->system_tokens,
                               .keeps_reasoning = e->keeps_reasoning,
                               .hash_tokens = (gint32)e->hash_tokens,
                               .priority = (gint32)e->priority,
                               .turns = e->turns,
                               .n_turns = e->n_turns,
                               .seed = (guint64)scenario->seed};
}
