/* The output of `tokenworks workload describe`: a picture for people, and JSON. */
#ifndef TW_SIM_COMMAND_DESCRIBE_H
#define TW_SIM_COMMAND_DESCRIBE_H

#include "workloads/traces/profile.h"

#include <jansson.h>

/* Prints counts, lengths and, of a trace over some minutes, the rate over time. */
void tw_describe_print(const tw_profile *profile);
/* The profile as a JSON object, without the numbers that are not defined. The caller owns the reference. */
json_t *tw_describe_json(const tw_profile *profile);

#endif
