#!/usr/bin/env bash
# Runs what README.md shows: each ```sh block as it stands, in a copy of the tree, with musterd and
# muster on PATH and an installation that goes elsewhere; the configuration must parse.
. "$(dirname "$0")/lib.sh"

awk '/^```/ { if (inside) inside = 0; else { inside = 1; n++; kind = $0 == "```sh" ? "sh" : "conf" }; next }
    inside { print > sprintf("%s/block-%d.%s", dir, n, kind) }' dir="$T" "$top/README.md"
t_check 'README has commands and a configuration' \
    eval 'ls "$T"/block-*.sh && ls "$T"/block-*.conf'
mkdir "$T/tree"
(cd "$top" && tar cf - --exclude=./build --exclude=./.git .) | tar xf - -C "$T/tree"
cd "$T/tree" || exit
export PATH=$BUILD:$PATH DESTDIR=$T/installed TMPDIR=$T
for block in "$T"/block-*.sh; do
    sed -i '/^\.\/tests\/run\.sh/d' "$block" # it would run this again
    what="README: $(head -n 1 "$block") ..."
    sed -i '1i trap '\''kill -9 $(jobs -pr) 2>/dev/null || true'\'' EXIT' "$block"
    if timeout 1500 bash -eu "$block" >"$block.log" 2>&1 </dev/null; then t_pass "$what"; else
        t_fail "$what"
        tail -n 20 "$block.log" | sed 's/^/  /'
    fi
done
# Root runs no script that others could change, and the tree may be anybody's.
(umask 022 && cp -r "$top/examples/hooks" "$T/hooks")
for block in "$T"/block-*.conf; do
    sed -i "s|/etc/muster/hooks|$T/hooks|; s|\"eth0\"|\"lo\"|" "$block"
    t_check 'README: the configuration' "$BUILD/musterd" -t -c "$block"
done
t_check 'make install put the programs and manual pages in their places' eval '
    cd "$T/installed/usr" && test -x sbin/musterd && test -x bin/muster &&
    test -f share/man/man1/muster.1 && test -f share/man/man8/musterd.8 &&
    test -f share/man/man5/muster.conf.5'
t_check 'the unit, the user for systemd, and the examples too' eval '
    cd "$T/installed/usr" && test -f lib/systemd/system/muster.service && test -f lib/sysusers.d/muster.conf &&
    test -f share/doc/muster/examples/muster.conf && test -x share/doc/muster/examples/hooks/page.sh'
t_check 'nothing below /etc is written over' eval '[ ! -e "$T/installed/etc" ]'
