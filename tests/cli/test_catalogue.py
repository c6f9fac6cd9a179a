"""Every model of the catalogue serves a minute of chat and a minute of coding agents on a rack of GB200, as wide as it
needs to be; and serves the agents alike in macro-steps and iteration by iteration. So does a node of each device, with
one model.

    test_catalogue.py TOKENWORKS SOURCE-TREE
"""

import csv
import gzip
import math
import os
import subprocess
import sys
import tempfile

program, source = sys.argv[1:]
# Widths and formats, of which the first that fits is taken.
FP8 = [(tp, "fp8", "fp8") for tp in (8, 16, 32)]
DEVICES = [(tp, "mxfp4", kv) for kv in ("fp8", "bf16") for tp in (2, 1)]
# Llama 2 ends at 4096 tokens, where agents begin, and Mixtral at 32768.
too_short = {("llama-2-70b", "agentic-coding"), ("mixtral-8x7b", "agentic-coding")}


def tokenworks(*arguments):
    return subprocess.run([program, *arguments], capture_output=True, text=True)


def write_scenario(path, platform, model, workload, tp, weights, kv):
    with open(path, "w") as out:
        out.write(f"""<scenario name="catalogue">
  <platform file="{platform}"/>
  <workload><generate from="{workload}" duration="60s"/></workload>
  <pool id="serve" model="{model}" tp="{tp}" weights="{weights}" kv="{kv}"><scheduler/></pool>
  <output/>
</scenario>
""")


def requests_of(directory):
    with gzip.open(os.path.join(directory, "requests.csv.gz"), "rt") as file:
        return list(csv.DictReader(file))


def same(a, b):
    """Equal text, or numbers that agree to a billionth, which instants of nine decimals may miss by their last."""
    try:
        return a == b or math.isclose(float(a), float(b), rel_tol=1e-9, abs_tol=2e-9)
    except ValueError:
        return False


def serve(scratch, model, workload, platform=source + "/platforms/nvl72-gb200-1.xml", tries=FP8):
    scenario = os.path.join(scratch, "scenario.xml")
    for tp, weights, kv in tries:
        write_scenario(scenario, platform, model, workload, tp, weights, kv)
        if tokenworks("check", scenario).returncode == 0:
            break
    else:
        return "fits nowhere: " + tokenworks("check", scenario).stderr
    tables = []
    for exact in ("false",) if workload == "chat" else ("false", "true"):
        out = os.path.join(scratch, exact)
        run = tokenworks("run", scenario, "-o", out, "--force", "--quiet", "--set", f"//output/@exact-steps={exact}")
        if run.returncode != 0:
            return run.stderr
        tables.append(requests_of(out))
    macro, exact = tables[0], tables[-1]
    if len(macro) != len(exact) or not macro:
        return f"{len(macro)} requests in macro-steps, {len(exact)} in exact ones"
    for a, b in zip(macro, exact):
        for column in a:
            if not same(a[column], b[column]):
                return f"request {a['id']}: {column} is {a[column]} in macro-steps, {b[column]} in exact ones"
    served = sum(row["state"] == "completed" for row in macro)
    if served < 0.9 * len(macro) and (model, workload) not in too_short:
        return f"{served} of {len(macro)} requests are served"
    return None


def stem_of(folder):
    return sorted(f[:-4] for f in os.listdir(os.path.join(source, folder)) if f.endswith(".xml"))


def serve_on(scratch, device, workload):
    platform = os.path.join(scratch, "platform.xml")
    made = tokenworks("platform", "single", f"--device={device}", "--accelerators=2", "-o", platform)
    return made.stderr or serve(scratch, "gpt-oss-20b", workload, platform, DEVICES)


def main():
    models, devices = stem_of("workloads/models"), stem_of("platforms/devices")
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        for name, served in [(model, serve) for model in models] + [(device, serve_on) for device in devices]:
            for workload in ("chat", "agentic-coding"):
                fault = served(scratch, name, workload)
                if fault is not None:
                    failed += 1
                    print(f"{name}, {workload}: {fault}")
    print(f"{len(models)} models, {len(devices)} devices, {failed} faults")
    return 1 if failed or len(models) < 40 or len(devices) < 20 else 0


if __name__ == "__main__":
    sys.exit(main())
