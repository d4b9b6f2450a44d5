# The life of a mount: it answers when the command returns, follows new snapshots, ends cleanly,
# and never looks like an empty directory when its daemon has died.
. "$(dirname "$0")/../lib.sh"
need findmnt
SRC=$T/src
tree "$SRC" --only sizes --scale small
new_key_repo
M=$T/mnt
gone() { [[ -z $(own_processes "$T") ]]; }
latest_is() { [[ $(readlink "$M/latest") == "snapshots/$1" ]]; }

mount_at "$M"
is "an empty repository mounts as an empty history" "$(ls "$M/snapshots")" ""
ok_not "without latest" test -e "$M/latest"
backup --time 2024-05-06T07:08:09Z --host alpha --tag red --tag blue "$SRC"
ID=$SNAPSHOT
ok "the first snapshot appears in the live mount" wait_until 4 test -d "$M/latest$SRC"
is "under its time" "$(ls "$M/snapshots")" 2024-05-06T07:08:09Z
is "latest is a link to it" "$(readlink "$M/latest")" snapshots/2024-05-06T07:08:09Z
same "the source path is kept whole" --nlink "$SRC" "$M/snapshots/2024-05-06T07:08:09Z$SRC"
ok "hosts/ has a link" test -L "$M/hosts/alpha/2024-05-06T07:08:09Z"
ok "to the snapshot" test -d "$M/hosts/alpha/2024-05-06T07:08:09Z$SRC"
ok "tags/ has one for each tag" test -d "$M/tags/red/2024-05-06T07:08:09Z$SRC" -a -d "$M/tags/blue/2024-05-06T07:08:09Z$SRC"
ls "$M/snapshots" "$M/tags" "$M/hosts" >/dev/null      # what was listed before is refreshed too
ok_not "a snapshot that is not there yet" test -e "$M/snapshots/2024-06-06T07:08:09Z"
cp -a "$SRC" "$T/v1"
echo later >"$SRC/later"
backup --time 2024-06-06T07:08:09Z --host beta "$SRC"
ok "the next one appears within seconds, its name asked for before" wait_until 4 test -e "$M/snapshots/2024-06-06T07:08:09Z$SRC/later"
ok "latest moves on" wait_until 4 latest_is 2024-06-06T07:08:09Z
ok "hosts/ follows" wait_until 4 test -d "$M/hosts/beta/2024-06-06T07:08:09Z$SRC"
ok_not "the first one stays as it was" test -e "$M/snapshots/2024-05-06T07:08:09Z$SRC/later"
backup --time 2024-06-06T07:08:09Z --host beta "$SRC"
ok "a second snapshot of the same second" wait_until 4 test -d "$M/snapshots/2024-06-06T07:08:09Z-${SNAPSHOT:0:8}$SRC"
is "three are shown" "$(ls "$M/snapshots" | wc -l)" 3
is "the top of the mount" "$(ls "$M" | tr '\n' ' ')" "history hosts latest snapshots tags "

NEW=$M/latest$SRC/new
for command in 'touch "$NEW"' 'mkdir "$NEW"' 'ln -s a "$NEW"' 'mknod "$NEW" p' "rm '$M/latest$SRC/later'" "chmod 600 '$M/latest$SRC/later'" \
    "sh -c 'echo >>$M/latest$SRC/later'" "setfattr -n user.x -v 1 '$M/latest$SRC/later'" "mv '$M/snapshots' '$M/s'"; do
    judge eval "$command"
    if ((JUDGED)) && grep -q 'Read-only file system' "$T/judged"; then pass "read-only: ${command%% *}"
    else fail "read-only: $command"; report_judged "$command"; fi
done
ok "df" df "$M"
ok "umount(8)" umount "$M"
ok_not "is no longer mounted" mountpoint -q "$M"
ok "the daemon ends" wait_until 5 gone

fails_with 64 "mount of nothing" snapfs mount
err_has "says what is wanted" 'Give the mount point'
fails_with 64 "mount of three" snapfs mount latest "$M" "$M"
fails_with 64 "mount in the wrong order" snapfs mount "$M" latest
err_has "says which comes last" "mount point comes last: snapfs mount latest $M"
fails_with 1 "a mount point that is not there" snapfs mount latest "$T/not-there"

