#include "workloads/stream/generator.h"

#include "platforms/input/data.h"
#include "workloads/stream/class.h"
#include "workloads/stream/mix.h"

#include <math.h>

struct tw_generator {
  char *description, *source;
  double duration_s;
  gint64 limit;
  tw_class *classes;
  int n_classes;
  GPtrArray *files; /* the files that were read (char *); NULL-terminated in the end */
};

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
    {"requests", TW_ATTR_INT, .min = 1, .max = 1e15, ROW(sent), .help = "sent in all"},
    {"think", TW_ATTR_QUANTITY, TW_TIME, "0s", .min = 0, .max = LONGEST_S, ROW(think_s),
     .help = "from an answer to the client's next request"},
    {"ramp", TW_ATTR_QUANTITY, TW_TIME, "0s", .min = 0, .max = LONGEST_S, ROW(ramp_s),
     .help = "over which the clients start, evenly"},
    {"pace", TW_ATTR_QUANTITY, TW_TIME, "0s", .min = 0, .max = LONGEST_S, ROW(pace_s),
     .help = "at least between two requests"},
    {0}};
static const tw_element closed_element = {"closed-loop", "clients that wait for their answers",
                                          closed_attributes, NULL, NULL};

static const tw_attribute servegen_attributes[] = {
    {"arrivals", TW_ATTR_PATH, ROW(servegen_arrivals),
     .help = "CSV: client_id, window_start_s, rate_rps, pattern, param1"},
    {"lengths", TW_ATTR_PATH, ROW(servegen_lengths),
     .help = "CSV: client_id, window_start_s, field, value, prob"},
    {0}};
static const tw_element servegen_element = {
    "servegen", "clients of a measured service, from ServeGen's tables", servegen_attributes, NULL, NULL};

static const tw_attribute slo_attributes[] = {
    {"ttft", TW_ATTR_QUANTITY, TW_TIME, TW_ABSENT, .min = 0, .max = LONGEST_S, ROW(ttft_s),
     .help = "longest time to first token"},
    {"tpot", TW_ATTR_QUANTITY, TW_TIME, TW_ABSENT, .min = 0, .max = LONGEST_S, ROW(tpot_s),
     .help = "longest time per output token"},
    {"e2e", TW_ATTR_QUANTITY, TW_TIME, TW_ABSENT, .min = 0, .max = LONGEST_S, ROW(e2e_s),
     .help = "longest time to the last token"},
    {0}};
static const tw_element slo_element = {"slo", "what a request of the class must meet to count as goodput",
                                       slo_attributes, NULL, NULL};

