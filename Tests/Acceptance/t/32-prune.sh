# Collections with real processes: what goes, what stays, beside backups, mounts and other prunes.
. "$(dirname "$0")/../lib.sh"
SRC=$T/src
mkdir -p "$SRC"/tree/{a,b/c}
for n in {1..50}; do echo "$n" | tee "$SRC/tree/a/$n" >"$SRC/tree/b/c/$n"; done
new_key_repo
bytes() { du -sb --apparent-size "$T/repo/data" "$T/repo/meta" | awk '{s += $1} END {print s}'; }
whole() { exits 0 "$1: the repository is whole" snapfs check --read-data; }

for n in 1 2 3 4 5 6; do
    random_file "$n" 6000000 "$SRC/changing"
    backup "$SRC"
    cp -a "$SRC" "$T/kept.$n"
    SNAPSHOTS[n]=$SNAPSHOT
done
exits 0 "with nothing forgotten" snapfs prune
out_has "there is nothing to prune" 'nothing to prune'

# --- what goes, what stays -------------------------------------------------------------------------
exits 0 "forget four" snapfs forget "${SNAPSHOTS[@]:1:4}"
before=$(bytes)
exits 0 "dry run" snapfs prune -n --json
is "says how many" "$(value 'len(j["snapshots"])' "$T/out")" 4
freed=$(value 'j["bytes_freed"]' "$T/out")
num "and how much, about" "$freed" -gt 20000000
is "and takes nothing" "$(bytes)" "$before"
is "nor leaves a trace" "$(find "$T/repo/gc" -type f 2>/dev/null | wc -l)" 0
exits 0 "prune" snapfs prune --json
is "is done" "$(value 'j["result"]' "$T/out")" done
is "it took them" "$(value 'len(j["snapshots"])' "$T/out")" 4
num "their data is gone" $((before - $(bytes))) -gt 22000000
whole "after it"
fails_with 1 "it cannot be taken back" snapfs unforget "${SNAPSHOTS[1]}"
for n in 5 6; do
    exits 0 "restore" snapfs restore "${SNAPSHOTS[n]}" --target "$T/back"
    same "snapshot $n is as it was" "$T/kept.$n" "$T/back$SRC"
    rm -rf "$T/back"
done
exits 0 "once more" snapfs prune
out_has "nothing is left to prune" 'nothing to prune'
exits 0 "a reader from the page alone sees the same" \
    python3 "$HERE/../../contrib/snapfs-reader.py" --key-file "$T/key" --repo "$T/repo" snapshots
out_has "and what is listed" "${SNAPSHOTS[6]:0:8}"
out_lacks "without what was taken" "${SNAPSHOTS[1]:0:8}"
exits 0 "and finds every byte whole" \
    python3 "$HERE/../../contrib/snapfs-reader.py" --key-file "$T/key" --repo "$T/repo" verify

# --- beside a backup -------------------------------------------------------------------------------
exits 0 "forget the older one" snapfs forget "${SNAPSHOTS[5]}"
mkfifo "$T/pipe"
"$SNAPFS" backup --quiet --stdin <"$T/pipe" &
JOBS+=($!) slow=$!
exec 9>"$T/pipe"
head -c 3000000 /dev/urandom >&9
wait_until 20 sh -c "ls '$T/repo/sessions' | grep -q ."
exits 0 "prune beside a backup that runs" snapfs prune --json
is "waits for nobody" "$(value 'j["result"]' "$T/out")" waiting
is "says for whom" "$(value 'len(j["waiting_for"])' "$T/out")" 1
backup "$SRC"
whole "with an open collection"
exec 9>&-
ok "the backup that was there first commits" wait "$slow"
exits 0 "a later prune" snapfs prune --json
is "goes on" "$(value 'j["result"]' <(head -n 1 "$T/out"))" done
whole "after both"
is "all that committed is there" "$(listed)" 3

# --- beside a backup that was killed ---------------------------------------------------------------
exits 0 "forget" snapfs forget "${SNAPSHOTS[6]}"
"$SNAPFS" backup --quiet --stdin <"$T/pipe" &
JOBS+=($!) slow=$!
exec 9>"$T/pipe"
head -c 3000000 /dev/urandom >&9
wait_until 20 sh -c "ls '$T/repo/sessions' | grep -q ."
kill -9 "$slow"; wait "$slow" 2>/dev/null
exec 9>&-
before=$(listed)
exits 0 "prune after it was killed" snapfs prune --json
is "does not wait for the dead" "$(value 'j["result"]' "$T/out")" done
is "whose backup is none" "$(listed)" "$before"
is "and clears their sessions away" "$(find "$T/repo/sessions" -type f | wc -l)" 0
whole "after it"

