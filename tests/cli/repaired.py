"""What `log repair` gives back of the tables of a run that was cut short."""
import subprocess
import zlib


def members(path):
    """The text of the complete gzip members of a file, as zlib alone finds them."""
    data, text = path.read_bytes(), b""
    while data:
        unpacker = zlib.decompressobj(31)
        try:
            part = unpacker.decompress(data)
        except zlib.error:
            break
        if not unpacker.eof:
            break
        text, data = text + part, unpacker.unused_data
    return text


def tables(directory):
    return {path.name: members(path) for path in sorted(directory.glob("*.csv.gz"))}


def assert_nothing_is_lost(program, directory, expected):
    """A repair keeps every complete member, and makes tables that are whole and the beginning of the expected ones."""
    kept = tables(directory)  # A table that the run has named and not yet made is empty after the repair.
    for action in ("repair", "verify"):
        done = subprocess.run([program, "log", action, directory], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    for table, text in tables(directory).items():
        assert text.startswith(kept.get(table, b"")), f"{directory}/{table}: repair lost members"
        assert expected[table].startswith(text), f"{directory}/{table}: rows that the undisturbed run lacks"
