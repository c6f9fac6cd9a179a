"""Compares a golden run with what is expected of it: golden.py PROGRAM SOURCE NAME; or `elements` instead of a name, for
elements and attributes with their ranges; `step-times`, for the table that the program step_times prints; or `complete`,
for the list of runs.

With TW_BLESS=1 it rewrites the expected tables that differ. README.md tells the rest."""
import csv
import difflib
import gzip
import json
import math
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

LIMIT_BYTES = 4 << 20
MACHINE_FIELDS = ("wall_s", "cpu_s")  # What the summary tells of the machine that ran it.


def read_runs(golden):
    """Returns the rows of runs.txt: by name, the scenario and the options."""
    rows = []
    for line in (golden / "runs.txt").read_text().splitlines():
        if line.startswith(" "):
            rows[-1] += line
        elif line and not line.startswith("#"):
            rows.append(line)
    words = [shlex.split(row) for row in rows]
    return {row[0]: (row[1], row[2:]) for row in words}


def scenarios_in(directory):
    """Returns the scenarios of a directory, by name; sweeps are left out."""
    return {path.stem: path for path in directory.glob("*.xml")
            if xml.etree.ElementTree.parse(path).getroot().tag == "scenario"}


def run(program, scenario, options, directory):
    """Returns what the run wrote, by name of the table: text, with the machine's own times left out of the summary. Scenarios
    that leave out the audit for speed have it here."""
    audited = ["--set", "//output/@audit=true"] if 'audit="false"' in scenario.read_text() else []
    command = [program, "run", scenario, "-o", directory, "-q", *options, *audited]
    if (code := subprocess.run(command, check=False).returncode) != 0:
        sys.exit(f"golden run: exit code {code} of {shlex.join(map(str, command))}")
    tables = {path.name[:-len(".gz")]: gzip.decompress(path.read_bytes()).decode()
              for path in directory.glob("*.csv.gz")}
    summary = json.loads((directory / "summary.json").read_text())
    for field in MACHINE_FIELDS:
        del summary[field]
    tables["summary.json"] = json.dumps(summary, indent=1) + "\n"
    return tables


def read_expected(directory):
    expected = {path.name[:-len(".gz")]: gzip.decompress(path.read_bytes()).decode()
                for path in directory.glob("*.csv.gz")}
    summary = directory / "summary.json"
    if summary.exists():
        expected["summary.json"] = summary.read_text()
    return expected


def alike(name, expected, got):
    """Whether two tables hold the same; the order of a summary's members means nothing."""
    if name.endswith(".json") and None not in (expected, got):
        return json.loads(expected) == json.loads(got)
    return expected == got


def bless(directory, tables, expected):
    directory.mkdir(exist_ok=True)
    for name in sorted(tables.keys() | expected.keys()):
        if alike(name, expected.get(name), tables.get(name)):
            continue
        path = directory / (name if name.endswith(".json") else name + ".gz")
        print(f"{'removes' if name not in tables else 'writes'} {path}")
        if name not in tables:
            path.unlink()
        elif path.suffix == ".gz":
            path.write_bytes(gzip.compress(tables[name].encode(), 9, mtime=0))
        else:
            path.write_text(tables[name])


