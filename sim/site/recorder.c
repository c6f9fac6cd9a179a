#include "sim/site/recorder.h"

#include <math.h>

/* The end of a request, as far as the statistics need it. */
typedef struct outcome {
  double arrival_s, end_s;
  double latencies_s[TW_LATENCY_KINDS]; /* NAN where it has none */
  double life_s[TW_LIFE_PART_COUNT];
  gboolean completed, unfinished;
  gboolean hit;                        /* an engine that had it failed */
  gint64 prompt_tokens, output_tokens; /* computed and emitted */
  const char *class;
} outcome;

struct tw_recorder {
  const tw_scenario *scenario;
  gboolean offloads; /* KV may come from below the accelerators */
  tw_log *log;
  tw_class_record all; /* the requests of every class together */
  GPtrArray *classes;  /* array of tw_class_record */
  GArray *rejections;  /* array of tw_rejections */
  double measured_s;   /* when the first request arrived that is not left out as a warm-up */
  GQueue pending;      /* outcomes that the drain may still cut off, in the order of ending */
  tw_recorder_watcher *watcher;
  void *user;
};

static void open_record(tw_class_record *record, const char *name, tw_slo slo)
{
  record->name = name;
  record->slo = slo;
  for (int i = 0; i < TW_LATENCY_KINDS; i++)
    record->latencies[i] = tw_histogram_new();
}

static void clear_record(tw_class_record *record)
{
  for (int i = 0; i < TW_LATENCY_KINDS; i++)
    tw_histogram_free(record->latencies[i]);
}

static void free_record(gpointer record)
{
  clear_record(record);
  g_free(record);
}

tw_recorder *tw_recorder_new(const tw_scenario *scenario, tw_log *log)
{
  tw_recorder *recorder = g_new0(tw_recorder, 1);
  recorder->scenario = scenario;
  recorder->offloads = tw_scenario_offloads(scenario);
  recorder->log = log;
  open_record(&recorder->all, NULL, tw_scenario_slo(scenario, NULL));
  recorder->classes = g_ptr_array_new_with_free_func(free_record);
  recorder->rejections = g_array_new(FALSE, FALSE, sizeof(tw_rejections));
  recorder->measured_s = INFINITY;
  g_queue_init(&recorder->pending);
  return recorder;
}

void tw_recorder_free(tw_recorder *recorder)
{
  if (recorder == NULL)
    return;
  clear_record(&recorder->all);
  g_ptr_array_unref(recorder->classes);
  g_array_unref(recorder->rejections);
  g_queue_clear_full(&recorder->pending, g_free);
  g_free(recorder);
}

static tw_class_record *add_record(tw_recorder *recorder, const char *name)
{
  tw_class_record *record = g_new0(tw_class_record, 1);
  open_record(record, name, tw_scenario_slo(recorder->scenario, name));
  g_ptr_array_add(recorder->classes, record);
  return record;
}

/* Adds the record of requests of no class, with all that was counted before the first class was met. */
static void add_classless(tw_recorder *recorder)
{
  const tw_class_record *all = &recorder->all;
  guint64 ended = 0;
  for (int i = 0; i < TW_ENDING_KINDS; i++)
    ended += all->totals.endings[i];
  if (ended == 0)
    return;
  tw_class_record *record = add_record(recorder, NULL);
  record->totals = all->totals;
  record->totals.arrived = ended;
  record->window = all->window;
  for (int i = 0; i < TW_LATENCY_KINDS; i++)
    tw_histogram_merge(record->latencies[i], all->latencies[i]);
}

/* The record of a class; NULL as long as no request has one. Names are interned, and few. */
static tw_class_record *record_of(tw_recorder *recorder, const char *name)
{
  GPtrArray *classes = recorder->classes;
  if (name == NULL && classes->len == 0)
    return NULL;
  for (guint i = 0; i < classes->len; i++)
    if (((tw_class_record *)classes->pdata[i])->name == name)
      return classes->pdata[i];
  if (classes->len == 0)
    add_classless(recorder);
  return add_record(recorder, name);
}

