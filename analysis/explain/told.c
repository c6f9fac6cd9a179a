#include "analysis/explain/told.h"

#include "analysis/log/log_reader.h"
#include "analysis/log/run_directory.h"

#include <math.h>

#define COLUMNS(X)                                                                                           \
  X(id)                                                                                                      \
  X(session)                                                                                                 \
  X(class)                                                                                                   \
  X(arrival_s)                                                                                               \
  X(first_scheduled_s)                                                                                       \
  X(first_token_s)                                                                                           \
  X(first_answer_s)                                                                                          \
  X(completion_s)                                                                                            \
  X(prompt_tokens)                                                                                           \
  X(cached_tokens)                                                                                           \
  X(reasoning_tokens)                                                                                        \
  X(answer_tokens)                                                                                           \
  X(prefill_engine)                                                                                          \
  X(decode_engine)                                                                                           \
  X(preemptions)                                                                                             \
  X(front_end_s)                                                                                             \
  X(admission_s)                                                                                             \
  X(fetch_s)                                                                                                 \
  X(chunk_wait_s)                                                                                            \
  X(transfer_s)                                                                                              \
  X(decode_queue_s)                                                                                          \
  X(preempted_s)                                                                                             \
  X(longest_itl_s)                                                                                           \
  X(state)

TW_LOG_COLUMNS(COLUMNS)

static void read_told(const tw_log_reader *reader, const columns *c, gboolean shown_later, tw_told *told)
{
#define NUMBER(name) tw_log_reader_number(reader, c->name)
  gint64 tokens =
      tw_log_reader_integer(reader, c->reasoning_tokens) + tw_log_reader_integer(reader, c->answer_tokens);
  *told = (tw_told){.id = tw_log_reader_integer(reader, c->id),
                    .session = tw_log_reader_text(reader, c->session),
                    .class = tw_log_reader_text(reader, c->class),
                    .arrival_s = NUMBER(arrival_s),
                    .first_scheduled_s = NUMBER(first_scheduled_s),
                    .first_token_s = NUMBER(first_token_s),
                    .end_s = NUMBER(completion_s),
                    .prompt_tokens = tw_log_reader_integer(reader, c->prompt_tokens),
                    .cached_tokens = tw_log_reader_integer(reader, c->cached_tokens),
                    .output_tokens = tokens,
                    .preemptions = tw_log_reader_integer(reader, c->preemptions),
                    .prefill_engine = tw_log_reader_integer(reader, c->prefill_engine),
                    .decode_engine = tw_log_reader_integer(reader, c->decode_engine),
                    .shown_later = shown_later,
                    .completed = g_str_equal(tw_log_reader_text(reader, c->state), "completed"),
                    .unfinished = g_str_equal(tw_log_reader_text(reader, c->state), "unfinished")};
  double between_s =
      tw_log_reader_amount(reader, c->transfer_s) + tw_log_reader_amount(reader, c->decode_queue_s);
  told->prompted_s = told->first_token_s - (shown_later ? between_s : 0);
  tw_life_times times = {.arrival_s = told->arrival_s,
                         .first_scheduled_s = told->first_scheduled_s,
                         .first_token_s = told->prompted_s,
                         .end_s = told->end_s,
                         .front_end_s = tw_log_reader_amount(reader, c->front_end_s),
                         .admission_s = tw_log_reader_amount(reader, c->admission_s),
                         .fetch_s = tw_log_reader_amount(reader, c->fetch_s),
                         .chunk_wait_s = tw_log_reader_amount(reader, c->chunk_wait_s),
                         .transfer_s = tw_log_reader_amount(reader, c->transfer_s),
                         .decode_queue_s = tw_log_reader_amount(reader, c->decode_queue_s),
                         .preempted_s = tw_log_reader_amount(reader, c->preempted_s)};
  tw_life_split(&times, told->life_s);
  tw_request_times instants = {
      told->arrival_s, told->first_scheduled_s, told->first_token_s,  NUMBER(first_answer_s),
      told->end_s,     (double)tokens,          NUMBER(longest_itl_s)};
  for (int i = 0; i < TW_LATENCY_KINDS; i++)
    told->latencies_s[i] = told->completed ? tw_latency_of((tw_latency)i, &instants) : NAN;
#undef NUMBER
}

