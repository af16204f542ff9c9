//! Finds out where a branch is and which tags there are for it, and brings what is new of them into the mirror.

use std::collections::{BTreeSet, HashSet};

use holdfast_trust::{Limits, ObjectId};

use crate::{
    address::Address,
    error::Fault,
    export::{self, Begins, Chain},
    http::{self, Raw, Web},
    limits,
    link::Link,
    listing::{Listing, Query, Tag},
    local::Local,
    mirror::Mirror,
    session::{Depth, Session},
};

/// Where the branch is, and its tags. A conversation that had to be opened for it can be gone on with.
pub(crate) fn list(link: &mut Link<'_>, query: &Query<'_>) -> Result<(Listing, Option<Session>), Fault> {
    link.meter.allow(limits::ANSWER_BYTES);
    match link.address {
        Address::Local(path) => return Ok((Local::open(path)?.list(query)?, None)),
        Address::Http { .. } => {
            if let Raw::Answer(listing) = http::poll(&Web::new(link)?, query)? {
                return Ok((listing, None));
            }
        }
        Address::Ssh(_) => {}
    }
    let (session, listing) = Session::open(link)?.list(query)?;
    Ok((listing, Some(session)))
}

/// What is wanted of a branch.
pub(crate) struct Wanted {
    /// Where the chain may begin: at the commit that the host stands at, or at one that a reset leads to.
    pub(crate) begins: Begins,
    /// Where it ends.
    pub(crate) tip: ObjectId,
    /// The tags that the server listed.
    pub(crate) tags: Vec<Tag>,
}

/// What was brought.
pub(crate) struct Brought {
    /// The commits, by first parents, from where the chain begins to the tip.
    pub(crate) commits: Vec<ObjectId>,
    /// The tags on them.
    pub(crate) tags: Vec<ObjectId>,
}

impl Wanted {
    /// The tags on these commits, and those about the branch. What others say is not asked for.
    pub(crate) fn tags_on(&self, commits: &[ObjectId]) -> Result<Vec<ObjectId>, Fault> {
        let commits: HashSet<_> = commits.iter().collect();
        let tags = self.tags.iter().filter(|tag| tag.is_of_branch() || commits.contains(&tag.target));
        let tags: Vec<_> = tags.map(|tag| tag.id).collect::<BTreeSet<_>>().into_iter().collect();
        let limit = Limits::default().tags;
        if tags.len() > limit as usize {
            return Err(Fault::Limit(format!(
                "there are {} ok/, reset/, stop/ and go/ tags, more than the limit of {limit}",
                tags.len()
            )));
        }
        Ok(tags)
    }
}

/// Brings all that is wanted into `mirror`; `None` if no first parents lead from the tip to where the chain may begin.
///
/// A first fetch asks for `base` without its history, and then for what `tip` has beyond it, so that it takes what lies
/// between the two, however long the history is. Servers that only hand out the tips of branches (those that speak the
/// first version of the protocol) are asked for the whole branch. Later fetches take what is new.
pub(crate) fn bring(
    link: &mut Link<'_>,
    mirror: &Mirror,
    session: Option<Session>,
    wanted: &Wanted,
) -> Result<Option<Brought>, Fault> {
    let (base, tip) = (wanted.begins.base, wanted.tip);
    let mut visit = Visit { link, mirror, session, wanted };
    if let Some(have) = mirror.tip().filter(|_| !mirror.is_fragmented()) {
        match visit.chain(false)? {
            Chain::Whole(commits) => return visit.done(commits),
            Chain::Apart => return Ok(None),
            Chain::Cut => visit.fetch(&[tip], Some(have), Depth::Missing)?,
        }
        match visit.chain(false)? {
            Chain::Whole(commits) => return visit.done(commits),
            Chain::Apart => return Ok(None),
            Chain::Cut => {}
        }
    }
    mirror.renew()?;
    if visit.is_modern()? || base == tip {
        match visit.fetch(&[base], None, Depth::Tip) {
            Ok(()) if base == tip => {}
            Ok(()) => visit.fetch(&[tip], Some(base), Depth::Missing)?,
            // The server has no such commit; the whole branch will tell.
            Err(Fault::Protocol(_) | Fault::NoRepository(_)) => {}
            Err(why) => return Err(why),
        }
        match visit.chain(false)? {
            Chain::Whole(commits) => return visit.done(commits),
            Chain::Apart => return Ok(None),
            Chain::Cut => mirror.renew()?,
        }
    }
    visit.fetch(&[tip], None, Depth::Missing)?;
    match visit.chain(true)? {
        Chain::Whole(commits) => visit.done(commits),
        Chain::Apart | Chain::Cut => Ok(None),
    }
}

/// Brings only the commit `tip` and its files into `mirror`.
pub(crate) fn bring_tip(link: &mut Link<'_>, mirror: &Mirror, tip: ObjectId) -> Result<(), Fault> {
    let begins = Begins { base: tip, resets: HashSet::new() };
    let wanted = &Wanted { begins, tip, tags: Vec::new() };
    Visit { link, mirror, session: None, wanted }.fetch(&[tip], None, Depth::Tip)
}

/// Conversations as they are needed, one after the other.
struct Visit<'a, 'b> {
    link: &'a mut Link<'b>,
    mirror: &'a Mirror,
    session: Option<Session>,
    wanted: &'a Wanted,
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

    fn fetch(&mut self, want: &[ObjectId], have: Option<ObjectId>, depth: Depth) -> Result<(), Fault> {
        let session = self.open()?.fetch(self.mirror, want, have, depth)?;
        // The first version of the protocol ends with the pack.
        self.session = Some(session).filter(Session::is_modern);
        Ok(())
    }

    fn chain(&self, last: bool) -> Result<Chain, Fault> {
        export::chain(&self.mirror.objects()?, &self.wanted.begins, self.wanted.tip, last)
    }

    /// The commits are here; brings the tags on them.
    fn done(&mut self, commits: Vec<ObjectId>) -> Result<Option<Brought>, Fault> {
        let tip = self.wanted.tip;
        self.mirror.set_tip(tip)?;
        let tags = self.wanted.tags_on(&commits)?;
        let objects = self.mirror.objects()?;
        let mut missing = Vec::new();
        for &tag in &tags {
            if objects.header(tag)?.is_none() {
                missing.push(tag);
            }
        }
        if !missing.is_empty() {
            self.fetch(&missing, Some(tip), Depth::Missing)?;
        }
        Ok(Some(Brought { commits, tags }))
    }
}
