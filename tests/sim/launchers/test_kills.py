"""A sweep and a plan that are killed at random instants and started again end with the bytes of undisturbed ones."""

import csv
import os
import random
import subprocess
import sys
import tempfile
import time

PROGRAM, SOURCE = sys.argv[1:3]
KILLS = 20
TIMED = ("wall_s", "cpu_s")  # of the machine, and not of the simulation

SCENARIO = f"""<scenario name="s"><platform file="{SOURCE}/platforms/hgx-h100-1.xml"/>
<workload><poisson rate="2/s" requests="1500"><prompt mean="300"/><answer mean="60"/></poisson></workload>
<pool id="p" model="llama-3.1-8b"/></scenario>"""
SWEEP = """<sweep name="s" scenario="s.xml" seeds="1 2"><axis name="rate" path="//poisson/@rate" values="1/s 2/s 4/s 8/s"/></sweep>"""
QUESTION = """<question name="q" optimise="accelerators">
<workload><poisson rate="20/s" duration="60s"><prompt mean="500"/><answer mean="50"/></poisson></workload>
<slo tpot="30ms"/><model name="llama-3.1-70b"/><site kind="hgx" largest="4"/>
<layout tp="2 4 8"/><effort slice="10s" finalists="1" seeds="1"/></question>"""


def result(directory, name):
    path = os.path.join(directory, name)
    if name != "sweep.csv":
        with open(path, encoding="utf-8") as file:
            return file.read().replace(os.path.basename(directory), "DIR")
    with open(path, encoding="utf-8") as file:
        rows = list(csv.reader(file))
    kept = [i for i, title in enumerate(rows[0]) if title.removesuffix(".ci95") not in TIMED]
    return [[row[i] for i in kept] for row in rows]


def start(command, file, directory):
    return subprocess.Popen([PROGRAM, command, os.path.join(scratch, file), "-o", directory, "-q", "-j", "2"], stdout=subprocess.DEVNULL)


def try_kills(command, file, names):
    whole = os.path.join(scratch, command + "-whole")
    begin = time.time()
    assert start(command, file, whole).wait() == 0
    length = time.time() - begin
    expected = [result(whole, name) for name in names]
    chance = random.Random(command)
    kills, directories = 0, 0
    while kills < KILLS:
        directories += 1
        directory = os.path.join(scratch, f"{command}-{directories}")
        while True:
            process = start(command, file, directory)
            try:
                if kills < KILLS:
                    process.wait(timeout=chance.uniform(0, length / 3))
                else:
                    process.wait()
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                kills += 1
                continue
            assert process.returncode == 0, process.returncode
            break
        assert [result(directory, name) for name in names] == expected, f"{directory} differs"
    print(f"{command}: {kills} kills in {directories} directories, each like the undisturbed one of {length:.1f} s")


with tempfile.TemporaryDirectory() as scratch:
    for name, text in (("s.xml", SCENARIO), ("sweep.xml", SWEEP), ("q.xml", QUESTION)):
        with open(os.path.join(scratch, name), "w", encoding="utf-8") as out:
            out.write(text)
    try_kills("sweep", "sweep.xml", ["sweep.csv"])
    try_kills("plan", "q.xml", ["plan.csv", "plan.json", "plan.html", "answer.xml"])
