# Sources that cannot be read: the rest is stored, the item is named, exit 3.
. "$(dirname "$0")/../lib.sh"
need_user
SRC=$T/src
mkdir -p "$SRC/open" "$SRC/closed" "$T/user"
echo readable >"$SRC/open/yes"
echo secret >"$SRC/open/no"
echo inside >"$SRC/closed/inside"
chmod 600 "$SRC/open/no"
chmod 700 "$SRC/closed"
chown $USER_ID "$T/user"
export SNAPFS_REPO=$T/user/repo SNAPFS_CACHE_DIR=$T/user/cache
exits 0 "init by an unprivileged user" as_user "$SNAPFS" init
exits 3 "backup with an unreadable file and directory" as_user "$SNAPFS" backup --json "$SRC"
cp "$T/err" "$T/messages"
is "the summary comes all the same" "$(value 'j["message_type"]' "$T/out")" summary
file_has "the file is named" "$T/messages" "$SRC/open/no"
file_has "the directory is named" "$T/messages" "$SRC/closed"
file_lacks "nothing else is" "$T/messages" 'open/yes'
exits 0 "snapshots" as_user "$SNAPFS" snapshots --json
is "it is listed" "$(value 'len(j)' "$T/out")" 1
exits 0 "the rest is in it" as_user "$SNAPFS" cat "latest:$SRC/open/yes"
is "unharmed" "$(cat "$T/out")" readable
exits "1|3" "what was not read is not an empty file" as_user "$SNAPFS" cat "latest:$SRC/open/no"
exits 0 "check" as_user "$SNAPFS" check --read-data
exits 0 "restore by an unprivileged user" as_user "$SNAPFS" restore latest --target "$T/user/out"
is "gives what it may" "$(cat "$T/user/out$SRC/open/yes")" readable
exits 3 "again: still not read, still exit 3" as_user "$SNAPFS" backup "$SRC"
err_has "named again" "$SRC/open/no"
chmod 644 "$SRC/open/no"
chmod 755 "$SRC/closed"
exits 0 "once readable, exit 0" as_user "$SNAPFS" backup "$SRC"
exits 0 "and stored" as_user "$SNAPFS" cat "latest:$SRC/open/no"
is "as it is" "$(cat "$T/out")" secret
chmod 700 "$SRC"
fails_with "1|3" "a source of which nothing can be read" as_user "$SNAPFS" backup "$SRC"
chmod 755 "$SRC"

# What can be listed but not looked at.
mkdir -p "$SRC/listed"
echo hidden >"$SRC/listed/file"
chmod 744 "$SRC/listed"
exits 3 "a directory without permission to look into it" as_user "$SNAPFS" backup "$SRC"
err_has "what is in it is named" "$SRC/listed/file"
exits 0 "the rest is stored" as_user "$SNAPFS" cat "latest:$SRC/open/yes"
rm -rf "$SRC/listed"

# A source that cannot be read beside one that can; directories on the way to a source need not be
# readable, but what cannot be read of them is named.
mkdir -p "$SRC/way/source" "$SRC/shut/inside"
echo there >"$SRC/way/source/file"
chmod 711 "$SRC/way"
chmod 700 "$SRC/shut"
for source in "$SRC/shut" "$SRC/shut/inside"; do
    exits 3 "an unreadable source beside a good one" as_user "$SNAPFS" backup "$SRC/open" "$source"
    err_has "is named" "^snapfs: $SRC/shut[:/]"
    err_lacks "in words" SourceError
    exits 0 "the other is stored" as_user "$SNAPFS" cat "latest:$SRC/open/yes"
    is "as it is" "$(cat "$T/out")" readable
done
exits 0 "a source behind a directory that can be searched only" as_user "$SNAPFS" backup "$SRC/way/source"
exits 0 "is stored" as_user "$SNAPFS" cat "latest:$SRC/way/source/file"
setfattr -n user.secret -v x "$SRC/way"
exits 3 "with an attribute that only readers may see" as_user "$SNAPFS" backup "$SRC/way/source"
err_has "it is named" "$SRC/way:"
before=$(as_user "$SNAPFS" snapshots --json | value 'len(j)' /dev/stdin)
fails_with 1 "an absent source beside good ones" as_user "$SNAPFS" backup "$SRC/open" "$SRC/way/absent"
is "lists nothing" "$(as_user "$SNAPFS" snapshots --json | value 'len(j)' /dev/stdin)" "$before"
rm -rf "$SRC/way" "$SRC/shut"

# A read error as root: an attribute of the loopback interface that can be opened but not read.
export SNAPFS_REPO=$T/repo SNAPFS_CACHE_DIR=$T/cache
mkdir "$T/src2"
echo fine >"$T/src2/fine"
touch "$T/src2/bad"
mount --bind /sys/class/net/lo/speed "$T/src2/bad"
ok_not "the file cannot be read" cat "$T/src2/bad"
exits 0 "init" snapfs init
exits 3 "backup with a file whose read fails" snapfs backup "$T/src2"
err_has "it is named" "$T/src2/bad"
is "the rest is stored" "$(snapfs cat "latest:$T/src2/fine")" fine
umount "$T/src2/bad"

# What goes away while the backup looks at it is no fault of the source: it was deleted a moment
# earlier. The link to the program of a process that has ended is there, but leads nowhere any more.
python3 -c 'import os, time
ended = os.fork()
if ended == 0: os._exit(0)
print(ended, flush=True)
time.sleep(100)' >"$T/ended" & JOBS+=($!)
wait_until 10 test -s "$T/ended"
ended=/proc/$(cat "$T/ended")
ok "there is a link" test -L "$ended/exe"
exits 0 "a backup of an entry that goes away" snapfs backup --exclude "$ended/*" --exclude "!$ended/exe" "$ended"
err_lacks "does not name it" exe
kill "${JOBS[-1]}"
wait "${JOBS[-1]}" 2>/dev/null
exits 0 "check" snapfs check
finish
