/* A fuzz target: libFuzzer's interface, which driver.c calls as well. Aborts where a contract is broken. */
#ifndef TW_TESTS_FUZZ_H
#define TW_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
