# A mount over, in or above the repository or the cache is refused.
. "$(dirname "$0")/../lib.sh"
SRC=$T/src
mkdir -p "$SRC" "$T/box"
echo data >"$SRC/file"
export SNAPFS_REPO=$T/box/inner/repo
mkdir -p "$T/box/inner"
export SNAPFS_CACHE_DIR=$T/cachebox/inner/cache
new_key_repo
backup "$SRC"
whole() { exits 0 "the repository is as it was after a mount $1" snapfs cat "latest:$SRC/file"; }
refused() {     # WHAT DIR
    fails_with "1|64" "a mount $1 is refused" snapfs mount "$2"
    is "nothing is mounted $1" "$(grep -c " $T/.* - fuse.snapfs" /proc/self/mountinfo)" 0
    umount -l "$2" 2>/dev/null
    whole "$1"
}
refused "over the repository" "$SNAPFS_REPO"
refused "above the repository" "$T/box"
refused "just above the repository" "$T/box/inner"
mkdir "$SNAPFS_REPO/mnt"
refused "in the repository" "$SNAPFS_REPO/mnt"
rmdir "$SNAPFS_REPO/mnt"
refused "over the cache" "$SNAPFS_CACHE_DIR"
refused "above the cache" "$T/cachebox"
mkdir -p "$SNAPFS_CACHE_DIR/mnt"
refused "in the cache" "$SNAPFS_CACHE_DIR/mnt"
rmdir "$SNAPFS_CACHE_DIR/mnt"
ln -s "$T/box/inner" "$T/alias"
mkdir "$SNAPFS_REPO/mnt"
refused "in the repository by way of a symlink" "$T/alias/repo/mnt"
rmdir "$SNAPFS_REPO/mnt"
(cd "$T/box/inner" && mkdir repo/mnt)
cd "$T/box/inner" || exit 2
refused "in the repository by a relative path" repo/mnt
cd "$T" || exit 2
rmdir "$SNAPFS_REPO/mnt"
cd "$T/box/inner" || exit 2
SNAPFS_REPO=repo fails_with "1|64" "the repository by a relative path, the mount point above it" snapfs mount "$T/box"
cd "$T" || exit 2
for cache in mnt mnt/c mnt/c/d; do
    mkdir "$T/mnt"
    SNAPFS_CACHE_DIR=$T/$cache fails_with "1|64" "a mount over a cache to be made at $cache is refused" snapfs mount "$T/mnt"
    is "nothing is mounted" "$(grep -c " $T/.* - fuse.snapfs" /proc/self/mountinfo)" 0
    umount -l "$T/mnt" 2>/dev/null
    ok "and nothing made in it" rmdir "$T/mnt"
done
mkdir "$T/mnt"
export SNAPFS_CACHE_DIR=$T/not/there/yet
mount_at "$T/mnt"
unmount "$T/mnt"
rmdir "$T/mnt"
mkdir "$T/beside"
mkdir "$T/box/beside"
mount_at "$T/box/beside"
is "beside the repository it is allowed" "$(cat "$T/box/beside/latest$SRC/file")" data
unmount "$T/box/beside"
finish
