# Single system calls of a backup fail, lie or kill it: what was listed stays whole, what is listed
# is whole, and the next backup just works.
. "$(dirname "$0")/../lib.sh"
need strace
ROUNDS=${ACCEPT_SYSCALLS:-4}    # calls of each kind that are made to fail, spread over the backup
SRC=$T/src
mkdir -p "$SRC/some"
for n in {1..20}; do random_file "$n" $((n * 2000)) "$SRC/some/$n"; done
random_file big 2000000 "$SRC/big"
new_key_repo
listed_ids() { snapfs snapshots --json >"$T/list" && value '[s["id"] for s in j]' "$T/list"; }
keep() { mkdir "$T/v$1" && cp -a "$SRC" "$T/v$1"; }
round=0
change() {
    round=$((round + 1))
    echo "$round" >"$SRC/round"
    random_file "new $round" 300000 "$SRC/new-$((round % 3))"
}
backup "$SRC"
keep "$SNAPSHOT"

# Each thread counts its own calls, as strace's when= does.
change
strace -f -o "$T/calls" -e trace=fsync,fdatasync,linkat,pwrite64,mkdirat,openat \
    "$SNAPFS" backup --quiet "$SRC" >"$T/err" 2>&1 || fail "a backup under strace: $(cat "$T/err")"
calls() { awk -v c="$1" '$2 ~ "^" c "\\(" {n[$1]++} END {for (p in n) if (n[p] > m) m = n[p]; print m + 0}' "$T/calls"; }
for id in $(listed_ids); do [[ -d $T/v$id ]] || keep "$id"; done

injected=0 lost='' wrong=''
inject() {      # SYSCALL ACTION N
    local before after code id
    change
    before=$(listed_ids)
    timeout -k 5 "$LIMIT" strace -f -o /dev/null -e trace="$1" -e inject="$1:$2:when=$3" \
        "$SNAPFS" backup --quiet "$SRC" >"$T/out" 2>"$T/err" </dev/null
    code=$?
    injected=$((injected + 1))
    case "$2 $code" in
    *" 0" | *" 1" | *" 3" | *" 13" | "signal=KILL 137") ;;
    *" 10" | *" 127") [[ $1 == openat ]] || wrong+="$1 $2 $3: exit status $code"$'\n' ;;
    *) wrong+="$1 $2 $3: exit status $code: $(head -n 2 "$T/err")"$'\n' ;;
    esac
    ((code == 0 || code == 137)) || grep -q '[a-z][a-z]' "$T/err" ||
        wrong+="$1 $2 $3: exit status $code without a word"$'\n'
    after=$(listed_ids) || { wrong+="$1 $2 $3: the repository does not open"$'\n'; return; }
    for id in $before; do grep -qxF "$id" <<<"$after" || lost+="$1 $2 $3: $id"$'\n'; done
    for id in $after; do
        [[ -d $T/v$id ]] && continue
        # A source that could not be read is told of; it is not in the snapshot.
        if ((code == 3)); then mkdir "$T/v$id"; else keep "$id"; fi
        code=listed
    done
    [[ $code != 0 ]] || wrong+="$1 $2 $3: exit status 0, nothing listed"$'\n'
}
spread() {      # COUNT: some numbers from 1 to it, the first and the last among them
    local n
    for ((n = 0; n < ROUNDS; n++)); do echo $((1 + n * ($1 - 1) / (ROUNDS > 1 ? ROUNDS - 1 : 1))); done | sort -nu
}
for call in fsync fdatasync linkat pwrite64 mkdirat openat; do
    count=$(calls "$call")
    case $call in
    fsync | fdatasync) actions=(error=EIO error=ENOSPC signal=KILL) ;;
    linkat) actions=(error=EIO error=EEXIST error=EPERM signal=KILL) ;;
    pwrite64) actions=(error=EIO error=ENOSPC error=EINTR retval=0 signal=KILL) ;;
    mkdirat) actions=(error=ENOSPC signal=KILL) ;;
    openat) actions=(error=EIO error=EMFILE error=EACCES) ;;
    esac
    # A change may make no new directory.
    ((count)) || { [[ $call == mkdirat ]] && continue; fail "the backup calls $call"; }
    for action in "${actions[@]}"; do
        for n in $(spread "$count"); do inject "$call" "$action" "$n"; done
    done
    is "$call: every backup ended well or said why" "$wrong" ""
    is "$call: what was listed still is" "$lost" ""
    wrong='' lost=''
done
num "so many calls were made to fail" "$injected" -gt $((ROUNDS * 10))
echo "# $injected system calls failed"
change
WHAT='after all of it, without repair' backup "$SRC"
keep "$SNAPSHOT"
exits 0 "check --read-data" snapfs check --read-data
different=''
for id in $(listed_ids); do
    [[ -e $T/v$id/src ]] || continue
    try snapfs restore "$id" --target "$T/back"
    ((CODE == 0)) || different+="$id: exit status $CODE: $(head -n 2 "$T/err")"$'\n'
    judge "$HERE/sametree.py" "$T/v$id/src" "$T/back$SRC"
    ((JUDGED == 0)) || different+="$id: $(head -n 3 "$T/judged")"$'\n'
    rm -rf "$T/back"
done
is "everything that is listed is whole" "$different" ""

# init makes its own name durable as well, and that of the key.
export SNAPFS_REPO=$T/deep/er/repo
mkdir "$T/keys"
strace -f -y -o "$T/calls" -e trace=fsync "$SNAPFS" init --new-key-file "$T/keys/key" >/dev/null 2>&1
for directory in "$T" "$T/deep" "$T/deep/er" "$T/keys"; do
    file_has "init synchronises ${directory#"$T"}/" "$T/calls" "fsync\\([0-9]+<$directory>\\) += 0"
done
finish
