"""How far the lengths of each preset are from those of the traces that ship: the table of workloads/presets/README.md.

With --write behind the program and the source tree, the page gets the table of today."""

import json
import os
import subprocess
import sys
import tempfile

PROGRAM, SOURCE = sys.argv[1:3]
PAGE = os.path.join(SOURCE, "workloads/presets/README.md")
PRESETS = ("chat", "code-completion", "agentic-coding", "deep-research", "best-of-n", "reasoning-r1")
TRACES = ("azure-conv-2023.csv.gz", "mooncake-conversation.jsonl.gz", "servegen-r1-day-1-in-32.csv.gz")
REQUESTS = 5000


def run(*words):
    return subprocess.run([PROGRAM, "workload", *words], check=True, capture_output=True, text=True).stdout


def distances(trace, against):
    """Of prompts and of whole outputs, rounded as the page has them."""
    found = json.loads(run("describe", trace, "--json", "--against", os.path.join(SOURCE, "workloads/traces", against)))
    return tuple(round(found["distances"][kind], 2) for kind in ("prompt", "output"))


def table():
    lines = ["| preset | " + " | ".join(name.split(".")[0] for name in TRACES) + " |", "|---" * (1 + len(TRACES)) + "|"]
    with tempfile.TemporaryDirectory() as folder:
        for preset in PRESETS:
            drawn = os.path.join(folder, preset + ".csv")
            run("generate", "--preset", preset, "-n", str(REQUESTS), "-o", drawn)
            cells = [f"{prompt:.2f}, {output:.2f}" for prompt, output in (distances(drawn, trace) for trace in TRACES)]
            lines.append(f"| {preset} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


with open(PAGE) as page:
    text = page.read()
before, _, rest = text.partition("| preset | azure")
after = rest[rest.index("\n\n") + 1:]
now = before + table() + after
if "--write" in sys.argv:
    with open(PAGE, "w") as page:
        page.write(now)
assert now == text or "--write" in sys.argv, f"the table of {PAGE} is not that of today; run this test with --write"
print("ok")
