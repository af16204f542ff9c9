//! Sources of packages on real hosts: signed repositories, with keys that fit and keys that do not.

use anyhow::{Context as _, Result, ensure};
use harness::{Host, Manager, Package, SignedRepository, SigningKey};
use holdfast_schema::status::{PassResult, ResourceOutcome};

use crate::{
    every_manager::with_every_manager,
    site::{AGENT, Site},
};

with_every_manager! {
    a_repository_comes_with_its_key_is_kept_up_and_goes_with_it,
    a_repository_that_cannot_be_taken_is_named_and_others_go_on,
    a_failed_revision_takes_its_repository_along,
    what_is_there_as_declared_is_taken_over,
}

const CONTINUE: &str = "[apply]\non_failure = \"continue\"\n";

/// Where a repository's file and key lie.
fn files(manager: Manager, name: &str) -> [String; 2] {
    let (file, key) = match manager {
        Manager::Apt => ("/etc/apt/sources.list.d/NAME.sources", "/etc/apt/keyrings/NAME.asc"),
        Manager::Dnf => ("/etc/yum.repos.d/NAME.repo", "/etc/pki/rpm-gpg/RPM-GPG-KEY-NAME"),
        Manager::Zypper => ("/etc/zypp/repos.d/NAME.repo", "/etc/pki/rpm-gpg/RPM-GPG-KEY-NAME"),
    };
    [file, key].map(|path| path.replace("NAME", name))
}

/// The declaration of a repository at a path of the host.
pub(crate) fn declared(manager: Manager, name: &str, path: &str, key: &SigningKey) -> Result<String> {
    let own = match manager {
        Manager::Apt => "suites = [\"stable\"]\ncomponents = [\"main\"]\n",
        Manager::Dnf | Manager::Zypper => "check_metadata = true\n",
    };
    let key = key.public()?;
    Ok(format!("[repository.{name}]\nurl = \"file://{path}\"\n{own}key.content = '''\n{key}'''\n"))
}

/// The keys that rpm trusts.
fn trusted(host: &Host) -> Result<String> {
    match host.manager {
        Manager::Apt => Ok(String::new()),
        Manager::Dnf | Manager::Zypper => {
            Ok(host.output(&["rpm", "--query", "gpg-pubkey"])?.text().trim().to_owned())
        }
    }
}

/// Whether the package manager could install it now.
fn is_offered(host: &Host, package: &str) -> Result<bool> {
    let ask: &[&str] = match host.manager {
        Manager::Apt => &["apt-cache", "madison", package],
        Manager::Dnf => &["dnf", "--quiet", "repoquery", package],
        Manager::Zypper => &["zypper", "--quiet", "search", "--match-exact", package],
    };
    Ok(host.output(ask)?.text().contains(package))
}

pub(crate) fn serve(site: &Site, packages: &[Package], key: &SigningKey, path: &str) -> Result<()> {
    let manager = site.host.manager;
    SignedRepository { manager, packages, key, valid_until: None }.serve_to(&site.host, path)
}

