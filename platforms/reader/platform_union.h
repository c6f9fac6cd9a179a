/* Several platforms as one, for SimGrid, which loads one in a process:
 *
 *     <zone id="tokenworks-world"> <zone id="0:hall"> <host id="0:node-0"/> ... </zone> <zone id="1:hall"> ... </zone> </zone>
 *
 * No route joins them: what crosses from one to another is no affair of SimGrid. A platform that is alone keeps its names. */
#ifndef TW_PLATFORMS_PLATFORM_UNION_H
#define TW_PLATFORMS_PLATFORM_UNION_H

#include "platforms/reader/platform_ports.h"

/* What names of one of `n` platforms have in front, "" where it is the only one. The caller frees it. */
char *tw_union_prefix(int platform, int n);

/* Writes what SimGrid is to load for n > 0 platforms with their ports, as tw_ports_write does for one. The settings of
 * <config>s are left out where there are several. */
char *tw_union_write(const tw_ports *const *ports, int n, GError **error);

#endif
