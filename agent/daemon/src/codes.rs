//! What each code of this crate means.

use holdfast_schema::status::StatusProblem;

/// Code, what it means, remedy.
pub const CODES: &[(&str, &str, &str)] = &[
    (
        "E_NOT_ENROLLED",
        "this host has no configuration or no introduction yet",
        "enrol it: `holdfast enrol INTRODUCTION URL --host NAME`",
    ),
    (
        "E_CONFIG",
        "/etc/holdfast/agent.toml, or a file that it names, cannot be used",
        "correct it; `man 5 holdfast-agent.toml` lists what it may hold",
    ),
    (
        "E_CONFIG_EXPOSED",
        "a file with a credential or a private key can be read by others than root",
        "chown it to root and chmod it to 0600",
    ),
    (
        "E_FETCHER",
        "the root service could not speak with the unprivileged fetcher on this host",
        "see `systemctl status holdfast-fetch.socket holdfast-fetch.service`",
    ),
    (
        "E_STORE",
        "something below /var/lib/holdfast could not be read or written",
        "the message names the file and the cause; mend that, the next pass tries again",
    ),
    (
        "E_LEDGER_REBUILT",
        "the ledger, the record of what Holdfast owns on the host, was damaged and is made anew from what is declared; what it \
         had made and Git has dropped since stays on the host, for nobody knows any more whose it is",
        "look for leftovers by hand; the damaged record is kept as /var/lib/holdfast/ledger.damaged; restarting the agent \
         ends this message",
    ),
    (
        "E_STORE_DAMAGED",
        "a record below /var/lib/holdfast is not what Holdfast wrote there",
        "restore the file. If both copies of the ratchet are lost, let trust begin anew with `holdfast trust reset`; a trial \
         whose record is lost is taken back",
    ),
    (
        "E_STALE",
        "the policy has somebody say again and again, by the tag beat/BRANCH, which commit is the newest, and nobody has in \
         time: what is in force stays so, but the Git server may be holding back what is new",
        STALE,
    ),
    (
        "E_STATUS_FOREIGN",
        "the host's status branch holds a commit that this host's key did not sign; it is left alone",
        "if another host has this name, enrol one of them anew; if this host was enrolled anew, delete the branch",
    ),
    (
        "E_IDENTITY_CLONED",
        "another machine has this host's name and key: this one writes no status any more, and goes on enforcing",
        "enrol this machine under a name of its own: `holdfast enrol --force`; if it is the right one, enrol the other",
    ),
    (
        "E_CEILING",
        "a revision does something on this host that /etc/holdfast/ceiling.toml forbids; the last good one stays in force",
        "take it out of this host's state, or let root raise the ceiling on the host",
    ),
    (
        "E_STATUS_COMMIT",
        "the status commit could not be made",
        "this is a mistake in Holdfast: please report it",
    ),
    (
        "E_QUARANTINED",
        "a revision could not be applied whole, or the host was not healthy after it: what it changed was put back, the last \
         good revision stays in force, and nothing that says the same of this host is tried again",
        "push a revision that mends it; or mend the host and run `holdfast retry` on it. After a full or read-only disk it is \
         tried again by itself, after a minute at first and an hour at most",
    ),
    (
        "E_HELD",
        "a revision failed and `on_failure = \"hold\"` keeps the host as it is, for a person to look at",
        "look at the host; then run `holdfast retry` or `holdfast rollback` on it, or push a newer revision",
    ),
    (
        "E_UNCONFIRMED",
        "a change that could cut the host off is taken back, unless the Git server is reached again in time and the host is \
         healthy",
        "nothing to do if the server answers; see `confirm_within` in holdfast-fleet(5)",
    ),
    (
        "E_HOST_UNHEALTHY",
        "a health probe of the host did not succeed in time after a new revision",
        "see what the probe asks for, in the journals of the units that it is about",
    ),
    (
        "E_UPGRADE",
        "a new version of Holdfast did not come up in time; the old one was put back and took back the revision that brought it",
        "see `journalctl -u holdfast-agent`; let another version take its place in Git",
    ),
    (
        "E_BLOCKED",
        "a resource was not tried, because something that it needs is not in order",
        "mend what it needs",
    ),
    (
        "E_TAKEN_BACK",
        "an operator took the revision back with `holdfast rollback`",
        "push a newer revision, or run `holdfast retry` on the host",
    ),
    (
        "E_PAUSED",
        "an operator paused the agent; the host is not changed",
        "run `holdfast resume` on the host",
    ),
    (
        "E_UNWATCHED",
        "some of what is managed cannot be watched for changes; its drift is only seen at polls",
        "raise the limit that the message names; it is found again at the next poll",
    ),
    (
        "E_DRIFT_MISSED",
        "a full pass repaired what had changed without anybody telling: a defect of Holdfast, or a way to change things that \
         the kernel does not tell",
        "tell Holdfast's developers how it was changed; the change itself is repaired",
    ),
    ("E_STOPPING", "the agent is about to stop and takes no more commands", "ask again when it runs"),
];

/// What stands in the way of the whole and is no single resource's or commit's, with what mends it.
pub(crate) fn problem(code: &str, message: String) -> StatusProblem {
    StatusProblem { code: code.to_owned(), message, remedy: remedy(code), commit: None, at: None }
}

/// What mends a problem with this code of this crate's.
pub fn remedy(code: &str) -> Option<String> {
    CODES.iter().find(|(known, ..)| *known == code).map(|(.., remedy)| (*remedy).to_owned())
}

/// What mends it when nobody has said in time that the branch is the newest.
pub(crate) const STALE: &str = "see whether the robot that makes the tag still runs and pushes, and whether the server shows this host \
                                the branch that you see";
