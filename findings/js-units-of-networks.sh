#!/usr/bin/env bash
# npm packages convert-units 2.3.4 and timestring 7.0.0, with js-quantities 1.8.0 and parse-duration 2.1.9 beside them,
# under Node.js.
#
# Guess: 400 Gb is 50 GB, and both are 50,000,000,000 bytes; 5 µs is a time that a reader of "250ms" either knows or
#        refuses.
# Seen: convert-units makes 53,687,091,200 bytes of it: each of its steps between KB, MB, GB and TB, and between Kb, Mb
#       and Gb, is 1,024. timestring reads "5 µs" as 5 seconds, a million times as much, as it passes over letters
#       outside ASCII; "5us" it refuses. js-quantities and parse-duration say 5e10 bytes and 5 microseconds.
# Why it matters: links are sold and written in powers of ten, so that all of a site's network is 7 % too fast, for Tb/s
#       10 %; and a latency as people and Go's programs print it becomes seconds.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund convert-units@2.3.4 timestring@7.0.0 js-quantities@1.8.0 \
  parse-duration@2.1.9 >/dev/null
cat >units.mjs <<'JS'
import convert from "convert-units";
import timestring from "timestring";
import Quantity from "js-quantities";
import duration from "parse-duration";
console.log("400 Gb in B:", convert(400).from("Gb").to("B"), Quantity("400 Gb").to("B").scalar);
console.log("1 TB in GB:", convert(1).from("TB").to("GB"), Quantity("1 TB").to("GB").scalar);
for (const time of ["250ms", "5 µs", "5us"]) {
  let seconds = "refused";
  try {
    seconds = timestring(time);
  } catch {}
  console.log(`${time} in s:`, seconds, duration(time) / 1000);
}
JS
seen=$(node units.mjs)
echo "$seen"
[ "$seen" = '400 Gb in B: 53687091200 50000000000
1 TB in GB: 1024 1000
250ms in s: 0.25 0.25
5 µs in s: 5 0.000005
5us in s: refused 0.000005' ]
