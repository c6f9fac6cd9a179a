#include "tests/validation/setup.h"

#include "platforms/input/data.h"
#include "tests/validation/table.h"

#include <math.h>
#include <string.h>

typedef struct word_pair {
  const char *theirs, *ours;
} word_pair;

static const word_pair models[] = {
    {"Qwen/Qwen3-32B", "qwen3-32b"},
    {"Qwen/Qwen3-30B-A3B-Instruct-2507", "qwen3-30b-a3b"},
    {"meta-llama/Llama-3.1-70B", "llama-3.1-70b"},
    {"meta-llama/Llama-3.1-70B-Instruct", "llama-3.1-70b"},
    {"meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b"},
    {"meta-llama/Llama-3.1-405B-Instruct-FP8", "llama-3.1-405b"},
    {"Qwen/Qwen3-8B", "qwen3-8b"},
    {"Qwen3-8B", "qwen3-8b"},
    {"Qwen3-14B", "qwen3-14b"},
    {"Qwen/Qwen3-235B-A22B-FP8", "qwen3-235b-a22b"},
    {"Qwen/Qwen3-235B-A22B-Instruct-2507-FP8", "qwen3-235b-a22b"},
    {"MiniMaxAI/MiniMax-M2.5", "minimax-m2.5"},
    {"moonshotai/Kimi-K2.5", "kimi-k2.5"},
    {"deepseek-ai/DeepSeek-R1", "deepseek-r1"},
    {"deepseek-ai/DeepSeek-V3.1", "deepseek-v3"}, /* the same shape */
    {"openai/gpt-oss-20b", "gpt-oss-20b"},
    {"Llama-3.3-70B", "llama-3.1-70b"}, /* the same shape */
    {"openai/gpt-oss-120b", "gpt-oss-120b"},
    {"gpt-oss-120b", "gpt-oss-120b"},
    {"gpt-oss-20b", "gpt-oss-20b"},
    {"DeepSeek-R1-0528", "deepseek-r1"},
    {"Qwen3-235B-A22B", "qwen3-235b-a22b"},
    {"llama2-70b", "llama-2-70b"},
    {"llama2-70b-99", "llama-2-70b"},
    {"llama3.1-8b", "llama-3.1-8b"},
    {"llama3.1-405b", "llama-3.1-405b"},
    {"mixtral-8x7b", "mixtral-8x7b"},
    {NULL, NULL},
};
static const word_pair devices[] = {{"h100_sxm", "h100-sxm"},
                                    {"b200_sxm", "b200-sxm"},
                                    {"A100", "a100-sxm"},
                                    {"NVIDIA H100-SXM-80GB", "h100-sxm"},
                                    {"h200_sxm", "h200-sxm"},
                                    {"H100", "h100-sxm"},
                                    {"H200", "h200-sxm"},
                                    {"B200", "b200-sxm"},
                                    {"NVIDIA H200-SXM-141GB", "h200-sxm"},
                                    {"NVIDIA B200-SXM-180GB", "b200-sxm"},
                                    {"a100-80gb", "a100-sxm"},
                                    {NULL, NULL}};

static const char *translate(const word_pair *pairs, const char *word)
{
  for (; pairs->theirs != NULL; pairs++)
    if (g_str_equal(pairs->theirs, word))
      return pairs->ours;
  return NULL;
}

/* "Org/Some_Model-Instruct-FP8": some-model, if a file of the folder has that name. */
static const char *named_alike(const char *folder, const char *word)
{
  static const char *const ends[] = {"-instruct", "-2507", "-fp8", "-nvfp4", "-fp4", "-hf", "-it"};
  g_auto(GStrv) known = tw_data_list(folder, ".xml");
  const char *slash = strrchr(word, '/');
  g_autofree char *name = g_ascii_strdown(slash != NULL ? slash + 1 : word, -1);
  g_strdelimit(name, "_ ", '-');
  for (guint e = 0; !g_strv_contains((const char *const *)known, name); e++) {
    if (e == G_N_ELEMENTS(ends))
      return NULL;
    if (g_str_has_suffix(name, ends[e])) {
      name[strlen(name) - strlen(ends[e])] = '\0';
      e = (guint)-1; /* from the first again */
    }
  }
  return g_intern_string(name);
}

/* Tells once of each word that the catalogue does not know. */
static const char *find(const word_pair *pairs, const char *folder, const char *what, const char *word)
{
  static GHashTable *told;
  const char *name = translate(pairs, word);
  name = name != NULL ? name : named_alike(folder, word);
  if (told == NULL)
    told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  if (name == NULL && g_hash_table_add(told, g_strdup(word)))
    fprintf(stderr, "the %s \"%s\" is not in the catalogue (%s); its rows are left out\n", what, word,
            folder);
  return name;
}

const char *setup_model(const char *word)
{
  return find(models, "workloads/models", "model", word);
}

const char *setup_device(const char *word)
{
  return find(devices, "platforms/devices", "device", word);
}

const char *setup_checkpoint(const char *model, const char *precision)
{
  static const char *const in_blocks[] = {"qwen3", "deepseek", "minimax"};
  if (g_str_has_prefix(model, "gpt-oss"))
    return "mxfp4";
  if (g_str_equal(precision, "int4"))
    return "int4-experts";
  if (g_str_equal(precision, "fp4"))
    return "nvfp4";
  for (guint i = 0; i < G_N_ELEMENTS(in_blocks); i++)
    if (g_str_equal(precision, "fp8") && g_str_has_prefix(model, in_blocks[i]))
      return "fp8-block";
  return g_str_equal(precision, "fp8") ? "fp8" : "bf16";
}

