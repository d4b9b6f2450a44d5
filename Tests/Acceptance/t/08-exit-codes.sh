# Bad input gets a clear sentence and an exit code, and nothing is lost.
. "$(dirname "$0")/../lib.sh"
SRC=$T/src
mkdir -p "$SRC"
echo data >"$SRC/file"
new_repo
backup "$SRC"
ID=$SNAPSHOT

with() { local setting=$1; shift; env "$setting" "$SNAPFS" "$@"; }
without() { local name=$1; shift; env -u "$name" "$SNAPFS" "$@"; }

fails_with 12 "wrong password" with SNAPFS_PASSWORD=wrong snapshots
fails_with 12 "wrong password, backup" with SNAPFS_PASSWORD=wrong backup "$SRC"
fails_with "1|12|64" "no password, no terminal" without SNAPFS_PASSWORD snapshots
fails_with "1|12|64" "empty password" with SNAPFS_PASSWORD= snapshots
echo "$SNAPFS_PASSWORD" >"$T/pw"
exits 0 "--password-file" env -u SNAPFS_PASSWORD "$SNAPFS" snapshots --password-file "$T/pw"
exits 0 "SNAPFS_PASSWORD_FILE" env -u SNAPFS_PASSWORD SNAPFS_PASSWORD_FILE="$T/pw" "$SNAPFS" snapshots
exits 0 "--password-command" env -u SNAPFS_PASSWORD "$SNAPFS" snapshots --password-command "cat $T/pw"
exits 0 "SNAPFS_PASSWORD_COMMAND" env -u SNAPFS_PASSWORD SNAPFS_PASSWORD_COMMAND="cat $T/pw" "$SNAPFS" snapshots
fails_with 1 "--password-file that is absent" env -u SNAPFS_PASSWORD "$SNAPFS" snapshots --password-file "$T/absent"
fails_with 1 "--password-command that fails" env -u SNAPFS_PASSWORD "$SNAPFS" snapshots --password-command false
fails_with 64 "no secret on the command line" snapfs snapshots --password "$SNAPFS_PASSWORD"

fails_with 1 "init without a secret" env -u SNAPFS_PASSWORD SNAPFS_REPO="$T/second" "$SNAPFS" init
err_has "names the options of a new one" '--password-file, --password-command or --new-key-file'
exits 0 "a second repository" with "SNAPFS_REPO=$T/second" init
fails_with 1 "copy without its secret" snapfs copy --to "$T/second"
err_has "names its options" "of $T/second: .*--to-key-file, or set SNAPFS_TO_PASSWORD"
fails_with 1 "repair without it" snapfs repair --from "$T/second"
err_has "names those" "of $T/second: .*--from-key-file, or set SNAPFS_FROM_PASSWORD"
fails_with 1 "and so does init" with "SNAPFS_REPO=$T/third" init --copy-chunker-from "$T/second"
err_has "of the one to cut like" "of $T/second: .*--from-key-file, or set SNAPFS_FROM_PASSWORD"
rm -r "$T/second"

fails_with 10 "no repository" with "SNAPFS_REPO=$T/absent" snapshots
fails_with 10 "no repository, backup" with "SNAPFS_REPO=$T/absent" backup "$SRC"
ok_not "is not created by it" test -e "$T/absent"
mkdir "$T/emptydir"
fails_with 10 "an empty directory" with "SNAPFS_REPO=$T/emptydir" snapshots
fails_with "1|10" "not a repository" with "SNAPFS_REPO=$SRC" snapshots
fails_with "1|10" "a file as the repository" with "SNAPFS_REPO=$SRC/file" snapshots
fails_with "10|64" "no repository named" without SNAPFS_REPO snapshots
exits 0 "--repo" env -u SNAPFS_REPO "$SNAPFS" snapshots --repo "$T/repo"
fails_with 1 "init where a repository is" snapfs init
fails_with 1 "init where other files are" with "SNAPFS_REPO=$SRC" init
is "leaves them alone" "$(cd "$SRC" && ls -A)" file
fails_with 1 "init below a file" with "SNAPFS_REPO=$SRC/file/repo" init

fails_with 64 "unknown option" snapfs backup --no-such-option "$SRC"
fails_with 64 "unknown command" snapfs frobnicate
err_lacks "and no guess is made" 'did you mean'
for words in "backpu|'backup'" "help backpu|'backup'" "key rotte|'rotate'" "help key rotte|'rotate'" \
    "repair pack|'packs'" "repair -q pack|'packs'" "--json -q snapshot|'snapshots'"; do
    fails_with 64 "a mistyped command: ${words%|*}" snapfs ${words%|*}
    err_has "and what is meant" "There is no command '.*; did you mean ${words#*|}"
