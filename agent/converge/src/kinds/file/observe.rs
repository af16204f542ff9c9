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
        return Ok(Observed { node: marks::left_behind(subject.entry, host).await?, accounts: None });
    };
    if want.ensure == Ensure::Absent {
        return Ok(Observed { node: host.node(&want.path, Look::Metadata).await?, accounts: None });
    }
    let needed = if want.replace { Look::Content } else { Look::Metadata };
    let node = host.node(&want.path, marks::look(subject.entry, &want.path, needed)).await?;
    Ok(Observed { node, accounts: Some(access::resolve(&want.access, host).await?) })
}
