# Which snapshot a name means: latest, an id, a time; filters; and what a damaged one does to it.
. "$(dirname "$0")/../lib.sh"
SRC=$T/src
mkdir "$SRC"
echo data >"$SRC/a.txt"
new_key_repo
latest_is() { [[ -d $1 && $(readlink "$T/mnt/latest") == snapshots/$(ls "$1") ]]; }   # DIR of its tag
ids() { snapfs snapshots "$@" --json >"$T/list" && value '[s["id"] for s in j]' "$T/list"; }
for host in alpha beta; do snapfs backup --quiet --time 2020-01-01 --host $host "$SRC"; done
ID1=$(ids --host alpha) ID2=$(ids --host beta)

# Several of one time: the last to end is the latest, for restore as for the mount.
wrong=''
mount_at "$T/mnt"
for n in 1 2 3 4 5 6; do
    snapfs backup --quiet --time 2090-01-01T00:00:00Z --host gamma --tag "n$n" "$SRC"
    id=$(ids --tag "n$n")
    [[ $(ids | tail -n 1) == "$id" ]] || wrong+="$n is not listed last; "
    wait_until 4 latest_is "$T/mnt/tags/n$n" || wrong+="$n is not the mount's latest; "
done
is "six of one time are in the order in which they ended" "$wrong" ""
unmount "$T/mnt"

exits 0 "an id, whatever the host" snapfs ls --host beta "$ID1"
exits 0 "an id and a filter that no snapshot passes" snapfs cat --tag none "$ID2:$SRC/a.txt"
fails_with 1 "latest obeys the filter" snapfs ls --host delta latest
fails_with 1 "and so does a time" snapfs ls --host delta 2095-01-01
exits 0 "latest with a filter" snapfs ls --host beta latest

# One of them is damaged.
damaged=$T/repo/snapshots/$(ids | tail -n 1)
printf X | dd of="$damaged" bs=1 seek=200 conv=notrunc status=none
fails_with 13 "latest is not certain" snapfs ls latest
for command in "find -s $ID1 -s $ID2 a.txt" "stats $ID1 $ID2" "diff $ID1 $ID2" \
    "cat $ID1:$SRC/a.txt $ID2:$SRC/a.txt"; do
    exits "0|13" "${command%% *} of two others" snapfs $command
    is "tells once of the damaged one" "$(grep -c 'warning: snapshot' "$T/err")" 1
    err_lacks "and counts it once" '2 snapshots'
done
finish
