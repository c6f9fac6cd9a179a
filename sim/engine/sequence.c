#include "sim/engine/sequence.h"

#include <math.h>

const char *const tw_ending_names[TW_ENDING_KINDS] = {
#define X(name, text) text,
    TW_ENDINGS(X)
#undef X
};

tw_sequence *tw_sequence_new(const tw_request *request)
{
  static const tw_heap_node out = {.place = TW_HEAP_OUT};
  tw_sequence *sequence = g_slice_new(tw_sequence);
  *sequence = (tw_sequence){.request = *request,
                            .engine = -1,
                            .prefill_engine = -1,
                            .decode_engine = -1,
                            .rank = -1,
                            .dispatched_s = NAN,
                            .routed_s = NAN,
                            .submitted_s = NAN,
                            .decode_start_s = NAN,
                            .lost_s = NAN,
                            .first_scheduled_s = NAN,
                            .first_token_s = NAN,
                            .first_answer_s = NAN,
                            .transfer_start_s = NAN,
                            .transfer_end_s = NAN,
                            .last_token_s = NAN,
                            .longest_gap_s = NAN,
                            .deadline = out,
                            .waiting = out,
                            .finish = out,
                            .answer = out,
                            .cap_reached = {out, out, out, out}};
  G_STATIC_ASSERT(TW_CONTEXT_CAPS == 4);
  sequence->link.data = sequence;
  return sequence;
}

void tw_sequence_free(tw_sequence *sequence)
{
  if (sequence == NULL)
    return;
  tw_request_clear(&sequence->request);
  g_slice_free(tw_sequence, sequence);
}

void tw_sequence_recover(tw_sequence *sequence, double now_s)
{
  if (!isnan(sequence->lost_s) && sequence->emitted > 0)
    sequence->preempted_s += now_s - sequence->lost_s;
  sequence->lost_s = NAN;
}

void tw_sequence_give_way(tw_sequence *sequence)
{
  sequence->retries++;
  sequence->cached_tokens = sequence->host_tokens = sequence->store_tokens = 0;
  sequence->brought_tokens = sequence->request.brought_tokens = 0; /* What came with it is lost, too. */
  sequence->prefill_done = sequence->prefill_target = sequence->planned = 0;
  sequence->transfer_start_s = sequence->transfer_end_s = NAN;
  sequence->prefix = NULL; /* The cache that had it is lost. */
  sequence->charged = (tw_charge_sums){0};
  sequence->admitted = sequence->fetching = FALSE;
  sequence->resumed = sequence->emitted;
}

gint64 tw_sequence_lose(tw_sequence *sequence, gboolean resumes)
{
  gint64 lost = sequence->prefilled_tokens + sequence->emitted - sequence->resumed;
  sequence->lost_tokens += lost;
  sequence->prefilled_tokens = 0; /* These count as lost. */
  if (!resumes) {
    sequence->emitted = 0;
    sequence->first_token_s = sequence->first_answer_s = sequence->lost_s = NAN;
    sequence->last_token_s = sequence->longest_gap_s = NAN;
    sequence->preempted_s = 0;
  }
  tw_sequence_give_way(sequence);
  return lost;
}
