# File systems that fill up: of the repository, the cache, the target.
. "$(dirname "$0")/../lib.sh"
SRC=$T/src
mkdir "$SRC" "$T/small"
random_file 1 400000 "$SRC/first"
mount -t tmpfs -o size=64m tmpfs "$T/small"
export SNAPFS_REPO=$T/small/repo
new_key_repo
backup "$SRC"
cp -a "$SRC" "$T/v1"
for n in 1 2 3 4 5 6; do random_file "$n" 2500000 "$SRC/more-$n"; done
used=$(du -sk "$T/small" | cut -f1)
for room in 0 16 64 300 1500 5000 9000 13000; do     # KiB; 15 MB would be needed
    mount -o "remount,size=$((used + room))k" "$T/small" || fail "cannot resize the tmpfs"
    fails_with 1 "a full file system, $room KiB left" snapfs backup "$SRC"
    err_has "says why" '[Nn]o space|full'
    is "lists nothing new" "$(listed)" 1
    # What a failed backup leaves may be used by the next one; it must not grow without end.
    used=$(du -sk "$T/small" | cut -f1)
    ((used < 12000)) || break
done
exits 0 "check, the file system still full" snapfs check
exits 0 "restore, the file system still full" snapfs restore latest --target "$T/out1"
same "the first snapshot is whole" "$T/v1" "$T/out1$SRC"
mount_at "$T/mnt"
same "and mounts" "$T/v1" "$T/mnt/latest$SRC"
unmount "$T/mnt"
mount -o remount,size=64m "$T/small"
WHAT='with room again' backup "$SRC"
exits 0 "check --read-data" snapfs check --read-data
exits 0 "restore" snapfs restore latest --target "$T/out2"
same "is complete" "$SRC" "$T/out2$SRC"
is "both are listed" "$(listed)" 2

mkdir "$T/tiny"
mount -t tmpfs -o size=2m tmpfs "$T/tiny"
fails_with 1 "restore into a full file system" snapfs restore latest --target "$T/tiny/out"
err_has "says why" '[Nn]o space|full'
umount "$T/tiny"
mount -t tmpfs -o size=8k tmpfs "$T/tiny"
SNAPFS_CACHE_DIR=$T/tiny exits "0|1" "a full cache" snapfs cat "latest:$SRC/first"
((CODE == 1)) || ok "gives the right data" cmp "$T/out" "$SRC/first"
SNAPFS_CACHE_DIR=$T/tiny exits "0|1" "a backup with a full cache" snapfs backup "$SRC"
umount "$T/tiny"
mount -t tmpfs -o size=8k tmpfs "$T/tiny"
SNAPFS_REPO=$T/tiny/repo SNAPFS_PASSWORD=x exits "0|1" "init on a nearly full file system" env -u SNAPFS_KEY_FILE "$SNAPFS" init
mount -t tmpfs -o size=4k tmpfs "$T/tiny"
SNAPFS_REPO=$T/tiny/repo SNAPFS_PASSWORD=x fails_with 1 "init on a full file system" env -u SNAPFS_KEY_FILE "$SNAPFS" init
finish
