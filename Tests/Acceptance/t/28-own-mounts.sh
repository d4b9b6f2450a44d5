# Mounts of snapfs inside a source are left out; named, they are backed up.
. "$(dirname "$0")/../lib.sh"
SRC=$T/src
mkdir -p "$SRC/history" "$SRC/data"
echo data >"$SRC/data/file"
new_key_repo
backup "$SRC"
mount_at "$SRC/history"
backup "$SRC"
exits 0 "ls of what was backed up" snapfs ls -R latest
out_has "the source is there" "$SRC/data/file"
out_lacks "the history in it is not" "history/"
backup "$SRC/history/latest$SRC/data"
exits 0 "ls of a mount that was named" snapfs ls -R latest
out_has "what lies in it is there" "history/latest$SRC/data/file"
unmount "$SRC/history"

# Packs that are missing or cut short are noticed, and what they held is stored again.
sleep 3
rm -rf "$T/other"; mkdir "$T/other"
random_file 3 700000 "$T/other/one"
find "$T/other" -exec touch -h -d '1 hour ago' {} +
sleep 3
backup "$T/other"
pack=$(find "$T/repo/data" -type f -size +600k | head -n 1)
rm "$pack"
backup "$T/other"
err_has "says what is missing" "1 pack is missing or cut short"
exits 0 "restore of what it wrote" snapfs restore latest --target "$T/back"
same "is whole" "$T/other" "$T/back$T/other"
backup "$T/other"

# What users type.
fails_with 64 "an unknown command behind global options" snapfs --json -r x frobnicate
err_has "is called unknown" "no command 'frobnicate'"
cd "$T" || exit 2
exits 0 "snapshots of a relative path" snapfs snapshots --path other
out_has "are found" "$T/other"
finish
