/* Engines that fail: what becomes of their requests, and how they come to serve again. */
#include "sim/site/agenda.h"
#include "sim/site/collective_windows.h"
#include "sim/site/dispatcher.h"
#include "sim/site/failures/failures_private.h"
#include "sim/site/fetches.h"
#include "sim/site/fleet.h"
#include "sim/site/kv_transfers.h"

#include <math.h>

/* ---- Requests ---- */

static void hang(tw_failures *failures, tw_sequence *sequence, int engine)
{
  tw_dispatcher_away(failures->site->dispatcher, sequence, TRUE);
  g_queue_push_tail_link(&failures->patients[engine].hanging, &sequence->link);
}

void tw_failures_swallow(tw_failures *failures, tw_sequence *sequence, int engine)
{
  sequence->engine = engine;
  hang(failures, sequence, engine);
}

/* Sends a request that hung back to the router, or fails it if it has been sent often enough. */
static void send_back(tw_failures *failures, tw_sequence *sequence, tw_failure *cause, double now_s)
{
  tw_site *site = failures->site;
  tw_failure_totals *totals = &failures->totals;
  gboolean resumes = failures->plan->answers == TW_ANSWERS_RESUMED;
  tw_dispatcher_lost(site->dispatcher, sequence, now_s);
  gint64 emitted = sequence->emitted, lost = tw_sequence_lose(sequence, resumes);
  totals->hit++;
  totals->lost_tokens += lost;
  totals->discarded_tokens += emitted - sequence->emitted;
  cause->requests++;
  cause->lost_tokens += lost;
  if (sequence->retries > failures->plan->retries) {
    sequence->retries--; /* the last one was not sent again */
    totals->failed++;
    tw_dispatcher_away(site->dispatcher, sequence, FALSE);
    tw_dispatcher_failed(site->dispatcher, sequence, "its engines failed as often as it is sent again",
                         now_s);
    return;
  }
  double wait_s = ldexp(failures->plan->backoff_s, sequence->retries - 1);
  tw_heap_push(&failures->retries, &sequence->waiting, now_s + wait_s, sequence->ticket);
}

void tw_failures_forget(tw_failures *failures, tw_sequence *sequence, double now_s)
{
  tw_dispatcher_away(failures->site->dispatcher, sequence, FALSE);
  if (tw_heap_node_in(&sequence->waiting)) {
    tw_heap_remove(&failures->retries, &sequence->waiting);
    return;
  }
  g_queue_unlink(&failures->patients[sequence->engine].hanging, &sequence->link);
  tw_dispatcher_lost(failures->site->dispatcher, sequence, now_s);
}

tw_sequence *tw_failures_first(const tw_failures *failures)
{
  for (int i = 0; i < failures->site->n_engines; i++)
    if (failures->patients[i].hanging.length > 0)
      return g_queue_peek_head(&failures->patients[i].hanging);
  tw_heap_node *top = tw_heap_top(&failures->retries);
  return top != NULL ? tw_container(top, tw_sequence, waiting) : NULL;
}

/* ---- Engines ---- */

static void set_timer(tw_failures *failures, int engine, double at_s)
{
  tw_heap_push(&failures->timers, &failures->patients[engine].timer, at_s, (guint64)engine);
}

/* An engine waits for the slowest of its accelerators, and those that are left share the work of all. */
void tw_failures_set_speed(tw_failures *failures, int engine, double now_s)
{
  const tw_patient *p = &failures->patients[engine];
  double slowest = 1;
  for (GList *link = failures->open.head; link != NULL; link = link->next) {
    const tw_failure *f = link->data;
    for (guint i = 0; !f->stops && !f->repaired && i < f->accelerators->len; i++)
      if (failures->owner[g_array_index(f->accelerators, int, i)] == engine)
        slowest = fmin(slowest, f->what.speed);
  }
  double left = p->broken < p->accelerators ? (double)(p->accelerators - p->broken) / p->accelerators : 1;
  tw_engine_slow_down(failures->site->engines[engine], 1 / (slowest * left), now_s);
  tw_agenda_touch(failures->site->agenda, engine);
}

/* Only an accelerator, the software or the network fails: the hosts are sound, and have power. */
static gboolean spares_hosts(const tw_failure *f)
{
  return f->what.part == TW_PART_ACCELERATOR || f->what.part == TW_PART_PROCESS ||
         tw_failing_is_network(f->what.part);
}

