#!/usr/bin/python3
"""Fits the <operator> rows of a device to measured modules of sparse, compressed and linear attention, or judges rows
that are there: aiconfigurator's CSV files (Apache-2.0, not shipped), whose latencies are milliseconds.

    operators.py KERNELS PREFIX DEVICE.xml             prints how far the device's rows are off, by operator and phase
    operators.py KERNELS PREFIX DEVICE.xml --fit       fits them anew, and writes them into the file

Names such as dsa-prefill behind these say which operators.

PREFIX is how the files of a device begin, such as b200_sxm. A module holds the projections too: they are taken by the
device's <efficiency op="linear"> rows, as the simulator takes them (sim/steptime/step_layers.c), and the rest is the
operator's. Fits minimize the mean absolute logarithm of predicted over measured time over half of the modules, by Nelder
and Mead's simplex, always from the same starts, whatever the file holds; prompts that are attended to densely are fitted
by themselves. Constants without which the error is the same are left out. The errors in the file are of the other half;
those that are printed, of all."""

import collections
import csv
import glob
import gzip
import itertools
import math
import random
import re
import sys
import textwrap

import numpy
from scipy.optimize import minimize

kernels, prefix, device_file = sys.argv[1:4]
FIT = "--fit" in sys.argv
ONLY = [a for a in sys.argv[4:] if not a.startswith("--")]  # such as dsa-prefill; all if empty
MOST_ROWS, LEAST, MOST_TOKENS, ROUNDS, RESTARTS, STARTS = 5000, 50, 131072, 1200, 4, 3
TOLD = 1e-4  # of the mean logarithm: what a constant must explain
WHOLE_TOKENS = LONG_CONTEXT = 131072  # as in platforms/reader/device.h
GRAPH_TOKENS = 256  # larger batches of decodes were measured without CUDA graphs

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
                self.linear[a.get("precision", "bf16")] = (
                    float(a.get("compute-peak", 1)), float(a["memory"]), seconds(a["launch"]),
                    seconds(a.get("chain", "0s")), float(a.get("token-bytes", 2)))

    def products_s(self, precision, params, products, tokens, numbers):
        compute, memory, launch, chain, row_bytes = self.linear.get(precision, self.linear["bf16"])
        rate = self.flops["fp8" if precision.startswith("fp8") else precision] * compute
        weights = params * (1 if precision.startswith("fp8") else 2)
        depth = numbers / 2  # about what the products sum over
        c, m = 2 * params * tokens / rate, weights / (self.bandwidth * memory) + chain * depth
        return products * launch + (c**4 + m**4) ** 0.25 + row_bytes * numbers * tokens / (self.bandwidth * memory)


def rows_of(pattern):
    for path in sorted(glob.glob(f"{kernels}/{prefix}{pattern}")):
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


DECODE = ("host", "block-host", "launch", "per-head", "per-item", "per-item-head", "chain", "memory", "index-launch", "index-chain",
          "index-memory", "choose-launch")
PREFILL = ("host", "block-host", "index-host", "long-host", "long-per-seq", "launch", "per-item", "per-item-head",
           "per-chosen", "compute", "index-per-item", "index-chain", "index-per-key", "index-spread", "index-compute")
RECURRENCE = ("launch", "chain", "memory", "compute")
UPDATE = ("launch", "per-item", "memory")
WHOLE = ("whole-host", "whole-expand", "whole-per-item-head")
START = {DECODE: (300e-6, 60e-6, 30e-6, 1e-7, 1e-7, 2e-9, 1e-9, 0.5, 20e-6, 3e-10, 0.3, 20e-6),
         PREFILL: (400e-6, 60e-6, 300e-6, 400e-6, 30e-6, 50e-6, 5e-8, 1e-9, 1e-11, 0.3, 3e-8, 1e-9, 1e-10, 1e-13, 0.25),
         RECURRENCE: (30e-6, 2e-8, 0.2, 0.02), UPDATE: (6e-6, 1e-8, 0.6),
         WHOLE: (500e-6, 1e-9, 3e-10)}


