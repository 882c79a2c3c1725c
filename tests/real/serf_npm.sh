#!/usr/bin/env bash
# Serf's clients of npm work against musterd: the package serf-rpc, and node-serf with the tests that
# it ships, as far as their commands are there. Both come from the registry when the test runs.
set -u
# lib.sh goes into a network namespace, where there is no registry: what is needed comes first.
if [ -z "${SERF_NPM:-}" ]; then
    command -v npm >/dev/null || { echo "skipped - Serf's clients of npm (npm is missing)"; exit 0; }
    SERF_NPM=$(mktemp -d "${TMPDIR:-/tmp}/muster.XXXXXX") || exit 2
    trap 'rm -rf "$SERF_NPM"' EXIT
    npm_() { timeout 120 npm --prefix "$SERF_NPM" --fetch-retries=1 --fetch-timeout=10000 --no-audit --no-fund --no-update-notifier --ignore-scripts "$@"; }
    npm_ ping >/dev/null 2>&1 || { echo "skipped - Serf's clients of npm (the registry cannot be reached)"; exit 0; }
    npm_ install serf-rpc@0.2.1 node-serf@2.0.0 mocha@10 power-assert@1 >"$SERF_NPM/log" 2>&1 ||
        { cat "$SERF_NPM/log"; echo "not ok - npm install"; exit 1; }
    trap - EXIT
    export SERF_NPM
fi
. "$(dirname "$0")/lib.sh"
mv "$SERF_NPM" "$T/npm"

# ---- serf-rpc ----
rpc=127.1.16.1:7373
echo "control { rpc = \"$rpc\" }" >"$T/a.conf"
start_ready a 127.1.16.1 -c "$T/a.conf" -T role=web
start_ready b 127.1.16.2 -j 127.1.16.1
t_wait 'two agents see each other' 5 eval 'sees a b alive && sees b a alive'
# Twenty more members that have left, so that counts need more than one byte.
for i in $(seq 20); do
    start_ready "gone$i" "127.1.16.$((100 + i))" -j 127.1.16.1
    wait_for 5 sees a "gone$i" alive # an agent that ends before it has joined is not known
    kill_agent "gone$i" TERM
done
t_wait 'and those that left' 10 sees_count a left 20

cat >"$T/npm/serf_rpc.js" <<'JS'
var serf = require("serf-rpc")();
var command = process.argv[2], body = JSON.parse(process.argv[3] || "null");
var deadline = setTimeout(function () { console.log("no answer"); process.exit(1); }, 5000);
function answer(err, response) {
    console.log(JSON.stringify(response));
    process.exit(err ? 1 : 0);
}
serf.connect({ rpc_host: "127.1.16.1", rpc_port: 7373 }, function (err) {
    if (err) throw err;
    if (command === "listen")
        serf.listen(body.Type, function (data) { answer(false, data); });
    else if (body)
        serf[command](body, answer);
    else
        serf[command](answer);
    if (command === "listen") console.log("listening");
});
JS
serf_rpc() { (cd "$T/npm" && node --no-deprecation serf_rpc.js "$@"); }
answers() { serf_rpc "${@:2}" | jq -e "$1"; }
t_check 'serf-rpc: members' answers '.Members | length == 22' members
t_check 'serf-rpc: members have Serf'\''s fields and no others' answers \
    '[.Members[] | keys] | unique == [["Addr", "DelegateCur", "DelegateMax", "DelegateMin", "Name", "Port", "ProtocolCur",
        "ProtocolMax", "ProtocolMin", "Status", "Tags"]]' members
t_check 'serf-rpc: members-filtered' answers '[.Members[].Name] == ["a"]' members-filtered \
    '{"Tags": {"role": "w.b"}, "Status": "alive", "Name": ""}'
t_check 'serf-rpc: stats' answers '.agent.name == "a" and .serf.members == "22" and .tags.role == "web"' stats
t_check 'serf-rpc: join' answers '.Num == 1' join '{"Existing": ["127.1.16.2"], "Replay": false}'
t_check 'serf-rpc: tags' answers '.Error == ""' tags '{"Tags": {"note": "x"}, "DeleteTags": ["role"]}'
t_wait 'others see that' 5 eval '[ "$(m b members --tag note=x --format "{name}")" = a ]'
serf_rpc listen '{"Type": "member-leave"}' >"$T/heard" &
listener=$!
t_wait 'serf-rpc: listen' 5 grep -q listening "$T/heard"
sleep 0.5 # the listener's stream has been asked for, and its answer need not have come
kill_agent b TERM
wait "$listener"
t_check '... gets the event' jq -e 'select(.Event == "member-leave") | .Members[0].Name == "b"' <(tail -n 1 "$T/heard")
t_check 'serf-rpc: force-leave' answers '.Error == ""' force-leave '{"Node": "b", "Prune": true}'
t_check 'serf-rpc: leave' answers '.Error == ""' leave
reap_agent a

# ---- node-serf's own tests ----
# They start "serf agent" by that name, at 127.0.0.1 and ports of their own.
mkdir "$T/bin"
cat >"$T/bin/serf" <<SH
#!/usr/bin/env bash
for option in "\$@"; do
    case \$option in
    -node=*) name=\${option#*=} ;;
    -bind=*) bind=\${option#*=} ;;
    -rpc-addr=*) rpc=\${option#*=} ;;
    esac
done
mkdir -p "$T/\$name"
echo "control { rpc = \"\$rpc\" }" >"$T/\$name/conf"
exec "$BUILD/musterd" -c "$T/\$name/conf" -n "\$name" -b "\$bind" -r "$T/\$name/run" -s "$T/\$name/state" 2>"$T/\$name/log"
SH
chmod +x "$T/bin/serf"
# Of its tests those of user events, queries and coordinates are for commands that are not there yet.
tests='should define camel-casing methods|stats|monitor|join|members|tags|membersFiltered|leave'
node_serf() (
    cd "$T/npm/node_modules/node-serf" &&
        PATH=$T/bin:$PATH timeout 60 node ../mocha/bin/mocha.js --no-config --exit --timeout 10000 --reporter tap \
            --grep "^Serf ($tests)\$" test/serf.js
)
node_serf >"$T/tap" 2>&1
sed -n 's/^ok [0-9]* /ok - node-serf: /p; s/^not ok [0-9]* /not ok - node-serf: /p' "$T/tap"
t_check "node-serf's own tests" eval 'grep -q "^# fail 0" "$T/tap" && [ "$(grep -c "^ok" "$T/tap")" -eq 8 ]'
