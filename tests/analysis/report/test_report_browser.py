"""A report in headless Chromium: it draws, zooms, slides, and lets no name out of the text that it is."""

import json
import os
import re
import subprocess
import sys
import tempfile

from browser import INK, Browser, find
from report_page import Checks, PROGRAM, SOURCE, near, read_data, unpack, write_fixture, write_report

find()
checks = Checks()

SCALES = "[...zoom.plots].map((plot) => [plot.plot.scales.x.min, plot.plot.scales.x.max])"
FACTORS = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "days": 86400, "%": 0.01,
           "": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


def parse(text):
    """The number that a person reads in "12.3 ms", "45 %", "1,234 /s", "3.2 kW"."""
    match = re.fullmatch(r"(-?[\d,.]+(?:e-?\d+)?)\s*(.*)", text)
    if not match:
        return None
    unit = match.group(2)
    if unit not in FACTORS:
        unit = unit[0] if re.fullmatch(r"[kMGT](W|J|Wh|bytes|bytes/s)", unit) else ""
    return float(match.group(1).replace(",", "")) * FACTORS[unit]


def check_ink(page, what):
    page.settle()
    ink = page.run(INK)
    checks.that(len(ink) > 0, f"{what}: no plots")
    for name, pixels in ink:
        checks.that(pixels > 60, f"{what}: {name} has {pixels} pixels of ink")


def check_numbers(page, data, what):
    """What the page writes is what the summary says, to the four digits that it shows."""
    shown = page.run("[...document.querySelectorAll('[data-key]')].map((n) => [n.dataset.key, n.dataset.value, n.textContent])")
    checks.that(len(shown) > 20, f"{what}: {len(shown)} totals on the page")
    for key, value, text in shown:
        expected = data["summary"]
        for name in key.split("."):
            expected = expected[name]
        checks.that(float(value) == expected, f"{what}: {key} is {value}, in the summary {expected}")
        checks.near(parse(text), expected, f"{what}: {key} reads {text}", 6e-4, 1e-12)
    leaves = dict(page.run("[...document.querySelectorAll('[data-total]')].map((n) => [n.dataset.total, n.textContent])"))

    def compare(value, path):
        if isinstance(value, (dict, list)):
            for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
                compare(inner, path + [str(name)])
        else:
            text = leaves.get(".".join(path))
            sound = text == (value if isinstance(value, str) else json.dumps(value))
            checks.that(sound or float(text) == value, f"{what}: total {path} is {text}, in the summary {value}")

    compare(data["summary"], [])


def same_zoom(page, what):
    """The time that all plots show."""
    page.settle()
    scales = page.run(SCALES)
    for scale in scales:
        checks.that(near(scale[0], scales[0][0]) and near(scale[1], scales[0][1]), f"{what}: plots show {scale} and {scales[0]}")
    return scales[0]


def check_zoom(page, what):
    whole = same_zoom(page, what)
    box = page.run("(() => { const o = zoom.plots.values().next().value.plot.over; o.scrollIntoView({ block: 'center' });"
                   " const r = o.getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; })()")
    x, y, width, height = box
    page.mouse("mousePressed", x + width * 0.25, y + height / 2, button="left", buttons=1, clickCount=1)
    for share in (0.3, 0.5, 0.75):
        page.mouse("mouseMoved", x + width * share, y + height / 2, button="left", buttons=1)
    page.mouse("mouseReleased", x + width * 0.75, y + height / 2, button="left", clickCount=1)
    zoomed = same_zoom(page, f"{what} dragged")
    span = whole[1] - whole[0]
    checks.that(abs(zoomed[0] - span * 0.25) < span * 0.02 and abs(zoomed[1] - span * 0.75) < span * 0.02, f"{what}: dragging shows {zoomed}")
    check_ink(page, f"{what} zoomed")
    texts = page.run("[...zoom.plots][0].values.map((v) => v.textContent)")
    checks.that(any(texts), f"{what}: the legend says nothing under the pointer")
    page.run("document.querySelector('.plot[tabindex]').focus()")
    page.key("+", 187)
    nearer = same_zoom(page, f"{what} key")
    checks.that(near(nearer[1] - nearer[0], (zoomed[1] - zoomed[0]) / 2, 1e-3), f"{what}: plus shows {nearer}")
    page.key("ArrowRight", 39)
    moved = same_zoom(page, f"{what} key")
    checks.that(moved[0] > nearer[0], f"{what}: an arrow does not move")
    page.key("0", 48)
    checks.that(same_zoom(page, f"{what} key") == whole, f"{what}: 0 does not show the whole run")
    page.run("document.getElementById('zoom-from').value = '0:01:00'; document.getElementById('zoom-to').value = '2:00'; document.querySelector('#zoom [type=submit]').click()")
    checks.that(same_zoom(page, f"{what} form") == [60, 120], f"{what}: the form does not zoom")
    page.run("document.getElementById('zoom-reset').click()")
    checks.that(same_zoom(page, what) == whole, f"{what}: the button does not show the whole run")


