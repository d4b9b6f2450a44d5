# Damage is found, with and without a key, and repaired by new files alone.
. "$(dirname "$0")/../lib.sh"
SRC=$T/src
mkdir -p "$SRC"/{a,b}
for n in 1 2 3 4 5 6; do random_file "$n" 1500000 "$SRC/a/$n"; done
for n in {1..20}; do echo "small file $n" >"$SRC/b/$n"; done
find "$SRC" -exec touch -h -d '1 hour ago' {} +
new_key_repo
for n in 1 2 3; do
    random_file "1$n" 900000 "$SRC/b/changing"
    backup "$SRC"
    cp -a "$SRC" "$T/kept.$n"
    SNAPSHOTS[n]=$SNAPSHOT
done
cp -a "$T/repo" "$T/whole"
again() { rm -rf "$T/repo" "$T/cache"; cp -a "$T/whole" "$T/repo"; }
flip() {        # FILE PART: one bit of the file, PART hundredths of the way in
    python3 -c 'import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(f.seek(0, 2) * int(sys.argv[2]) // 100); b = f.read(1); f.seek(-1, 1); f.write(bytes([b[0] ^ 4]))' "$@"
}
names() { (cd "$T/repo" && find . -type f ! -path './sessions/*' ! -path './tmp/*' | sort); }
sums() { (cd "$T/whole" && find . -type f ! -path './sessions/*' -exec sha256sum {} + | sort -k 2); }
untouched() {   # WHAT: no file that was there has changed, but the one that was damaged
    local changed
    changed=$(cd "$T/repo" && sha256sum --quiet -c <(sums) 2>/dev/null | grep -vF "${DAMAGED:-/none/}")
    is "$1: no other file has changed or gone" "$changed" ""
}
restores() {    # WHAT SNAPSHOT TREE
    exits 0 "$1: restore" snapfs restore "$2" --target "$T/back"
    same "$1: is as it was" "$3" "$T/back$SRC"
    rm -rf "$T/back"
}
all_restore() { for n in 1 2 3; do restores "$1, snapshot $n" "${SNAPSHOTS[n]}" "$T/kept.$n"; done; }
clean() { exits 0 "$1: no damage" snapfs check --read-data; }
largest() { (cd "$T/repo" && find "$1" -type f -printf '%s %p\n' | sort -n | tail -n 1 | cut -d' ' -f2); }

# --- scrub -----------------------------------------------------------------------------------------
keyless() { env -u SNAPFS_KEY_FILE -u SNAPFS_PASSWORD timeout -k 5 "$LIMIT" "$SNAPFS" "$@"; }
exits 0 "scrub without a key" keyless scrub --json
num "hashes packs, segments and the slot" "$(value 'j["files_proven"]' "$T/out")" -ge 10
cp -a "$T/repo" "$T/elsewhere"
exits 0 "of a copy elsewhere" keyless scrub --repo "$T/elsewhere"
for file in $(cd "$T/repo" && find data meta index slots -type f); do
    flip "$T/repo/$file" 60
    fails_with 13 "scrub finds a bit of $file" keyless scrub
    out_has "and names it" "$file"
    cp -a "$T/whole/$file" "$T/repo/$file"
done
: >"$T/repo/config"
fails_with 13 "an empty file" keyless scrub
again
echo x >"$T/repo/data/notes"
exits 0 "a foreign name is no damage" keyless scrub
out_has "and is told" data/notes
fails_with 10 "scrub of what is no repository" keyless scrub --repo "$T/src"
again

for part in 5 4/3 0/3 0 0% 1/; do
    fails_with 64 "--read-data-subset $part" snapfs check --read-data-subset "$part"
    err_has "says what is valid" 'such as 1/30.*5%.*2G'
done

# --- parts that go round ---------------------------------------------------------------------------
is "a part of nothing is a mistake" "$(try snapfs check --read-data-subset 0/3; echo "$CODE")" 64
seen=0
for n in 1 2 3 4; do
    exits 0 "a quarter, run $n" snapfs check --read-data-subset 1/4 --json
    # A run goes on into the next round where one ends.
    ended=$(value 'int(j["round"] > 1 or j["round_bytes"] == j["round_total"])' "$T/out")
    ((!ended)) || seen=1
