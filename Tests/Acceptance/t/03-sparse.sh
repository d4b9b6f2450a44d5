# Sparse files: the holes are kept, and cost neither time nor space.
. "$(dirname "$0")/../lib.sh"
SRC=$T/src
tree "$SRC" --only sparse,huge
S=$SRC/sparse
new_key_repo
start=$SECONDS
WHAT='with a 1 TiB file' backup "$SRC"
num "a 1 TiB sparse file backs up within seconds" $((SECONDS - start)) -le 15
num "what was added is what there is" "$(summary data_added)" -lt $((20 << 20))
num "the sizes are counted in full" "$(summary total_bytes_processed)" -ge $((1 << 40))
mount_at "$T/mnt"
M=$T/mnt/latest$S
same "SEEK_HOLE and SEEK_DATA in the mount are those of the source" "$S" "$M"
for f in tib all-hole hole-first hole-middle hole-last many-holes; do
    is "size of $f" "$(stat -c %s "$M/$f")" "$(stat -c %s "$S/$f")"
    blocks=$(stat -c %b "$M/$f") there=$(stat -c %b "$S/$f")
    num "blocks of $f ($blocks, source $there): not more" "$blocks" -le $((there + 8 + there / 16))
    num "blocks of $f: not fewer" "$blocks" -ge $((there - 8 - there / 16))
done
is "a file without holes has all its blocks" "$(stat -c %b "$M/zeros-no-hole")" 2048
start=$SECONDS
ok "cp --sparse=always of 1 TiB follows the holes" timeout 60 cp -a "$M/tib" "$T/tib"
num "in a moment" $((SECONDS - start)) -le 10
is "the copy has its size" "$(stat -c %s "$T/tib")" $((1 << 40))
num "and takes no space" "$(stat -c %b "$T/tib")" -lt 200
is "the last bytes" "$(tail -c 4 "$M/tib")" last
is "the middle bytes" "$(dd if="$M/tib" bs=1 skip=$(((1 << 39) - 3)) count=6 status=none)" middle
is "zeros in a hole" "$(dd if="$M/tib" bs=4096 skip=1000000 count=4 status=none | tr -d '\0' | wc -c)" 0
is "a read across the end of the hole" \
    "$(dd if="$M/hole-first" bs=8192 skip=127 count=2 status=none | sha256sum)" \
    "$(dd if="$S/hole-first" bs=8192 skip=127 count=2 status=none | sha256sum)"
unmount "$T/mnt"
start=$SECONDS
exits 0 "restore" snapfs restore latest --target "$T/back"
num "restore of 1 TiB of hole takes a moment" $((SECONDS - start)) -le 20
same "restored holes" "$S" "$T/back$S"
num "no space for holes" "$(stat -c %b "$T/back$S/all-hole")" -lt 9

printf 'now here' | dd of="$S/tib" bs=1 seek=$((700 << 30)) conv=notrunc status=none
start=$SECONDS
WHAT='after a change in the 1 TiB file' backup "$SRC"
num "again within seconds" $((SECONDS - start)) -le 15
num "adds little" "$(summary data_added)" -lt $((2 << 20))
exits 0 "restore the changed file over the old" snapfs restore latest --target "$T/back"
same "the changed file" "$S" "$T/back$S"

# More than the directories can count, 8 EiB: what does not fit is named, and nothing else is lost.
mkdir "$T/vast"
echo small >"$T/vast/zz"
truncate -s 7E "$T/vast"/{b,c,d}
ln "$T/vast/b" "$T/vast/link"
for round in first second; do
    exits 3 "a $round backup of files of 28 EiB" snapfs backup "$T/vast"
    for f in c d link; do err_has "$f is named" "vast/$f: "; done
    err_lacks "the others are not" 'vast/(b|zz):'
    exits 0 "ls" snapfs ls -l "latest:$T/vast"
    out_has "one of them is stored" ' 8070450532247928832 .*b$'
    is "and what comes behind" "$(snapfs cat "latest:$T/vast/zz")" small
done
truncate -s 7E "$T/vast/a"
exits 3 "a new one before them" snapfs backup "$T/vast"
err_has "takes the room of the one that did not change" 'vast/b: '
truncate -s 9223372036854775807 "$T/vast/e"
rm "$T/vast"/{a,b,c,d,link}
exits 3 "the largest file there is" snapfs backup "$T/vast"
err_has "leaves no room" 'vast/zz: '
exits 0 "a dry run counts without an end" snapfs backup --dry-run "$T/vast"
exits 0 "check" snapfs check --read-data
finish
