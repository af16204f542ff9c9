//! Every code that this crate's errors answer, for `holdfast explain CODE` and the docs.

#[cfg(test)]
mod tests;

/// Code, what it means, and what mends it.
pub const CODES: &[(&str, &str, &str)] = &[
    (
        "E_COLLISION",
        "An object was made so that another one has the same SHA-1 id, so that either could pass for the other.",
        "Somebody attacks the repository: find out who pushed the object, and remove the commit that holds it.",
    ),
    (
        "E_COMMIT_GRAMMAR",
        "A commit is not written in the one form that is accepted: tree, parents, author, committer, encoding, one SSH \
         signature, message. Git itself skips what it does not know, so such a commit may show people one thing and do \
         another.",
        "Make the commit anew with plain Git. A merge of a signed tag writes such a commit: merge TAG^{commit} instead.",
    ),
    (
        "E_EPOCH",
        "The commit changes something under .trust without counting it, or turns the policy back to an older one.",
        "Set `epoch` in .trust/policy.toml to the number that is named, in the same commit.",
    ),
    (
        "E_FLEET",
        "The commit belongs to another fleet than the one to which this host was introduced.",
        "Check the repository's address in the host's configuration. `fleet` in .trust/policy.toml never changes.",
    ),
    (
        "E_FOXTROT",
        "The last verified commit was merged into another branch, which then took its place. So the history of the branch \
         is no longer the one that hosts have verified. `git pull` does this when both sides have new commits.",
        "Run `git rebase --gpg-sign origin/main` (with your branch's name) in place of the merge, and push again.",
    ),
    (
        "E_GAP",
        "Commits between this one and the last verified one are not verified, so signing this one does not make up for them.",
        "Mend the first commit that is refused; or look at everything since the last verified commit and sign a tag with the trailer `Vouch: COMMIT`: `holdfast trust ok` does both.",
    ),
    (
        "E_HALTED",
        "Somebody who may deploy stopped the rollout with a stop/ tag. What is in force stays so.",
        "Ask who is named. As many people as a change needs lift it, each with a signed tag go/BRANCH/ANY-NAME whose message ends with the line `Lifts: ` and what `git rev-parse STOP-TAG` prints; deleting the stop does not.",
    ),
    (
        "E_INTENT",
        "The policy demands that a signed message says for which branch it is, and this one does not, so somebody may have moved the branch to work that was not meant to be deployed.",
        "Add the line `Deploy: BRANCH` at the end of the message with `git commit --amend -S`, or let people approve the commit with ok/ tags.",
    ),
    (
        "E_INTRODUCTION",
        "The line that introduces a host to its fleet is mistyped, or does not fit the commit that it names.",
        "Copy the whole line again from `holdfast trust intro`, which whoever looks after the fleet can run.",
    ),
    (
        "E_KEY_FILE",
        "A private key file cannot be used.",
        "Use an unencrypted OpenSSH key of type ed25519: `ssh-keygen -t ed25519 -N '' -f FILE`.",
    ),
    (
        "E_KEY_TIME",
        "The commit is dated at a time when its signer's key was not valid, by valid-after or valid-before in \
         .trust/allowed_signers.",
        "Sign with a key that is valid now, or let somebody whose key is valid change the times.",
    ),
    (
        "E_KEY_UNKNOWN",
        "The commit is signed with a key that .trust/allowed_signers of the commit before it does not list.",
        "Let somebody who is listed sign, or let them add the key in a commit of its own first.",
    ),
    (
        "E_LIMIT",
        "The repository holds more than a host takes: objects, bytes, files, depth, or commits at once.",
        "Remove what is too large from the branch, or introduce the host anew at a later commit if the history is too long.",
    ),
    (
        "E_NOT_FAST_FORWARD",
        "The branch does not lead on from the last commit that this host has verified: it was rewritten or turned back.",
        "Put the branch back and undo changes with `git revert`. If the history had to be rewritten, introduce the host anew.",
    ),
    (
        "E_OBJECT_MISSING",
        "Something that the branch refers to did not come with it.",
        "It is fetched again by itself. If it stays so, run `git fsck --full` on the Git server.",
    ),
    (
        "E_POLICY",
        "The folder .trust of a commit is incomplete or malformed, so that nobody could tell who may change what.",
        "Mend the file at the line that is named, in place of that commit; `holdfast check` finds it before a push.",
    ),
    (
        "E_RATCHET",
        "What this host kept of the last revision that it verified contradicts the commit itself.",
        "The host's own files are damaged: run `holdfast doctor` and introduce the host anew.",
    ),
    (
        "E_REF",
        "The commit's policy names another branch than the one that this host follows.",
        "Set the branch in the host's configuration or `ref` in .trust/policy.toml, whichever is wrong.",
    ),
    (
        "E_SIGNATURE",
        "The commit was changed after it was signed, or its signature belongs to something else.",
        "Sign it anew with `git commit --amend -S`. If nobody changed it knowingly, find out who did.",
    ),
    (
        "E_SIG_FORMAT",
        "The commit's signature is not a plain OpenSSH signature by an ed25519 key for the namespace git.",
        "Set `git config gpg.format ssh`, use a key of `ssh-keygen -t ed25519`, and sign with `git commit --amend -S`.",
    ),
    (
        "E_STATE",
        "A signed message says by State-SHA256 what the commit's files are, and they are something else.",
        "If the message was made before the last change, sign anew. Otherwise somebody attacks the repository: compare the \
         files with those of whoever signed.",
    ),
    (
        "E_STORE",
        "Objects that this host had fetched cannot be read back as they were.",
        "They are fetched again by themselves. If it stays so, check the host's disk.",
    ),
    (
        "E_STREAM",
        "What the fetcher handed over is cut or malformed.",
        "It is fetched again by itself. If it stays so, look at the journal of holdfast-fetch.service.",
    ),
    (
        "E_THRESHOLD",
        "Too few people have signed or approved the change for what the policy demands.",
        "Let the others look at it and approve: `holdfast trust ok COMMIT`, or `git tag -s ok/BRANCH/ANY-NAME COMMIT` and push the tag.",
    ),
    (
        "E_TIME_ORDER",
        "The commit is dated before the one that it follows, or in the future.",
        "Set the clock of the computer that signs, and date the commit anew: `git commit --amend -S --date=now`.",
    ),
    (
        "E_TREE_CONTENT",
        "The repository holds a symbolic link, a submodule, or a file name that is no plain text where state is kept.",
        "Replace it by a plain file with a plain name.",
    ),
    (
        "E_TREE_GRAMMAR",
        "A directory of the repository is not written as Git writes it.",
        "Make the commit anew with plain Git; `git fsck --strict` names the tree.",
    ),
    (
        "E_UNSIGNED",
        "The commit has no signature that counts. A forge's merge, squash and rebase buttons make such commits, and its own \
         OpenPGP signature counts for nothing here.",
        "Sign with your own key: `git commit --amend -S` for the last commit, `git rebase --gpg-sign BASE` for several; then \
         push with --force-with-lease.",
    ),
];

/// What mends an error with this code.
pub fn remedy(code: &str) -> &'static str {
    CODES.iter().find(|(known, ..)| *known == code).map_or("", |(.., remedy)| remedy)
}
