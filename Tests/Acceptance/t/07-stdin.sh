# Streams: standard input, and the output of a command.
. "$(dirname "$0")/../lib.sh"
need strace
new_key_repo
random_file 4 3000001 "$T/data"
stdin_backup() { snapfs backup --stdin "$@" <"$T/data"; }
exits 0 "backup --stdin" stdin_backup --stdin-filename dump.bin
exits 0 "ls" snapfs ls latest
out_has "names it" 'dump\.bin$'
snapfs cat latest:dump.bin >"$T/back" 2>/dev/null || snapfs cat latest:/dump.bin >"$T/back"
ok "byte for byte" cmp "$T/data" "$T/back"
exits 0 "backup --stdin with a path" stdin_backup --stdin-filename /db/daily/dump.sql
exits 0 "cat" snapfs cat latest:/db/daily/dump.sql
ok "byte for byte" cmp "$T/data" "$T/out"
nothing() { snapfs backup --stdin --stdin-filename empty; }
exits 0 "empty standard input" nothing
exits 0 "is an empty file" snapfs cat latest:/empty
is "of no bytes" "$(stat -c %s "$T/out")" 0

closed() { snapfs backup --stdin --stdin-filename closed <&-; }
fails_with 1 "closed standard input" closed

exits 0 "backup --command" snapfs backup --stdin-filename out.txt --command -- sh -c 'echo "$1"; echo noise >&2' sh 'an argument'
exits 0 "cat" snapfs cat latest:/out.txt
is "its output" "$(cat "$T/out")" "an argument"
mount_at "$T/mnt"
is "in the mount" "$(cat "$T/mnt/latest/out.txt")" "an argument"
unmount "$T/mnt"

before=$(listed)
num "all of them are listed" "$before" -eq 4
fails_with 1 "a command that fails" snapfs backup --stdin-filename x --command -- sh -c 'echo half; exit 7'
is "lists nothing" "$(listed)" "$before"
fails_with 1 "a command that fails after much output" snapfs backup --stdin-filename x --command -- \
    sh -c "cat '$T/data'; exit 1"
is "lists nothing" "$(listed)" "$before"
fails_with 1 "a command that is killed" snapfs backup --stdin-filename x --command -- sh -c 'echo half; kill -9 $$'
is "lists nothing" "$(listed)" "$before"
fails_with 1 "a command that does not exist" snapfs backup --stdin-filename x --command -- "$T/no-such-program"
is "lists nothing" "$(listed)" "$before"
fails_with 64 "--command without a command" snapfs backup --stdin-filename x --command
fails_with 64 "--stdin together with paths" snapfs backup --stdin --stdin-filename x "$T"
# A command that closes its output first and fails later has failed all the same.
fails_with 1 "a command that closes its output, then fails" \
    snapfs backup --stdin-filename x --command -- sh -c 'echo all; exec >&-; sleep 1; exit 3'
is "lists nothing" "$(listed)" "$before"

# A signal ends the backup while it waits for bytes, and what follows it is no whole stream.
cat >"$T/interrupt.py" <<'PY'
"""interrupt.py WHEN COMMAND...: a stream of which the command has read a part when SIGINT comes;
its end follows at once (end), or never (wait). Exit status of the command; 99 if it hangs."""
import subprocess, sys, time
when, command = sys.argv[1], sys.argv[2:]
child = subprocess.Popen(command, stdin=subprocess.PIPE)
child.stdin.write(b"half a dump\n" * 100000)
child.stdin.flush()
time.sleep(0.5)     # it has everything and waits for more
child.send_signal(2)
if when == "end": child.stdin.close()
try: sys.exit(child.wait(timeout=20))
except subprocess.TimeoutExpired:
    child.kill()
    sys.exit(99)
PY
for when in end wait; do
    fails_with 130 "a stream that is interrupted ($when)" python3 "$T/interrupt.py" $when "$SNAPFS" backup --stdin
    is "lists nothing" "$(listed)" "$before"
done
fails_with 130 "a command that ends well by the signal" timeout --preserve-status --foreground -s INT 2 "$SNAPFS" backup --command -- \
    python3 -c 'import signal, sys, time
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
print("half", flush=True)
time.sleep(3)'
is "lists nothing" "$(listed)" "$before"
# A program that has ended is done with: its number and our descriptor may be another's by then.
try strace -f -o "$T/calls" -e trace=pipe,pipe2,close,kill,wait4 "$SNAPFS" backup --command -- false
is "a command that fails, looked at closely" $CODE 1
file_lacks "is not killed, nor waited for twice" "$T/calls" 'kill\(|ECHILD'
file_lacks "and nothing is closed twice" "$T/calls" 'close\(.*EBADF'
python3 -c 'import signal, subprocess, sys, time
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
time.sleep(1)
child.send_signal(signal.SIGINT)
sys.exit(child.wait(timeout=10))' "$SNAPFS" backup --command -- sh -c 'exec >&-; exec sleep 100' 2>"$T/err"
is "nobody waits for a command after a signal" $? 130
exits 0 "check" snapfs check --read-data
finish