def check_floor(page, data, what):
    racks = data["racks"]
    values = {name: unpack(column["mean"]) for name, column in racks["columns"].items()}
    page.run("document.getElementById('floor-time').focus()")
    page.key("Home", 36)
    before = page.run("document.getElementById('floor-clock').textContent")
    for _ in range(3):
        page.key("ArrowRight", 39)
    checks.that(page.run("document.getElementById('floor-clock').textContent") != before, f"{what}: the slider moves no clock")
    for metric in values:
        page.run(f"(() => {{ const s = document.getElementById('floor-metric'); s.value = {json.dumps(metric)}; s.dispatchEvent(new Event('change')); }})()")
        shown = page.run("[...document.querySelectorAll('.rack')].map((r) => [r.querySelector('.name').textContent, r.querySelector('.value').textContent, r.style.background])")
        checks.that([name for name, _, _ in shown] == racks["names"], f"{what}: racks {shown}")
        for i, (name, text, colour) in enumerate(shown):
            checks.near(parse(text), values[metric][i * racks["n"] + 3], f"{what}: {metric} of {name} reads {text}", 6e-4, 1e-6)
            checks.that(colour.startswith("rgb("), f"{what}: rack {name} has no colour")
    page.run("document.querySelector('.rack').click()")
    page.settle()
    checks.that(page.run("document.querySelectorAll('.detail .plot').length") == 1, f"{what}: a rack shows no plot")
    check_ink(page, f"{what} with a rack")
    page.run("document.querySelector('.rack').click()")


SITES = """<scenario name="sites"><workload><poisson rate="4/s" requests="40"><prompt mean="200"/><answer mean="10"/></poisson></workload>
%s<users region="users"/><wan from="users" to="a" latency="5ms"/><wan from="users" to="b" latency="9ms"/>
<global-router policy="least-loaded"/><output interval="1s"/></scenario>"""
SITE = """<site name="%s" region="%s" %s><platform file="%s/platforms/hgx-h100-1.xml"/><pool id="serve" model="llama-3.1-8b"/></site>"""


def check_sites(page, scratch):
    """A map of two sites and of the users, who have none: what stands beside each is what the table says, and the slider moves it."""
    path, run = os.path.join(scratch, "sites.xml"), os.path.join(scratch, "sites")
    for where in (("", ""), ('latitude="50" longitude="9"', 'latitude="39" longitude="-77"')):
        with open(path, "w", encoding="utf-8") as file:
            file.write(SITES % "".join(SITE % (name, name, at, SOURCE) for name, at in zip("ab", where)))
        subprocess.run([PROGRAM, "run", path, "-o", run, "--quiet", "--force"], check=True)
        page.complaints.clear()
        page.open(write_report(run))
        data = read_data(write_report(run))
        sites, ways = data["sites"], data["ways"]
        busy, sent = unpack(sites["columns"]["busy"]["mean"]), unpack(ways["columns"]["requests"]["mean"])
        checks.that(ways["names"] and all(way in ("users > a", "users > b") for way in ways["names"]), f"sites: ways {ways['names']}")
        for frame in (0, 3):
            page.run(f"(() => {{ const t = document.getElementById('sites-time'); t.value = {frame}; t.dispatchEvent(new Event('input')); }})()")
            shown = page.run("[...document.querySelectorAll('[data-site]')].map((s) => [s.dataset.site, s.querySelectorAll('text')[1].textContent])")
            checks.that([name for name, _ in shown] == ["a", "b"], f"sites: {shown}")
            for name, text in shown:
                checks.near(parse(text.split(" busy")[0]), busy[sites["names"].index(name) * sites["n"] + frame], f"sites: {name} reads {text}", 6e-2, 1e-3)
            said = page.run("document.getElementById('sites-said').textContent")
            for i, way in enumerate(ways["names"]):
                rate = sent[i * ways["n"] + frame]
                checks.that((f"{way.replace(' > ', ' to ')}: {rate:g} requests/s" in said) == (rate > 0), f"sites: {way} {rate} in {said}")
            checks.that(page.run("document.querySelectorAll('.sitemap .flow').length") == sum(sent[i * ways["n"] + frame] > 0 for i in range(len(ways["names"]))),
                        f"sites: lines at {frame}")
        checks.that(page.run("document.querySelectorAll('.sitemap .graticule').length > 0") == ("" not in where), "sites: degrees without places")
        checks.that(page.complaints == [], f"sites: {page.complaints}")


