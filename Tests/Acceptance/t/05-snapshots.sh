# Several snapshots: listed, named by id, prefix, `latest` and time; ls, find, diff, cat, stats.
. "$(dirname "$0")/../lib.sh"
SRC=$T/src
mkdir -p "$SRC/docs" "$SRC/gone"
echo one >"$SRC/docs/a.txt"
echo same >"$SRC/docs/b.txt"
random_file 3 16000000 "$SRC/big.bin"
echo bye >"$SRC/gone/old.txt"
chown 1234:4321 "$SRC/docs/a.txt"
touch -d '2019-03-04 05:06:07.891' "$SRC/docs/a.txt"
new_repo
exits 0 "snapshots of an empty repository" snapfs snapshots
is "--json gives an empty list" "$(snapfs snapshots --json)" "[]"
fails_with 1 "latest of an empty repository" snapfs ls latest

WHAT='with --time, --host, --tag' backup --time 2025-01-02T03:04:05Z --host alpha --tag red --tag blue "$SRC"
ID1=$SNAPSHOT
num "first: all files are new" "$(summary files_new)" -eq 4
cp -a "$SRC" "$T/v1"
echo two >"$SRC/docs/a.txt"
echo new >"$SRC/docs/new.txt"
rm -r "$SRC/gone"
printf changed | dd of="$SRC/big.bin" bs=1 seek=1000000 conv=notrunc status=none
WHAT='after changes' backup --time 2025-02-03T04:05:06Z --host beta "$SRC"
ID2=$SNAPSHOT
is "another host's files are all new" "$(summary files_new)/$(summary files_changed)/$(summary files_unmodified)" 4/0/0
is "files processed" "$(summary total_files_processed)" 4
is "bytes processed" "$(summary total_bytes_processed)" "$(find "$SRC" -type f -printf '%s\n' | awk '{s += $1} END {print s}')"
num "a changed byte adds a chunk or two, not the file" "$(summary data_added)" -lt 12000000
is "the summary says so" "$(summary message_type)" summary
WHAT='of this host' backup "$SRC"
ID3=$SNAPSHOT
is "this host's files are all new" "$(summary files_new)/$(summary files_changed)/$(summary files_unmodified)" 4/0/0
num "adds next to nothing" "$(summary data_added)" -lt 5000

exits 0 "snapshots --json" snapfs snapshots --json
cp "$T/out" "$T/list"
is "three, in order of time" "$(value '[s["id"] for s in j]' "$T/list")" "$ID1"$'\n'"$ID2"$'\n'"$ID3"
is "the time that was given" "$(value 'j[0]["time"][:19]' "$T/list")" 2025-01-02T03:04:05
is "hosts" "$(value 'j[0]["hostname"] + j[1]["hostname"]' "$T/list")" alphabeta
is "this host" "$(value 'j[2]["hostname"]' "$T/list")" "$(uname -n)"
is "paths" "$(value 'j[0]["paths"]' "$T/list")" "$SRC"
is "tags" "$(value 'sorted(j[0]["tags"])' "$T/list")" $'blue\nred'
is "the short id begins the id" "$(value 'all(s["id"].startswith(s["short_id"]) and len(s["short_id"]) >= 8 for s in j)' "$T/list")" True
exits 0 "snapshots as a table" snapfs snapshots
for text in "${ID1:0:8}" "${ID2:0:8}" alpha beta red "$SRC"; do out_has "it shows $text" "$text"; done

for name in "$ID1" "${ID1:0:8}" 2025-01-02T03:04:05Z; do
    exits 0 "cat of $name" snapfs cat "$name:$SRC/docs/a.txt"
    is "is the first version" "$(cat "$T/out")" one
done
exits 0 "cat of latest" snapfs cat "latest:$SRC/docs/a.txt"
is "is the second version" "$(cat "$T/out")" two
exits 0 "cat of a binary file" snapfs cat "${ID1:0:10}:$SRC/big.bin"
ok "byte for byte" cmp "$T/out" "$T/v1/big.bin"
fails_with 1 "cat of a directory" snapfs cat "latest:$SRC/docs"
fails_with 1 "cat of an absent file" snapfs cat "latest:$SRC/absent"
err_has "names it" absent

