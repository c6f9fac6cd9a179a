"""Runs every fast test by itself on a copy that counts lines and branches, and writes which test reaches which line."""
import argparse
import collections
import difflib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import changes
import tree_copy

# Assertions are compiled out, so that only branches that a run can take are counted.
OPTIONS = "-O0;--coverage;-DG_DISABLE_ASSERT"


def read_counts(copy, prefix):
    """Returns what one test counted, and forgets it: by file, the lines with their counts and those of their branches."""
    counted = sorted(prefix.rglob("*.gcda"))
    for path in counted:
        notes = pathlib.Path("/") / path.relative_to(prefix).with_suffix(".gcno")
        path.with_suffix(".gcno").symlink_to(notes)
    lines = {}
    if counted:
        said = subprocess.run(["gcov", "--json-format", "--branch-probabilities", "--stdout", *counted], capture_output=True, check=True,
                              cwd=prefix).stdout
        for text in said.decode().splitlines():
            for entry in json.loads(text)["files"]:
                path = pathlib.Path(os.path.realpath(copy.build / entry["file"]))
                if path.is_relative_to(copy.tree.resolve()):
                    lines.setdefault(str(path.relative_to(copy.tree.resolve())), []).extend(entry["lines"])
    shutil.rmtree(prefix)
    return lines


class Coverage:
    """By file and line: which tests reach the line, and how often each of its branches was taken."""

    def __init__(self):
        self.seconds, self.lines, self.branches, self.texts = {}, {}, {}, {}
        self.numbers = {}

    def add(self, test, seconds, counts):
        self.seconds[test] = seconds
        for path, lines in counts.items():
            known = self.lines.setdefault(path, {})
            branches = self.branches.setdefault(path, {})
            for line in lines:
                number = str(line["line_number"])
                reached = known.setdefault(number, [])
                if line["count"] and test not in reached:
                    reached.append(test)
                taken = [branch["count"] for branch in line["branches"]]
                sums = branches.setdefault(number, [])
                sums += [0] * (len(taken) - len(sums))
                for at, count in enumerate(taken):
                    sums[at] += count

    def write(self, path, tree):
        self.texts = {name: (tree / name).read_text() for name in self.lines}
        path.write_text(json.dumps(self.__dict__))

    @classmethod
    def read(cls, path):
        coverage = cls()
        coverage.__dict__.update(json.loads(path.read_text()))
        return coverage

    def lines_of(self, path, text):
        """Returns the lines of a file as it is now, each with the tests that reach it; lines that changed since the
        coverage was measured are left out."""
        if path not in self.numbers:
            known, measured = self.lines.get(path, {}), self.texts.get(path, "").splitlines()
            matcher = difflib.SequenceMatcher(None, measured, text.splitlines(), autojunk=False)
            self.numbers[path] = {b + at + 1: known[str(a + at + 1)] for a, b, size in matcher.get_matching_blocks()
                                  for at in range(size) if str(a + at + 1) in known}
        return self.numbers[path]

    def tests_of(self, path, text, start):
        """Returns the tests that reach the statement around a token: all tests, where it stands in no function."""
        lines = self.lines_of(str(path), text)
        first = text.count("\n", 0, max(text.rfind(mark, 0, start) for mark in ";{}") + 1) + 1
        ends = [at for mark in ";{}" if (at := text.find(mark, start)) >= 0]
        last = text.count("\n", 0, min(ends, default=start)) + 1
        here = [lines[number] for number in range(first, last + 1) if number in lines]
        if not here:
            return list(self.seconds)
        return sorted(set().union(*here))

    def sum_branches(self, path):
        """Returns how many branches of a file were taken, how many there are, and the lines of those not taken."""
        counts = self.branches.get(str(path), {})
        missing = {int(line): sum(count == 0 for count in taken) for line, taken in counts.items()}
        total = sum(len(taken) for taken in counts.values())
        return total - sum(missing.values()), total, sorted(line for line, number in missing.items() if number)


def measure(directory, jobs, only):
    copy = tree_copy.Copy(directory, "coverage", OPTIONS, jobs)
    if not copy.make():
        sys.exit(f"coverage: the copy does not build: see {copy.log}")
    copy.read_tests()
    coverage = Coverage()
    for test in sorted(copy.tests):
        if not re.search(only, test):
            continue
        prefix = directory / "counts"
        prefix.mkdir(exist_ok=True)
        passed, seconds = copy.run(test, GCOV_PREFIX=str(prefix))
        if not passed:
            sys.exit(f"coverage: the unchanged copy does not pass {test}: see {copy.log}")
        coverage.add(test, seconds, read_counts(copy, prefix))
        print(f"{seconds:7.2f} s {test}", flush=True)
    coverage.write(directory / "coverage.json", copy.tree)
    return coverage


def show(coverage, tree, patterns):
    sums = collections.Counter()
    for path in changes.files_of(tree, patterns):
        if path.suffix != ".c":
            continue
        taken, total, missing = coverage.sum_branches(path)
        sums["taken"], sums["total"] = sums["taken"] + taken, sums["total"] + total
        print(f"{path}: {taken} of {total} branches" + (f"; not: {' '.join(map(str, missing))}" if missing else ""))
    print(f"{sums['taken']} of {sums['total']} branches, {100 * sums['taken'] / max(1, sums['total']):.1f} %")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=pathlib.Path, default=tree_copy.SOURCE / "build/mutants")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="compilers at a time")
    parser.add_argument("--only", default="", metavar="REGEX", help="the tests to run")
    parser.add_argument("--show", action="store_true", help="show what was measured before")
    parser.add_argument("patterns", nargs="*", default=changes.RESULT_BEARING, help="files to show, such as 'sim/kv/*.c'")
    arguments = parser.parse_args()
    arguments.directory.mkdir(parents=True, exist_ok=True)
    record = arguments.directory / "coverage.json"
    coverage = Coverage.read(record) if arguments.show else measure(arguments.directory, arguments.jobs, arguments.only)
    show(coverage, arguments.directory / "coverage-tree", arguments.patterns)


if __name__ == "__main__":
    main()
