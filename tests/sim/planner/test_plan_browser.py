"""The page of a plan in headless Chromium: the verdict, a row per ranked design, points that lead to reports, no complaints."""

import json
import os
import subprocess
import tempfile

from browser import Browser, find
from report_page import Checks, PROGRAM

find()
checks = Checks()
QUESTION = """<question name="&lt;img src=x onerror='hacked=1'&gt;" optimise="accelerators">
<workload><poisson rate="20/s" duration="30s"><prompt mean="500"/><answer mean="50"/></poisson></workload>
<slo tpot="30ms"/><model name="llama-3.1-70b"/><site kind="hgx" largest="4"/><site kind="hgx" options="device=h200-sxm" largest="4"/>
<layout tp="1 4 8"/><effort slice="10s" finalists="2" seeds="1"/></question>"""

with tempfile.TemporaryDirectory() as scratch, Browser() as browser:
    question = os.path.join(scratch, "q.xml")
    with open(question, "w", encoding="utf-8") as file:
        file.write(QUESTION)
    plan = os.path.join(scratch, "plan")
    subprocess.run([PROGRAM, "plan", question, "-o", plan, "-q"], check=True, capture_output=True)
    with open(os.path.join(plan, "plan.json"), encoding="utf-8") as file:
        answer = json.load(file)
    ranked = sorted((design for design in answer["designs"] if "rank" in design), key=lambda design: design["rank"])
    browser.open(os.path.join(plan, "plan.html"))
    rows = browser.run("[...document.querySelectorAll('#ranked tbody tr')].map((row) => [...row.cells].map((cell) => cell.textContent))")
    checks.that([row[1] for row in rows] == [design["site"] for design in ranked], f"{rows} but {ranked}")
    links = browser.run("[...document.querySelectorAll('#ranked a, #points a')].map((a) => decodeURIComponent(a.getAttribute('href')))")
    checks.that(len(links) == 2 * len(ranked), f"{len(links)} links")
    for link in links:
        checks.that(os.path.exists(os.path.join(plan, link)), f"{link} is not there")
    sized = [design for design in answer["designs"] if "accelerators" in design]
    points = browser.run("document.querySelectorAll('#points circle').length")
    checks.that(points == len(sized), f"{points} points of {len(sized)} designs")
    verdict = browser.run("document.querySelector('#answer').textContent")
    checks.that("Build hgx" in verdict, verdict)
    dropped = browser.run("[...document.querySelectorAll('#dropped td.number')].reduce((sum, cell) => sum + Number(cell.textContent), 0)")
    checks.that(dropped == sum("dropped" in design for design in answer["designs"]), f"{dropped} dropped")
    checks.that(browser.run("document.getElementById('zoom').offsetHeight") == 0, "controls of time plots are shown")
    checks.that(browser.run("typeof window.hacked") == "undefined", "a name was run as a script")
    browser.run("document.getElementById('theme').click()")
    checks.that(browser.complaints == [], f"{browser.complaints}")
checks.end()
