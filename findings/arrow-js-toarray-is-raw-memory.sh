#!/usr/bin/env bash
# npm package apache-arrow 21.2.0, under Node.js.
#
# Guess: vector.toArray() holds the values that [...vector] and vector.get(i) give.
# Seen: it hands out the memory behind them. A request without an answer, null in the column, is 0 s in the array: the
#       mean latency of 0.1, null and 0.3 is 0.133 and not 0.2. So it is in a table that was read, and in one made of
#       objects. Half-precision 0.5 and 1.5 are 14336 and 15872, their bits. Instants are counts of the column's own
#       unit, where get() gives milliseconds.
# Why it matters: toArray() is the fast way to a whole column; means and percentiles of latencies sink with each failed
#       request, and weights in fp16 turn into thousands, without an error.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund apache-arrow@21.2.0 >/dev/null
cat >column.mjs <<'JS'
import { vectorFromArray, tableFromJSON, tableFromIPC, tableToIPC, Table, Float64, Float16, TimestampMicrosecond } from "apache-arrow";
const columns = { latency: vectorFromArray([0.1, null, 0.3], new Float64()), half: vectorFromArray([0.5, 1.5], new Float16()),
  instant: vectorFromArray([1700000000000, 1700000001000], new TimestampMicrosecond()),
  read: tableFromIPC(tableToIPC(new Table({ x: vectorFromArray([100, null, 300]) }))).getChild("x"),
  "of objects": tableFromJSON([{ x: 0.1 }, { x: null }, { x: 0.3 }]).getChild("x") };
for (const [name, column] of Object.entries(columns)) console.log(`${name}:`, [...column].join(), "->", column.toArray().join());
JS
seen=$(node column.mjs)
echo "$seen"
[ "$seen" = 'latency: 0.1,,0.3 -> 0.1,0,0.3
half: 0.5,1.5 -> 14336,15872
instant: 1700000000000,1700000001000 -> 1700000000000000,1700000001000000
read: 100,,300 -> 100,0,300
of objects: 0.1,,0.3 -> 0.1,0,0.3' ]
