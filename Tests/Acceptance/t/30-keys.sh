# What opens a repository: several passwords and key files, removing and changing them, a recovery
# key on paper, and new generations of secrets while others are at work. Most commands open it with
# a key file: every slot of a password costs a try of a third of a second.
. "$(dirname "$0")/../lib.sh"
SRC=$T/src
mkdir -p "$SRC"
random_file 1 300000 "$SRC/file"
echo first >"$SRC/text"
new_key_repo
backup "$SRC"
FIRST=$SNAPSHOT

as() { local password=$1; shift; env -u SNAPFS_KEY_FILE "SNAPFS_PASSWORD=$password" "$SNAPFS" "$@"; }
by() { local file=$1; shift; env "SNAPFS_KEY_FILE=$file" "$SNAPFS" "$@"; }
adds() { local new=$1; shift; env "SNAPFS_NEW_PASSWORD=$new" "$SNAPFS" key add "$@"; }
each() {        # EXPRESSION: of every key `k`, one a line
    snapfs key list --json >"$T/keys"
    value "[$1 for k in map(__import__('json').loads, text.splitlines()) if k['message_type'] == 'key']" "$T/keys"
}
labels() { each 'k.get("label")' | tr '\n' ' '; }
id_of() { snapfs key list --json >"$T/keys"; value "[k['id'] for k in map(__import__('json').loads, text.splitlines()) if k.get('label') == '$1']" "$T/keys"; }

exits 0 "one key at first" snapfs key list
out_has "is marked as the one in use" '^\* .*key file'
exits 0 "a password" adds "pass of kim" --label kim
exits 0 "opens the repository" as "pass of kim" ls "$FIRST"
exits 0 "the key file still does" snapfs ls "$FIRST"
fails_with 12 "another password does not" as "pass of tim" snapshots
fails_with 12 "and adds none" env -u SNAPFS_KEY_FILE SNAPFS_PASSWORD=wrong SNAPFS_NEW_PASSWORD=x "$SNAPFS" key add --new-key-file "$T/none"
ok_not "and no key file is made" test -e "$T/none"
exits 0 "another key file" snapfs key add --new-key-file "$T/cron" --label cron
is "is for the user alone" "$(stat -c '%a %s' "$T/cron")" "600 32"
exits 0 "and opens the repository" by "$T/cron" ls "$FIRST"
echo "from a file" >"$T/new"
exits 0 "a password from a file" snapfs key add --new-password-file "$T/new" --label file
exits 0 "opens the repository" as "from a file" snapshots
is "the list has all of them" "$(labels)" "key file kim cron file "
exits 0 "as JSON it is lines" snapfs key list --json
ok "of JSON" is_json "$T/out"
is "that end with a summary" "$(value 'j["keys"], j["generation"]' "$T/out")" "(4, 0)"
fails_with 64 "two sources of one password" snapfs key add --new-password-file "$T/new" --new-key-file "$T/two"
ok_not "make no key file" test -e "$T/two"
fails_with 1 "a key file that is there is not overwritten" snapfs key add --new-key-file "$T/key"
exits 0 "it opens as before" snapfs snapshots
fails_with 1 "an empty password is none" env SNAPFS_NEW_PASSWORD=x "$SNAPFS" key add --new-password-command true
exits 0 "the old password by a command, the new one by the environment" \
    env -u SNAPFS_KEY_FILE SNAPFS_NEW_PASSWORD=side "$SNAPFS" key add --label side \
    --password-command "sh -c 'echo \"\${SNAPFS_NEW_PASSWORD:-pass of kim}\"'"
exits 0 "which the command does not see" as side snapshots

# Removing.
fails_with 1 "a key that is not there" snapfs key remove nobody
fails_with 64 "no key" snapfs key remove
exits 0 "removing by label" snapfs key remove side
fails_with 12 "the password opens nothing any more" as side snapshots
exits 0 "removing by id" snapfs key remove "$(id_of file | cut -c1-12)"
fails_with 1 "the same label again" snapfs key add --new-key-file "$T/kim" --label kim
err_has "is refused with the reason" "a key 'kim' already"
ok_not "and no key file is left" test -e "$T/kim"
exits 0 "another label" snapfs key add --new-key-file "$T/kim" --label "kim's file"
cp -a "$T/repo" "$T/copy"
exits 0 "a key may remove itself by its id" by "$T/kim" key remove "$(value "[k['id'] for k in map(__import__('json').loads, text.splitlines()) if 'file' in k.get('label', '') and 'kim' in k['label']][0]" <(snapfs key list --json))"
err_has "with a warning" "in use"
fails_with 12 "and is gone" by "$T/kim" snapshots
exits 0 "a copy of the repository from before opens with it" by "$T/kim" --repo "$T/copy" snapshots
rm -r "$T/copy"
exits 0 "the other one of that name stays" as "pass of kim" snapshots

