# What a backup leaves out, and from where it takes its list of sources.
. "$(dirname "$0")/../lib.sh"
SRC=$T/src
mkdir -p "$SRC"/{keep,logs/deep,cache/sub,fakecache,marked/sub,build/x/y,mnt}
for f in keep/a.txt keep/b.log logs/c.log logs/deep/d.log cache/data cache/sub/data fakecache/data \
    marked/data marked/sub/data build/x/y/o.tmp build/top.tmp 'keep/br[1]' keep/br1; do
    echo "$f" >"$SRC/$f"
done
echo 'Signature: 8a477f597d28d172789f06886806bc55' >"$SRC/cache/CACHEDIR.TAG"
echo 'no signature' >"$SRC/fakecache/CACHEDIR.TAG"
touch "$SRC/marked/.nobackup"
truncate -s 1048576 "$SRC/keep/mib"
random_file 1 1048577 "$SRC/keep/mib+1"
new_key_repo

stored() {      # the paths below the source in the last snapshot
    snapfs ls -R latest 2>&1 | sed -n "s|^.*$SRC/||p" | sort
}
has() { local p; for p in "$@"; do is "stored: $p" "$(stored | grep -xF -e "$p")" "$p"; done; }
lacks() {       # the rest must be listed, or this would say nothing
    local p
    num "the rest is stored" "$(stored | wc -l)" -gt 0
    for p in "$@"; do is "left out: $p" "$(stored | grep -xF -e "$p")" ""; done
}

backup --exclude '*.log' "$SRC"
has keep/a.txt logs/deep cache/data
lacks keep/b.log logs/c.log logs/deep/d.log
backup --exclude logs --exclude '*.tmp' "$SRC"
has keep/b.log build/x/y
lacks logs logs/c.log build/top.tmp build/x/y/o.tmp
backup --exclude "$SRC/cache" "$SRC"
has fakecache/data
lacks cache cache/data
backup --exclude '/cache' "$SRC"
has cache/data
backup --exclude 'build/**/o.tmp' "$SRC"
has build/top.tmp build/x/y
lacks build/x/y/o.tmp
backup --exclude 'keep/*.txt' "$SRC"
has keep/b.log
lacks keep/a.txt
backup --exclude 'br[0-9]' "$SRC"
has 'keep/br[1]'
lacks keep/br1
printf '# a comment\n\n*.log\n  \n%s\n' "$SRC/build" >"$T/patterns"
backup --exclude-from "$T/patterns" "$SRC"
has keep/a.txt
lacks keep/b.log build build/top.tmp
fails_with "1|64" "--exclude-from of an absent file" snapfs backup --exclude-from "$T/absent" "$SRC"

backup --exclude-if-present .nobackup "$SRC"
has cache/data fakecache/data
lacks marked/data marked/sub marked/sub/data
for name in marked/.nobackup . .. '' /; do
    fails_with 64 "--exclude-if-present '$name'" snapfs backup --exclude-if-present "$name" "$SRC"
done
backup --exclude-caches "$SRC"
has fakecache/data marked/data
lacks cache/data cache/sub cache/sub/data
backup --exclude-larger-than 1M "$SRC"
has keep/mib
lacks keep/mib+1
backup --exclude-larger-than 2000B "$SRC"
has keep/a.txt
lacks keep/mib
for size in many 10 0; do
    fails_with 64 "a size of '$size'" snapfs backup --exclude-larger-than $size "$SRC"
    err_has "says what it has to be" 'size with its unit, such as 10M'
done

mount -t tmpfs tmpfs "$SRC/mnt"
echo other >"$SRC/mnt/inside"
backup "$SRC"
has mnt/inside
backup --one-file-system "$SRC"
has mnt keep/a.txt
lacks mnt/inside
backup --one-file-system "$SRC" "$SRC/mnt"
has mnt/inside
umount "$SRC/mnt"

printf '%s\n# comment\n\n%s\n' "$SRC/keep" "$SRC/logs/c.log" >"$T/files"
backup --files-from "$T/files"
has keep/a.txt logs/c.log
lacks logs/deep cache
printf '%s\n' "$SRC/keep" "$SRC/absent" >"$T/files"
before=$(listed)
fails_with 1 "--files-from with an absent source" snapfs backup --files-from "$T/files"
is "lists nothing" "$(listed)" "$before"

repository_files() { find "$T/repo" -type f -printf '%P %s\n' | sort; }
files=$(repository_files)
exits 0 "backup --dry-run" snapfs backup --dry-run "$SRC"
out_has "says what it would do" '[0-9]'
is "lists nothing" "$(listed)" "$before"
is "leaves the repository as it was" "$(repository_files)" "$files"
random_file 7 5000000 "$SRC/keep/new"
exits 0 "backup --dry-run with a new file" snapfs backup --dry-run --json "$SRC"
is "it is new" "$(value 'j["files_new"]' "$T/out")" 1
num "and would be read" "$(value 'j["bytes_read"]' "$T/out")" -ge 5000000
num "the others are counted, too" "$(value 'j["total_bytes_processed"]' "$T/out")" -gt 7000000
is "leaves the repository as it was" "$(repository_files)" "$files"
finish
