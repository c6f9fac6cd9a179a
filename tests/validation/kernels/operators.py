"""Fits the <operator> rows of a device to measured modules of sparse, compressed and linear attention, or judges rows
that are there: aiconfigurator's CSV files (Apache-2.0, not shipped), whose latencies are milliseconds.

    operators.py KERNELS PREFIX DEVICE.xml             prints how far the device's rows are off, by operator and phase
    operators.py KERNELS PREFIX DEVICE.xml --fit       prints rows fitted to the files, with their errors

Names such as dsa-prefill behind these say which operators.

PREFIX is how the files of a device begin, such as b200_sxm. A module holds the projections too: they are taken by the
device's <efficiency op="linear"> rows, as the simulator takes them (sim/steptime/step_layers.c), and the rest is the
operator's. Fits minimize the mean absolute logarithm of predicted over measured time, by Nelder and Mead's simplex;
prompts that are attended to densely are fitted by themselves. Errors are of the modules that were not fitted to.
"""

import collections
import csv
import glob
import gzip
import math
import random
import re
import sys

kernels, prefix, device_file = sys.argv[1:4]
FIT = "--fit" in sys.argv
ONLY = [a for a in sys.argv[4:] if not a.startswith("--")]  # such as dsa-prefill; all if empty
MOST_ROWS, FITTED_ROWS, MOST_TOKENS, ROUNDS, STARTS = 5000, 900, 131072, 1200, 4
WHOLE_TOKENS = LONG_CONTEXT = 131072  # as in platforms/reader/device.h

# Shapes of the models in the files; heads are those of the file's row.
V32 = dict(hidden=7168, q=1536, kv=512, nope=128, rope=64, v=128, index_heads=64)
GLM = dict(hidden=6144, q=2048, kv=512, nope=192, rope=64, v=256, index_heads=32)
V4_FLASH = dict(hidden=4096, q=1024, d=512, o=1024, groups=8, heads=64, index_heads=64, top_k=512)
V4_PRO = dict(hidden=7168, q=1536, d=512, o=1024, groups=16, heads=128, index_heads=64, top_k=1024)
M3 = dict(hidden=6144, heads=64, kv_heads=4, d=128, index_heads=4)
INDEX_DIM = 128
KINDS = {"dsa": "_sparse*_dsa_{}_module*", "compressed": "_sparse*_csa_{}_module*",
         "compressed-all": "_sparse*_hca_{}_module*", "block-sparse": "_msa*_{}_module*",
         "gated-delta-net": "_linear_attention_sglang*_gdn_*", "kda": "_kda_*"}
LINEAR = {"gated-delta-net", "kda"}  # files hold kernels, without projections: the convolution and the recurrence


def seconds(text):
    value, unit = re.fullmatch(r"([\d.e+-]+)(us|ns|s)", text).groups()
    return float(value) * {"us": 1e-6, "ns": 1e-9, "s": 1}[unit]


class Device:
    def __init__(self, path):
        with open(path) as file:
            text = file.read()
        rates = re.findall(r'<compute precision="([\w-]+)" rate="([\d.]+)TFLOP', text)
        self.flops = {name: float(rate) * 1e12 for name, rate in rates}
        value, unit = re.search(r'<memory [^>]*bandwidth="([\d.]+)(TB|GB)/s"', text, re.S).groups()
        self.bandwidth = float(value) * {"TB": 1e12, "GB": 1e9}[unit]
        self.linear, self.operators = {}, {}
        for element in re.findall(r"<(?:efficiency|operator) [^>]*/>", text, re.S):
            a = dict(re.findall(r'([\w-]+)="([^"]*)"', element))
            if element.startswith("<operator"):
                for kv in [a["kv"]] if "kv" in a else ["bf16", "fp8"]:
                    self.operators[a["kind"], a["phase"], kv] = a
            elif a["op"] == "attention-prefill":
                if "precision" not in a:
                    self.dense = float(a["compute-peak"]), float(a.get("softmax", 0))
            elif a["op"] == "linear":
                self.linear[a.get("precision", "bf16")] = (float(a.get("compute-peak", 1)), float(a["memory"]),
                                                           seconds(a["launch"]))

    def products_s(self, precision, params, products, tokens, numbers):
        compute, memory, launch = self.linear.get(precision, self.linear["bf16"])
        rate = self.flops["fp8" if precision.startswith("fp8") else precision] * compute
        weights = params * (1 if precision.startswith("fp8") else 2)
        c, m = 2 * params * tokens / rate, weights / (self.bandwidth * memory)
        return products * launch + (c**4 + m**4) ** 0.25 + 2 * numbers * tokens / (self.bandwidth * memory)


