use holdfast_schema::Sha256;

use super::Index;

#[test]
fn what_a_person_wrote_stays() {
    let text = "# ours\nrecovery = [ \"age1a\" ] # safe\n\n[secret.tls]\nhosts = [\"web-1\"] # for now\nsealed = \"x\" # kept\n";
    let mut index = Index::parse(text).unwrap();
    index.add_recovery("age1b");
    index.add_recovery("age1a");
    let names = |text: &str| vec![text.parse().unwrap()];
    index.add(&"tls".parse().unwrap(), &["web-1".parse().unwrap(), "web-2".parse().unwrap()], &names("prod"));
    index.seal(&"tls".parse().unwrap(), &Sha256::from_bytes([1; 32]));
    index.add(&"db".parse().unwrap(), &["db-1".parse().unwrap()], &[]);
    index.seal(&"db".parse().unwrap(), &Sha256::from_bytes([2; 32]));
    let (one, two) = ("01".repeat(32), "02".repeat(32));
    let expected = format!(
        "# ours\nrecovery = [ \"age1a\" , \"age1b\"] # safe\n\n[secret.tls]\nhosts = [\"web-1\", \"web-2\"] # for now\n\
         sealed = \"{one}\" # kept\ngroups = [\"prod\"]\n\n[secret.db]\nhosts = [\"db-1\"]\nsealed = \"{two}\"\n"
    );
    assert_eq!(index.to_string(), expected);
}

#[test]
fn a_new_list_says_what_it_is() {
    let mut index = Index::parse("").unwrap();
    index.add_recovery("age1a");
    assert!(index.to_string().ends_with("keeps `sealed`.\nrecovery = [\"age1a\"]\n"), "{index}");
    assert_eq!(Index::parse("[").err().unwrap().code(), "E_TOML");
}
