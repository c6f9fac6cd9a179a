/* Least squares (GSL) of an op class's efficiency on measured kernels, on the logarithms of predicted over
 * measured seconds. */
#ifndef TW_TESTS_VALIDATION_KERNELS_KERNEL_FIT_H
#define TW_TESTS_VALIDATION_KERNELS_KERNEL_FIT_H

#include "tests/validation/kernels/kernel.h"

enum { KERNEL_FIT_LEAST = 30 }; /* kernels that a fit needs */

typedef struct kernel_fit {
  tw_efficiency efficiency;
  double median, p90; /* errors |predicted / measured − 1| */
  double shortest_s, longest_s;
  guint kernels;
} kernel_fit;

/* `kernels` hold at least KERNEL_FIT_LEAST of `op` in `precision`. `routing`: sorting tokens by experts takes time of its
 * own. */
kernel_fit kernel_fit_run(const GArray *kernels, const tw_device *device, tw_op_class op,
                          tw_precision precision, gboolean routing);

/* Sets the errors, the number and the range of `kernels` by what fit->efficiency says of them. */
void kernel_fit_judge(kernel_fit *fit, const GArray *kernels, const tw_device *device, tw_op_class op,
                      tw_precision precision);

#endif
