#!/usr/bin/env bash
# npm packages fflate 0.8.3 and pako 2.1.0, under Node.js.
#
# Guess: a synchronous gunzip of a valid file with several members returns all of it, its first member, or an error.
# Seen: fflate's gunzipSync and decompressSync return as many bytes as the *last* member holds, taken from the front:
#       two members of 6 and 4 bytes give the first 4 bytes; a BGZF file, whose last member is empty, gives
#       nothing at all. No error. fflate's streaming Gunzip class, pako's ungzip and Node's zlib return everything.
# Why it matters: a page that opens chained gzip logs with gunzipSync shows an empty table.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund fflate@0.8.3 pako@2.1.0 >/dev/null
cat >read.js <<'JS'
const zlib = require("zlib"), fflate = require("fflate"), pako = require("pako");
const member = (text) => zlib.gzipSync(Buffer.from(text));
const text = (bytes) => Buffer.from(bytes).toString().replace(/\n/g, "|");
function stream(bytes) {
  const parts = [];
  new fflate.Gunzip((part) => parts.push(Buffer.from(part))).push(bytes, true);
  return Buffer.concat(parts);
}
for (const bytes of [[member("a,b,c\n"), member("1,2\n")], [member("a,b\n"), member("1,2\n"), member("")]].map((list) => Buffer.concat(list)))
  console.log([fflate.gunzipSync(bytes), fflate.decompressSync(bytes), stream(bytes), pako.ungzip(bytes),
    zlib.gunzipSync(bytes)].map(text).join(" ; "));
JS
seen=$(node read.js)
echo "gunzipSync ; decompressSync ; Gunzip ; pako ; zlib"
echo "$seen"
[ "$seen" = "a,b, ; a,b, ; a,b,c|1,2| ; a,b,c|1,2| ; a,b,c|1,2|
 ;  ; a,b|1,2| ; a,b|1,2| ; a,b|1,2|" ]
