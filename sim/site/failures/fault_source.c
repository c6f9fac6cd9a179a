#include "sim/site/failures/fault_source.h"

#include "sim/base/heap.h"
#include "workloads/draw/chance.h"

#include <math.h>

/* A component that a <fault> may break. */
typedef struct drawn {
  tw_heap_node node; /* by when it breaks */
  const tw_fault *fault;
  int component;
  tw_chance chance;
} drawn;

/* A trace, and the next row of it; or a profile, and the next dip in it. */
typedef struct told {
  const tw_fault_trace *trace;
  guint next;
  tw_availability_place place;
  tw_availability_dip dip; /* from INFINITY on: there is none any more */
} told;

struct tw_fault_source {
  GArray *drawn; /* Array of drawn; never grows once the heap points into it. */
  GArray *told;  /* Array of told. */
  tw_heap due;
};

static double time_to_failure_s(drawn *d)
{
  const tw_fault *fault = d->fault;
  double uses = tw_chance_exponential(&d->chance);
  if (fault->law == TW_FAULT_EXPONENTIAL)
    return fault->mtbf_s * uses;
  return fault->mtbf_s / tgamma(1 + 1 / fault->shape) * pow(uses, 1 / fault->shape);
}

/* Lognormal with the mean that the fault has. */
static double repair_s(drawn *d)
{
  double sigma = d->fault->repair_sigma;
  return d->fault->repair_s * exp(sigma * tw_chance_normal(&d->chance) - sigma * sigma / 2);
}

/* Adds the components of a fault. `row` counts the faults of its part, so that others leave its draws alone. */
static void add_fault(tw_fault_source *source, const tw_scenario *scenario, const tw_fault *fault, int row)
{
  tw_failing_part part = (tw_failing_part)fault->part;
  g_autoptr(GPatternSpec) pattern = g_pattern_spec_new(fault->names);
  g_autoptr(GPtrArray) names = tw_failing_names(scenario, part);
  for (guint i = 0; i < names->len; i++) {
    const char *name = names->pdata[i];
    if (!g_pattern_spec_match_string(pattern, name))
      continue;
    g_autofree char *stream = g_strdup_printf("failure %d of %s %s", row, tw_failing_part_names[part], name);
    drawn d = {.node = {.place = TW_HEAP_OUT},
               .fault = fault,
               .component = (int)i,
               .chance = tw_chance_new((guint64)scenario->seed, stream)};
    g_array_append_val(source->drawn, d);
  }
}

/* Goes on to the next dip of a profile. */
static void advance(told *t)
{
  if (t->trace->profile == NULL || !tw_availability_next(t->trace->profile, &t->place, &t->dip))
    t->dip.start_s = INFINITY;
}

tw_fault_source *tw_fault_source_new(const tw_scenario *scenario)
{
  const tw_failure_plan *plan = scenario->failures;
  tw_fault_source *source = g_new0(tw_fault_source, 1);
  source->drawn = g_array_new(FALSE, FALSE, sizeof(drawn));
  source->told = g_array_new(FALSE, FALSE, sizeof(told));
  int rows[TW_FAILING_PARTS] = {0};
  for (guint i = 0; i < plan->faults->len; i++) {
    const tw_fault *fault = &g_array_index(plan->faults, tw_fault, i);
    add_fault(source, scenario, fault, rows[fault->part]++);
  }
  for (guint i = 0; i < plan->traces->len; i++) {
    told t = {.trace = &g_array_index(plan->traces, tw_fault_trace, i)};
    advance(&t);
    g_array_append_val(source->told, t);
  }
  for (guint i = 0; i < source->drawn->len; i++) {
    drawn *d = &g_array_index(source->drawn, drawn, i);
    tw_heap_push(&source->due, &d->node, isnan(d->fault->at_s) ? time_to_failure_s(d) : d->fault->at_s, i);
  }
  return source;
}

void tw_fault_source_free(tw_fault_source *source)
{
  if (source == NULL)
    return;
  tw_heap_clear(&source->due);
  g_array_unref(source->drawn);
  g_array_unref(source->told);
  g_free(source);
}