def flatten(value, path=""):
    """Yields the leaves of a JSON value in order, each with its path."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from flatten(member, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from flatten(member, f"{path}[{index}]")
    else:
        yield path, json.dumps(value)


def first_difference_of_summaries(expected, got):
    expected, got = dict(flatten(json.loads(expected))), dict(flatten(json.loads(got)))
    differing = [path for path in {**expected, **got} if expected.get(path) != got.get(path)]
    lines = [f"{path}: expected {expected.get(path, 'nothing')}, got {got.get(path, 'nothing')}" for path in differing]
    return "\n  ".join(lines[:5] + ([f"and {len(lines) - 5} more"] if len(lines) > 5 else []))


def first_difference_of_tables(expected, got):
    expected, got = list(csv.reader(expected.splitlines())), list(csv.reader(got.splitlines()))
    if expected[0] != got[0]:
        return f"expected the columns {','.join(expected[0])}\n  got the columns      {','.join(got[0])}"
    columns = expected[0]
    for number, (old, new) in enumerate(zip(expected[1:], got[1:]), 1):
        if old != new:
            cells = [f"{column}: expected {was or 'nothing'}, got {now or 'nothing'}"
                     for column, was, now in zip(columns, old, new) if was != now]
            return f"row {number} ({columns[0]} {old[0]}, {columns[1]} {old[1]}) differs first\n  " + "\n  ".join(cells)
    return f"expected {len(expected) - 1} rows, got {len(got) - 1}, and the first of them are alike"


def compare(expected, tables):
    """Returns one text for each table that differs."""
    faults = []
    for name in sorted(tables.keys() | expected.keys()):
        if name not in expected:
            faults.append(f"{name}: not expected")
        elif name not in tables:
            faults.append(f"{name}: expected, but the run has not written it")
        elif not alike(name, expected[name], tables[name]):
            first_difference = first_difference_of_summaries if name.endswith(".json") else first_difference_of_tables
            faults.append(f"{name}: {first_difference(expected[name], tables[name])}")
    return faults


def find_unequal_sums(tables):
    """What the time of accelerators, the energy and the cost went to sums to the whole, to nine digits, jobs
    among it. The parts of requests sum to their time in the program's own audit, which debug builds run (see run)."""
    summary = json.loads(tables["summary.json"])
    if (spent := summary.get("spent")) is None:
        return []
    sums = {kind: sum(parts.values()) for kind, parts in spent.items()}
    wholes = {"joules": summary["energy"].get("site_j", math.nan),
              "usd": summary.get("cost", {}).get("usd")}
    faults = [f"spent.{kind} sums to {sums[kind]!r}, and all of it is {whole!r}" for kind, whole in wholes.items()
              if kind in sums and whole is not None and abs(sums[kind] - whole) > 1e-9 * max(1, abs(whole))]
    accelerators = sums["seconds"] / summary["simulated_s"] if summary["simulated_s"] > 0 else 0
    if abs(accelerators - round(accelerators)) > 1e-9 * max(1, accelerators):
        faults.append(f"spent.seconds are those of {accelerators!r} accelerators")
    return faults


def compare_elements(program, path):
    """Returns one text where `check --describe` prints another line than expected; with TW_BLESS=1 it rewrites them."""
    got = subprocess.run([program, "check", "--describe"], check=True, capture_output=True, text=True).stdout
    got = re.sub(r"(?m)^(  audit .*); default .*", r"\1", got)  # Debug builds audit, and others do not.
    if os.environ.get("TW_BLESS") == "1":
        path.write_text(got)
    lines = difflib.unified_diff(path.read_text().splitlines(), got.splitlines(), "expected", "got", n=0, lineterm="")
    return ["\n".join(["the elements differ"] + difference[:20])] if (difference := list(lines)) else []


def find_gaps(source, golden):
    """Returns a text for each shipped scenario without a row, row without a scenario, and directory without a row."""
    runs = read_runs(golden)
    shipped, own = scenarios_in(source / "sim/scenarios"), scenarios_in(golden / "scenarios")
    used = {scenario for scenario, _ in runs.values()}
    directories = {path.name for path in golden.iterdir() if path.is_dir()} - {"scenarios"}
    size_bytes = sum(path.stat().st_size for path in golden.rglob("*") if path.is_file())
    faults = [f"sim/scenarios/{name}.xml has no golden run: give it a row in tests/golden/runs.txt"
              for name in sorted(shipped.keys() - used)]
    faults += [f"tests/golden/scenarios/{name}.xml has no row in runs.txt: remove it" for name in sorted(own.keys() - used)]
    faults += [f"tests/golden/runs.txt names {name}, which is no scenario of sim/scenarios or tests/golden/scenarios"
               for name in sorted(used - shipped.keys() - own.keys())]
    faults += [f"tests/golden/{name} has no row in runs.txt: remove it" for name in sorted(directories - runs.keys() - {"step-times"})]
    if size_bytes > LIMIT_BYTES:
        faults.append(f"tests/golden holds {size_bytes} bytes, more than {LIMIT_BYTES}: cut the runs shorter")
    return faults


def main():
    program, source, name = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
    golden = source / "tests/golden"
    if name == "complete":
        faults = find_gaps(source, golden)
    elif name == "elements":
        faults = compare_elements(program, golden / "elements.txt")
    else:
        expected = read_expected(golden / name)
        if name == "step-times":
            tables = {"step-times.csv": subprocess.run([program], check=True, capture_output=True, text=True).stdout}
            unequal = []
        else:
            scenario, options = read_runs(golden)[name]
            path = (scenarios_in(source / "sim/scenarios") | scenarios_in(golden / "scenarios"))[scenario]
            with tempfile.TemporaryDirectory() as scratch:
                tables = run(program, path, options, pathlib.Path(scratch) / "run")
            unequal = find_unequal_sums(tables)
        if os.environ.get("TW_BLESS") == "1":
            bless(golden / name, tables, expected)
            return 0
        faults = compare(expected, tables) + unequal
    for fault in faults:
        print(f"golden run {name}: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
