# Paths are taken out of every snapshot, and after a prune no byte of them is in the repository.
. "$(dirname "$0")/../lib.sh"
SRC=$T/src
mkdir -p "$SRC"/{people/anna,people/bert,work/deep/er}
for n in {1..40}; do echo "report $n" >"$SRC/work/deep/er/$n"; done
random_file 1 400000 "$SRC/work/data"
{ echo 'marker-of-anna-in-a-large-file'; head -c 300000 /dev/zero | tr '\0' a; } >"$SRC/people/anna/letter"
echo 'marker-of-anna-in-a-small-file' >"$SRC/people/anna/note"
echo 'marker-of-bert' >"$SRC/people/bert/note"
setfattr -n user.k -v v "$SRC/people" "$SRC/people/bert"
new_key_repo
for n in 1 2 3; do
    echo "$n" >"$SRC/work/changing"
    backup "$SRC" --tag "t$n"
    cp -a "$SRC" "$T/kept.$n"
    IDS[n]=$SNAPSHOT
done
exits 0 "forget one" snapfs forget "${IDS[2]}"
exits 0 "list before" snapfs snapshots --json
value '[(s["time"], s["hostname"], s["tags"], s["paths"]) for s in j]' "$T/out" >"$T/before"

# Every record of every pack, opened by the reader that was written from the page: does it hold this?
cat >"$T/search.py" <<'PY'
import importlib.util, os, sys
spec = importlib.util.spec_from_file_location("reader", sys.argv[1])
reader = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reader)
found, original, wanted = set(), reader.record_content, sys.argv[4:]
def record_content(record):
    content = original(record)
    found.update(m for m in wanted if m.encode() in bytes(content))
    return content
reader.record_content = record_content
sys.argv = ["reader", "--repo", sys.argv[2], "--key-file", sys.argv[3], "verify"]
if reader.main(): print("not whole")
print("found", *sorted(found))
PY
search() {
    python3 "$T/search.py" "$HERE/../../contrib/snapfs-reader.py" "$T/repo" "$T/key" anna-in-a-large anna-in-a-small bert |
        tail -n 1
}
is "the data is there before" "$(search)" "found anna-in-a-large anna-in-a-small bert"

for path in "latest:$SRC/people" "${IDS[1]:0:8}:$SRC/people" "2026-11-21T02:00:00Z:/x" ''; do
    fails_with 64 "erase '$path'" snapfs erase "$path"
    fails_with 64 "log '$path'" snapfs log "$path"
done
fails_with 64 "a path in a snapshot" snapfs erase "latest:$SRC/people"
err_has "is chosen otherwise" 'give the path alone.*--snapshot'
exits 0 "a file that is only named so" snapfs erase ./latest:/people
exits 0 "nor is it there" snapfs erase a:b
err_has "where it was looked for" "no snapshot has $T/a:b"
cd "$SRC"
exits 0 "a relative path" snapfs erase -n people/../people/anna/ --json
cd "$T"
is "is found where it is" "$(value 'j["snapshots"]' "$T/out")" 3
fails_with 1 "the root is not erased" snapfs erase /
exits 0 "what no snapshot has" snapfs erase /nowhere
out_has "touches none" 'erased from 0'
exits 0 "dry run" snapfs erase -n "$SRC/people/anna" --json
is "says which" "$(value 'j["snapshots"]' "$T/out")" 3
is "writes nothing" "$(snapfs snapshots --json | value '" ".join(s["id"] for s in j)' /dev/stdin)" "${IDS[1]} ${IDS[3]}"
exits 0 "hold" snapfs hold "${IDS[1]}" "${IDS[3]}"
fails_with 1 "what is held is not erased" snapfs erase "$SRC/people/anna"
err_has "it names one" "${IDS[1]:0:8}"
err_has "and the other" "${IDS[3]:0:8}"
fails_with 1 "a dry run would be refused" snapfs erase -n "$SRC/people/anna"
out_has "after the whole plan" "3 snapshots would be"
out_has "in which it marks them" "${IDS[3]:0:8}.*held"
err_has "and says what to do" release
exits 0 "release" snapfs hold --release "${IDS[1]}" "${IDS[3]}"

exits 0 "erase" snapfs erase "$SRC/people/anna" "$SRC/people/anna/note"
exits 0 "list after" snapfs snapshots --json
is "times, hosts, tags and paths are as they were" \
    "$(value '[(s["time"], s["hostname"], s["tags"], s["paths"]) for s in j]' "$T/out")" "$(cat "$T/before")"
is "under other ids" "$(value "len({s['id'] for s in j} & {'${IDS[1]}', '${IDS[3]}'})" "$T/out")" 0
fails_with 1 "the old ones do not come back" snapfs unforget "${IDS[2]}"
exits 0 "check" snapfs check --read-data
for n in 1 3; do
    rm -rf "$T/kept.$n/people/anna" "$T/back"
    touch -r "$SRC/people" "$T/kept.$n/people"
    exits 0 "restore" snapfs restore "$(value "[s['id'] for s in j if 't$n' in s['tags']][0]" <(snapfs snapshots --json))" --target "$T/back"
    same "snapshot $n has all but what was erased" "$T/kept.$n" "$T/back$SRC"
    files=$(find "$T/back$SRC" -type f | wc -l)
