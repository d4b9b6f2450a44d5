# Functions for the acceptance tests: each t/*.sh sources this file, prints TAP and ends with
# `finish`. The runner gives SNAPFS (the binary) and WORK (a directory for all tests).
#
#   T       the work directory of this test, removed at its end with everything mounted below it
#   CODE    exit status of the last command tried by `exits`, `fails_with` or `try`; its output
#           is in $T/out and $T/err
#
# An assertion that needs one command is `exits 0 'what' snapfs ...`. A program that traps, or that
# does not come back within LIMIT seconds, fails whatever the test expected.

set -u
export LC_ALL=C TZ=UTC
umask 022

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${SNAPFS:?the tests are started by Tests/Acceptance/run}" "${WORK:?}"
LIMIT=${LIMIT:-120}
USER_ID=65534           # nobody: an unprivileged user whom fusermount3 can name

T=$(mktemp -d "$WORK/$(basename "$0" .sh).XXXX")
chmod 755 "$T"
mkdir "$T/home" "$T/cache"
export SNAPFS_ACCEPTANCE=$T             # marks our own processes for the clean-up
export HOME=$T/home SNAPFS_CACHE_DIR=$T/cache SNAPFS_REPO=$T/repo SNAPFS_PASSWORD='acceptance pass phrase'
unset SNAPFS_PASSWORD_FILE SNAPFS_PASSWORD_COMMAND SNAPFS_KEY_FILE XDG_CACHE_HOME
cd "$T" || exit 2

COUNT=0
FAILURES=0

# --- clean-up -----------------------------------------------------------------------------------

unmount_below() {       # DIR: everything mounted below it, innermost first
    local point
    awk '{print $5}' /proc/self/mountinfo | while read -r point; do printf '%b\n' "$point"; done |
        grep -F "$1/" | sort -r | while read -r point; do
        umount "$point" 2>/dev/null || umount -l "$point" 2>/dev/null
    done
}

own_processes() {       # DIR: snapfs processes started by the test that works in DIR
    local proc
    for proc in /proc/[0-9]*; do
        [[ $(readlink "$proc/exe" 2>/dev/null) == "$(readlink -f "$SNAPFS")"* ]] || continue
        tr '\0' '\n' <"$proc/environ" 2>/dev/null | grep -qxF "SNAPFS_ACCEPTANCE=$1" && echo "${proc#/proc/}"
    done
}

clean_up() {            # DIR
    local pid
    cd / || return
    unmount_below "$1"
    for pid in $(own_processes "$1"); do kill -9 "$pid" 2>/dev/null; done
    unmount_below "$1"
    [[ -n ${KEEP:-} ]] || rm -rf "$1"
}

JOBS=()                 # process ids that this test started in the background
trap 'for j in "${JOBS[@]}"; do kill -9 "$j" 2>/dev/null; done; clean_up "$T"' EXIT
trap 'exit 130' INT TERM HUP

finish() {
    echo "1..$COUNT"
    exit $((FAILURES > 0))
}

# --- results ------------------------------------------------------------------------------------

pass() { COUNT=$((COUNT + 1)); echo "ok $COUNT - $*"; }

fail() {
    COUNT=$((COUNT + 1)) FAILURES=$((FAILURES + 1))
    echo "not ok $COUNT - $*"
    echo "#   at ${BASH_SOURCE[-1]##*/}:${BASH_LINENO[-2]}"
}

detail() { cut -c1-400 | head -n "${1:-30}" | cat -v | sed 's/^/#   /'; }

# --- running ------------------------------------------------------------------------------------

snapfs() { timeout -k 5 "$LIMIT" "$SNAPFS" "$@"; }

as_user() {             # a command of the unprivileged user
    HOME=$T/user timeout -k 5 "$LIMIT" setpriv --reuid=$USER_ID --regid=$USER_ID --clear-groups "$@"
}

try() {                 # any command: CODE, $T/out, $T/err; no terminal, no standard input
    "$@" >"$T/out" 2>"$T/err" </dev/null
    CODE=$?
}

judge() {               # a command that looks at results, such as $T/out: JUDGED, $T/judged
    "$@" >"$T/judged" 2>&1 </dev/null
    JUDGED=$?
}

crashed() {             # how the last command ended badly, if it did
    case $CODE in
    124 | 137) echo "it did not come back within $LIMIT s, or was killed" ;;
    132 | 133 | 134 | 135 | 136 | 139) echo "it died of signal $((CODE - 128))" ;;
    *) grep -aEm1 'Fatal error|Stack dump|Illegal instruction|Assertion failed|Traceback \(most' "$T/err" ;;
    esac
}

report_command() {
    echo "#   command: $(printf '%q ' "$@" | cut -c1-300)"
    echo "#   exit status $CODE; standard error, then output:"
    detail 15 <"$T/err"
    detail 15 <"$T/out"
}

report_judged() {
    echo "#   command: $(printf '%q ' "$@" | cut -c1-300)"
    echo "#   exit status $JUDGED; its output:"
    detail 15 <"$T/judged"
}

exits() {               # CODES WHAT COMMAND...: the exit status is one of CODES (as 0 or "1|13")
    local codes=$1 what=$2 why
    shift 2
    try "$@"
    why=$(crashed)
    if [[ -z $why && "|$codes|" == *"|$CODE|"* ]]; then pass "$what"; return; fi
    fail "$what"
    echo "#   expected exit status $codes${why:+; $why}"
    report_command "$@"
    return 1
}

fails_with() {          # CODES WHAT COMMAND...: as exits, and standard error says something in words
    local codes=$1 what=$2
    shift 2
    exits "$codes" "$what" "$@" || return
    grep -aq '[a-z][a-z]' "$T/err" && return
    fail "$what: standard error explains it"
    report_command "$@"
    return 1
}

