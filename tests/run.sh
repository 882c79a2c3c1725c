#!/usr/bin/env bash
# Builds and runs every test; ends with "N passed, N failed", exit 1 if any failed.
# usage: tests/run.sh [--quick | --all]
#   --quick  one build, unit tests, lint, the shortest real-process tests
#   --all    fuzzers for a minute each, 128 agents, valgrind for simulated clusters too, the slow
#            faults of addresses, and 1,000,000 schedules of leases
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
need_packages "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
prepare_tree || exit 1

logs=build/logs
rm -rf "$logs"
mkdir -p "$logs"
passed=0 failed=0
jobs=$(nproc)
trap 'kill "${pid[@]}" 2>/dev/null; exit 130' INT TERM

# Counts a log's tests: "ok - " and "not ok - " lines, automake's results of scripts, and
# Check's "100%: Checks: 12, Failures: 0, Errors: 0" in what make check leaves behind.
count() {
    cat "$@" 2>/dev/null | awk '
        /^ok - / { good++ }
        /^not ok - / { bad++ }
        /%: Checks: / { gsub(/[^0-9 ]/, ""); bad += $3 + $4; good += $2 - $3 - $4 }
        END { print good + 0, bad + 0 }'
}

# begin NAME SECONDS COMMAND...: starts it, with what it says in a log; end NAME waits for it, and shows
# the log if it failed. A step that names no tests of its own is one. also_count: more logs to count.
declare -A pid=() began=() limit=() more_logs=()
begin() {
    local name=$1 seconds=$2
    shift 2
    timeout -k 20 "$seconds" "$@" >"$logs/$name.log" 2>&1 </dev/null &
    pid[$name]=$! began[$name]=$SECONDS limit[$name]=$seconds more_logs[$name]=${also_count-}
}
end() {
    local name=$1 log=$logs/$1.log good bad status
    wait "${pid[$name]}"
    status=$?
    unset "pid[$name]"
    # shellcheck disable=SC2086  # patterns of files
    read -r good bad < <(count "$log" ${more_logs[$name]})
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
    if [ "$status" -eq 0 ] && [ "$((good + bad))" -eq 0 ]; then good=1; fi
    passed=$((passed + good)) failed=$((failed + bad))
    if [ "$bad" -eq 0 ]; then
        echo "$name: ok ($good passed, $((SECONDS - began[$name])) s)"
        grep -h '^\(skipped - \|# [^A-Z]\)' "$log" | sed 's/^/    /'
        return 0
    fi
    [ "$status" -ne 124 ] || echo "stopped after ${limit[$name]} s" >>"$log"
    echo "$name: FAILED ($good passed, $bad failed, exit $status); the end of $log:"
    tail -n 100 "$log" | sed 's/^/    | /'
    return 1
}
step() {
    begin "$@"
    end "$1"
}

# real FOLDER SCRIPT [ARGUMENT...]: a test with real processes against that build.
real() {
    local folder=$1 script=$2
    shift 2
    MUSTER_BUILD=build/$folder step "real-$folder-$script" 180 "tests/real/$script.sh" "$@"
}

# The same for what runs in network namespaces, as root: netns FOLDER SECONDS SCRIPT [ARGUMENT...]
netns() {
    local folder=$1 seconds=$2 script=$3
    shift 3
    MUSTER_BUILD=build/$folder step "netns-$folder-$script" "$seconds" "tests/netns/$script.sh" "$@"
}

build_and_check() {
    local folder=$1
    shift
    step "configure-$folder" 60 bash -c '. tests/setup.sh; configure_in "$@"' - "build/$folder" "$@" &&
        step "build-$folder" 300 make -C "build/$folder" -j"$jobs" all &&
        also_count="build/$folder/tests/unit/*.log build/$folder/tests/sim/*.log" step "check-$folder" 600 make -C "build/$folder" -j"$jobs" check
}

have_gcc=false have_asan=false
build_and_check gcc --enable-werror && have_gcc=true
[ -x build/gcc/musterd ] && [ -x build/gcc/muster ] && have_gcc=true
if [ "$mode" != --quick ]; then
    build_and_check asan CC=clang --enable-werror --enable-sanitizers
    [ -x build/asan/musterd ] && [ -x build/asan/muster ] && have_asan=true
fi
# What only computes runs beside what mostly waits, and out of its way.
if [ "$mode" = --quick ]; then
    step lint 300 tests/lint/lint.sh
else
    begin lint 1800 nice -n 19 tests/lint/lint.sh
    rm -f build/gcc/tests/unit/*.log build/gcc/tests/sim/*.log
    also_count='build/gcc/tests/unit/*.log build/gcc/tests/sim/*.log' \
        begin valgrind 1800 nice -n 19 make -C build/gcc check-valgrind \
        ${valgrind_tests:+"VALGRIND_TESTS=$valgrind_tests"}
fi

real_tests='two_agents restart bad_input reload handlers user lock serf_cli ipv6 embed'
if $have_gcc; then
    if [ "$mode" = --quick ]; then real_tests='two_agents restart'; fi
    for script in $real_tests; do real gcc "$script"; done
    real gcc many "$agents" "$partition_s"
    if [ "$mode" != --quick ]; then
        real gcc rejoin
        real gcc watchers
        real gcc hooks
        real gcc aws_eip
        real gcc readme
        real gcc sim
        real gcc slow
        real gcc unreachable
        netns gcc 300 steward
        MUSTER_BUILD=build/gcc step failover-demo 180 examples/failover-demo.sh
    fi
fi
if $have_gcc; then
    case $mode in
    --quick) netns gcc 120 faults two_holders link_cut move sigterm kill_agent ;;
    --full) netns gcc 600 faults ;;
    --all) netns gcc 1200 faults --all ;;
    esac
fi
if [ "$mode" = --all ]; then
    step schedules 3600 env MUSTER_SEEDS=1000000 build/gcc/tests/sim/test_lease
fi
if $have_asan; then
    netns asan 180 faults link_cut move kill_both stop_both_long one_way_out vips_differ ipv6 forged
    for script in $real_tests; do real asan "$script"; done
    real asan many 6 5
    netns asan 300 steward
fi
if [ "$mode" != --quick ]; then
    end lint
    end valgrind
    step configure-fuzz 60 bash -c '. tests/setup.sh; configure_in "$@"' - build/fuzz CC=clang --enable-fuzzers &&
        step fuzz $((fuzz_s * 4 + 200)) make -C build/fuzz -j"$jobs" fuzz "FUZZ_SECONDS=$fuzz_s"
    step distcheck 400 make -C build/gcc -j"$jobs" distcheck
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
