#include "sim/network/flows/zone_links.h"

#include <simgrid/kernel/routing/NetZoneImpl.hpp>
#include <simgrid/s4u/Engine.hpp>
#include <simgrid/s4u/NetZone.hpp>

#include <algorithm>

sg_link_t *tw_zone_links(const char *zone, gsize *n)
{
  const auto links =
      simgrid::s4u::Engine::get_instance()->netzone_by_name_or_null(zone)->get_impl()->get_all_links();
  sg_link_t *copy = g_new(sg_link_t, links.size());
  std::copy(links.begin(), links.end(), copy);
  *n = links.size();
  return copy;
}
