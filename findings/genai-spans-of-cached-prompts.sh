#!/usr/bin/env bash
# npm packages @traceloop/instrumentation-anthropic 0.27.0, @arizeai/openinference-instrumentation-anthropic 0.2.8, and
# ai 5.0.277 and 6.0.326 with @ai-sdk/anthropic 2.0.112 and 3.0.140, under Node.js.
#
# Guess: spans count the tokens of a prompt in one way, since OpenTelemetry's conventions say that input tokens hold the
#        cached ones. An answer of Anthropic's API of which a cache read 9,000 tokens, and wrote 100, beside 12 others gives
#        9,112 in each.
# Seen: Traceloop's exporter and version 5 of Vercel's AI SDK write gen_ai.usage.input_tokens = 12; version 6 of the same
#       SDK and OpenInference (llm.token_count.prompt) write 9112. Version 5 tells the cached tokens in no attribute of
#       their own: they stand in the text of ai.response.providerMetadata.
# Why it matters: agents read most of their prompts from a cache. A load that is taken from such spans is too small by
#       two orders of magnitude, or right, by who wrote them; with the same names, and without any error.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >answer.js <<'JS'
const usage = { input_tokens: 12, cache_creation_input_tokens: 100, cache_read_input_tokens: 9000, output_tokens: 40 };
const answer = { id: "msg_1", type: "message", role: "assistant", model: "claude", stop_reason: "end_turn",
  stop_sequence: null, content: [{ type: "text", text: "Yes." }], usage };
const { NodeTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } = require("@opentelemetry/sdk-trace-node");
const exporter = new InMemorySpanExporter();
exports.provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
exports.fetch = async () => new Response(JSON.stringify(answer), { headers: { "content-type": "application/json" } });
exports.tell = () => {
  for (const span of exporter.getFinishedSpans())
    for (const [name, value] of Object.entries(span.attributes))
      if (/^(gen_ai\.usage\.(input|cache)|llm\.token_count\.prompt)/.test(name)) console.log(name, value);
};
JS
cat >sdk.js <<'JS'
const { provider, fetch, tell } = require("./answer.js");
const { AnthropicInstrumentation } = require(process.argv[2]);
const sdk = require("@anthropic-ai/sdk");
const instrumentation = new AnthropicInstrumentation();
instrumentation.setTracerProvider(provider);
instrumentation.manuallyInstrument(process.argv[2].startsWith("@traceloop") ? sdk : sdk.Anthropic);
const ask = { model: "claude", max_tokens: 64, messages: [{ role: "user", content: "?" }] };
new sdk.Anthropic({ apiKey: "none", fetch }).messages.create(ask).then(() => setTimeout(tell, 100));
JS
cat >ai.js <<'JS'
const { provider, fetch, tell } = require("./answer.js");
provider.register();
const { generateText } = require("ai");
const { createAnthropic } = require("@ai-sdk/anthropic");
const model = createAnthropic({ apiKey: "none", fetch })("claude-sonnet-4-5");
generateText({ model, prompt: "?", experimental_telemetry: { isEnabled: true } }).then(tell);
JS
install() {
  mkdir "$1" && cp ./*.js "$1" && cd "$1" && npm init -y >/dev/null && shift
  npm install --silent --no-audit --no-fund @opentelemetry/sdk-trace-node@2.0.1 @opentelemetry/api@1.9.0 "$@" >/dev/null
}
seen=$(
  (install sdk @traceloop/instrumentation-anthropic@0.27.0 @arizeai/openinference-instrumentation-anthropic@0.2.8 \
    @anthropic-ai/sdk@0.60.0
  echo traceloop && node sdk.js @traceloop/instrumentation-anthropic
  echo openinference && node sdk.js @arizeai/openinference-instrumentation-anthropic)
  (install ai5 ai@5.0.277 @ai-sdk/anthropic@2.0.112 zod@4.1.8 && echo ai 5 && node ai.js)
  (install ai6 ai@6.0.326 @ai-sdk/anthropic@3.0.140 zod@4.1.8 && echo ai 6 && node ai.js 2>/dev/null)
)
echo "$seen"
[ "$seen" = 'traceloop
gen_ai.usage.input_tokens 12
gen_ai.usage.cache_creation.input_tokens 100
gen_ai.usage.cache_read.input_tokens 9000
openinference
llm.token_count.prompt 9112
llm.token_count.prompt_details.cache_write 100
llm.token_count.prompt_details.cache_read 9000
ai 5
gen_ai.usage.input_tokens 12
ai 6
gen_ai.usage.input_tokens 9112' ]
