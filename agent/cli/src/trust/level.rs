//! The policies to begin with, one a level.

use std::path::Path;

use holdfast_trust::{FleetId, PublicKey, rules::Rules};

use crate::{
    arguments::trust::{Level, People},
    author::{self, Author},
    failure::{Code, Failure},
};

/// Somebody who may sign.
struct Signer {
    person: String,
    key: PublicKey,
}

/// The two files of `.trust`, by their paths in the repository.
pub(crate) fn documents(
    fleet: FleetId,
    author: &Author,
    people: &People,
    directory: &Path,
) -> Result<Vec<(String, String)>, Failure> {
    let mut signers = vec![Signer { person: author.person.clone(), key: author.key.clone() }];
    for (person, file) in &people.with {
        author::check_person(person)?;
        let key = author::public_key(&directory.join(file))?;
        signers.push(Signer { person: person.clone(), key });
    }
    let level = people.level.unwrap_or(if people.with.is_empty() { Level::Solo } else { Level::Team });
    if level != Level::Solo && signers.len() < 2 {
        return Err(Failure::new(Code::Level, "two people must agree at this level, and there is one"));
    }
    let (policy, signers) = (policy(fleet, level, &signers), list(&signers));
    // What a host would refuse must not be written in the first place.
    Rules::parse(policy.as_bytes(), signers.as_bytes())
        .map_err(|why| Failure::new(Code::Person, "cannot make the list of signers").because(why))?;
    Ok(vec![(".trust/allowed_signers".to_owned(), signers), (".trust/policy.toml".to_owned(), policy)])
}

fn list(signers: &[Signer]) -> String {
    let line = |Signer { person, key }: &Signer| format!("{person} namespaces=\"git\" {key}\n");
    format!(
        "# Whose signatures the hosts follow: NAME namespaces=\"git\" KEY, in OpenSSH's own format; see ssh-keygen(1), ALLOWED\n\
         # SIGNERS. A signature on a commit counts if the commit before it lists the key here.\n{}",
        signers.iter().map(line).collect::<String>()
    )
}

fn policy(fleet: FleetId, level: Level, signers: &[Signer]) -> String {
    let policy = format!(
        "# Who may change this fleet; holdfast-trust(7) tells what each line means. The fleet's id stays for ever: hosts are\n\
         # introduced to it.\n\
         format = 1\n\
         fleet = \"{fleet}\"\n\
         ref = \"refs/heads/main\"\n"
    );
    if level == Level::Solo {
        return policy;
    }
    let names: Vec<String> = signers.iter().map(|signer| format!("{:?}", signer.person)).collect();
    let names = names.join(", ");
    let deploy = if level == Level::FourEyes { 2 } else { 1 };
    let roles = format!(
        "# One more whenever anything in .trust changes.\n\
         epoch = 1\n\
         # Signed messages must end with the line \"Deploy: main\".\n\
         intent = \"required\"\n\n\
         # Who may change .trust.\n\
         [role.root]\n\
         people = [{names}]\n\
         need = 2\n\n\
         # Who may change everything else, but for what a [[rule]] with paths is about.\n\
         [role.deploy]\n\
         people = [{names}]\n\
         need = {deploy}\n"
    );
    policy + &roles
}
