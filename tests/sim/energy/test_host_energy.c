/* Held against SimGrid's own host-energy plugin, where its law applies: power linear in the load of a host.
 */
#include "tests/check.h"
#include "tests/sim/support.h"

#include <simgrid/actor.h>
#include <simgrid/engine.h>
#include <simgrid/exec.h>
#include <simgrid/host.h>
#include <simgrid/plugins/energy.h>

#define STEP_S 0.125 /* length of an iteration */

static const char platform[] =
    "<?xml version='1.0'?>\n<!DOCTYPE platform SYSTEM 'https://simgrid.org/simgrid.dtd'>\n"
    "<platform version='4.1'><zone id='site' routing='Full'>"
    "<host id='node' speed='1f'><prop id='wattage_per_state' "
    "value='100:100:700'/></host></zone></platform>\n";

/* Two requests with a pause between them: 1 + 3 and 1 + 5 iterations. */
static const char trace[] = "arrival_s,prompt_tokens,reasoning_tokens,answer_tokens\n0,1,0,4\n4,1,0,6\n";

/* The same work for SimGrid: a FLOP per second, so that an iteration is STEP_S of full load. */
static void work(int argc, char **argv)
{
  (void)argc, (void)argv;
  sg_actor_execute(4 * STEP_S);
  sg_actor_sleep_for(4 - 4 * STEP_S);
  sg_actor_execute(6 * STEP_S);
  sg_actor_sleep_for(10 - 4 - 6 * STEP_S);
}

static void keep_joules(void *user, const tw_factory *factory)
{
  *(double *)user = tw_factory_energy(factory).accelerator_j;
}

static void host_energy_agrees_where_power_is_linear(void **state)
{
  (void)state;
  g_autofree char *directory = test_directory();
  g_autofree char *path = g_build_filename(directory, "platform.xml", NULL);
  assert_true(g_file_set_contents(path, platform, -1, NULL));
  char *arguments[] = {(char *)"test", (char *)"--log=root.thresh:error",
                       (char *)"--cfg=contexts/factory:thread", NULL};
  int count = 3;
  simgrid_init(&count, arguments);
  sg_host_energy_plugin_init();
  simgrid_load_platform(path);
  sg_host_t host = sg_host_by_name("node");
  sg_actor_t actor = sg_actor_init("work", host);
  sg_actor_start_(actor, work, 0, NULL);
  simgrid_run();
  sg_host_energy_update_all();
  double theirs = sg_host_get_consumed_energy(host);

  /* Full load is the limit, 700 W: every iteration asks for as many joules as it may have. */
  test_costs costs = {STEP_S, 0, 0, 0, FALSE};
  tw_scenario *scenario = test_scenario(1, &costs, 100);
  test_scenario_power(scenario);
  scenario->pools[0].plan.power.joules_per_flop = 600 * STEP_S;
  scenario->pools[0].plan.power.joules_per_byte = 0;
  double ours = 0;
  g_autoptr(tw_recorder) recorder = test_run_watched(scenario, trace, NULL, 10, keep_joules, &ours);
  /* Ten iterations of 0.125 s at 700 W, the rest of 10 s at 100 W. */
  assert_near(ours, 10 * STEP_S * 700 + (10 - 10 * STEP_S) * 100, 1e-9);
  assert_near(theirs, ours, 1e-9 * ours);
  test_scenario_free(scenario);
  test_remove(directory);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(host_energy_agrees_where_power_is_linear),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