void tw_failures_go_down(tw_failures *failures, int engine, tw_failure *cause, double now_s)
{
  tw_site *site = failures->site;
  tw_patient *p = &failures->patients[engine];
  gboolean stands_by = tw_engine_get_state(site->engines[engine]) == TW_ENGINE_STANDS_BY;
  tw_engine_kept kept =
      spares_hosts(cause) && failures->plan->keeps_host_memory ? TW_KEPT_HOSTS : TW_KEPT_NOTHING;
  g_autoptr(GPtrArray) lost = tw_engine_fail(site->engines[engine], kept, now_s);
  if (site->transfers != NULL)
    tw_kv_transfers_fail(site->transfers, engine, lost, now_s);
  if (site->fetches != NULL)
    tw_fetches_fail(site->fetches, engine, lost);
  if (site->windows != NULL)
    tw_collective_windows_fail(site->windows, engine);
  tw_fleet_fail(site->fleet, engine, spares_hosts(cause) ? TW_ENGINE_DOWN : TW_ENGINE_DARK, now_s);
  tw_agenda_touch(site->agenda, engine);
  for (guint i = 0; i < lost->len; i++) {
    tw_sequence *sequence = lost->pdata[i];
    if (sequence->emitted > 0 && isnan(sequence->lost_s))
      sequence->lost_s = now_s;
    hang(failures, sequence, engine);
  }
  if (tw_heap_node_in(&p->timer))
    tw_heap_remove(&failures->timers, &p->timer);
  if (p->cause != NULL) { /* it was starting again */
    tw_failure *before = p->cause;
    before->waiting--;
    p->cause = NULL;
    tw_failures_close_if_over(failures, before, now_s);
  } else {
    p->down_s = now_s;
    failures->totals.engine_failures += !stands_by;
  }
  p->cause = cause;
  p->condition = TW_CONDITION_HIDDEN;
  cause->waiting++;
  set_timer(failures, engine, now_s + cause->what.detection_s);
}

static void recovered(tw_failures *failures, int engine, double now_s)
{
  tw_patient *p = &failures->patients[engine];
  tw_failure *cause = p->cause;
  p->condition = TW_CONDITION_SOUND;
  if (cause == NULL) /* it served instead of another one */
    return;
  double took_s = now_s - p->down_s;
  failures->totals.engine_down_s += took_s;
  failures->totals.accelerator_down_s += took_s * p->accelerators;
  failures->totals.recovery_s += took_s;
  failures->totals.recoveries++;
  tw_segment_row row = tw_segment_row_empty;
  row.engine = engine;
  row.kind = "failure";
  row.start_s = p->down_s;
  row.end_s = now_s;
  tw_recorder_segment(failures->site->recorder, &row);
  p->cause = NULL;
  cause->recovered_s = now_s;
  cause->waiting--;
  tw_failures_close_if_over(failures, cause, now_s);
}

/* The router learns that an engine is down. */
void tw_failures_detect(tw_failures *failures, int engine, double now_s)
{
  tw_site *site = failures->site;
  tw_patient *p = &failures->patients[engine];
  p->condition = TW_CONDITION_WAITS;
  if (isnan(p->cause->detected_s))
    p->cause->detected_s = now_s;
  tw_dispatcher_set_serves(site->dispatcher, engine, FALSE);
  for (GList *link; (link = g_queue_pop_head_link(&p->hanging)) != NULL;)
    send_back(failures, link->data, p->cause, now_s);
  if (site->transfers != NULL)
    tw_kv_transfers_reroute(site->transfers, engine, now_s);
  tw_recoveries[failures->plan->recovery].detected(failures, engine, now_s);
}

void tw_failures_restart(tw_failures *failures, int engine, double now_s)
{
  failures->patients[engine].condition = TW_CONDITION_STARTS;
  tw_fleet_restart(failures->site->fleet, engine, now_s);
}

void tw_failures_resume(tw_failures *failures, int engine, double pause_s, double now_s)
{
  failures->patients[engine].condition = TW_CONDITION_PAUSES;
  set_timer(failures, engine, now_s + pause_s);
}

/* Engines of a pool that serve, or are about to instead of others. */
static gint64 serving(const tw_failures *failures, const tw_pool *pool)
{
  const tw_site *site = failures->site;
  gint64 n = 0;
  for (int i = 0; i < site->n_engines; i++) {
    const tw_patient *p = &failures->patients[i];
    tw_engine_state state = tw_engine_get_state(site->engines[i]);
    n += site->seats[i].pool == pool && (state == TW_ENGINE_SERVES || p->condition == TW_CONDITION_PAUSES);
  }
  return n;
}

gboolean tw_failures_restarted(tw_failures *failures, int engine, double now_s)
{
  const tw_pool *pool = failures->site->seats[engine].pool;
  gboolean serves = serving(failures, pool) < pool->replicas - failures->plan->standby;
  if (failures->patients[engine].condition == TW_CONDITION_STARTS) {
    tw_failures_set_speed(failures, engine, now_s);
    recovered(failures, engine, now_s);
  }
  return serves;
}

/* A pause is over. */
void tw_failures_go_on(tw_failures *failures, int engine, double now_s)
{
  tw_failures_set_speed(failures, engine, now_s);
  tw_fleet_set_serves(failures->site->fleet, engine, TRUE, now_s);
  recovered(failures, engine, now_s);
}
