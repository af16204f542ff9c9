use std::collections::BTreeSet;

use crate::{
    Refusal, codes,
    engine::Failure,
    host::Retry,
    ledger::Ledger,
    plan::{Action, Difference, Disruption, Step, inventory::Excess},
    testing::id,
};

#[test]
fn every_code_is_explained_once() {
    let all: Vec<&str> = codes().map(|(code, _, _)| code).collect();
    let known: BTreeSet<&str> = all.iter().copied().collect();
    assert_eq!(all.len(), known.len(), "a code is explained twice");
    for (code, meaning, remedy) in codes() {
        assert!(code.starts_with("E_") && !meaning.is_empty() && !remedy.is_empty(), "{code}");
    }
    let text = || "x".to_owned();
    let refusals = [
        Refusal::InTheWay { path: text(), found: "a socket" },
        Refusal::NoSuchAccount { what: "user", name: text() },
        Refusal::PurgeLimit { path: text(), found: 2, limit: 1 },
        Refusal::ForeignName { path: text(), name: text() },
        Refusal::NotEmpty { path: text() },
        Refusal::NotEnablable { unit: text(), state: text() },
        Refusal::ImageMissing { image: text() },
        Refusal::Elsewhere { by: text() },
        Refusal::ServiceFailed { service: text(), how: "x" },
        Refusal::NodeMissing { node: text() },
        Refusal::NodeAmbiguous { node: text(), ids: [text(), text()] },
        Refusal::Secret { name: text(), why: holdfast_secrets::EnvelopeError::Malformed },
        Refusal::VolumeDiffers { volume: text(), field: text(), found: text(), wanted: text() },
    ];
    let step = Step {
        resource: id("file:/x"),
        action: Action::ReloadManager,
        expects: crate::host::Expected::Anything,
        because: Difference { field: text(), from: text(), to: text() },
        disrupts: Disruption::None,
    };
    let failures = [
        Failure::not_converged(&step),
        Failure::unsaved(&std::io::Error::other("x")),
        Failure::guarded(Excess { removals: 2, owned: 3 }),
        Failure::stopped(),
    ];
    let ledger =
        ["", "{\"format\":2,\"owned\":{}}"].map(|text| Ledger::parse(text.as_bytes()).unwrap_err().code());
    let told =
        refusals.iter().map(Refusal::code).chain(failures.iter().map(|failure| failure.code)).chain(ledger);
    for code in told {
        assert!(known.contains(code), "{code} is not explained");
    }
    for refusal in &refusals {
        let failure = Failure::from(refusal);
        assert_eq!((failure.code, failure.retry), (refusal.code(), refusal.retry()));
        let waits = ["E_NO_ACCOUNT", "E_IMAGE_MISSING", "E_ELSEWHERE", "E_NODE_MISSING", "E_NODE_AMBIGUOUS"]
            .contains(&refusal.code());
        assert!(failure.retry != Retry::Soon || waits);
    }
}