fn a_repository_comes_with_its_key_is_kept_up_and_goes_with_it(manager: Manager) -> Result<()> {
    let (first, second) = (SigningKey::new("first")?, SigningKey::new("second")?);
    let shop = |version| Package::new("shop", version);
    let site = Site::on(manager.boot("repository", &[Package::new("base", "1.0")])?, "")?;
    let host = &site.host;
    let [file, key] = files(manager, "shop");
    let before = trusted(host)?;

    // Its packages are there in the same pass, without a word about the order.
    serve(&site, &[shop("1.0")], &first, "/srv/shop")?;
    let repository = declared(manager, "shop", "/srv/shop", &first)?;
    let state = format!("[package.shop]\n[package.base]\n{repository}");
    assert_eq!(site.apply(&state)?.result, PassResult::Converged);
    assert_eq!(host.version("shop")?, Some(manager.version("1.0")));
    assert_eq!(host.read_file(&key)?, first.public()?);
    let with_first = trusted(host)?;
    ensure!(manager == Manager::Apt || with_first != before, "rpm does not trust the key: {with_first}");
    site.is_quiet()?;

    // What is changed by hand is put back.
    let declared_file = host.read_file(&file)?;
    host.write_file(&file, declared_file.replace("/srv/shop", "/srv/nowhere"))?;
    host.run(&["rm", &key])?;
    if manager != Manager::Apt {
        host.run(&["rpm", "--erase", "gpg-pubkey"])?;
    }
    site.sync()?.success()?;
    assert_eq!(host.read_file(&file)?, declared_file);
    assert_eq!(host.read_file(&key)?, first.public()?);
    assert_eq!(trusted(host)?, with_first);
    site.is_quiet()?;

    // The source changes its key.
    serve(&site, &[shop("1.0"), shop("2.0")], &second, "/srv/shop")?;
    let repository = declared(manager, "shop", "/srv/shop", &second)?;
    let state = format!("[package.shop]\nversion = \"2.0*\"\n{repository}");
    assert_eq!(site.apply(&state)?.result, PassResult::Converged);
    assert_eq!(host.version("shop")?, Some(manager.version("2.0")));
    assert_eq!(host.read_file(&key)?, second.public()?);
    let with_second = trusted(host)?;
    ensure!(manager == Manager::Apt || with_second != with_first, "rpm trusts the old key: {with_second}");
    assert_eq!(with_second.lines().count(), with_first.lines().count());
    site.is_quiet()?;

    // It goes, and what it brought with it.
    assert_eq!(site.apply("[package.shop]\n")?.result, PassResult::Converged);
    assert!(!host.has(&file)? && !host.has(&key)?);
    assert_eq!(trusted(host)?, before);
    host.run(match manager {
        Manager::Apt => &["dpkg", "--purge", "shop"],
        Manager::Dnf | Manager::Zypper => &["rpm", "--erase", "shop"],
    })?;
    assert!(!is_offered(host, "shop")?, "it is still offered");
    assert!(is_offered(host, "base")?);
    Ok(())
}

fn a_repository_that_cannot_be_taken_is_named_and_others_go_on(manager: Manager) -> Result<()> {
    let (right, wrong) = (SigningKey::new("right")?, SigningKey::new("wrong")?);
    let site = Site::on(manager.boot("refused", &[Package::new("base", "1.0")])?, "")?;
    let host = &site.host;
    serve(&site, &[Package::new("forged", "1.0")], &wrong, "/srv/forged")?;
    serve(&site, &[Package::new("sound", "1.0")], &right, "/srv/sound")?;
    let old = [Package::new("old", "1.0")];
    let old = SignedRepository { manager, packages: &old, key: &right, valid_until: Some("yesterday") };
    old.serve_to(host, "/srv/old")?;
    let mut state = CONTINUE.to_owned();
    for name in ["forged", "away", "sound", "old"] {
        state += &declared(manager, name, &format!("/srv/{name}"), &right)?;
    }
    state += "[package.base]\n[package.sound]\n[package.forged]\n";
    site.publish(&state)?;
    let sync = site.sync()?;
    assert_ne!(sync.code, Some(0), "{sync}");

    let mut codes = vec![("repository:forged", "E_REPOSITORY_KEY"), ("repository:away", "E_REPOSITORY")];
    if manager == Manager::Apt {
        codes.push(("repository:old", "E_REPOSITORY_EXPIRED"));
    }
    for (id, code) in codes {
        let told = site.resource(id)?.with_context(|| format!("the status is silent on {id}"))?;
        assert_eq!(told.outcome, ResourceOutcome::Failed, "{told:?}");
        assert_eq!(told.code.as_deref(), Some(code), "{told:?}\n{}", host.journal(AGENT)?);
    }
    assert_eq!(host.version("forged")?, None, "it is installed in spite of its key");
    assert_eq!(host.version("base")?, Some(manager.version("1.0")));
    assert_eq!(host.version("sound")?, Some(manager.version("1.0")));

    // Once it is signed as it should be, it is taken without a new revision.
    serve(&site, &[Package::new("forged", "1.0")], &right, "/srv/forged")?;
    serve(&site, &[], &right, "/srv/away")?;
    serve(&site, &[], &right, "/srv/old")?;
    site.sync()?.success()?;
    assert_eq!(host.version("forged")?, Some(manager.version("1.0")));
    site.is_quiet()?;

    // zypper looks at signed metadata anyway, and apt at nothing else.
    if manager == Manager::Dnf {
        serve(&site, &[Package::new("lax", "1.0")], &wrong, "/srv/lax")?;
        let lax = declared(manager, "lax", "/srv/lax", &right)?.replace("check_metadata = true\n", "");
        site.publish(&format!("{state}{lax}[package.lax]\n"))?;
        site.sync()?;
        let told = site.resource("package:lax")?.context("the status is silent")?;
        assert_eq!((told.outcome, told.code.as_deref()), (ResourceOutcome::Failed, Some("E_PACKAGE")));
        assert!(host.journal(AGENT)?.contains("not signed with a key of its source"));
        assert_eq!(host.version("lax")?, None, "it is installed in spite of its key");
    }
    Ok(())
}

