# A time or a date as SNAPSHOT: what reads takes the newest until then and says which; what changes
# snapshots or takes them away takes only the one of exactly that second.
. "$(dirname "$0")/../lib.sh"
SRC=$T/src
mkdir "$SRC"
new_key_repo
backup() { echo "$1" >"$SRC/a.txt"; snapfs backup --quiet --time "$1" --host "$2" "$SRC"; }
backup 2026-11-05T08:00:00Z alpha
backup 2026-11-07T06:00:00Z alpha
backup 2026-11-07T22:00:00Z beta
backup 2026-11-09T00:00:00Z alpha
backup 2026-11-09T12:00:00Z alpha
backup 2026-11-09T12:00:00Z beta
listed() { snapfs snapshots --json | value 'len(j)' /dev/stdin; }
id_of() { snapfs snapshots --host "$2" --json >"$T/list" &&
    value "[s['id'][:8] for s in j if s['time'].startswith('$1')][0]" "$T/list"; }
A5=$(id_of 2026-11-05 alpha) A7=$(id_of 2026-11-07 alpha) B7=$(id_of 2026-11-07 beta)
A9=$(id_of 2026-11-09T12 alpha) B9=$(id_of 2026-11-09T12 beta)
shows() { is "$1 shows" "$(snapfs cat "$@" 2>&1)" "$EXPECTED"; }

# What reads.
EXPECTED=2026-11-07T22:00:00Z
shows "2026-11-07:$SRC/a.txt"
shows "2026-11-08:$SRC/a.txt"
EXPECTED=2026-11-07T06:00:00Z
shows --host alpha "2026-11-07:$SRC/a.txt"
shows "2026-11-07T21:59:59Z:$SRC/a.txt"
EXPECTED=2026-11-05T08:00:00Z
shows "2026-11-07T00:00:00Z:$SRC/a.txt"
fails_with 1 "a day before the first" snapfs ls 2026-11-04
mkdir "$T/other" && touch "$T/other/b"
snapfs backup --quiet --time 2026-11-06T08:00:00Z --host gamma "$T/other"
G6=$(id_of 2026-11-06 gamma)
fails_with 1 "a path that another job backs up" snapfs ls "latest:$T/other"
err_has "names the newest that has it" \
    "not in snapshot $B9; the newest before it that has it is $G6 of 2026-11-06T08:00:00Z, host g"
fails_with 1 "one that a time is too early for" snapfs ls "2026-11-05:$T/other"
err_has "names no later one" "not in snapshot $A5$"
exits 0 "the one that was named" snapfs ls "$G6:$T/other"
exits 0 "is in nobody's way below" snapfs forget "$G6"

exits 0 "restore of a day" snapfs restore "2026-11-07:$SRC" --target "$T/to"
out_has "says what it took" "^from snapshot $B7 of 2026-11-07T22:00:00Z, host beta$"
exits 0 "with --json" snapfs restore "2026-11-07:$SRC" --target "$T/to" --json
is "so does the summary" "$(value '[j["snapshot"][:8], j["time"], j["host"]]' "$T/out")" \
    "$(printf '%s\n' "$B7" 2026-11-07T22:00:00Z beta)"
mkdir "$T/one"
exits 0 "mount of a day" snapfs mount 2026-11-07 "$T/one"
out_has "says what it took, too" "^from snapshot $B7 of 2026-11-07T22:00:00Z, host beta$"
is "and shows it" "$(cat "$T/one$SRC/a.txt")" 2026-11-07T22:00:00Z
is "its process has our name" "$(cat /proc/[0-9]*/comm 2>/dev/null | grep -cx snapfs)" 1
unmount "$T/one"

# What changes.
for command in forget hold "tag add x" "tag remove x" "erase $SRC/a.txt -s"; do
    for time in 2026-11-07 2026-11-07T06:00:01Z 2026-11-09; do
        # shellcheck disable=SC2086
        fails_with 1 "$command $time" snapfs $command $time
        err_has "names the one before" "$A7 of 2026-11-07T06:00:00Z|$B7 of 2026-11-07|$A9|$B9"
    done
done
fails_with 1 "a second between two" snapfs forget 2026-11-07T06:00:01Z
err_has "names both" "$A7 of 2026-11-07T06:00:00Z, host alpha and $B7 of 2026-11-07T22:00:00Z"
fails_with 1 "a time before the first" snapfs forget 2026-11-01T00:00:00Z
err_has "names the first" "the nearest: $A5 of 2026-11-05T08:00:00Z, host alpha;"
fails_with 1 "a second of two" snapfs forget 2026-11-09T12:00:00Z
err_has "names the one" "$A9 .host alpha."
err_has "and the other" "$B9 .host beta."
is "nothing was forgotten or written again" "$(listed)" 6
fails_with 1 "a day whose midnight one has" snapfs forget 2026-11-09
exits 0 "a second of two, one of them chosen" snapfs forget --host beta 2026-11-09T12:00:00Z
fails_with 1 "unforget of about" snapfs unforget 2026-11-10
err_has "names the nearest that is forgotten" "$B9 of 2026-11-09T12:00:00Z"
exits 0 "unforget of exactly" snapfs unforget 2026-11-09T12:00:00Z
exits 0 "erase from exactly one" snapfs erase -s '2026-11-07 06:00:00' "$SRC/a.txt"
is "that one" "$(snapfs cat "$A5:$SRC/a.txt" "$B7:$SRC/a.txt")" \
    "$(printf '%s\n' 2026-11-05T08:00:00Z 2026-11-07T22:00:00Z)"
exits 0 "all are there" snapfs snapshots
is "as many as before" "$(listed)" 6
finish
