#include "platforms/input/data.h"
#include "tests/workloads/given.h"
#include "workloads/models/model.h"

#include <math.h>

static tw_model *load(const char *name)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  tw_model *model = tw_model_load(name, NULL, faults);
  if (model == NULL)
    print_error("%s\n", tw_faults_get(faults, 0));
  assert_non_null(model);
  assert_int_equal(tw_faults_count(faults), 0);
  return model;
}

/* Totals as the makers publish them: Llama 3.1 in arXiv 2407.21783, Llama 2 in 2307.09288, Qwen3 in
 * 2505.09388 and its model cards, gpt-oss in 2508.10925, DeepSeek-V3 in 2412.19437, Mixtral in 2401.04088 and
 * Kimi K2 in 2507.20534. Qwen, Mixtral and DeepSeek count the embedding among the active parameters, which we
 * do not. They give two or three figures, and we leave out norms, biases and sinks: half a percent of the
 * total, and three of the active ones, must suffice. */
typedef struct {
  const char *name;
  double params, active; /* in units of 1e9 */
  gboolean active_has_embedding;
  double tolerance; /* relative, of the total */
} published;

static const published totals[] = {
    {"llama-3.1-8b", 8.03, 8.03, TRUE, 0.005},
    {"llama-3.1-70b", 70.6, 70.6, TRUE, 0.005},
    {"llama-3.1-405b", 405.9, 405.9, TRUE, 0.005},
    {"llama-2-70b", 68.98, 68.98, TRUE, 0.005},
    {"qwen3-8b", 8.19, 8.19, TRUE, 0.005},
    {"qwen3-32b", 32.8, 32.8, TRUE, 0.005},
    {"qwen3-30b-a3b", 30.5, 3.3, TRUE, 0.005},
    {"qwen3-235b-a22b", 235, 22, TRUE, 0.005},
    {"gpt-oss-120b", 116.83, 5.13, FALSE, 0.005},
    {"gpt-oss-20b", 20.91, 3.61, FALSE, 0.005},
    {"mixtral-8x7b", 46.7, 12.9, TRUE, 0.005},
    {"deepseek-v3", 671, 37, TRUE, 0.005},
    {"deepseek-r1", 671, 37, TRUE, 0.005},
    {"kimi-k2", 1040, 32.6, TRUE, 0.02}, /* "1.04T" */
    {"qwen3-14b", 14.8, 14.8, TRUE, 0.005},
    {"minimax-m2.5", 229, 10.4, FALSE, 0.005},
    {"kimi-k2.5", 1040, 32.6, TRUE, 0.02},
    {"llama-3.2-1b", 1.23, 1.23, FALSE, 0.005}, /* tables once */
    {"qwen3-0.6b", 0.6, 0.6, FALSE, 0.01},
};

static void parameters_add_up_to_the_published_totals(void **state)
{
  (void)state;
  for (guint i = 0; i < G_N_ELEMENTS(totals); i++) {
    g_autoptr(tw_model) model = load(totals[i].name);
    double active = tw_model_active_params(model);
    if (totals[i].active_has_embedding)
      active += tw_model_head_params(model);
    assert_near(tw_model_params(model) / 1e9, totals[i].params, totals[i].tolerance * totals[i].params);
    assert_near(active / 1e9, totals[i].active, 0.03 * totals[i].active);
  }
}

/* Numbers of KV cache per token over all layers, 2 · kv_heads · head_dim each, or kv_lora_rank +
 * qk_rope_head_dim with MLA. */
static void the_kv_cache_has_the_size_that_follows_from_the_shape(void **state)
{
  (void)state;
  static const struct {
    const char *name;
    double numbers;
  } sizes[] = {
      {"llama-3.1-8b", 65536}, {"llama-3.1-70b", 163840},  {"llama-3.1-405b", 258048},
      {"deepseek-v3", 35136},  {"deepseek-r1", 35136},     {"gpt-oss-120b", 36864},
      {"gpt-oss-20b", 24576},  {"qwen3-235b-a22b", 96256}, {"qwen3-30b-a3b", 49152},
      {"qwen3-32b", 131072},   {"qwen3-8b", 73728},        {"mixtral-8x7b", 65536},
      {"kimi-k2", 35136},      {"llama-2-70b", 163840},
  };
  for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
    g_autoptr(tw_model) model = load(sizes[i].name);
    assert_near((double)model->layers * tw_model_kv_numbers_per_layer(model), sizes[i].numbers, 0);
  }
}

