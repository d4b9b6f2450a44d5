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
for command in snapshots "restore latest --target $T/yesterday" "forget --keep-last 9" prune \
    "key list"; do
    # shellcheck disable=SC2086
    exits 0 "$command with an older copy" snapfs $command
    err_has "says that the repository was rolled back" 'warning: .*older copy'
done
exits 0 "a backup into an older copy" snapfs backup "$SRC"
err_has "says so, too" 'older copy'
is "once" "$(grep -c 'older copy' "$T/err")" 1
exits 0 "a writer says it once" snapfs backup "$SRC"
err_lacks "and not again" 'older copy'
fails_with 13 "the log keeps it" snapfs audit list
out_has "for the auditor" 'older copy'
fails_with 13 "and every reading of it says so" snapfs audit verify
err_has "with what to do" 'audit acknowledge'
fails_with 13 "so does a check" snapfs check
out_has "and what it is about" 'older copy'
SNAPFS_CACHE_DIR=$T/other fails_with 13 "whoever runs it" snapfs audit verify
reader() { python3 "$HERE/../../contrib/snapfs-reader.py" --key-file "$T/key" --repo "$T/repo" verify; }
ok_not "and the reader, too" reader
cp -a "$T/repo" "$T/rolled"
exits 0 "until it is accepted" snapfs audit acknowledge --reason 'the disk was replaced'
out_has "by name" 'accepted: audit/00000013 .*older copy'
exits 0 "then nobody says it" snapfs audit verify
out_has "but as accepted" '15 records, nothing missing but what was accepted .1 finding'
exits 0 "nor a check" snapfs check
exits 0 "nor the reader" reader
exits 0 "the log has both" snapfs audit list --json
is "what was seen and what is accepted" "$(value 'str([(r["number"], "rolled_back_from" in r, r["accepted"]) for r in map(json.loads, text.splitlines()) if r["accepted"] or "rolled_back_from" in r])' "$T/out")" \
    "[(13, True, []), (15, False, [{'first': 13, 'kind': 'rolled_back', 'last': 13}])]"
exits 0 "with nothing to accept" snapfs audit acknowledge
out_has "it says so" 'nothing to acknowledge'
is "and appends nothing" "$(find "$T/repo/audit" -type f | wc -l)" 15
rm -rf "$T/repo"; cp -a "$T/rolled" "$T/repo"
fails_with 13 "another rollback is another one" snapfs audit verify
exits 0 "what only this machine knows is accepted, too" snapfs audit acknowledge
exits 0 "at once" snapfs audit verify
rm "$T/repo/audit/00000004"
printf '\1' | dd of="$T/repo/audit/00000006" bs=1 seek=200 conv=notrunc status=none
fails_with 13 "what is lost later is said" snapfs audit verify
exits 0 "and can be accepted" snapfs audit acknowledge
is "each by itself" "$(grep -c '^accepted' "$T/out")" 3
exits 0 "for ever" snapfs audit verify
exits 0 "the reader accepts it, too" reader
rm "$T/repo/audit/00000005"
fails_with 13 "but nothing more" snapfs audit verify
rm -rf "$T/repo"; cp -a "$T/rolled" "$T/repo"
exits 0 "acknowledged" snapfs audit acknowledge

# --- at the same time ------------------------------------------------------------------------------
before=$(find "$T/repo/audit" -type f | wc -l)
for n in {1..8}; do snapfs tag add "t$n" latest --quiet & JOBS+=($!); done
wait
exits 0 "eight at once" snapfs audit verify
is "each has its record" "$(find "$T/repo/audit" -type f | wc -l)" $((before + 8))
finish
