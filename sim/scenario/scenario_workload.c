/* Where the requests of a scenario come from, and what they must meet. */
#include "sim/scenario/scenario.h"

#include <math.h>

/* ---- Tables ---- */

#define LONGEST_S 1e10

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
static const tw_child sessions_children[] = {{&tw_turn_element, 1, 0}, {0}};
const tw_element tw_sessions_xml_element = {"sessions",
                                            "people and agents that ask, read the answer and go on",
                                            sessions_attributes, sessions_children, check_end};

/* ---- Reading ---- */

static double or_infinity(double value)
{
  return isnan(value) ? INFINITY : value;
}

static gint64 or_most(gint64 value)
{
  return value == G_MININT64 ? G_MAXINT64 : value;
}

static void read_lengths(tw_scenario *scenario, const xmlNode *generator, tw_faults *faults)
{
  for (int i = 0; i < 3; i++)
    tw_length_read(generator, &tw_length_elements[i], &scenario->lengths[i], faults);
}

tw_slo tw_scenario_slo(const tw_scenario *scenario, const char *class)
{
  for (guint i = 0; class != NULL && scenario->class_slos != NULL && i < scenario->class_slos->len; i++) {
    const tw_slo *slo = &g_array_index(scenario->class_slos, tw_slo, i);
    if (g_str_equal(slo->class, class))
      return *slo;
  }
  return (tw_slo){NULL, scenario->slo_ttft_s, scenario->slo_tpot_s, scenario->slo_e2e_s};
}

static void clear_slo(gpointer slo)
{
  g_free(((tw_slo *)slo)->class);
}

/* Adds what a class must meet; the name is copied. */
static void add_slo(tw_scenario *scenario, tw_slo slo, const xmlNode *node, tw_faults *faults)
{
  if (tw_scenario_slo(scenario, slo.class).class != NULL) {
    tw_node_fault(node, faults, "class \"%s\" has an <slo> already; leave one of them out", slo.class);
    return;
  }
  slo.class = g_strdup(slo.class);
  g_array_append_val(scenario->class_slos, slo);
}

/* One for all, and those of single classes. */
static void read_slos(tw_scenario *scenario, const xmlNode *root, tw_faults *faults)
{
  const xmlNode *common = NULL;
  scenario->class_slos = g_array_new(FALSE, FALSE, sizeof(tw_slo));
  g_array_set_clear_func(scenario->class_slos, clear_slo);
  scenario->slo_ttft_s = scenario->slo_tpot_s = scenario->slo_e2e_s = NAN;
  for (const xmlNode *node = tw_node_child(root, "slo"); node != NULL; node = tw_node_next(node, "slo")) {
    tw_slo slo;
    tw_schema_read(node, &tw_slo_element, &slo);
    if (slo.class != NULL) {
      add_slo(scenario, slo, node, faults);
    } else {
      if (common != NULL)
        tw_node_fault(node, faults, "a second <slo> for all requests; leave one out, or give it a class");
      common = node;
      scenario->slo_ttft_s = slo.ttft_s;
      scenario->slo_tpot_s = slo.tpot_s;
      scenario->slo_e2e_s = slo.e2e_s;
    }
    tw_schema_clear(&tw_slo_element, &slo);
  }
}

/* The SLOs of a generator's classes are as good as the scenario's own. */
static void read_generator(tw_scenario *scenario, const xmlNode *generate, const xmlNode *generator,
                           tw_faults *faults)
{
  scenario->workload = TW_WORKLOAD_GENERATOR;
  scenario->use = (tw_generator_use){1, NAN, G_MININT64, 0};
  if (generate != NULL)
    tw_schema_read(generate, &tw_generate_element, scenario);
  scenario->generator = generate != NULL ? tw_generator_load(scenario->generator_name, generate, faults)
                                         : tw_generator_read(generator, faults);
  for (int i = 0; scenario->generator != NULL && i < tw_generator_classes(scenario->generator); i++) {
    tw_generator_class of = tw_generator_class_at(scenario->generator, i);
    tw_slo slo = {(char *)of.name, of.ttft_s, of.tpot_s, of.e2e_s};
    if (!isnan(slo.ttft_s) || !isnan(slo.tpot_s) || !isnan(slo.e2e_s))
      add_slo(scenario, slo, generate != NULL ? generate : generator, faults);
  }
}

