# Who may read a mount: its options, other users with and without --allow-other, modes.
. "$(dirname "$0")/../lib.sh"
need_user
SRC=$T/src
mkdir -p "$SRC/private"
echo public >"$SRC/public"
echo secret >"$SRC/secret"
echo inside >"$SRC/private/inside"
echo theirs >"$SRC/theirs"
cp /bin/true "$SRC/suid"
mknod "$SRC/null" c 1 3
chmod 666 "$SRC/null"
chmod 600 "$SRC/secret" "$SRC/theirs"
chmod 700 "$SRC/private"
chmod 4755 "$SRC/suid"
chown $USER_ID "$SRC/theirs"
echo acl >"$SRC/acl"
chmod 600 "$SRC/acl"
setfacl -m u:$USER_ID:r "$SRC/acl"
mkdir "$T/user"
chown $USER_ID "$T/user"
new_key_repo
backup "$SRC"
M=$T/mnt
options() { findmnt -no OPTIONS "$M"; }

mount_at "$M"
for option in ro nosuid nodev default_permissions; do
    ok "mounted $option" grep -qE "(^|,)$option(,|\$)" <(options)
done
ok_not "not allow_other" grep -q allow_other <(options)
exits "1|2" "another user cannot enter" as_user ls "$M"
exits 1 "nor read a public file" as_user cat "$M/latest$SRC/public"
is "root reads" "$(cat "$M/latest$SRC/secret")" secret
unmount "$M"

mount_at "$M" --allow-other
ok "--allow-other" grep -q allow_other <(options)
for option in ro nosuid nodev default_permissions; do
    ok "mounted $option" grep -qE "(^|,)$option(,|\$)" <(options)
done
N=$M/latest$SRC
exits 0 "another user reads a public file" as_user cat "$N/public"
exits 1 "not a 0600 file of root" as_user cat "$N/secret"
err_has "permission denied" 'Permission denied'
exits 0 "a 0600 file of his own" as_user cat "$N/theirs"
exits "1|2" "not into a 0700 directory" as_user ls "$N/private"
exits 1 "not a file in it" as_user cat "$N/private/inside"
exits 1 "a device does nothing" cat "$N/null"
is "setuid is shown" "$(stat -c %a "$N/suid")" 4755
exits 0 "ACLs are shown" getfacl -cn "$N/acl"
out_has "as they are" "user:$USER_ID:r--"
unmount "$M"

# A mount by an unprivileged user goes through fusermount3.
mknod -m 666 "$T/fuse" c 10 229
mount --bind "$T/fuse" /dev/fuse
ok "fusermount3 is setuid root" test -u "$(command -v fusermount3)"
cp "$T/key" "$T/user/key"
chown $USER_ID "$T/user/key"
chmod -R a+rX "$T/repo"
mkdir "$T/user/mnt"
chown $USER_ID "$T/user/mnt"
export SNAPFS_CACHE_DIR=$T/user/cache SNAPFS_KEY_FILE=$T/user/key
exits 0 "mount by an unprivileged user" as_user "$SNAPFS" mount "$T/user/mnt"
exits 0 "he reads" as_user cat "$T/user/mnt/latest$SRC/public"
is "what is there" "$(cat "$T/out")" public
exits 1 "default_permissions hold for him" as_user cat "$T/user/mnt/latest$SRC/secret"
exits 0 "umount by him" as_user "$SNAPFS" umount "$T/user/mnt"
ok_not "is done" mountpoint -q "$T/user/mnt"
umount /dev/fuse
finish
