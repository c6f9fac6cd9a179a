#include "sim/site/failures.h"

#include "sim/site/agenda.h"
#include "sim/site/collective_windows.h"
#include "sim/site/dispatcher.h"
#include "sim/site/fault_source.h"
#include "sim/site/fetches.h"
#include "sim/site/fleet.h"
#include "sim/site/kv_transfers.h"
#include "sim/site/wires.h"

#include <math.h>

/* A failure, from where it begins to where all is as before. */
typedef struct failure {
  tw_breakage what;
  GArray *
      accelerators; /* of int: those that it hits; of the network, once it is repaired, those that it gives back */
  guint hit;        /* number of those that it hits */
  tw_heap_node node; /* by when it is repaired, while that is to come */
  GList link;        /* in failures->open */
  gboolean repaired;
  gboolean stops; /* it does, or it limps and was replaced */
  int waiting;    /* number of engines that it stopped and that do not serve again */
  double detected_s, recovered_s;
  gint64 engines, requests, lost_tokens;
} failure;

/* What an engine does about it. */
typedef enum {
  SOUND,
  HIDDEN, /* it is down, and the router does not know */
  WAITS,  /* for its recovery */
  STARTS, /* it loads and starts */
  PAUSES  /* it is about to go on, or to serve instead of another one */
} condition;

typedef struct patient {
  condition condition;
  GQueue hanging;     /* queue of tw_sequence that it lost or was sent, until the router knows */
  failure *cause;     /* that stopped it, NULL: none */
  double down_s;      /* since when it has been down */
  tw_heap_node timer; /* by when it is known to be down, or goes on */
  int broken, accelerators;
  int processes; /* failures of its software that are not repaired */
  guint stamp;   /* of the last failure that touched it */
} patient;

struct tw_failures {
  tw_site *site;
  const tw_failure_plan *plan;
  tw_fault_source *source;
  tw_wires *wires;
  int *first; /* by host, its first accelerator among all */
  int *rows;  /* by host, its row */
  int n_accelerators;
  int *owner;      /* by accelerator, the engine that has it, -1: none */
  guint16 *broken; /* by accelerator, the failures that keep it from working */
  patient *patients;
  GQueue open; /* queue of failure, in the order of beginning */
  tw_heap repairs, timers, retries;
  guint stamp;
  tw_failure_totals totals;
};

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
  const patient *p = &failures->patients[engine];
  return p->processes > 0 ? p->accelerators : p->broken;
}

int tw_failures_accelerators(const tw_failures *failures, int engine)
{
  return failures->patients[engine].accelerators;
}

gboolean tw_failures_is_down(const tw_failures *failures, int engine)
{
  return failures->patients[engine].condition != SOUND;
}

gboolean tw_failures_hides(const tw_failures *failures, int engine)
{
  return failures->patients[engine].condition == HIDDEN;
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
                            .patients = g_new0(patient, (gsize)site->n_engines)};
  g_queue_init(&failures->open);
  for (int i = 0; i < site->n_engines; i++) {
    g_queue_init(&failures->patients[i].hanging);
    failures->patients[i].timer.place = TW_HEAP_OUT;
  }
  give_accelerators(failures);
  stand_by(failures);
  return failures;
}

static void free_failure(failure *f)
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
    tw_sequence_free(tw_container(failures->retries.nodes[i], tw_sequence, waiting));
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

static void write_row(tw_failures *failures, const failure *f, double end_s)
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
static void close_if_over(tw_failures *failures, failure *f, double now_s)
{
  if (!f->repaired || f->waiting > 0)
    return;
  failures->totals.most_requests = MAX(failures->totals.most_requests, (guint64)f->requests);
  failures->totals.most_engines = MAX(failures->totals.most_engines, (guint64)f->engines);
  write_row(failures, f, now_s);
  g_queue_unlink(&failures->open, &f->link);
  free_failure(f);
}

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

/* A request that hung goes back, or has been sent often enough. */
static void send_back(tw_failures *failures, tw_sequence *sequence, failure *cause, double now_s)
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

/* ---- Engines ---- */

static void set_timer(tw_failures *failures, int engine, double at_s)
{
  tw_heap_push(&failures->timers, &failures->patients[engine].timer, at_s, (guint64)engine);
}

