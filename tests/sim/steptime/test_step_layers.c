/* Attention of groups of layers, by the rows of a device and by its roof; what states take of memory. */
#include "sim/steptime/memory.h"
#include "sim/steptime/step_layers.h"
#include "tests/workloads/given.h"

#define MODEL(layers)                                                                                        \
  "<model name=\"m\" label=\"M\" layers=\"4\" hidden=\"7168\" vocab=\"1000\" max-positions=\"1000000\" "     \
  "source=\"s\">\n<layers count=\"4\">" layers "<mlp intermediate=\"64\"/></layers>\n</model>\n"
#define KDA "<kda heads=\"96\" head-dim=\"128\"/>"
#define DSA                                                                                                  \
  "<dsa heads=\"128\" q-lora-rank=\"1536\" kv-lora-rank=\"512\" qk-nope-head-dim=\"128\" "                   \
  "qk-rope-head-dim=\"64\" v-head-dim=\"128\" top-k=\"2048\" index-heads=\"64\" index-head-dim=\"128\"/>"
#define GQA "<gqa heads=\"8\" kv-heads=\"2\" head-dim=\"128\"/>"

/* Attention beside projections that take so many seconds in all layers, with weights in `attention`. */
static tw_step_cost attention_beside(void **state, const char *text, const char *device_name,
                                     const tw_batch *batch, double projections_s, tw_precision attention,
                                     tw_line *time)
{
  g_autofree char *path = given_text(state, "m.xml", text);
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_model) model = tw_model_load(path, NULL, faults);
  g_autoptr(tw_device) device = tw_device_load(device_name, NULL, faults);
  assert_int_equal(tw_faults_count(faults), 0);
  tw_step_setting setting = {.model = model,
                             .device = device,
                             .parallelism = {1, 1, 1, 1},
                             .weights = TW_BF16,
                             .kv = TW_FP8,
                             .attention = attention,
                             .software = {.launch = 1, .compute = 1, .sum_bytes = 2}};
  tw_step_layers *layers = tw_step_layers_new(&setting);
  tw_step_cost cost = {.valid = G_MAXINT64};
  *time = tw_step_layers_attention(layers, batch, 1, projections_s, &cost);
  tw_step_layers_free(layers);
  return cost;
}

static tw_step_cost attention_of(void **state, const char *text, const char *device_name,
                                 const tw_batch *batch, tw_line *time)
{
  return attention_beside(state, text, device_name, batch, 0, TW_BF16, time);
}

/* Chunks of so many tokens behind so many others of each sequence, with caps of 2048 tokens. */
static tw_batch prompts(gint64 seqs, gint64 tokens, gint64 earlier)
{
  double each = (double)tokens, done = (double)earlier, capped = 0;
  for (gint64 i = 1; i <= tokens; i++)
    capped += (double)MIN(earlier + i, 2048);
  return (tw_batch){.prefill_seqs = seqs,
                    .prefill_tokens = seqs * tokens,
                    .prefill_context = (double)seqs * (each * done + each * (each + 1) / 2),
                    .prefill_windowed = (double)seqs * capped,
                    .prefill_read = (double)(seqs * (tokens + earlier)),
                    .next_full = G_MAXINT64};
}

static const tw_operator *row_of(const char *name, tw_device **device)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  *device = tw_device_load(name, NULL, faults);
  assert_non_null(*device);
  return &(*device)->operators[TW_OPERATOR_DSA][TW_PHASE_PREFILL][1];
}

static tw_batch decodes(gint64 seqs, gint64 context, gint64 cap)
{
  tw_context_caps caps = {cap > 0, {cap}, {1}};
  return tw_batch_of_decodes(&caps, seqs, context);
}

/* A sequence reads and writes its state of 96 * 128 * 128 * 4 + 3 * 3 * 96 * 128 * 2 bytes in each of four layers; that
 * takes 2.44 us on a B200 (aiconfigurator, chunks of Kimi K3), whatever its context is. */
static void linear_attention_costs_its_state_at_any_context(void **state)
{
  tw_line one, many, late;
  tw_batch few = decodes(32, 1000, 0), more = decodes(64, 1000, 0), longer = decodes(32, 500000, 0);
  tw_step_cost cost = attention_of(state, MODEL(KDA), "b200-sxm", &few, &one);
  attention_of(state, MODEL(KDA), "b200-sxm", &more, &many);
  attention_of(state, MODEL(KDA), "b200-sxm", &longer, &late);
  assert_near((many.first - one.first) / 32 / 4, 2.44e-6, 0.15 * 2.44e-6);
  assert_near(late.first, one.first, 1e-15);
  assert_near(one.growth, 0, 0);
  assert_near(cost.bytes.first, 4.0 * 32 * 2 * (96 * 128 * 128 * 4 + 3 * 3 * 96 * 128 * 2), 1);
}

