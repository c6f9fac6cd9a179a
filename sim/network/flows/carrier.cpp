#include "sim/network/flows/carrier.h"

#include <simgrid/kernel/resource/Action.hpp>
#include <simgrid/kernel/routing/NetZoneImpl.hpp>
#include <simgrid/s4u/Comm.hpp>
#include <simgrid/s4u/Engine.hpp>
#include <simgrid/s4u/Host.hpp>
#include <simgrid/s4u/Link.hpp>
#include <simgrid/s4u/NetZone.hpp>
#include <simgrid/s4u/Semaphore.hpp>

#include <algorithm>
#include <cmath>
#include <deque>
#include <unordered_map>

using simgrid::kernel::resource::Action;
using simgrid::kernel::resource::NetworkAction;
using simgrid::kernel::routing::NetPoint;
using simgrid::kernel::routing::NetZoneImpl;
using simgrid::s4u::Comm;

/* A zone outside of the platform, whose two hosts are joined by whatever links the next flow takes: SimGrid asks for a
 * route once, as a flow starts. */
class wires : public NetZoneImpl
{
public:
  std::vector<simgrid::kernel::resource::StandardLinkImpl *> links;
  simgrid::s4u::Host *from, *to;

  explicit wires(const NetZoneImpl &site) : NetZoneImpl("tokenworks-wires")
  {
    set_network_model(site.get_network_model());
    set_cpu_pm_model(site.get_cpu_pm_model());
    set_cpu_vm_model(site.get_cpu_vm_model());
    set_disk_model(site.get_disk_model());
    set_host_model(site.get_host_model());
    from = create_host("tokenworks-from", {1});
    to = create_host("tokenworks-to", {1});
    from->seal();
    to->seal();
    seal();
  }

private:
  void get_local_route(const NetPoint *, const NetPoint *, simgrid::kernel::routing::Route *route,
                       double *) override
  {
    route->link_list_ = links;
  }
  void get_graph(const s_xbt_graph_t *, std::map<std::string, xbt_node_t, std::less<>> *,
                 std::map<std::string, xbt_edge_t, std::less<>> *) override
  {
  }
};

/* SimGrid knows its hosts until the process ends, and has one platform; so there is one such zone, which stays. */
static wires &the_wires()
{
  static wires *const zone = new wires(*simgrid::s4u::Engine::get_instance()->get_netzone_root()->get_impl());
  return *zone;
}

struct tw_carried {
  simgrid::s4u::CommPtr comm;
  void *user;
};

struct tw_carrier {
  std::unordered_map<const void *, tw_carried *> under_way; /* by SimGrid's activity */
  std::deque<tw_carried *> ended;
  simgrid::s4u::SemaphorePtr wake = simgrid::s4u::Semaphore::create(0);
  bool sleeps = false;
  wires &way = the_wires();
};

/* SimGrid's kernel calls this when the state of a communication has changed. Its public headers only declare
 * NetworkAction, which is an Action and nothing before it. */
static void state_changed(tw_carrier *carrier, NetworkAction &network_action)
{
  const Action &action = reinterpret_cast<const Action &>(network_action);
  if (action.get_state() != Action::State::FINISHED)
    return;
  auto found = carrier->under_way.find(action.get_activity());
  if (found == carrier->under_way.end())
    return;
  carrier->ended.push_back(found->second);
  carrier->under_way.erase(found);
  if (carrier->sleeps)
    carrier->wake->release();
  carrier->sleeps = false;
}

tw_carrier *tw_carrier_new(void)
{
  auto carrier = new tw_carrier;
  simgrid::s4u::Link::on_communication_state_change_cb(
      [carrier](NetworkAction &action, Action::State) { state_changed(carrier, action); });
  return carrier;
}

void tw_carrier_free(tw_carrier *carrier)
{
  if (carrier == nullptr)
    return;
  for (auto &entry : carrier->under_way)
    delete entry.second;
  for (auto carried : carrier->ended)
    delete carried;
  delete carrier;
}

tw_carried *tw_carrier_start(tw_carrier *carrier, const sg_link_t *all, const int *links, int n_links,
                             double bytes, void *user)
{
  carrier->way.links.clear();
  for (int k = 0; k < n_links; k++)
    carrier->way.links.push_back(all[links[k]]->get_impl());
  auto carried = new tw_carried{Comm::sendto_init(carrier->way.from, carrier->way.to), user};
  carried->comm->set_payload_size(static_cast<uint64_t>(bytes));
  carried->comm->detach();
  carrier->under_way.emplace(carried->comm->get_impl(), carried);
  return carried;
}

double tw_carrier_left(const tw_carried *carried)
{
  return carried->comm->get_remaining();
}

void tw_carrier_cancel(tw_carrier *carrier, tw_carried *carried)
{
  if (carrier->under_way.erase(carried->comm->get_impl()) > 0)
    carried->comm->cancel();
  else
    carrier->ended.erase(std::find(carrier->ended.begin(), carrier->ended.end(), carried));
  delete carried;
}

int tw_carrier_count(const tw_carrier *carrier)
{
  return static_cast<int>(carrier->under_way.size() + carrier->ended.size());
}

gboolean tw_carrier_wait(tw_carrier *carrier, double wait_s)
{
  if (carrier->ended.empty() && wait_s > 0) {
    carrier->sleeps = true;
    if (std::isinf(wait_s))
      carrier->wake->acquire();
    else
      carrier->wake->acquire_timeout(wait_s);
    if (!carrier->sleeps) /* a flow that ended as time ran out has released it all the same */
      while (carrier->wake->get_capacity() > 0)
        carrier->wake->acquire();
    carrier->sleeps = false;
  }
  return !carrier->ended.empty();
}

void *tw_carrier_take(tw_carrier *carrier)
{
  if (carrier->ended.empty())
    return nullptr;
  auto carried = carrier->ended.front();
  void *user = carried->user;
  carrier->ended.pop_front();
  delete carried;
  return user;
}
