# Every command that writes says so, and what was taken away or replaced is noticed.
. "$(dirname "$0")/../lib.sh"
SRC=$T/src
mkdir "$SRC"
echo data >"$SRC/file"
new_key_repo
backup "$SRC" --tag a
first=$SNAPSHOT
for n in 1 2 3; do echo "$n" >"$SRC/file"; backup "$SRC"; done
exits 0 "tag" snapfs tag add web "$first"
exits 0 "hold" snapfs hold "$first"
exits 0 "release" snapfs hold --release "$first"
exits 0 "forget" snapfs forget "$first" --reason 'no longer needed'
exits 0 "unforget" snapfs unforget "$first"
exits 0 "forget" snapfs forget "$first"
exits 0 "prune" snapfs prune
exits 0 "reading says nothing" snapfs snapshots
exits 0 "nor does a check" snapfs check
exits 0 "nor a restore" snapfs restore latest --target "$T/back"
exits 0 "nor a dry run" snapfs forget -n latest
exits 0 "list" snapfs audit list --json
is "has every command that wrote" "$(value '" ".join(r["command"] for r in map(json.loads, text.splitlines()))' "$T/out")" \
    "init backup backup backup backup tag add hold hold --release forget unforget forget prune"
is "and when, who, what" "$(value '(j["username"], len(j["snapshots"]), j["counts"]["collection"])' "$T/out")" "('root', 1, 1)"
exits 0 "list as text" snapfs audit list
out_has "with the reason" 'no longer needed'
exits 0 "verify" snapfs audit verify
cp -a "$T/repo" "$T/whole"

restore_repo() { rm -rf "$T/repo"; cp -a "$T/whole" "$T/repo"; }
rm "$T/repo/audit/00000004"
fails_with 13 "a record that is gone is noticed" snapfs audit verify
err_has "and named" 'audit/00000004 is missing'
restore_repo
rm "$T/repo/audit/00000012"
fails_with 13 "even the last one, by who wrote it" snapfs audit verify
SNAPFS_CACHE_DIR=$T/other exits 0 "though not by others" snapfs audit verify
restore_repo
cp "$T/repo/audit/00000005" "$T/repo/audit/00000004"
fails_with 13 "a copy in another's place is noticed" snapfs audit verify
restore_repo
printf '\1' | dd of="$T/repo/audit/00000006" bs=1 seek=200 conv=notrunc status=none
fails_with 13 "an edited one is noticed" snapfs audit verify
restore_repo

# --- a repository of yesterday ---------------------------------------------------------------------
cp -a "$T/repo" "$T/old"
echo more >"$SRC/file"
backup "$SRC"
rm -rf "$T/repo"; cp -a "$T/old" "$T/repo"
exits 0 "a backup into an older copy" snapfs backup "$SRC"
err_has "says that the repository was rolled back" 'older copy'
exits 0 "and the log keeps it" snapfs audit list
out_has "for the auditor" 'older copy'
exits 0 "it is said once" snapfs backup "$SRC"
err_lacks "and not again" 'older copy'
exits 0 "the reader follows the chain, too" \
    python3 "$HERE/../../contrib/snapfs-reader.py" --key-file "$T/key" --repo "$T/repo" verify

# --- at the same time ------------------------------------------------------------------------------
before=$(find "$T/repo/audit" -type f | wc -l)
for n in {1..8}; do snapfs tag add "t$n" latest --quiet & JOBS+=($!); done
wait
exits 0 "eight at once" snapfs audit verify
is "each has its record" "$(find "$T/repo/audit" -type f | wc -l)" $((before + 8))
finish
