/* The ranks of a collective, and the domains that they stand in. */
#ifndef TW_SIM_GROUP_H
#define TW_SIM_GROUP_H

#include <glib.h>

/* Ranks of a collective and where they stand. Ranks of a domain follow one another. */
typedef struct tw_group {
  int n;
  const int *domains; /* the domain of each rank; any numbers */
  int board;          /* ranks on one board, along which trees are chains */
  int heads;          /* ranks of a domain whose NICs rings and trees between domains use; 0: all */
  gboolean meshed;    /* links join the ranks of a domain pair by pair: there is no switch that adds */
  /* 0: the fabric does not tell apart which NICs a flow takes. Else the number of its rails; where what goes to other rails
   * crosses in the fabric, so many ranks that follow one another are on each, and else 0. */
  int rails, on_rail;
} tw_group;

/* How many domains the ranks lie in; how many ranks every domain has, 0 if they differ; and the most. */
int tw_group_domains(const tw_group *group);
int tw_group_domain_size(const tw_group *group);
int tw_group_largest_domain(const tw_group *group);

/* The rank behind the last one of the domain that begins with rank `first`. */
int tw_group_domain_end(const tw_group *group, int first);
/* First ranks (int) of the domains, and `n` behind the last. The caller frees the array. */
GArray *tw_group_starts(const tw_group *group);

#endif
