#!/usr/bin/env bash
# What is wrong from outside gets a clear error, and nothing that was there is lost.
. "$(dirname "$0")/lib.sh"

# refused WHAT STATUS PATTERN OPTION...: musterd must end by itself, saying PATTERN.
refused() {
    local what=$1 status=$2 pattern=$3 said
    shift 3
    said=$(timeout 10 "$BUILD/musterd" "$@" 2>&1)
    local got=$?
    if [ "$got" -eq "$status" ] && grep -Eq -- "$pattern" <<<"$said"; then t_pass "$what"; else
        t_fail "$what: exit $got, wanted $status and /$pattern/"
        printf '  %s\n' "${said:0:2000}"
    fi
}
fresh() { echo "-r $T/$1/run -s $T/$1/state"; }
long=$(printf 'x%.0s' {1..10240})

# Configuration: FILE:LINE, the value, what would do; exit 2.
config_refused() {
    printf '%b' "$2" >"$T/bad.conf"
    refused "-t: $1" 2 "$3" -t -c "$T/bad.conf"
}
config_refused 'unknown key' 'name = "a"\nno_such = 1\n' 'bad.conf:2:.*no_such'
config_refused 'duration' 'detect = "fast"\n' 'bad.conf:1:.*"fast"'
config_refused 'detect out of range' '\ndetect = "1ms"\n' 'bad.conf:2:.*"1ms"'
config_refused 'name with a newline' 'name = "a\\nb"\n' 'bad.conf:1:.*name'
config_refused 'name of 10 KB' "name = \"$long\"\n" 'bad.conf:1:.*name'
config_refused 'address' 'bind = "10.0.0.300"\n' 'bad.conf:1:.*"10.0.0.300"'
config_refused 'port' 'bind = "10.0.0.1:70000"\n' 'bad.conf:1:.*70000'
config_refused 'tag without a value' 'tags = {"role"}\n' 'bad.conf:1:.*"role"'
config_refused 'tag of 10 KB' "tags = {\"k=$long\"}\n" 'bad.conf:1:.*tags'
config_refused 'log level' 'log_level = "loud"\n' 'bad.conf:1:.*"loud"'
config_refused 'event name' 'handler "h" { on = {"member-exploded"} run = "/bin/true" }\n' \
    'bad.conf:1:.*"member-exploded"'
config_refused 'handler without run' '\nhandler "h" { on = {"member-join"} }\n' 'bad.conf:2:.*run'
config_refused 'handler user' \
    'handler "h" { on = {"member-join"} run = "/bin/true" user = "no such user" }\n' \
    'bad.conf:1:.*"no such user"'
config_refused 'rpc off loopback without rpc_auth' 'control { rpc = "10.0.0.1:7373" }\n' \
    'bad.conf:1:.*rpc_auth'
config_refused 'two voters' '\nquorum { voters = {"db1", "db2"} }\n' 'bad.conf:2:.*witness'
quorum='quorum { voters = {"db1", "db2", "witness1"} }\n'
config_refused 'vip without a prefix' "$quorum"'vip "web" { address = "10.0.0.300" }\n' \
    'bad.conf:2: vip "web": address "10.0.0.300": not an IPv4 or IPv6 address with a prefix, such as "10.0.0.30/32"'
web="$quorum"'vip "web" { address = "10.0.0.30/32" interface = "lo" '
config_refused 'address twice in one vip' \
    "$quorum"'vip "v" { addresses = {"10.0.0.30/32", "10.0.0.30/24"} interface = "lo" }\n' \
    'bad.conf:2:.*10.0.0.30/24.*twice'
config_refused 'address of another vip' "$web"'}\nvip "v" { addresses = {"10.0.0.30/24 dev lo"} }\n' \
    'bad.conf:3:.*"web" has this address'
