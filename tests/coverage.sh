#!/usr/bin/env bash
# Line coverage by room, from the unit tests and the tests with real processes together; then the
# functions that no test reached. As root: of what runs in network namespaces too. The simulator has
# tests of its own (tests/sim), which are not run here.
# usage: tests/coverage.sh [--report]     (--report: of what ran before, without running it again)
set -u
cd "$(dirname "$0")/.." || exit
# shellcheck source=tests/setup.sh
. tests/setup.sh
folder=build/coverage

# Counters are written at the end of a process: those killed by a test do not count.
run_tests() {
    need_packages "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
    prepare_tree || exit
    gcc -c -o "$folder-exit.o" tests/coverage.c || exit
    configure_in "$folder" CFLAGS='-O0 -g --coverage -fprofile-update=atomic' \
        LDFLAGS='--coverage -Wl,--wrap=_exit' LIBS="$PWD/$folder-exit.o" || exit
    if ! make -C "$folder" -s -j"$(nproc)" all check TESTS= >"$folder.log" 2>&1; then
        tail "$folder.log"
        exit 1
    fi
    find "$folder" -name '*.gcda' -delete
    make -C "$folder" -s -j"$(nproc)" check TESTS='$(UNIT_TESTS)' >>"$folder.log" 2>&1 || echo "# make check failed: $folder.log"
    local script
    for script in two_agents restart bad_input reload handlers leave user lock serf_cli serf_forms \
        ipv6 rejoin watchers hooks forged slow unreachable; do
        MUSTER_BUILD=$folder "tests/real/$script.sh" >>"$folder.log" 2>&1 || echo "# $script failed: $folder.log"
    done
    MUSTER_BUILD=$folder tests/netns/steward.sh >>"$folder.log" 2>&1 || echo "# steward failed: $folder.log"
    MUSTER_BUILD=$folder tests/netns/steward_host.sh >>"$folder.log" 2>&1 || echo "# steward_host failed: $folder.log"
    MUSTER_BUILD=$folder tests/netns/faults.sh link_cut move sigterm drain link_bounce ipv6 \
        removed_by_hand foreign_later reload_vips hung_hook mac_change >>"$folder.log" 2>&1 ||
        echo "# faults failed: $folder.log"
}

# gcov's "File 'x'" / "Lines executed:P% of N" as "x N EXECUTED"; and with -f, its functions at 0 %.
lines_of() {
    awk -F"'" '/^File / { file = $2 }
        /^Lines executed:/ && file { split($0, part, /[:% ]+/); n = part[5]; print file, n, part[3] * n / 100; file = "" }'
}
report() {
    local notes
    mapfile -t notes < <(find "$folder/agent" "$folder/gossip" "$folder/cli" \
        -name '*.gcno' ! -name 'tests_*' | sort)
    gcov -n "${notes[@]}" 2>/dev/null | lines_of | sed "s|^$PWD/||; s|^\(\.\./\)*||" |
        awk '$1 ~ /^(agent|gossip|cli)\/.*\.c$/ {
                room = $1; sub(/\/[^\/]*$/, "", room)
                lines[room] += $2; hit[room] += $3 }
            END { for (room in lines) printf "%-20s %5.1f %% of %5d lines\n", room, 100 * hit[room] / lines[room], lines[room] }' |
        sort
    echo
    echo 'not reached by any test:'
    for note in "${notes[@]}"; do
        gcov -n -f "$note" 2>/dev/null | awk -F"'" -v object="${note#"$folder"/}" '
            BEGIN { sub(/\.gcno$/, "", object) }
            /^Function / { name = $2 }
            /^Lines executed:0.00%/ && name { print "    " object ": " name }
            /^Lines/ { name = "" }'
    done
}

[ "${1-}" = --report ] || run_tests
report
