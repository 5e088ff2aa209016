# SPDX-License-Identifier: MIT
# On such a machine with zcgem-udmabuf too: who the name is for, and what is left of all when apt
# has taken it away.
owner_of() { # node
	stat -c '%U:%G %a %t' "$1"
}
render=$(readlink -f /dev/dri/by-driver/zcgem-render)
[ /dev/udmabuf -ef "$render" ] && [ ! -h /dev/udmabuf ] || fail "/dev/udmabuf is not zcgem's node"
getfacl -cp /dev/udmabuf | grep -q '^group:kvm:rw-' || fail "the group kvm has no access"
before=$(owner_of /dev/udmabuf.kernel)
# By its path: the guest's shell is busybox, which has another one.
/usr/bin/setpriv --reuid 12345 --regid kvm --clear-groups sh -c ': <>/dev/udmabuf' ||
	fail "a member of kvm may not open it"

# The package alone, while the module stays.
apt-get -y purge zcgem-udmabuf >/tmp/apt 2>&1 || { cat /tmp/apt; fail "apt purge zcgem-udmabuf"; }
[ "$(owner_of /dev/udmabuf)" = "$before" ] || fail "the name was not given back"
[ -e /sys/module/zcgem ] || fail "the module is gone too early"
udevadm trigger --action=change -s drm && udevadm settle
[ "$(owner_of /dev/udmabuf)" = "$before" ] || fail "the name was taken without the package"

apt-get -y purge 'zcgem*' 'libzcgem*' >/tmp/apt 2>&1 || { cat /tmp/apt; fail "apt purge"; }
systemctl daemon-reload
udevadm settle
[ ! -e /sys/module/zcgem ] || fail "the module is still loaded"
[ ! -e /dev/dri/by-driver ] || fail "the names by the driver are still there"
[ "$(systemctl show -P LoadState zcgem.service)" = not-found ] || fail "there still is a unit"
left=$(find / -xdev \( -path /proc -o -path /run/bed -o -path /var/log -o -path /var/lib/dpkg \
	-o -path /opt -o -path /var/cache/apt \) -prune -o -name '*zcgem*' -print
	find /run /dev /etc /var/lib/systemd -name '*zcgem*'
	dpkg -l 2>/dev/null | grep zcgem)
[ -z "$left" ] || fail "left: $left"
