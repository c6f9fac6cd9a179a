"""Runs every fast test by itself on a copy that counts branches, and writes which test reaches which function."""
import argparse
import bisect
import difflib
import json
import os
import pathlib
import struct
import subprocess
import sys

import changes
import tree_copy

# Assertions are compiled out, so that only branches that a run can take are counted.
OPTIONS = "-O0;--coverage;-DG_DISABLE_ASSERT"

# ---- Notes (gcno) and counts (gcda) of gcc 12: words of 32 bits, then records of a tag, a length in bytes and data ----

FUNCTION, ARCS = 0x01000000, 0x01A10000


def read_records(data, at):
    while at + 8 <= len(data):
        tag, length = struct.unpack_from("<Ii", data, at)
        yield tag, length, at + 8
        at += 8 + max(length, 0)  # A negative length stands for so many bytes of zeros.


def read_text(data, at):
    length = struct.unpack_from("<I", data, at)[0]
    return data[at + 4:at + 3 + length].decode(), at + 4 + length


def read_notes(copy, path):
    """Returns the functions that an object holds: by ident, its source in the tree and its first and last line."""
    data, functions = path.read_bytes(), {}
    directory, at = read_text(data, 16)
    for tag, _, start in read_records(data, at + 4):
        if tag == FUNCTION:
            ident = struct.unpack_from("<I", data, start)[0]
            _, at = read_text(data, start + 12)
            source, at = read_text(data, at + 4)
            source = pathlib.Path(os.path.realpath(os.path.join(directory, source)))
            if source.is_relative_to(copy.tree.resolve()):
                first, _, last = struct.unpack_from("<3I", data, at)
                functions[ident] = (str(source.relative_to(copy.tree.resolve())), first, last)
    return functions


def read_counts(path):
    """Returns the counters of the functions that have run, by ident."""
    data, counts, ident = path.read_bytes(), {}, None
    for tag, length, start in read_records(data, 16):
        if tag == FUNCTION and length > 0:
            ident = struct.unpack_from("<I", data, start)[0]
        elif tag == ARCS and length > 0:
            counts[ident] = data[start:start + length]
    return counts


class Counters:
    """What the objects of a build have counted so far."""

    def __init__(self, copy):
        for path in copy.build.rglob("*.gcda"):
            path.unlink()
        self.functions = {path.with_suffix(".gcda"): read_notes(copy, path) for path in copy.build.rglob("*.gcno")}
        self.times, self.counts = {}, {}

    def take(self):
        """Returns the functions that have run since the last time."""
        reached = set()
        for path, functions in self.functions.items():
            if not path.exists() or (time := path.stat().st_mtime_ns) == self.times.get(path):
                continue
            counts, before = read_counts(path), self.counts.get(path, {})
            reached |= {functions[ident] for ident in counts if ident in functions and counts[ident] != before.get(ident)}
            self.times[path], self.counts[path] = time, counts
        return reached

    def read_branches(self, copy):
        """Returns how often each branch was taken, by file and line."""
        files = {str(path) for path in changes.files_of(copy.tree, changes.RESULT_BEARING)}
        objects = [path for path, functions in self.functions.items()
                   if path.exists() and any(source in files for source, _, _ in functions.values())]
        said = subprocess.run(["gcov", "--json-format", "--branch-probabilities", "--stdout", *objects], check=True,
                              capture_output=True, cwd=copy.build).stdout
        branches = {}
        for text in said.decode().splitlines():
            for entry in json.loads(text)["files"]:
                path = pathlib.Path(os.path.realpath(copy.build / entry["file"]))
                if not path.is_relative_to(copy.tree.resolve()) or path.suffix != ".c":
                    continue
                lines = branches.setdefault(str(path.relative_to(copy.tree.resolve())), {})
                for line in entry["lines"]:
                    if line["branches"]:
                        lines[str(line["line_number"])] = [branch["count"] for branch in line["branches"]]
        return branches