/* Attention reads 2048 latents at most, but the indexer scores all keys: beyond the cap the slope is that of keys of 132
 * bytes alone; below it a segment ends where the cap is reached. */
static void sparse_attention_goes_on_with_its_keys_alone(void **state)
{
  tw_line below, beyond;
  tw_batch before = decodes(4, 2000, 2048), behind = decodes(4, 100000, 2048);
  attention_of(state, MODEL(DSA), "b200-sxm", &before, &below);
  tw_step_cost cost = attention_of(state, MODEL(DSA), "b200-sxm", &behind, &beyond);
  assert_int_equal(before.next_full, 48);
  assert_true(behind.next_full == G_MAXINT64);
  assert_true(below.growth > 2 * beyond.growth && beyond.growth > 0);
  assert_near(cost.bytes.growth, 4.0 * 4 * 132, 1e-6);
  assert_near(cost.bytes.first, 4.0 * (4 * 2048.0 * 656 + 4 * 100000.0 * 132), 1);
}

/* Four layers of a few tokens take the host's time: that of dense attention where the top 2048 are the whole context, else
 * that of the sparse kernels and the indexer; projections hide as much of it as they take, and weights in fp8 blocks
 * add a kernel for each product: four where latents are expanded; else three, and two of the indexer. */
static void the_host_launches_what_the_context_asks_for(void **state)
{
  g_autoptr(tw_device) device = NULL;
  const tw_operator *o = row_of("b200-sxm", &device);
  tw_batch whole = prompts(1, 16, 2032), sparse = prompts(1, 16, 2033), far = prompts(2, 16, 200000);
  tw_line time;
  attention_of(state, MODEL(DSA), "b200-sxm", &whole, &time);
  assert_near(time.first, 4 * o->whole_host_s, 1e-12);
  attention_of(state, MODEL(DSA), "b200-sxm", &sparse, &time);
  assert_near(time.first, 4 * (o->host_s + o->index_host_s), 1e-12);
  attention_of(state, MODEL(DSA), "b200-sxm", &far, &time);
  assert_near(time.first, 4 * (o->host_s + o->index_host_s + o->long_host_s + 2 * o->long_per_seq_s), 1e-12);
  attention_beside(state, MODEL(DSA), "b200-sxm", &sparse, 4e-4, TW_FP8_BLOCK, &time);
  assert_near(time.first, 4 * (o->host_s + o->index_host_s + 5 * o->block_host_s - 1e-4), 1e-12);
  attention_beside(state, MODEL(DSA), "b200-sxm", &whole, 4e-4, TW_FP8_BLOCK, &time);
  assert_near(time.first, 4 * (o->whole_host_s + 4 * o->block_host_s - 1e-4), 1e-12);
}

/* Contexts of 64 sequences that are chosen whole: latents of 64 * 1900 tokens are expanded for 128 heads, unless they are
 * more than 131072. */
static void latents_are_expanded_where_all_are_chosen(void **state)
{
  g_autoptr(tw_device) device = NULL;
  const tw_operator *o = row_of("b200-sxm", &device);
  double rate = device->flops[TW_BF16] * device->efficiency[TW_OP_ATTENTION_PREFILL][TW_BF16].compute_peak,
         softmax = device->efficiency[TW_OP_ATTENTION_PREFILL][TW_BF16].softmax;
  tw_batch fits = prompts(64, 100, 1900), many = prompts(70, 100, 1900);
  tw_line time;
  attention_of(state, MODEL(DSA), "b200-sxm", &fits, &time);
  double pairs = 64 * (100 * 1900.0 + 5050), flops = 128 * (2 * (128 + 64 + 128) + 4 * softmax);
  assert_near(
      time.first,
      4 * (128 * (o->whole_per_item_head_s * 6400 + o->whole_expand_s * 64 * 1900) + pairs * flops / rate),
      1e-9);
  attention_of(state, MODEL(DSA), "b200-sxm", &many, &time);
  double tokens = 70 * (100 * 1900.0 + 5050),
         chosen =
             tokens * (o->per_chosen_s + 128 * 2 * (512 + 64 + 512) / (device->flops[TW_BF16] * o->compute));
  double items = 7000 * (o->per_item_s + 128 * o->per_item_head_s);
  assert_near(time.first, 4 * (o->launch_s + items + chosen), 1e-9);
}

