"""The main job, cut short, for scripts that read its tables with tools other than ours."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
TABLES = ("requests", "engines", "racks", "site")


def skip(why):
    """Ends the test as skipped, and says why."""
    print(f"skipped: {why}", file=sys.stderr)
    sys.exit(SKIPPED)


def need(tool):
    if not shutil.which(tool):
        skip(f"no {tool} here")


@contextlib.contextmanager
def azure_run():
    """A run directory with its run.json and summary.json, of the program and the tree in the arguments. Without a
    front end, where requests neither wait nor run."""
    program, source = sys.argv[1:3]
    with tempfile.TemporaryDirectory(prefix="tokenworks-test-") as directory:
        run = os.path.join(directory, "run")
        subprocess.run([program, "run", os.path.join(source, "sim/scenarios/azure-conv-hgx-h100.xml"), "-o", run, "-q",
                        "--until", "10min", "--set", "//router/@frontend=0s"], check=True)
        with open(os.path.join(run, "run.json"), encoding="utf-8") as text:
            description = json.load(text)
        with open(os.path.join(run, "summary.json"), encoding="utf-8") as text:
            summary = json.load(text)
        yield run, description, summary


def columns_of(description, table):
    return [column["name"] for column in description["logs"]["tables"][table]["columns"]]
