#include "sim/site/dispatcher.h"
#include "sim/site/failures/failures_private.h"
#include "sim/site/fleet.h"
#include "sim/site/jobs/jobs.h"

#include <math.h>

enum { FAILURES_LOOKED_AT = 100000 };

const tw_failure_plan *tw_failures_plan(const tw_failures *failures)
{
  return failures->plan;
}

tw_site *tw_failures_site(const tw_failures *failures)
{
  return failures->site;
}

int tw_failures_broken(const tw_failures *failures, int engine)
{
  const tw_patient *p = &failures->patients[engine];
  return p->processes > 0 ? p->accelerators : p->broken;
}

int tw_failures_accelerators(const tw_failures *failures, int engine)
{
  return failures->patients[engine].accelerators;
}

gboolean tw_failures_is_down(const tw_failures *failures, int engine)
{
  return failures->patients[engine].condition != TW_CONDITION_SOUND;
}

gboolean tw_failures_hides(const tw_failures *failures, int engine)
{
  return failures->patients[engine].condition == TW_CONDITION_HIDDEN;
}

/* ---- Life ---- */

/* Accelerators of a host go to engines in the order of these. */
static void give_accelerators(tw_failures *failures)
{
  const tw_site *site = failures->site;
  const tw_platform *platform = site->scenario->platform;
  g_autofree int *next = g_new(int, (gsize)platform->n_hosts);
  failures->first = g_new(int, (gsize)platform->n_hosts);
  for (int i = 0; i < platform->n_hosts; i++) {
    next[i] = failures->first[i] = failures->n_accelerators;
    failures->n_accelerators += platform->hosts[i].accelerators;
  }
  failures->owner = g_new(int, (gsize)failures->n_accelerators);
  failures->broken = g_new0(guint16, (gsize)failures->n_accelerators);
  for (int i = 0; i < failures->n_accelerators; i++)
    failures->owner[i] = -1;
  for (int e = 0; e < site->n_engines; e++)
    for (int k = 0; k < site->seats[e].place->n_shares; k++) {
      const tw_host_share *share = &site->seats[e].place->shares[k];
      for (int n = 0; n < share->accelerators; n++)
        failures->owner[next[share->host]++] = e;
      failures->patients[e].accelerators += share->accelerators;
    }
  for (int j = 0; j < site->scenario->n_jobs; j++) {
    const tw_engine_place *place = &site->scenario->jobs[j].plan.place;
    for (int k = 0; k < place->n_shares; k++)
      for (int n = 0; n < place->shares[k].accelerators; n++)
        failures->owner[next[place->shares[k].host]++] = site->n_engines + j;
  }
}

/* The last engines of each pool stand by. */
static void stand_by(tw_failures *failures)
{
  const tw_site *site = failures->site;
  gint64 of_pool = 0;
  for (int i = site->n_engines - 1; i >= 0; i--) {
    of_pool = i + 1 < site->n_engines && site->seats[i].pool == site->seats[i + 1].pool ? of_pool + 1 : 0;
    if (of_pool < failures->plan->standby)
      tw_fleet_set_serves(site->fleet, i, FALSE, 0);
  }
}

static void *new_failures(tw_site *site)
{
  if (site->scenario->failures == NULL)
    return NULL;
  tw_failures *failures = site->failures = g_new0(tw_failures, 1);
  *failures = (tw_failures){.site = site,
                            .plan = site->scenario->failures,
                            .source = tw_fault_source_new(site->scenario),
                            .wires = tw_wires_new(site->scenario->platform, &site->network),
                            .rows = tw_failing_rows(site->scenario->platform, NULL),
                            .patients = g_new0(tw_patient, (gsize)site->n_engines)};
  g_queue_init(&failures->open);
  for (int i = 0; i < site->n_engines; i++) {
    g_queue_init(&failures->patients[i].hanging);
    failures->patients[i].timer.place = TW_HEAP_OUT;
  }
  give_accelerators(failures);
  stand_by(failures);
  return failures;
}

static void free_failure(tw_failure *f)
{
  g_array_unref(f->accelerators);
  g_free(f);
}

