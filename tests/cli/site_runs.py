"""What tests of runs of several sites share: scenarios and their runs, what a run wrote, and that the sums of its sites are its totals."""
import csv
import gzip
import io
import json
import pathlib
import subprocess
import sys
import tempfile

PROGRAM, SOURCE = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
SCRATCH = tempfile.TemporaryDirectory()
HERE = pathlib.Path(SCRATCH.name)
PLATFORM = f'<platform file="{SOURCE}/platforms/hgx-h100-1.xml"/>'
LENGTHS = '<prompt law="lognormal" mean="600" sigma="0.8" max="8192"/><answer law="lognormal" mean="60" sigma="0.8" max="512"/>'
REQUESTS = f'<poisson rate="30/s" requests="300">{LENGTHS}</poisson>'


def scenario(inside, workload=REQUESTS):
    return f'<scenario name="s"><workload>{workload}</workload>{inside}<output interval="1s" audit="true"/></scenario>'


def call(text, *options):
    (HERE / "s.xml").write_text(text)
    return subprocess.run([PROGRAM, "run", "s.xml", "-o", "out", "-q", "-f", *options], cwd=HERE, check=False,
                          capture_output=True, text=True)


def run(text, *options):
    subprocess.run(["rm", "-rf", "out"], cwd=HERE, check=True)
    done = call(text, *options)
    assert done.returncode == 0, done.stderr
    return Run(HERE / "out")


class Run:
    """What a run wrote."""

    def __init__(self, directory):
        self.bytes = {path.name: path.read_bytes() for path in directory.glob("*.csv.gz")}
        self.tables = {name[:-len(".csv.gz")]: list(csv.DictReader(io.StringIO(gzip.decompress(text).decode())))
                       for name, text in self.bytes.items()}
        self.summary = json.loads((directory / "summary.json").read_text())
        self.sites = {path.name: Run(path) for path in sorted(directory.iterdir()) if path.is_dir()}

    def requests(self):
        return {int(row["id"]): row for row in self.tables["requests"]}


def sums_are_sums(world):
    total = world.summary
    for path in (("energy", "site_j"), ("energy", "it_j"), ("cost", "usd"), ("carbon", "g"), ("tokens", "output")):
        parts = [s.summary.get(path[0], {}).get(path[1]) for s in world.sites.values()]
        if None not in parts and path != ("tokens", "output"):
            assert abs(total[path[0]][path[1]] - sum(parts)) <= 1e-9 * abs(sum(parts)), path
    sums = {state: sum(s.summary["requests"][state] for s in world.sites.values()) for state in total["requests"]}
    assert sums["completed"] == total["requests"]["completed"]
    refused, moved = total["world"]["refused"], total["world"]["moved"]
    assert sums["rejected"] + refused == total["requests"]["rejected"]
    assert sums["failed"] - moved == total["requests"]["failed"]
    assert total["requests"]["arrived"] == sum(v for k, v in total["requests"].items() if k != "arrived")
    ids = sorted(int(row["id"]) for row in world.tables["requests"])
    assert ids == list(range(total["requests"]["arrived"]))
    assert sum(int(row["moves"]) for row in world.tables["requests"]) == moved
    for column in ("arrived", "completed"):
        for name, inner in world.sites.items():
            assert (sum(int(row[column]) for row in world.tables["sites"] if row["site"] == name)
                    == inner.summary["requests"][column]), (name, column)
