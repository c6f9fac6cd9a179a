/* The element <class>, and the elements that are a class without a name: <poisson>, <closed-loop>,
 * <sessions>, <rollouts>. */
#include "workloads/stream/class.h"
#include "workloads/stream/servegen_files.h"

#include <math.h>

/* ---- Tables ---- */

#define LONGEST_S  1e10
#define ROW(field) .offset = offsetof(tw_class, field)

static const tw_attribute burst_attributes[] = {
    {"factor", TW_ATTR_NUMBER, .positive = TRUE, .max = 1e6, ROW(burst_factor),
     .help = "rate within bursts over the rate between them; the mean stays"},
    {"mean", TW_ATTR_QUANTITY, TW_TIME, .positive = TRUE, .max = LONGEST_S, ROW(burst_s),
     .help = "how long a burst lasts, on average: exponential"},
    {"calm", TW_ATTR_QUANTITY, TW_TIME, .positive = TRUE, .max = LONGEST_S, ROW(calm_s),
     .help = "how long it takes from one burst to the next, likewise"},
    {0}};
static const tw_element burst_element = {
    "bursts", "a rate that jumps at random (with law=\"poisson\", a Markov-modulated Poisson process)",
    burst_attributes, NULL, NULL};

static const tw_attribute diurnal_attributes[] = {
    {"swing", TW_ATTR_NUMBER, .min = 0, .max = 1, ROW(swing),
     .help = "how far the rate goes up and down around its mean: 0.5 is from half of it to three halves"},
    {"peak", TW_ATTR_QUANTITY, TW_TIME, "14h", .min = 0, .max = 86400, ROW(peak_s),
     .help = "when it is highest, from the start of each day of the run on"},
    {0}};
static const tw_element diurnal_element = {"diurnal", "a rate that follows the hour of the day",
                                           diurnal_attributes, NULL, NULL};

static const tw_attribute rates_attributes[] = {
    {"file", TW_ATTR_PATH, ROW(rates_file), .help = "CSV: time in seconds, arrivals per second from then on"},
    {"repeat", TW_ATTR_BOOL, .fallback = "false", ROW(rates_repeat),
     .help = "rows at even distances that begin again after the last; else the last one holds"},
    {0}};
static const tw_element rates_element = {"rates", "a rate that changes in steps, from a file",
                                         rates_attributes, NULL, NULL};

static const tw_attribute arrivals_attributes[] = {
    {"rate", TW_ATTR_QUANTITY, TW_RATE, TW_ABSENT, .max = 1e9, .positive = TRUE, ROW(rate_per_s),
     .help = "requests (or sessions) per time, of all clients together; or <rates>"},
    {"law", TW_ATTR_CHOICE, .fallback = "poisson", .choices = tw_arrival_law_names, ROW(law),
     .help = "how the gaps between arrivals of one client are drawn"},
    {"cv", TW_ATTR_NUMBER, .fallback = "1", .min = 0.05, .max = 20, ROW(cv),
     .help = "gamma, weibull: standard deviation of the gaps over their mean; 1 is as Poisson"},
    {0}};
static gboolean check_arrivals(const xmlNode *node, const void *target, tw_faults *faults)
{
  (void)target;
  gboolean rate = xmlHasProp(node, BAD_CAST "rate") != NULL, rates = tw_node_child(node, "rates") != NULL;
  if (rate == rates)
    tw_node_fault(node, faults,
                  rate ? "<arrivals> has both rate and <rates>; leave one out"
                       : "<arrivals> lacks a rate; write rate=\"5/s\", or a <rates>");
  return rate != rates;
}
static const tw_child arrivals_children[] = {
    {&burst_element, 0, 1}, {&diurnal_element, 0, 1}, {&rates_element, 0, 1}, {0}};
static const tw_element arrivals_element = {"arrivals", "when requests or sessions begin",
                                            arrivals_attributes, arrivals_children, check_arrivals};

static const tw_attribute clients_attributes[] = {
    {"number", TW_ATTR_INT, .min = 1, .max = 1e6, ROW(clients),
     .help = "of clients, each with arrivals of its own"},
    {"skew", TW_ATTR_NUMBER, .fallback = "1", .min = 0, .max = 10, ROW(skew),
     .help = "Zipf's exponent of their rates: 0 is all alike, 1 makes the second half as busy as the first"},
    {"length-sigma", TW_ATTR_NUMBER, .fallback = "0", .min = 0, .max = 5, ROW(length_sigma),
     .help = "how much their mean lengths differ: deviation of the logarithm"},
    {"cv-sigma", TW_ATTR_NUMBER, .fallback = "0", .min = 0, .max = 5, ROW(cv_sigma),
     .help = "how much their cv differ, likewise"},
    {0}};
