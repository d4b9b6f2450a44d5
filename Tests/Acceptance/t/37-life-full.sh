# File systems that fill up under forget, prune, erase, copy and key add: a clear error, nothing is
# lost, and with some room each of them works.
. "$(dirname "$0")/../lib.sh"
SRC=$T/src
mkdir "$SRC" "$T/small"
mount -t tmpfs -o size=64m tmpfs "$T/small"
export SNAPFS_REPO=$T/small/repo
new_key_repo
random_file stays 300000 "$SRC/stays"
for n in 1 2 3; do
    # Of each a half is in the next: a prune must copy it before it frees anything.
    for m in {1..20}; do random_file "$((n + m % 2 * 10)) $m" 90000 "$SRC/file-$m"; done
    echo "$n" >"$SRC/secret"
    backup "$SRC" --tag "t$n"
    cp -a "$SRC" "$T/kept.$n"
    SNAPSHOTS[n]=$SNAPSHOT
done
used() { du -sk --apparent-size "$T/small" | cut -f1; }
blocks() { df -k --output=used "$T/small" | tail -n 1 | tr -d ' '; }
room() {                # KIB: so much is left from now on
    mount -o "remount,size=$(($(blocks) + $1))k" "$T/small" || fail "cannot resize the tmpfs"
}
plenty() { mount -o remount,size=64m "$T/small"; }
whole() {               # WHAT: without repair, and though the file system is full
    exits 0 "$1: check --read-data" snapfs check --read-data
    is "$1: all are listed" "$(listed)" "$2"
    exits 0 "$1: restore" snapfs restore "${SNAPSHOTS[3]}" --target "$T/back"
    same "$1: the newest is as it was" "$T/kept.3" "$T/back$SRC"
    rm -rf "$T/back"
}
refused() {             # WHAT COMMAND...: for want of room
    fails_with 1 "$@"
    err_has "$1: says why" '[Nn]o space|full'
}

# --- what writes a little --------------------------------------------------------------------------
room 0
refused "forget, no room" snapfs forget "${SNAPSHOTS[1]}"
out_lacks "and tells of none that is gone" forget
refused "forget by policy, no room" snapfs forget --keep-last 1
out_lacks "nor does that" forget
refused "hold, no room" snapfs hold "${SNAPSHOTS[2]}"
refused "tag, no room" snapfs tag add x "${SNAPSHOTS[2]}"
refused "erase, no room" snapfs erase "$SRC/secret"
refused "key add, no room" snapfs key add --new-key-file "$T/key.2"
ok_not "no key is left that opens nothing" test -s "$T/key.2"
whole "no room" 3
for kib in 4 8 12 16; do
    room "$kib"
    try snapfs erase "$SRC/secret"
    is "erase, $kib KiB left: done or a clear error" "${CODE/0/1}" 1
done
plenty
exits 0 "erase with room" snapfs erase "$SRC/secret"
is "no snapshot is doubled or lost" "$(listed)" 3
for n in 1 2 3; do
    rm "$T/kept.$n/secret"
    SNAPSHOTS[n]=$(snapfs snapshots --json | value "[s['id'] for s in j if 't$n' in s['tags']][0]" /dev/stdin)
    touch -r "$SRC" "$T/kept.$n"
done
rm -f "$T/key.2"
exits 0 "key add with room" snapfs key add --new-key-file "$T/key.2"
exits 0 "it opens" env SNAPFS_KEY_FILE="$T/key.2" "$SNAPFS" snapshots

# --- prune -----------------------------------------------------------------------------------------
exits 0 "forget with room" snapfs forget "${SNAPSHOTS[@]:1:2}"
before=$(used)
for kib in 0 4 8 16 40 100 300; do
    room "$kib"
    refused "prune, $kib KiB left" snapfs prune --max-unused 0
    err_has "and what helps" 'MiB of room'
    whole "prune, $kib KiB left" 1
    num "it left nothing behind" "$(used)" -lt $((before + 100))
done
# A few MiB more than what it copies: 0.9 MB here.
room 4000
exits 0 "prune with a little room" snapfs prune --max-unused 0
num "frees a lot" $((before - $(used))) -gt 1500
whole "after it" 1

# --- copy ------------------------------------------------------------------------------------------
mkdir "$T/away"
mount -t tmpfs -o size=64m tmpfs "$T/away"
export SNAPFS_TO_REPO=$T/away/repo SNAPFS_TO_KEY_FILE=$T/away.key
exits 0 "init of the second" env SNAPFS_REPO="$T/away/repo" SNAPFS_KEY_FILE= "$SNAPFS" init --new-key-file "$T/away.key"
for kib in 0 16 100 700 1500; do
    mount -o "remount,size=$(($(df -k --output=used "$T/away" | tail -n 1) + kib))k" "$T/away"
    refused "copy, $kib KiB left there" snapfs copy
    whole "copy, $kib KiB left there" 1
    exits 0 "the copy lists" env SNAPFS_REPO="$T/away/repo" SNAPFS_KEY_FILE="$T/away.key" "$SNAPFS" check --read-data
    # What a failed one left is found by the next, and must not grow without end.
    (($(du -sk "$T/away" | cut -f1) < 2000)) || break
done
mount -o remount,size=64m "$T/away"
plenty
exits 0 "copy with room" snapfs copy
export SNAPFS_REPO=$T/away/repo SNAPFS_KEY_FILE=$T/away.key
SNAPSHOTS[3]=latest
whole "the copy" 1
exits 0 "verify the log" snapfs audit verify
finish