done
fails_with 64 "a word that is no part of repair" snapfs repair everything
err_has "gets the names of the parts" 'index, packs, snapshots and from'
fails_with 64 "a mistyped option before the command" snapfs --quite -r "$T/repo" snapshots
err_has "is the one that is blamed" "Unknown option '--quite'"
fails_with 64 "options without a command" snapfs -r "$T/repo"
err_has "are not blamed" 'No command is given'
fails_with 64 "nor below another one" snapfs key -r "$T/repo"
err_has "which says what there is" 'list, add, remove, passwd, export and rotate'
for words in --help help 'help key' 'help key add' 'key --help' key --version '-q --help'; do
    exits 0 "snapfs $words" snapfs $words
done
for limit in 5 x 101% ''; do
    fails_with 64 "--max-unused '$limit'" snapfs prune --max-unused "$limit"
    err_has "says what is valid" 'a part, such as 5%.*2G.*unlimited'
done
for limit in 0 5% 7B 1.5GiB unlimited; do
    exits 0 "--max-unused $limit" snapfs prune -n --max-unused "$limit"
done
exits 0 "prune --help" snapfs prune --help
out_has "says the default" 'default: 5%'
fails_with 64 "backup of nothing" snapfs backup
fails_with 64 "restore without a target" snapfs restore latest
fails_with 64 "diff of one snapshot" snapfs diff latest
fails_with 64 "a time that is none" snapfs backup --time yesterdayish "$SRC"
fails_with 64 "mount without a mount point" snapfs mount

odd=$'p\xe9'
mkdir "$T/$odd"
for name in --repo --cache-dir; do
    fails_with 64 "$name that is not UTF-8" snapfs snapshots "$name" "$T/$odd/new"
done
fails_with 64 "SNAPFS_REPO that is not UTF-8" with "SNAPFS_REPO=$T/$odd/new" init
fails_with 64 "SNAPFS_CACHE_DIR that is not UTF-8" with "SNAPFS_CACHE_DIR=$T/$odd/new" snapshots
fails_with 64 "--new-key-file that is not UTF-8" with "SNAPFS_REPO=$T/other" init --new-key-file "$T/$odd/new"
fails_with 64 "a mount point that is not UTF-8" snapfs mount "$T/$odd"
is "none of them makes anything" "$(ls -A "$T/$odd"; ls -d "$T/other" "$T"/*$'\xef\xbf\xbd'* 2>/dev/null)" ""
exits 0 "a password file may have any name" bash -c "echo '$SNAPFS_PASSWORD' >'$T/$odd/pw' && exec '$SNAPFS' snapshots -p '$T/$odd/pw'"
exits 0 "and so may a source" snapfs backup "$T/$odd"
rm -r "${T:?}/$odd"

before=$(listed)
fails_with 1 "a source that does not exist" snapfs backup "$T/no-such-source"
err_has "is named" no-such-source
is "and nothing is listed" "$(listed)" "$before"
fails_with 1 "one of two sources that does not exist" snapfs backup "$SRC" "$T/no-such-source"
is "nothing is listed" "$(listed)" "$before"

fails_with 1 "an absent snapshot" snapfs ls 0123456789abcdef
fails_with 1 "a snapshot that is no id" snapfs restore 'no snapshot' --target "$T/back"
fails_with 1 "restore of an absent path" snapfs restore "latest:$SRC/absent" --target "$T/back"
fails_with 1 "a time before every snapshot" snapfs ls 1999-01-01T00:00:00Z
exits 0 "the whole id" snapfs ls "$ID"

