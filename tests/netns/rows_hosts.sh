# Rows of faults.sh: hosts, processes and links that fail. Sourced by it.
# shellcheck shell=bash disable=SC2154,SC2034

# ---- the holder's host is gone ----

cut_off() { sever "$1" "${HOSTS[@]}" c; }
row_link_cut() { standard 1s && fails_over 1500 unplug; }
row_link_silent() { standard 1s && fails_over 1500 cut_off; }
row_link_cut_300ms() { standard 300ms && fails_over 600 unplug; }

# ---- on purpose ----

to_another() {
    claim 'muster vip move says that it moved' m "$1" vip move web "$(others "$1" | tail -n 1)"
}
terminate() {
    kill_agent "$1" TERM
    claim "it exits with 0, not $exited" [ "$exited" -eq 0 ]
}
drain() { claim 'muster drain says yes' m "$1" drain; }
row_move() { standard 1s && fails_over 50 to_another; }
row_sigterm() { standard 1s && fails_over 50 terminate; }
row_drain() {
    standard 1s && fails_over 50 drain
    claim 'muster undrain says yes' m "$AT" undrain
}

# ---- processes are killed ----

kill_only() {
    kill_agent "$1"
    claim 'the address stays for what is left of its lease' carries "$1"
    claim 'and goes then' wait_for 2 eval "! carries $1"
}
kill_both() { { kill -9 "${STEWARD[$1]}" "${PID[$1]}" && reap_agent "$1"; } 2>/dev/null; }
kill_and_start() {
    kill_both "$1"
    start "$1"
}
row_kill_agent() { standard 1s && fails_over 450 kill_only; }
row_kill_both() {
    standard 1s && fails_over 450 kill_both
    claim 'the kernel removes the address' wait_for 4 eval "! carries $AT"
}
row_kill_steward() {
    standard 1s && fails_over 1500 eval 'kill -9 "${STEWARD[$AT]}" #'
    claim 'the kernel removes the address' wait_for 4 eval "! carries $AT"
    claim 'the agent says so' log_has "$AT" 'the steward is gone'
    claim 'and leaves' wait_for 4 eval 'gone "${PID[$AT]}"'
    runs "$AT" && kill -KILL "${PID[$AT]}"
    reap_agent "$AT"
    claim 'with an exit status of its own' [ "$exited" = 4 ]
}
row_kill_restart() {
    standard 1s && begin
    kill_and_start "$AT"
    claim 'one has it again' wait_for 10 holder
    sleep 2.5
    claim 'one has it' holder
    judge 1500 0 2
}
# It goes on with its own lease: nobody else gets it, and the epoch grows.
epoch_of() { m "$1" -o json vip explain web | jq ".. | .epoch? // empty"; }
restarts_3s() { # KILL: given the holder
    local epoch
    standard 3s && begin
    epoch=$(epoch_of "$AT")
    "$1" "$AT"
    start "$AT"
    claim 'it has it again' wait_for 10 is_held_by "$AT"
    claim 'with a higher epoch' [ "$(epoch_of "$AT")" -gt "$epoch" ]
    sleep 3
    claim 'it has it still' is_held_by "$AT"
    judge 1000 0 0
}
# What it goes on with it also gives away: nothing of its former life holds the address then.
restarts_and_moves() { # KILL
    local to
    standard 3s && begin
    to=$(others "$AT" | tail -n 1)
    "$1" "$AT"
    start "$AT"
    claim 'it has it again' wait_for 10 is_held_by "$AT"
    m "$AT" vip move web "$to" >/dev/null
    claim 'another has it' wait_for 10 is_held_by "$to"
    sleep 3
    claim 'and keeps it' is_held_by "$to"
    judge 1000 1 1
}
row_restart_both_move() { restarts_and_moves kill_both; }
row_restart_agent_move() { restarts_and_moves kill_agent; }
row_restart_both_3s() { restarts_3s kill_both; }
row_restart_agent_3s() { restarts_3s kill_agent; }

row_kill_agent_restart() {
    standard 3s && begin
    kill_agent "$AT"
    start "$AT"
    claim 'the next steward has what the one before it had' wait_for 2 \
        log_has "$AT" 'taken over from the earlier steward'
    sleep 4
    claim 'it has it still' [ "$(holder)" = "$AT" ]
    judge 100 0 0
}

# ---- processes are stopped ----

# stops SECONDS BOUND MOVES PID...: of the holder.
stops() {
    local seconds=$1 bound=$2 moves=$3
    shift 3
    kill -STOP "$@"
    sleep "$seconds"
    claim 'it is not held by two' [ "$(carriers | wc -w)" -le 1 ]
    kill -CONT "$@"
    for _ in 1 2 3 4 5 6 7 8; do
        sleep 0.2
        if [ "$moves" -gt 0 ]; then claim 'it is never put back late' eval "! carries $AT"; fi
    done
    judge "$bound" "$moves" "$moves"
}
row_stop_agent_short() { standard 1s && begin && stops 0.6 100 0 "${PID[$AT]}"; }
row_stop_steward_short() { standard 1s && begin && stops 0.6 100 0 "${STEWARD[$AT]}"; }
row_stop_both_short() { standard 1s && begin && stops 0.6 100 0 "${PID[$AT]}" "${STEWARD[$AT]}"; }
row_stop_agent_long() { standard 1s && begin && stops 4 1500 1 "${PID[$AT]}"; }
row_stop_steward_long() { standard 1s && begin && stops 4 1500 1 "${STEWARD[$AT]}"; }
row_stop_steward_300ms() { standard 300ms && begin && stops 3 600 1 "${STEWARD[$AT]}"; }
row_stop_agent_5s() { standard 5s && begin && stops 2.5 100 0 "${PID[$AT]}"; }
row_stop_both_long() { standard 1s && begin && stops 4 1500 1 "${PID[$AT]}" "${STEWARD[$AT]}"; }

