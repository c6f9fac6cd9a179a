#include "sim/steptime/checkpoint.h"

/* Name, whether rows stay wider than the weights of routed experts, routed experts (and all else that has no column), attention, dense MLPs and shared experts, head. */
#define CHECKPOINTS(X)                                                                                       \
  X("fp32", FALSE, TW_FP32, TW_FP32, TW_FP32, TW_BF16, NULL)                                                 \
  X("bf16", FALSE, TW_BF16, TW_BF16, TW_BF16, TW_BF16, NULL)                                                 \
  X("fp8", FALSE, TW_FP8, TW_FP8, TW_FP8, TW_BF16,                                                           \
    "a scale for each tensor or row: RedHatAI's and NVIDIA's FP8 checkpoints")                               \
  X("fp4", FALSE, TW_FP4, TW_FP4, TW_FP4, TW_BF16, NULL)                                                     \
  X("int8", FALSE, TW_INT8, TW_INT8, TW_INT8, TW_BF16, NULL)                                                 \
  X("fp8-block", FALSE, TW_FP8_BLOCK, TW_FP8_BLOCK, TW_FP8_BLOCK, TW_BF16,                                   \
    "weight_block_size 128 x 128 in config.json of DeepSeek-V3, Qwen3-235B-A22B-FP8, MiniMax-M2")            \
  X("int4", TRUE, TW_INT4, TW_INT4, TW_INT4, TW_BF16, NULL)                                                  \
  X("fp6", FALSE, TW_FP6, TW_FP6, TW_FP6, TW_BF16, NULL)                                                     \
  X("nvfp4", FALSE, TW_FP4, TW_FP4, TW_FP4, TW_BF16,                                                         \
    "hf_quant_config.json of nvidia/Llama-3.1-405B-Instruct-NVFP4: all but lm_head")                         \
  X("mxfp4", TRUE, TW_FP4, TW_BF16, TW_FP4, TW_BF16,                                                         \
    "config.json of openai/gpt-oss-120b: modules_to_not_convert holds attention")                            \
  X("int4-awq", TRUE, TW_INT4, TW_INT4, TW_INT4, TW_BF16,                                                    \
    "AWQ: every linear layer but lm_head (arXiv 2306.00978)")                                                \
  X("int4-experts", TRUE, TW_INT4, TW_BF16, TW_BF16, TW_BF16,                                                \
    "config.json of moonshotai/Kimi-K2.5: attention, shared experts and dense layers are ignored")           \
  X("mxfp4-experts", TRUE, TW_FP4, TW_BF16, TW_BF16, TW_BF16,                                                \
    "config.json of moonshotai/Kimi-K3: routed experts in groups of 32, all else in bf16")                   \
  X("mxfp4-fp8", TRUE, TW_FP4, TW_FP8_BLOCK, TW_FP8_BLOCK, TW_BF16,                                          \
    "config.json of deepseek-ai/DeepSeek-V4-Pro: routed experts fp4, other linear layers fp8 in blocks")     \
  X("nvfp4-experts", FALSE, TW_FP4, TW_BF16, TW_BF16, TW_BF16,                                               \
    "nvidia/GLM-5.2-NVFP4 and Qwen3.5-397B-A17B-NVFP4: routed experts alone")                                \
  X("nvfp4-mlp", FALSE, TW_FP4, TW_BF16, TW_FP4, TW_BF16,                                                    \
    "nvidia/Gemma-4-31B-IT-NVFP4: MLPs; attention and head in bf16")                                         \
  X("nvfp4-fp8", FALSE, TW_FP4, TW_FP8, TW_FP4, TW_FP4,                                                      \
    "nvidia's Qwen3.6-35B-A3B and 27B NVFP4: projections fp8, experts, MLPs and lm_head W4A16")              \
  X("fp8-experts", FALSE, TW_FP8_BLOCK, TW_BF16, TW_BF16, TW_BF16,                                           \
    "config.json of Qwen3.8-2.4T-A95B-FP8: routed experts alone")

const char *const tw_checkpoint_names[] = {
#define X(name, mixed, weights, attention, shared, head, source) name,
    CHECKPOINTS(X)
#undef X
        NULL};

const tw_checkpoint *tw_checkpoint_get(int index)
{
  static const tw_checkpoint rows[] = {
#define X(name, mixed, weights, attention, shared, head, source)                                             \
  {name, mixed, weights, attention, shared, head, source},
      CHECKPOINTS(X)
#undef X
  };
  g_assert(index >= 0 && index < (int)G_N_ELEMENTS(rows));
  return &rows[index];
}
