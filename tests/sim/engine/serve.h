/* An engine alone that serves requests, and tells what became of them. */
#ifndef TW_TESTS_SIM_ENGINE_SERVE_H
#define TW_TESTS_SIM_ENGINE_SERVE_H

#include "tests/check.h"
#include "tests/sim/naive.h"

/* The fate of each request, as the engine told it. */
typedef struct served {
  naive_outcome *outcomes;
  GArray *iterations; /* elements are naive_iteration */
  GArray *order;      /* ids in the order of ending */
  gint64 preempted;
  tw_usage usage;
} served;

static inline void served_clear(served *s)
{
  g_free(s->outcomes);
  g_array_unref(s->iterations);
  g_array_unref(s->order);
}

static inline void on_ended(void *user, int engine, tw_sequence *sequence, double now_s)
{
  served *s = user;
  guint64 id = sequence->request.id;
  assert_int_equal(engine, 0);
  assert_int_equal(sequence->emitted, tw_request_output_tokens(&sequence->request));
  s->outcomes[id] = (naive_outcome){sequence->rank,
                                    sequence->first_scheduled_s,
                                    sequence->first_token_s,
                                    sequence->first_answer_s,
                                    now_s,
                                    sequence->preemptions,
                                    sequence->prefilled_tokens,
                                    sequence->cached_tokens,
                                    isnan(sequence->longest_gap_s) ? 0 : sequence->longest_gap_s,
                                    sequence->last_token_s};
  g_array_append_val(s->order, id);
  tw_sequence_free(sequence);
}

static inline void on_ran(void *user, int engine, const tw_batch *b, gint64 iterations, double start_s,
                          double end_s)
{
  served *s = user;
  (void)engine;
  naive_iteration it = {start_s,
                        end_s,
                        b->decode_seqs,
                        b->decode_context,
                        b->decode_windowed,
                        b->prefill_seqs,
                        b->prefill_tokens,
                        (gint64)b->prefill_context,
                        b->sampled};
  assert_true(iterations >= 1);
  g_array_append_val(s->iterations, it);
}

static inline void on_preempted(void *user, int engine, gint64 sequences, double now_s)
{
  served *s = user;
  (void)engine, (void)now_s;
  s->preempted += sequences;
}

static inline tw_engine_config engine_config(const naive_config *config, const tw_step_model *model,
                                             gboolean exact)
{
  static const char *const names[] = {"vllm", "prefill-first", "static", "sglang", "tensorrt-llm", "sarathi"};
  int kind = 0;
  while (!g_str_equal(tw_scheduler_kind_names[kind], names[config->kind]))
    kind++;
  return (tw_engine_config){
      .scheduler = {.kind = &tw_scheduler_kinds[kind],
                    .order = config->priorities ? TW_ORDER_PRIORITY : config->order,
                    .mixed_chunk = config->mixed_chunk,
                    .conservativeness = config->conservativeness,
                    .reserve = config->reserve_output   ? TW_RESERVE_OUTPUT
                               : config->reserve_prompt ? TW_RESERVE_PROMPT
                                                        : TW_RESERVE_CHUNK,
                    .watermark = fmax(config->watermark, tw_scheduler_kinds[kind].watermark),
                    .asynchronous = config->asynchronous,
                    .long_prefill_tokens = config->long_prefill_tokens,
                    .prefill_interval = config->prefill_interval,
                    .gaps = TRUE,
                    .prefix_cache = config->prefix_cache,
                    .max_seqs = config->max_seqs,
                    .max_batched_tokens = config->max_batched_tokens,
                    .block_tokens = config->block_tokens,
                    .max_model_len = 1 << 20,
                    .kv_blocks = config->kv_blocks,
                    .sequence_blocks = config->sequence_blocks,
                    .adapters = config->adapters,
                    .checkpoint_tokens = config->checkpoint_blocks * config->block_tokens,
                    .caps = {config->window > 0, {config->window}, {1}},
                    .uncapped_share = config->window > 0 ? 0 : 1},
      .ranks = config->ranks,
      .finish_sync = config->finish_sync,
      .model = model,
      .exact = exact,
      .audit = TRUE};
}

static inline served serve(const naive_config *config, const naive_request *requests, int n, gboolean exact)
{
  served s = {g_new0(naive_outcome, (gsize)n),
              g_array_new(FALSE, FALSE, sizeof(naive_iteration)),
              g_array_new(FALSE, FALSE, sizeof(guint64)),
              0,
              {.busy_s = 0}};
  tw_engine_listener listener = {.ended = on_ended, .ran = on_ran, .preempted = on_preempted, .user = &s};
  g_autoptr(tw_step_model) model = test_step_model(&config->costs);
  tw_engine_config engine = engine_config(config, model, exact);
  tw_engine *e = tw_engine_new(0, &engine, &listener);
  double now_s = 0;
  for (int next = 0; next < n || isfinite(tw_engine_due(e));) {
    if (next < n && requests[next].arrival_s <= tw_engine_due(e)) {
      const naive_request *r = &requests[next];
      tw_request request = naive_request_of(config, r, (guint64)next);
      request.hashes = g_memdup2(request.hashes, (gsize)request.n_hashes * sizeof *request.hashes);
      tw_sequence *sequence = tw_sequence_new(&request);
      sequence->ticket = (guint64)next++;
      assert_null(tw_engine_refusal(e, &request));
      tw_engine_submit(e, sequence, r->arrival_s);
    } else {
      now_s = tw_engine_due(e);
      tw_engine_step(e);
    }
  }
  assert_int_equal(s.order->len, n);
  s.usage = tw_engine_total(e, now_s);
  tw_usage taken = tw_engine_take_usage(e, now_s);
  memcpy(s.usage.waiting_for_s, taken.waiting_for_s, sizeof taken.waiting_for_s);
  tw_engine_free(e);
  return s;
}

/* Iterations of 1 s, whatever they hold. */
static const naive_config plain = {.kind = NAIVE_VLLM,
                                   .ranks = 1,
                                   .max_seqs = 8,
                                   .max_batched_tokens = 64,
                                   .block_tokens = 4,
                                   .kv_blocks = 1000,
                                   .costs = {1, 0, 0, 0, FALSE}};

static inline void submit(tw_engine *engine, double now_s, gint32 prompt, gint32 output)
{
  static guint64 tickets;
  tw_request request = {.id = tickets, .arrival_s = now_s, .prompt_tokens = prompt, .answer_tokens = output};
  tw_sequence *sequence = tw_sequence_new(&request);
  sequence->ticket = tickets++;
  tw_engine_submit(engine, sequence, now_s);
}

#endif