static void read_workload(tw_scenario *scenario, const xmlNode *root, tw_faults *faults)
{
  const xmlNode *workload = tw_node_child(root, "workload"), *poisson = tw_node_child(workload, "poisson"),
                *closed = tw_node_child(workload, "closed-loop"),
                *sessions = tw_node_child(workload, "sessions"),
                *generate = tw_node_child(workload, "generate"),
                *generator = tw_node_child(workload, "generator");
  if (poisson != NULL) {
    scenario->workload = TW_WORKLOAD_POISSON;
    tw_schema_read(poisson, &tw_poisson_xml_element, &scenario->poisson);
    read_lengths(scenario, poisson, faults);
  } else if (closed != NULL) {
    scenario->workload = TW_WORKLOAD_CLOSED;
    tw_schema_read(closed, &tw_closed_xml_element, &scenario->closed);
    read_lengths(scenario, closed, faults);
  } else if (sessions != NULL) {
    scenario->workload = TW_WORKLOAD_SESSIONS;
    tw_schema_read(sessions, &tw_sessions_xml_element, &scenario->sessions);
    scenario->sessions.n_turns = tw_turns_read(sessions, &scenario->sessions.turns, faults);
  } else if (generate != NULL || generator != NULL) {
    read_generator(scenario, generate, generator, faults);
  } else {
    scenario->workload = TW_WORKLOAD_TRACE;
    tw_schema_read(tw_node_child(workload, "trace"), &tw_trace_element, scenario);
    scenario->trace.duration_s = or_infinity(scenario->trace.duration_s);
    scenario->trace.most_gap_s = or_infinity(scenario->trace.most_gap_s);
    scenario->trace.limit = or_most(scenario->trace.limit);
    scenario->trace.reasoning_budget = or_most(scenario->trace.reasoning_budget);
  }
}

static tw_poisson_options poisson_options(const tw_scenario *scenario)
{
  const tw_poisson_element *p = &scenario->poisson;
  return (tw_poisson_options){p->rate_per_s,          or_most(p->requests), or_infinity(p->duration_s),
                              scenario->lengths[0],   scenario->lengths[1], scenario->lengths[2],
                              (guint64)scenario->seed};
}

static tw_closed_options closed_options(const tw_scenario *scenario)
{
  const tw_closed_element *c = &scenario->closed;
  return (tw_closed_options){.clients = c->concurrency,
                             .limit = c->requests,
                             .duration_s = or_infinity(c->duration_s),
                             .think_s = c->think_s,
                             .ramp_s = c->ramp_s,
                             .pace_s = c->pace_s,
                             .jitter_s = c->jitter_s,
                             .warmup = c->warmup,
                             .prompt = scenario->lengths[0],
                             .reasoning = scenario->lengths[1],
                             .answer = scenario->lengths[2],
                             .seed = (guint64)scenario->seed};
}

static tw_sessions_options sessions_options(const tw_scenario *scenario)
{
  const tw_sessions_element *e = &scenario->sessions;
  return (tw_sessions_options){.arrivals = {.rate_per_s = e->rate_per_s},
                               .population = {.clients = 1},
                               .scale = 1,
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

static void check_workload(const tw_scenario *scenario, const xmlNode *root, tw_faults *faults)
{
  const xmlNode *source = tw_node_child(tw_node_child(root, "workload"), NULL);
  g_autoptr(GError) error = NULL;
  if (scenario->workload == TW_WORKLOAD_TRACE) {
    tw_scenario_check_file(scenario->trace_file, source, faults);
  } else if (scenario->workload == TW_WORKLOAD_POISSON) {
    tw_poisson_options options = poisson_options(scenario);
    tw_poisson_check(&options, &error);
  } else if (scenario->workload == TW_WORKLOAD_SESSIONS) {
    tw_sessions_options options = sessions_options(scenario);
    tw_sessions_check(&options, &error);
  } else if (scenario->workload == TW_WORKLOAD_GENERATOR) {
    if (scenario->generator != NULL)
      tw_generator_check_use(scenario->generator, &scenario->use, &error);
  } else {
    tw_closed_options options = closed_options(scenario);
    tw_closed_check(&options, &error);
  }
  if (error != NULL)
    tw_node_fault(source, faults, "%s", error->message);
}

void tw_scenario_read_workload(tw_scenario *scenario, const xmlNode *root, tw_faults *faults)
{
  read_slos(scenario, root, faults);
  read_workload(scenario, root, faults);
  check_workload(scenario, root, faults);
}

void tw_scenario_clear_workload(tw_scenario *scenario)
{
  tw_turns_free(scenario->sessions.turns, scenario->sessions.n_turns);
  for (int i = 0; i < 3; i++)
    tw_length_clear(&scenario->lengths[i]);
  tw_schema_clear(&tw_trace_element, scenario);
  tw_schema_clear(&tw_generate_element, scenario);
  tw_generator_free(scenario->generator);
  g_clear_pointer(&scenario->class_slos, g_array_unref);
}

tw_stream *tw_scenario_stream(const tw_scenario *scenario, GError **error)
{
  if (scenario->workload == TW_WORKLOAD_POISSON) {
    tw_poisson_options options = poisson_options(scenario);
    return tw_stream_poisson(&options);
  }
  if (scenario->workload == TW_WORKLOAD_CLOSED) {
    tw_closed_options options = closed_options(scenario);
    return tw_stream_closed(&options);
  }
  if (scenario->workload == TW_WORKLOAD_SESSIONS) {
    tw_sessions_options options = sessions_options(scenario);
    return tw_stream_sessions(&options);
  }
  if (scenario->workload == TW_WORKLOAD_GENERATOR) {
    tw_generator_use use = scenario->use;
    use.seed = (guint64)scenario->seed;
    return tw_generator_stream(scenario->generator, &use);
  }
  const tw_trace_format *format = NULL;
  if (scenario->trace_format >= 0)
    format = tw_trace_format_find(tw_trace_format_names[scenario->trace_format]);
  return tw_stream_open(scenario->trace_file, format, &scenario->trace, error);
}
