#include "sim/steptime/software.h"

#include "platforms/input/data.h"

#define TIME(field, key, text)                                                                               \
  {                                                                                                          \
    key, TW_ATTR_QUANTITY, TW_TIME, .max = 1, .offset = offsetof(tw_software, field), .help = text           \
  }
#define WIDEST(field, key, text)                                                                             \
  {                                                                                                          \
    key, TW_ATTR_INT, .fallback = TW_ABSENT, .min = 1, .max = 1e9, .offset = offsetof(tw_software, field),   \
                      .help = text                                                                           \
  }
static const tw_attribute attributes[] = {
    {"label", TW_ATTR_STRING, .offset = offsetof(tw_software, label), .help = "name for people"},
    {"source", TW_ATTR_STRING, .offset = offsetof(tw_software, source),
     .help = "where the numbers come from"},
    TIME(request_s, "request", "from the client to the scheduler and back: HTTP, tokenizer, detokenizer"),
    TIME(iteration_s, "iteration", "of each iteration: scheduling, launch, reading back"),
    TIME(per_seq_s, "per-seq", "of each sequence: bookkeeping, sampling, detokenizing"),
    {"launch", TW_ATTR_NUMBER, .fallback = "1", .max = 100, .offset = offsetof(tw_software, launch),
     .help = "times the kernels' launch times, which are those of CUDA graphs: above 1 where software "
             "launches one by one"},
    {"compute", TW_ATTR_NUMBER, .positive = TRUE, .max = 1, .offset = offsetof(tw_software, compute),
     .help = "share of the kernels' measured FLOP rate that a running server reaches"},
    {"fp8", TW_ATTR_NUMBER, .fallback = "1", .positive = TRUE, .max = 1, .offset = offsetof(tw_software, fp8),
     .help = "share of that rate in products in FP8, whose rows are quantized and scaled beside them"},
    {"experts", TW_ATTR_NUMBER, .fallback = "1", .positive = TRUE, .max = 2,
     .offset = offsetof(tw_software, experts),
     .help = "share of the measured speed that its own kernels for experts reach"},
    {"logit-bytes", TW_ATTR_NUMBER, .fallback = "0", .max = 1e4, .offset = offsetof(tw_software, logit_bytes),
     .help =
         "HBM traffic for each logit that a token is drawn from: 0 for the likeliest token, 256 where vLLM's "
         "own sampler sorts them for top-p or top-k"},
    {"fused-norms", TW_ATTR_BOOL, .fallback = "false", .offset = offsetof(tw_software, fused_norms),
     .help = "all-reduces of tensor parallelism compute the norms behind them in the same kernel"},
    {"fused-in", TW_ATTR_STRING, .fallback = TW_ABSENT, .offset = offsetof(tw_software, fused_in),
     .help =
         "beginnings of the names of models whose layers are written so, separated by blanks; absent: all"},
    {"sum-bytes", TW_ATTR_NUMBER, .fallback = "2", .positive = TRUE, .max = 4,
     .offset = offsetof(tw_software, sum_bytes),
     .help = "bytes that a number takes in all-reduces of tensor parallelism: 2 in bf16, 0.5625 where vLLM's "
             "QuickReduce sends four bits, and a scale of 16 for 32 of them"},
    {"fused-sums", TW_ATTR_BOOL, .fallback = "false", .offset = offsetof(tw_software, fused_sums),
     .help =
         "products in front of these all-reduces send their sums while they compute "
         "(TensorRT-LLM's gemm_allreduce_plugin), within a domain: both take as long as the longer of them"},
    {"all-to-all", TW_ATTR_BOOL, .fallback = "false", .offset = offsetof(tw_software, all_to_all),
     .help = "expert parallelism sends tokens to the ranks of their experts only (DeepEP and the like); else "
             "every rank gathers all tokens, and their results are summed"},
    {"idle-tokens", TW_ATTR_INT, .fallback = "0", .max = 65536, .offset = offsetof(tw_software, idle_tokens),
     .help =
         "tokens of the dummy batch that a data-parallel rank without work computes while others run, where "
         "ranks share experts"},
    {"finish-sync", TW_ATTR_INT, .fallback = "0", .max = 65536, .offset = offsetof(tw_software, finish_sync),
     .help = "iterations from one to the next in which such ranks ask each other whether any has work left: "
             "until "
             "then all go on with dummy batches; 0: they stop at once"},
    {"graph-tokens", TW_ATTR_INT, .fallback = "0", .max = 65536,
     .offset = offsetof(tw_software, graph_tokens),
     .help = "largest batch that CUDA graphs are captured for; smaller ones are padded to captured sizes"},
    {"graph-step", TW_ATTR_INT, .fallback = "0", .max = 65536, .offset = offsetof(tw_software, graph_step),
     .help = "from one captured size to the next, above 512; 0: they are powers of two"},
    {"graph-prompts", TW_ATTR_BOOL, .fallback = "false", .offset = offsetof(tw_software, graph_prompts),
     .help = "batches with prompts run in CUDA graphs, too"},
    {"eager-layer", TW_ATTR_QUANTITY, TW_TIME, .fallback = "0s", .max = 1,
     .offset = offsetof(tw_software, eager_layer_s),
     .help = "that the host takes to launch a layer without CUDA graphs"},
    {"eager-experts", TW_ATTR_QUANTITY, TW_TIME, .fallback = "0s", .max = 1,
     .offset = offsetof(tw_software, eager_experts_s), .help = "the same, more for a layer with experts"},
    {"devices", TW_ATTR_STRING, .offset = offsetof(tw_software, devices),
     .help = "devices that it was fitted on, separated by blanks"},
    {"max-seqs", TW_ATTR_INT, .min = 1, .max = 1e9, .offset = offsetof(tw_software, max_seqs),
     .help = "most sequences of an iteration that it was fitted on"},
    {"max-context", TW_ATTR_INT, .min = 1, .max = 1e9, .offset = offsetof(tw_software, max_context),
     .help = "longest mean context of these sequences"},
    {"precisions", TW_ATTR_STRING, .fallback = TW_ABSENT, .offset = offsetof(tw_software, precisions),
     .help = "precisions of the weights that it was fitted on, separated by blanks"},
    WIDEST(max_tp, "max-tp", "widest tensor parallelism that it was fitted on"),
    WIDEST(max_pp, "max-pp", "most pipeline stages that it was fitted on"),
    WIDEST(max_dp, "max-dp", "most ranks of attention that it was fitted on"),
    WIDEST(max_ep, "max-ep", "widest expert parallelism that it was fitted on"),
    {"scheduler", TW_ATTR_STRING, .fallback = "vllm", .offset = offsetof(tw_software, scheduler),
     .help = "how it forms batches: a kind of <scheduler>, which scenarios may replace"},
    {"asynchronous", TW_ATTR_BOOL, .fallback = "false", .offset = offsetof(tw_software, asynchronous),
     .help = "its scheduler plans an iteration while the one before it runs"},
    {"overlap", TW_ATTR_BOOL, .fallback = "false", .offset = offsetof(tw_software, overlap),
     .help = "the work of each sequence passes beside the accelerators' (asynchronous scheduling)"},
    {0},
};
const tw_element tw_software_element = {"engine", "what serving software adds to the accelerators' work",
                                        attributes, NULL, NULL};

