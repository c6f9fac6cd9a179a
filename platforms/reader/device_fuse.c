#include "platforms/reader/device_fuse.h"

#include <math.h>
#include <string.h>

/* Rows of a format, as engines run them, from those of the next wider one. */
static void fuse(tw_device *device, tw_op_class op, tw_precision p, tw_precision wide)
{
  tw_efficiency *e = &device->efficiency[op][p];
  const tw_efficiency *wider = &device->efficiency[op][wide];
  double faster = device->flops[p] / device->flops[wide],
         smaller = tw_precision_bytes(p) / tw_precision_bytes(wide);
  e->compute_peak = fmax(e->compute_peak, fmin(1, wider->compute_peak / faster));
  e->memory = fmax(e->memory, wider->memory * smaller);
  e->per_token_s = fmin(e->per_token_s, wider->per_token_s);
  e->per_expert_s = fmin(e->per_expert_s, wider->per_expert_s);
  e->softmax = fmin(e->softmax, wider->softmax * faster * e->compute_peak / wider->compute_peak);
  if (p == TW_FP8_BLOCK && op == TW_OP_LINEAR) /* no engine fuses what scales blocks */
    return;
  double read = e->memory / wider->memory;
  e->copy_bytes = fmin(e->copy_bytes, wider->copy_bytes * read);
  if (e->token_bytes > 0)
    e->token_bytes = fmin(e->token_bytes, (wider->token_bytes > 0 ? wider->token_bytes : 2) * read);
  e->launch_s = fmin(e->launch_s, device->efficiency[op][TW_BF16].launch_s);
  if (wider->chain_s > 0)
    e->chain_s = fmin(e->chain_s, wider->chain_s);
}

void tw_device_fuse(tw_device *device)
{
  static const tw_precision from_wide[] = {TW_FP8_BLOCK, TW_FP8, TW_FP4};
  memcpy(device->measured, device->efficiency, sizeof device->measured);
  for (int op = 0; op < TW_OP_CLASSES; op++) {
    tw_precision wider = TW_BF16;
    for (guint i = 0; i < G_N_ELEMENTS(from_wide); i++) {
      tw_precision p = from_wide[i];
      if (device->measured[op][p].unfused && isfinite(device->flops[p])) {
        fuse(device, (tw_op_class)op, p, wider);
        wider = p;
      }
    }
  }
}
