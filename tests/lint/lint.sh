#!/usr/bin/env bash
# Looks at the sources without running them; each check can fail.
# usage: lint.sh [--quick] [BUILD_FOLDER]     (--quick: without cppcheck and clang-tidy, which take
# minutes; BUILD_FOLDER: whose objects are held to the rooms)
set -u
quick=false
if [ "${1-}" = --quick ]; then
    quick=true
    shift
fi
build=${1:-build/gcc}
cd "$(dirname "$0")/../.." || exit
mapfile -t files < <(find agent cli gossip examples tests -name '*.[ch]' | sort)
mapfile -t sources < <(printf '%s\n' "${files[@]}" | grep '\.c$')
mapfile -t scripts < <(find .ci examples tests -type f \( -name '*.sh' -o -name run \) | sort; echo autogen.sh)
flags=(-D_GNU_SOURCE -I. "-DPACKAGE_VERSION=\"0\"" "-DMUSTER_SYSCONFDIR=\"/etc\""
    "-DMUSTER_LOCALSTATEDIR=\"/var\"" "-DMUSTER_RUNSTATEDIR=\"/run\"")
# cppcheck reads no system headers, and cannot guess these macros.
queue=$(echo '#include <sys/queue.h>' | cc -E -x c - | sed -n '/queue\.h/ { s/.*"\(.*\)".*/\1/p; q; }')
failed=0

check() {
    local what=$1
    shift
    if "$@"; then echo "ok - $what"; else
        echo "not ok - $what"
        failed=1
    fi
}
# With this .clang-format, a function's body begins and ends with a brace in the first column.
function_lines() {
    awk 'FNR == 1 { start = 0 }
        /^\{/ { start = FNR }
        /^\}/ { if (start && FNR - start - 1 > 70) {
                    printf "%s:%d: %d lines in one function\n", FILENAME, start, FNR - start - 1
                    bad = 1 }
                start = 0 }
        END { exit bad }' "$@"
}
file_lines() {
    awk 'FNR > 600 && !said[FILENAME]++ { print FILENAME ": over 600 lines"; bad = 1 }
        END { exit bad }' "$@"
}
# A backtrace and a grep name a place only if a file-local function has its name for itself.
names_once() {
    awk 'FNR == 1 { delete here }
        /^static [^=;]*\(/ { name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name)
                            if (name in here) next
                            here[name] = 1
                            if (name in file) { print name ": in " file[name] " and " FILENAME; bad = 1 }
                            file[name] = FILENAME }
        END { exit bad }' "$@"
}
# all_run RUN_SH SCRIPT...: fails if a test is not among the steps of run.sh.
all_run() {
    local run=$1 script name bad=0
    shift
    for script in "$@"; do
        name=$(basename "$script" .sh)
        grep -v '^ *#' "$run" | grep -qw "$name" || { echo "$script: $run does not run it"; bad=1; }
    done
    return "$bad"
}
self_test() {
    local t status=0
    t=$(mktemp -d)
    { echo 'int f(void)'; echo '{'; seq -f '/* %g */' 71; echo '}'; } >"$t/f.c"
    seq -f '/* %g */' 601 >"$t/g.c"
    ! function_lines "$t/f.c" >/dev/null || status=1
    ! file_lines "$t/g.c" >/dev/null || status=1
    ! clang-format --style=file:.clang-format --dry-run -Werror "$t/f.c" 2>/dev/null || status=1
    printf 'static int find(void)\n{\n}\n' | tee "$t/a.c" >"$t/b.c"
    ! names_once "$t/a.c" "$t/b.c" >/dev/null || status=1
    echo "real_once='one two'" >"$t/run.sh"
    ! all_run "$t/run.sh" "$t/one.sh" "$t/three.sh" >/dev/null || status=1
    rm -rf "$t"
    return "$status"
}
tidy() {
    printf '%s\n' "${sources[@]}" | xargs -P "$(nproc)" -I{} clang-tidy --quiet {} -- -std=c11 "${flags[@]}"
}

check 'the checks of lengths, names, format and steps can fail' self_test
check 'functions have at most 70 lines' function_lines "${files[@]}"
check 'files have at most 600 lines' file_lines "${files[@]}"
mapfile -t shipped < <(printf '%s\n' "${sources[@]}" | grep -E '^(agent|cli|gossip)/')
check 'file-local functions have names of their own' names_once "${shipped[@]}"
mapfile -t scripted < <(grep -L '; sourced by bash' tests/real/*.sh)
check 'run.sh runs every test with real processes' all_run tests/run.sh "${scripted[@]}"
check 'clang-format' clang-format --dry-run -Werror "${files[@]}"
check 'shellcheck' shellcheck "${scripts[@]}"
tests/lint/layers.sh "$build" || failed=1
if ! $quick; then
    check 'cppcheck' cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
        --error-exitcode=1 --suppressions-list=tests/lint/cppcheck.txt -j "$(nproc)" "${flags[@]}" \
        --include="$queue" "${sources[@]}"
    check 'clang-tidy' tidy 2>/dev/null
fi
exit $failed
