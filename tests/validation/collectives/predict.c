#include "tests/validation/collectives/predict.h"

#include <math.h>

static double experts_s(const measured_row *row, const tw_device *device, tw_interconnect links)
{
  if (row->scale_up_bytes_per_s > 0)
    links.bytes_per_s = row->scale_up_bytes_per_s;
  tw_device own = *device;
  own.kernels[row->kernel].scale_up *= row->work; /* processors move the bytes */
  tw_collective_cost cost = tw_expert_cost(&row->traffic, row->kernel, &own, &links);
  return tw_collective_time_s(&cost, &links, row->tokens);
}

/* The fastest way that the row allows. */
static double collective_s(const measured_row *row, const tw_collective_costs *costs,
                           const tw_interconnect *links)
{
  double least_s = INFINITY;
  for (int i = 0; i < costs->n; i++) {
    const tw_collective_cost *cost = &costs->rows[i];
    if ((row->kernels >> cost->kernel & 1) && (row->algorithms >> cost->algorithm & 1))
      least_s = fmin(least_s, tw_collective_time_s(cost, links, row->bytes));
  }
  return least_s;
}

void predict(GArray *rows, const tw_device *device)
{
  tw_interconnect links = tw_device_links(device);
  tw_collective_costs costs = {.n = 0};
  const measured_row *last = NULL;
  for (guint i = 0; i < rows->len; i++) {
    measured_row *row = &g_array_index(rows, measured_row, i);
    if (!g_str_equal(row->device, device->name))
      continue;
    if (row->experts) {
      row->predicted_s = experts_s(row, device, links);
      continue;
    }
    /* Sizes of one collective follow each other. */
    if (last == NULL || last->pattern != row->pattern || last->ranks != row->ranks ||
        last->domains != row->domains || last->custom != row->custom) {
      tw_group group = row->group;
      group.board = (int)device->board_accelerators;
      group.heads = (int)device->kernels[TW_KERNEL_IN_SWITCH].nics;
      costs = tw_collective_costs_of(row->pattern, &group, row->custom, device, &links);
    }
    row->predicted_s = collective_s(row, &costs, &links);
    last = row;
  }
}
