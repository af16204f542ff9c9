//! Looks at a file.

use holdfast_schema::spec::{Ensure, FileSpec};

use super::Observed;
use crate::{
    host::{HostError, Look, Read},
    kinds::{Subject, access, marks},
};

pub(super) async fn observe(
    subject: &Subject<'_, FileSpec>,
    host: &impl Read,
) -> Result<Observed, HostError> {
    let Some(want) = subject.want else {
        let node = marks::left_behind(subject.entry, host).await?;
        return Ok(Observed { node, accounts: None, secret: None });
    };
    if want.ensure == Ensure::Absent {
        let node = host.node(&want.path, Look::Metadata).await?;
        return Ok(Observed { node, accounts: None, secret: None });
    }
    let secret = match &want.secret {
        Some(reference) => Some(host.secret(reference, subject.around.contents).await?),
        None => None,
    };
    let needed = if want.replace { Look::Content } else { Look::Metadata };
    let look = match marks::look(subject.entry, &want.path, needed) {
        Look::Content if secret.is_some() => Look::Keyed,
        // What is to hold no secret any more is compared with what it is to hold.
        Look::Keyed if secret.is_none() && want.replace => Look::Content,
        look => look,
    };
    let node = host.node(&want.path, look).await?;
    Ok(Observed { node, accounts: Some(access::resolve(&want.access, host).await?), secret })
}
