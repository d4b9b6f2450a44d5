# Second copies: equal, cheap, interrupted, beside prunes, into a file system that fills up.
. "$(dirname "$0")/../lib.sh"
SRC=$T/src
tree "$SRC" --scale small --without huge
mkdir -p "$SRC/some"
for n in {1..30}; do random_file "$n" $((n * 9000)) "$SRC/some/$n"; done
random_file big 9000000 "$SRC/big"
ln "$SRC/big" "$SRC/link"
truncate -s 3M "$SRC/hole"
new_key_repo
SNAPFS_PASSWORD='the other' exits 0 "init with a password" \
    env -u SNAPFS_KEY_FILE "$SNAPFS" --repo "$T/second-p" init
exits 0 "init of the second" snapfs --repo "$T/second" init --new-key-file "$T/key2" \
    --copy-chunker-from "$T/repo" --from-key-file "$T/key"
SNAPFS_PASSWORD='from the environment' exits 0 "a password beside a password command" \
    env -u SNAPFS_KEY_FILE "$SNAPFS" --repo "$T/third" init --copy-chunker-from "$T/second-p" \
    --from-password-command 'echo the other'
SNAPFS_PASSWORD='from the environment' exits 0 "opens it" \
    env -u SNAPFS_KEY_FILE "$SNAPFS" --repo "$T/third" snapshots
export SNAPFS_TO_REPO=$T/second SNAPFS_TO_KEY_FILE=$T/key2
there() { SNAPFS_REPO=$T/second SNAPFS_KEY_FILE=$T/key2 snapfs "$@"; }
ids() { value '[s["id"] for s in j]' "$T/$1"; }
whole() {
    exits 0 "$1: the source is whole" snapfs check --read-data
    exits 0 "$1: the copy is whole" there check --read-data
}

# --- what a copy is --------------------------------------------------------------------------------
for n in 1 2 3; do
    random_file "change $n" 2000000 "$SRC/changing"
    backup "$SRC" --tag "round-$n" --job nightly
    exits 0 "restore the original" snapfs restore "$SNAPSHOT" --target "$T/kept.$n"
    SNAPSHOTS[n]=$SNAPSHOT
done
exits 0 "hold one" snapfs hold --reason audit "${SNAPSHOTS[2]}"
exits 0 "dry run" snapfs copy -n --json
is "would copy all" "$(value 'j["copied"]' "$T/out")" 3
is "and writes nothing" "$(find "$T/second/snapshots" "$T/second/data" -type f 2>/dev/null | wc -l)" 0
exits 0 "copy one by its id" snapfs copy "${SNAPSHOTS[1]}"
exits 0 "copy the others" snapfs copy --json
ok "in JSON lines" is_json "$T/out"
is "two" "$(value 'j["copied"]' "$T/out")" 2
num "only what is new is read" "$(value 'j["bytes_read"]' "$T/out")" -lt 4100000
exits 0 "list the copies" there snapshots --json
cp "$T/out" "$T/copies"
exits 0 "and the originals" snapfs snapshots --json
cp "$T/out" "$T/originals"
for field in time end_time logical_id tags hostname username paths; do
    is "$field is kept" "$(value "[str(s.get('$field')) for s in j]" "$T/copies")" \
        "$(value "[str(s.get('$field')) for s in j]" "$T/originals")"
done
fails_with 1 "the hold is there" there forget "$(ids copies | sed -n 2p)"
for n in 1 2 3; do
    exits 0 "restore copy $n" there restore "$(ids copies | sed -n ${n}p)" --target "$T/back"
    same "it is as it was" "$T/kept.$n$SRC" "$T/back$SRC"
    rm -rf "$T/back"
done
exits 0 "a reader from the page alone" \
    python3 "$HERE/../../contrib/snapfs-reader.py" --key-file "$T/key2" --repo "$T/second" verify
WHAT='into the copy' SNAPFS_REPO=$T/second SNAPFS_KEY_FILE=$T/key2 backup "$SRC"
num "finds there what was copied" "$(summary data_added)" -lt 100000

# --- again -----------------------------------------------------------------------------------------
files() { find "$T/second" -type f | sort; }
before=$(files)
exits 0 "again" snapfs copy --json
is "nothing is copied" "$(value 'j["copied"]' "$T/out")" 0
is "nothing is written" "$(files)" "$before"
exits 0 "a new tag" snapfs tag add later "${SNAPSHOTS[1]}"
exits 0 "and a release" snapfs hold --release "${SNAPSHOTS[2]}"
exits 0 "are brought over" snapfs copy
exits 0 "list" there snapshots --tag later --json
is "the tag is there" "$(value 'len(j)' "$T/out")" 1
exits 0 "the hold is not" there forget "$(ids copies | sed -n 2p)"
exits 0 "what was forgotten there" snapfs copy --json
is "stays so" "$(value 'j["skipped"]' "$T/out")" 1
exits 0 "bring it back" there unforget "$(ids copies | sed -n 2p)"

# --- refusals --------------------------------------------------------------------------------------
fails_with 1 "the same repository" snapfs copy --to "$T/repo" --to-key-file "$T/key"
fails_with 10 "no repository there" snapfs copy --to "$T/none"
fails_with 12 "the wrong key" snapfs copy --to-key-file "$T/key"
fails_with 64 "no destination" env -u SNAPFS_TO_REPO "$SNAPFS" copy
fails_with 1 "a snapshot that is not there" snapfs copy ffffffff

# --- killed, and run again -------------------------------------------------------------------------
for n in {1..4}; do random_file "kill $n" 8000000 "$SRC/changing"; backup "$SRC"; done
for n in {1..10}; do
    timeout -s KILL "0.$((RANDOM % 6 + 1))" "$SNAPFS" copy --quiet --checkpoint-interval 1 >/dev/null 2>&1
    ((n % 5)) || whole "killed $n times"