done
is "four quarters are the whole" "$seen" 1
exits 0 "the whole" snapfs check --read-data-subset 100%
DAMAGED=$(largest data)
flip "$T/repo/$DAMAGED" 50
found=0
for n in 1 2 3 4 5; do
    try snapfs check --read-data-subset 1/4
    if ((CODE == 13)); then found=$n; break; fi
done
num "a damaged pack is met within a round" "$found" -gt 0
for n in 1 2; do
    fails_with 13 "and told again by every later run" snapfs check --read-data-subset 1/4
    out_has "with the file it touches" "$SRC/a/"
    out_has "and the snapshots" "3 snapshots from ${SNAPSHOTS[1]:0:8} to ${SNAPSHOTS[3]:0:8}"
done
exits 13 "the whole again" snapfs check --read-data-subset 100%
out_has "is the whole, damaged or not" '\(100 %\)'
is "each path is named once" "$(grep -c "$SRC/" "$T/out")" 1
out_has "with what helps" "repair --from REPOSITORY --read-data.*else 'snapfs repair packs'"
exits 0 "without reading it is not seen" snapfs check
out_has "which is said, and how to read" 'contents were not read: .*--read-data'
exits 13 "as JSON" snapfs check --read-data --json
is "each path of each snapshot has its line" "$(grep -c '"message_type":"damage".*"snapshot"' "$T/out")" 3
is "and what helps" "$(value 'j["read_data"], len(j["next_steps"])' "$T/out")" "(True, 4)"
rm "$T/repo/$DAMAGED"
exits 13 "a missing pack" snapfs check
out_has "is said once, with the snapshots" '^damaged: [0-9]+ paths in 3 snapshots: '
out_has "then its paths" "^  $SRC/a/[1-6] in 3 snapshots from ${SNAPSHOTS[1]:0:8} to ${SNAPSHOTS[3]:0:8}$"
again
mkdir "$T/many"
for n in {1..15}; do random_file "2$n" 9000 "$T/many/$n"; done
backup "$T/many"
rm $(comm -23 <(cd "$T/repo" && find "$PWD/data" -type f | sort) <(cd "$T/whole" && find data -type f -printf "$T/repo/%p\n" | sort))
exits 13 "many paths" snapfs check
is "are named in part" "$(grep -c "^  $T/many/" "$T/out")" 10
out_has "with how many more there are" '^  and 5 more paths there'
exits 13 "all of them" snapfs check --verbose
is "if asked for" "$(grep -c "^  $T/many/" "$T/out")" 15
rm "$T/repo/$(largest meta)"
fails_with 13 "prune over damage" snapfs prune
err_has "says that nothing is taken, and what to do" "nothing more is taken: 'snapfs check --read-data' names"
fails_with 13 "so does a dry run" snapfs prune -n
err_has "of it" "nothing more is taken: 'snapfs check --read-data' names"
again

