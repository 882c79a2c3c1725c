#!/usr/bin/env bash
# Builds muster, starts three agents on loopback, kills one and shows it being noticed.
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=tests/setup.sh
. tests/setup.sh
begun=$SECONDS
need_packages "${BUILD_PACKAGES[@]}"

echo "== building in build/quickstart"
prepare_tree
configure_in build/quickstart
make -s -C build/quickstart -j"$(nproc)"
bin=$PWD/build/quickstart
work=$(mktemp -d "${TMPDIR:-/tmp}/muster.XXXXXX")
end() {
    # shellcheck disable=SC2046  # one argument a pid
    { kill -9 $(jobs -pr); wait; } 2>/dev/null || true
    rm -rf "$work"
}
trap end EXIT
trap 'exit 130' INT TERM
fail() {
    echo "quickstart: $*" >&2
    tail -n 5 "$work"/*/log >&2 || true
    exit 1
}
# until_true SECONDS COMMAND...: polls every 20 ms.
until_true() {
    local tries=$(($1 * 50))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $((tries -= 1)) -gt 0 ] || return 1
        sleep 0.02
    done
}
muster() { "$bin/muster" -r "$work/a/run" "$@"; }

echo "== starting the agents a, b and c on 127.9.0.1, .2 and .3"
cat >"$work/a.conf" <<CONF
tags = {"role=web"}
handler "log" { on = {"member-join", "member-failed"} run = "$work/append-log.sh" }
CONF
cp examples/hooks/append-log.sh "$work"
echo "log='$work/events.log'" >"$work/append-log.conf"
start() {
    local name=$1
    shift
    mkdir "$work/$name"
    "$bin/musterd" -n "$name" -r "$work/$name/run" -s "$work/$name/state" "$@" \
        2>"$work/$name/log" &
}
start a -b 127.9.0.1 -c "$work/a.conf"
start b -b 127.9.0.2 -j 127.9.0.1 -T role=db
start c -b 127.9.0.3 -j 127.9.0.1 -T role=db
victim=$!
until_true 20 muster wait --alive 3 --timeout 10s || fail "the agents did not find each other"
muster members

echo "== kill -9 $victim (agent c)"
killed=${EPOCHREALTIME/[.,]/}
{ kill -9 "$victim"; wait "$victim"; } 2>/dev/null || true
muster wait --failed c --timeout 30s >/dev/null || fail "the failure was not noticed"
noticed_ms=$(((${EPOCHREALTIME/[.,]/} - killed) / 1000))
muster members

echo "== what the hook wrote"
until_true 10 grep -q 'member-failed c' "$work/events.log" || fail "the hook did not run"
cat "$work/events.log"
echo "quickstart: 3 agents saw each other, c was killed, a saw it failed after $noticed_ms ms" \
    "and ran its hook; $((SECONDS - begun)) s in all"
