"""Changes one token of result-bearing code at a time and looks whether a test fails. README.md tells the rest."""
import argparse
import difflib
import json
import os
import pathlib
import random
import re
import resource
import shutil
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2]

# The files whose every token may bear on results.
RESULT_BEARING = (
    "sim/base/*.c", "sim/collectives/*.c", "sim/energy/*.c", "sim/engine/*.[ch]", "sim/kv/*.c", "sim/log/*.c",
    "sim/network/*.c", "sim/placement/*.c", "sim/power/*.c", "sim/router/*.c", "sim/site/*.c", "sim/steptime/*.c",
    "sim/run/summary*.c", "workloads/draw/*.c", "workloads/stream/*.c")

# What a token may become. The formatter puts a space on both sides of binary operators, and on no others.
OPERATORS = {
    "+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"], "%": ["*"], "<": ["<=", ">"], "<=": ["<"], ">": [">=", "<"],
    ">=": [">"], "==": ["!="], "!=": ["=="], "&&": ["||"], "||": ["&&"], "+=": ["-="], "-=": ["+="], "*=": ["/="]}
WORDS = {"MIN": ["MAX"], "MAX": ["MIN"], "fmin": ["fmax"], "fmax": ["fmin"], "ceil": ["floor"], "floor": ["ceil"],
         "true": ["false"], "false": ["true"], "TRUE": ["FALSE"], "FALSE": ["TRUE"]}
TOKEN = re.compile(r"""
    (?P<skip> //[^\n]* | /\*.*?\*/ | "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | ^[ ]*\#(?:\\\n|[^\n])* )
  | (?P<number> (?<![\w.]) (?:0x[0-9a-fA-F]+ | \d+\.?\d*(?:[eE][-+]?\d+)?) (?P<suffix>[uUlLfF]*) (?![\w.]) )
  | (?P<operator> (?<=[ ]) (?:[-+*/]=|[-+*/%]|<=|>=|==|!=|<|>|&&|\|\|) (?=[ \n]) )
  | (?P<word> \b[A-Za-z_]\w*\b )""", re.VERBOSE | re.DOTALL | re.MULTILINE)
# Statements that state what holds anyway, or that only speak. What takes and frees memory is the sanitizers' to watch.
SILENT = re.compile(r"\s*(g_assert|static_assert|_Static_assert|g_return|g_warn|g_set_error|g_print|g_string_append_printf)")
FREEING = re.compile(r"^(?:static )?void \w*(?:free|clear|destroy)\w*\(.*?^}", re.DOTALL | re.MULTILINE)
TAKING = re.compile(r"\bg_(?:new0?|malloc0?|realloc|memdup2|array_new|array_sized_new)\([^;]*?\)[;,})]")
CPU_LIMIT_S = 40  # Of one process: what runs on for ever is killed.


def change_number(text, suffix):
    digits = text[:len(text) - len(suffix)] if suffix else text
    if digits.startswith("0x"):
        return [hex(int(digits, 16) + 1) + suffix]
    if re.fullmatch(r"\d+", digits):
        return [str(int(digits) + 1) + suffix] + ([str(int(digits) - 1) + suffix] if int(digits) > 0 else [])
    return [repr(float(digits) * 1.25 if float(digits) else 1.0) + suffix]


def find_changes(text):
    """Returns every change of one token: the token's start and end, and what it becomes."""
    changes = []
    memory = [match.span() for pattern in (FREEING, TAKING) for match in pattern.finditer(text)]
    for match in TOKEN.finditer(text):
        start, end = match.span()
        if any(first <= start < last for first, last in memory):
            continue
        line = text[text.rfind("\n", 0, start) + 1:text.find("\n", end)]
        if match["skip"] or SILENT.match(line):
            continue
        if match["number"]:
            new = change_number(match["number"], match["suffix"])
        elif match["operator"]:
            new = OPERATORS.get(match["operator"], [])
        else:
            new = WORDS.get(match["word"], [])
        changes += [(start, end, token) for token in new]
    return changes


def draw(tree, seed):
    """Draws one change after the other of the files of a tree: each as likely as any, and never one token twice."""
    chance = random.Random(seed)
    files = sorted({path.relative_to(tree) for pattern in RESULT_BEARING for path in tree.glob(pattern)})
    everything = [(path, change) for path in files for change in find_changes((tree / path).read_text())]
    print(f"{len(everything)} changes of {len(files)} files; seed {seed}", flush=True)
    chance.shuffle(everything)
    seen = set()
    for path, change in everything:
        if (path, change[0]) not in seen:
            seen.add((path, change[0]))
            yield path, change


def limit_cpu():
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, CPU_LIMIT_S + 5))


def command(words, log):
    """Runs a command, appends what it says to the log, and returns whether it succeeded."""
    with open(log, "a") as out:
        return subprocess.run(words, stdout=out, stderr=out, preexec_fn=limit_cpu, check=False).returncode == 0