static const tw_element clients_element = {
    "clients", "who asks: a set of clients of which few send most, as ServeGen found them",
    clients_attributes, NULL, NULL};

static const tw_attribute closed_attributes[] = {
    {"concurrency", TW_ATTR_INT, .min = 1, .max = 1e7, ROW(concurrency),
     .help = "clients, each of which waits for its answer before it asks again"},
    {"requests", TW_ATTR_INT, .min = 1, .max = 1e15, ROW(sent),
     .help = "sent in all; as many as clients: all at once, as MLPerf's offline scenario"},
    {"duration", TW_ATTR_QUANTITY, TW_TIME, TW_ABSENT, .max = LONGEST_S, .positive = TRUE, ROW(duration_s),
     .help = "none is sent at or after it"},
    {"think", TW_ATTR_QUANTITY, TW_TIME, "0s", .min = 0, .max = LONGEST_S, ROW(think_s),
     .help = "from an answer to the client's next request"},
    {"pace", TW_ATTR_QUANTITY, TW_TIME, "0s", .min = 0, .max = LONGEST_S, ROW(pace_s),
     .help = "at least between two requests: one program sends them, one after the other"},
    {"ramp", TW_ATTR_QUANTITY, TW_TIME, "0s", .min = 0, .max = LONGEST_S, ROW(ramp_s),
     .help = "over which the clients start, evenly"},
    {"jitter", TW_ATTR_QUANTITY, TW_TIME, "0s", .min = 0, .max = LONGEST_S, ROW(jitter_s),
     .help = "each request waits up to this much longer, drawn evenly, so that clients fall out of step"},
    {"warmup", TW_ATTR_INT, .fallback = "0", .max = 1e15, ROW(warmup),
     .help = "requests sent first that latencies, throughput and SLO leave out, as benchmark tools do"},
    {0}};
static const tw_element closed_element = {"closed-loop", "clients that wait for their answers",
                                          closed_attributes, NULL, NULL};

static const tw_attribute servegen_attributes[] = {
    {"arrivals", TW_ATTR_PATH, ROW(servegen_arrivals),
     .help = "CSV: client_id, window_start_s, rate_rps, pattern, param1; or, without lengths, a folder of "
             "ServeGen's own chunk-N-trace.csv and chunk-N-dataset.json"},
    {"lengths", TW_ATTR_PATH, .fallback = TW_ABSENT, ROW(servegen_lengths),
     .help = "CSV: client_id, window_start_s, field, value, prob"},
    {0}};
static const tw_element servegen_element = {
    "servegen", "clients of a measured service, from ServeGen's tables", servegen_attributes, NULL, NULL};

static const tw_attribute slo_attributes[] = {
    {"ttft", TW_ATTR_QUANTITY, TW_TIME, TW_ABSENT, .min = 0, .max = LONGEST_S, ROW(ttft_s),
     .help = "longest time to first token"},
    {"tpot", TW_ATTR_QUANTITY, TW_TIME, TW_ABSENT, .min = 0, .max = LONGEST_S, ROW(tpot_s),
     .help = "longest time per output token"},
    {"itl", TW_ATTR_QUANTITY, TW_TIME, TW_ABSENT, .min = 0, .max = LONGEST_S, ROW(itl_s),
     .help = "longest time between two tokens"},
    {"e2e", TW_ATTR_QUANTITY, TW_TIME, TW_ABSENT, .min = 0, .max = LONGEST_S, ROW(e2e_s),
     .help = "longest time to the last token"},
    {0}};
static const tw_element slo_element = {"slo", "what a request of the class must meet to count as goodput",
                                       slo_attributes, NULL, NULL};

/* Rows that a class of sessions and <sessions> share; `of` begins their help. */
#define SESSIONS_ROWS(of)                                                                                    \
  {"system-tokens",                                                                                          \
   TW_ATTR_INT,                                                                                              \
   .fallback = "0",                                                                                          \
   .min = 0,                                                                                                 \
   .max = TW_REQUEST_MAX_TOKENS,                                                                             \
   ROW(system_tokens),                                                                                       \
   .help = of "tokens that begin every prompt of every session"},                                            \
      {"keeps-reasoning", TW_ATTR_BOOL, .fallback = "false", ROW(keeps_reasoning),                           \
       .help = of "reasoning stays in the context of later turns, which keep the answers alone otherwise"},  \
  {                                                                                                          \
    "hash-tokens", TW_ATTR_INT, .fallback = "128", .min = 1, .max = 65536, ROW(hash_tokens),                 \
                                .help = of "tokens of the blocks by which prompts are compared"              \
  }