static gboolean within(double value, double limit)
{
  return isnan(limit) || isnan(value) || value <= limit;
}

static gboolean meets_slo(const tw_slo *slo, const outcome *o)
{
  return o->completed && within(o->latencies_s[TW_LATENCY_TTFT], slo->ttft_s) &&
         within(o->latencies_s[TW_LATENCY_TPOT], slo->tpot_s) &&
         within(o->latencies_s[TW_LATENCY_ITL], slo->itl_s) &&
         within(o->latencies_s[TW_LATENCY_E2E], slo->e2e_s);
}

/* Counts an outcome in one record. */
static void count_in(tw_class_record *record, const tw_scenario *scenario, const outcome *o, gboolean good,
                     double open_s)
{
  tw_window *window = &record->window;
  if (o->end_s >= scenario->warmup_s && o->end_s <= open_s) {
    window->completed += o->completed ? 1 : 0;
    window->prompt_tokens += (guint64)o->prompt_tokens;
    window->output_tokens += (guint64)o->output_tokens;
  }
  if (o->arrival_s < scenario->warmup_s || (o->arrival_s >= open_s && scenario->drain_s > 0))
    return;
  window->arrived++;
  window->unjudged += o->unfinished ? 1 : 0;
  window->hit += o->hit && !(o->completed && good);
  if (!o->completed)
    return;
  window->good += good ? 1 : 0;
  window->lives++;
  for (int i = 0; i < TW_LIFE_PART_COUNT; i++)
    window->life_s[i] += o->life_s[i];
  for (int i = 0; i < TW_LATENCY_KINDS; i++)
    if (!isnan(o->latencies_s[i]))
      tw_histogram_add(record->latencies[i], o->latencies_s[i]);
}

/* Counts an outcome of a run of which it is known that it goes on until `open_s` before the drain. */
static void count(tw_recorder *recorder, const outcome *o, double open_s)
{
  tw_class_record *class = record_of(recorder, o->class);
  gboolean good = meets_slo(class != NULL ? &class->slo : &recorder->all.slo, o);
  count_in(&recorder->all, recorder->scenario, o, good, open_s);
  if (class != NULL)
    count_in(class, recorder->scenario, o, good, open_s);
}

/* Counts the outcomes of which it is certain, at `now_s`, that the drain does not cut them off. */
static void count_certain(tw_recorder *recorder, double now_s)
{
  double open_s = now_s - recorder->scenario->drain_s;
  for (outcome *o; (o = g_queue_peek_head(&recorder->pending)) != NULL && o->end_s < open_s;
       g_free(g_queue_pop_head(&recorder->pending)))
    count(recorder, o, open_s);
}

/* An instant, or the end of the request where it did not come. */
static double until(double instant_s, double end_s)
{
  return isnan(instant_s) ? end_s : instant_s;
}

/* When the client saw the first token. Who resumes after a failure may have so few left that prefill emits the last of
 * them, and nothing is decoded. */
static double first_token_s(const tw_recorder *recorder, const tw_sequence *sequence)
{
  gint64 tokens = tw_request_output_tokens(&sequence->request);
  gboolean all_emitted = isnan(sequence->decode_start_s) && sequence->emitted >= tokens;
  gboolean later = recorder->scenario->first_token == TW_FIRST_TOKEN_DECODE && sequence->decode_engine >= 0 &&
                   tokens > 1 && !all_emitted;
  return later ? sequence->decode_start_s : sequence->first_token_s;
}

/* When it saw the first token after reasoning: no earlier than the first of all. */
static double first_answer_s(const tw_recorder *recorder, const tw_sequence *sequence)
{
  double first_s = first_token_s(recorder, sequence);
  gboolean at_once = sequence->first_answer_s == sequence->first_token_s;
  return at_once || sequence->first_answer_s < first_s ? first_s : sequence->first_answer_s;
}

