"""What the tests of reports share: run directories, reports, and the data that a report holds."""

import array
import base64
import json
import math
import os
import re
import subprocess
import sys

PROGRAM, SOURCE = sys.argv[1:3]


def write_fixture(directory, seconds):
    """A run directory with a value in every column, and a summary of the totals that the page shows."""
    os.makedirs(directory, exist_ok=True)
    subprocess.run([os.environ["TW_REPORT_RUN"], directory, str(seconds)], check=True)


def write_report(directory):
    """The path of the page."""
    page = os.path.join(directory, "report.html")
    subprocess.run([PROGRAM, "report", directory], check=True, stdout=subprocess.DEVNULL)
    return page


def read_data(page):
    """The JSON in the page."""
    with open(page, encoding="utf-8") as file:
        text = file.read()
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S).group(1))


def unpack(packed):
    """The numbers of a packed column."""
    values = array.array("f", base64.b64decode(packed))
    if sys.byteorder == "big":
        values.byteswap()
    return list(values)


def near(found, expected, relative=1e-6, absolute=1e-9):
    """Both are no value, or as good as equal."""
    if found is None or expected is None or math.isnan(found) or math.isnan(expected):
        return (found is None or math.isnan(found)) and (expected is None or math.isnan(expected))
    return math.isclose(found, expected, rel_tol=relative, abs_tol=absolute)


class Checks:
    """Counts what was checked, and says what was wrong."""

    def __init__(self):
        self.count, self.faults = 0, []

    def that(self, sound, what):
        self.count += 1
        if not sound:
            self.faults.append(what)

    def near(self, found, expected, what, relative=1e-6, absolute=1e-9):
        self.that(near(found, expected, relative, absolute), f"{what}: {found}, expected {expected}")

    def end(self):
        for fault in self.faults[:20]:
            print("FAILED", fault)
        print(f"{self.count} checks, {len(self.faults)} failed")
        sys.exit(1 if self.faults or self.count == 0 else 0)