class Copy:
    """A copy of the sources that is changed, built and tested."""

    def __init__(self, directory, jobs):
        self.tree, self.build, self.log = directory / "tree", directory / "build", directory / "log"
        self.jobs = str(jobs)
        files = subprocess.run(["git", "-C", SOURCE, "ls-files", "-z"], capture_output=True, check=True).stdout
        names = {name for name in files.decode().split("\0") if name and (SOURCE / name).exists()}
        for path in [path for path in self.tree.rglob("*") if path.is_file() or path.is_symlink()]:
            if str(path.relative_to(self.tree)) not in names:
                path.unlink()
        # What has changed since an earlier copy is written anew, so that it is younger than what was built of that.
        for name in names:
            target = self.tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists() or target.read_bytes() != (SOURCE / name).read_bytes():
                shutil.copy(SOURCE / name, target)
        self.log.unlink(missing_ok=True)

    def make(self, *targets):
        return command(["ninja", "-C", self.build, "-j", self.jobs, *targets], self.log)

    def test(self, *selection):
        return command(["ctest", "--test-dir", self.build, "-j", self.jobs, "--stop-on-failure", *selection], self.log)

    def prepare(self, trusted, quick):
        """Builds the copy and passes its tests as it is: otherwise every change would seem to be seen. A trusted copy
        passes the golden runs alone."""
        configure = ["cmake", "-S", self.tree, "-B", self.build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
                     "-DCMAKE_C_FLAGS_DEBUG=-O1"]
        if not command(configure, self.log):
            sys.exit(f"mutants: cannot configure the copy: see {self.log}")
        if not (self.make(*["tokenworks"] * quick) and self.test("-L", "golden") and (trusted or self.test("-E", SLOW))):
            sys.exit(f"mutants: the unchanged copy does not build, or does not pass: see {self.log}")

    def programs(self, room):
        """Returns the test programs of a room."""
        listing = subprocess.run(["ctest", "--test-dir", self.build, "-R", room, "-N"], capture_output=True, check=True)
        return ["test-" + name.replace("/", "-") for name in re.findall(r"Test +#\d+: (\S+)", listing.stdout.decode())]

    def judge(self, path, mutant, quick):
        """Returns what became of a mutant: `invalid`, `golden`, `room` or `tests` (which saw it) or `survived`."""
        room = "^" + str(path.parent) + "/"
        original = (self.tree / path).read_text()
        (self.tree / path).write_text(mutant)
        try:
            if not self.make("tokenworks"):
                return "invalid"
            if not self.test("-L", "golden"):
                return "golden"
            if not (self.make(*self.programs(room)) and self.test("-R", room)):
                return "room"
            if quick:
                return "survived"
            return "survived" if self.make() and self.test("-LE", "golden", "-E", SLOW + "|" + room) else "tests"
        finally:
            (self.tree / path).write_text(original)


# Browsers, installations, job arrays, fuzzers and layers have nothing to say of results; chaos takes minutes.
SLOW = "browser|slurm|^install|^fuzz/|^chaos/|^layers"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=2711)
    parser.add_argument("--number", type=int, default=72, help="of mutants that compile")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--directory", type=pathlib.Path, default=SOURCE / "build/mutants")
    parser.add_argument("--trust", action="store_true", help="test the unchanged copy by the golden runs alone")
    parser.add_argument("--quick", action="store_true", help="ask the golden runs and the room's own tests alone")
    parser.add_argument("--list", action="store_true", help="print the changes, and try none")
    arguments = parser.parse_args()
    arguments.directory.mkdir(parents=True, exist_ok=True)
    copy = None if arguments.list else Copy(arguments.directory, arguments.jobs)
    if copy:
        copy.prepare(arguments.trust or arguments.quick, arguments.quick)
    tree = copy.tree if copy else SOURCE
    verdicts, survivors = {}, []
    with open(arguments.directory / "verdicts.jsonl", "w") as record:
        for path, (start, end, token) in draw(tree, arguments.seed):
            text = (tree / path).read_text()
            line = text.count("\n", 0, start) + 1
            mutant = text[:start] + token + text[end:]
            verdict = copy.judge(path, mutant, arguments.quick) if copy else "listed"
            verdicts[verdict] = verdicts.get(verdict, 0) + 1
            print(f"{path}:{line}: {text[start:end]} -> {token}: {verdict}", flush=True)
            record.write(json.dumps({"file": str(path), "line": line, "verdict": verdict, "from": text[start:end], "to": token}) + "\n")
            record.flush()
            if verdict == "survived":
                survivors.append("".join(difflib.unified_diff(
                    text.splitlines(True), mutant.splitlines(True), str(path), f"{path}:{line}", n=2)))
            if sum(verdicts.values()) - verdicts.get("invalid", 0) == arguments.number:
                break
    if copy:
        killed = arguments.number - len(survivors)
        print(f"{killed} of {arguments.number} killed ({100 * killed / arguments.number:.1f} %): {verdicts}")
        print("\n".join(survivors))


if __name__ == "__main__":
    main()