config_refused 'route without a way out' "$web"'routes = {"default table 100"} }\n' 'bad.conf:2:.*no way out; say via'
config_refused 'rule of an unknown table' "$web"'rules = {"from 10.0.0.30 table nosuch"} }\n' \
    'bad.conf:2:.*"nosuch" on this host; use its number'
config_refused 'preempt_delay without preempt' "$web"'preempt_delay = "30s" }\n' 'bad.conf:2:.*set preempt = true'
# What a host can get later is a warning: a build host has none of it.
printf '%b' "$quorum"'vip "web" {\ninterface = "nowhere0" address = "10.0.0.30/32"\nhook = "/nowhere/hook.sh" }\n' >"$T/later.conf"
t_check '-t warns of an interface that is not there' \
    eval '"$BUILD/musterd" -t -c "$T/later.conf" | grep -q "^warning = .*later.conf:3: .*nowhere0.* lo"'
printf 'handler "h" { on = {"member-join"} run = "/bin/true" user = "no-such-user" }\n' >"$T/user.conf"
t_check '-t warns of a user that is not there' \
    eval '"$BUILD/musterd" -t -c "$T/user.conf" | grep -q "^warning = .*user.conf:1: .*no-such-user"'
t_check '-t warns of a hook that is not there' \
    eval '"$BUILD/musterd" -t -c "$T/later.conf" | grep -q "^warning = .*later.conf:4: .*/nowhere/hook.sh"'
config_refused 'vip without a quorum' '\nvip "web" { address = "10.0.0.30/32" interface = "lo" }\n' \
    'bad.conf:2:.*quorum'
config_refused 'syntax' 'name = "a"\nhandler {\n' 'bad.conf:[23]:'
refused '-t: missing file' 2 "$T/none.conf" -t -c "$T/none.conf"
refused 'unknown option' 2 'musterd' -Q
t_check '-t on the example prints the derived timings' \
    eval '"$BUILD/musterd" -t -c "$top/examples/muster.conf" | grep -iq ping'
for example in three-nodes two-nodes-and-witness; do
    sed 's/"eth0"/"lo"/' "$top/examples/$example.conf" >"$T/$example.conf"
    t_check "-t takes $example.conf, and says that its address can be held here" \
        eval '"$BUILD/musterd" -t -c "$T/$example.conf" | grep -q "^vip.database.here = a candidate$"'
done

# Names and tags on the command line.
for name in $'a\nb' $'a\eb' 'a b' 'a;touch pwned' '$(touch pwned)' '../x' '' "$long"; do
    # shellcheck disable=SC2046
    refused "name $(printf '%.20q' "$name")" 2 '^-n|name' -n "$name" -b 127.1.3.9 $(fresh name)
done
for tag in $'k=a\001b' $'k=a\nb' "k=$long" 'no-value' '=v' 'k;x=1' $'k=\xff\xfe'; do
    # shellcheck disable=SC2046
    refused "tag $(printf '%.20q' "$tag")" 2 '^-T|tag' -T "$tag" -n x -b 127.1.3.9 $(fresh tag)
done

# Ports and folders that somebody has.
start_ready a 127.1.3.1 -T role=db
undisturbed() {
    t_check "$1: the first is undisturbed" eval 'kill -0 "${PID[a]}" && sees a a alive'
}
# shellcheck disable=SC2046
refused 'port in use' 1 '127\.1\.3\.1:7949' -n b -b 127.1.3.1 $(fresh b)
undisturbed 'port in use'
refused 'second agent on the run folder' 1 "$T/a/run" -n b -b 127.1.3.2 -r "$T/a/run" -s "$T/b/state"
undisturbed 'run folder'
refused 'second agent on the state folder' 1 "$T/a/state" -n b -b 127.1.3.2 -r "$T/b/run" -s "$T/a/state"
undisturbed 'state folder'
# shellcheck disable=SC2046
refused 'name taken' 3 '"?a"?.*(taken|has the name|already)' -n a -b 127.1.3.2 -j 127.1.3.1 $(fresh b)
undisturbed 'name taken'
t_check 'name taken: one member, the first' \
    [ "$(m a members --format '{name} {addr} {status}\n')" = 'a 127.1.3.1 alive' ]

