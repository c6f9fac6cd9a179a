/* Branches: what hangs on the rest of a platform by a single way, and what hangs on that.
 *
 *                  spine              the root: nothing single leads on
 *            leaf-0     leaf-1        each hangs on the spine by its up-link
 *        node-0  node-1     node-32   each hangs on its leaf by its NIC
 *
 * Between two hosts on branches of one root there is one route: up to where their ways meet, and down. SimGrid finds the same one,
 * after it has searched the whole site for each host that sends, which takes milliseconds where there are thousands. */
#ifndef TW_SIM_BRANCHES_H
#define TW_SIM_BRANCHES_H

#include "sim/network/flows/link_table.h"

typedef struct tw_branches tw_branches;

/* NULL: the zones of the platform lie too deep for it to be sure. Both are borrowed only while it is made. */
tw_branches *tw_branches_new(const tw_platform *platform, const tw_link_table *links);
void tw_branches_free(tw_branches *branches);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_branches, tw_branches_free)

/* Adds the links (int, by their numbers in the table) between two hosts. FALSE: they are not on branches of one root, and
 * nothing was added. */
gboolean tw_branches_route(const tw_branches *branches, int from, int to, GArray *links);

#endif
