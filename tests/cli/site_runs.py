"""What tests of runs of several sites share: what a run wrote, and that the sums of its sites are its totals."""
import csv
import gzip
import io
import json


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