#define PRIORITY_ROW                                                                                         \
  {                                                                                                          \
    "priority", TW_ATTR_INT, .fallback = "0", .min = -1e6, .max = 1e6, ROW(priority),                        \
                             .help = "lower is served first, where the scheduler's order is priority"        \
  }

static const tw_attribute class_attributes[] = {
    {"name", TW_ATTR_STRING, ROW(name), .help = "of the class, in logs and summaries"},
    {"source", TW_ATTR_STRING, .fallback = "", ROW(source), .help = "where its numbers come from"},
    PRIORITY_ROW,
    {"requests", TW_ATTR_INT, .fallback = TW_ABSENT, .min = 1, .max = 1e15, ROW(limit),
     .help = "at most so many (or so many sessions)"},
    SESSIONS_ROWS("sessions: "),
    {0}};

static gboolean has(const xmlNode *node, const char *child)
{
  return tw_node_child(node, child) != NULL;
}

static gboolean check_class(const xmlNode *node, const void *target, tw_faults *faults)
{
  (void)target;
  guint before = tw_faults_added(faults);
  gboolean lengths = has(node, "prompt") || has(node, "reasoning") || has(node, "answer"),
           turns = has(node, "turn"), servegen = has(node, "servegen"), closed = has(node, "closed-loop");
  if (lengths + turns + servegen != 1)
    tw_node_fault(node, faults,
                  "<class> must say what is asked for, once: by <prompt> and <answer>, by <turn>s, or by "
                  "<servegen>");
  else if (lengths && !(has(node, "prompt") && has(node, "answer")))
    tw_node_fault(node, faults, "<class> has a <prompt> or an <answer> only; it needs both");
  if (has(node, "arrivals") + closed + servegen != 1)
    tw_node_fault(node, faults,
                  "<class> must say when it begins, once: by <arrivals>, <closed-loop> or <servegen>");
  else if (closed && turns)
    tw_node_fault(node, faults,
                  "sessions cannot be <closed-loop>: they wait for answers anyway; write "
                  "<arrivals>");
  if (has(node, "clients") && (closed || servegen))
    tw_node_fault(node, faults, "<clients> go with <arrivals> alone; leave them out");
  return tw_faults_added(faults) == before;
}

static const tw_child class_children[] = {{&arrivals_element, 0, 1},      {&clients_element, 0, 1},
                                          {&closed_element, 0, 1},        {&servegen_element, 0, 1},
                                          {&tw_length_elements[0], 0, 1}, {&tw_length_elements[1], 0, 1},
                                          {&tw_length_elements[2], 0, 1}, {&tw_turn_element, 0, 0},
                                          {&slo_element, 0, 1},           {0}};
const tw_element tw_class_element = {"class", "traffic of one kind", class_attributes, class_children,
                                     check_class};

/* ---- Classes without a name ---- */

/* A fault where neither the number of what arrives nor a duration ends it. */
static gboolean check_end(const xmlNode *node, const char *number, const char *advice, tw_faults *faults)
{
  if (xmlHasProp(node, BAD_CAST number) != NULL || xmlHasProp(node, BAD_CAST "duration") != NULL)
    return TRUE;
  tw_node_fault(node, faults, "%s", advice);
  return FALSE;
}

static const tw_attribute poisson_attributes[] = {
    {"rate", TW_ATTR_QUANTITY, TW_RATE, NULL, .max = 1e9, .positive = TRUE, ROW(rate_per_s),
     .help = "requests per time"},
    {"requests", TW_ATTR_INT, .fallback = TW_ABSENT, .min = 1, .max = 1e15, ROW(limit),
     .help = "at most so many"},
    {"duration", TW_ATTR_QUANTITY, TW_TIME, TW_ABSENT, .max = LONGEST_S, .positive = TRUE, ROW(duration_s),
     .help = "arrivals before it; it or `requests` is needed"},
    {0}};
