# Forty readers at once, of the same and of different files, while backups go on.
. "$(dirname "$0")/../lib.sh"
SRC=$T/src
gone() { [[ -z $(own_processes "$T") ]]; }
tree "$SRC" --only sizes,dirs,sparse
new_key_repo
backup "$SRC"
mount_at "$T/mnt"
M=$T/mnt/$(readlink "$T/mnt/latest")$SRC      # latest moves on
cat >"$T/reader.py" <<'PY'
"""reader.py SOURCE MOUNT SEED: read files and pieces of files in an order of its own."""
import os, random, sys
source, mount, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
rng = random.Random(seed)
files = sorted(os.path.join(d, f)[len(source) + 1:] for d, _, names in os.walk(source) for f in names
               if os.path.isfile(os.path.join(d, f)) and not os.path.islink(os.path.join(d, f)))
large = [f for f in files if os.path.getsize(os.path.join(source, f)) > 1 << 18]
for name in rng.sample(files, 60) + rng.sample(large, 2):
    with open(os.path.join(source, name), "rb") as a, open(os.path.join(mount, name), "rb", 0) as b:
        want = a.read()
        got = b"".join(iter(lambda: b.read(1 << 17), b""))
    if want != got: sys.exit("%s differs" % name)
for _ in range(60):
    name = rng.choice(large)
    with open(os.path.join(source, name), "rb") as a, open(os.path.join(mount, name), "rb", 0) as b:
        offset = rng.randrange(os.path.getsize(os.path.join(source, name)) + 10)
        length = rng.choice([1, 100, 4096, 70000])
        if os.pread(a.fileno(), length, offset) != os.pread(b.fileno(), length, offset):
            sys.exit("%s differs at %d" % (name, offset))
PY
readers=()
for n in {1..40}; do
    timeout 120 python3 "$T/reader.py" "$SRC" "$M" "$n" >"$T/reader-$n" 2>&1 &
    readers+=($!) JOBS+=($!)
done
mkdir "$T/other"
echo x >"$T/other/x"
backup "$T/other"
bad=0
for n in {1..40}; do
    wait "${readers[n - 1]}" || { bad=$((bad + 1)); detail 5 <"$T/reader-$n"; }
done
is "forty readers each got the right bytes" "$bad failed" "0 failed"
ok "and the mount goes on" test -d "$M"
same "the whole tree afterwards" "$SRC" "$M"
pid=$(daemon_of "$T/mnt")
num "the daemon's memory stays below 400 MiB, in a debug build too" \
    "$(awk '/VmHWM/ {print int($2 / 1024)}' "/proc/$pid/status")" -lt 400

# Unmounted while it is being read: an error, never wrong data.
cat "$T/mnt/latest$T/other/x" >/dev/null
(for _ in {1..20}; do cat "$T/mnt"/snapshots/*/"$SRC/sizes/large-text" 2>/dev/null || break; done | cat >"$T/stream") & JOBS+=($!)
sleep 0.3
umount -l "$T/mnt"
wait "${JOBS[-1]}" 2>/dev/null
size=$(stat -c %s "$SRC/sizes/large-text") got=$(stat -c %s "$T/stream")
for ((n = 0; n <= got / size; n++)); do cat "$SRC/sizes/large-text"; done | head -c "$got" >"$T/expected"
ok "what was read until a lazy umount is right" cmp "$T/stream" "$T/expected"
ok "the daemon ends when the last reader has gone" wait_until 10 gone
finish
