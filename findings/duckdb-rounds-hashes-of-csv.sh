#!/usr/bin/env bash
# npm package @duckdb/node-api 1.5.6-r.1 (DuckDB 1.5.6), under Node.js.
#
# Guess: a column of whole numbers below 2^64 keeps them, whether it is read from CSV or from JSON lines: DuckDB has
#        UBIGINT and HUGEINT.
# Seen: JSON gives HUGEINT with all digits; CSV gives DOUBLE, as soon as one of them is 2^63 or more:
#       9223372036854775807 and its neighbour below become one, and a count of distinct hashes finds 3 of 5, without a
#       warning. With types={'hash': 'UBIGINT'} all are kept. sum() of whole numbers, a HUGEINT itself, is DOUBLE once
#       it was written to Parquet, beside a count that is BIGINT.
# Why it matters: block hashes of KV caches are of 64 bits, and half of them above 2^63: how much prompts share is then
#       overestimated, by the table's notation.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @duckdb/node-api@1.5.6-r.1 >/dev/null
cat >hashes.mjs <<'JS'
import { DuckDBInstance } from "@duckdb/node-api";
import { writeFileSync } from "node:fs";
const hashes = ["9223372036854775807", "9223372036854775806", "12345678901234567890", "12345678901234567891", "7"];
writeFileSync("high.csv", ["hash", ...hashes].join("\n") + "\n");
writeFileSync("low.csv", ["hash", ...hashes.filter((hash) => hash.length < 20)].join("\n") + "\n");
writeFileSync("high.jsonl", hashes.map((hash) => `{"hash":${hash}}\n`).join(""));
const connection = await (await DuckDBInstance.create()).connect();
const ask = async (what, question) => console.log(what, (await connection.runAndReadAll(question)).getRowsJson()[0].join(" "));
const table = (from) => `select any_value(typeof(hash)), count(distinct hash), count(*) from ${from}`;
await ask("CSV below 2^63:", table("'low.csv'"));
await ask("CSV:", table("'high.csv'"));
await ask("JSON:", table("'high.jsonl'"));
await ask("CSV, types told:", table("read_csv('high.csv', types={'hash': 'UBIGINT'})"));
await ask("rows", "copy (select sum(i) as total, count(*) as rows from range(5) t(i)) to 'sum.parquet'");
await ask("Parquet:", "select typeof(total), typeof(rows) from 'sum.parquet'");
JS
seen=$(node hashes.mjs)
echo "$seen"
[ "$seen" = 'CSV below 2^63: BIGINT 3 3
CSV: DOUBLE 3 5
JSON: HUGEINT 5 5
CSV, types told: UBIGINT 5 5
rows 1
Parquet: DOUBLE BIGINT' ]
