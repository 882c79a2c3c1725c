#!/usr/bin/env bash
# muster-sim from outside: every example scenario holds, a seed is a run byte for byte, what is wrong
# with a scenario or an option is named, and a broken invariant names its seed.
. "$(dirname "$0")/lib.sh"
sim=$BUILD/muster-sim

# refused TEXT WORDS: muster-sim refuses the scenario with exit 2, naming FILE:LINE and these words.
refused() {
    local text=$1 words=$2 status said
    printf '%b' "$text" >"$T/bad.sim"
    said=$("$sim" "$T/bad.sim" 2>&1 >/dev/null)
    status=$?
    echo "exit $status: $said"
    [ "$status" -eq 2 ] && [[ $said == "$T/bad.sim:"* && $said == *"$words"* ]]
}

# fails STATUS WORDS COMMAND...: it ends with that status and says these words on stderr.
fails() {
    local wanted=$1 words=$2 status said
    shift 2
    said=$("$@" 2>&1 >/dev/null)
    status=$?
    echo "exit $status: $said"
    [ "$status" -eq "$wanted" ] && [[ $said == *"$words"* ]]
}

for scenario in "$top"/examples/scenarios/*.sim; do
    size=()
    # The large ones are as true with fewer nodes, where they name none by number.
    case ${scenario##*/} in lossy_* | flipflop_* | mass_crash.sim) size=(--nodes 200) ;; esac
    case ${scenario##*/} in split.sim)
        sed 's/nodes 1000/nodes 100/; s/n499/n49/; s/600s/60s/; s/601s/61s/; s/620s/80s/' "$scenario" >"$T/split.sim"
        scenario=$T/split.sim ;;
    esac
    t_check "scenario ${scenario##*/} holds" "$sim" --runs 2 "${size[@]}" "$scenario"
done

printf 'nodes 24\nlink all -> all loss 5%%\nevery 3s crash any 1 for 2s\nrun 20s\n' >"$T/some.sim"
for form in text json; do
    "$sim" --seed 7 -o "$form" "$T/some.sim" >"$T/one"
    "$sim" --seed 7 -o "$form" - <"$T/some.sim" | sed "s|scenario - *|&|" >"$T/two"
    "$sim" --seed 7 -o "$form" "$T/some.sim" >"$T/three"
    "$sim" --seed 8 -o "$form" "$T/some.sim" >"$T/other"
    t_check "$form: the same seed is the same run, byte for byte" cmp "$T/one" "$T/three"
    t_check "$form: another seed is another run" eval '! cmp -s "$T/one" "$T/other"'
    t_check "$form: standard input does as well" \
        cmp <(sed "s|$T/some.sim|-|" "$T/one") "$T/two"
done
"$sim" --seed 1 --runs 6 -o json "$T/some.sim" | jq -c '.runs' >"$T/together"
for seed in 1 2 3 4 5 6; do "$sim" --seed "$seed" -o json "$T/some.sim" | jq -c '.runs[]'; done |
    jq -cs . >"$T/alone"
for jobs in 1 5; do
    "$sim" --seed 1 --runs 6 --jobs $jobs -o json "$T/some.sim" | jq -c '.runs' >"$T/jobs"
    t_check "$jobs at a time show the same" cmp "$T/together" "$T/jobs"
done
t_check 'several runs are as each alone' cmp "$T/together" "$T/alone"
# Clusters of this size are formed once for seeds 0 to 15, and anew for 16.
printf 'nodes 2048\nat 100ms crash any 1\nrun 2s\n' >"$T/large.sim"
"$sim" --seed 14 --runs 3 -o json "$T/large.sim" | jq -c '.runs' >"$T/together"
for seed in 14 15 16; do "$sim" --seed "$seed" -o json "$T/large.sim" | jq -c '.runs[]'; done |
    jq -cs . >"$T/alone"
t_check 'and so are those of large clusters, which share what is formed' cmp "$T/together" "$T/alone"
t_check 'a single run has a trace' eval '"$sim" "$T/some.sim" | grep -q " failed n"'
t_check 'JSON has a trace too' eval '"$sim" -o json "$T/some.sim" | jq -e ".trace | length > 20"'
t_check 'JSON: several runs have none' eval '"$sim" --runs 2 -o json "$T/some.sim" | jq -e ".trace == []"'

printf 'nodes 9\nat 1s crash n3\nrun 9s\nlimit last_ms 1\n' >"$T/broken.sim"
t_check 'a broken limit: exit 1, and the seed is named' \
    fails 1 'seed 5: line 4: last_ms is' "$sim" --seed 5 --runs 3 "$T/broken.sim"
printf 'nodes 9\nat 1s split n0..n3 | rest\nat 2s agree within 1s\nrun 9s\n' >"$T/broken.sim"
t_check 'no agreement: exit 1, and the seed is named' fails 1 'seed 2: ' "$sim" --seed 2 "$T/broken.sim"
t_check 'and JSON says so' eval \
    '"$sim" --seed 2 -o json "$T/broken.sim" 2>/dev/null | jq -e ".invariants.broken[0].seed == 2"'

# lost N [OPTION]...: two runs, of which the first N are killed as soon as they are there.
lost() {
    local count=$1 pid child killed=0
    shift
    printf 'nodes 64\nrun 10m\n' >"$T/long.sim"
    "$sim" --runs 2 --seed 5 "$@" "$T/long.sim" >"$T/out" 2>"$T/err" &
    pid=$!
    while [ "$killed" -lt "$count" ] && kill -0 "$pid"; do
        for child in $(pgrep -P "$pid" | head -n $((count - killed))); do
            kill -9 "$child" && killed=$((killed + 1))
        done
        sleep 0.02
    done
    wait "$pid"
    status=$?
    cat "$T/out" "$T/err"
    [ "$status" -eq 3 ]
}
gone() { ! kill -0 "$1" 2>/dev/null; }
orphans() {
    local pid child
    printf 'nodes 64\nrun 24h\n' >"$T/longer.sim"
    "$sim" "$T/longer.sim" >"$T/out" 2>&1 &
    pid=$!
    wait_for 5 pgrep -P "$pid" && child=$(pgrep -P "$pid") && kill -9 "$pid"
    wait "$pid"
    wait_for 5 gone "$child" || { kill -9 "$child"; false; }
}
t_check 'a run that is killed: exit 3' lost 1
t_check 'and its seed is named on stderr' grep -q 'seed 5: the run ended by signal 9, and is not counted' "$T/err"
t_check 'and its zeros are in no mean' eval 'awk "\$1 == \"steps\" { exit !(\$2 == \$3 && \$2 > 0) }" "$T/out"'
t_check 'JSON tells of it too' eval \
    'lost 1 -o json && jq -e ".lost[0].seed == 5 and (.runs | length) == 1" <"$T/out"'
t_check 'no run is left: no figures' eval 'lost 2 && ! grep steps "$T/out"'
t_check 'runs end with the one who wants their reports' orphans

t_check 'a wrong word is named with its line and what would do' \
    refused 'nodes 9\n\nat 1s krash n3\n' 'bad.sim:3: "krash" is no action; crash,'
t_check 'sides that overlap' refused 'nodes 9\nat 1s split n0..n4 | n4..n8\n' \
    'bad.sim:2: "n4" is on two sides of the split; have it on one'
t_check 'a link from a node to itself' refused 'nodes 9\nat 1s cut n1 -> n1\n' \
    'bad.sim:2: "n1" sends nothing to itself'
t_check 'a node that is not there' refused 'nodes 9\nat 1s crash n9\n' 'bad.sim:2: "n9" is not there; there are 9 nodes'
t_check 'a parameter that is not there' \
    refused 'tune ring_edgs 3\n' 'bad.sim:1: "ring_edgs 3": no parameter has that name; these are: ring_edges'
t_check 'a parameter out of its range' refused 'tune ring_edges 99\n' '"ring_edges 99": ring_edges is a whole number between 1 and 6'
t_check 'a part of a ring' refused 'tune ring_edges 2.5\n' '"ring_edges 2.5": ring_edges is a whole'
t_check 'a switch of the study build' refused 'tune pooling 0\n' '"pooling 0": no parameter has that name'
t_check 'a share may be one' eval 'printf "nodes 3\ntune ping_share 0.5\nrun 1s\n" | "$sim" -'
t_check 'a limit that is not there' refused 'limit speed 3\n' 'bad.sim:1: "speed": no number of a report'
t_check 'a detect that is impossible on these links names the smallest possible' refused \
    'nodes 9\nlink all -> all delay 80ms jitter 0ms\ndetect 600ms\n' \
    'bad.sim:3: "detect 600ms" cannot be kept where answers take 160 ms; the smallest possible is 1540ms'
t_check 'a link on which none can be kept is named' refused \
    'nodes 3\nlink all -> all delay 20s jitter 0ms\ndetect 60s\n' \
    'bad.sim:2: no detect can be kept where answers take 40000 ms'
t_check 'the smallest possible is possible' eval \
    'printf "nodes 9\nlink all -> all delay 80ms jitter 0ms\ndetect 1540ms\nrun 9s\n" | "$sim" -'
t_check 'a detect below the least' refused 'detect 10ms\n' 'bad.sim:1: '
t_check 'a NUL' refused 'nodes 9\n\0run 9s\n' 'bad.sim:2: a NUL'

t_check 'a file that is not there' fails 2 'No such file' "$sim" "$T/nowhere.sim"
t_check 'no file' fails 2 'usage: muster-sim' "$sim"
t_check 'two files' fails 2 'usage: muster-sim' "$sim" "$T/some.sim" "$T/some.sim"
t_check '--runs 0' fails 2 '--runs 0: a number from 1 to' "$sim" --runs 0 "$T/some.sim"
t_check '--jobs 0' fails 2 '--jobs 0: a number from 1 to' "$sim" --jobs 0 "$T/some.sim"
t_check '--seed x' fails 2 '--seed x: a number from' "$sim" --seed x "$T/some.sim"
t_check '--nodes -1' fails 2 '--nodes -1: a number from' "$sim" --nodes -1 "$T/some.sim"
t_check '-o xml' fails 2 'text or json' "$sim" -o xml "$T/some.sim"
t_check '--nodes overrides the scenario' eval \
    '"$sim" --nodes 5 "$T/some.sim" | grep -q ": 5 nodes,"'
t_check 'a full disk is an error' eval '! "$sim" "$T/some.sim" >/dev/full 2>/dev/null'