/* The draft layer of DeepSeek-V3.2 as a model: its parameters are those of the layer, with the projection of two rows to
 * one beside a head that it borrows; and its context counts as that of the model, which chooses as many tokens. */
static void draft_layers_are_a_model_of_their_own(void **state)
{
  (void)state;
  g_autoptr(tw_model) model = load("deepseek-v3.2"), dense = load("llama-3.1-8b"),
                      windowed = load("gpt-oss-20b");
  g_autoptr(tw_model) drafter = tw_model_drafter(model);
  assert_int_equal(drafter->layers, 1);
  assert_near(tw_model_params(drafter) - (double)(model->vocab * model->hidden), tw_model_draft_params(model),
              1);
  assert_int_equal(drafter->heads, 128);
  assert_true(tw_model_follow_caps(drafter, model));
  assert_int_equal(drafter->caps.n, model->caps.n);
  assert_false(tw_model_follow_caps(drafter, dense)); /* it has no tokens of its own choice */
  assert_true(tw_model_follow_caps(dense, windowed));
  assert_int_equal(dense->caps.n, 1);
  assert_null(tw_model_drafter(dense));
}

/* Llama-3.1-8B by hand: attention 4096·(32·128)·2 + 4096·(8·128)·2, MLP 3·4096·14336, head 4096·128256. */
static void a_dense_layer_is_counted_by_hand(void **state)
{
  (void)state;
  g_autoptr(tw_model) model = load("llama-3.1-8b");
  assert_near(tw_model_attention_params(model), 41943040, 0);
  assert_near(tw_model_dense_mlp_params(model), 176160768, 0);
  assert_near(tw_model_head_params(model), 525336576, 0);
  assert_near(tw_model_params(model), 32 * (41943040.0 + 176160768) + 2 * 525336576.0, 0);
  assert_near(tw_model_active_params(model), 32 * (41943040.0 + 176160768) + 525336576.0, 0);
  assert_int_equal(model->dense_layers, 32);
}

/* DeepSeek-V3 by hand: q 7168·1536 + 1536·128·192, latent 7168·576 + 512·128·256, output 128·128·7168; an
 * expert 3·7168·2048; with one shared expert and a gate of 7168·256. */
static void a_latent_attention_layer_with_experts_is_counted_by_hand(void **state)
{
  (void)state;
  g_autoptr(tw_model) model = load("deepseek-v3");
  assert_near(tw_model_attention_params(model), 11010048.0 + 37748736 + 4128768 + 16777216 + 117440512, 0);
  assert_near(tw_model_expert_params(model), 44040192, 0);
  assert_near(tw_model_shared_params(model), 44040192 + 1835008, 0);
  assert_int_equal(model->dense_layers, 3);
}

/* Models whose layers are not alike. What the makers' cards and names say of parameters, in units of 1e9 (0: nothing),
 * and sums over the shapes of the same configuration files that were made apart from this code, as are KV bytes of a
 * token (8 bits, as the engines store it) and bytes of state. */