static gboolean check_poisson(const xmlNode *node, const void *target, tw_faults *faults)
{
  (void)target;
  return check_end(node, "requests", "<poisson> never ends; give it requests=\"10000\" or duration=\"1h\"",
                   faults);
}
static const tw_child length_children[] = {
    {&tw_length_elements[0], 1, 1}, {&tw_length_elements[1], 0, 1}, {&tw_length_elements[2], 1, 1}, {0}};
const tw_element tw_poisson_element = {"poisson", "requests at random, independent of each other",
                                       poisson_attributes, length_children, check_poisson};

const tw_element tw_closed_element = {"closed-loop", "clients that wait, as benchmark tools drive a server",
                                      closed_attributes, length_children, NULL};

static const tw_attribute sessions_attributes[] = {
    {"rate", TW_ATTR_QUANTITY, TW_RATE, NULL, .max = 1e9, .positive = TRUE, ROW(rate_per_s),
     .help = "sessions that begin per time"},
    {"sessions", TW_ATTR_INT, .fallback = TW_ABSENT, .min = 1, .max = 1e15, ROW(limit),
     .help = "at most so many"},
    {"duration", TW_ATTR_QUANTITY, TW_TIME, TW_ABSENT, .max = LONGEST_S, .positive = TRUE, ROW(duration_s),
     .help = "none begins at or after it; it or `sessions` is needed"},
    SESSIONS_ROWS(""),
    PRIORITY_ROW,
    {0}};
static gboolean check_sessions(const xmlNode *node, const void *target, tw_faults *faults)
{
  (void)target;
  return check_end(node, "sessions", "<sessions> never end; give them sessions=\"1000\" or duration=\"1h\"",
                   faults);
}
static const tw_child sessions_children[] = {{&tw_turn_element, 1, 0}, {0}};
const tw_element tw_sessions_element = {"sessions", "people and agents that ask, read the answer and go on",
                                        sessions_attributes, sessions_children, check_sessions};

static const tw_attribute rollouts_attributes[] = {
    {"prompts", TW_ATTR_INT, .min = 1, .max = 1e7, ROW(prompts),
     .help = "that a step of the job trains on; how many it begins is the job's affair"},
    {"samples", TW_ATTR_INT, .min = 1, .max = 1e6, ROW(samples),
     .help = "of each prompt: rollouts with the same first prompt, which are trained on together"},
    SESSIONS_ROWS(""),
    PRIORITY_ROW,
    {0}};
static gboolean check_rollouts(const xmlNode *node, const void *target, tw_faults *faults)
{
  (void)target;
  gboolean turns = has(node, "turn"), prompt = has(node, "prompt"), answer = has(node, "answer");
  if (turns ? !prompt && !answer && !has(node, "reasoning") : prompt && answer)
    return TRUE;
  tw_node_fault(node, faults,
                "<rollouts> must say what a rollout is, once: by <prompt> and <answer>, or by <turn>s");
  return FALSE;
}
static const tw_child rollouts_children[] = {{&tw_length_elements[0], 0, 1},
                                             {&tw_length_elements[1], 0, 1},
                                             {&tw_length_elements[2], 0, 1},
                                             {&tw_turn_element, 0, 0},
                                             {0}};
const tw_element tw_rollouts_element = {
    "rollouts", "samples of prompts for a <job kind=\"rl\">, which begin in batches when it asks for them",
    rollouts_attributes, rollouts_children, check_rollouts};

/* ---- Reading ---- */

/* Attributes that are needed where their element is there have no default: they are read only then. */
static void read_if_there(const xmlNode *node, const tw_element *element, tw_class *c)
{
  const xmlNode *child = node != NULL ? tw_node_child(node, element->name) : NULL;
  if (child != NULL)
    tw_schema_read(child, element, c);
}

static void add_file(GPtrArray *files, const char *path)
{
  if (path != NULL)
    g_ptr_array_add(files, g_strdup(path));
}

static void read_rates(tw_class *c, const xmlNode *node, tw_faults *faults)
{
  c->rates = tw_stairs_load(c->rates_file, c->rates_repeat, 0, 1e9, faults);
  if (c->rates != NULL && tw_stairs_max(c->rates) <= 0)
    tw_node_fault(node, faults, "class \"%s\" never arrives: all rates of %s are 0", c->name, c->rates_file);
}

/* The lengths of a request are a session of one turn. */
static void become_turn(tw_class *c)
{
  c->turns = g_new(tw_turn, 1);
  c->n_turns = 1;
  c->turns[0] = (tw_turn){.id = g_strdup("rollout"),
                          .repeat = 1,
                          .branches = 1,
                          .prompt = c->lengths[0],
                          .reasoning = c->lengths[1],
                          .answer = c->lengths[2]};
  memset(c->lengths, 0, sizeof c->lengths);
}