def rows_of(pattern):
    for path in glob.glob(f"{kernels}/{prefix}{pattern}"):
        with gzip.open(path, "rt") as file:
            yield from csv.DictReader(line for line in file if line.strip())


def capped_sum(done, n, cap):
    below = max(0, min(n, cap - done))
    return below * done + below * (below + 1) / 2 + (n - below) * cap


def module(device, kind, phase, r):
    """A row as the terms of the formula in platforms/reader/device.h, with the seconds of its projections."""
    heads, seqs, new, done = (int(r[k]) for k in ("num_heads", "batch_size", "isl", "step"))
    decode = phase == "decode"
    tokens, context = (seqs, done + new) if decode else (seqs * new, done + new)
    narrow = "fp8" in r["kv_cache_dtype"]
    precision = "fp8-block" if r["gemm_type"] == "fp8_block" else "bf16"
    indexed, ratio, window, cap, products = "skip" not in r["op_name"], 1, 0, 2048, 4
    dense, dense_flops = False, 0
    if kind == "dsa":
        m = V32 if "V3.2" in r["model"] else GLM
        params = (m["hidden"] * (m["q"] + m["kv"] + m["rope"]) + m["q"] * heads * (m["nope"] + m["rope"]) +
                  m["kv"] * heads * (m["nope"] + m["v"]) + heads * m["v"] * m["hidden"])
        numbers = 2 * m["hidden"] + heads * (m["nope"] + m["rope"] + m["v"]) + m["kv"]
        entry, flops, key = 656 if narrow else 1152, 2 * heads * (2 * m["kv"] + m["rope"]), 132
        dense = not decode and context <= cap and seqs * context <= WHOLE_TOKENS
        dense_flops = 2 * (m["nope"] + m["rope"] + m["v"])
    elif kind == "block-sparse":
        m, kv = M3, max(1, 4 * heads // 64)
        params = m["hidden"] * m["d"] * (2 * heads + 2 * kv) + m["hidden"] * (m["index_heads"] + 1) * INDEX_DIM
        numbers, products = 2 * m["hidden"] + 2 * heads * m["d"], 3
        size = 1 if narrow else 2
        entry, flops, key = 2 * kv * m["d"] * size, 4 * heads * m["d"], 128 * size
    else:
        m = V4_FLASH if "Flash" in r["model"] else V4_PRO
        params = (m["hidden"] * (m["q"] + m["d"]) + m["q"] * heads * m["d"] + heads * m["d"] * m["o"] +
                  m["groups"] * heads / m["heads"] * m["o"] * m["hidden"])
        numbers, window, indexed = 2 * m["hidden"] + 2 * heads * m["d"], 128, kind == "compressed"
        ratio = 4 if indexed else 128
        cap = m["top_k"] * ratio if indexed else 1 << 40
        entry, flops, key = 584, 4 * heads * m["d"], 132
    blocks = (products - (kind == "dsa" and not dense)) if precision == "fp8-block" else 0
    if indexed and kind != "block-sparse":
        blocks += 2 * (precision == "fp8-block" and not (kind == "dsa" and context <= cap))
        params += m["q"] * m["index_heads"] * INDEX_DIM + m["hidden"] * (INDEX_DIM + m["index_heads"])
        products += 2
    if decode:
        chosen, scored = min(context, cap) / ratio + min(context, window), context / ratio
    else:
        chosen = seqs * (capped_sum(done, new, cap) / ratio + (capped_sum(done, new, window) if window else 0))
        scored = seqs * (new * done + new * (new + 1) / 2) / ratio
        indexed = indexed and not (kind == "dsa" and context <= cap)
    return dict(measured=float(r["latency"]) * 1e-3, heads=heads, items=tokens, chosen=chosen, scored=scored,
                entry=entry, key=key, flops=flops, index_flops=2 * m["index_heads"] * INDEX_DIM, indexed=indexed,
                projections=device.products_s(precision, params, products, tokens, numbers),
                kv="fp8" if narrow else "bf16", seqs=seqs, context=context, cap=cap, keys=1 / ratio, blocks=blocks,
                dense=dense,
                earlier=seqs * done, dense_flops=dense_flops, dense_pairs=seqs * (new * done + new * (new + 1) / 2))


def recurrences(kind, phase):
    """The kernels of a layer of linear attention, added up: the terms of its state and of its new tokens."""
    added = collections.Counter()
    for r in rows_of(KINDS[kind]):
        if (r["phase"] == ("context" if phase == "prefill" else "generation") and
                re.match("causal_conv1d|chunk_|.*_packed_decode", r["kernel_source"])):
            shape = tuple(int(r[k]) for k in ("num_k_heads", "num_v_heads", "head_k_dim", "head_v_dim", "batch_size",
                                              "seq_len"))
            added[(r["model_name"], *shape)] += float(r["latency"]) * 1e-3
    for (_, keys, values, k_dim, v_dim, seqs, new), measured in added.items():
        yield dict(measured=measured, items=seqs * new, seqs=seqs, new=new, kv="bf16", dense=False,
                   flops=6 * values * k_dim * v_dim, state=values * k_dim * v_dim * 4 + 6 * (2 * keys + values) * k_dim)


DECODE = ("launch", "per-head", "per-item", "per-item-head", "chain", "memory", "index-launch", "index-chain",
          "index-memory", "choose-launch")
PREFILL = ("host", "block-host", "index-host", "long-host", "long-per-seq", "launch", "per-item", "per-item-head",
           "per-chosen", "compute", "index-per-item", "index-chain", "index-per-key", "index-spread", "index-compute")
RECURRENCE = ("launch", "chain", "memory", "compute")
UPDATE = ("launch", "per-item", "memory")
WHOLE = ("whole-host", "block-host", "whole-expand", "whole-per-item-head")
START = {DECODE: (30e-6, 1e-7, 1e-7, 2e-9, 1e-9, 0.5, 20e-6, 3e-10, 0.3, 20e-6),
         PREFILL: (400e-6, 60e-6, 300e-6, 400e-6, 30e-6, 50e-6, 5e-8, 1e-9, 1e-11, 0.3, 3e-8, 1e-9, 1e-10, 1e-13, 0.25),
         RECURRENCE: (30e-6, 2e-8, 0.2, 0.02), UPDATE: (6e-6, 1e-8, 0.6),
         WHOLE: (500e-6, 75e-6, 1e-9, 3e-10)}


def predict(device, words, p, m):
    p = dict(zip(words, p)) if not isinstance(p, dict) else p
    h, n = m.get("heads"), m["items"]
    if words is DECODE:
        t = (m["projections"] + p["launch"] + p["per-head"] * h + p["per-item"] * n + p["per-item-head"] * n * h +
             p["chain"] * m["chosen"] + n * m["chosen"] * m["entry"] / (device.bandwidth * p["memory"]))
        if m["indexed"]:
            t += (p["index-launch"] + p["index-chain"] * m["scored"] +
                  n * m["scored"] * m["key"] / (device.bandwidth * p["index-memory"]) +
                  (p["choose-launch"] if m["context"] > m["cap"] else 0))
        return t
    if words in (RECURRENCE, UPDATE):
        t = p["launch"] + 2 * m["state"] * m["seqs"] / (device.bandwidth * p["memory"])
        if words is UPDATE:
            return t + p["per-item"] * n
        return t + p["chain"] * m["new"] + n * m["flops"] / (device.flops["bf16"] * p["compute"])
    if words is WHOLE:
        share, softmax = device.dense
        dense_s = m["dense_pairs"] * h * (m["dense_flops"] + 4 * softmax) / (device.flops["bf16"] * share)
        return max(p["whole-host"] + m["blocks"] * p["block-host"], m["projections"] + dense_s +
                   h * (p["whole-per-item-head"] * n + p["whole-expand"] * m["earlier"]))
    host = p["host"] + m["blocks"] * p["block-host"]
    t = (p["launch"] + p["per-item"] * n + p["per-item-head"] * n * h + p["per-chosen"] * m["chosen"] +
         m["chosen"] * m["flops"] / (device.flops["bf16"] * p["compute"]))
    if m["indexed"]:
        host += p["index-host"]
        t += (p["index-per-item"] * n + m["scored"] * m["index_flops"] / (device.flops["fp8"] * p["index-compute"]) +
              m["keys"] * m["context"] * (p["index-chain"] + m["seqs"] * p["index-per-key"] +
                                          n * (m["seqs"] - 1) * p["index-spread"]))
    if m["context"] > LONG_CONTEXT:
        host += p["long-host"] + m["seqs"] * p["long-per-seq"]
    return max(host, m["projections"] + t)


def error(device, rows, modules):
    off = sorted(abs(predict(device, w, rows[w], m) / m["measured"] - 1) for m, w in modules)
    return f"{len(off)} modules, error: median {100 * off[len(off) // 2]:.1f} %, 90th percentile " \
           f"{100 * off[int(0.9 * len(off))]:.1f} %"


def simplex(loss, start, rounds):
    n = len(start)
    points = [list(start)] + [[v + (0.5 if i == k else 0) for i, v in enumerate(start)] for k in range(n)]
    values = [loss(x) for x in points]
    for _ in range(rounds):
        order = sorted(range(n + 1), key=values.__getitem__)
        points, values = [points[i] for i in order], [values[i] for i in order]
        middle = [sum(x[i] for x in points[:-1]) / n for i in range(n)]

        def along(factor):
            x = [m + factor * (w - m) for m, w in zip(middle, points[-1])]
            return loss(x), x

        best = min(along(-1), along(-2) if along(-1)[0] < values[0] else along(0.5))
        if best[0] < values[-1]:
            values[-1], points[-1] = best
        else:
            points = [[(a + b) / 2 for a, b in zip(x, points[0])] for x in points]
            values = [loss(x) for x in points]
    return points[values.index(min(values))]


def is_share(word):
    return word.endswith(("memory", "compute"))


def fit(device, words, modules):
    def parameters(x):
        return {w: min(math.exp(max(v, -60)), 1) if is_share(w) else math.exp(min(max(v, -60), 0))
                for w, v in zip(words, x)}

    def loss(x):
        p = parameters(x)
        return sum(abs(math.log(predict(device, words, p, m) / m["measured"])) for m in modules) / len(modules)

    x = [math.log(v) for v in START[words]]
    for _ in range(STARTS):
        x = simplex(loss, x, ROUNDS)
    return parameters(x)


def words_of(kind, phase, m):
    if kind in LINEAR:
        return UPDATE if phase == "decode" else RECURRENCE
    return DECODE if phase == "decode" else WHOLE if m["dense"] else PREFILL


def modules_of(device, kind, phase):
    if kind in LINEAR:
        return recurrences(kind, phase)
    rows = rows_of(KINDS[kind].format("generation" if phase == "decode" else "context"))
    return (module(device, kind, phase, r) for r in rows)


def text_of(word, value):
    return f'{word}="{value:.4g}"' if is_share(word) else f'{word}="{value * 1e9:.4g}ns"'


def main():
    device = Device(device_file)
    for kind in KINDS:
        for phase in ("decode", "prefill"):
            if ONLY and f"{kind}-{phase}" not in ONLY:
                continue
            groups = collections.defaultdict(list)
            for m in modules_of(device, kind, phase):
                if m["items"] <= MOST_TOKENS:
                    groups[m["kv"]].append((m, words_of(kind, phase, m)))
            for kv, modules in sorted(groups.items()):
                random.Random(2).shuffle(modules)
                modules = modules[:MOST_ROWS]
                all_words = sorted({w for _, w in modules}, reverse=True, key=len)
                if FIT:
                    fitted = {w: [m for m, of in modules[:2 * FITTED_ROWS] if of is w][:FITTED_ROWS] for w in all_words}
                    rows = {w: fit(device, w, fitted[w]) for w in all_words}
                    text = " ".join(text_of(w, v) for words in all_words for w, v in rows[words].items()
                                    if v > 1e-14 and (w != "block-host" or words is PREFILL or PREFILL not in rows))
                    held = modules[2 * FITTED_ROWS:] or modules
                    print(f'<operator kind="{kind}" phase="{phase}" kv="{kv}" {text}\n'
                          f'          source="aiconfigurator (Apache-2.0), {prefix}: {error(device, rows, held)}"/>',
                          flush=True)
                elif (kind, phase, kv) in device.operators:
                    row = device.operators[kind, phase, kv]
                    p = {w: float(row.get(w, 1)) if is_share(w) else seconds(row.get(w, "0s"))
                         for words in all_words for w in words}
                    print(f"{kind}, {phase}, KV in {kv}: {error(device, dict.fromkeys(all_words, p), modules)}")
                else:
                    print(f"{kind}, {phase}, KV in {kv}: the device has no row")


if __name__ == "__main__":
    main()
