"""What the machine does to a run: it is killed at any instant, files cannot grow, pipes close, a trace changes under it.
Nothing that is complete is lost, nothing that is not looks complete, and every failure is told.

Beside CTest, more kills: TW_KILLS=20 python3 tests/cli/test_machine_faults.py PROGRAM SOURCE."""
import collections
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from repaired import assert_nothing_is_lost, members, tables

PROGRAM, SOURCE = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
KILLS = int(os.environ.get("TW_KILLS", "1"))
KILLED = collections.Counter()  # Commands that a kill has ended; others were at their end before.
POOL = '<pool id="p" model="llama-3.1-8b"%s/>'
LENGTHS = '<prompt mean="300"/><answer law="exponential" mean="60" max="400"/>'

# Platform, workload, and what else stands in the scenario.
SCENARIOS = {
    "steady": ("hgx-h100-1", f'<poisson rate="20/s" requests="4000">{LENGTHS}</poisson>', POOL % ""),
    "sessions": ("hgx-h100-1", f'<sessions rate="4/s" sessions="500"><turn id="a" repeat="4">{LENGTHS}</turn></sessions>',
                 POOL % ' replicas="2"'),
    "closed": ("hgx-h100-1", f'<closed-loop concurrency="16" requests="4000">{LENGTHS}</closed-loop>', POOL % ' tp="2"'),
    "apart": ("hgx-h100-4", f'<poisson rate="10/s" requests="2000">{LENGTHS}</poisson>',
              '<pool id="a" role="prefill" model="llama-3.1-8b" tp="8"/><pool id="b" role="decode" model="llama-3.1-8b" tp="8"/>'),
    "failing": ("hgx-h100-1", f'<poisson rate="20/s" requests="3000">{LENGTHS}</poisson>',
                POOL % ' replicas="4" startup="2s"' + '<failures><fault part="process" mtbf="30s" repair="1s"/></failures>'),
}


def command(*arguments, **options):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=False, **options)


