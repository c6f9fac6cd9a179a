"""Runs the shipped scenarios of another revision with its program and with this one's, and says of each table whether it is
identical: against.py PROGRAM REVISION [--only REGEX] [--until TIME] [--set XPATH=VALUE]... What is set, is set in this program
alone, where a scenario has it. The other revision is exported to build/against/REVISION and built there.

Tables are compared column by column: columns that one of the two does not write are counted, and not compared."""
import argparse
import csv
import json
import pathlib
import re
import subprocess
import tempfile

import golden

SOURCE = pathlib.Path(__file__).resolve().parents[2]


def build(revision):
    """Exports a revision and builds its program; returns the folder of its sources, and the program."""
    tree = SOURCE / "build/against" / revision
    program = tree / "build/release/sim/tokenworks"
    if not program.exists():
        tree.mkdir(parents=True, exist_ok=True)
        archive = subprocess.run(["git", "-C", SOURCE, "archive", revision], check=True, capture_output=True).stdout
        subprocess.run(["tar", "x", "-C", tree], check=True, input=archive)
        subprocess.run(["cmake", "--preset", "release", "-DBUILD_TESTING=OFF"], check=True, cwd=tree, stdout=subprocess.DEVNULL)
        subprocess.run(["cmake", "--build", "--preset", "release", "--target", "tokenworks"], check=True, cwd=tree,
                       stdout=subprocess.DEVNULL)
    return tree, program


def options_that_fit(program, scenario, settings):
    """Returns the options of those settings that name what the scenario has."""
    return [word for setting in settings for word in ("--set", setting)
            if subprocess.run([program, "check", scenario, "--set", setting], check=False, capture_output=True).returncode == 0]


def compare_tables(old, new):
    """Returns what is to be said of a table that both have written."""
    if old == new:
        return "identical"
    old, new = list(csv.reader(old.splitlines())), list(csv.reader(new.splitlines()))
    places = [(column, old[0].index(column), new[0].index(column)) for column in old[0] if column in new[0]]
    alike = len(old) == len(new)
    rows = list(zip(old[1:], new[1:]))
    differing = [column for column, was, now in places if any(a[was] != b[now] for a, b in rows)]
    words = [f"{len(new[0]) - len(places)} columns more"] if len(new[0]) > len(places) else []
    words += [f"{len(old[0]) - len(places)} fewer"] if len(old[0]) > len(places) else []
    words += [] if alike else [f"{len(new) - 1} rows for {len(old) - 1}"]
    if not differing:
        return ", ".join(["the common columns are identical" if alike else "the common rows are identical", *words])
    row, column, was, now = next((number, column, a[was], b[now]) for number, (a, b) in enumerate(rows, 1)
                                 for column, was, now in places if a[was] != b[now])
    return ", ".join([f"{len(differing)} of {len(places)} columns differ, first {column} in row {row} "
                      f"({was or 'empty'}, now {now or 'empty'})", *words])


def compare_summaries(old, new):
    old, new = (dict(golden.flatten(json.loads(text))) for text in (old, new))
    common = [path for path in old if path in new]
    differing = [path for path in common if old[path] != new[path]]
    if not differing:
        return f"identical, and {len(new) - len(common)} numbers more"
    path = differing[0]
    return (f"{len(differing)} of {len(common)} numbers differ, first {path} ({old[path]}, now {new[path]}), "
            f"{len(new) - len(common)} more, {len(old) - len(common)} fewer")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("revision")
    parser.add_argument("--only", default="", metavar="REGEX", help="scenarios to run")
    parser.add_argument("--until", default="60s")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="XPATH=VALUE")
    arguments = parser.parse_args()
    tree, program = build(arguments.revision)
    old, new = golden.scenarios_in(tree / "sim/scenarios"), golden.scenarios_in(SOURCE / "sim/scenarios")
    for name in sorted(name for name in old if re.search(arguments.only, name)):
        if name not in new:
            print(f"{name}: is no longer shipped")
            continue
        own = options_that_fit(arguments.program.absolute(), new[name], arguments.settings)
        with tempfile.TemporaryDirectory() as scratch:
            was = golden.run(program, old[name], ["--until", arguments.until], pathlib.Path(scratch) / "old")
            now = golden.run(arguments.program.absolute(), new[name], ["--until", arguments.until, *own], pathlib.Path(scratch) / "new")
        for table in sorted(was.keys() | now.keys()):
            if table not in was or table not in now:
                said = "new" if table not in was else "not written any more"
            else:
                said = (compare_summaries if table.endswith(".json") else compare_tables)(was[table], now[table])
            print(f"{name} {table}: {said}", flush=True)


if __name__ == "__main__":
    main()
