#include "sim/world/freight.h"

#include <math.h>

/* What has set out on a way in an interval. */
typedef struct tally {
  gboolean any;
  gint64 requests;
  double bytes[TW_CARGO_KINDS];
} tally;

struct tw_freight {
  const tw_world *world;
  tw_log *log;
  tw_wan_lines *lines; /* from each region to each other */
  tally *tallies;      /* likewise, for the interval under way */
  gint64 interval;
  double bytes[TW_CARGO_KINDS];
};

tw_freight *tw_freight_new(const tw_world *world, tw_log *log)
{
  tw_freight *freight = g_new(tw_freight, 1);
  int n = world->n_regions * world->n_regions;
  *freight = (tw_freight){
      .world = world, .log = log, .lines = tw_wan_lines_new(n), .tallies = g_new0(tally, (gsize)n)};
  return freight;
}

void tw_freight_free(tw_freight *freight)
{
  if (freight == NULL)
    return;
  tw_wan_lines_free(freight->lines);
  g_free(freight->tallies);
  g_free(freight);
}

/* ---- The table ---- */

static double interval_s(const tw_freight *freight)
{
  return freight->world->sites[0].scenario->interval_s;
}

void tw_freight_close(tw_freight *freight)
{
  const tw_world *world = freight->world;
  for (int i = 0; i < world->n_regions * world->n_regions; i++) {
    tally *sum = &freight->tallies[i];
    if (!sum->any)
      continue;
    const char *from = world->regions[i / world->n_regions], *to = world->regions[i % world->n_regions];
    g_autofree char *way = g_strdup_printf("%s > %s", from, to);
    tw_wan_row row = {.start_s = (double)freight->interval * interval_s(freight),
                      .way = way,
                      .requests = sum->requests,
                      .prompt_bytes = (gint64)sum->bytes[TW_CARGO_PROMPT],
                      .kv_bytes = (gint64)sum->bytes[TW_CARGO_KV],
                      .weights_bytes = (gint64)sum->bytes[TW_CARGO_WEIGHTS]};
    tw_log_wan(freight->log, &row);
    *sum = (tally){0};
  }
}

static void note(tw_freight *freight, int way, tw_cargo_kind kind, double bytes, double now_s)
{
  gint64 interval = (gint64)(now_s / interval_s(freight));
  if (interval > freight->interval)
    tw_freight_close(freight);
  freight->interval = interval;
  freight->tallies[way].any = TRUE;
  freight->tallies[way].requests += kind == TW_CARGO_PROMPT ? 1 : 0;
  freight->tallies[way].bytes[kind] += bytes;
  freight->bytes[kind] += bytes;
}

double tw_freight_bytes(const tw_freight *freight, tw_cargo_kind kind)
{
  return freight->bytes[kind];
}

/* ---- The ways ---- */

gboolean tw_freight_send(tw_freight *freight, tw_cargo *cargo, int from, int to, double bytes, double now_s)
{
  const tw_wan *wan = tw_world_way(freight->world, from, to);
  int way = from * freight->world->n_regions + to;
  cargo->latency_s = wan->latency_s;
  cargo->parcel.node.place = TW_HEAP_OUT;
  note(freight, way, cargo->kind, bytes, now_s);
  if (isinf(wan->bytes_per_s) || bytes <= 0)
    return TRUE;
  tw_wan_lines_send(freight->lines, &cargo->parcel, way, bytes, wan->bytes_per_s, now_s);
  return FALSE;
}

double tw_freight_estimate_s(const tw_freight *freight, int from, int to, double bytes)
{
  const tw_wan *wan = tw_world_way(freight->world, from, to);
  int way = from * freight->world->n_regions + to;
  return wan->latency_s + (isinf(wan->bytes_per_s)
                               ? 0
                               : tw_wan_lines_estimate_s(freight->lines, way, bytes, wan->bytes_per_s));
}

double tw_freight_due(const tw_freight *freight)
{
  return tw_wan_lines_due(freight->lines);
}

tw_cargo *tw_freight_take(tw_freight *freight)
{
  return tw_container(tw_wan_lines_take(freight->lines), tw_cargo, parcel);
}
