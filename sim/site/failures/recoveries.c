/* The ways in which engines that were stopped come to serve again: a row for each tw_recovery_kind. */
#include "sim/site/dispatcher.h"
#include "sim/site/failures/failures.h"

/* An engine starts again once all of its accelerators are sound. */
static void restart_if_sound(tw_failures *failures, int engine, double now_s)
{
  if (tw_failures_broken(failures, engine) == 0)
    tw_failures_restart(failures, engine, now_s);
}

/* Spares of its domain take the places of accelerators that broke. */
static void restart_on_spares(tw_failures *failures, int engine, double now_s)
{
  tw_failures_take_spares(failures, engine);
  restart_if_sound(failures, engine, now_s);
}

/* It goes on without the accelerators that broke, if any is left. */
static void shrink(tw_failures *failures, int engine, double now_s)
{
  int broken = tw_failures_broken(failures, engine);
  if (broken == 0)
    tw_failures_restart(failures, engine, now_s);
  else if (broken < tw_failures_accelerators(failures, engine))
    tw_failures_resume(failures, engine, tw_failures_plan(failures)->pause_s, now_s);
}

/* An engine of its pool that stands by takes its place; it restarts itself when it can, and stands by then. */
static void promote(tw_failures *failures, int engine, double now_s)
{
  const tw_site *site = tw_failures_site(failures);
  for (int i = 0; i < site->n_engines; i++) {
    if (site->seats[i].pool != site->seats[engine].pool || tw_failures_is_down(failures, i) ||
        tw_engine_get_state(site->engines[i]) != TW_ENGINE_STANDS_BY)
      continue;
    tw_failures_resume(failures, i, tw_failures_plan(failures)->promotion_s, now_s);
    break;
  }
  restart_if_sound(failures, engine, now_s);
}

const tw_recovery tw_recoveries[] = {
    [TW_RECOVERY_RESTART] = {restart_if_sound, restart_if_sound},
    [TW_RECOVERY_SPARES] = {restart_on_spares, restart_on_spares},
    [TW_RECOVERY_SHRINK] = {shrink, shrink},
    [TW_RECOVERY_STANDBY] = {promote, restart_if_sound},
};
