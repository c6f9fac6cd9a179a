/* The source of a scenario's requests, and the SLOs that they must meet. */
#include "sim/scenario/scenario.h"

#include <math.h>

const char *const tw_first_token_names[] = {"prefill", "decode", NULL};

static double or_infinity(double value)
{
  return isnan(value) ? INFINITY : value;
}

static gint64 or_most(gint64 value)
{
  return value == G_MININT64 ? G_MAXINT64 : value;
}

tw_slo tw_scenario_slo(const tw_scenario *scenario, const char *class)
{
  for (guint i = 0; class != NULL && scenario->class_slos != NULL && i < scenario->class_slos->len; i++) {
    const tw_slo *slo = &g_array_index(scenario->class_slos, tw_slo, i);
    if (g_str_equal(slo->class, class))
      return *slo;
  }
  return scenario->slo;
}

gboolean tw_slo_asks(const tw_slo *slo)
{
  return !isnan(slo->ttft_s) || !isnan(slo->tpot_s) || !isnan(slo->itl_s) || !isnan(slo->e2e_s);
}

gboolean tw_scenario_limits_itl(const tw_scenario *scenario)
{
  gboolean limits = !isnan(scenario->slo.itl_s);
  for (guint i = 0; scenario->class_slos != NULL && i < scenario->class_slos->len; i++)
    limits |= !isnan(g_array_index(scenario->class_slos, tw_slo, i).itl_s);
  return limits;
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
  scenario->slo = TW_SLO_NONE;
  for (const xmlNode *node = tw_node_child(root, "slo"); node != NULL; node = tw_node_next(node, "slo")) {
    tw_slo slo;
    tw_schema_read(node, &tw_slo_element, &slo);
    if (slo.class != NULL) {
      add_slo(scenario, slo, node, faults);
    } else {
      if (common != NULL)
        tw_node_fault(node, faults, "a second <slo> for all requests; leave one out, or give it a class");
      common = node;
      scenario->slo = slo; /* it has no class to free */
    }
    tw_schema_clear(&tw_slo_element, &slo);
  }
}

/* The SLOs of a generator's classes are as good as the scenario's own. */
static void read_generator(tw_scenario *scenario, const xmlNode *source, tw_faults *faults)
{
  gboolean in_file = g_str_equal((const char *)source->name, tw_generate_element.name);
  scenario->use = (tw_generator_use){1, NAN, G_MININT64, 0};
  if (in_file)
    tw_schema_read(source, &tw_generate_element, scenario);
  scenario->generator = in_file ? tw_generator_load(scenario->generator_name, source, faults)
                                : tw_generator_read(source, faults);
  if (scenario->generator == NULL)
    return;
  for (int i = 0; i < tw_generator_classes(scenario->generator); i++) {
    tw_generator_class of = tw_generator_class_at(scenario->generator, i);
    tw_slo slo = {(char *)of.name, of.ttft_s, of.tpot_s, of.itl_s, of.e2e_s};
    if (tw_slo_asks(&slo))
      add_slo(scenario, slo, source, faults);
  }
  g_autoptr(GError) error = NULL;
  if (!tw_generator_check_use(scenario->generator, &scenario->use, &error))
    tw_node_fault(source, faults, "%s", error->message);
}

static void read_trace(tw_scenario *scenario, const xmlNode *source, tw_faults *faults)
{
  tw_schema_read(source, &tw_trace_element, scenario);
  scenario->trace.duration_s = or_infinity(scenario->trace.duration_s);
  scenario->trace.most_gap_s = or_infinity(scenario->trace.most_gap_s);
  scenario->trace.limit = or_most(scenario->trace.limit);
  scenario->trace.reasoning_budget = or_most(scenario->trace.reasoning_budget);
  if ((scenario->trace.copies > 1 || scenario->trace.spread_s > 0) &&
      scenario->trace.mode != TW_REPLAY_RECORDED)
    tw_node_fault(source, faults,
                  "copies and spread are of requests that arrive as recorded; write "
                  "mode=\"recorded\"");
  if (isnan(scenario->trace.spread_s))
    scenario->trace.spread_s = scenario->trace.copies > 1 ? 60 : 0;
  if (scenario->trace.warmup_sessions > 0 && scenario->trace.mode == TW_REPLAY_RECORDED)
    tw_node_fault(source, faults,
                  "warmup-sessions needs sessions that begin; write mode=\"sessions\" or \"lanes\"");
  tw_scenario_check_file(scenario->trace_file, source, faults);
}

void tw_scenario_read_workload(tw_scenario *scenario, const xmlNode *root, tw_faults *faults)
{
  const xmlNode *workload = tw_node_child(root, "workload"),
                *source = workload != NULL ? tw_node_child(workload, NULL) : NULL;
  read_slos(scenario, root, faults);
  if (source == NULL)
    return;
  if (g_str_equal((const char *)source->name, tw_trace_element.name))
    read_trace(scenario, source, faults);
  else
    read_generator(scenario, source, faults);
}

void tw_scenario_clear_workload(tw_scenario *scenario)
{
  tw_schema_clear(&tw_trace_element, scenario);
  tw_schema_clear(&tw_generate_element, scenario);
  tw_generator_free(scenario->generator);
  g_clear_pointer(&scenario->class_slos, g_array_unref);
}

const tw_class *tw_scenario_only_class(const tw_scenario *scenario)
{
  return scenario->generator != NULL ? tw_generator_only_class(scenario->generator) : NULL;
}

tw_stream *tw_scenario_stream(const tw_scenario *scenario, GError **error)
{
  if (scenario->generator != NULL) {
    tw_generator_use use = scenario->use;
    use.seed = (guint64)scenario->seed;
    return tw_generator_stream(scenario->generator, &use);
  }
  if (scenario->trace_file == NULL)
    return tw_stream_none();
  const tw_trace_format *format = NULL;
  if (scenario->trace_format >= 0)
    format = tw_trace_format_find(tw_trace_format_names[scenario->trace_format]);
  tw_trace_options options = scenario->trace;
  options.seed = (guint64)scenario->seed;
  return tw_stream_open(scenario->trace_file, format, &options, error);
}