class Coverage:
    """By file: which tests reach a function, from line to line, and how often each branch of a line was taken."""

    def __init__(self):
        self.seconds, self.functions, self.branches, self.texts = {}, {}, {}, {}
        self.known = {}

    def add(self, test, seconds, reached):
        self.seconds[test] = seconds
        for path, first, last in reached:
            self.functions.setdefault(path, {}).setdefault(f"{first} {last}", []).append(test)

    def write(self, path, tree):
        self.texts = {name: (tree / name).read_text() for name in self.functions}
        path.write_text(json.dumps(self.__dict__))

    @classmethod
    def read(cls, path):
        coverage = cls()
        coverage.__dict__.update(json.loads(path.read_text()))
        return coverage

    def line_then(self, path, text, line):
        """Returns the line of a file, as it was when the coverage was measured, that now is `line`; None: it is new."""
        if path not in self.known:
            matcher = difflib.SequenceMatcher(None, self.texts.get(path, "").splitlines(), text.splitlines(), autojunk=False)
            self.known[path] = matcher.get_matching_blocks()
        block = self.known[path][bisect.bisect(self.known[path], line - 1, key=lambda block: block.b) - 1]
        return line - block.b + block.a if block.b <= line - 1 < block.b + block.size else None

    def tests_of(self, path, text, start):
        """Returns the tests that reach the function around a token: all tests, where it stands in none."""
        line = self.line_then(str(path), text, text.count("\n", 0, start) + 1)
        reached = [tests for lines, tests in self.functions.get(str(path), {}).items()
                   if line is not None and int(lines.split()[0]) <= line <= int(lines.split()[1])]
        inside = line is not None and (reached or self.is_unreached(str(path), line))
        return sorted(set().union(*reached)) if inside else list(self.seconds)

    def is_unreached(self, path, line):
        """Whether a line has branches, and stands in a function that no test reaches."""
        return any(sum(counts) == 0 for number, counts in self.branches.get(path, {}).items() if int(number) == line)

    def sum_branches(self, path):
        """Returns how many branches of a file were taken, how many there are, and the lines of those not taken."""
        counts = self.branches.get(str(path), {})
        missing = {int(line): sum(count == 0 for count in taken) for line, taken in counts.items()}
        total = sum(len(taken) for taken in counts.values())
        return total - sum(missing.values()), total, sorted(line for line, number in missing.items() if number)


def measure(directory, jobs, only):
    rooms = "|".join(sorted({"^" + pattern.rpartition("/")[0] + "$" for pattern in changes.RESULT_BEARING}))
    copy = tree_copy.Copy(directory, "coverage", jobs, f"-DTW_ROOM_OPTIONS={OPTIONS}", f"-DTW_ROOMS_WITH_OPTIONS={rooms}")
    if not copy.make_tests(only):
        sys.exit(f"coverage: the copy does not build: see {copy.log}")
    copy.read_tests(only)
    coverage, counters, failed = Coverage(), Counters(copy), []
    for test in sorted(copy.tests):
        passed, seconds = copy.run(test)
        coverage.add(test, seconds, counters.take())
        print(f"{seconds:7.2f} s {test}{'' if passed else ': fails'}", flush=True)
        failed += [] if passed else [test]
    coverage.branches = counters.read_branches(copy)
    coverage.write(directory / "coverage.json", copy.tree)
    if failed:
        sys.exit(f"coverage: the unchanged copy does not pass {', '.join(failed)}: see {copy.log}")
    return coverage


def show(coverage, tree, patterns):
    taken, total = 0, 0
    for path in changes.files_of(tree, patterns):
        here, all_here, missing = coverage.sum_branches(path)
        taken, total = taken + here, total + all_here
        print(f"{path}: {here} of {all_here} branches" + (f"; not: {' '.join(map(str, missing))}" if missing else ""))
    print(f"{taken} of {total} branches, {100 * taken / max(1, total):.1f} %")


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
    show(coverage, arguments.directory / "coverage", arguments.patterns)


if __name__ == "__main__":
    main()