done
is "its totals count what is left" "$(snapfs snapshots --json | value 'j[-1]["summary"]["files"]' /dev/stdin)" "$files"
is "before a prune the data is there" "$(search)" "found anna-in-a-large anna-in-a-small bert"
exits 0 "prune, and be it generous" snapfs prune --max-unused unlimited
is "after it no byte is left" "$(search)" "found bert"
exits 0 "check" snapfs check --read-data
exits 0 "the log" snapfs audit list
out_has "names the path by its hash alone" "sha256:$(printf %s "$SRC/people/anna" | sha256sum | cut -c1-64)"
out_lacks "and not by its name" people/anna
rm -r "$SRC/people/anna"
backup "$SRC"
num "the next backup builds on what was rewritten" "$(summary files_new)" -le 2

# --- one snapshot only, killed at any time ---------------------------------------------------------
for n in {1..8}; do
    echo "secret-$n $RANDOM" >"$SRC/secret"
    snapfs backup --quiet --time "2025-01-0$n" "$SRC" || fail "backup $n"
done
one=$(snapfs snapshots --json | value '[s["id"] for s in j if s["time"].startswith("2025-01-05")][0]' /dev/stdin)
exits 0 "erase from one" snapfs erase -s "$one" "$SRC/secret"
is "the others keep it" "$(snapfs find "$SRC/secret" --json | value 'sum(len(s["matches"]) if "matches" in s else 1 for s in j)' /dev/stdin)" 7
before=$(listed)
for n in {1..10}; do timeout -s KILL "0.$((RANDOM % 50 + 10))" "$SNAPFS" erase --quiet "$SRC/secret" >/dev/null 2>&1; done
exits 0 "erase to its end" snapfs erase "$SRC/secret"
is "no snapshot is lost or doubled" "$(listed)" "$before"
exits 0 "nothing is found" snapfs find "$SRC/secret"
is "no one" "$(wc -c <"$T/out")" 0
exits 0 "prune" snapfs prune
exits 0 "check" snapfs check --read-data
exits 0 "verify the log" snapfs audit verify

# --- with a second copy ----------------------------------------------------------------------------
rm -rf "$T/repo" "$T/cache" "$T/key"
exits 0 "init" snapfs init --new-key-file "$T/key"
exits 0 "init of the second" snapfs --repo "$T/second" init --new-key-file "$T/key2"
export SNAPFS_TO_REPO=$T/second SNAPFS_TO_KEY_FILE=$T/key2
there() { SNAPFS_REPO=$T/second SNAPFS_KEY_FILE=$T/key2 snapfs "$@"; }
there_listed() { there snapshots --json | value 'len(j)' /dev/stdin; }
# Two have what goes, the middle one has not.
for n in 1 2 3; do
    rm -f "$SRC/secret" "$SRC/other"
    ((n == 2)) || echo "secret $n" >"$SRC/secret"
    echo "other $n" >"$SRC/other"
    snapfs backup --quiet "$SRC" || fail "backup $n"
done
exits 0 "copy" snapfs copy
exits 0 "erase here" snapfs erase "$SRC/secret"
exits 0 "a dry run of a copy" snapfs copy -n
err_has "says what is to be erased there" "2 snapshots at the destination still have"
exits 0 "copy after it" snapfs copy
out_has "copies none" "copied 0 snapshots"
err_has "and says so, too" "2 snapshots at the destination still have"
is "nothing is there twice" "$(there_listed)" 3
exits 0 "prune here" snapfs prune
exits 0 "what is gone here" snapfs copy
err_has "is still known there" "2 snapshots at the destination still have"
exits 0 "erase another path there" there erase "$SRC/other"
exits 0 "which hides nothing" snapfs copy
err_has "as long as it is there" "2 snapshots at the destination still have"
exits 0 "erase there" there erase "$SRC/secret"
exits 0 "copy once more" snapfs copy
is "says nothing" "$(wc -c <"$T/err")" 0
exits 0 "and for good" there prune
exits 0 "copy again" snapfs copy
is "without a word" "$(wc -c <"$T/err")" 0
is "nothing comes back" "$(there find "$SRC/other" "$SRC/secret" | wc -c)" 0
is "nothing is there twice" "$(there_listed)" 3
exits 0 "hold one here" snapfs hold latest
exits 0 "copy brings the hold" snapfs copy
fails_with 1 "to the one that was written again" there forget latest
snapfs backup --quiet "$SRC" || fail "backup of the same"
exits 0 "copy a new one" snapfs copy
out_has "as before" "copied 1 snapshot"
# What is erased does not come back by what a repair has made of a snapshot.
random_file big 300000 "$SRC/big"
echo "secret 4" >"$SRC/secret"
snapfs backup --quiet "$SRC" || fail "backup"
rm -f "$T"/repo/data/*/*
exits "0|13" "repair what has lost a file" snapfs repair snapshots
exits 0 "copy that" snapfs copy
out_has "it is new" "copied as"
exits 0 "erase from it there" there erase "$SRC/secret"
exits 0 "and for good" there prune
exits 0 "copy" snapfs copy
is "nothing comes back" "$(there find "$SRC/secret" | wc -c)" 0
exits 0 "check there" there check --read-data
finish
