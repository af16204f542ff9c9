use super::*;

fn read(text: &str) -> Result<Option<Rc<Node>>, String> {
    let source = Source::new("compose.yaml".to_owned(), text.to_owned(), 0);
    parse(&source).map_err(|problem| problem.to_string())
}

/// The tree with the text from which each scalar was read.
fn show(text: &str) -> String {
    fn node(node: &Node, text: &str) -> String {
        match &node.value {
            Yaml::Scalar { text: value, plain } => {
                let written = text.get(node.at.clone()).unwrap_or("?");
                if written == value || !plain {
                    format!("{value:?}")
                } else {
                    format!("{value:?} from {written:?}")
                }
            }
            Yaml::Sequence(items) => {
                format!("[{}]", items.iter().map(|item| node_(item, text)).collect::<Vec<_>>().join(", "))
            }
            Yaml::Mapping(entries) => {
                let entry = |(key, value): &(Key, Rc<Node>)| {
                    assert_eq!(
                        text.get(key.at.clone()).map(|key| key.trim_matches('"')),
                        Some(key.text.as_str())
                    );
                    format!("{}: {}", key.text, node_(value, text))
                };
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
            }
        }
    }
    use node as node_;
    read(text).unwrap().map_or_else(String::new, |root| node(&root, text))
}

#[test]
fn scalars_are_what_is_written() {
    let text =
        "a: 22:22\r\nö: [1.10, yes, ~, \"80\"]\r\nb: |\r\n  línea\r\n  two\r\nc: >-\n  folded\n  text\nd:\n";
    assert_eq!(
        show(text),
        r#"{a: "22:22", ö: ["1.10", "yes", "~", "80"], b: "línea\ntwo\n", c: "folded text", d: ""}"#
    );
    assert_eq!(show(""), "");
    assert_eq!(show("# only a comment\n"), "");
}

#[test]
fn aliases_and_merge_keys_are_resolved() {
    let text = "x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz:\n  <<: [*x, *y]\n  c: own\nw:\n  k: own\n  <<: *x\nv: *x\n";
    assert_eq!(
        show(text),
        r#"{x: {a: "1", b: "2"}, y: {b: "3", c: "4"}, z: {c: "own", a: "1", b: "2"}, w: {k: "own", a: "1", b: "2"}, v: {a: "1", b: "2"}}"#
    );
}

#[test]
fn what_is_no_yaml_is_told_with_its_place() {
    let told = [
        "a: [1, 2\n",
        "a: 1\na: 2\n",
        "a: *b\n",
        "a: &a [*a]\n",
        "a: 1\n---\nb: 2\n",
        "a: !reset null\n",
        "[a]: 1\n",
        "a:\n  <<: text\n",
        "a: b: c\n",
        "ä: 'x\n",
    ]
    .map(|text| format!("{text:?}\n{}", read(text).unwrap_err()));
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn bombs_do_not_go_off() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = format!("*a{}", level - 1);
        laughs.extend([format!("a{level}: &a{level} [{}]\n", [below.as_str(); 10].join(", "))]);
    }
    assert!(read(&laughs).unwrap_err().contains("E_LIMIT"));
    assert!(read(&"[".repeat(10_000)).unwrap_err().contains("E_"));
    assert!(read(&"- ".repeat(10_000)).unwrap_err().contains("E_"));
    let long = format!("[{}]", "ö, ".repeat(49_000));
    assert!(read(&long).is_ok());
}

proptest::proptest! {
    #[test]
    fn nothing_makes_it_panic(text in "[a-c:\\-\\[\\]{}&*<!|>'\"#?,%@ö \n\t]{0,60}") {
        drop(read(&text));
    }
}