static const struct {
  const char *name;
  double card, summed, active;  /* 1e9 */
  double kv8, state, tolerance; /* tolerance: of the card */
} of_groups[] = {
    {"deepseek-v3.2", 685, 671.88, 37.48, 48068, 0, 0.02}, /* the card counts the MTP layer */
    {"deepseek-v4-flash", 284, 283.99, 12.93, 3850.25, 0, 0.02},
    {"deepseek-v4-pro", 1600, 1572.13, 47.99, 5511.4375, 0, 0.02},
    {"deepseek-v4.1-flash", 0, 551.46, 15.71, 2318, 0, 0},
    {"gemma-3-27b", 27, 27.01, 27.01, 10 * 4096, 0, 0.02},
    {"gemma-4-26b-a4b", 26, 25.23, 3.82, 10240, 0, 0.04}, /* a rounded name */
    {"gemma-4-31b", 31, 30.7, 30.7, 40960, 0, 0.02},
    {"glm-4.6", 355, 352.8, 32.85, 188416, 0, 0.02},
    {"glm-5", 0, 743.91, 40.83, 61464, 0, 0},
    {"glm-5.2", 753, 743.38, 40.3, 53940, 0, 0.02},
    {"glm-5.3-flash", 0, 313.21, 16.63, 11 * 528 + 11 * 33, 147619840, 0},
    {"kimi-k3", 2800, 2779.3, 104, 13824, 449372160, 0.02},
    {"llama-4-maverick", 400, 400.71, 16.15, 12 * 2048, 0, 0.02},
    {"llama-4-scout", 109, 107.77, 16.14, 12 * 2048, 0, 0.02},
    {"mimo-v2-flash", 309, 308.8, 14.82, 9 * 4 * 320, 0, 0.02},
    {"minimax-m3", 428, 426.17, 24.73, 68736, 0, 0.02},
    {"mistral-large-3", 675, 673.55, 39.14, 35136, 0, 0.02},
    {"mistral-small-4", 119, 118.97, 6.1, 11520, 0, 0.02},
    {"nemotron-3-nano-30b-a3b", 30, 31.58, 3.23, 3072, 49082368, 0.06}, /* a rounded name */
    {"nemotron-3-super-120b-a12b", 120, 120.67, 12.23, 4096, 170229760, 0.02},
    {"nemotron-3-ultra-550b-a55b", 550, 549.3, 54.98, 6144, 407961600, 0.02},
    {"nemotron-3.5-lightning-30b-a3b", 30, 31.58, 3.23, 3072, 49082368, 0.06}, /* a rounded name */
    {"qwen3-coder-480b-a35b", 480, 480.15, 34.54, 126976, 0, 0.02},
    {"qwen3-next-80b-a3b", 80, 79.67, 3.56, 12288, 77266944, 0.02},
    {"qwen3.5-122b-a10b", 122, 122.11, 9.01, 12288, 153649152, 0.02},
    {"qwen3.5-27b", 27, 26.89, 25.62, 32768, 153944064, 0.02},
    {"qwen3.5-35b-a3b", 35, 34.66, 2.95, 10240, 64389120, 0.02},
    {"qwen3.5-397b-a17b", 397, 396.34, 16.33, 15360, 192061440, 0.02},
    {"qwen3.8-2.4t-a95b", 2400, 2419.8, 93.25, 47104, 587292672, 0.02},
    {"step-3.7-flash", 0, 195.83, 10.34, 24576, 0, 0},
};

static void groups_of_layers_sum_to_the_sizes_of_the_card(void **state)
{
  (void)state;
  for (guint i = 0; i < G_N_ELEMENTS(of_groups); i++) {
    g_autoptr(tw_model) model = load(of_groups[i].name);
    double params = tw_model_params(model) / 1e9, card = of_groups[i].card;
    assert_near(params, of_groups[i].summed, 0.002 * of_groups[i].summed);
    assert_near(tw_model_active_params(model) / 1e9, of_groups[i].active, 0.005 * of_groups[i].active);
    if (card > 0)
      assert_near(params, card, of_groups[i].tolerance * card);
    if (!isnan(model->card_params))
      assert_near(model->card_params / 1e9, card, 0);
    tw_sequence_bytes held = tw_model_sequence_bytes(model, 1, 1);
    assert_near(held.per_token, of_groups[i].kv8, 1e-9 * of_groups[i].kv8);
    assert_near(held.state, of_groups[i].state, 0);
  }
}

/* DeepSeek-V4-Flash keeps 128 tokens of 584 bytes in each of 43 layers, Gemma-4-31B 1024 of 2 * 16 * 256 numbers in 50. */
static void windows_keep_their_last_tokens_only(void **state)
{
  (void)state;
  g_autoptr(tw_model) v4 = load("deepseek-v4-flash"), gemma = load("gemma-4-31b");
  assert_near(tw_model_sequence_bytes(v4, 1, 1).window, 43.0 * 128 * 584, 0);
  assert_near(tw_model_sequence_bytes(gemma, 2, 1).window, 50.0 * 1024 * 8192 * 2, 0);
  /* A prompt of half a window fills half of it; the ten other layers have 2 * 4 * 512 numbers for each token. */
  assert_near(tw_model_cache_bytes(gemma, 1, 512, 1), 50.0 * 512 * 8192 + 10.0 * 512 * 4096, 0);
}

/* Tensor parallelism divides the heads of states, and key and value heads as far as there are any: of Qwen3.5's two, a
 * group of eight holds four copies. */
static void states_are_divided_by_their_heads_and_kv_by_key_and_value_heads(void **state)
{
  (void)state;
  g_autoptr(tw_model) model = load("qwen3.5-397b-a17b");
  tw_sequence_bytes whole = tw_model_sequence_bytes(model, 2, 1), part = tw_model_sequence_bytes(model, 2, 8);
  assert_near(part.state, whole.state / 8, 0);
  assert_near(part.per_token, whole.per_token / 2, 0);
  assert_int_equal(tw_model_kv_shards(model, 8), 2);
  /* What moves to another engine: four copies of the KV of 1000 tokens, and the state once. */
  assert_near(4 * tw_model_cache_bytes(model, 2, 1000, 8), 4 * 1000 * whole.per_token + whole.state, 1e-3);
}