def predict(device, words, p, m):
    """Seconds of modules, whose terms are arrays."""
    p = dict(zip(words, p)) if not isinstance(p, dict) else p
    h, n = m.get("heads"), m["items"]
    if words is DECODE:
        t = (m["projections"] + p["launch"] + p["per-head"] * h + p["per-item"] * n + p["per-item-head"] * n * h +
             p["chain"] * m["chosen"] + n * m["chosen"] * m["entry"] / (device.bandwidth * p["memory"]) +
             m["indexed"] * (p["index-launch"] + p["index-chain"] * m["scored"] +
                             n * m["scored"] * m["key"] / (device.bandwidth * p["index-memory"]) +
                             (m["context"] > m["cap"]) * p["choose-launch"]))
        return numpy.where(n > GRAPH_TOKENS, numpy.maximum(p["host"] + m["blocks"] * p["block-host"], t), t)
    if words in (RECURRENCE, UPDATE):
        t = p["launch"] + 2 * m["state"] * m["seqs"] / (device.bandwidth * p["memory"])
        if words is UPDATE:
            return t + p["per-item"] * n
        return t + p["chain"] * m["new"] + n * m["flops"] / (device.flops["bf16"] * p["compute"])
    if words is WHOLE:
        share, softmax = device.dense
        dense_s = m["dense_pairs"] * h * (m["dense_flops"] + 4 * softmax) / (device.flops["bf16"] * share)
        return numpy.maximum(p["whole-host"] + m["blocks"] * p["block-host"], m["projections"] + dense_s +
                             h * (p["whole-per-item-head"] * n + p["whole-expand"] * m["earlier"]))
    long = m["context"] > LONG_CONTEXT
    host = (p["host"] + m["blocks"] * p["block-host"] + m["indexed"] * p["index-host"] +
            long * (p["long-host"] + m["seqs"] * p["long-per-seq"]))
    t = (p["launch"] + p["per-item"] * n + p["per-item-head"] * n * h + p["per-chosen"] * m["chosen"] +
         m["chosen"] * m["flops"] / (device.flops["bf16"] * p["compute"]) +
         m["indexed"] * (p["index-per-item"] * n +
                         m["scored"] * m["index_flops"] / (device.flops["fp8"] * p["index-compute"]) +
                         m["keys"] * m["context"] * (p["index-chain"] + m["seqs"] * p["index-per-key"] +
                                                     n * (m["seqs"] - 1) * p["index-spread"])))
    return numpy.maximum(host, m["projections"] + t)


def arrays(modules):
    """The terms of modules that one set of constants describes, kind of module by kind."""
    groups = {}
    for m, words in modules:
        groups.setdefault(words, []).append(m)
    return {words: {key: numpy.array([m[key] for m in of], float) for key in of[0] if key != "kv"}
            for words, of in groups.items()}


def error(device, rows, modules):
    off = [abs(predict(device, w, rows[w], m) / m["measured"] - 1) for w, m in arrays(modules).items()]
    off = numpy.concatenate(off)
    return f"median {100 * numpy.median(off):.1f} %, 90th percentile {100 * numpy.quantile(off, 0.9):.1f} %"


def is_share(word):
    return word.endswith(("memory", "compute"))


def fit(device, words, m, known):
    """The constants by which modules are off least, beside those that are known; none that tells nothing of them."""
    none = {w: float(is_share(w)) for w in words}

    def parameters(free, x):
        return none | {w: math.exp(min(max(v, -60), 0)) for w, v in zip(free, x)} | known

    def loss(p):
        return numpy.mean(abs(numpy.log(predict(device, words, p, m) / m["measured"])))

    def least(free, x):
        for _ in range(RESTARTS):
            x = minimize(lambda x: loss(parameters(free, x)), x, method="Nelder-Mead",
                         options={"maxiter": ROUNDS, "maxfev": 2 * ROUNDS, "adaptive": True}).x
        return loss(parameters(free, x)), list(x)

    free = [w for w in words if w not in known]
    at, draw = numpy.log([START[words][words.index(w)] for w in free]), random.Random(3)
    _, x = min(least(free, at + [i * draw.gauss(0, 1) for _ in free]) for i in range(STARTS))
    best = parameters(free, x)
    while True:
        without = [(loss(best | {w: none[w]}), w) for w in free]
        worse, word = min(without) if without else (math.inf, None)
        if worse > loss(best) + TOLD:
            break
        free.remove(word)
        best[word] = none[word]
    x = least(free, numpy.log([best[w] for w in free]))[1] if free else []
    return parameters(free, x)


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
    if is_share(word):
        return f'{word}="{value:.4g}"'
    return f'{word}="{value * 1e6:.4g}us"' if value > 1e-6 else f'{word}="{value * 1e9:.4g}ns"'