# mount SNAPSHOT DIR
mount_at "$M" "${ID:0:8}"
same "one snapshot by its id" --nlink "$T/v1" "$M$SRC"
ok_not "shows that snapshot, not the latest" test -e "$M$SRC/later"
ok_not "nothing but the source path" test -e "$M/snapshots"
unmount "$M"
ok "the daemon ends" wait_until 5 gone

# The output of the command is a pipe: the daemon must not hold it open.
ok "mount with a pipe for its output returns" timeout 20 bash -c "'$SNAPFS' mount '$M' 2>&1 | cat"
ok "and answers" test -d "$M/latest$SRC"
(cd "$M/latest" && exec sleep 30) & JOBS+=($!)
sleep 0.3
fails_with 11 "umount of a busy mount" snapfs umount "$M"
err_has "says how to find who uses it" "'fuser -vm' shows who uses $M"
ok "leaves it as it is" test -d "$M/latest$SRC"
kill "${JOBS[-1]}"; wait "${JOBS[-1]}" 2>/dev/null
unmount "$M"

# The words of the command line.
exits 0 "mount behind --" snapfs mount -- "$M"
ok "answers" test -d "$M/latest$SRC"
unmount "$M"
ln -s repo "$T/mount"
mkdir "$T/-m"
exits 0 "a repository named mount, a mount point like an option" \
    bash -c "cd '$T' && '$SNAPFS' --repo mount mount --allow-other -- latest -m"
ok "answers" test -d "$T/-m$SRC"
unmount "$T/-m"
LIMIT=20 fails_with 12 "a mount that fails after its password command left a process behind" \
    snapfs mount --password-command "sh -c 'sleep 60 >/dev/null 2>&1 & echo wrong'" "$M"

# A daemon that is killed.
mount_at "$M"
ok "the mount answers" ls "$M/snapshots"
pid=$(daemon_of "$M")
ok "the daemon is a process of ours" test -n "$pid"
[[ -n $pid ]] && kill -9 "$pid"
sleep 0.3
ok_not "after kill -9 ls fails" ls "$M"
file_has "loudly" "$T/judged" 'Transport endpoint is not connected|Input/output error'
ok_not "so does a path that was read before" cat "$M/latest$SRC/later"
fails_with 1 "mount over a dead mount" snapfs mount "$M"
exits 0 "umount of a dead mount" snapfs umount "$M"
mount_at "$M"
ok "and mounted again it answers" test -d "$M/latest$SRC"
pid=$(daemon_of "$M")
[[ -n $pid ]] && kill -TERM "$pid"
ok "SIGTERM ends the daemon" wait_until 10 sh -c "! kill -0 ${pid:-0}"
ok "and leaves no mount behind" wait_until 5 sh -c "! grep -qF ' $M ' /proc/self/mountinfo"
umount -l "$M" 2>/dev/null

# In the foreground.
env --default-signal=INT "$SNAPFS" mount --foreground "$M" >"$T/fg.out" 2>&1 & JOBS+=($!)
pid=$!
ok "--foreground mounts" wait_until 10 test -d "$M/latest$SRC"
ok "and stays" kill -0 "$pid"
kill -INT "$pid"
wait "$pid"
status=$?
ok "SIGINT ends it (exit status $status)" test "$status" = 0 -o "$status" = 130
ok_not "unmounted" mountpoint -q "$M"

# The repository goes away below a live mount, and comes back.
head -c 3000000 /dev/urandom >"$SRC/large-random"
backup "$SRC"
mount_at "$M"
cat "$M/latest$SRC/later" >/dev/null
mv "$T/repo" "$T/elsewhere"
sleep 1.5
if cat "$M/latest$SRC/large-random" >"$T/read" 2>"$T/judged"; then
    ok "a file read without the repository is right" cmp "$T/read" "$SRC/large-random"
else
    file_has "a file read without the repository is an error" "$T/judged" 'Input/output error'
fi
if ls "$M/snapshots" >"$T/judged" 2>&1; then
    num "a repository that cannot be listed does not look empty" "$(wc -l <"$T/judged")" -eq 4
else
    pass "a repository that cannot be listed is an error"
fi
mv "$T/elsewhere" "$T/repo"
ok "with the repository back it is read" wait_until 5 cmp "$M/latest$SRC/large-random" "$SRC/large-random"
unmount "$M"
finish