/* Of as many new tokens and as many pairs in two sequences, the scores are a matrix twice as wide. */
static void scores_are_of_the_keys_of_all_sequences(void **state)
{
  g_autoptr(tw_device) device = NULL;
  const tw_operator *o = row_of("b200-sxm", &device);
  tw_batch one = prompts(1, 4096, 50000), two = prompts(2, 2048, 50000);
  tw_line alone, together;
  attention_of(state, MODEL(DSA), "b200-sxm", &one, &alone);
  attention_of(state, MODEL(DSA), "b200-sxm", &two, &together);
  double scored =
      (two.prefill_context - one.prefill_context) * 2 * 64 * 128 / (device->flops[TW_FP8] * o->index_compute);
  double keys = o->index_chain_s * (52048 - 54096) + o->index_per_key_s * (104096 - 54096) +
                o->index_spread_s * 4096 * 52048;
  assert_near(together.first - alone.first, 4 * (scored + keys), 1e-9);
  assert_true(o->index_spread_s > 0 && o->index_per_key_s > 0 && o->index_chain_s > 0);
}

/* A device without a row for the operator takes it by the roof: 2 * 2 * 128 bytes of KV a token. */
static void what_was_not_measured_is_taken_by_the_roof(void **state)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_device) device = tw_device_load("mi300x", NULL, faults);
  tw_line one, two;
  tw_batch few = decodes(16, 10000, 0), more = decodes(16, 20000, 0);
  attention_of(state, MODEL(GQA), "mi300x", &few, &one);
  attention_of(state, MODEL(GQA), "mi300x", &more, &two);
  double rate = device->hbm_bytes_per_s * device->efficiency[TW_OP_ATTENTION_DECODE][TW_FP8].memory;
  assert_near(two.first - one.first, 4 * 16 * 10000.0 * 512 / rate, 1e-9);
}

/* Qwen3.5-397B over eight H200: a state of 192061440 bytes in eighths, against blocks of 16 tokens with 7680 bytes on each
 * accelerator. Checkpoints of it every 8192 tokens make a token dearer by their part. */
static void a_state_is_worth_so_many_blocks(void **state)
{
  (void)state;
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_model) model = tw_model_load("qwen3.5-397b-a17b", NULL, faults);
  g_autoptr(tw_device) device = tw_device_load("h200-sxm", NULL, faults);
  tw_step_setting setting = {.model = model,
                             .device = device,
                             .parallelism = {8, 1, 1, 1},
                             .weights = TW_FP8,
                             .kv = TW_FP8,
                             .attention = TW_FP8};
  tw_memory plain = tw_memory_plan(&setting, 0.9, 8192, 256, 16);
  assert_near(plain.sequence_bytes, 192061440.0 / 8, 0);
  assert_near(plain.kv_bytes_per_token, 7680, 0);
  assert_int_equal(plain.sequence_blocks, 196); /* 24007680 / (16 * 7680) = 195.4 */
  setting.checkpoint_tokens = 8192;
  tw_memory kept = tw_memory_plan(&setting, 0.9, 8192, 256, 16);
  assert_near(kept.kv_bytes_per_token, 7680 + 24007680.0 / 8192, 1e-9);
}

/* Kimi-K2.5 in int4: routed experts in four bits, all else in sixteen. */
static void parts_of_a_checkpoint_have_formats_of_their_own(void **state)
{
  (void)state;
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_model) model = tw_model_load("kimi-k2.5", NULL, faults);
  g_autoptr(tw_device) device = tw_device_load("h200-sxm", NULL, faults);
  int index = 0;
  while (!g_str_equal(tw_checkpoint_names[index], "int4-experts"))
    index++;
  const tw_checkpoint *checkpoint = tw_checkpoint_get(index);
  tw_step_setting setting = {.model = model,
                             .device = device,
                             .parallelism = {8, 1, 1, 1},
                             .weights = checkpoint->weights,
                             .attention = checkpoint->attention,
                             .parts = checkpoint,
                             .kv = TW_BF16};
  double experts = 60.0 * 384 * 3 * 7168 * 2048, rest = tw_model_params(model) - experts;
  assert_near(tw_memory_plan(&setting, 0.9, 8192, 256, 16).weight_bytes, (0.5 * experts + 2 * rest) / 8, 1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(linear_attention_costs_its_state_at_any_context),
      cmocka_unit_test(sparse_attention_goes_on_with_its_keys_alone),
      cmocka_unit_test(the_host_launches_what_the_context_asks_for),
      cmocka_unit_test(latents_are_expanded_where_all_are_chosen),
      cmocka_unit_test(scores_are_of_the_keys_of_all_sequences),
      cmocka_unit_test(what_was_not_measured_is_taken_by_the_roof),
      cmocka_unit_test(a_state_is_worth_so_many_blocks),
      cmocka_unit_test(parts_of_a_checkpoint_have_formats_of_their_own),
  };
  return cmocka_run_group_tests(tests, given_directory, remove_directory);
}