def version(kind, phase):
    path = glob.glob(f"{kernels}/{prefix}{KINDS[kind].format('generation' if phase == 'decode' else 'context')}")[0]
    return re.search(r"sglang_([\d.]+)_", path)[1]


def fitted_rows(device, modules):
    """Constants by their words. What quantizes blocks is the same host in both kinds of prompts."""
    terms, rows = arrays(modules), {}
    for words in sorted(terms, key=len, reverse=True):
        known = {"block-host": rows[PREFILL]["block-host"]} if words is WHOLE and PREFILL in rows else {}
        rows[words] = fit(device, words, terms[words], known)
    return rows


def constants(row):
    return {w: float(row.get(w, 1)) if is_share(w) else seconds(row.get(w, "0s")) for words in START for w in words}


def element(device, kind, phase, kv, modules):
    """The row that is fitted to every second module, with its errors on the others; few modules are all fitted to."""
    few = len(modules) < 2 * LEAST
    to, of = (modules, modules) if few else (modules[::2], modules[1::2])
    rows = fitted_rows(device, to)
    values = {w: v for words in rows for w, v in rows[words].items() if v > 1e-15 and not (is_share(w) and v > 0.9999)}
    values.setdefault("memory", 1)
    attributes = [f'{key}="{value}"' for key, value in (("kind", kind), ("phase", phase)) + (
        () if kind in LINEAR else (("kv", kv),) if kind in ("dsa", "block-sparse") else ())]
    attributes += [text_of(w, v) for w, v in values.items()]
    attributes += ['index-skipped="true"'] if kind == "dsa" and phase == "prefill" else []
    source = (f'source="aiconfigurator module measurements (Apache-2.0), {prefix}, SGLang {version(kind, phase)}: '
              f'{len(to)} modules, error{"" if few else f" of {len(of)} others"}: {error(device, rows, of)}; '
              f'tests/validation/kernels/operators.py"/>')
    text = textwrap.fill(" ".join(attributes), 118, initial_indent="  <operator ", subsequent_indent=" " * 12,
                         break_on_hyphens=False)
    return f"{text}\n{' ' * 12}{source}\n"


def put(text, kind, phase, kv, row):
    """The text of a device file with a row in the place of the one that it had."""
    old = [e for e in re.findall(r" *<operator [^>]*/>\n", text)
           if f'kind="{kind}" phase="{phase}"' in e and (f'kv="{kv}"' in e or " kv=" not in e)]
    return text.replace(old[0], row) if old else text.replace("</device>", row + "</device>")


def main():
    device = Device(device_file)
    for kind, phase in itertools.product(KINDS, ("decode", "prefill")):
        if ONLY and f"{kind}-{phase}" not in ONLY:
            continue
        groups = collections.defaultdict(list)
        for m in modules_of(device, kind, phase):
            if m["items"] <= MOST_TOKENS:
                groups[m["kv"]].append((m, words_of(kind, phase, m)))
        for kv, modules in sorted(groups.items()):
            random.Random(2).shuffle(modules)
            modules = modules[:MOST_ROWS]
            shipped = device.operators.get((kind, phase, kv))
            if FIT:
                row = element(device, kind, phase, kv, modules)
                with open(device_file, encoding="utf-8") as file:
                    text = put(file.read(), kind, phase, kv, row)
                with open(device_file, "w", encoding="utf-8") as file:
                    file.write(text)
                shipped = dict(re.findall(r'([\w-]+)="([^"]*)"', row))
            if shipped:
                rows = dict.fromkeys(START, constants(shipped))
                print(f"{kind}, {phase}, KV in {kv}: {len(modules)} modules, error: {error(device, rows, modules)}",
                      flush=True)
            else:
                print(f"{kind}, {phase}, KV in {kv}: the device has no row")


if __name__ == "__main__":
    main()