static const tw_attribute class_attributes[] = {
    {"name", TW_ATTR_STRING, ROW(name), .help = "of the class, in logs and summaries"},
    {"source", TW_ATTR_STRING, .fallback = "", ROW(source), .help = "where its numbers come from"},
    {"priority", TW_ATTR_INT, .fallback = "0", .min = -1e6, .max = 1e6, ROW(priority),
     .help = "lower is served first, where the scheduler's order is priority"},
    {"requests", TW_ATTR_INT, .fallback = TW_ABSENT, .min = 1, .max = 1e15, ROW(limit),
     .help = "at most so many (or so many sessions)"},
    {"system-tokens", TW_ATTR_INT, .fallback = "0", .min = 0, .max = TW_REQUEST_MAX_TOKENS,
     ROW(system_tokens), .help = "sessions: that begin every prompt of the class"},
    {"keeps-reasoning", TW_ATTR_BOOL, .fallback = "false", ROW(keeps_reasoning),
     .help = "sessions: in the context of later turns, which keep the answers alone otherwise"},
    {"hash-tokens", TW_ATTR_INT, .fallback = "128", .min = 1, .max = 65536, ROW(hash_tokens),
     .help = "sessions: tokens of the blocks by which prompts are compared"},
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
static const tw_element class_element = {"class", "traffic of one kind", class_attributes, class_children,
                                         check_class};

#define TOP(field) .offset = offsetof(tw_generator, field)
static const tw_attribute generator_attributes[] = {
    {"description", TW_ATTR_STRING, .fallback = "", TOP(description), .help = "what it stands for"},
    {"source", TW_ATTR_STRING, .fallback = "", TOP(source), .help = "where its numbers come from"},
    {"duration", TW_ATTR_QUANTITY, TW_TIME, TW_ABSENT, .positive = TRUE, .max = LONGEST_S, TOP(duration_s),
     .help = "nothing arrives (and no session begins) at or after it"},
    {"requests", TW_ATTR_INT, .fallback = TW_ABSENT, .min = 1, .max = 1e15, TOP(limit),
     .help = "at most so many in all"},
    {0}};
static const tw_child generator_children[] = {{&class_element, 1, 0}, {0}};
const tw_element tw_generator_element = {"generator", "classes of traffic that are drawn",
                                         generator_attributes, generator_children, NULL};

/* ---- Reading ---- */

/* A child's attributes, or their defaults where it is absent. */
static void read_child(const xmlNode *node, const tw_element *element, tw_class *c)
{
  tw_schema_read(tw_node_child(node, element->name), element, c);
}

/* Attributes that are needed where their element is there have no default: they are read only then. */
static void read_if_there(const xmlNode *node, const tw_element *element, tw_class *c)
{
  const xmlNode *child = node != NULL ? tw_node_child(node, element->name) : NULL;
  if (child != NULL)
    tw_schema_read(child, element, c);
}

static void add_file(tw_generator *generator, const char *path)
{
  if (path != NULL)
    g_ptr_array_add(generator->files, g_strdup(path));
}

static void read_rates(tw_class *c, const xmlNode *node, tw_faults *faults)
{
  c->rates = tw_stairs_load(c->rates_file, c->rates_repeat, 0, 1e9, faults);
  if (c->rates != NULL && tw_stairs_max(c->rates) <= 0)
    tw_node_fault(node, faults, "class \"%s\" never arrives: all rates of %s are 0", c->name, c->rates_file);
}

static void read_class(tw_generator *generator, tw_class *c, const xmlNode *node, tw_faults *faults)
{
  const xmlNode *arrivals = tw_node_child(node, "arrivals");
  tw_schema_read(node, &class_element, c);
  c->kind = has(node, "turn")          ? TW_CLASS_SESSIONS
            : has(node, "closed-loop") ? TW_CLASS_CLOSED
            : has(node, "servegen")    ? TW_CLASS_SERVEGEN
                                       : TW_CLASS_OPEN;
  c->clients = 1;
  if (arrivals != NULL)
    tw_schema_read(arrivals, &arrivals_element, c);
  read_if_there(arrivals, &burst_element, c);
  read_if_there(arrivals, &diurnal_element, c);
  read_if_there(arrivals, &rates_element, c);
  read_if_there(node, &clients_element, c);
  read_if_there(node, &closed_element, c);
  read_if_there(node, &servegen_element, c);
  read_child(node, &slo_element, c);
  for (int i = 0; i < 3; i++)
    tw_length_read(node, &tw_length_elements[i], &c->lengths[i], faults);
  c->n_turns = tw_turns_read(node, &c->turns, faults);
  if (c->rates_file != NULL)
    read_rates(c, node, faults);
  if (c->kind == TW_CLASS_SERVEGEN)
    c->servegen = tw_servegen_load(c->servegen_arrivals, c->servegen_lengths, faults);
  add_file(generator, c->rates_file);
  add_file(generator, c->servegen_arrivals);
  add_file(generator, c->servegen_lengths);
  for (int i = 0; i < 3; i++)
    tw_length_list_files(tw_node_child(node, tw_length_elements[i].name), generator->files);
  for (const xmlNode *t = tw_node_child(node, "turn"); t != NULL; t = tw_node_next(t, "turn"))
    for (int i = 0; i < 3; i++)
      tw_length_list_files(tw_node_child(t, tw_length_elements[i].name), generator->files);
}

static void check_drawable(const tw_class *c, const xmlNode *node, tw_faults *faults)
{
  g_autoptr(GError) error = NULL;
  if (!tw_class_check(c, &error))
    tw_node_fault(node, faults, "class \"%s\": %s", c->name, error->message);
}

tw_generator *tw_generator_read(const xmlNode *node, tw_faults *faults)
{
  guint before = tw_faults_added(faults);
  int i = 0;
  g_autoptr(tw_generator) generator = g_new0(tw_generator, 1);
  generator->files = g_ptr_array_new_with_free_func(g_free);
  tw_schema_read(node, &tw_generator_element, generator);
  for (const xmlNode *n = tw_node_child(node, "class"); n != NULL; n = tw_node_next(n, "class"))
    generator->n_classes++;
  generator->classes = g_new0(tw_class, (gsize)generator->n_classes);
  for (const xmlNode *n = tw_node_child(node, "class"); n != NULL; n = tw_node_next(n, "class"), i++) {
    guint of_class = tw_faults_added(faults);
    read_class(generator, &generator->classes[i], n, faults);
    if (tw_faults_added(faults) == of_class)
      check_drawable(&generator->classes[i], n, faults);
    for (int k = 0; k < i; k++)
      if (g_str_equal(generator->classes[k].name, generator->classes[i].name))
        tw_node_fault(n, faults, "class \"%s\" is there twice; give each class its own name",
                      generator->classes[i].name);
  }
  if (generator->n_classes > TW_REQUEST_MAX_CLASSES)
    tw_node_fault(node, faults, "there are %d classes; at most %d are possible", generator->n_classes,
                  TW_REQUEST_MAX_CLASSES);
  g_ptr_array_add(generator->files, NULL);
  return tw_faults_added(faults) == before ? g_steal_pointer(&generator) : NULL;
}

tw_generator *tw_generator_load(const char *name, const xmlNode *node, tw_faults *faults)
{
  g_autofree char *path = NULL;
  if (strchr(name, '/') != NULL) {
    path = node != NULL ? tw_node_path(node, name) : g_strdup(name);
  } else {
    g_auto(GStrv) known = tw_data_list("workloads/presets", ".xml");
    if (!g_strv_contains((const char *const *)known, name)) {
      g_autofree char *hint = tw_suggestion(name, (const char *const *)known);
      tw_faults_add(faults, node != NULL ? tw_node_file(node) : NULL, node != NULL ? tw_node_line(node) : 0,
                    "the preset \"%s\" is unknown; %s (a file's path holds a /)", name, hint);
      return NULL;
    }
    g_autofree char *relative = g_strconcat("workloads/presets/", name, ".xml", NULL);
    path = tw_data_path(relative);
  }
  g_autoptr(tw_document) document = tw_document_load(path, faults);
  if (document == NULL || !tw_schema_check(tw_document_root(document), &tw_generator_element, faults))
    return NULL;
  tw_generator *generator = tw_generator_read(tw_document_root(document), faults);
  for (const char *const *file = tw_document_files(document); generator != NULL && *file != NULL; file++)
    g_ptr_array_insert(generator->files, 0, g_strdup(*file));
  return generator;
}

static void clear_class(tw_class *c)
{
  static const tw_element *const elements[] = {&class_element, &rates_element, &servegen_element};
  for (guint i = 0; i < G_N_ELEMENTS(elements); i++)
    tw_schema_clear(elements[i], c);
  for (int i = 0; i < 3; i++)
    tw_length_clear(&c->lengths[i]);
  tw_turns_free(c->turns, c->n_turns);
  tw_stairs_free(c->rates);
  tw_servegen_free(c->servegen);
}

void tw_generator_free(tw_generator *generator)
{
  if (generator == NULL)
    return;
  for (int i = 0; i < generator->n_classes; i++)
    clear_class(&generator->classes[i]);
  g_free(generator->classes);
  tw_schema_clear(&tw_generator_element, generator);
  g_ptr_array_unref(generator->files);
  g_free(generator);
}

/* ---- Drawing ---- */

static double duration_of(const tw_generator *generator, const tw_generator_use *use)
{
  double s = isnan(use->duration_s) ? generator->duration_s : use->duration_s;
  return isnan(s) ? INFINITY : s;
}

gboolean tw_generator_check_use(const tw_generator *generator, const tw_generator_use *use, GError **error)
{
  if (!(use->rate_scale > 0 && use->rate_scale <= 1e9))
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "the rate's scale is %g; a number above 0 is needed", use->rate_scale);
  if (!isnan(use->duration_s) && !(use->duration_s > 0))
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "the duration is %g s; a time above 0 is needed", use->duration_s);
  if (use->limit != G_MININT64 && use->limit < 1)
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "at least one request is needed");
  if (isfinite(duration_of(generator, use)) || use->limit != G_MININT64 || generator->limit != G_MININT64)
    return TRUE;
  for (int i = 0; i < generator->n_classes; i++) {
    const tw_class *c = &generator->classes[i];
    if (c->limit == G_MININT64 && (c->kind == TW_CLASS_OPEN || c->kind == TW_CLASS_SESSIONS))
      return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                                "class \"%s\" never ends; give it requests, or all of them a duration, such "
                                "as 1h",
                                c->name);
  }
  return TRUE;
}

tw_stream *tw_generator_stream(const tw_generator *generator, const tw_generator_use *use)
{
  double end_s = duration_of(generator, use);
  g_autofree tw_mix_member *members = g_new0(tw_mix_member, (gsize)generator->n_classes);
  g_assert(tw_generator_check_use(generator, use, NULL));
  for (int i = 0; i < generator->n_classes; i++) {
    const tw_class *c = &generator->classes[i];
    members[i] = (tw_mix_member){.class = g_intern_string(c->name), .priority = (gint32)c->priority};
    members[i].stream = tw_class_stream(c, use, end_s);
  }
  return tw_stream_mix(members, generator->n_classes,
                       MIN(tw_limit_or_most(generator->limit), tw_limit_or_most(use->limit)));
}

int tw_generator_classes(const tw_generator *generator)
{
  return generator->n_classes;
}

tw_generator_class tw_generator_class_at(const tw_generator *generator, int i)
{
  const tw_class *c = &generator->classes[i];
  return (tw_generator_class){c->name, c->ttft_s, c->tpot_s, c->e2e_s};
}

const char *const *tw_generator_files(const tw_generator *generator)
{
  return (const char *const *)generator->files->pdata;
}