/* The caps of the context, and the share of bytes that each bounds. GLM-5: 78 layers read 2048 latents of 1152 bytes at
 * most, and score keys of 132 bytes of all tokens. */
static void attention_that_chooses_caps_the_context(void **state)
{
  (void)state;
  g_autoptr(tw_model) model = load("glm-5"), compressed = load("deepseek-v4-flash");
  assert_int_equal(model->caps.n, 1);
  assert_int_equal(model->caps.tokens[0], 2048);
  assert_near(model->caps.share[0], 1152.0 / (1152 + 132), 1e-12);
  assert_near(model->uncapped_share, 132.0 / (1152 + 132), 1e-12);
  assert_int_equal(compressed->caps.n, 2); /* a window of 128, and 512 entries of 4 tokens */
  assert_int_equal(compressed->caps.tokens[0], 128);
  assert_int_equal(compressed->caps.tokens[1], 2048);
}

static void what_check_prints_names_parts_and_the_card(void **state)
{
  (void)state;
  g_autoptr(tw_model) model = load("qwen3.5-397b-a17b");
  g_autofree char *text = tw_model_totals(model);
  assert_non_null(strstr(text, "396.3"));
  assert_non_null(strstr(text, "the card says 397"));
  assert_non_null(strstr(text, "routed experts"));
  assert_non_null(strstr(text, "192061440 bytes per sequence"));
  assert_non_null(strstr(text, "30720 bytes per token"));
}

static void gpt_oss_alternates_full_and_sliding_window_layers(void **state)
{
  (void)state;
  g_autoptr(tw_model) model = load("gpt-oss-120b");
  assert_int_equal(model->layers, 36);
  assert_int_equal(model->window_layers, 18);
  assert_int_equal(model->window, 128);
  assert_int_equal(model->head_dim, 64);
  assert_int_equal(model->dense_layers, 0);
}

static void every_shipped_model_loads_and_bears_the_name_of_its_file(void **state)
{
  (void)state;
  g_auto(GStrv) names = tw_data_list("workloads/models", ".xml");
  int grouped = 0;
  for (char **name = names; *name != NULL; name++) {
    g_autoptr(tw_model) model = load(*name);
    assert_string_equal(model->name, *name);
    assert_true(strlen(model->source) > 10);
    grouped += model->n_groups > 0;
  }
  assert_int_equal(g_strv_length(names), (int)G_N_ELEMENTS(totals) + grouped);
  assert_int_equal(grouped, G_N_ELEMENTS(of_groups));
}

static void an_unknown_model_gets_the_nearest_name(void **state)
{
  (void)state;
  g_autoptr(tw_faults) faults = tw_faults_new();
  assert_null(tw_model_load("lama-3.1-8b", NULL, faults));
  assert_string_equal(tw_faults_get(faults, 0),
                      "no model is called \"lama-3.1-8b\"; did you mean \"llama-3.1-8b\"?");
  assert_null(tw_model_load("x", NULL, faults));
  assert_non_null(strstr(tw_faults_get(faults, 1), "there are deepseek-r1, deepseek-v3, "));
}

#define MODEL(body)                                                                                          \
  "<model name=\"m\" label=\"M\" layers=\"4\" hidden=\"64\" vocab=\"100\" max-positions=\"10\" "             \
  "source=\"s\">\n" body "\n</model>\n"
#define GQA "<attention kind=\"gqa\" heads=\"8\" kv-heads=\"2\" head-dim=\"8\"/>"
#define MLP "<mlp intermediate=\"10\"/>"

