/* The power of several sites together, second by second: their peaks fall on different seconds, so that the peak of the sum
 * is not the sum of peaks. A second is summed once all sites have told of it; what some are ahead of others waits. */
#ifndef TW_SIM_POWER_SUM_H
#define TW_SIM_POWER_SUM_H

#include <glib.h>

typedef struct tw_power_sum tw_power_sum;

tw_power_sum *tw_power_sum_new(int n_sites);
void tw_power_sum_free(tw_power_sum *sum);

/* The watcher of one of the sites: `user` of tw_power_sum_add, which is a tw_meter_watcher (sim/energy/meter.h). Borrowed. */
void *tw_power_sum_site(tw_power_sum *sum, int site);
void tw_power_sum_add(void *user, double site_w, double it_w);

/* The highest sums so far, of the sites and of their equipment; NAN before all sites have told of a second. */
double tw_power_sum_peak_w(const tw_power_sum *sum);
double tw_power_sum_peak_it_w(const tw_power_sum *sum);

#endif
