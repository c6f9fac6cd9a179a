#include "sim/network/network.h"

#include "sim/network/flows/volley.h"

const char *const tw_flow_kind_names[TW_FLOW_KIND_COUNT] = {
#define X(name, text) text,
    TW_FLOW_KINDS(X)
#undef X
};

static tw_route ideal_route(void *state, int from, int to)
{
  (void)from, (void)to;
  return *(const tw_route *)state;
}

/* The bytes of a flow, or of the largest of a volley. */
static double most_bytes(const tw_flow *flow)
{
  double most = flow->volley == NULL ? 1 : 0;
  for (guint i = 0; flow->volley != NULL && i < flow->volley->flows->len; i++)
    most = MAX(most, g_array_index(flow->volley->flows, tw_flow, i).bytes);
  return most * flow->bytes;
}

static void ideal_start(void *state, tw_flow *flow, double now_s)
{
  const tw_route *route = state;
  flow->start_s = now_s;
  flow->ended(flow, now_s + most_bytes(flow) / route->bytes_per_s);
}

tw_network tw_network_ideal(const tw_route *route)
{
  return (tw_network){.route = ideal_route, .start = ideal_start, .state = (void *)route};
}
