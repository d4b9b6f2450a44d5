# A repository that is opened by a key file: the recipe for cron.
. "$(dirname "$0")/../lib.sh"
SRC=$T/src
mkdir "$SRC"
echo data >"$SRC/file"
unset SNAPFS_PASSWORD
umask 0
exits 0 "init --new-key-file" snapfs init --new-key-file "$T/key"
umask 022
is "the key file is for its owner only" "$(stat -c %a "$T/key")" 600
num "it has 256 bits at least" "$(stat -c %s "$T/key")" -ge 32
exits 0 "backup --key-file" snapfs backup --key-file "$T/key" "$SRC"
export SNAPFS_KEY_FILE=$T/key
exits 0 "SNAPFS_KEY_FILE" snapfs cat "latest:$SRC/file"
is "reads" "$(cat "$T/out")" data
start=$(date +%s%N)
exits 0 "snapshots" snapfs snapshots
num "opening needs no stretching: milliseconds" $((($(date +%s%N) - start) / 1000000)) -lt 400
mount_at "$T/mnt"
is "mount" "$(cat "$T/mnt/latest$SRC/file")" data
unmount "$T/mnt"
unset SNAPFS_KEY_FILE

fails_with "1|12|64" "without the key" snapfs snapshots
SNAPFS_PASSWORD=guess fails_with 12 "with a password" snapfs snapshots
export SNAPFS_REPO=$T/repo2
exits 0 "init of another" snapfs init --new-key-file "$T/key2"
ok_not "makes another key" cmp "$T/key" "$T/key2"
export SNAPFS_REPO=$T/repo
fails_with 12 "the key of another repository" snapfs snapshots --key-file "$T/key2"
head -c 31 "$T/key" >"$T/short"
fails_with "1|12" "a key file that is cut off" snapfs snapshots --key-file "$T/short"
: >"$T/none"
fails_with "1|12" "an empty key file" snapfs snapshots --key-file "$T/none"
fails_with 1 "an absent key file" snapfs snapshots --key-file "$T/absent"
fails_with "1|12" "a directory as the key file" snapfs snapshots --key-file "$SRC"
fails_with "1|12" "an endless key file" snapfs snapshots --key-file /dev/zero
cp "$T/key" "$T/kept"
export SNAPFS_REPO=$T/repo3
fails_with 1 "init never writes over a key file" snapfs init --new-key-file "$T/key"
ok "which is as it was" cmp "$T/key" "$T/kept"
ok_not "and no repository without a key is left" test -s "$T/repo3"
ln -s "$T/link-target" "$T/link"
snapfs init --new-key-file "$T/link" >/dev/null 2>&1
ok_not "a key is not written through a symlink" test -s "$T/link-target"
ok_not "nor is an empty directory" test -e "$T/repo3"
mkdir "$T/empty"
SNAPFS_REPO=$T/empty fails_with 1 "init in an empty directory, without a key" snapfs init --new-key-file "$T/key"
ok "which was there before, and stays" test -d "$T/empty"
mkdir "$T/full"
mount -t tmpfs -o size=16k tmpfs "$T/full"
dd if=/dev/zero of="$T/full/filler" bs=4k count=99 2>/dev/null
fails_with 1 "init whose key does not fit on the disk" snapfs init --new-key-file "$T/full/key"
ok_not "leaves no part of a key" test -e "$T/full/key"
rm "$T/full/filler"
SNAPFS_REPO=$T/repo5 exits 0 "so that it works when there is room" snapfs init --new-key-file "$T/full/key"
umount "$T/full"
export SNAPFS_REPO=$T/repo6
echo password >"$T/pw"
fails_with 64 "init --key-file" snapfs init --key-file "$T/kept"
fails_with 64 "init --new-key-file --key-file" snapfs init --new-key-file "$T/key6" --key-file "$T/kept"
fails_with 64 "init --new-key-file --password-file" snapfs init --new-key-file "$T/key6" --password-file "$T/pw"
fails_with 64 "init --new-key-file --password-command" snapfs init --new-key-file "$T/key6" --password-command "cat $T/pw"
ok_not "none of them makes anything" ls -d "$T/repo6" "$T/key6"
export SNAPFS_REPO=$T/repo4
fails_with 1 "init with a key file that cannot be written" snapfs init --new-key-file "$T/no/such/dir/key"

# Beside what it opens.
export SNAPFS_REPO=$T/repo7
fails_with 1 "init with its key file in the repository" snapfs init --new-key-file "$T/repo7/key"
err_has "says so" 'would lie in the repository'
ok_not "makes nothing" test -e "$T/repo7"
exits 0 "init beside it" snapfs init --new-key-file "$T/repo7.key"
export SNAPFS_KEY_FILE=$T/repo7.key
ln -s "$T/repo7/keys" "$T/way"
for file in "$T/repo7/new" "$T/way/new" "$T/none/../repo7/data/new"; do
    mkdir -p "$T/none"
    fails_with 1 "key add to ${file#"$T"}" snapfs key add --new-key-file "$file"
    fails_with 1 "key passwd to ${file#"$T"}" snapfs key passwd --new-key-file "$file"
    fails_with 1 "key export to ${file#"$T"}" snapfs key export --output "$file"
done
cd "$T/repo7"
fails_with 1 "key add to a relative path" snapfs key add --new-key-file new
cd "$T"
is "no key was added" "$(snapfs key list --json | wc -l)" 2
is "and none written" "$(find "$T/repo7" -name new)" ""
exits 0 "key export elsewhere" snapfs key export --output "$T/repo7.sheet"
finish
