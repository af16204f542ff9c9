//! What each code of a host's errors means.

/// Every code that a [`HostError`](super::HostError) can have: code, what it means, remedy.
pub const CODES: &[(&str, &str, &str)] = &[
    (
        "E_IO",
        "the operating system refused or failed to read or change something on the host",
        "the message names the call's object and the cause; mend that, the next pass tries again",
    ),
    (
        "E_DISK_FULL",
        "a filesystem or quota is full; what was there stays as it was",
        "free some space or raise the quota",
    ),
    (
        "E_READ_ONLY",
        "the filesystem is mounted read-only",
        "remount it read-write, or manage a path on another filesystem",
    ),
    (
        "E_IMMUTABLE",
        "the file or its directory is marked immutable or append-only",
        "lift the mark with `chattr -i -a`, or stop managing it",
    ),
    (
        "E_CONCURRENT_EDIT",
        "somebody changed the thing between the look and the change; the edit was left in place",
        "nothing to do: the next pass looks again",
    ),
    (
        "E_IN_THE_WAY",
        "something that Holdfast does not replace, such as a directory, a mount point or a device, is at the path",
        "move it away, or declare what it is",
    ),
    (
        "E_UNSAFE_PATH",
        "a symbolic link in the path could have been put there by somebody other than root",
        "name the real path, or make the link and the directory that holds it root's own",
    ),
    (
        "E_NO_ACCOUNT",
        "a declared owner or group does not exist on the host",
        "create it, or let `needs` name the package that brings it",
    ),
    (
        "E_VALIDATE",
        "the `validate` command refused the new file; the old one stays in place",
        "correct the file or the command in Git",
    ),
    ("E_COMMAND", "a program that Holdfast ran failed", "its last words are in the message"),
    (
        "E_BUSY",
        "something outside Holdfast must finish first",
        "nothing to do: the next pass tries again; the message names the holder",
    ),
    (
        "E_PACKAGE",
        "the package manager could not bring a package in order",
        "see /var/log/apt/term.log, /var/log/dnf.log or /var/log/zypp/history; the next pass tries again",
    ),
    (
        "E_PACKAGE_SCRIPT",
        "a script of a package ran for longer than `package_script_limit` allows, and was stopped",
        "see /var/lib/holdfast/packages.log for what it waits for; give it more time in `[apply]` if it needs that",
    ),
    (
        "E_KILLED",
        "a program that Holdfast waited for was killed from outside, the package manager for example",
        "see the kernel's log for a lack of memory; what was left half-done is set right first, and it is tried again by itself",
    ),
    (
        "E_PACKAGE_NOT_FOUND",
        "the host's package sources have no such package or version, even after a refresh",
        "check the name, the version and the host's package sources",
    ),
    (
        "E_REPOSITORY",
        "the lists of a package source could not be fetched; packages that are not its own go on",
        "check its address and whether the host reaches it; its words are in the agent's journal, and the next pass tries again",
    ),
    (
        "E_REPOSITORY_KEY",
        "the lists of a package source are not signed, or not with the key that is declared, so that nothing is taken from it",
        "if the source has changed its key, see that the new one is its own and put it into the repository; if not, somebody else \
         is answering",
    ),
    (
        "E_REPOSITORY_EXPIRED",
        "the lists of a package source are older than it lets them become, or from the future, so that nothing is taken from it",
        "check the host's clock, and whether a mirror has been left behind",
    ),
    ("E_SYSTEMD_GONE", "systemd could not be asked over D-Bus", "check that dbus and systemd run"),
    ("E_UNIT", "systemd refused or failed a job", "see `systemctl status` and `journalctl -u` for the unit"),
    (
        "E_UNHEALTHY",
        "the unit runs but its health probe did not succeed in time",
        "see the unit's journal; the probe is asked again at every pass",
    ),
    (
        "E_SECRET",
        "a secret cannot be decrypted on this host, or may not go where the resource would put it, or more could read it there \
         than may",
        "the message says which; encrypt it to the host with `holdfast secret rekey`, correct the resource, or let somebody who \
         can read the secret allow it with `holdfast secret edit`",
    ),
    (
        "E_DOCKER_GONE",
        "the Docker engine could not be asked: it does not run, is not installed, or does not answer in time; only what it \
         keeps waits",
        "check `systemctl status docker`, or declare the package that brings the engine",
    ),
    (
        "E_DOCKER",
        "the Docker engine refused or failed to do something",
        "its words are in the agent's journal; the next pass tries again",
    ),
    (
        "E_IMAGE_PULL",
        "an image could not be brought from its registry; what runs goes on",
        "check the reference, the registry, and that the host may read it; the engine's words are in the agent's journal",
    ),
    (
        "E_REGISTRY_LOGIN",
        "a registry of images refuses the login that the host has there, or asks for one and there is none",
        "declare the login with `[registry]`, or correct its user and its secret; what the registry says is in the agent's journal",
    ),
    (
        "E_CONTAINER",
        "a container was started and ended by itself, or its health check did not succeed in time",
        "see `docker logs` and `docker inspect` for the container",
    ),
    (
        "E_NO_SWARM",
        "what is declared belongs to a Swarm, and this host's Docker engine is in none; it waits for that",
        "let the engine join a Swarm with `docker swarm init` or `docker swarm join`, or do not declare it for this host",
    ),
    (
        "E_NO_QUORUM",
        "the Swarm of this host's Docker engine has no leader: too few of its managers are up, or they are choosing one; what \
         runs goes on",
        "bring the other managers back; see `docker node ls` on each. Never force a new cluster while the others may come back",
    ),
    (
        "E_SERVICE",
        "a service of the Swarm was made or changed, and its tasks did not come up, or the Swarm took the change back",
        "see `docker service ps --no-trunc` for the service",
    ),
    (
        "E_RESCUE",
        "Holdfast did not upgrade itself, because the way back could not be prepared; or that way could not be taken",
        "see the journal of holdfast-rescue.service, and try /usr/libexec/holdfast/rescue by hand",
    ),
    (
        "E_UNSUPPORTED",
        "this host lacks a facility that the resource needs",
        "do not declare it for this host: see `when`",
    ),
];
