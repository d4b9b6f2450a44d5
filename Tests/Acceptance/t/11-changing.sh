# Sources that change while they are read: stored as read, consistent with the size, and reported.
. "$(dirname "$0")/../lib.sh"
SRC=$T/src
mkdir "$SRC"
new_key_repo
random_file 1 $((48 << 20)) "$SRC/grows"
random_file 2 $((48 << 20)) "$SRC/shrinks"
echo calm >"$SRC/calm"
cat >"$T/writer.py" <<'PY'
import os, sys, time
grows = os.open(sys.argv[1] + "/grows", os.O_WRONLY | os.O_APPEND)
shrinks = os.open(sys.argv[1] + "/shrinks", os.O_RDWR)
n = 0
while True:
    os.write(grows, b"appended line %d\n" % n)
    os.ftruncate(shrinks, (48 - n % 40) << 20)
    os.pwrite(shrinks, b"new", n)
    scratch = sys.argv[1] + "/comes-and-goes-%d" % (n % 20)
    if n % 2: open(scratch, "w").close()
    elif os.path.exists(scratch): os.unlink(scratch)
    n += 1
    time.sleep(0.002)
PY
python3 "$T/writer.py" "$SRC" & JOBS+=($!)
for round in 1 2; do
    exits "0|3" "backup $round of files that change" snapfs backup --json "$SRC"
    cp "$T/err" "$T/messages"
    file_has "the growing file is reported" "$T/messages" "grows"
    file_has "the shrinking file is reported" "$T/messages" "shrinks"
    file_lacks "the calm one is not" "$T/messages" "calm"
done
kill "${JOBS[0]}"
wait "${JOBS[0]}" 2>/dev/null
exits 0 "check --read-data" snapfs check --read-data
mount_at "$T/mnt"
M=$T/mnt/latest$SRC
for f in grows shrinks; do
    size=$(stat -c %s "$M/$f")
    num "$f has some data" "$size" -gt 1000000
    is "$f: what can be read is as long as its size says" "$(wc -c <"$M/$f")" "$size"
    is "$f: cat agrees" "$(snapfs cat "latest:$SRC/$f" | wc -c)" "$size"
done
is "the growing file begins as it began" "$(head -c 40000000 "$M/grows" | sha256sum)" "$(head -c 40000000 "$SRC/grows" | sha256sum)"
is "the calm file" "$(cat "$M/calm")" calm
unmount "$T/mnt"
WHAT='when all is quiet' backup "$SRC"
exits 0 "restore" snapfs restore latest --target "$T/back"
same "is the source, nothing stale was kept" "$SRC" "$T/back$SRC"

# The repository inside its own source: the backup ends.
LIMIT=60 exits "0|3" "a source that holds the repository" snapfs backup "$T/repo" "$T/cache"
exits 0 "check" snapfs check
finish
