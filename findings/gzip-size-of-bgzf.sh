#!/usr/bin/env bash
# gzip 1.12 and bgzip of htslib 1.16 (Debian 12: gzip 1.12-1, tabix 1.16+ds-3).
#
# Guess: `gzip -l` prints the size of what `zcat` would print.
# Seen: it prints the size field of the last member. BGZF ends with an empty member, so that a table of 52,893 bytes
#       is listed with 0 bytes and a ratio of 0.0 %, while zcat reads every row. Two members one after the other are
#       listed with the second one's size.
# Why it matters: scripts that skip "empty" logs by this size skip every BGZF table.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get -qq -o APT::Sandbox::User=root download gzip=1.12-1 tabix=1.16+ds-3 libhts3=1.16+ds-3 libhtscodecs2=1.3.0-4 \
  libdeflate0=1.14-1 >/dev/null
for package in *.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$dir/root/usr/lib/$(gcc -print-multiarch 2>/dev/null || echo x86_64-linux-gnu)
export PATH=$dir/root/bin:$dir/root/usr/bin:$PATH

seq -f 'row %g' 1 6000 >table.csv
bgzip -c table.csv >table.csv.gz
size=$(gzip -l table.csv.gz 2>/dev/null | awk 'NR == 2 { print $2 }')
read_back=$(gzip -dc table.csv.gz 2>/dev/null | wc -c)
(head -n 5999 table.csv | gzip && tail -n 1 table.csv | gzip) >two.gz
last=$(gzip -l two.gz | awk 'NR == 2 { print $2 }')
echo "BGZF of $(wc -c <table.csv) bytes: listed as $size, read back as $read_back; two members: listed as $last"
[ "$size" = 0 ] && [ "$read_back" = "$(wc -c <table.csv)" ] && [ "$last" = "$(tail -n 1 table.csv | wc -c)" ]