# An unresolvable address to join: said once, kept trying, and the agent lives.
start_ready b 127.1.3.2 -j no-such-host.invalid -j 127.1.3.1
t_wait 'an unresolvable join address is named' 15 log_has b no-such-host.invalid
t_wait 'the other address is joined' 10 sees b a alive
sleep 3
t_check 'it is said once' [ "$(grep -c no-such-host.invalid "$T/b/log")" -eq 1 ]

# Requests that are refused change nothing.
for tag in "k=$long" $'k=a\001b' 'no-value'; do
    m a tags "$tag" >"$T/said" 2>&1
    status=$?
    t_check "tags $(printf '%.20q' "$tag") is refused" \
        eval "[ $status -eq 1 ] || [ $status -eq 2 ]"
done
t_check 'the tags are what they were' [ "$(m a members --tag role=db --format '{name}')" = a ]
m a forget b >/dev/null 2>&1
t_check 'forgetting a living member is refused' [ $? -eq 1 ]
m a forget nobody >/dev/null 2>&1
t_check 'forgetting a stranger is refused' [ $? -eq 1 ]
m a explain "$long" >/dev/null 2>&1
t_check 'explaining a stranger is refused' [ $? -ne 0 ]

# Noise on every socket.
noise() { head -c "$1" /dev/urandom; }
noise 1400 | timeout 2 socat -u - UDP:127.1.3.1:7949
noise 100000 | timeout 2 socat -u - TCP:127.1.3.1:7949 2>/dev/null
noise 100000 | timeout 2 socat -u - "UNIX-CONNECT:$T/a/run/control.sock" 2>/dev/null
head -c 200000 /dev/zero | tr '\0' '\221' | timeout 2 socat -u - "UNIX-CONNECT:$T/a/run/control.sock" 2>/dev/null
noise 1000 | timeout 2 socat -u - "UNIX-CONNECT:$T/a/run/events.sock" 2>/dev/null
undisturbed 'noise on every socket'
t_check 'and b still sees a' sees b a alive

# A dead agent's socket is no obstacle.
kill_agent a KILL
t_check 'kill -9 leaves a stale socket' test -S "$T/a/run/control.sock"
start_agent a 127.1.3.1
t_wait 'a stale socket is replaced' 10 m a info

# Started without standard streams, it must not take its own sockets for them.
"$BUILD/musterd" -n c -b 127.1.3.3 -r "$T/c/run" -s "$T/c/state" <&- >&- 2>&- &
PID[c]=$!
t_wait 'starts without standard streams' 10 m c info
t_check 'which are /dev/null then' \
    [ "$(readlink "/proc/${PID[c]}/fd/"{0,1,2} | sort -u)" = /dev/null ]
kill -TERM "${PID[c]}"
t_wait 'and it ends when it is asked to' 10 gone "${PID[c]}"
unset "PID[c]"

