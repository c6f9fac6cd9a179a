#include "sim/log/life.h"

#include <math.h>
#include <string.h>

const tw_life_kind tw_life_parts[TW_LIFE_PART_COUNT] = {
#define X(to, name, word, help) {#word, help},
    TW_LIFE_PARTS(X, )
#undef X
};

void tw_life_split(const tw_life_times *times, double parts_s[TW_LIFE_PART_COUNT])
{
  double before_s = times->front_end_s + times->admission_s + times->fetch_s;
  double queued_s = isnan(times->first_scheduled_s) ? times->end_s : times->first_scheduled_s;
  double prompted_s = isnan(times->first_token_s) ? times->end_s : times->first_token_s;
  memset(parts_s, 0, TW_LIFE_PART_COUNT * sizeof *parts_s);
  parts_s[TW_LIFE_FRONT_END] = times->front_end_s;
  parts_s[TW_LIFE_ADMISSION] = times->admission_s;
  parts_s[TW_LIFE_QUEUE] = queued_s - times->arrival_s - before_s;
  parts_s[TW_LIFE_CHUNK_WAIT] = times->chunk_wait_s;
  parts_s[TW_LIFE_PREFILL] = prompted_s - queued_s - times->chunk_wait_s;
  parts_s[TW_LIFE_TRANSFER] = times->fetch_s + times->transfer_s;
  parts_s[TW_LIFE_DECODE_QUEUE] = times->decode_queue_s;
  parts_s[TW_LIFE_PREEMPTED] = times->preempted_s;
  parts_s[TW_LIFE_DECODE] =
      times->end_s - prompted_s - times->transfer_s - times->decode_queue_s - times->preempted_s;
}
