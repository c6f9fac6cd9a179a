#!/usr/bin/env bash
# npm packages @traceloop/instrumentation-anthropic and -google-generativeai 0.27.0,
# @arizeai/openinference-instrumentation-anthropic 0.2.8, and ai 5.0.277 and 6.0.326 with their @ai-sdk/anthropic and
# @ai-sdk/google, under Node.js.
#
# Guess: spans count the tokens of a prompt and of an output in one way, since OpenTelemetry's conventions say that input tokens
#        hold the cached ones and output tokens the thoughts. An answer of Anthropic's API of which a cache read 9,000 prompt
#        tokens, and wrote 100, beside 12 others gives 9,112 in each; one of Google's with 5,000 tokens of thoughts and 40 of
#        text gives 5,040.
# Seen: Traceloop's exporters and version 5 of Vercel's AI SDK hand on the providers' own counts, which leave parts out:
#       gen_ai.usage.input_tokens = 12, output_tokens = 40. Version 6 of the same SDK and OpenInference write 9112 and
#       5040. Version 5 has no attribute for the parts: they stand in the text of ai.response.providerMetadata.
# Why it matters: agents read most of their prompts from a cache, and reasoning models think most of their outputs. A load that is
#       taken from such spans is too small by two orders of magnitude, or right, by who wrote them; with the same names,
#       and without any error.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >answer.js <<'JS'
const anthropic = { id: "msg_1", type: "message", role: "assistant", model: "claude", stop_reason: "end_turn",
  stop_sequence: null, content: [{ type: "text", text: "Yes." }],
  usage: { input_tokens: 12, cache_creation_input_tokens: 100, cache_read_input_tokens: 9000, output_tokens: 40 } };
const google = { modelVersion: "gemini-2.5-pro",
  candidates: [{ content: { role: "model", parts: [{ text: "Yes." }] }, finishReason: "STOP", index: 0 }],
  usageMetadata: { promptTokenCount: 9112, candidatesTokenCount: 40, thoughtsTokenCount: 5000, totalTokenCount: 14152 } };
const { NodeTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } = require("@opentelemetry/sdk-trace-node");
const exporter = new InMemorySpanExporter();
exports.provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
globalThis.fetch = async (url) => new Response(JSON.stringify(/anthropic/.test(url) ? anthropic : google),
  { headers: { "content-type": "application/json" } });
exports.tell = () => {
  for (const span of exporter.getFinishedSpans())
    for (const [name, value] of Object.entries(span.attributes))
      if (/^(gen_ai\.usage|llm\.token_count)\.(input|prompt|output|completion)(_tokens)?$/.test(name)) console.log(name, value);
};
JS
cat >sdk.js <<'JS'
const { provider, tell } = require("./answer.js");
const kinds = Object.entries(require(process.argv[2])).filter(([name]) => /^(Anthropic|GenAI).*Instrumentation$/.test(name));
const instrumentation = new kinds[0][1]();
instrumentation.setTracerProvider(provider);
const anthropic = require("@anthropic-ai/sdk"), google = require("@google/genai");
const patched = /google/.test(process.argv[2]) ? google : /arize/.test(process.argv[2]) ? anthropic.Anthropic : anthropic;
instrumentation.manuallyInstrument(patched);
const ask = { model: "claude", max_tokens: 64, messages: [{ role: "user", content: "?" }] };
(patched === google
  ? new google.GoogleGenAI({ apiKey: "none" }).models.generateContent({ model: "gemini-2.5-pro", contents: "?" })
  : new anthropic.Anthropic({ apiKey: "none", fetch }).messages.create(ask)).then(() => setTimeout(tell, 100));
JS
cat >ai.js <<'JS'
const { provider, tell } = require("./answer.js");
provider.register();
const { generateText } = require("ai");
const ask = { prompt: "?", experimental_telemetry: { isEnabled: true } };
const anthropic = require("@ai-sdk/anthropic").createAnthropic({ apiKey: "none" })("claude-sonnet-4-5");
const google = require("@ai-sdk/google").createGoogleGenerativeAI({ apiKey: "none" })("gemini-2.5-pro");
generateText({ model: anthropic, ...ask }).then(() => generateText({ model: google, ...ask })).then(tell);
JS
install() {
  mkdir "$1" && cp ./*.js "$1" && cd "$1" && npm init -y >/dev/null && shift
  npm install --silent --no-audit --no-fund @opentelemetry/sdk-trace-node@2.0.1 @opentelemetry/api@1.9.0 "$@" >/dev/null
}
seen=$(
  (install sdk @traceloop/instrumentation-anthropic@0.27.0 @traceloop/instrumentation-google-generativeai@0.27.0 \
    @arizeai/openinference-instrumentation-anthropic@0.2.8 @anthropic-ai/sdk@0.60.0 @google/genai@1.52.0
  for exporter in @traceloop/instrumentation-anthropic @traceloop/instrumentation-google-generativeai \
    @arizeai/openinference-instrumentation-anthropic; do
    echo "$exporter" && node sdk.js $exporter
  done)
  (install ai5 ai@5.0.277 @ai-sdk/anthropic@2.0.112 @ai-sdk/google@2.0.108 zod@4.1.8 && echo ai 5 && node ai.js)
  (install ai6 ai@6.0.326 @ai-sdk/anthropic@3.0.140 @ai-sdk/google@3.0.141 zod@4.1.8 && echo ai 6 && node ai.js 2>/dev/null)
)
echo "$seen"
[ "$seen" = '@traceloop/instrumentation-anthropic
gen_ai.usage.output_tokens 40
gen_ai.usage.input_tokens 12
@traceloop/instrumentation-google-generativeai
gen_ai.usage.input_tokens 9112
gen_ai.usage.output_tokens 40
@arizeai/openinference-instrumentation-anthropic
llm.token_count.prompt 9112
llm.token_count.completion 40
ai 5
gen_ai.usage.input_tokens 12
gen_ai.usage.output_tokens 40
gen_ai.usage.input_tokens 9112
gen_ai.usage.output_tokens 40
ai 6
gen_ai.usage.input_tokens 9112
gen_ai.usage.output_tokens 40
gen_ai.usage.input_tokens 9112
gen_ai.usage.output_tokens 5040' ]
