/* Routing: how many experts the tokens of a batch touch. */
#ifndef TW_SIM_ROUTING_H
#define TW_SIM_ROUTING_H

/* The number of distinct experts, of `experts`, that `tokens` tokens reach, each of which goes to `per_token`.
 *
 * Some experts are asked for more often than others. Where their rates follow a gamma law of shape 2, a deviation
 * of 0.71 of the mean, x copies an expert touch the share
 *
 *     1 − (1 + x / 2)^−2      (1 − e^−x where all are drawn alike: shape → ∞)
 *
 * That is what aiconfigurator's kernels say which were measured with tokens routed by a power law of 1.01: against
 * balanced ones 0.75 of the weights are read at x = 2 (here 0.75; 0.86 drawn alike), 0.87 at x = 4 (0.89; 0.98),
 * the same on H100, H200 and B200. At least the experts of one token. */
double tw_experts_touched(double experts, double per_token, double tokens);

#endif
