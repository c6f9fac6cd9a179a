#!/usr/bin/env bash
# SimGrid 3.32 (Debian 12: libsimgrid-dev 3.32-2+b2), flows over a link whose bandwidth rises.
#
# Guess: a flow takes what its link has at each instant: 10 bytes that begin at 5 bytes/s on a link of 10 bytes/s from
#        1 s on end at 1.5 s, in the same way as a flow slows down when its link does.
# Seen: with the model CM02 a flow that begins while the link is slow keeps that rate for as long as it lives: it ends at
#       2 s. A flow that begins at 10 bytes/s on a link of 5 bytes/s from 1 s on slows down: 15 bytes end at 2 s. One that
#       begins after the rise has all of it.
# Why it matters: a link that is repaired looks degraded until all flows of before have ended, without a word.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/archives/partial" "$dir/root"
apt-get -qq -o Dir::Cache::archives="$dir/archives" -o APT::Sandbox::User=root install -y --download-only \
  --reinstall libsimgrid-dev=3.32-2+b2 libsimgrid3.32=3.32-2+b2 >/dev/null
for package in "$dir"/archives/*.deb; do dpkg -x "$package" "$dir/root"; done
lib=$dir/root/usr/lib/$(gcc -print-multiarch)

cat >"$dir/rise.c" <<'C'
#include <simgrid/actor.h>
#include <simgrid/engine.h>
#include <simgrid/host.h>
#include <simgrid/mailbox.h>
#include <stdio.h>
#include <stdlib.h>
static double begins, bytes;
static void send(int n, char **arguments)
{
  (void)n, (void)arguments;
  sg_actor_sleep_for(begins);
  sg_mailbox_put(sg_mailbox_by_name("box"), "data", bytes);
}
static void receive(int n, char **arguments)
{
  (void)n, (void)arguments;
  sg_mailbox_get(sg_mailbox_by_name("box"));
  printf("%g ", simgrid_get_clock());
}
int main(int argc, char **argv)
{
  simgrid_init(&argc, argv);
  simgrid_load_platform(argv[1]);
  begins = strtod(argv[2], NULL);
  bytes = strtod(argv[3], NULL);
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
    <host id="a" speed="10f"/> <host id="b" speed="10f"/>
    <link id="link" bandwidth="$1Bps" latency="0us" bandwidth_file="$2"/>
    <route src="a" dst="b"><link_ctn id="link"/></route>
  </zone>
</platform>
XML
}
gcc -w -I"$dir/root/usr/include" -o "$dir/rise" "$dir/rise.c" -L"$lib" -Wl,-rpath,"$lib" -lsimgrid
cd "$dir"
run() { ./rise "$@" --cfg=network/model:CM02 --cfg=network/crosstraffic:0 --log=root.thres:warning; }
printf '1.0 10\n' >rises.txt
printf '1.0 5\n' >falls.txt
platform 5 rises.txt >rises.xml
platform 10 falls.txt >falls.xml
ends=$(run rises.xml 0 10; run falls.xml 0 15; run rises.xml 2 10)
echo "10 bytes while the link rises, 15 while it falls, 10 after it rose, end at: $ends"
[ "$ends" = "2 2 3 " ]
