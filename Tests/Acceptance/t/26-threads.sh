# Where the system has no room for another thread, a command fails with a clear sentence.
. "$(dirname "$0")/../lib.sh"
need_user
need prlimit
SRC=$T/src
mkdir "$SRC" "$T/user"
random_file 1 3000000 "$SRC/file"
new_key_repo
backup "$SRC"
chown -R $USER_ID "$T/repo" "$T/key" "$T/user"
export SNAPFS_CACHE_DIR=$T/user/cache
crowded() {     # THREADS COMMAND...: of the user, who may have so many threads in all
    local count=$1
    shift
    as_user prlimit --nproc="$count" "$@"
}
mkdir "$T/user/mnt"
mknod -m 666 "$T/fuse" c 10 229
mount --bind "$T/fuse" /dev/fuse
# timeout and snapfs are two; with more, some threads of a pool start and others do not.
for count in 2 3 4; do
    fails_with 1 "backup with $count threads" crowded $count "$SNAPFS" backup "$SRC"
    # It has as many as there are processors: they may just fit.
    exits "0|1" "check --read-data with $count threads" crowded $count "$SNAPFS" check --read-data
    fails_with 1 "mount with $count threads" crowded $count "$SNAPFS" mount --foreground "$T/user/mnt"
    ok_not "mounts nothing" mountpoint -q "$T/user/mnt"
done
fails_with 1 "check --read-data without threads" crowded 2 "$SNAPFS" check --read-data
fails_with 1 "restore without threads" crowded 2 "$SNAPFS" restore latest --target "$T/user/to"
exits 0 "cat needs none" crowded 2 "$SNAPFS" cat "latest:$SRC/file"
ok "and is right" cmp "$T/out" "$SRC/file"
umount /dev/fuse
exits 0 "with room it works" as_user "$SNAPFS" backup "$SRC"
finish
