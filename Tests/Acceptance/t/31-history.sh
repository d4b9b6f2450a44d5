# history/ in the mount and snapfs log: every version of a file, file first.
. "$(dirname "$0")/../lib.sh"
need cmp
SRC=$T/src
M=$T/mnt
H=$M/history$SRC
ODD=$'odd \xff\n"name'
mkdir -p "$SRC/dir" "$SRC/gone"
echo one >"$SRC/file"
echo always >"$SRC/same"
echo inside >"$SRC/dir/inside"
echo gone >"$SRC/gone/old"
echo file >"$SRC/was"
echo odd >"$SRC/$ODD"
echo linked >"$SRC/link1"
ln "$SRC/link1" "$SRC/link2"
ln -s file "$SRC/symlink"
mkfifo "$SRC/fifo"
head -c 3000000 /dev/urandom >"$SRC/large"
chown 12:34 "$SRC/file"
touch -d 2001-02-03T04:05:06.789Z "$SRC/file"
setfattr -n user.note -v first "$SRC/file"
NAMES=$(ls -b "$SRC")
new_key_repo
day() { printf '2026-01-%02dT00:00:00Z' "$1"; }
snapshot() { snapfs backup --quiet --time "$(day "$1")" --host "${2:-alpha}" "$SRC" || fail "backup $1"; }
in_snapshot() { echo "$M/snapshots/$(day "$1")$SRC"; }

snapshot 1
snapshot 2
echo two, longer >"$SRC/file"
rm "$SRC/was" && mkdir "$SRC/was" && echo below >"$SRC/was/below"
rm -r "$SRC/gone"
echo changed >>"$SRC/link1"
ln -sfn dir "$SRC/symlink"
snapshot 3
chmod 600 "$SRC/file"
snapshot 4
rm "$SRC/file"
snapshot 5

mount_at "$M"
is "a file has one entry for each version" "$(ls "$H/file" | tr '\n' ' ')" "$(day 1) $(day 3) $(day 4) "
is "one that never changed has one" "$(ls "$H/same")" "$(day 1)"
is "a directory has all names that were in it" "$(ls -b "$H")" "$NAMES"
is "what is gone is there" "$(cat "$H/gone/old/$(day 1)")" gone
for day in 1 3 4; do
    ok "the version of day $day has its content" cmp "$H/file/$(day $day)" "$(in_snapshot $day)/file"
    is "and its attributes" "$(stat -c '%a %u %g %y %s %i' "$H/file/$(day $day)")" \
        "$(stat -c '%a %u %g %y %s %i' "$(in_snapshot $day)/file")"
done
is "and its extended attributes" "$(getfattr --only-values -n user.note "$H/file/$(day 1)")" first
ok "a large file" cmp "$H/large/$(day 1)" "$SRC/large"
is "a symbolic link is one" "$(readlink "$H/symlink/$(day 1)") $(readlink "$H/symlink/$(day 3)")" "file dir"
ok "a fifo is one" test -p "$H/fifo/$(day 1)"
is "an odd name" "$(cat "$H/$ODD/$(day 1)")" odd
is "a directory that was a file" "$(ls "$H/was" | tr '\n' ' ')" "@versions below "
is "has its versions as a file" "$(ls "$H/was/@versions") $(cat "$H/was/@versions/$(day 1)")" "$(day 1) file"
is "and its names" "$(cat "$H/was/below/$(day 3)")" below
ok_not "no @versions where there was nothing else" test -e "$H/dir/@versions"
ok_not "no other times" test -e "$H/file/$(day 2)"
ok_not "no other names" test -e "$H/nothing"
ok_not "read-only" touch "$H/file/new"
ok "cp -a of a version" cp -a "$H/file/$(day 1)" "$T/copy"
is "keeps all of it" "$(stat -c '%a %u %g %y' "$T/copy") $(cat "$T/copy") $(getfattr --only-values -n user.note "$T/copy")" \
    "644 12 34 2001-02-03 04:05:06.789000000 +0000 one first"
ok "cp -a of all versions of everything" cp -a "$H" "$T/all"
is "with the contents" "$(cat "$T/all/link1/$(day 1)") $(tail -n 1 "$T/all/link1/$(day 3)") $(cat "$T/all/file/$(day 3)")" \
    "linked changed two, longer"
is "links of one snapshot are links" "$(stat -c %i "$T/all/link1/$(day 1)")" "$(stat -c %i "$T/all/link2/$(day 1)")"
ok "find meets everything once" find "$M/history" -type f -printf ''

# What a directory kept from others is not shown through history/.
chmod 700 "$SRC/dir"
chown 1:1 "$SRC/dir"
echo secret >"$SRC/dir/secret"
chmod 644 "$SRC/dir/secret"
snapshot 6
ok "a new name appears" wait_until 4 test -e "$H/dir/secret/$(day 6)"
is "in a directory that was closed once, so is closed" "$(stat -c %a "$H/dir")" 0

