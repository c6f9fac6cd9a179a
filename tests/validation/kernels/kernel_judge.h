/* Prints how far efficiencies are off measured kernels, a line for each class, format and family. */
#ifndef TW_TESTS_VALIDATION_KERNELS_KERNEL_JUDGE_H
#define TW_TESTS_VALIDATION_KERNELS_KERNEL_JUDGE_H

#include "tests/validation/kernels/kernel_fit.h"

/* `about`: what to say behind the line. A second line tells how far kernels are off that are at most 1.25 times as slow
 * as the same experts with more tokens: an engine that pads its batch is never slower than that, so that the others say
 * what a tuner missed, not what a device can do. It is left out where there are no others. */
void kernel_judge(const GArray *kernels, const tw_device *device, tw_op_class op, tw_precision p,
                  const tw_efficiency *efficiency, const char *about);

/* The alternative of experts in a precision, and, where both families were measured with a shape, the faster of both. */
void kernel_judge_alternative(const kernel_group *group, const tw_device *device, tw_precision p);

#endif
