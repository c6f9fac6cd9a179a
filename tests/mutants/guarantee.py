"""Proves what README.md guarantees: of the scheduler, the KV cache and the log core, tests take at least 95 % of the
branches and see at least 95 % of the changes of one token. Exits with 1 where they do not."""
import argparse
import os
import pathlib
import sys
import time

import changes
import coverage as coverages
import mutants
import tree_copy

LEAST = 0.95
# The golden runs and the tests of these rooms and of those that use them suffice.
TESTS = "^golden/|^sim/(engine|kv|log|site)/|^analysis/log/"


def sum_branches(coverage, tree, patterns):
    """Returns how many branches of a core were taken, how many there are, and the lines with others."""
    taken, total, missing = 0, 0, []
    for path in changes.files_of(tree, patterns):
        here, all_here, lines = coverage.sum_branches(path)
        text = (tree / path).read_text().splitlines()
        taken, total = taken + here, total + all_here
        missing += [f"{path}:{line}: {text[line - 1].strip()}" for line in lines]
    return taken, total, missing


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=20261127)
    parser.add_argument("--number", type=int, default=40, help="of changes of each core")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="compilers at a time")
    parser.add_argument("--directory", type=pathlib.Path, default=tree_copy.SOURCE / "build/mutants")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begins no change after so much real time")
    parser.add_argument("--resume", action="store_true", help="goes on with what an earlier call has measured and tried")
    arguments = parser.parse_args()
    arguments.directory.mkdir(parents=True, exist_ok=True)
    begun, measured = time.monotonic(), arguments.directory / "coverage.json"
    coverage = coverages.Coverage.read(measured) if arguments.resume and measured.exists() else coverages.measure(
        arguments.directory, arguments.jobs, TESTS)
    judge = mutants.Judge(arguments.directory, arguments.jobs, TESTS)
    record = mutants.Record(arguments.directory / "guarantee.jsonl", arguments.resume)
    rows, left, holds = [], [], True
    for name, patterns in changes.CORES.items():
        taken, total, missing = sum_branches(coverage, arguments.directory / "coverage", patterns)
        tried, survivors = mutants.try_changes(judge, arguments.seed, patterns, arguments.number, record,
                                               begun + arguments.seconds)
        killed = tried - len(survivors)
        rows.append(f"{name}: {taken} of {total} branches ({100 * taken / total:.1f} %), "
                    f"{killed} of {tried} changes seen ({100 * killed / max(1, tried):.1f} %)"
                    + (f"; {arguments.number - tried} not tried" if tried < arguments.number else ""))
        left += missing + survivors
        holds = holds and taken >= LEAST * total and killed >= LEAST * tried and tried == arguments.number
    print("\n".join([*rows, "", "Not taken, or not seen:", *left]))
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