exits 0 "ls -R" snapfs ls -R "$ID1"
for text in "$SRC/docs/a.txt" "$SRC/gone/old.txt" "$SRC/big.bin"; do out_has "lists $text" "$text\$"; done
exits 0 "ls of a directory" snapfs ls "$ID1:$SRC/docs"
out_has "lists what is in it" 'b\.txt$'
out_lacks "and nothing else" 'big\.bin|old\.txt'
fails_with 1 "ls of an absent path" snapfs ls "latest:$SRC/gone"
exits 0 "ls of the root" snapfs ls "$ID1:/"
is "is the first part of the source path" "$(tr -d / <"$T/out")" "$(cut -d/ -f2 <<<"$SRC")"
exits 0 "ls -l" snapfs ls -l "$ID1:$SRC/docs"
out_has "mode, owner, size, time" '^-rw-r--r--.*1234.*4321.* 4 .*2019-03-04 05:06:07.*a\.txt$'
exits 0 "ls -l" snapfs ls -l "$ID1:$SRC"
out_has "names beside the numbers" 'root.*docs$'
exits 0 "find" snapfs find 'old*'
out_has "finds it" "$SRC/gone/old.txt"
out_lacks "and nothing else" 'a\.txt|big'
exits 0 "find of two patterns" snapfs find '*.bin' new.txt
out_has "the one" 'big\.bin'
out_has "the other" 'new\.txt'
exits "0|1" "find of nothing" snapfs find 'no-such-*'
out_lacks "finds nothing" "$SRC"

exits 0 "diff" snapfs diff "$ID1" "$ID2"
out_has "an added file" '^\+ +.*docs/new\.txt'
out_has "a removed file" '^- +.*gone/old\.txt'
out_has "a changed file" '^M +.*docs/a\.txt'
out_has "a large changed file" '^M +.*big\.bin'
out_lacks "not the unchanged one" 'b\.txt'
exits 0 "diff of equal snapshots" snapfs diff "$ID2" "$ID3"
out_lacks "shows no file" '^[-+M] +/'
exits 0 "stats" snapfs stats
out_has "has figures" '[0-9]'
exits 0 "version" snapfs version
out_has "says who it is" '^snapfs [0-9v]'
exits 0 "check" snapfs check
exits 0 "check --read-data" snapfs check --read-data
exits 0 "restore of the first" snapfs restore "${ID1:0:8}" --target "$T/out1"
same "is the first version" "$T/v1" "$T/out1$SRC"
exits 0 "restore of the last" snapfs restore latest --target "$T/out2"
same "is the present" "$SRC" "$T/out2$SRC"
for command in snapshots "ls latest" "ls -l -R latest" "find *.txt" "diff $ID1 $ID2" stats check; do
    set -f
    exits 0 "$command --json" snapfs $command --json
    set +f
    ok "is pure JSON" is_json "$T/out"
done
for command in "backup $SRC" check; do
    exits 0 "--quiet $command" snapfs $command --quiet
    is "is silent" "$(cat "$T/out" "$T/err")" ""
done
exits 0 "backup tells what it did" snapfs backup "$SRC"
out_has "in a summary line" '[0-9]'

# Changes that size and mtime do not show.
echo aaaa >"$SRC/docs/b.txt"
touch -d '2024-01-01' "$SRC/docs/b.txt"
sleep 2.1
backup "$SRC"
echo bbbb >"$SRC/docs/b.txt"
touch -d '2024-01-01' "$SRC/docs/b.txt"
backup "$SRC"
is "the same size and mtime, other content" "$(snapfs cat "latest:$SRC/docs/b.txt")" bbbb
for n in 1 2 3 4 5; do
    echo "$n$n$n" >"$SRC/docs/b.txt"
    snapfs backup --quiet "$SRC"
    [[ $(snapfs cat "latest:$SRC/docs/b.txt") == "$n$n$n" ]] || break
done
is "a file written just before each backup" "$(snapfs cat "latest:$SRC/docs/b.txt")" 555
chmod 600 "$SRC/docs/b.txt"
chown 77:78 "$SRC/docs"
setfattr -n user.later -v 1 "$SRC/docs/a.txt"
backup "$SRC"
exits 0 "restore after changes of metadata alone" snapfs restore latest --target "$T/out3"
same "they are in the snapshot" "$SRC" "$T/out3$SRC"

# Sources of other shapes.
backup "$SRC/docs/a.txt"
is "one file as the source" "$(snapfs cat "latest:$SRC/docs/a.txt")" two
(cd "$SRC" && snapfs backup --quiet docs)
is "a relative path is stored whole" "$(snapfs cat "latest:$SRC/docs/a.txt")" two
backup "$SRC/docs/" "$SRC" "$SRC/docs"
exits 0 "restore of overlapping sources" snapfs restore latest --target "$T/out4"
same "each once" "$SRC" "$T/out4$SRC"
mkdir "$T/empty"
backup "$T/empty"
exits 0 "restore of an empty directory" snapfs restore latest --target "$T/out5"
same "comes back empty" "$T/empty" "$T/out5$T/empty"
finish
