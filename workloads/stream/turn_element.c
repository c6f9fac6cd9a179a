/* The element <turn>, and how turns are read. */
#include "workloads/stream/sessions.h"

typedef struct element {
  char *id, *after, *retry_from;
  gint64 repeat, branches, retries;
  double wait_s, wait_sigma, retry;
  int wait_law;
  gboolean fresh;
} element;

typedef struct repeats_element {
  int law;
  double mean, sigma;
  gint64 max;
} repeats_element;

static const char *const law_names[] = {"fixed", "exponential", "lognormal", NULL};

#define FIELD(name) .offset = offsetof(element, name)
static const tw_attribute attributes[] = {
    {"id", TW_ATTR_STRING, FIELD(id), .help = "name of the turn"},
    {"after", TW_ATTR_STRING, .fallback = "", FIELD(after),
     .help = "turns above it that must have ended, separated by blanks; none: it begins the session"},
    {"wait", TW_ATTR_QUANTITY, TW_TIME, "0s", .min = 0, .max = 1e10, FIELD(wait_s),
     .help = "of a person who thinks or a tool that runs, before each; on average"},
    {"wait-law", TW_ATTR_CHOICE, .fallback = "fixed", .choices = law_names, FIELD(wait_law),
     .help = "how the wait is drawn"},
    {"wait-sigma", TW_ATTR_NUMBER, .fallback = "1", .min = 0, .max = 10, FIELD(wait_sigma),
     .help = "lognormal: standard deviation of the wait's logarithm"},
    {"repeat", TW_ATTR_INT, .fallback = "1", .min = 1, .max = TW_SESSIONS_MAX_STEPS, FIELD(repeat),
     .help = "so many, one after the other: a loop of tool calls; <repeats> draws their number instead"},
    {"branches", TW_ATTR_INT, .fallback = "1", .min = 1, .max = TW_SESSIONS_MAX_STEPS, FIELD(branches),
     .help = "so many at once, from the same prompt: best of n, sub-agents"},
    {"fresh", TW_ATTR_BOOL, .fallback = "false", FIELD(fresh), .help = "inherits no context"},
    {"retry", TW_ATTR_NUMBER, .fallback = "0", .min = 0, .max = 1, FIELD(retry),
     .help = "probability that it finds fault with what was done, and the session goes back"},
    {"retry-from", TW_ATTR_STRING, .fallback = "", FIELD(retry_from),
     .help = "the turn that it goes back to; itself if empty"},
    {"retries", TW_ATTR_INT, .fallback = "3", .min = 1, .max = 1000, FIELD(retries),
     .help = "at most so often"},
    {0}};

#define REPEATS(name) .offset = offsetof(repeats_element, name)
static const tw_attribute repeats_attributes[] = {
    {"law", TW_ATTR_CHOICE, .fallback = "exponential", .choices = law_names, REPEATS(law),
     .help = "how their number is drawn"},
    {"mean", TW_ATTR_NUMBER, .min = 1, .max = TW_SESSIONS_MAX_STEPS, REPEATS(mean),
     .help = "on average, before it is rounded and bounded"},
    {"sigma", TW_ATTR_NUMBER, .fallback = "1", .min = 0, .max = 10, REPEATS(sigma),
     .help = "lognormal: standard deviation of the logarithm"},
    {"max", TW_ATTR_INT, .min = 1, .max = TW_SESSIONS_MAX_STEPS, REPEATS(max), .help = "at most so many"},
    {0}};
static const tw_element repeats_xml_element = {
    "repeats", "how many of a turn there are, one after the other: each session draws it", repeats_attributes,
    NULL, NULL};

static const tw_child children[] = {{&repeats_xml_element, 0, 1},
                                    {&tw_length_elements[0], 1, 1},
                                    {&tw_length_elements[1], 0, 1},
                                    {&tw_length_elements[2], 1, 1},
                                    {0}};
const tw_element tw_turn_element = {
    "turn", "a request of the session: what it adds to the context, and what it emits", attributes, children,
    NULL};

static int find_turn(const tw_turn *turns, int n, const char *id)
{
  for (int i = 0; i < n; i++)
    if (g_str_equal(turns[i].id, id))
      return i;
  return -1;
}

