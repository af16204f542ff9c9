//! Reads who may change what at any commit, signed or not.

use std::path::Path;

use holdfast_trust::{
    Object, ObjectId, ObjectKind, Objects, StoreError,
    commit::Commit,
    rules::{FOLDER, POLICY, Rules, SIGNERS},
    tree::{self, Mode},
};

use crate::{
    clone,
    failure::{Code, Failure},
};

/// The rules at `commit`.
pub(crate) fn of(objects: &dyn Objects, commit: ObjectId, directory: &Path) -> Result<Rules, Failure> {
    let fail = |what: &str| Failure::new(Code::NoTrust, format!("commit {} has no {what}", commit.short()));
    let store = |why: StoreError| clone::unreadable(directory, why.code()).because(why);
    let load = |id: ObjectId, kind| -> Result<Option<Object>, Failure> {
        Ok(objects.get(&id).map_err(store)?.filter(|object| object.kind == kind))
    };
    let object = load(commit, ObjectKind::Commit)?.ok_or_else(|| fail("content: it is no commit"))?;
    let parsed = Commit::parse(&object.data).map_err(|why| {
        Failure::coded("E_COMMIT_GRAMMAR", format!("cannot read commit {commit}"), None).because(why)
    })?;
    let find = |tree: ObjectId, name: &str, mode| -> Result<Option<ObjectId>, Failure> {
        let Some(object) = load(tree, ObjectKind::Tree)? else { return Ok(None) };
        Ok(tree::parse(&object.data).ok().and_then(|entries| tree::find(&entries, name, mode)))
    };
    let folder = find(parsed.tree, FOLDER, Mode::Directory)?.ok_or_else(|| fail("folder .trust"))?;
    let file = |name: &str| -> Result<Vec<u8>, Failure> {
        let missing = || fail(&format!("file {FOLDER}/{name}"));
        let id = find(folder, name, Mode::File)?.ok_or_else(missing)?;
        Ok(load(id, ObjectKind::Blob)?.ok_or_else(missing)?.data)
    };
    Rules::parse(&file(POLICY)?, &file(SIGNERS)?)
        .map_err(|why| Failure::coded(why.code(), why.to_string(), Some(holdfast_trust::remedy(why.code()))))
}
