#!/usr/bin/env bash
# SimGrid 3.32 (Debian 12: libsimgrid-dev 3.32-2+b2), network model CM02.
#
# Guess: two flows that share one link get half of its bandwidth each, whatever lies before the link.
# Seen: each gets a share in inverse proportion to the latency of its whole route. 10 GB over a link of 10 GB/s,
#       routes of 1 us and 4 us: the flows end after 1.25 s and 2.00 s (4:1), not both after 2.00 s. With
#       network/latency-factor:0 both end after 2.00 s, and the latency has to be spent elsewhere.
# Why it matters: the nearer of two senders looks four times as fast on a congested leaf.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/archives/partial" "$dir/root"
apt-get -qq -o Dir::Cache::archives="$dir/archives" -o APT::Sandbox::User=root install -y --download-only \
  --reinstall libsimgrid-dev=3.32-2+b2 libsimgrid3.32=3.32-2+b2 >/dev/null
for package in "$dir"/archives/*.deb; do dpkg -x "$package" "$dir/root"; done
lib=$dir/root/usr/lib/$(gcc -print-multiarch)

cat >"$dir/flows.c" <<'C'
#include <simgrid/actor.h>
#include <simgrid/engine.h>
#include <simgrid/host.h>
#include <simgrid/mailbox.h>
#include <stdio.h>
static void send(int n, char **arguments)
{
  (void)n;
  sg_mailbox_put(sg_mailbox_by_name(arguments[0]), "data", 1e10);
}
static void receive(int n, char **arguments)
{
  (void)n;
  sg_mailbox_get(sg_mailbox_by_name(arguments[0]));
  printf("%s %.2f\n", arguments[0], simgrid_get_clock());
}
int main(int argc, char **argv)
{
  simgrid_init(&argc, argv);
  simgrid_load_platform(argv[1]);
  char *near[] = {"near", NULL}, *far[] = {"far", NULL};
  sg_actor_create("send", sg_host_by_name("a"), send, 1, near);
  sg_actor_create("send", sg_host_by_name("b"), send, 1, far);
  sg_actor_create("receive", sg_host_by_name("c"), receive, 1, near);
  sg_actor_create("receive", sg_host_by_name("c"), receive, 1, far);
  simgrid_run();
  return 0;
}
C
cat >"$dir/platform.xml" <<'XML'
<?xml version="1.0"?>
<!DOCTYPE platform SYSTEM "https://simgrid.org/simgrid.dtd">
<platform version="4.1">
  <zone id="zone" routing="Full">
    <host id="a" speed="1Gf"/> <host id="b" speed="1Gf"/> <host id="c" speed="1Gf"/>
    <link id="shared" bandwidth="10GBps" latency="0us"/>
    <link id="near" bandwidth="100GBps" latency="1us"/> <link id="far" bandwidth="100GBps" latency="4us"/>
    <route src="a" dst="c"><link_ctn id="near"/><link_ctn id="shared"/></route>
    <route src="b" dst="c"><link_ctn id="far"/><link_ctn id="shared"/></route>
  </zone>
</platform>
XML
gcc -w -I"$dir/root/usr/include" -o "$dir/flows" "$dir/flows.c" -L"$lib" -Wl,-rpath,"$lib" -lsimgrid
run() { "$dir/flows" "$dir/platform.xml" --cfg=network/model:CM02 --cfg=network/crosstraffic:0 \
  --log=root.thres:warning "$@" | sort | tr '\n' ' '; }
plain=$(run)
even=$(run --cfg=network/latency-factor:0)
echo "CM02:                      $plain"
echo "CM02, latency-factor 0:    $even"
[ "$plain" = "far 2.00 near 1.25 " ] && [ "$even" = "far 2.00 near 2.00 " ]