# Changing.
exits 0 "passwd" env -u SNAPFS_KEY_FILE SNAPFS_PASSWORD="pass of kim" SNAPFS_NEW_PASSWORD=changed "$SNAPFS" key passwd
fails_with 12 "the old password opens nothing" as "pass of kim" snapshots
exits 0 "the new one does" as changed ls "$FIRST"
exits 0 "nobody else notices" snapfs snapshots
is "the label stays" "$(labels)" "key file kim cron "

# Killed at any time: exactly one of the two opens, and the next change just works.
exits 0 "one more key" snapfs key add --new-key-file "$T/kill-0" --label killed
old=0 shut=0 changed=0 kills=$((5 * ${ACCEPT_KILLS:-12}))
for ((n = 1; n <= kills; n++)); do
    env "SNAPFS_KEY_FILE=$T/kill-$old" "$SNAPFS" key passwd --new-key-file "$T/kill-$n" >/dev/null 2>&1 & pid=$!
    sleep "$(python3 -c "import random; print(random.Random(${ACCEPT_SEED:-1} * 1000 + $n).uniform(0, 0.08))")"
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
    by "$T/kill-$old" snapshots >/dev/null 2>&1
    before=$?
    [[ -e $T/kill-$n ]] && by "$T/kill-$n" snapshots >/dev/null 2>&1
    after=$?
    ((before == 0 && after != 0 || before == 12 && after == 0)) || shut=$((shut + 1))
    ((after)) || old=$n changed=$((changed + 1))
done
is "killed during passwd nobody is shut out ($changed of $kills were done)" "$shut" 0
num "some were done" "$changed" -gt 0
num "and some were not" "$changed" -lt "$kills"
exits 0 "passwd still works" by "$T/kill-$old" key passwd --new-key-file "$T/kill-last"
snapfs key list --quiet >"$T/keys"
for id in $(awk '$1 == "!" {print $2}' "$T/keys"); do
    exits 0 "what was left over can be removed" snapfs key remove "$id"
done
is "all of it" "$(ls "$T/repo/slots" | wc -l)" 4
exits 0 "the key that was changed, too" snapfs key remove killed
exits 0 "check finds nothing wrong" snapfs check

# A recovery key on paper.
exits 0 "export" snapfs key export
cp "$T/out" "$T/paper"
chmod 600 "$T/paper"
exits 0 "what it prints is a key file" by "$T/paper" ls "$FIRST"
grep -v '^#' "$T/paper" | tr 'A-Z' 'a-z' | tr -d '\n' | tr '-' ' ' >"$T/typed"
chmod 600 "$T/typed"
exits 0 "and so is what somebody types" by "$T/typed" snapshots
python3 - "$T/paper" "$T/slip" <<'PY'
import sys
lines = open(sys.argv[1]).read().splitlines()
line = lines[-2]
lines[-2] = line[:6] + ("X" if line[6] != "X" else "Y") + line[7:]
open(sys.argv[2], "w").write("\n".join(lines))
PY
fails_with 12 "a slip of the finger" by "$T/slip" snapshots
err_has "is named by its line" 'line 3 '
exits 0 "export to a file" snapfs key export --label safe --output "$T/safe"
is "for the user alone" "$(stat -c %a "$T/safe")" 600
exits 0 "which opens" by "$T/safe" snapshots
fails_with 1 "one that is there" snapfs key export --output "$T/safe"
before=$(labels)
exits "1|141" "a recovery key that nobody can see" bash -c '"$0" key export >/dev/full' "$SNAPFS"
is "is not kept" "$(labels)" "$before"
audited() { snapfs audit list --json >"$T/audit"; value '[(r["command"], r["remarks"]) for r in map(json.loads, text.splitlines())][-2:]' "$T/audit"; }
gone=$(grep -ao '[0-9a-f]\{8\} (recovery[ 0-9]*)' "$T/err")
is "the log has its coming and its going" "$(audited)" "('key export', ['$gone'])
('key remove', ['$gone'])"
exits "1|141" "nor where there is no output at all" bash -c '"$0" key export >&-' "$SNAPFS"
is "is one kept" "$(labels)" "$before"

