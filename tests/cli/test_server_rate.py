"""server-rate.sh finds the largest rate at which 99 % of the latencies stay within the limits: they do at that rate, and
not at one 2 % above it."""

import json
import os
import subprocess
import sys
import tempfile

program, source = sys.argv[1:3]
script = os.path.join(source, "sim/scenarios/server-rate.sh")
scenario = os.path.join(source, "sim/scenarios/server-llama-2-70b-hgx-h100.xml")
shorter = ["--set", "//poisson/@duration=20s", "--seed", "7"]
TTFT_S, TPOT_S = 0.4, 0.05


def holds(directory, rate):
    run = os.path.join(directory, "own")
    subprocess.run([program, "run", scenario, "-o", run, "--force", "--quiet", "--set", f"//poisson/@rate={rate}/s", *shorter],
                   check=True)
    with open(os.path.join(run, "summary.json"), encoding="utf-8") as file:
        summary = json.load(file)
    return summary["ttft_s"]["p99"] <= TTFT_S and summary["tpot_s"]["p99"] <= TPOT_S


with tempfile.TemporaryDirectory() as directory:
    command = ["sh", script, "-b", program, "-o", directory, "-t", str(TTFT_S), "-p", str(TPOT_S), scenario, *shorter]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    rows = [line.split() for line in out[1:-1]]
    assert all(len(cell.replace(".", "")) <= 6 for row in rows for cell in row[:-1]), rows
    held = [float(row[0]) for row in rows if row[-1] == "yes"]
    broke = [float(row[0]) for row in rows if row[-1] == "no"]
    largest = max(held)
    assert out[-1].startswith(f"largest rate: {largest:g} requests/s with p99 of TTFT within 0.4 s"), out[-1]
    assert largest < min(broke) <= 1.02 * largest, (largest, broke)
    assert holds(directory, largest) and not holds(directory, min(broke))
    # What cannot hold at any rate ends as well, and a bad scenario is the program's own error.
    none = subprocess.run(["sh", script, "-b", program, "-o", directory, "-t", "0.000001", scenario, *shorter], capture_output=True, text=True)
    assert none.returncode == 0 and none.stdout.splitlines()[-1].startswith("largest rate: 0 requests/s"), none.stdout
    bad = subprocess.run(["sh", script, "-b", program, "-o", directory, os.path.join(directory, "none.xml")], capture_output=True, text=True)
    assert bad.returncode == 2 and "none.xml" in bad.stderr, bad
    # -h explains every option and runs nothing; another letter is a fault that points there.
    explained = subprocess.run(["sh", script, "-h"], capture_output=True, text=True, cwd=directory)
    assert explained.returncode == 0 and not os.path.exists(os.path.join(directory, "runs")), explained
    assert all(f"-{letter}" in explained.stdout for letter in "htpqob"), explained.stdout
    unknown = subprocess.run(["sh", script, "-x"], capture_output=True, text=True, cwd=directory)
    assert unknown.returncode == 2 and "-h explains" in unknown.stderr, unknown
    print(f"{largest:g} requests/s in {len(rows)} runs")
