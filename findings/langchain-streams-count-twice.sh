#!/usr/bin/env bash
# npm packages @langchain/core 1.4.0, with @langchain/openai 1.5.8, /anthropic 1.5.11 and /google-genai 2.3.2, under
# Node.js.
#
# Guess: the pieces of a streamed answer, put together by concat(), tell the usage that the server told last, as all
#        three providers count what was used *so far*.
# Seen: concat() adds, and what was made a difference before and what not varies:
#       - OpenAI's protocol with usage in each piece, as vLLM sends on request: usage_metadata is right (100 and 3), but
#         response_metadata.usage holds the sum over pieces: 500 tokens of prompt and 9 of output.
#       - Anthropic: the tokens of output that the first event tells (1 here) are added to the whole of the last: 41,
#         not 40; the same in invoke() with streaming: true.
#       - Google: prompt and output are right, but cached tokens grow by 64 with each piece: 192 of a prompt of 100; and
#         tokens of thoughts are in the total (180) but in no part of it (100 and 30).
# Why it matters: the share of a prompt that a cache had is above one, or what is billed from response_metadata grows
#       with the square of an answer's length, without an error.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @langchain/core@1.4.0 @langchain/openai@1.5.8 @langchain/anthropic@1.5.11 \
  @langchain/google-genai@2.3.2 >/dev/null
cat >stream.mjs <<'JS'
import { ChatOpenAI } from "@langchain/openai";
import { ChatAnthropic } from "@langchain/anthropic";
import { ChatGoogleGenerativeAI } from "@langchain/google-genai";
const piece = (output, choices) => ({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices,
  usage: { prompt_tokens: 100, completion_tokens: output, total_tokens: 100 + output } });
const openai = [0, 1, 2, 3].map((n) => piece(n, [{ index: 0, delta: { role: "assistant", content: n ? "x" : "" },
  finish_reason: n === 3 ? "stop" : null }])).concat(piece(3, []));
const usage = { input_tokens: 12, cache_creation_input_tokens: 100, cache_read_input_tokens: 9000 };
const anthropic = [
  { type: "message_start", message: { id: "m", type: "message", role: "assistant", model: "claude", content: [], stop_reason: null,
    stop_sequence: null, usage: { ...usage, output_tokens: 1 } } },
  { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
  { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Yes." } },
  { type: "content_block_stop", index: 0 },
  { type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage: { ...usage, output_tokens: 40 } },
  { type: "message_stop" }];
const google = [10, 20, 30].map((n) => ({ modelVersion: "gemini",
  candidates: [{ index: 0, content: { role: "model", parts: [{ text: "x" }] }, ...(n === 30 ? { finishReason: "STOP" } : {}) }],
  usageMetadata: { promptTokenCount: 100, cachedContentTokenCount: 64, candidatesTokenCount: n, thoughtsTokenCount: 50,
    totalTokenCount: 150 + n } }));
globalThis.fetch = async (url) => {
  const events = /google/.test(url) ? google : /messages/.test(url) ? anthropic : openai;
  const text = events.map((event) => `${event.type ? `event: ${event.type}\n` : ""}data: ${JSON.stringify(event)}\n\n`).join("");
  return new Response(text + (events === openai ? "data: [DONE]\n\n" : ""), { headers: { "content-type": "text/event-stream" } });
};
const models = { openai: new ChatOpenAI({ apiKey: "none", model: "m" }),
  anthropic: new ChatAnthropic({ apiKey: "none", model: "claude", maxTokens: 64 }),
  google: new ChatGoogleGenerativeAI({ apiKey: "none", model: "gemini" }) };
for (const [name, model] of Object.entries(models)) {
  let whole;
  for await (const part of await model.stream("?")) whole = whole ? whole.concat(part) : part;
  const { input_tokens, output_tokens, total_tokens, input_token_details: { cache_read } } = whole.usage_metadata;
  console.log(name, input_tokens, output_tokens, total_tokens, cache_read);
  if (name === "openai") console.log("response_metadata", JSON.stringify(whole.response_metadata.usage));
}
const streaming = new ChatAnthropic({ apiKey: "none", model: "claude", maxTokens: 64, streaming: true });
console.log("invoke", (await streaming.invoke("?")).usage_metadata.output_tokens);
JS
seen=$(node stream.mjs)
echo "model, tokens of prompt, of output, in all, of the prompt cached"
echo "$seen"
[ "$seen" = 'openai 100 3 103 undefined
response_metadata {"prompt_tokens":500,"completion_tokens":9,"total_tokens":509}
anthropic 9112 41 9153 9000
google 100 30 180 192
invoke 41' ]
