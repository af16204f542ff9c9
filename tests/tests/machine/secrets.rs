//! Secrets on a real host: put in place, kept, changed, taken back; and found nowhere else.

use anyhow::{Context as _, Result, ensure};
use harness::Host;
use holdfast_schema::{
    Sha256,
    status::{PassResult, ResourceOutcome},
};

use crate::site::{AGENT, NAME, Site};

const FILE: &str = "file:/etc/shop/key";
const FIRST: &str = "canary/first+5f1c=ä\n";
const SECOND: &str = "canary/second+9b2e=ä\n";
const BY_HAND: &str = "canary/by-hand+77aa=ä\n";

/// Every way in which a text is likely to be written somewhere.
fn spellings(text: &str) -> Vec<String> {
    let text = text.trim_end();
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or_default();
    let hex =
        |bytes: &[u8]| bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(digit).collect::<String>();
    let escaped = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    let mut all = vec![
        text.split('ä').next().unwrap_or_default().to_owned(),
        hex(text.as_bytes()),
        text.bytes().map(escaped).collect(),
    ];
    for bytes in [text.to_owned(), format!("{text}\n")] {
        all.extend([Sha256::of(bytes.as_bytes()).to_string(), base64(bytes.as_bytes())]);
    }
    // Inside something longer, base64 begins at any of three places, and its ends differ.
    for skip in 1..3 {
        let whole = base64(text.as_bytes().get(skip..).unwrap_or_default());
        all.push(whole.trim_end_matches('=').chars().take(20).collect());
    }
    all
}

/// RFC 4648, without padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let whole =
            group.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            let letter = whole >> (18 - 6 * place) & 63;
            text.extend(LETTERS.get(letter as usize).copied().map(char::from));
        }
    }
    text
}

/// Whether a process's memory holds one of the texts of standard input, one a line.
const SCAN: &str = r#"
my $pid = shift; my @needles = map { chomp; $_ } <STDIN>; my $found = 0;
open my $maps, "<", "/proc/$pid/maps" or die; open my $memory, "<:raw", "/proc/$pid/mem" or die;
while (<$maps>) {
  /^([0-9a-f]+)-([0-9a-f]+) rw/ or next;
  my ($from, $to) = (hex $1, hex $2);
  sysseek $memory, $from, 0 or next;
  sysread $memory, my $bytes, $to - $from or next;
  for (@needles) { if (index($bytes, $_) >= 0) { print "$_ in $1\n"; $found = 1 } }
}
print "scanned\n"; exit $found;
"#;

/// A site whose fleet has a recovery key and knows the host's key.
struct Shop {
    site: Site,
    key: String,
}

impl Shop {
    fn new() -> Result<Self> {
        let site = Site::on(Host::boot("web-1")?, "")?;
        let text = site.host.read_file("/etc/holdfast/age_key")?;
        let key = text.lines().find_map(|line| line.strip_prefix("# public key: "));
        let key = key.context("the host has no key")?.to_owned();
        site.fleet.holdfast(&["secret", "recovery", "--dir", "work", "safe.key"])?;
        Ok(Self { site, key })
    }

    fn state(&self, more: &str) -> String {
        format!(
            "age_key = \"{}\"\n[directory.\"/etc/shop\"]\n[file.\"/etc/shop/key\"]\nsecret = \"key\"\n{more}",
            self.key
        )
    }

    /// Runs `holdfast secret` with a value in a file.
    fn secret(&self, arguments: &[&str], value: &str) -> Result<()> {
        self.site.fleet.write("../value", value)?;
        self.site.fleet.write(crate::site::STATE, &self.state(""))?;
        let arguments = [&["secret"], arguments, &["--dir", "work", "--from", "value"]].concat();
        self.site.fleet.holdfast(&arguments).map(drop)
    }

    fn content(&self) -> Result<String> {
        self.site.host.run(&["sh", "-c", "stat -c %U:%G:%a /etc/shop/key && cat /etc/shop/key"])
    }

    /// Nothing that the host or its fleet keeps, says or holds in memory tells a secret.
    fn tells_nothing(&self) -> Result<()> {
        let host = &self.site.host;
        let needles: Vec<String> = [FIRST, SECOND, BY_HAND].into_iter().flat_map(spellings).collect();
        host.write_file("/root/needles", needles.join("\n"))?;
        host.shell("sed -i '/^$/d' /root/needles; for c in plan status history doctor; do holdfast $c; holdfast $c --json; done >/root/said 2>&1 || true")?;
        let searched = "journalctl --no-pager --output=export --all >/root/journal; cp -a /var/log/journal /root/raw; \
            ! grep -raF -f /root/needles /root/journal /root/raw /root/said /var/lib/holdfast /var/lib/holdfast-fetch /run /var/log \
              /tmp /etc/holdfast /var/lib/systemd";
        host.shell(searched).context("a secret is told")?;
        let pid = host.property(AGENT, "MainPID")?;
        let scan = host.command(&["perl", "-e", SCAN, &pid]).stdin(needles.join("\n")).output()?;
        ensure!(scan.code == Some(0) && scan.text().contains("scanned"), "in the agent's memory: {scan}");
        let all = self
            .site
            .fleet
            .shell("git fetch -q origin '+refs/*:refs/all/*'; git log --all --patch --format=fuller")?;
        for needle in &needles {
            ensure!(!all.contains(needle.as_str()), "Git has {needle}");
        }
        // What is looked for would be found.
        host.shell("grep -raqF -f /root/needles /etc/shop")?;
        Ok(())
    }
}