def check_slowest(page, data, what):
    for kind, rows in data["slowest"].items():
        page.run(f"(() => {{ const s = document.getElementById('slowest-by'); s.value = {json.dumps(kind)}; s.dispatchEvent(new Event('change')); }})()")
        shown = page.run("[...document.querySelectorAll('[data-request]')].map((r) => [Number(r.dataset.request), r.querySelector('.session').textContent,"
                         " r.querySelectorAll('.bars i').length])")
        checks.that([row[0] for row in shown] == [row["id"] for row in rows], f"{what}: slowest by {kind}: {shown}")
        for (_, session, bars), row in zip(shown, rows):
            checks.that(session == row.get("session", ""), f"{what}: session reads {session}")
            checks.that(bars > 0, f"{what}: no timeline of {row['id']}")


def check_styles(page, what):
    """Lines of a plot differ in more than their colour."""
    plots = page.run("[...zoom.plots].filter((p) => !p.stacked).map((p) => [p.title, p.series.map((s) => JSON.stringify([s.style.dash, s.style.width]))])")
    for title, lines in plots:
        checks.that(len(set(lines)) == len(lines), f"{what}: lines of {title} differ in colour alone")


def check_cost(page, data, what):
    """The cost of electricity so far ends where watts times prices, summed up here, do."""
    site, end = data["site"], data["end_s"]
    columns = {name: unpack(site["columns"][name]["mean"]) for name in ("total_w", "price_usd_per_kwh", "carbon_g_per_kwh")}
    for title, intensity in (("Cost of electricity so far", "price_usd_per_kwh"), ("Carbon so far", "carbon_g_per_kwh")):
        total = sum(columns["total_w"][i] * columns[intensity][i] / 3.6e6 * min(site["width_s"], end - i * site["width_s"]) for i in range(site["n"]))
        shown = page.run(f"[...zoom.plots].find((p) => p.title === {json.dumps(title)}).series[0].mean.at(-1)")
        checks.near(shown, total, f"{what}: {title}", 1e-6)


def check_paper(page, what):
    """On A4, 190 mm between its margins, no plot is cut off: they are drawn anew, as wide as their figures are there."""
    page.run("dispatchEvent(new Event('beforeprint'))")
    page.call("Emulation.setEmulatedMedia", media="print")
    page.resize(718, 1000)
    page.settle()
    cut = page.run("[...document.querySelectorAll('.canvas')].filter((body) => body.scrollWidth > body.clientWidth || body.getBoundingClientRect().right > 719).length")
    checks.that(cut == 0, f"{what}: {cut} plots are cut off on paper")
    page.call("Emulation.setEmulatedMedia", media="")
    page.resize(1400, 1000)
    page.run("dispatchEvent(new Event('afterprint'))")


# Elements of a page that reach beyond it and do not scroll, and names that are cut where they are shown.
CUT = """[...document.body.querySelectorAll('*')].filter((one) => {
  const box = one.getBoundingClientRect();
  if (box.width === 0 || one.classList.contains('skip') || one.closest('svg, .u-wrap')) return false;
  for (let up = one.parentElement; up; up = up.parentElement)
    if (/auto|scroll/.test(getComputedStyle(up).overflowX)) return false;
  const bar = one.closest('.part')?.getBoundingClientRect();
  const shown = !bar || box.top < bar.bottom;
  return shown && box.right > (one.classList.contains('part-name') ? bar.right : document.documentElement.clientWidth) + 1;
}).map((one) => `${one.tagName} ${one.className} ${one.textContent.slice(0, 30)}`)"""


