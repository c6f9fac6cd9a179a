#!/usr/bin/env bash
# npm package parse-prometheus-text-format 1.1.1, under Node.js.
#
# Guess: a histogram of two models, each with its label, its buckets, sum and count, gives two histograms, as counters
#        of two models give two counters.
# Seen: it gives one, of no model: for each bound the bucket of the model that comes last, without sum and count. Where
#       the last one has fewer bounds, the rest are another's. Summaries are merged likewise; and sum and count of a
#       single model are lost as soon as it has a label. Counters keep their labels.
# Why it matters: the metrics of vLLM and SGLang label each histogram with the model's name: the mean time to the first
#       token is gone for every server, and where there are two models, so is one of them, without an error.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund parse-prometheus-text-format@1.1.1 >/dev/null
cat >parse.js <<'JS'
const parse = require("parse-prometheus-text-format");
const histogram = (label, low, all) => `ttft_seconds_bucket{le="0.1"${label && ","}${label}} ${low}
ttft_seconds_bucket{le="+Inf"${label && ","}${label}} ${all}
ttft_seconds_sum{${label}} ${all / 10}
ttft_seconds_count{${label}} ${all}
`.replace(/{}/g, "");
const show = (what, body, type = "histogram") =>
  console.log(what, JSON.stringify(parse(`# TYPE ttft_seconds ${type}\n${body}`)[0].metrics));
show("no label:", histogram("", 5, 10));
show("one model:", histogram('model="a"', 5, 10));
show("two models:", histogram('model="a"', 5, 10) + histogram('model="b"', 700, 900));
show("other bounds:", 'ttft_seconds_bucket{le="9",model="a"} 8\n' + histogram('model="b"', 700, 900));
show("summaries:", 'ttft_seconds{quantile="0.5",model="a"} 1\nttft_seconds{quantile="0.5",model="b"} 7\n', "summary");
show("counters:", 'ttft_seconds{model="a"} 10\nttft_seconds{model="b"} 900\n', "counter");
JS
seen=$(node parse.js)
echo "$seen"
[ "$seen" = 'no label: [{"buckets":{"0.1":"5","+Inf":"10"},"count":"10","sum":"1"}]
one model: [{"buckets":{"0.1":"5","+Inf":"10"}}]
two models: [{"buckets":{"0.1":"700","+Inf":"900"}}]
other bounds: [{"buckets":{"9":"8","0.1":"700","+Inf":"900"}}]
summaries: [{"quantiles":{"0.5":"7"}}]
counters: [{"value":"10","labels":{"model":"a"}},{"value":"900","labels":{"model":"b"}}]' ]
