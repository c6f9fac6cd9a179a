"""Every model of the catalogue serves a minute of chat and a minute of coding agents on a rack of GB200, as wide as it
needs to be; and serves the agents alike in macro-steps and iteration by iteration.

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
# Llama 2 ends at 4096 tokens, where agents begin, and Mixtral at 32768.
too_short = {("llama-2-70b", "agentic-coding"), ("mixtral-8x7b", "agentic-coding")}


def tokenworks(*arguments):
    return subprocess.run([program, *arguments], capture_output=True, text=True)


def write_scenario(path, model, workload, tp):
    with open(path, "w") as out:
        out.write(f"""<scenario name="catalogue">
  <platform file="{source}/platforms/nvl72-gb200-1.xml"/>
  <workload><generate from="{workload}" duration="60s"/></workload>
  <pool id="serve" model="{model}" tp="{tp}" weights="fp8" kv="fp8"><scheduler/></pool>
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


def serve(scratch, model, workload):
    scenario = os.path.join(scratch, "scenario.xml")
    for tp in (8, 16, 32):
        write_scenario(scenario, model, workload, tp)
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


def main():
    models = sorted(f[:-4] for f in os.listdir(os.path.join(source, "workloads/models")) if f.endswith(".xml"))
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        for model in models:
            for workload in ("chat", "agentic-coding"):
                fault = serve(scratch, model, workload)
                if fault is not None:
                    failed += 1
                    print(f"{model}, {workload}: {fault}")
    print(f"{len(models)} models, {failed} faults")
    return 1 if failed or len(models) < 40 else 0


if __name__ == "__main__":
    sys.exit(main())
