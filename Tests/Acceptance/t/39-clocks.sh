# Clocks that are decades ahead or behind: nothing goes that the policy keeps with the right clock.
. "$(dirname "$0")/../lib.sh"
need faketime
SRC=$T/src
mkdir "$SRC"
new_key_repo
at() {                  # TIME COMMAND...: with the clock set to it
    local time=$1
    shift
    timeout -k 5 "$LIMIT" faketime -f "$time" "$@"
}
TODAY=$(date -u +%s)
day() { date -u -d "@$((TODAY - $1 * 86400))" +%FT%TZ; }
for n in {12..1}; do
    echo "$n" >"$SRC/file"
    snapfs backup --quiet --time "$(day "$n")" "$SRC" || fail "backup of day $n"
done
times() { snapfs snapshots --json | value 'sorted(s["time"][:10] for s in j if s["time"] < "2060")' /dev/stdin; }
POLICY=(--keep-within 5d --keep-daily 7)
EXPECTED=$(snapfs forget -n --json "${POLICY[@]}" |
    python3 -c 'import json, sys
print("\n".join(sorted(j["time"][:10] for j in map(json.loads, sys.stdin)
    if j.get("message_type") == "snapshot" and j["action"] == "keep")))')
is "the policy keeps seven with the right clock" "$(wc -l <<<"$EXPECTED")" 7
cp -a "$T/repo" "$T/start"
again() { rm -rf "$T/repo" "$T/cache"; cp -a "$T/start" "$T/repo"; mkdir "$T/cache"; }
kept() {                # WHAT: all that the policy keeps is still listed, and whole
    is "$1: nothing is lost" "$(comm -23 <(echo "$EXPECTED") <(times))" ""
    exits 0 "$1: check --read-data" snapfs check --read-data
}
HELD=$(snapfs snapshots --json | value 'j[0]["id"]' /dev/stdin)

for clock in '+30y' '-30y' '@2105-03-01 00:00:00' '@1971-01-01 00:00:00'; do
    again
    exits "0|1" "forget --prune at $clock" at "$clock" "$SNAPFS" forget "${POLICY[@]}" --prune
    kept "forget --prune at $clock"
    again
    echo "$clock" >"$SRC/file"
    exits 0 "backup at $clock" at "$clock" "$SNAPFS" backup "$SRC"
    is "it is listed" "$(listed)" 13
    exits "0|1" "forget --prune after it" at "$clock" "$SNAPFS" forget "${POLICY[@]}" --prune
    kept "backup and forget --prune at $clock"
    # Then the clock is set right, and the backups go on.
    exits "0|1" "forget --prune with the right clock" snapfs forget "${POLICY[@]}" --prune
    kept "the clock is right again after $clock"
    backup "$SRC"
    exits 0 "audit verify" snapfs audit verify
done

# A hold of ten years is not over because the clock says so.
again
exits 0 "hold" snapfs hold --hold-until "$(date -u -d '+10 years' +%F)" "$HELD"
exits 0 "backup decades ahead" at +30y "$SNAPFS" backup --quiet "$SRC"
fails_with 1 "forget decades ahead of what is held" at +30y "$SNAPFS" forget "$HELD"
exits 0 "prune decades ahead" at +30y "$SNAPFS" prune
exits 0 "what was held is there" snapfs ls "$HELD"
ok "and is there" snapfs restore "$HELD" --target "$T/held"
again
exits 0 "hold decades behind" at -30y "$SNAPFS" hold --hold-until "$(date -u -d '+10 years' +%F)" "$HELD"
fails_with 1 "it holds" snapfs forget "$HELD"

# Sessions of a machine whose clock is wrong: nobody is taken for dead by the time of day.
again
mkfifo "$T/pipe"
at +30y "$SNAPFS" backup --quiet --stdin --stdin-filename piped <"$T/pipe" &
JOBS+=($!) slow=$!
exec 9>"$T/pipe"
head -c 300000 /dev/urandom | tee "$T/piped" >&9
wait_until 20 sh -c "ls '$T/repo/sessions' | grep -q ."
exits 0 "forget" snapfs forget --keep-last 3
exits 0 "prune beside it" snapfs prune --json
is "waits for it" "$(value 'j["result"]' "$T/out")" waiting
exec 9>&-
ok "it commits" wait "$slow"
exits 0 "prune decades behind" at -30y "$SNAPFS" prune
exits 0 "its snapshot reads" snapfs cat latest:piped
ok "as written" cmp "$T/out" "$T/piped"
exits 0 "check" snapfs check --read-data
finish
