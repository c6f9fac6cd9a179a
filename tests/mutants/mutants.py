"""Changes one token of result-bearing code at a time and looks whether a test fails. README.md tells the rest."""
import argparse
import concurrent.futures
import difflib
import hashlib
import json
import os
import pathlib
import sys
import time

import changes
import coverage as coverages
import tree_copy



class Judge:
    """Tries changes on a copy, each on the tests that reach it, those first that say most for their time."""

    def __init__(self, directory, jobs, only="", settings=()):
        record = directory / "coverage.json"
        self.coverage = coverages.Coverage.read(record) if record.exists() else coverages.Coverage()
        self.copy = tree_copy.Copy(directory, "plain", jobs, "-DTW_WERROR=ON", *(f"-D{setting}" for setting in settings))
        if not self.copy.make("tokenworks"):
            sys.exit(f"mutants: the copy does not build: see {self.copy.log}")
        self.copy.read_tests(only)
        self.seconds = {test: self.coverage.seconds.get(test, 1) for test in self.copy.tests}
        self.kills = dict.fromkeys(self.copy.tests, 0)
        # A test that was written since the coverage was measured may reach anything.
        self.unknown = [test for test in self.copy.tests if test not in self.coverage.seconds]
        self.whole = self.code()

    def code(self):
        """Returns a digest of the code of all rooms."""
        parts = [path.read_bytes() for path in sorted([*self.copy.build.rglob("*.so"), self.copy.build / "sim/tokenworks"])]
        return hashlib.sha256(b"".join(parts)).hexdigest()

    def order(self, path, text, start):
        """Returns the tests that reach a token, and all of its own room, which may have grown since; first those that take
        little time, are of the room or have seen changes before."""
        room = str(path.parent) + "/"
        own = [test for test in self.copy.tests if test.startswith(room)]
        reach = {*self.coverage.tests_of(path, text, start), *self.unknown, *own} & self.copy.tests.keys()
        return sorted(reach, key=lambda test: self.seconds[test] / (1 + self.kills[test]) /
                      (4 if test.startswith(room) else 1))

    def judge(self, path, text, start, mutant):
        """Returns what became of a change: `invalid` (does not compile), `same` (compiles to the same code), `unreached`,
        `survived`, or the name of the test that failed."""
        tests = self.order(path, text, start)
        header = path.suffix == ".h"
        (self.copy.tree / path).write_text(mutant)
        try:
            if not self.copy.make("tokenworks"):
                return "invalid"
            if self.code() == self.whole:
                return "same"
            if header and not self.copy.make(*set().union(*(self.copy.programs[test] for test in tests))):
                return "invalid"
            failed = self.first_failure(tests)
            if failed is not None:
                self.kills[failed] += 1
                return failed
            return "survived" if tests else "unreached"
        finally:
            (self.copy.tree / path).write_text(text)

    def first_failure(self, tests):
        """Runs tests, some at a time, until one fails; returns that one, or None."""
        with concurrent.futures.ThreadPoolExecutor(self.copy.jobs) as pool:
            left, running, failed = list(reversed(tests)), {}, None
            while running or (left and failed is None):
                while left and failed is None and len(running) < self.copy.jobs:
                    test = left.pop()
                    running[pool.submit(self.copy.run, test)] = test
                for done in concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED).done:
                    ended = running.pop(done)
                    passed, self.seconds[ended] = done.result()
                    failed = failed if passed else failed or ended
        return failed

    def check(self):
        """The unchanged copy passes: otherwise every change would seem to be seen."""
        if (failed := self.first_failure(list(self.copy.tests))) is not None:
            sys.exit(f"mutants: the unchanged copy does not pass {failed}: see {self.copy.log}")


class Record:
    """What became of changes, a line of JSON each. What was seen before need not be tried again, as long as its file is the same."""

    def __init__(self, path, resume):
        self.known = {}
        if resume and path.exists():
            self.known = {self.key(row): row for row in map(json.loads, path.read_text().splitlines())}
        self.file = open(path, "a" if resume else "w")

    @staticmethod
    def key(row):
        return row["file"], row["text"], row["at"], row["to"]

    def find(self, row):
        """Returns what became of a change that a test has seen, or that is none; None where it has to be tried."""
        verdict = self.known.get(self.key(row), {}).get("verdict")
        return None if verdict in ("survived", "unreached") else verdict

    def add(self, row):
        self.file.write(json.dumps(row) + "\n")
        self.file.flush()


def try_changes(judge, seed, patterns, number, record, end=float("inf")):
    """Tries changes until `number` count, or until the clock is at `end`; returns how many were tried, and the differences
    of those that were not killed."""
    tried, survivors = 0, []
    for path, (start, end_of, token) in changes.draw(judge.copy.tree, seed, patterns):
        text = (judge.copy.tree / path).read_text()
        line = text.count("\n", 0, start) + 1
        row = {"file": str(path), "line": line, "text": hashlib.sha256(text.encode()).hexdigest(), "at": start,
               "from": text[start:end_of], "to": token}
        mutant = text[:start] + token + text[end_of:]
        verdict = record.find(row)
        if verdict is None:
            if time.monotonic() > end:
                break
            verdict = judge.judge(path, text, start, mutant)
            record.add({**row, "verdict": verdict})
        print(f"{path}:{line}: {row['from']} -> {token}: {verdict}", flush=True)
        tried += verdict not in ("invalid", "same")
        if verdict in ("survived", "unreached"):
            survivors.append("".join(difflib.unified_diff(
                text.splitlines(True), mutant.splitlines(True), str(path), f"{path}:{line}", n=2)))
        if tried == number:
            break
    return tried, survivors


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=2711)
    parser.add_argument("--number", type=int, default=72, help="of changes that compile, to other code")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="compilers, or tests, at a time")
    parser.add_argument("--directory", type=pathlib.Path, default=tree_copy.SOURCE / "build/mutants")
    parser.add_argument("--only", default="", metavar="REGEX", help="the tests that may see a change")
    parser.add_argument("--setting", action="append", default=[], metavar="NAME=VALUE", help="of CMake, for the copy")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begins no change after so much real time")
    parser.add_argument("--resume", action="store_true", help="goes on with what an earlier call has tried")
    parser.add_argument("--trust", action="store_true", help="do not test the unchanged copy")
    parser.add_argument("--list", action="store_true", help="print the changes, and try none")
    parser.add_argument("patterns", nargs="*", default=changes.RESULT_BEARING, help="files to change, such as 'sim/kv/*.c'")
    arguments = parser.parse_args()
    if arguments.list:
        drawn = changes.draw(tree_copy.SOURCE, arguments.seed, arguments.patterns)
        for path, (start, end, token) in [next(drawn) for _ in range(arguments.number)]:
            text = (tree_copy.SOURCE / path).read_text()
            print(f"{path}:{text.count(chr(10), 0, start) + 1}: {text[start:end]} -> {token}")
        return
    begun = time.monotonic()
    arguments.directory.mkdir(parents=True, exist_ok=True)
    judge = Judge(arguments.directory, arguments.jobs, arguments.only, arguments.setting)
    if not arguments.trust:
        judge.check()
    record = Record(arguments.directory / "verdicts.jsonl", arguments.resume)
    tried, survivors = try_changes(judge, arguments.seed, arguments.patterns, arguments.number, record,
                                   begun + arguments.seconds)
    print(f"{tried - len(survivors)} of {tried} killed ({100 * (tried - len(survivors)) / max(1, tried):.1f} %)")
    print("\n".join(survivors))


if __name__ == "__main__":
    main()
