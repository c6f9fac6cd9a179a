"""bgzip finds the tables whole, and reads any part of them by an index of its own."""

import os
import subprocess
import zlib

from azure_run import TABLES, azure_run, need

need("bgzip")


def is_whole(path):
    return subprocess.run(["bgzip", "-t", path], capture_output=True, check=False).returncode == 0


with azure_run() as (run, _, _):
    for name in TABLES:
        path = os.path.join(run, name + ".csv.gz")
        assert is_whole(path), path
        text = subprocess.run(["zcat", path], capture_output=True, check=True).stdout
        subprocess.run(["bgzip", "-r", path], check=True)
        start, length = len(text) // 3, len(text) // 2
        part = subprocess.run(["bgzip", "-b", str(start), "-s", str(length), path], capture_output=True, check=True).stdout
        assert part == text[start:start + length], f"{name}: bgzip seeks to other bytes than there are"
        # A changed byte in the middle of the file is seen: so is it bgzip that looks, and not its patience.
        damaged = bytearray(open(path, "rb").read())
        damaged[len(damaged) // 2] ^= 0xFF
        with open(path, "wb") as file:
            file.write(damaged)
        assert not is_whole(path), f"{name}: bgzip does not see damage"
        print(f"bgzip: {name}, {len(text)} bytes, CRC {zlib.crc32(text):08x}")