/* Whether clients see first tokens only as the engines that decode begin. */
static gboolean shows_later(const char *directory)
{
  json_t *run = tw_run_json_read(directory, NULL);
  gboolean later = json_object_get(run, "first_token") != NULL;
  json_decref(run);
  return later;
}

gboolean tw_told_each(const char *directory, double from_s, double to_s,
                      gboolean (*each)(void *user, const tw_told *told), void *user, GError **error)
{
  g_autoptr(tw_log_reader) reader = tw_log_reader_open(directory, "requests", error);
  columns c = {0};
  if (reader == NULL || !find_columns(reader, &c, error))
    return FALSE;
  tw_log_reader_window(reader, from_s, INFINITY); /* they end after they arrive */
  GError *problem = NULL;
  gboolean shown_later = shows_later(directory);
  while (tw_log_reader_next(reader, &problem)) {
    tw_told told;
    read_told(reader, &c, shown_later, &told);
    if (told.arrival_s >= from_s && told.arrival_s < to_s && !each(user, &told))
      return TRUE;
  }
  if (problem == NULL)
    return TRUE;
  g_propagate_error(error, problem);
  return FALSE;
}

void tw_told_parts(const tw_told *told, tw_latency latency, double parts_s[TW_LIFE_PART_COUNT])
{
  static const tw_life_part after[] = {TW_LIFE_DECODE_QUEUE, TW_LIFE_DECODE, TW_LIFE_PREEMPTED};
  static const tw_life_part before[] = {TW_LIFE_FRONT_END, TW_LIFE_ADMISSION, TW_LIFE_QUEUE, TW_LIFE_PREFILL,
                                        TW_LIFE_CHUNK_WAIT};
  memcpy(parts_s, told->life_s, TW_LIFE_PART_COUNT * sizeof *parts_s);
  double first_s = told->prompted_s - told->arrival_s, known_s = 0;
  for (guint i = 0; i < G_N_ELEMENTS(before); i++)
    known_s += told->life_s[before[i]];
  if (latency == TW_LATENCY_TTFT || latency == TW_LATENCY_QUEUE) {
    for (guint i = told->shown_later && latency == TW_LATENCY_TTFT ? 1 : 0; i < G_N_ELEMENTS(after); i++)
      parts_s[after[i]] = 0;
    if (!told->shown_later || latency == TW_LATENCY_QUEUE)
      parts_s[TW_LIFE_TRANSFER] = fmax(0, first_s - known_s); /* the fetch, which comes before the queue */
  }
  if (latency == TW_LATENCY_TTFAT) {
    double after_s = told->end_s - told->arrival_s - told->latencies_s[latency];
    double decode_s = fmin(after_s, parts_s[TW_LIFE_DECODE]);
    parts_s[TW_LIFE_DECODE] -= decode_s;
    parts_s[TW_LIFE_PREEMPTED] = fmax(0, parts_s[TW_LIFE_PREEMPTED] - (after_s - decode_s));
  }
  if (latency == TW_LATENCY_QUEUE)
    parts_s[TW_LIFE_PREFILL] = parts_s[TW_LIFE_CHUNK_WAIT] = 0;
  if (latency != TW_LATENCY_TPOT)
    return;
  for (guint i = 0; i < G_N_ELEMENTS(before); i++)
    parts_s[before[i]] = 0;
  parts_s[TW_LIFE_TRANSFER] -= fmax(0, first_s - known_s);
  if (told->shown_later)
    parts_s[TW_LIFE_TRANSFER] = parts_s[TW_LIFE_DECODE_QUEUE] = 0;
  for (int i = 0; i < TW_LIFE_PART_COUNT; i++)
    parts_s[i] /= (double)(told->output_tokens - 1);
}
