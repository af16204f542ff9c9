use super::*;
use crate::{Entry, Fleet, Problems};

/// The files beside each compose file.
const BESIDE: [(&str, &str); 7] = [
    ("db/password.txt", "hunter2"),
    ("proxy/nginx.conf", "server {}\n"),
    ("proxy/html/index.html", "hello"),
    ("proxy/html/style/main.css", "a {}"),
    ("prometheus/prometheus.yml", "global: {}\n"),
    (
        ".env.production",
        "# it\nLOCAL_DOMAIN=example.com\nexport SECRET='a$b' # why\nURL=\"https://${LOCAL_DOMAIN}\\n\"\n",
    ),
    ("empty", ""),
];

fn imported(path: &str, text: &str, variables: &str, profiles: &[&str]) -> Result<Imported, Problems> {
    let mut repository: Repository = BESIDE.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
    repository.insert(path, Entry::file(text.as_bytes()));
    import(&Import {
        repository: &repository,
        path,
        project: Some("shop".parse().unwrap()),
        beside: "Shop.d",
        directory: None,
        stack: path.starts_with("stack"),
        variables: Some((".env", variables)),
        profiles: profiles.iter().map(ToString::to_string).collect(),
    })
}

/// What people see.
fn shown(path: &str, text: &str, variables: &str, profiles: &[&str]) -> String {
    let Imported { toml, notes, .. } = match imported(path, text, variables, profiles) {
        Ok(imported) => imported,
        Err(problems) => return problems.to_string(),
    };
    // What is printed is what the language takes.
    let mut repository: Repository = BESIDE.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
    repository.insert("fleet.toml", Entry::file(&b"[docker]\nallow_tags = true\n"[..]));
    repository.insert("hosts/web-1.toml", Entry::file(toml.as_bytes()));
    let problems = Fleet::new(&repository).check(&|_| None);
    // The fleet has none of the secrets.
    assert!(problems.iter().all(|problem| problem.code == "E_SECRETS"), "{toml}\n{problems}");
    let note = |note: &Note| {
        let sort = if note.matters { "lacks" } else { "idle" };
        format!("{sort}: {} {}: {}\n", note.at, note.what, note.why)
    };
    format!("{toml}\n{}", notes.iter().map(note).collect::<String>())
}

macro_rules! imports {
    ($($name:ident: $file:literal, $variables:literal, $profiles:expr;)+) => {
        $(#[test]
        fn $name() {
            insta::assert_snapshot!(shown($file, include_str!(concat!("tests/", $file)), $variables, &$profiles));
        })+
    };
}

imports! {
    wordpress: "wordpress.yaml", "DB_ROOT_PASSWORD=root\nDB_PASSWORD=secret\n", [];
    nginx_flask_postgres: "nginx-flask-postgres.yaml", "", [];
    monitoring: "monitoring.yaml", "", [];
    social: "social.yaml", "", [];
    social_with_search: "social.yaml", "", ["search"];
    proxy: "proxy.yaml", "", [];
    lacking: "lacking.yaml", "", [];
    wrong: "wrong.yaml", "", [];
    stack: "stack.yaml", "VERSION=1.27\n", [];
    stack_lacking: "stack-lacking.yaml", "", [];
    stack_wrong: "stack-wrong.yaml", "", [];
}

#[test]
fn a_variable_that_must_be_there_is_missed_with_its_reason() {
    insta::assert_snapshot!(shown("wordpress.yaml", include_str!("tests/wordpress.yaml"), "", &[]));
}

#[test]
fn variables_are_filled_in() {
    use interpolate::{Refusal, interpolate};
    let variables: Variables = [("A", "one"), ("EMPTY", ""), ("LIKE", "$A ${A:?x}")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let fill = |text: &str| interpolate(text, &variables);
    for (text, filled) in [
        ("$A-${A}", "one-one"),
        ("$$A $${A}", "$A ${A}"),
        ("${B:-two}", "two"),
        ("${EMPTY:-two}${EMPTY-three}", "two"),
        ("${B:-${C:-${A}}}", "one"),
        ("${A:+set}${B:+set}${EMPTY:+set}${EMPTY+there}", "setthere"),
        ("${A:?why}", "one"),
        // What a value holds is not read again.
        ("${LIKE} ${B:-$LIKE}", "$A ${A:?x} $A ${A:?x}"),
        ("no variables", "no variables"),
    ] {
        assert_eq!(fill(text).as_deref(), Ok(filled), "{text}");
    }
    for bad in ["$", "$ A", "${", "${}", "${A", "${A!}", "${1}", "$1"] {
        assert_eq!(fill(bad), Err(Refusal::Grammar), "{bad}");
    }
    assert_eq!(fill("${B}"), Err(Refusal::Unset("B".into())));
    assert_eq!(fill("${B?say $A}"), Err(Refusal::Required("B".into(), "say one".into())));
    assert_eq!(fill(&"${B:-".repeat(1000)), Err(Refusal::Grammar));
    let deep = format!("{}{}", "${B:-".repeat(1000), "}".repeat(1000));
    assert_eq!(fill(&deep), Err(Refusal::Grammar));
}

#[test]
fn files_of_variables_are_read_as_compose_does() {
    let known = Variables::from([("HOST".to_owned(), "web-1".to_owned())]);
    let text = "A=1\nexport B = two words # comment\nC='$HOST # kept'\nD=\"$HOST\\t\\$x\"\nE=${A}$NONE\nF=\n\n# G=1\n";
    let shown: Vec<_> = environment_file(text, &known)
        .unwrap()
        .iter()
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    assert_eq!(
        shown,
        [r#"A="1""#, r#"B="two words""#, r#"C="$HOST # kept""#, r#"D="web-1\t$x""#, r#"E="1""#, r#"F="""#]
    );
    assert_eq!(environment_file("A=1\nB\n", &known), Err(2));
    assert_eq!(environment_file("1A=1\n", &known), Err(1));
    assert_eq!(environment_file("A='open\n", &known), Err(1));
}

#[test]
fn a_project_is_named_by_its_file_or_its_directory() {
    let name = |text: &str, beside: &str| {
        let repository: Repository = [("compose.yaml", text.as_bytes())].into_iter().collect();
        let import = Import {
            repository: &repository,
            path: "compose.yaml",
            project: None,
            beside,
            directory: None,
            stack: false,
            variables: None,
            profiles: BTreeSet::new(),
        };
        super::import(&import).map_or_else(|problems| problems.to_string(), |imported| imported.toml)
    };
    let services = "services: {a: {image: a, network_mode: none}}\n";
    assert!(name(services, "My.Shop_1").starts_with("[container.myshop_1-a-1]"));
    assert!(name(&format!("name: own\n{services}"), "shop").starts_with("[container.own-a-1]"));
    assert!(name(services, "...").contains("nothing says what the project is called"));
}