fn a_failed_revision_takes_its_repository_along(manager: Manager) -> Result<()> {
    let (right, wrong) = (SigningKey::new("right")?, SigningKey::new("wrong")?);
    let site = Site::on(manager.boot("taken-back", &[Package::new("base", "1.0")])?, "")?;
    let host = &site.host;
    serve(&site, &[Package::new("shop", "1.0")], &right, "/srv/shop")?;
    serve(&site, &[Package::new("shop", "2.0")], &wrong, "/srv/other")?;
    let good = format!("[package.shop]\n{}", declared(manager, "shop", "/srv/shop", &right)?);
    site.apply(&good)?;
    let [file, key] = files(manager, "shop");
    let (as_it_was, keys) = (host.read_file(&file)?, trusted(host)?);

    // Another address, another key, which is not what it is signed with, and one more that is new.
    let other = SigningKey::new("other")?;
    serve(&site, &[Package::new("new", "1.0")], &other, "/srv/new")?;
    let bad = format!(
        "[package.shop]\n{}{}",
        declared(manager, "shop", "/srv/other", &other)?,
        declared(manager, "anew", "/srv/new", &other)?
    );
    site.publish(&bad)?;
    let sync = site.sync()?;
    assert_ne!(sync.code, Some(0), "{sync}");
    assert_eq!(site.status()?.result, PassResult::Held);
    assert_eq!(host.read_file(&file)?, as_it_was);
    assert_eq!(host.read_file(&key)?, right.public()?);
    assert_eq!(trusted(host)?, keys);
    for path in files(manager, "anew") {
        assert!(!host.has(&path)?, "{path} stayed");
    }
    assert!(is_offered(host, "shop")? && !is_offered(host, "new")?);
    site.publish(&format!("{good}[file.\"/etc/motd\"]\ncontent = \"\"\n"))?;
    site.sync()?.success()?;
    site.is_quiet()
}

fn what_is_there_as_declared_is_taken_over(manager: Manager) -> Result<()> {
    let key = SigningKey::new("key")?;
    let site = Site::on(manager.boot("found", &[Package::new("base", "1.0")])?, "")?;
    let host = &site.host;
    serve(&site, &[Package::new("shop", "1.0")], &key, "/srv/shop")?;
    let state = declared(manager, "shop", "/srv/shop", &key)?;
    // As somebody else would have made it.
    site.apply(&state)?;
    let paths = files(manager, "shop");
    let found = [host.read_file(&paths[0])?, host.read_file(&paths[1])?];
    site.apply("")?;
    for (path, content) in paths.iter().zip(&found) {
        host.write_file(path, content.as_str())?;
    }
    if manager != Manager::Apt {
        host.run(&["rpm", "--import", &paths[1]])?;
    }
    let keys = trusted(host)?;

    let status = site.apply(&state)?;
    assert_eq!(status.summary.changed, 0, "{status:#?}");
    site.is_quiet()?;
    // What was not Holdfast's stays.
    site.apply("")?;
    for path in &paths {
        assert!(host.has(path)?, "{path} is gone");
    }
    assert_eq!(trusted(host)?, keys);
    Ok(())
}
