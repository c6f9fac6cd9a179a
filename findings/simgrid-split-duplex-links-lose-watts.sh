#!/usr/bin/env bash
# SimGrid 3.32 (Debian 12: libsimgrid-dev 3.32-2+b2), energy of links, and of a host whose speed a profile halves.
#
# Guess: a link of 10 to 20 W that is busy for a second takes 20 J, however it is shared; SPLITDUPLEX makes two of it, so perhaps 30 J
#        (one way busy, the other idle). A host of 100 W idle and 200 W busy that works at half its speed is busy: 200 W.
# Seen: a SHARED link takes 20 J. One that is SPLITDUPLEX takes 0 J without a word: its two halves lose the properties.
#       A host that works at half its speed by a profile counts as half idle: 3 Gflop at 1 Gf for one second and
#       at 0.5 Gf for four take 800 J (200 + 4 x 150) and not 1,000.
# Why it matters: watts of full-duplex cables vanish, and a machine that limps looks as economical as a healthy one.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/archives/partial" "$dir/root"
apt-get -qq -o Dir::Cache::archives="$dir/archives" -o APT::Sandbox::User=root install -y --download-only \
  --reinstall libsimgrid-dev=3.32-2+b2 libsimgrid3.32=3.32-2+b2 >/dev/null
for package in "$dir"/archives/*.deb; do dpkg -x "$package" "$dir/root"; done
lib=$dir/root/usr/lib/$(gcc -print-multiarch)

cat >"$dir/energy.c" <<'C'
#include <simgrid/actor.h>
#include <simgrid/engine.h>
#include <simgrid/host.h>
#include <simgrid/link.h>
#include <simgrid/mailbox.h>
#include <simgrid/plugins/energy.h>
#include <stdio.h>
static void work(int n, char **arguments)
{
  (void)n, (void)arguments;
  sg_actor_execute(3e9);
  printf("host at %g s: %g J\n", simgrid_get_clock(), sg_host_get_consumed_energy(sg_host_self()));
}
static void send(int n, char **arguments)
{
  (void)n, (void)arguments;
  sg_mailbox_put(sg_mailbox_by_name("box"), "data", 1e9);
}
static void receive(int n, char **arguments)
{
  (void)n, (void)arguments;
  sg_mailbox_get(sg_mailbox_by_name("box"));
  double joules = 0;
  sg_link_t *links = sg_link_list();
  for (size_t i = 0; i < sg_link_count(); i++)
    joules += sg_link_get_consumed_energy(links[i]);
  printf("links at %g s: %g J\n", simgrid_get_clock(), joules);
}
int main(int argc, char **argv)
{
  simgrid_init(&argc, argv);
  sg_host_energy_plugin_init();
  sg_link_energy_plugin_init();
  simgrid_load_platform(argv[1]);
  sg_actor_create("work", sg_host_by_name("slow"), work, 0, NULL);
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
    <host id="slow" speed="1Gf" speed_file="half.txt"><prop id="wattage_per_state" value="100:100:200"/></host>
    <host id="a" speed="1Gf"><prop id="wattage_per_state" value="0:0:0"/></host>
    <host id="b" speed="1Gf"><prop id="wattage_per_state" value="0:0:0"/></host>
    <link id="link" bandwidth="1GBps" latency="0s" sharing_policy="$1"><prop id="wattage_range" value="10:20"/></link>
    <route src="a" dst="b"><link_ctn id="link"$2/></route>
  </zone>
</platform>
XML
}
gcc -w -I"$dir/root/usr/include" -o "$dir/energy" "$dir/energy.c" -L"$lib" -Wl,-rpath,"$lib" -lsimgrid
cd "$dir"
printf '1.0 0.5\n' >half.txt
platform SHARED '' >shared.xml
platform SPLITDUPLEX ' direction="UP"' >split.xml
seen=$(for policy in shared split; do
  echo "$policy" && ./energy $policy.xml --cfg=network/model:CM02 --cfg=network/crosstraffic:0 --log=root.thres:warning
done)
echo "$seen"
[ "$seen" = 'shared
links at 1 s: 20 J
host at 5 s: 800 J
split
links at 1 s: 0 J
host at 5 s: 800 J' ]
