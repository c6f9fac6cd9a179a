"""A copy of the sources with builds of its own, and its tests, run one by one."""
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading

SOURCE = pathlib.Path(__file__).resolve().parents[2]
# Browsers, installations, job arrays, fuzzers and layers have nothing to say of results; chaos, kills and the planner's
# comparison with every answer take minutes; pages and catalogues run what other tests run.
SLOW = re.compile("browser|slurm|^install|^fuzz/|^chaos/|^layers|kills|optimum|^pages/|catalogue|machine_faults|command_plan|"
                  "^validation|^cli/(run|sites)$")
CPU_LIMIT_S = 30  # Of one process: what runs on for ever is killed.
WALL_LIMIT_S = 300  # Of one test: what waits for ever is killed.


def limit_cpu():
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, CPU_LIMIT_S + 5))


class Copy:
    """A copy of the sources in `directory`/NAME, and a build of it below. Every room is a shared library, so that a
    change of one source is compiled and linked once, and every test program takes it up."""

    def __init__(self, directory, name, jobs, *settings):
        directory = directory.absolute()
        self.tree, self.build, self.log = directory / name, directory / name / "build/all", directory / f"{name}.log"
        self.jobs, self.making = jobs, threading.Lock()
        files = subprocess.run(["git", "-C", SOURCE, "ls-files", "-z"], capture_output=True, check=True).stdout
        names = {name for name in files.decode().split("\0") if name and (SOURCE / name).exists()}
        for path in [path for path in self.tree.rglob("*") if path.is_file() or path.is_symlink()]:
            if not path.is_relative_to(self.build.parent) and str(path.relative_to(self.tree)) not in names:
                path.unlink()
        # What has changed since an earlier copy is written anew, so that it is younger than what was built of that.
        for name in names:
            target = self.tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists() or target.read_bytes() != (SOURCE / name).read_bytes():
                shutil.copy(SOURCE / name, target)
        self.log.unlink(missing_ok=True)
        configure = ["cmake", "-S", self.tree, "-B", self.build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
                     "-DBUILD_SHARED_LIBS=ON", "-DCMAKE_LINK_DEPENDS_NO_SHARED=ON", *settings]
        if not self.command(configure):
            sys.exit(f"cannot configure the copy: see {self.log}")

    def command(self, words):
        """Runs a command, appends what it says to the log, and returns whether it succeeded."""
        with open(self.log, "a") as out:
            return subprocess.run(words, stdout=out, stderr=out, check=False).returncode == 0

    def make(self, *targets):
        return self.command(["ninja", "-C", self.build, "-j", str(self.jobs), *targets])

    def read_tests(self, only=""):
        """Reads the fast tests whose names match: by name, the command and its environment, and the programs that it runs."""
        said = subprocess.run(["ninja", "-C", self.build, "-t", "targets", "all"], capture_output=True, check=True).stdout
        targets = set(re.findall(r"^([\w-]+): phony", said.decode(), re.MULTILINE)) - {"tokenworks"}
        listing = json.loads(subprocess.run(["ctest", "--test-dir", self.build, "--show-only=json-v1"],
                                            capture_output=True, check=True).stdout)
        self.tests, self.programs = {}, {}
        for test in listing["tests"]:
            name = test["name"]
            if not re.search(only, name) or SLOW.search(name):
                continue
            properties = {entry["name"]: entry["value"] for entry in test["properties"]}
            environment = dict(pair.split("=", 1) for pair in properties.get("ENVIRONMENT", []))
            # CTest tells no command of a program that is not built yet.
            command = test.get("command") or [str(self.build / "tests" / ("test-" + name.replace("/", "-")))]
            self.tests[name] = (command, properties.get("WORKING_DIRECTORY"), environment)
            self.programs[name] = targets & {pathlib.Path(word).name for word in [*command, *environment.values()]}

    def make_tests(self, only):
        """Builds the program, and those of the fast tests whose names match; returns whether all were built."""
        self.read_tests(only)
        return self.make("tokenworks", *sorted(set().union(*self.programs.values())))

    def run(self, test):
        """Runs a test; returns whether it passed (or was skipped), and the seconds of a processor that it took."""
        command, directory, own = self.tests[test]
        with self.making:
            if self.programs[test] and not self.make(*self.programs[test]):
                sys.exit(f"{test} does not build: see {self.log}")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with open(self.log, "a") as out:
            out.write(f"== {test}\n")
            out.flush()
            process = subprocess.Popen(command, cwd=directory, env={**os.environ, **own}, stdout=out, stderr=out,
                                       stdin=subprocess.DEVNULL, preexec_fn=limit_cpu, start_new_session=True)
            try:
                code = process.wait(WALL_LIMIT_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                code = process.wait()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return code in (0, 77), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
