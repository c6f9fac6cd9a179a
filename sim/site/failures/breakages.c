/* The effect of failures: which accelerators and engines each hits as it begins, and gives back as it is repaired. */
#include "sim/site/failures/failures_private.h"
#include "sim/site/fetches.h"
#include "sim/site/jobs/jobs.h"

#include <math.h>

/* The hosts that are on what breaks, or that it cuts off. */
static GArray *hosts_hit_by(tw_failures *failures, const tw_breakage *what)
{
  if (tw_failing_is_network(what->part))
    return tw_wires_break(failures->wires, what, what->start_s);
  const tw_platform *platform = failures->site->scenario->platform;
  GArray *hosts = g_array_new(FALSE, FALSE, sizeof(int));
  for (int i = 0; what->part != TW_PART_ACCELERATOR && what->part != TW_PART_PROCESS && i < platform->n_hosts;
       i++)
    if (what->part == TW_PART_HOST   ? i == what->component
        : what->part == TW_PART_RACK ? platform->zones[platform->hosts[i].zone].rack_index == what->component
                                     : failures->rows[i] == what->component)
      g_array_append_val(hosts, i);
  return hosts;
}

/* The accelerators of hosts. */
static GArray *accelerators_of(const tw_failures *failures, const GArray *hosts)
{
  GArray *all = g_array_new(FALSE, FALSE, sizeof(int));
  for (guint i = 0; i < hosts->len; i++) {
    int host = g_array_index(hosts, int, i), first = failures->first[host];
    for (int k = 0; k < failures->site->scenario->platform->hosts[host].accelerators; k++, first++)
      g_array_append_val(all, first);
  }
  return all;
}

/* Storage among hosts cannot be reached, or can be again. */
static void tell_store(tw_failures *failures, const GArray *hosts, gboolean reachable, double now_s)
{
  for (guint i = 0; failures->site->fetches != NULL && i < hosts->len; i++)
    tw_fetches_set_reachable(failures->site->fetches, g_array_index(hosts, int, i), reachable, now_s);
}

/* Calls `act` once for each engine that has accelerators of a failure, or whose software failed. */
static void for_engines(tw_failures *failures, tw_failure *f,
                        void (*act)(tw_failures *failures, int engine, tw_failure *f, double now_s),
                        double now_s)
{
  guint stamp = ++failures->stamp;
  if (f->what.part == TW_PART_PROCESS)
    act(failures, f->what.component, f, now_s);
  for (guint i = 0; i < f->accelerators->len; i++) {
    int engine = failures->owner[g_array_index(f->accelerators, int, i)];
    if (engine < 0 || engine >= failures->site->n_engines || failures->patients[engine].stamp == stamp)
      continue;
    failures->patients[engine].stamp = stamp;
    act(failures, engine, f, now_s);
  }
}

static void stop_engine(tw_failures *failures, int engine, tw_failure *f, double now_s)
{
  tw_condition now = failures->patients[engine].condition;
  f->engines++;
  if (now != TW_CONDITION_HIDDEN && now != TW_CONDITION_WAITS)
    tw_failures_go_down(failures, engine, f, now_s);
}

/* A job learns that one of its accelerators has broken, or works again. */
static void tell_job(const tw_failures *failures, const tw_failure *f, int accelerator, gboolean was)
{
  gboolean is = failures->broken[accelerator] > 0;
  int job = failures->owner[accelerator] - failures->site->n_engines;
  if (is && !was)
    tw_site_jobs_broke(failures->site->jobs, job, accelerator, f->what.detection_s, failures->site->now_s);
  else if (was && !is)
    tw_site_jobs_mended(failures->site->jobs, job, accelerator, failures->site->now_s);
}

/* Jobs go at the speed of the slowest of their accelerators. */
static void slow_jobs(tw_failures *failures)
{
  const tw_site *site = failures->site;
  for (int j = 0; j < site->scenario->n_jobs; j++) {
    double slowest = 1;
    for (GList *link = failures->open.head; link != NULL; link = link->next) {
      const tw_failure *f = link->data;
      for (guint i = 0; !f->stops && !f->repaired && i < f->accelerators->len; i++)
        if (failures->owner[g_array_index(f->accelerators, int, i)] == site->n_engines + j)
          slowest = fmin(slowest, f->what.speed);
    }
    tw_site_jobs_slow(site->jobs, j, slowest);
  }
}

/* Accelerators of a failure do not work any more, or do again. */
static void count_broken(tw_failures *failures, const tw_failure *f, int change)
{
  if (f->what.part == TW_PART_PROCESS)
    failures->patients[f->what.component].processes += change;
  for (guint i = 0; i < f->accelerators->len; i++) {
    int accelerator = g_array_index(f->accelerators, int, i), engine = failures->owner[accelerator];
    gboolean was = failures->broken[accelerator] > 0;
    failures->broken[accelerator] = (guint16)(failures->broken[accelerator] + change);
    if (engine >= failures->site->n_engines)
      tell_job(failures, f, accelerator, was);
    else if (engine >= 0 && was != (failures->broken[accelerator] > 0))
      failures->patients[engine].broken += change;
  }
}

static void slow_engine(tw_failures *failures, int engine, tw_failure *f, double now_s)
{
  f->engines++;
  tw_failures_set_speed(failures, engine, now_s);
}

