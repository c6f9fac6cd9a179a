"""fit-kernels finds the constants that kernels were made with, and refuses rows and arguments that mean nothing.

    test_fit_kernels.py TOKENWORKS SOURCE-TREE
"""

import itertools
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

program, source = sys.argv[1:]
FIT = os.path.join(os.path.dirname(program), "..", "tests", "fit-kernels")
COMPUTE, MEMORY, LAUNCH_S, ROW_BYTES, CHAIN_S = 0.7, 0.8, 6e-6, 4, 0.5e-9
SHAPES = list(itertools.product((1, 16, 64, 256, 1024, 4096), (4096, 8192, 16384), (4096, 8192, 12288)))


def peaks():
    device = xml.etree.ElementTree.parse(source + "/platforms/devices/h100-sxm.xml").getroot()
    rate = next(c.get("rate") for c in device.iter("compute") if c.get("precision") == "bf16")
    return (float(re.match(r"[\d.]+(?=TFLOP/s$)", rate)[0]) * 1e12,
            float(re.match(r"[\d.]+(?=TB/s$)", device.find("memory").get("bandwidth"))[0]) * 1e12)


def product_s(m, n, k, flops, bandwidth):
    """By the formula of platforms/reader/device.h: a round roof, and what rows take beside it."""
    compute, memory = 2 * m * n * k / (flops * COMPUTE), 2 * n * k / (bandwidth * MEMORY) + CHAIN_S * k
    return LAUNCH_S + (compute**4 + memory**4) ** 0.25 + ROW_BYTES * m * (n + k) / (bandwidth * MEMORY)


def experts_s(tokens, hidden, inter, copies, touched, held, launch, routing, flops, bandwidth):
    """The same for experts, with 4 and 5 bytes for each number of the rows of copies and tokens."""
    weights = 3 * hidden * inter
    compute = 2 * weights * copies / (flops * COMPUTE)
    memory = 2 * weights * touched / (bandwidth * MEMORY) + CHAIN_S * (hidden + inter)
    rows = (4 * copies * (hidden + inter) + 5 * tokens * hidden) / (bandwidth * MEMORY)
    return launch + (compute**4 + memory**4) ** 0.25 + rows + 1e-7 * held + routing * min(1, tokens / 150)


def write_experts(path):
    """16 experts in 8 groups of two, of which a token asks for the first or the second of all groups. Kernels for low
    latency take the first four groups, which all score alike: experts 0 to 7, whatever was asked for."""
    with open(path, "w") as out:
        out.write("moe_dtype,kernel_source,distribution,num_tokens,hidden_size,inter_size,topk,num_experts,moe_tp_size,"
                  "moe_ep_size,latency\n")
        for tokens, hidden, inter, ep in itertools.product((1, 2, 8, 32, 64, 128, 256, 1024, 4096), (4096, 7168),
                                                           (1024, 2048), (1, 2, 4, 8)):
            held, least = 16 / ep, max(1, min(16 / ep, tokens * 8 / ep))
            few = min(8, held)
            for source, copies, touched, launch, routing in (("cutlass", tokens * 8 / ep, least, 2e-5, 0),
                                                             ("min_latency", few * tokens, few, LAUNCH_S, 1e-5)):
                s = experts_s(tokens, hidden, inter, copies, touched, held, launch, routing, *peaks())
                out.write(f"bfloat16,moe_torch_flow_{source},balanced,{tokens},{hidden},{inter},8,16,1,{ep},{s * 1e3}\n")


def write(path, rows):
    with open(path, "w") as out:
        out.write("gemm_dtype,m,n,k,latency\n")
        for m, n, k, ms in rows:
            out.write(f"bfloat16,{m},{n},{k},{ms}\n")


def fit(*arguments):
    return subprocess.run([FIT, "--device=h100-sxm", *arguments], capture_output=True, text=True)


def main():
    rows = [(m, n, k, product_s(m, n, k, *peaks()) * 1e3) for m, n, k in SHAPES]
    failed = []
    with tempfile.TemporaryDirectory() as scratch:
        path = scratch + "/gemm.csv"
        write(path, rows)
        found = fit('--source=ours & "theirs" > others', "gemm=" + path)
        element = next(e for e in xml.etree.ElementTree.fromstring(f"<d>{found.stdout}</d>") if e.get("op") == "linear")
        wanted = {"compute-peak": "0.700", "memory": "0.800", "launch": "6.0us", "token-bytes": "4.0", "chain": "0.500ns"}
        if not wanted.items() <= element.attrib.items() or not element.get("source").startswith('ours & "theirs" > others'):
            failed.append(f"{wanted} were fitted as {element.attrib}")
        if ">" in found.stdout.replace("/>", ""):
            failed.append("the text of an element holds what ends it, so that no second fit would find it")
        write_experts(scratch + "/moe.csv")
        elements = xml.etree.ElementTree.fromstring(f"<d>{fit('moe=' + scratch + '/moe.csv').stdout}</d>")
        common = {"compute-peak": "0.700", "memory": "0.800", "copy-bytes": "4.0", "token-bytes": "5.0", "per-expert": "100ns"}
        wanted = [common | {"launch": "20.0us"}, common | {"alternative": "true", "launch": "6.0us", "routing": "10.0us",
                                                           "routing-tokens": "150"}]
        if len(elements) != 2 or not all(w.items() <= e.attrib.items() for w, e in zip(wanted, elements)):
            failed.append(f"{wanted} were fitted as {[e.attrib for e in elements]}")
        for latency, said in (("0", "above 0"), ("-1", "above 0"), ("soon", "a number")):
            write(path, rows + [(1, 8192, 8192, latency)])
            refused = fit("gemm=" + path)
            if refused.returncode != 2 or f'gemm.csv:{len(rows) + 2}: latency is "{latency}"; expected' not in refused.stderr \
                    or said not in refused.stderr:
                failed.append(f"latency {latency}: {refused.returncode}, {refused.stderr}")
        write(path, rows[:5])
        if "5 kernels are left out; at least 30 are needed" not in fit("gemm=" + path).stderr:
            failed.append("five kernels are left out in silence")
        for arguments, said in (((), "no kernels are named"), (("tp=2x",), "whole number"), (("tp=0",), "whole number"),
                                (("dense=" + path,), "model=NAME"), (("gem=" + path,), "unknown"),
                                (("gemm=" + scratch + "/none",), "cannot be opened")):
            refused = fit(*arguments)
            if refused.returncode != 2 or said not in refused.stderr:
                failed.append(f"{arguments}: {refused.returncode}, {refused.stderr}")
    print("\n".join(failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
