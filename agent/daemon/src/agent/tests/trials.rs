//! Revisions on trial: whole or not at all.

use super::{
    git::{Git, Host},
    *,
};
use crate::{
    journal::{JournalFiles, original},
    trial::Phase,
};

/// A file that its command refuses.
const REFUSED: &str = "[file.\"/etc/refused\"]\ncontent = \"x\"\nvalidate = [\"/bin/false\", \"{path}\"]\n";

fn hello(text: &str) -> String {
    MOTD.replace("hello", text)
}

/// A host at one good revision, with a file of its own that Holdfast does not know.
async fn good(git: &Git) -> (Host, Agent) {
    let host = Host::new(git);
    let mut agent = host.agent().await;
    cycle(&mut agent).await;
    host.write("etc/theirs", "theirs\n");
    (host, agent)
}

/// The same host with a revision that failed and is held.
async fn held(git: &Git) -> (Host, Agent) {
    let (host, mut agent) = good(git).await;
    git.commit(&[(
        "hosts/web-1.toml",
        &format!("{}{REFUSED}[apply]\non_failure = \"hold\"\n", hello("second")),
    )]);
    cycle(&mut agent).await;
    (host, agent)
}

#[tokio::test]
async fn a_revision_that_fails_is_taken_back_whole_and_not_tried_again() {
    // A ── B (fails) ── C (says the same) ── D   main
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let first = git.tip();
    let (host, mut agent) = good(&git).await;
    let state = format!(
        "{}[file.\"/etc/new\"]\ncontent = \"new\"\n[file.\"/etc/theirs\"]\ncontent = \"ours\"\nmode = \"0600\"\n{REFUSED}",
        hello("second")
    );
    let bad = git.commit(&[("hosts/web-1.toml", &state)]);
    let status = cycle(&mut agent).await;
    assert_eq!(status.result, PassResult::Held);
    assert_eq!(codes(&status), ["E_QUARANTINED", "E_VALIDATE"], "{status:#?}");
    assert!(status.problem[0].message.contains("file:/etc/refused"), "{status:#?}");
    assert!(status.problem.iter().all(|problem| problem.remedy.is_some()));
    assert_eq!(status.revision.applied, Some(first.to_string()));
    assert_eq!(status.revision.quarantined, Some(bad.to_string()));
    assert_eq!(host.read("etc/motd").unwrap(), "hello\n");
    assert_eq!(host.read("etc/theirs").unwrap(), "theirs\n");
    assert_eq!((host.read("etc/new"), host.read("etc/refused")), (None, None));
    assert_eq!(git.published().unwrap().status, status);

    // It is not tried again, nor is another commit that says the same; drift goes on being repaired, also after a start.
    host.write("etc/motd", "drift");
    assert_eq!(codes(&cycle(&mut agent).await), ["E_QUARANTINED", "E_VALIDATE"]);
    assert_eq!(host.read("etc/motd").unwrap(), "hello\n");
    git.commit(&[("hosts/web-1.toml", &state), ("hosts/web-2.toml", "")]);
    drop(agent);
    let mut agent = host.agent().await;
    let status = cycle(&mut agent).await;
    assert_eq!((codes(&status), host.read("etc/new")), (vec!["E_QUARANTINED", "E_VALIDATE"], None));

    // What mends it is tried.
    let mended = git.commit(&[("hosts/web-1.toml", &state.replace(REFUSED, ""))]);
    let status = cycle(&mut agent).await;
    assert_eq!((status.result, codes(&status)), (PassResult::Converged, vec![]), "{status:#?}");
    assert_eq!(status.revision.applied, Some(mended.to_string()));
    assert_eq!((status.revision.quarantined, host.read("etc/theirs").as_deref()), (None, Some("ours")));
}