void tw_failures_begin(tw_failures *failures, tw_breakage what)
{
  tw_failure *f = g_new0(tw_failure, 1);
  g_autoptr(GArray) hosts = hosts_hit_by(failures, &what);
  *f = (tw_failure){.what = what,
                    .accelerators = accelerators_of(failures, hosts),
                    .node = {.place = TW_HEAP_OUT},
                    .link = {.data = f},
                    .stops = what.effect == TW_EFFECT_STOP,
                    .detected_s = NAN,
                    .recovered_s = NAN};
  if (what.part == TW_PART_ACCELERATOR)
    g_array_append_val(f->accelerators, what.component);
  f->hit = f->accelerators->len;
  g_queue_push_tail_link(&failures->open, &f->link);
  failures->totals.failures++;
  failures->totals.limps += !f->stops;
  gboolean replaced = !f->stops && failures->plan->limping == TW_LIMPING_REPLACED &&
                      !tw_failing_is_network(what.part) && what.start_s + what.detection_s < what.repaired_s;
  tw_heap_push(&failures->repairs, &f->node, replaced ? what.start_s + what.detection_s : what.repaired_s,
               failures->totals.failures);
  if (f->stops) {
    count_broken(failures, f, 1);
    for_engines(failures, f, stop_engine, what.start_s);
    tell_store(failures, hosts, FALSE, what.start_s);
  } else {
    for_engines(failures, f, slow_engine, what.start_s);
    slow_jobs(failures);
  }
}

static void stop_known(tw_failures *failures, int engine, tw_failure *f, double now_s)
{
  tw_condition before = failures->patients[engine].condition;
  if (before == TW_CONDITION_HIDDEN || before == TW_CONDITION_WAITS)
    return;
  tw_failures_go_down(failures, engine, f, now_s);
  tw_heap_remove(&failures->timers, &failures->patients[engine].timer);
  tw_failures_detect(failures, engine, now_s);
}

/* A limping accelerator has been detected, and is not used any more. */
static void replace(tw_failures *failures, tw_failure *f, double now_s)
{
  f->stops = TRUE;
  f->detected_s = now_s;
  tw_heap_push(&failures->repairs, &f->node, f->what.repaired_s, failures->totals.failures);
  count_broken(failures, f, 1);
  for_engines(failures, f, stop_known, now_s);
  slow_jobs(failures);
}

static void repaired_for(tw_failures *failures, int engine, tw_failure *f, double now_s)
{
  tw_patient *p = &failures->patients[engine];
  (void)f;
  if (p->condition == TW_CONDITION_WAITS)
    tw_recoveries[failures->plan->recovery].repaired(failures, engine, now_s);
  else if (p->condition == TW_CONDITION_SOUND)
    tw_failures_set_speed(failures, engine, now_s);
}

static int domain_of(const tw_failures *failures, int accelerator)
{
  const tw_platform *platform = failures->site->scenario->platform;
  int low = 0, high = platform->n_hosts;
  while (high - low > 1) { /* the last host that begins there or before it, and has any */
    int middle = (low + high) / 2;
    *(failures->first[middle] <= accelerator ? &low : &high) = middle;
  }
  int domain = tw_platform_domain(platform, low);
  return domain >= 0 ? domain : -1 - low;
}

/* Engines that wait for spares of a domain may get those that are repaired now. */
static void offer_spares(tw_failures *failures, const tw_failure *f, double now_s)
{
  for (int e = 0; failures->plan->recovery == TW_RECOVERY_SPARES && e < failures->site->n_engines; e++)
    if (failures->patients[e].condition == TW_CONDITION_WAITS)
      repaired_for(failures, e, (tw_failure *)f, now_s);
}

/* Lets the parts that a failure stopped work again. Links give back whom they reach again, whoever cut these off. */
static void mend(tw_failures *failures, tw_failure *f, double now_s)
{
  g_autoptr(GArray) hosts = tw_failing_is_network(f->what.part)
                                ? tw_wires_mend(failures->wires, &f->what, now_s)
                                : hosts_hit_by(failures, &f->what);
  if (tw_failing_is_network(f->what.part)) {
    g_array_unref(f->accelerators);
    f->accelerators = accelerators_of(failures, hosts);
  }
  if (!f->stops && !tw_failing_is_network(f->what.part))
    return;
  count_broken(failures, f, -1);
  tell_store(failures, hosts, TRUE, now_s);
}

void tw_failures_repair(tw_failures *failures, tw_failure *f, double now_s)
{
  if (!f->stops && now_s < f->what.repaired_s) {
    replace(failures, f, now_s);
    return;
  }
  f->repaired = TRUE;
  mend(failures, f, now_s);
  if (!f->stops)
    slow_jobs(failures);
  f->waiting++; /* it is not over while we look at it */
  for_engines(failures, f, repaired_for, now_s);
  offer_spares(failures, f, now_s);
  f->waiting--;
  tw_fault_source_repaired(failures->source, f->what.drawn, now_s);
  tw_failures_close_if_over(failures, f, now_s);
}

/* The first sound accelerator of a domain that no engine has, -1: none. */
static int find_spare(const tw_failures *failures, int domain)
{
  for (int i = 0; i < failures->n_accelerators; i++)
    if (failures->owner[i] < 0 && failures->broken[i] == 0 && domain_of(failures, i) == domain)
      return i;
  return -1;
}

void tw_failures_take_spares(tw_failures *failures, int engine)
{
  for (int i = 0; i < failures->n_accelerators; i++) {
    if (failures->owner[i] != engine || failures->broken[i] == 0)
      continue;
    int spare = find_spare(failures, domain_of(failures, i));
    if (spare < 0)
      continue;
    failures->owner[i] = -1;
    failures->owner[spare] = engine;
    failures->patients[engine].broken--;
  }
}
