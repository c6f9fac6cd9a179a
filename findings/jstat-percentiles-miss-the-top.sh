#!/usr/bin/env bash
# npm packages jstat 1.9.6, simple-statistics 7.12.1 and d3-array 3.2.5, under Node.js.
#
# Guess: jStat.percentile draws a line between neighbours like a spreadsheet's PERCENTILE, as its "inclusive" and
#        "exclusive" promise; so the 99th percentile of 50 latencies lies near the greatest, and the 100th is the
#        greatest.
# Seen: between the last two values it draws no line, but returns the lower one. Of 49 requests of 1 s to 49 s and one
#       of 1,000 s the 99th percentile is 49 s (the two others: 534), and the median of two values is the smaller. Up to
#       the last but one all three agree. jStat.quantiles of the same library says 1,000: it takes another rule.
# Why it matters: the 99th percentile of 100 requests and fewer lies between the last two: the tail is cut off.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund jstat@1.9.6 simple-statistics@7.12.1 d3-array@3.2.5 >/dev/null
cat >tail.mjs <<'JS'
import jstat from "jstat";
import { quantile } from "d3-array";
import * as simple from "simple-statistics";
const { jStat } = jstat;
const latencies = Array.from({ length: 49 }, (_, i) => i + 1).concat(1000);
const show = (values, share) => console.log(share, ...[jStat.percentile(values, share), jStat.quantiles(values, [share])[0],
  quantile(values, share), simple.quantile(values, share)].map((value) => +value.toFixed(2)));
for (const share of [0.5, 0.9, 0.99, 1]) show(latencies, share);
show([1, 3], 0.5);
JS
seen=$(node tail.mjs)
echo "share, jStat.percentile, jStat.quantiles, d3, simple-statistics"
echo "$seen"
[ "$seen" = '0.5 25.5 25.5 25.5 25.5
0.9 45.1 45.6 45.1 45.1
0.99 49 1000 534.01 534.01
1 1000 1000 1000 1000
0.5 1 2 2 2' ]
