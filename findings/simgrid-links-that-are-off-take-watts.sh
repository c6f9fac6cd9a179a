#!/usr/bin/env bash
# SimGrid 3.32 (Debian 12: libsimgrid-dev 3.32-2+b2), energy of what is off.
#
# Guess: a link of 10 to 20 W that its state file turns off after a second takes 10 J in four, as a host of 100 W idle
#        takes 100 J, whose watts are wattage_off, or 0, when it is off; and wattage_off holds for a link too.
# Seen: the host takes 100 J, and 220 J with wattage_off 40. The link takes 40 J: its idle watts go on while it is off.
#       It has no wattage_off: of one with that property, 0 or 3, nothing is heard, and 40 J are taken.
# Why it matters: cables and switches that are put to sleep to save energy, or that failed, save nothing, where hosts
#       beside them do.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/archives/partial" "$dir/root"
apt-get -qq -o Dir::Cache::archives="$dir/archives" -o APT::Sandbox::User=root install -y --download-only \
  --reinstall libsimgrid-dev=3.32-2+b2 libsimgrid3.32=3.32-2+b2 >/dev/null
for package in "$dir"/archives/*.deb; do dpkg -x "$package" "$dir/root"; done
lib=$dir/root/usr/lib/$(gcc -print-multiarch)

cat >"$dir/off.c" <<'C'
#include <simgrid/actor.h>
#include <simgrid/engine.h>
#include <simgrid/host.h>
#include <simgrid/link.h>
#include <simgrid/plugins/energy.h>
#include <stdio.h>
static void watch(int n, char **arguments)
{
  (void)n, (void)arguments;
  const char *hosts[] = {"plain", "told"}, *links[] = {"bare", "nought", "three"};
  sg_actor_sleep_for(4);
  for (size_t i = 0; i < 2; i++)
    printf("host %s %g J\n", hosts[i], sg_host_get_consumed_energy(sg_host_by_name(hosts[i])));
  for (size_t i = 0; i < 3; i++)
    printf("link %s %g J\n", links[i], sg_link_get_consumed_energy(sg_link_by_name(links[i])));
}
int main(int argc, char **argv)
{
  simgrid_init(&argc, argv);
  sg_host_energy_plugin_init();
  sg_link_energy_plugin_init();
  simgrid_load_platform(argv[1]);
  sg_actor_create("watch", sg_host_by_name("watch"), watch, 0, NULL);
  simgrid_run();
  return 0;
}
C
# Each profile has a file of its own, as SimGrid reads none twice.
dies() { printf '1.0 0\n' >"$dir/$1.txt" && echo "id=\"$1\" state_file=\"$1.txt\""; }
host() { echo "<host $(dies "$1") speed=\"1Gf\"><prop id=\"wattage_per_state\" value=\"100:100:200\"/>${2-}</host>"; }
link() { echo "<link $(dies "$1") bandwidth=\"1GBps\" latency=\"0s\"><prop id=\"wattage_range\" value=\"10:20\"/>${2-}</link>"; }
off() { echo "<prop id=\"wattage_off\" value=\"$1\"/>"; }
cat >"$dir/platform.xml" <<XML
<?xml version="1.0"?>
<!DOCTYPE platform SYSTEM "https://simgrid.org/simgrid.dtd">
<platform version="4.1">
  <zone id="zone" routing="Full">
    <host id="watch" speed="1Gf"><prop id="wattage_per_state" value="0:0:0"/></host>
    $(host plain) $(host told "$(off 40)")
    $(link bare) $(link nought "$(off 0)") $(link three "$(off 3)")
    <route src="watch" dst="plain"><link_ctn id="bare"/><link_ctn id="nought"/><link_ctn id="three"/></route>
  </zone>
</platform>
XML
gcc -w -I"$dir/root/usr/include" -o "$dir/off" "$dir/off.c" -L"$lib" -Wl,-rpath,"$lib" -lsimgrid
cd "$dir"
seen=$(./off platform.xml --cfg=network/model:CM02 --log=root.thres:warning)
echo "$seen"
[ "$seen" = 'host plain 100 J
host told 220 J
link bare 40 J
link nought 40 J
link three 40 J' ]
