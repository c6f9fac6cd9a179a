#!/usr/bin/env bash
# gzip.decompress of Python 3.11.2 (Debian 12: python3.11-minimal 3.11.2-6+deb12u*), on BGZF by bgzip of htslib 1.16 (tabix
# 1.16+ds-3).
#
# Guess: gzip.decompress(data) takes as long as gzip.open(path).read(), as both read all members of a file one after the other.
# Seen: gzip.decompress copies all that is left of the data at each member, three times: four times as many members take
#       16 times as long and more (12 MB 0.8 s, 49 MB 42 s), where gzip.open takes four times as long (0.12 and 0.37 s).
#       On a file of one member both are alike.
# Why it matters: tables in BGZF have a member for each 64 KiB of rows; read them with gzip.open, or with pandas, which does.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get -qq -o APT::Sandbox::User=root download tabix=1.16+ds-3 libhts3=1.16+ds-3 libhtscodecs2=1.3.0-4 libdeflate0=1.14-1 \
  python3.11-minimal libpython3.11-minimal libpython3.11-stdlib >/dev/null
for package in *.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$dir/root/usr/lib/$(gcc -print-multiarch 2>/dev/null || echo x86_64-linux-gnu)
export PATH=$dir/root/usr/bin:$PATH PYTHONHOME=$dir/root/usr

# Rows that compress little, so that much of the file is left at each member.
python3.11 -c 'import base64, random
random.seed(1)
print("\n".join(base64.b64encode(random.randbytes(48)).decode() for _ in range(150000)))' | bgzip -c -l 1 >once.gz
cat once.gz once.gz once.gz once.gz >four.gz
python3.11 - <<'PYTHON'
import gzip, sys, time

def seconds(read):
    began = time.process_time()
    return len(read()), time.process_time() - began

taken = {}
for name in ("once.gz", "four.gz"):
    data = open(name, "rb").read()
    size, whole = seconds(lambda: gzip.decompress(data))
    again, opened = seconds(lambda: gzip.open(name).read())
    assert size == again
    taken[name] = whole, opened
    print(f"{name}: {len(data) / 1e6:.0f} MB, gzip.decompress {whole:.2f} s, gzip.open {opened:.2f} s")
ratio, opened = (taken["four.gz"][i] / taken["once.gz"][i] for i in (0, 1))
print(f"Python {sys.version.split()[0]}: four times the members take {ratio:.1f} and {opened:.1f} times as long")
sys.exit(not (ratio > 2 * opened and taken["four.gz"][0] > 2 * taken["four.gz"][1]))
PYTHON
