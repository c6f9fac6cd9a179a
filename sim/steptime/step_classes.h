/* How a step model tells the classes of an iteration's time: kernels add what they take, and the rest follows. */
#ifndef TW_SIM_STEP_CLASSES_H
#define TW_SIM_STEP_CLASSES_H

#include "sim/steptime/step_time.h"

/* Adds a product that takes `roof_s` beside its launches, in which computing alone takes compute_s and reading
 * its weights alone read_s: what is not reading is of `class`. */
void tw_classes_product(tw_step_cost *cost, tw_time_class class, double compute_s, double read_s,
                        double roof_s);

/* Makes means over the ranks of what was added for each of them, and tells how long they wait for the slowest
 * one, which takes `longest`, where all of them together take `sum`. */
void tw_classes_average(tw_step_cost *cost, int n_ranks, tw_line longest, tw_line sum);

/* The last step, once time_s is known: kernels were added as one micro-batch on all stages. A stage `works` so
 * long in the mean; of that the host takes what kernels and collectives leave, and the bubble the rest of the
 * iteration. Without pipeline parallelism (pp 1) all that is left is the host's. */
void tw_classes_rest(tw_step_cost *cost, int pp, double micro, tw_line works);

/* Seconds in which kernels work, in the mean over the accelerators, once the classes are complete: all but launches,
 * collectives and what they wait for. */
tw_line tw_classes_working(const tw_step_cost *cost);

#endif
