/* The life of a request: parts of the time from its arrival to its end, which sum to it.
 *
 *     arrival ─ front end ─ admission ─ (fetch) ─ queue ─ first scheduled
 *       ─ prefill, chunk wait ─ first token ─ (transfer, decode queue) ─ decode, preempted ─ end
 *
 * Logs hold the instants and what does not follow from them; queue, prefill and decode are what is left. */
#ifndef TW_SIM_LIFE_H
#define TW_SIM_LIFE_H

/* X(to, name, the word in logs, what it is) */
#define TW_LIFE_PARTS(X, to)                                                                                 \
  X(to, FRONT_END, front_end, "in the front end: HTTP, tokenizer")                                           \
  X(to, ADMISSION, admission, "held because no engine served")                                               \
  X(to, QUEUE, queue, "in the queue of an engine")                                                           \
  X(to, PREFILL, prefill, "in iterations that computed its prompt")                                          \
  X(to, CHUNK_WAIT, chunk_wait, "scheduled, while no iteration computed its prompt")                         \
  X(to, TRANSFER, transfer, "waiting for its KV cache on the network")                                       \
  X(to, DECODE_QUEUE, decode_queue, "between prefill and decode engine, but for the transfer")               \
  X(to, DECODE, decode, "in iterations that emitted its tokens")                                             \
  X(to, PREEMPTED, preempted, "from losing its KV blocks to the next token")

typedef enum {
#define X(to, name, word, help) TW_LIFE_##name,
  TW_LIFE_PARTS(X, )
#undef X
      TW_LIFE_PART_COUNT
} tw_life_part;

typedef struct tw_life_kind {
  const char *word, *help;
} tw_life_kind;
extern const tw_life_kind tw_life_parts[TW_LIFE_PART_COUNT];

/* The known times of a request, in seconds; instants are NAN if they did not come. */
typedef struct tw_life_times {
  double arrival_s, first_scheduled_s, first_token_s, end_s;
  double front_end_s, admission_s, fetch_s;       /* before it came to its engine */
  double chunk_wait_s;                            /* before its first token */
  double transfer_s, decode_queue_s, preempted_s; /* after its first token */
} tw_life_times;

/* Their sum is end_s - arrival_s. */
void tw_life_split(const tw_life_times *times, double parts_s[TW_LIFE_PART_COUNT]);

#endif