#[tokio::test]
async fn a_person_can_have_it_tried_again() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let (host, mut agent) = good(&git).await;
    let state = format!(
        "{MOTD}[file.\"/etc/x\"]\ncontent = \"x\"\nvalidate = [\"/bin/sh\", \"-c\", \"test -e {}\", \"{{path}}\"]\n",
        host.path("there")
    );
    git.commit(&[("hosts/web-1.toml", &state)]);
    assert_eq!(codes(&cycle(&mut agent).await), ["E_QUARANTINED", "E_VALIDATE"]);
    host.write("there", "");
    assert_eq!(codes(&cycle(&mut agent).await), ["E_QUARANTINED", "E_VALIDATE"], "nobody said so");
    agent.try_again().unwrap();
    let status = cycle(&mut agent).await;
    assert_eq!(
        (status.result, host.read("etc/x").as_deref()),
        (PassResult::Converged, Some("x")),
        "{status:#?}"
    );
}

#[tokio::test]
async fn a_first_revision_that_fails_leaves_nothing_behind() {
    let git = Git::new(&[("hosts/web-1.toml", &format!("{MOTD}{REFUSED}"))]);
    let host = Host::new(&git);
    let mut agent = host.agent().await;
    let status = cycle(&mut agent).await;
    assert_eq!((status.result, status.revision.applied.clone()), (PassResult::Held, None), "{status:#?}");
    assert_eq!((host.read("etc/motd"), host.read("etc/refused")), (None, None));
    assert!(agent.memory().ledger.owned().is_empty());
    // And it stays so.
    assert_eq!(codes(&cycle(&mut agent).await), ["E_QUARANTINED", "E_VALIDATE"]);
}

#[tokio::test]
async fn on_request_a_failed_revision_is_held_for_a_person() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let first = git.tip();
    let (host, mut agent) = good(&git).await;
    let state = format!("{}{REFUSED}[apply]\non_failure = \"hold\"\n", hello("second"));
    let bad = git.commit(&[("hosts/web-1.toml", &state)]);
    let status = cycle(&mut agent).await;
    assert_eq!(codes(&status), ["E_HELD", "E_VALIDATE"], "{status:#?}");
    assert_eq!(
        (status.revision.applied, status.revision.trial),
        (Some(first.to_string()), Some(bad.to_string()))
    );
    assert_eq!(host.read("etc/motd").unwrap(), "second\n", "it is as the failure left it");
    host.write("etc/motd", "looked at");
    cycle(&mut agent).await;
    drop(agent);
    let mut agent = host.agent().await;
    assert_eq!(codes(&cycle(&mut agent).await), ["E_HELD", "E_VALIDATE"]);
    assert_eq!(host.read("etc/motd").unwrap(), "looked at");
    agent.take_back_by_hand().unwrap();
    let status = cycle(&mut agent).await;
    assert_eq!(codes(&status), ["E_QUARANTINED", "E_TAKEN_BACK", "E_VALIDATE"]);
    assert_eq!(host.read("etc/motd").unwrap(), "hello\n");
    assert!(agent.take_back_by_hand().is_err(), "there is nothing on trial");
}

#[tokio::test]
async fn on_request_the_rest_goes_on() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let (host, mut agent) = good(&git).await;
    let state = format!("{}{REFUSED}[apply]\non_failure = \"continue\"\n", hello("second"));
    let tip = git.commit(&[("hosts/web-1.toml", &state)]);
    let status = cycle(&mut agent).await;
    assert_eq!((status.result, status.revision.applied), (PassResult::Failed, Some(tip.to_string())));
    assert_eq!(host.read("etc/motd").unwrap(), "second\n");
}

#[tokio::test]
async fn what_failed_before_is_not_the_new_revisions_fault() {
    let git =
        Git::new(&[("hosts/web-1.toml", &format!("{MOTD}{REFUSED}[apply]\non_failure = \"continue\"\n"))]);
    let (host, mut agent) = good(&git).await;
    git.commit(&[("hosts/web-1.toml", &format!("{}{REFUSED}", hello("second")))]);
    let status = cycle(&mut agent).await;
    assert_eq!((status.result, codes(&status)), (PassResult::Failed, vec![]), "{status:#?}");
    assert_eq!(host.read("etc/motd").unwrap(), "second\n");
}

