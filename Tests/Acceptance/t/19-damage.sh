# Every file of a small repository flipped, cut, removed, replaced: right data or a clear error.
. "$(dirname "$0")/../lib.sh"
SRC=$T/src
mkdir -p "$SRC/d"
random_file 1 900000 "$SRC/random"
seq 1 30000 >"$SRC/text"
for n in {1..30}; do echo "small file $n" >"$SRC/d/$n"; done
new_key_repo
backup "$SRC"
echo more >>"$SRC/text"
echo new >"$SRC/d/new"
backup "$SRC"
exits 0 "check --read-data before" snapfs check --read-data
cp -a "$T/repo" "$T/whole"
mapfile -t FILES < <(cd "$T/whole" && find . -type f -printf '%P\n' | sort)
num "the repository has files" ${#FILES[@]} -gt 3

byte() { python3 -c '
import random, sys
path, seed, where = sys.argv[1:]
with open(path, "r+b") as f:
    size = f.seek(0, 2)
    at = {"first": 0, "last": size - 1}.get(where, random.Random(seed).randrange(size) if size else 0)
    f.seek(at); old = f.read(1); f.seek(at); f.write(bytes([old[0] ^ (1 << random.Random(seed).randrange(8))]))' "$@"; }

CLEAR='1|3|10|12|13'
silent=()       # damage that check --read-data did not find
trial() {       # WHAT: the repository was damaged there; no command may crash or give wrong data
    local what=$1
    rm -rf "$T/cache2" "$T/back"
    # Half of the trials with a cache from before, half without any.
    if ((COUNT % 2)); then cp -a "$T/cache" "$T/cache2"; else mkdir "$T/cache2"; fi
    SNAPFS_CACHE_DIR=$T/cache2
    try snapfs snapshots --json
    judged "snapshots"
    if ((CODE == 0)) && [[ $what != removed*snapshots/* ]]; then
        [[ $(value 'len(j)' "$T/out") == 2 ]] || problem "snapshots: not both are listed, exit status 0"
    fi
    try snapfs restore latest --target "$T/back"
    judged restore
    if ((CODE == 0)); then
        judge "$HERE/sametree.py" "$SRC" "$T/back$SRC"
        # A snapshot that is no longer there at all cannot be told from one that never was.
        ((JUDGED == 0)) || [[ $what == removed*snapshots/* ]] || problem "restore: exit status 0, and $(head -n 2 "$T/judged")"
    fi
    try snapfs cat "latest:$SRC/text"
    judged cat
    if ((CODE == 0)); then
        cmp -s "$T/out" "$SRC/text" || [[ $what == removed*snapshots/* ]] || problem "cat: exit status 0 and wrong data"
    else
        cmp -s <(head -c "$(stat -c %s "$T/out")" "$SRC/text") "$T/out" || problem "cat: wrong data before the error"
    fi
    try snapfs check --read-data
    judged "check --read-data"
    ((CODE != 0)) || silent+=("$what")
    SNAPFS_CACHE_DIR=$T/cache
}
problems=''
problem() { problems+="$*"$'\n'; }
judged() {      # COMMAND: the exit status is 0 or a clear error
    local why
    why=$(crashed)
    [[ -z $why ]] || { problem "$1: $why; $(tail -n 3 "$T/err")"; return; }
    [[ $CODE == 0 || "|$CLEAR|" == *"|$CODE|"* ]] || problem "$1: exit status $CODE; $(tail -n 3 "$T/err")"
    ((CODE == 0)) || grep -aq '[a-z][a-z]' "$T/err" || problem "$1: exit status $CODE without a word"
}
concluded() {   # WHAT
    if [[ -z $problems ]]; then pass "$1: right data or a clear error"
    else fail "$1: right data or a clear error"; detail <<<"$problems"; fi
    problems=''
    rm -rf "$T/repo"
    cp -a "$T/whole" "$T/repo"
}

for file in "${FILES[@]}"; do
    size=$(stat -c %s "$T/whole/$file")
    for where in first last other; do
        ((size)) || continue
        byte "$T/repo/$file" "$file" $where
        trial "flipped ($where byte) $file"
        concluded "flipped ($where byte) $file"
    done
    for to in 0 $((size / 2)) $((size - 1)); do
        ((size)) || continue
        truncate -s "$to" "$T/repo/$file"
        trial "cut to $to of $size $file"
        concluded "cut to $to of $size $file"
    done
    rm "$T/repo/$file"
    trial "removed $file"
    concluded "removed $file"
    printf 'more' >>"$T/repo/$file"
    trial "bytes added to $file"
    concluded "bytes added to $file"
done
# Two files of one directory changed places.
for pair in $(cd "$T/whole" && find . -type f -printf '%h %P\n' | sort | awk '{if ($1 == d) print p ":" $2; d = $1; p = $2}'); do
    cp -a "$T/whole/${pair%:*}" "$T/repo/${pair#*:}"
    cp -a "$T/whole/${pair#*:}" "$T/repo/${pair%:*}"
    trial "swapped $pair"
    concluded "swapped $pair"
done
found=''
for what in "${silent[@]}"; do
    case $what in
    *" sessions/"* | *" tmp/"* | *" gc/"* | *" session/"*) ;;   # past sessions are no data
    removed*snapshots/*) ;;
    *) found+="$what"$'\n' ;;
    esac
done
is "check --read-data finds every one of them" "$found" ""

# The mount: right bytes or EIO.
big=$(cd "$T/whole" && find . -type f -printf '%s %P\n' | sort -n | tail -n 1 | cut -d' ' -f2)
size=$(stat -c %s "$T/whole/$big")
python3 -c '
import sys
with open(sys.argv[1], "r+b") as f:
    for at in range(500, int(sys.argv[2]) - 500, 30000): f.seek(at); b = f.read(1); f.seek(at); f.write(bytes([b[0] ^ 1]))' "$T/repo/$big" "$size"
mkdir "$T/mnt"
exits "0|1|13" "mount of a damaged repository" snapfs mount "$T/mnt"
if ((CODE == 0)); then
    errors=0 wrong=''
    for f in random text d/{1..30} d/new; do
        if cat "$T/mnt/latest$SRC/$f" >"$T/read" 2>/dev/null; then
            cmp -s "$T/read" "$SRC/$f" || wrong+="$f "
        else
            errors=$((errors + 1))
        fi
    done
    is "no file gives wrong bytes" "$wrong" ""
    num "damaged ones give an error" $errors -gt 0
    ok "the mount goes on" test -d "$T/mnt"
    unmount "$T/mnt"
fi
fails_with 13 "check --read-data of it" snapfs check --read-data
fails_with "1|3|13" "restore of it" snapfs restore latest --target "$T/back3"
finish
