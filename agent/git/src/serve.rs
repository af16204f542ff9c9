//! Answers the requests of the root service. The fetcher does it on a socket, `holdfast try` in its own process.

use std::io::{self, Read, Write};

use holdfast_protocol::{
    fetch::{Known, Remote, Reply, Request},
    frame,
};
use holdfast_trust::{Limits, Object, ObjectId, stream};

use crate::{
    address::Address,
    error::{self, Fault, GitError, Task},
    export::{self, Begins, Chain, Export},
    fetch::{self, Brought, Wanted},
    http::Clients,
    limits,
    link::{Link, Place},
    listing::{Listing, Query},
    local::{self, Local},
    meter::{Activity, Meter},
    mirror::Mirror,
    objects::Objects,
    push::{self, Move, Outcome},
    reason::Reason,
    session::Session,
};

/// Speaks to Git servers for the root service. Keeps connections open between requests, and no credential.
pub struct Fetcher {
    place: Place,
    clients: Clients,
    activity: Activity,
}

/// A reply, and the objects that follow it.
pub struct Answer {
    /// The reply.
    pub reply: Reply,
    /// What follows; `None` if nothing does.
    pub objects: Option<Export>,
    /// Where they are read from; it stays locked until the answer is dropped.
    mirror: Option<Mirror>,
}

impl Answer {
    fn of(reply: Reply) -> Self {
        Self { reply, objects: None, mirror: None }
    }

    /// Sends it as the protocol has it.
    ///
    /// # Errors
    /// Whatever `to` says; `InvalidData` if an object was damaged since it was looked up.
    pub fn write(&self, mut to: impl Write) -> io::Result<()> {
        frame::write(&mut to, &self.reply)?;
        match (&self.objects, &self.reply) {
            (Some(objects), _) => objects.write(to),
            (None, Reply::Moved { .. }) => {
                let empty = stream::Writer::new(to, &Limits::default()).and_then(stream::Writer::finish);
                empty.map(drop).map_err(io::Error::other)
            }
            (None, _) => Ok(()),
        }
    }
}

impl Fetcher {
    /// Keeps its files in `place`.
    pub fn new(place: Place) -> Self {
        Self { place, clients: Clients::default(), activity: Activity::default() }
    }

    /// Tells a watchdog what is going on.
    pub fn activity(&self) -> Activity {
        self.activity.clone()
    }

    /// Reads one request and answers it.
    ///
    /// # Errors
    /// What broke the connection; a failure of the Git server's is an answer.
    pub fn serve(&mut self, mut connection: impl Read + Write) -> io::Result<()> {
        let mut input = io::BufReader::new(&mut connection);
        let request: Request = frame::read(&mut input)?;
        let mut objects = Vec::new();
        if matches!(request, Request::Push { .. }) {
            let limits = Limits { total_bytes: limits::PUSH_BYTES, ..Limits::default() };
            let stream = stream::Reader::new(input, &limits).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            objects = stream.map_err(io::Error::other)?;
        }
        let answer = self.answer(&request, &objects);
        answer.write(io::BufWriter::new(&mut connection))
    }

    /// Answers a request; `objects` are those of a push.
    pub fn answer(&mut self, request: &Request, objects: &[Object]) -> Answer {
        let (task, remote, reference) = match request {
            Request::Poll { remote, reference, .. } => (Task::Fetch, remote, reference),
            Request::Push { remote, reference, .. } => (Task::Push, remote, reference),
        };
        let (url, answer) = match Address::parse(&remote.url) {
            Ok(address) => {
                (address.to_string(), self.try_answer(&address, remote, reference, request, objects))
            }
            Err(fault) => ("the repository".to_owned(), Err(fault)),
        };
        answer.unwrap_or_else(|fault| {
            let error = GitError { task, reference: reference.clone(), url, fault };
            Answer::of(Reply::Failed(error::failure(&error, remote)))
        })
    }

