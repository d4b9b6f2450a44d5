# A tree of everything comes back without a difference: seen in the mount, copied out of it with
# cp, rsync and tar, and restored.
. "$(dirname "$0")/../lib.sh"
need rsync tar
SRC=$T/src
tree "$SRC" --seed "${ACCEPT_SEED:-1}" --without deep,huge      # cp and rsync stop at PATH_MAX
new_repo
WHAT='of a tree of everything' backup "$SRC"
err_lacks "nothing is reported as unread" '[a-z]'
num "the summary counts the files" "$(summary total_files_processed)" -ge "$(find "$SRC" -type f -printf '%i\n' | sort -u | wc -l)"
is "all of them are new" "$(summary files_changed)/$(summary files_unmodified)" 0/0
exits 0 "check" snapfs check
mount_at "$T/mnt"
M=$T/mnt/latest$SRC
same "the mount shows the tree, link counts and holes too" --nlink "$SRC" "$M"
same "and shows it again, from its caches" --nlink "$SRC" "$M"

ok "cp -a" cp -a "$M" "$T/cp"
same "cp -a gives the tree back" --no-holes "$SRC" "$T/cp"
rm -rf "$T/cp"

ok "rsync -aHAXS" rsync -aHAXS --numeric-ids "$M/" "$T/rsync/"
same "rsync gives the tree back" --no-holes "$SRC" "$T/rsync"
try rsync -naicHAXS --numeric-ids --delete "$M/" "$SRC/"
is "rsync -c from the mount has nothing to do in the source" "$(cat "$T/out" "$T/err")" ""
rm -rf "$T/rsync"

TAR=(--xattrs --xattrs-include='*' --acls --numeric-owner)
tar -C "$M" --format=posix "${TAR[@]}" -S -cf "$T/tree.tar" . 2>"$T/err"
CODE=$?
is "tar of the mount" $CODE 0
file_lacks "tar complains of nothing but sockets" <(grep -v 'socket ignored' "$T/err") 'tar:'
exits 0 "tar --compare with the source" tar -C "$SRC" "${TAR[@]}" -df "$T/tree.tar"
mkdir "$T/tar"
exits 0 "tar -x" tar -C "$T/tar" "${TAR[@]}" -xpf "$T/tree.tar"
# tar itself does not keep the links between fifos and between devices
same "tar gives the tree back" --no-holes --no-sockets --no-hardlinks "$SRC" "$T/tar"
is "hard links among them" "$(stat -c %h "$T/tar/hardlinks/a/file")" 3
rm -rf "$T/tar" "$T/tree.tar"
unmount "$T/mnt"

exits 0 "restore" snapfs restore latest --target "$T/restored"
same "restore gives the tree back, holes too" --nlink "$SRC" "$T/restored$SRC"
rm -rf "$T/restored"
exits 0 "restore of a path" snapfs restore "latest:$SRC/sizes" --target "$T/part"
same "lands directly in the target" "$SRC/sizes" "$T/part"
exits 0 "check --read-data" snapfs check --read-data
finish
