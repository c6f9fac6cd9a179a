#!/usr/bin/env bash
# npm packages @opentelemetry/otlp-transformer 0.203.0 and @opentelemetry/sdk-trace-base 2.0.1, under Node.js.
#
# Guess: in OTLP as JSON an attribute of a span has one type from span to span, and 64-bit integers are strings, as
#        the JSON mapping of protobuf writes them.
# Seen: the type follows the value: a latency of 1 s is {"intValue":1} and one of 1.5 s {"doubleValue":1.5}; the same
#       happens inside one array. Integers are JSON numbers (1e+21 too, which is no int64), while the times of the
#       span are strings. NaN and infinity become {"doubleValue":null}.
# Why it matters: a reader of gen_ai spans that takes a latency from doubleValue alone loses every whole second, and
#       one that wants token counts as strings loses all of them.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @opentelemetry/otlp-transformer@0.203.0 @opentelemetry/sdk-trace-base@2.0.1 \
  @opentelemetry/api@1.9.0 >/dev/null
cat >spans.js <<'JS'
const { JsonTraceSerializer } = require("@opentelemetry/otlp-transformer");
const { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } = require("@opentelemetry/sdk-trace-base");
const exporter = new InMemorySpanExporter();
const tracer = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).getTracer("example");
for (const value of [1.0, 1.5, [1, 2.5], 1024, 1e21, NaN]) {
  const span = tracer.startSpan("chat");
  span.setAttribute("value", value);
  span.end();
}
const json = JSON.parse(Buffer.from(JsonTraceSerializer.serializeRequest(exporter.getFinishedSpans())).toString());
for (const span of json.resourceSpans[0].scopeSpans[0].spans)
  console.log(JSON.stringify(span.attributes[0].value), typeof span.startTimeUnixNano);
JS
seen=$(node spans.js)
echo "$seen"
[ "$seen" = '{"intValue":1} string
{"doubleValue":1.5} string
{"arrayValue":{"values":[{"intValue":1},{"doubleValue":2.5}]}} string
{"intValue":1024} string
{"intValue":1e+21} string
{"doubleValue":null} string' ]
