"""What is wrong in <failures>, or in a trace of them, is said with its file and line and what would be right, with exit 2."""
import pathlib
import subprocess
import sys
import tempfile

PROGRAM, SOURCE = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
SCENARIO = f"""<scenario name="s">
  <platform file="{SOURCE}/platforms/hgx-h100-1.xml"/>
  <workload><poisson rate="1/s" requests="20"><prompt mean="9"/><answer mean="9"/></poisson></workload>
  <pool id="serve" model="llama-3.1-8b" replicas="2"/>
  %s
</scenario>
"""
TRACE = '<failures><fault-trace file="faults.csv"/></failures>'

# What stands in the scenario, what in faults.csv, and what is said.
CASES = (
    ('<failures><fault part="host"/></failures>', "",
     's.xml:5: <fault> needs either mtbf="50000h", by which failures are drawn, or at="1h"'),
    ('<failures><fault part="host" at="1h" mtbf="5h"/></failures>', "",
     's.xml:5: <fault> needs either mtbf="50000h", by which failures are drawn, or at="1h"'),
    ('<failures><fault part="host" mtbf="-5h"/></failures>', "", 's.xml:5: mtbf of <fault>: "-5h" is out of range; write a time above'),
    ('<failures><fault part="host" at="1h" repair="0s"/></failures>', "", 's.xml:5: repair of <fault>: "0s" is out of range; write'),
    ('<failures><fault part="host" at="1h" names="nodes-0"/></failures>', "",
     's.xml:5: names="nodes-0" is no host of the site; did you mean "node-0"?'),
    ('<failures><fault part="accelerator" at="1h" names="node-0/8"/></failures>', "",
     's.xml:5: names="node-0/8" is no accelerator of the site; did you mean "node-0/0"?'),
    ('<failures><fault part="process" at="1h" effect="limp"/></failures>', "",
     's.xml:5: a process does not limp; use part="accelerator", or effect="stop"'),
    ('<failures><fault part="host" at="1h" speed="0.5"/></failures>', "", 's.xml:5: speed="..." is of effect="limp"; leave it out'),
    ('<failures><fault part="switch" at="1h"/></failures>', "",
     's.xml:5: the site has no switch that could fail; name another part'),
    ('<failures><fault part="nic" at="1h" names="node-0-nic/0"/></failures>', "",
     's.xml:5: the site has no nic that could fail; name another part'),
    ('<failures recovery="standby"/>', "", 's.xml:5: recovery="standby" needs engines that stand by; write standby="1"'),
    ('<failures standby="1"/>', "", 's.xml:5: standby="..." is for recovery="standby"; leave it out'),
    ('<failures recovery="standby" standby="2"/>', "",
     's.xml:5: standby="2" leaves none of the 2 engines of pool "serve" to serve; lower it or raise replicas'),
    ('<failures><fault part="accelerator" mtbf="1ms" repair="1ms"/></failures>', "", "tokenworks run: <failures>: up to "),
    (TRACE, "start_s,end_s,component\n1,2,node-0\n3,4,node-7\n",
     'faults.csv:3: "node-7" is no host of the site; name one of the platform\'s'),
    (TRACE, "start_s,end_s,component\n5,2,node-0\n", "faults.csv:2: is repaired at 2 s, not after it broke at 5 s; write a later end_s"),
    (TRACE, "start_s,end_s,component\n-5,2,node-0\n", 'faults.csv:2: start_s "-5" is no time; write a number that is not negative'),
    (TRACE, "time_days,server,event\n1,0,end\n", "faults.csv:2: is repaired before it broke; let a start of that server come first"),
    (TRACE, "time_days,server,event\n1,0,begin\n", "faults.csv:2: event must be start or end"),
    (TRACE, "a,b\n1,2\n", "faults.csv:1: has neither the columns start_s, end_s, component nor time_days, server, event"))

# What overlaps counts as one: the server is broken from the first start to the last end.
OVERLAPPING = "time_days,server,event\n1e-6,0,start\n2e-6,0,start\n3e-6,0,end\n4e-6,0,end\n"


def run(directory, failures, trace):
    (directory / "s.xml").write_text(SCENARIO % failures)
    (directory / "faults.csv").write_text(trace)
    return subprocess.run([PROGRAM, "run", "s.xml", "-o", "out", "-q", "-f"], cwd=directory, check=False,
                          capture_output=True, text=True)


with tempfile.TemporaryDirectory() as scratch:
    here = pathlib.Path(scratch)
    for failures_, trace_, message in CASES:
        done = run(here, failures_, trace_)
        assert done.returncode == 2 and done.stderr.startswith(message), f"{failures_}: {done.returncode}, {done.stderr}"
    done = run(here, TRACE.replace("/>", ' part="rack" detection="0s"/>', 1), OVERLAPPING)
    assert done.returncode == 0, done.stderr
    rows = subprocess.run([PROGRAM, "log", "cat", "out", "failures"], cwd=here, check=True, capture_output=True, text=True).stdout
    assert len(rows.splitlines()) == 2, rows
    assert rows.splitlines()[1].startswith("0.086400000,rack,rack-0,stop,"), rows
