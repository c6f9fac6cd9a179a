#!/usr/bin/env python3
"""Compares steps of reinforcement learning, and what weights take to the engines, with published ones.

    rl_anchors.py PROGRAM FACTS.csv [ID...]

FACTS.csv is training_rl_sites_facts.csv (not shipped). Only rows whose model, layout and lengths are told are run; what they
do not say is assumed for all alike, as README.md tells. Nothing is fitted on them."""
import csv
import gzip
import json
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile

MODELS = {"DeepSeek V3": "deepseek-v3", "Qwen3-235B": "qwen3-235b-a22b", "Qwen3-30B3A": "qwen3-30b-a3b",
          "Qwen3-30B": "qwen3-30b-a3b", "DeepSeek-V3": "deepseek-v3", "Qwen3.5-397B": "qwen3.5-397b-a17b"}
PROMPT, SIGMA = 150, 0.6  # tokens of a prompt; deviation of the logarithm of outputs before they are cut
OVERHEAD_S = 0.5


def platform(program, device, accelerators, path):
    kind, size = ("nvl72", 72) if device.startswith("GB") else ("hgx", 8)
    if kind == "hgx":
        options = ["--device=" + {"H100": "h100-sxm"}[device], "--nodes=%d" % -(-accelerators // size)]
    else:
        options = ["--racks=%d" % -(-accelerators // size)]
    subprocess.run([program, "platform", kind, *options, "-o", path], check=True, capture_output=True)


def uncut_mean(mean, most):
    """The mean of a log-normal law whose draws, cut at `most`, have this mean."""
    normal = statistics.NormalDist()

    def cut(m):
        mu = math.log(m) - SIGMA**2 / 2
        z = (math.log(most) - mu) / SIGMA
        return m * normal.cdf(z - SIGMA) + most * (1 - normal.cdf(z))
    low, high = 1, 100 * most
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if cut(middle) < mean else (low, middle)
    return low


def scenario(row, what):
    layout = " ".join('%s="%d"' % item for item in what["layout"].items())
    memory = what["memory"]
    return """<scenario name="%s"><platform file="platform.xml"/>
<workload><rollouts prompts="%d" samples="%d"><prompt law="fixed" mean="%d"/><answer law="lognormal" mean="%g" sigma="%g" max="%d"/>
</rollouts></workload>
<pool id="rollouts" model="%s" replicas="%d" tp="%d" weights="%s" kv="bf16">
<scheduler kind="vllm" max-seqs="512" max-batched-tokens="8192" max-model-len="%d"/></pool>
<job id="train" kind="rl" model="%s" %s sequence="%d" steps="%d" %s>
<rl colocated="%s" off-policy="%d" updates="%d" log-probs="2" sync="%s" sync-overhead="%gs"/></job></scenario>""" % (
        row["id"], what["prompts"], what["samples"], PROMPT, what["mean"], SIGMA, what["most"], what["model"], what["engines"], what["tp"],
        what["weights"], what["most"] + PROMPT + 1, what["model"], layout, what["sequence"], what["steps"], memory,
        "true" if what["colocated"] else "false", what["off"], what["updates"], what["sync"], OVERHEAD_S)


def step_of(row):
    """What a row of steps says; None: not enough."""
    text, told = row["quantity"], row["conditions"]
    model = next((MODELS[name] for name in MODELS if name + " " in text), None)
    shape = re.search(r"max seq (\d+), mean generated\+prompt (\d+); (\d+) rollouts per step, train batch (\d+); "
                      r"generation TP,PP \[(\d+),1\]; training TP,CP,EP,PP,VPP \[(\d+),(\d+),(\d+),(\d+)", told)
    gpus = re.match(r"(\d+) GPUs", told)
    if model is None or shape is None or "8-step" in text or "SWE" in text:
        return None
    longest, mean, rollouts, batch, tp, t, c, e, p = (int(x) for x in shape.groups())
    colocated, n = "On policy" in text, int(gpus[1])
    own = n if colocated else n // 2
    dp = own // (t * c * p)
    # NeMo RL's recipes (examples/configs/recipes/llm/performance) say how many samples, and that all but the smallest
    # model recompute activations; its documentation (design-docs/nccl-reshard-refit) that whole parameters are gathered.
    samples = 16 if "DeepSeek" in text else 32
    return {"model": model, "device": re.search(r"(H100|GB200)", text)[1], "gpus": n, "prompts": rollouts // samples,
            "samples": samples, "sync": "gather",
            "again": "Qwen3-30B" not in text,
            "mean": uncut_mean(mean - PROMPT, longest - PROMPT), "most": longest - PROMPT, "engines": own // tp, "tp": tp,
            "weights": "fp8" if text.endswith("FP8") else "bf16", "colocated": colocated, "off": 0 if colocated else 1,
            "updates": rollouts // batch, "sequence": longest, "steps": 2 if colocated else 3,
            "layout": {"tp": t, "cp": c, "ep": e, "pp": p, "dp": dp}, "published": float(row["value"]), "column": "step"}


def refit_of(row):
    """What a row of weights says: from a trainer's layout to that of engines, on accelerators of their own."""
    shape = re.search(r"Refit by NCCL reshard: (\S+) (bf16|fp8) (H100|GB200)", row["quantity"])
    if shape is None or shape[1] not in MODELS:
        return None
    size = {k: int(v) for k, v in re.findall(r"(TP|PP|EP|DP)(\d+)", row["conditions"].split(" to ")[0])}
    to = {k: int(v) for k, v in re.findall(r"(TP|DP)(\d+)", row["conditions"].split(" to ")[1])}
    t, p, e = size.get("TP", 1), size.get("PP", 1), size.get("EP", 1)
    dp = size.get("DP", 1) * max(1, e // t)
    low, _, high = row["value"].partition("-")
    return {"model": MODELS[shape[1]], "device": shape[3], "gpus": t * p * dp + to["TP"] * to["DP"], "prompts": 1, "samples": 16,
            "sync": "chain", "again": False, "mean": 30,
            "most": 60, "engines": to["DP"], "tp": to["TP"], "weights": shape[2], "colocated": False, "off": 0, "updates": 1,
            "sequence": 1024, "steps": 1, "layout": {"tp": t, "cp": 1, "ep": e, "pp": p, "dp": dp},
            "published": (float(low) + float(high or low)) / 2, "column": "sync"}


# In the order in which they are tried, until the trainer fits.
MEMORY = ("", 'recompute="full"', 'recompute="full" gradients="bf16"', 'recompute="full" gradients="bf16" zero="3"')


def predict(program, row, what):
    """Seconds of a step, or of the flows of a synchronisation; or why there are none."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "s.xml")
        platform(program, what["device"], what["gpus"], os.path.join(folder, "platform.xml"))
        for what["memory"] in MEMORY[1 if what["again"] else 0:]:
            with open(path, "w") as file:
                file.write(scenario(row, what))
            done = subprocess.run([program, "run", path, "-o", os.path.join(folder, "run"), "--quiet"], capture_output=True,
                                  text=True)
            if "does not fit" not in done.stderr:
                break
        if done.returncode != 0:
            return None, done.stderr.strip().splitlines()[0].split(": ", 1)[1]
        with open(os.path.join(folder, "run", "summary.json")) as file:
            summary = json.load(file)
        with gzip.open(os.path.join(folder, "run", "rl.csv.gz"), "rt") as file:
            rows = list(csv.DictReader(file))
        last = rows[-1]
        if what["column"] == "sync":
            return float(last["sync_s"]) - OVERHEAD_S, "flows alone"
        parts = " ".join("%s %.1f" % (name, float(last[name + "_s"])) for name in ("rollout", "wait", "swap", "train", "sync"))
        return float(last["end_s"]) - float(last["start_s"]), "%s; mean %.0f tokens, %s" % (
            parts, summary["rl"]["tokens_per_step"] / summary["rl"]["rollouts_per_step"], what["memory"] or "nothing again")


def main():
    program, facts, wanted = sys.argv[1], sys.argv[2], sys.argv[3:]
    errors = {"step": [], "sync": []}
    with open(facts) as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        what = step_of(row) if row["topic"] == "rl-step" else refit_of(row) if row["topic"] == "rl-weights" else None
        if what is None or (wanted and row["id"] not in wanted):
            continue
        predicted, note = predict(program, row, what)
        if predicted is None:
            print("%s %-55s %8.2f s, not run: %s" % (row["id"], row["quantity"], what["published"], note), flush=True)
            continue
        error = predicted / what["published"] - 1
        errors[what["column"]].append(error)
        print("%s %-55s %8.2f s %8.2f s here %+6.1f %%  (%s)" % (row["id"], row["quantity"], what["published"], predicted,
                                                               100 * error, note), flush=True)
    for name, found in errors.items():
        if found:
            print("%s: %d rows, median error %.0f %%, signed %+.0f %%" % (
                name, len(found), 100 * statistics.median(map(abs, found)), 100 * statistics.median(found)))


if __name__ == "__main__":
    main()
