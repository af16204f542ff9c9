//! A Git server with the right certificate and the wrong answers (T21). The worst that it can do is to withhold.

use anyhow::{Context as _, Result};

use super::history::goes_on;
use crate::{
    last_good::{EVIL, good, is_out_of_reach},
    site::{AGENT, STATE},
};

/// What answers each question, the code that tells of it, and what it is.
const ANSWERS: &[(&str, &str, &str)] = &[
    ("a page", "E_GIT_", "printf 'Content-Type: text/html\\r\\n\\r\\n<html>please log in</html>'"),
    ("nothing", "E_GIT_", "printf 'Content-Type: application/x-git-upload-pack-result\\r\\n\\r\\n'"),
    (
        "noise",
        "E_GIT_",
        "printf 'Content-Type: application/x-git-upload-pack-result\\r\\n\\r\\n'; head -c 100000 /dev/urandom",
    ),
    (
        "no end",
        "E_",
        "printf 'Content-Type: application/x-git-upload-pack-result\\r\\n\\r\\n'
         exec yes 003d0123456789012345678901234567890123456789 refs/heads/main",
    ),
    (
        "a tip that nobody has",
        "E_GIT_",
        "exec 3>&1; $BACKEND | sed 's/[0-9a-f]\\{40\\} refs.heads.main/0123456789012345678901234567890123456789 refs\\/heads\\/main/' >&3",
    ),
    (
        "a pack of something else",
        "E_GIT_",
        "$BACKEND | perl -0777 -pe 's/PACK\\0\\0\\0\\x02\\0\\0\\0./PACK\\0\\0\\0\\x02\\0\\0\\0\\x01/s'",
    ),
    (
        "a pack of four thousand million objects",
        "E_LIMIT",
        "$BACKEND | perl -0777 -pe 's/PACK\\0\\0\\0\\x02..../PACK\\0\\0\\0\\x02\\xff\\xff\\xff\\xff/s'",
    ),
    (
        "a pack with a bit that is another",
        "E_GIT_",
        "$BACKEND | perl -0777 -pe 's/(PACK.{40})(.)/$1 . chr(ord($2) ^ 16)/se'",
    ),
    (
        "a pack of another version",
        "E_GIT_",
        "$BACKEND | perl -0777 -pe 's/PACK\\0\\0\\0\\x02/PACK\\0\\0\\0\\x09/'",
    ),
    ("half of it", "E_GIT_", "$BACKEND | head -c 900"),
    ("an address elsewhere", "E_GIT_", "printf 'Status: 302\\r\\nLocation: file:///etc/shadow\\r\\n\\r\\n'"),
    ("too many questions", "E_GIT_", "printf 'Status: 429\\r\\nRetry-After: 99999\\r\\n\\r\\n'"),
];

#[test]
fn a_hostile_server_can_withhold_and_nothing_else() -> Result<()> {
    let site = good()?;
    let pid = site.host.property(AGENT, "MainPID")?;
    // There is something new, so that there is something to lie about.
    site.fleet.write(STATE, EVIL)?;
    site.fleet.git(&["commit", "--quiet", "--all", "--no-gpg-sign", "--message", "evil"])?;
    site.fleet.push()?;
    for (what, code, script) in ANSWERS {
        site.server.answer_with(Some(script))?;
        is_out_of_reach(&site.host, code).with_context(|| (*what).to_owned())?;
        assert_eq!(site.host.property(AGENT, "MainPID")?, pid, "{what}: the root service died");
    }
    site.server.answer_with(None)?;
    site.fleet.git(&["reset", "--quiet", "--hard", "HEAD~1"])?;
    goes_on(&site)
}
