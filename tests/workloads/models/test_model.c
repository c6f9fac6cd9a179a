#include "platforms/input/data.h"
#include "tests/workloads/given.h"
#include "workloads/models/model.h"

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
    {"llama-3.1-8b", 8.03, 8.03, TRUE, 0.005},     {"llama-3.1-70b", 70.6, 70.6, TRUE, 0.005},
    {"llama-3.1-405b", 405.9, 405.9, TRUE, 0.005}, {"llama-2-70b", 68.98, 68.98, TRUE, 0.005},
    {"qwen3-8b", 8.19, 8.19, TRUE, 0.005},         {"qwen3-32b", 32.8, 32.8, TRUE, 0.005},
    {"qwen3-30b-a3b", 30.5, 3.3, TRUE, 0.005},     {"qwen3-235b-a22b", 235, 22, TRUE, 0.005},
    {"gpt-oss-120b", 116.83, 5.13, FALSE, 0.005},  {"gpt-oss-20b", 20.91, 3.61, FALSE, 0.005},
    {"mixtral-8x7b", 46.7, 12.9, TRUE, 0.005},     {"deepseek-v3", 671, 37, TRUE, 0.005},
    {"deepseek-r1", 671, 37, TRUE, 0.005},         {"kimi-k2", 1040, 32.6, TRUE, 0.02}, /* "1.04T" */
    {"qwen3-14b", 14.8, 14.8, TRUE, 0.005},        {"minimax-m2.5", 229, 10.4, FALSE, 0.005},
    {"kimi-k2.5", 1040, 32.6, TRUE, 0.02},
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
  assert_int_equal(g_strv_length(names), G_N_ELEMENTS(totals));
  for (char **name = names; *name != NULL; name++) {
    g_autoptr(tw_model) model = load(*name);
    assert_string_equal(model->name, *name);
    assert_non_null(strstr(model->source, "config.json"));
  }
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
      cmocka_unit_test(parameters_add_up_to_the_published_totals),
      cmocka_unit_test(the_kv_cache_has_the_size_that_follows_from_the_shape),
      cmocka_unit_test(a_dense_layer_is_counted_by_hand),
      cmocka_unit_test(a_latent_attention_layer_with_experts_is_counted_by_hand),
      cmocka_unit_test(gpt_oss_alternates_full_and_sliding_window_layers),
      cmocka_unit_test(every_shipped_model_loads_and_bears_the_name_of_its_file),
      cmocka_unit_test(an_unknown_model_gets_the_nearest_name),
      cmocka_unit_test(shapes_that_contradict_themselves_are_refused),
      cmocka_unit_test(unknown_and_missing_attributes_are_refused),
  };
  return cmocka_run_group_tests(tests, given_directory, remove_directory);
}
