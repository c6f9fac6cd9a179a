/* The parts of which plans of a scheduler are made (scheduler_kinds.c), and what they do to KV blocks.
 *
 * A plan fills `next`: first the running sequences get their tokens and blocks, then waiting ones are
 * admitted to what is left. tw_batching_start lets it run. Blocks of decodes are counted as they are
 * computed; `reserved` holds those that plans have given beyond that. */
#ifndef TW_SIM_BATCHING_H
#define TW_SIM_BATCHING_H

#include "sim/engine/scheduler.h"

/* KV blocks that a sequence of so many tokens takes, with those that its state and windows are worth. */
static inline gint64 tw_batching_blocks(const tw_scheduler *scheduler, gint64 tokens)
{
  return tw_kv_blocks(&scheduler->kv, tokens) + scheduler->config.sequence_blocks;
}

/* Empties an array of sequences, which mostly is: without a call then. */
static inline void tw_batching_empty(GPtrArray *sequences)
{
  if (sequences->len > 0)
    g_ptr_array_set_size(sequences, 0);
}

/* The same of the chunks of an iteration, which mostly has none. */
static inline void tw_batching_drop(GArray *chunks)
{
  if (chunks->len > 0)
    g_array_set_size(chunks, 0);
}

/* Whether a sequence is in the middle of its prompt. */
static inline gboolean tw_sequence_is_partial(const tw_sequence *sequence)
{
  return !sequence->decoding && sequence->prefill_done < sequence->prefill_target;
}

/* Whether a sequence sits aside: it neither computes its prompt nor decodes, and has KV for all of its tokens but the
 * last one that it has emitted. */
static inline gboolean tw_sequence_is_aside(const tw_sequence *sequence)
{
  return !sequence->decoding && sequence->prefill_done == sequence->prefill_target &&
         sequence->prefill_target < tw_sequence_known(sequence);
}

/* Begins a plan that holds nobody yet. */
void tw_batching_begin(tw_scheduler *scheduler);
/* Lets delivered sequences start to decode while there is room for their next tokens. */
void tw_batching_join_delivered(tw_scheduler *scheduler);
/* Whether a plan that begins leaves prompts to a later iteration, so that those of all ranks slow the same ones: while others
 * decode, and unless they had more to do than one of those iterations takes. As vLLM does with
 * prefill-schedule-interval (Scheduler.schedule and DPEngineCoreProc._should_throttle_prefills in May 2026). */
gboolean tw_batching_defers(const tw_scheduler *scheduler);
/* Gives running sequences their next tokens in admission order. Who gets no blocks takes them from the last
 * admitted, or, with priorities, from the last of the lowest priority; if that is itself, it is preempted, and
 * then, as in vLLM, nobody behind it is in the iteration. Returns what is left of the budget. */
gint64 tw_batching_run(tw_scheduler *scheduler);
/* Admits waiting sequences within a budget of tokens. Returns whether there were any. */
gboolean tw_batching_admit(tw_scheduler *scheduler, gint64 budget, double now_s);
/* Starts the iteration that was planned, with all that decode if `decodes`. */
void tw_batching_start(tw_scheduler *scheduler, gboolean decodes);

/* The prefix of a waiting sequence that is cached: of its prompt, and of its output, if it was preempted. */
tw_prefix_hit tw_batching_cached(const tw_scheduler *scheduler, const tw_sequence *sequence, gint64 tokens);
/* KV blocks that came with a waiting sequence from another site and are behind the `here` first tokens of its prompt,
 * which the engine has anyway. */
gint64 tw_batching_brought(const tw_scheduler *scheduler, const tw_sequence *sequence, gint64 here);
/* Takes in as many, once the sequence has been admitted. */
void tw_batching_bring(tw_scheduler *scheduler, tw_sequence *sequence, gint64 blocks);
/* Admits the first waiting sequence with the prefix that it has found. */
void tw_batching_enter(tw_scheduler *scheduler, tw_sequence *sequence, const tw_prefix_hit *hit,
                       double now_s);
/* Plans the next tokens of a prompt. */
void tw_batching_take_chunk(tw_scheduler *scheduler, tw_sequence *sequence, gint64 tokens);

/* For how many iterations decodes stay as they are. */
gint64 tw_batching_horizon(const tw_scheduler *scheduler);

/* Blocks that plans up to `iterations` further boundaries of the batch that runs give beyond those that are
 * computed by now. */
gint64 tw_batching_reserved(const tw_scheduler *scheduler, gint64 iterations);

/* Takes free blocks. */
void tw_batching_take(tw_scheduler *scheduler, gint64 blocks);
/* Lets the full blocks of a sequence's first `tokens` tokens be found from now on. */
void tw_batching_cache(tw_scheduler *scheduler, tw_sequence *sequence, gint64 tokens);
/* Frees the blocks of a sequence that holds `tokens` tokens. */
void tw_batching_free(tw_scheduler *scheduler, tw_sequence *sequence, gint64 tokens);

/* Adds a sequence to those that decode, or takes it out; its blocks stay its own. */
void tw_batching_join(tw_scheduler *scheduler, tw_sequence *sequence);
void tw_batching_leave(tw_scheduler *scheduler, tw_sequence *sequence);
/* Takes a sequence out of those that decode, and what it holds cannot be found by others. */
void tw_batching_stop(tw_scheduler *scheduler, tw_sequence *sequence);
/* Takes away the blocks of a running sequence, which waits again. */
void tw_batching_preempt(tw_scheduler *scheduler, tw_sequence *sequence);
/* Moves a sequence that was preempted, and has no blocks any more, from the running to the waiting. */
void tw_batching_set_back(tw_scheduler *scheduler, tw_sequence *sequence);

/* Blocks that a sequence holds as it leaves. */
gint64 tw_batching_final_blocks(const tw_scheduler *scheduler, const tw_sequence *sequence);
/* Whether a sequence may be promised its final blocks while `kept` blocks stay free. */
gboolean tw_batching_may_promise(const tw_scheduler *scheduler, const tw_sequence *sequence, gint64 kept);

/* Runs a delivered sequence: the blocks that were held for it become its own. */
void tw_batching_take_over(tw_scheduler *scheduler, tw_sequence *sequence);
/* Ends the hold of a sequence on `blocks` blocks of its own while it does not run. */
void tw_batching_end_hold(tw_scheduler *scheduler, const tw_sequence *sequence, gint64 blocks);

#endif