done
exits 0 "and run to its end" snapfs copy
whole "at last"
exits 0 "restore the newest" there restore latest --target "$T/back"
same "it is as it was" "$SRC" "$T/back$SRC"
rm -rf "$T/back"

# --- beside prunes on both sides -------------------------------------------------------------------
for n in {1..5}; do random_file "prune $n" 3000000 "$SRC/changing"; backup "$SRC"; done
exits 0 "forget at the source" snapfs forget --keep-last 5 --group-by host
exits 0 "and at the copy" there forget --keep-last 3 --group-by host
snapfs copy --quiet >"$T/copy.log" 2>&1 &
JOBS+=($!) copy=$!
exits 0 "prune the copy meanwhile" there prune
exits 0 "prune the source meanwhile" snapfs prune
exits 0 "once more" there prune
ok "the copy ends well" wait "$copy"
exits 0 "prune again" there prune
whole "after the prunes"
exits 0 "restore the newest" there restore latest --target "$T/back"
same "it is as it was" "$SRC" "$T/back$SRC"
rm -rf "$T/back"

# --- a record that cannot be read -------------------------------------------------------------------
cp -a "$T/repo" "$T/torn"
torn() { snapfs --repo "$T/torn" "$@"; }
dd if=/dev/zero of="$T/torn/snapshots/${SNAPSHOTS[1]}" bs=1 seek=100 count=50 conv=notrunc status=none
fails_with 13 "of all, one cannot be read" torn copy
torn snapshots --json >"$T/torn.json" 2>/dev/null
exits 0 "one of the others by its id" torn copy "$(ids torn.json | tail -n 1)"

# --- a password and another generation; a destination that fills up --------------------------------
mkdir "$T/small"
mount -t tmpfs -o size=8m tmpfs "$T/small"
echo 'the second pass phrase' >"$T/pass" && chmod 600 "$T/pass"
exits 0 "init on a small file system" env -u SNAPFS_KEY_FILE "$SNAPFS" --repo "$T/small/repo" init -p "$T/pass"
small() { snapfs "$@" --to "$T/small/repo" --to-password-file "$T/pass"; }
export -n SNAPFS_TO_KEY_FILE; unset SNAPFS_TO_KEY_FILE
for n in 1 2; do
    fails_with 1 "it fills up" small copy
    err_has "says why" '[Nn]o space|full'
done
exits 0 "the source is whole" snapfs check
exits 0 "so is the other, still full" env -u SNAPFS_KEY_FILE "$SNAPFS" --repo "$T/small/repo" check -p "$T/pass"
mount -o remount,size=200m "$T/small"
exits 0 "with room it goes on" small copy
exits 0 "and is whole" env -u SNAPFS_KEY_FILE "$SNAPFS" --repo "$T/small/repo" check --read-data -p "$T/pass"
exits 0 "restore" env -u SNAPFS_KEY_FILE "$SNAPFS" --repo "$T/small/repo" restore latest --target "$T/back" -p "$T/pass"
same "it is as it was" "$SRC" "$T/back$SRC"
SNAPFS_TO_PASSWORD='the second pass phrase' exits 0 "the password in the environment" snapfs copy --to "$T/small/repo"

# --- a backup at the source that ends while the destination is opened ------------------------------
mkdir "$T/beside"
random_file beside 300000 "$T/beside/file"
cat >"$T/slow" <<END
#!/bin/bash
"$SNAPFS" backup --quiet "$T/beside" </dev/null >&2
echo 'the second pass phrase'
END
chmod +x "$T/slow"
exits 0 "is no damage" snapfs copy --to "$T/small/repo" --to-password-command "$T/slow"
SNAPFS_TO_PASSWORD='the second pass phrase' exits 0 "and is copied" snapfs copy --to "$T/small/repo"
exits 0 "there" env -u SNAPFS_KEY_FILE "$SNAPFS" --repo "$T/small/repo" snapshots -p "$T/pass" \
    --path "$T/beside" --json
is "once" "$(value 'len(j)' "$T/out")" 1

# --- damage at the source --------------------------------------------------------------------------
mkdir "$T/odd"
random_file odd 700000 "$T/odd/file"
ls "$T"/repo/data/*/* | sort >"$T/packs"
backup "$T/odd"
bad=$(ls "$T"/repo/data/*/* | sort | comm -13 "$T/packs" -)
random_file even 700000 "$T/odd/file"
backup "$T/odd"
printf 'XXXX' | dd of="$bad" bs=1 seek=3000 conv=notrunc status=none
SNAPFS_TO_KEY_FILE=$T/key2 fails_with 13 "a damaged snapshot" snapfs copy
err_has "is named" "damaged.*/odd/file"
exits 0 "the other" there snapshots --path "$T/odd" --json
is "is copied" "$(value 'len(j)' "$T/out")" 1
exits 0 "and the copy is whole" there check --read-data
exits 0 "the first" snapfs snapshots --json
id=$(value 'j[0]["id"]' "$T/out")
printf 'XXXX' | dd of="$T/repo/snapshots/$id" bs=1 seek=200 conv=notrunc status=none
SNAPFS_TO_KEY_FILE=$T/key2 fails_with 13 "one that cannot be read, by its name" snapfs copy "$id"
head -c 32 /dev/urandom >"$T/other.key"
SNAPFS_TO_KEY_FILE=$T/other.key fails_with 12 "a wrong key of the destination" snapfs copy
err_has "says whose" "opening $SNAPFS_TO_REPO: wrong password or key file"
finish
