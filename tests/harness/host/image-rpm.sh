#!/bin/sh
# Makes the image of a host whose packages are rpm's: image-rpm.sh TAG PACKAGES. The programs are the real rpm with dnf or zypper;
# the userland is Debian's, for no other can be had here. It forgets that it is: dpkg, apt and their database are gone, and one
# package tells rpm what the userland has.
set -eu

base=$(mktemp -d)
trap 'rm -rf "$base"' EXIT
cat >"$base/userland.spec" <<'SPEC'
Name: userland
Version: 9
Release: 1
Summary: What the userland of a test host has
License: MIT
BuildArch: noarch
Provides: system-release = 9, system-release(releasever) = 9, redhat-release = 9
Provides: /bin/sh, /usr/bin/sh, /bin/bash, systemd = 252
Provides: libc.so.6()(64bit), libm.so.6()(64bit), libgcc_s.so.1()(64bit), ld-linux-x86-64.so.2()(64bit), rtld(GNU_HASH)
%(for minor in $(seq 0 36) 2.5 3.2 3.4; do echo "Provides: libc.so.6(GLIBC_2.$minor)(64bit), libm.so.6(GLIBC_2.$minor)(64bit)"; done)
Provides: ld-linux-x86-64.so.2(GLIBC_2.3)(64bit)
%(for version in 3.0 3.3 3.3.1 4.2.0; do echo "Provides: libgcc_s.so.1(GCC_$version)(64bit)"; done)
%description
What the userland of a test host has.
%files
SPEC
rpmbuild -bb --quiet --define "_topdir $base/build" --define "_rpmdir $base" "$base/userland.spec" >/dev/null

# The same for the tests to look with as on other hosts, see image.sh.
mmdebstrap --quiet --variant=minbase \
    --include=systemd,systemd-sysv,dbus,ca-certificates,openssh-client,strace,procps,iproute2,zstd,"$2" \
    --customize-hook="copy-in $base/noarch/userland-9-1.noarch.rpm /var/tmp" \
    --customize-hook='mkdir -p "$1"/etc/rpm "$1"/etc/yum.repos.d "$1"/etc/zypp/repos.d' \
    --customize-hook='echo "%_dbpath /var/lib/rpm" >"$1"/etc/rpm/macros' \
    --customize-hook='chroot "$1" rpm --initdb' \
    --customize-hook='chroot "$1" rpm --install /var/tmp/userland-9-1.noarch.rpm' \
    --customize-hook='[ ! -d "$1"/etc/dnf ] || printf "[main]\ngpgcheck=0\nbest=True\nskip_if_unavailable=False\nclean_requirements_on_remove=True\n" >"$1"/etc/dnf/dnf.conf' \
    --customize-hook='[ ! -d "$1"/etc/dnf ] || printf "[main]\nenabled = false\n" >"$1"/etc/dnf/plugins/local.conf' \
    --customize-hook='ln -sf /dev/null "$1"/etc/systemd/system/e2scrub_all.timer' \
    --customize-hook='ln -sf /dev/null "$1"/etc/systemd/system/fstrim.timer' \
    --customize-hook='ln -sf /dev/null "$1"/etc/systemd/system/dnf-makecache.timer' \
    --customize-hook='rm -f "$1"/etc/systemd/system/timers.target.wants/apt* "$1"/etc/systemd/system/timers.target.wants/dpkg*' \
    --customize-hook='ln -sf /dev/null "$1"/etc/systemd/system/getty.target' \
    --customize-hook='ln -sf /dev/null "$1"/etc/systemd/system/console-getty.service' \
    --customize-hook='mkdir -p "$1"/var/log/journal' \
    bookworm - |
    docker import --change 'LABEL holdfast-test-host=rpm' - "$1-debian" >/dev/null
# Now that nothing needs them any more.
printf 'FROM %s-debian\nRUN rm -rf /var/lib/dpkg /var/lib/apt /etc/apt /usr/bin/apt* /usr/bin/dpkg* /lib/systemd/system/apt-* /lib/systemd/system/dpkg-*\n' "$1" |
    docker build --quiet --tag "$1" - >/dev/null
