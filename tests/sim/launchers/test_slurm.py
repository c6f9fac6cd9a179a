"""Sweeps and plans through a Slurm of one node, which is started here: the same bytes as without it, whatever is killed."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

PROGRAM, SOURCE = sys.argv[1:3]
NEEDED = ["munged", "slurmctld", "slurmd", "sbatch"]
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"

missing = [name for name in NEEDED if shutil.which(name, path=PATH) is None]
if missing or os.geteuid() != 0:
    print("skipped: " + (f"{', '.join(missing)} not installed (Debian: munge slurmctld slurmd slurm-client)" if missing else "needs root"))
    sys.exit(77)


def free_ports(n):
    sockets = [socket.socket() for _ in range(n)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Slurm:
    """munged, slurmctld and slurmd below a directory; ends with its block."""

    def __init__(self, directory):
        self.directory, self.processes = directory, []
        self.host = socket.gethostname().split(".")[0]
        self.environment = dict(os.environ, PATH=PATH, SLURM_CONF=os.path.join(directory, "slurm.conf"))
        for folder in ("state", "spool"):
            os.makedirs(os.path.join(directory, folder))
        with open(os.path.join(directory, "key"), "wb", opener=lambda path, flags: os.open(path, flags, 0o400)) as file:
            file.write(os.urandom(128))
        controller, node = free_ports(2)
        with open(self.environment["SLURM_CONF"], "w", encoding="utf-8") as file:
            file.write(f"""ClusterName=test
