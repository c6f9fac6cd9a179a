#include "sim/energy/capital.h"

#include <math.h>

/* Bytes of KV for which storage hosts have room. */
static double stored_bytes(const tw_platform *platform)
{
  double bytes = 0;
  for (int i = 0; i < platform->n_hosts; i++)
    bytes += platform->hosts[i].kv_bytes;
  return bytes;
}

double tw_capital_usd(const tw_scenario *scenario, double span_s)
{
  const tw_platform *platform = scenario->platform;
  const struct {
    double hour_usd, amount;
  } priced[] = {{scenario->accelerator_hour_usd, (double)tw_platform_accelerators(platform)},
                {scenario->rack_hour_usd, platform->n_racks},
                {scenario->kv_tb_hour_usd, 1e-12 * stored_bytes(platform)}};
  double usd = NAN;

  for (guint i = 0; i < G_N_ELEMENTS(priced); i++)
    if (!isnan(priced[i].hour_usd))
      usd = (isnan(usd) ? 0 : usd) + priced[i].hour_usd * priced[i].amount * (span_s / 3600);
  return usd;
}
