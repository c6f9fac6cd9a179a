/* Devices: what one accelerator can do, from platforms/devices/NAME.xml, each number with its source. */
#ifndef TW_PLATFORMS_DEVICE_H
#define TW_PLATFORMS_DEVICE_H

#include "platforms/schema.h"

/* Number formats of weights, activations and KV cache, in the order of tw_precision_names. */
typedef enum { TW_FP32, TW_BF16, TW_FP8, TW_FP4, TW_INT8, TW_PRECISIONS } tw_precision;
extern const char *const tw_precision_names[TW_PRECISIONS + 1];
/* Bytes of one stored number, without block scales: 4, 2, 1, 0.5, 1. */
double tw_precision_bytes(tw_precision precision);

/* Classes of operations that the roofline tells apart (design: "Step time"). */
typedef enum {
  TW_OP_LINEAR,
  TW_OP_EXPERTS,
  TW_OP_ATTENTION_PREFILL,
  TW_OP_ATTENTION_DECODE,
  TW_OP_HEAD,
  TW_OP_CLASSES
} tw_op_class;
extern const char *const tw_op_class_names[TW_OP_CLASSES + 1];

/* Efficiency of one op class. Compute reaches compute_peak · x / (x + compute_half) of the dense peak, where
 * x is the number of new tokens that the operation sees per launch (per expert for experts); memory reaches
 * `memory` of the HBM bandwidth. */
typedef struct tw_efficiency {
  double compute_peak; /* 0 to 1 */
  double compute_half; /* tokens at which half of the peak is reached, >= 0 */
  double memory;       /* 0 to 1 */
} tw_efficiency;

/* What commonly stands around the devices, for generated platforms: the node or rack of `accelerators` of
 * them draws overhead_w beside theirs when all work (CPUs, memory, NVLink switches, fans; behind the power
 * supplies), idle_w of it without work, and network_w in the fabric. */
typedef struct tw_chassis {
  gint64 accelerators; /* 0: unknown */
  double overhead_w, idle_w, network_w, pue;
  double psu_w;         /* that its power supplies can give in all; 0: unknown */
  char *psu_efficiency; /* as in tw:psu_efficiency; NULL: unknown */
  char *source;
} tw_chassis;

typedef struct tw_device {
  char *file;                  /* that it was read from */
  char *name;                  /* "h100-sxm" */
  char *label;                 /* "NVIDIA H100 SXM 80 GB" */
  double flops[TW_PRECISIONS]; /* dense peak, FLOP/s; NAN where the device lacks the format */
  double hbm_bytes;            /* capacity */
  double hbm_bytes_per_s;
  double scale_up_bytes_per_s;           /* NVLink or PCIe, per accelerator and direction */
  double scale_up_latency_s;             /* alpha of one hop inside the domain, as a collective sees it */
  double scale_up_efficiency;            /* share of the wire rate that a large collective reaches */
  double scale_out_bytes_per_s;          /* NIC per accelerator and direction; NAN: none */
  double host_bytes_per_s;               /* to the memory of its host and back, one direction; NAN: unknown */
  double idle_w, max_w;                  /* NAN: no power data, and then no energy is reported */
  double sleep_w;                        /* without weights, parked: idle_w where the file does not say */
  double active_w;                       /* beyond idle_w while an iteration runs, collectives apart */
  double joules_per_byte;                /* of HBM traffic; NAN: not fitted, and then no energy is reported */
  double joules_per_flop[TW_PRECISIONS]; /* NAN where it was not fitted */
  double arithmetic_half; /* share of the bf16 peak at which a FLOP costs half of that; 0: never */
  double voltage_floor;  /* voltage at clock 0 over that at the nominal clock: it falls linearly in between */
  double per_layer_s;    /* of each layer: what its kernels take beyond their rooflines */
  double reserved_bytes; /* driver, communication buffers: HBM that no engine can use */
  /* By the precision that the matrices run in; kernels of one precision reach another share than others. */
  tw_efficiency efficiency[TW_OP_CLASSES][TW_PRECISIONS];
  tw_chassis chassis;
} tw_device;

extern const tw_element tw_device_element; /* root of a device file */

/* Reads a device of the catalogue by name, or a file if the name holds a '/'. NULL with faults at `node`
 * (which may be NULL) where there is none; unknown names get the nearest. */
tw_device *tw_device_load(const char *name, const xmlNode *node, tw_faults *faults);
void tw_device_free(tw_device *device);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_device, tw_device_free)

#endif