static void free_failures(void *part)
{
  tw_failures *failures = part;
  for (GList *link; (link = g_queue_pop_head_link(&failures->open)) != NULL;)
    free_failure(link->data);
  for (int i = 0; i < failures->site->n_engines; i++)
    for (GList *link; (link = g_queue_pop_head_link(&failures->patients[i].hanging)) != NULL;)
      tw_sequence_free(link->data);
  for (guint i = 0; i < failures->retries.n; i++)
    tw_sequence_free(tw_container(failures->retries.entries[i].node, tw_sequence, waiting));
  tw_heap_clear(&failures->repairs);
  tw_heap_clear(&failures->timers);
  tw_heap_clear(&failures->retries);
  tw_fault_source_free(failures->source);
  tw_wires_free(failures->wires);
  g_free(failures->first);
  g_free(failures->rows);
  g_free(failures->owner);
  g_free(failures->broken);
  g_free(failures->patients);
  g_free(failures);
}

/* ---- Rows ---- */

static void write_row(tw_failures *failures, const tw_failure *f, double end_s)
{
  tw_log *log = tw_recorder_log(failures->site->recorder);
  if (log == NULL)
    return;
  g_autofree char *name =
      tw_failing_component_name(failures->site->scenario, f->what.part, f->what.component);
  tw_failure_row row = tw_failure_row_empty;
  row.start_s = f->what.start_s;
  row.part = tw_failing_part_names[f->what.part];
  row.component = name;
  row.effect = tw_failure_effect_names[f->what.effect];
  row.speed = f->what.speed;
  row.detected_s = f->detected_s;
  row.recovered_s = f->recovered_s;
  row.repaired_s = f->repaired ? f->what.repaired_s : NAN;
  row.end_s = end_s;
  row.accelerators = f->hit;
  row.engines = f->engines;
  row.requests = f->requests;
  row.lost_tokens = f->lost_tokens;
  tw_log_failure_row(log, &row);
}

/* It is over where it is repaired and all engines that it stopped serve again. */
void tw_failures_close_if_over(tw_failures *failures, tw_failure *f, double now_s)
{
  if (!f->repaired || f->waiting > 0)
    return;
  failures->totals.most_requests = MAX(failures->totals.most_requests, (guint64)f->requests);
  failures->totals.most_engines = MAX(failures->totals.most_engines, (guint64)f->engines);
  write_row(failures, f, now_s);
  g_queue_unlink(&failures->open, &f->link);
  free_failure(f);
}

/* ---- The part ---- */

static double key_of(const tw_heap *heap)
{
  tw_heap_node *top = tw_heap_top(heap);
  return top != NULL ? top->key : INFINITY;
}

static double due(const void *part)
{
  const tw_failures *failures = part;
  return fmin(fmin(key_of(&failures->repairs), tw_fault_source_due(failures->source)),
              fmin(key_of(&failures->timers), key_of(&failures->retries)));
}

/* Iterations of engines, requests that failed, and steps of jobs that are not lost. */
static guint64 work_done(const tw_failures *failures, double now_s)
{
  const tw_site *site = failures->site;
  guint64 done = failures->totals.failed;
  for (int i = 0; i < site->n_engines; i++)
    done += tw_engine_iterations(site->engines[i]);
  for (int j = 0; j < site->scenario->n_jobs; j++)
    done += (guint64)tw_site_jobs_totals(site->jobs, j, now_s).steps;
  return done;
}

/* A run that nobody cuts short may go on for ever where parts break faster than engines and jobs start. */
static gboolean is_of_use(tw_failures *failures, double now_s, GError **error)
{
  if (++failures->counted < FAILURES_LOOKED_AT || !isnan(failures->site->scenario->until_s))
    return TRUE;
  guint64 done = work_done(failures, now_s);
  gboolean waits = tw_dispatcher_waits(failures->site->dispatcher) > 0 ||
                   (failures->site->jobs != NULL && tw_site_jobs_wait(failures->site->jobs));
  gboolean use = done != failures->done || !waits;
  failures->counted = 0;
  failures->done = done;
  return use || tw_input_error_set(
                    error, TW_INPUT_ERROR_VALUE, NULL, 0,
                    "<failures>: up to %.9g s %d failures in a row left no time for an iteration or a "
                    "step, and requests or jobs wait; let parts break less often, be repaired and start "
                    "sooner, or end the run with --until",
                    now_s, FAILURES_LOOKED_AT);
}

