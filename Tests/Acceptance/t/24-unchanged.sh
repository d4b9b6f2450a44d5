# What a second backup of the same host and paths recognises: new, changed and unchanged files.
. "$(dirname "$0")/../lib.sh"
SRC=$T/src
new_repo
mkdir -p "$SRC/docs" "$SRC/gone"
echo one >"$SRC/docs/a.txt"
echo same >"$SRC/docs/b.txt"
echo bye >"$SRC/gone/c.txt"
head -c 16000000 /dev/urandom >"$SRC/big.bin"
backup "$SRC"
is "first: all are new" "$(summary files_new)/$(summary files_changed)/$(summary files_unmodified)" 4/0/0
echo two >"$SRC/docs/a.txt"
echo new >"$SRC/docs/new.txt"
rm -r "$SRC/gone"
printf changed | dd of="$SRC/big.bin" bs=1 seek=1000000 conv=notrunc status=none
backup "$SRC"
is "then one new, two changed, one unchanged" "$(summary files_new)/$(summary files_changed)/$(summary files_unmodified)" 1/2/1
num "a changed byte in 16 MB adds less than the file" "$(summary data_added)" -lt 15000000
backup "$SRC"
is "nothing new or changed, however recent it is" "$(summary files_new)/$(summary files_changed)/$(summary files_unmodified)" 0/0/4
num "adds next to nothing" "$(summary data_added)" -lt 5000
touch -d '1 hour ago' "$SRC/docs/b.txt"
backup "$SRC"
is "a new time is a change" "$(summary files_new)/$(summary files_changed)/$(summary files_unmodified)" 0/1/3
cd "$T"
backup src/ ./src "$SRC" src/../src//
is "a source named again is no other one" "$(summary files_new)/$(summary files_changed)/$(summary files_unmodified)" 0/0/4
is "and named once" "$(snapfs snapshots --json | value 'j[-1]["paths"]' /dev/stdin)" "$SRC"
finish