/* The longest time between two tokens. */
static double longest_itl_s(const tw_recorder *recorder, const tw_sequence *sequence)
{
  return tw_scenario_limits_itl(recorder->scenario) ? sequence->longest_gap_s : NAN;
}

static tw_life_times life_of(const tw_sequence *sequence, double end_s)
{
  double dispatched_s = until(sequence->dispatched_s, end_s), routed_s = until(sequence->routed_s, end_s);
  tw_life_times times = {.arrival_s = sequence->request.arrival_s,
                         .first_scheduled_s = sequence->first_scheduled_s,
                         .first_token_s = sequence->first_token_s,
                         .end_s = end_s,
                         .front_end_s = dispatched_s - sequence->request.arrival_s,
                         .admission_s = routed_s - dispatched_s,
                         .fetch_s = until(sequence->submitted_s, end_s) - routed_s,
                         .preempted_s = sequence->preempted_s};
  if (sequence->retries >
      0) { /* time of failed attempts counts as prefill, and after the first token as preempted */
    times.fetch_s = 0;
    if (!isnan(times.first_token_s) && !isnan(sequence->lost_s))
      times.preempted_s += end_s - sequence->lost_s;
    return times;
  }
  if (!isnan(times.first_scheduled_s))
    times.chunk_wait_s =
        fmax(0, until(times.first_token_s, end_s) - times.first_scheduled_s - sequence->prompt_s);
  if (isnan(times.first_token_s))
    return times;
  if (!isnan(sequence->lost_s))
    times.preempted_s += end_s - sequence->lost_s;
  if (sequence->decode_engine < 0)
    return times;
  double kept_s = until(sequence->lost_s, end_s); /* What it waits for after that is none of its KV. */
  if (!isnan(sequence->transfer_start_s))
    times.transfer_s = fmax(0, until(sequence->transfer_end_s, kept_s) -
                                   fmax(sequence->transfer_start_s, times.first_token_s));
  /* A prefill engine may have taken the blocks of what waited there, and computed its prompt again. */
  double preempted_s = isnan(sequence->decode_start_s) ? sequence->preempted_s : sequence->queued_preempted_s;
  times.decode_queue_s =
      until(sequence->decode_start_s, kept_s) - times.first_token_s - times.transfer_s - preempted_s;
  return times;
}

/* The parts of a request's life. */
static void split_life(const tw_recorder *recorder, const tw_life_times *times, double *parts_s)
{
  double length_s = times->end_s - times->arrival_s, sum_s = 0, least_s = 0;
  tw_life_split(times, parts_s);
  for (int i = 0; recorder->scenario->audit && i < TW_LIFE_PART_COUNT; i++) {
    sum_s += parts_s[i];
    least_s = fmin(least_s, parts_s[i]);
  }
  if (recorder->scenario->audit)
    g_assert(fabs(sum_s - length_s) <= 1e-9 * fmax(1, length_s) && least_s >= -1e-9 * fmax(1, times->end_s));
}

static void add_statistics(tw_recorder *recorder, const tw_sequence *sequence, tw_ending ending,
                           const tw_life_times *times, double now_s)
{
  const tw_request *request = &sequence->request;
  if (request->warmup)
    return;
  recorder->measured_s = fmin(recorder->measured_s, request->arrival_s);
  tw_request_times instants = {request->arrival_s,
                               sequence->first_scheduled_s,
                               first_token_s(recorder, sequence),
                               first_answer_s(recorder, sequence),
                               now_s,
                               (double)tw_request_output_tokens(request),
                               longest_itl_s(recorder, sequence)};
  outcome o = {.arrival_s = request->arrival_s,
               .end_s = now_s,
               .completed = ending == TW_COMPLETED,
               .unfinished = ending == TW_UNFINISHED,
               .hit = sequence->lost_tokens > 0 || sequence->retries > 0,
               .class = request->class,
               .prompt_tokens = sequence->emitted > 0 ? request->prompt_tokens : 0,
               .output_tokens = sequence->emitted};
  for (int i = 0; i < TW_LATENCY_KINDS; i++)
    o.latencies_s[i] = tw_latency_of((tw_latency)i, &instants);
  split_life(recorder, times, o.life_s);
  if (recorder->scenario->drain_s <= 0) {
    count(recorder, &o, INFINITY);
    return;
  }
  count_certain(recorder, now_s);
  g_queue_push_tail(&recorder->pending, g_memdup2(&o, sizeof o));
}