#[tokio::test]
async fn a_host_that_is_not_healthy_takes_the_revision_back() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let (host, mut agent) = good(&git).await;
    let probe = format!(
        "[apply.health.motd]\ncommand = [\"/bin/grep\", \"-q\", \"fine\", \"{}\"]\nwithin = \"1s\"\n",
        host.path("etc/motd")
    );
    git.commit(&[("hosts/web-1.toml", &format!("{}{probe}", hello("broken")))]);
    let status = cycle(&mut agent).await;
    assert_eq!(codes(&status), ["E_QUARANTINED", "E_HOST_UNHEALTHY"], "{status:#?}");
    assert_eq!(host.read("etc/motd").unwrap(), "hello\n");
    git.commit(&[("hosts/web-1.toml", &format!("{}{probe}", hello("fine")))]);
    assert_eq!(cycle(&mut agent).await.result, PassResult::Converged);
}

#[tokio::test]
async fn a_change_that_could_cut_the_host_off_is_confirmed_by_the_server() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let (host, mut agent) = good(&git).await;
    let state = format!("{MOTD}[file.\"/etc/resolv.conf\"]\ncontent = \"nameserver 192.0.2.1\"\n");
    let tip = git.commit(&[("hosts/web-1.toml", &state)]);
    let status = cycle(&mut agent).await;
    assert_eq!((status.result, status.revision.applied), (PassResult::Converged, Some(tip.to_string())));
    assert_eq!(host.read("etc/resolv.conf").unwrap(), "nameserver 192.0.2.1");
}

#[tokio::test]
async fn a_change_that_cut_the_host_off_is_taken_back() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let (host, mut agent) = good(&git).await;
    let state = format!(
        "{MOTD}[file.\"/etc/resolv.conf\"]\ncontent = \"nameserver 192.0.2.1\"\n[apply]\nconfirm_within = \"10s\"\n"
    );
    git.commit(&[("hosts/web-1.toml", &state)]);
    // The very file makes the server unreachable.
    git.unreachable_while(host.path("etc/resolv.conf"));
    let status = cycle(&mut agent).await;
    assert_eq!(codes(&status), ["E_UNCONFIRMED", "E_GIT_UNREACHABLE"], "{status:#?}");
    assert!(host.read("etc/resolv.conf").is_some());
    assert!(agent.is_confirming());
    // Another boot gives it the whole time again, and a start in between changes nothing.
    let Some(Phase::Confirming(window)) = agent.memory.trial.as_ref().map(|trial| trial.phase.clone()) else {
        panic!()
    };
    let other_boot = crate::trial::Window { boot: "another".to_owned(), ..window.clone() };
    agent.memory.tried(Phase::Confirming(other_boot)).unwrap();
    drop(agent);
    let mut agent = host.agent().await;
    cycle(&mut agent).await;
    assert!(agent.is_confirming());
    // Its time is over.
    agent.memory.tried(Phase::Confirming(crate::trial::Window { until: 0, ..window })).unwrap();
    let status = cycle(&mut agent).await;
    assert_eq!(host.read("etc/resolv.conf"), None);
    assert!(codes(&status).starts_with(&["E_QUARANTINED", "E_UNCONFIRMED"]), "{status:#?}");
    let status = cycle(&mut agent).await;
    assert_eq!(codes(&status), ["E_QUARANTINED", "E_UNCONFIRMED"], "the server is there again");
    assert_eq!(git.published().unwrap().status.revision.quarantined, status.revision.quarantined);
}

#[tokio::test]
async fn what_a_held_revision_overwrote_is_put_back_by_one_that_says_nothing_of_it() {
    // A ── B (held, overwrites what is theirs) ── C (does not)   main
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let (host, mut agent) = good(&git).await;
    let theirs = "[file.\"/etc/theirs\"]\ncontent = \"ours\"\nmode = \"0600\"\n[file.\"/etc/new\"]\ncontent = \"new\"\n";
    git.commit(&[("hosts/web-1.toml", &format!("{MOTD}{theirs}{REFUSED}needs = [\"file:/etc/theirs\", \"file:/etc/new\"]\n[apply]\non_failure = \"hold\"\n"))]);
    cycle(&mut agent).await;
    assert_eq!(host.read("etc/theirs").unwrap(), "ours");
    git.commit(&[("hosts/web-1.toml", &hello("third"))]);
    let status = cycle(&mut agent).await;
    assert_eq!((status.result, codes(&status)), (PassResult::Converged, vec![]), "{status:#?}");
    assert_eq!(host.read("etc/theirs").unwrap(), "theirs\n");
    assert_eq!((host.read("etc/motd").unwrap().as_str(), host.read("etc/new")), ("third\n", None));
}

