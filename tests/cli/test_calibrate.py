"""A benchmark of a server whose times are known gives them back within the intervals that are told, and the line that is told runs in any scenario."""
import csv
import gzip
import pathlib
import re
import subprocess
import sys
import tempfile

PROGRAM, SOURCE = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
SERVER = (SOURCE / "sim/engines/vllm.xml").read_text()


def call(directory, *arguments):
    done = subprocess.run([PROGRAM, *arguments], cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout


def scenario(step_time):
    return (f'<scenario name="s"><platform file="{SOURCE}/platforms/hgx-h100-4.xml"/>'
            '<workload><poisson rate="4/s" requests="120"><prompt law="exponential" mean="800" max="4000"/>'
            '<answer law="exponential" mean="150" max="400"/></poisson></workload>'
            f'<pool id="p" model="qwen3-8b" tp="1">{step_time}</pool></scenario>')


with tempfile.TemporaryDirectory(prefix="tokenworks-") as scratch:
    here = pathlib.Path(scratch) / "a & b"
    (here / "below").mkdir(parents=True)
    # A server that takes 2 ms an iteration and 15 ms a request, where the shipped engine takes 0.786 and 6.5.
    (here / "server.xml").write_text(SERVER.replace('iteration="786us"', 'iteration="2ms"').replace('request="6.5ms"', 'request="15ms"'))
    (here / "server-run.xml").write_text(scenario('<step-time engine="./server.xml"/>'))
    call(here, "run", "server-run.xml", "-o", "server", "-q")
    with gzip.open(here / "server/requests.csv.gz", "rt") as table, open(here / "bench.csv", "w", encoding="utf-8") as bench:
        print("start_s,prompt_tokens,output_tokens,ttft_ms,e2e_ms", file=bench)
        for row in csv.DictReader(table):
            arrival = float(row["arrival_s"])
            print(row["arrival_s"], row["prompt_tokens"], int(row["reasoning_tokens"]) + int(row["answer_tokens"]),
                  1e3 * (float(row["first_token_s"]) - arrival), 1e3 * (float(row["completion_s"]) - arrival), sep=",", file=bench)
    told = call(here, "calibrate", "--from", "bench.csv", "--model", "qwen3-8b", "--device", "h100-sxm", "-o", "below/mine.xml")
    found = {name: (float(value), float(interval)) for name, value, interval in
             re.findall(r"^  (request|iteration) +[\d.]+ ms +([\d.]+) ms +\+- ([\d.]+)", told, re.M)}
    for name, truth in (("request", 15), ("iteration", 2)):
        assert abs(found[name][0] - truth) < found[name][1] < 0.2 * truth, told
    before, after = map(float, re.search(r"([\d.]+) % +([\d.]+) %  of those held out", told).groups())
    assert after < 5 < 15 < before, told
    # Seconds in a column of milliseconds are a thousand times too small: nothing is written.
    rows = list(csv.reader(open(here / "bench.csv", encoding="utf-8")))
    with open(here / "seconds.csv", "w", encoding="utf-8") as bench:
        csv.writer(bench).writerows(rows[:1] + [[*row[:3], *(float(time) / 1e3 for time in row[3:])] for row in rows[1:]])
    done = subprocess.run([PROGRAM, "calibrate", "--from", "seconds.csv", "--model", "qwen3-8b", "--device", "h100-sxm", "-o", "wrong.xml"],
                          cwd=here, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "hold the unit that their names say" in done.stderr and not (here / "wrong.xml").exists(), done
    # The file lies elsewhere than the scenario that names it.
    (here / "below/deeper").mkdir()
    (here / "below/deeper/s.xml").write_text(scenario(re.search(r"<step-time .*/>", told).group()))
    call(here, "run", "below/deeper/s.xml", "-o", "again", "-q")
    print(told)
