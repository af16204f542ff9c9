//! `[repository.NAME]`: a source of packages, and the files that say so to apt, dnf and zypper.

use std::fmt::Write as _;

use super::value;
use crate::{
    ContentSource as _, KindName, Problem,
    document::{
        field::{List, Whole},
        source::{Located, Span},
        table::table,
    },
    id::RepositoryName,
    language::{
        common::{Body, Common, Declared},
        values::repository::{Architecture, Component, Line, PackageGlob, RepositoryUrl, Suite},
    },
    limits, openpgp,
    resolve::build::Build,
    spec::{Ensure, RepositoryKey, RepositoryPlace, RepositorySource, RepositorySpec, Spec},
};

table! {
    /// A source of packages, by its name, which is that of its file too. With `suites` it has Debian packages and is for hosts
    /// with apt; without, it has rpm packages and is for hosts with dnf or zypper. A host that has something else fails it:
    /// see `when`.
    pub(crate) struct RepositoryTable {
        /// Whether it is there. Its file and its key go when it is no longer declared, if Holdfast made them.
        ensure: Ensure = "\"present\"",
        /// Where it is: `https://`, `http://` or `file:///`. In addresses of rpm packages `$releasever` and `$basearch` stand for
        /// the host's.
        url: RepositoryUrl,
        /// The address of a list of its mirrors in the form of Metalink. Only for rpm packages.
        metalink: RepositoryUrl,
        /// The address of a plain list of its mirrors. Only for rpm packages.
        mirrorlist: RepositoryUrl,
        /// The public keys that it is signed with, with or without ASCII armour; takes `content`, `source` or `template`. They
        /// count for this repository; on hosts with rpm, whose packages may be signed with them, for all.
        key: Body,
        /// Says that nobody checks who made its packages: whoever can change them on the way has root on the host. Needed where
        /// there is no `key`.
        unsigned: bool = "false",
        /// The suites of a repository of Debian packages, such as `bookworm`; or paths that end in `/`, and no `components`.
        suites: List<Suite>,
        /// The components of its suites.
        components: List<Component>,
        /// Takes only packages of these architectures. Only for Debian packages; by default the host's.
        architectures: List<Architecture>,
        /// Whether its metadata must be signed as well as its packages. Only for rpm packages: of Debian's it is the metadata
        /// that is signed.
        check_metadata: bool = "false",
        /// Of repositories that have the same package, that with the smaller number is taken. Only for rpm packages; 99 where
        /// nothing is said.
        priority: Whole<1, 99>,
        /// Packages that are never taken from it, by name or pattern. Only for rpm packages, and zypper does not have it.
        exclude: List<PackageGlob>,
        /// What it is, for people.
        description: Line,
        /// Whether packages are taken from it. If not, it is only there for those who ask for it by name.
        enabled: bool = "true",
        after common: Common,
    }
    one_of [["url", "metalink"], ["url", "mirrorlist"], ["metalink", "mirrorlist"]]
}

impl Declared for RepositoryTable {
    const KIND: KindName = KindName::Repository;
    type Name = RepositoryName;

    fn common(&self) -> &Common {
        &self.common
    }

    fn spec(&self, name: &RepositoryName, at: Span, build: &mut Build<'_, '_>) -> Option<Spec> {
        let ensure = value(self.ensure.as_ref()).unwrap_or_default();
        let enabled = value(self.enabled.as_ref()).unwrap_or(true);
        let (mut source, mut key) = (None, None);
        if ensure == Ensure::Present {
            let fits = self.check(name, at, build);
            key = match &self.key {
                Some(key) => Some(self::key(key, build)?),
                None => None,
            };
            if !fits {
                return None;
            }
            source = Some(if self.suites.is_some() {
                RepositorySource::Deb(build.contents.add(self.deb(name).into_bytes()))
            } else {
                let dnf = build.contents.add(self.rpm(name, RepositoryPlace::Dnf).into_bytes());
                let zypper = self.rpm(name, RepositoryPlace::Zypper).into_bytes();
                let zypper = self.exclude.is_none().then(|| build.contents.add(zypper));
                RepositorySource::Rpm { dnf, zypper }
            });
        }
        Some(Spec::Repository(RepositorySpec { name: name.clone(), ensure, enabled, source, key }))
    }
}