# At any moment of what agent and steward do, for less and more than the lease.
row_stop_often() {
    local at n pids
    standard 300ms && begin
    for ((n = 0; n < 25; n++)); do
        at=$(holder) || { sleep 0.2; continue; }
        case $((RANDOM % 3)) in
        0) pids=("${PID[$at]}") ;;
        1) pids=("${STEWARD[$at]}") ;;
        2) pids=("${PID[$at]}" "${STEWARD[$at]}") ;;
        esac
        kill -STOP "${pids[@]}"
        sleep "0.$((RANDOM % 800 + 100))"
        kill -CONT "${pids[@]}"
        sleep "0.$((RANDOM % 500 + 100))"
    done
    claim 'one has it' wait_for 10 holder
    judge - 0 25
}

# ---- partitions ----

cut_from_hosts() { sever "$1" "${HOSTS[@]}"; }
row_partition_minority() {
    standard 1s && fails_over 1500 cut_from_hosts
    watch_again
    mend
    sleep 3
    judge 100 0 0
}
row_partition_majority() {
    local other
    standard 1s && begin
    other=$(others "$AT" | head -n 1)
    sever "$other" "${HOSTS[@]}"
    sleep 4
    mend
    sleep 1
    judge 100 0 0
}
has_no_quorum() { m "$1" vip list | grep -q 'too few voters'; }
row_partition_each() {
    local host begun
    standard 1s && begin
    for host in "${HOSTS[@]}"; do sever "$host" "${HOSTS[@]}"; done
    claim 'nobody holds it' wait_for 3 nobody_carries
    begun=$(now_ms)
    for host in "${HOSTS[@]}"; do claim "$host says so" wait_for 10 has_no_quorum "$host"; done
    NUMBERS="said after $(($(now_ms) - begun)) ms, "
    claim 'nobody holds it still' nobody_carries
    begun=$(now_ms)
    mend
    claim 'one takes it when they are together again' wait_for 10 holder
    NUMBERS+="taken $(($(now_ms) - begun)) ms after the end"
    judge - 0 1
}

# ---- bad links ----

out_only() { one_way cut "$1" "${HOSTS[@]}"; }
in_only() { for host in $(others "$1"); do one_way cut "$host" "$1"; done; }
one_way_row() {
    standard 1s && begin
    "$1" "$AT"
    claim 'one that can talk has it' wait_for 10 is_elsewhere "$AT"
    sleep "$2"
    mend
    sleep 2
    judge 1500 1 2
}
row_one_way_out() { one_way_row out_only 2; }
row_one_way_in() { one_way_row in_only 2; }
row_one_way_long() { one_way_row in_only 30; }
lossy() { for host in "${HOSTS[@]}"; do one_way lossy "$host" "${HOSTS[@]}" c; done; }
row_loss() { standard 1s && begin && lossy && sleep 8 && judge - 0 2; }
row_loss_long() { standard 1s && begin && lossy && sleep 60 && judge - 0 6; }
row_duplicates() { standard 1s && begin && everything_twice && sleep 4 && judge 100 0 0; }

# ---- a voter is dead, or all start ----

row_witness_dead() {
    local other
    standard 1s && begin
    other=$(others "$AT" | head -n 1)
    kill_agent "$other"
    sleep 4
    claim 'the holder warns of it' log_has "$AT" "voter $other is gone: 2 of 3 are alive"
    judge 100 0 0
}
start_all() { start "${HOSTS[@]}"; }
row_boot_together() {
    fresh 1s
    watch_begin_early
    claim 'one has it' wait_for 10 is_steady
    sleep 3
    claim 'and keeps it' is_steady
    judge - 0 0
}
row_mass_kill() {
    local host
    standard 1s && begin
    for host in "${HOSTS[@]}"; do kill_both "$host"; done
    start_all
    claim 'one has it' wait_for 10 is_steady
    sleep 2
    claim 'and keeps it' is_steady
    judge 5000 0 1
}
row_mass_restart() {
    local host
    standard 1s && begin
    for host in "${HOSTS[@]}"; do kill -TERM "${PID[$host]}"; done
    for host in "${HOSTS[@]}"; do reap_agent "$host"; done
    claim 'nobody has it when all have ended' nobody_carries
    start_all
    claim 'one has it' wait_for 10 is_steady
    sleep 2
    claim 'and keeps it' is_steady
    judge 5000 0 3
}
