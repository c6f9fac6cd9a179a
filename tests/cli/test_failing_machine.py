"""Memory ends, a disk is full, broken or over its quota, and a run is asked to end: nothing that is not whole looks whole,
a failure is told, and `log repair` gives back every complete member. failing.c lets the calls of the C library fail."""
import errno
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

from repaired import assert_nothing_is_lost, tables

PROGRAM, SOURCE = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
FAILING = os.environ.get("TW_FAILING", "")
SCENARIO = f"""<scenario name="failing">
  <platform file="{SOURCE}/platforms/hgx-h100-1.xml"/>
  <workload><poisson rate="20/s" requests="%d"><prompt mean="300"/><answer law="exponential" mean="60" max="400"/></poisson></workload>
  <pool id="p" model="llama-3.1-8b"/>
  <output interval="1s"/>
</scenario>
"""


def run(directory, **fail):
    """Runs the scenario with what is to fail."""
    return subprocess.run([PROGRAM, "run", "s.xml", "-o", directory, "-q"], cwd=HERE, capture_output=True, text=True, errors="replace",
                          check=False, env={**os.environ, "LD_PRELOAD": FAILING, **{key: str(value) for key, value in fail.items()}})


def nothing_is_lost(directory, whole):
    """The tables are the beginning of those of an undisturbed run, before and after a repair."""
    assert not (HERE / directory / "summary.json").exists(), f"{directory} looks complete"
    if not (HERE / directory / "run.json").exists():  # The run had not begun to write.
        return
    assert_nothing_is_lost(PROGRAM, HERE / directory, tables(HERE / whole))


def memory_ends(allocations, chance):
    """GLib, and what else has no way to go on, ends the program at once: the tables keep what was written."""
    for i in range(6):
        done = run(f"memory-{i}", TW_FAIL_ALLOCATION=chance.randint(1, allocations * 9 // 10))
        assert done.returncode != 0, "a run goes on without memory"
        nothing_is_lost(f"memory-{i}", "whole")


def writes_fail(writes, chance):
    for i, error in enumerate((errno.EIO, errno.ENOSPC, errno.EDQUOT) * 2):
        done = run(f"disk-{i}", TW_FAIL_WRITE=1 if i == 0 else chance.randint(2, writes), TW_FAIL_ERROR=error)
        assert done.returncode == 1 and os.strerror(error) in done.stderr, (done.returncode, done.stderr)
        nothing_is_lost(f"disk-{i}", "whole")


def a_run_that_is_asked_to_end_says_how_far_it_came():
    """SIGTERM ends it as Ctrl-C does: the logs are complete up to then, the summary says that it is partial."""
    (HERE / "s.xml").write_text(SCENARIO % 100000000)
    process = subprocess.Popen([PROGRAM, "run", "s.xml", "-o", "asked", "-q"], cwd=HERE, stderr=subprocess.PIPE, text=True)
    table = HERE / "asked" / "requests.csv.gz"
    while not table.exists() or table.stat().st_size < 10000:  # Until the simulation begins, it has nothing to tell.
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    said = process.communicate()[1]
    assert process.returncode == 128 + signal.SIGTERM, (process.returncode, said)
    assert '"partial": true' in (HERE / "asked" / "summary.json").read_text()
    done = subprocess.run([PROGRAM, "log", "verify", "asked"], cwd=HERE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


with tempfile.TemporaryDirectory() as scratch:
    HERE = pathlib.Path(scratch)
    a_run_that_is_asked_to_end_says_how_far_it_came()
    if not os.path.exists(FAILING):  # Sanitizers have an allocator of their own.
        sys.exit(77)
    (HERE / "s.xml").write_text(SCENARIO % 500)
    assert run("whole", TW_COUNT=HERE / "count").returncode == 0
    counts = [int(text) for text in (HERE / "count").read_text().split()]
    dice = random.Random("failing machine")
    memory_ends(counts[0], dice)
    writes_fail(counts[1], dice)
