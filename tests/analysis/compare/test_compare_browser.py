"""The page of a comparison in headless Chromium: runs of different lengths overlaid, and the table of differences."""

import json
import os
import subprocess
import tempfile

from browser import INK, Browser, find
from report_page import Checks, PROGRAM, SOURCE

find()
checks = Checks()
SCENARIO = os.path.join(SOURCE, "sim/scenarios/azure-conv-hgx-h100.xml")
HOSTILE = "<img src=x onerror='hacked=1'>"  # the name of a directory


def run(directory, *options):
    subprocess.run([PROGRAM, "run", SCENARIO, "-o", directory, "--quiet", *options], check=True)
    return directory


def check_table(page, compared):
    """Rows and verdicts are those of --json."""
    rows = page.run("[...document.querySelectorAll('tr[data-metric]')].map((r) => [r.dataset.metric, [...r.cells].map((c) => c.textContent)])")
    checks.that([row[0] for row in rows] == [metric["name"] for metric in compared["metrics"]], "other metrics than in the JSON")
    for (name, cells), metric in zip(rows, compared["metrics"]):
        verdicts = [group.get("verdict", "") for group in metric["groups"][1:]]
        checks.that(cells[5::4] == verdicts, f"{name}: {cells} but {verdicts}")


def check_plots(page):
    """Each has a line per run that reaches as far as the run, and ink."""
    page.settle()
    for name, pixels in page.run(INK):
        checks.that(pixels > 60, f"{name} has {pixels} pixels of ink")
    ends = page.run("""[...zoom.plots].filter((plot) => plot.title === 'running').map((plot) => plot.series.map(
      (series) => series.mean.reduce((last, value, i) => (Number.isNaN(value) ? last : (i + 1) * plot.width_s), 0)))""")
    checks.that(len(ends) == 1 and len(ends[0]) == 3, f"running: {ends}")
    for end, expected in zip(ends[0], (600, 300, 600)):
        checks.that(expected <= end < expected + 60, f"a run of {expected} s is drawn to {end} s")


with tempfile.TemporaryDirectory() as scratch, Browser() as browser:
    runs = [run(os.path.join(scratch, "base"), "--until", "600s"), run(os.path.join(scratch, HOSTILE), "--until", "300s"),
            run(os.path.join(scratch, "fewer"), "--until", "600s", "--set", "//pool/@replicas=2")]
    page = os.path.join(scratch, "page.html")
    printed = subprocess.run([PROGRAM, "compare", *runs, "--json", "--report", page], check=True, capture_output=True, text=True)
    browser.open(page)
    check_table(browser, json.loads(printed.stdout))
    check_plots(browser)
    browser.run("document.getElementById('theme').click()")
    check_plots(browser)
    browser.run("zoom.set(100, 200)")
    scales = browser.run("[...zoom.plots].map((plot) => [plot.plot.scales.x.min, plot.plot.scales.x.max])")
    checks.that(all(scale == [100, 200] for scale in scales), f"zoom: {scales}")
    checks.that(browser.run("typeof window.hacked") == "undefined", "a name was run as a script")
    checks.that(browser.run("document.querySelectorAll('img').length") == 0, "a name became an image")
    checks.that(browser.complaints == [], f"{browser.complaints}")
checks.end()
