#!/usr/bin/env bash
# npm package json-bigint 1.0.0, under Node.js.
#
# Guess: json-bigint turns whole numbers that a double cannot hold into BigNumber, and leaves the others as they are.
# Seen: it goes by the length of the text: all numbers of more than 15 characters become objects, fractions too. 0.25
#       stays a number, and 0.30000000000000004, or an instant of 1764322200.123456, does not: typeof is "object", and +
#       joins texts. The sum of latencies 0.25, 0.30000000000000004 and 0.5 is the text "0.250.300000000000000040.5",
#       where JSON.parse gives 1.05. Comparisons and - work, so that maxima and differences are right.
# Why it matters: Python and C print doubles with up to 17 digits, so that most measured seconds in JSON are objects and
#       some are not; this library is taken for block hashes of 64 bits, which lie beside them in traces.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund json-bigint@1.0.0 >/dev/null
cat >latencies.js <<'JS'
const big = require("json-bigint");
const text = '{"hash":18446744073709551615,"instant":1764322200.123456,"latencies":[0.25,0.30000000000000004,0.5]}';
for (const { parse } of [JSON, big]) {
  const { hash, instant, latencies } = parse(text);
  console.log(String(hash), typeof instant, latencies.map((one) => typeof one).join(), "sum",
    latencies.reduce((sum, one) => sum + one), "most", Math.max(...latencies), "gap", latencies[2] - latencies[1]);
}
JS
seen=$(node latencies.js)
echo "$seen"
[ "$seen" = '18446744073709552000 number number,number,number sum 1.05 most 0.5 gap 0.19999999999999996
18446744073709551615 object number,object,number sum 0.250.300000000000000040.5 most 0.5 gap 0.19999999999999996' ]