# log prints the same.
exits 0 "log" snapfs log "$SRC/file"
is "the versions, and where it was removed" "$(awk 'NR > 1 {print $1, $2}' "$T/out" | tr '\n' ' ')" \
    "$(day 1) + $(day 3) M $(day 4) U $(day 5) - "
exits 0 "log --json" snapfs log --json "$SRC/file"
ok "is JSON lines" is_json "$T/out"
is "with the names of history/" \
    "$(python3 -c 'import json, sys
for l in sys.stdin:
    j = json.loads(l)
    if j["modifier"] != "-": print(j["name"], j["size"], j["snapshots"])' <"$T/out")" \
    "$(cd "$H/file" && for v in *; do echo "$v $(stat -c %s "$v") $([[ $v == $(day 1) ]] && echo 2 || echo 1)"; done)"
exits 0 "log of what was removed as a directory" snapfs log "$SRC/gone"
out_has "says so" "^$(day 3) +-"
(cd "$SRC" && snapfs log same >"$T/out") || fail "log of a relative path"
out_has "log of a relative path" "^$(day 1) +\+"
exits 0 "log of an odd name" snapfs log "$SRC/$ODD"
fails_with 1 "log of a path that never was" snapfs log "$SRC/nothing"
fails_with 1 "log of a path that another host has" snapfs log --host beta "$SRC/file"

# A new backup shows up by itself.
echo back >"$SRC/file"
snapshot 7 beta
snapshot 8
ok "a new version appears" wait_until 4 test -e "$H/file/$(day 8)"
# The listing is a second old at most.
wait_until 4 sh -c "ls '$H/file' | grep -q '$(day 8)'"
is "beside that of another host" "$(ls "$H/file" | tr '\n' ' ')" \
    "$(day 1) $(day 3) $(day 4) $(day 7) $(day 8) "
echo new >"$SRC/new"
ok_not "a name that is not there yet" test -e "$H/new"
snapshot 9
ok "appears, asked for before" wait_until 4 test -e "$H/new/$(day 9)"
(cd "$H/file" && snapshot 10 && sleep 2.5 && ls >"$T/here" && pwd -P >"$T/where")
is "a working directory stays good" "$(cat "$T/where") $(wc -l <"$T/here")" "$(readlink -f "$M")/history$(readlink -f "$SRC")/file 5"

# Snapshots go away, as a collection takes them.
exits 0 "snapshots" snapfs snapshots --json
IDS=$(value '[s["id"] for s in j][:2]' "$T/out")
ok "what they have is there" test -e "$H/gone/old/$(day 1)"
(cd "$H/file" && for id in $IDS; do rm "$T/repo/snapshots/$id"; done; sleep 2.5; ls >"$T/here")
is "a directory found in one of them is still good" "$(tr '\n' ' ' <"$T/here")" \
    "$(day 3) $(day 4) $(day 7) $(day 8) "
is "and is that of the others by its path" "$(cat "$H/file/$(day 3)")" "two, longer"
ok_not "what only they had is gone" test -e "$H/gone"

# A directory of more names than one answer holds.
mkdir "$SRC/many"
for i in $(seq 1500); do echo "$i" >"$SRC/many/$i"; done
snapshot 11
rm "$SRC"/many/*7*
snapshot 12
ok "a directory of many names" wait_until 4 test -e "$H/many/1500/$(day 11)"
is "is listed whole" "$(ls "$H/many" | sort -n | tr '\n' ' ')" "$(seq 1500 | tr '\n' ' ')"
is "in any order" "$(find "$H/many" -mindepth 1 -maxdepth 1 | wc -l)" 1500
unmount "$M"
mount_at "$M" --host beta
is "with a filter, what it chooses" "$(ls "$H/file")" "$(day 7)"
unmount "$M"

# A snapshot that cannot be read makes no version vanish silently.
META=$(ls "$T"/repo/meta/*/* "$T"/repo/meta/* 2>/dev/null | sort)
echo last >>"$SRC/same"
snapshot 13
for pack in $(comm -13 <(echo "$META") <(ls "$T"/repo/meta/*/* "$T"/repo/meta/* 2>/dev/null | sort)); do
    [[ -f $pack ]] && rm "$pack"
done
mount_at "$M"
ok_not "a history that cannot be read whole fails" ls "$H/same"
file_has "as an error" "$T/judged" 'Input/output error'
is "the other snapshots are there" "$(cat "$(in_snapshot 12)/same")" always
exits 13 "log names the snapshot" snapfs log "$SRC/same"
err_has "on standard error" 'snapshot [0-9a-f]{8}: '
out_has "and prints the others" "^$(day 3) +\+"
unmount "$M"
finish