def kill_after(arguments, seconds):
    """Starts a command and kills it after so long. TRUE if it did not come to its end."""
    process = subprocess.Popen([PROGRAM, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
    killed = process.wait() != 0
    KILLED[arguments[0]] += killed
    return killed


def kills_of_a_run(here, name, chance):
    scenario, whole = here / f"{name}.xml", here / f"{name}-whole"
    begin = time.monotonic()
    done = command("run", scenario, "-o", whole, "-q", "--segments")
    assert done.returncode == 0, done.stderr
    length_s, expected = time.monotonic() - begin, tables(whole)
    for i in range(KILLS):
        directory = here / f"{name}-{i}"
        if not kill_after(["run", scenario, "-o", directory, "-q", "--segments"], chance.uniform(0, length_s)):
            continue
        if not (directory / "run.json").exists():  # It had not begun to write.
            continue
        if (directory / "summary.json").exists():  # It had told that it is complete, and had only to end.
            assert tables(directory) == expected, f"{directory} looks complete"
            continue
        assert_nothing_is_lost(PROGRAM, directory, expected)
    return length_s


def a_table_that_was_never_made(here, name):
    """A run that dies as it begins has named tables that are not there. They get the columns that this run writes."""
    whole, directory = here / f"{name}-whole", here / f"{name}-begun"
    shutil.copytree(whole, directory)
    for gone in ("summary.json", "requests.csv.gz", "requests.csv.gz.index"):
        (directory / gone).unlink()
    assert command("log", "repair", directory).returncode == 0
    header = members(directory / "requests.csv.gz")
    assert header.count(b"\n") == 1 and members(whole / "requests.csv.gz").startswith(header), header


def kills_of_a_report(here, name, chance):
    whole, page, length_s = here / f"{name}-whole", here / f"{name}.html", 0.0
    begin = time.monotonic()
    assert command("report", whole, "-o", page).returncode == 0
    length_s, expected = time.monotonic() - begin, page.read_bytes()
    page.unlink()
    for _ in range(KILLS):
        kill_after(["report", whole, "-o", page], chance.uniform(0, length_s))
        assert not page.exists() or page.read_bytes() == expected, f"{page} is half a page"
        page.unlink(missing_ok=True)


def kills_of_a_sweep(here, name, length_s, chance):
    sweep, directory = here / f"{name}-sweep.xml", here / f"{name}-sweep"
    sweep.write_text(f'<sweep name="s" scenario="{name}.xml" seeds="1 2"><axis name="kv" path="//pool/@memory-fraction" '
                     f'values="0.85 0.9"/></sweep>')
    options = ["sweep", sweep, "-q", "-j", "1"]
    done = command(*options, "-o", here / f"{name}-sweep-whole")
    assert done.returncode == 0, done.stderr
    for _ in range(KILLS):
        kill_after([*options, "-o", directory], chance.uniform(0, length_s))
    done = command(*options, "-o", directory)
    assert done.returncode == 0, done.stderr
    for run in (here / f"{name}-sweep-whole").glob("*/requests.csv.gz"):
        assert members(directory / run.parent.name / run.name) == members(run), f"{run} differs after kills"


def short_files(size):
    """Files that cannot grow beyond `size` bytes."""
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return limit


def writes_that_fail(here):
    for size in (0, 200, 20000):
        directory = here / f"short-{size}"
        done = command("run", here / "steady.xml", "-o", directory, "-q", preexec_fn=short_files(size))
        assert done.returncode == 1 and "File too large" in done.stderr, f"{size}: {done.returncode} {done.stderr}"
        assert not (directory / "summary.json").exists(), f"{directory} looks complete"
    page = here / "short.html"
    done = command("report", here / "steady-whole", "-o", page, preexec_fn=short_files(5000))
    assert done.returncode == 1 and "short.html" in done.stderr and not page.exists(), done.stderr
    done = command("run", here / "steady.xml", "-o", "/proc/tokenworks", "-q")
    assert done.returncode == 2 and "/proc/tokenworks: cannot be made" in done.stderr, f"{done.returncode} {done.stderr}"


def pipes_that_close(here):
    process = subprocess.Popen([PROGRAM, "log", "cat", here / "steady-whole", "requests"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    said = process.stderr.read()
    assert process.wait() in (0, 1, -signal.SIGPIPE), process.returncode
    assert b"runtime error" not in said and b"AddressSanitizer" not in said, said


def a_trace_that_changes(here):
    """It is cut while the run reads it: either the run had all of it, or it tells."""
    trace = here / "trace.csv"
    rows = [f"{i * 0.01:.2f},100,1" for i in range(20000)]
    for wait_s in (0.0, 0.05, 0.2):
        trace.write_text("arrival_s,prompt_tokens,answer_tokens\n" + "\n".join(rows) + "\n")
        process = subprocess.Popen([PROGRAM, "run", here / "traced.xml", "-o", here / "traced", "-q", "-f"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(wait_s)
        os.truncate(trace, 100000)  # In the middle of a row.
        _, said = process.communicate()
        assert process.returncode in (0, 1, 2), f"{process.returncode}: {said}"
        finished = (here / "traced" / "summary.json").exists()
        ended = members(here / "traced" / "requests.csv.gz").count(b"\n") - 1 if finished else 0
        assert process.returncode != 0 or ended == len(rows), f"{ended} of {len(rows)} requests without a word: {said}"
        assert process.returncode == 0 or "trace.csv" in said, said


with tempfile.TemporaryDirectory() as scratch:
    folder = pathlib.Path(scratch)
    dice = random.Random("kills")
    for title, (platform, workload, rest) in SCENARIOS.items():
        (folder / f"{title}.xml").write_text(
            f'<scenario name="{title}"><platform file="{SOURCE}/platforms/{platform}.xml"/><workload>{workload}</workload>'
            f'{rest}<output interval="1s"/></scenario>')
        took_s = kills_of_a_run(folder, title, dice)
        kills_of_a_report(folder, title, dice)
        kills_of_a_sweep(folder, title, took_s, dice)
    a_table_that_was_never_made(folder, "failing")
    (folder / "traced.xml").write_text(
        f'<scenario name="traced"><platform file="{SOURCE}/platforms/hgx-h100-1.xml"/><workload><trace file="trace.csv"/></workload>'
        f'{POOL % ""}</scenario>')
    writes_that_fail(folder)
    pipes_that_close(folder)
    a_trace_that_changes(folder)
print(f"{KILLS} kills in each of {len(SCENARIOS)} scenarios; before the end of the command: {dict(KILLED)}")
