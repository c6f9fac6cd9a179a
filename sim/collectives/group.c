#include "sim/collectives/group.h"

int tw_group_domain_end(const tw_group *group, int first)
{
  int end = first;
  while (end < group->n && group->domains[end] == group->domains[first])
    end++;
  return end;
}

int tw_group_domains(const tw_group *group)
{
  int domains = 0;
  for (int first = 0; first < group->n; first = tw_group_domain_end(group, first))
    domains++;
  return domains;
}

int tw_group_domain_size(const tw_group *group)
{
  int size = tw_group_domain_end(group, 0);
  for (int first = 0; first < group->n; first = tw_group_domain_end(group, first))
    if (tw_group_domain_end(group, first) - first != size)
      return 0;
  return size;
}

int tw_group_largest_domain(const tw_group *group)
{
  int most = 0;
  for (int first = 0; first < group->n; first = tw_group_domain_end(group, first))
    most = MAX(most, tw_group_domain_end(group, first) - first);
  return most;
}

GArray *tw_group_starts(const tw_group *group)
{
  GArray *starts = g_array_new(FALSE, FALSE, sizeof(int));
  for (int first = 0; first < group->n; first = tw_group_domain_end(group, first))
    g_array_append_val(starts, first);
  g_array_append_val(starts, group->n);
  return starts;
}
