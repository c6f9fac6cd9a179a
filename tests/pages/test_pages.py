"""The pages of documentation are true: those that are made from tables are as the tables are, what may be written is
written of, and the commands run.

Commands are those in ```sh blocks of the pages, of which every one is checked against the options that its help names
and the files that it reads. Those that take seconds are run, one after the other, in a scratch copy of the tree's data,
as a reader would; long ones (sweeps, plans, searches) are not."""
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

PROGRAM, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
MADE = {"scenario": "sim/scenarios/reference.md", "columns": "analysis/columns.md", "metrics": "analysis/metrics.md",
        "commands": "sim/commands/commands.md"}
LONG = ("sweep", "plan", "search", "calibrate", "work")  # Their runs take minutes, or need what only a user has.
LIMIT_S = 300
faults = []


def complain(text):
    faults.append(text)
    print(text)


def output_of(*words):
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=True).stdout


def check_made_pages():
    for name, path in MADE.items():
        file = SOURCE / path
        if not file.exists() or file.read_text() != output_of("manual", f"--page={name}"):
            complain(f"{path} is not what the tables say; write it by: tokenworks manual --page={name} > {path}")


def check_properties():
    """Properties of platforms are in no generated page: each stands in the page on platforms."""
    table = (SOURCE / "platforms/reader/platform_property.c").read_text()
    page = (SOURCE / "platforms/README.md").read_text()
    names = re.findall(r'\{"(tw:[\w-]+)"', table)
    if len(names) < 20:
        complain(f"platform_property.c: {len(names)} properties found")
    for name in names:
        if f"`{name}`" not in page:
            complain(f"platforms/README.md says nothing of {name}")


def check_example():
    """The platform that is written by hand in the page on platforms is one."""
    with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
        file.write(re.search(r"```xml\n(.*?)```", (SOURCE / "platforms/README.md").read_text(), re.DOTALL).group(1))
        file.flush()
        process = subprocess.run([PROGRAM, "check", file.name], capture_output=True, text=True, check=False)
        if process.returncode != 0:
            complain(f"platforms/README.md: its platform: {process.stderr}")


def pages():
    """Every page that git would ship."""
    for path in sorted(SOURCE.rglob("*.md")):
        inside = path.relative_to(SOURCE).parts
        if inside[0] not in ("build", ".git") and "wrong" not in inside:
            yield path


def commands_of(page):
    """The command lines of the ```sh blocks that begin with the program."""
    for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            for command in re.split(r"&&|;|\|", line):
                if command.strip().startswith("tokenworks "):
                    yield command.strip()


def check_options(where, words):
    """The subcommand and its options are those that its help names."""
    action = [words[1]] + ([words[2]] if words[1] in ("log", "workload", "platform") and len(words) > 2 else [])
    process = subprocess.run([PROGRAM, *action, "--help"], capture_output=True, text=True, check=False)
    if process.returncode != 0:
        complain(f"{where}: there is no `tokenworks {' '.join(action)}`")
        return
    for word in words[1 + len(action):]:
        option = re.match(r"--[a-z][\w-]*", word)
        if option and not re.search(re.escape(option.group()) + r"\b", process.stdout):
            complain(f"{where}: `tokenworks {' '.join(action)}` has no {option.group()}")


def check_files(where, words):
    """Files of the tree that a command names are there."""
    for word in words[2:]:
        if re.match(r"(sim|platforms|workloads|analysis|tests)/[\w/.-]+\.\w+$", word) and not (SOURCE / word).exists():
            complain(f"{where}: names {word}, which is not there")


def plain(command):
    """The words of a command, without its comment and redirections."""
    return [word for word in shlex.split(command, comments=True) if not word.startswith(">")]


def run_all(found):
    """Runs what is short, in the order of the pages, where the tree's data can be read and runs/ written."""
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("sim", "platforms", "workloads"):
            (pathlib.Path(scratch) / name).symlink_to(SOURCE / name)
        # The runs that other pages look at, should a page that makes them come later.
        first = {"runs/azure": "", "runs/two": "--set //pool/@replicas=2 --segments"}
        for directory, options in first.items():
            subprocess.run([PROGRAM, "run", "sim/scenarios/azure-conv-hgx-h100.xml", "-o", directory, "-q", "--until", "15min",
                            *options.split()], cwd=scratch, check=True)
        for where, command in found:
            words = plain(command)
            if words[1] in LONG or re.search(r"my-|bench\.json|runs/mine|mine\.csv|\$PWD|OTHER|DIR\b|FILE", command):
                continue
            if words[1] == "run":
                words += ["--until", "2min"] if "--until" not in command else []
                words += ["--force", "-q"]
            elif words[1] == "platform" and "-o" in words:
                words += ["--force"] if "--force" in output_of("platform", "--help") else []
            process = subprocess.run([PROGRAM, *words[1:]], cwd=scratch, capture_output=True, text=True, check=False, timeout=LIMIT_S)
            if process.returncode not in ((0, 1) if words[1] == "compare" else (0,)):
                complain(f"{where}: `{command}` exits {process.returncode}: {process.stderr.strip()[:300]}")


def main():
    check_made_pages()
    check_properties()
    check_example()
    found = [(str(page.relative_to(SOURCE)), command) for page in pages() for command in commands_of(page)]
    if len(found) < 15:
        complain(f"{len(found)} commands found in the pages")
    shown = {words[1] for _, command in found for words in [plain(command)] if len(words) > 1}
    for line in output_of("--help").splitlines():
        command = re.match(r"  ([a-z]+)  ", line)
        if command and command.group(1) not in shown | {"manual", "work"}:
            complain(f"no page shows how to use `tokenworks {command.group(1)}`")
    for where, command in found:
        check_options(where, plain(command))
        check_files(where, plain(command))
    run_all(found)
    print(f"{len(found)} commands in the pages, {len(faults)} faults")
    sys.exit(1 if faults else 0)


main()
