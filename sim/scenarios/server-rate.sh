#!/bin/sh
# The largest rate of Poisson arrivals at which a percentile of the latencies stays within its limits: MLPerf
# Inference's Server scenario. Doubles the rate of <poisson> until a limit breaks, then halves the gap to 2 %.
#     sim/scenarios/server-rate.sh [-h] [-t TTFT_S] [-p TPOT_S] [-q p99] [-o DIRECTORY] [-b TOKENWORKS] [SCENARIO [run's options]]
# -o: the last run is kept in DIRECTORY/last, written over by each (runs/server); -b: the program
# (build/release/sim/tokenworks); -q: a percentile of the summary, as p50 or p99; -h prints this.
# MLPerf's limits, of the 99th percentile: Llama-2-70B 2 s and 0.2 s; interactive 0.45 s and 0.04 s; Llama-3.1-405B
# 6 s and 0.175 s; Llama-3.1-8B 2 s and 0.1 s; DeepSeek-R1 2 s and 0.08 s (rules of MLPerf Inference v5.1).
set -eu
here=$(dirname "$0")
ttft=2 tpot=0.2 percentile=p99 runs=runs/server tokenworks=build/release/sim/tokenworks
while getopts ht:p:q:o:b: option; do
  case $option in
    h)
      sed -n '2,/^set /{/^#/s/^# \{0,1\}//p;}' "$0"
      exit 0
      ;;
    t) ttft=$OPTARG ;;
    p) tpot=$OPTARG ;;
    q) percentile=$OPTARG ;;
    o) runs=$OPTARG ;;
    b) tokenworks=$OPTARG ;;
    *)
      echo "$0: -h explains the options" >&2
      exit 2
      ;;
  esac
done
shift $((OPTIND - 1))
scenario=${1:-$here/server-llama-2-70b-hgx-h100.xml}
[ $# -eq 0 ] || shift
mkdir -p "$runs"
echo "each run is written to $runs/last" >&2

value() { # GROUP NAME: a number of the summary, nothing where it is absent
  sed -n "/^  \"$1\"/,/^  }/s/^ *\"$2\": \([-+.0-9e]*\),\{0,1\}$/\1/p" "$runs/last/summary.json" | head -n 1
}

short() { # NUMBER: of four digits or as a whole one, - for none
  awk "BEGIN { if (\"$1\" == \"\") print \"-\"; else printf ${1:-0} < 1000 ? \"%.4g\" : \"%.0f\", ${1:-0} }"
}

true_that() { # EXPRESSION of awk
  [ "$(awk "BEGIN { print ($1) ? 1 : 0 }")" = 1 ]
}

holds() { # RATE [options of run]: runs it and prints its line
  rate=$1
  shift
  "$tokenworks" run "$scenario" -o "$runs/last" --force --quiet --set "//poisson/@rate=$rate/s" "$@" || exit $?
  first=$(value ttft_s "$percentile") each=$(value tpot_s "$percentile") lost=$(value requests rejected)
  verdict=no
  ! true_that "${first:-1e9} <= $ttft && ${each:-0} <= $tpot && ${lost:-0} == 0" || verdict=yes
  printf '%10s %12s %12s %14s  %s\n' "$rate" "$(short "$first")" "$(short "$each")" \
    "$(short "$(value throughput output_tokens_per_s)")" $verdict
  [ $verdict = yes ]
}

printf '%10s %12s %12s %14s  %s\n' requests/s "TTFT $percentile, s" "TPOT $percentile, s" tokens/s holds
low=0 high=1
while holds "$high" "$@"; do
  low=$high
  high=$(awk "BEGIN { print 2 * $high }")
done
while true_that "$low > 0 && $high > 1.02 * $low || $low == 0 && $high > 0.001"; do
  middle=$(awk "BEGIN { printf \"%.4g\", ($low + $high) / 2 }")
  if holds "$middle" "$@"; then low=$middle; else high=$middle; fi
done
echo "largest rate: $low requests/s with $percentile of TTFT within $ttft s and of TPOT within $tpot s"