# --- an index that is not there --------------------------------------------------------------------
lost_index() {  # WHAT: nothing may be given up before the packs have been looked into
    exits 13 "$1: check" snapfs check
    out_has "$1: says where it may be" '^damaged: index: a segment is missing: [0-9]+ of the objects'
    out_has "$1: and to look there first" "1. 'snapfs repair index'"
    for dry in -n ''; do
        fails_with 13 "$1: repair snapshots $dry" snapfs repair snapshots $dry
        err_has "$1: does not begin before that" "run 'snapfs repair index' first"
    done
    is "$1: all are listed" "$(listed)" "$2"
    fails_with 13 "$1: prune" snapfs prune
    exits 0 "$1: repair index" snapfs repair index
    clean "$1"
}
rm "$T"/repo/index/*
lost_index "all segments are gone" 3
all_restore "all segments were gone"
again
rm "$T/repo/$(largest index)"
lost_index "one is gone" 3
again
exits 0 "a collection" snapfs forget --min-keep 0 "${SNAPSHOTS[1]}" --prune
rm "$T"/repo/gc/*
lost_index "the end of a collection is gone" 2
again

# --- a prune beside missing packs ------------------------------------------------------------------
packs() { (cd "$T/repo" && find data meta -type f | sort); }
for way in rm 'truncate -s 1000'; do
    $way "$T/repo/$DAMAGED"
    before=$(packs)
    exits 0 "$way a pack: forget" snapfs forget "${SNAPSHOTS[1]}"
    fails_with 13 "$way a pack: prune" snapfs prune
    err_has "$way a pack: names it" "$DAMAGED"
    is "$way a pack: nothing went" "$(packs)" "$before"
    again
done

flip "$T/repo/$DAMAGED" 50
exits 13 "without a cache" snapfs check --read-data-subset 50% --cache-dir /proc/none
err_has "it says that nothing is remembered" 'not remembered'
again

# --- the index -------------------------------------------------------------------------------------
exits 0 "a whole index" snapfs repair index
out_has "needs no repair" 'needs no repair'
is "and gets none" "$(names)" "$(cd "$T/whole" && find . -type f ! -path './sessions/*' | sort)"
rm "$T"/repo/index/*
before=$(names)
exits 0 "dry run without an index" snapfs repair index -n
is "writes nothing" "$(names)" "$before"
exits 0 "repair of a missing index" snapfs repair index
clean "a missing index"
all_restore "a missing index"
for file in $(cd "$T/whole" && find index -type f); do
    again
    DAMAGED=$file
    flip "$T/repo/$file" $((COUNT % 100))
    exits 0 "repair of a damaged segment" snapfs repair index
    untouched "a damaged segment"
    clean "a damaged segment"
    exits 0 "and prune works again" snapfs prune
    all_restore "a damaged segment"
done
again
rm "$T"/repo/index/*
DAMAGED=$(largest meta)
truncate -s -1 "$T/repo/$DAMAGED"
fails_with 13 "a pack without its table is left out" snapfs repair index
out_has "and named" "$DAMAGED"

# --- packs, and healing by a backup ----------------------------------------------------------------
for kind in data meta; do
    for damage in 'flip 30' 'flip 95' cut removed; do
        again
        DAMAGED=$(largest "$kind")
        case $damage in
        flip*) flip "$T/repo/$DAMAGED" "${damage#flip }" ;;
        cut) truncate -s -9000 "$T/repo/$DAMAGED" ;;
        removed) rm "$T/repo/$DAMAGED" ;;
        esac
        what="$damage $kind"
        fails_with 13 "$what: check" snapfs check --read-data
        exits "0|13" "$what: repair packs" snapfs repair packs
        untouched "$what"
        exits "0|13" "$what: repair again" snapfs repair packs
        out_has "$what: nothing is left to do" 'no pack needs repair'
        backup "$SRC"
        restores "$what: the backup after it" "$SNAPSHOT" "$SRC"
        exits "0|13" "$what: repair snapshots" snapfs repair snapshots
        exits 0 "$what: prune" snapfs prune
        clean "$what"
        restores "$what: latest" "$SNAPSHOT" "$SRC"
    done
done
again
DAMAGED=$(largest data)
flip "$T/repo/$DAMAGED" 50
exits 13 "a flipped bit of content" snapfs repair packs --json
is "loses one object" "$(value 'j["num_lost"]' "$T/out")" 1
num "and saves the others" "$(value 'j["salvaged"]' "$T/out")" -gt 3
backup "$SRC"
clean "healed by a backup of the same data"
all_restore "healed"

# --- snapshots -------------------------------------------------------------------------------------
again
DAMAGED=$(largest data)
flip "$T/repo/$DAMAGED" 50
exits 0 "hold one" snapfs hold "${SNAPSHOTS[1]}"
exits 13 "the content is lost" snapfs repair packs
before=$(names)
exits 13 "dry run" snapfs repair snapshots -n
is "writes nothing" "$(names)" "$before"
out_has "says what would be lost" "$SRC/a/"
exits 13 "repair snapshots" snapfs repair snapshots --json
lost=$(python3 -c 'import json, sys
print(*sorted({j["path"] for j in map(json.loads, open(sys.argv[1])) if j["message_type"] == "lost"}))' "$T/out")
num "says what is lost" "$(wc -w <<<"$lost")" -eq 1
is "three are listed" "$(listed)" 3
is "all are repaired ones" "$(value '[s["tags"] for s in j]' "$T/listed" | sort -u)" "['repaired']"
is "with the time of the old ones" "$(value 'sorted(s["time"] for s in j)' "$T/listed")" \
    "$(rm -rf "$T/cache"; snapfs snapshots --json --repo "$T/whole" >"$T/old"; value 'sorted(s["time"] for s in j)' "$T/old")"
id=$(value '[s["id"] for s in j][0]' "$T/listed")
exits 0 "restore of one" snapfs restore "$id" --target "$T/back"
rm -f "$T/kept.1${lost#"$SRC"}"
touch -r "$T/back$SRC/a" "$T/kept.1/a"
same "has everything else" "$T/kept.1" "$T/back$SRC"
exits 0 "once more" snapfs repair snapshots
out_has "needs no repair" 'no snapshot needs repair'
exits 0 "prune" snapfs prune
clean "after it"
is "the held one is still there" "$(listed)" 3

# A lost pack that only a repair still names is no work for prune.
export SNAPFS_REPO=$T/lost
unset SNAPFS_KEY_FILE
export SNAPFS_PASSWORD=x
exits 0 "init" snapfs init
mkdir "$T/small"
for n in $(seq 40); do random_file "lost$n" 3000 "$T/small/$n"; done
WHAT='to lose' backup "$T/small"
rm "$SNAPFS_REPO"/data/*/*
exits 13 "repair packs" snapfs repair packs
num "names some of what is lost" "$(grep -c '^lost: object' "$T/out")" -le 10
out_has "and how many more there are" '^lost: [0-9]+ more objects'
WHAT='of the same' backup "$T/small"
exits 0 "repair snapshots finds nothing to do" snapfs repair snapshots
exits 0 "prune" snapfs prune
exits 0 "check" snapfs check
out_lacks "promises nothing of prune" 'prune takes'
exits 0 "a backup afterwards" snapfs backup "$T/small"
err_lacks "does not miss for ever what was lost" 'missing or cut'

