#!/usr/bin/env bash
# Builds and runs every test; ends with "N passed, N failed", exit 1 if any failed.
# usage: tests/run.sh [--quick | --all]
#   --quick  one build, unit tests, the checks of the sources that take seconds, the shortest tests
#            with real processes and in network namespaces: under three minutes
#   --all    fuzzers for a minute each, 128 agents, valgrind for all tests, the slow faults
#            of addresses, and 1,000,000 schedules of leases
# tests/README.md says what runs where, and why.
set -u
cd "$(dirname "$0")/.." || exit
# shellcheck source=tests/setup.sh
. tests/setup.sh

mode=${1:---full} valgrind_tests=
case $mode in
--quick) fuzz_s=0 agents=8 partition_s=5 ;;
--full) fuzz_s=20 agents=32 partition_s=15 ;;
--all) fuzz_s=60 agents=128 partition_s=60 valgrind_tests='$(SIM_TESTS) $(UNIT_TESTS)' ;;
*)
    sed -n 's/^# usage: /usage: /p' "$0" >&2
    exit 2
    ;;
esac
# A step that takes longer hangs. No step needs a tenth of it, but machines are shared.
STEP_LIMIT_S=3600

need_packages "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
prepare_tree || exit 1
logs=build/logs
rm -rf "$logs"
mkdir -p "$logs"
jobs=$(nproc)
end_all() {
    # shellcheck disable=SC2046  # one argument a pid
    kill $(jobs -pr) 2>/dev/null
    exit 130
}
trap end_all INT TERM

# count LOG...: "PASSED FAILED" of its tests: "ok - " and "not ok - " lines, and Check's
# "100%: Checks: 12, Failures: 0, Errors: 0" in what make check leaves behind.
count() {
    cat "$@" 2>/dev/null | awk '
        /^ok - / { good++ }
        /^not ok - / { bad++ }
        /%: Checks: / { gsub(/[^0-9 ]/, ""); bad += $3 + $4; good += $2 - $3 - $4 }
        END { print good + 0, bad + 0 }'
}

# step NAME COMMAND...: runs it, with what it says in a log that is shown if it failed. A step that
# names no tests of its own is one. more_logs: patterns of files whose tests count too.
step() {
    local name=$1 log=$logs/$1.log begun=$SECONDS good bad status
    shift
    timeout -k 20 "$STEP_LIMIT_S" "$@" >"$log" 2>&1 </dev/null &
    wait $! # not in the foreground: a signal to this shell ends the step too
    status=$?
    # shellcheck disable=SC2086  # patterns of files
    read -r good bad < <(count "$log" ${more_logs-})
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
    if [ "$status" -eq 0 ] && [ "$((good + bad))" -eq 0 ]; then good=1; fi
    echo "$good $bad" >"$logs/$name.count"
    [ "$status" -ne 124 ] || echo "stopped after $STEP_LIMIT_S s" >>"$log"
    if [ "$bad" -eq 0 ]; then
        echo "$name: ok ($good passed, $((SECONDS - begun)) s)"
        grep -h '^\(skipped - \|# [^A-Z]\)' "$log" | sed 's/^/    /'
        return 0
    fi
    echo "$name: FAILED ($good passed, $bad failed, exit $status, $((SECONDS - begun)) s); the end of $log:"
    tail -n 100 "$log" | sed 's/^/    | /'
    return 1
}

# build FOLDER OPTION...: all programs, tests included; the others may begin once it is there.
build() {
    local folder=$1
    shift
    step "configure-$folder" bash -c '. tests/setup.sh; configure_in "$@"' - "build/$folder" "$@" &&
        step "build-$folder" make -C "build/$folder" -j"$jobs" all check TESTS= &&
        touch "$logs/$folder.built"
}
# built FOLDER: waits for another track's build. No: it failed.
built() {
    until [ -e "$logs/$1.built" ]; do
        [ ! -e "$logs/compute.ended" ] || return 1
        sleep 0.2
    done
}
check() {
    more_logs="build/$1/tests/unit/*.log build/$1/tests/sim/*.log" \
        step "check-$1" make -C "build/$1" -j"$jobs" check
}
# real FOLDER SCRIPT [ARGUMENT...]: a test with real processes against that build; netns: the same
# for what runs in network namespaces, as root.
real() { MUSTER_BUILD=build/$1 step "real-$1-$2" "tests/real/$2.sh" "${@:3}"; }
netns() { MUSTER_BUILD=build/$1 step "netns-$1-$2" "tests/netns/$2.sh" "${@:3}"; }

# ---- tracks: each runs its steps one after the other, beside the others ----

# What only computes stays out of the way of what mostly waits.
compute() {
    renice -n 19 "$BASHPID" >/dev/null
    build asan CC=clang --enable-werror --enable-sanitizers
    check gcc
    [ ! -e "$logs/asan.built" ] || check asan
    step lint tests/lint/lint.sh build/gcc
    rm -f build/gcc/tests/unit/*.log build/gcc/tests/sim/*.log
    more_logs='build/gcc/tests/unit/*.log build/gcc/tests/sim/*.log' \
        step valgrind make -C build/gcc -j"$jobs" check-valgrind \
        ${valgrind_tests:+"VALGRIND_TESTS=$valgrind_tests"}
    step configure-fuzz bash -c '. tests/setup.sh; configure_in "$@"' - build/fuzz CC=clang --enable-fuzzers &&
        step fuzz make -C build/fuzz -j"$jobs" fuzz "FUZZ_SECONDS=$fuzz_s"
    # shellcheck disable=SC2016  # make's variable. Simulated clusters have had their turn
    step distcheck make -C build/gcc -j"$jobs" distcheck 'TESTS=$(UNIT_TESTS)'
    [ "$mode" != --all ] || step schedules env MUSTER_SEEDS=1000000 build/gcc/tests/sim/test_lease
}

real_both='two_agents restart bad_input reload handlers leave user lock serf_cli ipv6 embed supervisors'
real_once='rejoin copied strangers forged serf_forms serf_npm watchers hooks aws_eip readme sim slow unreachable'
processes() {
    local script
    for script in $real_both $real_once; do real gcc "$script"; done
    real gcc many "$agents" "$partition_s"
    built asan || return
    for script in $real_both; do real asan "$script"; done
    real asan many 6 5
}

namespaces() {
    netns gcc steward
    netns gcc own_addresses
    netns gcc network
    netns gcc router
    netns gcc steward_host
    MUSTER_BUILD=build/gcc step failover-demo examples/failover-demo.sh
    if [ "$mode" = --all ]; then netns gcc faults --all; else netns gcc faults; fi
    if [ "$mode" = --all ]; then netns gcc priority 100; else netns gcc priority 3; fi
    built asan || return
    netns asan faults link_cut move kill_both stop_both_long one_way_out vips_differ ipv6 forged
    netns asan steward
}

quick() {
    step lint tests/lint/lint.sh --quick build/gcc &
    check gcc
    real gcc two_agents
    real gcc restart
    real gcc many "$agents" "$partition_s"
    netns gcc faults two_holders link_cut move sigterm kill_agent
    netns gcc priority 2 kill_both
    wait
}

track() {
    trap end_all INT TERM
    "$1"
    touch "$logs/$1.ended"
}

if build gcc --enable-werror; then
    if [ "$mode" = --quick ]; then quick; else
        for name in compute processes namespaces; do track "$name" & done
        wait
    fi
fi
cat "$logs"/*.count | awk '{ good += $1; bad += $2 }
    END { print good + 0 " passed, " bad + 0 " failed"; exit bad > 0 }'
