#!/bin/sh
# Three studies of power, side by side:  sim/scenarios/power-studies.sh [TOKENWORKS [DIRECTORY]]
set -eu
tokenworks=${1:-$(command -v tokenworks || echo build/release/sim/tokenworks)}
runs=${2:-runs/power-studies}
here=$(dirname "$0")
metrics=throughput.output_tokens_per_s,energy.average_w,energy.peak_w,energy.j_per_output_token
metrics=$metrics,energy.output_tokens_per_s_per_mw,tpot_s.mean,ttft_s.p99,slo.attainment

run() { # NAME SCENARIO [OPTION...]
  name=$1 scenario=$2
  shift 2
  "$tokenworks" run "$here/$scenario.xml" -o "$runs/$name" --force --quiet "$@"
}

echo "1. One megawatt of Llama-3.1-405B: 72 HGX H100 nodes, 8 GB200 NVL72 racks, and these with weights in fp4"
run 1mw-hgx-h100 llama-405b-1mw-hgx-h100
run 1mw-nvl72 llama-405b-1mw-nvl72
run 1mw-nvl72-fp4 llama-405b-1mw-nvl72 --set "//pool/@weights=fp4" --set "//closed-loop/@concurrency=18432"
"$tokenworks" compare "$runs/1mw-hgx-h100" "$runs/1mw-nvl72" "$runs/1mw-nvl72-fp4" -m "$metrics"
echo "What to learn: neither site fills its megawatt with these clients, so compare tokens per second per MW. Four"
echo "accelerators of a rack hold what takes eight in a node; narrower numbers and larger batches multiply that."
echo "The joules of fp8 and fp4 arithmetic are estimates: see the sources in platforms/devices."

echo
echo "2. A day of reasoning on one HGX H100 node, as it comes, and with the site held to 9 kW from 11 to 15 o'clock"
run day reasoning-day-hgx-h100
run day-capped reasoning-day-capped
"$tokenworks" compare "$runs/day" "$runs/day-capped" \
  -m "$metrics,cost.usd_per_million_output_tokens,carbon.g_per_million_output_tokens"
echo "What to learn: decoding waits for memory, so that slower clocks shave the midday at hardly any cost in TPOT;"
echo "the watts of the node's fans, CPUs and idle accelerators, and its capital cost, are what the tokens cost most."

echo
echo "3. A day of reasoning on four HGX H100 nodes, an engine each: all of them all day (fleet), with an autoscaler"
echo "(scaled), and both with the site held to 28 kW from 11 to 15 o'clock"
run fleet reasoning-day-fleet --set //autoscaler/@min=4
run scaled reasoning-day-fleet
run fleet-capped reasoning-day-fleet-capped --set //autoscaler/@min=4
run scaled-capped reasoning-day-fleet-capped
"$tokenworks" compare "$runs/fleet" "$runs/scaled" "$runs/fleet-capped" "$runs/scaled-capped" \
  -m "$metrics,energy.cap_overshoot_w,energy.clock,cost.electricity_usd,cost.usd_per_million_output_tokens,fleet.serving_engine_hours,fleet.wakes"
echo "What to learn: fewer engines with larger batches read the weights less often, and that saves a third of the energy"
echo "at 12 % of TPOT and a fifth of a percent of the SLO; with most of them parked by noon, the cap asks for little more. But accelerators are paid for"
echo "whether they serve or not: a million tokens get no more than 2 % cheaper, unless others use the parked ones."
