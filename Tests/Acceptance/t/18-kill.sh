# kill -9 at many instants: whatever is listed afterwards is whole, and the next backup just works.
. "$(dirname "$0")/../lib.sh"
KILLS=${ACCEPT_KILLS:-12}
SRC=$T/src
mkdir -p "$SRC/some"
for n in {1..40}; do random_file "$n" $((n * 3000)) "$SRC/some/$n"; done
random_file big 8000000 "$SRC/big"
new_key_repo
change() {      # ROUND: some new data each time
    random_file "new $1" 4000000 "$SRC/new-$(($1 % 3))"
    random_file "some $1" 50000 "$SRC/some/$(($1 % 40 + 1))"
    echo "$1" >"$SRC/round"
}
change 0
start=$(date +%s%N)
backup "$SRC"
took=$((($(date +%s%N) - start) / 1000000))
cp -a "$SRC" "$T/v$SNAPSHOT"
change 0
listed_ids() { snapfs snapshots --json >"$T/list" && value '[s["id"] for s in j]' "$T/list"; }
for ((round = 1; round <= KILLS; round++)); do
    change "$round"
    delay=$((took * (2 * round - 1) / (2 * KILLS)))
    before=$(listed_ids)
    "$SNAPFS" backup --quiet "$SRC" >/dev/null 2>"$T/err" &
    pid=$!
    JOBS+=($pid)
    sleep "$(printf '%d.%03d' $((delay / 1000)) $((delay % 1000)))"
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
    after=$(listed_ids) || { fail "round $round: the repository opens after kill -9"; break; }
    is "round $round, killed after $delay ms: what was listed still is" \
        "$(grep -cxFf <(echo "$before") <<<"$after")" "$(wc -l <<<"$before")"
    new=$(grep -vxFf <(echo "$before") <<<"$after")
    [[ -z $new ]] || cp -a "$SRC" "$T/v$new"
    exits 0 "round $round: check" snapfs check
    if ((round % 4 == 0)); then
        WHAT="in round $round, without repair" backup "$SRC"
        cp -a "$SRC" "$T/v$SNAPSHOT"
    fi
done
exits 0 "check --read-data" snapfs check --read-data
for id in $(listed_ids); do
    exits 0 "restore of ${id:0:8}" snapfs restore "$id" --target "$T/back"
    same "it is whole" "$T/v$id" "$T/back$SRC"
    rm -rf "$T/back"
done
num "no litter that grows with every kill" "$(du -sm "$T/repo" | cut -f1)" -lt $((20 + 10 * KILLS))

# init, killed
for ms in 001 010 030 080 200; do
    export SNAPFS_REPO=$T/killed-$ms
    SNAPFS_PASSWORD=x env -u SNAPFS_KEY_FILE "$SNAPFS" init >/dev/null 2>&1 &
    pid=$!
    sleep 0.$ms
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
    SNAPFS_PASSWORD=x exits "0|1|10" "init killed after $ms ms: it opens, or says what is wrong" env -u SNAPFS_KEY_FILE "$SNAPFS" snapshots
    ((CODE == 0)) || SNAPFS_PASSWORD=x exits "0" "and init can be run again" env -u SNAPFS_KEY_FILE "$SNAPFS" init
done
finish
