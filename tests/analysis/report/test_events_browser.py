"""Failures on the page of a run in headless Chromium: a bar for each, shades in plots, a table, and racks coloured by them."""

import os
import subprocess
import tempfile

from browser import Browser, find
from report_page import Checks, PROGRAM, SOURCE

find()
checks = Checks()
# Of two nodes in racks of their own, the second one breaks for 20 of 60 seconds.
SCENARIO = """<scenario name="s"><platform file="site.xml"/>
<workload><poisson rate="2/s" duration="60s"><prompt mean="300"/><answer mean="60"/></poisson></workload>
<pool id="p" model="llama-3.1-8b" replicas="2"/>
<failures><fault part="host" names="node-1" at="20s" repair="20s"/></failures><output interval="1s"/></scenario>"""

with tempfile.TemporaryDirectory() as scratch, Browser() as browser:
    with open(os.path.join(scratch, "s.xml"), "w", encoding="utf-8") as file:
        file.write(SCENARIO)
    run = os.path.join(scratch, "run")
    for words in (["platform", "hgx", "--nodes=2", "--nodes-per-rack=1", "-o", os.path.join(scratch, "site.xml")],
                  ["run", os.path.join(scratch, "s.xml"), "-o", run, "-q"], ["report", run, "-o", os.path.join(scratch, "page.html")]):
        subprocess.run([PROGRAM, *words], check=True, capture_output=True)
    browser.open(os.path.join(scratch, "page.html"))
    bar = browser.run("[...document.querySelectorAll('#events .bars i')].map((bar) => bar.title)")
    checks.that(len(bar) == 1 and bar[0].startswith("host node-1 stopped from 0:00:20 to "), f"{bar}")
    row = browser.run("[...document.querySelectorAll('#failures tbody td, #failures tbody th')].map((cell) => cell.textContent)")
    checks.that(row[:4] == ["host", "node-1", "stop", "0:00:20"], f"{row}")
    values = """(() => { const s = document.getElementById('floor-metric'); s.value = 'failures'; s.dispatchEvent(new Event('change'));
      const t = document.getElementById('floor-time'); t.value = AT; t.dispatchEvent(new Event('input'));
      return [...document.querySelectorAll('.rack')].map((rack) => rack.querySelector('.value').textContent); })()"""
    frames = browser.run("Number(document.getElementById('floor-time').max) + 1")
    seconds = browser.run("report.racks.width_s")
    checks.that(browser.run(values.replace("AT", str(int(30 / seconds)))) == ["0", "8"], "eight accelerators are down after 30 s")
    checks.that(browser.run(values.replace("AT", "0")) == ["0", "0"] and frames > 40, "none is down at first")
    checks.that(browser.complaints == [], f"{browser.complaints}")
checks.end()