# What a collection has decided is lost: nothing else can be told, and there is a way out.
export SNAPFS_REPO=$T/decided
exits 0 "init" snapfs init
mkdir "$T/again"
for n in 1 2 3; do
    random_file "again$n" 200000 "$T/again/$n"
    backup "$T/again"
done
exits 0 "forget" snapfs forget --keep-last 2 --min-keep 1 --prune --max-unused 0
done=$(ls "$SNAPFS_REPO"/gc/*.done)
cp "$done" "$T/kept.done"
printf 'XXXX' | dd of="$done" bs=1 seek=100 conv=notrunc status=none
exits 13 "check" snapfs check
out_has "says to put it back" '1[.] put the file below gc/ back'
out_lacks "and not to repair what is sound" 'repair snapshots'
for command in "repair index" "repair packs" "repair snapshots" prune; do
    # shellcheck disable=SC2086
    fails_with 13 "$command" snapfs $command
    err_has "refuses and says where to look" "'snapfs check"
done
cp "$done" "$T/flipped.done"
cp "$T/kept.done" "$done"
clean "with the file of a copy"
cp "$T/flipped.done" "$done"
mv "$SNAPFS_REPO/gc" "$T/gc.away"
exits 0 "repair index without gc/" snapfs repair index
clean "after that"
is "both are there" "$(listed)" 2
backup "$T/again"
exits 0 "prune goes on" snapfs prune
clean "after that, too"

# A damaged note: the snapshot counts as held until somebody gives it up, and neither stays for ever.
export SNAPFS_REPO=$T/notes
unset SNAPFS_KEY_FILE
export SNAPFS_PASSWORD=x
exits 0 "init" snapfs init
mkdir "$T/noted"
for n in one two; do
    echo $n >"$T/noted/file"
    WHAT=$n backup "$T/noted"
    eval "$n=$SNAPSHOT"
    exits 0 "hold $n" snapfs hold "$SNAPSHOT"
    overwrite_note() { dd if=/dev/zero of="$SNAPFS_REPO/notes/$1.1" bs=1 seek=40 count=4 conv=notrunc status=none; }
    overwrite_note "$SNAPSHOT"
done
exits 13 "check names them" snapfs check
is "once each, by one name" "$(grep -c 'damaged: notes/[0-9a-f]*[.]1: [^/]*$' "$T/out")" 2
exits 0 "a new tag" snapfs tag add keep "$one"
err_has "with a warning" "$one.1: .* not known"
exits 0 "a policy" snapfs forget --keep-last 1 --min-keep 0 --max-remove-percent 100
is "forgets none" "$(listed)" 2
exits 0 "one is forgotten by its id" snapfs forget "$one"
exits 0 "and collected" snapfs prune
ok_not "with its notes" test -e "$SNAPFS_REPO/notes/$one.1"
exits 0 "repair snapshots" snapfs repair snapshots
out_has "says that the other is held" "held"
exits 0 "check finds nothing any more" snapfs check
fails_with 1 "the hold stands" snapfs forget "$two"
exits 0 "until it is released" snapfs hold --release "$two"
exits 0 "then it can go" snapfs forget "$two"
finish
