# The judge itself: sametree.py finds each kind of difference, maketree.py makes the same tree again.
. "$(dirname "$0")/../lib.sh"

tree "$T/one" --scale small --seed 5
tree "$T/two" --scale small --seed 5
same "the same seed makes the same tree" --nlink "$T/one" "$T/two"
tree "$T/three" --scale small --seed 6 --only sizes,dirs
tree "$T/four" --scale small --seed 5 --only sizes,dirs
same "leaving features out changes nothing in the others" --no-top "$T/one/sizes" "$T/four/sizes"
exits 1 "another seed makes another tree" "$HERE/sametree.py" "$T/three" "$T/four"

small() {       # DIR: one of each kind
    mkdir -p "$1/d/sub"
    echo content >"$1/f"
    echo linked >"$1/l1"
    ln "$1/l1" "$1/d/l2"
    echo other >"$1/o"
    ln -s f "$1/s"
    mkfifo "$1/p"
    mknod "$1/c" c 1 3
    mknod "$1/b" b 7 200
    random_file 1 300000 "$1/big"
    truncate -s 1M "$1/sparse"
    printf data | dd of="$1/sparse" bs=1 seek=524288 conv=notrunc status=none
    truncate -s 100G "$1/huge"
    printf end | dd of="$1/huge" bs=1 seek=$((99 << 30)) conv=notrunc status=none
    setfattr -n user.a -v 1 "$1/f"
    setfattr -n trusted.a -v 1 "$1/d"
    python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$1/k"
    find "$1" -exec touch -hd '2020-02-02 02:02:02.000000002' {} +
}
small "$T/a"
small "$T/b"
same "equal trees are the same" "$T/a" "$T/b"

differs() {     # WHAT REGEX COMMAND...: after the command in b, the difference is found and named
    local what=$1 regex=$2
    shift 2
    rm -rf "$T/b"
    small "$T/b"
    (cd "$T/b" && eval "$*") || { fail "cannot make the difference: $what"; return; }
    try "$HERE/sametree.py" "$T/a" "$T/b"
    if ((CODE != 1)); then fail "finds $what (exit status $CODE)"; detail <"$T/out"; return; fi
    out_has "finds $what" "$regex"
}
keep='-r ../a/f'
differs "a missing file" '^o: only in the first' 'rm o; touch -r ../a .'
differs "an additional file" '^n: only in the second' 'touch n; touch -r ../a .'
differs "another type" '^o: type file, directory' 'rm o; mkdir o; touch -r ../a/o o .'
differs "another mode" '^f: mode 0644, 0600' 'chmod 600 f'
differs "a setuid bit" '^f: mode' 'chmod u+s f'
differs "another mode of a directory" '^d/sub: mode' 'chmod 700 d/sub'
differs "another mode of the top" '^\.: mode' 'chmod 700 .'
differs "another owner" '^f: owner 0:0, 5:0' 'chown 5 f'
differs "another group of a symlink" '^s: owner' 'chown -h :6 s'
differs "another size" '^f: size' 'echo more >>f; touch -r ../a/f f'
differs "another byte of a small file" '^f: content differs at byte 0' 'echo Content >f; touch -r ../a/f f'
differs "another byte late in a file" '^big: content differs at byte 299999' \
    'printf "\0" | dd of=big bs=1 seek=299999 conv=notrunc status=none; touch -r ../a/big big'
differs "another byte in a huge sparse file" '^huge: content differs' \
    'printf E | dd of=huge bs=1 seek=$((99 << 30)) conv=notrunc status=none; touch -r ../a/huge huge'
differs "data where the other has a hole" '^huge: data at' \
    'printf E | dd of=huge bs=1 seek=$((5 << 30)) conv=notrunc status=none; touch -r ../a/huge huge'
differs "one nanosecond" '^f: mtime' "touch -d '2020-02-02 02:02:02.000000003' f"
differs "the time of a symlink" '^s: mtime' 'touch -hd 2020-01-01 s'
differs "the time of a directory" '^d: mtime' 'touch -d 2020-01-01 d'
differs "another link target" '^s: link target' 'ln -snf g s; touch -hr ../a/s s; touch -r ../a .'
differs "another device number" '^c: device 1:3, 1:5' 'rm c; mknod c c 1 5; touch -r ../a/c c; touch -r ../a .'
differs "another value of an attribute" "^f: xattr user.a: b'1', b'2'" 'setfattr -n user.a -v 2 f'
differs "a missing attribute" '^d: xattr trusted.a only in the first' 'setfattr -x trusted.a d'
differs "an additional attribute of a symlink" '^s: xattr trusted.n only in the second' 'setfattr -h -n trusted.n -v 1 s'
differs "an ACL" '^f: xattr system.posix_acl_access' 'setfacl -m u:77:r f; chmod 644 f'
differs "a capability" '^f: xattr security.capability' \
    "python3 -c 'import os; os.setxattr(\"f\", \"security.capability\", bytes.fromhex(\"0000000200200000000000000000000000000000\"))'"
differs "a broken hard link" '^d/l2: hard links: one inode with \{l1\}, \{\}' \
    'cp -p l1 n; mv n l1; touch -r ../a .'
differs "a hard link that should be none" '^(f|o): hard links' 'ln -f f o; touch -r ../a .'
differs "a hole that was filled" '^sparse: data at' \
    'cp --sparse=never sparse n; cat n >sparse; rm n; touch -r ../a/sparse sparse; touch -r ../a .'
differs "a missing socket" '^k: only in the first' 'rm k; touch -r ../a .'
exits 0 "--no-sockets leaves sockets out" "$HERE/sametree.py" --no-sockets "$T/a" "$T/b"
exits 2 "a tree that is absent" "$HERE/sametree.py" "$T/a" "$T/absent"
finish
