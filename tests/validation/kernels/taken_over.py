#!/usr/bin/env python3
"""Gives a device <efficiency> elements of its nearest relative, where its own kernels were not measured.

    taken_over.py FROM.xml TO.xml [--as SLOW.xml FAST.xml] OP...

OP "operator": all <operator> elements. Shares of peaks are taken over as such. With --as, rates are: those of FROM,
times what the kernels of FAST, a relative of TO, were measured to be faster than those of SLOW, one of FROM. Of
experts in FP4 these relatives have two families, of which one was tuned worse on SLOW: the ratio is that of FP8."""
import re
import sys

RATES = {"compute-peak": "flops", "mixed-peak": "flops", "memory": "bytes", "near-memory": "bytes"}


class Device:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.text = file.read()
        self.name = re.sub(r".*/|\.xml$", "", path)
        self.flops = {p: float(rate) for p, rate in
                      re.findall(r'<compute precision="([\w-]+)" rate="([\d.]+)TFLOP', self.text)}
        value, unit = re.search(r'<memory [^>]*bandwidth="([\d.]+)(TB|GB)/s"', self.text).groups()
        self.bandwidth = float(value) * {"TB": 1e12, "GB": 1e9}[unit]

    def elements(self, op):
        """By precision, None for all that have no row, and whether it is an alternative."""
        if op == "operator":
            return {(i, False): e for i, e in enumerate(re.findall(r" *<operator [^>]*/>\n", self.text))}
        found = re.findall(rf' *<efficiency op="{op}"[^>]*/>\n', self.text)
        return {((re.search(r' precision="([\w-]+)"', e) or [0, None])[1], ' alternative="true"' in e): e for e in found}

    def peak(self, precision):
        return self.flops[(precision or "bf16").replace("fp8-block", "fp8")]

    def reached(self, op, precision):
        a = dict(re.findall(r' ([\w-]+)="([\d.]+)"', self.elements(op)[precision, False]))
        return {"flops": float(a["compute-peak"]) * self.peak(precision), "bytes": float(a["memory"]) * self.bandwidth}


def taken_over(source, target, relatives, op, precision, element):
    note, share = ", not measured here", {"flops": 1, "bytes": 1}
    if relatives:
        told = "fp8" if any((precision, True) in d.elements(op) for d in relatives) else precision
        slow, fast = (d.reached(op, told) for d in relatives)
        faster = {rate: fast[rate] / slow[rate] for rate in share}
        share = {"flops": faster["flops"] * source.peak(precision) / target.peak(precision),
                 "bytes": faster["bytes"] * source.bandwidth / target.bandwidth}
        note = (f" by time, times what the {relatives[1].name} is faster than the {relatives[0].name} "
                f"({faster['flops']:.3f} in FLOPs, {faster['bytes']:.3f} in bytes); not measured here")
        for name, rate in RATES.items():
            element = re.sub(rf' {name}="([\d.]+)"',
                             lambda m, n=name, r=rate: f' {n}="{min(1, float(m[1]) * share[r]):.3f}"', element)
    return re.sub(r'source="[^"]*"', f'source="taken over from {source.name}{note}"', element)


def main():
    from_file, to_file, *ops = sys.argv[1:]
    relatives = None
    if ops[0] == "--as":
        relatives, ops = [Device(path) for path in ops[1:3]], ops[3:]
    source, target = Device(from_file), Device(to_file)
    for op in ops:
        old = list(target.elements(op).values())
        new = "".join(taken_over(source, target, relatives, op, p, e) for (p, _), e in source.elements(op).items())
        at = target.text.find(old[0]) if old else target.text.find("</device>")
        for element in old:
            target.text = target.text.replace(element, "")
        target.text = target.text[:at] + new + target.text[at:]
    with open(to_file, "w", encoding="utf-8") as file:
        file.write(target.text)


if __name__ == "__main__":
    main()