# While it waits for the reader of a full pipe, all other slots vanish: it cannot be removed.
mkfifo "$T/pipe"
sleep 1000 <"$T/pipe" & reader=$!
exec 8>"$T/pipe"
dd if=/dev/zero bs=64k count=1 status=none >&8
(exec 8>&-; snapfs key export --label stays >"$T/pipe" 2>"$T/err"; echo $? >"$T/code") & export=$!
ok "a key that waits to be read is in the log already" wait_until 5 eval 'snapfs audit list | grep "key export.*(stays)"'
stays=$(id_of stays)
mkdir "$T/slots" && mv "$T/repo/slots/"* "$T/slots" && mv "$T/slots/$stays" "$T/repo/slots/"
kill $reader
exec 8>&-
wait $export
mv "$T/slots/"* "$T/repo/slots/" && rmdir "$T/slots"
is "the reader has gone" "$(cat "$T/code")" 141
ok "a key that could not be taken back is named" grep -q "${stays:0:8} (stays).* stay in the repository" "$T/err"
exits 0 "and can be removed by that name" snapfs key remove "${stays:0:8}"
is "as is everything else" "$(labels)" "$before"
exits 0 "a recovery key can be removed" snapfs key remove safe
fails_with 12 "and opens nothing then" by "$T/safe" snapshots

# A new generation, while a mount is there.
mkdir "$T/mnt"
exits 0 "mount with a key" by "$T/cron" mount "$T/mnt"
is "shows the first snapshot" "$(cat "$T/mnt/latest$SRC/text")" first
cp -a "$T/repo/slots" "$T/slots"
exits 0 "rotate asks for nobody's password" snapfs key rotate
out_has "and says so" 'generation 1'
echo second >"$SRC/text"
random_file 2 300000 "$SRC/other"
backup "$SRC"
SECOND=$SNAPSHOT
num "what was stored before is not stored again" "$(summary data_added)" -lt 400000
ok "the mount from before shows the new snapshot" wait_until 5 cmp "$T/mnt/latest$SRC/other" "$SRC/other"
is "as it is" "$(cat "$T/mnt/latest$SRC/text")" second
for way in "as changed" "by $T/cron" "by $T/paper" "by $T/key"; do
    exits 0 "the new snapshot, $way" $way restore "$SECOND:$SRC" --target "$T/back" --delete
    same "is right" "$SRC" "$T/back"
done
exits 0 "removing a key" snapfs key remove kim
exits 0 "and rotating" snapfs key rotate
backup "$SRC"
fails_with 12 "the old password opens nothing" as changed snapshots
cp -an "$T/slots/." "$T/repo/slots/"
fails_with 12 "not with a copy of the slot either" as changed snapshots
exits 0 "nobody else notices that" snapfs check --read-data
exits 0 "removing the key of the mount" snapfs key remove cron
exits 0 "and rotating" snapfs key rotate
echo third >"$SRC/text"
backup "$SRC"
sleep 3
is "the mount shows what it could read before, and nothing later" \
    "$(cat "$T/mnt/snapshots/"*"$SRC/text" | sort -u | tr '\n' ' ')" "first second "
unmount "$T/mnt"
reader=$HERE/../../contrib/snapfs-reader.py
exits 0 "a reader written from the page alone reads all generations" python3 "$reader" --key-file "$T/key" verify
exits 0 "with the recovery key, too" python3 "$reader" --key-file "$T/paper" verify

# The last one.
exits 0 "removing all others" snapfs key remove recovery
is "leaves one that opens" "$(each 'k["opens"]' | grep -c True)" 1
fails_with 1 "which cannot be removed" snapfs key remove "key file"
err_has "and why" 'last'
exits 0 "it opens" snapfs check --read-data
finish