#[tokio::test]
async fn a_start_in_the_middle_of_taking_back_goes_on_with_it() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let (host, mut agent) = held(&git).await;
    agent.take_back_by_hand().unwrap();
    drop(agent);
    let mut agent = host.agent().await;
    let status = cycle(&mut agent).await;
    assert_eq!(host.read("etc/motd").unwrap(), "hello\n");
    assert_eq!(codes(&status)[0], "E_QUARANTINED");
}

#[tokio::test]
async fn a_candidate_that_is_lost_is_taken_back() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let (host, agent) = held(&git).await;
    drop(agent);
    host.damage("candidate");
    let status = cycle(&mut host.agent().await).await;
    assert_eq!(host.read("etc/motd").unwrap(), "hello\n");
    assert!(codes(&status).contains(&"E_STORE_DAMAGED"), "{status:#?}");
}

#[tokio::test]
async fn what_is_overwritten_is_kept_by_drift_repair_too() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let (host, mut agent) = good(&git).await;
    host.write("etc/motd", "precious\n");
    cycle(&mut agent).await;
    let store = agent.memory().store();
    let listed = JournalFiles::overwritten(store).unwrap();
    let [entry] = listed.as_slice() else { panic!("{listed:#?}") };
    assert_eq!((entry.path.as_str(), entry.resource.to_string()), ("/etc/motd", "file:/etc/motd".to_owned()));
    let holdfast_converge::journal::Was::File { sha256, .. } = &entry.was else { panic!("{entry:#?}") };
    assert_eq!(&*original(store, sha256).unwrap(), b"precious\n");
    assert!(!JournalFiles::new(store).is_there());
}

#[tokio::test]
async fn a_revert_to_what_is_in_force_needs_no_trial() {
    // A ── B (fails) ── C = A   main
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let (_host, mut agent) = good(&git).await;
    git.commit(&[("hosts/web-1.toml", &format!("{MOTD}{REFUSED}"))]);
    cycle(&mut agent).await;
    let back = git.commit(&[("hosts/web-1.toml", MOTD)]);
    let status = cycle(&mut agent).await;
    assert_eq!((status.result, codes(&status)), (PassResult::Converged, vec![]), "{status:#?}");
    assert_eq!(status.revision.applied, Some(back.to_string()));
    assert_eq!(status.revision.quarantined, None);
}

#[tokio::test]
async fn a_trial_whose_record_is_lost_is_taken_back() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let (host, agent) = held(&git).await;
    drop(agent);
    host.damage("trial");
    let status = cycle(&mut host.agent().await).await;
    assert_eq!(host.read("etc/motd").unwrap(), "hello\n");
    assert_eq!(codes(&status), ["E_QUARANTINED", "E_STORE_DAMAGED"]);
}

#[tokio::test]
async fn a_trial_of_which_nothing_can_be_read_is_taken_back() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let (host, agent) = held(&git).await;
    drop(agent);
    host.damage("trial");
    host.damage("candidate");
    let mut agent = host.agent().await;
    let status = cycle(&mut agent).await;
    assert_eq!(host.read("etc/motd").unwrap(), "hello\n");
    assert_eq!(codes(&status), ["E_QUARANTINED", "E_STORE_DAMAGED"]);
    let mended = git.commit(&[("hosts/web-1.toml", &MOTD.replace("hello", "mended"))]);
    let status = cycle(&mut agent).await;
    let applied = status.revision.applied.clone();
    assert_eq!((applied, codes(&status)), (Some(mended.to_string()), vec![]), "{status:#?}");
}