/* The lengths of a request or the turns of sessions that stand below `node`, and the files that they name. */
static void read_asked(tw_class *c, const xmlNode *node, GPtrArray *files, tw_faults *faults)
{
  for (int i = 0; i < 3; i++) {
    tw_length_read(node, &tw_length_elements[i], &c->lengths[i], faults);
    tw_length_list_files(tw_node_child(node, tw_length_elements[i].name), files);
  }
  if (c->kind == TW_CLASS_ROLLOUTS && !has(node, "turn"))
    become_turn(c);
  else
    c->n_turns = tw_turns_read(node, &c->turns, faults);
  for (const xmlNode *t = tw_node_child(node, "turn"); t != NULL; t = tw_node_next(t, "turn"))
    for (int i = 0; i < 3; i++)
      tw_length_list_files(tw_node_child(t, tw_length_elements[i].name), files);
}

static void read_named(tw_class *c, const xmlNode *node, GPtrArray *files, tw_faults *faults)
{
  const xmlNode *arrivals = tw_node_child(node, "arrivals");
  tw_schema_read(node, &tw_class_element, c);
  c->kind = has(node, "turn")          ? TW_CLASS_SESSIONS
            : has(node, "closed-loop") ? TW_CLASS_CLOSED
            : has(node, "servegen")    ? TW_CLASS_SERVEGEN
                                       : TW_CLASS_OPEN;
  read_if_there(node, &arrivals_element, c);
  read_if_there(arrivals, &burst_element, c);
  read_if_there(arrivals, &diurnal_element, c);
  read_if_there(arrivals, &rates_element, c);
  read_if_there(node, &clients_element, c);
  read_if_there(node, &closed_element, c);
  read_if_there(node, &servegen_element, c);
  tw_schema_read_child(node, &slo_element, c);
  if (c->rates_file != NULL)
    read_rates(c, node, faults);
  if (c->kind == TW_CLASS_SERVEGEN)
    c->servegen = tw_servegen_load(c->servegen_arrivals, c->servegen_lengths, faults);
  add_file(files, c->rates_file);
  add_file(files, c->servegen_lengths);
  if (c->servegen_arrivals == NULL || c->servegen_lengths != NULL) {
    add_file(files, c->servegen_arrivals);
    return;
  }
  g_autoptr(GPtrArray) chunks = tw_servegen_files(c->servegen_arrivals);
  for (guint i = 0; i < chunks->len; i++)
    add_file(files, chunks->pdata[i]);
}

/* The elements that are a class without a name, and its kind. */
static const struct {
  const tw_element *element;
  tw_class_kind kind;
} unnamed[] = {{&tw_poisson_element, TW_CLASS_OPEN},
               {&tw_closed_element, TW_CLASS_CLOSED},
               {&tw_sessions_element, TW_CLASS_SESSIONS},
               {&tw_rollouts_element, TW_CLASS_ROLLOUTS}};

void tw_class_read(tw_class *c, const xmlNode *node, GPtrArray *files, tw_faults *faults)
{
  const char *name = (const char *)node->name;
  guint before = tw_faults_added(faults);
  g_autoptr(GError) error = NULL;
  *c = TW_CLASS_NONE;
  for (guint i = 0; i < G_N_ELEMENTS(unnamed); i++)
    if (g_str_equal(name, unnamed[i].element->name)) {
      c->kind = unnamed[i].kind;
      tw_schema_read(node, unnamed[i].element, c);
    }
  if (g_str_equal(name, tw_class_element.name))
    read_named(c, node, files, faults);
  read_asked(c, node, files, faults);
  if (tw_faults_added(faults) > before || tw_class_check(c, &error))
    return;
  if (c->name != NULL)
    tw_node_fault(node, faults, "class \"%s\": %s", c->name, error->message);
  else
    tw_node_fault(node, faults, "%s", error->message);
}

void tw_class_clear(tw_class *c)
{
  static const tw_element *const elements[] = {&tw_class_element, &rates_element, &servegen_element};
  for (guint i = 0; i < G_N_ELEMENTS(elements); i++)
    tw_schema_clear(elements[i], c);
  for (int i = 0; i < 3; i++)
    tw_length_clear(&c->lengths[i]);
  tw_turns_free(c->turns, c->n_turns);
  tw_stairs_free(c->rates);
  tw_servegen_free(c->servegen);
}