def check_phone(page, what):
    """On a phone, 390 px wide, nothing is cut, whatever is opened: tables scroll, names that do not fit are left out."""
    page.resize(390, 1000)
    page.run("for (const one of document.querySelectorAll('details')) one.open = true")
    page.settle()
    cut = page.run(CUT)
    checks.that(cut == [], f"{what}: cut on a phone: {cut[:5]}")
    checks.that(page.run("document.documentElement.scrollWidth") <= 390, f"{what}: wider than a phone")
    page.run("for (const one of document.querySelectorAll('details')) one.open = false")
    page.resize(1400, 1000)
    page.settle()


def check(page, directory, hostile):
    what = os.path.basename(directory)
    path = write_report(directory)
    data = read_data(path)
    page.complaints.clear()
    seconds = page.open(path)
    print(f"{what}: {os.path.getsize(path) / 1e6:.2f} MB, ready after {seconds:.2f} s")
    checks.that(os.path.getsize(path) <= 3e6, f"{what}: {os.path.getsize(path)} bytes")
    check_phone(page, what)
    for theme in ("light", "dark"):
        if page.run("document.documentElement.dataset.theme") != theme:
            page.run("document.getElementById('theme').click()")
        paper = page.run("getComputedStyle(document.body).backgroundColor")
        checks.that((paper == "rgb(255, 255, 255)") == (theme == "light"), f"{what}: {theme} paper is {paper}")
        check_ink(page, f"{what} {theme}")
    page.run("document.getElementById('log-scale').click()")
    check_ink(page, f"{what} on a log scale")
    page.run("document.getElementById('log-scale').click()")
    check_zoom(page, what)
    check_numbers(page, data, what)
    check_floor(page, data, what)
    check_slowest(page, data, what)
    check_styles(page, what)
    page.resize(600, 900)
    check_ink(page, f"{what} on a small screen")
    checks.that(page.run("document.documentElement.scrollWidth") <= 600, f"{what}: wider than a small screen")
    page.resize(1400, 1000)
    checks.that(len(page.call("Page.printToPDF", printBackground=False)["data"]) > 50000, f"{what}: prints nothing")
    check_paper(page, what)
    if hostile:
        check_cost(page, data, what)
        name = data["run"]["name"]
        checks.that("<script>" in name and page.run("document.querySelector('h1').textContent") == name, f"{what}: the heading is not the name")
        checks.that(page.run("typeof window.hacked") == "undefined", f"{what}: a name was run as a script")
        checks.that(page.run("document.querySelectorAll('img').length") == 0, f"{what}: a name became an image")
    for complaint in page.complaints:
        checks.that(False, f"{what}: {complaint}")


def check_empty(page, directory):
    """A run that ended before anything happened."""
    page.complaints.clear()
    page.open(write_report(directory))
    checks.that("killed" in page.run("document.getElementById('notice').textContent"), "empty: says nothing of it")
    checks.that(page.run("document.querySelectorAll('.plot').length") == 0, "empty: has plots")
    checks.that(page.complaints == [], f"empty: {page.complaints}")


def check_missing(page, directory):
    """The page names what keeps the energy of the site from being known."""
    with open(os.path.join(directory, "summary.json"), "w", encoding="utf-8") as file:
        json.dump({"simulated_s": 1800, "energy": {"missing": "PUE <b>of</b> the site"}}, file)
    page.complaints.clear()
    page.open(write_report(directory))
    said = page.run("[...document.querySelectorAll('.notice, li')].map((node) => node.textContent).join()")
    checks.that("the platform lacks PUE <b>of</b> the site" in said, f"missing: says only {said}")
    checks.that(page.complaints == [], f"missing: {page.complaints}")


with tempfile.TemporaryDirectory() as scratch, Browser() as browser:
    write_fixture(os.path.join(scratch, "empty"), 0)
    check_empty(browser, os.path.join(scratch, "empty"))
    for name, duration in (("half-hour", 1800), ("day", 86400)):
        write_fixture(os.path.join(scratch, name), duration)
        check(browser, os.path.join(scratch, name), True)
    check_missing(browser, os.path.join(scratch, "half-hour"))
    check_sites(browser, scratch)
    for name in ("azure-conv-hgx-h100", "reasoning-day-hgx-h100", "reasoning-deepseek-nvl72"):
        run = os.path.join(scratch, name)
        # Audits are for other tests: on a whole run of this size they take minutes.
        subprocess.run([PROGRAM, "run", os.path.join(SOURCE, f"sim/scenarios/{name}.xml"), "-o", run, "--quiet",
                        "--set", "/scenario/output/@audit=false"], check=True)
        check(browser, run, False)
checks.end()
