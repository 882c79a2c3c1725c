#!/usr/bin/env bash
# Runs fuzzers side by side, each for that long; a finding's input stays in the folder, named.
# usage: run.sh SECONDS FUZZER...
set -u
seconds=$1 status=0
shift
here=$(cd "$(dirname "$0")" && pwd)
export ASAN_OPTIONS=${ASAN_OPTIONS:-symbolize=1}
for fuzzer in "$@"; do
    name=${fuzzer##*/}
    mkdir -p "$fuzzer.corpus"
    seeds=()
    [ ! -d "$here/seeds/$name" ] || seeds=("$here/seeds/$name")
    "$fuzzer" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="$fuzzer." "$fuzzer.corpus" "${seeds[@]}" >"$fuzzer.log" 2>&1 &
    pids+=("$!")
done
trap 'kill "${pids[@]}" 2>/dev/null; exit 130' INT TERM
for fuzzer in "$@"; do
    if wait "${pids[0]}"; then
        echo "ok - ${fuzzer##*/}"
        grep -h 'number_of_executed_units\|peak_rss' "$fuzzer.log" | sed 's/^/# /'
    else
        status=1
        echo "not ok - ${fuzzer##*/}"
        tail -n 40 "$fuzzer.log"
    fi
    pids=("${pids[@]:1}")
done
exit $status