/* The turn above `index` that is called `id`; a fault where there is none. */
static int find_above(const tw_turn *turns, int index, const char *id, const char *what, const xmlNode *node,
                      tw_faults *faults)
{
  int which = find_turn(turns, index, id);
  if (which >= 0)
    return which;
  g_autofree const char **names = g_new0(const char *, (gsize)index + 1);
  for (int i = 0; i < index; i++)
    names[i] = turns[i].id;
  const char *near = tw_nearest(id, names);
  if (near != NULL)
    tw_node_fault(node, faults, "turn \"%s\" %s \"%s\", which is no turn above it; is \"%s\" meant?",
                  turns[index].id, what, id, near);
  else
    tw_node_fault(node, faults,
                  "turn \"%s\" %s \"%s\", which is no turn above it; name turns that stand above it",
                  turns[index].id, what, id);
  return -1;
}

/* A turn may only come after those above it, so that there are no cycles. */
static void read_after(tw_turn *turns, int index, const char *after, const xmlNode *node, tw_faults *faults)
{
  g_auto(GStrv) ids = g_strsplit_set(after, " \t\n", -1);
  GArray *found = g_array_new(FALSE, FALSE, sizeof(int));
  for (char **id = ids; *id != NULL; id++) {
    int which = **id != '\0' ? find_above(turns, index, *id, "comes after", node, faults) : -1;
    if (which >= 0)
      g_array_append_val(found, which);
  }
  turns[index].n_after = (int)found->len;
  turns[index].after = (int *)(void *)g_array_free(found, FALSE);
}

static void read_repeats(tw_turn *turn, const xmlNode *node)
{
  const xmlNode *child = tw_node_child(node, "repeats");
  repeats_element e;
  if (child == NULL)
    return;
  tw_schema_read(child, &repeats_xml_element, &e);
  turn->repeats = (tw_length){
      .kind = (tw_length_kind)e.law, .mean = e.mean, .sigma = e.sigma, .min = 1, .max = (gint32)e.max};
}

static void read_turn(tw_turn *turns, int index, const xmlNode *node, tw_faults *faults)
{
  element e = {0};
  tw_turn *turn = &turns[index];
  tw_schema_read(node, &tw_turn_element, &e);
  *turn = (tw_turn){.id = g_strdup(e.id),
                    .repeat = e.repeat,
                    .branches = e.branches,
                    .wait_s = e.wait_s,
                    .wait_law = e.wait_law,
                    .wait_sigma = e.wait_sigma,
                    .fresh = e.fresh,
                    .retry = e.retry,
                    .retry_from = index,
                    .retries = e.retry > 0 ? e.retries : 0};
  read_repeats(turn, node);
  tw_length_read(node, &tw_length_elements[0], &turn->prompt, faults);
  tw_length_read(node, &tw_length_elements[1], &turn->reasoning, faults);
  tw_length_read(node, &tw_length_elements[2], &turn->answer, faults);
  if (find_turn(turns, index, e.id) >= 0)
    tw_node_fault(node, faults, "turn id \"%s\" is used twice; give each turn its own", e.id);
  read_after(turns, index, e.after, node, faults);
  if (*e.retry_from != '\0' && !g_str_equal(e.retry_from, e.id))
    turn->retry_from = MAX(0, find_above(turns, index, e.retry_from, "goes back to", node, faults));
  tw_schema_clear(&tw_turn_element, &e);
}

int tw_turns_read(const xmlNode *parent, tw_turn **turns, tw_faults *faults)
{
  int n = 0, i = 0;
  for (const xmlNode *t = tw_node_child(parent, "turn"); t != NULL; t = tw_node_next(t, "turn"))
    n++;
  *turns = g_new0(tw_turn, (gsize)n);
  for (const xmlNode *t = tw_node_child(parent, "turn"); t != NULL; t = tw_node_next(t, "turn"))
    read_turn(*turns, i++, t, faults);
  return n;
}

void tw_turns_free(tw_turn *turns, int n)
{
  for (int i = 0; i < n; i++) {
    g_free((char *)turns[i].id);
    g_free((int *)turns[i].after);
    tw_length_clear(&turns[i].prompt);
    tw_length_clear(&turns[i].reasoning);
    tw_length_clear(&turns[i].answer);
  }
  g_free(turns);
}
