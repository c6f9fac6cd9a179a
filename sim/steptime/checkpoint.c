#include "sim/steptime/checkpoint.h"

#define CHECKPOINTS(X)                                                                                       \
  X("fp32", TW_FP32, TW_FP32, NULL)                                                                          \
  X("bf16", TW_BF16, TW_BF16, NULL)                                                                          \
  X("fp8", TW_FP8, TW_FP8, "a scale for each tensor or row: RedHatAI's and NVIDIA's FP8 checkpoints")        \
  X("fp4", TW_FP4, TW_FP4, NULL)                                                                             \
  X("int8", TW_INT8, TW_INT8, NULL)                                                                          \
  X("fp8-block", TW_FP8_BLOCK, TW_FP8_BLOCK,                                                                 \
    "weight_block_size 128 x 128 in config.json of DeepSeek-V3, Qwen3-235B-A22B-FP8, MiniMax-M2")            \
  X("int4", TW_INT4, TW_INT4, NULL)                                                                          \
  X("nvfp4", TW_FP4, TW_FP4,                                                                                 \
    "hf_quant_config.json of nvidia/Llama-3.1-405B-Instruct-NVFP4: all but lm_head")                         \
  X("mxfp4", TW_FP4, TW_BF16, "config.json of openai/gpt-oss-120b: modules_to_not_convert holds attention")  \
  X("int4-awq", TW_INT4, TW_INT4, "AWQ: every linear layer but lm_head (arXiv 2306.00978)")                  \
  X("int4-experts", TW_INT4, TW_BF16,                                                                        \
    "config.json of moonshotai/Kimi-K2.5: attention, shared experts and dense layers are ignored")

const char *const tw_checkpoint_names[] = {
#define X(name, weights, attention, source) name,
    CHECKPOINTS(X)
#undef X
        NULL};

const tw_checkpoint *tw_checkpoint_get(int index)
{
  static const tw_checkpoint rows[] = {
#define X(name, weights, attention, source) {name, weights, attention, source},
      CHECKPOINTS(X)
#undef X
  };
  g_assert(index >= 0 && index < (int)G_N_ELEMENTS(rows));
  return &rows[index];
}
