#!/usr/bin/env bash
# SimGrid 3.32 (Debian 12: libsimgrid-dev 3.32-2+b2), disks.
#
# Guess: a disk with read_bw 100 MB/s and write_bw 50 MB/s reads 100 MB and writes 50 MB in one second, at once as well
#        as each alone: the platform gives two bandwidths.
# Seen: at once the read ends after 1.5 s. Both share a third limit, which no attribute names, the greater of the two:
#       while 50 MB/s are written 50 are left to read. Two writers of 50 MB beside it end at 2 s, as does it. The C++
#       method set_readwrite_bandwidth can raise it; a platform in XML, and the C functions, cannot.
# Why it matters: a node that writes out one KV cache while it reads another has two thirds of its disk's throughput,
#       without a word.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/archives/partial" "$dir/root"
apt-get -qq -o Dir::Cache::archives="$dir/archives" -o APT::Sandbox::User=root install -y --download-only \
  --reinstall libsimgrid-dev=3.32-2+b2 libsimgrid3.32=3.32-2+b2 >/dev/null
for package in "$dir"/archives/*.deb; do dpkg -x "$package" "$dir/root"; done
lib=$dir/root/usr/lib/$(gcc -print-multiarch)

cat >"$dir/disk.c" <<'C'
#include <simgrid/actor.h>
#include <simgrid/disk.h>
#include <simgrid/engine.h>
#include <simgrid/host.h>
#include <stdio.h>
static sg_disk_t disk(void)
{
  sg_disk_t *disks;
  size_t count;
  sg_host_get_disks(sg_host_self(), &count, &disks);
  return disks[0];
}
static void reads(int n, char **arguments)
{
  (void)n, (void)arguments;
  sg_disk_read(disk(), 100e6);
  printf(" read %g", simgrid_get_clock());
}
static void writes(int n, char **arguments)
{
  (void)n, (void)arguments;
  sg_disk_write(disk(), 50e6);
  printf(" write %g", simgrid_get_clock());
}
int main(int argc, char **argv)
{
  simgrid_init(&argc, argv);
  simgrid_load_platform(argv[1]);
  for (const char *what = argv[2]; *what != '\0'; what++)
    sg_actor_create("actor", sg_host_by_name("host"), *what == 'r' ? reads : writes, 0, NULL);
  simgrid_run();
  return 0;
}
C
cat >"$dir/platform.xml" <<'XML'
<?xml version="1.0"?>
<!DOCTYPE platform SYSTEM "https://simgrid.org/simgrid.dtd">
<platform version="4.1">
  <zone id="zone" routing="Full">
    <host id="host" speed="1Gf"><disk id="disk" read_bw="100MBps" write_bw="50MBps"/></host>
  </zone>
</platform>
XML
gcc -w -I"$dir/root/usr/include" -o "$dir/disk" "$dir/disk.c" -L"$lib" -Wl,-rpath,"$lib" -lsimgrid
cd "$dir"
seen=$(for actors in r w rw rww; do echo "$actors:$(./disk platform.xml $actors --log=root.thres:warning)"; done)
echo "$seen"
[ "$seen" = 'r: read 1
w: write 1
rw: write 1 read 1.5
rww: read 2 write 2 write 2' ]
