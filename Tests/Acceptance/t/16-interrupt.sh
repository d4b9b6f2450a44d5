# An interrupted backup, the first one too, goes on where it was when it is run again.
. "$(dirname "$0")/../lib.sh"
MIB=${ACCEPT_INTERRUPT_MIB:-192}
SRC=$T/src
mkdir "$SRC"
for n in $(seq 1 $((MIB / 8))); do random_file "$n" $((8 << 20)) "$SRC/$n"; done
cat >"$T/interrupt.py" <<'PY'
"""interrupt.py SIGNAL BYTES DIR COMMAND...: signal the command when DIR has grown to BYTES.
On the way there it is stopped three times for longer than a second, so that its clock goes on.
Exit status of the command as a shell has it; 99 if it ended before."""
import os, subprocess, sys, time
number, limit, where = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
def size():
    total = 0
    for d, _, names in os.walk(where):
        for n in names:
            try: total += os.lstat(os.path.join(d, n)).st_size
            except FileNotFoundError: pass
    return total
rests = [limit // 4, limit // 2, limit * 3 // 4]
child = subprocess.Popen(sys.argv[4:], stdin=subprocess.DEVNULL)
while child.poll() is None:
    reached = size()
    if rests and reached >= rests[0] and reached < limit:
        rests = [r for r in rests if r > reached]
        child.send_signal(19)
        time.sleep(1.3)
        child.send_signal(18)
    if reached >= limit:
        child.send_signal(number)
        code = child.wait(timeout=60)
        sys.exit(128 - code if code < 0 else code)
    time.sleep(0.005)
sys.exit(99)
PY
fresh() {
    rm -rf "$T/repo" "$T/cache"
    unset SNAPFS_KEY_FILE
    rm -f "$T/key"
    export SNAPFS_PASSWORD=x
    new_key_repo
}
interrupted() {     # SIGNAL EXIT-CODES
    exits "$2" "a first backup is stopped by signal $1" python3 "$T/interrupt.py" "$1" $((MIB * 5 << 17)) "$T/repo" \
        "$SNAPFS" backup --checkpoint-interval 1 "$SRC"
}
for signal in 2 15 9; do
    fresh
    case $signal in
    2) interrupted 2 130 ;;
    15) interrupted 15 143 ;;
    9) LIMIT=120; try python3 "$T/interrupt.py" 9 $((MIB * 5 << 17)) "$T/repo" \
           "$SNAPFS" backup --checkpoint-interval 1 "$SRC"
       is "a first backup is killed" $CODE 137 ;;
    esac
    is "nothing is listed" "$(listed)" 0
    exits 0 "check of what it left" snapfs check
    WHAT='again' backup "$SRC"
    added=$(summary data_added)
    num "it does not add again what was there ($((added >> 20)) of $MIB MiB)" "$added" -lt $((MIB * 3 << 18))
    num "the repository holds the data once, and less than half again" "$(du -sm "$T/repo" | cut -f1)" -lt $((MIB * 3 / 2))
    exits 0 "check --read-data" snapfs check --read-data
    exits 0 "restore" snapfs restore latest --target "$T/back"
    same "everything is there" "$SRC" "$T/back$SRC"
    rm -rf "$T/back"
done
exits 0 "one more after it" snapfs backup --json "$SRC"
is "reads nothing again" "$(value 'j["files_unmodified"]' "$T/out")" $((MIB / 8))
# What is read first is new: the checkpoint knows nothing of the rest, the snapshot before it does.
random_file x $((MIB << 19)) "$SRC/0"
exits 130 "a later backup that is stopped" python3 "$T/interrupt.py" 2 $((MIB * 5 << 18)) "$T/repo" "$SNAPFS" backup "$SRC"
is "leaves the earlier ones" "$(listed)" 2
exits 0 "whole" snapfs check
exits 0 "the run after it" snapfs backup --json "$SRC"
is "reads only what is new" "$(value '"%d, %d" % (j["files_unmodified"], j["files_new"])' "$T/out")" "$((MIB / 8)), 1"
WHAT='and the next' backup "$SRC"
is "knows everything" "$(summary files_unmodified)" $((MIB / 8 + 1))

# The same without any snapshot: the second run was stopped earlier than the first.
rm "$SRC/0"
fresh
interrupted 2 130
random_file y $((MIB << 19)) "$SRC/0"
exits 130 "a second run is stopped sooner" python3 "$T/interrupt.py" 2 $((MIB * 7 << 17)) "$T/repo" "$SNAPFS" backup "$SRC"
exits 0 "the third" snapfs backup --json "$SRC"
num "reads nothing of what the first one had" "$(value 'j["files_unmodified"]' "$T/out")" -gt $((MIB / 16 - 2))
rm "$SRC/0"

# One large file, and a stream: neither is waited for, and what was read of it is not lost.
mkdir "$T/one"
cat "$SRC"/[0-9]* >"$T/one/large"
size=$(($(stat -c %s "$T/one/large") >> 20))
file() { exec "$SNAPFS" backup --checkpoint-interval 1 "$@" "$T/one"; }
stream() { exec "$SNAPFS" backup --checkpoint-interval 1 "$@" --stdin <"$T/one/large"; }
export -f file stream
export T
for kind in file stream; do
    fresh
    exits 130 "a $kind is interrupted" python3 "$T/interrupt.py" 2 $((size << 18)) "$T/repo" bash -c "$kind"
    num "long before its end ($(du -sm "$T/repo" | cut -f1) of $size MiB)" "$(du -sm "$T/repo" | cut -f1)" -lt $((size * 3 / 4))
    try python3 "$T/interrupt.py" 9 $((size * 5 << 17)) "$T/repo" bash -c "$kind"
    is "then a run is killed" $CODE 137
    is "nothing is listed" "$(listed)" 0
    exits 0 "check" snapfs check
    exits 0 "the $kind again" bash -c "$kind --json"
    added=$(value 'j["data_added"]' "$T/out")
    num "does not add again what was there ($((added >> 20)) of $size MiB)" "$added" -lt $((size * 3 << 18))
    exits 0 "check --read-data" snapfs check --read-data
done
ok "the stream is whole" cmp "$T/one/large" <(snapfs cat latest:/stdin)
finish
