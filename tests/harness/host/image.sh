#!/bin/sh
# Makes the image of a plain Debian 12 host: image.sh TAG [PACKAGES]. The tag is a digest of this file and the packages (see image.rs), so that a change
# here makes a new image and an old one is never mistaken for it.
set -eu

# openssh-server and nftables are there to be broken, strace, procps and iproute2 for the tests to look with; no git, for a
# host needs none.
mmdebstrap --quiet --variant=minbase \
    --include=systemd,systemd-sysv,dbus,ca-certificates,openssh-client,openssh-server,nftables,strace,procps,iproute2${2:+,$2} \
    --customize-hook='rm -f "$1"/etc/apt/sources.list "$1"/etc/apt/apt.conf.d/docker-clean' \
    --customize-hook='rm -f "$1"/etc/systemd/system/multi-user.target.wants/ssh.service' \
    --customize-hook='ln -sf /dev/null "$1"/etc/systemd/system/apt-daily.timer' \
    --customize-hook='ln -sf /dev/null "$1"/etc/systemd/system/apt-daily-upgrade.timer' \
    --customize-hook='ln -sf /dev/null "$1"/etc/systemd/system/dpkg-db-backup.timer' \
    --customize-hook='ln -sf /dev/null "$1"/etc/systemd/system/e2scrub_all.timer' \
    --customize-hook='ln -sf /dev/null "$1"/etc/systemd/system/fstrim.timer' \
    --customize-hook='ln -sf /dev/null "$1"/etc/systemd/system/getty.target' \
    --customize-hook='ln -sf /dev/null "$1"/etc/systemd/system/console-getty.service' \
    --customize-hook='mkdir -p "$1"/var/log/journal' \
    bookworm - |
    docker import - "$1" >/dev/null