static gboolean load_file(const char *path, tw_software *software, tw_faults *faults)
{
  g_autoptr(tw_document) document = tw_document_load(path, faults);
  if (document == NULL || !tw_schema_check(tw_document_root(document), &tw_software_element, faults))
    return FALSE;
  tw_schema_read(tw_document_root(document), &tw_software_element, software);
  return TRUE;
}

gboolean tw_software_load(const char *name, const xmlNode *node, tw_software *software, tw_faults *faults)
{
  if (strchr(name, '/') != NULL) {
    g_autofree char *path = node != NULL ? tw_node_path(node, name) : g_strdup(name);
    return load_file(path, software, faults);
  }
  g_auto(GStrv) known = tw_data_list("sim/engines", ".xml");
  if (!g_strv_contains((const char *const *)known, name)) {
    g_autofree char *hint = tw_suggestion(name, (const char *const *)known);
    tw_faults_add(faults, node != NULL ? tw_node_file(node) : NULL, node != NULL ? tw_node_line(node) : 0,
                  "the engine \"%s\" is unknown; %s", name, hint);
    return FALSE;
  }
  g_autofree char *relative = g_strconcat("sim/engines/", name, ".xml", NULL);
  g_autofree char *path = tw_data_path(relative);
  return load_file(path, software, faults);
}

void tw_software_clear(tw_software *software)
{
  tw_schema_clear(&tw_software_element, software);
}

gboolean tw_software_fuses_norms(const tw_software *software, const char *model)
{
  if (!software->fused_norms || software->fused_in == NULL)
    return software->fused_norms;
  g_auto(GStrv) beginnings = g_strsplit(software->fused_in, " ", -1);
  gboolean any = FALSE;
  for (char **word = beginnings; *word != NULL; word++)
    any |= **word != '\0' && model != NULL && g_str_has_prefix(model, *word);
  return any;
}