    fn try_answer(
        &mut self,
        address: &Address,
        remote: &Remote,
        reference: &str,
        request: &Request,
        objects: &[Object],
    ) -> Result<Answer, Fault> {
        local::check_name(reference)?;
        let meter = Meter::start(remote);
        let _announced = meter.announce(&self.activity);
        let Self { place, clients, .. } = self;
        if remote.fresh {
            *clients = Clients::default();
        }
        let mut link =
            Link { address, remote, private: &place.private, clients, meter, reason: Reason::default() };
        match request {
            Request::Poll { known, base, at, .. } => {
                let Some((listing, session)) = look(&mut link, reference, known.as_ref())? else {
                    return Ok(Answer::of(Reply::Unchanged));
                };
                let tip = listing.tip.ok_or(Fault::NoBranch)?;
                let tags = listing.tags_digest()?;
                if *base == NOWHERE {
                    return Ok(Answer::of(Reply::Diverged { tip, tags }));
                }
                let begins = Begins { base: *base, resets: listing.resets().into_iter().collect() };
                let wanted = Wanted { begins, tip, tags: listing.tags };
                let at = at.unwrap_or(tip);
                let (objects, mirror) = if let Address::Local(path) = address {
                    (of_local(Local::open(path)?.objects()?, &wanted, at)?, None)
                } else {
                    let mirror = open_mirror(place, address, reference)?;
                    (of_mirror(&mut link, &mirror, session, &wanted, at)?, Some(mirror))
                };
                Ok(match objects {
                    Some(objects) => {
                        Answer { reply: Reply::Changed { tip, tags }, objects: Some(objects), mirror }
                    }
                    None => Answer::of(Reply::Diverged { tip, tags }),
                })
            }
            Request::Push { old, new, .. } => {
                let wanted = Move { reference, old: *old, new: *new };
                let current = match push::push(&mut link, &wanted, objects)? {
                    Outcome::Moved => return Ok(Answer::of(Reply::Pushed)),
                    Outcome::Elsewhere(current) => current,
                };
                let mut answer = Answer::of(Reply::Moved { current });
                let Some(current) = current else { return Ok(answer) };
                let objects = if let Address::Local(path) = address {
                    Local::open(path)?.objects()?
                } else {
                    let mirror = open_mirror(place, address, reference)?;
                    mirror.renew()?;
                    fetch::bring_tip(&mut link, &mirror, current)?;
                    answer.mirror.insert(mirror).objects()?
                };
                answer.objects = Some(Export::of_commit(objects, current)?);
                Ok(answer)
            }
        }
    }
}

/// The id of no commit: nothing leads on from there, so nothing need be fetched to tell that.
const NOWHERE: ObjectId = ObjectId::from_bytes([0; 20]);

/// The mirror of one branch of one repository.
fn open_mirror(place: &Place, address: &Address, reference: &str) -> Result<Mirror, Fault> {
    let mut hasher = gix_hash::hasher(gix_hash::Kind::Sha1);
    hasher.update(format!("{address}\n{reference}").as_bytes());
    let name =
        hasher.try_finalize().map_err(|_collision| Fault::Address("the URL can not be hashed".to_owned()))?;
    Mirror::open(&place.mirrors, &name.to_string(), reference)
}

/// What the server has of the branch and its tags; `None` if all is as it was known.
///
/// As long as a verified branch stays where it is, nothing that a tag says can matter, so that the usual poll asks for one
/// name.
fn look(
    link: &mut Link<'_>,
    reference: &str,
    known: Option<&Known>,
) -> Result<Option<(Listing, Option<Session>)>, Fault> {
    let settled = known.is_some_and(|known| known.tags.is_none());
    let query = Query { reference, tags: !settled };
    let (listing, session) = fetch::list(link, &query)?;
    if let Some(known) = known
        && listing.tip == Some(known.tip)
    {
        let same = match &known.tags {
            None => true,
            Some(tags) => *tags == listing.tags_digest()?,
        };
        if same {
            return Ok(None);
        }
    }
    if query.tags || listing.tip.is_none() {
        return Ok(Some((listing, session)));
    }
    drop(session);
    fetch::list(link, &Query { tags: true, ..query }).map(Some)
}

/// What is wanted, from a repository on this machine; `None` if the tip does not descend from where the chain may begin.
fn of_local(objects: Objects, wanted: &Wanted, at: ObjectId) -> Result<Option<Export>, Fault> {
    match export::chain(&objects, &wanted.begins, wanted.tip, true)? {
        Chain::Whole(commits) => {
            let tags = wanted.tags_on(&commits)?;
            export(objects, &Brought { commits, tags }, wanted, at).map(Some)
        }
        Chain::Apart | Chain::Cut => Ok(None),
    }
}

/// The same from a server, by way of the mirror.
fn of_mirror(
    link: &mut Link<'_>,
    mirror: &Mirror,
    session: Option<Session>,
    wanted: &Wanted,
    at: ObjectId,
) -> Result<Option<Export>, Fault> {
    let mut bring = |session| {
        let brought = fetch::bring(link, mirror, session, wanted)?;
        brought.map(|brought| export(mirror.objects()?, &brought, wanted, at)).transpose()
    };
    match bring(session) {
        Err(Fault::Damaged(object)) => {
            tracing::warn!(object, "local copy is damaged, it is made anew");
            mirror.renew()?;
            bring(None)
        }
        other => other,
    }
}

fn export(objects: Objects, brought: &Brought, wanted: &Wanted, at: ObjectId) -> Result<Export, Fault> {
    if brought.commits.contains(&at) {
        return Export::of_chain(objects, brought, at);
    }
    Err(Fault::Protocol(format!("{at} is not on the way from {} to {}", wanted.begins.base, wanted.tip)))
}
