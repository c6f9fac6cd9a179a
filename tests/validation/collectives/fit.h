/* Fits what kernels take to measured collectives: the mean of |ln(predicted / measured)| is made least by the
 * simplex of Nelder and Mead (GSL). Rows below 64 KiB count a third, so that latencies do not decide alone.
 */
#ifndef TW_TESTS_VALIDATION_COLLECTIVES_FIT_H
#define TW_TESTS_VALIDATION_COLLECTIVES_FIT_H

#include "tests/validation/collectives/measured.h"

enum { FIT_LEAST_BYTES = 65536 };

/* Fits all kernels that have fitted rows of `device`, whose values so far are where the search begins. Rows
 * of `without` ranks are left out (0: none). */
void fit(GArray *rows, tw_device *device, int without);

/* Prints the elements of a device file. */
void fit_print(const tw_device *device);

#endif
