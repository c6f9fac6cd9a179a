#!/usr/bin/env python3
"""How growing demand meets new hardware every year: for each row of growth.csv, what a rack of that year serves within the
SLO, and from that racks, megawatts and dollars; and the same demand on racks of the first year.

    sim/scenarios/growth.py [TOKENWORKS [DIRECTORY]]

What is assumed stands in growth.csv and in the constants below; SITES.md says where each comes from."""
import csv
import json
import pathlib
import subprocess
import sys

CAPITAL_USD_PER_W = 29.0  # Of facility power: 29e9 USD a GW, Epoch AI's estimate, by nextbigfuture.com.
LIFE_H = 5 * 8766  # Written off over five years: assumed.
USD_PER_KWH = 0.0725  # Industrial, Texas, January 2026, EIA.
G_PER_KWH = 302.95  # Dallas, 2024, Google's region-carbon-info.

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/release/sim/tokenworks").resolve()
RUNS = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else "runs/growth").resolve()


def platform(row):
    """Writes one rack of a year's hardware."""
    path = RUNS / f"{row['device']}.xml"
    kind, *options = row["site"].split()
    if not path.exists():
        subprocess.run([PROGRAM, "platform", kind, *(f"--{option}" for option in options), "-o", path], check=True)
    return path


def search(year, hardware):
    """Returns the most requests a second that a rack of some year's hardware serves of another year's, and that run's summary."""
    runs = RUNS / f"{year['year']}-{hardware['device']}"
    done = subprocess.run(
        [PROGRAM, "search", HERE / "growth-year.xml", "--find", "max //arrivals/@rate", "-o", runs, "--quiet",
         "--tolerance", "0.03", "--set", f"//platform/@file={platform(hardware)}",
         "--set", f"//pool/@replicas={hardware['replicas']}", "--set", f"//pool/@weights={hardware['weights']}",
         "--set", f"//reasoning/@mean={year['reasoning_tokens']}", "--set", f"//answer/@mean={year['answer_tokens']}"],
        check=True, capture_output=True, text=True)
    rate = done.stdout.split("= ")[1].split(" ")[0]
    return float(rate[:-2]), json.loads((runs / rate.replace("/", "_") / "summary.json").read_text())


def tell(year, hardware):
    """Prints a line: so many requests a second on so many racks."""
    rate, summary = search(year, hardware)
    requests, racks = float(year["requests_per_s"]), float(year["requests_per_s"]) / rate
    tokens = requests * (float(year["reasoning_tokens"]) + float(year["answer_tokens"]))
    line = f"{year['year']:>4} {requests:>8.0f} {tokens / 1e6:>8.1f} {hardware['device']:>6} {rate:>8.2f} {racks:>7.0f}"
    if "site_j" not in summary["energy"]:
        print(f"{line}        -        -       -       -", flush=True)
        return
    facility_w, drawn_w = racks * summary["energy"]["peak_w"], racks * summary["load"]["average_w"]
    usd_per_h = facility_w * CAPITAL_USD_PER_W / LIFE_H + drawn_w / 1e3 * USD_PER_KWH
    print(f"{line} {facility_w / 1e6:>8.1f} {usd_per_h / tokens / 3600 * 1e6:>8.3f} {drawn_w / tokens:>7.2f}"
          f" {drawn_w / 1e3 * G_PER_KWH / tokens / 3600 * 1e6:>7.0f}", flush=True)


RUNS.mkdir(parents=True, exist_ok=True)
with open(HERE / "growth.csv", encoding="utf-8") as table:
    YEARS = list(csv.DictReader(table))
print("year    req/s Mtoken/s   rack  req/s a   racks       MW USD/Mtok J/token   g/Mtok\n"
      "                                  rack")
for of_year in YEARS:
    tell(of_year, of_year)
    if of_year is not YEARS[0]:
        tell(of_year, YEARS[0])
print("Tokens are output tokens; MW are those of the facility at its peak; USD are capital and electricity. -: the watts of\n"
      "the device are not published.")