impl RepositoryTable {
    /// Tells of fields that are missing or do not go together. Whether there was nothing to tell.
    fn check(&self, name: &RepositoryName, at: Span, build: &mut Build<'_, '_>) -> bool {
        let mut problems: Vec<(Span, Problem)> = Vec::new();
        let mut report = |at: Span, code: &'static str, message: String, remedy: &str| {
            problems.push((at, Problem::new(code, message).remedy(remedy)));
        };
        if self.url.is_none() && self.metalink.is_none() && self.mirrorlist.is_none() {
            let message = format!("nothing says where the repository {name} is");
            report(at, "E_MISSING_KEY", message, "set `url`, or ensure = \"absent\"");
        }
        let unsigned = self.unsigned.as_ref().filter(|unsigned| unsigned.value);
        match (&self.key, unsigned) {
            (None, None) => {
                let message = format!("nothing says which key the repository {name} is signed with");
                let remedy = "set `key`, as in key = { source = \"files/NAME.asc\" }; or unsigned = true, which lets whoever can \
                              change its packages on the way have root on the host";
                report(at, "E_MISSING_KEY", message, remedy);
            }
            (Some(_), Some(unsigned)) => {
                let message = "`key` and `unsigned = true` exclude each other".to_owned();
                report(unsigned.at, "E_CONFLICT", message, "keep one of them");
            }
            _ => {}
        }
        if let (Some(check), Some(_)) = (self.check_metadata.as_ref().filter(|check| check.value), unsigned) {
            let message = "`check_metadata` and `unsigned = true` exclude each other".to_owned();
            report(check.at, "E_CONFLICT", message, "keep one of them");
        }
        let of_deb = [
            place("components", self.components.as_ref()),
            place("architectures", self.architectures.as_ref()),
        ];
        let of_rpm = [
            place("metalink", self.metalink.as_ref()),
            place("mirrorlist", self.mirrorlist.as_ref()),
            place("check_metadata", self.check_metadata.as_ref()),
            place("priority", self.priority.as_ref()),
            place("exclude", self.exclude.as_ref()),
        ];
        if let Some(suites) = &self.suites {
            for (field, at) in of_rpm.into_iter().flatten() {
                let message =
                    format!("`{field}` is only for rpm packages, and `suites` says that these are Debian's");
                report(at, "E_CONFLICT", message, "take one of them out");
            }
            let exact = suites.value.values().filter(|suite| suite.as_str().ends_with('/')).count();
            let components = self.components.as_ref().filter(|components| !components.value.0.is_empty());
            if suites.value.0.is_empty() {
                report(
                    suites.at,
                    "E_VALUE",
                    "`suites` is empty".to_owned(),
                    "name a suite, such as \"bookworm\"",
                );
            } else if exact == 0 && components.is_none() {
                let message = format!("nothing says which components of the repository {name} are meant");
                report(
                    at,
                    "E_MISSING_KEY",
                    message,
                    "set `components`, as in [\"main\"]; a suite without any ends in '/'",
                );
            } else if let Some(components) = components.filter(|_| exact > 0) {
                let message = "a suite that ends in '/' is a path, which has no `components`".to_owned();
                report(components.at, "E_CONFLICT", message, "take one of them out");
            }
        } else {
            for (field, at) in of_deb.into_iter().flatten() {
                let message = format!("`{field}` is only for Debian packages, which have `suites`");
                report(at, "E_CONFLICT", message, "set `suites`, or take it out");
            }
        }
        let fits = problems.is_empty();
        for (at, problem) in problems {
            build.report(at, problem);
        }
        fits
    }

    /// The file of apt.
    fn deb(&self, name: &RepositoryName) -> String {
        let mut text = String::new();
        let mut field = |field: &str, value: &str| {
            if !value.is_empty() {
                // Writing to a String cannot fail.
                writeln!(text, "{field}: {value}").unwrap_or_default();
            }
        };
        // apt has no field for it and skips those that begin so.
        field("X-Repolib-Name", word(self.description.as_ref(), Line::as_str));
        field("Types", "deb");
        field("URIs", word(self.url.as_ref(), RepositoryUrl::as_str));
        field("Suites", &words(self.suites.as_ref(), Suite::as_str));
        field("Components", &words(self.components.as_ref(), Component::as_str));
        field("Architectures", &words(self.architectures.as_ref(), Architecture::as_str));
        field("Enabled", if value(self.enabled.as_ref()).unwrap_or(true) { "" } else { "no" });
        match self.key {
            Some(_) => field("Signed-By", &RepositoryPlace::Apt.key(name)),
            None => field("Trusted", "yes"),
        }
        text
    }

    /// The file of dnf or zypper.
    fn rpm(&self, name: &RepositoryName, place: RepositoryPlace) -> String {
        let is_set =
            |field: Option<&Located<bool>>, default| u8::from(value(field).unwrap_or(default)).to_string();
        let mut text = format!("[{name}]\n");
        let mut field = |field: &str, value: &str| {
            if !value.is_empty() {
                writeln!(text, "{field}={value}").unwrap_or_default();
            }
        };
        field("name", self.description.as_ref().map_or(name.as_str(), |line| line.value.as_str()));
        field("baseurl", word(self.url.as_ref(), RepositoryUrl::as_str));
        field("metalink", word(self.metalink.as_ref(), RepositoryUrl::as_str));
        field("mirrorlist", word(self.mirrorlist.as_ref(), RepositoryUrl::as_str));
        field("enabled", &is_set(self.enabled.as_ref(), true));
        let signed = if self.key.is_some() { "1" } else { "0" };
        field("gpgcheck", signed);
        field("repo_gpgcheck", &is_set(self.check_metadata.as_ref(), false));
        match place {
            // What else is to be installed does not wait for a server that is away.
            RepositoryPlace::Apt | RepositoryPlace::Dnf => field("skip_if_unavailable", "1"),
            // Otherwise only packages of repositories without signed metadata are checked.
            RepositoryPlace::Zypper => {
                field("pkg_gpgcheck", signed);
                field("autorefresh", "1");
            }
        }
        if self.key.is_some() {
            field("gpgkey", &format!("file://{}", place.key(name)));
        }
        field(
            "priority",
            &self.priority.as_ref().map_or_else(String::new, |priority| priority.value.0.to_string()),
        );
        field("excludepkgs", &words(self.exclude.as_ref(), PackageGlob::as_str));
        text
    }
}

