# After damage the next backup succeeds without repair, and what it lists is whole.
. "$(dirname "$0")/../lib.sh"
SRC=$T/src
mkdir -p "$SRC"/{still/deep/deeper,busy}
for n in {1..30}; do echo "small file $n" >"$SRC/still/deep/$n"; done
random_file 1 300000 "$SRC/still/random"
random_file 2 20000000 "$SRC/still/list"      # its chunks are a list: an object of metadata
echo first >"$SRC/busy/file"
python3 -c 'import os, sys
for n in range(4): os.setxattr(sys.argv[1], f"user.{n}", b"%d" % n * 900)' "$SRC/still/deep"     # an object, too
find "$SRC" -exec touch -h -d '1 hour ago' {} +
sleep 3     # or the next backup would read what may have changed since
new_key_repo
backup "$SRC"
echo second >"$SRC/busy/file"
backup "$SRC"
cp -a "$T/repo" "$T/whole"
mapfile -t FILES < <(cd "$T/whole" && find meta index snapshots data -type f | sort)

flip() {        # FILE PART: one bit of the file, PART hundredths of the way in
    python3 -c 'import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(f.seek(0, 2) * int(sys.argv[2]) // 100); b = f.read(1); f.seek(-1, 1); f.write(bytes([b[0] ^ 4]))' "$@"
}
heals() {       # WHAT FILE: the repository was damaged there
    if ((COUNT % 2)); then rm -rf "$T/cache"; fi        # half of the trials without a cache
    WHAT="after $1" backup "$SRC" || return
    # Content of unchanged files is not read by a backup, so a flipped bit of it stays for check to
    # find; a pack that is not there in full is noticed.
    if [[ $2 != data/* || $1 != flip* ]]; then
        exits 0 "$1: what it lists reads" snapfs restore "$SNAPSHOT" --target "$T/back"
        same "$1: is whole" "$SRC" "$T/back$SRC"
        rm -rf "$T/back"
    fi
    exits 0 "$1: and the one after it" snapfs backup "$SRC"
    # A damaged segment of the index or manifest stays where it is.
    [[ $2 != meta/* || $1 != flip* ]] || err_lacks "$1: finds nothing to complain of" .
}
for file in "${FILES[@]}"; do
    for damage in 'flip 0' 'flip 30' 'flip 70' 'flip 99' cut removed; do
        case $damage in
        flip*) flip "$T/repo/$file" "${damage#flip }" ;;
        cut) truncate -s -1 "$T/repo/$file" ;;
        removed) rm "$T/repo/$file" ;;
        esac
        heals "$damage $file" "$file"
        rm -rf "$T/repo"
        cp -a "$T/whole" "$T/repo"
    done
done

# The walk meets the damage below the root: it says so, and reads what it cannot recognise.
first=$(find "$T/whole/meta" -type f -printf '%T@ %P\n' | sort -n | head -n 1 | cut -d' ' -f2)
python3 -c 'import sys
with open(sys.argv[1], "r+b") as f: f.seek(200); b = f.read(1); f.seek(200); f.write(bytes([b[0] ^ 1]))' "$T/repo/meta/$first"
fails_with 13 "a listing of a damaged directory" snapfs ls -R latest
WHAT="over it" backup "$SRC"
err_has "says that the predecessor is damaged" damaged
exits 0 "restore of what it wrote" snapfs restore latest --target "$T/back"
same "is whole" "$SRC" "$T/back$SRC"
exits 13 "check" snapfs check
out_lacks "finds no fault in it" "${SNAPSHOT:0:8}"
out_has "but in the one before, whose root lay there" damaged
finish
