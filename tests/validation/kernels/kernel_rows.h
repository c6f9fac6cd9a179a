/* Rows of kernels, as the readers of the formats make them. */
#ifndef TW_TESTS_VALIDATION_KERNELS_KERNEL_ROWS_H
#define TW_TESTS_VALIDATION_KERNELS_KERNEL_ROWS_H

#include "tests/validation/kernels/kernel.h"

/* Adds a kernel to those of its class and precision. */
void kernel_keep(kernel_group *group, tw_op_class op, int precision, kernel k);

/* The product of m rows with a matrix of weights, n by k. The rows are bf16 in and out, whatever the weights are
 * stored in. */
kernel kernel_product(double m, double n, double k, tw_precision weights, double seconds);

/* A layer of experts: `routed` copies of tokens go to `touched` experts of `expert_params` parameters each. `tokens` is
 * the number of copies where no more is known of them, else 0. */
kernel kernel_experts(double expert_params, double touched, double routed, double tokens,
                      tw_precision weights, double seconds);

/* Readers of profiles, by their names in kernel_formats. */
gboolean kernel_read_dense(const char *path, const kernel_context *context, kernel_group *group,
                           GError **error);
gboolean kernel_read_sequences(const char *path, const kernel_context *context, kernel_group *group,
                               GError **error);
gboolean kernel_read_attention(const char *path, const kernel_context *context, kernel_group *group,
                               GError **error);
gboolean kernel_read_experts(const char *path, const kernel_context *context, kernel_group *group,
                             GError **error);
gboolean kernel_read_vidur(const char *path, const kernel_context *context, kernel_group *group,
                           GError **error);

#endif