#[test]
fn a_secret_is_on_its_host_and_nowhere_else() -> Result<()> {
    let shop = Shop::new()?;
    let Shop { site, .. } = &shop;
    let terms = [
        "encrypt",
        "key",
        "--host",
        NAME,
        "--file",
        "/etc/shop/key",
        "--owner",
        "root:adm",
        "--mode",
        "0640",
    ];
    shop.secret(&terms, FIRST)?;
    let more = "group = \"adm\"\nmode = \"0640\"\n";
    let status = site.apply(&shop.state(more))?;
    assert_eq!(status.result, PassResult::Converged);
    assert_eq!(shop.content()?, format!("root:adm:640\n{FIRST}"));
    site.is_quiet()?;

    // Somebody else's secret is overwritten, and kept where nobody can read it.
    site.host.write_file("/etc/shop/key", BY_HAND)?;
    site.sync()?.success()?;
    assert_eq!(shop.content()?, format!("root:adm:640\n{FIRST}"));
    ensure!(site.host.run(&["holdfast", "history"])?.contains("overwrote /etc/shop/key: a secret"));

    // Changed, with a kill of the agent; and after a reboot nothing is left to do.
    shop.secret(&["edit", "key", "--identity", "safe.key"], SECOND)?;
    let told = site.host.output(&["holdfast", "plan", "--newest"])?;
    ensure!(told.code == Some(0), "{told}");
    site.publish(&shop.state(more))?;
    let planned = site.host.output(&["holdfast", "plan", "--newest"])?.text();
    ensure!(planned.contains("secret key (gen 2)"), "{planned}");
    site.sync()?.success()?;
    assert_eq!(shop.content()?, format!("root:adm:640\n{SECOND}"));
    site.host.kill(AGENT)?;
    site.host.run(&["systemctl", "start", AGENT])?;
    site.is_quiet()?;
    shop.tells_nothing()?;

    // What was overwritten last can be put back by people.
    site.host.run(&["holdfast", "pause", "--reason", "look at it"])?;
    site.host.run(&["holdfast", "restore", "/etc/shop/key"])?;
    assert_eq!(shop.content()?, format!("root:adm:640\n{FIRST}"));
    let refused = site.host.output(&["holdfast", "restore", "/etc/shop/key", "--to", "/root/x"])?;
    ensure!(refused.code == Some(1), "{refused}");
    site.host.run(&["holdfast", "resume"])?;
    site.sync()?.success()?;
    assert_eq!(shop.content()?, format!("root:adm:640\n{SECOND}"));

    // Another host's key is of no use, nor is another place, nor a wider mode.
    for (state, why) in [
        (shop.state("mode = \"0644\"\ngroup = \"adm\"\n"), "mode 0644"),
        (
            shop.state(more).replace("/etc/shop/key", "/etc/shop/public"),
            "may not go to file:/etc/shop/public",
        ),
    ] {
        site.publish(&state)?;
        ensure!(site.sync()?.code != Some(0), "{state} was taken");
        let problems = format!("{:?}", site.status()?);
        ensure!(problems.contains("E_SECRET") && problems.contains(why), "{problems}");
        assert_eq!(shop.content()?, format!("root:adm:640\n{SECOND}"));
        ensure!(!site.host.has("/etc/shop/public")?);
    }
    site.apply("")?;
    ensure!(!site.host.has("/etc/shop/key")?, "it stays after it was removed from Git");
    Ok(())
}

#[test]
fn a_failed_revision_gives_the_secret_back_that_was_there() -> Result<()> {
    let shop = Shop::new()?;
    let Shop { site, .. } = &shop;
    shop.secret(&["encrypt", "key", "--host", NAME, "--file", "/etc/shop/key"], FIRST)?;
    site.apply(&shop.state(""))?;
    shop.secret(&["edit", "key", "--identity", "safe.key"], SECOND)?;
    let broken = "[unit.\"broken.service\"]\ncontent = \"[Service]\\nExecStart=/bin/false\\n\"\nactive = true\n\
                  needs = [\"file:/etc/shop/key\"]\n";
    site.publish(&shop.state(broken))?;
    ensure!(site.sync()?.code != Some(0), "a broken unit was taken");
    assert_eq!(shop.content()?, format!("root:root:600\n{FIRST}"));
    shop.tells_nothing()?;

    // A key that the secret is not encrypted to is told, and changes nothing.
    site.host.shell("systemctl stop holdfast-agent; sed -i '/^AGE/d' /etc/holdfast/age_key; systemctl start holdfast-agent")?;
    site.publish(&shop.state("[file.\"/etc/other\"]\ncontent = \"x\"\n"))?;
    site.sync()?;
    let told = site.resource(FILE)?;
    ensure!(
        told.is_some_and(|told| told.outcome == ResourceOutcome::Failed)
            || format!("{:?}", site.status()?).contains("E_SECRET")
    );
    assert_eq!(shop.content()?, format!("root:root:600\n{FIRST}"));
    Ok(())
}