sleeper() {             # a backup that has stored something and is stopped then: $slow
    "$SNAPFS" backup --quiet --stdin --stdin-filename sleeper <"$T/pipe" 2>"$T/sleeper.err" &
    JOBS+=($!) slow=$!
    exec 9>"$T/pipe"
    head -c 2000000 /dev/urandom >&9
    wait_until 20 sh -c "ls '$T/repo/sessions' | grep -q ."
    kill -STOP "$slow"
}

# --- a backup that sleeps through a collection -----------------------------------------------------
random_file 11 3000000 "$SRC/changing"
backup "$SRC"
gone=$SNAPSHOT
sleeper
exits 0 "forget beside the sleeper" snapfs forget "$gone"
exits 0 "prune beside the sleeper" snapfs prune --json
is "waits for it, asleep as it is" "$(value 'j["result"]' "$T/out")" waiting
kill -CONT "$slow"
exec 9>&-
ok "it wakes and commits" wait "$slow"
exits 0 "prune then" snapfs prune
whole "after the sleeper"
exits 0 "its snapshot reads" snapfs cat latest:sleeper
is "in full" "$(stat -c %s "$T/out")" 2000000

# --- a backup that sleeps until it is given up ------------------------------------------------------
random_file 13 3000000 "$SRC/changing"
backup "$SRC"
gone=$SNAPSHOT
before=$(listed)
sleeper
exits 0 "forget beside it" snapfs forget "$gone"
exits 0 "prune sees it for the first time" snapfs prune --json
is "and waits" "$(value 'j["result"]' "$T/out")" waiting
# Three hours later by the clock that prune goes by; the sleeper keeps its own.
exits 0 "prune three hours later" unshare -T --monotonic 10800 -f "$SNAPFS" prune --json
is "gives it up" "$(value 'j["result"]' <(head -n 1 "$T/out"))" done
kill -CONT "$slow"
exec 9>&-
wait "$slow"
is "it wakes and fails" "$?" 11
ok "and says why" grep -q 'gave it up; run it again' "$T/sleeper.err"
is "what is listed is what was" "$(listed)" $((before - 1))
whole "after it was given up"
exits 0 "the same again" sh -c "head -c 2000000 /dev/urandom | '$SNAPFS' backup --quiet --stdin --stdin-filename again"
exits 0 "reads" snapfs cat latest:again
is "in full, too" "$(stat -c %s "$T/out")" 2000000
exits 0 "forget it" snapfs forget latest

# --- beside readers --------------------------------------------------------------------------------
random_file 12 9000000 "$SRC/changing"
backup "$SRC"
pinned=$SNAPSHOT
backup "$SRC" --tag later
mount_at "$T/one" "$pinned"
mount_at "$T/all"
ls "$T/all/snapshots" >/dev/null
exits 0 "forget what is mounted" snapfs forget "$pinned"
exits 0 "prune beside its mount" snapfs prune --json
is "says that it is in use" "$(value 'j["snapshots_in_use"]' "$T/out")" "$pinned"
exits 0 "prune once more" snapfs prune
out_has "says so in words" "1 forgotten snapshot stays until nobody reads .*: ${pinned:0:8}"
ok "what is mounted by name stays" cmp "$SRC/changing" "$T/one$SRC/changing"
unmount "$T/one"
rm -rf "$T/cache"
exits 0 "prune after the mount" snapfs prune --json
is "takes it then" "$(value 'j["snapshots"]' "$T/out")" "$pinned"
ok "the history shows what is left" cmp "$SRC/changing" "$T/all/latest$SRC/changing"
wait_until 10 sh -c "[ \$(ls '$T/all/snapshots' | wc -l) = $(listed) ]"
is "and only that" "$(ls "$T/all/snapshots" | wc -l)" "$(listed)"
unmount "$T/all"

# --- killed at any time, and run again -------------------------------------------------------------
for n in {1..8}; do
    random_file "2$n" 2500000 "$SRC/changing"
    backup "$SRC"
