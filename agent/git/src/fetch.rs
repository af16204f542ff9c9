//! Finds out where a branch is, and brings what is new of it into the mirror.

use holdfast_trust::ObjectId;

use crate::{
    address::Address,
    error::Fault,
    export::{self, Chain},
    http::{self, Raw, Web},
    limits,
    link::Link,
    local::Local,
    mirror::Mirror,
    session::{Depth, Session},
};

/// Where `reference` is. A conversation that had to be opened for it can be gone on with.
pub(crate) fn tip(
    link: &mut Link<'_>,
    reference: &str,
) -> Result<(Option<ObjectId>, Option<Session>), Fault> {
    link.meter.allow(limits::ANSWER_BYTES);
    match link.address {
        Address::Local(path) => return Ok((Local::open(path)?.find(reference)?, None)),
        Address::Http { .. } => {
            if let Raw::Answer(tip) = http::poll(&Web::new(link)?, reference)? {
                return Ok((tip, None));
            }
        }
        Address::Ssh(_) => {}
    }
    let (session, tip) = Session::open(link)?.find(reference)?;
    Ok((tip, Some(session)))
}

/// Brings all between `base` and `tip` into `mirror`, and gives the commits from one to the other; `None` if no first
/// parents lead from `tip` to `base`.
///
/// A first fetch asks for `base` without its history, and then for what `tip` has beyond it, so that it takes what lies
/// between the two, however long the history is. Servers that only hand out the tips of branches (those that speak the
/// first version of the protocol) are asked for the whole branch. Later fetches take what is new.
pub(crate) fn bring(
    link: &mut Link<'_>,
    mirror: &Mirror,
    session: Option<Session>,
    base: ObjectId,
    tip: ObjectId,
) -> Result<Option<Vec<ObjectId>>, Fault> {
    let mut visit = Visit { link, mirror, session };
    if let Some(have) = mirror.tip().filter(|_| !mirror.is_fragmented()) {
        match visit.chain(base, tip)? {
            Chain::Whole(commits) => return visit.done(tip, commits),
            Chain::Apart => return Ok(None),
            Chain::Cut => visit.fetch(tip, Some(have), Depth::Missing)?,
        }
        match visit.chain(base, tip)? {
            Chain::Whole(commits) => return visit.done(tip, commits),
            Chain::Apart => return Ok(None),
            Chain::Cut => {}
        }
    }
    mirror.renew()?;
    if visit.is_modern()? || base == tip {
        match visit.fetch(base, None, Depth::Tip) {
            Ok(()) if base == tip => {}
            Ok(()) => visit.fetch(tip, Some(base), Depth::Missing)?,
            // The server has no such commit; the whole branch will tell.
            Err(Fault::Protocol(_) | Fault::NoRepository(_)) => {}
            Err(why) => return Err(why),
        }
        match visit.chain(base, tip)? {
            Chain::Whole(commits) => return visit.done(tip, commits),
            Chain::Apart => return Ok(None),
            Chain::Cut => mirror.renew()?,
        }
    }
    visit.fetch(tip, None, Depth::Missing)?;
    match visit.chain(base, tip)? {
        Chain::Whole(commits) => visit.done(tip, commits),
        Chain::Apart | Chain::Cut => Ok(None),
    }
}

/// Brings only the commit `tip` and its files into `mirror`.
pub(crate) fn bring_tip(link: &mut Link<'_>, mirror: &Mirror, tip: ObjectId) -> Result<(), Fault> {
    Visit { link, mirror, session: None }.fetch(tip, None, Depth::Tip)
}

/// Conversations as they are needed, one after the other.
struct Visit<'a, 'b> {
    link: &'a mut Link<'b>,
    mirror: &'a Mirror,
    session: Option<Session>,
}

impl Visit<'_, '_> {
    fn open(&mut self) -> Result<Session, Fault> {
        match self.session.take() {
            Some(session) => Ok(session),
            None => Session::open(self.link),
        }
    }

    fn is_modern(&mut self) -> Result<bool, Fault> {
        let session = self.open()?;
        let is_modern = session.is_modern();
        self.session = Some(session);
        Ok(is_modern)
    }

    fn fetch(&mut self, want: ObjectId, have: Option<ObjectId>, depth: Depth) -> Result<(), Fault> {
        let session = self.open()?.fetch(self.mirror, want, have, depth)?;
        // The first version of the protocol ends with the pack.
        self.session = Some(session).filter(Session::is_modern);
        Ok(())
    }

    fn chain(&self, base: ObjectId, tip: ObjectId) -> Result<Chain, Fault> {
        export::chain(&self.mirror.objects()?, base, tip)
    }

    fn done(&self, tip: ObjectId, commits: Vec<ObjectId>) -> Result<Option<Vec<ObjectId>>, Fault> {
        self.mirror.set_tip(tip)?;
        Ok(Some(commits))
    }
}