validation_case *setup_case(const validation_set *set, const setup *s, const char *workload)
{
  static const struct {
    const char *engine, *scheduler, *reserve, *memory;
  } servers[] = {{"vllm", "vllm", "prompt", "0.9"},
                 {"vllm-0.12", "vllm", "prompt", "0.9"},
                 {"sglang", "sglang", "prompt", "0.88"},
                 {"tensorrt-llm", "tensorrt-llm", "output", "0.92"},
                 {"tensorrt-llm-1.0", "tensorrt-llm", "output", "0.92"},
                 {"tensorrt-llm-compiled", "tensorrt-llm", "output", "0.92"},
                 {"transformers", "static", "prompt", "0.95"}};
  guint which = G_N_ELEMENTS(servers) - 1;
  while (which > 0 && !g_str_equal(servers[which].engine, s->engine))
    which--; /* engines of users' own run as the first does */
  validation_case *item = g_new0(validation_case, 1);
  item->set = set->name;
  item->fitted = set->fitted;
  item->model = g_strdup(s->model);
  item->device = g_strdup(s->device);
  item->engine = g_strdup(s->engine);
  item->tp = s->tp;
  item->dp = s->dp;
  item->ep = s->ep;
  item->weights = g_strdup(s->weights);
  item->accelerators = s->tp * s->pp * s->dp * s->replicas;
  item->shape = s->dp > 1 ? g_strdup_printf("dp%d ep%d", s->dp, s->ep) : g_strdup_printf("tp%d", s->tp);
  item->scenario = g_string_new(NULL);
  for (int m = 0; m < CASE_METRICS; m++)
    item->measured[m] = item->predicted[m] = NAN;
  g_autofree char *graphs =
      s->graph_tokens > 0 ? g_strdup_printf(" graph-tokens=\"%d\"", s->graph_tokens) : g_strdup("");
  g_autofree char *platform = validation_platform_name(s->device, item->accelerators);
  g_string_append_printf(
      item->scenario,
      "<?xml version=\"1.0\"?>\n<scenario name=\"case\">\n  <platform file=\"%s\"/>\n"
      "  <workload>%s</workload>\n"
      "  <pool id=\"serve\" model=\"%s\" replicas=\"%d\" tp=\"%d\" pp=\"%d\" dp=\"%d\" ep=\"%d\" "
      "weights=\"%s\" kv=\"%s\" memory-fraction=\"%s\">\n"
      "    <scheduler kind=\"%s\" reserve=\"%s\" max-seqs=\"%d\" max-batched-tokens=\"%d\" "
      "max-model-len=\"%d\"/>\n"
      "    <step-time engine=\"%s\"%s %s/>\n  </pool>\n  <router/>\n</scenario>\n",
      platform, workload, s->model, s->replicas, s->tp, s->pp, s->dp, s->ep, s->weights, s->kv,
      s->memory != NULL ? s->memory : servers[which].memory, servers[which].scheduler,
      s->reserve != NULL ? s->reserve : servers[which].reserve, s->max_seqs, MAX(s->max_batched, s->max_seqs),
      s->max_len, s->engine, graphs, s->software != NULL ? s->software : "");
  return item;
}

char *setup_closed_loop(int concurrency, int rounds, int isl, int osl, gboolean spread)
{
  g_autofree char *law = g_strdup(spread ? "law=\"lognormal\" sigma=\"0.064\"" : "law=\"fixed\"");
  double share = spread ? 0.9 : 1;
  gboolean once = rounds == 1;
  return g_strdup_printf(
      "<closed-loop concurrency=\"%d\" requests=\"%d\" pace=\"%s\" jitter=\"%s\"><prompt %s "
      "mean=\"%.0f\" max=\"%d\"/><answer %s mean=\"%.0f\" max=\"%d\"/></closed-loop>",
      concurrency, concurrency * rounds, once ? "0s" : "2ms", once ? "0s" : "20ms", law, share * isl, isl,
      law, share * osl, osl);
}

GString *setup_trace(const char *path, GError **error)
{
  static const tw_csv_column columns[] = {
      {"start_s", FALSE}, {"prompt_tokens", FALSE}, {"output_tokens", FALSE}, {NULL, FALSE}};
  table t;
  if (!table_open(&t, path, columns, FALSE, error))
    return NULL;
  g_autoptr(GString) text = g_string_new("arrival_s,prompt_tokens,answer_tokens\n");
  while (table_next(&t))
    g_string_append_printf(text, "%s,%s,%s\n", tw_csv_text(t.csv, 0), tw_csv_text(t.csv, 1),
                           tw_csv_text(t.csv, 2));
  return table_close(&t) ? g_steal_pointer(&text) : NULL;
}

gboolean setup_watts(const char *path, validation_case *item, GError **error)
{
  static const tw_csv_column columns[] = {{"t_s", FALSE}, {"watts", FALSE}, {NULL, FALSE}};
  table t;
  if (!table_open(&t, path, columns, FALSE, error))
    return FALSE;
  double sum = 0, n = 0;
  for (; table_next(&t); n++) {
    double at_s = table_number(&t, 0);
    item->from_s = n == 0 ? at_s : item->from_s;
    item->to_s = at_s;
    sum += table_number(&t, 1);
  }
  item->measured[CASE_WATTS] = sum / n / item->accelerators;
  return table_close(&t);
}