/* An engine waits for the slowest of its accelerators, and those that are left share the work of all. */
static void set_speed(tw_failures *failures, int engine, double now_s)
{
  const patient *p = &failures->patients[engine];
  double slowest = 1;
  for (GList *link = failures->open.head; link != NULL; link = link->next) {
    const failure *f = link->data;
    for (guint i = 0; !f->stops && !f->repaired && i < f->accelerators->len; i++)
      if (failures->owner[g_array_index(f->accelerators, int, i)] == engine)
        slowest = fmin(slowest, f->what.speed);
  }
  double left = p->broken < p->accelerators ? (double)(p->accelerators - p->broken) / p->accelerators : 1;
  tw_engine_slow_down(failures->site->engines[engine], 1 / (slowest * left), now_s);
  tw_agenda_touch(failures->site->agenda, engine);
}

/* Only an accelerator, the software or the network fails: the hosts are sound, and have power. */
static gboolean spares_hosts(const failure *f)
{
  return f->what.part == TW_PART_ACCELERATOR || f->what.part == TW_PART_PROCESS ||
         tw_failing_is_network(f->what.part);
}

static void go_down(tw_failures *failures, int engine, failure *cause, double now_s)
{
  tw_site *site = failures->site;
  patient *p = &failures->patients[engine];
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
    failure *before = p->cause;
    before->waiting--;
    p->cause = NULL;
    close_if_over(failures, before, now_s);
  } else {
    p->down_s = now_s;
    failures->totals.engine_failures += !stands_by;
  }
  p->cause = cause;
  p->condition = HIDDEN;
  cause->waiting++;
  set_timer(failures, engine, now_s + cause->what.detection_s);
}

static void recovered(tw_failures *failures, int engine, double now_s)
{
  patient *p = &failures->patients[engine];
  failure *cause = p->cause;
  p->condition = SOUND;
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
  close_if_over(failures, cause, now_s);
}

/* The router learns that an engine is down. */
static void detect(tw_failures *failures, int engine, double now_s)
{
  tw_site *site = failures->site;
  patient *p = &failures->patients[engine];
  p->condition = WAITS;
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
  failures->patients[engine].condition = STARTS;
  tw_fleet_restart(failures->site->fleet, engine, now_s);
}

void tw_failures_resume(tw_failures *failures, int engine, double pause_s, double now_s)
{
  failures->patients[engine].condition = PAUSES;
  set_timer(failures, engine, now_s + pause_s);
}

/* Engines of a pool that serve, or are about to instead of others. */
static gint64 serving(const tw_failures *failures, const tw_pool *pool)
{
  const tw_site *site = failures->site;
  gint64 n = 0;
  for (int i = 0; i < site->n_engines; i++) {
    const patient *p = &failures->patients[i];
    tw_engine_state state = tw_engine_get_state(site->engines[i]);
    n += site->seats[i].pool == pool && (state == TW_ENGINE_SERVES || p->condition == PAUSES);
  }
  return n;
}

gboolean tw_failures_restarted(tw_failures *failures, int engine, double now_s)
{
  const tw_pool *pool = failures->site->seats[engine].pool;
  gboolean serves = serving(failures, pool) < pool->replicas - failures->plan->standby;
  if (failures->patients[engine].condition == STARTS) {
    set_speed(failures, engine, now_s);
    recovered(failures, engine, now_s);
  }
  return serves;
}

/* A pause is over. */
static void go_on(tw_failures *failures, int engine, double now_s)
{
  set_speed(failures, engine, now_s);
  tw_fleet_set_serves(failures->site->fleet, engine, TRUE, now_s);
  recovered(failures, engine, now_s);
}

/* ---- What breaks ---- */

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
static void for_engines(tw_failures *failures, failure *f,
                        void (*act)(tw_failures *failures, int engine, failure *f, double now_s),
                        double now_s)
{
  guint stamp = ++failures->stamp;
  if (f->what.part == TW_PART_PROCESS)
    act(failures, f->what.component, f, now_s);
  for (guint i = 0; i < f->accelerators->len; i++) {
    int engine = failures->owner[g_array_index(f->accelerators, int, i)];
    if (engine < 0 || failures->patients[engine].stamp == stamp)
      continue;
    failures->patients[engine].stamp = stamp;
    act(failures, engine, f, now_s);
  }
}

static void stop_engine(tw_failures *failures, int engine, failure *f, double now_s)
{
  condition now = failures->patients[engine].condition;
  f->engines++;
  if (now != HIDDEN && now != WAITS)
    go_down(failures, engine, f, now_s);
}

