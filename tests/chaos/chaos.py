#!/usr/bin/env python3
"""Runs random scenarios and looks whether what must hold does: chaos.py PROGRAM SOURCE --seed N [--count M].

Each seed is one scenario (draw.py). It runs with macro-steps and with exact steps under audit, and the oracles look at
what it wrote (oracles.py). A seed that fails is made smaller as long as it fails alike, and its events are told."""
import argparse
import copy
import pathlib
import shutil
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

import caller
import draw
import oracles
import schema

# What turns out only as a trace is read, or as parts break.
NO_FAULT = ("choose an earlier start", "give a duration", "failures in a row left no time")


def run(program, scenario, directory, *options):
    """Runs a scenario. Returns what it wrote and None, or None and what is wrong."""
    done = program.call("run", scenario, "-o", directory, "-f", "-q", *options)
    if done is None:
        return None, f"hang: the run does not end within {caller.LIMIT_CPU_S} CPU seconds"
    if done.returncode == 0:
        return oracles.Run(directory), None
    said = done.said.strip().splitlines() or [""]
    line = next((text for text in said if "ERROR" in text or "assert" in text or "runtime error" in text), said[-1])
    kind = "crash" if done.returncode < 0 or done.returncode > 2 else f"exit {done.returncode}"
    return None, f"{kind}: {line[:400]}"


def check(program, scenario):
    """Returns the faults that the program finds in a scenario."""
    done = program.call("check", scenario)
    if done is None or done.returncode not in (0, 2):
        raise RuntimeError(f"check of {scenario}: " + ("does not end" if done is None else f"ended with {done.returncode}: {done.said[-2000:]}"))
    return done.said if done.returncode == 2 else ""


class First:
    """The first run of a scenario, with macro-steps."""

    def __init__(self, program, scenario, directory):
        self.result, self.wrong = run(program, scenario, directory / "macro")
        # What a run refuses is refused by a check, unless it turns out only as a trace is read.
        self.faults = check(program, scenario) if self.wrong and self.wrong.startswith("exit 2") else ""


def calm(scenario, directory):
    """Writes the same scenario with room promised for all outputs. Returns its path."""
    tree = ElementTree.parse(scenario)
    for node in tree.getroot().iter():
        node.attrib.update({name: str((scenario.parent / value).resolve()) for name, value in node.items()
                            if (scenario.parent / value).is_file()})
    for pool in tree.getroot().iter("pool"):
        scheduler = pool.find("scheduler")
        if scheduler is None:
            scheduler = ElementTree.Element("scheduler")
            pool.insert(0, scheduler)
        scheduler.set(*(("conservativeness", "10") if scheduler.get("kind") == "sglang" else ("reserve", "output")))
    path = directory / "calm.xml"
    tree.write(path)
    return path


def judge_thrash(program, scenario, directory, result):
    """What is wrong with a run in which tokens were computed again, beside one in which nobody is preempted."""
    if oracles.tokens_computed(result)[1] == 0:
        return []
    other, failed = run(program, calm(scenario, directory), directory / "calm")
    return [f"calm: {failed}"] if failed else [f"nothing_thrashes: {sentence}" for sentence in oracles.nothing_thrashes(result, other)]


def judge(program, scenario, directory, seed, first):
    """Runs one scenario in every other way. Returns what is wrong."""
    if first.wrong:
        return [] if any(text in first.wrong for text in NO_FAULT) else [first.wrong]
    wrong, requests = oracles.judge(first.result), first.result.texts["requests"]
    exact, failed = run(program, scenario, directory / "exact", "--set", "/scenario/output/@exact-steps=true")
    wrong += [f"exact: {failed}"] if failed else oracles.differs(
        "macro_equals_exact", requests, exact.texts["requests"], "macro-steps and exact steps differ")
    wrong += judge_thrash(program, scenario, directory, first.result)
    if seed % 4 == 0:
        other, failed = run(program, scenario, directory / "other", "--set", "/scenario/output/@interval=730ms")
        wrong += [f"interval: {failed}"] if failed else oracles.differs(
            "the_interval_decides_nothing", requests, other.texts["requests"], "the logging interval matters")
    return wrong


