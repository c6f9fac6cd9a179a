#!/usr/bin/env bash
# SimGrid 3.32 (Debian 12: libsimgrid-dev 3.32-2+b2), profiles of hosts and links.
#
# Guess: a profile of "1.0 0.5" halves what it is attached to from second 1 on, and LOOPAFTER 3 repeats a profile
#        every 3 seconds.
# Seen: a host's speed is multiplied by the value (20 flops at 10 flop/s end at 3 s), but a link's bandwidth is
#       replaced by it: 0.5 bytes/s (20 bytes at 10 bytes/s end at 21 s). And LOOPAFTER counts from the last instant
#       of the file, after which the first instant is waited for anew: 5 bytes/s from 1 s, 10 from 2 s and
#       LOOPAFTER 3 slow the link at 1, 6, 11 s..., a period of 5 s (60 bytes end at 7 s, not at 6.5).
# Why it matters: the same file on a link turns "at half rate" into a link that hardly moves, without a word.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/archives/partial" "$dir/root"
apt-get -qq -o Dir::Cache::archives="$dir/archives" -o APT::Sandbox::User=root install -y --download-only \
  --reinstall libsimgrid-dev=3.32-2+b2 libsimgrid3.32=3.32-2+b2 >/dev/null
for package in "$dir"/archives/*.deb; do dpkg -x "$package" "$dir/root"; done
lib=$dir/root/usr/lib/$(gcc -print-multiarch)

cat >"$dir/work.c" <<'C'
#include <simgrid/actor.h>
#include <simgrid/engine.h>
#include <simgrid/host.h>
#include <simgrid/mailbox.h>
#include <stdio.h>
#include <stdlib.h>
static double amount;
static void compute(int n, char **arguments)
{
  (void)n, (void)arguments;
  sg_actor_execute(amount);
  printf("flops %g\n", simgrid_get_clock());
}
static void send(int n, char **arguments)
{
  (void)n, (void)arguments;
  sg_mailbox_put(sg_mailbox_by_name("box"), "data", amount);
}
static void receive(int n, char **arguments)
{
  (void)n, (void)arguments;
  sg_mailbox_get(sg_mailbox_by_name("box"));
  printf("bytes %g\n", simgrid_get_clock());
}
int main(int argc, char **argv)
{
  simgrid_init(&argc, argv);
  simgrid_load_platform(argv[1]);
  amount = strtod(argv[2], NULL);
  sg_actor_create("compute", sg_host_by_name("a"), compute, 0, NULL);
  sg_actor_create("send", sg_host_by_name("a"), send, 0, NULL);
  sg_actor_create("receive", sg_host_by_name("b"), receive, 0, NULL);
  simgrid_run();
  return 0;
}
C
platform() {
  cat <<XML
<?xml version="1.0"?>
<!DOCTYPE platform SYSTEM "https://simgrid.org/simgrid.dtd">
<platform version="4.1">
  <zone id="zone" routing="Full">
    <host id="a" speed="10f" $1/> <host id="b" speed="1Gf"/>
    <link id="link" bandwidth="10Bps" latency="0us" $2/>
    <route src="a" dst="b"><link_ctn id="link"/></route>
  </zone>
</platform>
XML
}
gcc -w -I"$dir/root/usr/include" -o "$dir/work" "$dir/work.c" -L"$lib" -Wl,-rpath,"$lib" -lsimgrid
cd "$dir"
run() { ./work "$@" --cfg=network/model:CM02 --cfg=network/crosstraffic:0 --log=root.thres:warning | sort; }
printf '1.0 0.5\n' >host.txt
printf '1.0 0.5\n' >link.txt
printf '1.0 5\n2.0 10\nLOOPAFTER 3\n' >loop.txt
platform 'speed_file="host.txt"' 'bandwidth_file="link.txt"' >half.xml
platform '' 'bandwidth_file="loop.txt"' >loop.xml
half=$(run half.xml 20 | tr '\n' ' ')
loop=$(for bytes in 10 15 55 60; do run loop.xml $bytes | sed -n 's/bytes //p'; done | tr '\n' ' ')
echo "the same profile, 20 units at 10 a second:   $half"
echo "10, 15, 55 and 60 bytes under LOOPAFTER 3:   $loop"
[ "$half" = "bytes 21 flops 3 " ] && [ "$loop" = "1 2 6 7 " ]