ok() {                  # WHAT COMMAND...: any command that must succeed
    local what=$1
    shift
    judge "$@"
    if ((JUDGED == 0)); then pass "$what"; return; fi
    fail "$what"
    report_judged "$@"
    return 1
}

ok_not() {              # WHAT COMMAND...: any command that must not succeed
    local what=$1
    shift
    judge "$@"
    if ((JUDGED != 0)); then pass "$what"; return; fi
    fail "$what"
    report_judged "$@"
    return 1
}

is() {                  # WHAT GOT EXPECTED
    if [[ $2 == "$3" ]]; then pass "$1"; return; fi
    fail "$1"
    echo "#   got:"; detail 10 <<<"$2"
    echo "#   expected:"; detail 10 <<<"$3"
    return 1
}

num() {                 # WHAT LEFT OPERATOR RIGHT: a comparison of integers, -lt and so on
    if [[ $2 =~ ^-?[0-9]+$ && $4 =~ ^-?[0-9]+$ ]] && [ "$2" "$3" "$4" ]; then pass "$1"; return; fi
    fail "$1"
    echo "#   $2 is not $3 $4"
    return 1
}

file_has() {            # WHAT FILE REGEX: a line of the file matches the extended regular expression
    if grep -aqE -e "$3" "$2"; then pass "$1"; return; fi
    fail "$1"
    echo "#   nothing matches $3 in:"; detail 20 <"$2"
    return 1
}

file_lacks() {
    if ! grep -aqE -e "$3" "$2"; then pass "$1"; return; fi
    fail "$1"
    echo "#   matches $3:"; grep -aE -e "$3" "$2" | detail 10
    return 1
}

out_has() { file_has "$1" "$T/out" "$2"; }
out_lacks() { file_lacks "$1" "$T/out" "$2"; }
err_has() { file_has "$1" "$T/err" "$2"; }
err_lacks() { file_lacks "$1" "$T/err" "$2"; }

same() {                # WHAT A B [sametree options]: no difference between two trees
    local what=$1
    shift
    judge "$HERE/sametree.py" "$@"
    if ((JUDGED == 0)); then pass "$what"; return; fi
    fail "$what"
    detail 25 <"$T/judged"
    return 1
}

tree() { "$HERE/maketree.py" "$@" || { echo "Bail out! maketree $*"; exit 2; }; }

need() {                # COMMAND...: a missing tool is a failure, never a skipped test
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || { echo "Bail out! '$tool' is not installed"; exit 2; }
    done
}

need_user() {           # the unprivileged user must get at the program, wherever it was built
    as_user test -x "$SNAPFS" && return
    cp "$SNAPFS" "$T/snapfs" && chmod 755 "$T/snapfs" && SNAPFS=$T/snapfs
}

random_file() {         # SEED BYTES FILE: reproducible bytes that do not compress
    python3 -c 'import random, sys
r = random.Random(sys.argv[1]); left = int(sys.argv[2])
with open(sys.argv[3], "wb") as f:
    while left: n = min(left, 1 << 20); f.write(r.randbytes(n)); left -= n' "$@"
}

wait_until() {          # SECONDS COMMAND...: poll until it succeeds
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || return 1
        sleep 0.1
    done
}

# --- snapfs ---------------------------------------------------------------------------------------

new_repo() {            # a repository opened by the password
    exits 0 "init" snapfs init
}

new_key_repo() {        # one opened by a key file: no key stretching, for tests that run many commands
    exits 0 "init with a key file" snapfs init --new-key-file "$T/key" &&
        unset SNAPFS_PASSWORD && export SNAPFS_KEY_FILE=$T/key
}

value() {               # EXPRESSION FILE: of the JSON value `j` in FILE; of JSON lines, the last
    python3 -c '
import json, sys
text = open(sys.argv[2]).read()
try: j = json.loads(text)
except ValueError: j = [json.loads(l) for l in text.splitlines() if l.strip()][-1]
v = eval(sys.argv[1])
print("\n".join(map(str, v)) if isinstance(v, list) else v)' "$1" "$2" 2>&1
}

is_json() {             # FILE: one JSON value, or one on each line
    python3 -c '
import json, sys
text = open(sys.argv[1], encoding="utf-8").read()
try: json.loads(text)
except ValueError:
    lines = text.splitlines()
    assert lines
    for l in lines: json.loads(l)' "$1"
}

backup() {              # ARGUMENTS...: must succeed; sets SNAPSHOT, its summary is in $T/summary
    exits 0 "backup ${WHAT:-}" snapfs backup --json "$@" || return
    cp "$T/out" "$T/summary"
    SNAPSHOT=$(value 'j["snapshot_id"]' "$T/summary")
}

summary() { value "j['$1']" "$T/summary"; }

listed() {              # how many snapshots are listed; "unreadable" if they cannot be
    snapfs snapshots --json >"$T/listed" 2>"$T/listed.err" || { echo unreadable; return; }
    value 'len(j)' "$T/listed"
}

mounted() { grep -qF " $1 " /proc/self/mountinfo; }

mount_at() {            # DIR [ARGUMENTS BEFORE IT...]: make DIR, mount the history (or SNAPSHOT) there
    local dir=$1
    shift
    mkdir -p "$dir"
    ACCEPT_MOUNT=$dir exits 0 "mount $*" snapfs mount "$@" "$dir"
}

unmount() {             # DIR
    exits 0 "umount" snapfs umount "$1"
}

daemon_of() {           # DIR: the process that serves the mount made there by mount_at
    local pid
    for pid in $(own_processes "$T"); do
        tr '\0' '\n' <"/proc/$pid/environ" | grep -qxF -e "ACCEPT_MOUNT=$1" && echo "$pid" && return
    done
}
