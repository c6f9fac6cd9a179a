/* Which experts aiconfigurator's kernels for low latency were measured with. Its collector asks for balanced experts,
 * collector/helper.py: balanced_logits, but routes by the groups of DeepSeek-V3, collector/trtllm/collect_moe.py: of 8
 * groups, the 4 whose two best experts score most. A token asks for an expert in each of 8 groups, so that all tie: the
 * first four are taken, and half of what it asked for is filled up by the first experts of these. */
#ifndef TW_TESTS_VALIDATION_KERNELS_KERNEL_ROUTING_H
#define TW_TESTS_VALIDATION_KERNELS_KERNEL_ROUTING_H

#include <glib.h>

/* Sets the copies of tokens that the first of `ep` ranks receives, and the experts that it reads for them. FALSE where
 * groups are too small for two experts, so that their scores are not defined, and where a number is no number of tokens,
 * experts or ranks. */
gboolean kernel_routed_by_groups(double tokens, double topk, double experts, double ep, double *copies,
                                 double *touched);

#endif