/* NAN where its engine is not metered; a request that no engine took has cost nothing. */
static double joules_of(const tw_recorder *recorder, const tw_sequence *sequence)
{
  const tw_scenario *scenario = recorder->scenario;
  if (sequence->engine < 0)
    return sequence->joules; /* none, or those of engines that failed */
  return tw_power_known(&scenario->pools[scenario->plan.engines[sequence->engine].pool].plan.power)
             ? sequence->joules
             : NAN;
}

static void write_row(tw_recorder *recorder, const tw_sequence *sequence, tw_ending ending,
                      const char *reason, const tw_life_times *times, double joules, double now_s,
                      const tw_passage *passage)
{
  const tw_request *request = &sequence->request;
  tw_request_row row = tw_request_row_empty;
  row.id = (gint64)request->id;
  row.session = request->session;
  row.arrival_s = request->arrival_s;
  row.first_scheduled_s = sequence->first_scheduled_s;
  row.first_token_s = first_token_s(recorder, sequence);
  row.first_answer_s = first_answer_s(recorder, sequence);
  row.completion_s = now_s;
  row.prompt_tokens = request->prompt_tokens;
  row.cached_tokens = sequence->cached_tokens;
  if (recorder->offloads) {
    row.host_cached_tokens = sequence->host_tokens;
    row.store_cached_tokens = sequence->store_tokens;
  }
  row.reasoning_tokens = MIN(sequence->emitted, request->reasoning_tokens);
  row.answer_tokens = sequence->emitted - row.reasoning_tokens;
  if (sequence->prefill_engine >= 0)
    row.prefill_engine = sequence->prefill_engine;
  if (sequence->engine >= 0 && (sequence->decode_engine < 0 || sequence->engine == sequence->decode_engine))
    row.decode_engine = sequence->engine;
  row.kv_transfer_s = sequence->transfer_end_s - sequence->transfer_start_s;
  row.preemptions = sequence->preemptions;
  row.recomputed_tokens = tw_sequence_recomputed(sequence);
  row.joules = joules;
  row.front_end_s = times->front_end_s;
  row.admission_s = times->admission_s;
  if (recorder->offloads)
    row.fetch_s = times->fetch_s;
  row.chunk_wait_s = times->chunk_wait_s;
  if (sequence->decode_engine >= 0) {
    row.transfer_s = times->transfer_s;
    row.decode_queue_s = times->decode_queue_s;
  }
  row.preempted_s = times->preempted_s;
  row.longest_itl_s = longest_itl_s(recorder, sequence);
  row.state = tw_ending_names[ending];
  row.reason = reason;
  row.class = request->class;
  if (recorder->scenario->failures != NULL) {
    row.retries = sequence->retries;
    row.lost_tokens = sequence->lost_tokens;
  }
  if (passage != NULL) {
    row.users = passage->users;
    row.site = passage->site;
    row.wan_s = passage->wan_s;
    row.moves = passage->moves;
  }
  tw_log_request(recorder->log, &row);
}

void tw_recorder_arrived(tw_recorder *recorder)
{
  recorder->all.totals.arrived++;
}

static void add_totals(tw_request_totals *totals, const tw_sequence *sequence, tw_ending ending,
                       double joules)
{
  gint32 reasoning = MIN(sequence->emitted, sequence->request.reasoning_tokens);
  totals->endings[ending]++;
  totals->prompt_tokens += (guint64)sequence->request.prompt_tokens;
  totals->cached_tokens += (guint64)sequence->cached_tokens;
  totals->host_tokens += (guint64)sequence->host_tokens;
  totals->store_tokens += (guint64)sequence->store_tokens;
  totals->recomputed_tokens += (guint64)tw_sequence_recomputed(sequence);
  totals->reasoning_tokens += (guint64)reasoning;
  totals->answer_tokens += (guint64)(sequence->emitted - reasoning);
  totals->joules += joules;
}

