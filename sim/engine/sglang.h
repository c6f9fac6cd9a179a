/* Kind sglang: what its plans (scheduler_sglang.c) and its batches with prompts (sglang_prompts.c) share. */
#ifndef TW_SIM_SGLANG_H
#define TW_SIM_SGLANG_H

#include "sim/engine/batching.h"

/* Most output tokens that admission counts of a request. */
enum { TW_SGLANG_MOST_COUNTED = 4096 };

/* The functions of the kind; and it forgets what it has planned. */
void tw_sglang_plan(tw_scheduler *scheduler, double now_s);
gint64 tw_sglang_horizon(const tw_scheduler *scheduler);
gint64 tw_sglang_kept(const tw_scheduler *scheduler);
gboolean tw_sglang_closed(const tw_scheduler *scheduler);
void tw_sglang_reset(tw_scheduler *scheduler);

/* Plans a batch with prompts. FALSE if there is none. */
gboolean tw_sglang_plan_prompts(tw_scheduler *scheduler, double now_s);

/* The share of their outputs that running sequences are expected to emit yet (new_token_ratio). */
double tw_sglang_ratio(const tw_scheduler *scheduler);
/* Output tokens of a sequence: all, where it does not leave with its first; and those that admission counts. */
gint64 tw_sglang_most_outputs(const tw_scheduler *scheduler, const tw_sequence *sequence);
gint64 tw_sglang_outputs_left(const tw_scheduler *scheduler, const tw_sequence *sequence);
/* Sequences of the running batch that have not ended. */
gint64 tw_sglang_living(const tw_scheduler *scheduler);
/* Pages that the running batch takes if it decodes in the iteration that is planned; and those that are free. */
gint64 tw_sglang_pages_next(const tw_scheduler *scheduler);
gint64 tw_sglang_free_pages(const tw_scheduler *scheduler);
/* Gives every running sequence a new place, in the order of the running batch. */
void tw_sglang_renumber(tw_scheduler *scheduler);

#endif