/* Accelerators of a failure do not work any more, or do again. */
static void count_broken(tw_failures *failures, const failure *f, int change)
{
  if (f->what.part == TW_PART_PROCESS)
    failures->patients[f->what.component].processes += change;
  for (guint i = 0; i < f->accelerators->len; i++) {
    int accelerator = g_array_index(f->accelerators, int, i), engine = failures->owner[accelerator];
    gboolean was = failures->broken[accelerator] > 0;
    failures->broken[accelerator] = (guint16)(failures->broken[accelerator] + change);
    if (engine >= 0 && was != (failures->broken[accelerator] > 0))
      failures->patients[engine].broken += change;
  }
}

static void slow_engine(tw_failures *failures, int engine, failure *f, double now_s)
{
  f->engines++;
  set_speed(failures, engine, now_s);
}

static void begin(tw_failures *failures, tw_breakage what)
{
  failure *f = g_new0(failure, 1);
  g_autoptr(GArray) hosts = hosts_hit_by(failures, &what);
  *f = (failure){.what = what,
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
  }
}

static void stop_known(tw_failures *failures, int engine, failure *f, double now_s)
{
  condition before = failures->patients[engine].condition;
  if (before == HIDDEN || before == WAITS)
    return;
  go_down(failures, engine, f, now_s);
  tw_heap_remove(&failures->timers, &failures->patients[engine].timer);
  detect(failures, engine, now_s);
}

/* What limps is known to, and is not used any more. */
static void replace(tw_failures *failures, failure *f, double now_s)
{
  f->stops = TRUE;
  f->detected_s = now_s;
  tw_heap_push(&failures->repairs, &f->node, f->what.repaired_s, failures->totals.failures);
  count_broken(failures, f, 1);
  for_engines(failures, f, stop_known, now_s);
}

static void repaired_for(tw_failures *failures, int engine, failure *f, double now_s)
{
  patient *p = &failures->patients[engine];
  (void)f;
  if (p->condition == WAITS)
    tw_recoveries[failures->plan->recovery].repaired(failures, engine, now_s);
  else if (p->condition == SOUND)
    set_speed(failures, engine, now_s);
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
static void offer_spares(tw_failures *failures, const failure *f, double now_s)
{
  for (int e = 0; failures->plan->recovery == TW_RECOVERY_SPARES && e < failures->site->n_engines; e++)
    if (failures->patients[e].condition == WAITS)
      repaired_for(failures, e, (failure *)f, now_s);
}

/* What a failure keeps from working does again. Links give back whom they reach again, whoever cut these off. */
static void mend(tw_failures *failures, failure *f, double now_s)
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

static void repair(tw_failures *failures, failure *f, double now_s)
{
  if (!f->stops && now_s < f->what.repaired_s) {
    replace(failures, f, now_s);
    return;
  }
  f->repaired = TRUE;
  mend(failures, f, now_s);
  f->waiting++; /* it is not over while we look at it */
  for_engines(failures, f, repaired_for, now_s);
  offer_spares(failures, f, now_s);
  f->waiting--;
  tw_fault_source_repaired(failures->source, f->what.drawn, now_s);
  close_if_over(failures, f, now_s);
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

/* At equal times, repairs come before failures, and both before what follows from them. */
static gboolean step(void *part, double now_s, GError **error)
{
  (void)error;
  tw_failures *failures = part;
  if (key_of(&failures->repairs) <= now_s) {
    tw_heap_node *top = tw_heap_top(&failures->repairs);
    tw_heap_remove(&failures->repairs, top);
    repair(failures, tw_container(top, failure, node), now_s);
  } else if (tw_fault_source_due(failures->source) <= now_s) {
    begin(failures, tw_fault_source_next(failures->source));
  } else if (key_of(&failures->timers) <= now_s) {
    tw_heap_node *top = tw_heap_top(&failures->timers);
    int engine = (int)top->tie;
    tw_heap_remove(&failures->timers, top);
    (failures->patients[engine].condition == HIDDEN ? detect : go_on)(failures, engine, now_s);
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
  for (int i = 0; i < failures->site->n_engines; i++) {
    const patient *p = &failures->patients[i];
    totals.accelerator_s += end_s * p->accelerators;
    if (p->cause == NULL)
      continue;
    totals.engine_down_s += end_s - p->down_s;
    totals.accelerator_down_s += (end_s - p->down_s) * p->accelerators;
  }
  for (GList *link = failures->open.head; link != NULL; link = link->next) {
    const failure *f = link->data;
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