static void add_rejection(GArray *rejections, const char *reason)
{
  guint i = 0;
  while (i < rejections->len && !g_str_equal(g_array_index(rejections, tw_rejections, i).reason, reason))
    i++;
  if (i == rejections->len)
    g_array_append_val(rejections, ((tw_rejections){reason, 0}));
  g_array_index(rejections, tw_rejections, i).requests++;
}

const GArray *tw_recorder_rejections(const tw_recorder *recorder)
{
  return recorder->rejections;
}

void tw_recorder_passed(tw_recorder *recorder, const tw_sequence *sequence, tw_ending ending,
                        const char *reason, double joules, double now_s, const tw_passage *passage)
{
  tw_class_record *class = record_of(recorder, sequence->request.class);
  add_totals(&recorder->all.totals, sequence, ending, joules);
  if (ending == TW_REJECTED && reason != NULL)
    add_rejection(recorder->rejections, reason);
  if (class != NULL) {
    class->totals.arrived++;
    add_totals(&class->totals, sequence, ending, joules);
  }
  tw_life_times times = life_of(sequence, now_s);
  add_statistics(recorder, sequence, ending, &times, now_s);
  if (recorder->log != NULL)
    write_row(recorder, sequence, ending, reason, &times, joules, now_s, passage);
}

void tw_recorder_ended(tw_recorder *recorder, const tw_sequence *sequence, tw_ending ending,
                       const char *reason, double now_s)
{
  double joules = joules_of(recorder, sequence);
  tw_recorder_passed(recorder, sequence, ending, reason, joules, now_s, NULL);
  if (recorder->watcher != NULL)
    recorder->watcher(recorder->user, sequence, ending, reason, joules, now_s);
}

void tw_recorder_watch(tw_recorder *recorder, tw_recorder_watcher *watcher, void *user)
{
  recorder->watcher = watcher;
  recorder->user = user;
}

void tw_recorder_close(tw_recorder *recorder, double end_s)
{
  const tw_scenario *scenario = recorder->scenario;
  for (outcome *o; (o = g_queue_pop_head(&recorder->pending)) != NULL; g_free(o))
    count(recorder, o, end_s - scenario->drain_s);
  double from_s = scenario->warmup_s;
  const tw_class *only = tw_scenario_only_class(scenario);
  gboolean warms_up = only != NULL ? only->warmup > 0 : scenario->trace.warmup_sessions > 0;
  if (warms_up && isfinite(recorder->measured_s))
    from_s = fmax(from_s, recorder->measured_s);
  recorder->all.window.length_s = fmax(0, end_s - scenario->drain_s - from_s);
}

gboolean tw_recorder_keeps_segments(const tw_recorder *recorder)
{
  return recorder->scenario->segments && recorder->log != NULL;
}

void tw_recorder_segment(tw_recorder *recorder, const tw_segment_row *segment)
{
  if (tw_recorder_keeps_segments(recorder))
    tw_log_segment(recorder->log, segment);
}

tw_log *tw_recorder_log(const tw_recorder *recorder)
{
  return recorder->log;
}

const tw_request_totals *tw_recorder_totals(const tw_recorder *recorder)
{
  return &recorder->all.totals;
}

const tw_window *tw_recorder_window(const tw_recorder *recorder)
{
  return &recorder->all.window;
}

const tw_histogram *tw_recorder_latency(const tw_recorder *recorder, tw_latency latency)
{
  return recorder->all.latencies[latency];
}

guint tw_recorder_classes(const tw_recorder *recorder)
{
  return recorder->classes->len;
}

const tw_class_record *tw_recorder_class(const tw_recorder *recorder, guint i)
{
  return recorder->classes->pdata[i];
}