#[tokio::test]
async fn a_fight_is_told_and_a_person_can_have_it_repaired() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let (host, mut agent) = good(&git).await;
    for _ in 0..3 {
        host.write("etc/motd", "theirs\n");
        cycle(&mut agent).await;
        assert_eq!(host.read("etc/motd").unwrap(), "hello\n");
    }
    host.write("etc/motd", "theirs\n");
    let status = cycle(&mut agent).await;
    assert_eq!(host.read("etc/motd").unwrap(), "theirs\n");
    assert_eq!(status.result, PassResult::Failed);
    assert_eq!(status.resource[0].outcome, ResourceOutcome::Conflict, "{status:#?}");
    let told = git.pushes();
    cycle(&mut agent).await;
    assert_eq!(git.pushes(), told, "it is told once");
    // A start forgets nothing of it.
    drop(agent);
    let mut agent = host.agent().await;
    assert_eq!(cycle(&mut agent).await.resource[0].outcome, ResourceOutcome::Conflict);
    agent.ask_for_all();
    cycle(&mut agent).await;
    assert_eq!(host.read("etc/motd").unwrap(), "hello\n");
}

#[tokio::test]
async fn a_damaged_ledger_is_made_anew_and_removes_nothing() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let (host, agent) = good(&git).await;
    drop(agent);
    host.damage("ledger");
    let mut agent = host.agent().await;
    let status = cycle(&mut agent).await;
    assert_eq!((status.result, codes(&status)), (PassResult::Held, vec!["E_LEDGER_REBUILT"]), "{status:#?}");
    git.commit(&[("hosts/web-1.toml", "")]);
    let status = cycle(&mut agent).await;
    assert_eq!(status.summary.released, 1, "{status:#?}");
    assert_eq!(host.read("etc/motd").unwrap(), "hello\n");
    drop(agent);
    assert_eq!(codes(&cycle(&mut host.agent().await).await), Vec::<&str>::new());
}

#[tokio::test]
async fn more_than_the_guard_lets_through_is_removed_when_the_author_says_how_many() {
    let file = |n: u32| format!("[file.\"/etc/motd-{n}\"]\ncontent = \"x\\n\"\n");
    let guard = ("fleet.toml", "[guard]\nmax_removals = 2\n");
    let many = [0, 1, 2, 3].map(file).concat();
    let git = Git::new(&[("hosts/web-1.toml", &many), guard]);
    let host = Host::new(&git);
    let mut agent = host.agent().await;
    cycle(&mut agent).await;
    git.commit(&[("hosts/web-1.toml", ""), guard]);
    let status = cycle(&mut agent).await;
    assert_eq!((status.result, status.summary.waiting), (PassResult::Waiting, 4), "{status:#?}");
    let remedy = status.resource[0].remedy.as_deref().unwrap();
    assert!(remedy.contains("Allow-Removals"), "{remedy}");
    git.commit_saying("clean up\n\nAllow-Removals: 4\n", &[("hosts/web-1.toml", ""), guard]);
    let status = cycle(&mut agent).await;
    assert_eq!((status.result, status.summary.removed), (PassResult::Converged, 4), "{status:#?}");
    assert_eq!(host.read("etc/motd-0"), None);
}

#[tokio::test]
async fn what_cut_the_host_off_is_taken_back_whatever_else_is_asked_for() {
    for on_failure in ["hold", "continue"] {
        let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
        let (host, mut agent) = good(&git).await;
        let apply = format!("[apply]\non_failure = \"{on_failure}\"\n");
        let state = format!("{MOTD}[file.\"/etc/resolv.conf\"]\ncontent = \"x\"\n{apply}");
        git.commit(&[("hosts/web-1.toml", &state)]);
        git.unreachable_while(host.path("etc/resolv.conf"));
        cycle(&mut agent).await;
        let Some(Phase::Confirming(window)) = agent.memory.trial.as_ref().map(|trial| trial.phase.clone())
        else {
            panic!()
        };
        agent.memory.tried(Phase::Confirming(crate::trial::Window { until: 0, ..window })).unwrap();
        cycle(&mut agent).await;
        assert_eq!(host.read("etc/resolv.conf"), None, "{on_failure}");
        assert_eq!(codes(&cycle(&mut agent).await), ["E_QUARANTINED", "E_UNCONFIRMED"], "{on_failure}");
    }
}
