/* What engines make of kernels that were measured with others in front of them. */
#ifndef TW_PLATFORMS_DEVICE_FUSE_H
#define TW_PLATFORMS_DEVICE_FUSE_H

#include "platforms/reader/device.h"

/* Keeps device->efficiency, as it was measured, in device->measured. In rows that were measured unfused it then sets what is
 * slower than in the next wider format, bytes and peak rates taken into account, to what it is there. */
void tw_device_fuse(tw_device *device);

#endif
