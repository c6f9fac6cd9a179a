#!/bin/sh
# The same questions answered at once, after reasoning, and by agents: what one takes, on as many racks as the SLO needs.
#     sim/scenarios/questions.sh [TOKENWORKS [DIRECTORY]]
set -eu
tokenworks=${1:-$(command -v tokenworks || echo build/release/sim/tokenworks)}
runs=${2:-runs/questions}
here=$(dirname "$0")
mkdir -p "$runs"
runs=$(cd "$runs" && pwd)

value() { # NAME FILE: a number of the summary
  sed -n "s/^ *\"$1\": \([-+.0-9e]*\),\{0,1\}$/\1/p" "$2" | head -n 1
}

printf '%-10s %6s %9s %9s %9s %8s %8s %8s %8s\n' questions racks requests prompt cached output GPU-s kJ USD
for kind in one-shot reasoning agents; do
  for racks in 1 2 3 4 5 6 7 8 10 12 16 24 32; do
    platform=$runs/nvl72-$racks.xml
    [ -e "$platform" ] || "$tokenworks" platform nvl72 --device gb200 --racks "$racks" -o "$platform"
    "$tokenworks" run "$here/questions-$kind.xml" -o "$runs/$kind" --force --quiet \
      --set "//platform/@file=$platform" --set "//pool/@replicas=$((2 * racks))"
    summary=$runs/$kind/summary.json
    [ "$(echo "$(value attainment "$summary") 0.95" | awk '{print ($1 >= $2)}')" = 1 ] && break
  done
  echo "$kind $racks $(value started "$summary") $(value arrived "$summary") $(value prompt "$summary")" \
    "$(value prompt_cached "$summary") $(value output "$summary") $(value accelerators "$summary")" \
    "$(value accelerator_busy "$summary") $(value simulated_s "$summary") $(value site_j "$summary")" \
    "$(value usd "$summary")" |
    awk '{ printf "%-10s %6d %9.1f %9.0f %9.0f %8.0f %8.1f %8.2f %8.4f\n", $1, $2, $4 / $3, $5 / $3, $6 / $3,
           $7 / $3, $8 * $9 * $10 / $3, $11 / $3 / 1000, $12 / $3 }'
done
echo "Means of a question; GPU-s while an engine runs iterations, kJ of the whole site, USD with electricity. Racks: the"
echo "fewest with which 95 % of all requests have their first token within 2 s and 50 ms a token."
