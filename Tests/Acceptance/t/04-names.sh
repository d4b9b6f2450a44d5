# Odd names, paths longer than PATH_MAX, and one snapshot mounted by itself.
. "$(dirname "$0")/../lib.sh"
SRC=$T/src
tree "$SRC" --only names,deep,links,special,times --scale small
new_key_repo
backup "$SRC"
mount_at "$T/mnt"
same "history mount" --nlink "$SRC" "$T/mnt/latest$SRC"
mount_at "$T/one" latest
same "mount of one snapshot, source paths kept whole" --nlink "$SRC" "$T/one$SRC"
ok "find walks deeper than PATH_MAX" find "$T/one$SRC/deep" -ignore_readdir_race -type f
is "every name is listed by find -print0" \
    "$(cd "$T/one$SRC" && find . -print0 | sort -z | sha256sum)" "$(cd "$SRC" && find . -print0 | sort -z | sha256sum)"
ok_not "an absent name" stat "$T/one$SRC/names/absent"
ok_not "an absent name, asked again" stat "$T/one$SRC/names/absent"
ok_not "a name of 256 bytes" stat "$T/one$SRC/names/$(printf 'y%.0s' {1..256})"
is "a symlink of 4095 bytes" "$(readlink "$T/one$SRC/links/size-4095" | tr -d '\n' | wc -c)" 4095
unmount "$T/one"
unmount "$T/mnt"
exits 0 "restore" snapfs restore latest --target "$T/back"
same "restored with paths beyond PATH_MAX" --nlink "$SRC" "$T/back$SRC"
WHAT=again backup "$SRC"
is "nothing is new or changed" "$(summary files_new)/$(summary files_changed)" 0/0
num "nearly nothing is added" "$(summary data_added)" -lt 20000
exits 0 "ls of all of it" snapfs ls -R latest
exits 0 "ls -l of all of it" snapfs ls -l -R latest
exits 0 "cat of a name that is not UTF-8" snapfs cat "latest:$SRC/names/latin1-"$'\xe9\xe8\xff'
is "its content" "$(cat "$T/out")" "$(cat "$SRC/names/latin1-"$'\xe9\xe8\xff')"
exits 0 "cat of a name with a newline" snapfs cat "latest:$SRC/names/new"$'\n'line
is "its content" "$(cat "$T/out")" "$(cat "$SRC/names/new"$'\n'line)"
exits 0 "cat of a name with a colon" snapfs cat "latest:$SRC/names/a:b"
is "its content" "$(cat "$T/out")" "$(cat "$SRC/names/a:b")"
exits 0 "ls --json of names that are not UTF-8" snapfs ls --json -R latest
ok "is pure JSON" is_json "$T/out"

# A relative source is below the working directory, whatever that is called.
mkdir "$T/"$'caf\xe9'
echo here >"$T/"$'caf\xe9'/file
there() { cd "$T/"$'caf\xe9' && snapfs "$@"; }
exits 0 "backup of a relative path, in a directory whose name is not UTF-8" there backup ./file
exits 0 "cat" snapfs cat "latest:$T/"$'caf\xe9'/file
is "its content" "$(cat "$T/out")" here
finish