# ---- Making it smaller ----

def smaller(root, files):
    """Yields scenarios that lack one thing each, or half of the trace."""
    for parent in root.iter():
        for child in list(parent):
            if child.tag in ("platform", "workload") or (child.tag == "pool" and len(root.findall("pool")) == 1):
                continue
            changed = copy.deepcopy(root)
            target = list(changed.iter())[list(root.iter()).index(parent)]
            target.remove(list(target)[list(parent).index(child)])
            yield f"without <{child.tag}>", changed, files
    for i, node in enumerate(root.iter()):
        for name in list(node.attrib):
            changed = copy.deepcopy(root)
            target = list(changed.iter())[i]
            del target.attrib[name]
            yield f"without {node.tag}/@{name}", changed, files
            if node.get(name).isdigit() and int(node.get(name)) > 1:
                changed = copy.deepcopy(root)
                list(changed.iter())[i].set(name, str(int(node.get(name)) // 2))
                yield f"with half of {node.tag}/@{name}", changed, files
    if "trace.csv" in files:
        rows = files["trace.csv"].splitlines()
        size = max(1, (len(rows) - 1) // 2)
        while size >= 1:
            for start in range(1, len(rows), size):
                kept = rows[:start] + rows[start + size:]
                if len(kept) > 1:
                    yield "with fewer requests", root, {**files, "trace.csv": "\n".join(kept) + "\n"}
            size //= 2


def kind_of(wrong):
    return wrong[0].split(":")[0] if wrong else None


def shrink(program, root, files, directory, seed, wrong, limit_s):
    """Takes things out as long as the first thing that is wrong stays of its kind."""
    end, tried = time.monotonic() + limit_s, True
    while tried and time.monotonic() < end:
        tried = False
        for _, changed, kept in smaller(root, files):
            if time.monotonic() > end:
                break
            path = draw.write(changed, kept, directory)
            first = First(program, path, directory)
            found = [] if first.faults else judge(program, path, directory, seed, first)
            if kind_of(found) == kind_of(wrong):
                root, files, wrong, tried = changed, kept, found, True
                break
    draw.write(root, files, directory)
    return wrong


# ---- Telling ----

def events(result):
    """Yields a line for each event of a run, in the order of time."""
    lines = []
    for row in result.tables["requests"]:
        name = f"request {row['id']}"
        lines.append((float(row["arrival_s"]), f"{name} arrives, {row['prompt_tokens']} prompt tokens"))
        for column, what in (("first_scheduled_s", "is scheduled"), ("first_token_s", "has its first token")):
            if row[column]:
                lines.append((float(row[column]), f"{name} {what}"))
        lines.append((float(row["completion_s"]), f"{name} is {row['state']} {row['reason']}".rstrip()))
    parts = [(f"site {name}, ", site) for name, site in result.sites.items()] or [("", result)]
    for where, row in ((where, row) for where, part in parts for row in part.tables.get("segments", [])):
        lines.append((float(row["start_s"]), f"{where}engine {row['engine']}: {row['kind']} of {row['requests']} requests until {row['end_s']}"))
    for where, row in ((where, row) for where, part in parts for row in part.tables.get("failures", [])):
        lines.append((float(row["start_s"]), f"{where}{row['part']} {row['component']}: {row['effect']}, until {row['repaired_s']}"))
    for time_s, what in sorted(lines):
        yield f"  {time_s:14.9f} s  {what}"


def tell(seed, wrong, directory, program):
    print(f"seed {seed}: " + "\n  ".join(wrong))
    print(f"  smallest scenario that fails alike: {directory / 'scenario.xml'}")
    print((directory / "scenario.xml").read_text())
    result, _ = run(program, directory / "scenario.xml", directory / "told", "--segments")
    if result is not None:
        print("\n".join(list(events(result))[:200]))
    sys.stdout.flush()


# ---- The command ----

def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--count", type=int, default=1, help="number of seeds from there on")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="ends after so much real time")
    parser.add_argument("--draw", type=pathlib.Path, help="only draws: each scenario into DRAW/SEED")
    parser.add_argument("--events", action="store_true", help="tells the events of each run, whether or not it fails")
    parser.add_argument("--keep", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "chaos",
                        help="where scenarios that fail are kept")
    parser.add_argument("--shrink", type=float, default=60, help="seconds to make one that fails smaller")
    parser.add_argument("--found", action="store_true", help="runs the scenarios in which something was found instead")
    parser.add_argument("--coverage", type=int, metavar="SEEDS", help="fails where an attribute was not drawn by so many or more seeds")
    return parser.parse_args()


def undrawn(elements, drawn):
    """The attributes of scenarios that no seed has drawn, but for those that cannot be."""
    known = {f"{name}/{attribute.name}" for name, tables in elements.items() for table in tables
             for attribute in table.attributes if name not in ("sweep", "axis", "point", "set")}
    return sorted(known - drawn - draw.NOT_DRAWN.keys())


def run_found(program, source):
    """Runs the scenarios of found/, each of which has failed once."""
    failed = False
    for scenario in sorted((source / "tests" / "chaos" / "found").glob("*/scenario.xml")):
        with tempfile.TemporaryDirectory(prefix="chaos-") as scratch:
            directory = pathlib.Path(scratch)
            wrong = judge(program, scenario, directory, 0, First(program, scenario, directory))
        if wrong:
            print(f"{scenario}: " + "\n  ".join(wrong))
        failed |= bool(wrong)
    sys.exit(int(failed))


def one_seed(program, elements, platforms, seed, directory, options):
    """Draws the scenario of a seed, and judges it. Returns what was drawn, and what is wrong: None where nothing fits together."""
    first = None

    def attempt(path):
        nonlocal first
        if options.draw:
            return check(program, path)
        first = First(program, path, directory)
        return first.faults
    drawing, root = draw.scenario(attempt, elements, platforms, seed, directory)
    if root is None or options.draw:
        return drawing.drawn, [] if root is not None else None
    path = directory / "scenario.xml"
    wrong = judge(program, path, directory, seed, first)
    if options.events and not wrong:
        print("\n".join(events(run(program, path, directory / "told", "--segments")[0])))
    if wrong:
        if kind_of(wrong) != "hang":
            wrong = shrink(program, root, drawing.files, directory, seed, wrong, options.shrink)
        kept = options.keep / str(seed)
        shutil.copytree(directory, kept, dirs_exist_ok=True)
        tell(seed, wrong, kept, program)
    return drawing.drawn, wrong


def main():
    options = parse()
    program, source = caller.Caller(options.program.resolve()), options.source.resolve()
    if options.found:
        run_found(program, source)
    elements, platforms, drawn = schema.read(options.program), draw.find_platforms(program, source), set()
    begun, done, failed, refused = time.monotonic(), 0, [], 0
    for seed in range(options.seed, options.seed + options.count):
        if time.monotonic() - begun > options.seconds:
            break
        with tempfile.TemporaryDirectory(prefix="chaos-") as scratch:
            directory = options.draw / str(seed) if options.draw else pathlib.Path(scratch)
            new, wrong = one_seed(program, elements, platforms, seed, directory, options)
        drawn |= new
        done += 1
        refused += wrong is None
        if wrong:
            failed.append(seed)
    print(f"{done} seeds, {refused} of them without a scenario that fits together, {len(failed)} failed"
          + (": " + " ".join(map(str, failed)) if failed else ""))
    missing = undrawn(elements, drawn) if options.coverage and done >= options.coverage else []
    if missing:
        print("never drawn, and not excused in NOT_DRAWN of tests/chaos/draw.py: " + " ".join(missing))
    if refused * 20 > done + 20:
        sys.exit("too many drawings fit together badly: tests/chaos/draw.py needs more rules")
    sys.exit(1 if failed or missing else 0)


if __name__ == "__main__":
    main()
