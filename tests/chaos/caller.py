"""Calls the program, through the server that starts once for all calls where it is built (server.c)."""
import atexit
import os
import pathlib
import resource
import select
import signal
import subprocess
import tempfile

LIMIT_CPU_S = 60  # No call takes long. Real time would count what else the machine does.
LIMIT_WALL_S = 30 * LIMIT_CPU_S  # What waits for ever.


class Ended:
    """How a call ended."""

    def __init__(self, returncode, said):
        self.returncode, self.said = returncode, said


def limit():
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_CPU_S, LIMIT_CPU_S + 5))


class Caller:
    """Calls one program."""

    def __init__(self, program):
        self.program, self.server = program, None
        self.path = program.parent.parent / "tests" / "chaos-server"
        self.scratch = tempfile.TemporaryDirectory(prefix="chaos-calls-")
        self.said = pathlib.Path(self.scratch.name) / "said"

    def call(self, *words):
        """Runs a command. Returns how it ended, or None where it does not end, or waits for ever."""
        words = [str(self.program), *map(str, words)]
        code = self.serve(words) if self.path.exists() else self.start(words)
        if code is None or code in (-signal.SIGXCPU, -signal.SIGKILL):
            return None
        return Ended(code, self.said.read_text(errors="replace"))

    def start(self, words):
        with open(self.said, "w") as said:
            try:
                return subprocess.run(words, stdout=said, stderr=said, check=False, preexec_fn=limit, timeout=LIMIT_WALL_S).returncode
            except subprocess.TimeoutExpired:
                return None

    def serve(self, words):
        if self.server is None:
            self.server = subprocess.Popen([self.path, str(LIMIT_CPU_S)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                           start_new_session=True)
            atexit.register(self.close, self.server)
        self.server.stdin.write("\t".join([str(self.said), *words]) + "\n")
        self.server.stdin.flush()
        if not select.select([self.server.stdout], [], [], LIMIT_WALL_S)[0]:
            os.killpg(self.server.pid, signal.SIGKILL)
            self.server.wait()
            self.server = None
            return None
        return os.waitstatus_to_exitcode(int(self.server.stdout.readline()))

    @staticmethod
    def close(server):
        """The server ends as its input does; its times and those of the calls count as ours once it is waited for."""
        server.stdin.close()
        server.wait()
