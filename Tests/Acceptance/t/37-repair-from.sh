# A second repository heals the first, whichever was copied from the other.
. "$(dirname "$0")/../lib.sh"
SRC=$T/src
mkdir -p "$SRC"/{a,b}
for n in 1 2 3; do random_file "$n" 1500000 "$SRC/a/$n"; done
for n in {1..300}; do echo "small file $n" >"$SRC/b/$n"; done
setfattr -n user.note -v "$(printf 'x%.0s' {1..3000})" "$SRC/a/1" 2>/dev/null
find "$SRC" -exec touch -h -d '1 hour ago' {} +
new_key_repo
exits 0 "init of the second" snapfs --repo "$T/second" init --new-key-file "$T/key2"
for n in 1 2; do
    random_file "1$n" 900000 "$SRC/b/changing"
    backup "$SRC"
    cp -a "$SRC" "$T/kept.$n"
    SNAPSHOTS[n]=$SNAPSHOT
done
exits 0 "copy" snapfs copy --to "$T/second" --to-key-file "$T/key2"
cp -a "$T/repo" "$T/whole"
cp -a "$T/second" "$T/whole2"
again() {
    rm -rf "$T/repo" "$T/second" "$T/cache"
    cp -a "$T/whole" "$T/repo"
    cp -a "$T/whole2" "$T/second"
}
there() { SNAPFS_REPO=$T/second SNAPFS_KEY_FILE=$T/key2 snapfs "$@"; }
heal() { snapfs repair --from "$T/second" --from-key-file "$T/key2" "$@"; }
heal_back() { there repair --from "$T/repo" --from-key-file "$T/key" "$@"; }
flip() {        # FILE PART: one bit of the file, PART hundredths of the way in
    python3 -c 'import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(f.seek(0, 2) * int(sys.argv[2]) // 100); b = f.read(1); f.seek(-1, 1); f.write(bytes([b[0] ^ 4]))' "$@"
}
damage() {      # FILE HOW
    case $2 in
    flip*) flip "$1" "${2#flip }" ;;
    cut) truncate -s -9000 "$1" ;;
    removed) rm "$1" ;;
    esac
}
files() { (cd "$1" && find . -type f ! -path './sessions/*' ! -path './tmp/*' | sort); }

# --- nothing to do, and mistakes -------------------------------------------------------------------
before=$(files "$T/repo")
exits 0 "a whole repository" heal --read-data
out_has "needs no repair" 'nothing needs repair'
is "and gets nothing" "$(files "$T/repo")" "$before"
fails_with 64 "no other repository" snapfs repair
err_has "says what there is" 'SNAPFS_FROM_REPO'
fails_with 1 "the same repository" snapfs repair --from "$T/repo" --from-key-file "$T/key"
fails_with 10 "no repository there" snapfs repair --from "$T/none"
fails_with 12 "the wrong key" snapfs repair --from "$T/second" --from-key-file "$T/key"

# --- each pack, in both directions -----------------------------------------------------------------
for side in repo second; do
    for file in $(cd "$T/$side" && find data meta -type f | sort); do
        for how in 'flip 30' cut removed; do
            again
            what="$side, $how, ${file%%/*}"
            damage "$T/$side/$file" "$how"
            run() { if [[ $side == repo ]]; then heal "$@"; else heal_back "$@"; fi; }
            before=$(files "$T/$side")
            exits 0 "$what: dry run" run --read-data --dry-run --json
            num "$what: would bring back" "$(value 'j["objects"]' "$T/out")" -gt 0
            is "$what: and writes nothing" "$(files "$T/$side")" "$before"
            exits 0 "$what: repair" run --read-data
            out_has "$what: names what is healed" 'healed: snapshot'
            exits 0 "$what: check" snapfs check --read-data
            exits 0 "$what: check of the other" there check --read-data
        done
    done
done
again
rm -r "$T"/repo/data/* "$T"/repo/meta/*
exits 0 "all packs at once" env SNAPFS_FROM_REPO="$T/second" SNAPFS_FROM_KEY_FILE="$T/key2" "$SNAPFS" repair
for n in 1 2; do
    exits 0 "restore $n" snapfs restore "${SNAPSHOTS[n]}" --target "$T/back"
    same "it is as it was" "$T/kept.$n" "$T/back$SRC"
    rm -rf "$T/back"
done
exits 0 "and no damage" snapfs check --read-data
exits 0 "the log" snapfs audit list
out_has "has it" 'repair from'
exits 0 "prune" snapfs prune
exits 0 "no damage after it" snapfs check --read-data

# --- what remains ----------------------------------------------------------------------------------
again
backup "$SRC"
new=$(comm -13 <(cd "$T/whole" && find data meta -type f | sort) <(cd "$T/repo" && find data meta -type f | sort))
for file in $new; do rm "$T/repo/$file"; done
fails_with 13 "a snapshot that is not there" heal
out_has "is named" "${SNAPSHOT:0:8}"
again
manifest=$(find "$T/repo/snapshots" -type f | head -n 1)
flip "$manifest" 50
fails_with 13 "a damaged record" heal
out_has "says what brings it back" 'snapfs copy'
finish