/// A field by its name, if it is set.
fn place<T>(field: &'static str, set: Option<&Located<T>>) -> Option<(&'static str, Span)> {
    set.map(|set| (field, set.at))
}

fn word<T>(field: Option<&Located<T>>, text: fn(&T) -> &str) -> &str {
    field.map_or("", |field| text(&field.value))
}

fn words<T>(list: Option<&Located<List<T>>>, text: fn(&T) -> &str) -> String {
    let words = list.into_iter().flat_map(|list| &list.value.0).map(|word| text(&word.value));
    words.collect::<Vec<_>>().join(" ")
}

/// The keys of a repository, in the one form that all package managers read.
fn key(body: &Located<Body>, build: &mut Build<'_, '_>) -> Option<RepositoryKey> {
    if !body.value.is_set() {
        let problem = Problem::new("E_MISSING_KEY", "nothing says what the key is");
        build.report(body.at, problem.remedy("set `content`, `source` or `template` in it"));
        return None;
    }
    let mut content = build.body(&body.value)?.content;
    let problem = if content.size > limits::KEY_BYTES {
        Problem::new("E_LIMIT", format!("the key has more than {} bytes", limits::KEY_BYTES))
    } else {
        let keys = build.contents.content(&content.sha256);
        match keys.map_err(|error| error.to_string()).and_then(|bytes| Ok(openpgp::read(&bytes)?)) {
            Ok(keys) => {
                if let Some(armour) = keys.armour {
                    content = build.contents.add(armour.into_bytes());
                }
                return Some(RepositoryKey { content, names: keys.names });
            }
            Err(why) => Problem::new("E_VALUE", format!("the key cannot be used: {why}")),
        }
    };
    build.report(
        body.at,
        problem.remedy("name a file with OpenPGP public keys, as `gpg --armor --export` prints them"),
    );
    None
}
