# Hard links: one inode number and the true link count in the mount, and links again when restored.
. "$(dirname "$0")/../lib.sh"
SRC=$T/src
tree "$SRC" --only hardlinks,names --scale small
H=$SRC/hardlinks
new_key_repo
backup "$SRC"
mount_at "$T/mnt"
M=$T/mnt/latest$H
same "the groups of links are those of the source" --nlink "$SRC" "$T/mnt/latest$SRC"
for group in 'a/file a/file-2 b/file-3' 'a/big b/big-2' 'a/empty b/empty-2' 'a/symlink b/symlink-2' \
    'a/fifo b/fifo-2' 'a/null b/null-2' 'a/dated b/dated-2'; do
    set -- $group
    is "$group have one inode number" "$(cd "$M" && stat -c %i $group | sort -u | wc -l)" 1
    is "$1 has its true link count" "$(stat -c %h "$M/$1")" "$#"
done
is "a file with 51 names" "$(stat -c %h "$M/a/twin-2")" 51
is "equal content is not a link" "$(stat -c %h "$M/a/twin-1")" 1
is "inode numbers of unlinked files differ" \
    "$(find "$T/mnt/latest$SRC/names" -type f -printf '%i\n' | sort | uniq -d)" ""
is "find -samefile agrees" "$(find "$M" -samefile "$M/a/file" | wc -l)" 3
is "a link made between two snapshots is seen" "$(
    ln "$H/a/twin-1" "$H/b/twin-link"
    snapfs backup --quiet "$SRC" >/dev/null 2>&1
    snapfs cat "latest:$H/b/twin-link" 2>&1)" equal
mkdir "$T/one"
mount_at "$T/one" latest
is "the link count of the second snapshot" "$(stat -c %h "$T/one$H/a/twin-1")" 2
same "the second snapshot as a whole" --nlink "$SRC" "$T/one$SRC"
unmount "$T/one"
unmount "$T/mnt"
exits 0 "restore" snapfs restore latest --target "$T/out1"
same "restored links" --nlink "$SRC" "$T/out1$SRC"
exits 0 "restore over it" snapfs restore latest --target "$T/out1"
same "still the same links" --nlink "$SRC" "$T/out1$SRC"
exits 0 "restore of one of two directories" snapfs restore "latest:$H/b" --target "$T/out2"
is "a group of which one name is restored" "$(cat "$T/out2/file-3")" "three names"
num "data is stored once for all names" "$(summary data_added)" -lt 600000

# Two sources, a link across them.
mkdir "$T/s1" "$T/s2"
random_file 9 200000 "$T/s1/x"
ln "$T/s1/x" "$T/s2/y"
backup "$T/s1" "$T/s2"
exits 0 "restore of two sources" snapfs restore latest --target "$T/out3"
is "a link across two sources" "$(stat -c %i "$T/out3$T/s1/x")" "$(stat -c %i "$T/out3$T/s2/y")"
finish