/* When the next failure of a trace comes, INFINITY: none does. */
static double told_start_s(const told *t)
{
  if (t->trace->profile != NULL)
    return t->dip.start_s;
  return t->next < t->trace->told->len ? g_array_index(t->trace->told, tw_told_failure, t->next).start_s
                                       : INFINITY;
}

/* The trace whose next failure comes first, or NULL. */
static told *first_told(const tw_fault_source *source, double *due_s)
{
  told *first = NULL;
  *due_s = INFINITY;
  for (guint i = 0; i < source->told->len; i++) {
    told *t = &g_array_index(source->told, told, i);
    if (told_start_s(t) < *due_s) {
      first = t;
      *due_s = told_start_s(t);
    }
  }
  return first;
}

/* Takes the next failure of a trace. */
static tw_breakage take_told(told *t)
{
  tw_failing_part part = (tw_failing_part)t->trace->part;
  if (t->trace->profile != NULL) {
    tw_availability_dip dip = t->dip;
    advance(t);
    return (tw_breakage){part,
                         t->trace->component,
                         dip.left > 0 ? TW_EFFECT_LIMP : TW_EFFECT_STOP,
                         dip.left > 0 ? dip.left : NAN,
                         t->trace->detection_s,
                         dip.start_s,
                         dip.end_s,
                         -1};
  }
  const tw_told_failure *row = &g_array_index(t->trace->told, tw_told_failure, t->next++);
  return (tw_breakage){
      part, row->component, TW_EFFECT_STOP, NAN, t->trace->detection_s, row->start_s, row->repaired_s, -1};
}

/* The failures of a trace or profile up to an instant. */
static double count_told(const tw_fault_trace *trace, double span_s)
{
  told t = {.trace = trace};
  double n = 0;
  for (advance(&t); told_start_s(&t) <= span_s; n++)
    take_told(&t);
  return n;
}

double tw_fault_source_expected(const tw_fault_source *source, double span_s)
{
  double n = 0;
  for (guint i = 0; i < source->drawn->len; i++) {
    const tw_fault *fault = g_array_index(source->drawn, drawn, i).fault;
    n += isnan(fault->at_s) ? span_s / (fault->mtbf_s + fault->repair_s) : fault->at_s <= span_s;
  }
  for (guint i = 0; i < source->told->len; i++)
    n += count_told(g_array_index(source->told, told, i).trace, span_s);
  return n;
}

static double drawn_due(const tw_fault_source *source)
{
  tw_heap_node *top = tw_heap_top(&source->due);
  return top != NULL ? top->key : INFINITY;
}

double tw_fault_source_due(const tw_fault_source *source)
{
  double told_s;
  first_told(source, &told_s);
  return fmin(told_s, drawn_due(source));
}

tw_breakage tw_fault_source_next(tw_fault_source *source)
{
  double told_s;
  told *t = first_told(source, &told_s);
  if (t != NULL && told_s <= drawn_due(source))
    return take_told(t);
  tw_heap_node *top = tw_heap_top(&source->due);
  drawn *d = tw_container(top, drawn, node);
  double start_s = top->key;
  tw_heap_remove(&source->due, top);
  const tw_fault *fault = d->fault;
  return (tw_breakage){(tw_failing_part)fault->part,
                       d->component,
                       (tw_failure_effect)fault->effect,
                       fault->effect == TW_EFFECT_LIMP ? fault->speed : NAN,
                       fault->detection_s,
                       start_s,
                       start_s + repair_s(d),
                       isnan(fault->at_s) ? (int)(d - &g_array_index(source->drawn, drawn, 0)) : -1};
}

void tw_fault_source_repaired(tw_fault_source *source, int number, double now_s)
{
  if (number < 0)
    return;
  drawn *d = &g_array_index(source->drawn, drawn, (guint)number);
  tw_heap_push(&source->due, &d->node, now_s + time_to_failure_s(d), (guint64)number);
}
