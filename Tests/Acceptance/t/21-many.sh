# A directory of very many entries.
. "$(dirname "$0")/../lib.sh"
N=${ACCEPT_ENTRIES:-100000}
SRC=$T/src
tree "$SRC" --only dirs --entries "$N"
D=$SRC/dirs/many
new_key_repo
WHAT="of a directory of $N entries" backup "$SRC"
mount_at "$T/mnt"
M=$T/mnt/latest$D
is "ls counts them" "$(ls -U "$M" | wc -l)" "$N"
is "each once, by the names of the source" "$(ls -U "$M" | sort | sha256sum)" "$(ls -U "$D" | sort | sha256sum)"
for n in 000000 000003 "$(printf %06d $((N / 2 + 3)))" "$(printf %06d $((N - 1)))"; do
    is "entry $n is found by name" "$(stat -c '%F %s %Y' "$M/entry-$n")" "$(stat -c '%F %s %Y' "$D/entry-$n")"
done
ok_not "an absent one is not" stat "$M/entry-x"
same "the whole of it" "$SRC" "$T/mnt/latest$SRC"
unmount "$T/mnt"
echo changed >"$D/entry-000003"
rm "$D/entry-000004"
echo added >"$D/entry-000004a"
WHAT='after three changes' backup "$SRC"
is "files new/changed" "$(summary files_new)/$(summary files_changed)" 1/1
num "a change of three entries does not store the directory anew" "$(summary data_added)" -lt $((N * 10 + 100000))
exits 0 "restore" snapfs restore latest --target "$T/back"
same "restored" "$SRC" "$T/back$SRC"
exits 0 "check" snapfs check
finish
