/* Completion of command lines, from the tables of commands. */
#ifndef TW_SIM_COMPLETION_H
#define TW_SIM_COMPLETION_H

#include "sim/commands/command.h"

/* A script that bash sources: it completes commands, actions, options, the values that options list,
 * directories for DIR and files elsewhere. The caller frees it. */
char *tw_completion_bash(const tw_command *const *commands);

#endif
