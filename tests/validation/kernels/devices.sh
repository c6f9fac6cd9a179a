#!/bin/sh
# Fits the devices that were measured: tests/validation/kernels/devices.sh BUILD KERNELS, where BUILD is
# a build directory and KERNELS holds the measurements (not shipped). Rewrites their <efficiency> and <operator> elements
# in platforms/devices with the values that ship, where neither fits nor measurements changed; their order may move.
set -eu
fit=$1/tests/fit-kernels k=$2 devices=$(dirname "$0")/../../../platforms/devices

datacenter() { # DEVICE PREFIX RELEASE
  "$fit" --device="$1" --into="$devices/$1.xml" --source="aiconfigurator kernel measurements (Apache-2.0), $2, TensorRT-LLM $3" \
    gemm="$k/$2_gemm_trtllm_$3_gemm_perf.csv.gz" \
    context="$k/$2_attention_trtllm_$3_context_attention_perf.csv.gz" \
    generation="$k/$2_attention_trtllm_$3_generation_attention_perf.csv.gz" \
    mla="$k/$2_mla_trtllm_$3_mla_generation_module_perf.csv.gz" \
    moe="$k/$2_moe_trtllm_$3_moe_perf.csv.gz"
}

vidur() { # DEVICE FILE...: all that the profiles hold
  device=$1 && shift
  "$fit" --device="$device" --into="$devices/$device.xml" --source="Vidur compute profiles (MIT)" "$@"
}

# The A100's products; the rest of these profiles is replaced below.
vidur a100-sxm vidur="$k/compute_a100_meta-llama_Meta-Llama-3-8B_mlp.csv.gz" \
  vidur="$k/compute_a100_meta-llama_Meta-Llama-3-70B_mlp.csv.gz"
datacenter h100-sxm h100_sxm 1.3.0rc20
datacenter h200-sxm h200_sxm 1.3.0rc20
datacenter b200-sxm b200_sxm 1.3.0rc20
datacenter gb200 gb200 1.3.0rc20
datacenter b300-sxm b300_sxm 1.3.0rc20

# Products in both formats, and what lies between them, in CUDA graphs as engines run them: the products above
# were measured one by one, those in FP8 with the quantization of their rows.
for d in h100 h200; do
  "$fit" --device="$d-sxm" --into="$devices/$d-sxm.xml" \
    --source="own measurement (tests/validation/data/${d}_kernels.csv), PyTorch 2.11, CUDA 13.0" \
    graph="$(dirname "$0")/../data/${d}_kernels.csv"
done

v=$k/vllm_profiles
profile="LLMServingSim profiles of vLLM 0.19 (MIT)"
llama8=meta-llama_Llama-3.1-8B_bf16 qwen32=Qwen_Qwen3-32B_bf16 qwen30=Qwen_Qwen3-30B-A3B-Instruct-2507_bf16
files() { # GPU NAME TP
  printf '%s ' "tp=$3" "dense=$v/$1_$2_tp$3_dense.csv" "sequences=$v/$1_$2_tp$3_per_sequence.csv" \
    "attention=$v/$1_$2_tp$3_attention.csv.gz"
}
# shellcheck disable=SC2046 # words of files
"$fit" --device=rtx-4090 --into="$devices/rtx-4090.xml" --source="$profile" model=llama-3.1-8b $(files RTX4090 $llama8 1)
# shellcheck disable=SC2046
"$fit" --device=rtx-pro-6000 --into="$devices/rtx-pro-6000.xml" --source="$profile" \
  model=llama-3.1-8b $(files RTXPRO6000 $llama8 1) $(files RTXPRO6000 $llama8 2) \
  model=qwen3-32b $(files RTXPRO6000 $qwen32 1) $(files RTXPRO6000 $qwen32 2) \
  model=qwen3-30b-a3b $(files RTXPRO6000 $qwen30 1) $(files RTXPRO6000 $qwen30 2) \
  tp=1 experts="$v/RTXPRO6000_${qwen30}_tp1_moe.csv"

# Attention of the newer kinds, beside the products that were fitted above.
for d in h200_sxm b200_sxm b300_sxm; do
  "$(dirname "$0")/operators.py" "$k" $d "$devices/$(echo $d | tr _ -).xml" --fit
done

# What was not measured is taken over from the nearest relative.
take_over() { # FROM TO [--as SLOW FAST] OP...
  from=$1 to=$2 && shift 2
  if [ "$1" = --as ]; then
    slow=$2 fast=$3 && shift 3
    set -- --as "$devices/$slow.xml" "$devices/$fast.xml" "$@"
  fi
  "$(dirname "$0")/taken_over.py" "$devices/$from.xml" "$devices/$to.xml" "$@"
}
take_over h200-sxm b200-sxm activations
take_over h200-sxm gb200 activations
take_over h200-sxm b300-sxm activations
take_over h100-sxm a100-sxm experts attention-prefill attention-decode head activations
take_over rtx-pro-6000 rtx-4090 experts
take_over h200-sxm h200-nvl linear experts attention-prefill attention-decode head activations
take_over h200-sxm h20 linear experts attention-prefill attention-decode head activations
take_over b300-sxm gb300 --as b200-sxm gb200 linear experts attention-prefill attention-decode head activations
take_over h200-sxm h100-sxm operator
take_over b200-sxm gb200 operator
take_over b300-sxm gb300 operator
