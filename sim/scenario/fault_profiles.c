/* Failures that the platform itself tells: the state_file and speed_file of its hosts and links. */
#include "sim/scenario/failures.h"
#include "sim/scenario/scenario.h"

static void add(const tw_scenario *scenario, const tw_availability *profile, tw_failing_part part,
                int component)
{
  tw_fault_trace trace = {.file = g_strdup(profile->file),
                          .rate_scale = 1,
                          .detection_s = scenario->failures->profile_detection_s,
                          .part = (int)part,
                          .told = g_array_new(FALSE, FALSE, sizeof(tw_told_failure)),
                          .profile = profile,
                          .component = component};
  g_array_append_val(scenario->failures->traces, trace);
}

void tw_fault_profiles_add(const tw_scenario *scenario, tw_faults *faults)
{
  const tw_platform *platform = scenario->platform;
  for (guint i = 0; i < platform->profiles->len; i++) {
    const tw_availability *profile = &g_array_index(platform->profiles, tw_availability, i);
    int first = profile->item, n = 1;
    if (profile->of_link && platform->profiled)
      tw_faults_add(
          faults, platform->path, platform->links[profile->item].line,
          "state_file of <link>: other links of this platform have a bandwidth_file, and their changes "
          "cannot be taken together; write these as <fault part=\"link\" at=\"...\"> of the scenario");
    if (profile->of_link)
      n = tw_failing_components_of_link(platform, profile->item, &first);
    for (int k = 0; k < n; k++)
      add(scenario, profile, profile->of_link ? TW_PART_LINK : TW_PART_HOST, first + k);
  }
}