/* At equal times, repairs come before failures, and both before what follows from them. */
static gboolean step(void *part, double now_s, GError **error)
{
  tw_failures *failures = part;
  if (key_of(&failures->repairs) <= now_s) {
    tw_heap_node *top = tw_heap_top(&failures->repairs);
    tw_heap_remove(&failures->repairs, top);
    tw_failures_repair(failures, tw_container(top, tw_failure, node), now_s);
  } else if (tw_fault_source_due(failures->source) <= now_s) {
    tw_failures_begin(failures, tw_fault_source_next(failures->source));
    return is_of_use(failures, now_s, error);
  } else if (key_of(&failures->timers) <= now_s) {
    tw_heap_node *top = tw_heap_top(&failures->timers);
    int engine = (int)top->tie;
    tw_heap_remove(&failures->timers, top);
    (failures->patients[engine].condition == TW_CONDITION_HIDDEN ? tw_failures_detect : tw_failures_go_on)(
        failures, engine, now_s);
  } else {
    tw_heap_node *top = tw_heap_top(&failures->retries);
    tw_sequence *sequence = tw_container(top, tw_sequence, waiting);
    tw_heap_remove(&failures->retries, top);
    failures->totals.retried++;
    tw_dispatcher_away(failures->site->dispatcher, sequence, FALSE);
    tw_dispatcher_retry(failures->site->dispatcher, sequence, now_s);
  }
  return TRUE;
}

tw_failure_totals tw_failures_record(const tw_failures *failures, double end_s)
{
  tw_failure_totals totals = failures->totals;
  totals.expected = tw_fault_source_expected(failures->source, end_s);
  for (int i = 0; i < failures->site->n_engines; i++) {
    const tw_patient *p = &failures->patients[i];
    totals.accelerator_s += end_s * p->accelerators;
    if (p->cause == NULL)
      continue;
    totals.engine_down_s += end_s - p->down_s;
    totals.accelerator_down_s += (end_s - p->down_s) * p->accelerators;
  }
  for (GList *link = failures->open.head; link != NULL; link = link->next) {
    const tw_failure *f = link->data;
    totals.most_requests = MAX(totals.most_requests, (guint64)f->requests);
    totals.most_engines = MAX(totals.most_engines, (guint64)f->engines);
  }
  return totals;
}

static void explain(const void *part, GPtrArray *lines)
{
  const tw_failures *failures = part;
  for (int i = 0; i < failures->site->n_engines; i++)
    if (failures->patients[i].hanging.length > 0)
      g_ptr_array_add(lines, g_strdup_printf("%u requests hang at engine %d, which failed",
                                             failures->patients[i].hanging.length, i));
}

static void evict(void *part, GPtrArray *sequences, double end_s)
{
  tw_failures *failures = part;
  for (int i = 0; i < failures->site->n_engines; i++)
    for (GList *link; (link = g_queue_pop_head_link(&failures->patients[i].hanging)) != NULL;)
      g_ptr_array_add(sequences, link->data);
  for (tw_heap_node *top; (top = tw_heap_top(&failures->retries)) != NULL;) {
    tw_heap_remove(&failures->retries, top);
    g_ptr_array_add(sequences, tw_container(top, tw_sequence, waiting));
  }
  for (GList *link = failures->open.head; link != NULL; link = link->next)
    write_row(failures, link->data, end_s);
}

const tw_part_kind tw_failures_part = {.name = "failures",
                                       .life = TW_PART_FREES,
                                       .new = new_failures,
                                       .due = due,
                                       .step = step,
                                       .explain = explain,
                                       .evict = evict,
                                       .free = free_failures};