/* Each broken model, and its faults joined by '|'. */
static const struct {
  const char *text, *faults;
} broken[] = {
    {MODEL(GQA), "m.xml:1: the model has neither <mlp> nor <experts>; give one or both"},
    {MODEL("<attention kind=\"gqa\" heads=\"8\" kv-heads=\"3\" head-dim=\"8\"/>" MLP),
     "m.xml:2: 8 heads cannot share 3 kv-heads evenly; kv-heads must divide heads"},
    {MODEL("<attention kind=\"gqa\" heads=\"8\" kv-lora-rank=\"3\"/>" MLP),
     "m.xml:2: attention of kind gqa lacks kv-heads; give it|"
     "m.xml:2: attention of kind gqa lacks head-dim; give it|"
     "m.xml:2: attention of kind gqa has no kv-lora-rank; leave it out or write kind=\"mla\""},
    {MODEL("<attention kind=\"mla\" heads=\"8\" kv-lora-rank=\"32\" qk-nope-head-dim=\"8\" "
           "v-head-dim=\"8\"/>" MLP),
     "m.xml:2: attention of kind mla lacks qk-rope-head-dim; give it"},
    {MODEL("<attention kind=\"gqa\" heads=\"8\" kv-heads=\"2\" head-dim=\"8\" window=\"9\"/>" MLP),
     "m.xml:2: window and window-layers go together; give both or none"},
    {MODEL("<attention kind=\"gqa\" heads=\"8\" kv-heads=\"2\" head-dim=\"8\" window=\"9\" "
           "window-layers=\"5\"/>" MLP),
     "m.xml:1: window-layers is 5; the model has 4 layers"},
    {MODEL(GQA "<experts count=\"4\" per-token=\"5\" intermediate=\"7\"/>"),
     "m.xml:2: per-token is 5, more than count, 4; a token cannot pass through more experts than there are"},
    {MODEL(GQA MLP "<experts count=\"4\" per-token=\"2\" intermediate=\"7\"/>"),
     "m.xml:1: layers of <mlp> is 0; with experts beside it, 1 to 3 layers can have the dense MLP"},
    {MODEL(GQA "<mlp intermediate=\"7\" layers=\"3\"/>"),
     "m.xml:1: layers of <mlp> is 3; without experts all 4 layers have the dense MLP"},
    {MODEL("<attention kind=\"gq\" heads=\"8\"/><attention kind=\"gq\" heads=\"8\"/>" MLP),
     "m.xml:2: kind of <attention>: \"gq\" is unknown; did you mean \"gqa\"?|"
     "m.xml:2: kind of <attention>: \"gq\" is unknown; did you mean \"gqa\"?|"
     "m.xml:2: <attention> stands too often in <model>; at most 1 may"},
};

#define LAYERS(count, body) "<layers count=\"" #count "\">" body "</layers>\n"
#define KDA                 "<kda heads=\"2\" head-dim=\"8\"/>"
#define HALF                "<gqa heads=\"8\" kv-heads=\"2\" head-dim=\"8\"/>"

static const struct {
  const char *text, *faults;
} broken_groups[] = {
    {MODEL(MLP), "m.xml:1: the model has neither <attention> nor <layers>; give one of them: <attention> "
                 "where all layers "
                 "have the same kind"},
    {MODEL(LAYERS(3, HALF MLP)),
     "m.xml:1: the counts of <layers> sum to 3, but layers is 4; make them agree"},
    {MODEL(LAYERS(2, HALF MLP) LAYERS(3, KDA MLP)),
     "m.xml:1: the counts of <layers> sum to 5, but layers is 4; make them agree"},
    {MODEL(GQA LAYERS(4, HALF MLP)),
     "m.xml:2: <attention> stands beside <layers>; move it into the <layers> that have it"},
    {MODEL(LAYERS(4, HALF KDA MLP)),
     "m.xml:2: <kda> stands beside <gqa>; a layer has one kind of attention, so write two <layers>"},
    {MODEL(LAYERS(4, "")),
     "m.xml:2: the layers have neither attention, <mlp> nor <experts>; give one of them"},
    {MODEL(LAYERS(4, MLP)), "m.xml:1: none of the <layers> has attention; give some a kind of it"},
    {MODEL(LAYERS(1, HALF "<experts count=\"4\" per-token=\"2\" intermediate=\"7\"/>")
               LAYERS(3, HALF "<experts count=\"8\" per-token=\"2\" intermediate=\"7\"/>")),
     "m.xml:3: the experts differ from those of the <layers> before; give all that have any the same count, "
     "per-token, "
     "intermediate, matrices and input"},
    {MODEL(LAYERS(4, "<gqa heads=\"8\" kv-heads=\"2\" head-dim=\"8\" window=\"4\" chunk=\"4\"/>" MLP)),
     "m.xml:2: window and chunk exclude each other; give one of them"},
    {MODEL(LAYERS(4,
                  "<dsa heads=\"8\" kv-lora-rank=\"32\" qk-nope-head-dim=\"8\" v-head-dim=\"8\" top-k=\"4\" "
                  "index-heads=\"2\" index-head-dim=\"8\" index-layers=\"5\"/>" MLP)),
     "m.xml:2: index-layers is 5; the group has 4 layers"},
    {MODEL(LAYERS(4, "<compressed heads=\"8\" head-dim=\"8\" qk-rope-head-dim=\"4\" q-lora-rank=\"4\" "
                     "o-lora-rank=\"4\" o-groups=\"2\" window=\"8\" top-k=\"4\"/>" MLP)),
     "m.xml:2: top-k, index-heads and index-head-dim go together; give all or none|"
     "m.xml:2: top-k chooses among entries, of which ratio=\"0\" makes none; give a ratio"},
    {MODEL(LAYERS(4, "<gated-delta-net key-heads=\"3\" value-heads=\"4\" head-dim=\"8\"/>" MLP)),
     "m.xml:2: 4 value-heads cannot share 3 key-heads evenly; key-heads must divide value-heads"},
    {MODEL(LAYERS(4, "<kdaa heads=\"2\" head-dim=\"8\"/>" MLP)),
     "m.xml:2: <kdaa> cannot stand in <layers>; did you mean \"kda\"?"},
};

