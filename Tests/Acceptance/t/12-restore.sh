# restore: what it selects, what it overwrites, and that it never leaves the target.
. "$(dirname "$0")/../lib.sh"
need strace
SRC=$T/src
mkdir -p "$SRC"/{d/e,logs,empty}
echo alpha >"$SRC/a.txt"
echo beta >"$SRC/d/b.txt"
echo gamma >"$SRC/d/e/c.txt"
echo log >"$SRC/logs/x.log"
random_file 1 3000000 "$SRC/big"
ln -s d "$SRC/link"
find "$SRC" -exec touch -hd '2022-02-02 02:02:02' {} +
new_key_repo
backup "$SRC"
LIMIT=30
restore_to() { snapfs restore "latest:$SRC" --target "$@"; }
restore() { restore_to "$T/to" "$@"; }
files() { (cd "$T/to" && find . -type f | sort | tr '\n' ' '); }
fresh() { rm -rf "$T/to"; }

exits 0 "restore --include" restore --include '*.txt'
is "only what it names" "$(files)" './a.txt ./d/b.txt ./d/e/c.txt '
fresh
exits 0 "restore --include of a directory" restore --include d/e
is "with what is in it" "$(files)" './d/e/c.txt '
is "directories on the way keep their attributes" "$(stat -c %y "$T/to/d")" "$(stat -c %y "$SRC/d")"
fresh
exits 0 "restore --include twice" restore --include a.txt --include '*.log'
is "either" "$(files)" './a.txt ./logs/x.log '
fresh
exits 0 "restore --exclude" restore --exclude '*.txt' --exclude logs
is "the rest" "$(files)" './big '
ok "empty directories too" test -d "$T/to/empty"
fresh
fails_with 1 "--include of what is not there" restore --include 'no such*'
fails_with 1 "nor in a new target" restore_to "$T/unmade" --include 'no such*'
ok_not "which is not left behind" test -e "$T/unmade"
mkdir "$T/mine"
fails_with 1 "nor in an empty one" restore_to "$T/mine" --include 'no such*'
ok "which is" test -d "$T/mine"
err_has "says so" "nothing in snapshot .* matches --include no such"
exits 0 "a quiet dry run" restore_to "$T/nowhere" --include a.txt --dry-run --quiet
out_has "says what it would do" "^would restore .*a.txt"
out_lacks "and not that it was done" "^restored"
ok_not "and does nothing" test -e "$T/nowhere"
fails_with "1|64" "--include together with --exclude" restore --include a.txt --exclude '*.log'
fresh

exits 0 "restore into a new directory" restore
same "is the source" "$SRC" "$T/to"
exits 0 "restore of a subdirectory" snapfs restore "latest:$SRC/d" --target "$T/outd"
same "lands in the target" "$SRC/d" "$T/outd"
exits 0 "restore of a file" snapfs restore "latest:$SRC/d/b.txt" --target "$T/outf"
is "lands in the target" "$(cat "$T/outf/b.txt")" beta

# --overwrite
damage() {      # four states: content changed with a newer, an older and the same mtime; missing
    fresh
    cp -a "$SRC" "$T/to"
    echo newer-and-longer >"$T/to/a.txt"
    echo older-and-longer >"$T/to/d/b.txt"
    touch -d 2001-01-01 "$T/to/d/b.txt"
    echo GAMMA >"$T/to/d/e/c.txt"
    touch -r "$SRC/d/e/c.txt" "$T/to/d/e/c.txt"
    rm "$T/to/logs/x.log"
    printf X | dd of="$T/to/big" bs=1 seek=1500000 conv=notrunc status=none
}
damage
exits 0 "restore overwrites" restore
same "everything, by default" "$SRC" "$T/to"
damage
exits 0 "--overwrite always" restore --overwrite always
same "everything" "$SRC" "$T/to"
damage
exits 0 "--overwrite if-changed" restore --overwrite if-changed
is "another size and a newer time: restored" "$(cat "$T/to/a.txt")" alpha
is "another size and an older time: restored" "$(cat "$T/to/d/b.txt")" beta
is "same size and time: taken as unchanged" "$(cat "$T/to/d/e/c.txt")" GAMMA
ok "same size, another time: restored" cmp "$SRC/big" "$T/to/big"
is "missing: restored" "$(cat "$T/to/logs/x.log")" log
damage
exits 0 "--overwrite if-newer" restore --overwrite if-newer
is "newer in the target: kept" "$(cat "$T/to/a.txt")" newer-and-longer
is "older in the target: restored" "$(cat "$T/to/d/b.txt")" beta
is "missing: restored" "$(cat "$T/to/logs/x.log")" log
damage
exits 0 "--overwrite never" restore --overwrite never
is "newer: kept" "$(cat "$T/to/a.txt")" newer-and-longer
is "older: kept" "$(cat "$T/to/d/b.txt")" older-and-longer
is "missing: restored" "$(cat "$T/to/logs/x.log")" log
fails_with 64 "--overwrite of another kind" restore --overwrite sometimes

