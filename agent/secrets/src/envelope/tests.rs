use holdfast_schema::spec::Access;
use proptest::prelude::*;

use super::{Envelope, EnvelopeError, Salt};
use crate::Secret;

fn envelope() -> Envelope {
    Envelope {
        name: "tls-web".parse().unwrap(),
        destinations: vec!["file:/etc/nginx/tls/key.pem".to_owned(), "secret:tls-key".to_owned()],
        owner: "root:nginx".to_owned(),
        greatest_mode: "0640".parse().unwrap(),
        generation: 4,
        salt: Salt([7; 32]),
    }
}

fn access(owner: &str, group: &str, mode: &str) -> Access {
    Access { owner: owner.to_owned(), group: group.to_owned(), mode: mode.parse().unwrap() }
}

proptest! {
    #[test]
    fn what_is_enclosed_is_disclosed(bytes: Vec<u8>) {
        let enclosed = envelope().enclose(&Secret::new(bytes.clone()));
        let (found, secret) = Envelope::disclose(&Secret::new(enclosed.to_vec())).unwrap();
        prop_assert_eq!(found, envelope());
        prop_assert_eq!(secret.expose(), &bytes);
    }

    #[test]
    fn anything_else_is_refused(bytes: Vec<u8>) {
        prop_assert!(Envelope::disclose(&Secret::new(bytes)).is_err());
    }
}

#[test]
fn an_envelope_reads_as_it_is_written() {
    let text = envelope().enclose(&Secret::new(b"hunter2".to_vec()));
    let expected = "secret 1\nname tls-web\ndest file:/etc/nginx/tls/key.pem\ndest secret:tls-key\nowner root:nginx\n\
                    mode-max 0640\ngen 4\nsalt 0707070707070707070707070707070707070707070707070707070707070707\n---\nhunter2";
    assert_eq!(str::from_utf8(&text).unwrap(), expected);
}

#[test]
fn a_line_more_or_less_is_refused() {
    let whole = envelope().enclose(&Secret::new(b"x".to_vec()));
    let whole: Vec<&str> = str::from_utf8(&whole).unwrap().lines().collect();
    let is_sound = |lines: &[&str]| Envelope::disclose(&Secret::new(lines.join("\n").into_bytes())).is_ok();
    for at in 0..whole.len() - 1 {
        let (mut fewer, mut more) = (whole.clone(), whole.clone());
        let line = fewer.remove(at);
        more.insert(at, "colour red");
        // With one of two destinations it is another envelope.
        assert_eq!(is_sound(&fewer), line.starts_with("dest "), "without {line}");
        assert!(!is_sound(&more), "something before {line}");
    }
}

#[test]
fn a_secret_goes_where_it_may_and_nowhere_else() {
    let envelope = envelope();
    let to = |id: &str| envelope.check_destination(&id.parse().unwrap());
    assert_eq!(to("file:/etc/nginx/tls/key.pem"), Ok(()));
    let EnvelopeError::Destination { allowed, .. } = to("file:/var/www/key.pem").unwrap_err() else {
        panic!()
    };
    assert_eq!(allowed, "file:/etc/nginx/tls/key.pem, secret:tls-key");
    assert_eq!(envelope.check_name(&"tls-web".parse().unwrap()), Ok(()));
    let error = envelope.check_name(&"db".parse().unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "it was encrypted under the name tls-web");
}

#[test]
fn a_file_is_as_private_as_it_must_be() {
    let may = |owner, group, mode| envelope().check_access(&access(owner, group, mode));
    assert_eq!(may("root", "nginx", "0640"), Ok(()));
    assert_eq!(may("root", "nginx", "0400"), Ok(()));
    for mode in ["0644", "0660", "0750", "4640"] {
        assert!(matches!(may("root", "nginx", mode), Err(EnvelopeError::Mode { .. })), "{mode}");
    }
    assert!(matches!(may("root", "root", "0600"), Err(EnvelopeError::Owner { .. })));
    assert!(matches!(may("www", "nginx", "0600"), Err(EnvelopeError::Owner { .. })));
}

#[test]
fn the_shared_digest_needs_the_salt() {
    let secret = Secret::new(b"hunter2".to_vec());
    let other = Envelope { salt: Salt([8; 32]), ..envelope() };
    assert_eq!(envelope().shared_digest(&secret), envelope().shared_digest(&secret));
    assert_ne!(envelope().shared_digest(&secret), other.shared_digest(&secret));
}
