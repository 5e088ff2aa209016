#!/bin/sh
# SPDX-License-Identifier: MIT
# zcgem copy with files and memfds of several sizes, and what it must refuse. The argument is the
# command.
set -e
zcgem=$1
dir=$(mktemp -d)
cd "$dir"

refuse() {
	if "$@" 2>/dev/null; then
		echo "not refused: $*"
		exit 1
	fi
}

for size in 0 1 4096 5000000 16777216 16777217; do
	head -c $size /dev/urandom >from
	echo longer than nothing >to
	$zcgem copy --verify from to
	cmp from to
	$zcgem copy --chunk 64K from other
	cmp from other
	rm other
done

$zcgem copy --progress --fill 0x64636261 --size 40000 filled
[ "$(wc -c <filled)" = 40000 ]
[ "$(head -c 5 filled)$(tail -c 3 filled)" = abcdabcd ] || { head -c 8 filled; exit 1; }

refuse $zcgem copy from
refuse $zcgem copy from from
refuse $zcgem copy missing to
refuse $zcgem copy /dev/null to
refuse $zcgem copy --fill 1 --size 3 filled
refuse $zcgem copy --fill 1 filled
refuse $zcgem copy --fill 0x1ffffffff --size 4 filled

# From a memfd into a file, and from the file into another memfd, and both.
python3 - "$zcgem" <<'EOF'
import fcntl, os, subprocess, sys
data = os.urandom(3 << 20)
fds = [os.memfd_create("test", os.MFD_ALLOW_SEALING) for _ in range(2)]
os.write(fds[0], data)
paths = [f"/proc/{os.getpid()}/fd/{fd}" for fd in fds]
# What is only read is not sealed.
text = subprocess.run([sys.argv[1], "copy", paths[0], "file"], check=True, capture_output=True,
                      text=True).stdout
assert "memfd" not in text and fcntl.fcntl(fds[0], fcntl.F_GET_SEALS) == 0, text
assert open("file", "rb").read() == data
fcntl.fcntl(fds[0], fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
for source, target, said in ((paths[0], "file", "from a memfd"), ("file", paths[1], "to a memfd"),
                             (paths[0], paths[1], "from a memfd, to a memfd")):
    os.pwrite(fds[1], bytes(len(data)), 0)
    text = subprocess.run([sys.argv[1], "copy", source, target], check=True,
                          capture_output=True, text=True).stdout
    print(text, end="")
    assert said in text, text
    assert open(target, "rb").read() == data, (source, target)
EOF

# With little that may be locked.
# By its path, since the guest's shell is busybox, whose own setpriv knows no bounding set.
locking() { # KiB command...
	(ulimit -l "$1"; shift; exec /usr/bin/setpriv --bounding-set -ipc_lock "$@")
}
head -c 20000000 /dev/urandom >from
locking 8192 $zcgem copy --verify from to
cmp from to
echo short >from
locking 8 $zcgem copy --verify from to
cmp from to
rm -r "$dir"
