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

# The first backup on file systems of many sizes, and on some with few inodes: it is whole or not
# there, and with room it just works.
rm -rf "$SRC"
mkdir "$SRC"
for n in {1..12}; do random_file "$n" $((n * 20000)) "$SRC/$n"; done
mkdir "$T/sized"
export SNAPFS_REPO=$T/sized/repo
for option in size={20,40,60,100,200,400,700,1000,1300,1600,1700,1800,2000,4000}k nr_inodes={4,10,14,18,20,22,24,30}; do
    mount -t tmpfs -o "$option" tmpfs "$T/sized"
    rm -f "$T/sized-key"
    made='' verdict=''
    if SNAPFS_KEY_FILE='' try snapfs init --new-key-file "$T/sized-key" && ((CODE == 0)); then made=1; fi
    export SNAPFS_KEY_FILE=$T/sized-key
    if [[ -n $made ]]; then
        try snapfs backup "$SRC"
        first=$CODE
        [[ $first == [01] ]] || verdict+="backup: exit status $first: $(head -n 2 "$T/err")"$'\n'
        is "$option: listed is what exit status $first says" "$(listed)" $((1 - first))
    fi
    mount -o remount,size=64m,nr_inodes=10000 "$T/sized"
    if [[ -z $made ]]; then
        try snapfs init --new-key-file "$T/sized-key-2"
        ((CODE == 0)) || verdict+="init: exit status $CODE: $(head -n 2 "$T/err")"$'\n'
        [[ ! -e $T/sized-key-2 ]] || mv "$T/sized-key-2" "$T/sized-key"
    fi
    for command in "backup $SRC" "check --read-data" "restore latest --target $T/sized-back"; do
        # shellcheck disable=SC2086
        try snapfs $command
        ((CODE == 0)) || verdict+="$command: exit status $CODE: $(head -n 2 "$T/err")"$'\n'
    done
    is "$option: with room everything works" "$verdict" ""
    same "$option: and is whole" "$SRC" "$T/sized-back$SRC"
    rm -rf "$T/sized-back"
    umount "$T/sized"
done
finish