done
exits 0 "keep three" snapfs forget --keep-last 3 --group-by host
for n in {1..12}; do
    timeout -s KILL "0.$((RANDOM % 30 + 5))" "$SNAPFS" prune --quiet >/dev/null 2>&1
    ((n % 3)) || whole "killed $n times"
done
exits 0 "and run to its end" snapfs prune
whole "at last"
exits 0 "restore the newest" snapfs restore latest --target "$T/back"
same "it is as it was" "$SRC" "$T/back$SRC"

# --- two at once -----------------------------------------------------------------------------------
for n in {1..4}; do random_file "3$n" 2500000 "$SRC/changing"; backup "$SRC"; done
exits 0 "forget all but three" snapfs forget --keep-last 3 --group-by host
prunes=()
for n in 1 2 3; do snapfs prune --quiet >"$T/prune.$n" 2>&1 & prunes+=($!); done
backup "$SRC"
for n in 0 1 2; do ok "prune $n beside others" wait "${prunes[n]}"; done
exits 0 "one more" snapfs prune
whole "after three at once"

# --- small packs are gathered ----------------------------------------------------------------------
for n in {1..20}; do echo "$n" >"$SRC/little"; snapfs backup --quiet "$SRC" || fail "backup $n"; done
before=$(find "$T/repo/data" "$T/repo/meta" -type f | wc -l)
exits 0 "prune of many small packs" snapfs prune
num "gathers them" "$(find "$T/repo/data" "$T/repo/meta" -type f | wc -l)" -lt $((before - 15))
whole "after gathering"
exits 0 "again" snapfs prune
out_has "and does not do so twice" 'nothing to prune'

# --- forget --prune --------------------------------------------------------------------------------
exits 0 "forget --prune" snapfs forget --keep-last 3 --group-by host --prune
is "in one go" "$(listed)" 3
exits 0 "nothing is left of the rest" snapfs snapshots --forgotten --json
is "none forgotten" "$(value 'len(j)' "$T/out")" 0
whole "at the end"
# --- why packs are written again --------------------------------------------------------------------
SNAPFS_REPO=$T/small
exits 0 "another repository" env -u SNAPFS_KEY_FILE "$SNAPFS" init --new-key-file "$T/small.key"
SNAPFS_KEY_FILE=$T/small.key
mkdir "$T/two"
random_file 41 3000000 "$T/two/stays"
random_file 42 3000000 "$T/two/goes"
backup "$T/two"
gone=$SNAPSHOT
rm "$T/two/goes"
backup "$T/two"
exits 0 "forget" snapfs forget "$gone"
exits 0 "unlimited" snapfs prune -n --max-unused unlimited
out_lacks "copies nothing" 'is copied'
exits 0 "dry run" snapfs prune -n
out_has "says why packs are copied" 'is copied: 1 with more that is unneeded than --max-unused lets stay'
exits 0 "as JSON" snapfs prune -n --json
is "too" "$(value 'j["rewritten"]["unused"]' "$T/out")" 1
exits 0 "prune" snapfs prune
out_has "says it, too" 'is copied: 1 with more that is unneeded'
exits 0 "new keys" snapfs key rotate
exits 0 "prune that copies nothing" snapfs prune --max-unused unlimited
out_has "has nothing to do" 'nothing to prune'
out_has "says what stays" '[0-9]+ packs? stays? sealed under older keys'
exits 0 "for programs" snapfs prune -n --json --max-unused unlimited
is "it is a number" "$(value 'j["packs_older_keys"] > 0' "$T/out")" True
exits 0 "prune" snapfs prune
out_has "says that packs are of older ones" 'is copied: [0-9]+ sealed under older keys'
for n in {1..17}; do
    random_file "5$n" 2000 "$T/two/small"
    backup "$T/two"
done
exits 0 "prune that copies nothing" snapfs prune --max-unused unlimited
out_has "leaves the small ones, too" 'nothing to prune'
exits 0 "prune" snapfs prune --json
is "gathers small ones" "$(value 'j["rewritten"]["small"] >= 16' "$T/out")" True
exits 0 "new keys again" snapfs key rotate
exits 0 "erase" snapfs erase "$T/two/small"
exits 0 "prune that copies the least" snapfs prune --max-unused unlimited
out_has "says what that costs" 'is copied: [0-9]+ so that nothing is left of what was erased$'
whole "after all"
finish