# --delete
damage
mkdir -p "$T/to/extra/deep" "$T/outside"
echo precious >"$T/outside/precious"
echo x >"$T/to/extra/deep/x"
echo x >"$T/to/d/extra"
ln -s "$T/outside" "$T/to/d/extra-link"
exits 0 "without --delete what is not in the snapshot stays" restore
is "extra file" "$(cat "$T/to/extra/deep/x")" x
exits 0 "--delete" restore --delete
same "nothing remains that is not in the snapshot" "$SRC" "$T/to"
is "a symlink is deleted, not what it points to" "$(cat "$T/outside/precious")" precious

# A target that was prepared by somebody else.
other() { (cd "$T/outside" && find . | sort; cat "$T/outside/precious"); }
before=$(other)
trap_with() {   # WHAT COMMANDS: then restore; nothing outside may change
    fresh
    mkdir -p "$T/to"
    (cd "$T/to" && eval "$2")
    exits "0|1|3" "restore over $1" restore ${3:-}
    is "changes nothing outside the target" "$(other)" "$before"
    ((CODE != 0)) || same "and gives the source" "$SRC" "$T/to"
}
trap_with "a symlink in place of a directory" 'ln -s ../outside d'
trap_with "a symlink in place of a directory, --delete" 'ln -s ../outside d' --delete
trap_with "a symlink in place of a deep directory" 'mkdir d; ln -s ../../outside d/e'
trap_with "a symlink in place of a file" 'ln -s ../outside/precious a.txt'
trap_with "a symlink in place of a large file" 'ln -s ../outside/precious big'
trap_with "a dangling symlink in place of a file" 'ln -s ../outside/new-file a.txt'
trap_with "a symlink with another target" 'ln -s ../outside link'
trap_with "a directory in place of a file" 'mkdir a.txt'
trap_with "a file in place of a directory" 'touch d'
trap_with "a fifo in place of a file" 'mkfifo a.txt big'
trap_with "a device in place of a file" 'mknod a.txt c 1 3'
trap_with "a hard link to a file outside" 'ln ../outside/precious a.txt'
trap_with "a read-only directory and file" 'mkdir d; touch d/b.txt; chmod 0 d/b.txt d'

# The repository and the cache, which restore never touches, whatever it is told.
# A restore announces itself, so that what it reads is not collected: files come and go in these two.
state() { (cd "$T" && find repo cache \( -path repo/sessions -o -path repo/tmp \) -prune -o -printf '%p %s %m %C@\n' | sort; ls repo/sessions repo/tmp); }
mkdir -p "$T/cache/in" "$T/repo/in"
before=$(state)
ln -s repo "$T/repo-link"
for target in repo repo-link repo/in repo/in/new/deep cache/in; do
    fails_with 1 "--delete to $target" restore_to "$T/$target" --delete
    fails_with 1 "--delete --dry-run to $target" restore_to "$T/$target" --delete --dry-run
    out_lacks "names nothing to be deleted" deleted
done
mkdir -p "$SRC/d/cache" "$SRC/d/e/repo/config"
echo file >"$SRC/d/cache/file"
backup "$SRC"
damage
mkdir "$T/to/d/cache" "$T/to/d/e/repo" "$T/to/extra-repo"
mount --bind "$T/cache" "$T/to/d/cache"
mount --bind "$T/repo" "$T/to/d/e/repo"
mount --bind "$T/repo" "$T/to/extra-repo"
before=$(state)
fails_with 1 "restore over directories in which repository and cache lie" restore --delete --dry-run
err_has "names the one" 'd/e/repo'
err_has "and the other" 'd/cache'
err_has "and what would not be deleted" 'extra-repo'
fails_with 1 "without --dry-run" restore --delete
err_has "names the one" 'd/e/repo'
err_has "and the other" 'd/cache'
is "and changes nothing in them" "$(state)" "$before"
is "the rest is restored" "$(cat "$T/to/d/e/c.txt")" gamma
umount "$T/to/d/cache" "$T/to/d/e/repo" "$T/to/extra-repo"
rm -r "$SRC/d/cache" "$SRC/d/e/repo" "$T/repo/in" "$T/cache/in"
backup "$SRC"

# What lies on another file system is durable at the end, too.
damage
mount -t tmpfs tmpfs "$T/to/d"
exits 0 "restore over a mount point" \
    strace -f -y -o "$T/calls" -e trace=syncfs "$SNAPFS" restore "latest:$SRC" --target "$T/to"
for directory in to to/d; do
    file_has "what is written to $directory is durable" "$T/calls" "syncfs\\([0-9]+<$T/$directory>"
done
umount "$T/to/d"

fails_with 1 "a target below a file" snapfs restore latest --target "$SRC/a.txt/out"
exits 0 "restore to /proc-like relative target" bash -c "cd '$T' && '$SNAPFS' restore 'latest:$SRC/d' --target rel/out"
same "a relative target" "$SRC/d" "$T/rel/out"
exits 0 "restore --quiet" restore --quiet
is "says nothing on standard error" "$(cat "$T/err")" ""
finish
