#!/bin/sh
# Holds libgossip.a to what a pure state machine may call: memory, strings, sorting,
# arithmetic. A clock, a socket, a file or a source of randomness is named and refused.
# usage: purity.sh [LIBRARY]
set -eu
library=${1:-libgossip.a}
nm=${NM:-nm}

allowed='
mem(cpy|cmp|set|move|chr) bcmp
malloc calloc realloc free
str(len|nlen|cmp|ncmp|chr|rchr|spn|cspn|str|dup|ndup)
qsort bsearch
(log|log2|log10|log1p|exp|exp2|expm1|pow|sqrt|floor|ceil|fmin|fmax)
__assert_fail abort
__popcountdi2
__(mem|str)[a-z]*_chk __stack_chk_fail _GLOBAL_OFFSET_TABLE_
__(asan|ubsan|lsan|sanitizer|sancov|start___sancov|stop___sancov)_[A-Za-z0-9_]* __start___sancov_[a-z0-9]* __stop___sancov_[a-z0-9]*
'
pattern=$(printf '%s' "$allowed" | tr -s ' \n' '||' | sed 's/^|//; s/|$//')

# Prints every symbol that the library needs from outside and that is not allowed; fails if any.
impure() {
    "$nm" -g --defined-only "$1" | awk 'NF == 3 { print $3 }' | sort -u >"$work/defined"
    "$nm" -u "$1" | awk '$1 == "U" || $1 == "w" { print $2 }' | sort -u >"$work/undefined"
    comm -13 "$work/defined" "$work/undefined" | grep -Evx "$pattern" >"$work/refused" || return 0
    sed 's/^/refused: /' "$work/refused"
    return 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The check itself must be able to fail: time(2) is refused and named, memcpy(3) is not.
printf '#include <time.h>\nlong f(void);\nlong f(void) { return time(0); }\n' >"$work/impure.c"
printf '#include <string.h>\nvoid f(void *a, void *b, unsigned n);
void f(void *a, void *b, unsigned n) { memcpy(a, b, n); }\n' >"$work/pure.c"
${CC:-cc} -O0 -c -o "$work/impure.o" "$work/impure.c"
${CC:-cc} -O0 -c -o "$work/pure.o" "$work/pure.c"
impure "$work/pure.o" || { echo "self-test: memcpy was refused" >&2; exit 1; }
if impure "$work/impure.o" >"$work/said"; then
    echo "self-test: time was not refused" >&2
    exit 1
fi
grep -qx 'refused: time' "$work/said" || { echo "self-test: time was not named" >&2; exit 1; }

[ -f "$library" ] || { echo "$library: not there; run make first" >&2; exit 1; }
impure "$library" || { echo "$library reaches for the outside world" >&2; exit 1; }
echo "$library is pure: needs only $(comm -13 "$work/defined" "$work/undefined" | tr '\n' ' ')"