# musterd -t judges the file, whoever runs it; folders that may not be written: both need root, and a
# user who may less.
if [ "$(id -u)" -eq 0 ]; then
    cp "$BUILD/musterd" "$T/musterd"
    mkdir -m 755 "$T/hooks"
    mkdir -m 700 "$T/hooks/secret"
    for script in page vip secret/page; do
        printf '#!/bin/sh\n' >"$T/hooks/$script.sh"
        chmod 700 "$T/hooks/$script.sh"
    done
    cat >"$T/root.conf" <<-END
	user = "daemon"
	tags = {"role=db"}
	handler "page" { on = {"member-failed"} run = "$T/hooks/page.sh" user = "daemon" }
	quorum { voters = {"db1", "db2", "witness1"} }
	vip "web" { address = "10.0.0.30/32" interface = "lo" hook = "$T/hooks/vip.sh" user = "daemon" }
	control { group = "daemon" rpc = "127.0.0.1:7373" rpc_auth = "secret" }
	END
    check_as_nobody() {
        setpriv --reuid=65534 --regid=65534 --clear-groups "$T/musterd" -t -c "$T/root.conf"
    }
    t_check '-t by nobody takes a file with users' eval 'check_as_nobody >"$T/nobody.said" 2>&1'
    "$T/musterd" -t -c "$T/root.conf" >"$T/root.said" 2>&1
    t_check 'and says what root is told' cmp "$T/root.said" "$T/nobody.said"
    sed -i "s|hooks/page.sh|hooks/secret/page.sh|" "$T/root.conf"
    t_check '-t by nobody notes a script that only root can look at' \
        eval 'check_as_nobody 2>&1 | grep -q "^warning = .*root.conf:3: .*only root can look at it"'
    t_check 'which is no error' eval 'check_as_nobody >/dev/null 2>&1'
    chmod o+w "$T/hooks/vip.sh"
    check_as_nobody >"$T/nobody.said" 2>&1
    t_check '-t by nobody refuses a script that root would refuse' [ $? -eq 2 ]
    t_check 'with its line' grep -q 'root.conf:5: .*others could change' "$T/nobody.said"
    mkdir -m 700 "$T/closed"
    mkdir -m 777 "$T/open"
    as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
    said=$(as_nobody timeout 10 "$T/musterd" -n n -b 127.1.3.7 -r "$T/closed/run" -s "$T/open/s" 2>&1)
    t_check 'run folder without permission: exit 1' [ $? -eq 1 ]
    t_check 'and it is named' grep -q "$T/closed/run.*[Pp]ermission" <<<"$said"
    said=$(as_nobody timeout 10 "$T/musterd" -n n -b 127.1.3.7 -r "$T/open/r" -s "$T/closed/s" 2>&1)
    t_check 'state folder without permission: exit 1' [ $? -eq 1 ]
    t_check 'and it is named' grep -q "$T/closed/s.*[Pp]ermission" <<<"$said"

    # What a voter promised, there and not to be read: nothing else may take its place.
    printf 'name = "n"\nbind = "127.1.3.7"\nquorum { voters = {"n", "o", "p"} }\n' >"$T/voter.conf"
    run_voter() {
        as_nobody timeout "$1" "$T/musterd" -c "$T/voter.conf" -r "$T/open/r" -s "$T/open/s" 2>&1
    }
    run_voter 2 >/dev/null
    run_voter 2 >/dev/null # epochs go on from what is there
    t_check 'a voter writes down what it promises' cp "$T/open/s/leases" "$T/leases.before"
    for file in leases identity; do
        chmod 0 "$T/open/s/$file"
        said=$(run_voter 10)
        t_check "$file without permission: exit 1" [ $? -eq 1 ]
        t_check 'and it is named' grep -q "$T/open/s/$file: cannot be read: Permission denied" <<<"$said"
        chmod 600 "$T/open/s/$file"
    done
    t_check 'the promises are what they were' cmp "$T/open/s/leases" "$T/leases.before"
else
    t_skip 'folders without permission (needs root, to become nobody)'
fi

# State files that are damaged are set aside, and the agent starts.
kill_agent a KILL
for file in "$T"/a/state/*; do
    [ -s "$file" ] && truncate -s "$(($(stat -c %s "$file") / 2))" "$file"
done
start_agent a 127.1.3.1
t_wait 'starts over truncated state files' 10 m a info
t_check 'which are set aside' eval 'compgen -G "$T/a/state/*.bad" >/dev/null'
t_check 'and named in the log' log_has a "$T/a/state/"
t_check 'nothing anybody said was run' eval '[ ! -e pwned ] && [ ! -e "$top/pwned" ]'