SlurmctldHost={self.host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={directory}/munge
CredType=cred/munge
SlurmctldPort={controller}
SlurmdPort={node}
StateSaveLocation={directory}/state
SlurmdSpoolDir={directory}/spool
SlurmctldPidFile={directory}/slurmctld.pid
SlurmdPidFile={directory}/slurmd.pid
SlurmctldLogFile={directory}/slurmctld.log
SlurmdLogFile={directory}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_interval=1
ReturnToService=2
KillWait=2
NodeName={self.host} NodeAddr=127.0.0.1 CPUs={os.cpu_count()}
PartitionName=all Nodes={self.host} Default=YES MaxTime=INFINITE State=UP
""")

    def begin(self, *argv):
        with open(os.path.join(self.directory, argv[0] + ".out"), "w", encoding="utf-8") as out:
            self.processes.append(subprocess.Popen(argv, env=self.environment, stdout=out, stderr=out))

    def __enter__(self):
        d = self.directory
        self.begin("munged", "--foreground", "--force", f"--socket={d}/munge", f"--key-file={d}/key", f"--pid-file={d}/munge.pid",
                   f"--log-file={d}/munge.log", f"--seed-file={d}/munge.seed")
        time.sleep(0.3)
        self.begin("slurmctld", "-D", "-i")
        self.begin("slurmd", "-D", "-N", self.host)
        for _ in range(120):
            if self.ask("sinfo", "-h", "-o", "%T").strip() == "idle":
                return self
            time.sleep(0.25)
        self.__exit__()
        print("skipped: Slurm does not start here")
        sys.exit(77)

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
            process.wait()

    def ask(self, *argv):
        return subprocess.run(argv, env=self.environment, capture_output=True, text=True, check=False).stdout

    def tasks(self, state):
        return self.ask("squeue", "-h", "-r", "-t", state, "-o", "%F_%K").split()

    def wait(self, what):
        for _ in range(6000):
            found = what()
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError("waited for five minutes")


def contents(directory, names):
    """The files of a directory of runs that must agree, by their paths below it."""
    found = {}
    for folder, _, files in os.walk(directory):
        for name in files:
            if name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    found[os.path.relpath(os.path.join(folder, name), directory)] = file.read()
    return found


TABLES = ["requests.csv.gz", "engines.csv.gz", "site.csv.gz"]
SCENARIO = f"""<scenario name="s"><platform file="{SOURCE}/platforms/hgx-h100-1.xml"/>
<workload><poisson rate="2/s" requests="REQUESTS"><prompt mean="300"/><answer mean="60"/></poisson></workload>
<pool id="p" model="llama-3.1-8b"/></scenario>"""
SWEEP = """<sweep name="s" scenario="s.xml" seeds="1 2"><axis name="rate" path="//poisson/@rate" values="RATES"/></sweep>"""
QUESTION = """<question name="q" optimise="accelerators">
<workload><poisson rate="20/s" duration="60s"><prompt mean="500"/><answer mean="50"/></poisson></workload>
<slo tpot="30ms"/><model name="llama-3.1-70b"/><site kind="hgx" largest="4"/>
<layout tp="2 4 8"/><effort slice="10s" finalists="1" seeds="1"/></question>"""


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
        return [int(word) for word in file.read().split()]


def workers():
    """Processes that run tasks, by their id."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if len(words) > 2 and words[0].decode() == PROGRAM and words[1] == b"work" and scratch.encode() in words[2]:
            found.append(int(pid))
    return found


def write(name, text):
    path = os.path.join(scratch, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def run(*words, code=0):
    done = subprocess.run([PROGRAM, *words], env=slurm.environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
    return done.stderr


def same(one, two, names):
    first, second = contents(one, names), contents(two, names)
    assert first and first.keys() == second.keys(), (first.keys() ^ second.keys())
    assert first == second, [name for name in first if first[name] != second[name]]


def a_sweep_through_slurm_gives_the_same_bytes():
    sweep = write("many.xml", SWEEP.replace("RATES", " ".join(f"{i}/s" for i in range(1, 16))))
    run("sweep", sweep, "-o", scratch + "/local", "-q")
    run("sweep", sweep, "-o", scratch + "/slurm", "-q", "--launcher", "slurm")
    same(scratch + "/local", scratch + "/slurm", TABLES)
    lists = [name for name in os.listdir(scratch + "/slurm/.slurm") if name.endswith(".sh")]
    assert len(lists) == 2, lists  # some that tell how long a run takes, and one task for all others
    assert len(slurm.ask("squeue", "-h")) == 0
    assert "sweep" not in run("sweep", sweep, "-o", scratch + "/slurm", "-q", "--launcher", "slurm")


def a_plan_through_slurm_gives_the_same_bytes():
    question = write("q.xml", QUESTION)
    run("plan", question, "-o", scratch + "/plan-local", "-q")
    run("plan", question, "-o", scratch + "/plan-slurm", "-q", "--launcher", "slurm", "-j", "2")
    same(scratch + "/plan-local", scratch + "/plan-slurm", ["plan.csv", "plan.json", "plan.html"])


def a_search_through_slurm_finds_the_same():
    scenario = write("s2.xml", SCENARIO.replace("REQUESTS", "40"))
    for launcher in ("local", "slurm"):
        run("search", scenario, "--find", "max //poisson/@rate", "--require", "ttft_s.p99<=0.02", "--tolerance", "0.5", "-q",
            "-o", f"{scratch}/search-{launcher}", "--launcher", launcher)
    same(scratch + "/search-local", scratch + "/search-slurm", TABLES)


def long_sweep(name):
    """Starts a sweep of longer runs, and comes back when some of it runs."""
    process = subprocess.Popen([PROGRAM, "sweep", scratch + "/long.xml", "-o", os.path.join(scratch, name), "-q", "--launcher", "slurm"],
                               env=slurm.environment, stderr=subprocess.PIPE, text=True)
    slurm.wait(lambda: slurm.tasks("RUNNING") and workers() and any(children(worker) for worker in workers()))
    return process


def whatever_is_killed_the_sweep_ends_with_the_same_bytes():
    write("s.xml", SCENARIO.replace("REQUESTS", "40000"))
    write("long.xml", SWEEP.replace("RATES", "1/s 2/s 3/s"))
    run("sweep", scratch + "/long.xml", "-o", scratch + "/whole", "-q")
    sweep = long_sweep("hurt")
    # A run is killed behind its task, which goes on and ends well.
    slurm.wait(lambda: [os.kill(child, signal.SIGKILL) for worker in workers()[:1] for child in children(worker)])
    # A task is requeued while it runs.
    requeued = slurm.wait(lambda: slurm.tasks("RUNNING"))[0]
    slurm.ask("scontrol", "requeue", requeued)
    # Another is cancelled, and the node takes no more until it is resumed.
    slurm.ask("scancel", slurm.wait(lambda: slurm.tasks("RUNNING"))[0])
    slurm.ask("scontrol", "update", f"nodename={slurm.host}", "state=drain", "reason=test")
    slurm.wait(lambda: not slurm.tasks("RUNNING,COMPLETING"))
    assert sweep.poll() is None
    slurm.ask("scontrol", "update", f"nodename={slurm.host}", "state=resume")
    slurm.ask("scontrol", "update", f"jobid={requeued}", "starttime=now")  # Slurm would wait for two minutes
    assert sweep.wait() == 0, sweep.stderr.read()
    same(scratch + "/whole", scratch + "/hurt", TABLES)


def a_killed_call_goes_on_and_leaves_nobody_behind():
    sweep = long_sweep("again")
    sweep.kill()
    sweep.wait()
    assert slurm.tasks("all")
    run("sweep", scratch + "/long.xml", "-o", scratch + "/again", "-q", "--launcher", "slurm")
    same(scratch + "/whole", scratch + "/again", TABLES)


def an_interrupt_cancels_what_waits():
    sweep = long_sweep("cut")
    sweep.send_signal(signal.SIGINT)
    assert sweep.wait() == 130
    assert not slurm.tasks("PENDING,RUNNING")


def a_run_that_fails_is_not_tried_again():
    sweep = write("many.xml", SWEEP.replace("RATES", "1/s 2/s"))
    os.makedirs(scratch + "/bad/rate=1_s/1/requests.csv.gz/in-the-way")
    told = run("sweep", sweep, "-o", scratch + "/bad", "-q", "--launcher", "slurm", code=1)
    assert "rate=1_s/1 ended with exit code 1" in told, told


with tempfile.TemporaryDirectory() as scratch, Slurm(os.path.join(scratch, "cluster")) as slurm:
    write("s.xml", SCENARIO.replace("REQUESTS", "50"))
    for check in [a_sweep_through_slurm_gives_the_same_bytes, a_plan_through_slurm_gives_the_same_bytes,
                  a_search_through_slurm_finds_the_same,
                  whatever_is_killed_the_sweep_ends_with_the_same_bytes, a_killed_call_goes_on_and_leaves_nobody_behind,
                  an_interrupt_cancels_what_waits, a_run_that_fails_is_not_tried_again]:
        begin = time.time()
        check()
        print(f"{check.__name__}: {time.time() - begin:.0f} s", flush=True)
