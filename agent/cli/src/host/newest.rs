//! Fetches the newest revision and judges it as the agent would, without remembering anything.

use std::sync::Arc;

use holdfast_agent::{
    remote::Remote,
    revision::{self, StreamObjects},
    settings::Settings,
};
use holdfast_converge::host::clock;
use holdfast_protocol::fetch::{self, Reply};
use holdfast_schema::status::StatusProblem;
use holdfast_trust::{
    FleetId, IndexedObjects, Introduction, Limits, ObjectId, Ratchet, Request, UnixTime, Verified, introduce,
    sign::SecretKey,
};

use crate::{
    Context,
    failure::{Code, Failure},
};

/// What a branch is at, and what may be believed of it.
#[derive(Debug)]
pub(crate) struct Newest {
    /// The branch's tip.
    pub(crate) tip: ObjectId,
    /// The newest commit that is verified, with its objects.
    pub(crate) verified: Option<(Verified, StreamObjects)>,
    /// Why the tip is not.
    pub(crate) refused: Vec<StatusProblem>,
}

/// Asks for the branch and judges it from `ratchet` on, or from the introduction.
pub(crate) fn fetch(
    remote: &dyn Remote,
    settings: &Settings,
    ratchet: Option<&Ratchet>,
    context: &Context,
) -> Result<Newest, Failure> {
    let base = ratchet.map_or(settings.introduction.commit, |ratchet| ratchet.commit);
    let (tip, objects) = ask(remote, settings, base, None)?;
    let reference = settings.reference();
    let synchronised = clock::is_synchronised().unwrap_or(false);
    let request = Request {
        tip,
        reference: &reference,
        introduction: &settings.introduction,
        ratchet,
        floor: None,
        halts: &[],
        clock: synchronised.then(|| UnixTime::from_seconds(context.now.as_second())),
        limits: &Limits::default(),
    };
    let judgement = revision::judge(&objects, &request);
    let verified = match judgement.verified {
        // Only the tip's files came along.
        Some(verified) if verified.commit() != tip => {
            let (_, objects) = ask(remote, settings, base, Some(verified.commit()))?;
            Some((verified, objects))
        }
        verified => verified.map(|verified| (verified, objects)),
    };
    Ok(Newest { tip, verified, refused: judgement.problems })
}

/// Stands for an introduction until the server was asked.
pub(crate) fn nobody() -> Introduction {
    let key = SecretKey::from_seed(&[0; 32]).fingerprint();
    Introduction { fleet: FleetId::from_bytes([0; 16]), commit: ObjectId::from_bytes([0; 20]), key }
}

/// The introduction that the server's newest commit would be given. Nobody vouches for it.
pub(crate) fn first_seen(remote: &dyn Remote, settings: &Settings) -> Result<Introduction, Failure> {
    // No branch leads on from this, so the answer only tells where the branch is.
    let nowhere = ObjectId::from_bytes([0; 20]);
    let tip = match exchange(remote, settings, nowhere, None)? {
        Seen::At(tip, _) | Seen::Diverged(tip) => tip,
    };
    let (_, objects) = ask(remote, settings, tip, None)?;
    introduce(&*objects, tip, &settings.reference(), &Limits::default())
        .map_err(|why| Failure::coded(why.code(), why.to_string(), Some(why.remedy())))
}

/// What came of a question.
enum Seen {
    At(ObjectId, StreamObjects),
    Diverged(ObjectId),
}

/// One question to the Git server, whose answer must lead on from `base`.
fn ask(
    remote: &dyn Remote,
    settings: &Settings,
    base: ObjectId,
    at: Option<ObjectId>,
) -> Result<(ObjectId, StreamObjects), Failure> {
    match exchange(remote, settings, base, at)? {
        Seen::At(tip, objects) => Ok((tip, objects)),
        Seen::Diverged(tip) => Err(refused(&revision::diverged(tip, base))),
    }
}

/// One question to the Git server.
fn exchange(
    remote: &dyn Remote,
    settings: &Settings,
    base: ObjectId,
    at: Option<ObjectId>,
) -> Result<Seen, Failure> {
    let request = fetch::Request::Poll {
        remote: settings.fleet.clone(),
        reference: settings.reference(),
        known: None,
        base,
        at,
    };
    let fail = || Failure::new(Code::Fetch, "cannot take in what was fetched");
    let mut stream = tempfile::tempfile().map_err(|why| fail().because(why))?;
    match remote.exchange(&request, &[], &mut stream).map_err(failed)? {
        Reply::Changed { tip, .. } => {
            let objects = IndexedObjects::open(stream, &Limits::default()).map_err(|why| {
                Failure::coded(why.code(), "cannot take in what was fetched", None).because(why)
            })?;
            Ok(Seen::At(tip, Arc::new(objects)))
        }
        Reply::Diverged { tip, .. } => Ok(Seen::Diverged(tip)),
        Reply::Failed(failure) => Err(failed(failure)),
        other => Err(fail().because(format!("the answer to a poll was {other:?}"))),
    }
}

/// The Git server's failure.
pub(crate) fn failed(failure: fetch::Failure) -> Failure {
    Failure::coded(failure.code, failure.message, failure.remedy.as_deref())
}

/// A revision that is refused, for those who want nothing but it.
pub(crate) fn refused(problem: &StatusProblem) -> Failure {
    Failure::coded(&problem.code, &problem.message, problem.remedy.as_deref())
}