static char *faults_of(void **state, const char *text)
{
  g_autofree char *path = given_text(state, "m.xml", text);
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_model) model = tw_model_load(path, NULL, faults);
  assert_true((model == NULL) == (tw_faults_count(faults) > 0));
  GString *all = g_string_new(NULL);
  for (guint i = 0; i < tw_faults_count(faults); i++)
    g_string_append_printf(all, "%s%s", i > 0 ? "|" : "", tw_faults_get(faults, i) + strlen(*state) + 1);
  return g_string_free(all, FALSE);
}

static void shapes_that_contradict_themselves_are_refused(void **state)
{
  g_autofree char *good = faults_of(state, MODEL(GQA MLP));
  assert_string_equal(good, "");
  for (guint i = 0; i < G_N_ELEMENTS(broken); i++) {
    g_autofree char *all = faults_of(state, broken[i].text);
    assert_string_equal(all, broken[i].faults);
  }
}

static void groups_that_contradict_each_other_are_refused(void **state)
{
  g_autofree char *good = faults_of(state, MODEL(LAYERS(1, KDA) LAYERS(2, HALF) LAYERS(1, MLP)));
  assert_string_equal(good, "");
  for (guint i = 0; i < G_N_ELEMENTS(broken_groups); i++) {
    g_autofree char *all = faults_of(state, broken_groups[i].text);
    assert_string_equal(all, broken_groups[i].faults);
  }
}

/* The table's own checks are tested with the table; here, that they are on. */
static void unknown_and_missing_attributes_are_refused(void **state)
{
  g_autofree char *all =
      faults_of(state, MODEL("<attention kind=\"gqa\" head=\"8\" kv-heads=\"2\" head-dim=\"-1\"/>" MLP));
  assert_non_null(strstr(all, "m.xml:2: "));
  assert_non_null(strstr(all, "\"head\""));
  assert_non_null(strstr(all, "heads"));
  assert_non_null(strstr(all, "-1"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(draft_layers_are_a_model_of_their_own),
      cmocka_unit_test(parameters_add_up_to_the_published_totals),
      cmocka_unit_test(the_kv_cache_has_the_size_that_follows_from_the_shape),
      cmocka_unit_test(a_dense_layer_is_counted_by_hand),
      cmocka_unit_test(a_latent_attention_layer_with_experts_is_counted_by_hand),
      cmocka_unit_test(groups_of_layers_sum_to_the_sizes_of_the_card),
      cmocka_unit_test(windows_keep_their_last_tokens_only),
      cmocka_unit_test(states_are_divided_by_their_heads_and_kv_by_key_and_value_heads),
      cmocka_unit_test(attention_that_chooses_caps_the_context),
      cmocka_unit_test(what_check_prints_names_parts_and_the_card),
      cmocka_unit_test(gpt_oss_alternates_full_and_sliding_window_layers),
      cmocka_unit_test(every_shipped_model_loads_and_bears_the_name_of_its_file),
      cmocka_unit_test(an_unknown_model_gets_the_nearest_name),
      cmocka_unit_test(shapes_that_contradict_themselves_are_refused),
      cmocka_unit_test(groups_that_contradict_each_other_are_refused),
      cmocka_unit_test(unknown_and_missing_attributes_are_refused),
  };
  return cmocka_run_group_tests(tests, given_directory, remove_directory);
}
