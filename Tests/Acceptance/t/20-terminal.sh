# A file name cannot drive a terminal: control characters are escaped there.
. "$(dirname "$0")/../lib.sh"
need script
SRC=$T/src
ESC=$'\x1b'
mkdir -p "$SRC/sub"
EVIL=("title-$ESC]0;owned"$'\x07' "clear-$ESC[2J" $'c1-\x9b31m' $'c1-utf8-\xc2\x9b31m' $'new\nline' $'back\b\b\bspace' $'car\rriage' $'del\x7f')
for name in "${EVIL[@]}"; do echo x >"$SRC/sub/$name"; done
ln -s "target-$ESC[2J" "$SRC/link"
new_key_repo
on_terminal() {     # COMMAND...: what it writes to a terminal, in $T/screen
    script -qefc "$(printf '%q ' timeout 60 "$SNAPFS" "$@")" /dev/null >"$T/screen" 2>&1 </dev/null
    SCREEN=$?
}
tame() {            # WHAT
    local found=''
    grep -aqF "$ESC]0;" "$T/screen" && found+="sets the title; "
    grep -aqF "$ESC[2J" "$T/screen" && found+="clears the screen; "
    grep -aqF $'\x07' "$T/screen" && found+="rings the bell; "
    grep -aqF $'\x9b31m' "$T/screen" && found+="C1 control; "
    grep -aqF $'\b\b\b' "$T/screen" && found+="backspaces; "
    grep -aqF $'car\r' "$T/screen" && found+="carriage return in a name; "
    grep -aqF $'\x7f' "$T/screen" && found+="DEL; "
    is "$1 is tame on a terminal" "$found" ""
}
is_there() { file_has "and shows the name all the same" "$T/screen" "$1"; }

on_terminal backup --tag "tag-$ESC[2J" --host "host-$ESC[2J" "$SRC"
ok "controls in a tag are kept or refused (exit status $SCREEN)" test $SCREEN = 0 -o $SCREEN = 64
tame "a tag with controls"
on_terminal backup --verbose "$SRC"
is "backup on a terminal" $SCREEN 0
tame backup
rm "$SRC/sub/clear-$ESC[2J"
on_terminal backup "$SRC"
tame "second backup"
for command in snapshots 'ls -R latest' 'ls -l -R latest' 'find title-*' 'find *' stats check; do
    set -f
    on_terminal $command
    set +f
    is "$command" $SCREEN 0
    tame "$command"
done
on_terminal ls -R latest
is_there 'title-.*owned'
is "a newline in a name makes no second line" "$(grep -ac '^line' "$T/screen")" 0
snapfs snapshots --json >"$T/list"
on_terminal diff "$(value 'j[0]["id"]' "$T/list")" latest
tame diff
is_there 'clear-'
on_terminal restore latest --target "$T/back" --verbose
is "restore" $SCREEN 0
tame restore
on_terminal ls "latest:$SRC/absent-$ESC[2J"
tame "an error message"
is "with its exit status" $SCREEN 1
on_terminal backup "$SRC/absent-$ESC[2J"
tame "a source that is absent"
mkdir "$SRC/unread"
touch "$SRC/unread/bad-$ESC[2J"
mount --bind /sys/class/net/lo/speed "$SRC/unread/bad-$ESC[2J"
on_terminal backup "$SRC"
is "a source that cannot be read" $SCREEN 3
tame "its message"
is_there 'bad-'
umount "$SRC/unread/bad-$ESC[2J"

# Not a terminal: no progress, no escape sequences of our own.
exits 0 "backup into a file" snapfs backup "$SRC"
ok_not "has no escape sequence" grep -aqF "$ESC[" "$T/out" "$T/err"
ok_not "has no carriage return" grep -aqF $'\r' "$T/out" "$T/err"
script -qefc "$(printf '%q ' "$SNAPFS" backup --no-progress "$SRC")" /dev/null >"$T/screen" </dev/null
ok_not "--no-progress on a terminal draws nothing over" grep -aqF "$ESC[" "$T/screen"
finish
