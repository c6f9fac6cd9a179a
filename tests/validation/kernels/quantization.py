#!/usr/bin/env python3
"""Writes what a product in fp8 with blocks takes to launch: quantization.py GEMM.csv.gz DEVICE.xml.

Rows with a scale for each 128 numbers are quantized by a kernel of their own in front of the product. What it
takes is the median, over products too small for anything else to count (at most 2^20 weights, 128 rows), of the time
of the same product in fp8 with blocks less that in bf16. It comes on top of the launch that the device has in bf16."""
import csv
import gzip
import re
import statistics
import sys

table, path = sys.argv[1:]
times = {}
with gzip.open(table, "rt") as lines:
    for row in csv.DictReader(lines):
        shape = int(row["m"]), int(row["n"]), int(row["k"])
        if shape[0] <= 128 and shape[1] * shape[2] <= 1 << 20:
            times.setdefault(shape, {})[row["gemm_dtype"]] = float(row["latency"]) * 1e3
added = [t["fp8_block"] - t["bfloat16"] for t in times.values() if {"fp8_block", "bfloat16"} <= t.keys()]
us = statistics.median(added)
text = open(path, encoding="utf-8").read()
bf16 = float(re.search(r'<efficiency op="linear" compute[^>]*launch="([\d.]+)us"', text)[1])
changed = re.sub(r'(<efficiency op="linear" precision="fp8-block"[^>]*launch=")[\d.]+(us"[^>]*?)(;\s+launch: [^"]*)?"/>',
                 lambda m: f'{m[1]}{bf16 + us:.1f}{m[2]};\n              launch: that in bf16 and {us:.1f} us '
                           f'of quantization (tests/validation/kernels/quantization.py)"/>', text)
open(path, "w", encoding="utf-8").write(changed)
print(f"{path}: {bf16} us and {us:.2f} of quantization, over {len(added)} products")
