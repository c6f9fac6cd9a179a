/* Predictions of measured collectives, by the closed forms and the constants of a device. */
#ifndef TW_TESTS_VALIDATION_COLLECTIVES_PREDICT_H
#define TW_TESTS_VALIDATION_COLLECTIVES_PREDICT_H

#include "tests/validation/collectives/measured.h"

/* Sets predicted_s of the rows of `device`. */
void predict(GArray *rows, const tw_device *device);

#endif
