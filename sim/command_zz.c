#include "sim/command.h"
const tw_command tw_platform_command = {.name = "platform"};