# With --json a failure ends with its code and a message, whatever it is.
ends_with() {   # CODE: the last line on standard error
    is "and ends with a line that says $1" \
        "$(tail -n 1 "$T/err" >"$T/last"; value 'j["message_type"], j["code"], len(j["message"]) > 5' "$T/last")" \
        "('exit_error', $1, True)"
}
fails_with 1 "backup --json that fails" snapfs backup --json "$T/no-such-source"
ends_with 1
touch "$SRC/unread"
mount --bind /sys/class/net/lo/speed "$SRC/unread"
fails_with 3 "backup --json of what cannot be read" snapfs backup --json "$SRC"
ends_with 3
umount "$SRC/unread"
exits 0 "backup" snapfs backup "$SRC"
mkdir -p "$T/blocked/file/x"
fails_with 1 "restore --json over a full directory" snapfs restore "latest:$SRC" --target "$T/blocked" --json
ends_with 1
mkdir "$SRC/large"
random_file 9 100000 "$SRC/large/file"
exits 0 "backup" snapfs backup "$SRC"
cp -a "$T/repo" "$T/good"
for pack in "$T"/repo/data/*/*; do truncate -s 3000 "$pack"; done
fails_with 13 "restore --json of damage" snapfs restore "latest:$SRC" --target "$T/damaged" --json
ends_with 13
rm -r "$T/repo"
mv "$T/good" "$T/repo"
fails_with 1 "mount --json that fails" snapfs mount --json 0123456789abcdef "$T/blocked/file/x"
is "says so once" "$(wc -l <"$T/err")" 1
ends_with 1
rm -r "$SRC/unread" "$SRC/large"

fails_with 1 "mount point missing" snapfs mount "$T/no-such-dir"
mkdir "$T/full"
touch "$T/full/x"
fails_with 1 "mount point not empty" snapfs mount "$T/full"
fails_with 1 "mount point is a file" snapfs mount "$SRC/file"
mount_at "$T/mnt"
fails_with 1 "already mounted" snapfs mount "$T/mnt"
ok "the mount is unharmed" test -e "$T/mnt/latest$SRC/file"
unmount "$T/mnt"
fails_with 1 "umount of what is not mounted" snapfs umount "$T/mnt"
fails_with 1 "umount of what is absent" snapfs umount "$T/no-such-dir"
mkdir "$T/tmp"
mount -t tmpfs tmpfs "$T/tmp"
fails_with 1 "umount of another file system" snapfs umount "$T/tmp"
ok "which stays" mountpoint -q "$T/tmp"
umount "$T/tmp"
exits 1 "mount of an absent snapshot" snapfs mount 0123456789abcdef "$T/mnt"
ok_not "mounts nothing" mountpoint -q "$T/mnt"
no_fuse() { unshare --mount --propagation private sh -c 'mount --bind /dev/null /dev/fuse && exec "$0" "$@"' "$SNAPFS" mount "$T/mnt"; }
fails_with 1 "/dev/fuse that is none" no_fuse

touch "$T/plain"
exits "0|1" "a cache directory that cannot be written" with "SNAPFS_CACHE_DIR=$T/plain/cache" snapshots
err_has "is named" "$T/plain"
readonly_cache() {
    mkdir -p "$T/rocache" && mount -t tmpfs -o ro tmpfs "$T/rocache" &&
        SNAPFS_CACHE_DIR=$T/rocache snapfs cat "latest:$SRC/file"
}
exits "0|1" "a read-only cache directory" readonly_cache
((CODE == 1)) || is "gives the right data" "$(cat "$T/out")" data
umount "$T/rocache"
rm -rf "$T/cache"
exits 0 "a cache that was removed" snapfs cat "latest:$SRC/file"
is "is made again" "$(cat "$T/out")" data
find "$T/cache" -type f -size +0 -exec sh -c 'for f; do head -c 700 /dev/urandom >"$f"; done' sh {} +
exits "0" "a cache full of rubbish" snapfs cat "latest:$SRC/file"
is "gives the right data" "$(cat "$T/out")" data
exits 0 "and does not disturb a backup" snapfs backup "$SRC"

# A repository on a file system that cannot be written: it can still be read.
mount --bind "$T/repo" "$T/repo"
mount -o remount,bind,ro "$T/repo"
before=$(listed)
fails_with 1 "backup into a read-only repository" snapfs backup "$SRC"
is "lists nothing" "$(listed)" "$before"
exits 0 "snapshots of it" snapfs snapshots
exits 0 "check of it" snapfs check
exits 0 "restore from it" snapfs restore latest --target "$T/ro-out"
same "is complete" "$SRC" "$T/ro-out$SRC"
mount_at "$T/ro-mnt"
is "a mount of it" "$(cat "$T/ro-mnt/latest$SRC/file")" data
unmount "$T/ro-mnt"
for n in {1..100}; do umount "$T/repo" 2>/dev/null && break; sleep 0.1; done     # the daemon is on its way out
mkdir "$T/ro"
mount -t tmpfs -o ro tmpfs "$T/ro"
fails_with 1 "init on a read-only file system" with "SNAPFS_REPO=$T/ro/repo" init
fails_with 1 "restore to a read-only file system" snapfs restore latest --target "$T/ro/out"
umount "$T/ro"

# Ambiguous: among seventeen ids two begin with the same digit.
for n in {1..17}; do
    snapfs backup --quiet "$SRC" || break
    prefix=$(snapfs snapshots --json >"$T/list"; value '[c for c in "0123456789abcdef" if sum(s["id"].startswith(c) for s in j) > 1][:1]' "$T/list")
    [[ -z $prefix ]] || break
done
fails_with "1|64" "an ambiguous id" snapfs ls "$prefix"
err_has "says so" "[Aa]mbiguous|more than one|several|matches [0-9]|short"
finish
