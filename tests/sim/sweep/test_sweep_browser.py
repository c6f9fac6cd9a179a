"""The page of a sweep in headless Chromium: a panel per metric, surfaces, trade-offs and a table that agree with sweep.csv."""

import csv
import os
import subprocess
import tempfile

from browser import Browser, find
from report_page import Checks, PROGRAM, SOURCE

find()
checks = Checks()
SCENARIO = f"""<scenario name="s"><platform file="{SOURCE}/platforms/hgx-h100-1.xml"/>
<workload><poisson rate="2/s" requests="40"><prompt mean="300"/><answer mean="60"/></poisson></workload>
<pool id="p" model="llama-3.1-8b"/><slo ttft="1s"/></scenario>"""
SWEEP = """<sweep name="&lt;img src=x onerror='hacked=1'&gt;" scenario="s.xml" SEEDS metrics="ttft_s.p99,tpot_s.p99,throughput.output_tokens_per_s">
<axis name="rate" path="//poisson/@rate" values="2/s 4/s 8/s"/><axis name="engines" path="//pool/@replicas" values="1 2"/></sweep>"""


def beaten(rows, a, b):
    """How many rows are beaten by none: less of `a` and more of `b` is better."""
    points = [(float(row[a]), -float(row[b])) for row in rows]
    return sum(not any(q[0] <= p[0] and q[1] <= p[1] and q != p for q in points) for p in points)


with tempfile.TemporaryDirectory() as scratch, Browser() as browser:
    for name, text in (("s.xml", SCENARIO), ("one.xml", SWEEP.replace("SEEDS", "")), ("two.xml", SWEEP.replace("SEEDS", 'seeds="1 2"'))):
        with open(os.path.join(scratch, name), "w", encoding="utf-8") as file:
            file.write(text)
    for name in ("one", "two"):
        directory = os.path.join(scratch, name)
        subprocess.run([PROGRAM, "sweep", directory + ".xml", "-o", directory, "-q"], check=True, capture_output=True)
        with open(os.path.join(directory, "sweep.csv"), encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        browser.open(os.path.join(directory, "sweep.html"))
        checks.that(browser.run("document.querySelectorAll('.panel').length") == 3, "not a panel for each metric")
        circles = browser.run("document.querySelectorAll('.panel circle').length")
        checks.that(circles == 3 * len(rows), f"{circles} points of {len(rows)} runs")
        table = browser.run("[...document.querySelectorAll('#all-points tbody tr')].map((row) => [...row.cells].map((cell) => cell.textContent))")
        checks.that([row[:2] for row in table] == [[row["rate"], row["engines"]] for row in rows], f"{table}")
        shown = [float(row[2].split(" ")[0]) for row in table]
        checks.that(all(abs(a / float(row["ttft_s.p99"]) - 1) < 1e-3 for a, row in zip(shown, rows)), f"{shown}")
        checks.that(all(("±" in row[2]) == (name == "two") for row in table), "intervals where there is one seed, or none where there are two")
        links = browser.run("[...document.querySelectorAll('#all-points a')].map((a) => decodeURIComponent(a.getAttribute('href')))")
        checks.that(len(links) == len(rows) and all(os.path.exists(os.path.join(directory, link)) for link in links), f"{links}")
        browser.run("(() => { const s = document.getElementById('sweep-y'); s.value = 'engines'; s.dispatchEvent(new Event('change')); })()")
        checks.that(browser.run("document.querySelectorAll('.panel rect').length") == 3 * len(rows), "a surface lacks cells")
        browser.run("(() => { for (const [i, v] of [[0, 'ttft_s.p99'], [1, 'throughput.output_tokens_per_s']]) { const s = document.getElementById(`pareto-${i}`); s.value = v; s.dispatchEvent(new Event('change')); } })()")
        said = browser.run("document.getElementById('pareto-said').textContent")
        best = beaten(rows, "ttft_s.p99", "throughput.output_tokens_per_s")
        checks.that(said.startswith(f"{best} of {len(rows)} points"), f"{said}, but {best}")
        checks.that(browser.run("typeof window.hacked") == "undefined", "a name was run as a script")
        browser.resize(390, 800)
        checks.that(browser.run("document.documentElement.scrollWidth") <= 390, "wider than a phone")
        browser.resize(1400, 1000)
        browser.run("document.getElementById('theme').click()")
    checks.that(browser.complaints == [], f"{browser.complaints}")
checks.end()
