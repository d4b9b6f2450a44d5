# Single system calls of forget, prune and erase fail or kill them: what stays listed is whole, and
# the next run just works.
. "$(dirname "$0")/../lib.sh"
need strace
ROUNDS=${ACCEPT_LIFE_SYSCALLS:-1}       # calls of each kind and command that are made to fail
SEED=${ACCEPT_SEED:-1}
echo "# ACCEPT_SEED=$SEED"
RANDOM=$SEED
SRC=$T/src
mkdir "$SRC"
for n in {1..12}; do random_file "$n" $((n * 3000)) "$SRC/$n"; done
new_key_repo
for n in 1 2 3; do
    for m in 1 2 3; do random_file "$n $m" 40000 "$SRC/new-$m"; done
    echo "$n" >"$SRC/secret"
    backup "$SRC" --tag "t$n"
done
cp -a "$SRC" "$T/kept"
cp -a "$T/repo" "$T/start"
cp -a "$SNAPFS_CACHE_DIR" "$T/start-cache"
FIRST=$(snapfs snapshots --json | value 'j[0]["id"]' /dev/stdin)
begin() {               # COMMAND: the repository as it is before it; sets ARGUMENTS
    # The cache goes back with it, else the machine has seen what the repository no longer has.
    rm -rf "$T/repo" "$SNAPFS_CACHE_DIR"
    cp -a "$T/start" "$T/repo"
    cp -a "$T/start-cache" "$SNAPFS_CACHE_DIR"
    case $1 in
    forget) ARGUMENTS=(forget "$FIRST") ;;
    erase) ARGUMENTS=(erase "$SRC/secret") ;;
    prune)
        "$SNAPFS" forget --quiet "$FIRST" || fail "forget"
        ARGUMENTS=(prune --max-unused 0)
        ;;
    esac
}
# Each thread counts its own calls, as strace's when= does.
calls() { awk -v c="$1" '$2 ~ "^" c "\\(" {n[$1]++} END {for (p in n) if (n[p] > m) m = n[p]; print m + 0}' "$T/calls"; }
wrong=''
problem() { wrong+="$*: $(head -n 2 "$T/err")"$'\n'; }
inject() {              # COMMAND SYSCALL ACTION N
    local what="$1, $2:$3:when=$4"
    begin "$1"
    timeout -k 5 "$LIMIT" strace -f -o /dev/null -e trace="$2" -e inject="$2:$3:when=$4" \
        "$SNAPFS" --quiet "${ARGUMENTS[@]}" >"$T/out" 2>"$T/err" </dev/null
    CODE=$?
    injected=$((injected + 1))
    # A collection that finds damage, as a read that failed may seem, says so.
    case "$3 $CODE" in
    *" 0" | *" 1" | *" 11" | *" 13" | "signal=KILL 137") ;;
    *) problem "$what: exit status $CODE" ;;
    esac
    ((CODE == 0 || CODE == 137)) || grep -q '[a-z][a-z]' "$T/err" || problem "$what: status $CODE without a word"
    try snapfs check --read-data
    ((CODE == 0)) || problem "$what: check: $CODE, $(head -n 2 "$T/out")"
    try snapfs --quiet "${ARGUMENTS[@]}"
    # What is forgotten already is not found again.
    ((CODE == 0)) || [[ $1 == forget ]] || problem "$what: again: $CODE"
    try snapfs --quiet prune
    ((CODE == 0)) || problem "$what: prune after it: $CODE"
    try snapfs check --read-data
    ((CODE == 0)) || problem "$what: check at the end: $CODE, $(head -n 2 "$T/out")"
    local left=2
    [[ $1 != erase ]] || left=3
    [[ $(listed) == "$left" ]] || problem "$what: $(listed) are listed, not $left"
    try snapfs restore latest --target "$T/back"
    ((CODE == 0)) || problem "$what: restore: $CODE"
    cmp -s "$SRC/new-3" "$T/back$SRC/new-3" && cmp -s "$SRC/12" "$T/back$SRC/12" || problem "$what: other contents"
    rm -rf "$T/back"
}
for command in forget prune erase; do
    begin "$command"
    strace -f -o "$T/calls" -e trace=fsync,fdatasync,linkat,pwrite64,openat,unlinkat \
        "$SNAPFS" --quiet "${ARGUMENTS[@]}" >"$T/err" 2>&1 || fail "$command under strace: $(cat "$T/err")"
    injected=0
    for call in fsync fdatasync linkat pwrite64 openat unlinkat; do
        first=1
        count=$(calls "$call")
        ((count)) || continue
        case $call in
        fsync | fdatasync) actions=(error=EIO signal=KILL) ;;
        linkat) actions=(error=EEXIST error=EIO signal=KILL) ;;
        pwrite64) actions=(error=ENOSPC retval=0) ;;
        openat)
            actions=(error=EMFILE)
            # Those of the loader are not ours.
            first=$((1 + $(grep -cE 'openat\(.*(\.so[.0-9]*|ld\.so\.cache)"' "$T/calls")))
            ;;
        unlinkat) actions=(error=EIO signal=KILL) ;;
        esac
        for action in "${actions[@]}"; do
            for ((n = 0; n < ROUNDS; n++)); do inject "$command" $call $action $((first + RANDOM % (count - first + 1))); done
        done
    done
    is "$command: $injected calls that failed lost nothing" "$wrong" ""
    num "$command: so many" "$injected" -gt $((ROUNDS * 3))
    wrong=''
done
finish
