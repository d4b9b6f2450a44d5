# What a mount cannot read it tells: on standard error in the foreground, else in the system's log.
. "$(dirname "$0")/../lib.sh"
SRC=$T/src
mkdir "$SRC"
random_file 1 300000 "$SRC/bad"
new_key_repo
backup "$SRC"
for pack in "$T"/repo/data/*/*; do truncate -s 3000 "$pack"; done
M=$T/mnt
mkdir "$M"

# A /dev of our own, with a log, in a namespace of our own.
cat >"$T/inside" <<'END'
cd "$T" || exit
mkdir dev
cp -a /dev/null /dev/zero /dev/urandom /dev/random /dev/tty dev/
mknod dev/fuse c 10 229
python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("dev/log")
open("listening", "w").close()
with open("log", "ab", 0) as f:
    while True: f.write(s.recv(65536) + b"\n")' &
listener=$!
until [[ -e listening ]]; do sleep 0.1; done
mount --bind dev /dev
"$SNAPFS" mount "$M" || exit
for n in 1 2 3; do cat "$M/latest$SRC/bad" && exit 1; done >/dev/null 2>&1
sleep 0.3
"$SNAPFS" umount "$M"
kill $listener
END
exits 0 "a mount in the background of what is damaged" \
    env T="$T" M="$M" SRC="$SRC" SNAPFS="$SNAPFS" unshare --mount --propagation private bash "$T/inside"
touch "$T/log"
file_has "the system's log has it, from us, as an error of a daemon" "$T/log" '^<27>.*snapfs.*: mount: read: '
is "once" "$(grep -ac 'mount: read: ' "$T/log")" 1

"$SNAPFS" mount --foreground "$M" 2>"$T/said" & JOBS+=($!)
ok "in the foreground it answers" wait_until 10 test -d "$M/latest$SRC"
for n in 1 2 3; do cat "$M/latest$SRC/bad" >/dev/null 2>&1 && fail "damage is an error"; done
unmount "$M"
wait "${JOBS[-1]}"
file_has "and standard error has it" "$T/said" '^snapfs: mount: read: '
is "once" "$(grep -ac 'mount: read: ' "$T/said")" 1
finish
