"""Says at which commits the expected tables of golden runs changed values that they had before, columns that only came or
went left aside: history.py [REVISIONS] [NAME]... Without names: of the scenarios that shipped where REVISIONS begin."""
import gzip
import pathlib
import subprocess
import sys

import against

FIRST = "44ca2b9"  # The commit with the first golden runs.


def git(*words):
    return subprocess.run(["git", "-C", against.SOURCE, *words], check=True, capture_output=True).stdout


def read_blobs(commit, names):
    """Returns the blobs of the expected tables of a commit, by run and table."""
    rows = [line.split("\t") for line in git("ls-tree", "-r", commit, "tests/golden").decode().splitlines()]
    found = {tuple(path.split("/")[2:]): meta.split()[2] for meta, path in rows}
    return {key: blob for key, blob in found.items() if len(key) == 2 and key[0] in names}


def read(blob, table):
    data = git("cat-file", "blob", blob)
    return (gzip.decompress(data) if table.endswith(".gz") else data).decode()


def says_other(table, old, new):
    """Whether a table says other than before in columns, or numbers, that it had."""
    compare = against.compare_summaries if table.endswith(".json") else against.compare_tables
    return " differ, " in compare(read(old, table), read(new, table))


def main():
    revisions, names = sys.argv[1] if len(sys.argv) > 1 else f"{FIRST}..HEAD", set(sys.argv[2:])
    if not names:
        paths = git("ls-tree", "--name-only", revisions.split("..")[0], "sim/scenarios/").decode().split()
        names = {pathlib.Path(path).stem for path in paths}
    commits = git("log", "--full-history", "--reverse", "--format=%h %p", revisions, "--", "tests/golden").decode().splitlines()
    for commit, *parents in map(str.split, commits):
        before, now = [read_blobs(parent, names) for parent in parents], read_blobs(commit, names)
        changed = {}
        for (name, table), blob in now.items():
            old = [blobs.get((name, table)) for blobs in before]
            if None not in old and blob not in old and all(says_other(table, each, blob) for each in old):
                changed.setdefault(name, []).append(table.split(".")[0])
        if changed:
            print(git("log", "-1", "--format=%h %s", commit).decode().strip())
        for name, tables in sorted(changed.items()):
            print(f"    {name}: {' '.join(tables)}", flush=True)


if __name__ == "__main__":
    main()
