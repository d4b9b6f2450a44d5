# Several commands at once on one repository.
. "$(dirname "$0")/../lib.sh"
new_key_repo
for n in 1 2 3 4; do
    mkdir "$T/src$n"
    random_file shared 5000000 "$T/src$n/shared"
    random_file "own $n" 3000000 "$T/src$n/own"
done
mount_at "$T/mnt"
pids=()
for n in 1 2 3 4; do
    snapfs backup --quiet "$T/src$n" >"$T/log$n" 2>&1 </dev/null & pids+=($!) JOBS+=($!)
done
for n in 1 2 3; do exits 0 "check while backups run" snapfs check; done
bad=0
for n in 1 2 3 4; do wait "${pids[n - 1]}" || { bad=$((bad + 1)); detail 5 <"$T/log$n"; }; done
is "four backups at once" "$bad failed" "0 failed"
is "all are listed" "$(listed)" 4
exits 0 "check --read-data" snapfs check --read-data
all_there() { [[ $(ls "$T/mnt/snapshots" | wc -l) == 4 ]]; }
ok "all appear in the mount that was there before" wait_until 5 all_there
for n in 1 2 3 4; do
    place=$(ls -d "$T/mnt/snapshots"/*"$T/src$n" 2>/dev/null)
    same "snapshot of source $n" "$T/src$n" "${place:-$T/absent}"
done
unmount "$T/mnt"
# The same source twice at once.
snapfs backup --quiet "$T/src1" >"$T/log1" 2>&1 </dev/null & one=$!
snapfs backup --quiet "$T/src1" >"$T/log2" 2>&1 </dev/null & two=$!
wait $one
is "one backup of a source" $? 0
wait $two
is "and another at the same moment" $? 0
is "both are listed" "$(listed)" 6
# Two mounts of one repository.
mount_at "$T/m1"
mount_at "$T/m2"
is "two mounts show the same" "$(ls "$T/m1/snapshots")" "$(ls "$T/m2/snapshots")"
unmount "$T/m1"
ok "one goes on without the other" cat "$T/m2/latest$T/src1/own"
unmount "$T/m2"
exits 0 "check" snapfs check
# Two inits of one place: one wins, the repository is whole.
export SNAPFS_REPO=$T/raced SNAPFS_PASSWORD=x
unset SNAPFS_KEY_FILE
snapfs init >"$T/log1" 2>&1 </dev/null & one=$!
snapfs init >"$T/log2" 2>&1 </dev/null & two=$!
wait $one; a=$?
wait $two; b=$?
ok "of two inits at once exactly one succeeds ($a, $b)" test $((a == 0)) -ne $((b == 0))
exits 0 "and the repository opens" snapfs snapshots
backup "$T/src1"
finish
