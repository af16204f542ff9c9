//! `[file."/path"]`: a regular file.

use super::{account, value};
use crate::{
    AbsolutePath, FileMode, KindName, Problem,
    document::{field::Command, source::Span, table::table},
    id::SecretName,
    language::{
        common::{Body, Common, Declared},
        values::Account,
    },
    resolve::build::Build,
    spec::{Access, Ensure, FileSpec, Spec},
};

table! {
    /// A regular file, by its path.
    pub(crate) struct FileTable {
        before body: Body,
        /// The name of a secret that the file holds: `secrets/NAME.age` of the repository, see SECRETS. Where it may lie, whom it
        /// may belong to and how wide `mode` may be is sealed in that file.
        secret: SecretName,
        /// Whether it exists.
        ensure: Ensure = "\"present\"",
        /// The user who owns it, by name or number.
        owner: Account = "\"root\"",
        /// The group that owns it, by name or number.
        group: Account = "\"root\"",
        /// Its permissions. By default `0644`, with `sensitive` or `secret` `0600`; and executable (`0755`, `0700`) if `source` names a
        /// file that Git has as executable.
        mode: FileMode,
        /// A command that must succeed on the new file before it takes the old one's place; `{path}` stands for the new
        /// file. If it fails, the old file stays.
        validate: Command,
        /// `false` writes the file only where there is none, and then leaves its content alone.
        replace: bool = "true",
        /// Shows its content nowhere: not in a diff, an error or a log.
        sensitive: bool = "false",
        after common: Common,
    }
    one_of [["secret", "content"], ["secret", "source"], ["secret", "template"]]
}

impl Declared for FileTable {
    const KIND: KindName = KindName::File;
    type Name = AbsolutePath;

    fn common(&self) -> &Common {
        &self.common
    }

    fn spec(&self, path: &AbsolutePath, at: Span, build: &mut Build<'_, '_>) -> Option<Spec> {
        let ensure = value(self.ensure.as_ref()).unwrap_or_default();
        let sensitive = value(self.sensitive.as_ref()).unwrap_or(false);
        let mut executable = false;
        let (content, secret) = match (ensure, &self.secret) {
            (Ensure::Absent, _) => (None, None),
            (Ensure::Present, Some(secret)) => (None, Some(build.secret(secret)?)),
            (Ensure::Present, None) => {
                if !self.body.is_set() {
                    let message = format!("nothing says what {path} holds");
                    build.report(
                        at,
                        Problem::new("E_MISSING_KEY", message).remedy(
                            "set `content`, `source`, `template` or `secret`, or ensure = \"absent\"",
                        ),
                    );
                    return None;
                }
                let body = build.body(&self.body)?;
                executable = body.executable;
                (Some(body.content), None)
            }
        };
        let sensitive = sensitive || secret.is_some();
        if let Some(validate) = &self.validate
            && !validate.value.0.iter().any(|word| word.contains("{path}"))
        {
            let problem = Problem::new("E_VALUE", "`validate` never looks at the new file").remedy(
                "put {path} where the command takes the file, as in [\"visudo\", \"-cf\", \"{path}\"]",
            );
            build.report(validate.at, problem);
        }
        let mode = match (sensitive, executable) {
            (false, false) => 0o644,
            (false, true) => 0o755,
            (true, false) => 0o600,
            (true, true) => 0o700,
        };
        Some(Spec::File(FileSpec {
            path: path.clone(),
            ensure,
            content,
            secret,
            access: Access {
                owner: account(self.owner.as_ref()),
                group: account(self.group.as_ref()),
                mode: value(self.mode.as_ref()).unwrap_or(FileMode::new(mode)),
            },
            validate: self.validate.as_ref().map(|command| command.value.0.clone()),
            replace: value(self.replace.as_ref()).unwrap_or(true),
            sensitive,
        }))
    }
}
